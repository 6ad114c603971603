"""Step 4: read the alerts again and look their customers up, many at a time, each once.

What people wait for goes first; `ahead` does the same while nobody waits.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TypeVar

from bot.domain.customer import Affected, Contact, Found, Link, Records, together
from bot.domain.incident import Port
from bot.domain.limits.retry import delay
from bot.domain.rules import Rules
from bot.errors import AnswerLost, BadAnswer, LoginRefused, Refused, Throttled, TryLater
from bot.ports import Clock, Directory, Source

T = TypeVar("T")

GIVEN_UP_AFTER = 3  # failures in a row ahead: the source is away, or wants to be left alone


class Way:
    """Whether people wait for the source: then nothing else is asked of it."""

    def __init__(self) -> None:
        self._people = 0
        self._clear = asyncio.Event()
        self._clear.set()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Somebody waits meanwhile."""
        self._people += 1
        self._clear.clear()
        try:
            yield
        finally:
            self._people -= 1
            if not self._people:
                self._clear.set()

    async def clear(self) -> None:
        """Return once nobody waits."""
        await self._clear.wait()


@dataclass(frozen=True, slots=True)
class Enricher:
    """Who is asked, and how patiently."""

    source: Source
    directory: Directory
    rules: Rules
    clock: Clock
    rng: random.Random
    way: Way = field(default_factory=Way)

    async def enrich(self, incident_ids: Sequence[str], records: Records | None = None) -> Found:
        """The ONUs of these alerts as they are now, each once, and the records of their customers.

        What `records` has that is fresh is not asked for again, and they take in what is.
        A record that cannot be had after the retries is counted in `failed`, an alert in `unread`. Raises
        TryLater, AnswerLost, Refused or BadAnswer where no alert can be read, and LoginRefused wherever that
        comes: a plan made of what happened to be read before would be final.
        """
        with self.way.taken():
            alerts, errors = await self._alerts(incident_ids)
            affected = together(alerts)
            ids = affected.client_ids
            known = Records(len(ids)) if records is None else records
            contacts: dict[str, Contact | None] = {}
            failed: set[str] = set()

            async def look_up(client_id: str) -> None:
                contact = await self._patiently(lambda: self.directory.customer(client_id))
                known.put(client_id, contact, self.clock.monotonic())
                contacts[client_id] = contact

            now = self.clock.monotonic()
            contacts = {id_: known.get(id_) for id_ in ids if known.fresh(id_, now)}
            left = [id_ for id_ in ids if id_ not in contacts]
            at_most = min(self.rules.look_ups, len(left))
            await self._each(iter(left), at_most, look_up, lambda client_id, _: failed.add(client_id))
        found = {id_: contact for id_, contact in contacts.items() if contact is not None}
        return Found(affected, found, frozenset(failed), frozenset(errors))

    async def read(self, incident_ids: Sequence[str]) -> tuple[Affected, frozenset[str]]:
        """These alerts' ONUs as they are now, and which alerts could not be read; raises as `enrich`."""
        with self.way.taken():
            alerts, errors = await self._alerts(incident_ids)
        return together(alerts), frozenset(errors)

    async def links(self, ports: Sequence[Port]) -> dict[str, Mapping[str, Link]]:
        """The link status of every ONU on these ports, by port key and serial, of those that can be read.

        Raises as `enrich` where none can.
        """
        found: dict[str, Mapping[str, Link]] = {}
        errors: dict[str, Exception] = {}
        by_key = {port.key: port for port in ports}

        async def read(key: str) -> None:
            found[key] = await self._patiently(lambda: self.source.links(by_key[key]))

        with self.way.taken():
            await self._each(iter(by_key), min(self.rules.look_ups, len(by_key)), read, errors.__setitem__)
        if not found and errors:
            raise next(iter(errors.values()))
        return found

    async def alerts_ahead(
        self, incident_ids: Sequence[str], wanted: Callable[[], bool]
    ) -> dict[str, Affected]:
        """The ONUs of these alerts, of those that can be read, while nobody waits for them.

        `look_ahead` at a time, each asked once, behind whatever people wait for, as long as it is `wanted`.
        Where the source throttles or several in a row cannot be had, no more is asked, and that is raised.
        """
        alerts: dict[str, Affected] = {}

        async def read(incident_id: str) -> None:
            alerts[incident_id] = await self.source.affected(incident_id)

        await self._gently(incident_ids, read, wanted)
        return alerts

    async def records_ahead(
        self, client_ids: Sequence[str], records: Records, wanted: Callable[[], bool]
    ) -> None:
        """Have `records` take these customers in, those that can be had, in the same way."""

        def left(client_id: str) -> bool:
            return wanted() and not records.fresh(client_id, self.clock.monotonic())

        async def look_up(client_id: str) -> None:
            if left(client_id):  # somebody may have looked them up while this waited
                contact = await self.directory.customer(client_id)
                records.put(client_id, contact, self.clock.monotonic())

        await self._gently(filter(left, client_ids), look_up, wanted)

    async def _gently(
        self, keys: Iterable[str], ask: Callable[[str], Awaitable[None]], wanted: Callable[[], bool]
    ) -> None:
        gave_up: list[Exception] = []
        in_a_row = 0

        async def behind(key: str) -> None:
            nonlocal in_a_row
            await self.way.clear()
            await ask(key)
            in_a_row = 0

        def missed(_key: str, error: Exception) -> None:
            nonlocal in_a_row
            in_a_row += 1
            if isinstance(error, Throttled) or in_a_row >= GIVEN_UP_AFTER:
                gave_up.append(error)

        left = takewhile(lambda _: wanted() and not gave_up, keys)
        await self._each(left, self.rules.look_ahead, behind, missed)
        if gave_up:
            raise gave_up[0]

    async def _alerts(self, incident_ids: Sequence[str]) -> tuple[dict[str, Affected], dict[str, Exception]]:
        """What can be read of these, in their order, and what the others raised; that where none can."""
        alerts: dict[str, Affected] = {}
        errors: dict[str, Exception] = {}

        async def read(incident_id: str) -> None:
            alerts[incident_id] = await self._patiently(lambda: self.source.affected(incident_id))

        at_most = min(self.rules.look_ups, len(incident_ids))
        await self._each(iter(incident_ids), at_most, read, errors.__setitem__)
        if not alerts:
            raise errors[incident_ids[0]]
        return {id_: alerts[id_] for id_ in incident_ids if id_ in alerts}, errors

    async def _each(
        self,
        waiting: Iterator[str],
        at_most: int,
        ask: Callable[[str], Awaitable[None]],
        failed: Callable[[str, Exception], None],
    ) -> None:
        """Ask for each, `at_most` at a time; a refused login ends it at once."""

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
                for _ in range(at_most):
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
