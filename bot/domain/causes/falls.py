"""How often a port fell, each outage of it once: what its next card says of its past.

An outage of a port lasts from its first alert until none is open there. One that comes back in the same case,
or goes on in another, is the same: ports that flap are counted elsewhere (`flapping.py`). One or two ONUs of
many (`noise`), and what was marked as no outage, are none of the port's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain.case import UNWATCHED, Case
from bot.domain.causes.correlation import noise
from bot.domain.incident import Incident, Port

REMEMBERED = 30
"""Days that a port's outages are counted for."""
KEPT = 99
"""Outages of a port that are remembered: the present one, and those before it."""


@dataclass(frozen=True, slots=True)
class Fall:
    """An outage of a port, and the case that it is (or last was) in.

    It was first seen at `seen`. Of its alerts that are over the first began at `began`; it was over at
    `ended`, and nobody knows when where it was not `watched`. `real`: one of them was an outage of the port.
    """

    case: int
    port: Port
    seen: datetime
    began: datetime | None = None
    ended: datetime | None = None
    watched: bool = True
    real: bool = False

    @property
    def lasted(self) -> timedelta | None:
        """None while it is on, and where nobody knows."""
        if self.ended is None or self.began is None or not self.watched:
            return None
        return max(self.ended - self.began, timedelta())


Falls = Mapping[str, Sequence[Fall]]
"""Of each port, by its key, oldest first."""


@dataclass(frozen=True, slots=True)
class Past:
    """The present outage is the `n`-th within `REMEMBERED` days, or (`more`) a later one.

    `usual` is how long the `known` ones of those before lasted, the median; None where that is of none known.
    `port` is the port of the case that it is about; None where it is all of them.
    """

    n: int
    more: bool = False
    usual: timedelta | None = None
    known: int = 0
    port: Port | None = None


def fell(
    falls: list[Fall], case: int, incident: Incident, at: datetime, since: datetime | None
) -> list[Fall]:
    """An alert is on there: the last outage goes on, or there is one more. Those before `since` leave."""
    last = falls[-1] if falls else None
    if last is not None and (last.case, last.port, last.ended) == (case, incident.port, None):
        return falls
    if last is not None and (last.ended is None or last.case == case):
        return [*falls[:-1], replace(last, case=case, port=incident.port, ended=None)]
    before = [fall for fall in falls if since is None or fall.seen >= since]
    return [*before, Fall(case, incident.port, at)][-KEPT:]


def over(falls: Sequence[Fall], incident: Incident, at: datetime, why: str, *, alone: bool) -> list[Fall]:
    """An alert is over there, `alone`: no other is on. What was no outage of the port is forgotten."""
    last = falls[-1]
    if why != "ignored":
        start = incident.started if incident.start_known else last.seen
        began = start if last.began is None else min(last.began, start)
        last = replace(last, began=began, real=last.real or not noise(incident))
    if not alone:
        return [*falls[:-1], last]
    return [*falls[:-1], replace(last, ended=at, watched=why != UNWATCHED)] if last.real else [*falls[:-1]]


def past(falls: Sequence[Fall], case: int) -> Past | None:
    """What was before the outage of this case; None where it is none there."""
    present = next((fall for fall in reversed(falls) if fall.case == case), None)
    if present is None:
        return None
    since = present.seen - timedelta(days=REMEMBERED)
    before = [fall for fall in falls if since <= fall.seen < present.seen]
    lasted = sorted(fall.lasted for fall in before if fall.lasted is not None)
    usual = (lasted[(len(lasted) - 1) // 2] + lasted[len(lasted) // 2]) / 2 if lasted else None
    return Past(1 + len(before), len(before) == KEPT - 1, usual, len(lasted))


def past_of(case: Case, falls: Falls) -> Past | None:
    """That of the port of the case that fell most often; None where it is the first time for each of them."""
    ports = {incident.port.key: incident.port for incident in case.on if not noise(incident)}
    known = ((port, past(falls.get(key, ()), case.id)) for key, port in ports.items())
    found = [replace(one, port=port) for port, one in known if one is not None]
    worst = max(found, key=lambda one: one.n, default=None)
    if worst is None or worst.n == 1:
        return None
    alike = len(found) == len(case.ports) and all(one.n == worst.n for one in found)
    return replace(worst, port=None) if alike else worst


def lately(falls: Falls, since: datetime) -> Iterator[tuple[Port, int]]:
    """The ports that fell since then, and how often."""
    for of in falls.values():
        if of[-1].seen >= since:
            yield of[-1].port, sum(fall.seen >= since for fall in of)
