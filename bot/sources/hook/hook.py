"""One sender: what it pushes is kept, and answered from there when the bot asks what is down."""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo

from pydantic import TypeAdapter, ValidationError

from bot.domain.customer import Affected, Link
from bot.domain.incident import Inventory, OddRow, Poll, Port, Pushes
from bot.errors import NotFound, Refused, Silent, TryLater
from bot.ports import Clock, Heard
from bot.sources.hook.incidents import Called, affected, is_of_a_whole_olt, links
from bot.sources.hook.pace import Deliveries, Pace
from bot.sources.hook.standing import Draft, Standing, forgotten, heard_again, is_full
from bot.sources.hook.told import Format, Mapped, Telling
from bot.sources.login import Login
from bot.storage.rows import Rows

log = logging.getLogger(__name__)

_ROW: TypeAdapter[Standing] = TypeAdapter(Standing)


class Hook:
    """`bot.ports.Source` over what was told to us. It knows no customers, and no ONU but those it is told of.

    Args:
        name: What it is called, in the address and the settings.
        rows: Where it keeps what it was told.
        form: How the sender writes.
        secrets: One of them is the sender's.
        mapping: Which labels are read first.
        zone: Of dates without an offset.
        stale: After how long without a word of it an outage is stale; None: never.
        clock: For the pace, and for when what was heard.
    """

    every: float | None = None
    ahead = True
    login = Login("ok")

    def __init__(
        self,
        name: str,
        rows: Rows,
        form: Format,
        secrets: Sequence[str],
        *,
        mapping: Mapped,
        zone: tzinfo,
        stale: timedelta | None,
        clock: Clock,
    ) -> None:
        self._called = Called(name)
        self.name, self.ids, self.path = f"hook:{name}", self._called.ids, f"/hooks/{name}"
        self._rows, self._form, self._secrets = rows, form, secrets
        self._mapping, self._zone, self._stale, self._clock = mapping, zone, stale, clock
        self._pace, self._deliveries = Pace(clock), Deliveries(clock)
        self._since = clock.now()
        self._last: datetime | None = None
        self._unread = self._no_room = False
        self._standing: dict[str, Standing] | None = None
        self._waiting: list[tuple[Telling, asyncio.Future[Heard]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def aclose(self) -> None:
        """Wait for what is being written."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
        self._rows.close()

    async def hear(self, headers: Mapping[str, str], body: bytes) -> Heard:
        """As `bot.ports.Pushed`."""
        now = self._clock.now()
        if not self._form.genuine(headers, body, self._secrets, now):
            raise Refused("not the sender")
        await self._pace.turn()
        delivery = headers.get("webhook-id", "")
        telling = self._form.read(body, self._mapping, self._zone)
        known = self._deliveries.answered(delivery)
        if known is not None:
            self._last = self._clock.now()
            self._standing = self._known() | heard_again(self._known(), telling, self._last)
            return known
        heard = await self._keep(telling)
        self._last = self._clock.now()
        if telling.told or telling.unread:
            self._unread = not telling.told
        self._no_room |= heard.full
        if heard.full:
            log.error("%s tells of more outages than are taken in: they have to be told again", self.name)
        else:
            self._deliveries.remember(delivery, heard)
        return heard

    async def open_incidents(self, within: float = 60.0) -> Poll:  # noqa: ARG002 - it is here already
        """What was told and is not over. What is over only the sender says.

        Where nothing of what came last could be read that is an odd row: its labels may be mapped wrongly. So
        is what found no room, as long as there is none: whoever closes nothing would hide all that is new.
        """
        standing, now = self._known(), self._clock.now()
        self._no_room = self._no_room and is_full(standing)
        on = {key: one for key, one in standing.items() if one.on}
        incidents = [
            self._called.incident(key, one, stale=self._is_stale(one, now)) for key, one in on.items()
        ]
        over = (id_ for key, one in standing.items() for id_ in self._called.over(key, one))
        present = frozenset(one.id for one in incidents)
        wrong = {"mapping": self._unread, "full": self._no_room}
        odd = tuple(OddRow("", what, self.name) for what, is_so in wrong.items() if is_so)
        pushed = Pushes(self._last)
        return Poll(tuple(incidents), present, skipped=odd, closed=frozenset(over), pushed=pushed)

    async def affected(self, incident_id: str) -> Affected:
        """The ONUs that the sender named. Silent where nothing was heard of it, or not for long."""
        if not incident_id.startswith(self.ids):
            raise NotFound("http_404")
        key = self._called.key_of(incident_id)
        one = self._known().get(key)
        if one is None:
            raise Silent("silent")
        if self._called.id_of(key, one) != incident_id:
            return Affected((), over=True)  # it began anew since
        if one.on and self._is_stale(one, self._clock.now()):
            raise Silent("silent")
        return affected(one)

    async def inventory(self) -> Inventory:
        """Nothing: it is told of what is down alone."""
        return {}

    async def links(self, port: Port) -> Mapping[str, Link]:
        """How the ONUs are that were told of on a port: back where the sender said that it is over."""
        now = self._clock.now()
        here, olt_down = list[Standing](), False
        for one in self._known().values():
            its = self._called.port(one)
            here += [one] if its.key == port.key else []
            olt_down |= its.olt_key == port.olt_key and is_of_a_whole_olt(one)
        return links(((one, one.on and self._is_stale(one, now)) for one in here), olt_down=olt_down)

    def _is_stale(self, one: Standing, now: datetime) -> bool:
        """What was said again before a start was not written down, so the wait begins anew there."""
        return self._stale is not None and now - max(one.heard, self._since) >= self._stale

    def _known(self) -> dict[str, Standing]:
        """What stands, read at the first need. TryLater where the file cannot be read."""
        if self._standing is None:
            try:
                self._standing = dict(self._read())
            except OSError as error:
                raise TryLater(error.strerror or str(error)) from error
            self._last = max((one.heard for one in self._standing.values()), default=None)
        return self._standing

    def _read(self) -> Iterator[tuple[str, Standing]]:
        for key, row in self._rows.read().items():
            try:
                yield key, _ROW.validate_python(row)
            except ValidationError:
                log.warning("%s: what stands of %s cannot be read", self.name, key)

    async def _keep(self, telling: Telling) -> Heard:
        """Return once it is durable. What comes meanwhile is written together."""
        done: asyncio.Future[Heard] = asyncio.get_running_loop().create_future()
        self._waiting.append((telling, done))
        if self._writing is None:
            self._writing = asyncio.ensure_future(self._write())
        return await done

    async def _write(self) -> None:
        await asyncio.sleep(0)  # whoever comes in the same turn
        try:
            while self._waiting:
                taken, self._waiting = self._waiting, []
                await self._write_all(taken)
        finally:
            self._writing = None

    async def _write_all(self, taken: Sequence[tuple[Telling, asyncio.Future[Heard]]]) -> None:
        try:
            known = self._known()
            draft, now = Draft(known), self._clock.now()
            heard = [draft.hear(telling, now) for telling, _ in taken]
            rows: dict[str, bytes | None] = {key: _ROW.dump_json(draft.changed[key]) for key in draft.news}
            after = known | draft.changed
            gone = forgotten(after, now)
            await self._rows.write(rows | dict.fromkeys(gone))
        except (OSError, TryLater) as error:
            for _, done in taken:
                if not done.done():
                    done.set_exception(error)
            return
        for key in gone:
            del after[key]
        self._standing = after
        for (_, done), one in zip(taken, heard, strict=True):
            if not done.done():
                done.set_result(one)
