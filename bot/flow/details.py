"""Who is affected, for whoever opens *Detalhes*: one reading serves its pages."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.domain.customer import Found
from bot.domain.incident import Port
from bot.flow.ahead import LookAhead
from bot.flow.policy import Policy
from bot.ports import Clock, Ledger
from bot.steps.compose import count
from bot.steps.decide import find_whole
from bot.steps.enrich import Enricher

KEPT = 120.0  # seconds that a reading serves


@dataclass(slots=True)
class _Reading:
    at: float
    found: "asyncio.Future[Found]"


class Details:
    """One per process."""

    def __init__(
        self, enricher: Enricher, ahead: LookAhead, policy: Policy, ledger: Ledger, clock: Clock
    ) -> None:
        self._enricher, self._ahead, self._policy = enricher, ahead, policy
        self._ledger, self._clock = ledger, clock
        self._readings: dict[int, _Reading] = {}

    async def of(self, number: int) -> Found:
        """A case's customers, looked up now or lately. Raises what the look-up raises, and `Declined`."""
        case = find_whole(self._ledger.book, number)
        now = self._clock.monotonic()
        self._readings = {n: r for n, r in self._readings.items() if now - r.at < KEPT}
        reading = self._readings.get(number)
        if reading is None or (reading.found.done() and reading.found.exception() is not None):
            ids = [incident.id for incident in case.incidents]
            found = asyncio.ensure_future(self._look_up(ids, case.places))
            reading = self._readings[number] = _Reading(now, found)
        return await asyncio.shield(reading.found)

    def drain(self) -> None:
        """Nothing more is read."""
        for reading in self._readings.values():
            reading.found.cancel()

    async def _look_up(self, ids: Sequence[str], places: Mapping[str, Port]) -> Found:
        found = await self._enricher.enrich(ids, self._ahead.records, places)
        await self._policy.observe(count(found.affected.down))
        return found
