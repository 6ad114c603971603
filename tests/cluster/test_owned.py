"""A command has the folder of who stands by: it waits for it, and does not end."""

import asyncio
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from bot.ops.health import PATH as HEALTH
from bot.ops.server import Request
from bot.process.cluster import copying
from bot.process.cluster import following as module
from bot.process.cluster.following import Following, Replayed
from bot.storage.disk import Disk
from bot.storage.postgres.lease import Lease
from bot.storage.postgres.ledger import PostgresLedger
from bot.storage.postgres.warm import Warm
from tests.fakes import FakeClock
from tests.isp import until
from tests.patience import PATIENCE

pytestmark = pytest.mark.process


def opener(database: str, folder: Path, clock: FakeClock) -> Replayed:
    async def replayed(epoch: int, warm: Warm) -> PostgresLedger:
        return await PostgresLedger.open(database, folder, clock, epoch=epoch, warm=warm)

    return replayed


async def wrong(following: Following) -> dict[str, str]:
    answer = await following.routes()[HEALTH].answer(Request("GET", "", {}, b""))
    return dict(json.loads(answer.content)["wrong"])


def owned(following: Following) -> str | None:
    return None if following._copying is None else following._copying.owned


@pytest.mark.parametrize("leads", ["another", "nobody"])
async def test_who_stands_by_waits_for_a_command_that_has_the_folder(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leads: str
) -> None:
    monkeypatch.setattr(copying, "OWNED", 0.05)
    monkeypatch.setattr(module, "LOOK", 0.05)
    clock, other, stop = FakeClock(), Lease(database, "noc-a x", ttl=600, patience=PATIENCE), asyncio.Event()
    if leads == "another":
        assert await other.take()
    following = Following(database, tmp_path, "noc-b", clock, 180, opener(database, tmp_path, clock))
    release: Callable[[], object] = await asyncio.to_thread(partial(Disk().lock, tmp_path / "instance.lock"))
    leading = asyncio.create_task(following.until_it_leads(stop))
    await until(lambda: bool(owned(following)) or leading.done())
    assert not leading.done(), "it waits"
    assert "another process owns" in (await wrong(following))["folder"]
    release()
    if leads == "another":
        await until(lambda: not owned(following))
        assert "folder" not in await wrong(following)
        await other.give_up()
    lead = await leading
    assert lead is not None
    assert lead.ledger.closed is None
    await lead.leading.stop()
    await lead.ledger.close()
    await other.close()
