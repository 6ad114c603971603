"""`python -m bot ledger pack`: the months that are over, also while the bot runs."""

from contextlib import suppress
from pathlib import Path

from filelock import Timeout

from bot.errors import StartupError
from bot.storage.access import of_another_user
from bot.storage.chain import whole
from bot.storage.commands.phrases import no_ledger
from bot.storage.commands.progress import watched
from bot.storage.disk import Disk
from bot.storage.sealed.packing import LOCK, pack
from bot.storage.segments import ledger_folder, segments_in, to_pack
from bot.tongue import said as _

_TWICE = 2.27  # a month, the month once more, and what it was packed into: a 3.7th of it


def run_pack(folder: Path) -> str:
    """As `pack_ended`; only the user whose folder it is may. stderr shows how far it is."""
    try:
        another = of_another_user(folder)
    except OSError:
        another = None  # there is none: that is said below
    if another is not None:
        raise StartupError(another, code=1)
    with watched(folder, more=_read_again(folder)) as disk:
        return pack_ended(folder, disk)


def _read_again(folder: Path) -> int:
    """Bytes that are read once all was checked: each month that is to be packed, and to compare the two."""
    disk = Disk()
    with suppress(OSError):  # whoever reads it says so
        return round(
            sum(disk.length(ledger_folder(folder) / name) for name in to_pack(disk, folder)) * _TWICE
        )
    return 0


def pack_ended(folder: Path, disk: Disk | None = None) -> str:
    """Pack the months that are over: what was packed, a line a month.

    StartupError (exit code 1) where something stays as it is. Reads every line of the ledger first: nothing
    is packed of a damaged one.
    """
    disk = disk or Disk()
    try:
        if not segments_in(disk, folder):
            raise StartupError(no_ledger(folder, disk), code=1)
        release = disk.lock(ledger_folder(folder) / LOCK)
    except Timeout:
        raise StartupError(_("{folder}: another process is packing it", folder=folder), code=1) from None
    except OSError as error:
        text = _("{folder} cannot be used: {why}", folder=folder, why=error.strerror)
        raise StartupError(text, code=1) from error
    try:
        return "\n".join(_packed(folder, disk)) or _("nothing to pack")
    finally:
        release()


def _packed(folder: Path, disk: Disk) -> list[str]:
    said = []
    ledger = ledger_folder(folder)
    try:
        found = whole(disk, folder)
        if found is None:
            text = _("{path} is damaged: see python -m bot ledger verify", path=ledger)
            raise StartupError(text, code=1)
        ended = [name for name in found.sizes if found.ends.get(name) == found.sizes[name]]
        for name in to_pack(disk, folder):
            if name in ended:
                size = pack(disk, ledger / name)
                was, is_ = f"{found.sizes[name] / 10**6:.1f}", f"{size / 10**6:.1f}"
                said.append(_("{name}: {was} MB packed into {now}", name=name, was=was, now=is_))
    except OSError as error:
        why = error.strerror or type(error).__name__
        text = _("{path}: not packed, nothing is lost: {why}", path=ledger, why=why)
        raise StartupError("\n".join([*said, text]), code=1) from error
    return said
