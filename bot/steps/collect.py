"""Step 1: ask the source what is open, and sort out what the group is asked about."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping

from bot.domain.customer import Affected
from bot.domain.incident import Incident, Kind, Poll
from bot.domain.rules import Rules
from bot.errors import AnswerLost, BadAnswer, LoginRefused, NotFound, Refused, TryLater
from bot.ports import Polled, Source

UNREAD = Poll((), frozenset(), complete=False)
"""What a poll that failed brought."""
GRACE = 1.0  # seconds for a source to tell what it has so far
AT_ONCE = 10  # alerts that are read by themselves at one time


async def collect(source: Polled, *, within: float) -> Poll:
    """One reading of the source, within so many seconds.

    Not repeated: the next poll is the repetition. Raises what it raises, AnswerLost where it never ends.
    """
    try:
        async with asyncio.timeout(within + GRACE):
            return await source.open_incidents(within)
    except TimeoutError:
        raise AnswerLost("too_slow") from None


async def read_alone(source: Source, ids: Iterable[str], *, within: float) -> Mapping[str, Affected]:
    """What these alerts say that could be read within so many seconds; one that is not there is over.

    Not repeated, as `collect`. A source that is away, throttles or refuses the login is asked no more.
    """
    found: dict[str, Affected] = {}
    waiting = list(ids)[::-1]

    async def work() -> None:
        while waiting:
            id_ = waiting.pop()
            try:
                found[id_] = await source.affected(id_)
            except NotFound:
                found[id_] = Affected((), over=True)
            except (TryLater, LoginRefused):
                waiting.clear()
            except (AnswerLost, Refused, BadAnswer):
                continue

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within), asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(waiting))):
                group.create_task(work())
    return found


def offered(incident: Incident, rules: Rules) -> bool:
    """Whether the group is asked about it: LOS or POWER, no false positive, not too small, not stale."""
    rules = rules.of(rules.region_of(incident.port.olt))
    large_enough = incident.affected is None or incident.affected >= rules.min_affected
    no_news = incident.ignored or incident.stale
    return incident.kind is not Kind.OTHER and not no_news and large_enough
