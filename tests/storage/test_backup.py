"""A backup is whole or nothing starts on it, and what starts on one asks before it sends."""

import errno
import json
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.__main__ import main
from bot.domain import events as ev
from bot.domain.delivery import StopNews
from bot.errors import Declined, StartupError
from bot.steps import decide
from bot.storage import copied
from bot.storage.commands import backup as module
from bot.storage.commands.backup import backup
from bot.storage.commands.repair import repair
from bot.storage.commands.show import show
from bot.storage.commands.verify import run_verify, verify
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from bot.storage.inbox import FileInbox
from bot.storage.kept import Views
from tests.fakes import ANA, NOON, FakeClock
from tests.storage.disks import FaultyDisk
from tests.storage.samples import SEGMENT, adds, dispatch, opened

ASKS = "a bot that is started on it sends nothing until an approver confirms in the group (/status)"


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """A data folder of two months with its views, its bot stopped a moment ago."""
    folder, clock = tmp_path / "data", FakeClock()
    ledger = FileLedger.open(folder, clock)
    await ledger.commit(adds(ev.Started("1"), *dispatch()))
    clock.time += timedelta(days=9)
    await ledger.commit(adds(opened(2), opened(3)))
    views = Views(folder, ledger, 24.0, clock)
    await views.start()
    await views.close()
    await ledger.commit(adds(ev.Stopped()))
    await ledger.close()
    return folder


def segments(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "ledger").glob("*.jsonl")}


async def start(folder: Path, clock: FakeClock, disk: Disk | None = None) -> FileLedger:
    """As `Flow.start` does it."""
    ledger = FileLedger.open(folder, clock, disk)
    await ledger.commit(adds(ev.Started("1", ledger.recovery.doubt)))
    return ledger


def later() -> FakeClock:
    clock = FakeClock()
    clock.time += timedelta(days=9, minutes=1)
    return clock


async def test_it_is_the_same_and_private_and_says_so(tmp_path: Path, data: Path) -> None:
    dest = tmp_path / "new" / "copy"
    said = backup(data, dest, NOON).splitlines()
    assert said == [f"{dest}: 7 lines up to 2026-12-01T15:00:00Z, 0 MB, verified", ASKS]
    assert segments(dest) == segments(data)
    for view in ("audit.json", "cooldown.json"):
        assert (dest / view).read_bytes() == (data / view).read_bytes()
    names = {"audit.json", "cooldown.json", "backup.json", "ledger", "people", "people.key"}
    assert {path.name for path in dest.iterdir()} == names
    for name in ("people.key", "people/2026-11.jsonl"):
        assert (dest / name).read_bytes() == (data / name).read_bytes()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in [dest, *dest.rglob("*")]}
    assert modes == {0o700, 0o600}
    code, text = run_verify(dest)
    assert code == 0
    assert text.splitlines()[-1] == f"a backup of {data}, taken 2026-11-22T15:00:00Z: {ASKS}"
    assert all(path.stat().st_nlink == 1 for path in dest.rglob("*.jsonl"))  # nothing is shared


async def test_a_bot_that_starts_on_one_of_a_minute_ago_asks_until_somebody_confirms(
    tmp_path: Path, data: Path
) -> None:
    clock, dest = later(), tmp_path / "copy"
    backup(data, dest, clock.now())
    for _ in range(2):  # no later start forgets it
        ledger = await start(dest, clock)
        assert (ledger.book.doubt, ledger.book.unconfirmed) == ("backup", clock.time - timedelta(minutes=1))
        with pytest.raises(Declined, match="unconfirmed"):
            decide.check_confirmed(ledger.book)
        assert copied.NAME not in {path.name for path in dest.iterdir()}
        await ledger.close()
        assert "that ends at 2026-12-01T15:00:00Z, a backup; nothing is sent" in run_verify(dest)[1]
    ledger = await start(dest, clock)
    await ledger.commit(decide.confirm(ANA, clock.now()))
    await ledger.close()
    ledger = await start(dest, clock)
    assert (ledger.book.doubt, ledger.book.unconfirmed) == (None, None)
    await ledger.close()
    original = await start(data, clock)
    assert (original.book.doubt, original.book.unconfirmed) == (None, None)
    await original.close()


async def test_the_segments_alone_ask_too(tmp_path: Path, data: Path) -> None:
    """Copied back with nothing but the key, or with the mark thrown away as if it were left over."""
    clock, dest, back = FakeClock(), tmp_path / "copy", tmp_path / "back"
    clock.time += timedelta(days=9)
    backup(data, dest, clock.now())
    shutil.copytree(dest / "ledger", back / "ledger")
    shutil.copy(dest / "people.key", back)
    (dest / "backup.json").unlink()
    for folder in (dest, back):
        assert run_verify(folder)[1].splitlines()[-1].endswith(ASKS)
        ledger = await start(folder, clock)
        assert (ledger.recovery.doubt, ledger.book.doubt) == ("backup", "backup")
        await ledger.close()
        assert [*folder.rglob("backup.json")] == []


async def test_it_asks_again_while_the_line_that_doubts_is_not_durable(tmp_path: Path, data: Path) -> None:
    clock, dest, disk = later(), tmp_path / "copy", FaultyDisk()
    backup(data, dest, clock.now())
    ledger = FileLedger.open(dest, clock)
    await ledger.commit(adds(ev.Alive()))  # whatever else is written takes the mark from nobody
    await ledger.close()
    ledger = FileLedger.open(dest, clock, disk)
    disk.errors["fdatasync"] = OSError(errno.EIO, "Input/output error")
    with suppress(Exception):
        await ledger.commit(adds(ev.Started("1", ledger.recovery.doubt)))
    await ledger.close()
    ledger = FileLedger.open(dest, clock)
    assert ledger.recovery.doubt == "backup"
    await ledger.close()


async def test_a_mark_that_cannot_be_taken_off_is_asked_about_once_more(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dest = tmp_path / "copy"
    backup(data, dest, NOON)
    with monkeypatch.context() as broken:
        error = OSError(errno.EROFS, "Read-only file system")
        broken.setattr(Disk, "remove", lambda *_: (_ for _ in ()).throw(error))
        ledger = await start(dest, later())
    assert ledger.closed is None
    await ledger.close()
    assert FileLedger.open(dest, later()).recovery.doubt == "backup"


@pytest.mark.parametrize("cut", [1, 9, 200])
async def test_a_group_on_its_way_is_left_out(tmp_path: Path, data: Path, cut: int) -> None:
    newest = data / "ledger" / "2026-12.jsonl"
    lines = newest.read_bytes().splitlines(keepends=True)
    newest.write_bytes(b"".join(lines)[: -len(lines[-1])] + lines[0][:-cut])
    dest = tmp_path / "copy"
    newest.write_bytes(b"".join(lines) + lines[0][:cut])  # a later group has begun
    backup(data, dest, NOON)
    assert segments(dest) == {SEGMENT: segments(data)[SEGMENT], newest.name: b"".join(lines)}
    newest.write_bytes(b"".join(lines[:1]))  # half a group of two lines, each whole
    backup(data, tmp_path / "other", NOON)
    assert segments(tmp_path / "other")[newest.name] == b""
    assert verify(tmp_path / "other").ok  # the views beside it are of the line that was cut off above


async def test_it_goes_on_while_the_bot_writes(tmp_path: Path, data: Path) -> None:
    ledger = await start(data, later())
    before = ledger.head.seq
    backup(data, tmp_path / "copy", NOON)
    await ledger.commit(adds(opened(4)))
    await ledger.close()
    mark = json.loads((tmp_path / "copy" / "backup.json").read_text())
    assert (mark["lines"], mark["whole"]) == (before, True)


@pytest.mark.parametrize("name", ["data/copy", "data", "data/ledger/x", "full", "file"])
def test_where_it_may_not_go(
    tmp_path: Path, data: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_text("mine")
    (tmp_path / "file").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    assert main(["ledger", "backup", str(tmp_path / name), "--data", str(data)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"{tmp_path / name} is ")
    assert ("inside" in error) == name.startswith("data")
    assert sorted(tmp_path.rglob("*")) == before


def test_an_empty_folder_will_do(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dest = tmp_path / "copy"
    dest.mkdir(mode=0o755)
    assert main(["ledger", "backup", str(dest), "--data", str(data)]) == 0
    assert ASKS in capsys.readouterr().out
    assert stat.S_IMODE(dest.stat().st_mode) == 0o700


def test_no_ledger_no_backup(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="has no ledger: is DATA_DIR right") as said:
        backup(tmp_path / "none", tmp_path / "copy", NOON)
    assert said.value.code == 1
    assert not (tmp_path / "copy").exists()


def damaged(data: Path) -> None:
    segment = data / "ledger" / SEGMENT
    segment.write_bytes(segment.read_bytes().replace(b"Ana", b"Eva", 1))


def test_a_damaged_ledger_is_not_backed_up(tmp_path: Path, data: Path) -> None:
    damaged(data)
    with pytest.raises(
        StartupError, match="is damaged, or has no line: see python -m bot ledger verify"
    ) as said:
        backup(data, tmp_path / "copy", NOON)
    assert said.value.code == 1
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("how", ["room", "short", "fdatasync", "replace backup.json"])
def test_a_full_disk_leaves_nothing(tmp_path: Path, data: Path, how: str, *, there: bool) -> None:
    dest, disk = tmp_path / "copy", FaultyDisk()
    if there:
        dest.mkdir()
    if how == "room":
        disk.free = 1024 * 1024
    elif how == "short":
        disk.short = 100
    else:
        disk.errors[how] = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(StartupError) as said:
        backup(data, dest, NOON, disk)
    assert str(said.value) == f"no backup was made in {dest}: No space left on device"
    assert said.value.code == 1
    assert list(dest.iterdir()) == [] if there else not dest.exists()


class Killed(BaseException):
    """The process is gone: nothing runs after it."""


class MortalDisk(Disk):
    """A disk whose process is killed before the step of that number."""

    def __init__(self, step: int) -> None:
        self.left = step

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name in {"write", "fdatasync", "replace", "make_folder", "sync_folder", "open_append", "truncate"}:
            self.left -= 1
            if not self.left:
                raise Killed
        return found


def test_killed_at_any_step_it_is_no_ledger(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_emptied", lambda *_, **__: None)
    newest = data / "ledger" / "2026-12.jsonl"
    newest.write_bytes(newest.read_bytes() + b"{")
    unfinished = 0
    for step in range(1, 200):
        dest = tmp_path / str(step)
        try:
            backup(data, dest, NOON, MortalDisk(step))
        except Killed:
            pass
        else:
            break
        if not list(dest.rglob("*.jsonl")):
            continue
        if json.loads((dest / "backup.json").read_bytes())["whole"]:  # the very last step
            assert run_verify(dest)[0] == 0
            continue
        unfinished += 1
        with pytest.raises(StartupError, match="is a backup that was not finished"):
            FileLedger.open(dest, FakeClock())
        with pytest.raises(StartupError, match="is a backup that was not finished"):
            run_verify(dest)
    assert unfinished > 5
    assert run_verify(dest)[0] == 0


@pytest.mark.parametrize(
    "mark", [b"", b"{}", b"[]", b"no JSON", b'{"of": "a", "at": "b", "whole": 1}', b"\xff"]
)
def test_a_mark_that_says_nothing_is_one_of_half_a_backup(tmp_path: Path, data: Path, mark: bytes) -> None:
    dest = tmp_path / "copy"
    backup(data, dest, NOON)
    (dest / "backup.json").write_bytes(mark)
    doings: list[Callable[[], object]] = [
        lambda: FileLedger.open(dest, FakeClock()),
        lambda: run_verify(dest),
        lambda: show(dest, None, UTC),
        lambda: repair(dest, FakeClock()),
        lambda: backup(dest, tmp_path / "second", NOON),
    ]
    for doing in doings:
        with pytest.raises(StartupError) as said:
            doing()
        assert said.value.code == 1
        assert str(said.value).startswith(f"{dest} is a backup that was not finished (backup.json says so)")


def test_a_view_that_is_being_written_is_read_again_or_left(tmp_path: Path, data: Path) -> None:
    whole = (data / "audit.json").read_bytes()

    class Writing(Disk):
        def __init__(self, *reads: bytes) -> None:
            self.reads: Iterator[bytes] = iter(reads)

        def read(self, path: Path) -> bytes:
            return next(self.reads) if path == data / "audit.json" else super().read(path)

    backup(data, tmp_path / "soon", NOON, Writing(whole[:-5], whole[:90], whole))
    assert (tmp_path / "soon" / "audit.json").read_bytes() == whole
    backup(data, tmp_path / "never", NOON, Writing(*[whole[:-5]] * 5))
    assert not (tmp_path / "never" / "audit.json").exists()


async def test_news_that_a_gateway_was_told_we_have_are_in_the_backup(tmp_path: Path, data: Path) -> None:
    """Nobody tells them again: a customer's stop would be lost with the disk."""
    box, told = FileInbox(data), StopNews("M0m1cL3y", "PARAR", NOON)
    await box.keep([told, replace(told, person="Zz9aaaaa")])

    class Working(Disk):
        """What was read is worked on meanwhile: it is in the lines that are copied, and not in the file."""

        def read(self, path: Path) -> bytes:
            found = super().read(path)
            if path == data / "inbox.jsonl":
                box.done([told])
            return found

    said = backup(data, tmp_path / "copy", NOON, Working())
    box.close()
    assert "inbox.jsonl" not in said
    assert tuple(FileInbox(tmp_path / "copy").left) == (told, replace(told, person="Zz9aaaaa"))


def test_folders_are_copied_and_what_is_unknown_is_named(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copied, "TAKEN", (*copied.TAKEN, "more", "more.key"))
    (data / "more").mkdir()
    (data / "more" / "2026-11.bin").write_bytes(b"abc")
    (data / "more.key").write_bytes(b"key")
    (data / "notes.txt").write_text("mine")
    said = backup(data, tmp_path / "copy", NOON)
    assert "not taken, as it is none of the bot's: notes.txt" in said
    assert (tmp_path / "copy" / "more" / "2026-11.bin").read_bytes() == b"abc"
    assert (tmp_path / "copy" / "more.key").read_bytes() == b"key"
    assert not (tmp_path / "copy" / "notes.txt").exists()
    assert stat.S_IMODE((tmp_path / "copy" / "more").stat().st_mode) == 0o700
