"""SmartOLT's ONUs: those of an outage, and how all of a port are (README.md of this folder)."""

import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from bot.domain.customer import NO_SERIAL, Affected, Link, Onu
from bot.domain.incident import Inventory
from bot.errors import BadAnswer, Incomplete
from bot.sources.smartolt import rows
from bot.sources.smartolt.calls import Calls

PAGE = 100  # rows, the most that it gives
MOST_PAGES = 60  # of an OLT where the filter by port is not known: ends a list that never does
DETAILS, STATUSES = "/onu/get_all_onus_details", "/onu/get_onus_statuses"
FIELDS = (
    "unique_external_id,sn,name,address,olt_id,board,port,onu,odb_name,zone_name,status,"
    "administrative_status,last_status_change"
)
DOWN = frozenset({Link.LOS, Link.POWER})

Get = Callable[[str, Mapping[str, str | int] | None], Awaitable[dict[str, Any]]]
"""The body of a path with these parameters; raises as `bot.ports.Source` says."""
Where = tuple[str, str, str]
"""An OLT's id, board and port."""


class Onus:
    """What is read of ONUs, none of it with the last calls of an hour."""

    def __init__(self, get: Get, calls: Calls, name_id: re.Pattern[str] | None) -> None:
        self._get, self._calls, self._name_id = get, calls, name_id

    async def affected(self, where: Where, *, listed: bool) -> Affected:
        """Those of a port that are down, or all of them where the port is not listed any more.

        Never those that the ISP has switched off itself. Incomplete where the list has holes.
        """
        found = [row for row in await self._details(where, listed=listed) if not rows.is_disabled(row)]
        onus: dict[str | int, Onu] = {}
        for row in found:
            one = rows.onu(row, self._name_id)
            if not listed or one.link in DOWN:
                onus.setdefault(len(onus) if one.serial == NO_SERIAL else one.serial, one)
        down = any(onu.link is not Link.ONLINE for onu in onus.values())
        return Affected(tuple(onus.values()), over=not listed and not down)

    async def links(self, where: Where) -> Mapping[str, Link]:
        """The status of every ONU on a port, by serial; of two rows that contradict each other OTHER."""
        found: dict[str, Link] = {}
        for row in await self._statuses(_params(where)):
            serial, link = rows.serial_of(row), rows.link_of(row)
            if serial != NO_SERIAL and rows.place_of(row) == where:
                found[serial] = link if found.get(serial, link) is link else Link.OTHER
        return found

    async def inventory(self, label: Callable[[str], str]) -> Inventory:
        """The places with ONUs, by what their OLT is called."""
        places: defaultdict[str, set[str]] = defaultdict(set)
        for row in await self._statuses(None):
            where = rows.place_of(row)
            if where is not None:
                places[label(where[0])].add("/".join(where[1:]))
        return {olt: frozenset(of) for olt, of in places.items()}

    async def _statuses(self, params: Mapping[str, str | int] | None) -> list[Mapping[str, Any]]:
        self._calls.spend()
        body = await self._get(STATUSES, params)
        found = body.get("response", body.get("onus"))
        if not isinstance(found, list):
            raise BadAnswer("no_rows")
        return [row for row in found if isinstance(row, Mapping)]

    async def _details(self, where: Where, *, listed: bool) -> list[Mapping[str, Any]]:
        """The rows of a port, page by page to the end: where the filter is not known, those of its OLT."""
        wanted: dict[str, str | int] = {**_params(where), "fields": FIELDS, "page_size": PAGE}
        if listed:
            wanted["status"] = "los,pwrfail"
        here: list[Mapping[str, Any]] = []
        seen: set[str] = set()
        for page in range(1, MOST_PAGES + 1):
            self._calls.spend()
            found = (await self._get(DETAILS, {**wanted, "page": page})).get("onus")
            if not isinstance(found, list) or not all(isinstance(row, Mapping) for row in found):
                raise BadAnswer("no_rows")
            here += [row for row in found if rows.place_of(row) == where]
            if len(found) < PAGE:
                return here
            before = len(seen)
            seen.update(rows.serial_of(row) for row in found)
            if len(seen) == before:  # the same page again
                break
        raise Incomplete("fewer_rows")


def _params(where: Where) -> dict[str, str | int]:
    return dict(zip(("olt_id", "board", "port"), where, strict=True))
