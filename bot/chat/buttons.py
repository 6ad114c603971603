"""Callback data: `action:case:argument`, at most 64 bytes (contracts/telegram.md)."""

from dataclasses import dataclass
from enum import StrEnum


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


_WITH_ARGUMENT = frozenset(Action) - {
    Action.APPROVE,
    Action.ASK_DENY,
    Action.BACK,
    Action.CANCEL,
    Action.STOP,
    Action.RESUME,
    Action.CLOSE,
    Action.CONFIRM,
}


@dataclass(frozen=True, slots=True)
class Press:
    """One tap: `case` is 0 where the action is about none; `arg` is a page, a reason or a filter."""

    action: Action
    case: int = 0
    arg: str = ""

    def encode(self) -> str:
        """The callback data of this press."""
        return f"{self.action}:{self.case}:{self.arg}"


def decode(data: str | None) -> Press | None:
    """The press behind callback data; None for anything this program never wrote."""
    action, _, rest = (data or "").partition(":")
    case, _, arg = rest.partition(":")
    if action not in set(Action) or not case.isascii() or not case.isdecimal():
        return None
    if arg and action not in _WITH_ARGUMENT:
        return None
    return Press(Action(action), int(case), arg)
