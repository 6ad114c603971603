"""Step 5: freeze the plan: who gets a message, and who is held back for which reason."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.causes.correlation import explain
from bot.domain.customer import Affected, Found, Link, Onu
from bot.domain.dispatch import Phase
from bot.domain.events import CaseOpened, Line, Planned, Spared
from bot.domain.incident import Kind
from bot.domain.limits.account import LIMIT, check_templates, left_today, new_people, templates_of
from bot.domain.limits.growth import has_grown, size_of
from bot.domain.limits.holds import TOO_MANY, why_silent
from bot.domain.phone import Phone
from bot.domain.plan import GROWN, Facts, Recipient, Size, Skip, Tally
from bot.domain.rules import Rules
from bot.errors import Declined
from bot.ports import Write


def gate(number: int, attempt: int, found: Found, rules: Rules, person: Callable[[str], str]) -> Write:
    """The plan of dispatch `attempt` of a case; `person` as `Ledger.person`.

    `Declined` where its approval was taken back meanwhile, or where the plan is another decision than the one
    that was made: it takes two people, or has outgrown what the card asked about; where its template may not
    be used, or today's limit does not hold it.
    """

    def write(book: Book, now: datetime) -> Sequence[Line]:
        case = book.cases[number]
        if not case.at_work(attempt, Phase.COUNTDOWN):
            raise Declined("not_running")
        check_templates(book, templates_of(case, rules), rules, now)
        dispatch = case.dispatches[-1]
        customers = customers_of(case, found, person, mixed=dispatch.mixed)
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
        planned = Planned(number, listed, tuple(recipients), facts_of(case, now), unread)
        return [planned, *_left_unread(book, case, found, rules)]

    return write


def facts_of(case: Case, now: datetime) -> Facts:
    """What fills the messages of a plan that is made now."""
    eta = case.eta if case.eta is not None and case.eta > now else None  # nobody is told of one that passed
    return Facts(min(case.started, now) if case.start_known else None, eta, cause=case.cause)


def customers_of(
    case: Case, found: Found, person: Callable[[str], str], *, mixed: bool = False
) -> list[Recipient]:
    """Each customer of a case once, held back for what their alert and their record say.

    `mixed`: no kind dominates, each gets the template of their own outage.
    """
    over = found.affected.over or case.ended_at is not None
    customers = _by_customer(_as_known_now(found.affected.onus, case))
    return [
        _recipient(place, onus, found, case, person, over=over, mixed=mixed)
        for place, onus in enumerate(customers)
    ]


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
    """Those whose alert could not be read are a case of their own: somebody decides about them anew."""
    unread = [m.incident for id_, m in case.members.items() if id_ in found.unread and m.ended_at is None]
    if not unread:
        return []
    why = explain(unread, {}, rules)
    return [CaseOpened(book.next_case, unread[0], tuple(unread[1:]), why, follows=case.id)]


def spare(number: int, attempt: int, found: Affected) -> Write:
    """Those of a plan still to do whose ONUs are all back online by now; all of them where it is over.

    What could not be read proves nothing: who is not in `found` is not spared.
    """

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        if not book.cases[number].at_work(attempt, Phase.SENDING):
            raise Declined("not_running")
        case, progress = book.cases[number], book.cases[number].dispatches[-1].progress
        back = {onu.serial for onu in found.onus if onu.link is Link.ONLINE or onu.over}
        todo = progress.todo() if progress is not None else []
        if found.over:
            return [Spared(number, r.id, Skip.OVER) for r in todo]
        up = case.over_ports
        over = {r.id for r in todo if r.ports and up.issuperset(r.ports)}
        spared = [r.id for r in todo if r.id in over or set(r.serials) <= back]
        return [Spared(number, id_, Skip.OVER if id_ in over else Skip.ONLINE) for id_ in spared]

    return write


def _as_known_now(onus: Sequence[Onu], case: Case) -> list[Onu]:
    """With what the polls saw end since their alerts were read."""
    ports = case.over_ports
    over = {id_ for id_, member in case.members.items() if member.incident.port.key in ports}
    return [replace(onu, over=True) if onu.incident in over else onu for onu in onus]


def _by_customer(onus: Sequence[Onu]) -> list[list[Onu]]:
    """One entry a customer, with all their ONUs; an ONU without a customer stands alone."""
    customers: dict[str, list[Onu]] = {}
    for place, onu in enumerate(onus):
        customers.setdefault(f"o{place}" if onu.client_id is None else f"c{onu.client_id}", []).append(onu)
    return list(customers.values())


def _recipient(
    place: int,
    onus: list[Onu],
    found: Found,
    case: Case,
    person: Callable[[str], str],
    *,
    over: bool,
    mixed: bool,
) -> Recipient:
    client_id, serials = onus[0].client_id, tuple(onu.serial for onu in onus)
    contact = found.contacts.get(client_id or "")
    name = contact.name if contact is not None and contact.name else onus[0].name
    phone = contact.number if contact is not None else None
    skip: Skip | None = None
    if over or all(onu.over for onu in onus):
        skip = Skip.OVER
    elif all(onu.link is Link.ONLINE or onu.over for onu in onus):
        skip = Skip.ONLINE
    elif client_id in found.failed:
        skip = Skip.LOOKUP_FAILED
    elif phone is None:
        skip = Skip.NO_RECORD
    elif not isinstance(phone, Phone):
        skip = Skip(phone.value)
    digits = phone.digits if isinstance(phone, Phone) else None
    id_ = f"r{place}" if client_id is None else f"c{client_id}"
    ports, template = _place(onus, case, mixed=mixed)
    known_as = None if digits is None else person(digits)
    return Recipient(id_, name, serials, digits, skip, ports, template, known_as)


def _place(onus: Sequence[Onu], case: Case, *, mixed: bool) -> tuple[tuple[str, ...], Kind | None]:
    """Which ports they are on, where the case has several, and which template is theirs in a mixed one."""
    if len(case.members) == 1:
        return (), None
    known = [case.members[onu.incident].incident for onu in onus if onu.incident in case.members]
    kinds = {incident.kind for incident in known}
    kind = Kind.POWER if kinds == {Kind.POWER} else Kind.LOS
    ports = dict.fromkeys(incident.port.key for incident in known)
    return tuple(ports), kind if mixed else None
