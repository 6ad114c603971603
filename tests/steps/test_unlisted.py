"""An alert that the list no longer has is asked itself before its card says that it is over."""

import asyncio

import pytest

from bot.domain.case import CaseState
from bot.domain.causes.sightings import DOUBTED, KEPT
from bot.domain.customer import Link
from bot.errors import AnswerLost, BadAnswer, LoginRefused, TryLater
from bot.flow.polling import READ_AT_MOST
from tests.fakes import incident
from tests.steps.conftest import Desk


@pytest.fixture
async def listed(desk: Desk) -> Desk:
    """An outage of three customers, with its card."""
    desk.use(close_polls=2)
    desk.source.outage(incident())
    await desk.poll()
    return desk


def back(desk: Desk, *places: int) -> None:
    onus = desk.source.onus["1"]
    for place in places:
        onus[place] = onus[place]._replace(link=Link.ONLINE)


def ended(desk: Desk) -> bool:
    return desk.case().ended_at is not None


class TestEmptyList:
    @pytest.mark.bug("an empty list with 200 ended every outage")
    async def test_an_empty_list_ends_nothing_that_is_on(self, listed: Desk) -> None:
        listed.source.unlist(1)
        await listed.pass_by(50 * 60)
        assert not ended(listed)
        assert listed.case().state is CaseState.WAITING
        assert listed.flow.source_health.unlisted == 1
        listed.source.incidents["1"] = listed.source.known["1"]
        await listed.poll()
        assert listed.flow.source_health.unlisted == 0
        await listed.repair(1)
        assert ended(listed)

    async def test_it_is_asked_only_once_enough_polls_lack_it(self, listed: Desk) -> None:
        await listed.repair(1)
        assert listed.source.read == ["1"]
        assert ended(listed)

    async def test_an_alert_that_is_not_there_is_over(self, listed: Desk) -> None:
        listed.source.unlist(1)
        del listed.source.onus["1"]
        await listed.pass_by(60)
        assert ended(listed)

    async def test_an_alert_whose_onus_are_all_back_is_over(self, listed: Desk) -> None:
        listed.source.unlist(1)
        back(listed, 0)
        await listed.pass_by(60)
        assert not ended(listed)
        back(listed, 1, 2)
        await listed.pass_by(30)
        assert ended(listed)


class TestNothingHangs:
    async def test_a_router_that_stays_unplugged_keeps_nothing_open(self, listed: Desk) -> None:
        listed.source.unlist(1)
        back(listed, 0, 1)
        await listed.pass_by(30)
        assert not ended(listed)
        await listed.pass_by(30)
        assert ended(listed)

    async def test_on_a_list_that_proves_nothing_it_does(self, listed: Desk) -> None:
        listed.source.complete = False
        listed.source.unlist(1)
        back(listed, 0, 1)
        await listed.pass_by(30 * 60)
        assert not ended(listed)

    async def test_most_of_them_down_it_is_on_for_a_day(self, listed: Desk) -> None:
        listed.source.unlist(1)
        back(listed, 0)
        await listed.pass_by(KEPT.total_seconds(), every=600)
        assert not ended(listed)
        await listed.pass_by(1200, every=600)
        assert ended(listed)

    @pytest.mark.parametrize("error", [AnswerLost("silence"), BadAnswer("html"), TryLater("429")])
    async def test_an_alert_that_cannot_be_read_is_not_proved_to_be_over(
        self, listed: Desk, error: Exception
    ) -> None:
        listed.source.repair(1)
        listed.source.read_errors = [error] * 3
        await listed.pass_by(4 * 30)
        assert not ended(listed)
        assert len(listed.source.read) == 3
        await listed.pass_by(30)
        assert ended(listed)

    async def test_what_can_never_be_read_ends_with_the_hour(self, listed: Desk) -> None:
        listed.source.unlist(1)
        listed.source.unreadable.add("1")
        await listed.pass_by(DOUBTED.total_seconds())
        assert not ended(listed)
        await listed.pass_by(60)
        assert ended(listed)

    async def test_an_answer_that_never_comes_keeps_no_card_waiting(
        self, listed: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bot.flow.polling.READ_WITHIN", 0.05)
        listed.source.repair(1)
        listed.source.gate = asyncio.Event()
        listed.source.outage(incident(2, place="6/16"))
        await listed.pass_by(60)
        assert not ended(listed)
        assert listed.case(2).state is CaseState.WAITING


class TestListThatNeverAddsUp:
    @pytest.mark.bug("a list that never adds up kept cases open that were over")
    async def test_a_case_whose_alert_reads_as_over_ends(self, listed: Desk) -> None:
        listed.source.complete = False
        listed.source.repair(1)
        await listed.pass_by(30)
        assert not ended(listed)
        await listed.pass_by(30)
        assert ended(listed)

    async def test_one_that_reads_as_on_does_not(self, listed: Desk) -> None:
        listed.source.complete = False
        listed.source.unlist(1)
        await listed.pass_by(30 * 60)
        assert not ended(listed)

    async def test_a_poll_that_failed_asks_nothing(self, listed: Desk) -> None:
        listed.source.repair(1)
        listed.source.poll_errors = [AnswerLost("silence")] * 3
        await listed.pass_by(90)
        assert listed.source.read == []
        assert not ended(listed)

    async def test_what_the_list_itself_marks_as_over_needs_no_second_word(self, listed: Desk) -> None:
        listed.source.unlist(1)
        listed.source.closed, listed.source.complete = frozenset("1"), False
        await listed.pass_by(30)
        assert not ended(listed)
        await listed.pass_by(30)
        assert ended(listed)
        assert listed.source.read == []


class TestBudget:
    async def test_so_many_are_read_in_a_poll_and_the_others_in_the_next(self, desk: Desk) -> None:
        many = READ_AT_MOST + 5
        for n in range(1, many + 1):
            desk.source.outage(incident(n, place=f"1/{n}"), customers=1, first=100 + n)
        await desk.poll()
        for n in range(1, many + 1):
            desk.source.repair(n)
        await desk.pass_by(30)
        assert len(desk.source.read) == READ_AT_MOST
        assert len(desk.ledger.book.open) == 5
        await desk.pass_by(30)
        assert desk.ledger.book.open == set()
        assert len(set(desk.source.read)) == many

    async def test_those_that_read_as_on_give_way_to_those_that_were_not_read(self, desk: Desk) -> None:
        many = 2 * READ_AT_MOST
        for n in range(1, many + 1):
            desk.source.outage(incident(n, place=f"1/{n}"), customers=1, first=100 + n)
        await desk.poll()
        for n in range(1, many + 1):
            desk.source.unlist(n)
        await desk.pass_by(60)
        assert len(set(desk.source.read)) == many

    @pytest.mark.parametrize("error", [LoginRefused("no"), TryLater("429")])
    async def test_a_source_that_says_no_is_asked_no_more(self, desk: Desk, error: Exception) -> None:
        for n in range(1, 41):
            desk.source.outage(incident(n, place=f"1/{n}"), customers=1, first=100 + n)
        await desk.poll()
        for n in range(1, 41):
            desk.source.repair(n)
        desk.source.read_errors = [error]
        await desk.pass_by(30)
        assert len(desk.source.read) == 1
        await desk.pass_by(30)
        assert desk.ledger.book.open == set()
