"""A source that is told what is down: over is what its sender says, and nobody is told on old news."""

from dataclasses import replace

import pytest

from bot.domain.incident import Pushes
from bot.errors import Declined, Silent
from tests.fakes import ANA, incident

from .conftest import Desk


@pytest.fixture
def told(desk: Desk) -> Desk:
    desk.source.pushed = Pushes()
    desk.use(close_polls=2, settle_seconds=0)
    return desk


def now_is(desk: Desk, number: int, **changes: object) -> None:
    known = desk.source.incidents[str(number)]
    desk.source.incidents[known.id] = replace(known, **changes)  # type: ignore[arg-type]


class TestTheEnd:
    async def test_what_is_told_no_more_is_not_over(self, told: Desk) -> None:
        told.fall("6/15")
        await told.poll()
        del told.source.incidents["1"]
        told.source.unreadable.add("1")
        await told.pass_by(7200)
        assert told.case().ended_at is None

    async def test_what_its_sender_says_is_over_is_over(self, told: Desk) -> None:
        told.fall("6/15", "7/2")
        await told.poll()
        del told.source.incidents["1"]
        told.source.closed = frozenset({"1"})
        await told.pass_by(60)
        assert {number: told.case(number).ended_at is None for number in told.ledger.book.cases} == {
            1: False,
            2: True,
        }
        assert told.source.read == [], "nobody has to say it again"

    async def test_what_was_over_before_its_card_gets_none(self, told: Desk) -> None:
        told.use(settle_seconds=60)
        told.fall("6/15")
        await told.poll()
        del told.source.incidents["1"]
        told.source.closed = frozenset({"1"})
        await told.pass_by(120)
        assert not told.ledger.book.cases


class TestOldNews:
    async def test_nobody_is_asked_about_it(self, told: Desk) -> None:
        told.source.outage(replace(incident(), stale=True))
        await told.poll()
        assert not told.ledger.book.cases
        [health] = told.flow.health.sources
        assert [i.stale for i in health.unoffered] == [True]

    async def test_a_card_that_is_old_news_cannot_be_approved_until_it_is_told_again(
        self, told: Desk
    ) -> None:
        told.fall("6/15")
        await told.poll()
        now_is(told, 1, stale=True)
        await told.poll()
        assert [i.stale for i in told.case().on] == [True]
        with pytest.raises(Declined, match="stale_alert"):
            await told.flow.approve(1, ANA)
        now_is(told, 1, stale=False)
        await told.poll()
        await told.approve()
        assert told.nobody_twice() == 3

    async def test_nobody_is_reminded_of_it(self, told: Desk) -> None:
        told.fall("6/15", customers=5)
        await told.poll()
        now_is(told, 1, stale=True)
        await told.pass_by(7200)
        assert "reminder" not in [notice.code for notice in told.chat.said]
        now_is(told, 1, stale=False)
        await told.pass_by(60)
        assert "reminder" in [notice.code for notice in told.chat.said]

    async def test_it_is_never_said_to_be_back(self, told: Desk) -> None:
        told.fall("6/15")
        await told.poll()
        await told.approve()
        now_is(told, 1, stale=True)
        await told.pass_by(7200)
        assert told.case().ended_at is None
        with pytest.raises(Declined, match="still_on"):
            await told.flow.restore(1, ANA)

    async def test_of_a_card_with_other_alerts_only_those_are_told(self, told: Desk) -> None:
        told.use(group_seconds=120)
        told.fall("6/11", "6/12", "6/13", "6/14", "6/15")
        await told.poll()
        assert [len(case.on) for case in told.ledger.book.cases.values()] == [5]
        now_is(told, 1, stale=True)
        told.source.read_errors = [Silent("silent")]
        await told.poll()
        await told.approve()
        assert told.nobody_twice() == 4 * 3
        assert [len(told.case(n).on) for n in sorted(told.ledger.book.cases)] == [4, 1]


async def test_without_onus_nobody_is_told(told: Desk) -> None:
    told.source.outage(incident(), 0)
    await told.poll()
    await told.approve()
    assert told.tally().planned == 0
    assert told.nobody_twice() == 0


async def test_when_it_was_told_last_is_known(told: Desk) -> None:
    await told.poll()
    assert [health.pushed for health in told.flow.health.sources] == [Pushes()]
