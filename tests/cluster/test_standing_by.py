"""Who stands by takes in the lines again and again, and keeps nothing of the time before."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from psycopg import OperationalError

from bot.errors import Closed
from bot.process.app import App
from bot.process.cluster import following as module
from bot.process.cluster.copying import Copying
from bot.process.cluster.following import Following
from bot.process.cluster.leading import Leading
from bot.storage.files import FileLedger
from bot.storage.postgres.lease import Lease
from bot.storage.postgres.ledger import PostgresLedger
from bot.storage.postgres.warm import Warm
from tests.fakes import FakeClock, settled
from tests.isp import until
from tests.patience import PATIENCE
from tests.postgres import Server
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


async def test_no_book_stays_of_lines_that_were_only_taken_in(database: str, tmp_path: Path) -> None:
    first = await PostgresLedger.open(database, tmp_path / "leads", FakeClock())
    await first.commit(adds(opened()))
    await first.close()
    left, frozen = [], gc.get_freeze_count()
    for _ in range(3):
        copying = Copying(database, tmp_path / "stands by", FakeClock(), 180)
        copying.start()
        await until(partial(getattr, copying, "ready"))
        assert copying._warm is not None
        assert copying._warm._found is not None
        left.append(weakref.ref(copying._warm._found.book))
        await copying.stop()
        del copying
        await asyncio.sleep(0)  # what ended in this turn of the loop is let go of in the next
    gc.collect()
    assert gc.get_freeze_count() <= frozen, "it is out of the collector's sight for good"
    assert [book() for book in left] == [None, None, None]


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


@pytest.fixture
async def stands_by(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Following]:
    """Behind noc-a, with all of its lines."""
    monkeypatch.setattr(module, "Leading", partial(Leading, end=print))  # else it would end the tests

    async def replayed(epoch: int, warm: Warm) -> FileLedger:
        return await PostgresLedger.open(database, tmp_path, FakeClock(), epoch=epoch, warm=warm)

    first = Lease(database, "noc-a 1", ttl=600, patience=PATIENCE)
    assert await first.take() is not None
    made = Following(database, tmp_path, "noc-b", FakeClock(), 180, replayed)
    assert await made._look() is None
    assert made._copying is not None
    await until(lambda: made._copying is not None and made._copying.ready)
    yield made
    await first.close()


async def test_who_took_it_and_did_not_hear_so_still_knows_who_led(
    stands_by: Following, database: str, postgres: Server
) -> None:
    owner = stands_by._lease.owner
    taken = f"UPDATE ledger_lease SET owner = '{owner}', epoch = epoch + 1, until = 'epoch'"  # noqa: S608
    postgres.run(taken, database.rpartition("/")[2])
    found = await stands_by._look()
    assert found is not None
    assert found.before == "noc-a"
    await found.ledger.close()
    await found.leading.stop()


@pytest.mark.parametrize(("leader", "stands"), [("noc-a", False), ("noc-b", True)])
async def test_what_was_pushed_before_another_machine_led_stands_no_more(
    stands_by: Following, database: str, postgres: Server, tmp_path: Path, leader: str, *, stands: bool
) -> None:
    pushed = tmp_path / "pushed" / "zbx.jsonl"
    pushed.parent.mkdir()
    pushed.write_text("{}\n")
    over = f"UPDATE ledger_lease SET owner = '{leader} 1', until = 'epoch'"  # noqa: S608
    postgres.run(over, database.rpartition("/")[2])
    found = await stands_by._look()
    assert found is not None
    assert pushed.exists() == stands
    assert (pushed.with_suffix(".aside").exists()) != stands
    await found.ledger.close()
    await found.leading.stop()


async def test_what_the_driver_says_while_it_takes_over_is_not_passed_on(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "Leading", partial(Leading, end=print))  # else it would end the tests

    async def replayed(_epoch: int, warm: Warm) -> FileLedger:
        warm.close()
        raise OperationalError('connection to server at "10.9.8.7", port 5432 failed: no role "secretuser"')

    made, stop = Following(database, tmp_path, "noc-b", FakeClock(), 180, replayed), asyncio.Event()
    led = asyncio.create_task(made.until_it_leads(stop))
    await until(lambda: "OperationalError" in (made._away or ""))
    said = f"{made._wrong()} {made._unready()} {caplog.text}"
    stop.set()
    assert await led is None
    assert "this machine waits for it" in said
    assert not [word for word in ("10.9.8.7", "5432", "secretuser") if word in said]


@pytest.mark.parametrize(
    ("closed", "trusts"),
    [(None, 1), (Closed("no answer", "away"), 1), (Closed("another one writes it", "fenced"), 0)],
    ids=["open", "away", "for good"],
)
async def test_the_database_is_trusted_though_it_is_away_again(closed: Closed | None, trusts: int) -> None:
    asked: list[None] = []

    async def trust() -> None:
        asked.append(None)

    app: Any = App(load(None, SETTINGS))
    app._ledger = SimpleNamespace(closed=closed)
    app._lead = SimpleNamespace(leading=SimpleNamespace(trust=trust), before=None)
    await app._took_over()
    assert len(asked) == trusts


@pytest.mark.parametrize(("why", "lost"), [(Closed("line 7", "rows", line=7), 0), (Closed("x", "full"), 1)])
async def test_for_a_row_that_is_damaged_for_all_nobody_gives_the_lead_away(
    monkeypatch: pytest.MonkeyPatch, why: Closed, lost: int
) -> None:
    monkeypatch.setattr("bot.process.app.HEARD", -1.0)  # in the loop's next turn
    app: Any = App(load(None, SETTINGS))
    said, gone = list[object](), list[str]()
    app._telegram = SimpleNamespace(groups=SimpleNamespace(say=said.append))
    app._lead = SimpleNamespace(leading=SimpleNamespace(lost=gone.append))
    app._is_closed(why)
    await settled()
    assert (len(said), len(gone)) == (1, lost)
