"""Writing: groups, durability, months, failing disks, the lock."""

import asyncio
import errno
import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from bot.domain import events as ev
from bot.domain.book import Book
from bot.domain.plan import Outcome
from bot.errors import Closed, Declined, LedgerClosed, StartupError
from bot.storage.files import FileLedger
from tests.fakes import ANA, BRUNO, NOON, FakeClock, settled
from tests.patience import PATIENCE
from tests.storage.disks import FaultyDisk
from tests.storage.samples import SEGMENT, adds, dispatch, opened, rows

REFUSED = ev.TapRefused(BRUNO, "approve", "not_approver")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def disk() -> FaultyDisk:
    return FaultyDisk()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def ledger(folder: Path, disk: FaultyDisk, clock: FakeClock) -> AsyncIterator[FileLedger]:
    made = FileLedger.open(folder, clock, disk)
    disk.calls.clear()
    yield made
    await made.close()


async def test_a_commit_is_one_write_and_one_fdatasync(ledger: FileLedger, disk: FaultyDisk) -> None:
    await ledger.commit(adds(opened()))
    assert disk.calls == ["write", "fdatasync"]


async def test_people_are_durable_before_the_lines_that_speak_of_them(
    ledger: FileLedger, disk: FaultyDisk
) -> None:
    await ledger.commit(adds(*dispatch()))
    assert [call for call in disk.calls if call in {"write", "fdatasync"}] == ["write", "fdatasync"] * 2
    assert disk.calls[-3:] == ["sync_folder people", "write", "fdatasync"]


async def test_a_commit_returns_only_once_it_is_durable(
    ledger: FileLedger, disk: FaultyDisk, folder: Path
) -> None:
    disk.gate = threading.Event()
    waiting = asyncio.create_task(ledger.commit(adds(opened())))
    flushing = asyncio.create_task(ledger.flush())
    assert await asyncio.to_thread(disk.syncing.wait, 5)
    await settled()
    assert not waiting.done()
    assert not flushing.done()
    assert len(rows(folder)) == 1
    disk.gate.set()
    await waiting
    await flushing


@pytest.mark.bug('"Ana já aprovou" was answered before Ana\'s approval was durable')
async def test_a_refusal_comes_once_what_it_names_is_durable(ledger: FileLedger, disk: FaultyDisk) -> None:
    def declined(_book: Book, _now: datetime) -> Sequence[ev.Line]:
        raise Declined("already_approved")

    disk.gate = threading.Event()
    first = asyncio.create_task(ledger.commit(adds(opened())))
    assert await asyncio.to_thread(disk.syncing.wait, 5)
    second = asyncio.create_task(ledger.commit(declined))
    await settled()
    assert not second.done()
    disk.gate.set()
    with pytest.raises(Declined, match="already_approved"):
        await second
    assert first.done()
    disk.gate = None
    disk.errors["write"] = OSError(errno.EIO, "Input/output error")
    with pytest.raises(LedgerClosed):
        await ledger.commit(adds(opened(2)))
    with pytest.raises(Declined):  # no worse where the ledger is closed
        await ledger.commit(declined)


async def test_what_comes_while_a_group_is_written_is_the_next_group(
    ledger: FileLedger, disk: FaultyDisk, folder: Path
) -> None:
    disk.gate = threading.Event()
    first = asyncio.create_task(ledger.commit(adds(opened())))
    assert await asyncio.to_thread(disk.syncing.wait, 5)
    others = [asyncio.create_task(ledger.commit(adds(opened(n), REFUSED))) for n in (2, 3)]
    await settled()
    ledger.note(REFUSED)
    disk.gate.set()
    await asyncio.gather(first, *others)
    assert [(row["seq"], row["group"], row["left"]) for row in rows(folder)] == [
        (1, 1, 0),
        (2, 2, 4),
        (3, 2, 3),
        (4, 2, 2),
        (5, 2, 1),
        (6, 2, 0),
    ]
    assert disk.calls == ["write", "fdatasync", "write", "fdatasync"]


async def test_every_line_carries_the_hash_of_the_line_before(ledger: FileLedger, folder: Path) -> None:
    for number in (1, 2, 3):
        await ledger.commit(adds(opened(number), REFUSED))
    raw = (folder / "ledger" / SEGMENT).read_bytes().splitlines()
    hashes = ["0" * 64, *(sha256(line).hexdigest() for line in raw)]
    assert [json.loads(line)["prev"] for line in raw] == hashes[:-1]


async def test_a_note_is_durable_soon_without_anybody_waiting(ledger: FileLedger, folder: Path) -> None:
    durable = asyncio.Event()
    ledger.listeners.append(lambda _lines: durable.set())
    ledger.note(REFUSED)
    assert rows(folder) == []
    async with asyncio.timeout(PATIENCE):
        await durable.wait()
    assert [row["kind"] for row in rows(folder)] == ["tap_refused"]


async def test_a_cancelled_caller_takes_nothing_back_and_disturbs_nobody(
    ledger: FileLedger, disk: FaultyDisk, folder: Path
) -> None:
    disk.gate = threading.Event()
    cancelled = asyncio.create_task(ledger.commit(adds(opened())))
    other = asyncio.create_task(ledger.commit(adds(opened(2))))
    assert await asyncio.to_thread(disk.syncing.wait, 5)
    cancelled.cancel()
    await settled()
    disk.gate.set()
    await other
    assert [row["case"] for row in rows(folder)] == [1, 2]


async def test_a_new_month_is_a_new_segment_and_the_chain_goes_on(
    ledger: FileLedger, disk: FaultyDisk, clock: FakeClock, folder: Path
) -> None:
    clock.time = datetime(2026, 11, 30, 23, 59, 59, 999999, tzinfo=UTC)
    ledger.note(opened())
    clock.time = datetime(2026, 12, 1, tzinfo=UTC)
    await ledger.commit(adds(opened(2)))
    assert disk.calls == [
        "write",
        "fdatasync",
        "open 2026-12.jsonl",
        "sync_folder ledger",
        "write",
        "fdatasync",
    ]
    last = (folder / "ledger" / SEGMENT).read_bytes().splitlines()[-1]
    (row,) = rows(folder, "2026-12.jsonl")
    assert (row["seq"], row["group"], row["prev"]) == (2, 2, sha256(last).hexdigest())
    await ledger.close()
    again = FileLedger.open(folder, clock)
    assert (again.recovery.lines, again.closed, sorted(again.book.cases)) == (2, None, [1, 2])
    await again.commit(adds(opened(3)))
    await again.close()
    assert [row["seq"] for row in rows(folder, "2026-12.jsonl")] == [2, 3]


async def test_a_clock_set_back_over_the_month_changes_no_segment(
    ledger: FileLedger, clock: FakeClock, folder: Path
) -> None:
    await ledger.commit(adds(opened()))
    clock.time = datetime(2026, 10, 1, tzinfo=UTC)
    await ledger.commit(adds(opened(2)))
    assert [row["at"] for row in rows(folder)] == ["2026-11-22T15:00:00.000000Z"] * 2


def modes(folder: Path) -> dict[str, int]:
    paths = [folder, *folder.rglob("*")]
    return {path.relative_to(folder.parent).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in paths}


async def test_only_the_owner_may_read(ledger: FileLedger, folder: Path) -> None:
    await ledger.commit(adds(*dispatch()))
    assert modes(folder) == {
        "data": 0o700,
        "data/instance.lock": 0o600,
        "data/ledger": 0o700,
        f"data/ledger/{SEGMENT}": 0o600,
        "data/people": 0o700,
        f"data/people/{SEGMENT}": 0o600,
        "data/people.key": 0o600,
    }


@pytest.mark.parametrize("call", ["write", "fdatasync"])
async def test_a_failing_disk_closes_the_ledger_for_good(
    ledger: FileLedger, disk: FaultyDisk, call: str
) -> None:
    told: list[str] = []
    ledger.on_closed = told.append
    await ledger.commit(adds(opened()))
    disk.calls.clear()
    disk.errors[call] = OSError(errno.EIO, os.strerror(errno.EIO))
    results = await asyncio.gather(
        *(ledger.commit(adds(REFUSED)) for _ in range(3)), ledger.flush(), return_exceptions=True
    )
    assert all(isinstance(result, LedgerClosed) for result in results)
    assert told == [ledger.closed]
    assert "Input/output error" in told[0]
    disk.errors.clear()
    with pytest.raises(LedgerClosed):
        await ledger.commit(adds(ev.Approved(1, ANA, ())))
    with pytest.raises(LedgerClosed):
        await ledger.flush()
    await ledger.commit(adds(ev.CardPosted(1, -100, 7)))
    await ledger.close()
    assert disk.calls == ["write", "fdatasync"][: 1 + (call == "fdatasync")]


async def test_a_commit_that_waits_behind_a_failing_group_fails_too(
    ledger: FileLedger, disk: FaultyDisk
) -> None:
    disk.gate = threading.Event()
    disk.errors["fdatasync"] = OSError(errno.EIO, os.strerror(errno.EIO))
    first = asyncio.create_task(ledger.commit(adds(opened())))
    assert await asyncio.to_thread(disk.syncing.wait, 5)
    second = asyncio.create_task(ledger.commit(adds(opened(2))))
    third = asyncio.create_task(ledger.flush())
    await settled()
    disk.gate.set()
    results = await asyncio.gather(first, second, third, return_exceptions=True)
    assert [type(result) for result in results] == [LedgerClosed] * 3
    assert disk.calls == ["write", "fdatasync"]


async def test_closing_is_told_once(ledger: FileLedger, disk: FaultyDisk) -> None:
    told: list[str] = []
    ledger.on_closed = told.append
    disk.gate = threading.Event()
    disk.errors["fdatasync"] = OSError(errno.EIO, os.strerror(errno.EIO))
    writing = asyncio.create_task(ledger.commit(adds(opened())))
    assert await asyncio.to_thread(disk.syncing.wait, 5)
    with pytest.raises(LedgerClosed, match="intent does not fit the state"):
        await ledger.commit(adds(ev.Intent(9, "c1")))
    disk.gate.set()
    with pytest.raises(LedgerClosed, match="could not be written"):
        await writing
    assert told == [ledger.closed]
    assert "intent does not fit" in told[0]


@pytest.mark.parametrize("how", ["short", "write", "fdatasync"])
async def test_a_full_disk_is_cut_back_to_the_last_group(
    ledger: FileLedger, disk: FaultyDisk, folder: Path, how: str
) -> None:
    await ledger.commit(adds(opened()))
    before = (folder / "ledger" / SEGMENT).read_bytes()
    disk.calls.clear()
    if how == "short":
        disk.short = 40
    else:
        disk.errors[how] = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(LedgerClosed):
        await ledger.commit(adds(opened(2)))
    assert (folder / "ledger" / SEGMENT).read_bytes() == before
    assert disk.calls.count("fdatasync") == (1 if how == "fdatasync" else 0)
    assert disk.calls[-1] == "truncate"


async def test_a_plan_is_declined_where_there_is_no_room_for_it(
    ledger: FileLedger, disk: FaultyDisk, folder: Path
) -> None:
    case, approved, plan = dispatch()
    await ledger.commit(adds(case, approved))
    disk.free = 1024 * 1024
    with pytest.raises(Declined) as caught:
        await ledger.commit(adds(plan))
    assert caught.value.code == "no_room"
    assert ledger.closed is None
    assert ledger.book.cases[1].dispatches[0].progress is None
    assert len(rows(folder)) == 2
    await ledger.commit(adds(REFUSED))
    disk.free = 1024 * 1024 + 10_000
    await ledger.commit(adds(plan))


async def test_a_disk_that_cannot_say_its_room_closes_the_ledger(
    ledger: FileLedger, disk: FaultyDisk
) -> None:
    disk.errors["free_bytes"] = OSError(errno.EIO, os.strerror(errno.EIO))
    with pytest.raises(LedgerClosed):
        await ledger.commit(adds(*dispatch()))
    assert ledger.closed is not None
    assert ledger.book.cases == {}


def descriptors(folder: Path) -> set[str]:
    """The files below the folder that this process has open."""
    targets = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return {target.name for target in targets if target.is_relative_to(folder)}


async def test_close_leaves_nothing_behind(folder: Path, disk: FaultyDisk, clock: FakeClock) -> None:
    ledger = FileLedger.open(folder, clock, disk)
    await ledger.commit(adds(*dispatch()))
    ledger.note(ev.Result(1, "c1", Outcome.ACCEPTED))
    assert descriptors(folder) == {"instance.lock", SEGMENT}
    await ledger.close()
    assert descriptors(folder) == set()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ledger")]
    assert rows(folder)[-1]["kind"] == "result"


async def test_a_second_owner_is_turned_away_until_the_first_closes(folder: Path) -> None:
    first = FileLedger.open(folder, FakeClock())
    with pytest.raises(StartupError, match=f"another process owns {folder}") as caught:
        FileLedger.open(folder, FakeClock())
    assert caught.value.code == 1
    await first.close()
    await FileLedger.open(folder, FakeClock()).close()


HOLD = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1], timeout=0):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def owned(tmp_path: Path) -> Iterator[Path]:
    """A folder whose lock another process holds."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "instance.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        yield tmp_path
        other.communicate()


@pytest.mark.process
async def test_a_folder_that_another_process_owns_is_left_alone(owned: Path) -> None:
    with pytest.raises(StartupError, match="another process owns") as caught:
        FileLedger.open(owned, FakeClock())
    assert caught.value.code == 1
    assert modes(owned).keys() == {owned.name, f"{owned.name}/instance.lock"}


@pytest.mark.parametrize("call", ["make_folder", "read", f"open {SEGMENT}"])
async def test_a_folder_that_cannot_be_used_is_named_with_the_mend(
    folder: Path, disk: FaultyDisk, call: str
) -> None:
    made = FileLedger.open(folder, FakeClock())
    await made.commit(adds(opened()))
    await made.close()
    disk.errors[call] = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    with pytest.raises(StartupError, match="DATA_DIR must be") as caught:
        FileLedger.open(folder, FakeClock(), disk)
    assert str(folder) in str(caught.value)
    assert "Permission denied" in str(caught.value)
    await FileLedger.open(folder, FakeClock()).close()


async def test_fifty_producers_share_their_groups(folder: Path, disk: FaultyDisk) -> None:
    ledger = FileLedger.open(folder, FakeClock(NOON), disk)
    disk.calls.clear()
    await asyncio.gather(*(ledger.commit(adds(REFUSED)) for _ in range(50)))
    assert disk.calls.count("fdatasync") <= 2
    assert [row["seq"] for row in rows(folder)] == list(range(1, 51))
    await ledger.close()


async def test_a_close_that_is_cancelled_cancels_no_write(
    folder: Path, disk: FaultyDisk, clock: FakeClock
) -> None:
    ledger = FileLedger.open(folder, clock, disk)
    disk.gate = threading.Event()
    waiting = asyncio.create_task(ledger.commit(adds(opened())))
    assert await asyncio.to_thread(disk.syncing.wait, 5)
    closing = asyncio.create_task(ledger.close())
    await settled()
    closing.cancel()
    await settled()
    disk.gate.set()
    assert await waiting == (opened(),)
    await ledger.close()
    assert descriptors(folder) == set()


async def in_flight(ledger: FileLedger, clock: FakeClock) -> None:
    """A send that left, and a month that is over."""
    await ledger.commit(adds(ev.Started("1"), opened(9)))
    clock.time += timedelta(days=20)
    await ledger.commit(adds(*dispatch()[:3]))
    await ledger.commit(adds(ev.Intent(1, "c1")))
    await ledger.commit(adds(ev.Intent(1, "c2")))


async def test_how_a_send_ended_is_kept_where_only_a_month_that_is_over_is_damaged(
    ledger: FileLedger, folder: Path, clock: FakeClock
) -> None:
    await in_flight(ledger, clock)
    ledger.shut(Closed("2026-11.jsonl, line 1 is damaged", "damaged", file=SEGMENT, line=1))
    ledger.note(ev.Result(1, "c1", Outcome.ACCEPTED, "A1"))
    ledger.note(ev.Abandoned(1, "c2"))
    ledger.note(REFUSED)  # observed: shown, and not written
    for decided in (ev.Approved(1, ANA, ()), ev.Intent(1, "c3"), ev.Settled(1, "done")):
        with pytest.raises(LedgerClosed):
            await ledger.commit(adds(decided))
        with pytest.raises(LedgerClosed):
            ledger.note(decided)
    await ledger.close()
    with pytest.raises(LedgerClosed):
        ledger.note(ev.Result(1, "c1", Outcome.REJECTED))
    kinds = [row["kind"] for row in rows(folder, "2026-12.jsonl")]
    assert kinds[-2:] == ["result", "abandoned"]
    again = FileLedger.open(folder, clock)
    assert again.book.cases[1].dispatches[-1].sends.results["c1"].reference == "A1"
    await again.close()


@pytest.mark.parametrize(
    "why",
    [
        Closed("the month that is written", "damaged", file="2026-12.jsonl", line=1),
        Closed("the folder", "gone"),
    ],
)
async def test_and_nowhere_else(ledger: FileLedger, clock: FakeClock, why: Closed) -> None:
    await in_flight(ledger, clock)
    ledger.shut(why)
    with pytest.raises(LedgerClosed):
        ledger.note(ev.Result(1, "c1", Outcome.ACCEPTED, "A1"))


async def test_nor_once_the_disk_fails_too(ledger: FileLedger, disk: FaultyDisk, clock: FakeClock) -> None:
    await in_flight(ledger, clock)
    ledger.shut(Closed("2026-11.jsonl, line 1 is damaged", "damaged", file=SEGMENT, line=1))
    disk.errors["write"] = OSError(errno.EIO, os.strerror(errno.EIO))
    ledger.note(ev.Result(1, "c1", Outcome.ACCEPTED, "A1"))
    ledger._wake.set()  # as its timer does
    async with asyncio.timeout(PATIENCE):
        while ledger._ends(ev.Abandoned(1, "c2")):  # noqa: ASYNC110 - the writer tells nobody
            await asyncio.sleep(0)
    with pytest.raises(LedgerClosed):
        ledger.note(ev.Result(1, "c2", Outcome.ACCEPTED, "A2"))
