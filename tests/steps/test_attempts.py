"""A button is about the case as it was drawn: what sends is declined where a run came between."""

from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.domain.case import CaseState
from bot.domain.limits.holds import Terms
from bot.domain.limits.hours import Hours
from bot.errors import Declined, TryLater
from tests.fakes import ANA, BRUNO, NOON, incident
from tests.steps.conftest import Desk

NIGHT = NOON + timedelta(hours=10)
STALE = "^stale_button$"


async def failed(desk: Desk) -> None:
    """The first attempt came to nothing: the alert could not be read."""
    desk.source.outage(incident())
    await desk.poll()
    desk.source.unreadable.add("1")
    await desk.approve()
    assert desk.case().state is CaseState.NOBODY
    desk.source.unreadable.clear()


async def test_approving_the_first_attempt_is_not_trying_again(desk: Desk) -> None:
    await failed(desk)
    with pytest.raises(Declined, match=STALE):
        await desk.flow.approve(1, ANA, Terms(runs=0))
    await desk.flow.approve(1, BRUNO, Terms(runs=1))
    await desk.clock.advance(5)
    await desk.finish()
    assert desk.nobody_twice() == 3


async def test_who_tapped_second_is_told_who_was_first(desk: Desk) -> None:
    desk.source.outage(incident())
    await desk.poll()
    await desk.flow.approve(1, ANA, Terms(runs=0))
    with pytest.raises(Declined, match=r"^already_approved$"):
        await desk.flow.approve(1, BRUNO, Terms(runs=0))


async def test_what_was_taken_back_counts(desk: Desk) -> None:
    desk.source.outage(incident())
    await desk.poll()
    await desk.flow.approve(1, ANA, Terms(runs=0))
    await desk.flow.cancel(1, ANA)
    with pytest.raises(Declined, match=STALE):
        await desk.flow.approve(1, ANA, Terms(runs=0))


async def test_two_people_approve_the_same_attempt(desk: Desk) -> None:
    desk.use(two_person_above=2)
    desk.source.outage(incident())
    await desk.poll()
    await desk.flow.approve(1, ANA, Terms(runs=0))
    await desk.flow.approve(1, BRUNO, Terms(runs=0))
    assert desk.case().runs == 1


async def test_a_resume_that_comes_twice_resumes_once(desk: Desk) -> None:
    desk.use(sends=1, send_tries=1)
    desk.source.outage(incident())
    await desk.poll()
    away = TryLater("away", 10_000)
    desk.gateway.answers["5561991020102"] = [away, away]
    await desk.approve()
    runs = desk.case().runs
    await desk.flow.resume(1, ANA, Terms(runs=runs))
    await desk.finish()
    assert desk.case().state is CaseState.INTERRUPTED
    with pytest.raises(Declined, match=STALE):
        await desk.flow.resume(1, ANA, Terms(runs=runs))
    await desk.flow.resume(1, ANA, Terms(runs=runs + 1))
    await desk.finish()
    assert desk.nobody_twice() == 3


async def test_sending_now_is_about_that_schedule(desk: Desk) -> None:
    desk.use(customer_hours=Hours(time(8), time(21), ZoneInfo("America/Sao_Paulo")))
    desk.clock.time = NIGHT
    desk.fall("6/1")
    await desk.poll()
    for _ in range(2):
        await desk.flow.approve(1, ANA, Terms(hours="later"))
        await desk.flow.cancel(1, ANA)
    await desk.flow.approve(1, ANA, Terms(hours="later"))
    with pytest.raises(Declined, match=STALE):
        await desk.flow.begin(1, BRUNO, 1)
    await desk.flow.begin(1, BRUNO, 3)


async def test_telling_that_it_is_back_is_about_one_attempt(desk: Desk) -> None:
    desk.use(restored=True, close_polls=1)
    desk.fall("6/1")
    await desk.poll()
    await desk.approve()
    await desk.repair(1)
    with pytest.raises(Declined, match=STALE):
        await desk.flow.restore(1, ANA, Terms(runs=1))
    await desk.flow.restore(1, ANA, Terms(runs=0))
    await desk.flow.cancel(-1, ANA)
    with pytest.raises(Declined, match=STALE):
        await desk.flow.restore(1, ANA, Terms(runs=0))
    await desk.flow.restore(1, ANA, Terms(runs=1))
