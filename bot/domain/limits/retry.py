"""When a send that did not get through is tried again: how long to wait, and when to stop trying.

The circuit breaker is the gateway's: after a run of failures nothing more leaves until a trial succeeds.
"""

from dataclasses import dataclass


def delay(tried: int, base: float, cap: float, spread: float) -> float:
    """Seconds before try number `tried` + 1: doubling from `base`, at most `cap`, and jittered.

    `spread` is a random number in [0, 1): the wait lies between half of it and the whole.
    """
    return min(cap, base * 2.0 ** (tried - 1)) * (0.5 + spread / 2)


@dataclass(slots=True)
class Breaker:
    """Open after `after` sends in a row that brought no answer, or none that says what became of them.

    `error` is the last one's code, `unread` whether that was an answer that says nothing.
    """

    after: int = 5
    failures: int = 0
    error: str = ""
    unread: bool = False

    @property
    def open(self) -> bool:
        """Whether only a trial, one message at a time, may leave."""
        return self.failures >= self.after

    def heard(self, error: str | None, *, unread: bool = False) -> None:
        """One more send is over: with an answer (`error` None), without one after all tries, or `unread`."""
        self.failures = 0 if error is None else self.failures + 1
        self.error, self.unread = error or "", unread
