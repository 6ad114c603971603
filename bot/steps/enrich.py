"""Step 4: read the alert again and look its customers up, many at a time, each once."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from bot.domain.backoff import delay
from bot.domain.customer import Affected, Contact, Found
from bot.domain.rules import Rules
from bot.errors import AnswerLost, BadAnswer, LoginRefused, Refused, TryLater
from bot.ports import Clock, Directory, Source

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Enricher:
    """Who is asked, and how patiently."""

    source: Source
    directory: Directory
    rules: Rules
    clock: Clock
    rng: random.Random

    async def enrich(self, incident_id: str) -> Found:
        """The alert's ONUs as they are now and the records of their customers.

        A record that cannot be had after the retries is counted in `failed`. Raises TryLater, AnswerLost,
        Refused or BadAnswer where the alert itself cannot be read, and LoginRefused wherever that comes: a
        plan made of what happened to be read before would be final.
        """
        affected = await self.read(incident_id)
        waiting = iter(dict.fromkeys(onu.client_id for onu in affected.onus if onu.client_id is not None))
        contacts: dict[str, Contact] = {}
        failed: set[str] = set()
        workers = min(self.rules.look_ups, len(affected.onus))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(self._look_up(waiting, contacts, failed))
        except* LoginRefused as refused:
            raise refused.exceptions[0] from None
        return Found(affected, contacts, frozenset(failed))

    async def read(self, incident_id: str) -> Affected:
        """The alert's ONUs as they are now; raises as `enrich`."""
        return await self._patiently(lambda: self.source.affected(incident_id))

    async def _look_up(self, waiting: Iterator[str], contacts: dict[str, Contact], failed: set[str]) -> None:
        for client_id in waiting:

            async def read(client_id: str = client_id) -> Contact | None:
                return await self.directory.customer(client_id)

            try:
                contact = await self._patiently(read)
            except LoginRefused:
                raise
            except (TryLater, AnswerLost, BadAnswer, Refused):
                failed.add(client_id)
            else:
                if contact is not None:
                    contacts[client_id] = contact

    async def _patiently(self, read: Callable[[], Awaitable[T]]) -> T:
        """What `read` brings, repeated with backoff while the other side is away or throttles."""
        tried = 0
        while True:
            try:
                return await read()
            except (TryLater, AnswerLost) as error:
                tried += 1
                if tried >= self.rules.read_tries:
                    raise
                pause = error.retry_after if isinstance(error, TryLater) else None
                if pause is None:
                    pause = delay(tried, self.rules.read_base, self.rules.read_cap, self.rng.random())
                if pause > self.rules.read_patience:
                    raise
                await self.clock.sleep(pause)
