"""`ledger pack`: the months that are over, packed; whoever reads the ledger finds what was there."""

import errno
import gzip
import os
import shutil
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.__main__ import main
from bot.domain import events as ev
from bot.errors import StartupError
from bot.storage.checkpoint import renew, resumed
from bot.storage.commands.backup import backup
from bot.storage.commands.export import export
from bot.storage.commands.pack import pack_ended
from bot.storage.commands.show import show
from bot.storage.commands.verify import run_verify
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from bot.storage.past.history import Archive
from bot.storage.past.tables import Flag
from bot.storage.replay import Fault, scan
from bot.storage.segments import ledger_folder, segments_in, sizes_in, to_pack
from tests.fakes import ANA, NOON, FakeClock
from tests.storage.disks import FaultyDisk, QuickDisk
from tests.storage.past.histories import Story, write
from tests.storage.samples import adds, dispatch, opened

FIRST, SECOND, LAST = "2026-01.jsonl", "2026-02.jsonl", "2026-03.jsonl"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ledger of three months."""
    begin = datetime(2026, 1, 5, tzinfo=UTC)
    days = [begin + timedelta(days=9 * n) for n in range(9)]
    groups = [[(day, line) for line in (*dispatch(n), ev.Intent(n, "c1"))] for n, day in enumerate(days, 1)]
    write(tmp_path, groups)
    assert segments_in(Disk(), tmp_path) == [FIRST, SECOND, LAST]
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in ledger_folder(folder).iterdir() if path.name != "pack.lock")


def said_of(folder: Path) -> list[object]:
    """Everything that anybody asks of a ledger."""
    found, disk = scan(Disk(), folder, range(1, 9999)), Disk()
    archive = Archive(folder, disk, None)
    while not archive.step(None, 9.0):
        pass
    cases = archive.ask(lambda index, _: index.cases())
    rows = archive.ask(lambda index, _: index.audited(tuple(Flag), None, None, 0, 9999))
    stories = archive.ask(lambda _, recall: [recall.story(case) for case in cases])
    archive.close()
    return [
        (found.book, found.head, found.ends, found.marks, found.sizes, found.digests, found.trouble),
        run_verify(folder),
        run_verify(folder, full=True),
        show(folder, None, UTC),
        b"".join(export(folder, "json", UTC)[0]),
        (rows, stories),
    ]


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10**6), line=st.integers(1, 60))
def test_packed_or_not_a_ledger_says_the_same(
    seed: int, line: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("data")
    story = Story(seed).tell(60)
    while story.at.month < 3 and story.at.year < 2027:
        story.tell(len(story.lines) + 20)
    write(folder, story.groups)
    renew(QuickDisk(), folder, line)
    before, start = said_of(folder), resumed(Disk(), folder)
    pack_ended(folder, QuickDisk())
    *sealed, last = segments_in(Disk(), folder)
    assert sealed
    assert [name for name in names(folder) if "jsonl" in name] == [*(name + ".gz" for name in sealed), last]
    assert said_of(folder) == before
    again = resumed(Disk(), folder)
    assert again.since == start.since > 0
    assert (again.book, again.head, again.marks) == (start.book, start.head, start.marks)
    assert pack_ended(folder) == "nothing to pack"


def test_the_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    was = {path.name: path.read_bytes() for path in ledger_folder(folder).iterdir()}
    assert main(["ledger", "pack", "--data", str(folder)]) == 0
    assert capsys.readouterr().out.splitlines()[0].startswith(f"{FIRST}: 0.0 MB packed into 0.0")
    for name in (FIRST, SECOND):
        path = ledger_folder(folder) / f"{name}.gz"
        assert gzip.decompress(path.read_bytes()) == was[name]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert main(["ledger", "pack", "--data", str(folder)]) == 0
    assert capsys.readouterr().out == "nothing to pack\n"


def test_an_unpacked_month_that_is_placed_back_is_read(folder: Path) -> None:
    before = said_of(folder)
    pack_ended(folder)
    path = ledger_folder(folder) / FIRST
    path.write_bytes(gzip.decompress((packed := path.with_name(f"{FIRST}.gz")).read_bytes()))
    assert said_of(folder) == before  # both are there, and the same
    packed.unlink()
    assert said_of(folder) == before


def test_nothing_is_packed_of_a_damaged_ledger(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = ledger_folder(folder) / FIRST
    data = path.read_bytes()
    path.write_bytes(data[:100] + b"?" + data[101:])
    was = names(folder)
    assert main(["ledger", "pack", "--data", str(folder)]) == 1
    assert "is damaged: see python -m bot ledger verify" in capsys.readouterr().err
    assert names(folder) == was


@pytest.mark.parametrize("what", ["none", "empty"])
def test_where_there_is_no_ledger(tmp_path: Path, what: str) -> None:
    if what == "empty":
        ledger_folder(tmp_path).mkdir()
    with pytest.raises(StartupError, match="has no ledger") as error:
        pack_ended(tmp_path)
    assert error.value.code == 1


def test_an_empty_month_stays(folder: Path) -> None:
    (ledger_folder(folder) / "2025-12.jsonl").touch()
    pack_ended(folder)
    assert "2025-12.jsonl" in names(folder)
    assert to_pack(Disk(), folder) == []
    assert run_verify(folder)[0] == 0


def test_what_is_torn_at_its_end_waits(folder: Path) -> None:
    last = max(segments_in(Disk(), folder))
    path = ledger_folder(folder) / last
    path.write_bytes(path.read_bytes()[:-3])
    pack_ended(folder)
    assert [name for name in names(folder) if not name.endswith(".gz")] == [last]


# The disk


class Ordered(FaultyDisk):
    """What is done to files, in its order."""

    def remove(self, path: Path) -> None:
        self._called(f"remove {path.name}")
        super().remove(path)


def test_the_original_goes_last(folder: Path) -> None:
    disk = Ordered()
    pack_ended(folder, disk)
    calls = [call for call in disk.calls if call.split()[0] in {"replace", "sync_folder", "remove"}]
    a_month = ["replace {}.gz", "sync_folder ledger", "remove {}", "sync_folder ledger"]
    months = [name.removesuffix(".gz") for name in names(folder) if name.endswith(".gz")]
    assert calls == [call.format(name) for name in months for call in a_month]


@pytest.mark.parametrize("call", ["replace", "sync_folder ledger", "remove"])
def test_what_the_disk_refuses_leaves_the_original(folder: Path, call: str) -> None:
    before, disk = said_of(folder), Ordered()
    name = f"{call} {FIRST}" + (".gz" if call == "replace" else "") if call in {"replace", "remove"} else call
    disk.errors[name] = OSError(errno.EIO, "Input/output error")
    with pytest.raises(StartupError, match="not packed, nothing is lost: Input/output error"):
        pack_ended(folder, disk)
    assert FIRST in names(folder)
    assert said_of(folder) == before
    pack_ended(folder)
    assert FIRST not in names(folder)
    assert said_of(folder) == before


def test_a_full_disk_keeps_its_room_for_the_lines(folder: Path) -> None:
    disk, was = FaultyDisk(), names(folder)
    disk.free = 16 * 2**20
    with pytest.raises(StartupError, match="not packed, nothing is lost: No space left on device"):
        pack_ended(folder, disk)
    assert names(folder) == was


def test_what_is_not_read_back_as_it_was_is_thrown_away(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def spoils(descriptor: int) -> None:
        fsync(descriptor)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(data)

    was = names(folder)
    monkeypatch.setattr(os, "fsync", spoils)
    with pytest.raises(StartupError, match="is not what is read back"):
        pack_ended(folder)
    assert names(folder) == was


def test_two_do_not_pack_at_once(folder: Path) -> None:
    release = Disk().lock(ledger_folder(folder) / "pack.lock")
    with pytest.raises(StartupError, match="another process is packing it"):
        pack_ended(folder)
    release()
    pack_ended(folder)


# Twice there


def test_both_and_the_same_are_tidied(folder: Path) -> None:
    before = said_of(folder)
    original = (ledger_folder(folder) / FIRST).read_bytes()
    pack_ended(folder)
    (ledger_folder(folder) / FIRST).write_bytes(original)
    assert run_verify(folder)[0] == 0
    pack_ended(folder)
    assert FIRST not in names(folder)
    assert said_of(folder) == before


def test_both_and_different_is_said_and_nothing_goes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    original = (ledger_folder(folder) / FIRST).read_bytes()
    other = ledger_folder(folder) / f"{FIRST}.gz"
    other.write_bytes(gzip.compress(original[:-1] + b" "))
    code, text = run_verify(folder)
    assert code == 1
    assert f"{FIRST} is there as {FIRST}.gz, too, and they differ" in text.splitlines()[-1]
    assert main(["ledger", "pack", "--data", str(folder)]) == 1
    assert "are both there and differ: see python -m bot ledger verify" in capsys.readouterr().err
    assert {FIRST, f"{FIRST}.gz"} <= set(names(folder))
    other.unlink()
    assert run_verify(folder)[0] == 0


def test_a_gunzip_that_was_killed_is_said_and_mended_by_who_moves_its_half_away(folder: Path) -> None:
    before = said_of(folder)
    data = (ledger_folder(folder) / FIRST).read_bytes()
    pack_ended(folder)
    half = ledger_folder(folder) / FIRST
    half.write_bytes(data[: len(data) // 2])
    code, text = run_verify(folder)
    assert code == 1
    assert f"first bad line: {half}, line " in text
    assert text.splitlines()[-1].endswith("Move the one that is not right out of the folder")
    half.unlink()
    assert said_of(folder) == before


# Written to


async def test_a_clock_that_goes_back_into_a_packed_month_finds_it_unpacked(tmp_path: Path) -> None:
    clock = FakeClock()
    ledger = FileLedger.open(tmp_path, clock, QuickDisk())
    await ledger.commit(adds(ev.Started("1"), opened()))
    await ledger.close()
    november = ledger_folder(tmp_path) / "2026-11.jsonl"
    (ledger_folder(tmp_path) / "2026-12.jsonl").touch()
    original = november.read_bytes()
    pack_ended(tmp_path)
    assert not november.exists()
    (ledger_folder(tmp_path) / "2026-12.jsonl").unlink()  # a copy without the newest month
    again = FileLedger.open(tmp_path, clock, QuickDisk())
    await again.commit(adds(ev.Denied(1, ANA, "x")))
    await again.close()
    assert not november.with_name("2026-11.jsonl.gz").exists()
    assert november.read_bytes().startswith(original)
    found = scan(Disk(), tmp_path)
    assert (found.trouble, found.head.seq) == (None, 3)


@pytest.mark.parametrize("same", [True, False])
async def test_nothing_is_written_to_a_month_that_is_there_twice_and_differs(
    tmp_path: Path, same: bool
) -> None:
    ledger = FileLedger.open(tmp_path, FakeClock(), QuickDisk())
    await ledger.commit(adds(ev.Started("1"), opened()))
    await ledger.close()
    november = ledger_folder(tmp_path) / "2026-11.jsonl"
    (ledger_folder(tmp_path) / "2026-12.jsonl").touch()
    original = november.read_bytes()
    pack_ended(tmp_path)
    (ledger_folder(tmp_path) / "2026-12.jsonl").unlink()
    november.write_bytes(original if same else original[: original.index(b"\n") + 1])
    if not same:
        with pytest.raises(StartupError, match="are both there and differ"):
            FileLedger.open(tmp_path, FakeClock(), QuickDisk())
        return
    again = FileLedger.open(tmp_path, FakeClock(), QuickDisk())
    await again.close()
    assert names(tmp_path) == ["2026-11.jsonl"]


# Bad files under a month's name


def _another_month(path: Path) -> None:
    shutil.copy(path.with_name(f"{SECOND}.gz"), path)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


def _of_hand(path: Path) -> None:
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())))


@pytest.mark.parametrize("spoil", [_another_month, _cut, _flipped, _of_hand, _emptied])
@pytest.mark.parametrize("name", [FIRST, SECOND])
async def test_a_packed_month_that_is_not_what_it_was(
    folder: Path, spoil: Callable[[Path], None], name: str
) -> None:
    pack_ended(folder)
    if spoil is _another_month and name == SECOND:
        return
    path = ledger_folder(folder) / f"{name}.gz"
    spoil(path)
    for full in (False, True):
        code, text = run_verify(folder, full=full)
        assert code == 1
        assert f"first bad line: {ledger_folder(folder) / name}, line " in text
    found = scan(Disk(), folder)
    assert found.trouble is not None
    assert (found.trouble.fault, found.trouble.segment) == (Fault.CORRUPT, name)
    assert found.trouble.what.endswith(f" (unpacked from {name}.gz)")
    before = names(folder)
    ledger = FileLedger.open(folder, FakeClock(NOON), QuickDisk())
    assert ledger.closed is not None
    await ledger.close()
    assert names(folder) == [*before]


@pytest.mark.parametrize("name", [f"{FIRST}.gz", FIRST])
def test_a_pipe_of_that_name_keeps_nobody_waiting(folder: Path, name: str) -> None:
    pack_ended(folder)
    (ledger_folder(folder) / name).unlink(missing_ok=True)
    os.mkfifo(ledger_folder(folder) / name)
    code, text = run_verify(folder)
    assert code == 1, text
    with pytest.raises(StartupError):
        FileLedger.open(folder, FakeClock(NOON), QuickDisk())


def test_a_backup_has_what_is_packed_packed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    pack_ended(folder)
    dest = tmp_path_factory.mktemp("backup") / "one"
    assert "verified" in backup(folder, dest, NOON)
    assert [name for name in names(dest) if "jsonl" in name] == [n for n in names(folder) if "jsonl" in n]
    assert sizes_in(Disk(), dest) == sizes_in(Disk(), folder)
    for path in ledger_folder(dest).glob("*.jsonl*"):
        assert path.read_bytes() == (ledger_folder(folder) / path.name).read_bytes()
