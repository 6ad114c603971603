"""What SmartOLT's rows mean (README.md of this folder): pure translation into the domain's words."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any

from bot.domain.customer import NO_SERIAL, Link, Onu
from bot.domain.incident import Incident, Kind, Port
from bot.errors import BadAnswer
from bot.sources.fields import (
    ID_AT_MOST,
    WORD_AT_MOST,
    UnreadRow,
    count_of,
    free_text,
    identifier,
    moment,
    plain,
    text_of,
    word_of,
)

DOMINANCE = 0.7
_SECTIONS = {"partial_los": Kind.LOS, "los": Kind.LOS, "power": Kind.POWER, "offline": Kind.OTHER}
_CAUSES = {"los": "los", "power fail": "power", "power": "power", "offline": "offline"}
_LINKS = {"online": Link.ONLINE, "los": Link.LOS, "power fail": Link.POWER}
_HEX_SERIAL = re.compile(r"(?:[0-9A-F]{2}){8}")
_LETTERS = re.compile(r"[A-Z]{4}")


@dataclass(frozen=True, slots=True)
class Account:
    """One account: what the ids of its incidents and the keys of its ports begin with."""

    name: str

    @property
    def ids(self) -> str:
        """`smartolt:isp:`."""
        return f"smartolt:{self.name}:"

    def olt(self, olt_id: str) -> str:
        """How the ids of an OLT's incidents begin."""
        return f"{self.ids}{olt_id}:"

    def port(self, olt_id: str, olt: str, board: str, pon: str) -> Port:
        """A PON; no source but this account has that key."""
        return Port(f"smartolt/{self.name}/{olt_id}:{board}/{pon}", olt, f"{board}/{pon}")

    def at(self, incident_id: str) -> tuple[str, str, str] | None:
        """The OLT's id, board and port that an incident's id says; None where it is none of this account."""
        rest = incident_id.removeprefix(self.ids).split(":")
        return (rest[0], rest[1], rest[2]) if incident_id.startswith(self.ids) and len(rest) == 3 else None  # noqa: PLR2004

    def where(self, port: Port) -> tuple[str, str, str] | None:
        """The same by a port's key."""
        olt, _, place = port.key.removeprefix(f"smartolt/{self.name}/").partition(":")
        board, slash, pon = place.partition("/")
        return (olt, board, pon) if port.key.startswith(f"smartolt/{self.name}/") and slash else None


def pons(answer: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every row of the list of outages with its section, in either shape; BadAnswer where it has neither."""
    found = answer.get("response")
    if isinstance(found, list):
        for row in found:
            cause = _CAUSES.get(plain(word_of(row.get("cause"))), "") if isinstance(row, Mapping) else ""
            yield cause, row
        return
    sections = found.get("sections") if isinstance(found, Mapping) else None
    if not isinstance(sections, list):
        raise BadAnswer("no_sections")
    for section in sections:
        groups = section.get("groups") if isinstance(section, Mapping) else None
        if not isinstance(groups, list):
            raise BadAnswer("no_sections")
        for group in groups:
            rows = group.get("pons") if isinstance(group, Mapping) else None
            if not isinstance(rows, list):
                raise BadAnswer("no_sections")
            for row in rows:
                yield word_of(section.get("key")), row


def place_of(row: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """The OLT's id, board and port of a row; None where one of them cannot be read."""
    olt_id, board, pon = identifier(row.get("olt_id")), count_of(row.get("board")), count_of(row.get("port"))
    return None if olt_id is None or board is None or pon is None else (olt_id, str(board), str(pon))


def olt_of(row: Mapping[str, Any], olt_id: str) -> str:
    """What people call the OLT of a row."""
    return text_of(row.get("olt_name")) or f"OLT {olt_id}"


def olts(found: list[Any]) -> Iterator[tuple[str, str]]:
    """The ids and names in the list of OLTs."""
    for row in found:
        olt_id = identifier(row.get("id", row.get("olt_id"))) if isinstance(row, Mapping) else None
        if olt_id is not None:
            yield olt_id, text_of(row.get("name", row.get("olt_name"))) or f"OLT {olt_id}"


def unnamed(found: list[Any]) -> tuple[str, ...]:
    """What the rows are called whose id cannot be read, as far as that can be: nobody can ask for them."""
    named = (isinstance(row, Mapping) and identifier(row.get("id", row.get("olt_id"))) for row in found)
    return tuple(_called(row) for row, olt_id in zip(found, named, strict=True) if not olt_id)


def labelled(incident: Incident, label: Callable[[str], str]) -> Incident:
    """The same on a port that reads unlike that of any other OLT."""
    olt = label(incident.port.olt_key.rpartition("/")[2])
    return incident if olt == incident.port.olt else replace(incident, port=replace(incident.port, olt=olt))


def incident(account: Account, section: str, row: Mapping[str, Any], zone: tzinfo, now: datetime) -> Incident:
    """One PON of the list, read `now`; its dates are local to `zone`. Raises UnreadRow.

    What is days old is listed and not offered.
    """
    where = place_of(row)
    if where is None:
        raise UnreadRow("id")
    if section not in _SECTIONS:
        raise UnreadRow("alert_type")
    total = count_of(row.get("total_onus")) or None
    affected = _affected(section, row, total)
    if total is not None and total < (affected or 1):
        total = None  # no total of anything
    started = _started(section, row, zone, now)
    kind = Kind.OTHER if _is_old(row) else _kind(section, row)
    return Incident(
        id=account.ids + ":".join(where),
        kind=kind,
        alert_type=f"old_{section}" if _is_old(row) else section,
        port=account.port(where[0], olt_of(row, where[0]), *where[1:]),
        started=started or now,
        affected=affected,
        total=total,
        start_known=started is not None,
        by_place=True,
    )


def _affected(section: str, row: Mapping[str, Any], total: int | None) -> int | None:
    """A full outage names none: it is all of them."""
    said = count_of(row.get("affected_onus"))
    if said is None and section == "partial_los":
        return count_of(row.get("los_count"))
    return total if said is None else said


def _kind(section: str, row: Mapping[str, Any]) -> Kind:
    """By its section, unless seven of ten say another: a section has one word for what may be mixed."""
    of_section = _SECTIONS[section]
    if of_section is Kind.OTHER:
        return Kind.OTHER
    los, power = count_of(row.get("los_count")) or 0, count_of(row.get("power_count")) or 0
    for kind, count in ((Kind.LOS, los), (Kind.POWER, power)):
        if count and count >= DOMINANCE * (los + power):
            return kind
    return of_section


def _started(section: str, row: Mapping[str, Any], zone: tzinfo, now: datetime) -> datetime | None:
    """None where it is not told: the last change of a partial failure lies half an hour ahead."""
    field = "partial_started_at" if section == "partial_los" else "latest_status_change"
    at = moment(row.get(field), zone)
    return at if at is not None and at <= now else None


def _is_old(row: Mapping[str, Any]) -> bool:
    stale = str(row.get("stale")).lower() in {"true", "1"}
    return stale or str(row.get("is_active", 1)).lower() in {"0", "false"}


def onu(row: Mapping[str, Any], name_id: re.Pattern[str] | None) -> Onu:
    """One ONU. Of its customer no more is known than the number that `name_id` finds in its name."""
    name = free_text(row.get("name"))
    found = name_id.search(name) if name_id is not None else None
    external = None if found is None else identifier(found[1])
    return Onu(serial_of(row), None, name, link_of(row), external_id=external)


def link_of(row: Mapping[str, Any]) -> Link:
    """What its status word says."""
    return _LINKS.get(plain(word_of(row.get("status"))), Link.OTHER)


def is_disabled(row: Mapping[str, Any]) -> bool:
    """Whether the ISP has switched it off: its customer is not told of an outage."""
    return plain(word_of(row.get("administrative_status"))) == "disabled"


def serial_of(row: Mapping[str, Any]) -> str:
    """The serial as others write it: four letters and eight digits, whichever way it came; else as it is."""
    text = re.sub("[^0-9A-Za-z]", "", free_text(row.get("sn")))[:ID_AT_MOST].upper()
    if _HEX_SERIAL.fullmatch(text):
        vendor = bytes.fromhex(text[:8]).decode("latin-1")
        if _LETTERS.fullmatch(vendor):
            return vendor + text[8:]
    return text or NO_SERIAL


def read_of(row: Any) -> str:
    """What can be read of an odd row, for whoever has to look it up."""
    if not isinstance(row, Mapping):
        return ""
    fields = ("olt_name", "board", "port", "alert_kind", "latest_status_change")
    return ", ".join(text for field in fields if (text := free_text(row.get(field))[:WORD_AT_MOST]))


def unreachable(
    answer: Mapping[str, Any], names: Mapping[str, str]
) -> tuple[frozenset[str], tuple[str, ...]]:
    """The ids of the OLTs that it says were not reached, and those entries that are none that is known.

    They come as ids, names or objects; `names` are those of the OLTs by id. A name that two have is both;
    what is the id of one and the name of another, too.
    """
    found = answer.get("response")
    said = found.get("unreachable_olts") if isinstance(found, Mapping) else None
    entries = said if isinstance(said, list) else [said] if said else []
    meant = [(entry, _olts_meant(entry, names)) for entry in entries]
    strange = tuple(_called(entry) for entry, ids in meant if not ids)
    return frozenset(olt_id for _, ids in meant for olt_id in ids), strange


def _called(entry: Any) -> str:
    said = entry.get("olt_name", entry.get("name")) if isinstance(entry, Mapping) else entry
    return free_text(said)[:WORD_AT_MOST] or "?"


def _olts_meant(entry: Any, names: Mapping[str, str]) -> set[str]:
    if isinstance(entry, Mapping):
        olt_id = identifier(entry.get("olt_id", entry.get("id")))
        if olt_id is not None:
            return {olt_id}
        entry = entry.get("olt_name", entry.get("name"))
    text = free_text(entry)
    called = {olt_id for olt_id, name in names.items() if text and plain(name) == plain(text)}
    is_id = text in names or (text.isdecimal() and identifier(text) and not called)
    return called | {text} if is_id else called


def is_stale(answer: Mapping[str, Any]) -> bool:
    """Whether the whole list is said to be days old."""
    found = answer.get("response")
    return isinstance(found, Mapping) and str(found.get("stale")).lower() in {"true", "1"}
