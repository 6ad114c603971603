"""Step 8: sends whose end is unknown come to one: by a person's word, or by the gateway's own list.

None is ever sent again but by a person who was told that the customer may get two.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.claims import in_doubt
from bot.domain.delivery import Place
from bot.domain.dispatch import Despite, Dispatch, Phase
from bot.domain.events import Evidence, Line, Resent, Resolved, Result
from bot.domain.limits.holds import check_port, closed_until
from bot.domain.phone import phone_key
from bot.domain.plan import BROKEN_OFF, IN_DOUBT, Choice, Outcome, Receipt, Recipient, Sent
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.errors import Declined
from bot.ports import Write
from bot.steps.decide import check_confirmed, check_not_over, find_whole

ASKED_FOR = timedelta(minutes=15)
"""Who is not on the list so long after the send is not asked about again."""
ASKABLE = timedelta(days=2)
"""An older doubt is left to people: the list is read a day at a time, and days can be long."""
BEFORE, AFTER = timedelta(minutes=2), timedelta(minutes=10)
"""How far a row's time may lie from the claim's: clocks differ, platforms queue."""


@dataclass(frozen=True, slots=True)
class Choose:
    """Which of a case's sends in doubt a decision is about: one, or all of the `expected` that were shown."""

    case: int
    recipient: str | None = None
    expected: int | None = None

    def those(self, book: Book, *, called: bool = False) -> tuple[str, ...]:
        """Their recipient ids. Declined where the list is another by now than the person saw.

        `called`: one that somebody was to call may be chosen, too.
        """
        dispatch = _at_rest(book, self.case)
        shown = tuple(recipient.id for recipient in dispatch.in_doubt())
        if self.recipient is None:
            if len(shown) != self.expected:
                raise Declined("list_changed")
            return shown
        if self.recipient not in shown and not (called and dispatch.to_call(self.recipient)):
            raise Declined("already_resolved", by=_decided_by(book, self.case, self.recipient))
        return (self.recipient,)


def resolve(chosen: Choose, choice: Choice, who: Who) -> Write:
    """They count as sent, or somebody calls them; after the call one counts as told, too."""

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        return [Resolved(chosen.case, chosen.those(book, called=choice == "sent"), choice, who)]

    return write


def resend(chosen: Choose, who: Who, rules: Rules, late: Collection[int] = ()) -> Write:
    """Send them again, while their outage is on. The person knows that somebody may get two, and the hour.

    `late` are the cases of which an answer may still come.
    """

    def write(book: Book, now: datetime) -> Sequence[Line]:
        if chosen.case in late:
            raise Declined("still_waiting")
        recipients = chosen.those(book)
        check_confirmed(book)
        case = book.cases[chosen.case]
        dispatch = case.dispatches[-1]
        if dispatch.phase is Phase.INTERRUPTED:
            raise Declined("still_interrupted")
        check_not_over(book, case)
        if dispatch.dry_run != rules.dry_run:
            raise Declined("other_mode")
        for port in dispatch.ports:
            check_port(book, port, chosen.case)
        despite: tuple[Despite, ...] = () if closed_until(rules, now) is None else ("hours",)
        return [Resent(chosen.case, recipients, who, despite)]

    return write


@dataclass(frozen=True, slots=True)
class Doubt:
    """A customer whom the gateway may be asked about: when each send that may have arrived was claimed."""

    case: int
    recipient: Recipient
    claims: tuple[datetime, ...]


def doubts(book: Book, now: datetime) -> list[Doubt]:
    """Those of the last `ASKABLE` about whom the gateway's list was not asked long enough."""
    since = now - ASKABLE
    lately = (case for case, _ in in_doubt(book) if case.dispatches[-1].last_at >= since)  # no claim is later
    return [doubt for case in lately for doubt in _doubts_of(case) if doubt.claims[-1] >= since]


def evidence(asked: Sequence[Doubt], listed: Sequence[Sent]) -> Write:
    """What the gateway's list, as just read for the doubts that were `asked` about, says of them.

    A row proves a send where the phone is the same, its time lies about the claim's and no other send has its
    reference. Who is still not on the list after `ASKED_FOR` is marked so, and stays in doubt.
    """

    def write(book: Book, now: datetime) -> Sequence[Line]:
        present = set(doubts(book, now))
        those = [doubt for doubt in asked if doubt in present]
        first = min((doubt.claims[0] for doubt in those), default=now) - ASKABLE  # clocks differ
        proofs = _proofs(those, listed, _references(book, first) if those else set())
        lines: list[Line] = []
        for doubt in those:
            row = proofs.get(doubt)
            if row is not None:
                proof = Evidence(doubt.case, doubt.recipient.id, row.reference, row.at, row.status)
                lines.append(proof)
            elif now - doubt.claims[-1] > ASKED_FOR:
                lines.append(Evidence(doubt.case, doubt.recipient.id))
        return lines

    return write


def heard(place: Place, receipt: Receipt) -> Write:
    """What came of a send that another machine had taken when the one that led ended.

    Only of one that is in doubt for that, and that nobody had sent again since. Where all others would have
    been refused there, too, who led may have sent it itself by then: that proves nothing.
    """
    nothing = receipt.outcome is Outcome.UNKNOWN or (
        receipt.outcome is Outcome.REJECTED and receipt.halt is not None
    )

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        case = book.cases.get(place.case)
        dispatch = None if case is None else case.dispatch
        if dispatch is None or dispatch.attempt != place.attempt or dispatch.progress is None:
            return []
        if dispatch.progress.results.get(place.recipient) != BROKEN_OFF or nothing:
            return []
        return [Result(place.case, place.recipient, receipt.outcome, receipt.reference, receipt.reason)]

    return write


def _proofs(those: Sequence[Doubt], listed: Sequence[Sent], taken: set[str]) -> dict[Doubt, Sent]:
    """One row for a doubt and one doubt for a row, the nearest in time first."""
    rows: dict[str, list[Sent]] = {}
    for sent in listed:
        rows.setdefault(phone_key(sent.phone), []).append(sent)
    near = [
        (abs(row.at - claimed), doubt, row)
        for doubt in those
        if doubt.recipient.phone is not None  # else nobody can tell: it stays in doubt
        for row in rows.get(phone_key(doubt.recipient.phone), ())
        for claimed in doubt.claims
        if claimed - BEFORE <= row.at <= claimed + AFTER
    ]
    proofs: dict[Doubt, Sent] = {}
    for _, doubt, row in sorted(near, key=lambda pair: pair[0]):
        if doubt not in proofs and row.reference not in taken:
            proofs[doubt] = row
            taken.add(row.reference)
    return proofs


def _doubts_of(case: Case) -> list[Doubt]:
    progress = case.dispatches[-1].sends
    unknown = (id_ for id_, receipt in progress.results.items() if receipt.outcome in IN_DOUBT)
    ids = dict.fromkeys([*unknown, *progress.doubted])
    claims = ((id_, progress.claims(id_)) for id_ in ids if id_ not in progress.unlisted)
    return [Doubt(case.id, progress.recipients[id_], when) for id_, when in claims if when]


def _references(book: Book, since: datetime) -> set[str]:
    """Those of all sends since then: of no case of which nothing was written since."""
    both = ((book.cases[number], book.restored_by(number)) for number in _touched(book, since))
    cases = (case for pair in both for case in pair if case is not None)
    plans = (d.progress for case in cases for d in case.dispatches if d.progress is not None)
    return {r.reference for progress in plans for r in progress.results.values() if r.reference is not None}


def _touched(book: Book, since: datetime) -> Iterator[int]:
    newest = reversed(book.touched.items())
    return (number for number, _ in takewhile(lambda item: item[1] >= since, newest))


def _decided_by(book: Book, number: int, recipient: str) -> Who | None:
    """Who decided last about one of the case; None where nobody did, but the gateway's own list."""
    progress = book.cases[number].dispatches[-1].progress
    known = progress.results.get(recipient) if progress else None
    if known is not None and known.reason == "listed":
        return None
    lines = (entry.line for entry in reversed(book.audit))
    decisions = (line for line in lines if isinstance(line, Resolved | Resent) and line.case == number)
    return next((line.by for line in decisions if recipient in line.recipients), None)


def _at_rest(book: Book, number: int) -> Dispatch:
    dispatch = find_whole(book, number).dispatch
    if dispatch is None or not dispatch.at_rest:
        raise Declined("not_settled")
    return dispatch
