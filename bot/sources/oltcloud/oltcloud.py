"""OLT Cloud, as source of outages and as directory of customers (README.md of this folder)."""

import asyncio
import math
import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from bot import upstream
from bot.domain.customer import Affected, Contact, Link
from bot.domain.incident import Incident, Inventory, OddRow, Poll, Port
from bot.errors import AnswerLost, BadAnswer, BotError, LoginRefused, NotFound, Refused
from bot.ports import Clock
from bot.sources.fields import UnreadRow, free_text, identifier
from bot.sources.login import Login, TokenAuth
from bot.sources.oltcloud.pages import MOST_PAGES, PAGE_SIZE, page_of, promised
from bot.sources.oltcloud.ports import OltNames, inventory, links
from bot.sources.oltcloud.rows import affected, incident, is_open, read_of


class OltCloud:
    """`bot.ports.Source` and `bot.ports.Directory` over OLT Cloud's API.

    Args:
        base_url: `API_BASE_URL`, without a slash at the end.
        auth_url: `API_AUTH_URL`.
        user: `API_USER`.
        password: `API_PASS`.
        zone: Of dates without an offset.
        clock: For the login's cool-off, and the start of what names none.
        limit: Connections at one time.
    """

    name = "oltcloud"
    ids = ""
    every: float | None = None
    ahead = True

    def __init__(
        self,
        base_url: str,
        auth_url: str,
        user: str,
        password: str,
        *,
        zone: tzinfo,
        clock: Clock,
        limit: int = 100,
    ) -> None:
        self._base_url = base_url
        self._auth_url = auth_url
        self._credentials = {"username": user, "password": password}
        self._zone = zone
        self._clock = clock
        self._names = OltNames()
        self._auth = TokenAuth(self._log_in, clock)
        self._http = upstream.client(auth=self._auth, limit=limit)

    @property
    def login(self) -> Login:
        """The state of the login, for /status."""
        return self._auth.login

    async def aclose(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def open_incidents(self, within: float = 60.0) -> Poll:
        """Every open incident, by page number until `count` is reached or a page brings nothing new.

        `next` is never followed: its page size changes and the body chooses the address. Only distinct ids
        count: where pages repeat rows or are empty before `count` is reached, something may be missing, so
        the poll is incomplete.
        """
        reading, most = _Reading(self._zone, self._names, self._clock.now()), math.inf
        until = asyncio.get_running_loop().time() + within
        for page in range(1, MOST_PAGES + 1):
            try:
                rows, count = await self._page(page, until)
            except BotError as error:
                if page == 1:
                    raise
                # A page past the end is a 404; it is the end only where nothing more was promised.
                end = isinstance(error, NotFound) and most == math.inf
                return reading.poll(complete=end and reading.apart)
            most = promised(most, count)
            added = reading.add(rows)
            if len(reading.seen) + reading.nameless >= most:
                return reading.poll(complete=True)
            if not added:  # an empty page is the end, where that is not known
                return reading.poll(complete=most == math.inf and not rows and reading.apart)
        return reading.poll(complete=False)

    async def affected(self, incident_id: str) -> Affected:
        """One alert's ONUs as they are now."""
        body = await self._get(f"/api/v2/ftth/alert/{incident_id}", most=upstream.ALERT)
        alert = body.get("alert")
        if not isinstance(alert, dict) or identifier(alert.get("id", incident_id)) != incident_id:
            raise BadAnswer("another_alert")
        found = affected(alert)
        if found is None:
            raise BadAnswer("no_devices")
        return found

    async def inventory(self) -> Inventory:
        """The ports with ONUs, by OLT as its incidents' ports name it; never a part of them."""
        return await inventory(self._get, self._names)

    async def links(self, port: Port) -> Mapping[str, Link]:
        """The ONUs on a port (of a CTO: on its OLT) as they are now; never a part of them."""
        return await links(self._get, port)

    async def customer(self, client_id: str) -> Contact | None:
        """The record with this id and no other."""
        try:
            body = await self._get(f"/api/v2/client/{client_id}", most=upstream.ONE)
        except NotFound:
            return None
        clients = body.get("clients")
        if not isinstance(clients, list):
            raise BadAnswer("no_clients")
        for client in clients:
            if isinstance(client, dict) and identifier(client.get("id")) == client_id:
                return Contact(client_id, free_text(client.get("name")), _phone(client))
        if clients:
            raise BadAnswer("another_client")
        return None

    async def _page(self, page: int, until: float) -> tuple[list[Any], float]:
        params: dict[str, str | int] = {"end_date__isnull": "true", "page": page, "page_size": PAGE_SIZE}
        try:
            async with asyncio.timeout_at(until):
                return page_of(await self._get("/api/v2/ftth/alert/list", params))
        except TimeoutError:
            raise AnswerLost("too_slow") from None

    async def _get(
        self, path: str, params: Mapping[str, str | int] | None = None, *, most: int = upstream.LIST
    ) -> dict[str, Any]:
        url = self._base_url + path
        return _object(await upstream.read(self._http, "GET", url, params=params, most=most))

    async def _log_in(self) -> str:
        try:
            answer = await upstream.read(
                self._http, "POST", self._auth_url, json=self._credentials, login=True, most=upstream.ONE
            )
            token = _object(answer).get("access")
        except NotFound:
            raise LoginRefused("login_not_found") from None
        except Refused as refused:
            raise LoginRefused(str(refused)) from None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise BadAnswer("no_token")
        return token


class _Reading:
    """The rows of all pages, each id once.

    `apart`: no page had new ones among those of another, so none can have slipped through between two.
    """

    def __init__(self, zone: tzinfo, names: OltNames, now: datetime) -> None:
        self._names = names
        self.seen: set[str] = set()
        self.apart = True
        self._zone, self._now = zone, now
        self._incidents: list[Incident] = []
        self._closed: set[str] = set()
        self._skipped: list[OddRow] = []
        self.nameless = 0

    def add(self, rows: list[Any]) -> bool:
        """Whether a row was new."""
        before, named = len(self.seen), 0
        for row in rows:
            alert_id = identifier(row.get("id")) if isinstance(row, dict) else None
            if alert_id is None:
                self.nameless += 1
                self._skipped.append(OddRow("", "id", read_of(row) if isinstance(row, dict) else ""))
                continue
            named += 1
            if alert_id not in self.seen:
                self.seen.add(alert_id)
                self._read(alert_id, row)
        added = len(self.seen) - before
        self.apart = self.apart and added in {0, named}
        return added > 0

    def _read(self, alert_id: str, row: dict[str, Any]) -> None:
        self._names.learn(row)
        if not is_open(row):
            self._closed.add(alert_id)
            return
        try:
            self._incidents.append(incident(alert_id, row, self._zone, self._now))
        except UnreadRow as odd:
            self._skipped.append(OddRow(alert_id, str(odd), read_of(row)))

    def poll(self, *, complete: bool) -> Poll:
        """What was read."""
        present = frozenset(self.seen - self._closed)
        incidents = tuple(map(self._names.labelled, self._incidents))
        closed = frozenset(self._closed)
        return Poll(incidents, present, complete, tuple(self._skipped), self.nameless, closed)


def _object(body: Any) -> dict[str, Any]:
    """The body, an error in an HTTP 200 taken as the error it is."""
    if not isinstance(body, dict):
        raise BadAnswer("no_object")
    if body.get("return") is False:
        raise Refused("return_false")
    return body


def _phone(client: Mapping[str, Any]) -> str:
    """`contact`, then `phone_number`: behind a landline or a flat's number there may be a mobile."""
    texts = [free_text(client.get(field)) for field in ("contact", "phone_number")]
    numbers = {digits: text for text in reversed(texts) if (digits := re.sub("[^0-9]", "", text))}
    return " / ".join(reversed(numbers.values()))
