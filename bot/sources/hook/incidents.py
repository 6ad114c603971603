"""What stands, as the flow knows it: incidents on ports, and their ONUs."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from bot.domain.causes.told import parts
from bot.domain.customer import WHOLE_PORT, Affected, Link, Onu, WholePort
from bot.domain.incident import NO_PLACE, Incident, Kind, Port
from bot.sources.hook.standing import Standing, is_whole

_LINKS = {Kind.LOS: Link.LOS, Kind.POWER: Link.POWER, Kind.OTHER: Link.OTHER}
_TYPES = {Kind.LOS: "los", Kind.POWER: "power", Kind.OTHER: "other"}


EARLIER = 20  # of those that an outage was before it began anew: the last ones


@dataclass(frozen=True, slots=True)
class Called:
    """What the ids of one sender's incidents, and the keys of its ports, begin with."""

    name: str

    @property
    def ids(self) -> str:
        """`hook:zabbix:`."""
        return f"hook:{self.name}:"

    def id_of(self, key: str, standing: Standing) -> str:
        """An incident's id; what began anew is another one."""
        again = "" if standing.time == 1 else f"~{standing.time}"
        return f"{self.ids}{key}{again}"

    def over(self, key: str, standing: Standing) -> Iterator[str]:
        """The ids that are over of an outage: those that it had before, and the one that it has if it is."""
        end = standing.time + (not standing.on)
        return (self.id_of(key, replace(standing, time=n)) for n in range(max(1, end - EARLIER), end))

    def key_of(self, incident_id: str) -> str:
        """The key of the outage that an id is of."""
        return incident_id.removeprefix(self.ids).partition("~")[0]

    def port(self, standing: Standing) -> Port:
        """Where it is; without slot and PON it is of the whole OLT. No other source has that key."""
        told = standing.told
        known = "-".join(parts(told.olt)) or hashlib.sha256(told.olt.encode()).hexdigest()[:16]
        olt = f"hook/{self.name}/{known}"
        if told.slot is None or told.pon is None:
            return Port(f"{olt}:port:", told.olt, NO_PLACE)
        place = f"{told.slot}/{told.pon}"
        return Port(f"{olt}:{place}", told.olt, place)

    def incident(self, key: str, standing: Standing, *, stale: bool) -> Incident:
        """One outage that is on. Nobody is asked about one of which nothing was heard for long (`stale`)."""
        told, port = standing.told, self.port(standing)
        started = told.started if told.started is not None and told.started <= standing.heard else None
        down = len(told.serials) or None if told.affected is None else told.affected
        total = told.total or None
        if total is not None and total < (down or 1):
            total = None  # no total of anything
        return Incident(
            id=self.id_of(key, standing),
            kind=told.kind if port.placed else Kind.OTHER,
            alert_type=_TYPES[told.kind],
            port=port,
            started=started or standing.opened,
            affected=down,
            total=total,
            start_known=started is not None,
            by_place=started is None,
            stale=stale,
            missing=told.missing,
        )


def affected(standing: Standing) -> Affected:
    """Its ONUs as they were last told of, or that they are all that its port has."""
    link = _LINKS[standing.told.kind] if standing.on else Link.ONLINE
    onus = tuple(Onu(one, None, "", link) for one in standing.told.serials)
    told = standing.told
    whole = WholePort(told.total or 0, link) if standing.on and is_whole(told) else None
    return Affected(onus, over=not standing.on, whole=whole)


def links(those: Iterable[tuple[Standing, bool]], *, olt_down: bool) -> dict[str, Link]:
    """How the ONUs of these are, each with whether it is stale: online where the sender said that it is over.

    Of what is stale nobody knows how it is; nor of what is over while all of its OLT is down: some systems
    close the alert of a port of which they hear nothing more. Where one was of the whole port, all of them
    say it of those who are not named: a serial may have another spelling elsewhere.
    """
    found: dict[str, Link] = {}
    ordered = sorted(those, key=lambda pair: pair[0].on)  # what is on, last
    others = (WHOLE_PORT,) if any(standing.whole for standing, _ in ordered) else ()
    for standing, stale in ordered:
        back = standing.back if standing.on else (*standing.back, *standing.told.serials, *others)
        found |= dict.fromkeys(back, Link.OTHER if stale or olt_down else Link.ONLINE)
        if standing.on:
            link = Link.OTHER if stale else _LINKS[standing.told.kind]
            found |= dict.fromkeys((*standing.told.serials, *others), link)
    return found


def is_of_a_whole_olt(standing: Standing) -> bool:
    """Whether it says that a whole OLT is without light or power."""
    told = standing.told
    return standing.on and told.kind is not Kind.OTHER and (told.slot is None or told.pon is None)
