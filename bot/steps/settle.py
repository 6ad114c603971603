"""Step 7: end a dispatch. The cooldown stays where somebody was reached, else it lapses (domain/book.py)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain.book import Book
from bot.domain.dispatch import Phase
from bot.domain.events import Interrupted, Line, Settled
from bot.domain.plan import Mend, Size
from bot.errors import Declined
from bot.ports import Write


@dataclass(frozen=True, slots=True)
class Halt:
    """Why a dispatch stopped itself, and what a person has to see to."""

    why: str
    mend: Mend | None = None


def settle(number: int, attempt: int, halted: Halt | None = None) -> Write:
    """The end of a dispatch whose sends are over, or its interruption where it stopped itself.

    `halted` with nobody reached ends it: the case may be approved again. Where somebody was reached the rest
    is still to do, and goes on when a person has mended the cause.
    """

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        case = book.cases[number]
        if case.at_work(attempt, Phase.STOPPING):
            return [Settled(number, "stopped")]
        if not case.at_work(attempt, Phase.SENDING):
            raise Declined("not_running")
        progress = case.dispatches[-1].progress
        if halted is None or progress is None or not progress.todo():
            return [Settled(number, "done")]
        if case.dispatches[-1].reached:
            return [Interrupted(number, halted.why, halted.mend)]
        return [Settled(number, "halted", halted.why, mend=halted.mend)]

    return write


def interrupt(number: int, attempt: int, reason: str | None = None) -> Write:
    """Dispatch `attempt` broke off in mid-send: a person decides how it goes on."""

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        if book.cases[number].at_work(attempt, Phase.STOPPING):
            return [Settled(number, "stopped")]
        if not book.cases[number].at_work(attempt, Phase.SENDING):
            raise Declined("not_running")
        return [Interrupted(number, reason)]

    return write


def give_up(
    number: int, attempt: int, reason: str, size: Size | None = None, mend: Mend | None = None
) -> Write:
    """The end of a dispatch that got no plan; nothing where it was cancelled meanwhile.

    `size` is that of the plan where it was larger than what had been asked about, `mend` what to see to.
    """

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        if not book.cases[number].at_work(attempt, Phase.COUNTDOWN):
            raise Declined("not_running")
        return [Settled(number, "unread", reason, mend=mend, size=size)]

    return write
