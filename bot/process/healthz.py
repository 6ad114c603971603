"""What `/healthz` reports: stale polls, a deaf Telegram or one that takes no posts, a closed ledger."""

from collections.abc import Mapping

from bot.chat.telegram import Telegram
from bot.ports import Clock, Ledger

STALE = 3  # poll intervals without a good poll, and it turns red
DEAF = 120.0  # seconds without an answer to getUpdates, and it turns red


class Standing:
    """How fresh the bot's two readings are, and whether anything keeps it from showing or deciding."""

    def __init__(self, telegram: Telegram, ledger: Ledger, clock: Clock, poll_seconds: float) -> None:
        self._telegram, self._ledger, self._clock = telegram, ledger, clock
        self.stale_after = poll_seconds * STALE
        self._good_poll_at: float | None = None  # monotonic: a clock set back must not keep an old poll fresh

    def polled(self) -> None:
        """A good poll was made just now."""
        self._good_poll_at = self._clock.monotonic()

    def hears(self) -> bool:
        """Whether people's taps come through."""
        fresh = self._telegram.fresh()
        return fresh is not None and fresh <= DEAF

    def wrong(self) -> Mapping[str, str]:
        """What keeps outages, taps or cards from where they belong, by part."""
        wrong: dict[str, str] = {}
        good_at = self._good_poll_at
        age = None if good_at is None else self._clock.monotonic() - good_at
        if age is None or age > self.stale_after:
            wrong["source"] = "no good poll yet" if age is None else f"no good poll for {age:.0f} s"
        fresh = self._telegram.fresh()
        if fresh is None or fresh > DEAF:
            wrong["telegram"] = "no answer to getUpdates yet" if fresh is None else f"deaf for {fresh:.0f} s"
        posting = self._telegram.posting
        if posting.mute is not None:
            wrong["posts"] = f"the group takes none for {posting.seconds:.0f} s ({posting.mute.why})"
        if self._ledger.closed is not None:
            wrong["ledger"] = "closed: nothing can be decided or sent"
        return wrong

    def noted(self) -> Mapping[str, str]:
        """What is worth a word though nothing is hidden by it."""
        lost = self._telegram.posting.topic_lost
        return {"topic": "takes no posts: they go to the group itself"} if lost else {}
