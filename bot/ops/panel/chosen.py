"""What a visitor wants to see of the past, as it stands in an address: read, and written again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode

from bot.chat.screens.words import Words, clean
from bot.domain.figures.case import Decision
from bot.domain.figures.past import Which
from bot.domain.incident import Kind
from bot.domain.regional import Whose
from bot.domain.rules import Rules

_LONGEST = 100  # characters of a text
_MOST_DAYS = 3660
_YEARS = 2000, 2200
_DIGITS = 15  # of an id
OTHERS = "-"
"""In an address: what is of no region."""
_DEFAULTS = Rules()
E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Local days from `first` to `last`, None where all are meant, and what else cases are chosen by: those
    of one NOC are `whose`, as it stands in the address.

    What an address says otherwise than a form would is as if it did not say it.
    """

    first: date | None = None
    last: date | None = None
    olt: str = ""
    kind: Kind | None = None
    decision: Decision | None = None
    who: int | None = None
    text: str = ""
    page: int = 0
    whose: Whose | None = None
    region: str = ""
    given: Mapping[str, str] = field(default_factory=dict)

    def which(self, words: Words, before: datetime | None = None) -> Which:
        """The cases that are meant; of those opened before a time, where one is given."""
        first = None if self.first is None else words.day(self.first)[0]
        end = None if self.last is None else words.day(self.last)[1]
        ends = [at for at in (end, before) if at is not None]
        before = min(ends, default=None)
        return Which(first, before, self.olt, self.kind, self.decision, self.who, self.text, self.whose)

    def query(self, **changes: object) -> str:
        """The same as an address says it, but for what is to be otherwise (None: not said)."""
        said = {**self.given, **changes}
        return urlencode({name: str(value) for name, value in said.items() if value not in {None, ""}})


def regions(rules: Rules) -> tuple[str, ...]:
    """What a region is chosen by, where there are several NOCs: each, and `OTHERS`."""
    return (*rules.regions, OTHERS) if rules.regions else ()


def chosen_region(query: Mapping[str, str], rules: Rules) -> str:
    """The region that an address names, empty where it names none that there is."""
    found = query.get("region", "")
    return found if found in regions(rules) else ""


def whose_of(region: str, rules: Rules) -> Whose | None:
    """Whose cases are meant by that; None: all."""
    return Whose(frozenset({"" if region == OTHERS else region}), rules) if region else None


def chosen(
    query: Mapping[str, str], today: date, rules: Rules = _DEFAULTS, days: int | None = None
) -> Chosen:
    """What an address says. Without a day in it: the last `days`, or (None) all."""
    region = chosen_region(query, rules)
    first, last = _day(query.get("from")), _day(query.get("to"))
    if days is not None:
        last = min(last or today, today)
        first = first or last - timedelta(days=days - 1)
        first = max(min(first, last), last - timedelta(days=_MOST_DAYS))
    names = ("from", "to", "olt", "kind", "decision", "who", "q", *(("region",) if region else ()))
    return Chosen(
        first,
        last,
        clean(query.get("olt", ""))[:_LONGEST],
        _one(Kind, query.get("kind")),
        _one(Decision, query.get("decision")),
        number(query.get("who")),
        clean(query.get("q", ""))[:_LONGEST],
        number(query.get("page")) or 0,
        whose_of(region, rules),
        region,
        {name: query[name][:_LONGEST] for name in names if query.get(name)},
    )


def number(text: str | None) -> int | None:
    """A number that is none of other digits, and fits a database; None for any other text."""
    if text is None or not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        return None
    return int(text)


def _day(text: str | None) -> date | None:
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return None
    return day if _YEARS[0] <= day.year < _YEARS[1] else None


def _one(family: type[E], text: str | None) -> E | None:
    return next((one for one in family if one.value == text), None)
