"""What a card shows for a while only: a question, that its sends go on, that a reason is missing;
and all of its buttons.
"""

from bot.chat.screens.cards.questions import Asking
from bot.chat.wire.deps import ChatDeps
from bot.steps.decide import goes_on_until
from bot.steps.describe import explained_until

QUESTION = 120.0  # seconds that a question stays on a card
UNFOLDED = 60.0  # seconds that all of its buttons are there
IDLE = 3600.0


class Passing:
    """Held in memory alone: after a restart the cards are as the ledger has them."""

    def __init__(self, deps: ChatDeps) -> None:
        self._d = deps
        self._asking: dict[int, tuple[Asking, float]] = {}
        self._unfolded: dict[int, float] = {}
        self._lasting: dict[int, float] = {}

    def ask(self, case: int, question: Asking | None, seconds: float) -> None:
        """The card asks a question for so long, or (None) no longer does."""
        if question is not None:
            self._asking[case] = (question, self._d.clock.monotonic() + seconds)
        else:
            self._asking.pop(case, None)

    def question(self, case: int) -> Asking | None:
        """What the case's card asks."""
        return self._asking[case][0] if case in self._asking else None

    def unfold(self, case: int, *, unfolded: bool) -> bool:
        """The card shows all of its buttons for a while, or no longer; whether that changes anything."""
        before = case in self._unfolded
        self._unfolded.pop(case, None)
        if unfolded:
            self._unfolded[case] = self._d.clock.monotonic() + UNFOLDED
        return before != unfolded

    def unfolded(self, case: int) -> bool:
        """Whether the case's card shows all of its buttons."""
        return case in self._unfolded

    def over(self) -> set[int]:
        """The cards that may show what is over now; each is told once."""
        now = self._d.clock.monotonic()
        asked = {case for case, (_, until) in self._asking.items() if until <= now}
        for case in asked:
            del self._asking[case]
        folds = {case for case, until in self._unfolded.items() if until <= now}
        for case in folds:
            del self._unfolded[case]
        before, self._lasting = self._lasting, self._until(now)
        return asked | folds | {abs(number) for number in before.keys() - self._lasting.keys()}

    def seconds(self) -> float:
        """Until the first of it is over."""
        until = [
            *(until for _, until in self._asking.values()),
            *self._unfolded.values(),
            *self._lasting.values(),
        ]
        now = self._d.clock.monotonic()
        return min([now + IDLE, *until]) - now

    def _until(self, ticks: float) -> dict[int, float]:
        """Until when interrupted sends go on by themselves, and who denied may say why."""
        now, book = self._d.clock.now(), self._d.book
        found = {n: goes_on_until(book.cases[n], book, self._d.rules, now) for n in book.running}
        found |= {n: explained_until(book.cases[n]) for n in book.open - found.keys()}
        return {
            number: ticks + (until - now).total_seconds()
            for number, until in found.items()
            if until is not None and now < until
        }
