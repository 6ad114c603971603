"""Who is on a port all of which is down, where whoever says so names no ONU: a directory may know it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.domain.customer import Affected, Contact, Onu, Service
from bot.domain.incident import Port

log = logging.getLogger(__name__)

FEW, PART = 3, 5
"""So many of the ONUs that are down, or one in so many, may be of nobody whom a directory has."""
_MAY_BE_TOLD = frozenset({Service.ON, Service.BLOCKED})


def to_ask(
    alerts: Mapping[str, Affected], asked: Sequence[str], ports: Mapping[str, Port]
) -> dict[str, Port]:
    """The ports to ask a directory for, by incident id, of alerts that were `asked` for.

    Where another alert of the port names ONUs, says that not all are down, or could not be read, nobody but
    who is named is known to be in it.
    """
    doubted = {ports[id_].key for id_ in asked if id_ in ports and not _is_whole(alerts.get(id_))}
    whole = ((id_, ports[id_]) for id_ in alerts if id_ in ports and alerts[id_].whole is not None)
    return {id_: port for id_, port in whole if port.key not in doubted}


def _is_whole(alert: Affected | None) -> bool:
    return alert is not None and (alert.whole is not None or alert.over)


def told_by(directory: Mapping[str, Contact | None], alert: Affected, port: Port) -> Affected:
    """The alert with the ONUs that a directory has on its port, by serial, each with its record.

    As it is where more people would be told than ONUs are down, as some of them are not in it then; or where
    it has so few that it speaks of another port.
    """
    whole = alert.whole
    if whole is None or not _fits(directory, whole.n):
        log.warning(
            "%s: the directory has %s ONUs there, not those that are down", port.label, len(directory)
        )
        return alert
    keys = {serial: f"{port.key} {serial}" for serial in directory}
    onus = tuple(Onu(serial, None, "", whole.link, port=port, subject=keys[serial]) for serial in directory)
    return replace(alert, onus=onus, records={keys[serial]: one for serial, one in directory.items()})


def _fits(directory: Mapping[str, Contact | None], down: int) -> bool:
    served = sum(one is not None and one.service in _MAY_BE_TOLD for one in directory.values())
    return served <= down <= len(directory) + max(FEW, down // PART)
