"""Where the customers of an outage are: `📍 Jardim América 18 · Centro 7 (Goiânia) · CTO 12 8`."""

from collections.abc import Sequence

from markupsafe import Markup

from bot.chat.screens.fitting import SEPARATOR
from bot.chat.screens.words import Words
from bot.domain.case import Case
from bot.domain.lookup.places import Area, Where
from bot.domain.plan import Tally

_DISTRICTS, _CTOS = 3, 1


def places(case: Case, expected: Tally | None, words: Words) -> list[Markup]:
    """One line, by what was looked up ahead or by the plan; none where no directory says so."""
    planned = case.dispatch.tally() if case.dispatch is not None else None
    known = [tally.where for tally in (expected, planned) if tally is not None]
    found = next((where for where in known if where.districts or where.ctos), None)
    return [] if found is None else [words.say("card.where", where=SEPARATOR.join(_parts(found, words)))]


def _parts(where: Where, words: Words) -> list[Markup]:
    """The districts with the most, how many there are elsewhere, and the CTO with the most."""
    top, others = where.districts[:_DISTRICTS], where.districts[_DISTRICTS:]
    cities = {area.city for area in where.districts}
    parts = [_part(area, words, named=len(cities) > 1) for area in top]
    city = next(iter(cities), "")
    if parts and len(cities) == 1 and city:
        parts[-1] += Markup(" ({})").format(city)
    rest = where.rest + sum(area.n for area in others)
    if rest:
        parts.append(words.say("card.where_rest", n=rest, others=where.others + len(others)))
    return parts + [_part(area, words, named=False) for area in _ctos(where.ctos)]


def _ctos(ctos: Sequence[Area]) -> Sequence[Area]:
    """Those worth a look: one with more than a single ONU."""
    return [cto for cto in ctos[:_CTOS] if cto.n > 1]


def _part(area: Area, words: Words, *, named: bool) -> Markup:
    name = f"{area.name} ({area.city})" if named and area.city else area.name
    return words.say("card.where_part", name=name, n=area.n)
