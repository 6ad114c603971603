"""Step 5b: service is back: those who were warned, and whose own ONU is online, are told so once.

It is a case of its own beside the one that it is about (`Restoring`), so that claim, plan, intents and
results are under the same rules and promises. It reserves no port and keeps nobody from a later warning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bot.domain.book import Book
from bot.domain.case import UNWATCHED, Case, restoring_of
from bot.domain.causes.flapping import oscillates
from bot.domain.customer import WHOLE_PORT, Link
from bot.domain.dispatch import Despite, Phase
from bot.domain.events import Approved, Line, Planned, Restoring, Spared, Untold
from bot.domain.incident import Port
from bot.domain.limits.account import check_templates
from bot.domain.limits.holds import NO_TERMS, Terms, closed_until
from bot.domain.outages import RESTORED_WITHIN
from bot.domain.plan import RESTORED, Facts, Recipient, Skip
from bot.domain.rules import Rules
from bot.domain.who import BOT, Who
from bot.errors import Asked, Declined
from bot.ports import Write
from bot.steps.decide import check_confirmed, check_runs, check_undecided, find

Links = Mapping[str, Mapping[str, Link]]
"""By port key and serial."""


def restore(number: int, who: Who, rules: Rules, terms: Terms = NO_TERMS) -> Write:
    """Claim the second message of a case that is over. Raises `Asked` outside the customers' hours."""

    def write(book: Book, now: datetime) -> Sequence[Line]:
        case = find(book, number)
        check_confirmed(book)
        _check_tellable(case, now, rules)
        opened = _companion(book, number, terms)
        check_templates(book, (rules.template(RESTORED),), rules, now)
        until, due = closed_until(rules, now), None
        if until is not None and terms.hours is None:
            raise Asked("restore_hours", until=until)
        if until is not None and terms.hours == "later":
            due = until
        despite: tuple[Despite, ...] = ("hours",) if until is not None and due is None else ()
        return [*opened, Approved(restoring_of(number), who, (), rules.dry_run, despite=despite, due=due)]

    return write


def _companion(book: Book, number: int, terms: Terms) -> list[Line]:
    """What opens the case that tells them, where there is none. Declined where it is decided on already."""
    before = book.restored_by(number)
    if before is not None:
        check_undecided(before)
    check_runs(before, terms.runs)
    return [] if before is not None else [Restoring(restoring_of(number), number)]


def _check_tellable(case: Case, now: datetime, rules: Rules) -> None:
    """Declined where nobody may be told that service is back."""
    if case.ended_at is None:
        raise Declined("still_on")
    if case.ended_why == UNWATCHED:
        raise Declined("unwatched")
    if not rules.restored:
        raise Declined("no_restored_template")
    if not case.past and not case.accepted():
        raise Declined("nobody_was_told")
    if case.untold_by is not None:
        raise Declined("already_untold", by=case.untold_by.name, at=case.untold_at)
    if case.dispatch is None or not case.dispatch.at_rest:
        raise Declined("not_settled")
    if now - case.ended_at > RESTORED_WITHIN:
        raise Declined("restored_too_late")


def keep_untold(number: int, who: Who, rules: Rules) -> Write:
    """Decide that nobody is told that service is back."""

    def write(book: Book, now: datetime) -> Sequence[Line]:
        restore(number, who, rules, Terms(hours="now"))(book, now)  # whatever forbids telling them
        return [Untold(number, who)]

    return write


def restore_alone(rules: Rules) -> Write:
    """The same by itself, where that is wanted: for every case that is over and not oscillating."""

    def write(book: Book, now: datetime) -> Sequence[Line]:
        if book.unconfirmed is not None:
            return []
        later = Terms(hours="later")
        lines: list[Line] = []
        for number in sorted(book.to_restore):
            case = book.cases[number]
            own = rules.of(case.region)
            if not (own.restored and own.restored_auto):
                continue
            if _tried(book, number) or _restless(case, book, own, now):
                continue
            try:
                lines += restore(number, BOT, own, later)(book, now)
            except Declined:  # nobody was told, or it is too late, or its sends are not over
                continue
        return lines

    return write


def plan(number: int, attempt: int, links: Links, rules: Rules) -> Write:
    """Who was warned, and of those who gets the message: whose own ONUs are all online.

    `Declined` where its approval was taken back meanwhile, or where its template may not be used.
    """

    def write(book: Book, now: datetime) -> Sequence[Line]:
        case = book.cases[number]
        if not case.at_work(attempt, Phase.COUNTDOWN):
            raise Declined("not_running")
        check_templates(book, (rules.template(RESTORED),), rules, now)
        root = _root(book, case)
        to_tell = _again(root.accepted(), links, book, number, over=root.ended_at is not None)
        started = root.started if root.start_known else None
        facts = Facts(started, None, root.ended_at, root.cause)
        onus, templates = sum(len(r.serials) for r in to_tell), rules.used((RESTORED,))
        return [Planned(number, onus, tuple(to_tell), facts, templates=templates)]

    return write


def spare_down(number: int, attempt: int, links: Links, *, unread: bool = True) -> Write:
    """Those still to do who are not online any more, or whose outage is on again.

    Those on a port that could not be read are spared, too, but for a look while it goes on (not `unread`).
    """

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        case = book.cases[number]
        if not case.at_work(attempt, Phase.SENDING):
            raise Declined("not_running")
        progress = case.dispatches[-1].progress
        todo = progress.todo() if progress is not None else []
        over = _root(book, case).ended_at is not None
        again = _again(todo, links, book, number, over=over)
        proven = (r for r in again if unread or r.skip is not Skip.LOOKUP_FAILED)
        return [Spared(number, r.id, r.skip) for r in proven if r.skip is not None]

    return write


def ports_of(book: Book, number: int) -> list[Port]:
    """The ports on which those who were warned are, as each source calls them that told of one."""
    told = _told_of(_root(book, book.cases[number]))
    return list({port.key: port for ports in told.values() for port in ports}.values())


def _told_of(root: Case) -> dict[str, list[Port]]:
    """The same by the keys that plans have; a source that is not read any more cannot be asked."""
    known: dict[str, list[Port]] = {}
    for incident in (m.incident for m in root.members.values() if m.ended_why != UNWATCHED):
        known.setdefault(incident.port.key, []).append(incident.own or incident.port)
    ports = (port for dispatch in root.dispatches for port in dispatch.ports)
    return {port.key: known.get(port.key, [port]) for port in ports}


def _again(
    recipients: Sequence[Recipient], links: Links, book: Book, number: int, *, over: bool
) -> list[Recipient]:
    """Each with a message or the reason why not.

    An ONU is online where every source says so that told of its port and knows it; where none does, where
    all that told of the whole port say so of it. One of which nothing is known is not.
    """
    root = _root(book, book.cases[number])
    told = _told_of(root).items()
    unread = {key for key, ports in told if any(port.key not in links for port in ports)}
    known: dict[str, set[Link | None]] = {}
    for port in links.values():
        for serial, link in port.items():
            known.setdefault(serial, set()).add(link)
    whole = {key: {links.get(port.key, {}).get(WHOLE_PORT) for port in ports} - {None} for key, ports in told}

    def how(serial: str, recipient: Recipient) -> set[Link | None]:
        on = recipient.ports or tuple(whole)
        return known.get(serial) or set().union(*(whole.get(key, set()) for key in on)) or {None}

    def why_not(recipient: Recipient) -> Skip | None:
        if not over:
            return Skip.ON_AGAIN
        if recipient.person in book.opted_out:
            return Skip.OPTED_OUT
        if recipient.phone is None:
            return Skip.FORGOTTEN
        found = {link for serial in recipient.serials for link in how(serial, recipient)}
        if found == {Link.ONLINE} and unread.isdisjoint(recipient.ports or {root.incident.port.key}):
            return None
        return Skip.LOOKUP_FAILED if unread and found <= {Link.ONLINE, None} else Skip.STILL_DOWN

    return [replace(r, skip=why_not(r), template=None) for r in recipients]


def _restless(case: Case, book: Book, rules: Rules, now: datetime) -> bool:
    ports = {member.incident.port.key for member in case.members.values()}
    return any(oscillates(book.spells.get(key, ()), now, rules.flaps) for key in ports)


def _tried(book: Book, number: int) -> bool:
    """Whether it was sent, is being, or was taken back: not where the outage was on again at the time."""
    other = book.restored_by(number)
    if other is None or not other.undecided:
        return other is not None
    last = other.dispatches[-1]
    tally = last.tally()
    again = last.end == "over" or (tally is not None and Skip.ON_AGAIN in tally.skipped)
    return last.ended_by is not None or not again  # a person's stop holds


def _root(book: Book, case: Case) -> Case:
    return case if case.restores is None else book.cases[case.restores]
