"""The `.env` of a person, changed without losing a word of it: comments, order and strange names stay."""

import errno
import io
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from bot.errors import StartupError
from bot.process.settings.given import clean, in_file
from bot.storage.disk import Disk

MODE = 0o600
_NO_TEXT = "\ufffd"  # what stands for what could not be read
_MOUNTED = frozenset({errno.EBUSY, errno.EXDEV, errno.EROFS, errno.EACCES, errno.EPERM})
"""Why a file may be no one's to replace and still be ours to write: it is mounted alone into a container."""


class Unwritable(StartupError):
    """The file cannot be written, or what stands there not be read; the text says why."""


class EnvFile:
    """One file of settings.

    Attributes:
        path: Where it is, links followed.
        in_place: It could not be replaced by renaming, so it was written where it stands.
    """

    def __init__(self, path: Path, heading: str = "") -> None:
        """`heading` is the comment above what is added to it."""
        self.path, self.in_place = Path(os.path.realpath(path)), False
        self._heading = heading

    def values(self) -> dict[str, str]:
        """What is set in it, cleaned. StartupError where it cannot be read."""
        problems: list[str] = []
        found = {name: clean(value) for name, value in in_file(self.path, problems).items() if value}
        if problems:
            raise StartupError(problems[0])
        return found

    def put(self, name: str, value: str) -> None:
        """Set one name, durably; whoever reads meanwhile sees the old file or the new one.

        Raises:
            ValueError: No line that every reader of the file understands can hold this value.
            Unwritable: Nothing was changed.
        """
        line = f"{name}={spelt(value)}\n"
        try:
            before = self.path.read_bytes().decode("utf-8-sig") if self.path.exists() else ""
            self._write(changed(before, name, line, self._heading).encode())
        except (OSError, UnicodeError) as error:
            why = (error.strerror or "?") if isinstance(error, OSError) else "UTF-8"
            raise Unwritable(why) from None

    def protect(self) -> bool:
        """Have nobody but its owner read it; False where that is not ours to do."""
        if not self.path.exists() or stat.S_IMODE(self.path.stat().st_mode) == MODE:
            return True
        with suppress(OSError):
            self.path.chmod(MODE)
            return True
        return False

    def _write(self, data: bytes) -> None:
        try:
            Disk().replace_with(self.path, [data], self._owned)
        except OSError as error:
            if error.errno not in _MOUNTED or not self.path.is_file():
                raise
            _over(self.path, data)
            self.in_place = True
            self.protect()

    def _owned(self, made: Path) -> None:
        """What a container's root writes still belongs to whom it was, or who has the folder."""
        there = self.path if self.path.exists() else self.path.parent
        wanted, is_ = there.stat(), made.stat()
        if (wanted.st_uid, wanted.st_gid) != (is_.st_uid, is_.st_gid) and os.geteuid() == 0:
            os.chown(made, wanted.st_uid, wanted.st_gid)


def _over(path: Path, data: bytes) -> None:
    """Write where the file stands; what was there is put back where that fails."""
    before = path.read_bytes()
    try:
        _overwrite(path, data)
    except OSError:
        with suppress(OSError):
            _overwrite(path, before)
        raise


def _overwrite(path: Path, data: bytes) -> None:
    with path.open("r+b", buffering=0) as file:
        written = 0
        while written < len(data):
            written += file.write(data[written:])
        file.truncate(len(data))
        os.fsync(file.fileno())


def changed(text: str, name: str, line: str, heading: str = "") -> str:
    """The file's text with this line in the place of the last one that sets the name, or at its end."""
    parts = list(parse_stream(io.StringIO(text)))
    places = [place for place, part in enumerate(parts) if part.key == name and not part.error]
    strings = [part.original.string for part in parts]
    if places:
        old = strings[places[-1]]  # blank lines above it belong to what is read of it
        strings[places[-1]] = old[: len(old) - len(old.lstrip())] + line
        return "".join(strings)
    start = text if not text or text.endswith("\n") else f"{text}\n"
    mark = f"# {heading}\n"
    return (
        start
        + (f"\n{mark}" if heading and start and mark not in start else mark if heading and not start else "")
        + line
    )


def spelt(value: str) -> str:
    """The value as every reader takes it: ours, and compose's raw one, which takes quotes for a part of it.

    Raises:
        ValueError: There is no such spelling.
    """
    readers: tuple[Callable[[str], str | None], ...] = (_ours, lambda text: text)
    for text in (value, f"'{value}'", f'"{value}"'):
        if (
            value.isprintable()
            and _NO_TEXT not in value
            and all(clean(read(text) or "") == value for read in readers)
        ):
            return text
    raise ValueError("cannot stand in .env")


def _ours(text: str) -> str | None:
    return dotenv_values(stream=io.StringIO(f"X={text}\n"), interpolate=False).get("X")
