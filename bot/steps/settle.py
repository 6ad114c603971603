"""Step 7: end a dispatch. The cooldown stays where somebody was reached, else it lapses (domain/book.py)."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.book import Book
from bot.domain.case import Phase
from bot.domain.lines import Interrupted, Line, Settled
from bot.errors import Declined
from bot.ports import Write


def settle(number: int, turn: int, halted: str | None = None) -> Write:
    """The end of a dispatch whose sends are over; `halted` is the gateway's refusal, if it gave one."""

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        case = book.cases[number]
        if case.at_work(turn, Phase.STOPPING):
            return [Settled(number, "stopped")]
        if not case.at_work(turn, Phase.SENDING):
            raise Declined("not_running")
        return [Settled(number, "halted", halted) if halted else Settled(number, "done")]

    return write


def interrupt(number: int, turn: int) -> Write:
    """Dispatch `turn` broke off in mid-send: a person decides how it goes on."""

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        if not book.cases[number].at_work(turn, Phase.SENDING, Phase.STOPPING):
            raise Declined("not_running")
        return [Interrupted(number)]

    return write


def give_up(number: int, turn: int, reason: str) -> Write:
    """The end of a dispatch that got no plan; nothing where it was cancelled meanwhile."""

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        if not book.cases[number].at_work(turn, Phase.COUNTDOWN):
            raise Declined("not_running")
        return [Settled(number, "unread", reason)]

    return write
