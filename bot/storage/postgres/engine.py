"""Which ledger it is: that in files, or that in PostgreSQL, which is loaded where it is asked for."""

from pathlib import Path
from typing import TYPE_CHECKING

from bot.errors import StartupError
from bot.ports import Clock
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from bot.tongue import said

if TYPE_CHECKING:
    from bot.storage.postgres.ledger import PostgresLedger

_NEEDS = "LEDGER needs what {missing} is part of: pip install 'olt-noc-bot[postgres]'"


async def open_ledger(
    folder: Path, clock: Clock, disk: Disk | None = None, url: str = "", *, epoch: int | None = None
) -> FileLedger:
    """The ledger of a data folder, ready to be written; `url` is that of a database, empty for files.

    `epoch` is whose turn it is to write there; None: as it is. StartupError where it cannot be used.
    """
    if not url:
        return FileLedger.open(folder, clock, disk)
    return await _postgres().open(url, folder, clock, disk, epoch=epoch)


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
