"""The key of one account, and its hour's budget of calls as every answer tells it (README.md here)."""

from collections.abc import AsyncGenerator

import httpx

from bot.bodies import json_of
from bot.errors import LoginRefused, OutOfCalls, Throttled
from bot.ports import Clock
from bot.sources.fields import COUNT_AT_MOST, count_of
from bot.sources.login import Login

KEPT = 50
"""So many calls of an hour are kept for the polls: what else may wait is not read with the last of them."""
HOUR = 3600.0  # seconds
LONGEST = 2 * HOUR  # nobody is believed to ask for a longer pause


class Calls(httpx.Auth):
    """The key on each request; what the answers say of the budget.

    A refused key raises LoginRefused, a 429 Throttled with the pause that stands in its body.
    """

    def __init__(self, key: str, clock: Clock) -> None:
        self.login = Login()
        self.left: int | None = None
        self._key, self._clock = key, clock
        self._told = float("-inf")
        self._under_way = 0

    def remaining(self) -> int | None:
        """How many the hour still has, as the last answer said; None where that is an hour ago."""
        return self.left if self._clock.monotonic() - self._told < HOUR else None

    def spend(self) -> None:
        """One call that could wait is about to be made. OutOfCalls where the rest of the hour's are kept.

        What was told an hour ago says nothing any more.
        """
        left = self.remaining()
        if left is not None and left - self._under_way <= KEPT:
            raise OutOfCalls("out_of_calls", self._told + HOUR - self._clock.monotonic())

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """The request with the key."""
        request.headers["X-Token"] = self._key
        self._under_way += 1
        try:
            answer = yield request
        finally:
            self._under_way -= 1
        left = count_of(answer.headers.get("X-RateLimit-Remaining"))
        if left is not None:
            self.left, self._told = left, self._clock.monotonic()
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            await answer.aread()
            raise Throttled("throttled", _pause(json_of(answer.content)))
        if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            self.login = Login("refused", self._clock.now())
            raise LoginRefused(f"http_{answer.status_code}")
        self.login = Login("ok", self._clock.now())


def _pause(body: object) -> float | None:
    said = count_of(body.get("retry_after")) if isinstance(body, dict) else None
    return None if said is None else min(LONGEST, float(min(said, COUNT_AT_MOST)))
