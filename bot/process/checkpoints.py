"""Checkpoints of the ledger, beside the work: a start has little to replay then (`bot.storage.checkpoint`).

A child process folds the lines a second time, from the files: the event loop does nothing for it, and what a
start will read was made as a start makes it.
"""

import asyncio
import logging
from pathlib import Path

from bot.ports import Clock
from bot.process import child
from bot.storage.checkpoint import EVERY, renew
from bot.storage.disk import Disk
from bot.storage.files import FileLedger

log = logging.getLogger(__name__)

MINUTE = 60.0
DAY = 24 * 3600.0
AGAIN = 3600.0  # seconds after one that could not be written
PATIENCE = 1800.0  # seconds that a child may take: it may have years of lines to read, and few of the CPU
AT_A_STOP = 2 * EVERY  # lines, at most, that a stop replays


class Checkpoints:
    """Has one written when it is due, every `EVERY` lines and each day, and at an orderly stop."""

    def __init__(self, folder: Path, ledger: FileLedger, clock: Clock) -> None:
        self._folder, self._ledger, self._clock = folder, ledger, clock
        self._line = ledger.recovery.since
        doubted = ledger.recovery.doubt is not None  # what showed it goes soon: nobody is asked twice for it
        self._at = clock.monotonic() - (DAY if doubted else 0.0)
        self._not_before = 0.0
        self._keeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """See to it from now on, each minute."""
        self._keeping = asyncio.get_running_loop().create_task(self._keep(), name="checkpoints")

    async def stop(self) -> None:
        """A last one, of all that is durable: by this process, as nobody waits for its loop any more."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait({self._keeping})  # until its child is gone
        if self._ledger.closed is not None or not 0 < self._ledger.head.seq - self._line <= AT_A_STOP:
            return
        try:
            await asyncio.to_thread(renew, Disk(), self._folder, self._ledger.head.seq)
        except OSError as error:
            log.warning("no checkpoint was written (%s): the next start takes longer", error.strerror)

    async def _keep(self) -> None:
        while True:
            await self._clock.sleep(MINUTE)
            try:
                await self.due()
            except Exception:  # the edge: a bug in this must not end it for good
                log.exception("a checkpoint failed in a way that nobody named")

    async def due(self) -> None:
        """Have one written, where it is time. One call at a time."""
        now, behind = self._clock.monotonic(), self._ledger.head.seq - self._line
        wanted = behind >= EVERY or (behind > 0 and now - self._at >= DAY)
        if not wanted or now < self._not_before or self._ledger.closed is not None:
            return
        line = self._ledger.head.seq
        why = await written(self._folder, line)
        if why is None:
            self._line, self._at, self._not_before = line, now, 0.0
            return
        if not self._not_before:  # once, until it is well again
            log.warning("no checkpoint was written (%s): starts take longer, nothing else", why)
        self._not_before = now + AGAIN


async def written(folder: Path, line: int) -> str | None:
    """None once a child wrote one as of that line, else why it did not."""
    command = ("ledger", "checkpoint", "--data", str(folder), "--line", str(line))
    how = await child.ended(*command, patience=PATIENCE)
    if isinstance(how, str):
        return how
    return None if how.code == 0 else how.err.strip().rpartition("\n")[2] or f"exit code {how.code}"
