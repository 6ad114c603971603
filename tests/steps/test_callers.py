"""Whether an outage is on for a customer who asks: by id, phone and serial, told from memory."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.customer import Contact, Link, Service
from bot.domain.events import IncidentEnded, Spared, Undelivered
from bot.domain.limits.silence import Scope
from bot.domain.lookup.struck import UNKNOWN, Told
from bot.domain.plan import Outcome, Receipt, Skip
from bot.flow import callers
from tests.fakes import ANA, NOON, incident, settled
from tests.steps.conftest import Desk

BEGAN = NOON - timedelta(minutes=12)
ON = Told(known=True, outage=True, since=BEGAN)
KNOWN = Told(known=True)


@pytest.fixture
def asked(desk: Desk) -> Desk:
    """A desk that looks customers up ahead."""
    desk.use(look_ahead=8, undo_seconds=0, close_polls=1)
    return desk


async def polled(desk: Desk) -> None:
    await desk.poll()
    await settled()


def ask(desk: Desk, customer: str = "100") -> Told:
    return desk.flow.callers.ask(customer)


async def test_a_customer_is_known_by_id_phone_and_serial_in_every_spelling(asked: Desk) -> None:
    asked.source.outage(incident())
    asked.source.onus["1"][0] = asked.source.onus["1"][0]._replace(serial="48575443AABBCCDD")
    await polled(asked)
    for customer in (
        *("100", "61991000100", "5561991000100", "+55 (61) 99100-0100", "061 99100 0100", "6191000100"),
        *("48575443aabbccdd", "HWTCAABBCCDD", "hwtc-aabbccdd"),
    ):
        assert ask(asked, customer) == ON, customer
    for customer in ("", "99", "c100", "6199100", "61991000999", "HWTCAABBCCDE", "Cliente 100"):
        assert ask(asked, customer) == UNKNOWN, customer


async def test_what_is_expected_is_told_until_it_has_passed(asked: Desk) -> None:
    asked.source.outage(incident())
    await polled(asked)
    ends = NOON + timedelta(hours=1)
    await asked.flow.forecast(1, ANA, ends)
    assert ask(asked) == replace(ON, expected_end=ends)
    await asked.clock.advance(3600)
    assert ask(asked) == ON


async def test_who_is_warned_is_who_has_a_message_that_the_gateway_took(asked: Desk) -> None:
    asked.source.outage(incident())
    await polled(asked)
    asked.gateway.block = asyncio.Event()
    asked.gateway.answers["5561991010101"] = [Receipt(Outcome.REJECTED, reason="no")]
    asked.gateway.answers["5561991020102"] = [Receipt(Outcome.HELD)]
    await asked.flow.approve(1, ANA)
    await asked.clock.advance(1)
    assert asked.gateway.in_flight == 3
    assert ask(asked) == ON
    asked.gateway.block.set()
    await asked.finish()
    assert [ask(asked, one).warned for one in ("100", "101", "102")] == [True, False, False]
    await asked.ledger.commit(lambda _book, _now: [Undelivered(1, ("c100",), "gone")])
    assert ask(asked) == ON


async def test_nobody_is_warned_by_a_rehearsal(asked: Desk) -> None:
    asked.use(dry_run=True)
    asked.source.outage(incident())
    await polled(asked)
    await asked.approve()
    assert len(asked.gateway.received) == 3
    assert ask(asked) == ON


async def test_who_shares_a_phone_is_warned_by_the_one_message(asked: Desk) -> None:
    asked.source.outage(incident())
    asked.source.contacts["101"] = replace(asked.source.contacts["100"], client_id="101")
    await polled(asked)
    await asked.approve()
    assert asked.tally().skipped == {Skip.SAME_PHONE: 1}
    assert [ask(asked, one) for one in ("100", "101")] == [replace(ON, warned=True)] * 2


async def test_who_has_a_link_or_none_for_another_reason_is_in_no_outage(asked: Desk) -> None:
    asked.source.outage(incident(affected=5), 5)
    onus = asked.source.onus["1"]
    onus[0] = onus[0]._replace(link=Link.ONLINE)
    contacts = asked.source.contacts
    contacts["101"] = replace(contacts["101"], service=Service.BLOCKED)
    contacts["102"] = Contact("102", "", "none")
    del contacts["103"]
    await polled(asked)
    assert [ask(asked, str(n)) for n in range(100, 105)] == [KNOWN, KNOWN, ON, ON, ON]


async def test_what_is_over_is_known_no_more_and_known_again_when_it_is_back(asked: Desk) -> None:
    asked.source.outage(incident())
    await polled(asked)
    await asked.approve()
    assert len(asked.flow.callers) == 9
    await asked.repair(1)
    await settled()
    assert asked.case().ended_at is not None
    assert ask(asked) == UNKNOWN
    assert len(asked.flow.callers) == 0
    asked.source.outage(incident())
    await polled(asked)
    assert asked.case().ended_at is None
    assert ask(asked) == replace(ON, warned=True)


async def test_of_several_ports_only_ones_own_counts(grouping: Desk) -> None:
    grouping.use(look_ahead=8, undo_seconds=0)
    grouping.fall("6/1", "6/2", "6/3", customers=1)
    await grouping.pass_by(180)
    await grouping.approve()
    on = Told(known=True, outage=True, since=NOON, warned=True)
    assert [ask(grouping, str(n)) for n in (100, 101, 102)] == [on] * 3
    await grouping.repair(2)
    assert grouping.case().ended_at is None
    assert [ask(grouping, str(n)) for n in (100, 101, 102)] == [on, KNOWN, on]


async def test_of_two_outages_the_first_start_and_the_last_end(asked: Desk) -> None:
    asked.source.outage(incident(1))
    asked.source.outage(incident(2, place="7/1", started=BEGAN + timedelta(minutes=5)))
    await polled(asked)
    await asked.flow.forecast(1, ANA, NOON + timedelta(hours=1))
    assert ask(asked) == ON  # nobody knows when the other one ends
    await asked.flow.forecast(2, ANA, NOON + timedelta(hours=2))
    assert ask(asked) == replace(ON, expected_end=NOON + timedelta(hours=2))


async def test_since_is_told_where_somebody_named_the_start(asked: Desk) -> None:
    asked.source.outage(replace(incident(), start_known=False))
    await polled(asked)
    assert ask(asked) == replace(ON, since=None)


@pytest.mark.parametrize(("reason", "outage"), [("false_alarm", False), ("maintenance", True)])
async def test_a_denied_one_is_on_unless_it_was_called_a_false_alarm(
    asked: Desk, reason: str, outage: bool
) -> None:
    asked.source.outage(incident())
    await polled(asked)
    await asked.flow.deny(1, ANA, reason)
    await asked.poll()
    assert ask(asked) == (ON if outage else KNOWN)


async def test_a_plan_is_known_without_a_look_ahead_and_after_a_restart(desk: Desk) -> None:
    desk.use(undo_seconds=0)
    desk.source.outage(incident())
    await polled(desk)
    assert ask(desk) == UNKNOWN  # nobody has looked
    await desk.approve()
    assert ask(desk) == replace(ON, warned=True)
    await desk.restart()
    await settled()
    assert ask(desk) == ask(desk, "61991000100") == ask(desk, "ZTEG00000100") == replace(ON, warned=True)


async def test_who_was_back_before_their_message_left_is_in_no_outage(asked: Desk) -> None:
    asked.source.outage(incident())
    await polled(asked)
    asked.gateway.block = asyncio.Event()
    await asked.flow.approve(1, ANA)
    await asked.clock.advance(1)
    await asked.flow.decide(lambda _book, _now: [Spared(1, "c100", Skip.ONLINE)])
    await settled()
    assert (ask(asked), ask(asked, "101")) == (KNOWN, ON)
    asked.gateway.block.set()
    await asked.finish()


async def test_a_later_look_up_is_the_last_word(asked: Desk) -> None:
    asked.source.outage(incident())
    asked.source.onus["1"].append(asked.source.onus["1"][0]._replace(serial="ZTEG0NOBODY1", client_id=None))
    await polled(asked)
    assert ask(asked, "zteg0nobody1") == ON
    gone, onus = asked.source.onus["1"].pop(1), asked.source.onus["1"]
    onus[0] = onus[0]._replace(link=Link.ONLINE)
    asked.source.incidents["1"] = replace(asked.source.incidents["1"], affected=2)
    await polled(asked)
    assert (ask(asked), ask(asked, "102")) == (KNOWN, ON)
    assert ask(asked, gone.serial) == ask(asked, gone.client_id or "") == UNKNOWN


async def test_thousands_of_customers_are_taken_in_a_few_at_a_time(
    asked: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "AT_ONCE", 2)
    asked.source.outage(incident(affected=7), 7)
    await polled(asked)
    assert all(ask(asked, str(n)) == ON for n in range(100, 107))


async def test_what_has_ended_this_moment_is_told_of_no_more(asked: Desk) -> None:
    asked.source.outage(incident())
    await polled(asked)
    await asked.ledger.commit(lambda _book, _now: [IncidentEnded(1)])  # nobody follows it up
    assert ask(asked) == UNKNOWN


async def test_a_look_up_after_a_rehearsal_is_the_last_word(asked: Desk) -> None:
    asked.use(dry_run=True, look_ahead=8, undo_seconds=0)
    asked.source.outage(incident())
    await polled(asked)
    await asked.approve()
    onus = asked.source.onus["1"]
    onus[0] = onus[0]._replace(link=Link.ONLINE)
    asked.source.incidents["1"] = replace(asked.source.incidents["1"], affected=2)
    await polled(asked)
    await asked.clock.advance(callers.BEHIND)
    assert (ask(asked), ask(asked, "101")) == (KNOWN, ON)


async def test_who_is_on_a_port_that_is_not_sent_to_is_known_all_the_same(grouping: Desk) -> None:
    grouping.use(look_ahead=8, undo_seconds=0)
    grouping.fall("6/1", customers=3)
    await grouping.pass_by(180)
    await grouping.approve()
    await grouping.repair(1)
    grouping.fall("6/1", "6/2", customers=3)
    await grouping.pass_by(180)
    assert len(grouping.case(2).ports) == 2
    await grouping.approve(2)
    plan = grouping.dispatch(2).progress
    assert plan is not None
    assert sorted(plan.recipients) == ["c106", "c107", "c108"]
    assert [ask(grouping, str(n)).outage for n in (100, 103, 106)] == [False, True, True]
    assert [ask(grouping, str(n)).warned for n in (103, 106)] == [False, True]


async def test_who_shares_a_phone_with_many_is_forgotten_alone(asked: Desk) -> None:
    asked.source.outage(incident(1))
    asked.source.outage(incident(2, place="7/1", started=BEGAN - timedelta(minutes=9)), first=200)
    for client in ("101", "200", "201"):
        asked.source.contacts[client] = replace(asked.source.contacts["100"], client_id=client)
    await polled(asked)
    phone = "61991000100"
    assert ask(asked, phone) == replace(ON, since=BEGAN - timedelta(minutes=9))
    await asked.repair(2)
    await settled()
    assert ask(asked, phone) == ON
    assert len(asked.flow.callers) == 3 + 3 + 2
    await asked.repair(1)
    await settled()
    assert (ask(asked, phone), len(asked.flow.callers)) == (UNKNOWN, 0)


async def test_an_approval_without_a_plan_yet_changes_nothing(asked: Desk) -> None:
    asked.use(undo_seconds=60, look_ahead=0)
    asked.source.outage(incident())
    await polled(asked)
    await asked.flow.approve(1, ANA)
    assert ask(asked) == UNKNOWN  # not looked up ahead
    await asked.restart()
    await settled()
    assert ask(asked) == UNKNOWN
    await asked.flow.silence([Scope("CB 01")], ANA, NOON + timedelta(hours=1), "works")  # is of no case
    await asked.flow.resume(1, ANA)
    await asked.finish()
    assert ask(asked) == replace(ON, warned=True)


async def test_a_plan_is_taken_in_behind_its_first_messages(asked: Desk) -> None:
    """Who is not down any more by the plan is in no outage, a second later."""
    asked.use(look_ahead=8, undo_seconds=0)
    asked.source.outage(incident())
    await polled(asked)
    onus = asked.source.onus["1"]
    onus[0] = onus[0]._replace(link=Link.ONLINE)
    await asked.flow.approve(1, ANA)
    await asked.clock.advance(0.5)
    assert len(asked.gateway.received) == len(onus) - 1
    assert ask(asked).outage
    await asked.clock.advance(callers.BEHIND)
    assert ask(asked) == KNOWN
