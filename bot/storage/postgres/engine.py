"""Which ledger it is: that in files, or that in PostgreSQL, which is loaded where it is asked for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bot.errors import StartupError
from bot.ports import Clock
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from bot.tongue import said

if TYPE_CHECKING:
    from bot.storage.postgres.ledger import PostgresLedger
    from bot.storage.postgres.warm import Warm

_NEEDS = "LEDGER needs what {missing} is part of: pip install 'olt-noc-bot[postgres]'"


async def open_ledger(
    folder: Path,
    clock: Clock,
    disk: Disk | None = None,
    url: str = "",
    *,
    epoch: int | None = None,
    warm: "Warm | None" = None,
) -> FileLedger:
    """The ledger of a data folder, ready to be written; `url` is that of a database, empty for files.

    `epoch` is whose turn it is to write there; None: as it is. `warm` is the folder's copy, where somebody
    has it. StartupError where it cannot be used.
    """
    if not url:
        return FileLedger.open(folder, clock, disk)
    return await _postgres().open(url, folder, clock, disk, epoch=epoch, warm=warm)


@asynccontextmanager
async def open_alone(
    folder: Path, clock: Clock, disk: Disk | None = None, url: str = ""
) -> AsyncIterator[FileLedger]:
    """The same for a command, beside no running bot (in a database: on no machine); closed at the end.

    StartupError (exit code 1) also where a machine leads.
    """
    if not url:
        ledger = FileLedger.open(folder, clock, disk)
        try:
            yield ledger
        finally:
            await ledger.close()
        return
    check_extra()
    from bot.storage.postgres.turn import turn  # noqa: PLC0415 - as below

    async with turn(url) as epoch:
        ledger = await open_ledger(folder, clock, disk, url, epoch=epoch)
        try:
            yield ledger
        finally:
            await ledger.close()


def _postgres() -> "type[PostgresLedger]":
    check_extra()
    from bot.storage.postgres.ledger import PostgresLedger  # noqa: PLC0415 - a run on files does not pay for it

    return PostgresLedger


def check_extra() -> None:
    """StartupError without what the extra brings."""
    try:
        import psycopg  # noqa: F401, PLC0415
    except ModuleNotFoundError as error:
        raise StartupError(said(_NEEDS, missing=error.name), code=1) from None
