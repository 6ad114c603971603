"""The copy of who stands by: the lines here, and the book as of the last one, as far as PostgreSQL is by now.

Each time it is brought on it reads what is new and no more, so whoever takes over has next to nothing to
read. It is the ledger's from then on (`PostgresLedger.open`).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Self

from filelock import Timeout

from bot import tongue
from bot.domain.book import Doubt
from bot.errors import StartupError
from bot.ports import Clock
from bot.storage.disk import Disk
from bot.storage.files import unusable
from bot.storage.postgres import copy, kept, schema, table
from bot.storage.postgres.link import Link, Lost
from bot.storage.replay import Scan, doubt_about, heads_of_views


class Warm:
    """One data folder, which nobody else may use meanwhile. For one thread at a time; `link.cut` for any."""

    def __init__(self, link: Link, folder: Path, clock: Clock, release: Callable[[], object]) -> None:
        self.link, self.folder, self.release = link, folder, release
        self._clock = clock
        self._found: Scan | None = None
        self._doubt: Doubt | None = None
        self._people: dict[str, table.Kept] = {}

    @classmethod
    def open(cls, url: str, folder: Path, clock: Clock, disk: Disk) -> Self:
        """Take the folder; nothing is read yet.

        StartupError where another process owns it, it cannot be used, or `url` is no address.
        """
        try:
            disk.make_folder(folder)
            release = disk.lock(folder / "instance.lock")
        except Timeout as error:
            text = "another process owns {folder}: stop it, or give this one another DATA_DIR"
            raise StartupError(tongue.said(text, folder=folder), code=1) from error
        except OSError as error:
            raise unusable(folder, error) from error
        try:
            return cls(Link(url), folder, clock, release)
        except BaseException:
            release()
            raise

    def bring(self, disk: Disk) -> Scan:
        """Everything there is by now.

        StartupError where the tables are not those that this program understands; Lost, OSError.
        """
        try:
            return self._brought(disk)
        except Lost:  # a connection that ended while nothing was asked tells so at the next question
            if self._found is None:
                raise
            self.link.close()
            return self._brought(disk)

    def followed(self, disk: Disk) -> Scan | None:
        """As `bring`, but None where what is here is to be put aside: nothing is done then."""
        with self.link.waiting():
            schema.check(self.link.connection())
        found = self._found
        if found is not None and found.trouble is None:
            found = copy.followed(self.link, disk, self.folder, found)
        self._found = None if found is None or found.trouble is not None else found
        return self._found

    def _brought(self, disk: Disk) -> Scan:
        found = self.followed(disk)
        if found is None:
            found, self._doubt = copy.brought(self.link, disk, self.folder, self._clock)
            kept.offer(self.link, disk, self.folder)
            self._people.clear()
        self._found = found
        return found

    @property
    def whole(self) -> bool:
        """Whether all is here but for what is new: not while it is read or fetched anew. For any thread."""
        return self._found is not None

    def bring_people(self, disk: Disk) -> None:
        """Names and phones here are those that are kept there. Lost, OSError."""
        self._people = copy.people(self.link, disk, self.folder, self._people)

    def doubt(self, disk: Disk) -> Doubt | None:
        """Why what was brought may be an old copy, or dated wrongly. OSError."""
        if self._found is None or self._doubt == "views":
            return self._doubt
        return doubt_about(self._found, heads_of_views(disk, self.folder), self._clock.now())

    def close(self) -> None:
        """Nobody takes it over."""
        self._found = None
        self.link.close()
        self.release()
