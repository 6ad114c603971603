"""Each night the ledger's lines are read again where they lie: a disk forgets, and a start reads few of them.

A child process does it (`ledger verify`), of the rows in PostgreSQL as well where the ledger is there. What
differs closes the ledger: cards go on, nothing is sent. The checkpoints go as well, so that the next start
reads every line and stays closed until that is mended.

A ledger whose files are whole has the months that are over packed then, by another child, also where the
database is away.
"""

import asyncio
import json
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from bot import tongue
from bot.errors import Closed
from bot.ports import Notice
from bot.process import child
from bot.process.options import ROWS_UNREAD
from bot.storage.checkpoint import forget
from bot.storage.commands.phrases import BAD, GONE, NONE, PLACE, ROW, ROW_CLOSES, TWICE
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from bot.storage.segments import to_pack

log = logging.getLogger(__name__)

HOUR, MINUTE = 3, 30
"""When, in the time zone of the settings."""
FIRST = 600.0  # seconds after a start: one that runs through no night is checked, too
PATIENCE = 3600.0  # seconds: years take some of CPU, and it is given little
_DRIVERS = ("PG", "HOME", "SSL_CERT_", "KRB5")
"""Where names begin so, the database's driver may read them: a password, or where its files are."""
_FAR = re.compile(r"\d+ %")  # how far a child is, in a pipe


Why = Literal["late", "killed", "twice", "other"]


class Nightly:
    """Has the ledger verified. `say` tells the group."""

    def __init__(
        self, folder: Path, ledger: FileLedger, say: Callable[[Notice], None], url: str = ""
    ) -> None:
        """`url` is the database that the lines are in, empty for files."""
        self._url = url
        self._folder, self._ledger, self._say = folder, ledger, say
        self._at_it: asyncio.Task[object] | None = None
        self._unread: str | None = None
        self._found = False

    async def check(self) -> None:
        """Once; what it finds is said. One call at a time."""
        if self._ledger.closed is not None:
            return
        self._at_it = asyncio.current_task()
        try:
            await self._check()
        finally:
            self._at_it = None

    async def _check(self) -> None:
        rows = ["--rows"] if self._url else []
        how = await _child(self._folder, "verify", *rows, told=_told(self._url) if rows else "")
        if isinstance(how, str):
            self._not_read("late" if how == child.LATE else "other", how)
        elif how.code == 0:
            self._unread = None
            log.info("the ledger was read and is whole: %s", how.out.partition("\n")[0])
            await pack(self._folder)
        elif wrong := _wrong(how.out):
            await self._differs(wrong)
        else:
            said = (how.err or how.out).strip().rpartition("\n")[2]
            self._not_read(_why(how), said or f"exit code {how.code}")
            if how.code == ROWS_UNREAD:
                await pack(self._folder)

    async def stop(self) -> None:
        """End a check that is going on; a ledger that it closed stays without checkpoints."""
        if self._at_it is not None:
            going_on = self._at_it
            going_on.cancel()
            await asyncio.wait({going_on})
        if self._found:
            await asyncio.to_thread(forget, Disk(), self._folder)  # one may have been on its way

    async def _differs(self, wrong: Closed) -> None:
        self._found = True
        self._ledger.shut(wrong)
        await asyncio.to_thread(forget, Disk(), self._folder)
        if wrong.code == "rows":
            from bot.storage.postgres.copy import distrust  # noqa: PLC0415 - files need no driver

            await asyncio.to_thread(distrust, Disk(), self._folder)

    def _not_read(self, why: Why, exactly: str) -> None:
        """It says nothing of the ledger: nothing is closed for it, and somebody should look.

        What exactly it was is for the log: the system says it in its own language.
        """
        log.warning("the ledger could not be verified: %s", exactly)
        if self._unread is None:  # once, until it is read again
            self._say(Notice("ledger_unread", {"why": why}))
        self._unread = why


async def pack(folder: Path) -> None:
    """The months that are over, where one is not packed; what cannot be packed stays as it is."""
    try:
        if not await asyncio.to_thread(to_pack, Disk(), folder):
            return
        how = await _child(folder, "pack")
    except OSError as error:
        how = error.strerror or type(error).__name__
    if isinstance(how, str):
        log.warning("months that are over are not packed: %s", how)
    elif how.code == 0:
        log.info("packed: %s", "; ".join(how.out.splitlines()))
    else:
        told = (line for line in how.err.splitlines() if not _FAR.fullmatch(line))
        log.warning("months that are over are not packed: %s", "; ".join(told))


async def _child(folder: Path, *command: str, told: str = "") -> child.Ended | str:
    """In the language of whoever hears of it, so what is read of it is, too."""
    arguments = ("ledger", *command, "--data", str(folder))
    return await child.ended(*arguments, patience=PATIENCE, language=tongue.spoken(), told=told)


def _told(url: str) -> str:
    """What a child needs to connect as this process does; the names are those of an environment."""
    mine = {name: value for name, value in os.environ.items() if name.startswith(_DRIVERS)}
    return json.dumps(mine | {"LEDGER": url})


def _why(how: child.Ended) -> Why:
    twice = re.search(tongue.pattern(TWICE, file=".+", packed=".+"), how.out)
    return "twice" if twice else "killed" if how.code < 0 else "other"


def _wrong(said: str) -> Closed | None:
    """What `verify` found, as a start says it; None where it could not read."""
    place = tongue.pattern(PLACE, file=".+", line=r"\d+", byte=r"\d+", what=".*")
    if bad := re.search(f"^{tongue.pattern(BAD)}: {place}$", said, re.MULTILINE):
        text = "{file}, line {line} is damaged ({what}): see python -m bot ledger verify"
        text = tongue.said(text, file=bad["file"], line=bad["line"], what=bad["what"])
        return Closed(text, "damaged", file=Path(bad["file"]).name, line=int(bad["line"]))
    there = tongue.pattern(ROW, line=r"\d+")
    if row := re.search(f"^{there}", said, re.MULTILINE):
        line = int(row["line"])
        return Closed(tongue.said(ROW_CLOSES, line=line), "rows", line=line)
    for text in (NONE, GONE):
        none = tongue.pattern(text, folder=".+", names=".+", show=".+", anew=".+")
        if gone := re.search(f"^{none}", said, re.MULTILINE):
            mend = "{path} is gone: see python -m bot ledger verify"
            return Closed(tongue.said(mend, path=gone["folder"]), "gone")
    return None
