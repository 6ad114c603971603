"""One account of SmartOLT, as source of outages (README.md of this folder)."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import tzinfo
from typing import Any

from bot import upstream
from bot.domain.customer import Affected, Link
from bot.domain.incident import Incident, Inventory, Kind, OddRow, Poll, Port
from bot.errors import AnswerLost, BadAnswer, BotError, LoginRefused, NotFound, Refused, Throttled
from bot.ports import Clock
from bot.sources.fields import UnreadRow
from bot.sources.login import Login
from bot.sources.smartolt import rows
from bot.sources.smartolt.calls import HOUR, Calls
from bot.sources.smartolt.onus import Onus
from bot.sources.smartolt.rows import Account

AT_ONCE = 4  # requests; nobody says how many it bears
OUTAGES = "/system/get_outage_pons/"


class SmartOlt:
    """`bot.ports.Source` over one account's API. It knows no customers.

    Args:
        base_url: The account's address, without a slash at the end.
        key: Its API key.
        account: What its incidents and ports are called by.
        name: What the bot calls it.
        every: Seconds between two polls.
        zone: Of its dates.
        clock: For the budget, and the start of what names none.
        name_id: Which part of an ONU's name is the customer's number in an ERP.
    """

    every: float | None
    ahead = False

    def __init__(
        self,
        base_url: str,
        key: str,
        account: Account,
        *,
        name: str,
        every: float,
        zone: tzinfo,
        clock: Clock,
        name_id: re.Pattern[str] | None = None,
    ) -> None:
        self.name, self.ids, self.every = name, account.ids, every
        self._url, self._account, self._zone, self._clock = f"{base_url}/api", account, zone, clock
        self.calls = Calls(key, clock)
        self._http = upstream.client(auth=self.calls, limit=AT_ONCE)
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._onus = Onus(self._get, self.calls, name_id)
        self._names: dict[str, str] = {}
        self._unnamed: tuple[str, ...] = ()
        self._named_at = self._alone_at = float("-inf")
        self._listed: frozenset[str] | None = None
        self._unseen: tuple[str, ...] = ()

    @property
    def login(self) -> Login:
        """Whether its key was taken, for /status."""
        return self.calls.login

    def remaining(self) -> int | None:
        """As `Budgeted` says."""
        return self.calls.remaining()

    async def aclose(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def open_incidents(self, within: float = 60.0) -> Poll:
        """Every PON that is listed as down, in one call; where that is refused, in one for each OLT."""
        until = asyncio.get_running_loop().time() + within
        if self._clock.monotonic() - self._alone_at >= HOUR:
            try:
                return await self._poll({None: await self._in_time(self._get(OUTAGES), until)}, until)
            except (LoginRefused, Throttled):
                raise
            except Refused:
                self._alone_at = self._clock.monotonic()
        if not await self._in_time(self._know_olts(), until):
            raise BadAnswer("no_rows")  # none would be asked, which is not that none has an outage
        return await self._poll(await self._one_by_one(until), until)

    async def affected(self, incident_id: str) -> Affected:
        """The ONUs of a PON that are down; of one that is no longer listed all of them, as they are now.

        Whose OLT was not reached is as it was: that it is not listed says nothing.
        """
        where = self._account.at(incident_id)
        if where is None:
            raise NotFound("http_404")
        known = self._listed is not None and not incident_id.startswith(self._unseen)
        return await self._onus.affected(where, listed=not known or incident_id in (self._listed or ()))

    async def inventory(self) -> Inventory:
        """The ports with ONUs, by OLT as its incidents' ports name it."""
        await self._know_olts()
        return await self._onus.inventory(self._label)

    async def links(self, port: Port) -> Mapping[str, Link]:
        """The ONUs on a port as they are now."""
        where = self._account.where(port)
        return {} if where is None else await self._onus.links(where)

    async def _one_by_one(self, until: float) -> dict[str | None, dict[str, Any]]:
        """The list of each OLT, of those that can be had; raises what all raised where none can."""
        answers: dict[str | None, dict[str, Any]] = {}
        failed: list[BotError] = []

        async def read(olt_id: str) -> None:
            try:
                answers[olt_id] = await self._in_time(self._get(f"{OUTAGES}{olt_id}"), until)
            except BotError as error:
                failed.append(error)

        await asyncio.gather(*map(read, self._names))
        if failed and not answers:
            raise failed[0]
        return answers

    async def _poll(self, answers: Mapping[str | None, dict[str, Any]], until: float) -> Poll:
        """What the lists say: the whole network's, or by OLT."""
        reading = _Reading()
        away: set[str] = set()
        unknown: tuple[str, ...] = ()
        for answer in answers.values():
            if rows.is_stale(answer):
                raise BadAnswer("stale")
            for section, row in rows.pons(answer):
                self._learn(row)
                reading.add(self._account, section, row, self._zone, self._clock)
            unreached, strange = rows.unreachable(answer, self._names)
            if strange or not unreached <= self._names.keys():
                with suppress(BotError):  # the names that are known have to do
                    await self._in_time(self._know_olts(), until)
                unreached, strange = rows.unreachable(answer, self._names)
            away |= unreached
            unknown += strange
        unasked: tuple[str, ...] = ()
        if None not in answers:  # at the end: a row may have named an OLT that nobody knew to ask
            away |= self._names.keys() - answers.keys()
            unasked = self._unnamed  # of them no outage is known either, that might seem to be over
        poll = reading.poll(self._label)
        unseen = (self._account.ids,) if unknown else tuple(map(self._account.olt, sorted(away)))
        self._listed, self._unseen = poll.present, unseen
        return replace(poll, unseen=unseen, away=(*sorted(map(self._label, away)), *unknown, *unasked))

    def _learn(self, row: Any) -> None:
        where = rows.place_of(row) if isinstance(row, Mapping) else None
        if where is not None:
            self._names[where[0]] = rows.olt_of(row, where[0])

    async def _know_olts(self) -> bool:
        """What its OLTs are called, asked once an hour; False where it names none."""
        now = self._clock.monotonic()
        if now - self._named_at < HOUR:
            return True
        found = (await self._get("/system/get_olts")).get("response")
        if not isinstance(found, list):
            raise BadAnswer("no_rows")
        names = dict(rows.olts(found))
        self._names |= names
        if names:
            self._named_at, self._unnamed = now, rows.unnamed(found)
        return bool(names)

    def _label(self, olt_id: str) -> str:
        """What people read; two with one name are told apart by their ids."""
        name = self._names.get(olt_id, f"OLT {olt_id}")
        return f"{name} (#{olt_id})" if list(self._names.values()).count(name) > 1 else name

    async def _in_time(self, answer: Awaitable[Any], until: float) -> Any:
        try:
            async with asyncio.timeout_at(until):
                return await answer
        except TimeoutError:
            raise AnswerLost("too_slow") from None

    async def _get(self, path: str, params: Mapping[str, str | int] | None = None) -> dict[str, Any]:
        async with self._turn:
            body = await upstream.read(self._http, "GET", self._url + path, params=params)
        if not isinstance(body, dict):
            raise BadAnswer("no_object")
        if body.get("status") is False:
            raise Refused("return_false")
        return body


class _Reading:
    """The rows of all lists, each PON once: what can be offered before what cannot, all before a part."""

    def __init__(self) -> None:
        self._incidents: dict[str, Incident] = {}
        self._present: set[str] = set()
        self._skipped: list[OddRow] = []
        self._nameless = 0

    def add(self, account: Account, section: str, row: Any, zone: tzinfo, clock: Clock) -> None:
        where = rows.place_of(row) if isinstance(row, Mapping) else None
        if where is None:
            self._nameless += 1
            self._skipped.append(OddRow("", "id", rows.read_of(row)))
            return
        id_ = account.ids + ":".join(where)
        self._present.add(id_)
        try:
            found = rows.incident(account, section, row, zone, clock.now())
        except UnreadRow as odd:
            self._skipped.append(OddRow(id_, str(odd), rows.read_of(row)))
            return
        before = self._incidents.get(id_)
        if before is None or _weight(found) > _weight(before):
            self._incidents[id_] = found

    def poll(self, label: Callable[[str], str]) -> Poll:
        """What was read; an OLT's ports bear its label."""
        incidents = tuple(rows.labelled(one, label) for one in self._incidents.values())
        skipped = tuple(self._skipped)
        return Poll(incidents, frozenset(self._present), skipped=skipped, nameless=self._nameless)


def _weight(one: Incident) -> tuple[bool, bool]:
    return one.kind is not Kind.OTHER, one.alert_type != "partial_los"
