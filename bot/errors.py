"""Errors, typed by what the caller does next. They carry no secret, no phone and no body."""

from collections.abc import Mapping
from typing import Literal, Self


class BotError(Exception):
    """Base of everything this program raises on purpose."""


class StartupError(BotError):
    """The program cannot start: one line to the person, exit code `code`, no traceback."""

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code


class TryLater(BotError):
    """Nothing was done by the other side (never reached, or throttled): repeating is safe.

    `retry_after` is in seconds, None where the other side named no time.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Throttled(TryLater):
    """The other side is there and asks for a pause."""


class OutOfCalls(Throttled):
    """The calls that the other side allows in this hour are kept for what cannot wait."""


class AnswerLost(BotError):
    """The request may have left and no usable answer came: a read may be repeated, a send never."""


class Refused(BotError):
    """The other side understood and said no: repeating changes nothing until a person mends it."""


class LoginRefused(Refused):
    """The login itself was refused: every call waits for the cool-off."""


class DirectoryRefused(LoginRefused):
    """The login that was refused is that of the customer directory."""


class DirectoryAway(AnswerLost):
    """The customer directory does not say who is on a port."""


class NotFound(Refused):
    """The other side has no such thing."""


class Silent(Refused):
    """Whoever told of it says no more: nobody may be told by what is known."""


class BadAnswer(BotError):
    """An answer that cannot be read: nothing may be concluded from it."""


class Incomplete(BadAnswer):
    """A list with holes: nobody may be told by it, as somebody would be left out unseen."""


class Declined(BotError):
    """A rule says no to a person's tap or command. `code` names a phrase in the words, `facts` fill it."""

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


class Asked(Declined):
    """A rule needs one more word of the person before it says yes; `code` names the question."""


class LedgerClosed(BotError):
    """The ledger cannot record decisions, so nothing may be decided or sent. The text says why."""

    @property
    def away(self) -> bool:
        """Whether it is so only for now: what was not recorded may be tried again."""
        why = self.args[0] if self.args else None
        return isinstance(why, Closed) and why.code == "away"

    @property
    def code(self) -> str:
        """The words' code for what a person is told whose tap came to this."""
        return "not_recorded" if self.away else "ledger_closed"


class NotConfirmed(LedgerClosed):
    """What was decided is on its way to be recorded, and nobody knows yet whether it is."""

    @property
    def code(self) -> str:
        """As `LedgerClosed.code`."""
        return "not_confirmed"


Why = Literal[
    "damaged",
    "rows",
    "gone",
    "full",
    "unwritable",
    "clock",
    "key",
    "away",
    "fenced",
    "elsewhere",
    "lacking",
    "newer",
]


class Closed(str):
    """Why a ledger is closed: the text for the log and the server; `code` and `facts` for people's words."""

    __slots__ = ("code", "facts")
    code: Why
    facts: Mapping[str, object]

    def __new__(cls, text: str, code: Why, **facts: object) -> Self:
        """A text with its code."""
        made = super().__new__(cls, text)
        made.code, made.facts = code, facts
        return made
