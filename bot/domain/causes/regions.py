"""Several NOCs: what falls is grouped region by region, and what is of one cause in several is told of each.

An outage over two regions is two cases, each as it would be if there were no other region. That they are one
cause is found by grouping everything once more as if there were no regions: it decides nothing but a link.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bot.domain.causes.correlation import Group, Waiting, group
from bot.domain.incident import Incident, Inventory
from bot.domain.rules import Rules


def grouped(
    new: Sequence[Incident], known: Sequence[Waiting], inventory: Inventory, rules: Rules, now: datetime
) -> list[Group]:
    """As `correlation.group`, each region by itself."""
    if not rules.regions:
        return group(new, known, inventory, rules, now)
    here: dict[str, list[Incident]] = defaultdict(list)
    for incident in new:
        here[rules.region_of(incident.port.olt)].append(incident)
    found = [
        replace(one, region=region)
        for region, incidents in here.items()
        for one in group(incidents, [w for w in known if w.region == region], inventory, rules, now)
    ]
    return sorted(found, key=lambda one: (one.incidents[0].started, one.incidents[0].id))


def beside(
    new: Sequence[Incident],
    known: Sequence[Waiting],
    inventory: Inventory,
    rules: Rules,
    now: datetime,
    *,
    placed: Mapping[str, tuple[int, str]],
) -> dict[int, set[int]]:
    """The cases that are of one cause with cases of other regions, by number: which those are.

    `placed` is the case, and its region, that each incident (by id) goes to; one that waits goes to none.
    """
    found: dict[int, set[int]] = defaultdict(set)
    if not rules.regions or not placed:
        return found
    regions = {case.number: case.region for case in known} | dict(placed.values())
    for one in group(new, known, inventory, rules, now):
        numbers = {placed[incident.id][0] for incident in one.incidents if incident.id in placed}
        numbers |= {number for number in (one.joins, one.follows) if number is not None}
        for number in numbers:
            found[number] |= {other for other in numbers if regions[other] != regions[number]}
    return found
