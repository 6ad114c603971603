"""OLT Cloud's ports: what OLTs are called, which ports they have and how the ONUs on one are."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot.domain.customer import Link
from bot.domain.incident import Incident, Inventory, Port
from bot.sources.fields import count_of, free_text, identifier, plain
from bot.sources.oltcloud.pages import Get, every_row
from bot.sources.oltcloud.rows import link_of, olt_of, olt_part, place_of

_PLACE = re.compile(r"([0-9]+)/([0-9]+)")


class OltNames:
    """What OLTs are called. Two with one name read `CB 01 (#3)` and `CB 01 (#7)`, by their ids.

    A clash that was seen once stays for the life of the process, also while only one of the two is in alarm:
    a label that comes and goes would be two OLTs to whoever reads it.
    """

    def __init__(self) -> None:
        self._ids: dict[str, set[str]] = {}

    def learn(self, row: Mapping[str, Any]) -> None:
        """A row of the API says which OLT has which name."""
        olt_id, olt = olt_of(row)
        if olt_id:
            self._ids.setdefault(olt, set()).add(olt_id)

    def label(self, olt_id: str | None, olt: str) -> str:
        """What people read. An OLT without an id has its name."""
        ids = self._ids.get(olt, ())
        return f"{olt} (#{olt_id})" if len(ids) > 1 and olt_id in ids else olt

    def labelled(self, incident: Incident) -> Incident:
        """The same on a port that reads unlike that of any other OLT."""
        port = incident.port
        label = self.label(port.olt_key, port.olt)
        return incident if label == port.olt else replace(incident, port=replace(port, olt=label))


async def inventory(get: Get, names: OltNames) -> Inventory:
    """The ports with ONUs, by OLT as its incidents' ports name it.

    Where the API's rows name an OLT without its id and two have that name, neither can be told from the
    other: their ports stand together under the bare name, which no incident of the two has.
    """
    rows = [row for row in await every_row(get, "/api/v2/ftth/pons", {}) if isinstance(row, dict)]
    for row in rows:
        names.learn(row)
    ports: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        olt, place = names.label(*olt_of(row)), _place(row)
        if olt and place and (count_of(row.get("onu_count")) or 0) > 0:
            ports[olt].add(place)
    return {olt: frozenset(places) for olt, places in ports.items()}


async def links(get: Get, port: Port) -> Mapping[str, Link]:
    """The status of every ONU on a port as it is now, by serial.

    A port of a CTO has no slot and PON, and the API's ONUs no CTO: its whole OLT is read, and the ONUs of
    the CTO are among them. A serial with two rows that contradict each other is OTHER: surely neither.
    """
    where = _Where.of(port)
    found: dict[str, Link] = {}
    for row in await every_row(get, "/api/v2/ftth/equipment/list", where.params):
        serial = free_text(row.get("serial_number")) if isinstance(row, dict) else ""
        if serial and where.has(row):
            link = link_of(row.get("status"))
            found[serial] = link if found.get(serial, link) is link else Link.OTHER
    return found


@dataclass(frozen=True, slots=True)
class _Where:
    """What a port's key says: the OLT's id, None where the API gave none; the place, None for a CTO."""

    olt_id: str | None
    olt: str
    place: str | None

    @classmethod
    def of(cls, port: Port) -> "_Where":
        names = (olt_part(None, port.olt), port.olt)  # the bare name: a key of before `:` was replaced in it
        name = next((name for name in names if port.key.startswith(f"{name}:")), None)
        rest = port.key.partition(":")[2] if name is None else port.key.removeprefix(f"{name}:")
        place = _PLACE.fullmatch(rest)
        return cls(port.olt_key if name is None else None, port.olt, place[0] if place else None)

    @property
    def params(self) -> dict[str, str | int]:
        slot, _, pon = (self.place or "").partition("/")
        wanted = {"olt_id": self.olt_id, "slot": slot, "pon": pon}
        return {name: value for name, value in wanted.items() if value}

    def has(self, row: Mapping[str, Any]) -> bool:
        """Whether a row is of this place: a server may not know the filter. A row may lack the OLT's id."""
        if self.place and _place(row) != self.place:
            return False
        if self.olt_id:
            return identifier(row.get("olt_id")) in {None, self.olt_id}
        return plain(free_text(row.get("olt"))) == plain(self.olt)


def _place(row: Mapping[str, Any]) -> str | None:
    """As `Port.place` is written, from a slot and a PON in any spelling."""
    return place_of(f"{row.get('slot')}/{row.get('pon')}")
