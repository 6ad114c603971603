"""A bit falls over in a month that is over, while the bot runs."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from bot.domain.events import Started, Stopped
from bot.process.nightly import Nightly
from bot.simulator.ports import free_port
from bot.storage.checkpoint import renew
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from tests.fakes import FakeClock
from tests.patience import PATIENCE
from tests.scenes.conftest import Noc

pytestmark = pytest.mark.process
CLOSED = "Registro fechado: nada pode ser decidido nem enviado."


async def test_it_closes_what_sends_is_said_once_and_cards_go_on(
    noc: Noc, monkeypatch: pytest.MonkeyPatch
) -> None:
    fallen, check = asyncio.Event(), Nightly.check

    async def checks(night: Nightly) -> None:
        await fallen.wait()
        await check(night)

    monkeypatch.setattr("bot.process.schedule.FIRST", 0.0)
    monkeypatch.setattr(Nightly, "check", checks)
    data = noc.folder / "data"
    clock = FakeClock(datetime.now(UTC) - timedelta(days=40))
    old = FileLedger.open(data, clock)
    await old.commit(lambda _book, _now: [Started("1"), Stopped()])
    clock.time += timedelta(days=39)
    await old.commit(lambda _book, _now: [Stopped()])
    await old.close()
    renew(Disk(), data)
    noc.variables["OPS_PORT"] = str(free_port())
    noc.world.outage(3)
    await noc.open()
    card = await noc.card()
    sealed = min((data / "ledger").glob("*.jsonl"))
    damaged = bytearray(sealed.read_bytes())
    damaged[200] ^= 1
    sealed.write_bytes(damaged)
    fallen.set()
    await noc.chat.wait(lambda c: any(CLOSED in m.text and sealed.name in m.text for m in c.messages()))
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
        health = await client.get(f"http://127.0.0.1:{noc.variables['OPS_PORT']}/healthz")
    assert (health.status_code, health.json()["wrong"]["ledger"]) == (
        503,
        "closed: nothing can be decided or sent",
    )
    await noc.until(card, "Registro fechado")
    assert "Aprovar" not in card.buttons
    noc.world.outage(3, slot_pon="1/1")
    await noc.card("1/1")
    assert sum(CLOSED in m.text for m in noc.chat.messages()) == 1
    assert noc.hsm.received == []
    await noc.close()
    await noc.open()  # and no start forgets it
    await noc.chat.wait(lambda c: sum(CLOSED in m.text for m in c.messages()) == 2)
    assert noc.hsm.received == []
