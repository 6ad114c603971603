"""What the process does by itself: it says that it runs, asks the gateway, polls on whatever the clock does.

These are the runs of attack "schedule", which three broken copies of the code have to be caught by.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.faults.test_schedule import HOUR, clock_set, jobs, soon
from tests.faults.tries import Tries

pytestmark = pytest.mark.process


@pytest.fixture(autouse=True)
def _soon() -> Iterator[None]:
    with soon():
        yield


async def test_the_ledger_says_that_it_runs_and_the_list_settles_a_doubt(tmp_path: Path) -> None:
    await jobs(Tries("schedule"), tmp_path)


@pytest.mark.parametrize("by", [-HOUR, HOUR], ids=["back", "forward"])
async def test_polls_come_though_the_clock_is_set_by_an_hour(tmp_path: Path, by: timedelta) -> None:
    await clock_set(Tries("schedule"), tmp_path, by)
