"""`inbox.jsonl`: what was told once outlives a crash, a torn end and a full disk."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.domain.delivery import Arrival, DeliveryNews, News, StopNews, TemplateNews
from bot.storage import inbox
from bot.storage.inbox import NAME, FileInbox
from tests.storage.disks import FaultyDisk

AT = datetime(2026, 11, 22, 15, tzinfo=UTC)
TOLD: tuple[News, ...] = (
    DeliveryNews("wamid.1", Arrival.READ, AT, "k.1.1.c5"),
    DeliveryNews("wamid.2", Arrival.UNDELIVERED, AT, "", "999: té \u2028"),
    StopNews("M0m1cL3y", "PARAR", AT),
    TemplateNews("aviso", "PAUSED", AT, "pt_BR", "NONE"),
)


async def test_what_is_kept_is_there_after_a_crash_and_gone_once_it_is_done(tmp_path: Path) -> None:
    first = FileInbox(tmp_path)
    assert first.left == ()
    await asyncio.gather(first.keep(TOLD[:2]), first.keep(TOLD[2:]), first.keep([]))
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
    second = FileInbox(tmp_path)
    assert tuple(second.left) == TOLD
    second.done(second.left[:1])
    assert tuple(FileInbox(tmp_path).left) == TOLD, "it shrinks when all is done"
    second.done(second.left)
    second.close()
    assert (tmp_path / NAME).read_bytes() == b""
    await first.keep(TOLD[:1])
    first.close()
    assert tuple(FileInbox(tmp_path).left) == TOLD[:1]


async def test_a_torn_end_costs_what_nobody_was_told_was_kept(tmp_path: Path) -> None:
    box = FileInbox(tmp_path)
    await box.keep(TOLD[:1])
    whole = (tmp_path / NAME).read_bytes()
    for cut in range(len(whole)):
        (tmp_path / NAME).write_bytes(whole[:cut])
        left = tuple(FileInbox(tmp_path).left)
        assert left in {(), TOLD[:1]}
        again = FileInbox(tmp_path)
        await again.keep(TOLD[1:2])
        assert tuple(FileInbox(tmp_path).left)[-1:] == TOLD[1:2], "a torn line takes no other with it"


async def test_what_could_not_be_written_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = FileInbox(tmp_path)
    (tmp_path / NAME).mkdir()
    with pytest.raises(OSError, match="not a regular file"):
        await box.keep(TOLD[:1])
    (tmp_path / NAME).rmdir()
    await box.keep(TOLD[1:2])
    box.close()
    assert tuple(FileInbox(tmp_path).left) == TOLD[1:2]


async def test_no_more_waits_than_there_is_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MOST", 2)
    box = FileInbox(tmp_path)
    await box.keep(TOLD[:2])
    with pytest.raises(OSError, match="full"):
        await box.keep(TOLD[2:3])


async def test_much_of_it_is_cut_down_to_what_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "_MUCH", 1000)
    box = FileInbox(tmp_path)
    waits = DeliveryNews("waits", Arrival.READ, AT)
    await box.keep([waits])
    for number in range(200):
        told = DeliveryNews(f"wamid.{number}", Arrival.READ, AT)
        await box.keep([told])
        box.done([told])
    box.close()
    assert (tmp_path / NAME).stat().st_size < 2500
    assert tuple(FileInbox(tmp_path).left)[:1] == (waits,)


async def test_what_would_not_be_the_same_a_second_time_goes_though_others_wait(tmp_path: Path) -> None:
    box = FileInbox(tmp_path)
    await box.keep(TOLD)
    box.done(TOLD[2:])
    box.close()
    left = tuple(FileInbox(tmp_path).left)
    assert left == TOLD[:2], "an approver may have taken the stop back, a pause of the template be over"


async def test_whoever_did_not_wait_for_it_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "MOST", 2)
    box = FileInbox(tmp_path)
    for _ in range(3):
        telling = asyncio.ensure_future(box.keep(TOLD[:1]))
        await asyncio.sleep(0)
        telling.cancel()  # as the server does to a request that takes too long
        with pytest.raises(asyncio.CancelledError):
            await telling
    await box.keep(TOLD[1:2])
    box.done(TOLD[1:2])
    box.close()
    assert (tmp_path / NAME).read_bytes() == b""


async def test_a_new_file_is_in_its_folder_before_anybody_hears_that_it_is_kept(tmp_path: Path) -> None:
    disk = FaultyDisk()
    box = FileInbox(tmp_path, disk)
    disk.calls.clear()
    await box.keep(TOLD[:1])
    whole = [f"open {NAME}", "write", "fdatasync", f"sync_folder {tmp_path.name}"]
    assert disk.calls == whole
    await box.keep(TOLD[1:2])
    assert disk.calls == [*whole, *whole[:3]], "once"
    box.close()
    disk = FaultyDisk()
    box = FileInbox(tmp_path, disk)
    disk.calls.clear()
    await box.keep(TOLD[2:3])
    assert disk.calls == whole, "whoever made it may have been killed before"
    disk.errors["sync_folder " + tmp_path.name] = OSError(5, "Input/output error")
    (tmp_path / NAME).unlink()
    with pytest.raises(OSError, match="Input/output"):
        await box.keep(TOLD[3:])
    box.close()
