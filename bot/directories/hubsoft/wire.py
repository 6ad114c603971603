"""HubSoft's API: one login for all, ten requests at a time, answers checked that they are answers."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot import upstream
from bot.errors import BadAnswer, LoginRefused, NotFound, Refused
from bot.ports import Clock
from bot.sources.login import TokenAuth

IN_FLIGHT = 10  # requests at one time, whoever asks: nobody published how many it bears
TOTAL = 20.0  # seconds for one answer
A_PAGE_WITHIN = 60.0  # the same for a page of a table, which others wait two minutes for
LOGIN = "/oauth/token"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The client and the user who log in together."""

    client_id: str
    client_secret: str
    user: str
    password: str


class Wire:
    """The API of one install.

    Args:
        url: `HUBSOFT_URL`, without a slash at the end.
        credentials: Who logs in.
        clock: Of the login's cool-off.
    """

    def __init__(self, url: str, credentials: Credentials, clock: Clock) -> None:
        self._url, self._credentials = url, credentials
        self._http = upstream.client(auth=TokenAuth(self._log_in, clock), limit=IN_FLIGHT)
        self._free = asyncio.Semaphore(IN_FLIGHT)

    async def aclose(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def rows(
        self, path: str, name: str, query: Mapping[str, str | int], total: float = TOTAL
    ) -> tuple[list[Any], Mapping[str, Any]]:
        """The rows that an answer has by this name, and all of the answer.

        Raises what `upstream.read` raises; LoginRefused also where this user may not read that, Refused where
        the answer says that it is an error, BadAnswer where it has no such rows.
        """
        async with self._free:
            try:
                answer = await upstream.read(
                    self._http,
                    "GET",
                    f"{self._url}/api/v1/integracao/{path}",
                    params=query,
                    headers={"Accept": "application/json"},
                    most=upstream.ALERT,
                    total=total,
                )
            except Refused as error:
                if str(error) == "http_403":
                    raise LoginRefused("http_403") from None
                raise
        if not isinstance(answer, Mapping):
            raise BadAnswer("no_object")
        if answer.get("status") == "error":
            raise Refused("stated_error")
        rows = answer.get(name)
        if not isinstance(rows, list):
            raise BadAnswer("no_rows")
        return rows, answer

    async def _log_in(self) -> str:
        who = self._credentials
        asked = {
            "grant_type": "password",
            "client_id": who.client_id,
            "client_secret": who.client_secret,
            "username": who.user,
            "password": who.password,
        }
        try:
            answer = await upstream.read(
                self._http, "POST", self._url + LOGIN, json=asked, login=True, most=upstream.ONE
            )
        except NotFound:
            raise LoginRefused("login_not_found") from None
        except Refused as refused:
            raise LoginRefused(str(refused)) from None
        token = answer.get("access_token") if isinstance(answer, Mapping) else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
            raise BadAnswer("no_token")
        return token
