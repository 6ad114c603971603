"""Where a file of the bot should be lies something that is none: a start says so, and hangs on nothing."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.domain import events as ev
from bot.errors import LedgerClosed, StartupError
from bot.storage.checkpoint import renew, resumed
from bot.storage.commands.verify import run_verify
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from tests.fakes import ANA, NOON, FakeClock

from .samples import adds, opened

pytestmark = pytest.mark.timeout(300)

SEGMENT = f"ledger/{NOON:%Y-%m}.jsonl"


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


Kind = Callable[[Path], object]
KINDS: tuple[Kind, ...] = (os.mkfifo, Path.mkdir, _device)


async def lived(folder: Path) -> None:
    ledger = FileLedger.open(folder, FakeClock())
    await ledger.commit(adds(ev.Started("1"), opened(), ev.TapRefused(ANA, "approve", "x")))
    await ledger.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [SEGMENT, "audit.json", "cooldown.json", "backup.json"])
async def test_a_start_names_it(tmp_path: Path, name: str, kind: Kind) -> None:
    await lived(tmp_path)
    (tmp_path / name).unlink(missing_ok=True)
    kind(tmp_path / name)
    with pytest.raises(StartupError, match=f"{Path(name).name} is not a regular file"):
        FileLedger.open(tmp_path, FakeClock())
    code, said = run_verify(tmp_path)
    assert (code, f"{Path(name).name} is not a regular file" in said) == (1, True)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_month_that_begins_names_it(tmp_path: Path, kind: Kind) -> None:
    clock = FakeClock()
    ledger = FileLedger.open(tmp_path, clock)
    clock.time = clock.time.replace(month=12)
    kind(tmp_path / "ledger" / f"{clock.now():%Y-%m}.jsonl")
    with pytest.raises(LedgerClosed):
        await ledger.commit(adds(ev.Started("1")))
    assert "is not a regular file" in str(ledger.closed)
    await ledger.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_checkpoint_that_is_none_costs_time_only(tmp_path: Path, kind: Kind) -> None:
    await lived(tmp_path)
    name = renew(Disk(), tmp_path)
    assert name is not None
    (tmp_path / "ledger" / name).unlink()
    kind(tmp_path / "ledger" / name)
    with capture_logs() as logs:
        found = resumed(Disk(), tmp_path)
    assert (found.head.seq, found.since, found.older, found.trouble) == (3, 0, False, None)
    assert [entry["why"] for entry in logs] == [f"{name} is not a regular file"]
