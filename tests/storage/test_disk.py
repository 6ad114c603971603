"""The real file system, as far as a test can see that it was asked for the right things in order."""

import os
import stat
from pathlib import Path

import pytest

from bot.storage.disk import Disk


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls that make things durable, with the file each is about."""
    calls: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def record_fsync(descriptor: int) -> None:
        calls.append(f"fsync {Path(f'/proc/self/fd/{descriptor}').readlink().name}")
        fsync(descriptor)

    def record_replace(self: Path, target: Path) -> Path:
        calls.append(f"rename {self.name} {target.name}")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(Path, "replace", record_replace)
    return calls


def test_a_file_is_replaced_whole_and_durably(tmp_path: Path, asked: list[str]) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    path = folder / "audit.json"
    path.write_bytes(b"a longer old text")
    Disk().replace(path, b"new")
    assert asked == ["fsync audit.json.tmp", "rename audit.json.tmp audit.json", "fsync data"]
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in folder.iterdir()] == ["audit.json"]


def test_a_file_that_cannot_be_written_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "audit.json"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        Disk().replace(path, b"new")
    assert path.read_bytes() == b"old"


def test_a_new_folder_is_private_and_durable(tmp_path: Path, asked: list[str]) -> None:
    folder = tmp_path / "one" / "two"
    Disk().make_folder(folder)
    Disk().make_folder(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    above = [f"fsync {tmp_path.parent.name}", f"fsync {tmp_path.name}"]
    assert asked == [*above, "fsync one", "fsync one"]  # whoever made it may have been killed before


def test_appending_cutting_and_syncing(tmp_path: Path) -> None:
    disk, path = Disk(), tmp_path / "file"
    path.write_bytes(b"one")
    descriptor = disk.open_append(path)
    assert disk.write(descriptor, b"two") == 3
    disk.fdatasync(descriptor)
    assert disk.size(descriptor) == 6
    disk.truncate(descriptor, 4)
    disk.close(descriptor)
    assert disk.read(path) == b"onet"
    with pytest.raises(OSError, match="Bad file descriptor"):
        disk.fdatasync(descriptor)


def test_names_and_room(tmp_path: Path) -> None:
    disk = Disk()
    (tmp_path / "b").touch()
    (tmp_path / "a").touch()
    assert disk.names(tmp_path) == ["a", "b"]
    assert disk.names(tmp_path / "missing") == []
    room = os.statvfs(tmp_path)
    assert disk.free_bytes(tmp_path) <= room.f_bfree * room.f_frsize
