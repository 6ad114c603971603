"""One login for all: the token of an API, renewed once for everybody who finds it dead."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import httpx

from bot.errors import BotError, LoginRefused, TryLater
from bot.ports import Clock

FIRST_COOL_OFF = 60.0  # seconds
LONGEST_COOL_OFF = 900.0


@dataclass(frozen=True, slots=True)
class Login:
    """For /status: never logged in, ok since `at`, or refused and not tried again until `at` (UTC)."""

    state: Literal["never", "ok", "refused"] = "never"
    at: datetime | None = None


class TokenAuth(httpx.Auth):
    """Bearer token; on a 401 one login, shared by all who wait, and one replay with the newest token.

    Whoever comes back with a 401 for a token that was replaced meanwhile only replays: where a login kills
    older tokens, logging in again would kill the newest for everybody else.

    After a refused login, or a new token that is refused too, no login is tried for a minute, then two, up
    to 15: calls raise LoginRefused at once.

    Args:
        login: Logs in and gives the new token; raises LoginRefused, or what `upstream.read` raises.
        clock: Where the cool-off is measured.
    """

    def __init__(self, login: Callable[[], Awaitable[str]], clock: Clock) -> None:
        self.login = Login()
        self._log_in = login
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: str | None = None
        self._attempts = 0
        self._failure: BotError | None = None
        self._cool_off = FIRST_COOL_OFF
        self._refused_until = float("-inf")

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """The request with the token, and once more with a newer one after a 401."""
        token = self._token or await self._newer_than(None)
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code != httpx.codes.UNAUTHORIZED:
            self._cool_off = FIRST_COOL_OFF
            return
        await response.aread()  # gives its connection back, which the login may need
        token = await self._newer_than(token)
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise self._new_token_refused(token)

    def _new_token_refused(self, token: str) -> BotError:
        if self._token not in {None, token}:
            return TryLater("token_replaced")  # somebody else has a newer one by now
        if self._token == token:
            self._refuse()
        return LoginRefused("token_refused")

    async def _newer_than(self, stale: str | None) -> str:
        """A token other than `stale`; those who waited while a login failed share its failure."""
        attempts = self._attempts
        async with self._lock:
            if self._token is not None and self._token != stale:
                return self._token
            if self._failure is not None and self._attempts != attempts:
                raise self._failure
            if self._clock.monotonic() < self._refused_until:
                raise LoginRefused("cool_off")
            return await self._renew()

    async def _renew(self) -> str:
        self._token = None
        try:
            token = await self._log_in()
        except BotError as error:
            self._attempts += 1
            self._failure = error
            if isinstance(error, LoginRefused):
                self._refuse()
            raise
        self._attempts += 1
        self._failure = None
        self._token = token
        self.login = Login("ok", self._clock.now())
        return token

    def _refuse(self) -> None:
        self._token = None
        self._refused_until = self._clock.monotonic() + self._cool_off
        self.login = Login("refused", self._clock.now() + timedelta(seconds=self._cool_off))
        self._cool_off = min(2 * self._cool_off, LONGEST_COOL_OFF)
