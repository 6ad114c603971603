"""Somebody changes by hand what one machine was handed by another: nobody sends it a second time for that."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from psycopg import AsyncConnection

from bot.domain.plan import Message
from bot.storage.postgres.sends import Handing, Parcel, Taking
from bot.storage.postgres.talk import Away
from tests.isp import until
from tests.postgres import Server

pytestmark = pytest.mark.process
ID = "1-1"


@pytest.fixture
async def leads(database: str) -> AsyncIterator[Handing]:
    handing = Handing(database, 1, "gateway", patience=30.0)
    yield handing
    handing.hang_up()


def parcel(id_: str = ID) -> Parcel:
    return Parcel(id_, "b", Message("r1", "5511999990001", "Maria", "LOS"))


def sql(postgres: Server, database: str, statement: str) -> list[tuple[object, ...]]:
    return postgres.run(statement, database.rpartition("/")[2])


@pytest.mark.parametrize("state", ["waiting", "taken", "answered"])
@pytest.mark.parametrize("which", ["state <> 'mark'", "true"])
async def test_it_is_not_taken_back(
    leads: Handing, postgres: Server, database: str, state: str, which: str
) -> None:
    mark = await leads.put([parcel()])
    sql(postgres, database, f"UPDATE ledger_sends SET state = '{state}' WHERE id = '{ID}'")  # noqa: S608
    sql(postgres, database, f"DELETE FROM ledger_sends WHERE {which}")  # noqa: S608
    assert await leads.take_back([ID], mark) == set()
    assert sql(postgres, database, "SELECT FROM ledger_sends WHERE state = 'back'") == []


async def test_what_is_made_to_wait_again_is_neither_taken_nor_taken_back(
    leads: Handing, postgres: Server, database: str
) -> None:
    sql(postgres, database, "INSERT INTO ledger_lease VALUES ('leader', 'a', 1, 'infinity')")
    taking = Taking(database, "b", "gateway", patience=30.0)
    mark = await leads.put([parcel()])
    assert [id_ for id_, _ in await taking.take(1)] == [ID]
    sql(postgres, database, "UPDATE ledger_sends SET state = 'waiting' WHERE state = 'taken'")
    assert await taking.take(1) == []
    assert await leads.take_back([ID], mark) == set()
    taking.hang_up()


async def test_what_did_not_come_yet_is_kept_away_all_the_same(leads: Handing) -> None:
    await leads.put([parcel("1-0")])
    assert await leads.take_back([ID], f"{leads.mark} 2") == {ID}
    with pytest.raises(Away):
        await leads.put([parcel()])


async def test_what_comes_meanwhile_is_waited_for(leads: Handing, postgres: Server, database: str) -> None:
    await leads.put([parcel("1-0")])
    async with await AsyncConnection.connect(database) as connection:
        await connection.execute(f"UPDATE ledger_sends SET about = '2' WHERE id = '{leads.mark}'".encode())  # noqa: S608
        back = asyncio.create_task(leads.take_back([ID], f"{leads.mark} 2"))
        await until(lambda: _waits(postgres, database) or back.done())
    with suppress(Away):
        assert await back == set()
    assert sql(postgres, database, "SELECT FROM ledger_sends WHERE state = 'back'") == []


def _waits(postgres: Server, database: str) -> bool:
    query = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return sql(postgres, database, query) != []
