"""What `/healthz` reports: stale polls, a deaf Telegram or one that takes no posts, a gateway that is left
alone, a closed ledger.
"""

from collections.abc import Callable, Mapping, Sequence

from bot.chat.telegram import Telegram
from bot.domain.watched.health import STALE
from bot.ports import Clock, Ledger, Polled

DEAF = 120.0  # seconds without an answer to getUpdates, and it turns red


class Standing:
    """How fresh the bot's two readings are, and whether anything keeps it from showing or deciding."""

    def __init__(
        self, telegram: Telegram, ledger: Ledger, clock: Clock, sources: Sequence[Polled], poll_seconds: float
    ) -> None:
        self._telegram, self._ledger, self._clock = telegram, ledger, clock
        self._sources = sources
        self.stale_after = 0.0
        self.every: dict[str, float] = {}
        """The seconds between two polls of each source."""
        self.follow(poll_seconds)
        self.left_alone: Callable[[], bool] = lambda: False
        """Whether the gateway is, as it failed several times in a row."""
        self._good_at: dict[str, float] = {}  # monotonic: a clock set back must not keep an old poll fresh

    def follow(self, poll_seconds: float) -> None:
        """A source is polled so often from now on, where it has no pace of its own."""
        self.stale_after = poll_seconds * STALE
        self.every |= {source.name: source.every or poll_seconds for source in self._sources}

    @property
    def parts(self) -> Sequence[str]:
        """The names of all that may be wrong."""
        return (*map(self._part, self.every), "telegram", "posts", "gateway", "ledger")

    def _part(self, source: str) -> str:
        return "source" if len(self.every) == 1 else f"source {source}"

    def polled(self, source: str) -> None:
        """A good poll of it was made just now."""
        self._good_at[source] = self._clock.monotonic()

    def hears(self) -> bool:
        """Whether people's taps come through."""
        fresh = self._telegram.fresh()
        return fresh is not None and fresh <= DEAF

    def wrong(self) -> Mapping[str, str]:
        """What keeps outages, taps or cards from where they belong, by part."""
        wrong: dict[str, str] = {}
        for name, every in self.every.items():
            good_at = self._good_at.get(name)
            age = None if good_at is None else self._clock.monotonic() - good_at
            if age is None or age > every * STALE:
                wrong[self._part(name)] = (
                    "no good poll yet" if age is None else f"no good poll for {age:.0f} s"
                )
        fresh = self._telegram.fresh()
        if fresh is None or fresh > DEAF:
            wrong["telegram"] = "no answer to getUpdates yet" if fresh is None else f"deaf for {fresh:.0f} s"
        posting = self._telegram.posting
        if posting.mute is not None:
            wrong["posts"] = f"the group takes none for {posting.seconds:.0f} s ({posting.mute.why})"
        if self.left_alone() and self._ledger.book.running:  # else nobody waits for it
            wrong["gateway"] = "failed several times in a row: the next send finds out whether it is back"
        if self._ledger.closed is not None:
            wrong["ledger"] = "closed: nothing can be decided or sent"
        return wrong

    def noted(self) -> Mapping[str, str]:
        """What is worth a word though nothing is hidden by it."""
        lost = self._telegram.posting.topic_lost
        return {"topic": "takes no posts: they go to the group itself"} if lost else {}
