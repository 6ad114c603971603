"""`python -m bot ledger checkpoint`: the state as of the last line, written down for a quick start."""

from pathlib import Path

from bot.errors import StartupError
from bot.storage.access import of_another_user
from bot.storage.checkpoint import renew
from bot.storage.commands.phrases import no_ledger
from bot.storage.commands.progress import watched
from bot.storage.disk import Disk
from bot.storage.segments import ledger_folder, segments_in
from bot.tongue import said as _


def run_checkpoint(folder: Path, line: int | None) -> str:
    """What was written, in words. StartupError (exit code 1) where it cannot be.

    Reads the ledger and writes nothing but the checkpoint, so a running bot is no matter: `line` is the last
    one that it knows to be durable. Else stderr shows how far it is.
    """
    disk = Disk()
    try:
        another = of_another_user(folder) if segments_in(disk, folder) else no_ledger(folder, disk)
        if another is not None:
            raise StartupError(another, code=1)
        with watched(folder, on=line is None) as reading:
            name = renew(reading, folder, line)
    except OSError as error:
        text = _("{folder}: no checkpoint was written: {why}", folder=folder, why=error.strerror)
        raise StartupError(text, code=1) from error
    return (
        _("{file} written", file=ledger_folder(folder) / name)
        if name
        else _("nothing written: nothing is new, or a start will say")
    )
