"""The `.env` that a person wrote: what `setup` changes in it, and all that it leaves alone."""

import errno
import io
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import StartupError
from bot.process.settings.given import clean
from bot.process.setup.env_file import EnvFile, Unwritable, changed, spelt
from bot.storage.disk import Disk

WRITTEN = """\
# mine, do not touch
export OTHER='a b'   # of another program

TELEGRAM_TOKEN=1:old # the old one
  # TELEGRAM_TOKEN=9:commented

TELEGRAM_TOKEN=2:last
MULTI="one
two"
not a line at all
LAST=x"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_one_line_is_changed_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(WRITTEN)
    EnvFile(file, "setup").put("TELEGRAM_TOKEN", "3:new")
    assert file.read_text() == WRITTEN.replace("2:last", "3:new"), "the last one is the one that counts"
    assert mode(file) == 0o600
    EnvFile(file, "setup").put("LAST", "y")
    assert file.read_text().endswith("\nLAST=y\n")
    EnvFile(file, "setup").put("ADDED", "z")
    EnvFile(file, "setup").put("ALSO", "")
    assert file.read_text().endswith("\nLAST=y\n\n# setup\nADDED=z\nALSO=\n")
    assert list(tmp_path.iterdir()) == [file], "nothing lies about"


def test_a_file_that_is_not_there_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    file = EnvFile(tmp_path / ".env", "setup")
    assert file.values() == {}
    assert file.protect()
    file.put("A", "1")
    assert (file.path.read_text(), mode(file.path)) == ("# setup\nA=1\n", 0o600)
    file.path.chmod(0o644)
    assert file.protect()
    assert mode(file.path) == 0o600


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    kept, link = tmp_path / "kept" / "env", tmp_path / ".env"
    kept.write_text("A=1\n")
    link.symlink_to(kept)
    EnvFile(link).put("A", "2")
    assert link.is_symlink()
    assert kept.read_text() == "A=2\n"


def test_windows_line_ends_and_a_mark_of_unicode_are_no_trouble(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes("\ufeffA=1\r\nB=2\r\n".encode())
    EnvFile(file).put("A", "3")
    assert file.read_bytes() == b"A=3\nB=2\r\n"


@pytest.mark.parametrize(
    "value", ["a", "a b", "p#x", "p #x", "it's", '"q', "$HOME", "a\\nb", "ação", "x='y'"]
)
def test_a_value_is_read_as_it_was_typed(tmp_path: Path, value: str) -> None:
    file = EnvFile(tmp_path / ".env")
    file.put("A", value)
    assert file.values() == {"A": value}


@given(st.text())
def test_every_reader_takes_what_is_written_for_the_same(value: str) -> None:
    try:
        text = spelt(value)
    except ValueError:
        return
    read = dotenv_values(stream=io.StringIO(changed("B=1", "A", f"A={text}\n")), interpolate=False)
    assert clean(read["A"] or "") == value
    assert clean(text) == value, "compose's raw format takes the quotes along, as our reading takes them off"


@pytest.mark.parametrize("value", ["a\nb", " a", "'both' \" #", "\x00", "\ufffd"])
def test_what_no_line_can_hold_is_refused_and_nothing_is_written(tmp_path: Path, value: str) -> None:
    with pytest.raises(ValueError, match="cannot stand"):
        EnvFile(tmp_path / ".env").put("A", value)
    assert not (tmp_path / ".env").exists()


class Mounted(Disk):
    """The file is mounted alone: it cannot be replaced."""

    def replace_with(self, path: Path, *_: Any) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(path))


def test_a_file_that_is_mounted_alone_is_written_where_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.process.setup.env_file.Disk", Mounted)
    path = tmp_path / ".env"
    path.write_text("# mine\nA=a long value\n")
    number = path.stat().st_ino
    file = EnvFile(path)
    file.put("A", "1")
    assert (path.read_text(), path.stat().st_ino, mode(path)) == ("# mine\nA=1\n", number, 0o600)
    assert file.in_place
    with pytest.raises(StartupError, match="busy"):
        EnvFile(tmp_path / "not there").put("A", "1")


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.process.setup.env_file.Disk", Mounted)
    path = tmp_path / ".env"
    path.write_text("A=1\n")
    syncs = iter([OSError(errno.ENOSPC, "full"), None])

    def fsync(_descriptor: int) -> None:
        if (error := next(syncs)) is not None:
            raise error

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(StartupError, match="full"):
        EnvFile(path).put("B", "2")
    assert path.read_text() == "A=1\n"


def test_a_file_that_cannot_be_read_is_said_to_be_and_not_written(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"A=\xff\n")
    with pytest.raises(StartupError, match="UTF-8"):
        EnvFile(path).values()
    with pytest.raises(Unwritable, match="UTF-8"):
        EnvFile(path).put("A", "1")
    assert path.read_bytes() == b"A=\xff\n"


@pytest.mark.parametrize("there", [True, False])
def test_what_a_containers_root_writes_belongs_to_whom_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    given: list[tuple[int, int]] = []
    path, stat_of = tmp_path / ".env", Path.stat

    def owned(self: Path, **options: Any) -> os.stat_result:
        found = stat_of(self, **options)
        mine = self != (path if there else tmp_path)
        return found if mine else os.stat_result((*found[:4], 1000, 1001, *found[6:]))

    if there:
        path.write_text("")
    monkeypatch.setattr(Path, "stat", owned)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda _path, user, group: given.append((user, group)))
    EnvFile(path).put("A", "1")
    assert given == [(1000, 1001)]
    assert path.read_text().endswith("A=1\n")
