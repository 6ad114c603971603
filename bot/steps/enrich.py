"""Step 4: read the alerts again and look their customers up, many at a time, each once."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bot.domain.customer import Affected, Contact, Found, Link, together
from bot.domain.incident import Port
from bot.domain.limits.retry import delay
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

    async def enrich(self, incident_ids: Sequence[str]) -> Found:
        """The ONUs of these alerts as they are now, each once, and the records of their customers.

        A record that cannot be had after the retries is counted in `failed`, an alert in `unread`. Raises
        TryLater, AnswerLost, Refused or BadAnswer where no alert can be read, and LoginRefused wherever that
        comes: a plan made of what happened to be read before would be final.
        """
        affected, unread = await self.read(incident_ids)
        waiting = iter(dict.fromkeys(onu.client_id for onu in affected.onus if onu.client_id is not None))
        contacts: dict[str, Contact] = {}
        failed: set[str] = set()

        async def look_up(client_id: str) -> None:
            contact = await self._patiently(lambda: self.directory.customer(client_id))
            if contact is not None:
                contacts[client_id] = contact

        await self._each(waiting, len(affected.onus), look_up, lambda client_id, _: failed.add(client_id))
        return Found(affected, contacts, frozenset(failed), unread)

    async def read(self, incident_ids: Sequence[str]) -> tuple[Affected, frozenset[str]]:
        """These alerts' ONUs as they are now, and which alerts could not be read; raises as `enrich`."""
        alerts: dict[str, Affected] = {}
        errors: dict[str, Exception] = {}

        async def read(incident_id: str) -> None:
            alerts[incident_id] = await self._patiently(lambda: self.source.affected(incident_id))

        await self._each(iter(incident_ids), len(incident_ids), read, errors.__setitem__)
        if not alerts:
            raise errors[incident_ids[0]]
        return together({id_: alerts[id_] for id_ in incident_ids if id_ in alerts}), frozenset(errors)

    async def links(self, ports: Sequence[Port]) -> dict[str, Mapping[str, Link]]:
        """The link status of every ONU on these ports, by port key and serial, of those that can be read.

        Raises as `enrich` where none can.
        """
        found: dict[str, Mapping[str, Link]] = {}
        errors: dict[str, Exception] = {}
        by_key = {port.key: port for port in ports}

        async def read(key: str) -> None:
            found[key] = await self._patiently(lambda: self.source.links(by_key[key]))

        await self._each(iter(by_key), len(by_key), read, errors.__setitem__)
        if not found and errors:
            raise next(iter(errors.values()))
        return found

    async def _each(
        self,
        waiting: Iterator[str],
        most: int,
        ask: Callable[[str], Awaitable[None]],
        failed: Callable[[str, Exception], None],
    ) -> None:
        """Ask for each, `look_ups` at a time at most; a refused login ends it at once."""

        async def work() -> None:
            for key in waiting:
                try:
                    await ask(key)
                except LoginRefused:
                    raise
                except (TryLater, AnswerLost, BadAnswer, Refused) as error:
                    failed(key, error)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self.rules.look_ups, most)):
                    group.create_task(work())
        except* LoginRefused as refused:
            raise refused.exceptions[0] from None

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
