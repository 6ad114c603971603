"""`backup.json`: the mark of a data folder that is a backup, and what of a data folder a backup takes.

Until a backup is whole the mark says so, and nothing starts on it. A whole one keeps the mark until the line
of a start that doubts it is durable: whatever crashes, the bot asks before it sends on what was sent since.
A whole one has it beside the segments, too: whoever copies these alone back, or tidies up, is asked as well.
"""

import json
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path

import structlog

from bot import tongue
from bot.domain.book import Doubt
from bot.errors import StartupError
from bot.storage.disk import Disk
from bot.storage.inbox import NAME as INBOX
from bot.storage.people.key import NAME as KEY
from bot.storage.people.months import FOLDER
from bot.storage.rows import PUSHED
from bot.storage.segments import ledger_folder

NAME = "backup.json"
COPY = "copy.json"
"""Beside segments that are a copy of a ledger in PostgreSQL."""
UPGRADING = "upgrading"
"""Where an upgrade makes the new ledger; while it is there nothing starts."""
BEFORE = "before-upgrade"
"""How the folder with the copy of what there was before an upgrade begins."""

TAKEN = ("cooldown.json", "audit.json", PUSHED, INBOX)
"""What a backup takes beside the segments, files and folders of files: all that a start believes.

News of the inbox may be in the segments by then, too: it is worked on again, which changes nothing. The other
way round a customer's stop that their gateway was told we have would be in neither.
"""

PEOPLE = (KEY, FOLDER)
"""What it takes behind them: whoever a line speaks of is known before the line is there."""

LEFT = (
    *("ledger", NAME, UPGRADING, f"{BEFORE}*", "instance.lock", "*checkpoint*", "*index*", "*.tmp"),
    "api-keys.*",
)
"""What it does not take as it lies there: the segments, which have their own way, and what is made anew.

Keys of the API are: with an old copy of them one would be good again that was revoked since.
"""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Mark:
    """Of which folder, when (UTC), up to which line, and whether it is all there.

    `doubt` is why a start on it asks: an upgrade marks what lay beside newer files, which are gone then.
    """

    of: str
    at: str
    whole: bool = False
    lines: int = 0
    head: str = ""
    doubt: Doubt = "backup"

    def said(self) -> str:
        """What it is."""
        if self.doubt == "backup":
            return tongue.said("a backup of {folder}, taken {at}", folder=self.of, at=self.at)
        return tongue.said(
            "upgraded from what looks like an old copy, whose last line is of {at}", at=self.at
        )


def put(disk: Disk, folder: Path, mark: Mark) -> None:
    """Mark the folder, durably. Raises OSError."""
    said = {name: value for name, value in asdict(mark).items() if (name, value) != ("doubt", "backup")}
    data = json.dumps(said, indent=1).encode() + b"\n"
    if mark.whole:
        disk.replace(ledger_folder(folder) / NAME, data)
    disk.replace(folder / NAME, data)


def found(disk: Disk, folder: Path) -> Mark | None:
    """The mark, None where there is none. Raises OSError.

    StartupError where the backup is not whole, and where an upgrade was broken off.
    """
    if UPGRADING in disk.names(folder):
        what = "{folder}: an upgrade was broken off: run python -m bot ledger upgrade again"
        raise StartupError(tongue.said(what, folder=folder), code=1)
    there = [place / NAME for place in (folder, ledger_folder(folder)) if NAME in disk.names(place)]
    if not there:
        return None
    try:
        mark = Mark(**json.loads(disk.read(there[0])))
    except (ValueError, TypeError):
        mark = Mark("", "")
    if mark.whole is not True:
        what = "{folder} is a backup that was not finished ({file} says so): take another one"
        raise StartupError(tongue.said(what, folder=there[0].parent, file=NAME), code=1)
    return mark


def taken_off(disk: Disk, folder: Path) -> None:
    """Take the mark away; where that fails the next start asks once more."""
    try:
        for place in (folder, ledger_folder(folder)):
            disk.remove(place / NAME)
    except OSError as error:
        _log.warning("backup_mark_stays", folder=str(folder), why=error.strerror)


def unnamed(disk: Disk, folder: Path) -> list[str]:
    """What lies in a data folder and nobody said whether a backup takes it: files of others. OSError."""
    return [
        name
        for name in disk.names(folder)
        if not any(fnmatch(name, known) for known in (*TAKEN, *PEOPLE, *LEFT))
    ]
