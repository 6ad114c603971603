"""Commands that write a ledger in PostgreSQL: beside no bot that leads, and none leads meanwhile."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from threading import Event

import pytest
from psycopg import Connection

from bot.errors import LedgerClosed, StartupError
from bot.process.check import check
from bot.process.settings.reading import load
from bot.storage.commands import forget as module
from bot.storage.commands.forget import forget, phone_of
from bot.storage.commands.person import person
from bot.storage.past.history import visited
from bot.storage.postgres import turn
from bot.storage.postgres.engine import open_alone
from bot.storage.postgres.lease import Lease, Taken
from bot.storage.postgres.ledger import PostgresLedger
from tests.fakes import ANA, FakeClock
from tests.isp import isp
from tests.patience import PATIENCE
from tests.storage.samples import adds, dispatch, opened
from tests.test_trial import OWN

pytestmark = pytest.mark.process
Act = Callable[..., Awaitable[object]]
ONE = phone_of("61999990001")


def kept(url: str) -> list[str]:
    with Connection.connect(url) as connection:
        return [line for (line,) in connection.execute("SELECT line FROM ledger_people").fetchall()]


@pytest.mark.parametrize("act", [forget, person])
async def test_beside_a_machine_that_leads_they_write_nothing_and_it_goes_on(
    database: str, tmp_path: Path, act: Act
) -> None:
    lease = Lease(database, "noc-a x", ttl=600, patience=PATIENCE)
    taken = await lease.take()
    assert taken is not None
    leads = await PostgresLedger.open(database, tmp_path / "a", FakeClock(), epoch=taken.epoch)
    await leads.commit(adds(*dispatch()))
    before = kept(database)
    with pytest.raises(StartupError, match="noc-a leads: stop the bot on every machine"):
        await act(tmp_path / "b", ONE, ANA, FakeClock(), url=database)
    assert kept(database) == before
    await leads.commit(adds(opened(2)))
    assert leads.closed is None
    await leads.close()
    await lease.give_up()
    await act(tmp_path / "b", ONE, ANA, FakeClock(), url=database)
    assert await lease.take() == Taken(3, "noc-a x", given_up=True), "not from the command"
    await lease.close()


async def test_while_they_read_for_long_no_machine_leads(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reading stops the loop that it is done in; the lease is renewed all the same."""
    ledger = await PostgresLedger.open(database, tmp_path, FakeClock())
    await ledger.commit(adds(*dispatch()))
    await ledger.close()
    renewed, renew = Event(), Lease.renew

    async def counted(lease: Lease) -> bool:
        found = await renew(lease)
        renewed.set()
        return found

    def long(*args: object) -> object:
        assert renewed.wait(30)
        return visited(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(turn, "_EVERY", 0.1)
    monkeypatch.setattr(Lease, "renew", counted)
    monkeypatch.setattr(module, "visited", long)
    await forget(tmp_path, ONE, ANA, FakeClock(), url=database)
    assert not any(ONE.digits in line for line in kept(database))


async def test_who_lost_its_turn_takes_nobody_away(database: str, tmp_path: Path) -> None:
    async with open_alone(tmp_path, FakeClock(), url=database) as ledger:
        await ledger.commit(adds(*dispatch()))
        before = kept(database)
        with Connection.connect(database, autocommit=True) as connection:
            connection.execute("UPDATE ledger_head SET epoch = epoch + 1")
        with pytest.raises(LedgerClosed, match="another process"):
            await ledger.rewritten()
        assert ledger.closed is not None
    assert kept(database) == before != []


async def test_who_led_last_and_was_not_heard_of_any_more_is_still_known(
    database: str, tmp_path: Path
) -> None:
    lease = Lease(database, "noc-a x")
    assert await lease.take()
    with Connection.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE ledger_lease SET until = clock_timestamp() - interval '1 minute'")
    async with open_alone(tmp_path, FakeClock(), url=database) as ledger:
        assert await lease.take() is None
        assert ledger.closed is None
    assert await lease.take() == Taken(3, "noc-a x", given_up=False)
    await lease.close()


async def test_a_test_message_is_not_sent_beside_a_machine_that_leads(database: str, tmp_path: Path) -> None:
    lease = Lease(database, "noc-a x", ttl=600, patience=PATIENCE)
    assert await lease.take()
    async with isp(tmp_path, customers=3) as site:
        told: list[str] = []
        settings = load(None, site.variables | {"LEDGER": database})
        assert await check(settings, told.append, OWN, lambda _: "sim") == 1
        assert any("test message: not sent: noc-a leads" in line for line in told)
        assert site.hsm.received == []
        await lease.give_up()
        await check(settings, told.append, OWN, lambda _: "sim")
        assert site.hsm.received
    await lease.close()


async def test_an_address_nobody_answers_at_is_one_line(tmp_path: Path) -> None:
    url = "postgresql://noc:s3cret@127.0.0.1:1/x"
    with pytest.raises(StartupError, match="PostgreSQL does not answer") as told:
        await person(tmp_path, ONE, ANA, FakeClock(), url=url)
    for secret in ("s3cret", "127.0.0.1", "noc"):
        assert secret not in str(told.value)
