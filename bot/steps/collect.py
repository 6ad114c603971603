"""Step 1: ask the source what is open, and sort out what the group is asked about."""

from bot.domain.incident import Incident, Kind, Poll
from bot.domain.rules import Rules
from bot.ports import Source

UNREAD = Poll((), frozenset(), complete=False)
"""What a poll that failed brought."""


async def collect(source: Source) -> Poll:
    """One reading of the source. Not repeated: the next poll is the repetition. Raises what it raises."""
    return await source.open_incidents()


def offered(incident: Incident, rules: Rules) -> bool:
    """Whether the group is asked about it: LOS or POWER, no false positive, not too small to care."""
    large_enough = incident.affected is None or incident.affected >= rules.min_affected
    return incident.kind is not Kind.OTHER and not incident.ignored and large_enough
