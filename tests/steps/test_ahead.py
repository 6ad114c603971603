"""Customers are looked up while their card waits: what it says of them, what an approval still asks for."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

import pytest

from bot.domain.case import CaseState
from bot.domain.customer import FRESH, FRESH_WITHOUT, Contact, Link
from bot.domain.events import IncidentChanged
from bot.domain.limits.silence import Scope
from bot.domain.phone import phone_key
from bot.domain.plan import Skip, Tally
from bot.errors import AnswerLost, BadAnswer, Closed, LoginRefused, Refused, Throttled, TryLater
from bot.flow import ahead, polling
from bot.flow.ahead import AGAIN, KEPT
from tests.fakes import ANA, NOON, incident, settled
from tests.steps.conftest import Desk


@pytest.fixture
def looking(desk: Desk) -> Desk:
    """A desk that looks customers up ahead."""
    desk.use(look_ahead=8, undo_seconds=0)
    return desk


async def polled(desk: Desk) -> None:
    """A poll, and all that it sets going."""
    await desk.poll()
    await settled()


def expected(desk: Desk, number: int = 1) -> Tally:
    found = desk.flow.expected(number)
    assert found is not None
    return found


async def test_a_card_that_waits_says_what_would_leave(looking: Desk) -> None:
    looking.source.outage(incident(affected=5), 5)
    contacts = looking.source.contacts
    del contacts["100"]
    contacts["101"] = Contact("101", "", "(61) 3333-4444")
    contacts["102"] = replace(contacts["103"], client_id="102")
    await polled(looking)
    assert expected(looking) == Tally(5, {}, {Skip.NO_RECORD: 1, Skip.LANDLINE: 1, Skip.SAME_PHONE: 1}, 2)


async def test_the_card_is_drawn_once_when_all_of_them_are_known(looking: Desk) -> None:
    looking.source.held = asyncio.Event()
    looking.source.outage(incident(affected=40), 40)
    await polled(looking)
    drawn = looking.chat.shown.count(1)
    assert looking.flow.expected(1) is None
    looking.source.held.set()
    await settled()
    assert expected(looking).todo == 40
    assert looking.chat.shown.count(1) == drawn + 1
    before = looking.chat.shown.count(1)
    await polled(looking)
    assert (looking.chat.shown.count(1), len(looking.source.looked_up)) == (before, 40)


async def test_an_approval_asks_only_for_who_is_new(looking: Desk) -> None:
    looking.source.outage(incident(affected=30), 30)
    await polled(looking)
    assert len(looking.source.looked_up) == 30
    looking.source.outage(incident(affected=32), 32)
    looking.source.looked_up.clear()
    await looking.approve()
    assert looking.source.looked_up == ["130", "131"]
    assert looking.tally().outcomes.total() == 32  # type: ignore[attr-defined]


async def test_the_alert_is_read_again_at_the_approval(looking: Desk) -> None:
    looking.source.outage(incident(affected=3), 3)
    await polled(looking)
    onus = looking.source.onus["1"]
    onus[0] = onus[0]._replace(link=Link.ONLINE)
    await looking.approve()
    assert looking.tally().skipped == {Skip.ONLINE: 1}
    assert len(looking.gateway.received) == 2


async def test_details_ask_for_nobody_who_is_known(looking: Desk) -> None:
    looking.source.outage(incident(), 3)
    await polled(looking)
    looking.source.looked_up.clear()
    found = await looking.flow.details(1)
    assert (len(found.contacts), looking.source.looked_up) == (3, [])


async def test_what_people_wait_for_goes_first(looking: Desk) -> None:
    looking.source.outage(incident(affected=100), 100)
    held = looking.source.held = asyncio.Event()
    await polled(looking)
    assert looking.source.asking == 8
    details = asyncio.ensure_future(looking.flow.details(1))
    await settled()
    assert looking.source.asking == 8 + 50  # the look-ups that had left are let end
    held.set()
    found = await details
    await settled()
    assert len(found.contacts) == 100
    assert len(looking.source.looked_up) <= 100 + 8  # the others were found for who waited
    assert expected(looking).todo == 100


async def test_an_approval_overtakes_and_ends_it(looking: Desk) -> None:
    looking.source.outage(incident(1, affected=100), 100)
    looking.source.outage(incident(2, place="7/1", affected=90), 90, first=200)
    held = looking.source.held = asyncio.Event()
    await polled(looking)
    await looking.flow.approve(2, ANA)
    await settled()
    assert looking.source.looked_up[8:] == [str(n) for n in range(200, 250)]
    held.set()
    await looking.finish()
    assert len(looking.gateway.received) == 90
    assert expected(looking).todo == 100
    assert len(looking.source.looked_up) == 190


async def test_never_more_than_so_many_in_all_and_the_largest_first(looking: Desk) -> None:
    for number, customers in ((1, 5), (2, 30), (3, 12)):
        looking.source.outage(
            incident(number, place=f"6/{number}", affected=customers), customers, first=number * 100
        )
    await polled(looking)
    assert looking.source.most_asking == 8
    cases = [looking.ledger.book.case_of(str(int(client) // 100)) for client in looking.source.looked_up]
    order = list(dict.fromkeys(case.incident.id for case in cases if case is not None))
    assert order == ["2", "3", "1"]


async def test_a_storm_asks_for_no_more_at_one_time_and_a_tap_overtakes_it(looking: Desk) -> None:
    for number in range(1, 61):
        looking.source.outage(incident(number, place=f"6/{number}", affected=12), 12, first=number * 20)
    held = looking.source.held = asyncio.Event()
    await polled(looking)
    assert looking.source.asking == 8
    await looking.flow.approve(60, ANA)
    await settled()
    first = int(looking.case(60).incident.id) * 20
    assert looking.source.looked_up[8:] == [str(n) for n in range(first, first + 12)]
    held.set()
    looking.source.most_asking = 0
    await looking.finish()
    await looking.clock.advance(1)
    while None in [looking.flow.expected(n) for n in range(1, 60)]:
        await settled()
    assert looking.source.most_asking <= 12
    assert len(looking.source.looked_up) == 60 * 12
    assert len(looking.gateway.received) == 12


async def test_what_could_not_be_had_is_no_record_and_is_asked_for_again(looking: Desk) -> None:
    looking.source.outage(incident(affected=4), 4)
    looking.source.customer_errors["101"] = [AnswerLost("http_502")]
    await polled(looking)
    assert expected(looking).skipped == {Skip.LOOKUP_FAILED: 1}
    looking.source.looked_up.clear()
    await polled(looking)
    assert looking.source.looked_up == []  # not at each poll
    await looking.clock.advance(AGAIN)
    await polled(looking)
    assert looking.source.looked_up == ["101"]
    assert expected(looking) == Tally(4, {}, {}, 4)


async def test_an_approval_tries_again_who_could_not_be_had(looking: Desk) -> None:
    looking.source.outage(incident(affected=4), 4)
    looking.source.customer_errors["101"] = [AnswerLost("http_502")]
    await polled(looking)
    looking.source.looked_up.clear()
    await looking.approve()
    assert looking.source.looked_up == ["101"]
    assert len(looking.gateway.received) == 4


@pytest.mark.parametrize(
    "error", [TryLater("refused"), AnswerLost("no_answer"), BadAnswer("html"), Refused("http_403")]
)
async def test_a_source_that_is_away_is_left_alone(looking: Desk, error: Exception) -> None:
    looking.source.outage(incident(affected=60), 60)
    looking.source.outage(incident(2, place="7/1", affected=9), 9, first=300)
    for client in looking.source.contacts:
        looking.source.customer_errors[client] = [error] * 9
    await polled(looking)
    asked = len(looking.source.looked_up)
    assert asked <= 3 + 8
    for _ in range(3):
        await polled(looking)
    assert len(looking.source.looked_up) == asked
    for _ in range(20):
        await looking.clock.advance(30)
        await polled(looking)
    assert len(looking.source.looked_up) <= asked + 10 * (3 + 8)  # ten minutes
    assert looking.flow.expected(1) is None
    looking.source.customer_errors.clear()
    await looking.pass_by(1800)
    await settled()
    assert [expected(looking, n).todo for n in (1, 2)] == [60, 9]


async def test_a_source_that_throttles_is_left_alone_for_as_long_as_it_asks(looking: Desk) -> None:
    looking.source.outage(incident(affected=60), 60)
    looking.source.customer_errors["100"] = [Throttled("throttled", 600.0)]
    await polled(looking)
    asked = len(looking.source.looked_up)
    assert asked <= 8
    await looking.pass_by(570)
    assert len(looking.source.looked_up) == asked
    await looking.pass_by(60)
    await settled()
    assert expected(looking).todo == 60


async def test_a_refused_login_ends_it_at_once(looking: Desk) -> None:
    looking.source.outage(incident(affected=60), 60)
    looking.source.customer_errors["100"] = [LoginRefused("http_401")]
    await polled(looking)
    assert len(looking.source.looked_up) <= 2 * 8
    await looking.pass_by(60)
    await settled()
    assert expected(looking).todo == 60


async def test_an_alert_that_cannot_be_read_keeps_no_other_from_it(looking: Desk) -> None:
    looking.source.outage(incident(affected=60), 60)
    looking.source.outage(incident(2, place="7/1", affected=9), 9, first=300)
    looking.source.unreadable = {"1"}
    await polled(looking)
    assert looking.flow.expected(1) is None
    assert expected(looking, 2).todo == 9
    looking.source.unreadable.clear()
    await looking.pass_by(120)
    await settled()
    assert expected(looking).todo == 60


async def test_old_records_are_read_again_at_the_approval(looking: Desk) -> None:
    looking.source.outage(incident(affected=3), 3)
    looking.source.contacts["102"] = Contact("102", "", "sem telefone")
    await polled(looking)
    looking.source.looked_up.clear()
    await looking.clock.advance(FRESH_WITHOUT)
    looking.source.contacts["102"] = Contact("102", "", "(61) 98888-0102")  # somebody put it right
    await looking.flow.details(1)
    assert looking.source.looked_up == ["102"]
    assert expected(looking).todo == 3
    looking.source.looked_up.clear()
    await looking.clock.advance(FRESH)
    looking.source.contacts["100"] = Contact("100", "", "(61) 97777-0100")
    await looking.approve()
    assert sorted(looking.source.looked_up) == ["100", "101", "102"]
    assert "5561977770100" in looking.gateway.phones


async def test_an_old_record_that_cannot_be_read_again_is_not_sent_by(looking: Desk) -> None:
    looking.source.outage(incident(affected=2), 2)
    await polled(looking)
    await looking.clock.advance(FRESH)
    looking.source.customer_errors["100"] = [AnswerLost("http_502")] * 4
    await looking.approve()
    assert looking.tally().skipped == {Skip.LOOKUP_FAILED: 1}


async def test_more_ports_that_join_are_looked_up_too(grouping: Desk) -> None:
    grouping.use(look_ahead=8)
    grouping.fall("6/1", "6/2", customers=4)
    await grouping.pass_by(60)
    await settled()
    assert expected(grouping).todo == 8
    grouping.fall("6/3", customers=5)
    await grouping.pass_by(60)
    await settled()
    assert expected(grouping).todo == 13
    assert len(grouping.source.looked_up) == 13


async def test_a_count_that_grew_is_looked_into(looking: Desk) -> None:
    looking.source.outage(incident(affected=3), 3)
    await polled(looking)
    looking.source.outage(incident(affected=6), 6)
    await looking.pass_by(600)
    await settled()
    assert expected(looking).todo == 6
    assert len(looking.source.looked_up) == 6
    read = len(looking.source.read)
    await looking.pass_by(600)
    assert len(looking.source.read) == read


async def test_an_alert_that_is_read_again_says_who_is_back(looking: Desk) -> None:
    looking.source.outage(incident(affected=3), 3)
    await polled(looking)
    assert expected(looking).todo == 3
    onus = looking.source.onus["1"]
    onus[0] = onus[0]._replace(link=Link.ONLINE)
    looking.source.incidents["1"] = incident(affected=2)
    await looking.pass_by(600)
    await settled()
    assert expected(looking).skipped == {Skip.ONLINE: 1}


async def test_ports_that_rest_and_ports_that_are_up_again_do_not_count(grouping: Desk) -> None:
    grouping.use(look_ahead=8, undo_seconds=0, reopen_minutes=0)
    grouping.fall("6/1")
    await grouping.pass_by(60)
    await grouping.approve(1)
    await grouping.repair(1)
    await grouping.pass_by(300)
    grouping.fall("6/1", "6/2", "6/3", customers=4)
    await grouping.pass_by(60)
    await settled()
    assert expected(grouping, 2).todo == 8  # 6/1 was told just now
    await grouping.repair(4)
    assert expected(grouping, 2).todo == 4
    await grouping.approve(2)
    assert len(grouping.gateway.received) == 3 + 4


async def test_where_no_port_may_be_sent_to_nothing_is_said(looking: Desk) -> None:
    looking.source.outage(incident(), 3)
    await polled(looking)
    await looking.approve()
    looking.source.repair(1)
    await polled(looking)
    looking.use(reopen_minutes=0)
    looking.source.outage(incident(2), 3, first=300)
    await polled(looking)
    assert looking.case(2).state is CaseState.WAITING
    assert looking.flow.expected(2) is None


async def test_what_lies_in_a_silence_is_not_looked_up_before_it_ends(looking: Desk) -> None:
    looking.source.outage(incident(), 3)
    looking.source.gate = asyncio.Event()
    await polled(looking)
    await looking.flow.silence([Scope("CB 01")], ANA, NOON.replace(hour=23), "obra")
    looking.source.gate.set()
    await settled()
    await polled(looking)
    assert (looking.source.looked_up, looking.flow.expected(1)) == ([], None)
    await looking.flow.end_silence(1, ANA)
    await polled(looking)
    assert expected(looking).todo == 3


async def test_what_was_found_is_forgotten_with_the_case(looking: Desk) -> None:
    looking.source.outage(incident(1), 3)
    looking.source.outage(incident(2, place="7/1"), 3, first=300)
    looking.source.outage(incident(3, place="8/1"), 3, first=400)
    await polled(looking)
    records = looking.flow._ahead.records
    assert records is not None
    assert len(records) == 9
    looking.source.repair(1)
    await looking.flow.deny(2, ANA, "other")
    await polled(looking)
    assert len(records) == 3
    await looking.approve(3)
    await polled(looking)
    assert len(records) == 0


async def test_a_card_that_waits_for_hours_is_looked_up_anew(looking: Desk) -> None:
    looking.source.outage(incident(), 3)
    await polled(looking)
    looking.source.looked_up.clear()
    await looking.clock.advance(KEPT)
    looking.source.contacts["100"] = Contact("100", "", "nenhum")
    await polled(looking)
    assert expected(looking).skipped == {Skip.NO_PHONE: 1}
    assert len(looking.source.looked_up) == 3


async def test_no_more_than_a_memory_holds(looking: Desk) -> None:
    looking.source.outage(incident(1, affected=40), 40)
    looking.source.outage(incident(2, place="7/1", affected=12), 12, first=300)
    looking.source.outage(incident(3, place="8/1", affected=9), 9, first=400)
    with patch.object(ahead, "A_CASE", 30), patch.object(ahead, "IN_ALL", 20):
        looking.build()
        await polled(looking)
    assert [looking.flow.expected(n) is not None for n in (1, 2, 3)] == [False, True, False]
    records = looking.flow._ahead.records
    assert records is not None
    assert len(records) == 12
    await looking.approve(1)
    assert len(looking.gateway.received) == 40
    assert len(records) <= 20


async def test_a_stop_ends_it(looking: Desk) -> None:
    looking.source.outage(incident(affected=60), 60)
    looking.source.held = asyncio.Event()
    await polled(looking)
    looking.flow.drain()
    await settled()
    assert looking.source.asking == 0
    await polled(looking)
    assert len(looking.source.looked_up) == 8


async def test_a_closed_ledger_takes_no_approval_and_nothing_is_said_of_one(looking: Desk) -> None:
    looking.source.outage(incident(1), 3)
    await polled(looking)
    looking.ledger.shut(Closed("damaged", "damaged", file="2026-11.jsonl"))
    looking.source.outage(incident(2, place="7/1"), 3, first=300)
    await polled(looking)
    assert looking.flow.expected(1) is None
    assert len(looking.source.looked_up) == 3


async def test_a_restart_looks_up_again(looking: Desk) -> None:
    looking.source.outage(incident(), 3)
    await polled(looking)
    await looking.restart()
    assert looking.flow.expected(1) is None
    await polled(looking)
    assert expected(looking).todo == 3


async def test_switched_off_nothing_is_asked_before_the_tap(desk: Desk) -> None:
    desk.source.outage(incident(), 3)
    await polled(desk)
    assert (desk.source.looked_up, desk.source.read, desk.flow.expected(1)) == ([], [], None)
    await desk.flow.details(1)
    await desk.approve()
    assert len(desk.source.looked_up) == 6


async def test_nothing_is_written_for_it_but_what_the_card_has_to_say_before_it_is_tapped(
    looking: Desk,
) -> None:
    """A list that says far too little, or nothing: the approval would have to be asked about again."""
    looking.source.outage(incident(1, affected=25), 30)
    looking.source.outage(incident(2, place="7/1", affected=7), 30, first=300)
    await polled(looking)
    assert len(looking.written(IncidentChanged)) == 1
    assert (looking.case(1).affected, looking.case(1).counted) == (25, False)
    assert (looking.case(2).affected, looking.case(2).counted) == (30, True)
    await looking.approve(2)
    assert len(looking.gateway.received) == 30
    looking.source.outage(incident(3, place="8/1", affected=None), 4, first=400)
    with patch.object(polling, "COUNT_AT_MOST", 0):
        await polled(looking)
    assert looking.case(3).affected == 4


async def test_who_was_told_meanwhile_is_not_told_again(looking: Desk) -> None:
    """Another case's customers are the same people: what is remembered of them says nothing of that."""
    looking.source.outage(incident(1), 3)
    looking.source.outage(incident(2, place="7/1"), 3)
    await polled(looking)
    assert [expected(looking, n).todo for n in (1, 2)] == [3, 3]
    await looking.approve(1)
    assert expected(looking, 2).skipped == {Skip.COOLDOWN: 3}
    await looking.approve(2)
    assert looking.nobody_twice() == 3


async def test_who_waits_for_a_decision_is_known_as_long_as_they_do(looking: Desk) -> None:
    assert looking.flow.waiting() == {}
    looking.source.outage(incident(affected=3), 3)
    await polled(looking)
    expected(looking)
    (those,) = looking.flow.waiting().values()
    assert [one.id for one in those] == ["c100", "c101", "c102"]
    assert all(one.phone and one.name and one.serials for one in those)
    await looking.approve()
    assert looking.flow.waiting() == {}


@contextmanager
def counted(desk: Desk) -> Iterator[Counter[str]]:
    """How often the ledger was asked who has a phone: once each time that a recipient is made."""
    asked = Counter[str]()

    def person(phone: str) -> str:
        asked[phone] += 1
        return phone_key(phone)

    with patch.object(desk.ledger, "person", person):
        yield asked


async def test_who_is_as_before_is_made_once_whoever_else_is_looked_up_and_at_the_tap(
    looking: Desk,
) -> None:
    looking.source.outage(incident(1, affected=40), 40)
    with counted(looking) as asked:
        await polled(looking)
        assert (expected(looking).todo, asked.total()) == (40, 40)
        held = looking.source.held = asyncio.Event()
        looking.source.outage(incident(2, place="7/1", affected=30), 30, first=200)
        await polled(looking)
        held.set()  # their records come, and the first card is drawn meanwhile
        await settled()
        assert (expected(looking).todo, expected(looking, 2).todo) == (40, 30)
        assert (asked.total(), max(asked.values())) == (70, 1)
        looking.source.outage(incident(1, affected=41), 41)
        await looking.approve()
        assert len(looking.gateway.received) == 41
        assert (asked.total(), max(asked.values())) == (71, 1)


async def test_who_changed_is_made_anew(looking: Desk) -> None:
    looking.source.outage(incident(affected=3), 3)
    await polled(looking)
    looking.source.contacts["101"] = Contact("101", "Rita", "(61) 98888-0000")
    await looking.clock.advance(FRESH + 1)
    with counted(looking) as asked:
        await looking.approve()
    assert list(asked) == ["5561988880000"]
    assert "Rita" in {message.name for message in looking.gateway.received}


async def test_thousands_are_made_a_few_at_a_time(looking: Desk) -> None:
    looking.source.outage(incident(affected=900), 900)
    most = before = 0
    with counted(looking) as asked:
        looked = asyncio.ensure_future(polled(looking))
        while not looked.done() or looking.flow.expected(1) is None:
            await asyncio.sleep(0)
            most, before = max(most, asked.total() - before), asked.total()
    assert (asked.total(), expected(looking).todo) == (900, 900)
    assert most <= 250
