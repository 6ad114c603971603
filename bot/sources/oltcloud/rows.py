"""What OLT Cloud's rows mean (README.md of this folder): pure translation into the domain's words."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Any

from bot.domain.customer import Affected, Link, Onu
from bot.domain.incident import NO_PLACE, Incident, Kind, Port
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

_SLOT_PON = re.compile(r"([0-9]{1,6})\s*[/-]\s*([0-9]{1,6})\s*$")
_IN_WORDS = re.compile(
    r"(?:slot|placa|board)\W*([0-9]{1,6})\W+(?:g?pon|porta?)\W*([0-9]{1,6})\s*$", re.IGNORECASE
)
_ONU = re.compile(r"\s*:\s*[0-9]+\s*$")  # `6/15:3` is the third ONU of 6/15
_LINKS = {
    "online": Link.ONLINE,
    "loss": Link.LOS,
    "los": Link.LOS,
    "sem energia": Link.POWER,
    "power fail": Link.POWER,
}
NO_SERIAL = "?"


def is_open(row: Mapping[str, Any]) -> bool:
    """No end, and not known to affect nobody."""
    return not row.get("end_date") and count_of(row.get("active_devices_count")) != 0


def incident(alert_id: str, row: Mapping[str, Any], zone: tzinfo, now: datetime) -> Incident:
    """One row of the list, read `now`; dates without an offset are local to `zone`. Raises UnreadRow."""
    alert_type = word_of(row.get("alert_type"))
    if not alert_type:
        raise UnreadRow("alert_type")
    started = moment(row.get("initial_date"), zone)
    affected, total = count_of(row.get("active_devices_count")), count_of(row.get("total_devices_count"))
    if total is not None and total < (affected or 1):
        total = None  # no total of anything
    return Incident(
        id=alert_id,
        kind=_kind(alert_type),
        alert_type=alert_type,
        port=_port(alert_id, row, alert_type),
        started=started or now,
        affected=affected,
        total=total,
        cto=text_of(row.get("cto_name")) or None,
        ignored=str(row.get("ignored")).lower() in {"true", "1"},
        start_known=started is not None,
    )


def read_of(row: Mapping[str, Any]) -> str:
    """What can be read of an odd row, for whoever has to look it up."""
    fields = ("olt_name", "slot_pon", "cto_name", "alert_type", "initial_date")
    return ", ".join(text for field in fields if (text := free_text(row.get(field))[:WORD_AT_MOST]))


def affected(alert: Mapping[str, Any]) -> Affected | None:
    """The detail's ONUs, each once; None where it has no list of devices although it is not over.

    A device that cannot be read counts as an ONU without a serial, so that the sum stays right.
    """
    over = not is_open(alert)
    devices = alert.get("affected_devices")
    if not isinstance(devices, list):
        return Affected((), over=True) if over else None
    return Affected(tuple(_each_once(map(_onu, devices))), over)


def _each_once(onus: Iterable[Onu]) -> Iterable[Onu]:
    seen: set[tuple[str, str | None]] = set()
    for onu in onus:
        key = (onu.serial, onu.client_id)
        if onu.serial == NO_SERIAL or key not in seen:
            seen.add(key)
            yield onu


def _onu(device: Any) -> Onu:
    outer = device if isinstance(device, dict) else {}  # asking for any mapping takes thrice as long
    inner = outer.get("onu_device")
    if not isinstance(inner, dict):
        inner = {}
    return Onu(
        serial=text_of(inner.get("sn_onu"))[:ID_AT_MOST] or NO_SERIAL,
        client_id=identifier(outer.get("client_id")) or identifier(inner.get("client_id")),
        name=text_of(inner.get("client_name")),
        link=link_of(inner.get("status")),
    )


def _kind(alert_type: str) -> Kind:
    if alert_type.endswith("_loss"):
        return Kind.LOS
    return Kind.POWER if alert_type.endswith("no_power") else Kind.OTHER


def olt_of(row: Mapping[str, Any]) -> tuple[str | None, str]:
    """An OLT's id, None where there is none, and its name, `OLT 3` where only the id is known."""
    olt_id, name = identifier(row.get("olt_id")), text_of(row.get("olt_name"))
    return olt_id, name or (f"OLT {olt_id}" if olt_id else "")


def olt_part(olt_id: str | None, olt: str) -> str:
    """The OLT's part of a port's key, which ends at the first `:`. Names without one are as they are."""
    return olt_id or olt.replace(":", "%3A")


def place_of(text: str) -> str | None:
    """`6/15` from the last two parts of a text, so that one port has one spelling; None where it has none."""
    slot_pon = _SLOT_PON.search(text) or _IN_WORDS.search(text) or _SLOT_PON.search(_ONU.sub("", text))
    return "/".join(part.lstrip("0") or "0" for part in slot_pon.groups()) if slot_pon else None


def link_of(status: Any) -> Link:
    """What a status word says, without case or accents."""
    short = isinstance(status, str) and len(status) <= WORD_AT_MOST
    return _link_of(status if short else word_of(status))


@lru_cache(maxsize=64)  # a few words, and each ONU of a large outage has one
def _link_of(word: str) -> Link:
    return _LINKS.get(plain(word_of(word)), Link.OTHER)


def _port(alert_id: str, row: Mapping[str, Any], alert_type: str) -> Port:
    olt_id, olt = olt_of(row)
    if not olt:
        raise UnreadRow("olt")
    olt_key = olt_part(olt_id, olt)
    written = free_text(row.get("slot_pon"))[:WORD_AT_MOST]
    place = place_of(written)
    if place:
        return Port(f"{olt_key}:{place}", olt, place)
    cto_id, cto = identifier(row.get("cto_id")), text_of(row.get("cto_name"))
    if alert_type.startswith("cto_") and (cto_id or cto):
        return Port(f"{olt_key}:cto:{cto_id or cto}", olt, cto or f"CTO {cto_id}")
    if written:
        return Port(f"{olt_key}:port:{written}", olt, written)
    return Port(f"{olt_key}:port:#{alert_id}", olt, NO_PLACE)  # no two of them rest for each other's sends
