import asyncio

import pytest

from bot.domain.book import Book
from bot.domain.case import CaseState
from bot.domain.events import GroupMoved, Resumed, Stopped
from bot.domain.plan import Outcome, Skip
from bot.errors import Declined
from tests.fakes import ANA, BRUNO, incident, settled
from tests.steps.conftest import Desk


async def in_mid_send(desk: Desk, customers: int = 10) -> None:
    """Two sent, two in flight, the rest to do."""
    desk.use(sends=2)
    desk.source.outage(incident(), customers)
    await desk.poll()
    desk.gateway.block = asyncio.Event()
    await desk.flow.approve(1, ANA)
    await desk.clock.advance(5)
    assert desk.gateway.in_flight == 2


async def test_a_crash_in_mid_send_makes_what_was_in_flight_unknown_and_goes_on(desk: Desk) -> None:
    await in_mid_send(desk)
    lines = list(desk.ledger.lines)
    assert desk.gateway.block is not None
    desk.gateway.block.set()  # what was in flight arrives, and nobody hears the answer
    await settled()
    before = desk.gateway.received[:2]
    desk.gateway.received[:] = before
    await desk.restart(lines)
    assert desk.case().state is CaseState.INTERRUPTED
    await desk.poll()
    await desk.finish()
    assert desk.tally().outcomes == {Outcome.UNKNOWN: 2, Outcome.ACCEPTED: 8}
    assert sorted(desk.gateway.phones) == sorted(set(desk.gateway.phones))
    assert len(desk.gateway.received) == 10
    assert desk.dispatch().resumed == 1
    assert [line.by for _, line in desk.ledger.lines if isinstance(line, Resumed)] == [None]


async def test_a_crash_in_the_countdown_goes_on_with_a_countdown(desk: Desk) -> None:
    desk.source.outage(incident())
    await desk.poll()
    await desk.flow.approve(1, ANA)
    await desk.restart()
    assert desk.case().state is CaseState.INTERRUPTED
    await desk.poll()
    assert desk.case().state is CaseState.COUNTDOWN
    await desk.clock.advance(5)
    await desk.finish()
    assert len(desk.gateway.received) == 3


async def test_an_old_interruption_asks_a_person(desk: Desk) -> None:
    await in_mid_send(desk)
    await desk.clock.advance(301)
    await desk.restart()
    desk.gateway.block = None
    await desk.poll()
    assert desk.case().state is CaseState.INTERRUPTED
    assert desk.gateway.received == []
    await desk.flow.resume(1, BRUNO)
    await desk.finish()
    assert len(desk.gateway.received) == 8
    with pytest.raises(Declined, match="not_interrupted"):
        await desk.flow.resume(1, BRUNO)


async def test_an_interruption_whose_outage_is_over_asks_a_person(desk: Desk) -> None:
    await in_mid_send(desk)
    desk.source.repair(1)
    await desk.restart()
    await desk.poll()
    assert desk.case().state is CaseState.INTERRUPTED


async def test_an_outage_that_a_list_lacks_does_not_go_on_until_one_has_it(desk: Desk) -> None:
    await in_mid_send(desk)
    await desk.restart()
    desk.gateway.block = None
    desk.use(close_polls=3)
    listed = desk.source.incidents.pop("1")
    await desk.poll()
    assert (desk.case().state, desk.gateway.received) == (CaseState.INTERRUPTED, [])
    desk.source.incidents["1"] = listed
    await desk.poll()
    await desk.finish()
    assert len(desk.gateway.received) == 8


async def test_an_unread_source_lets_nothing_go_on(desk: Desk) -> None:
    await in_mid_send(desk)
    desk.source.complete = False
    await desk.restart()
    await desk.poll()
    assert desk.case().state is CaseState.INTERRUPTED


async def test_close_gives_up_what_was_left(desk: Desk) -> None:
    await in_mid_send(desk)
    await desk.restart()
    await desk.flow.close(1, BRUNO)
    assert desk.tally().outcomes == {Outcome.UNKNOWN: 2}
    assert desk.tally().skipped == {Skip.CLOSED: 8}
    assert desk.dispatch().ended_by == BRUNO
    assert len(desk.ledger.book.contacts) == 2
    with pytest.raises(Declined, match="not_interrupted"):
        await desk.flow.close(1, BRUNO)


async def test_a_stopped_dispatch_does_not_go_on_after_a_crash(desk: Desk) -> None:
    await in_mid_send(desk)
    await desk.flow.stop(1, BRUNO)
    await desk.restart()
    await desk.poll()
    assert desk.case().state is CaseState.SENT
    assert desk.tally().outcomes == {Outcome.UNKNOWN: 2}
    assert desk.tally().skipped == {Skip.STOPPED: 8}


async def test_a_stop_in_order_lets_flights_land_and_the_rest_wait_for_the_next_start(desk: Desk) -> None:
    await in_mid_send(desk)
    assert desk.gateway.block is not None
    desk.flow.drain()
    desk.gateway.block.set()
    assert await desk.tasks.drain(5) == 0
    await desk.flow.stopped()
    assert isinstance(desk.ledger.lines[-1][1], Stopped)
    assert len(desk.gateway.received) == 2
    await desk.restart()
    await desk.poll()
    await desk.finish()
    assert desk.tally().outcomes == {Outcome.ACCEPTED: 10}
    assert sorted(desk.gateway.phones) == sorted(set(desk.gateway.phones))


async def test_while_stopping_an_approval_is_kept_for_the_next_start(desk: Desk) -> None:
    desk.source.outage(incident())
    await desk.poll()
    desk.flow.drain()
    await desk.flow.approve(1, ANA)
    await desk.poll()
    await desk.clock.advance(60)
    assert desk.gateway.received == []
    await desk.restart()
    await desk.poll()
    await desk.clock.advance(5)
    await desk.finish()
    assert len(desk.gateway.received) == 3


async def test_a_stop_that_cannot_be_written_is_no_crash(desk: Desk) -> None:
    desk.ledger.fail("the disk is broken")
    await desk.flow.stopped()
    await desk.flow.start("test")
    assert not any(isinstance(line, Stopped) for _, line in desk.ledger.lines)


def test_a_group_that_moved_twice_is_followed(desk: Desk) -> None:
    book = Book()
    book.apply(desk.clock.now(), GroupMoved(-1, -1001))
    book.apply(desk.clock.now(), GroupMoved(-1001, -1002))
    assert book.chat(-1) == -1002
    assert book.chat(-7) == -7


async def test_what_was_in_flight_is_unknown_in_the_order_it_left_in(desk: Desk) -> None:
    """The order of a set would be another one in each process, and so would a checkpoint."""
    desk.use(sends=8)
    desk.source.outage(incident(), 8)
    await desk.poll()
    desk.gateway.block = asyncio.Event()
    await desk.flow.approve(1, ANA)
    await desk.clock.advance(5)
    left = [*desk.dispatch().sends.intents]
    assert len(left) == 8
    await desk.restart()
    assert [*desk.dispatch().sends.results] == left
