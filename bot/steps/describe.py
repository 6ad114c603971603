"""Step 3c: what a person adds to a case without deciding it: its owner, what is expected, planned work."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from bot.domain.book import Book
from bot.domain.case import Case, CaseState
from bot.domain.causes.correlation import Reason, explain
from bot.domain.events import (
    Assumed,
    CaseOpened,
    CauseNamed,
    DenialExplained,
    Forecast,
    Lapsed,
    Line,
    Separated,
    Silenced,
    SilenceEnded,
)
from bot.domain.incident import Incident, Inventory, Port
from bot.domain.limits.silence import Scope
from bot.domain.phone import phone_key, without_phones, without_these
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.errors import Declined
from bot.ports import Write
from bot.steps.decide import find, undecided

LONGEST_SILENCE = timedelta(days=7)
LONGEST_ETA = timedelta(days=7)
TEXT_AT_MOST = 120  # characters of a cause, a team or a reason
OTHER = "other"  # the reason of a denial that says nothing
EXPLAINED_WITHIN, EXPLAINED_AT_MOST = timedelta(minutes=10), 200  # characters

_BY: tuple[Callable[[Port], object], ...] = (
    lambda port: port.olt_key,
    lambda port: (port.olt_key, port.slot),
    lambda port: port.key,
)


def check_on(number: int) -> Write:
    """Whether the case's outage is on; writes nothing."""

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        _on(book, number)
        return []

    return write


def check_loud(number: int) -> Write:
    """Whether it is on and lies in no silence; writes nothing."""

    def write(book: Book, now: datetime) -> Sequence[Line]:
        silence = book.silence_over(_on(book, number), now)
        if silence is not None:
            raise Declined("silenced", until=silence.until, by=silence.by.name)
        return []

    return write


def check_separable(number: int) -> Write:
    """Whether the case may be taken apart; writes nothing."""

    def write(book: Book, now: datetime) -> Sequence[Line]:
        _separable(book, number, now)
        return []

    return write


def separate(number: int, who: Who, rules: Rules, inventory: Inventory, asked: int | None = None) -> Write:
    """Take a case that nobody decided on apart: by OLT, else by slot, else by port.

    `asked` is how many incidents the card asked about, so that one question takes it apart once.
    """

    def write(book: Book, now: datetime) -> Sequence[Line]:
        kept, *others = _separable(book, number, now)
        if asked is not None and asked != len(book.cases[number].on):
            raise Declined("stale_button")
        opened = [
            CaseOpened(
                n,
                part[0],
                tuple(part[1:]),
                explain(part, inventory, rules),
                apart=number,
                region=book.cases[number].region,
            )
            for n, part in enumerate(others, start=book.next_case)
        ]
        return [Separated(number, who, explain(kept, inventory, rules)), *opened]

    return write


def assume(number: int, who: Who) -> Write:
    """This person sees to the case from now on: nobody is reminded of it any more."""

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        case = _on(book, number)
        if case.owner is not None and case.owner.id == who.id:
            raise Declined("already_yours")
        return [Assumed(number, who)]

    return write


def lapse(rules: Rules) -> Write:
    """Who has had a case for so long without a decision has it no more."""

    def write(book: Book, now: datetime) -> Sequence[Line]:
        found = [book.cases[number] for number in sorted(book.open)]
        return [
            Lapsed(case.id, case.owner)
            for case in found
            if case.owner is not None
            and case.owned_at is not None
            and _too_long(now - case.owned_at, rules.of(case.region))
            and case.undecided
            and book.silence_over(case, now) is None
        ]

    return write


def _too_long(had: timedelta, rules: Rules) -> bool:
    return 0 < rules.assume_hours <= had / timedelta(hours=1)


def forecast(number: int, who: Who, eta: datetime | None) -> Write:
    """When the outage is expected to end; None: nobody can say. Declined for a time past or absurd."""

    def write(book: Book, now: datetime) -> Sequence[Line]:
        _on(book, number)
        if eta is not None and eta <= now:
            raise Declined("eta_past")
        if eta is not None and eta - now > LONGEST_ETA:
            raise Declined("eta_too_far", days=LONGEST_ETA.days)
        return [Forecast(number, who, eta)]

    return write


def name_cause(number: int, who: Who, cause: str, team: str = "") -> Write:
    """The cause, and the team that sees to it, in a person's words (one line each, cut to `TEXT_AT_MOST`).

    The phones of the case's customers are masked, as its line is for ever: others may be the crew's.
    """

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        case = _on(book, number)
        if not one_line(cause):
            raise Declined("no_cause")
        said, sees_to_it = (one_line(_without_customers(case, text)) for text in (cause, team))
        return [CauseNamed(number, who, said, sees_to_it)]

    return write


def explained_until(case: Case) -> datetime | None:
    """Until when the person who denied the case may say why; None where nobody may."""
    if case.state is not CaseState.DENIED or case.denied_reason != OTHER or case.denied_at is None:
        return None
    return case.denied_at + EXPLAINED_WITHIN


def explain_denial(number: int, who: Who, reason: str, at: datetime) -> Write:
    """Why nothing is sent, as the person who denied it wrote `at` that time; the newest counts.

    Phones in it are masked, as in every reason: the group reads it, and its line is for ever.
    """

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        case = find(book, number)
        until = explained_until(case)
        if until is None or case.denied_by is None or case.denied_by.id != who.id:
            raise Declined("nothing_to_explain")
        if at > until:
            raise Declined("explained_late", until=until)
        text = one_line(without_phones(reason), EXPLAINED_AT_MOST)
        if not text:
            raise Declined("nothing_to_explain")
        return [DenialExplained(number, who, text)]

    return write


def silence(
    scopes: Sequence[Scope], who: Who, until: datetime, reason: str, case: int | None = None
) -> Write:
    """Planned work: no cards from there until then.

    Where it was asked for on the card of a `case`, one is enough: declined for one that lies in silence.
    Phones in the reason are masked.
    """

    def write(book: Book, now: datetime) -> Sequence[Line]:
        if case is not None:
            check_loud(case)(book, now)
        if until <= now:
            raise Declined("silence_past")
        if until - now > LONGEST_SILENCE:
            raise Declined("silence_too_long", days=LONGEST_SILENCE.days)
        why = one_line(without_phones(reason))
        if not why:
            raise Declined("silence_no_reason")
        return [Silenced(book.next_silence, tuple(scopes), until, who, why)]

    return write


def prolong(number: int, who: Who, by: timedelta, until: datetime) -> Write:
    """A silence that ends at `until` lasts so much longer. Declined where that was changed meanwhile."""

    def write(book: Book, now: datetime) -> Sequence[Line]:
        found = book.silences.get(number)
        if found is None or found.until <= now:
            raise Declined("no_silence")
        if int(found.until.timestamp()) != int(until.timestamp()):
            raise Declined("silence_changed", until=found.until)
        if found.until + by - now > LONGEST_SILENCE:
            raise Declined("silence_too_long", days=LONGEST_SILENCE.days)
        return [Silenced(number, found.scopes, found.until + by, who, found.reason)]

    return write


def end_silence(number: int, who: Who, over: int | None = None) -> Write:
    """Cards come again from there. `over` is the case on whose card the button was, None where on none."""

    def write(book: Book, now: datetime) -> Sequence[Line]:
        found = book.silences.get(number)
        if over is not None and (found is None or not any(map(found.covers, book.cases[over].ports))):
            raise Declined("unknown_button")  # forged: that card never had it
        if found is None or found.until <= now:
            raise Declined("no_silence")
        return [SilenceEnded(number, who)]

    return write


def scopes_of(case: Case) -> tuple[Scope, ...]:
    """Where planned work on a case is: its OLT, its slot, or its ports."""
    ports, grouping = case.ports, case.grouping
    if grouping is not None and grouping.reason is Reason.OLT:
        return (Scope(ports[0].olt),)
    if grouping is not None and grouping.reason is Reason.SLOT:
        return (Scope(ports[0].olt, ports[0].slot),)
    return tuple(Scope(port.olt, port.place) for port in ports)


def parts(incidents: Sequence[Incident]) -> list[list[Incident]]:
    """The incidents by OLT; where that is one, by slot; where that is one, by port."""
    for of in _BY:
        found: dict[object, list[Incident]] = {}
        for incident in incidents:
            found.setdefault(of(incident.port), []).append(incident)
        if len(found) > 1:
            return list(found.values())
    return [list(incidents)]


def _separable(book: Book, number: int, now: datetime) -> list[list[Incident]]:
    """Its parts, two at least. Declined where somebody decided on it, or it has no parts."""
    case = undecided(book, number)
    if case.proposal is not None and case.proposal.waits(now):
        raise Declined("already_approved", by=case.proposal.by.name, at=case.proposal.at)
    found = parts(case.on)
    if len(found) == 1:
        raise Declined("nothing_to_separate")
    return found


def _without_customers(case: Case, text: str) -> str:
    sends = (dispatch.progress for dispatch in case.dispatches)
    people = (person for one in sends if one is not None for person in one.recipients.values())
    return without_these(text, (phone_key(person.phone) for person in people if person.phone))


def _on(book: Book, number: int) -> Case:
    case = find(book, number)
    if case.ended_at is not None or case.restores is not None:
        raise Declined("over")
    return case


def one_line(text: str, at_most: int = TEXT_AT_MOST) -> str:
    """What a person wrote, on one line and cut."""
    return " ".join(text.split())[:at_most]
