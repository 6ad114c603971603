"""What is pushed, through the whole flow: its case, whose messages, its end, and that it is on again."""

import json
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from bot.domain.case import CaseState
from bot.domain.customer import Contact
from bot.errors import Declined
from bot.sources.hook.formats import FORMATS
from bot.sources.hook.hook import Hook
from bot.storage.rows import Rows
from tests.fakes import ANA, FakeErp

from .conftest import Desk

SERIALS = [f"ZTEG{n:08d}" for n in range(3)]


class Pushed:
    """A desk whose source is a hook, and an ERP that knows whose the ONUs are."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        self.desk, erp = desk, FakeErp()
        for n, serial in enumerate(SERIALS):
            erp.records[serial] = Contact(str(n), f"Cliente {n}", f"(61) 99999-000{n}")
        rows = Rows(folder / "pushed" / "zbx.jsonl")
        stale = timedelta(minutes=30)
        self.hook = Hook(
            "zbx", rows, FORMATS["own"], ("t",), mapping={}, zone=UTC, stale=stale, clock=desk.clock
        )
        desk.source, desk.directory = self.hook, erp  # type: ignore[assignment]
        desk.use(settle_seconds=10, close_polls=2, reopen_minutes=60, restored=True)

    async def push(self, status: str, **fields: object) -> None:
        where = {"olt": "CB 01", "slot": 6, "pon": 15, "cause": "los"}
        body = {"id": "9912", "status": status, **where, **fields}
        await self.hook.hear({"authorization": "Bearer t"}, json.dumps(body).encode())
        await self.desk.poll()

    async def told(self) -> None:
        """It is on, and everybody was told."""
        await self.push("open", onus=SERIALS)
        await self.desk.pass_by(30)
        await self.desk.approve()
        assert self.desk.nobody_twice() == 3

    async def restored(self) -> int:
        """How many were told that service is back."""
        await self.desk.flow.restore(1, ANA)
        await self.desk.clock.advance(self.desk.rules.undo_seconds)
        await self.desk.finish()
        return len(self.desk.gateway.received) - 3


@pytest.fixture
async def pushed(desk: Desk, tmp_path: Path) -> Pushed:
    return Pushed(desk, tmp_path)


async def test_from_its_beginning_to_the_news_that_it_is_over(pushed: Pushed) -> None:
    await pushed.told()
    await pushed.push("closed")
    await pushed.desk.pass_by(60)
    assert pushed.desk.case().ended_at is not None
    assert await pushed.restored() == 3


async def test_who_is_still_down_by_the_last_word_of_it_is_not_told_that_it_is_over(pushed: Pushed) -> None:
    """An outage on the same port, of an ONU of the first one, is on."""
    await pushed.told()
    await pushed.push("open", id="9913", onus=SERIALS[:1])
    await pushed.push("closed")
    await pushed.desk.pass_by(60)
    await pushed.push("closed", id="9914")
    links = await pushed.hook.links(pushed.desk.case().ports[0])
    assert sorted(links.values()) == ["los", "online", "online"]


async def test_on_again_it_goes_on_with_its_case_and_tells_nobody_twice(pushed: Pushed) -> None:
    await pushed.told()
    await pushed.push("closed")
    await pushed.desk.pass_by(60)
    await pushed.push("open", onus=SERIALS)
    await pushed.desk.pass_by(60)
    cases = pushed.desk.ledger.book.cases
    assert [sorted(case.members) for case in cases.values()] == [["hook:zbx:9912", "hook:zbx:9912~2"]]
    assert (cases[1].state, cases[1].ended_at) == (CaseState.SENT, None)
    assert pushed.desk.nobody_twice() == 3


async def test_over_and_on_again_between_two_polls_is_an_end_and_a_beginning(pushed: Pushed) -> None:
    await pushed.told()
    body = {"id": "9912", "status": "closed"}
    await pushed.hook.hear({"authorization": "Bearer t"}, json.dumps(body).encode())
    await pushed.push("open", onus=SERIALS)
    await pushed.desk.pass_by(120)
    members = {
        id_: m.ended_at is None
        for c in pushed.desk.ledger.book.cases.values()
        for id_, m in c.members.items()
    }
    assert members == {"hook:zbx:9912": False, "hook:zbx:9912~2": True}
    assert pushed.desk.nobody_twice() == 3


async def test_stale_nobody_is_told_and_a_word_of_it_makes_it_right(pushed: Pushed) -> None:
    await pushed.push("open", onus=SERIALS)
    await pushed.desk.pass_by(1830)
    with pytest.raises(Declined, match="stale_alert"):
        await pushed.desk.flow.approve(1, ANA)
    await pushed.push("update")
    await pushed.desk.approve()
    assert pushed.desk.nobody_twice() == 3


async def test_a_file_that_is_lost_ends_nothing_until_its_sender_does(pushed: Pushed, tmp_path: Path) -> None:
    await pushed.told()
    (tmp_path / "pushed" / "zbx.jsonl").unlink()
    lost = Pushed(pushed.desk, tmp_path)
    await lost.desk.pass_by(7200)
    assert lost.desk.case().ended_at is None
    await lost.push("closed")
    await lost.desk.pass_by(60)
    assert lost.desk.case().ended_at is not None
