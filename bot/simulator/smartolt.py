"""SmartOLT's API over a ``World``, with its traps (bot/sources/smartolt/README.md has the facts)."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from bot.simulator.server import PATIENCE, Server, json_response
from bot.simulator.world import Alert, Onu, Port, World

HOUR = 3600.0
UNPAGED = 3  # an hour: the whole list of details without pages
LARGEST_PAGE = 100
AHEAD = timedelta(minutes=30)  # by which the last change of a partial failure lies in the future
DOMINANT = 0.7
_WORDS = {"LOSS": "LOS", "Sem Energia": "Power fail", "Inativo": "Offline"}
_WANTED = {"los": "LOS", "pwrfail": "Power fail", "offline": "Offline", "online": "Online"}
_CAUSES = {"partial_los": "LOS", "los": "LOS", "power": "Power fail", "offline": "Offline"}
_SECTIONS = tuple(_CAUSES)


class SmartOltApi(Server):
    """One account of SmartOLT on loopback.

    Attributes:
        key: The right ``X-Token``.
        limit: Calls within an hour; above it every answer is a 429.
        unannounced: The answers do not say how many calls are left.
        made: When each call of the last hour was made, by the clock that was given.
        most: The most calls within one hour so far, refused ones not counted; total: all of them.
        readings: How often the list of outages was read.
        flat: The list of outages in its old shape.
        one_by_one: It is only given for one OLT at a time.
        foreign: The machine that asks is none of those that the key is bound to.
        unreachable: What ``unreachable_olts`` says; those OLTs have no rows, by id.
        stale: The whole list is said to be days old.
        old: Ports whose rows are: (OLT, slot, PON).
        without_sections: The list comes without them.
        ignores_filters: The list of ONUs is that of the whole OLT.
        disabled: Serials that the ISP has switched off.
        ids_in_names: A name begins with the number that the customer has in the ERP.
    """

    def __init__(self, world: World, key: str = "rok-1", clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.world = world
        self.key = key
        self.limit = 1000
        self.unannounced = False
        self.made: deque[float] = deque()
        self.most = self.total = 0
        self.readings = 0
        self.flat = self.one_by_one = self.foreign = self.stale = False
        self.unreachable: list[Any] = []
        self.old: set[Port] = set()
        self.without_sections = self.ignores_filters = False
        self.disabled: set[str] = set()
        self.ids_in_names = True
        self._clock = clock
        self._unpaged: deque[float] = deque()
        self._reading = asyncio.Event()

    async def until_read(self, times: int, timeout: float = PATIENCE) -> None:  # noqa: ASYNC109
        """Returns once the list of outages was read so often in all; TimeoutError where it is not."""
        async with asyncio.timeout(timeout):
            while self.readings < times:
                await self._reading.wait()

    @property
    def left(self) -> int:
        """Calls that may still be made within this hour."""
        _forget(self.made, self._clock())
        return max(0, self.limit - len(self.made))

    def throttled(self, retry_after: int | str | None) -> web.Response:
        """429 as SmartOLT words it: how long to wait stands in the body alone."""
        wait = {} if retry_after is None else {"retry_after": retry_after}
        body = {"status": False, "response_code": "rate_limit_exceeded", **wait}
        return json_response(body, 429, self._headers())

    async def respond(self, request: web.Request, body: bytes) -> web.Response:  # noqa: ARG002
        """One of the paths of the API; 405 for any other, as there."""
        if not self.left:
            return self.throttled(max(1, int(self.made[0] + HOUR - self._clock())))
        self.made.append(self._clock())
        self.most, self.total = max(self.most, len(self.made)), self.total + 1
        if self.foreign or request.headers.get("X-Token") != self.key:
            return self._failed("Access forbidden" if self.foreign else "Invalid token", 403)
        return self._read(request.path.strip("/").split("/"), dict(request.query))

    def _read(self, path: list[str], query: dict[str, str]) -> web.Response:
        match path:
            case "api", "system", "get_outage_pons", *olt:
                return self._outages(olt[0] if olt else None)
            case "api", "system", "get_olts":
                return self._said(response=[{"id": str(id_), "name": name} for name, id_ in self._olts()])
            case "api", "onu", "get_all_onus_details":
                return self._details(query)
            case "api", "onu", "get_onus_statuses":
                return self._said(response=[self._status(onu) for onu in self._asked_for(query)])
        return self._failed("Unknown method", 405)

    def _said(self, **body: Any) -> web.Response:
        return json_response({"status": True, **body}, 200, self._headers())

    def _failed(self, error: str, status: int = 400) -> web.Response:
        return json_response({"status": False, "error": error}, status, self._headers())

    def _headers(self) -> dict[str, str]:
        if self.unannounced:
            return {}
        return {"X-RateLimit-Limit": str(self.limit), "X-RateLimit-Remaining": str(self.left)}

    def _olts(self) -> list[tuple[str, int]]:
        return sorted({(onu.olt_name, onu.olt_id) for onu in self.world.onus.values()})

    def _outages(self, olt_id: str | None) -> web.Response:
        if olt_id is None and self.one_by_one:
            return self._failed("OLT id is required")
        self.readings += 1
        old, self._reading = self._reading, asyncio.Event()
        old.set()
        rows = [row for row in self._rows() if olt_id is None or row["olt_id"] == olt_id]
        if self.flat:
            flat = [{**row, "cause": _CAUSES[section]} for row in rows for section in [row.pop("section")]]
            return self._said(response=flat)
        by_section: dict[str, list[Any]] = {key: [] for key in _SECTIONS}
        for row in rows:
            by_section[row.pop("section")].append(row)
        sections = [
            {"key": key, "groups": [{"subscribers": sum(map(_size, pons)), "pons": pons}] if pons else []}
            for key, pons in by_section.items()
        ]
        body: dict[str, Any] = {"stale": self.stale, "unreachable_olts": self.unreachable}
        return self._said(response=body if self.without_sections else body | {"sections": sections})

    def _rows(self) -> Iterator[dict[str, Any]]:
        away = {str(_id_in(one)) for one in self.unreachable} | {
            str(id_) for name, id_ in self._olts() if name in self.unreachable
        }
        for port, alert in self._cut_ports().items():
            onus = self.world.ports[port]
            section = _section(onus)
            if section is not None and str(onus[0].olt_id) not in away:
                yield self._row(port, alert, onus, section)

    def _cut_ports(self) -> dict[Port, Alert]:
        """The ports with an open alert, each with its first: here a PON has one row."""
        found: dict[Port, Alert] = {}
        for alert in self.world.alerts.values():
            slot, pon = map(int, alert.slot_pon.split("/")[-2:])
            port = (alert.olt_name, slot, pon)
            if alert.end_date is None and port in self.world.ports:
                found.setdefault(port, alert)
        return found

    def _row(self, port: Port, alert: Alert, onus: list[Onu], section: str) -> dict[str, Any]:
        """Counts are texts, but for the affected ones."""
        olt, board, pon = port
        counts = _counts(onus)
        partial = section == "partial_los"
        started = None if alert.initial_date is None else datetime.fromisoformat(alert.initial_date)
        changed = started + AHEAD if partial and started else started
        return {
            "section": section,
            "olt_id": str(onus[0].olt_id),
            "olt_name": olt,
            "board": str(board),
            "port": str(pon),
            "zone_name": "Centro",
            "odb_name": None,
            "odb_count": "0",
            "total_onus": str(len(onus)),
            "los_count": str(counts["LOS"]),
            "power_count": str(counts["Power fail"]),
            "offline_count": str(counts["Offline"]),
            "affected_onus": counts["LOS"] if partial else None,
            "affected_percent": 100 * counts["LOS"] // len(onus) if partial else None,
            "is_active": "0" if port in self.old else "1",
            "partial_started_at": _written(started) if partial else None,
            "partial_last_seen_at": _written(started) if partial else None,
            "latest_status_change": _written(changed),
            "alert_kind": "partial_los" if partial else "full_outage",
        }

    def _asked_for(self, query: dict[str, str]) -> list[Onu]:
        onus: Iterable[Onu] = self.world.onus.values()
        fields = {"olt_id": "olt_id", "board": "slot", "port": "pon"}
        if self.ignores_filters:
            fields.pop("board")
            fields.pop("port")
        for name, attribute in fields.items():
            if query.get(name):
                onus = [onu for onu in onus if str(getattr(onu, attribute)) == query[name]]
        return list(onus)

    def _details(self, query: dict[str, str]) -> web.Response:
        onus = self._asked_for(query)
        if query.get("status") and not self.ignores_filters:
            wanted = {_WANTED.get(word) for word in query["status"].split(",")}
            onus = [onu for onu in onus if _word(onu) in wanted]
        if query.get("page"):
            page, size = int(query["page"]), min(int(query.get("page_size", LARGEST_PAGE)), LARGEST_PAGE)
            onus = onus[(page - 1) * size : page * size]
        else:
            _forget(self._unpaged, self._clock())
            if len(self._unpaged) >= UNPAGED:
                return self.throttled(int(HOUR))
            self._unpaged.append(self._clock())
        rows = [self._detail(onu, index) for index, onu in enumerate(onus)]
        fields = query.get("fields", "").split(",")
        if fields != [""]:
            rows = [{name: row[name] for name in fields if name in row} for row in rows]
        return self._said(onus=rows)

    def _detail(self, onu: Onu, index: int) -> dict[str, Any]:
        """Every third serial is written in 16 hexadecimal digits."""
        customer = self.world.customers.get(onu.client_id or 0)
        name = customer.name if customer else "ONU"
        serial = onu.serial if index % 3 else onu.serial[:4].encode().hex().upper() + onu.serial[4:]
        return {
            **self._status(onu),
            "sn": serial,
            "unique_external_id": serial,
            "name": f"{onu.client_id} - {name}" if self.ids_in_names and onu.client_id else name,
            "address": "Rua das Flores, 1",
            "odb_name": None,
            "zone_name": "Centro",
            "olt_name": onu.olt_name,
            "administrative_status": "Disabled" if onu.serial in self.disabled else "Enabled",
            "username": "pppoe-user",
            "password": "pppoe-secret",
        }

    def _status(self, onu: Onu) -> dict[str, Any]:
        return {
            "sn": onu.serial,
            "olt_id": str(onu.olt_id),
            "board": str(onu.slot),
            "port": str(onu.pon),
            "onu": str(self.world.ports[onu.olt_name, onu.slot, onu.pon].index(onu) + 1),
            "status": _word(onu),
            "last_status_change": None,
        }


def _word(onu: Onu) -> str:
    return _WORDS.get(onu.status, onu.status)


def _counts(onus: list[Onu]) -> Counter[str]:
    return Counter(_word(onu) for onu in onus)


def _section(onus: list[Onu]) -> str | None:
    """Where a PON stands; nowhere where nothing but a few customers' power failed."""
    counts = _counts(onus)
    if counts["Online"]:
        return "partial_los" if counts["LOS"] else None
    for section in ("los", "power"):
        if counts[_CAUSES[section]] >= DOMINANT * len(onus):
            return section
    return "offline" if counts["Offline"] > len(onus) / 2 else "los"


def _size(row: dict[str, Any]) -> int:
    return int(row["total_onus"])


def _written(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%d %H:%M:%S}"


def _id_in(one: Any) -> Any:
    return one.get("id") if isinstance(one, dict) else one


def _forget(made: deque[float], now: float) -> None:
    while made and now - made[0] >= HOUR:
        made.popleft()
