"""Whose ONU it is says an ERP, by serial: who is told, who is held back and why, who is not known."""

from dataclasses import replace

import pytest

from bot.domain.case import CaseState
from bot.domain.customer import Contact, Link, Onu, Service
from bot.domain.events import Planned
from bot.domain.lookup.places import Area
from bot.domain.plan import Outcome, Skip
from bot.errors import AnswerLost, BadAnswer, LoginRefused, Throttled, TryLater
from tests.fakes import FakeErp, incident

from .conftest import Desk

NUMBER = "(61) 99999-000{}"


@pytest.fixture
def erp(desk: Desk) -> FakeErp:
    """It knows whose the ONUs S1 to S4 of an outage are; the source's client ids are those of others."""
    made = FakeErp()
    desk.source.outage(incident(), 0)
    for n in range(1, 5):
        desk.source.onus["1"].append(Onu(f"S{n}", str(900 - n), f"onu {n}", Link.LOS))
        made.records[f"S{n}"] = Contact(
            str(n), f"Cliente {n}", NUMBER.format(n), district="CENTRO", city="Anápolis"
        )
    desk.directory = made
    desk.build()
    return made


def record(erp: FakeErp, serial: str, **changes: object) -> None:
    erp.records[serial] = replace(erp.records[serial], **changes)  # type: ignore[arg-type]


def skips(desk: Desk) -> dict[str, Skip | None]:
    plan = desk.dispatch().progress
    assert plan is not None
    return {one.id: one.skip for one in plan.recipients.values()}


async def approved(desk: Desk) -> None:
    await desk.poll()
    await desk.approve()


async def test_everybody_is_found_by_serial_with_one_question(desk: Desk, erp: FakeErp) -> None:
    await approved(desk)
    assert sorted(message.name for message in desk.gateway.received) == [f"Cliente {n}" for n in range(1, 5)]
    assert erp.asked == [["S1", "S2", "S3", "S4"]]
    assert desk.source.looked_up == []


@pytest.mark.parametrize(
    ("service", "skip"),
    [
        (Service.BLOCKED, Skip.BLOCKED),
        (Service.SUSPENDED, Skip.SUSPENDED),
        (Service.ENDED, Skip.ENDED),
        (Service.NONE, Skip.NO_SERVICE),
    ],
)
async def test_who_has_no_service_is_held_back_and_counted_by_reason(
    desk: Desk, erp: FakeErp, service: Service, skip: Skip
) -> None:
    record(erp, "S2", service=service)
    await approved(desk)
    assert skips(desk) == {"c1": None, "c2": skip, "c3": None, "c4": None}
    assert desk.tally().skipped == {skip: 1}
    assert NUMBER.format(2)[-4:] not in {message.phone[-4:] for message in desk.gateway.received}


async def test_the_blocked_are_told_where_that_is_set_and_nobody_else(desk: Desk, erp: FakeErp) -> None:
    desk.use(notify_blocked=True)
    record(erp, "S2", service=Service.BLOCKED)
    record(erp, "S3", service=Service.ENDED)
    await approved(desk)
    assert skips(desk) == {"c1": None, "c2": None, "c3": Skip.ENDED, "c4": None}


async def test_a_customer_is_judged_by_the_contract_of_the_onu_that_fell(desk: Desk, erp: FakeErp) -> None:
    """One has a contract in debt whose ONU fell and a paid one that is up; another one both down."""
    desk.source.onus["1"][1] = desk.source.onus["1"][1]._replace(link=Link.ONLINE)
    record(erp, "S1", client_id="7", service=Service.BLOCKED)
    record(erp, "S2", client_id="7")
    record(erp, "S3", client_id="8", service=Service.ENDED)
    record(erp, "S4", client_id="8")
    await approved(desk)
    assert skips(desk) == {"c7": Skip.BLOCKED, "c8": None}


async def test_a_status_that_nobody_knows_is_told_once_and_silences_nobody(desk: Desk, erp: FakeErp) -> None:
    record(erp, "S1", unknown="status=X")
    record(erp, "S3", unknown="status=X")
    await approved(desk)
    assert len(desk.gateway.received) == 4
    said = [notice.facts for notice in desk.chat.said if notice.code == "unknown_status"]
    assert said == [{"status": "status=X"}]


async def test_no_record_and_no_answer_are_two_things(desk: Desk, erp: FakeErp) -> None:
    del erp.records["S1"]
    erp.unanswered, erp.why = {"S2"}, BadAnswer("ignored_filter")
    await approved(desk)
    assert skips(desk) == {"r0": Skip.NO_RECORD, "r1": Skip.LOOKUP_FAILED, "c3": None, "c4": None}


async def test_one_who_was_not_spoken_of_is_not_taken_for_unknown(desk: Desk, erp: FakeErp) -> None:
    erp.unanswered = {"S2"}
    await approved(desk)
    assert desk.tally().skipped == {Skip.LOOKUP_FAILED: 1}


@pytest.mark.bug("a client id of the OLT manager's equal to an ERP's would have been one customer of two")
async def test_ids_that_are_equal_across_systems_are_two_people(desk: Desk, erp: FakeErp) -> None:
    desk.source.onus["1"][0] = desk.source.onus["1"][0]._replace(client_id="2")
    del erp.records["S1"]
    await approved(desk)
    assert skips(desk) == {"r0": Skip.NO_RECORD, "c2": None, "c3": None, "c4": None}


async def test_an_erp_that_is_away_for_half_a_minute_costs_nobody_their_message(
    desk: Desk, erp: FakeErp
) -> None:
    desk.use(look_up_for=30.0)
    erp.away = [
        AnswerLost("http_502"),
        TryLater("refused"),
        Throttled("throttled", 5.0),
        *[TryLater("refused")] * 2,
    ]
    await approved(desk)
    assert desk.tally().outcomes == {Outcome.ACCEPTED: 4}


async def test_who_was_answered_is_not_asked_for_again(desk: Desk, erp: FakeErp) -> None:
    erp.unanswered, erp.why = {"S3"}, AnswerLost("http_504")
    await approved(desk)
    assert erp.asked[0] == ["S1", "S2", "S3", "S4"]
    assert erp.asked[1:] == [["S3"]] * (desk.rules.read_tries - 1)
    assert desk.tally().skipped == {Skip.LOOKUP_FAILED: 1}


async def test_look_ups_go_on_for_so_long_and_end(desk: Desk, erp: FakeErp) -> None:
    desk.use(look_up_for=30.0)
    erp.away = [TryLater("refused")] * 100
    await desk.poll()
    began = desk.clock.ticks
    await desk.approve()
    assert 30 <= desk.clock.ticks - began <= 45
    assert desk.tally().skipped == {Skip.LOOKUP_FAILED: 4}


async def test_an_erp_that_refuses_us_sends_nothing_and_says_so(desk: Desk, erp: FakeErp) -> None:
    erp.away = [LoginRefused("http_401")]
    await approved(desk)
    assert desk.dispatch().end_reason == "directory_refused"
    assert [(n.code, n.facts["error"]) for n in desk.chat.said] == [("directory_down", "directory_refused")]
    assert desk.case().state is not CaseState.SENT
    await desk.approve()
    assert len(desk.gateway.received) == 4


async def test_one_that_is_away_is_told_once_with_since_when_and_so_is_its_return(
    desk: Desk, erp: FakeErp
) -> None:
    desk.use(look_up_for=30.0)
    assert desk.flow.directory_health is not None
    erp.away = [TryLater("refused"), *[AnswerLost("http_502")] * 100]
    await desk.poll()
    since = desk.clock.now()
    await desk.approve()
    assert desk.flow.directory_health.error == "http_502"
    assert desk.flow.directory_health.since == since
    told = [(notice.code, notice.facts) for notice in desk.chat.said]
    assert told == [("directory_down", {"directory": "erp", "since": since, "error": "http_502"})]
    erp.away = []
    await desk.approve()
    assert desk.tally().outcomes == {Outcome.ACCEPTED: 4}
    assert [notice.facts for notice in desk.chat.said][1:] == [{"directory": "erp", "since": since}]
    assert desk.chat.codes == ["directory_down", "directory_up"]
    assert desk.flow.directory_health.since is None


async def test_one_that_is_away_for_a_moment_and_one_that_leaves_a_customer_out_are_not_away(
    desk: Desk, erp: FakeErp
) -> None:
    desk.use(look_up_for=60.0)
    erp.away = [TryLater("refused")] * 2
    erp.unanswered, erp.why = {"S3"}, AnswerLost("http_500")
    await approved(desk)
    assert desk.tally().skipped == {Skip.LOOKUP_FAILED: 1}
    assert len(erp.asked) > 8
    assert desk.chat.codes == []
    assert desk.flow.directory_health is not None
    assert desk.flow.directory_health.since is None


async def test_the_sources_own_records_are_no_directory(desk: Desk) -> None:
    assert desk.flow.directory_health is None


async def test_the_plan_says_where_they_are_and_how_many(desk: Desk, erp: FakeErp) -> None:
    record(erp, "S4", district="Vila  Nova", cto="CTO 12")
    await approved(desk)
    (planned,) = desk.written(Planned)
    assert isinstance(planned, Planned)
    assert planned.where.districts == (Area("Centro", 3, "Anápolis"), Area("Vila Nova", 1, "Anápolis"))
    assert planned.where.ctos == (Area("CTO 12", 1),)
    assert desk.tally().where == planned.where
