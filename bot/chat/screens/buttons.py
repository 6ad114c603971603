"""Callback data: `action:case:argument`, at most the 64 bytes that Telegram takes.

What has something sent also names the attempt that it is about: `action:case.attempt:argument`. None stands
for the first, as on the cards of versions that knew no attempts.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.book import Book
from bot.domain.case import Case


class Action(StrEnum):
    """What a button asks for."""

    APPROVE = "ok"
    ASK_DENY = "no?"
    DENY = "no"
    BACK = "back"
    CANCEL = "undo"
    STOP = "stop"
    RESUME = "go"
    CLOSE = "end"
    DETAILS = "who"
    DETAILS_CSV = "who.csv"
    AUDIT = "log"
    AUDIT_CSV = "log.csv"
    AUDIT_JSON = "log.json"
    ASK_RELEASE = "free?"
    RELEASE = "free"
    COOLDOWN = "cool"
    DOUBTS = "unk"
    DOUBTS_CSV = "unk.csv"
    ASK_CHOOSE = "unk?"
    ASK_AGAIN = "unk??"
    CHOOSE = "unk!"
    ASK_CONFIRM = "sure?"
    CONFIRM = "sure"
    RESTORE = "up"
    UNTOLD = "up.no"
    BEGIN = "begin"
    ASK_SEPARATE = "apart?"
    SEPARATE = "apart"
    ASSUME = "mine"
    ASK_ETA = "eta?"
    ETA = "eta"
    ASK_CAUSE = "why?"
    CAUSE = "why"
    ASK_SILENCE = "mute?"
    SILENCE = "mute"
    UNMUTE = "unmute"
    DIGEST = "list"
    OPEN_CARD = "card"
    TIME_AT = "at"
    TIME_IN = "in"
    MORE = "more"
    LESS = "less"


FLAPPING = "f"
"""In the argument of APPROVE: although the port oscillates."""
AGREED = "g"
"""In the argument of APPROVE, before a number: to so many customers, more than were asked about first."""
NOW, LATER = "n", "l"
"""In the argument of APPROVE, RESTORE and RESUME: what to do outside the customers' hours."""
MINUTES = (60, 120, 240, 480)
"""How long an expected end lies ahead, and a silence lasts, where it is tapped."""
NO_ETA = "none"
SILENCES = ("works", "maintenance", "known")
"""Why it is silent, where that is tapped: planned work, maintenance, an outage that is being worked on."""
CAUSES = ("cable", "power", "equipment", "vandalism", "works", "unknown")

_NUMBER_AGREED = re.compile(rf"^{AGREED}[1-9][0-9]{{0,6}}")
_MINUTES = frozenset(str(minutes) for minutes in MINUTES)
_ARGUMENTS: dict[Action, frozenset[str]] = {
    Action.APPROVE: frozenset({"", FLAPPING, NOW, LATER, FLAPPING + NOW, FLAPPING + LATER}),
    Action.RESUME: frozenset({"", NOW}),
    Action.RESTORE: frozenset({"", NOW, LATER}),
    Action.ETA: _MINUTES | {NO_ETA},
    Action.CAUSE: frozenset(CAUSES),
    Action.ASK_SILENCE: frozenset({"", *SILENCES}),
    Action.SILENCE: _MINUTES | {f"{minutes}|{why}" for minutes in MINUTES for why in SILENCES},
}
"""Where only some arguments are ever written: those."""
_NO_ARGUMENT = {
    Action.ASK_DENY,
    Action.BACK,
    Action.CANCEL,
    Action.STOP,
    Action.CLOSE,
    Action.CONFIRM,
    Action.UNTOLD,
    Action.BEGIN,
    Action.ASK_SEPARATE,
    Action.SEPARATE,
    Action.ASSUME,
    Action.ASK_ETA,
    Action.ASK_CAUSE,
    Action.OPEN_CARD,
    Action.MORE,
    Action.LESS,
}
_NUMBERED = {Action.UNMUTE, Action.DIGEST, Action.TIME_AT, Action.TIME_IN}
_OF_A_DISPATCH = {
    Action.CANCEL,
    Action.STOP,
    Action.RESUME,
    Action.CLOSE,
    Action.BEGIN,
    Action.DOUBTS,
    Action.DOUBTS_CSV,
    Action.ASK_CHOOSE,
    Action.ASK_AGAIN,
    Action.CHOOSE,
}
"""These may be about the second message of a case: its number is negative (`Book.restored_by`)."""


SENDS = frozenset({Action.APPROVE, Action.RESTORE, Action.RESUME, Action.BEGIN})
"""Buttons of a card that have something sent: each is about one attempt (`Case.attempt`)."""


@dataclass(frozen=True, slots=True)
class Press:
    """One tap: `case` is 0 where it is about none; `arg` is a page, a reason, a filter or an answer.

    `attempt` is what had been tried when the button was drawn, for those that send.
    """

    action: Action
    case: int = 0
    arg: str = ""
    attempt: int = 0

    def encode(self) -> str:
        """The callback data of this press."""
        about = f"{self.case}.{self.attempt}" if self.attempt else f"{self.case}"
        return f"{self.action}:{about}:{self.arg}"


def press_on(case: Case, action: Action, arg: str = "") -> Press:
    """A button about the case as it is now."""
    return Press(action, case.id, arg, case.attempt if action in SENDS else 0)


def press_restore(case: Case, book: Book, arg: str = "") -> Press:
    """The button that has people told that the case is over, as often as that was tried so far."""
    other = book.restored_by(case.id)
    return Press(Action.RESTORE, case.id, arg, other.attempt if other is not None else 0)


def agreed_in(arg: str) -> int | None:
    """To how many customers the argument of an APPROVE agrees; None where it says nothing of it."""
    found = _NUMBER_AGREED.match(arg)
    return int(found[0].removeprefix(AGREED)) if found else None


def decode(data: str | None) -> Press | None:
    """The press behind callback data; None for anything this program never wrote."""
    action, _, rest = (data or "").partition(":")
    about, _, arg = rest.partition(":")
    case, dot, attempt = about.partition(".")
    if action not in set(Action) or not _decimal(case.removeprefix("-")):
        return None
    if dot and (action not in SENDS or not _decimal(attempt) or attempt.startswith("0")):
        return None
    press = Press(Action(action), int(case), arg, int(attempt) if dot else 0)
    negative = case.startswith("-")
    if negative and (press.action not in _OF_A_DISPATCH or not press.case):
        return None
    return press if _writes(press.action, arg) else None


def _writes(action: Action, arg: str) -> bool:
    """Whether this program ever writes that argument."""
    if action is Action.APPROVE:
        arg = _NUMBER_AGREED.sub("", arg)
    if action in _ARGUMENTS:
        return arg in _ARGUMENTS[action]
    if action in _NUMBERED:
        return _decimal(arg)
    return not arg or action not in _NO_ARGUMENT


def _decimal(text: str) -> bool:
    return text.isascii() and text.isdecimal()
