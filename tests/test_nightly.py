"""The ledger is read again each night by a child: a difference closes it, a child that fails does not."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot import tongue
from bot.chat.screens.words import Words
from bot.domain import events as ev
from bot.errors import Closed, LedgerClosed
from bot.ports import Notice
from bot.process import child, nightly
from bot.process.nightly import Nightly
from bot.storage.checkpoint import renew
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from tests.fakes import ANA, FakeClock, settled
from tests.patience import PATIENCE
from tests.storage.disks import QuickDisk
from tests.storage.samples import SEGMENT, adds, opened

pytestmark = pytest.mark.process

NICE = child._NICE  # as it is outside of a test


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[FileLedger]:
    """Two months, and a checkpoint of them."""
    clock = FakeClock()
    made = FileLedger.open(tmp_path, clock, QuickDisk())
    await made.commit(adds(ev.Started("1"), opened()))
    clock.time += timedelta(days=20)
    await made.commit(adds(opened(2)))
    assert renew(Disk(), tmp_path) is not None
    yield made
    await made.close()


@pytest.fixture
def said() -> list[Notice]:
    return []


@pytest.fixture
def night(tmp_path: Path, ledger: FileLedger, said: list[Notice]) -> Nightly:
    return Nightly(tmp_path, ledger, said.append)


def flip(folder: Path, name: str = SEGMENT) -> None:
    """One bit, in the middle of a line."""
    data = bytearray((folder / "ledger" / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "ledger" / name).write_bytes(data)


def checkpoints(folder: Path) -> list[str]:
    return [path.name for path in (folder / "ledger").iterdir() if "checkpoint" in path.name]


async def test_a_whole_ledger_stays_open(
    ledger: FileLedger, night: Nightly, said: list[Notice], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        await night.check()
    assert (ledger.closed, said) == (None, [])
    assert "the ledger was read and is whole: " in caplog.text
    assert "3 good lines in 2 groups" in caplog.text


async def test_a_whole_ledger_has_its_months_packed_by_the_way(
    tmp_path: Path, ledger: FileLedger, night: Nightly, said: list[Notice], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        await night.check()
        assert caplog.text.count("packed: 2026-11.jsonl: 0.0 MB packed into 0.0") == 1
        assert sorted(path.name for path in (tmp_path / "ledger").glob("*.jsonl*")) == [
            "2026-11.jsonl.gz",
            "2026-12.jsonl",
        ]
        await ledger.commit(adds(opened(3)))
        caplog.clear()
        await night.check()  # nothing is to be packed
    assert "packed" not in caplog.text
    assert "4 good lines in 3 groups" in caplog.text
    assert (ledger.closed, said) == (None, [])
    await ledger.close()
    again = FileLedger.open(tmp_path, FakeClock(), QuickDisk())
    assert (again.recovery.since, again.recovery.lines, again.closed) == (3, 4, None)  # the checkpoint fits
    await again.close()


async def test_months_that_cannot_be_packed_stay_and_one_line_says_why(
    tmp_path: Path, ledger: FileLedger, night: Nightly, said: list[Notice], caplog: pytest.LogCaptureFixture
) -> None:
    release = Disk().lock(tmp_path / "ledger" / "pack.lock")
    await night.check()
    release()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
        f"months that are over are not packed: {tmp_path}: another process is packing it"
    ]
    assert (tmp_path / "ledger" / SEGMENT).exists()
    assert (ledger.closed, said) == (None, [])


@pytest.mark.parametrize("how", ["no child", "the folder"])
async def test_a_packing_that_comes_to_nothing_closes_nothing(
    ledger: FileLedger,
    night: Nightly,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    how: str,
) -> None:
    ended = child.ended

    async def fails(*command: str, **how: Any) -> child.Ended | str:
        return "no memory" if command[1] == "pack" else await ended(*command, **how)

    def refuses(_disk: Disk, _folder: Path) -> list[str]:
        raise OSError(5, "Input/output error")

    if how == "no child":
        monkeypatch.setattr(child, "ended", fails)
    else:
        monkeypatch.setattr(nightly, "to_pack", refuses)
    await night.check()
    why = "no memory" if how == "no child" else "Input/output error"
    assert f"months that are over are not packed: {why}" in caplog.text
    assert ledger.closed is None


async def test_a_packed_month_that_is_damaged_closes_the_ledger(
    tmp_path: Path, ledger: FileLedger, night: Nightly
) -> None:
    await night.check()
    flip(tmp_path, f"{SEGMENT}.gz")
    await night.check()
    assert ledger.closed is not None
    assert "2026-11.jsonl, line 1 is damaged (" in ledger.closed


@pytest.mark.parametrize("what", ["a bit", "all gone"])
async def test_in_portuguese_all_of_it_is(
    tmp_path: Path, ledger: FileLedger, night: Nightly, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tongue._Spoken, "language", "pt_BR")
    if what == "a bit":
        flip(tmp_path)
    else:
        for name in (SEGMENT, "2026-12.jsonl"):
            (tmp_path / "ledger" / name).unlink()
    await night.check()
    assert isinstance(ledger.closed, Closed)
    if what == "a bit":
        assert (ledger.closed.code, ledger.closed.facts["file"]) == ("damaged", SEGMENT)
        assert " está danificada (crc: a linha não é o que foi gravado)" in ledger.closed
    else:
        assert ledger.closed.code == "gone"
    assert ledger.closed.endswith(": veja python -m bot ledger verify")


async def test_a_month_that_is_there_twice_and_differs_is_said(
    ledger: FileLedger, night: Nightly, said: list[Notice], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "ledger" / f"{SEGMENT}.gz").write_bytes(b"something else")
    await night.check()
    assert ledger.closed is None  # what is read is whole
    [notice] = said
    assert notice.facts == {"why": "twice"}
    assert "is there as 2026-11.jsonl.gz, too, and they differ" in caplog.text


@pytest.mark.parametrize("what", ["a bit", "a month gone", "all gone"])
async def test_a_difference_closes_it_until_it_is_mended(
    tmp_path: Path, ledger: FileLedger, night: Nightly, said: list[Notice], what: str
) -> None:
    closed: list[str] = []
    ledger.on_closed = closed.append
    sealed = tmp_path / "ledger" / SEGMENT
    whole = sealed.read_bytes()
    if what == "a bit":
        flip(tmp_path)
    for name in {"a month gone": [SEGMENT], "all gone": [SEGMENT, "2026-12.jsonl"]}.get(what, []):
        (tmp_path / "ledger" / name).unlink()
    await night.check()
    await night.check()
    assert closed == [ledger.closed]
    assert closed[0].endswith(": see python -m bot ledger verify")
    assert ("is gone" if what == "all gone" else "is damaged (") in closed[0]
    assert said == []
    with pytest.raises(LedgerClosed):
        await ledger.commit(adds(ev.Approved(1, ANA, ())))
    await ledger.commit(adds(opened(3)))  # cards go on
    assert checkpoints(tmp_path) == []
    await ledger.close()
    if what == "all gone":
        return
    again = FileLedger.open(tmp_path, FakeClock(), QuickDisk())
    assert again.closed is not None  # a start alone would have looked at its size and last line
    await again.close()
    sealed.write_bytes(whole)
    again = FileLedger.open(tmp_path, FakeClock(), QuickDisk())
    assert again.closed is None
    await again.close()


async def test_a_checkpoint_that_comes_late_goes_with_the_stop(tmp_path: Path, night: Nightly) -> None:
    late = (tmp_path / "ledger" / "checkpoint-3.json.xz").read_bytes()
    await night.stop()
    assert len(checkpoints(tmp_path)) == 1
    flip(tmp_path)
    await night.check()
    (tmp_path / "ledger" / "checkpoint-3.json.xz").write_bytes(late)
    await night.stop()
    assert checkpoints(tmp_path) == []


@pytest.mark.parametrize(
    "end",
    [
        (["/nowhere/python"], "other", "No such file or directory"),
        (["sh", "-c", "echo a >&2; echo no memory >&2; exit 1"], "other", "no memory"),
        (["sh", "-c", "kill -9 $$"], "killed", "exit code -9"),
        (["sh", "-c", "exit 3"], "other", "exit code 3"),
        (["sh", "-c", "echo /d/ledger cannot be read: EIO; exit 1"], "other", "/d/ledger cannot be read"),
        (["sleep", "1000"], "late", "it took too long"),
    ],
)
async def test_a_child_that_fails_is_said_once_and_closes_nothing(
    tmp_path: Path,
    ledger: FileLedger,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    end: tuple[list[str], str, str],
) -> None:
    command, code, logged = end
    said: list[Notice] = []
    night = Nightly(tmp_path, ledger, said.append)
    begin = asyncio.create_subprocess_exec

    async def other(*_: str, **how: Any) -> asyncio.subprocess.Process:
        return await begin(*command, **how)

    patience = 0.1 if command[0] == "sleep" else 20.0
    with monkeypatch.context() as broken:
        broken.setattr(asyncio, "create_subprocess_exec", other)
        broken.setattr(nightly, "PATIENCE", patience)
        await night.check()
        await night.check()
    assert [(notice.code, notice.facts) for notice in said] == [("ledger_unread", {"why": code})]
    assert f"could not be verified: {logged}" in caplog.text
    text = Words("pt_BR", ZoneInfo("America/Sao_Paulo")).say("notice.ledger_unread", **said[0].facts)
    assert {"late": "demorou demais", "killed": "memória", "other": "log do bot"}[code] in text
    assert logged not in text
    assert ledger.closed is None
    await night.check()  # it is well again
    with monkeypatch.context() as broken:
        broken.setattr(asyncio, "create_subprocess_exec", other)
        broken.setattr(nightly, "PATIENCE", patience)
        await night.check()
    assert len(said) == 2


async def test_a_stop_ends_a_check_that_is_going_on(
    ledger: FileLedger, night: Nightly, said: list[Notice], monkeypatch: pytest.MonkeyPatch
) -> None:
    children: list[asyncio.subprocess.Process] = []
    begin = asyncio.create_subprocess_exec

    async def slow(*_: str, **how: Any) -> asyncio.subprocess.Process:
        children.append(await begin("sleep", "1000", **how))
        return children[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", slow)
    task = asyncio.create_task(night.check())
    while not children:
        await settled()
        await asyncio.sleep(0.01)
    await night.stop()
    assert (task.cancelled(), children[0].returncode, said, ledger.closed) == (True, -9, [], None)


@pytest.mark.parametrize("turns", range(6))
async def test_a_stop_that_is_told_twice_leaves_no_child(
    night: Nightly, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    children: list[asyncio.subprocess.Process] = []
    begin, begun = asyncio.create_subprocess_exec, asyncio.Event()

    async def slow(*_: str, **how: Any) -> asyncio.subprocess.Process:
        children.append(await begin("sleep", "1000", **how))
        begun.set()
        return children[-1]

    monkeypatch.setattr("bot.process.child.asyncio.create_subprocess_exec", slow)
    task = asyncio.create_task(night.check())
    await begun.wait()
    left: list[int | None] = []
    task.add_done_callback(lambda _: left.append(children[0].returncode))
    task.cancel()  # as the scheduler does when it ends
    for _ in range(turns):
        await asyncio.sleep(0)
    await night.stop()
    assert (task.cancelled(), left) == (True, [-9])


async def test_the_child_leaves_the_cpu_to_the_bot(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = asyncio.create_subprocess_exec

    async def nice(*_: str, **how: Any) -> asyncio.subprocess.Process:
        return await begin("sh", "-c", "until [ `nice` = 19 ]; do sleep 0.01; done; nice", **how)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", nice)
    monkeypatch.setattr(child, "_NICE", NICE)
    ended = await child.ended(patience=PATIENCE)
    assert not isinstance(ended, str)
    assert ended.out.strip() == "19"


async def test_what_was_on_its_way_is_still_written(tmp_path: Path, ledger: FileLedger) -> None:
    deciding = asyncio.create_task(ledger.commit(adds(ev.Denied(1, ANA, "x"))))
    await asyncio.sleep(0)
    ledger.shut(Closed("damaged", "damaged", file="2026-12.jsonl", line=1))
    await deciding
    with pytest.raises(LedgerClosed):
        ledger.note(ev.Alive())
    await ledger.close()
    again = FileLedger.open(tmp_path, FakeClock(), QuickDisk())
    assert [entry.line for entry in again.book.audit] == [ev.Denied(1, ANA, "x")]
    await again.close()
