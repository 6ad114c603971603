"""Step 5: freeze the plan: who gets a message, and who is held back for which reason."""

from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.causes.correlation import explain
from bot.domain.customer import NO_SERIAL, Affected, Contact, Found, Link, Onu, Service
from bot.domain.dispatch import Phase
from bot.domain.events import CaseOpened, Line, Planned, Spared
from bot.domain.incident import Kind
from bot.domain.limits.account import LIMIT, called_by, check_templates, left_today, new_people, templates_of
from bot.domain.limits.growth import has_grown, size_of
from bot.domain.limits.holds import TOO_MANY, why_silent
from bot.domain.lookup.places import Where, counted
from bot.domain.phone import NoPhone, Phone
from bot.domain.plan import GROWN, Facts, Recipient, Size, Skip, Tally
from bot.domain.rules import Rules
from bot.errors import Declined
from bot.ports import Write

_UNTOLD: Mapping[Service, Skip] = {
    Service.BLOCKED: Skip.BLOCKED,
    Service.SUSPENDED: Skip.SUSPENDED,
    Service.ENDED: Skip.ENDED,
    Service.NONE: Skip.NO_SERVICE,
}
"""Whose link is down for another reason than the outage: told that it is being mended, they would wait."""


Made = dict[str, tuple[object, Recipient]]
"""Recipients by id, each with all that it was made of: a shortcut for who is as before, in `customers_of`."""


def gate(
    number: int,
    attempt: int,
    found: Found,
    rules: Rules,
    person: Callable[[str], str],
    *,
    made: Made | None = None,
) -> Write:
    """The plan of dispatch `attempt` of a case; `person` as `Ledger.person`, `made` as in `customers_of`.

    `Declined` where its approval was taken back meanwhile, or where the plan is another decision than the one
    that was made: it takes two people, or has outgrown what the card asked about; where its template may not
    be used, or today's limit does not hold it.
    """

    def write(book: Book, now: datetime) -> Sequence[Line]:
        case = book.cases[number]
        if not case.at_work(attempt, Phase.COUNTDOWN):
            raise Declined("not_running")
        check_templates(book, called_by(case, rules), rules, now)
        dispatch = case.dispatches[-1]
        customers = customers_of(case, found, rules, person, mixed=dispatch.mixed, made=made)
        skips = skips_of(customers, why_silent(book, number, rules, now))
        recipients = [
            customer if skip is customer.skip else replace(customer, skip=skip)
            for customer, skip in zip(customers, skips, strict=True)
        ]
        size = size_of(recipients, case, dispatch)
        if has_grown(size, dispatch.agreed):
            raise Declined(GROWN, size=size)
        _check_size(case, size, rules)
        left, need = left_today(book, rules, now), new_people(book, recipients, now)
        if left is not None and need > left and dispatch.most is None:
            raise Declined(LIMIT, size=replace(size, customers=need))
        listed, unread = len(found.affected.onus), tuple(sorted(found.unread))
        facts, where = facts_of(case, now), where_of(found)
        templates = rules.used(templates_of(case, rules))
        planned = Planned(number, listed, tuple(recipients), facts, unread, where, templates)
        return [planned, *_left_unread(book, case, found, rules)]

    return write


def facts_of(case: Case, now: datetime) -> Facts:
    """What fills the messages of a plan that is made now."""
    eta = case.eta if case.eta is not None and case.eta > now else None  # nobody is told of one that passed
    return Facts(min(case.started, now) if case.start_known else None, eta, cause=case.cause)


def customers_of(
    case: Case,
    found: Found,
    rules: Rules,
    person: Callable[[str], str],
    *,
    mixed: bool = False,
    made: Made | None = None,
) -> list[Recipient]:
    """Each customer of a case once, held back for what their alert, their record and their contract say.

    `mixed`: no kind dominates, each gets the template of their own outage. Who is in `made` of the same facts
    is not made anew; who is, is put there: thousands of customers take a quarter of the time.
    """
    made = {} if made is None else made
    over = found.affected.over or case.ended_at is not None
    customers = _by_customer(_as_known_now(found.affected.onus, case), found)
    untold = dict(_UNTOLD)
    if rules.notify_blocked:
        del untold[Service.BLOCKED]
    recipients, failed, blocked = list[Recipient](), found.failed, rules.notify_blocked
    for place, (client, (onus, contacts)) in enumerate(customers.items()):
        id_ = f"r{place}" if isinstance(client, int) else f"c{client}"
        where = _place(onus, case, mixed=mixed)
        facts = (contacts, onus[0].key in failed, over, where, blocked, onus)
        known = made.get(id_)
        if known is None or known[0] != facts:
            one = _recipient(id_, onus, found, where, person, over=over, untold=untold)
            known = made[id_] = facts, one
        recipients.append(known[1])
    return recipients


def where_of(found: Found) -> Where:
    """Where the ONUs are that are down, as far as the directory knows it."""
    contacts = (found.contact(onu) for onu in found.affected.onus if onu.link is not Link.ONLINE)
    return counted((one.district, one.city, one.cto) for one in contacts if one is not None)


def skips_of(customers: Sequence[Recipient], why: Callable[[str], Skip | None]) -> Iterator[Skip | None]:
    """Why each of these gets no message, None for who gets one; `why` as `why_silent` gives it."""
    people: set[str] = set()
    for customer in customers:
        if customer.skip is not None or customer.person is None:
            yield customer.skip
            continue
        yield Skip.SAME_PHONE if customer.person in people else why(customer.person)
        people.add(customer.person)


def would_leave(
    book: Book, number: int, customers: Sequence[Recipient], rules: Rules, now: datetime
) -> Tally:
    """What a plan for these `customers_of` a case would come to now; `todo` are the messages."""
    skips = list(skips_of(customers, why_silent(book, number, rules, now)))
    held_back = Counter(skip for skip in skips if skip is not None)
    return Tally(len(customers), {}, held_back, len(skips) - held_back.total())


def _check_size(case: Case, size: Size, rules: Rules) -> None:
    """Declined where one person approved what, counted, takes two."""
    alone = case.dispatches[-1].first is None
    if rules.two_person_above and alone and size.customers > rules.two_person_above:
        raise Declined(TOO_MANY)


def _left_unread(book: Book, case: Case, found: Found, rules: Rules) -> list[Line]:
    """Those whose alert could not be read are a case of their own: somebody decides about them anew.

    Not where another source told of the same outage and could be read: its customers are in the plan.
    """
    on = {id_: member.incident for id_, member in case.members.items() if member.ended_at is None}
    read = {(i.port.key, i.source) for id_, i in on.items() if id_ not in found.unread}
    unread = [
        incident
        for id_, incident in on.items()
        if id_ in found.unread and not any(k == incident.port.key and s != incident.source for k, s in read)
    ]
    if not unread:
        return []
    why = explain(unread, {}, rules)
    opened = (book.next_case, unread[0], tuple(unread[1:]), why)
    return [CaseOpened(*opened, follows=case.id, region=case.region)]


def spare(number: int, attempt: int, found: Affected, *, ended: bool = True) -> Write:
    """Those of a plan still to do whose ONUs are all back online by now; all of them where it is over.

    What could not be read proves nothing: who is not in `found` is not spared. Without `ended` an alert that
    reads as over proves nothing either, as another may have taken its place. Whose message stands for another
    of the same phone is spared only with them.
    """

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        if not book.cases[number].at_work(attempt, Phase.SENDING):
            raise Declined("not_running")
        case, progress = book.cases[number], book.cases[number].dispatches[-1].progress
        todo = progress.todo() if progress is not None else []
        if found.over and ended:
            return [Spared(number, r.id, Skip.OVER) for r in todo]
        up, back = case.over_ports, _back(found, ended=ended)
        others: dict[str | None, list[Recipient]] = {}
        for one in progress.recipients.values() if progress is not None else ():
            if one.skip is Skip.SAME_PHONE:
                others.setdefault(one.person, []).append(one)

        def needless(one: Recipient) -> Skip | None:
            if one.ports and up.issuperset(one.ports):
                return Skip.OVER
            return Skip.ONLINE if set(one.serials) <= back else None

        return [
            Spared(number, one.id, why)
            for one in todo
            if (why := needless(one)) is not None and all(map(needless, others.get(one.person, ())))
        ]

    return write


def _back(found: Affected, *, ended: bool) -> set[str]:
    """The serials that are online; what has none is nobody in particular."""
    known = (onu for onu in found.onus if onu.serial != NO_SERIAL)
    return {onu.serial for onu in known if onu.link is Link.ONLINE or (ended and onu.over)}


def _as_known_now(onus: Sequence[Onu], case: Case) -> list[Onu]:
    """With what the polls saw end since their alerts were read."""
    ports = case.over_ports
    over = {id_ for id_, member in case.members.items() if member.incident.port.key in ports}
    return [onu._replace(over=True) if onu.incident in over else onu for onu in onus] if over else [*onus]


def _by_customer(
    onus: Sequence[Onu], found: Found
) -> dict[str | int, tuple[list[Onu], list[Contact | None]]]:
    """One entry a customer, by their id, with all their ONUs and the record of each.

    An ONU without a customer stands alone, by its place.
    """
    customers: dict[str | int, tuple[list[Onu], list[Contact | None]]] = {}
    for place, onu in enumerate(onus):
        contact = found.contact(onu)
        client_id = found.client_id(onu) if contact is None else contact.client_id
        known = customers.setdefault(place if client_id is None else client_id, ([], []))
        known[0].append(onu)
        known[1].append(contact)
    return customers


def _recipient(
    id_: str,
    onus: list[Onu],
    found: Found,
    where: tuple[tuple[str, ...], Kind | None],
    person: Callable[[str], str],
    *,
    over: bool,
    untold: Mapping[Service, Skip],
) -> Recipient:
    serials = tuple(onu.serial for onu in onus)
    down = [onu for onu in onus if onu.link is not Link.ONLINE and not onu.over]
    contact = _judged(down or onus, found, untold)
    name = contact.name if contact is not None and contact.name else onus[0].name
    phone = contact.number if contact is not None else NoPhone.EMPTY
    skip: Skip | None = None
    if over or all(onu.over for onu in onus):
        skip = Skip.OVER
    elif not down:
        skip = Skip.ONLINE
    elif contact is None:
        skip = Skip.LOOKUP_FAILED if onus[0].key in found.failed else Skip.NO_RECORD
    elif contact.service in untold:
        skip = untold[contact.service]
    elif not isinstance(phone, Phone):
        skip = Skip(phone.value)
    digits = phone.digits if isinstance(phone, Phone) else None
    known_as = None if digits is None else person(digits)
    return Recipient(id_, name, serials, digits, skip, *where, known_as)


def _judged(onus: Sequence[Onu], found: Found, untold: Container[Service]) -> Contact | None:
    """The record by which a customer is told or not: of ONUs under several contracts, one that is told."""
    known = [contact for onu in onus if (contact := found.contact(onu)) is not None]
    return next((one for one in known if one.service not in untold), known[0] if known else None)


def _place(onus: Sequence[Onu], case: Case, *, mixed: bool) -> tuple[tuple[str, ...], Kind | None]:
    """Which ports they are on, where the case has several, and which template is theirs in a mixed one."""
    if len(case.members) == 1:
        return (), None
    known = [case.members[onu.incident].incident for onu in onus if onu.incident in case.members]
    kinds = {incident.kind for incident in known}
    kind = Kind.POWER if kinds == {Kind.POWER} else Kind.LOS
    ports = dict.fromkeys(incident.port.key for incident in known)
    return tuple(ports), kind if mixed else None
