"""Step 8: sends whose end is unknown come to one: by a person's word, or by the gateway's own list.

None is ever sent again but by a person who was told that the customer may get two (design, section 5).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.book import Book
from bot.domain.case import Case, Dispatch, Phase
from bot.domain.lines import Evidence, Line, Resent, Resolved, Who
from bot.domain.phone import phone_key
from bot.domain.plan import Choice, Outcome, Recipient, Sent
from bot.domain.rules import Rules
from bot.errors import Declined
from bot.ports import Write
from bot.steps.decide import check_confirmed, check_port

ASKED_FOR = timedelta(
    minutes=15
)  # a list that still lacks a send so long after it is not asked about it again
BEFORE, AFTER = timedelta(minutes=2), timedelta(minutes=10)  # of the intent: clocks differ, platforms queue


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
            raise Declined("already_resolved")
        return (self.recipient,)


def resolve(chosen: Choose, choice: Choice, who: Who) -> Write:
    """They count as sent, or somebody calls them; after the call one counts as told, too."""

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        return [Resolved(chosen.case, chosen.those(book, called=choice == "sent"), choice, who)]

    return write


def resend(chosen: Choose, who: Who, rules: Rules) -> Write:
    """Send them again, while their outage is on. The person knows that somebody may get two."""

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        recipients = chosen.those(book)
        check_confirmed(book)
        case = book.cases[chosen.case]
        dispatch = case.dispatches[-1]
        if dispatch.phase is Phase.INTERRUPTED:
            raise Declined("still_interrupted")
        if case.ended_at is not None:
            raise Declined("over")
        if dispatch.dry_run != rules.dry_run:
            raise Declined("other_mode")
        for port in dispatch.ports:
            check_port(book, port, chosen.case)
        return [Resent(chosen.case, recipients, who)]

    return write


@dataclass(frozen=True, slots=True)
class Doubt:
    """One send that the gateway may be asked about: when it was claimed, and to which phone."""

    case: int
    recipient: Recipient
    claimed: datetime


def doubts(book: Book) -> list[Doubt]:
    """Every send whose end is unknown and about which the gateway's list was not asked long enough."""
    return [doubt for case in book.cases.values() for doubt in _doubts_of(case)]


def evidence(listed: Sequence[Sent]) -> Write:
    """What the gateway's list, as just read, says of the sends in doubt.

    A row proves a send where the phone is the same, its time lies about the claim's and no other send has its
    reference. A send that the list still lacks after `ASKED_FOR` is marked so, and stays unknown.
    """

    def write(book: Book, now: datetime) -> Sequence[Line]:
        open_doubts = doubts(book)
        taken = _references(book) if open_doubts else set()
        rows: dict[str, list[Sent]] = {}
        for sent in sorted(listed, key=lambda sent: sent.at):
            rows.setdefault(phone_key(sent.phone), []).append(sent)
        lines: list[Line] = []
        for doubt in open_doubts:
            for row in rows.get(phone_key(doubt.recipient.phone or ""), ()):
                fits = doubt.claimed - BEFORE <= row.at <= doubt.claimed + AFTER
                if fits and row.reference not in taken:
                    taken.add(row.reference)
                    proof = Evidence(doubt.case, doubt.recipient.id, row.reference, row.at, row.status)
                    lines.append(proof)
                    break
            else:
                if now - doubt.claimed > ASKED_FOR:
                    lines.append(Evidence(doubt.case, doubt.recipient.id))
        return lines

    return write


def _doubts_of(case: Case) -> list[Doubt]:
    dispatch = case.dispatch
    if dispatch is None or dispatch.progress is None or dispatch.dry_run:
        return []
    if dispatch.phase not in {Phase.FINISHED, Phase.INTERRUPTED}:
        return []
    progress = dispatch.progress
    return [
        Doubt(case.id, progress.recipients[id_], progress.intents[id_])
        for id_, receipt in progress.results.items()
        if receipt.outcome is Outcome.UNKNOWN and id_ not in progress.unlisted
    ]


def _references(book: Book) -> set[str]:
    plans = (d.progress for case in book.cases.values() for d in case.dispatches if d.progress is not None)
    return {r.reference for progress in plans for r in progress.results.values() if r.reference is not None}


def _at_rest(book: Book, number: int) -> Dispatch:
    case = book.cases.get(number)
    if case is None:
        raise Declined("unknown_case")
    dispatch = case.dispatch
    if dispatch is None or dispatch.phase not in {Phase.FINISHED, Phase.INTERRUPTED}:
        raise Declined("not_settled")
    return dispatch
