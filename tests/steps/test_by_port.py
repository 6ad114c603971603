"""A pushed outage that names no ONU: who is on its port says the directory, where all of the port is down."""

import json
from datetime import UTC
from pathlib import Path
from unittest.mock import patch

import pytest

from bot.domain.case import CaseState
from bot.domain.customer import Contact, Service
from bot.domain.plan import Skip
from bot.errors import AnswerLost, BadAnswer, BotError, LoginRefused
from bot.sources.hook.formats import FORMATS
from bot.sources.hook.hook import Hook
from bot.storage.rows import Rows
from tests.fakes import ANA, FakeErp, FakeErpByPort, settled

from .conftest import Desk

SERIALS = [f"ZTEG{n:08d}" for n in range(12)]
HERE, THERE = SERIALS[:6], SERIALS[6:]
ALL = {"affected": 6, "total": 6}


class Pushed:
    """A desk whose source is a hook, and an ERP that knows who is on the ports 6/15 and 6/16."""

    def __init__(self, desk: Desk, folder: Path, erp: FakeErp | None = None) -> None:
        self.desk = desk
        self.erp = FakeErpByPort(on={"6/15": HERE, "6/16": THERE})
        used = self.erp if erp is None else erp
        for n, serial in enumerate(SERIALS):
            used.records[serial] = Contact(str(n), f"Cliente {n}", f"(61) 99999-{n:04d}")
        rows = Rows(folder / "pushed" / "zbx.jsonl")
        self.hook = Hook(
            "zbx", rows, FORMATS["own"], ("t",), mapping={}, zone=UTC, stale=None, clock=desk.clock
        )
        desk.source, desk.directory = self.hook, used  # type: ignore[assignment]
        desk.use(settle_seconds=0, close_polls=2, restored=True, look_ahead=2)

    async def push(self, status: str, **fields: object) -> None:
        where = {"olt": "CB 01", "slot": 6, "pon": 15, "cause": "los"}
        body = {"id": "9912", "status": status, **where, **fields}
        await self.hook.hear({"authorization": "Bearer t"}, json.dumps(body).encode())
        await self.desk.poll()
        await settled()

    def told(self) -> list[str]:
        return sorted(message.name for message in self.desk.gateway.received)

    async def restore(self, number: int = 1) -> list[str]:
        """Who is told that service is back."""
        before = len(self.desk.gateway.received)
        await self.desk.flow.restore(number, ANA)
        await self.desk.clock.advance(self.desk.rules.undo_seconds)
        await self.desk.finish()
        return sorted(message.name for message in self.desk.gateway.received[before:])


def names(serials: list[str]) -> list[str]:
    return sorted(f"Cliente {SERIALS.index(serial)}" for serial in serials)


@pytest.fixture
async def pushed(desk: Desk, tmp_path: Path) -> Pushed:
    return Pushed(desk, tmp_path)


async def test_all_of_a_port_are_told_once_and_once_more_when_its_sender_says_that_it_is_over(
    pushed: Pushed,
) -> None:
    await pushed.push("open", **ALL)
    ahead = pushed.desk.flow.expected(1)
    assert ahead is not None
    assert (ahead.planned, ahead.todo) == (6, 6)
    await pushed.desk.approve()
    assert pushed.told() == names(HERE)
    assert pushed.desk.case().size == 6
    await pushed.desk.pass_by(3600)
    await pushed.push("update", affected=2)
    assert pushed.desk.case().ended_at is None
    assert pushed.told() == names(HERE)
    await pushed.push("closed")
    await pushed.desk.pass_by(60)
    assert pushed.desk.case().ended_at is not None
    assert await pushed.restore() == names(HERE)
    assert pushed.desk.nobody_twice() == 12
    assert pushed.erp.asked == []  # nobody is asked about in another way


@pytest.mark.parametrize(
    "counts",
    [
        {"affected": 5, "total": 6},
        {"affected": 7, "total": 6},
        {"affected": 6},
        {"total": 6},
        {"affected": 0, "total": 0},
        {},
        {"affected": 6, "total": 6, "cause": "cpu"},
        {"affected": 6, "total": 6, "pon": None},
    ],
)
async def test_what_may_be_a_part_of_the_port_tells_nobody(pushed: Pushed, counts: dict[str, object]) -> None:
    await pushed.push("open", **counts)
    if pushed.desk.ledger.book.cases:
        await pushed.desk.approve()
        assert pushed.desk.dispatch().tally() is not None
        assert pushed.desk.tally().planned == 0
    assert (pushed.told(), pushed.erp.ports_asked) == ([], [])


async def test_some_are_back_before_the_tap(pushed: Pushed) -> None:
    await pushed.push("open", **ALL)
    await pushed.push("update", affected=4)
    await pushed.desk.approve()
    assert pushed.told() == []


@pytest.mark.parametrize(("down", "told"), [(5, 0), (6, 6), (9, 6), (10, 0)])
async def test_a_directory_that_has_another_number_there_speaks_of_another_port(
    pushed: Pushed, down: int, told: int
) -> None:
    await pushed.push("open", affected=down, total=down)
    await pushed.desk.approve()
    assert len(pushed.told()) == told


async def test_whose_contract_has_ended_is_not_counted_as_there(pushed: Pushed) -> None:
    for serial in HERE[:4]:
        ended = pushed.erp.records[serial]
        pushed.erp.records[serial] = Contact(ended.client_id, ended.name, ended.phone, Service.ENDED)
    await pushed.push("open", affected=2, total=2)
    await pushed.desk.approve()
    assert pushed.told() == names(HERE[4:])
    assert pushed.desk.tally().skipped == {Skip.ENDED: 4}


async def test_who_has_no_phone_is_asked_about_in_no_other_way(pushed: Pushed) -> None:
    """Another question goes by the serial alone, and may lead to who has that ONU on another port."""
    known = pushed.erp.records[HERE[0]]
    pushed.erp.records[HERE[0]] = Contact(known.client_id, known.name, "")
    with patch("bot.domain.customer.FRESH_WITHOUT", 0.0):
        await pushed.push("open", **ALL)
        await pushed.desk.approve()
    assert pushed.told() == names(HERE[1:])
    assert pushed.erp.asked == []


async def test_a_directory_that_does_not_know_the_port_or_no_port(
    pushed: Pushed, desk: Desk, tmp_path: Path
) -> None:
    await pushed.push("open", pon=14, **ALL)
    await pushed.desk.approve()
    assert (pushed.told(), pushed.desk.tally().planned) == ([], 0)
    other = Pushed(desk, tmp_path / "other", FakeErp())
    await other.push("open", id="9913", pon=13, **ALL)
    await other.desk.approve(2)
    assert other.told() == []


async def test_a_directory_that_is_away_for_a_while_is_waited_for(pushed: Pushed) -> None:
    pushed.desk.use(look_up_for=30.0, look_ahead=0)
    pushed.erp.port_errors = [AnswerLost("http_502")] * 4
    await pushed.push("open", **ALL)
    await pushed.desk.approve()
    assert pushed.told() == names(HERE)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadAnswer("html"), "directory_down"),
        (AnswerLost("http_502"), "directory_down"),
        (LoginRefused("http_401"), "directory_refused"),
    ],
)
async def test_a_directory_that_does_not_say_has_nobody_told_and_may_be_asked_again(
    pushed: Pushed, error: BotError, code: str
) -> None:
    pushed.erp.port_errors = [error] * 20
    await pushed.push("open", **ALL)
    assert pushed.desk.flow.expected(1) is None
    await pushed.desk.approve()
    assert (pushed.told(), pushed.desk.case().state) == ([], CaseState.NOBODY)
    assert pushed.desk.dispatch().end_reason == code
    pushed.erp.port_errors = []
    await pushed.desk.approve()
    assert pushed.told() == names(HERE)


async def test_serials_that_come_before_the_tap_are_who_is_told(pushed: Pushed) -> None:
    await pushed.push("open", **ALL)
    await pushed.push("update", onus=HERE[:2])
    await pushed.desk.approve()
    assert pushed.told() == names(HERE[:2])


async def test_serials_that_come_after_it_tell_nobody_twice_and_all_are_told_that_it_is_over(
    pushed: Pushed,
) -> None:
    await pushed.push("open", **ALL)
    await pushed.desk.approve()
    await pushed.push("update", onus=HERE[:4], affected=4)
    await pushed.desk.pass_by(60)
    assert pushed.told() == names(HERE)
    await pushed.push("closed")
    await pushed.desk.pass_by(60)
    assert await pushed.restore() == names(HERE)
    assert pushed.desk.nobody_twice() == 12


@pytest.mark.parametrize("onus", [[], ["5A54454700000099"]])
async def test_an_outage_of_the_port_that_goes_on_keeps_the_second_message_back(
    pushed: Pushed, onus: list[str]
) -> None:
    """It names nobody, so anybody may be in it; or it spells serials in its own way."""
    await pushed.push("open", **ALL)
    await pushed.desk.approve()
    await pushed.push("closed")
    await pushed.desk.pass_by(60)
    assert pushed.desk.case().ended_at is not None
    body = {"id": "9999", "status": "open", "olt": "CB 01", "slot": 6, "pon": 15, "cause": "los"}
    await pushed.hook.hear({"authorization": "Bearer t"}, json.dumps(body | {"onus": onus}).encode())
    assert await pushed.restore() == []
    assert pushed.told() == names(HERE)


async def test_two_ports_of_one_card_and_the_one_that_names_its_onus(pushed: Pushed) -> None:
    """One more alert of the first port names ONUs: they are who is known to be in it."""
    pushed.desk.use(settle_seconds=10, group_seconds=120, look_ahead=0)
    await pushed.push("open", **ALL)
    await pushed.push("open", id="9914", pon=16, **ALL)
    await pushed.push("open", id="9915", onus=HERE[:3], affected=3)
    await pushed.desk.pass_by(60)
    for number in list(pushed.desk.ledger.book.open):
        await pushed.desk.approve(number)
    assert pushed.told() == names([*HERE[:3], *THERE])
    assert pushed.erp.ports_asked == ["6/16"]
