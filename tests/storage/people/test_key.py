"""The secret: what people are called, and that nothing is sent where it is not the ledger's."""

import stat
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.domain import events as ev
from bot.errors import LedgerClosed, StartupError
from bot.storage.commands.backup import backup
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from bot.storage.people.key import NAME, Key, KeyMissing, key_of, read
from tests.fakes import NOON, FakeClock
from tests.storage.disks import QuickDisk
from tests.storage.samples import adds, dispatch, rows

DISK = QuickDisk()


def test_somebody_is_called_the_same_with_and_without_the_ninth_digit_and_by_no_phone() -> None:
    key = Key(b"a" * 32)
    assert key.person("5561999990001") == key.person("556199990001") != key.person("5561999990002")
    assert key.person("5561999990001") != Key(b"b" * 32).person("5561999990001")
    assert len(key.person("5561999990001")) == 8
    assert "99990001" not in key.person("5561999990001")
    assert key.id != Key(b"b" * 32).id


def test_it_is_made_once_and_for_this_user_alone(tmp_path: Path) -> None:
    made = key_of(Disk(), tmp_path, None, used=False)
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600
    assert key_of(Disk(), tmp_path, made.id, used=True).person("5561999990001") == made.person(
        "5561999990001"
    )
    other = tmp_path / "other"
    other.mkdir()
    assert key_of(Disk(), other, None, used=False).id != made.id


@pytest.mark.parametrize("data", [b"", b"\xff" * 64, b"ab" * 31, b"ab" * 33, b"xy" * 32, b"ab" * 32 + b"!"])
def test_a_file_that_is_none_is_never_taken_for_one_and_stays(tmp_path: Path, data: bytes) -> None:
    (tmp_path / NAME).write_bytes(data)
    with pytest.raises(KeyMissing, match=r"people.key is damaged: .* backup"):
        key_of(DISK, tmp_path, None, used=False)
    assert (tmp_path / NAME).read_bytes() == data


def test_a_line_end_more_or_less_is_no_matter(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"ab" * 32 + b"\r\n")
    assert read(DISK, tmp_path).id == Key(b"\xab" * 32).id


async def lived(folder: Path) -> None:
    ledger = FileLedger.open(folder, FakeClock(), DISK)
    await ledger.commit(adds(ev.Started("1", key=ledger.key), *dispatch()))
    await ledger.close()


def gone(folder: Path) -> None:
    (folder / NAME).unlink()


def anothers(folder: Path) -> None:
    (folder / NAME).write_bytes(b"cd" * 32)


def torn(folder: Path) -> None:
    (folder / NAME).write_bytes((folder / NAME).read_bytes()[:17])


@pytest.mark.parametrize("lost", [gone, anothers, torn])
async def test_without_it_the_ledger_is_closed_and_says_what_mends_it(tmp_path: Path, lost: object) -> None:
    await lived(tmp_path)
    kept = (tmp_path / NAME).read_bytes()
    assert callable(lost)
    lost(tmp_path)
    before = (tmp_path / "ledger" / "2026-11.jsonl").read_bytes()
    spoilt = (tmp_path / NAME).read_bytes() if (tmp_path / NAME).exists() else None
    ledger = FileLedger.open(tmp_path, FakeClock(), DISK)
    assert ledger.closed is not None
    assert "nothing is sent. Bring it back from a backup" in ledger.closed
    assert getattr(ledger.closed, "code", None) == "key"
    with pytest.raises(LedgerClosed):
        await ledger.commit(adds(ev.Intent(1, "c1")))
    with pytest.raises(LedgerClosed):
        ledger.person("5561999990001")
    assert await ledger.let_go(30) == []
    await ledger.close()
    assert (tmp_path / "ledger" / "2026-11.jsonl").read_bytes() == before
    assert ((tmp_path / NAME).read_bytes() if spoilt is not None else None) == spoilt, "never made anew"
    (tmp_path / NAME).write_bytes(kept)
    again = FileLedger.open(tmp_path, FakeClock(), DISK)
    assert again.closed is None
    assert [r.name for r in again.book.cases[1].dispatches[0].sends.recipients.values()][1] == "Maria"
    await again.close()


@pytest.mark.parametrize("lost", [gone, anothers, torn])
async def test_no_backup_takes_the_place_of_the_last_one_that_has_it(tmp_path: Path, lost: object) -> None:
    data, dest = tmp_path / "data", tmp_path / "backup"
    await lived(data)
    assert callable(lost)
    lost(data)
    with pytest.raises(StartupError, match=r"no backup was made: .*people\.key") as refused:
        backup(data, dest, NOON, DISK)
    assert refused.value.code == 1
    assert not dest.exists()


async def test_a_ledger_that_told_somebody_and_never_named_its_key_is_closed_too(tmp_path: Path) -> None:
    ledger = FileLedger.open(tmp_path, FakeClock(), DISK)
    await ledger.commit(adds(*dispatch()))
    await ledger.close()
    gone(tmp_path)
    again = FileLedger.open(tmp_path, FakeClock(), DISK)
    assert again.closed is not None
    await again.close()


async def test_a_line_calls_people_by_the_key_whoever_made_it(tmp_path: Path) -> None:
    ledger = FileLedger.open(tmp_path, FakeClock(), DISK)
    [*_, planned] = await ledger.commit(adds(*dispatch()))
    assert isinstance(planned, ev.Planned)
    called = [r.person for r in planned.recipients]
    assert called == [ledger.person("5561999990001"), ledger.person("5561999990002"), None]
    assert list(ledger.book.contacts) == called[:2]
    [*_, row] = rows(tmp_path)
    assert [set(r) & {"name", "phone"} for r in row["recipients"]] == [set()] * 3
    assert [r.get("person") for r in row["recipients"]] == called
    await ledger.close()


async def test_phones_that_are_not_known_are_said_once(tmp_path: Path) -> None:
    await lived(tmp_path)
    (tmp_path / "people" / "2026-11.jsonl").unlink()
    with capture_logs() as logs:
        ledger = FileLedger.open(tmp_path, FakeClock(), DISK)
    [said] = [entry for entry in logs if "phones of customers" in entry["event"]]
    assert (said["customers"], ledger.closed) == (2, None)
    assert "backup" in said["mend"]
    await ledger.close()
