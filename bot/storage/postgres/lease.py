"""Which machine leads: a row with an owner, an epoch and the time until which it is theirs.

The time is the database's alone. Whoever holds it counts itself out earlier, by a clock that also counts
what a machine slept: at two thirds of the time since before the last good renewal was asked for. So nobody
else can hold it while a holder takes itself for one, however long an answer was on its way.

Taking it makes the epoch one more, in the row of the ledger's end as well: from that instant on what an
earlier holder writes there is refused.

Another row says in which database the ledger was last trusted: its system identifier and timeline.
A replica that was promoted, or a copy that was restored, has another one, and may lack the last lines.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection, Error

TTL = 3.0  # seconds
HELD = 2 / 3  # of them that a holder counts on
NAME, DATABASE = "leader", "database"  # rows
BY_THE_DATABASE = 900  # milliseconds that a statement may take

_TAKE = """
WITH before AS (
    SELECT owner, until FROM ledger_lease WHERE name = %(name)s
), taken AS (
    INSERT INTO ledger_lease AS lease (name, owner, epoch, until)
    SELECT %(name)s, %(owner)s, epoch + 1, clock_timestamp() + %(ttl)s * interval '1 second' FROM ledger_head
    ON CONFLICT (name) DO UPDATE
    SET owner = excluded.owner, until = excluded.until, epoch = greatest(lease.epoch + 1, excluded.epoch)
    WHERE lease.until < clock_timestamp()
    RETURNING epoch
), fenced AS (
    UPDATE ledger_head SET epoch = taken.epoch FROM taken WHERE ledger_head.epoch < taken.epoch RETURNING 1
)
SELECT taken.epoch, (SELECT owner FROM before), (SELECT until = '-infinity' FROM before) FROM taken, fenced
"""
_RENEW = """
UPDATE ledger_lease SET until = clock_timestamp() + %(ttl)s * interval '1 second'
WHERE name = %(name)s AND owner = %(owner)s AND epoch = %(epoch)s
"""
_GIVE_UP = """
UPDATE ledger_lease SET until = '-infinity' WHERE name = %(name)s AND owner = %(owner)s AND epoch = %(epoch)s
"""
_HAND_BACK = """
UPDATE ledger_lease
SET owner = %(before)s, until = CASE WHEN %(given_up)s THEN '-infinity' ELSE 'epoch' END::timestamptz
WHERE name = %(name)s AND owner = %(owner)s AND epoch = %(epoch)s
"""
_KEPT_BY = "SELECT owner FROM ledger_lease WHERE name = %(database)s"
_TRUST = """
INSERT INTO ledger_lease VALUES (%(database)s, %(kept_by)s, 0, clock_timestamp())
ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until
"""
# Set once it is connected: as `options` they would stand instead of those that the address may have. Of a
# table that was never looked through the planner thinks it worth a second's compiling (jit).
_WHO_ANSWERS = f"""
SELECT system_identifier::text || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8),
    set_config('statement_timeout', '{BY_THE_DATABASE}', false),
    set_config('lock_timeout', '{BY_THE_DATABASE}', false), set_config('jit', 'off', false)
FROM pg_control_system()
"""  # noqa: S608 - a number of ours
_HOLDER = "SELECT owner FROM ledger_lease WHERE name = %(name)s AND until >= clock_timestamp()"


class Away(Exception):
    """The database does not answer; the text says how that shows, without a secret."""


@dataclass(frozen=True, slots=True)
class Taken:
    """It is ours, by this epoch. `before` held it last (None: nobody ever), and `given_up` says whether that
    ended in order, or because they were not heard of any more.
    """

    epoch: int
    before: str | None
    given_up: bool


def boottime() -> float:
    """Seconds that go on while the machine sleeps, or a process is stopped."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Lease:
    """One owner's side of it. `owner` is another for each process: who comes back is not who it was.

    Each call ends within `patience` seconds once its turn has come, or raises Away.
    """

    def __init__(
        self,
        url: str,
        owner: str,
        *,
        ttl: float = TTL,
        seconds: Callable[[], float] = boottime,
        patience: float = 1.0,
    ) -> None:
        self._url, self.owner, self.ttl, self._seconds = url, owner, ttl, seconds
        self._patience = patience
        self._connection: AsyncConnection[Any] | None = None
        self._epoch: int | None = None
        self._good = float("-inf")
        self._kept_by: str | None = None
        self._turn = asyncio.Lock()

    @property
    def epoch(self) -> int | None:
        """By which it was taken; None before that, and once it is lost or given up."""
        return self._epoch

    @property
    def age(self) -> float:
        """Seconds since before the last good renewal was asked for."""
        return self._seconds() - self._good

    def held(self) -> bool:
        """Whether nobody else can hold it now. To be asked in the very instant in which something leaves."""
        return self._epoch is not None and self.age < self.ttl * HELD

    def expired(self) -> bool:
        """Whether somebody else may hold it by now."""
        return self._epoch is None or self.age >= self.ttl

    async def take(self) -> Taken | None:
        """Have it where it is nobody's now; None where it is somebody's. Away."""
        asked = self._seconds()
        row = await self._run(_TAKE)
        if row is None:
            return None
        epoch, before, given_up = row
        self._epoch, self._good = int(epoch), asked
        return Taken(int(epoch), before, bool(given_up))

    async def holder(self) -> str | None:
        """Whose it is now, None where it is nobody's. Away."""
        row = await self._run(_HOLDER)
        return None if row is None else str(row[0])

    async def renew(self) -> bool:
        """Have it for longer; False where it is lost for good: another one has taken it. Away."""
        asked = self._seconds()
        if self._epoch is None or await self._run(_RENEW) != ():
            self._epoch = None
            return False
        self._good = asked
        return True

    async def give_up(self, as_found: Taken | None = None) -> None:
        """Let the next one have it at once, who hears of us, or `as_found` of whom we heard.

        Nothing is done where it is not ours, or cannot be.
        """
        if self._epoch is not None:
            with suppress(Away):
                if as_found is None or as_found.before is None:
                    await self._run(_GIVE_UP)
                else:
                    await self._run(_HAND_BACK, before=as_found.before, given_up=as_found.given_up)
        self._epoch = None

    async def moved(self) -> bool:
        """Whether this is another database than the one that was trusted last. Away."""
        row = await self._run(_KEPT_BY)
        return row is not None and row != (self._kept_by,)

    async def trust(self) -> None:
        """From now on this is the database. Away."""
        await self._run(_TRUST)

    async def close(self) -> None:
        """Hang up. What is ours stays so until its time is over."""
        self._hang_up()

    async def _run(self, statement: str, **more: object) -> tuple[Any, ...] | None:
        """The row that it gives, () where it gives none and changed one, None where there was none.

        What does not end in time is hung up on: it may be done or not, and what was asked for last counts.
        """
        async with self._turn:
            work = asyncio.ensure_future(self._ask(statement, more))
            try:
                done, _ = await asyncio.wait({work}, timeout=self._patience)
            finally:
                if not work.done():  # a cancelled query asks the server to stop it, and waits for that
                    self._hang_up()
                    work.cancel()
                    work.add_done_callback(heard)
        if not done:
            raise Away("no answer")
        return work.result()

    async def _ask(self, statement: str, more: Mapping[str, object]) -> tuple[Any, ...] | None:
        try:
            connection = await self._connected()
            facts = {"name": NAME, "owner": self.owner, "ttl": self.ttl, "epoch": self._epoch}
            facts |= {"database": DATABASE, "kept_by": self._kept_by, **more}
            cursor = await connection.execute(statement.encode(), facts)
            if cursor.description is not None:
                return await cursor.fetchone()
        except (Error, OSError) as error:
            self._hang_up()
            raise Away(said(error)) from None
        return () if cursor.rowcount else None

    async def _connected(self) -> AsyncConnection[Any]:
        """What is held does not go over to another database: whoever holds it there is unknown."""
        if self._connection is None or self._connection.closed:
            self._connection = await AsyncConnection.connect(
                self._url,
                autocommit=True,
                connect_timeout=2,
                application_name="olt-noc-bot lease",
                prepare_threshold=None,
            )
            row = await (await self._connection.execute(_WHO_ANSWERS.encode())).fetchone()
            before, self._kept_by = self._kept_by, None if row is None else str(row[0])
            if before not in {None, self._kept_by}:
                self._epoch = None
        return self._connection

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.pgconn.finish()


def said(error: Exception) -> str:
    """What a database's error is, in a few words without an address: its state, or its class."""
    state = getattr(error, "sqlstate", None)
    return f"{type(error).__name__} {state}" if state else type(error).__name__


def heard(work: "asyncio.Future[Any]") -> None:
    """Where nobody waits for it any more asyncio would log what the driver says, which has the address."""
    if not work.cancelled():
        work.exception()
