"""What this process counted and timed since it began: it decides nothing, and a restart begins at nothing."""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from bot.domain.customer import Answered

Poll = Literal["ok", "partial", "error"]
LookUp = Literal["found", "none", "error"]
POLL_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
LOOK_UP_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SEND_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)


class Spread:
    """How many took how long. `counts` are those up to each of `bounds` and above the one before; the last
    are those above all.
    """

    __slots__ = ("bounds", "counts", "seconds")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds, self.counts, self.seconds = bounds, [0] * (len(bounds) + 1), 0.0

    def add(self, seconds: float) -> None:
        """One more took so many seconds."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.seconds += seconds


@dataclass(slots=True)
class Measures:
    """Polls by source and result, look-ups by what the directory said, tries of sends.

    `in_flight` are the sends that have left and have no answer, `retries` the tries after a first one.
    """

    polls: Counter[tuple[str, Poll]] = field(default_factory=Counter)
    poll_seconds: dict[str, Spread] = field(default_factory=dict)
    look_ups: Counter[LookUp] = field(default_factory=Counter)
    look_up_seconds: Spread = field(default_factory=lambda: Spread(LOOK_UP_SECONDS))
    send_seconds: Spread = field(default_factory=lambda: Spread(SEND_SECONDS))
    in_flight: int = 0
    retries: int = 0

    def polled(self, source: str, result: Poll, seconds: float) -> None:
        """A poll of a source ended."""
        self.polls[source, result] += 1
        self.poll_seconds.setdefault(source, Spread(POLL_SECONDS)).add(seconds)

    def looked_up(self, asked: int, answer: Answered, seconds: float) -> None:
        """A directory was asked about so many customers at once."""
        found = sum(record is not None for record in answer.records.values())
        self.look_ups["found"] += found
        self.look_ups["none"] += len(answer.records) - found
        self.look_ups["error"] += asked - len(answer.records)
        self.look_up_seconds.add(seconds)
