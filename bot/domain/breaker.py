"""The circuit breaker of a gateway: after a run of failures nothing more leaves until a trial succeeds."""

from dataclasses import dataclass


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
