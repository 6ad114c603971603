"""Step 4: read the alerts again and look their customers up, many at a time, each once.

What people wait for goes first; `ahead` does the same while nobody waits.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice, takewhile
from types import MappingProxyType
from typing import TypeVar

from bot.domain.customer import Affected, Answered, Contact, Found, Link, Onu, Records, together
from bot.domain.incident import Port, source_of
from bot.domain.limits.retry import delay
from bot.domain.rules import Rules
from bot.domain.watched.measures import Measures
from bot.errors import (
    AnswerLost,
    BadAnswer,
    DirectoryAway,
    DirectoryRefused,
    LoginRefused,
    NotFound,
    Refused,
    Throttled,
    TryLater,
)
from bot.ports import ByPort, Clock, Directory, Source
from bot.steps.by_port import to_ask, told_by

T = TypeVar("T")
Ports = Mapping[str, Port]
"""Where the alerts are, by incident id: a directory may be asked for a whole port."""

NOWHERE: Ports = MappingProxyType({})

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
    asked: Callable[[Collection[str], Answered], None] = lambda _keys, _answer: None
    """Hears of whom the directory was asked (`Onu.key`), and what it said."""
    measures: Measures = field(default_factory=Measures)
    _rooms: dict[str, asyncio.Semaphore] = field(default_factory=dict, init=False, repr=False)
    """By who is asked, for all that people wait for together: who waited for a connection instead would be
    given up there. One that hangs keeps nobody from the others.
    """

    async def enrich(
        self, incident_ids: Sequence[str], records: Records | None = None, ports: Ports = NOWHERE
    ) -> Found:
        """The ONUs of these alerts as they are now, each once, and the records of their customers.

        What `records` has that is fresh is not asked for again, and they take in what is.
        A record that cannot be had after the retries is counted in `failed`, an alert in `unread`. Raises
        TryLater, AnswerLost, Refused or BadAnswer where no alert can be read, and LoginRefused wherever that
        comes: a plan made of what happened to be read before would be final.
        """
        with self.way.taken():
            alerts, errors = await self._alerts(incident_ids, ports)
            affected = together(alerts)
            subjects = affected.subjects
            known = Records(len(subjects)) if records is None else records
            contacts: dict[str, Contact | None] = {}
            failed: set[str] = set()

            async def look_up(batch: Sequence[str]) -> None:
                await self._patiently(self._keeper, lambda: ask(batch), self.rules.look_up_for)

            async def ask(batch: Sequence[str]) -> None:
                await self._ask([subjects[key] for key in batch if key not in contacts], known, contacts)

            def missed(batch: Sequence[str], _error: Exception) -> None:
                failed.update(key for key in batch if key not in contacts)

            now = self.clock.monotonic()
            contacts = {key: known.get(key) for key in subjects if known.fresh(key, now)}
            contacts |= affected.records
            left = [key for key in subjects if key not in contacts]
            at_most = min(self.rules.look_ups, len(left))
            await self._each(self._batches(left), at_most, look_up, missed)
        found = {key: contact for key, contact in contacts.items() if contact is not None}
        return Found(affected, found, frozenset(failed), frozenset(errors))

    @property
    def _keeper(self) -> str:
        """Who is asked for records; empty where it is the source itself, as `source_of` calls that."""
        return "" if self.directory.name == self.source.name else self.directory.name

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
            found[key] = await self._patiently(by_key[key].source, lambda: self.source.links(by_key[key]))

        with self.way.taken():
            await self._each(iter(by_key), len(by_key), read, errors.__setitem__)
        if not found and errors:
            raise next(iter(errors.values()))
        return found

    async def alerts_ahead(
        self, incident_ids: Sequence[str], wanted: Callable[[], bool], ports: Ports = NOWHERE
    ) -> dict[str, Affected]:
        """The ONUs of these alerts, of those that can be read, while nobody waits for them.

        `look_ahead` at a time, each asked once, behind whatever people wait for, as long as it is `wanted`.
        Where the source throttles or several in a row cannot be had, no more is asked, and that is raised.
        """
        alerts: dict[str, Affected] = {}

        async def read(incident_id: str) -> None:
            alerts[incident_id] = self._named(await self.source.affected(incident_id), ports.get(incident_id))

        async def ask(incident_id: str) -> None:
            alert = alerts.pop(incident_id)  # what does not come is asked for again
            alerts[incident_id] = await self._on_port(alert, ports[incident_id])

        await self._gently(incident_ids, read, wanted)
        await self._gently(to_ask(alerts, incident_ids, ports), ask, wanted)
        return alerts

    async def records_ahead(
        self, subjects: Mapping[str, Onu], records: Records, wanted: Callable[[], bool]
    ) -> None:
        """Have `records` take these in, by `Onu.key`, those that can be had, in the same way."""

        def left(key: str) -> bool:
            return wanted() and not records.fresh(key, self.clock.monotonic())

        async def look_up(batch: Sequence[str]) -> None:
            onus = [subjects[key] for key in batch if left(key)]
            if onus:  # somebody may have looked them up while this waited
                await self._ask(onus, records, {})

        await self._gently(self._batches(filter(left, subjects)), look_up, wanted)

    def _named(self, affected: Affected, port: Port | None) -> Affected:
        """Its ONUs with where they are, and what the directory knows them by."""
        subject = self.directory.subject
        onus = tuple([onu.at(port, subject(onu)) for onu in affected.onus])
        return replace(affected, onus=onus)

    async def _on_port(self, alert: Affected, port: Port) -> Affected:
        """The alert with who is on its port, where a directory knows that."""
        if not isinstance(self.directory, ByPort):
            return alert
        try:
            found = await self.directory.on_port(port)
        except NotFound:
            return alert
        except (TryLater, AnswerLost, Refused, BadAnswer) as error:
            self.asked((port.key,), Answered({}, error))
            if isinstance(error, LoginRefused):
                raise DirectoryRefused(str(error)) from None
            raise
        told = told_by(found, alert, port)
        self.asked(list(told.records), Answered(told.records))
        return told

    async def _ask(self, onus: Sequence[Onu], known: Records, contacts: dict[str, Contact | None]) -> None:
        """Ask the directory once; what it answers is taken in, why it does not of the others is raised."""
        began = self.clock.monotonic()
        answer = await self.directory.customers(onus)
        now = self.clock.monotonic()
        self.measures.looked_up(len(onus), answer, now - began)
        for key, contact in answer.records.items():
            known.put(key, contact, now)
            contacts[key] = contact
        self.asked([onu.key for onu in onus if onu.key is not None], answer)
        error = answer.error
        if isinstance(error, LoginRefused) and self.directory.name != self.source.name:
            raise DirectoryRefused(str(error))
        if error is not None:
            raise error
        if any(onu.key not in answer.records for onu in onus):
            raise BadAnswer("not_all")

    def _batches(self, keys: Iterable[str]) -> Iterator[Sequence[str]]:
        """As many at a time as the directory is asked about at once."""
        left = iter(keys)
        while batch := list(islice(left, self.directory.at_once)):
            yield batch

    async def _gently(
        self, keys: Iterable[T], ask: Callable[[T], Awaitable[None]], wanted: Callable[[], bool]
    ) -> None:
        gave_up: list[Exception] = []
        in_a_row = 0

        async def behind(key: T) -> None:
            nonlocal in_a_row
            await self.way.clear()
            await ask(key)
            in_a_row = 0

        def missed(_key: T, error: Exception) -> None:
            nonlocal in_a_row
            in_a_row += 1
            if isinstance(error, Throttled) or in_a_row >= GIVEN_UP_AFTER:
                gave_up.append(error)

        left = takewhile(lambda _: wanted() and not gave_up, keys)
        await self._each(left, self.rules.look_ahead, behind, missed)
        if gave_up:
            raise gave_up[0]

    async def _alerts(
        self, incident_ids: Sequence[str], ports: Ports = NOWHERE
    ) -> tuple[dict[str, Affected], dict[str, Exception]]:
        """What can be read of these, in their order, and what the others raised; that where none can."""
        alerts: dict[str, Affected] = {}
        errors: dict[str, Exception] = {}

        async def fetch(incident_id: str) -> None:
            read = await self._patiently(source_of(incident_id), lambda: self.source.affected(incident_id))
            alerts[incident_id] = self._named(read, ports.get(incident_id))

        async def ask(incident_id: str) -> None:
            alert = alerts.pop(incident_id)
            alerts[incident_id] = await self._patiently(
                self._keeper, lambda: self._on_port(alert, ports[incident_id]), self.rules.look_up_for
            )

        def away(incident_id: str, error: Exception) -> None:
            errors[incident_id] = DirectoryAway(str(error))

        await self._each(iter(incident_ids), len(incident_ids), fetch, errors.__setitem__)
        whole = to_ask(alerts, incident_ids, ports)
        await self._each(iter(whole), min(self.rules.look_ups, len(whole)), ask, away)
        if not alerts:
            raise errors[incident_ids[0]]
        return {id_: alerts[id_] for id_ in incident_ids if id_ in alerts}, errors

    async def _each(
        self,
        waiting: Iterator[T],
        at_most: int,
        ask: Callable[[T], Awaitable[None]],
        failed: Callable[[T, Exception], None],
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

    async def _patiently(self, of: str, read: Callable[[], Awaitable[T]], at_least: float = 0.0) -> T:
        """What `read` brings, repeated with backoff while the other side (`of`) is away or throttles.

        It is given up after `read_tries`, and no sooner than `at_least` seconds.
        """
        tried, began = 0, self.clock.monotonic()
        room = self._rooms.setdefault(of, asyncio.Semaphore(self.rules.look_ups))
        while True:
            try:
                async with room:
                    if not tried:  # the wait for its first turn is none for the other side
                        began = self.clock.monotonic()
                    return await read()
            except (TryLater, AnswerLost) as error:
                tried += 1
                if tried >= self.rules.read_tries and self.clock.monotonic() - began >= at_least:
                    raise
                pause = error.retry_after if isinstance(error, TryLater) else None
                if pause is None:
                    pause = delay(tried, self.rules.read_base, self.rules.read_cap, self.rng.random())
                if pause > self.rules.read_patience:
                    raise
                await self.clock.sleep(pause)
