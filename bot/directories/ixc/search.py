"""One question to IXC about many ONUs: each step asks for all of them together."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol

from bot.directories.adapter import worst_of
from bot.directories.ixc.rows import (
    CONTRACT,
    CUSTOMER,
    FIBRE,
    LOGIN,
    Known,
    Row,
    contact,
    of_several,
    service_of,
)
from bot.directories.ixc.tables import A_PAGE, FAILURES, Rows, Tables
from bot.directories.ixc.way import SERIALS, Way, newest
from bot.domain.customer import Answered, Contact, Onu, Service
from bot.domain.incident import Port
from bot.domain.lookup.serials import normal, spellings
from bot.errors import BadAnswer, BotError, LoginRefused, Refused

A_PORT_FROM = 3  # ONUs on a port from which all of the port is asked for


class Names(Protocol):
    """What is remembered of an install from one question to the next."""

    async def olts(self) -> Mapping[str, str]:
        """The ids of the OLTs by name. TryLater, AnswerLost, LoginRefused."""

    async def cities(self, ids: set[str]) -> Mapping[str, str]:
        """The names of the cities by id, as far as they can be had."""


class Search:
    """One question. `result` may be asked for once."""

    def __init__(self, tables: Tables, names: Names, onus: Sequence[Onu], today: date) -> None:
        self._tables, self._names, self._today = tables, names, today
        self._ways = [Way(onu) for onu in onus]

    async def result(self) -> Answered:
        """What was found of each, by `Onu.key`."""
        await self._by_port()
        self._by_known_ids()
        await asyncio.gather(*(self._by_serial(way) for way in self._ways if way.open))
        doubted, _ = await asyncio.gather(self._elsewhere_by_now(), self._follow(self._ways))
        known = await self._known(self._ways)
        late = [way for way in self._ways if way.may_have_moved]
        late = [way for way in late if way in doubted or self._has_ended(known.get(way))]
        await asyncio.gather(*map(self._once_more, late))
        anew = [way for way in late if not way.followed]
        await self._follow(anew)
        for way in anew:
            known.pop(way, None)
        known |= await self._known(anew)
        return await self._answered(self._ways, known)

    async def followed(self, ways: Sequence[Way]) -> Answered:
        """The same of ways whose rows are known, and are not doubted."""
        await self._follow(ways)
        return await self._answered(ways, await self._known(ways))

    async def _answered(self, ways: Sequence[Way], known: Mapping[Way, Known]) -> Answered:
        cities = await self._names.cities({one.city for one in known.values()})
        records: dict[str, Contact | None] = {}
        for way in ways:
            if way.error is None and way.onu.key is not None:
                one = known.get(way)
                records[way.onu.key] = None if one is None else contact(one, cities, self._today)
        return Answered(records, worst_of([way.error for way in ways if way.error is not None]))

    async def _known(self, ways: Sequence[Way]) -> dict[Way, Known]:
        """The rows of those who lead to a customer."""
        customers = await self._rows(CUSTOMER, [(way, way.customer_id) for way in ways])
        return {
            way: Known(way.fibre, way.login, way.contract, customers[way.customer_id])
            for way in ways
            if way.error is None and way.customer_id in customers
        }

    def _has_ended(self, known: Known | None) -> bool:
        """Whether a row led to who has no contract any more, or to nobody: the ONU may be another's now."""
        if known is None or not known.contract:
            return True
        return service_of(known, self._today)[0] is Service.ENDED

    async def _by_port(self) -> None:
        """All ONUs of a port with one request; who is not among them is asked for on their own."""
        ports: dict[str, list[Way]] = {}
        for way in self._ways:
            if way.onu.port is not None and way.by_serial:
                ports.setdefault(way.onu.port.key, []).append(way)
        ports = {key: ways for key, ways in ports.items() if len(ways) >= A_PORT_FROM}
        if not ports:
            return
        try:
            olts = await self._names.olts()
        except FAILURES as error:
            self._fail(self._ways, error)
            return
        await asyncio.gather(*(self._one_port(ways, olts) for ways in ports.values()))

    async def _one_port(self, ways: Sequence[Way], olts: Mapping[str, str]) -> None:
        port = ways[0].onu.port
        place = None if port is None else ponid(port)
        olt = None if port is None else olts.get(plain(port.olt))
        if place is None or olt is None:
            return
        try:
            rows = await self._tables.having(FIBRE, "id_transmissor", olt, ("ponid", place), rows=A_PAGE)
        except LoginRefused as error:
            self._fail(ways, error)
            return
        except (Refused, BadAnswer):
            return  # the table is asked in another way then
        except FAILURES as error:
            self._fail(ways, error)
            return
        by_serial: dict[str, list[Row]] = {}
        for row in rows:
            by_serial.setdefault(normal(row.get("mac", "")), []).append(row)
        for way in ways:
            if (last := newest(by_serial.get(normal(way.onu.serial), ()))) is not None:
                way.take(FIBRE, last)

    def _by_known_ids(self) -> None:
        """What the source knows of an ERP's contract stands for what is not found here by port."""
        for way in self._ways:
            if way.open and way.onu.contract_id is not None:
                way.fibre = {"id_contrato": way.onu.contract_id}

    async def _by_serial(self, way: Way) -> None:
        """One spelling after the other, in both tables, until one is known; then whom the source knows."""
        try:
            for table, name in SERIALS if way.by_serial else ():
                rows: list[Row] = []
                for spelling in spellings(way.onu.serial):
                    rows += await self._having(table, name, spelling)
                    if row := newest(rows):
                        way.take(table, row)
                    if way.found:
                        return
        except FAILURES as error:
            way.error = error
            return
        way.customer_id = way.onu.external_id or ""

    async def _having(self, table: str, name: str, serial: str) -> list[Row]:
        return await self._tables.having(table, name, serial, same=_same)

    async def _elsewhere_by_now(self) -> set[Way]:
        """Those of a port or spelling whose login has another ONU by now: theirs was handed on, maybe."""
        asked = [way for way in self._ways if way.may_have_moved and way.at == FIBRE]
        asked = [way for way in asked if "id_login" in way.fibre]
        found = await self._tables.having_any(FIBRE, "id_login", [way.fibre["id_login"] for way in asked])
        doubted = set()
        for way in asked:
            login = way.fibre["id_login"]
            way.error = way.error or found.errors.get(login)
            row = newest([row for row in found.rows.get(login, ()) if "mac" in row])
            if row is not None and not _same(row["mac"], way.onu.serial):
                doubted.add(way)
        return doubted

    async def _once_more(self, way: Way) -> None:
        """All rows of its serial, in all spellings: the newest of them holds."""
        try:
            for table, name in SERIALS if way.at == FIBRE else SERIALS[1:]:
                asked = (
                    self._tables.having(table, name, one, same=_same) for one in spellings(way.onu.serial)
                )
                rows = [row for rows in await asyncio.gather(*asked) for row in rows]
                row = newest([{"id": way.row}, *rows] if table == way.at else rows)
                if row is not None and row["id"] != way.row:
                    way.begin_anew()
                    way.take(table, row)
                if way.found:
                    return
        except FAILURES as error:
            way.error = error
            return
        way.customer_id = way.onu.external_id or ""

    async def _follow(self, ways: Sequence[Way]) -> None:
        """From the rows of the fibre table to logins and contracts, and to whose they are."""
        for way in ways:
            way.followed = True
        going = [way for way in ways if way.goes_on and not way.customer_id]
        logins, contracts = await asyncio.gather(
            self._rows(LOGIN, [(way, way.fibre.get("id_login", "")) for way in going]),
            self._rows(CONTRACT, [(way, way.fibre.get("id_contrato", "")) for way in going]),
        )
        for way in going:
            way.login = logins.get(way.fibre.get("id_login", ""), {})
            way.judge_by(contracts.get(way.fibre.get("id_contrato", ""), {}))
        late = [way for way in going if not way.contract and "id_contrato" in way.login]
        late = [way for way in late if way.login["id_contrato"] != way.fibre.get("id_contrato")]
        contracts = await self._rows(CONTRACT, [(way, way.login["id_contrato"]) for way in late])
        for way in late:
            way.judge_by(contracts.get(way.login["id_contrato"], {}))
        for way in going:
            way.customer_id = way.login.get("id_cliente", "") or way.contract.get("id_cliente", "")
        await self._contracts_of([way for way in ways if way.customer_id and not way.contract])

    async def _contracts_of(self, ways: Sequence[Way]) -> None:
        """By which contract they are judged of whom only the customer is known."""
        asked = [way for way in ways if way.error is None]
        found = await self._tables.having_any(CONTRACT, "id_cliente", [way.customer_id for way in asked])
        for way in asked:
            way.error = way.error or found.errors.get(way.customer_id)
            if several := found.rows.get(way.customer_id):
                way.contract = of_several(several, self._today)

    async def _rows(self, table: str, wanted: Sequence[tuple[Way, str]]) -> dict[str, Row]:
        """The rows that they lead to, by id; whoever's cannot be had goes no further."""
        asked = [(way, id_) for way, id_ in wanted if id_ and way.error is None]
        found: Rows = await self._tables.by_ids(table, [id_ for _, id_ in asked])
        for way, id_ in asked:
            way.error = way.error or found.errors.get(id_)  # two tables are asked about it at one time
        return found.rows

    @staticmethod
    def _fail(ways: Sequence[Way], error: BotError) -> None:
        for way in ways:
            way.error = error


def plain(olt: str) -> str:
    """An OLT's name as it is compared: case and doubled spaces make no other."""
    return " ".join(olt.casefold().split())


def ponid(port: Port) -> str | None:
    """How a port is written here: frame, slot, PON. None where its place is no slot and PON."""
    parts = port.place.split("/")
    if len(parts) not in {2, 3} or not all(part.isdecimal() for part in parts):
        return None
    return "/".join(["0", *parts][-3:])


def _same(one: str, other: str) -> bool:
    return normal(one) == normal(other)
