"""Whoever was told of an outage that is still on is not told of it again, however long ago that was."""

from datetime import timedelta

import pytest

from bot.domain.book import Book
from bot.domain.events import (
    Approved,
    CaseOpened,
    IncidentEnded,
    Intent,
    Line,
    Planned,
    Result,
    Resumed,
    Settled,
    Spared,
    Started,
)
from bot.domain.plan import Outcome, Recipient, Skip
from bot.domain.rules import Rules
from bot.steps.send import claim
from tests.fakes import ANA, NOON, incident, port
from tests.steps.conftest import Desk

DAY = 24 * 3600.0
ALL = {Outcome.ACCEPTED: 3}


async def told(desk: Desk) -> None:
    """An outage is told, and lasts for more than the cooldown."""
    desk.fall("6/15")
    await desk.poll()
    await desk.approve(1)
    assert desk.tally(1).outcomes == ALL
    await desk.clock.advance(DAY + 3600)
    await desk.poll()


def another_row(desk: Desk, number: int, place: str = "6/15") -> None:
    """One more alert with the customers of the first."""
    desk.source.outage(incident(number, place=place, started=desk.clock.now()))


@pytest.mark.parametrize("place", ["6/15", "6/16"])
async def test_another_row_of_the_same_cause_tells_nobody_again(desk: Desk, place: str) -> None:
    await told(desk)
    another_row(desk, 2, place)
    await desk.poll()
    await desk.approve(2)
    assert desk.tally(2).skipped == {Skip.TOLD: 3}
    assert desk.nobody_twice() == 3


async def test_months_later_neither(desk: Desk) -> None:
    await told(desk)
    for _ in range(110):
        await desk.clock.advance(DAY)
        desk.flow.alive()
    another_row(desk, 2)
    await desk.poll()
    await desk.approve(2)
    assert desk.tally(2).skipped == {Skip.TOLD: 3}


async def test_an_outage_that_was_over_meanwhile_is_another(desk: Desk) -> None:
    await told(desk)
    first = desk.source.incidents["1"]
    await desk.repair(1)
    desk.source.outage(first)
    await desk.poll()
    another_row(desk, 2)
    await desk.poll()
    await desk.approve(2)
    assert desk.tally(2).outcomes == ALL


async def test_one_that_is_over_is_another(desk: Desk) -> None:
    await told(desk)
    await desk.repair(1)
    another_row(desk, 2, "6/16")
    await desk.poll()
    await desk.approve(2)
    assert desk.tally(2).outcomes == ALL


async def test_one_that_is_over_where_they_are_is_another(grouping: Desk) -> None:
    desk = grouping
    desk.fall("6/15", "6/16")
    await desk.pass_by(60)
    await desk.approve(1)
    assert desk.tally(1).outcomes == {Outcome.ACCEPTED: 6}
    await desk.clock.advance(DAY + 3600)
    await desk.repair(1)
    assert desk.case(1).ended_at is None, "the other port is still down"
    another_row(desk, 9, "7/1")
    await desk.pass_by(60)
    await desk.approve(2)
    assert desk.tally(2).outcomes == ALL


def test_who_was_told_meanwhile_is_spared_when_an_old_plan_goes_on() -> None:
    """Another case told them, and its outage is still on."""
    one = Recipient("c1", "Zé", ("ZTEG1",), "5561999990001")
    book = Book()
    lines: list[Line] = [
        CaseOpened(1, incident(1)),
        Approved(1, ANA, (port(),)),
        Planned(1, 1, (one,)),
        Started("1"),
        CaseOpened(2, incident(2, place="6/16")),
        Approved(2, ANA, (port("6/16"),)),
        Planned(2, 1, (one,)),
        Intent(2, "c1"),
        Result(2, "c1", Outcome.ACCEPTED),
        Settled(2, "done"),
    ]
    for line in lines:
        book.apply(NOON, line)
    later = NOON + timedelta(hours=30)
    book.apply(later, Resumed(1, ANA))
    assert claim(1, 1, "c1", Rules())(book, later) == [Spared(1, "c1", Skip.TOLD)]
    book.apply(later, IncidentEnded(2))
    assert claim(1, 1, "c1", Rules())(book, later) == [Intent(1, "c1")]
