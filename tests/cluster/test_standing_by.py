"""Who stands by takes in the lines again and again, and keeps nothing of the time before."""

import asyncio
import gc
import weakref
from pathlib import Path

import pytest

from bot.process.app import _replayed
from bot.storage.files import FileLedger
from bot.storage.postgres.ledger import PostgresLedger
from tests.fakes import FakeClock
from tests.settings import load
from tests.storage.samples import adds, opened

pytestmark = pytest.mark.process
SETTINGS = {
    "TELEGRAM_CHAT_ID": "-1001234567890",
    "TELEGRAM_TOKEN": "123456:abcdefghijklmnopqrstuvwxyzABCDEFGHI",
    "API_BASE_URL": "http://127.0.0.1:9",
    "API_USER": "noc",
    "API_PASS": "noc",
    "URL_HSM": "http://127.0.0.1:9/sendHsm",
    "TOKEN_HSM": "noc",
    "HSM_ACCOUNT": "1",
    "HSM_ID_LOS": "114",
    "HSM_ID_POWER": "116",
}


async def read_and_closed(database: str, folder: Path) -> "weakref.ref[FileLedger]":
    settings = load(None, SETTINGS | {"LEDGER": database, "DATA_DIR": str(folder)})
    ledger = await _replayed(settings, FakeClock())
    await ledger.close()
    return weakref.ref(ledger)


async def test_no_book_stays_of_lines_that_were_only_taken_in(database: str, tmp_path: Path) -> None:
    first = await PostgresLedger.open(database, tmp_path / "leads", FakeClock())
    await first.commit(adds(opened()))
    await first.close()
    left, frozen = [], gc.get_freeze_count()
    for _ in range(3):
        left.append(await read_and_closed(database, tmp_path / "stands by"))
        await asyncio.sleep(0)  # what ended in this turn of the loop is let go of in the next
    gc.collect()
    assert gc.get_freeze_count() <= frozen, "it is out of the collector's sight for good"
    assert [ledger() for ledger in left] == [None, None, None]


async def test_a_closed_ledger_is_no_circle(database: str, tmp_path: Path) -> None:
    gc.disable()
    try:
        ledger = await PostgresLedger.open(database, tmp_path, FakeClock())
        await ledger.close()
        left = weakref.ref(ledger)
        del ledger
        await asyncio.sleep(0)
        assert left() is None, "only the collector would find it"
    finally:
        gc.enable()
