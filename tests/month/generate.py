"""A month of outages from a seed, with what is true about it."""

import random
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain

from tests.month.network import network
from tests.month.outages import HOUR, Outages
from tests.month.truth import DAY, DAYS, Alert, Month, Scenario

NOISE_A_DAY, LONE_A_DAY = 150, 20  # about five of the one and two of the other are on at one time
SITES_FROM = 3  # days: one whole site in fewer would be most of what happens
BIG = {Scenario.CUT, Scenario.SLOT, Scenario.OLT, Scenario.POWER}
COINCIDE = 0.2  # of big outages have another within two minutes


def generate(seed: int, days: int = DAYS) -> Month:
    """The month of this seed, always the same. `days` shortens it; a day has as much of everything."""
    rng = random.Random(seed)  # noqa: S311 - a month to be lived again
    outages = Outages(network(rng), rng)
    for happens, a_month in (
        (outages.noise, NOISE_A_DAY * DAYS),
        (outages.lone, LONE_A_DAY * DAYS),
        (outages.cut, 15),
        (outages.slot, 3),
        (outages.olt, 2),
        (outages.power, 12),
        (outages.storm, 2),
        (outages.flap, 12),
        *(((outages.pop, 1), (outages.ring, 2)) if days >= SITES_FROM else ()),
    ):
        for _ in range(max(1, round(a_month * days / DAYS))):
            happens(rng.uniform(0, days * DAY))
    for _ in range(max(1, round(8 * days / DAYS))):
        outages.planned(rng.randrange(days) * DAY + rng.uniform(1, 4) * HOUR)
    for cause in [c for c in outages.causes.values() if c.scenario in BIG]:
        if rng.random() < COINCIDE:
            _another(outages, cause.start + rng.uniform(-120, 120), rng)
    causes = outages.causes
    alerts = [
        replace(a, incident=replace(a.incident, id=str(100_000 + n)))
        for n, a in enumerate(_listed(outages.alerts))
    ]
    ends: dict[int, float] = {}
    for alert in alerts:
        ends[alert.cause] = max(alert.closes, ends.get(alert.cause, 0.0))
    told = {number: replace(causes[number], end=end) for number, end in ends.items()}
    return Month(seed, outages.network, told, {alert.id: alert for alert in alerts})


def _another(outages: Outages, at: float, rng: random.Random) -> None:
    olt = rng.choice(sorted(outages.network.cables))
    match rng.choice(["cut", "power", "lone"]):
        case "cut":
            outages.cut(at, olt=olt)
        case "power":
            outages.power(at, olts=2, olt=olt)
        case _:
            outages.lone(at, olt=olt)


def _listed(alerts: Iterable[Alert]) -> list[Alert]:
    """As an OLT manager lists them: one open alert of a kind on a port, the larger one staying."""
    listed: dict[tuple[str, str, str | None], list[Alert]] = {}
    for alert in sorted(alerts, key=_order):
        key = (alert.incident.port.key, alert.incident.alert_type, alert.incident.cto)
        before = listed.setdefault(key, [])
        if before and before[-1].closes > alert.opens:
            if len(before[-1].drops) >= len(alert.drops):
                continue
            smaller = before.pop()
            if smaller.opens < alert.opens - 1:
                before.append(replace(smaller, closes=alert.opens - 1))
        before.append(alert)
    return sorted(chain.from_iterable(listed.values()), key=_order)


def _order(alert: Alert) -> tuple[float, str]:
    return alert.opens, alert.incident.port.key
