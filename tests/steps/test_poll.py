import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.domain.book import Book
from bot.domain.case import CaseState
from bot.domain.events import CaseOpened, IncidentChanged, Line
from bot.domain.incident import Incident, Kind, OddRow
from bot.errors import AnswerLost, BadAnswer, Closed, LedgerClosed, LoginRefused, Refused, TryLater
from bot.flow.health import ODD_AT_MOST, ODD_AT_ONCE
from bot.steps.collect import GRACE
from tests.fakes import ANA, NOON, incident, settled
from tests.patience import leap
from tests.steps.conftest import Desk


async def test_an_incident_becomes_one_case_however_often_it_is_seen(desk: Desk) -> None:
    desk.source.outage(incident())
    await desk.poll()
    await desk.poll()
    assert list(desk.ledger.book.cases) == [1]
    assert desk.case().state is CaseState.WAITING
    assert desk.chat.shown == [1]


async def test_a_known_incident_gets_no_second_case_after_a_restart(desk: Desk) -> None:
    desk.source.outage(incident())
    await desk.poll()
    await desk.restart()
    await desk.poll()
    assert list(desk.ledger.book.cases) == [1]
    assert desk.chat.shown == [1]  # drawn again at the start: a tap lost in the crash is still possible


async def test_what_is_not_offered_is_told_and_opens_no_case(desk: Desk) -> None:
    desk.use(min_affected=2)
    desk.source.outage(incident(1, Kind.OTHER))
    desk.source.outage(incident(2, ignored=True))
    desk.source.outage(incident(3, affected=1))
    desk.source.outage(incident(4, affected=None))
    await desk.poll()
    assert [i.id for i in desk.flow.source_health.unoffered] == ["1", "2", "3"]
    assert [c.incident.id for c in desk.ledger.book.cases.values()] == ["4"]


async def test_changed_facts_reach_the_card_once(desk: Desk) -> None:
    desk.source.outage(incident(affected=3))
    await desk.poll()
    desk.source.incidents["1"] = incident(affected=7)
    await desk.poll()
    await desk.poll()
    assert desk.case().incident.affected == 7
    assert desk.chat.shown == [1, 1]


async def test_an_open_case_keeps_its_facts_when_its_alert_turns_into_something_without_a_template(
    desk: Desk,
) -> None:
    desk.source.outage(incident())
    await desk.poll()
    desk.source.incidents["1"] = incident(kind=Kind.OTHER)
    await desk.poll()
    assert desk.case().incident.kind is Kind.LOS
    assert desk.case().ended_at is None


async def test_an_ended_incident_ends_its_case_and_goes_on_in_it_when_it_is_back(desk: Desk) -> None:
    alert = desk.source.outage(incident())
    await desk.poll()
    desk.source.repair(1)
    await desk.clock.advance(60)
    await desk.poll()
    assert desk.case().ended_at == desk.clock.now()
    assert desk.case().state is CaseState.OVER
    desk.source.incidents["1"] = alert
    await desk.poll()
    assert desk.case().ended_at is None
    assert desk.case().state is CaseState.WAITING
    assert list(desk.ledger.book.cases) == [1]


async def test_a_false_positive_ends_its_case(desk: Desk) -> None:
    desk.source.outage(incident())
    await desk.poll()
    desk.source.incidents["1"] = incident(ignored=True)
    await desk.poll()
    await desk.poll()
    assert desk.case().ended_why == "ignored"
    desk.source.incidents["1"] = incident()
    await desk.poll()
    assert desk.case().state is CaseState.WAITING


async def test_an_incomplete_poll_ends_nothing_but_brings_what_it_saw(desk: Desk) -> None:
    desk.source.outage(incident(1))
    await desk.poll()
    desk.source.unlist(1)
    desk.source.outage(incident(2, place="6/16"))
    desk.source.complete = False
    await desk.poll()
    assert desk.case(1).ended_at is None
    assert desk.case(2).state is CaseState.WAITING
    assert desk.flow.source_health.error == "incomplete"
    assert desk.flow.source_health.good_at == NOON


@pytest.mark.parametrize("error", [TryLater("502"), AnswerLost("silence"), BadAnswer("html"), Refused("no")])
async def test_a_failed_poll_ends_nothing_and_is_said_once_when_it_lasts(
    desk: Desk, error: Exception
) -> None:
    desk.source.outage(incident())
    await desk.poll()
    desk.source.repair(1)
    desk.source.poll_errors = [error, error, error]
    await desk.poll()
    assert desk.chat.codes == []
    await desk.poll()
    await desk.poll()
    assert desk.chat.codes == ["source_down"]
    assert desk.case().ended_at is None
    assert desk.flow.source_health.failures == 3
    assert desk.flow.source_health.since == NOON
    await desk.poll()
    assert desk.chat.codes == ["source_down", "source_up"]
    assert desk.case().ended_at is not None
    assert desk.flow.source_health.failures == 0


async def test_one_hiccup_is_not_said(desk: Desk) -> None:
    desk.source.poll_errors = [TryLater("502")]
    await desk.poll()
    await desk.poll()
    assert desk.chat.codes == []


async def test_a_refused_login_is_said_at_once_and_once(desk: Desk) -> None:
    desk.source.poll_errors = [LoginRefused("no"), LoginRefused("no"), LoginRefused("no")]
    for _ in range(3):
        await desk.poll()
    assert desk.chat.codes == ["login_refused"]
    await desk.poll()
    assert desk.chat.codes == ["login_refused", "source_up"]


async def test_a_closed_ledger_still_shows_new_outages_and_takes_no_decision(desk: Desk) -> None:
    desk.ledger.fail("the disk is broken")
    desk.source.outage(incident())
    await desk.poll()
    assert desk.chat.shown == [1]
    with pytest.raises(Exception, match="the disk is broken"):
        await desk.flow.approve(1, ANA)
    assert desk.gateway.received == []


async def test_who_decides_while_the_ledger_is_away_is_told_at_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[datetime] = []

    def rule(_book: Book, now: datetime) -> Sequence[Line]:
        asked.append(now)
        return []

    monkeypatch.setattr(type(desk.ledger), "closed", Closed("no answer", "away"))
    with pytest.raises(LedgerClosed, match="no answer"):
        await desk.flow.decide(rule)
    assert not asked, "and what they decided is never written later"


@pytest.mark.parametrize(
    ("closed", "told"),
    [(None, 1), (Closed("no answer", "away"), 1), (Closed("line 7 is damaged", "damaged"), 0)],
    ids=["open", "away", "for good"],
)
async def test_that_somebody_is_to_confirm_is_said_where_they_can_soon(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, closed: Closed | None, told: int
) -> None:
    await desk.poll()
    monkeypatch.setattr(type(desk.ledger), "closed", closed)
    await desk.flow.start("test", "database")
    assert desk.chat.codes.count("unconfirmed") == told


async def test_a_source_that_never_answers_ends_the_poll_all_the_same(desk: Desk) -> None:
    desk.source.hangs = asyncio.Event()
    for _ in range(2):
        polling = asyncio.create_task(desk.poll())
        await settled()
        leap(desk.rules.poll_within + GRACE)
        await polling
    assert (desk.flow.source_health.error, desk.flow.source_health.failures) == ("too_slow", 2)
    assert desk.chat.codes == ["source_down"]
    desk.source.hangs = None
    desk.source.outage(incident())
    await desk.poll()
    assert desk.case().state is CaseState.WAITING


class TestOddRows:
    async def test_an_open_alert_without_a_card_is_told_once(self, desk: Desk) -> None:
        odd = OddRow("7", "olt", "6/15, pon_loss")
        desk.source.skipped = (odd,)
        for _ in range(3):
            await desk.poll()
        assert desk.flow.source_health.skipped == (odd,)
        assert [(n.code, n.facts) for n in desk.chat.said] == [("odd_rows", {"rows": (odd,), "n": 1})]
        other = OddRow("8", "alert_type")
        desk.source.skipped = (odd, other)
        await desk.poll()
        assert desk.chat.said[-1].facts["rows"] == (other,)

    async def test_a_source_that_changed_its_ways_does_not_fill_the_group(self, desk: Desk) -> None:
        desk.source.skipped = tuple(OddRow(str(n), "olt") for n in range(1000))
        for _ in range(20):
            await desk.poll()
        assert len(desk.chat.said) == ODD_AT_MOST / ODD_AT_ONCE

    async def test_months_with_an_odd_row_now_and_then_hide_none(self, desk: Desk) -> None:
        for n in range(ODD_AT_MOST + 5):
            desk.source.skipped = (OddRow(str(n), "olt"),)
            await desk.poll()
            await desk.clock.advance(12 * 3600)
        assert len(desk.chat.said) == ODD_AT_MOST + 5

    async def test_one_that_stays_on_the_list_is_not_told_again_every_day(self, desk: Desk) -> None:
        desk.source.skipped = (OddRow("7", "olt"),)
        for _ in range(5):
            await desk.poll()
            await desk.clock.advance(20 * 3600)
        assert len(desk.chat.said) == 1


class TestStartUnknown:
    @staticmethod
    def unknown(read_at: datetime) -> Incident:
        return replace(incident(started=read_at), start_known=False)

    async def test_it_began_when_it_was_first_seen(self, desk: Desk) -> None:
        for _ in range(3):
            desk.source.outage(self.unknown(desk.clock.now()))
            await desk.pass_by(30)
        assert (desk.case().started, desk.case().start_known) == (NOON + timedelta(seconds=30), False)
        assert len(desk.written(CaseOpened, IncidentChanged)) == 1  # nothing changes from poll to poll
        await desk.approve()
        assert {m.started for m in desk.gateway.received} == {None}  # a customer is told no time

    async def test_while_it_waits_for_its_siblings_it_is_seen_since_the_first_poll(
        self, grouping: Desk
    ) -> None:
        desk = grouping
        for _ in range(3):
            desk.source.outage(self.unknown(desk.clock.now()))
            await desk.pass_by(8, every=8)
        assert desk.case().started == NOON + timedelta(seconds=8)

    async def test_a_start_that_comes_later_is_taken(self, desk: Desk) -> None:
        desk.source.outage(self.unknown(NOON))
        await desk.poll()
        desk.source.outage(incident())
        await desk.poll()
        desk.source.outage(self.unknown(desk.clock.now()))  # and kept
        await desk.poll()
        assert (desk.case().started, desk.case().start_known) == (incident().started, True)
        await desk.approve()
        assert {m.started for m in desk.gateway.received} == {incident().started}

    async def test_back_on_the_list_it_is_the_same_outage(self, desk: Desk) -> None:
        desk.source.outage(self.unknown(NOON))
        await desk.poll()
        await desk.repair(1)
        await desk.clock.advance(600)
        desk.source.outage(self.unknown(desk.clock.now()))
        await desk.poll()
        assert list(desk.ledger.book.cases) == [1]
        assert desk.case().ended_at is None

    async def test_of_several_the_first_that_names_its_start_counts(self, grouping: Desk) -> None:
        desk = grouping
        desk.source.outage(replace(incident(1, started=NOON - timedelta(hours=9)), start_known=False))
        desk.source.outage(incident(2, place="6/16", started=NOON), first=200)
        await desk.pass_by(40, every=10)
        assert [len(case.members) for case in desk.ledger.book.cases.values()] == [2]
        assert desk.case().started == NOON

    async def test_the_news_that_it_is_back_tells_no_start(self, desk: Desk) -> None:
        desk.use(restored=True)
        desk.source.outage(self.unknown(NOON))
        await desk.poll()
        await desk.approve()
        await desk.repair(1)
        desk.source.back = {onu.serial for onu in desk.source.onus["1"]}
        await desk.flow.restore(1, ANA)
        await desk.clock.advance(desk.rules.undo_seconds)
        await desk.finish()
        assert [m.started for m in desk.gateway.received] == [None] * 6
