"""Everybody whom IXC has on a port. Nobody else says who is there, so no row may lead to another place."""

from collections.abc import Mapping
from datetime import date

from bot.directories.adapter import worst_of
from bot.directories.ixc.rows import FIBRE, Row
from bot.directories.ixc.search import Names, Search
from bot.directories.ixc.tables import A_PAGE, Tables
from bot.directories.ixc.way import Way, newest, number
from bot.domain.customer import Contact, Link, Onu
from bot.domain.lookup.serials import normal
from bot.errors import BadAnswer

MOST = 256  # ONUs of one PON


async def on_port(
    tables: Tables, names: Names, olt: str, place: str, today: date
) -> Mapping[str, Contact | None]:
    """By serial; `olt` is its id, `place` the port as it is written there. Raises as `bot.ports.ByPort`."""
    listed = await tables.having(FIBRE, "id_transmissor", olt, ("ponid", place), rows=A_PAGE, whole=True)
    by_serial: dict[str, list[Row]] = {}
    for row in listed:
        if "mac" in row:
            by_serial.setdefault(normal(row["mac"]), []).append(row)
    if len(by_serial) > MOST:
        raise BadAnswer("ignored_filter")
    rows = {serial: max(several, key=number) for serial, several in by_serial.items()}
    here = await _still_here(tables, rows)
    ways = [_way(serial, row) for serial, row in here.items()]
    answer = await Search(tables, names, [], today).followed(ways)
    if answer.error is not None:
        raise answer.error
    return {way.onu.serial: answer.records.get(way.onu.key or "") for way in ways}


async def _still_here(tables: Tables, rows: Mapping[str, Row]) -> dict[str, Row]:
    """Those whose login has no newer row, which would say that it has another ONU, here or elsewhere."""
    logins = {row["id_login"] for row in rows.values() if "id_login" in row}
    found = await tables.having_any(FIBRE, "id_login", logins)
    if found.errors:
        raise worst_of(list(found.errors.values())) or BadAnswer("not_all")
    here = {}
    for serial, row in rows.items():
        last = newest(found.rows.get(row.get("id_login", ""), [row]))
        if last is not None and last["id"] == row["id"]:
            here[serial] = row
    return here


def _way(serial: str, row: Row) -> Way:
    """Without a login it is an ONU of nobody: whether they have another one by now cannot be told."""
    way = Way(Onu(serial, None, "", Link.OTHER, subject=serial))
    if "id_login" in row:
        way.take(FIBRE, row)
    return way
