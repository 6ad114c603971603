"""The whole bot on a ledger in PostgreSQL: nobody gets two and nobody is lost, whatever goes when."""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from psycopg import Connection

from bot.simulator.telegram.api import Message
from tests.isp import Isp, Process, isp, until
from tests.patience import PATIENCE
from tests.postgres import Server, running
from tests.wires import wire

pytestmark = pytest.mark.process

CUSTOMERS = 60
LONG = 90.0  # seconds: each start loads more than one on files does
PACE = {"HSM_RATE": "0", "HSM_CONCURRENCY": "4"}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Isp]:
    async with isp(tmp_path, CUSTOMERS) as made:
        made.hsm.faults.latency = 0.1
        yield made


def lines(url: str) -> list[dict[str, Any]]:
    with Connection.connect(url) as connection:
        found = connection.execute("SELECT line FROM ledger_lines ORDER BY seq").fetchall()
    return [json.loads(line) for (line,) in found]


def everybody_once(site: Isp, url: str, in_doubt: int = 0) -> None:
    """Nobody got two, everybody planned has an end that somebody can read, and few are in doubt."""
    assert site.hsm.duplicates == 0
    found = lines(url)
    assert [line["seq"] for line in found] == list(range(1, len(found) + 1))
    intents = Counter(line["recipient"] for line in found if line["kind"] == "intent")
    results = Counter(line["recipient"] for line in found if line["kind"] == "result")
    assert len(intents) == CUSTOMERS
    assert set(intents.values()) == {1}
    assert len(set(intents) - set(results)) <= in_doubt
    assert CUSTOMERS - in_doubt <= len(site.hsm.received) <= CUSTOMERS


async def approved(site: Isp, at_least: int = 10) -> Message:
    card = await site.card(within=LONG)
    await site.chat.tap(site.ana, card, "Aprovar")
    await until(lambda: len(site.hsm.received) >= at_least, LONG)
    return card


async def ready(site: Isp) -> tuple[int, int]:
    """What `/readyz` and `/livez` answer."""
    url = f"http://127.0.0.1:{site.variables['OPS_PORT']}"
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
        return (await http.get(f"{url}/readyz")).status_code, (await http.get(f"{url}/livez")).status_code


async def killed(bot: Process) -> None:
    bot.kill()
    await bot.wait()


async def test_a_card_a_tap_messages_and_a_restart(site: Isp, database: str) -> None:
    async with site.bot(LEDGER=database, **PACE):
        card = await approved(site)
        await site.chat.wait(lambda _: f"{CUSTOMERS} enviadas" in card.text, LONG)
        assert await ready(site) == (200, 200)
    async with site.bot(LEDGER=database, **PACE):
        await until(lambda: [line["kind"] for line in lines(database)].count("started") == 2, LONG)
        await site.polls(2)
    everybody_once(site, database)
    assert site.posts == [card]
    files = sorted((site.folder / "data" / "ledger").glob("*.jsonl"))
    here = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert here == lines(database)
    assert [line["kind"] for line in here if line["kind"] in {"started", "stopped"}] == [
        "started",
        "stopped",
    ] * 2


async def test_the_bot_killed_in_the_middle_goes_on_and_asks_about_who_was_in_flight(
    site: Isp, database: str, tmp_path: Path
) -> None:
    """On another machine the second time: nothing of the first is left but PostgreSQL."""
    async with site.bot(LEDGER=database, **PACE) as bot:
        await approved(site)
        await killed(bot)
    async with site.bot(LEDGER=database, DATA_DIR=str(tmp_path / "another"), **PACE):
        await until(lambda: _settled(database), LONG)
    everybody_once(site, database, in_doubt=4)


@asynccontextmanager
async def always(site: Isp, url: str) -> AsyncIterator[None]:
    """As a container that is started anew whenever it ends: one that cannot be sure that it leads does."""

    async def on_and_on() -> None:
        while True:
            async with site.bot(LEDGER=url, **PACE) as bot:
                await bot.wait()

    running_on = asyncio.create_task(on_and_on())
    try:
        yield
    finally:
        running_on.cancel()
        await asyncio.wait({running_on})


@pytest.mark.parametrize("how", [signal.SIGQUIT, signal.SIGKILL], ids=["immediate", "kill"])
async def test_postgres_gone_for_three_seconds_in_the_middle(
    site: Isp, pg_shared: Path, how: signal.Signals
) -> None:
    with running(pg_shared) as server:
        url = server.database()
        async with always(site, url):
            await approved(site)
            await asyncio.to_thread(server.stop, how)
            await until(lambda: "postgres_away" in site.log, LONG)
            sent = len(site.hsm.requests)
            await asyncio.sleep(3)
            assert len(site.hsm.requests) <= sent + 4, "it sends nothing that it cannot write down"
            await asyncio.to_thread(server.start)
            await until(lambda: _settled(url), LONG)
        everybody_once(site, url, in_doubt=4)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_connections_that_end_at_the_commit(
    site: Isp, postgres: Server, database: str, when: str
) -> None:
    async with wire(postgres.port) as cable:
        through = database.replace(f":{postgres.port}/", f":{cable.port}/")
        async with always(site, through):
            await approved(site)
            for _ in range(5):
                cable.cut, before = when, site.log.count("postgres_back")
                await until(lambda: cable.cut is None or _settled(database), LONG)
                await until(partial(_back_again, site, database, before), LONG)
            cable.cut = None
            await until(lambda: _settled(database), LONG)
        assert cable.cuts > 0
    everybody_once(site, database, in_doubt=4)


def _back_again(site: Isp, url: str, before: int) -> bool:
    return site.log.count("postgres_back") > before or _settled(url)


def _settled(url: str) -> bool:
    return any(line["kind"] == "settled" for line in lines(url))
