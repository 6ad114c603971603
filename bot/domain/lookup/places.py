"""Where the customers of an outage are, as counts: where a crew drives to, and nobody's address."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

MOST = 5  # places that are remembered; a card shows fewer
NAME_AT_MOST = 60  # characters


@dataclass(frozen=True, slots=True)
class Area:
    """A district or a CTO, with how many ONUs there are down; `city` of a district, empty where not known."""

    name: str
    n: int
    city: str = ""


@dataclass(frozen=True, slots=True)
class Where:
    """The places with the most ONUs down, those first; `others` districts have the `rest`."""

    districts: tuple[Area, ...] = ()
    ctos: tuple[Area, ...] = ()
    others: int = 0
    rest: int = 0


NOWHERE = Where()
"""Nothing is known of it."""


def counted(places: Iterable[tuple[str, str, str]]) -> Where:
    """The district, the city and the CTO of each ONU that is down, counted; empty ones are not known.

    One spelling stands for a district: case and doubled spaces are nobody's border.
    """
    districts: Counter[tuple[str, str]] = Counter()
    ctos: Counter[str] = Counter()
    said: dict[tuple[str, str], tuple[str, str]] = {}
    for (district, city, cto), n in Counter(places).items():  # thousands of ONUs are in a few places
        if cto:
            ctos[cto[:NAME_AT_MOST]] += n
        if district:
            key = _plain(district), _plain(city)
            said.setdefault(key, (_neat(district), _neat(city)))
            districts[key] += n
    found = districts.most_common()
    top, rest = found[:MOST], found[MOST:]
    return Where(
        tuple(Area(said[key][0], n, said[key][1]) for key, n in top),
        tuple(Area(cto, n) for cto, n in ctos.most_common(MOST)),
        len(rest),
        sum(n for _, n in rest),
    )


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())[:NAME_AT_MOST]


def _neat(name: str) -> str:
    """As it is read on a card: what is written in capitals throughout is not shouted."""
    text = " ".join(name.split())[:NAME_AT_MOST]
    return text.title() if text.isupper() and len(text) > len("CPA") else text
