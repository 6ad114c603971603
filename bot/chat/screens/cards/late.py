"""What a card asks about a tap that was made while nobody listened."""

from dataclasses import dataclass
from datetime import datetime

from bot.chat.screens.buttons import Action, Press, agreed_in
from bot.chat.screens.words import Words
from bot.domain.who import Who

LATE: dict[Action, Action | None] = {
    Action.APPROVE: None,
    Action.DENY: None,
    Action.RESUME: None,
    Action.CLOSE: None,
    Action.RESTORE: None,
    Action.UNTOLD: None,
    Action.BEGIN: None,
    Action.SEPARATE: Action.ASK_SEPARATE,
    Action.ASSUME: None,
    Action.ETA: Action.ASK_ETA,
    Action.CAUSE: Action.ASK_CAUSE,
    Action.SILENCE: Action.ASK_SILENCE,
    Action.UNMUTE: None,
}
"""What is not carried out late, and which question is asked anew instead of repeating it.

Cancelling and stopping are not among them: whoever tapped those wants no message to leave, late or not.
"""

_LABELS = {Action.BEGIN: "send_now"}


@dataclass(frozen=True, slots=True)
class Late:
    """A tap that nobody heard, who made it, and from when to when nobody listened."""

    press: Press
    by: Who
    since: datetime
    until: datetime

    def what(self, words: Words) -> str:
        """The button as it is written, with the reason of a denial, or to how many people it sends."""
        action = self.press.action
        agreed = agreed_in(self.press.arg) if action is Action.APPROVE else None
        if agreed is not None:
            return words.plain("button.grown", n=agreed, second=False)
        label = words.plain(f"button.{_LABELS.get(action, action.name.lower())}", n=None)
        if action is not Action.DENY:
            return label
        return f"{label} ({words.plain(f'deny.{self.press.arg}')})"

    def again(self) -> Press:
        """What is pressed where it still holds."""
        asks = LATE[self.press.action]
        return self.press if asks is None else Press(asks, self.press.case)
