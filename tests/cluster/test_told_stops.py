"""A customer's PARAR that was answered with 200 holds, whoever leads next."""

import signal
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pytest

from bot.domain.delivery import News, StopNews
from bot.ops.server import Request
from bot.process.webhook import webhook
from bot.storage.postgres.lease import Lease
from bot.storage.postgres.ledger import PostgresLedger
from tests.fakes import FakeClock
from tests.isp import until
from tests.patience import PATIENCE
from tests.postgres import running
from tests.steps.conftest import Desk

pytestmark = pytest.mark.process

PHONE = "5561999990001"


class Gateway:
    """Each body is the word that a customer wrote."""

    def challenge(self, query: str) -> str | None:
        return None

    def read(
        self, headers: Mapping[str, str], body: bytes, now: datetime, person: Callable[[str], str]
    ) -> Sequence[News]:
        return [StopNews(person(PHONE), body.decode(), now)]


async def led(url: str, folder: Path, node: str) -> tuple[Desk, PostgresLedger]:
    """A machine that took the lead."""
    lease = Lease(url, node, ttl=0.01, patience=PATIENCE)
    taken = None
    while taken is None:
        taken = await lease.take()
    await lease.close()
    desk, ledger = Desk(), await PostgresLedger.open(url, folder, FakeClock(), epoch=taken.epoch)
    desk.ledger = ledger  # type: ignore[assignment]
    desk.build()
    return desk, ledger


async def test_a_stop_that_was_taken_holds_when_another_machine_leads(
    pg_shared: Path, tmp_path: Path
) -> None:
    with running(pg_shared) as server:
        url = server.database()
        noc_a, first = await led(url, tmp_path / "a", "noc-a")
        told = webhook(Gateway(), noc_a.flow.receipts.hear, first.person, noc_a.clock)

        async def answer() -> int:
            return (await told.answer(Request("POST", "", {}, b"PARAR"))).status.value

        server.stop(signal.SIGQUIT)
        assert [await answer(), await answer()] == [503, 503], "nobody knows yet, and it is seen to be away"
        server.start()
        await until(lambda: first.closed is None)
        assert await answer() == 200
        noc_b, second = await led(url, tmp_path / "b", "noc-b")
        assert second.person(PHONE) in second.book.opted_out
        assert noc_b.inbox.held == []
        await first.close()
        await second.close()
