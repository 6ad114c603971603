import gzip
import io
import os
import stat
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import pytest

from bot.__main__ import main
from bot.domain import events as ev
from bot.errors import StartupError
from bot.storage.commands.pack import pack_ended
from bot.storage.commands.repair import Repair, repair, run_repair
from bot.storage.commands.verify import verify
from bot.storage.files import FileLedger
from bot.storage.sealed import gzipped
from tests.fakes import ANA, NOON, FakeClock
from tests.storage.disks import FaultyDisk, QuickDisk
from tests.storage.samples import SEGMENT, adds, dispatch, opened

DECEMBER = "2026-12.jsonl"


@pytest.fixture
async def whole(tmp_path: Path) -> dict[str, bytes]:
    """A ledger of two months: groups of 3, 1 and 2 lines, then of 1 and 1."""
    clock = FakeClock()
    ledger = FileLedger.open(tmp_path, clock, QuickDisk())
    await ledger.commit(adds(*dispatch()))
    await ledger.commit(adds(opened(2)))
    await ledger.commit(adds(ev.Denied(2, ANA, "não"), opened(3)))
    clock.time += timedelta(days=20)
    await ledger.commit(adds(opened(4)))
    await ledger.commit(adds(opened(5)))
    await ledger.close()
    return segments(tmp_path)


def segments(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "ledger").glob("*.jsonl")}


def put(folder: Path, name: str, data: bytes) -> None:
    (folder / "ledger" / name).write_bytes(data)


def copies(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "ledger" / "quarantine").glob("*")}


def shelf(done: Repair) -> str:
    return f"ledger/quarantine/{done.copies[0].name}"


def swapped(data: bytes, first: int, second: int) -> bytes:
    lines = data.splitlines(keepends=True)
    lines[first], lines[second] = lines[second], lines[first]
    return b"".join(lines)


LOSSLESS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "CRLF": (lambda data: data.replace(b"\n", b"\r\n"), "CR LF line ends undone"),
    "BOM": (lambda data: b"\xef\xbb\xbf" + data, "byte order mark taken out"),
    "NULs behind": (lambda data: data + bytes(4096), "4096 NUL bytes taken out"),
    "NULs before": (lambda data: bytes(3) + data, "3 NUL bytes taken out"),
    "NULs within": (lambda data: data[:50] + bytes(9) + data[50:], "9 NUL bytes taken out"),
    "garbage behind": (lambda data: data + b"garbage\n", "7 bytes taken out, of no whole line"),
    "no last newline": (lambda data: data[:-1], "line ends put right"),
    "an empty line": (lambda data: data.replace(b"\n", b"\n\n", 1), "line ends put right"),
    "a newline lost": (lambda data: data.replace(b"\n", b"", 1), "line ends put right"),
    "doubled": (lambda data: data.splitlines(keepends=True)[0] + data, "1 doubled line taken out"),
    "all doubled": (lambda data: data + data, "doubled lines taken out"),
    "swapped": (lambda data: swapped(data, 0, 1), "lines put back in order"),
}


@pytest.mark.parametrize("name", [SEGMENT, DECEMBER])
@pytest.mark.parametrize("what", LOSSLESS)
def test_what_loses_nothing_is_put_right_after_a_copy(
    tmp_path: Path, whole: dict[str, bytes], what: str, name: str
) -> None:
    damage, said = LOSSLESS[what]
    damaged = damage(whole[name])
    put(tmp_path, name, damaged)
    planned = repair(tmp_path, FakeClock(), dry_run=True)
    assert planned.ok
    assert segments(tmp_path)[name] == damaged
    assert copies(tmp_path) == {}
    done = repair(tmp_path, FakeClock())
    assert (done.ok, done.changed) == (True, (name,))
    assert f"{name}: " in done.text
    assert said in done.text
    assert said in planned.text
    assert segments(tmp_path) == whole
    assert list(copies(tmp_path).values()) == [damaged]
    assert stat.S_IMODE(done.copies[0].stat().st_mode) == 0o600
    again = repair(tmp_path, FakeClock())
    assert again.text == f"{tmp_path}/ledger: whole, nothing to repair"
    assert len(copies(tmp_path)) == 1


def test_a_torn_tail_is_cut_as_a_start_does(tmp_path: Path, whole: dict[str, bytes]) -> None:
    put(tmp_path, DECEMBER, whole[DECEMBER][:-20])
    done = repair(tmp_path, FakeClock())
    assert done.ok
    *_, aside, end = done.text.splitlines()
    assert aside.startswith(f"what is left of the torn last group was put aside in {shelf(done)}, as a start")
    assert aside.endswith("(nobody was told that it is durable)")
    assert end == "repaired: the ledger is whole up to its last whole group"
    first = whole[DECEMBER].splitlines(keepends=True)[0]
    assert segments(tmp_path) == {SEGMENT: whole[SEGMENT], DECEMBER: first}
    assert list(copies(tmp_path).values()) == [whole[DECEMBER][:-20]]
    assert verify(tmp_path).trouble is None


def test_intact_lines_of_a_torn_last_group_are_named(tmp_path: Path, whole: dict[str, bytes]) -> None:
    """They were never acknowledged, and yet a person must not hear that no line went."""
    (tmp_path / "ledger" / DECEMBER).unlink()
    lines = whole[SEGMENT].splitlines(keepends=True)
    put(tmp_path, SEGMENT, b"".join(lines[:5]))
    dry = repair(tmp_path, FakeClock(), dry_run=True)
    assert "1 intact line of the torn last group would be put aside in ledger/quarantine, " in dry.text
    done = repair(tmp_path, FakeClock())
    assert f"1 intact line of the torn last group was put aside in {shelf(done)}, as a start" in done.text
    assert segments(tmp_path) == {SEGMENT: b"".join(lines[:4])}
    put(tmp_path, SEGMENT, b"".join(lines[:2]))
    text = repair(tmp_path, FakeClock()).text
    assert f"{SEGMENT}: 2 intact lines taken out, of the torn last group" in text
    assert "2 intact lines of the torn last group were put aside in ledger/quarantine/" in text
    assert "(nobody was told that they are durable)" in text
    assert "the ledger is whole up to its last whole group" in text


def test_a_segment_copied_to_another_month_is_emptied(tmp_path: Path, whole: dict[str, bytes]) -> None:
    for name in ("2026-10.jsonl", "2027-01.jsonl"):
        put(tmp_path, name, whole[SEGMENT])
        done = repair(tmp_path, FakeClock())
        assert (done.ok, done.changed) == (True, (name,))
        assert {**whole, name: b""} == segments(tmp_path)
        (tmp_path / "ledger" / name).unlink()


def line_lost(data: bytes) -> bytes:
    return b"".join(data.splitlines(keepends=True)[1:])


@pytest.mark.parametrize(
    "damage",
    [
        line_lost,
        lambda data: data.replace(b'"case":', b'"cast":', 1),
        lambda data: data[:30] + bytes(10) + data[40:],
        lambda _: b"",
        lambda data: data[: len(data) // 2],
    ],
    ids=["a line lost", "a line changed", "NULs over a line", "emptied", "cut in the middle"],
)
def test_what_would_lose_a_line_is_left_as_it_is(
    tmp_path: Path, whole: dict[str, bytes], damage: Callable[[bytes], bytes]
) -> None:
    put(tmp_path, SEGMENT, damage(whole[SEGMENT]))
    before = segments(tmp_path)
    done = repair(tmp_path, FakeClock())
    assert (done.ok, done.changed, done.copies) == (False, (), ())
    assert "missing or damaged: lines " in done.text
    assert done.text.endswith(
        "not repaired, nothing was changed: it would lose lines. Bring the file back from a backup"
    )
    assert segments(tmp_path) == before
    assert copies(tmp_path) == {}


@pytest.mark.bug("a damaged newline dropped an acknowledged group")
def test_two_damaged_groups_at_the_end_are_not_taken_for_garbage(
    tmp_path: Path, whole: dict[str, bytes]
) -> None:
    put(tmp_path, DECEMBER, whole[DECEMBER].replace(b'"case":', b'"cast":'))
    assert not repair(tmp_path, FakeClock()).ok
    assert segments(tmp_path)[SEGMENT] == whole[SEGMENT]


async def test_two_histories_are_not_mixed(tmp_path: Path, whole: dict[str, bytes]) -> None:
    put(tmp_path, DECEMBER, b"")
    other = FileLedger.open(tmp_path, FakeClock(NOON + timedelta(days=20)), QuickDisk())
    await other.commit(adds(opened(9)))
    await other.close()
    put(tmp_path, DECEMBER, whole[DECEMBER] + segments(tmp_path)[DECEMBER])
    done = repair(tmp_path, FakeClock())
    assert not done.ok
    assert "there twice and different: lines 7" in done.text


async def test_it_refuses_while_the_bot_runs(tmp_path: Path, whole: dict[str, bytes]) -> None:
    ledger = FileLedger.open(tmp_path, FakeClock(), QuickDisk())
    with pytest.raises(StartupError, match="stop the bot first") as caught:
        repair(tmp_path, FakeClock(), dry_run=True)
    assert caught.value.code == 1
    await ledger.close()
    assert repair(tmp_path, FakeClock()).ok


def test_nothing_is_written_where_the_copy_cannot_be(tmp_path: Path, whole: dict[str, bytes]) -> None:
    put(tmp_path, SEGMENT, whole[SEGMENT][:-1])
    disk = FaultyDisk()
    name = "2026-11-before-repair-20261122T150000.000000Z.bin"
    disk.errors[f"replace {name}"] = OSError(28, "No space left on device")
    with pytest.raises(StartupError, match=r"No space left on device\): nothing was repaired"):
        repair(tmp_path, FakeClock(), disk=disk)
    assert segments(tmp_path)[SEGMENT] == whole[SEGMENT][:-1]
    disk.errors.clear()
    assert repair(tmp_path, FakeClock(), disk=disk).ok
    written = [call for call in disk.calls if call.startswith("replace")]
    assert written[-2:] == [f"replace {name}", f"replace {SEGMENT}"]


def months_mixed(whole: dict[str, bytes]) -> dict[str, bytes]:
    """The last line of one month in the other's file, and the first of that one here."""
    november, december = (whole[name].splitlines(keepends=True) for name in (SEGMENT, DECEMBER))
    november[-1], december[0] = december[0], november[-1]
    return {SEGMENT: b"".join(november), DECEMBER: b"".join(december)}


def test_lines_go_home_to_their_month(tmp_path: Path, whole: dict[str, bytes]) -> None:
    for damaged in (months_mixed(whole), dict(zip(whole, reversed(list(whole.values())), strict=True))):
        for name, data in damaged.items():
            put(tmp_path, name, data)
        done = repair(tmp_path, FakeClock())
        assert done.ok
        assert " brought back from another segment" in done.text
        assert segments(tmp_path) == whole


async def test_lines_after_a_clock_that_was_ahead_stay_with_its_own(
    tmp_path: Path, whole: dict[str, bytes]
) -> None:
    clock = FakeClock()
    real = clock.time + timedelta(days=21)
    clock.time = real + timedelta(days=400)
    ledger = FileLedger.open(tmp_path, clock, QuickDisk())
    await ledger.commit(adds(ev.Alive()))
    await ledger.close()
    clock.time = real
    ledger = FileLedger.open(tmp_path, clock, QuickDisk())
    await ledger.commit(adds(ev.Started("1", "future")))
    await ledger.commit(adds(ev.Confirmed(ANA, real)))
    await ledger.commit(adds(opened(6)))  # of December, as the lines before the clock ran ahead
    await ledger.close()
    written = segments(tmp_path)
    assert len(written) == len(whole) + 1
    for name, data in written.items():
        put(tmp_path, name, data.replace(b"\n", b"\r\n"))
    assert repair(tmp_path, FakeClock()).ok
    assert segments(tmp_path) == written


class StopsAt(QuickDisk):
    """A disk on which the `last`-th replacement is the last that works."""

    def __init__(self, last: int) -> None:
        self.left = last

    def replace_with(
        self, path: Path, parts: Iterable[bytes], proof: Callable[[Path], object] | None = None
    ) -> None:
        if not self.left:
            raise OSError(5, "Input/output error")
        self.left -= 1
        super().replace_with(path, parts, proof)


@pytest.mark.parametrize("last", range(6))
def test_a_repair_that_broke_off_is_finished_by_the_next(
    tmp_path: Path, whole: dict[str, bytes], last: int
) -> None:
    for name, data in months_mixed(whole).items():
        put(tmp_path, name, data)
    with pytest.raises(StartupError, match="Input/output error"):
        repair(tmp_path, FakeClock(), disk=StopsAt(last))
    assert repair(tmp_path, FakeClock()).ok
    assert segments(tmp_path) == whole


# Packed months


def packed(folder: Path) -> Path:
    """The first month, packed."""
    pack_ended(folder)
    return folder / "ledger" / f"{SEGMENT}.gz"


def _whole_month_doubled(_path: Path, data: bytes) -> bytes:
    return b"".join(gzipped.packed([data, data]))


def _by_hand(_path: Path, data: bytes) -> bytes:
    return gzip.compress(data[:100]) + gzip.compress(data[100:])


def _without_its_table(path: Path, _data: bytes) -> bytes:
    return path.read_bytes()[:-1]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_whole_month_doubled, "6 doubled lines taken out"),
        (_by_hand, "packed by another program: unpacked"),
        (_without_its_table, "packed by another program: unpacked"),
    ],
)
def test_a_packed_month_is_put_right_unpacked(
    tmp_path: Path, whole: dict[str, bytes], damage: Callable[[Path, bytes], bytes], said: str
) -> None:
    path = packed(tmp_path)
    damaged = damage(path, whole[SEGMENT])
    path.write_bytes(damaged)
    done = repair(tmp_path, FakeClock())
    assert (done.ok, done.changed) == (True, (SEGMENT,))
    assert said in done.text
    assert (segments(tmp_path), path.exists()) == (whole, False)
    assert list(copies(tmp_path).values()) == [damaged]
    assert repair(tmp_path, FakeClock()).text == f"{tmp_path}/ledger: whole, nothing to repair"
    assert packed(tmp_path).exists()


def test_a_packed_month_under_an_unpacked_ones_name(tmp_path: Path, whole: dict[str, bytes]) -> None:
    packed(tmp_path).rename(tmp_path / "ledger" / SEGMENT)
    assert repair(tmp_path, FakeClock()).ok
    assert segments(tmp_path) == whole


@pytest.mark.parametrize("place", [0.1, 0.5])
def test_a_packed_month_with_a_hole_stays(tmp_path: Path, whole: dict[str, bytes], place: float) -> None:
    path = packed(tmp_path)
    damaged = bytearray(path.read_bytes())
    damaged[int(len(damaged) * place)] ^= 1
    path.write_bytes(damaged)
    done = repair(tmp_path, FakeClock())
    assert not done.ok
    assert "missing or damaged: lines 1, 2, 3, 4, 5, 6\n" in done.text
    assert (path.read_bytes(), segments(tmp_path)) == (bytes(damaged), {DECEMBER: whole[DECEMBER]})


def test_a_line_that_lies_in_another_month_comes_out_of_it_packed(
    tmp_path: Path, whole: dict[str, bytes]
) -> None:
    path = packed(tmp_path)
    mixed = months_mixed(whole)
    path.write_bytes(b"".join(gzipped.packed([mixed[SEGMENT]])))
    put(tmp_path, DECEMBER, mixed[DECEMBER])
    done = repair(tmp_path, FakeClock())
    assert done.changed == (SEGMENT, DECEMBER)
    assert segments(tmp_path) == whole


# A part at a time


class InParts(QuickDisk):
    """No file is read as a whole."""

    def read(self, path: Path) -> bytes:
        return pytest.fail(f"{path} is read at once")

    def reading(self, path: Path) -> BinaryIO:
        file = super().reading(path)
        assert isinstance(file, io.BufferedReader)
        return Limited(file)


class Limited(io.BufferedReader):
    def __init__(self, file: io.BufferedReader) -> None:
        super().__init__(file)

    def read(self, size: int | None = -1, /) -> bytes:
        assert size in range(2**18 + 1)
        return super().read(size)


@pytest.mark.parametrize("part", [7, 100, 2**18])
@pytest.mark.parametrize("what", [*LOSSLESS, "months mixed", "turned round"])
def test_it_reads_a_part_at_a_time_and_finds_the_same(
    tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, what: str, part: int
) -> None:
    monkeypatch.setattr("bot.storage.commands.salvage._PART", part)
    damaged = {SEGMENT: b"".join(reversed(whole[SEGMENT].splitlines(keepends=True)))}
    if what == "months mixed":
        damaged = months_mixed(whole)
    elif what in LOSSLESS:
        damaged = {name: LOSSLESS[what][0](data) for name, data in whole.items()}
    for name, data in damaged.items():
        put(tmp_path, name, data)
    assert repair(tmp_path, FakeClock(), disk=InParts()).ok
    assert segments(tmp_path) == whole


def test_what_is_there_twice_in_long_stretches_is_taken_once(tmp_path: Path, whole: dict[str, bytes]) -> None:
    lines = whole[SEGMENT].splitlines(keepends=True)
    put(tmp_path, SEGMENT, b"".join([*lines[2:5], b"x\n", *lines[:4], *lines[1:]]))
    done = repair(tmp_path, FakeClock())
    assert "6 doubled lines taken out" in done.text
    assert "lines put back in order" in done.text
    assert segments(tmp_path) == whole


def test_a_second_copy_never_replaces_the_first(tmp_path: Path, whole: dict[str, bytes]) -> None:
    for tail in (b"one", b"two"):
        put(tmp_path, DECEMBER, whole[DECEMBER] + tail)
        assert repair(tmp_path, FakeClock()).ok
    assert sorted(copies(tmp_path).values()) == [whole[DECEMBER] + b"one", whole[DECEMBER] + b"two"]


def test_a_folder_that_cannot_be_looked_into(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StartupError, match=r"cannot be used \(Not a directory\): nothing was repaired"):
        run_repair(tmp_path / "file" / "data", FakeClock(), dry_run=True)


@pytest.mark.parametrize("folder", ["", "ledger", "ledger/quarantine"])
def test_a_folder_without_a_ledger(tmp_path: Path, folder: str) -> None:
    (tmp_path / "x" / folder).mkdir(parents=True)
    with pytest.raises(StartupError, match="is DATA_DIR right"):
        repair(tmp_path / "x", FakeClock())


def test_a_ledger_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "cooldown.json").write_bytes(b"{}")
    with pytest.raises(
        StartupError, match=r"and yet cooldown.json shows that there was one: bring the whole"
    ):
        run_repair(tmp_path, FakeClock(), dry_run=True)


def test_only_the_owner_repairs(
    tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another user writes (root, by hand) the bot could not open any more."""
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(StartupError, match="run this as that user"):
        run_repair(tmp_path, FakeClock(), dry_run=False)


def test_the_command(tmp_path: Path, whole: dict[str, bytes], capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path, SEGMENT, b"\xef\xbb\xbf" + whole[SEGMENT])
    assert main(["ledger", "repair", "--dry-run", "--data", str(tmp_path)]) == 0
    assert "dry run: nothing was changed" in capsys.readouterr().out
    assert main(["ledger", "repair", "--data", str(tmp_path)]) == 0
    assert "repaired: the ledger is whole" in capsys.readouterr().out
    put(tmp_path, SEGMENT, line_lost(whole[SEGMENT]))
    assert main(["ledger", "repair", "--data", str(tmp_path)]) == 1
    assert main(["ledger", "verify", "--data", str(tmp_path)]) == 1
    assert main(["ledger", "repair", "--data", str(tmp_path / "none")]) == 1
    assert "is DATA_DIR right?" in capsys.readouterr().err
