"""What is open at each OLT, where an ISP has few of them and asks for it (`METRICS_PER_OLT`)."""

from collections import Counter
from collections.abc import Collection, Iterable

from bot.domain.incident import Incident
from bot.ops.metrics import Family

MOST = 50  # OLTs with series of their own: each label value is one more for as long as Prometheus remembers
OTHER = "other"
"""All OLTs behind those together."""
NAME_AT_MOST = 60  # characters


def by_olt(incidents: Iterable[Incident], olts: Collection[str]) -> tuple[Family, ...]:
    """Of each OLT, of those known by now the first `MOST` by name; one without an outage is there with 0."""
    on = list(incidents)
    shown = sorted({_label(olt) for olt in (*olts, *(one.port.olt for one in on))})[:MOST]
    opened, onus = Counter(dict.fromkeys(shown, 0)), Counter(dict.fromkeys(shown, 0))
    for one in on:
        olt = _label(one.port.olt)
        olt = olt if olt in opened else OTHER
        opened[olt] += 1
        onus[olt] += one.affected or 0
    return (
        _family("noc_olt_incidents_open", "Open incidents, by OLT.", opened),
        _family("noc_olt_onus_affected", "ONUs that they affect, as far as the source counts them.", onus),
    )


def _label(olt: str) -> str:
    return " ".join(olt.split())[:NAME_AT_MOST]


def _family(name: str, tells: str, counted: Counter[str]) -> Family:
    return Family(name, "gauge", tells, {(olt,): counted[olt] for olt in (*counted, OTHER)}, ("olt",))
