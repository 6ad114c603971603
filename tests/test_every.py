"""A clock that jumps ahead by years does not hold up the loop: what was skipped is not counted one by one."""

from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest
from apscheduler.job import Job
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.process.every import Every

NOW = datetime(2026, 11, 29, 3, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def made(since: datetime, jitter: int | None) -> Job:
    trigger = Every(seconds=30, jitter=jitter, timezone=UTC)
    return AsyncIOScheduler(timezone=UTC).add_job(Mock(), trigger, next_run_time=since)


@pytest.mark.parametrize("jitter", [None, 3])
@pytest.mark.parametrize("since", [EPOCH, NOW - timedelta(days=1), NOW])
def test_what_a_jump_skips_is_a_run_or_two(since: datetime, jitter: int | None) -> None:
    times = made(since, jitter)._get_run_times(NOW)
    assert 1 <= len(times) <= 3
    following = Every(seconds=30, jitter=jitter, timezone=UTC).get_next_fire_time(times[-1], NOW)
    assert following is not None
    assert NOW < following <= NOW + timedelta(seconds=33)


def test_it_comes_round_as_often_as_it_says() -> None:
    assert made(NOW - timedelta(seconds=90), None)._get_run_times(NOW - timedelta(seconds=61)) == [
        NOW - timedelta(seconds=90)
    ]
    assert Every(seconds=30, timezone=UTC).get_next_fire_time(NOW, NOW) == NOW + timedelta(seconds=30)
