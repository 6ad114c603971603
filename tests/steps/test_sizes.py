"""How large an outage is: what the list says, what the alert itself says, and how often that is written."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.customer import Link
from bot.domain.events import CaseOpened, IncidentChanged
from bot.domain.incident import Incident
from bot.errors import BadAnswer
from bot.flow.polling import COUNT_AT_MOST
from tests.fakes import incident
from tests.steps.conftest import Desk

SILENT = incident(affected=None)


def changed(desk: Desk) -> Sequence[object]:
    return desk.written(IncidentChanged)


class TestTheAlertIsCounted:
    async def test_its_card_is_made_with_what_the_alert_says(self, desk: Desk) -> None:
        desk.source.outage(SILENT, customers=5)
        onus = desk.source.onus["1"]
        onus[0] = onus[0]._replace(link=Link.ONLINE)
        await desk.poll()
        [opened] = desk.written(CaseOpened)
        assert isinstance(opened, CaseOpened)
        assert (opened.incident.affected, opened.incident.counted) == (4, True)
        await desk.pass_by(600)
        assert desk.source.read == ["1"]  # once
        assert changed(desk) == []
        await desk.restart()
        await desk.pass_by(60)
        assert desk.case().affected == 4

    async def test_what_the_list_counts_is_not_asked_about(self, desk: Desk) -> None:
        desk.source.outage(incident())
        await desk.poll()
        assert desk.source.read == []
        assert not desk.case().counted

    async def test_while_it_waits_for_its_siblings_it_is_asked_once(self, grouping: Desk) -> None:
        grouping.source.outage(SILENT)
        await grouping.pass_by(16, every=4)
        assert grouping.case().affected == 3
        assert grouping.source.read == ["1"]

    async def test_so_many_in_a_poll_and_the_others_show_it_later(self, desk: Desk) -> None:
        for n in range(1, COUNT_AT_MOST + 4):
            desk.source.outage(incident(n, place=f"1/{n}", affected=None), first=10 * n)
        await desk.poll()
        cases = desk.ledger.book.cases.values()
        assert len([case for case in cases if case.counted]) == COUNT_AT_MOST
        await desk.pass_by(30)
        assert all(case.counted and case.affected == 3 for case in cases)
        assert desk.chat.shown[-3:] == [11, 12, 13]  # by the ids as text

    @pytest.mark.parametrize("after", [[BadAnswer("html")], []])
    async def test_what_cannot_be_counted_has_its_card_all_the_same(
        self, desk: Desk, after: list[Exception]
    ) -> None:
        desk.source.outage(SILENT, customers=0 if not after else 3)  # an alert of nobody says nothing
        desk.source.read_errors = after
        await desk.pass_by(60)
        assert (desk.case().affected, desk.case().at_most) == (None, 61)
        assert desk.source.read == ["1"]

    async def test_an_answer_that_never_comes_keeps_no_card_waiting(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bot.flow.polling.COUNT_WITHIN", 0.05)
        desk.source.gate = asyncio.Event()
        desk.source.outage(SILENT)
        await desk.poll()
        assert desk.case().affected is None


class TestDetails:
    async def test_opened_the_card_shows_what_they_counted(self, desk: Desk) -> None:
        desk.source.outage(incident(affected=12), customers=30)
        await desk.poll()
        await desk.flow.details(1)
        assert (desk.case().affected, desk.case().counted) == (30, True)
        assert desk.chat.shown == [1, 1]
        await desk.flow.details(1)
        await desk.pass_by(30)
        assert desk.chat.shown == [1, 1]  # and the list's 12 is no news
        await desk.pass_by(300)
        await desk.flow.details(1)
        assert len(changed(desk)) == 1

    async def test_of_what_is_over_or_planned_nothing_changes(self, desk: Desk) -> None:
        desk.source.outage(incident(affected=12))
        await desk.poll()
        await desk.approve()
        await desk.flow.details(1)
        await desk.repair(1)
        desk.source.repaired.clear()
        await desk.pass_by(300)
        await desk.flow.details(1)
        assert changed(desk) == []
        assert desk.case().ended_at is not None


class TestFlicker:
    @staticmethod
    def flickers(desk: Desk, *affected: int) -> Incident:
        for n, count in enumerate(affected, start=1):
            desk.source.incidents[str(n)] = incident(n, place=f"6/{n}", affected=count)
        return desk.source.incidents["1"]

    @pytest.mark.bug("flickering counts wrote the ledger full")
    async def test_a_count_is_written_once_in_five_minutes(self, desk: Desk) -> None:
        desk.source.outage(incident(1, place="6/1"))
        await desk.poll()
        for n in range(40):  # twenty minutes
            self.flickers(desk, 3 + n % 2)
            await desk.pass_by(30)
        assert 4 <= len(changed(desk)) <= 5

    async def test_the_first_change_shows_at_once_and_the_last_within_five_minutes(self, desk: Desk) -> None:
        desk.source.outage(incident(1, place="6/1"))
        await desk.poll()
        for count in (10, 20, 33):
            self.flickers(desk, count)
            await desk.pass_by(30)
        assert desk.case().affected == 10
        await desk.pass_by(300)
        assert desk.case().affected == 33

    async def test_what_the_card_does_not_show_is_not_written(self, grouping: Desk) -> None:
        desk = grouping
        desk.fall("6/1", "6/2")
        await desk.pass_by(20, every=10)
        assert len(desk.case().ports) == 2
        one = desk.source.incidents["1"]
        desk.source.incidents["1"] = replace(one, total=62)  # of several ports no total is shown
        await desk.pass_by(600)
        assert changed(desk) == []
        desk.source.incidents["1"] = replace(one, affected=9)
        await desk.pass_by(30)
        assert len(changed(desk)) == 1

    async def test_with_a_plan_only_the_total_is_shown(self, desk: Desk) -> None:
        desk.source.outage(incident())
        await desk.poll()
        await desk.approve()
        desk.source.incidents["1"] = incident(affected=7)
        await desk.pass_by(600)
        assert changed(desk) == []
        desk.source.incidents["1"] = replace(incident(), total=62)
        await desk.pass_by(30)
        assert desk.case().incident.total == 62

    async def test_whatever_else_changes_is_written_at_once(self, desk: Desk) -> None:
        desk.source.outage(incident())
        await desk.poll()
        for minutes in (1, 2, 3):
            began = incident().started + timedelta(minutes=minutes)
            desk.source.incidents["1"] = incident(started=began, affected=3 + minutes)
            await desk.pass_by(30)
            assert desk.case().started == began
        assert len(changed(desk)) == 3
