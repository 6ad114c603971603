"""What a card asks about a tap that was made while nobody listened."""

from dataclasses import dataclass
from datetime import datetime

from bot.chat.screens.arguments import agreed_in, most_in
from bot.chat.screens.buttons import Action
from bot.chat.screens.press import Press
from bot.chat.screens.table import find
from bot.chat.screens.words import Words
from bot.domain.who import Who


@dataclass(frozen=True, slots=True)
class Late:
    """A tap that nobody heard, who made it, and from when to when nobody listened."""

    press: Press
    by: Who
    since: datetime
    until: datetime

    def what(self, words: Words) -> str:
        """The button as it is written, with the reason of a denial, or to how many people it sends."""
        action, row = self.press.action, find(self.press)
        agreed = agreed_in(self.press.arg) if action is Action.APPROVE else None
        if agreed is not None:
            return words.plain("button.grown", n=agreed, second=False)
        most = most_in(self.press.arg) if action is Action.APPROVE else None
        if most is not None:
            return words.plain("button.first_of_them", n=most, others=False)
        said = row.label if row is not None and isinstance(row.label, str) else ""
        label = words.plain(f"button.{said or action.name.lower()}", n=None)
        if action is not Action.DENY:
            return label
        return f"{label} ({words.plain(f'deny.{self.press.arg}')})"

    def again(self) -> Press:
        """What is pressed where it still holds: the same, or what asks the question anew."""
        row = find(self.press)
        asks = row.late if row is not None else None
        return Press(asks, self.press.case) if isinstance(asks, Action) else self.press
