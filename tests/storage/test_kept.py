"""The two files for people stay true while the ledger grows, and cost little."""

import asyncio
import errno
import json
import stat
import threading
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.domain import events as ev
from bot.domain.plan import Outcome
from bot.storage import kept
from bot.storage.files import FileLedger
from bot.storage.kept import Views
from bot.storage.memory import MemoryLedger
from bot.storage.page import HEAD
from tests.fakes import ANA, BRUNO, FakeClock, port, settled
from tests.patience import PATIENCE
from tests.storage.disks import FaultyDisk, QuickDisk
from tests.storage.samples import adds, decided, dispatch, opened

HOURS = 4.0


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_ROWS", 0.0)


@pytest.fixture
async def ledger() -> AsyncIterator[MemoryLedger]:
    made = MemoryLedger(FakeClock())
    await made.commit(adds(*dispatch()))
    yield made
    await made.close()


@pytest.fixture
def wrote(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Waits until both files were written once more."""
    done: asyncio.Queue[None] = asyncio.Queue()
    write = Views._write

    async def told(self: Views) -> None:
        await write(self)
        done.put_nowait(None)

    async def written() -> None:
        async with asyncio.timeout(PATIENCE):
            await done.get()

    monkeypatch.setattr(Views, "_write", told)
    return written


async def test_both_files_are_rebuilt_at_the_start_and_follow_the_ledger(
    tmp_path: Path, wrote: Callable[[], Any]
) -> None:
    clock = FakeClock()
    ledger = FileLedger.open(tmp_path, clock, QuickDisk())
    await ledger.commit(adds(*dispatch()))
    (tmp_path / "cooldown.json").write_text("tampered")
    files = Views(tmp_path, ledger, HOURS, clock)
    await files.start()
    await wrote()
    assert [row["case"] for row in read(tmp_path, "cooldown.json")["ports"]] == [1]
    assert [row["results"]["todo"] for row in read(tmp_path, "audit.json")["decisions"]] == [2]
    await ledger.commit(adds(ev.Settled(1, "closed", None, BRUNO)))
    await wrote()
    assert read(tmp_path, "cooldown.json")["ports"] == []
    assert [row["results"]["todo"] for row in read(tmp_path, "audit.json")["decisions"]] == [0, 0]
    await files.close()
    await ledger.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_another_cooldown_is_in_both_files_without_a_line_of_a_case(
    tmp_path: Path, ledger: MemoryLedger, wrote: Callable[[], Any]
) -> None:
    await ledger.commit(adds(*dispatch()))
    files = Views(tmp_path, ledger, HOURS, FakeClock())
    await files.start()
    await wrote()
    [before] = read(tmp_path, "cooldown.json")["ports"]
    files.follow(HOURS * 2)
    await wrote()
    [after] = read(tmp_path, "cooldown.json")["ports"]
    assert after["until"] > before["until"]
    await files.close()


async def test_the_files_are_for_their_owner_only(tmp_path: Path, ledger: MemoryLedger) -> None:
    files = Views(tmp_path, ledger, HOURS, FakeClock())
    await files.start()
    await files.close()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}  # noqa: ASYNC240
    assert modes == {"cooldown.json": 0o600, "audit.json": 0o600}


async def test_many_changes_are_few_rewrites_and_the_last_one_is_at_the_close(
    tmp_path: Path, ledger: MemoryLedger, wrote: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "_PAUSE", 3600.0)
    disk = FaultyDisk()
    files = Views(tmp_path, ledger, HOURS, FakeClock(), disk)
    await files.start()
    await wrote()
    await ledger.commit(adds(ev.Intent(1, "c1"), ev.Result(1, "c1", Outcome.ACCEPTED)))
    await wrote()
    await ledger.commit(adds(ev.Denied(1, ANA, "in the pause")))
    await settled()
    assert files._soon.is_set()  # it waits for the end of the pause
    for number in range(50):
        await ledger.commit(adds(ev.TapRefused(BRUNO, "approve", f"no {number}")))
    await ledger.commit(adds(ev.Denied(1, ANA, "the last")))
    await settled()
    assert disk.calls.count("patch audit.json") == 1
    await files.close()
    assert disk.calls.count("patch audit.json") == 2
    assert disk.calls.count("replace audit.json") == 1
    rows = read(tmp_path, "audit.json")["decisions"]
    assert rows[0]["results"]["accepted"] == 1
    assert rows[-1]["reason"] == "the last"


async def test_they_go_on_after_the_pause(
    tmp_path: Path, ledger: MemoryLedger, wrote: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "_PAUSE", 0.0)
    files = Views(tmp_path, ledger, HOURS, FakeClock())
    await files.start()
    await wrote()
    for reason in ("first", "second"):
        await ledger.commit(adds(ev.Denied(1, ANA, reason)))
        await wrote()
        assert read(tmp_path, "audit.json")["decisions"][-1]["reason"] == reason
    await files.close()


async def test_lines_that_say_nothing_to_the_files_rewrite_nothing(
    tmp_path: Path, ledger: MemoryLedger, wrote: Callable[[], Any]
) -> None:
    disk = FaultyDisk()
    files = Views(tmp_path, ledger, HOURS, FakeClock(), disk)
    await files.start()
    await wrote()
    await ledger.commit(adds(ev.CardPosted(1, -100, 7), ev.Intent(1, "c1")))
    await settled()
    assert disk.calls.count("patch audit.json") == 0
    await ledger.commit(adds(ev.Started("0.1.0")))
    await wrote()
    assert disk.calls.count("patch audit.json") == 1
    assert read(tmp_path, "audit.json")["decisions"][0]["results"]["unknown"] == 1
    await files.close()


async def test_a_file_that_cannot_be_written_is_said_once_and_stops_nothing(
    tmp_path: Path, ledger: MemoryLedger, wrote: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "_PAUSE", 0.0)
    disk = FaultyDisk()
    disk.errors["replace cooldown.json"] = OSError(errno.ENOSPC, "No space left on device")
    with capture_logs() as logs:
        files = Views(tmp_path, ledger, HOURS, FakeClock(), disk)
        await files.start()
        await wrote()
        await ledger.commit(adds(ev.Denied(1, ANA, "first")))
        await wrote()
    assert [(log["event"], log["why"]) for log in logs] == [("view_not_written", "No space left on device")]
    disk.errors.clear()
    await files.close()
    assert read(tmp_path, "audit.json")["decisions"][-1]["reason"] == "first"


async def test_a_closed_ledger_leaves_the_files_as_they_are(tmp_path: Path, ledger: MemoryLedger) -> None:
    disk = FaultyDisk()
    ledger.fail("the disk is gone")
    files = Views(tmp_path, ledger, HOURS, FakeClock(), disk)
    await files.start()
    await files.close()
    assert disk.calls == []


def decisions(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read(folder, "audit.json")["decisions"]
    return found


async def test_a_result_costs_a_row_however_long_the_audit_is(
    tmp_path: Path, ledger: MemoryLedger, wrote: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "_PAUSE", 0.0)
    for number in range(2, 700):
        await ledger.commit(adds(opened(number), ev.Denied(number, ANA, "x")))
    disk = FaultyDisk()
    files = Views(tmp_path, ledger, HOURS, FakeClock(), disk)
    await files.start()
    await wrote()
    for who in ("c1", "c2"):
        await ledger.commit(adds(ev.Intent(1, who), ev.Result(1, who, Outcome.ACCEPTED)))
        await wrote()
        assert disk.patched < 1200  # of a file of hundreds of KB, in which it is the first row
        disk.patched = 0
        assert decisions(tmp_path) == decided(ledger.book, HOURS)
    assert (tmp_path / "audit.json").stat().st_size > 200_000
    assert disk.calls.count("replace audit.json") == disk.calls.count("replace cooldown.json") == 1
    await files.close()


async def test_between_the_rows_only_the_line_that_they_name_moves_on(
    tmp_path: Path, wrote: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "_PAUSE", 0.0)
    monkeypatch.setattr(kept, "_ROWS", 3600.0)
    clock, disk = FakeClock(), FaultyDisk()
    ledger = FileLedger.open(tmp_path, clock, QuickDisk())
    await ledger.commit(adds(*dispatch()))
    files = Views(tmp_path, ledger, HOURS, clock, disk)
    await files.start()
    await wrote()
    await ledger.commit(adds(ev.IncidentEnded(1)))  # by which nobody was told anything: it has time
    await settled()
    assert "patch audit.json" not in disk.calls
    await ledger.commit(adds(ev.Intent(1, "c1"), ev.Result(1, "c1", Outcome.ACCEPTED)))
    async with asyncio.timeout(PATIENCE):
        while read(tmp_path, "audit.json")["ledger"]["sequence"] != ledger.head.seq:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert read(tmp_path, "audit.json")["ledger"] == {"sequence": 6, "head": ledger.head.digest}
    assert disk.patched == HEAD
    assert decisions(tmp_path)[0]["results"]["todo"] == 2
    await ledger.commit(adds(ev.Denied(1, ANA, "a decision does not wait")))
    await wrote()
    assert decisions(tmp_path) == decided(ledger.book, HOURS)
    await files.close()
    await ledger.close()


async def test_what_takes_a_port_from_another_approval_shows_on_that_row(
    tmp_path: Path, ledger: MemoryLedger, wrote: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "_PAUSE", 0.0)
    files = Views(tmp_path, ledger, HOURS, FakeClock())
    await files.start()
    await wrote()
    assert decisions(tmp_path)[0]["cooldown_until"] is not None
    await ledger.commit(adds(ev.CooldownReleased(port(), ANA, "x")))
    await wrote()
    assert decisions(tmp_path)[0]["cooldown_until"] is None
    await ledger.commit(adds(opened(2), ev.Approved(2, ANA, (port(),))))
    await wrote()
    assert decisions(tmp_path) == decided(ledger.book, HOURS)
    await ledger.commit(adds(opened(3), ev.Approved(3, ANA, (port(),))))
    await wrote()
    assert decisions(tmp_path) == decided(ledger.book, HOURS)
    await files.close()


@pytest.mark.parametrize("how", ["gone", "longer", "shorter"])
async def test_a_file_that_somebody_else_changed_is_put_right(
    tmp_path: Path, ledger: MemoryLedger, wrote: Callable[[], Any], how: str
) -> None:
    files = Views(tmp_path, ledger, HOURS, FakeClock())
    await files.start()
    await wrote()
    path = tmp_path / "audit.json"
    path.unlink() if how == "gone" else path.write_bytes(b"x" * (9 if how == "shorter" else 99_999))
    await ledger.commit(adds(ev.Denied(1, ANA, "now")))
    await wrote()
    assert decisions(tmp_path)[-1]["reason"] == "now"
    await files.close()


async def test_ports_are_written_when_they_change_and_not_when_one_is_free(
    tmp_path: Path, wrote: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "_PAUSE", 0.0)
    disk, clock = FaultyDisk(), FakeClock()
    ledger = MemoryLedger(clock)
    await ledger.commit(adds(*dispatch()))
    files = Views(tmp_path, ledger, HOURS, clock, disk)
    await files.start()
    await wrote()
    clock.time += timedelta(hours=HOURS + 1)
    await ledger.commit(adds(ev.Denied(1, ANA, "x")))
    await wrote()
    assert disk.calls.count("replace cooldown.json") == 1  # each row says until when
    await ledger.commit(adds(opened(2), ev.Approved(2, ANA, (port("1/1"),))))
    await wrote()
    assert [row["case"] for row in read(tmp_path, "cooldown.json")["ports"]] == [2]
    await files.close()


async def test_what_left_the_audit_leaves_the_file_before_it_is_half_of_it(
    tmp_path: Path, ledger: MemoryLedger, wrote: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "_PAUSE", 0.0)
    monkeypatch.setattr(kept, "_FEW", 2)
    for number in range(8):
        await ledger.commit(adds(ev.TapRefused(BRUNO, "approve", f"no {number}")))
    disk = FaultyDisk()
    files = Views(tmp_path, ledger, HOURS, FakeClock(), disk)
    await files.start()
    await wrote()
    shown = []
    for number in range(7):
        del ledger.book.audit[:1]  # as the book does with what is older than a month
        await ledger.commit(adds(ev.Denied(1, ANA, f"{number}")))
        await wrote()
        rows = decisions(tmp_path)
        assert rows[-len(ledger.book.audit) :] == decided(ledger.book, HOURS)
        shown.append(len(rows) - len(ledger.book.audit))
    assert shown == [1, 2, 3, 4, 5, 0, 1]
    del ledger.book.audit[:]
    await ledger.commit(adds(ev.Denied(1, ANA, "the only one")))
    await wrote()
    assert len(decisions(tmp_path)) == 1
    await files.close()


async def test_a_clock_set_right_redates_every_row(
    tmp_path: Path, ledger: MemoryLedger, wrote: Callable[[], Any]
) -> None:
    files = Views(tmp_path, ledger, HOURS, FakeClock())
    await files.start()
    await wrote()
    await ledger.commit(adds(ev.Confirmed(ANA, ledger.book.last_at - timedelta(days=1))))
    await wrote()
    assert decisions(tmp_path) == decided(ledger.book, HOURS)
    assert {row["at"] for row in decisions(tmp_path)} == {"2026-11-21T15:00:00Z"}
    await files.close()


async def test_a_stop_while_a_change_waits_for_its_turn(tmp_path: Path, ledger: MemoryLedger) -> None:
    files = Views(tmp_path, ledger, HOURS, FakeClock())
    await files.start()
    gate = threading.Event()
    files._thread.submit(gate.wait)
    await ledger.commit(adds(ev.Denied(1, ANA, "it waits")))
    await settled()
    stop = asyncio.create_task(files.close())
    await settled()
    gate.set()
    await stop
    assert decisions(tmp_path) == decided(ledger.book, HOURS)
