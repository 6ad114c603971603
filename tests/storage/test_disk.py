"""The real file system, as far as a test can see that it was asked for the right things in order."""

import os
import stat
from pathlib import Path

import pytest

from bot.storage.access import troubles
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
    assert [found.name for found in tmp_path.iterdir()] == ["audit.json"], "the ledger needs the room"


@pytest.mark.bug("a folder made by a killed process was never synced")
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


def test_a_segment_that_others_may_read_is_made_private(tmp_path: Path) -> None:
    segment = tmp_path / "2026-11.jsonl"
    segment.write_bytes(b"line\n")
    segment.chmod(0o644)
    disk = Disk()
    disk.close(disk.open_append(segment))
    assert (stat.S_IMODE(segment.stat().st_mode), segment.read_bytes()) == (0o600, b"line\n")


@pytest.mark.parametrize("planted", ["a link", "a file"])
def test_what_was_planted_where_a_view_is_written_is_not_followed(tmp_path: Path, planted: str) -> None:
    elsewhere, temporary = tmp_path / "elsewhere", tmp_path / "audit.json.tmp"
    elsewhere.write_bytes(b"mine")
    if planted == "a link":
        temporary.symlink_to(elsewhere)
    else:
        temporary.write_bytes(b"old")
        temporary.chmod(0o666)
    Disk().replace(tmp_path / "audit.json", b"new")
    assert elsewhere.read_bytes() == b"mine"
    view = tmp_path / "audit.json"
    assert (view.read_bytes(), view.is_symlink()) == (b"new", False)
    assert stat.S_IMODE(view.stat().st_mode) == 0o600


def test_a_folder_that_others_may_write_is_named_with_its_mend(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert troubles(data) == []
    (data / "ledger").mkdir(parents=True)
    data.chmod(0o700)
    (data / "ledger").chmod(0o770)
    user = os.getuid()
    (said,) = troubles(data)
    rights = f"{data}/ledger may be written by others than user {user} (drwxrwx---)"
    assert said == f"{rights}: chmod go-w {data}/ledger"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_this_user_may_not_write_is_named_with_its_mend(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    user = os.getuid()
    said = f"{tmp_path} is user {user}'s and this user ({user}) may not write it: chown -R {user} {tmp_path}"
    assert troubles(tmp_path) == [said]


def test_a_folder_that_is_none_or_cannot_be_looked_at_breaks_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    first, second = [*troubles(tmp_path / "file"), ""][:2]
    assert (first.startswith(f"{tmp_path}/file/ledger cannot be looked at"), second) == (True, "")
