"""Which machine leads: a row with an owner, an epoch and the time until which it is theirs.

The time is the database's alone. Whoever holds it counts itself out earlier, by a clock that also counts
what a machine slept: at two thirds of the time since before the last good renewal was asked for. So nobody
else can hold it while a holder takes itself for one, however long an answer was on its way.

Taking it makes the epoch one more, in the row of the ledger's end as well: from that instant on what an
earlier holder writes there is refused.

Another row says in which database the ledger was last trusted: its system identifier and timeline.
A replica that was promoted, or a copy that was restored, has another one, and may lack the last lines.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from bot.storage.postgres.talk import Away, Row, Talk

TTL = 3.0  # seconds
HELD = 2 / 3  # of them that a holder counts on
NAME, DATABASE = "leader", "database"  # rows

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
_WHO_ANSWERS = """
SELECT system_identifier::text || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
FROM pg_control_system()
"""
_HOLDER = "SELECT owner FROM ledger_lease WHERE name = %(name)s AND until >= clock_timestamp()"


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
        self.owner, self.ttl, self._seconds = owner, ttl, seconds
        self._talk = Talk(url, "olt-noc-bot lease", patience=patience, greet=self._greet)
        self._epoch: int | None = None
        self._good = float("-inf")
        self._kept_by: str | None = None

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
        self._talk.hang_up()

    async def _run(self, statement: str, **more: object) -> Row | None:
        """The row that it gives, () where it gives none and changed one, None where there was none. Away."""

        def facts() -> Mapping[str, object]:
            known = {"name": NAME, "owner": self.owner, "ttl": self.ttl, "epoch": self._epoch}
            return known | {"database": DATABASE, "kept_by": self._kept_by, **more}

        rows, count = await self._talk.ask(statement, facts)
        if rows:
            return rows[0]
        return () if count else None

    async def _greet(self, connection: AsyncConnection[Any]) -> None:
        """What is held does not go over to another database: whoever holds it there is unknown."""
        row = await (await connection.execute(_WHO_ANSWERS.encode())).fetchone()
        before, self._kept_by = self._kept_by, None if row is None else str(row[0])
        if before not in {None, self._kept_by}:
            self._epoch = None
