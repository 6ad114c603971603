"""IXC Provedor as the directory of customers (README.md of this folder)."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import date, tzinfo

from bot.directories.ixc.on_port import on_port
from bot.directories.ixc.rows import CITY, OLT, Row
from bot.directories.ixc.search import Search, plain, ponid
from bot.directories.ixc.tables import Tables
from bot.domain.causes.told import parts
from bot.domain.customer import NO_SERIAL, Answered, Contact, Onu
from bot.domain.incident import Port
from bot.domain.lookup.serials import normal
from bot.errors import BadAnswer, LoginRefused, NotFound, Refused
from bot.ports import Clock

log = logging.getLogger(__name__)

OLTS_FOR = 3600.0  # seconds for which the list of OLTs is good
_NAMED = {"id", "descricao"}
MOST_CITIES = 6000  # names kept; there are 5,570 in the country


class Ixc:
    """`bot.ports.Directory` over one install.

    Args:
        url: `IXC_URL`, without a slash at the end.
        token: `IXC_TOKEN`, the whole `id:token`.
        zone: Whose day it is that a suspension begins and ends.
        clock: For that, and for how long the list of OLTs is good.
    """

    name = "ixc"
    at_once = 500

    def __init__(self, url: str, token: str, *, zone: tzinfo, clock: Clock) -> None:
        self._tables = Tables(url, token)
        self._zone, self._clock = zone, clock
        self._cities: dict[str, str] = {}
        self._olts: Sequence[Row] = ()
        self._olts_until = self._no_olts_until = float("-inf")
        self._reading_olts = asyncio.Lock()

    async def aclose(self) -> None:
        """Close its connections."""
        await self._tables.aclose()

    async def probe(self) -> str:
        """A row of the companies."""
        await self._tables.probe()
        return "it answers"

    def subject(self, onu: Onu) -> str | None:
        """The serial, or else the contract or the customer here that the source knows, never its own."""
        if onu.serial != NO_SERIAL:
            return f"onu {normal(onu.serial)}"
        if onu.contract_id is not None:
            return f"contract {onu.contract_id}"
        return f"customer {onu.external_id}" if onu.external_id is not None else "nobody"

    async def customers(self, onus: Sequence[Onu]) -> Answered:
        """By port, by the ids that are known, by serial who is missing; then their rows in bulk."""
        return await Search(self._tables, self, onus, self._today()).result()

    async def on_port(self, port: Port) -> Mapping[str, Contact | None]:
        """As `bot.ports.ByPort`. An OLT is the one row that has the same name, as people write it."""
        rows, place = await self._olt_rows(), ponid(port)
        ids = {row["id"] for row in rows if parts(row["descricao"]) == parts(port.olt)}
        if place is None or len(ids) != 1 or not parts(port.olt):
            raise NotFound("no_port")
        return await on_port(self._tables, self, ids.pop(), place, self._today())

    async def olts(self) -> Mapping[str, str]:
        """The ids of the OLTs by name; none where their list may not be read. TryLater, AnswerLost."""
        if self._clock.monotonic() < self._no_olts_until:
            return {}
        try:
            rows = await self._olt_rows()
        except LoginRefused:
            raise
        except (Refused, BadAnswer) as error:
            log.warning("IXC: no list of OLTs, so each ONU is asked for: %s", error)
            self._no_olts_until = self._clock.monotonic() + OLTS_FOR
            rows = []
        return {plain(row["descricao"]): row["id"] for row in rows}

    async def _olt_rows(self) -> Sequence[Row]:
        async with self._reading_olts:
            if self._clock.monotonic() >= self._olts_until:
                rows = await self._tables.whole(OLT)
                self._olts = [row for row in rows if row.keys() >= _NAMED]
                self._olts_until = self._clock.monotonic() + OLTS_FOR
            return self._olts

    def _today(self) -> date:
        return self._clock.now().astimezone(self._zone).date()

    async def cities(self, ids: set[str]) -> Mapping[str, str]:
        """Their names by id, as far as they can be had: a message needs none."""
        left = {id_ for id_ in ids if id_ and id_ not in self._cities}
        if left and len(self._cities) < MOST_CITIES:
            found = await self._tables.by_ids(CITY, left)
            self._cities |= {id_: row["nome"] for id_, row in found.rows.items() if "nome" in row}
        return self._cities
