"""Starting on what is there: torn tails, damage, what is put aside."""

import errno
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from zlib import crc32

import pytest

from bot.domain import events as ev
from bot.errors import LedgerClosed, StartupError
from bot.storage.commands.verify import run_verify
from bot.storage.files import FileLedger
from tests.fakes import ANA, FakeClock
from tests.storage.disks import FaultyDisk, QuickDisk
from tests.storage.samples import SEGMENT, adds, dispatch, opened, rows

REFUSED = ev.TapRefused(ANA, "approve", "late")


async def written(folder: Path, *groups: Sequence[ev.Line], clock: FakeClock | None = None) -> Path:
    """A ledger with these groups; its (first) segment."""
    ledger = FileLedger.open(folder, clock or FakeClock(), QuickDisk())
    for group in groups:
        await ledger.commit(adds(*group))
    await ledger.close()
    return folder / "ledger" / SEGMENT


def quarantined(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "ledger" / "quarantine").glob("*")}


async def test_a_tail_torn_anywhere_is_put_aside_and_the_rest_goes_on(tmp_path: Path) -> None:
    segment = await written(tmp_path, dispatch(), [opened(2)])
    committed = segment.stat().st_size
    await written(tmp_path, [opened(3), REFUSED])
    whole = segment.read_bytes()
    for cut in range(committed, len(whole)):
        segment.write_bytes(whole[:cut])
        folder = tmp_path / "ledger" / "quarantine"
        for old in folder.glob("*"):
            old.unlink()
        ledger = FileLedger.open(tmp_path, FakeClock(), QuickDisk())
        assert ledger.closed is None
        assert sorted(ledger.book.cases) == [1, 2]
        assert ledger.recovery.lines == 4
        assert ledger.recovery.quarantined == cut - committed
        assert list(quarantined(tmp_path).values()) == ([whole[committed:cut]] if cut > committed else [])
        await ledger.commit(adds(opened(3)))
        await ledger.close()
        assert [row["seq"] for row in rows(tmp_path)] == [1, 2, 3, 4, 5]
        assert run_verify(tmp_path)[0] == 0


async def test_the_torn_tail_is_named_by_place_and_time_and_kept_before_it_is_cut(tmp_path: Path) -> None:
    segment = await written(tmp_path, [opened()])
    whole = segment.read_bytes()
    segment.write_bytes(whole + b'{"seq":2,"gro')
    disk = FaultyDisk()
    ledger = FileLedger.open(tmp_path, FakeClock(), disk)
    name = f"2026-11-{len(whole)}-20261122T150000.000000Z.bin"
    assert ledger.recovery.file == tmp_path / "ledger" / "quarantine" / name
    assert ledger.recovery.corrupt is None
    assert quarantined(tmp_path) == {name: b'{"seq":2,"gro'}
    assert segment.read_bytes() == whole
    kept = disk.calls.index(f"replace {name}")
    assert disk.calls[kept:].index("truncate") < disk.calls[kept:].index("fdatasync")
    assert disk.calls[kept + 1] == "sync_folder quarantine"
    await ledger.close()


async def test_an_older_quarantine_is_never_overwritten(tmp_path: Path) -> None:
    segment = await written(tmp_path, [opened()])
    whole = segment.read_bytes()
    for tail in (b"first", b"second", b"third"):
        segment.write_bytes(whole + tail)
        await FileLedger.open(tmp_path, FakeClock()).close()
    assert sorted(quarantined(tmp_path).values()) == [b"first", b"second", b"third"]


@pytest.mark.parametrize(
    "tear",
    [
        lambda group: b"\0" * len(group),
        lambda group: b"\0" * 100 + group[100:],  # the second page came to the disk, the first did not
        lambda group: group[:100] + b"\n" + group[101:],
        lambda group: group + b"\0" * 512,
    ],
    ids=["zeros", "zeros first", "a stray newline", "zeros after"],
)
async def test_a_last_group_damaged_inside_is_a_torn_tail(
    tmp_path: Path, tear: Callable[[bytes], bytes]
) -> None:
    segment = await written(tmp_path, dispatch())
    committed = segment.stat().st_size
    await written(tmp_path, [opened(2), REFUSED])
    whole = segment.read_bytes()
    torn = tear(whole[committed:])
    segment.write_bytes(whole[:committed] + torn)
    ledger = FileLedger.open(tmp_path, FakeClock())
    assert ledger.closed is None
    assert b"".join(quarantined(tmp_path).values()) in torn
    assert ledger.recovery.quarantined > 0
    await ledger.close()
    assert run_verify(tmp_path)[0] == 0


async def test_a_start_that_crashes_while_it_puts_the_tail_aside_can_be_repeated(tmp_path: Path) -> None:
    segment = await written(tmp_path, [opened()], [opened(2)])
    flip(segment, segment.stat().st_size - 30)
    (segment.parent / "2026-12.jsonl").write_bytes(b"\0\0\0")
    december = FakeClock(datetime(2026, 12, 1, tzinfo=UTC))
    for call in ("truncate", "fdatasync"):
        disk = FaultyDisk()
        disk.errors[call] = OSError(errno.EIO, "Input/output error")
        with pytest.raises(StartupError, match="Input/output error"):
            FileLedger.open(tmp_path, december, disk)
    ledger = FileLedger.open(tmp_path, december)
    assert ledger.closed is None
    assert list(ledger.book.cases) == [1]
    await ledger.commit(adds(opened(2)))
    await ledger.close()
    assert run_verify(tmp_path)[0] == 0


def flip(segment: Path, place: int) -> None:
    data = bytearray(segment.read_bytes())
    data[place] ^= 0x01
    segment.write_bytes(data)


async def test_damage_with_groups_behind_it_closes_the_ledger(tmp_path: Path) -> None:
    segment = await written(tmp_path, [opened()], [opened(2)], [opened(3)], [opened(4)])
    second = segment.read_bytes().index(b"\n") + 1
    flip(segment, second + 60)
    damaged = segment.read_bytes()
    disk = FaultyDisk()
    ledger = FileLedger.open(tmp_path, FakeClock(), disk)
    told: list[str] = []
    ledger.on_closed = told.append
    assert ledger.closed == ledger.recovery.corrupt
    assert ledger.closed is not None
    assert f"{segment}, line 2" in ledger.closed
    assert "python -m bot ledger verify" in ledger.closed
    assert list(ledger.book.cases) == [1]
    await ledger.commit(adds(opened(2), ev.CardPosted(2, -100, 7)))
    ledger.note(ev.IncidentEnded(1))
    with pytest.raises(LedgerClosed, match="line 2"):
        await ledger.commit(adds(ev.Approved(2, ANA, ())))
    with pytest.raises(LedgerClosed):
        ledger.note(ev.Intent(2, "c1"))
    assert sorted(ledger.book.cases) == [1, 2]
    await ledger.close()
    assert told == []
    assert segment.read_bytes() == damaged
    assert not {"write", "truncate", "fdatasync"} & set(disk.calls)
    assert quarantined(tmp_path) == {}


async def test_damage_in_an_earlier_segment_closes_the_ledger(tmp_path: Path) -> None:
    segment = await written(tmp_path, [opened()])
    december = FakeClock(datetime(2026, 12, 1, tzinfo=UTC))
    await written(tmp_path, [opened(2)], clock=december)
    flip(segment, segment.stat().st_size - 30)
    ledger = FileLedger.open(tmp_path, december)
    assert ledger.closed is not None
    assert "2026-11.jsonl, line 1" in ledger.closed
    await ledger.close()


async def test_a_tail_torn_before_an_empty_segment_is_still_a_torn_tail(tmp_path: Path) -> None:
    segment = await written(tmp_path, [opened()], [opened(2)])
    (segment.parent / "2026-12.jsonl").write_bytes(b"\0\0\0")
    flip(segment, segment.stat().st_size - 30)
    ledger = FileLedger.open(tmp_path, FakeClock(datetime(2026, 12, 1, tzinfo=UTC)))
    assert ledger.closed is None
    assert list(ledger.book.cases) == [1]
    assert len(quarantined(tmp_path)) == 2
    await ledger.close()


@pytest.mark.parametrize(
    ("bend", "what"),
    [
        (lambda lines: [lines[0], *lines[2:]], "sequence: 3 where 2 should be"),
        (lambda lines: [lines[0], lines[2], lines[1]], "sequence: 3 where 2 should be"),
        (lambda lines: lines[:2], None),
        (lambda lines: lines[1:], "sequence: 2 where 1 should be"),
    ],
    ids=["one taken out", "two swapped", "the last taken off", "the first taken off"],
)
async def test_lines_moved_about_are_noticed(
    tmp_path: Path, bend: Callable[[list[bytes]], list[bytes]], what: str | None
) -> None:
    segment = await written(tmp_path, [opened()], [opened(2)], [opened(3)])
    segment.write_bytes(b"".join(bend(segment.read_bytes().splitlines(keepends=True))))
    ledger = FileLedger.open(tmp_path, FakeClock())
    if what is None:  # nothing on this disk tells a ledger from the same ledger a moment earlier
        assert ledger.closed is None
    else:
        assert what in str(ledger.closed)
    await ledger.close()


async def test_a_rewritten_line_breaks_the_chain(tmp_path: Path) -> None:
    segment = await written(tmp_path, [opened()], [opened(2)])
    other = await written(tmp_path / "other", [opened(7)])
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(other.read_bytes() + lines[1])
    ledger = FileLedger.open(tmp_path, FakeClock())
    assert "line 2 is damaged (chain: prev is not the hash of the line before)" in str(ledger.closed)
    await ledger.close()


async def test_lines_of_a_newer_version_are_never_cut_off(tmp_path: Path) -> None:
    segment = await written(tmp_path, [opened()], [ev.Stopped()])
    ahead = segment.read_bytes().replace(b'"kind":"stopped"', b'"kind":"evolved"')
    segment.write_bytes(_with_good_crc(ahead))
    before = segment.read_bytes()
    ledger = FileLedger.open(tmp_path, FakeClock())
    assert "unknown kind" in str(ledger.closed)
    await ledger.close()
    assert segment.read_bytes() == before


async def test_a_line_that_does_not_fit_the_state_is_named(tmp_path: Path) -> None:
    segment = await written(tmp_path, [opened()], [ev.IncidentEnded(1)])
    head, last = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(_with_good_crc(head + last.replace(b'"case":1', b'"case":9')))
    ledger = FileLedger.open(tmp_path, FakeClock())
    assert "a line of kind incident_ended does not fit" in str(ledger.closed)
    await ledger.close()


def _with_good_crc(data: bytes) -> bytes:
    body = data.removesuffix(b"\n")[: -len(b',"crc":"01234567"}')]
    last = body.rsplit(b"\n", 1)[-1]
    return b'%b,"crc":"%08x"}\n' % (body, crc32(last))
