"""The OLT-management API, as OLT Cloud answers, over a ``World``."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from bot.simulator.server import PATIENCE, Server, json_response
from bot.simulator.world import Alert, Onu, World

DEFAULT_PAGE_SIZE = 100


class OltApi(Server):
    """OLT Cloud on loopback.

    Attributes:
        logins: Logins that gave a token.
        failed_logins: Logins that were refused.
        lookups: Customers found, by client id.
        readings: How often the list of alerts was read, first pages only.
        next_followed: Requests that followed the list's ``next`` (nobody should).
        login_kills_older: A login ends the life of all tokens before it.
        token_seconds: Life of a token.
        refuse_login: None; "401"; or any other text, which is the error of an HTTP 200 refusal.
        empty_instead_of_404: An unknown client id gives an empty list instead of a 404.
        raw_rows: Appended to the alert list as they are.
        raw_pons: Appended to the list of ports as they are.
        raw_equipment: Appended to the list of ONUs as they are, whatever was asked for.
        ignores_filters: The list of ONUs is that of the whole network, whatever was asked for.
    """

    def __init__(
        self,
        world: World,
        user: str = "noc",
        password: str = "secret",  # noqa: S107 - of a pretend service
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.world = world
        self.user, self.password = user, password
        self.logins = 0
        self.failed_logins = 0
        self.lookups: Counter[int] = Counter()
        self.readings = 0
        self.next_followed = 0
        self.login_kills_older = False
        self.token_seconds = 3 * 3600.0
        self.refuse_login: str | None = None
        self.empty_instead_of_404 = False
        self.raw_rows: list[Any] = []
        self.raw_pons: list[Any] = []
        self.raw_equipment: list[Any] = []
        self.ignores_filters = False
        self._clock = clock
        self._reading = asyncio.Event()
        self._tokens: dict[str, float] = {}
        self._left: int | None = None

    async def until_read(self, times: int, timeout: float = PATIENCE) -> None:  # noqa: ASYNC109
        """Returns once the list of alerts was read so often in all; TimeoutError where it is not."""
        async with asyncio.timeout(timeout):
            while self.readings < times:
                await self._reading.wait()

    def expire_tokens(self) -> None:
        """Every token given so far is dead."""
        self._tokens.clear()

    def expire_after(self, n: int) -> None:
        """After ``n`` more authorised requests every token given until then is dead, once."""
        self._left = n

    def throttled(self, retry_after: int | str | None) -> web.Response:
        """429 as Django REST framework words it."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return json_response({"detail": "Pedido foi limitado."}, 429, headers)

    async def respond(self, request: web.Request, body: bytes) -> web.Response:
        """One of the paths of the contract; 404 for any other."""
        path = request.path.rstrip("/")
        if path == "/api/token":
            return self._login(request.method, body)
        if not self._authorised(request.headers.get("Authorization", "")):
            error = {"detail": "Given token not valid for any token type", "code": "token_not_valid"}
            return json_response(error, 401)
        if request.method != "GET":
            return json_response({"detail": f'Método "{request.method}" não é permitido.'}, 405)
        try:
            return self._read(path, dict(request.query))
        except ValueError:
            return json_response({"detail": "Parâmetro inválido."}, 400)

    def _read(self, path: str, query: dict[str, str]) -> web.Response:
        head, _, last = path.rpartition("/")
        match head, last:
            case "/api/v2/ftth/alert", "list":
                return self._alerts(query)
            case "/api/v2/ftth/alert", _:
                return self._alert(last)
            case "/api/v2/client", _:
                return self._client(last)
            case "/api/v2/ftth", "pons":
                return self._pons()
            case "/api/v2/ftth/equipment", "list":
                return self._equipment(query)
        return _not_found()

    def _login(self, method: str, body: bytes) -> web.Response:
        if method != "POST":
            return json_response({"detail": f'Método "{method}" não é permitido.'}, 405)
        try:
            given = json.loads(body)
        except ValueError:
            return json_response({"detail": "JSON parse error"}, 400)
        right = given == {"username": self.user, "password": self.password}
        if self.refuse_login not in {None, "401"}:
            self.failed_logins += 1
            return json_response({"return": False, "error": self.refuse_login})
        if self.refuse_login == "401" or not right:
            self.failed_logins += 1
            return json_response({"detail": "No active account found with the given credentials"}, 401)
        self.logins += 1
        if self.login_kills_older:
            self._tokens.clear()
        token = f"eyJhbGciOiJIUzI1NiJ9.{self.logins:08}.signature"
        self._tokens[token] = self._clock() + self.token_seconds
        return json_response({"access": token, "refresh": f"{token}.refresh"})

    def _authorised(self, header: str) -> bool:
        scheme, _, token = header.partition(" ")
        if scheme != "Bearer" or self._tokens.get(token, float("-inf")) <= self._clock():
            return False
        if self._left is None:
            return True
        if self._left == 0:
            self._left = None
            self.expire_tokens()
            return False
        self._left -= 1
        return True

    def _alerts(self, query: dict[str, str]) -> web.Response:
        if query.pop("from_next", None):
            self.next_followed += 1
        page, size = int(query.get("page", 1)), int(query.get("page_size", DEFAULT_PAGE_SIZE))
        if page == 1:
            self.readings += 1
            old, self._reading = self._reading, asyncio.Event()
            old.set()
        only_open = query.get("end_date__isnull", "").lower() == "true"
        alerts = [a for a in self.world.alerts.values() if not only_open or a.end_date is None]
        rows = [*map(_row, alerts), *self.raw_rows]
        shown = rows[(page - 1) * size : page * size] if page > 0 and size > 0 else []
        url = None
        if page * size < len(rows):
            # The trap of the contract: from page 3 on `next` has another page size, so rows repeat.
            size = size if page == 1 else max(1, size // 2)
            following = {**query, "page": page + 1, "page_size": size, "from_next": 1}
            url = f"{self.url}/api/v2/ftth/alert/list?{urlencode(following)}"
        return json_response({"count": len(rows), "next": url, "results": shown})

    def _alert(self, text: str) -> web.Response:
        alert = self.world.alerts.get(int(text))
        if alert is None:
            return _not_found()
        keys = ("id", "alert_type", "olt_name", "slot_pon", "initial_date")
        devices = [self._device(onu, index) for index, onu in enumerate(alert.onus)]
        row = _row(alert)
        return json_response({"alert": {**{key: row[key] for key in keys}, "affected_devices": devices}})

    def _device(self, onu: Onu, index: int) -> dict[str, Any]:
        """The client id stands on the device, inside ``onu_device``, or on both, in turn."""
        customer = self.world.customers.get(onu.client_id or 0)
        inner = {
            "client_id": None if index % 3 == 1 else onu.client_id,
            "sn_onu": onu.serial,
            "client_name": customer.name if customer else None,
            "status": onu.status,
        }
        return {"client_id": None if index % 3 == 2 else onu.client_id, "onu_device": inner}  # noqa: PLR2004

    def _client(self, text: str) -> web.Response:
        customer = self.world.customers.get(int(text))
        if customer is None:
            return json_response({"clients": []}) if self.empty_instead_of_404 else _not_found()
        self.lookups[customer.id] += 1
        return json_response({"clients": [vars(customer)]})

    def _pons(self) -> web.Response:
        """Not in pages and without a count. Every other row has its numbers as text."""

        def port(onu: Onu) -> tuple[str, int, int, int]:
            return onu.olt_name, onu.olt_id, onu.slot, onu.pon

        groups = groupby(sorted(self.world.onus.values(), key=port), port)
        results = [
            _as_text({"olt_name": olt, "slot": slot, "pon": pon, "onu_count": len(list(onus))}, index)
            for index, ((olt, _, slot, pon), onus) in enumerate(groups)
        ]
        return json_response({"results": [*results, *self.raw_pons]})

    def _equipment(self, query: dict[str, str]) -> web.Response:
        page, size = int(query.get("page", 1)), int(query.get("page_size", DEFAULT_PAGE_SIZE))
        filters = () if self.ignores_filters else ("olt_id", "slot", "pon")
        wanted = {key: int(query[key]) for key in filters if query.get(key)}
        onus = [
            onu
            for onu in self.world.onus.values()
            if all(getattr(onu, key) == value for key, value in wanted.items())
        ]
        rows = [
            *(_as_text(_equipment_row(onu), index) for index, onu in enumerate(onus)),
            *self.raw_equipment,
        ]
        return json_response({"count": len(rows), "results": rows[(page - 1) * size : page * size]})


def _equipment_row(onu: Onu) -> dict[str, Any]:
    return {
        "serial_number": onu.serial,
        "status": onu.status,
        "olt": onu.olt_name,
        "olt_id": onu.olt_id,
        "slot": onu.slot,
        "pon": onu.pon,
        "client_id": onu.client_id,
        "external_client_id": onu.client_id,
        "external_client_contract_id": onu.client_id,
    }


def _as_text(row: dict[str, Any], index: int) -> dict[str, Any]:
    """Every other row as some tenants write it: numbers as text, slot and PON with a zero in front."""
    if index % 2 == 0:
        return row
    text = {key: str(value) if isinstance(value, int) else value for key, value in row.items()}
    return {**text, "slot": f"{row['slot']:02}", "pon": f"{row['pon']:02}"}


def _row(alert: Alert) -> dict[str, Any]:
    return {key: value for key, value in vars(alert).items() if key != "onus"}


def _not_found() -> web.Response:
    return json_response({"detail": "Não encontrado."}, 404)
