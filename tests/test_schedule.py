"""What the process does by itself: it says that it runs, asks the gateway, polls on whatever the clock does.

These are the runs of attack "schedule", which three broken copies of the code have to be caught by.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.faults.chatted import told
from tests.faults.test_schedule import HOUR, clock_set, jobs, kinds, soon, wall
from tests.faults.tries import Tries
from tests.isp import until

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


async def test_the_handover_comes_at_its_time_and_not_again_after_a_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.process.schedule.DUE", 0.2)
    in_an_hour = datetime.now(UTC) + HOUR
    with wall() as clock:
        async with told(Tries("schedule"), tmp_path, "a handover") as noc:
            noc.world.outage(3)
            for late in (0, 1):  # minutes: the bot is started anew while it would still be posted
                await noc.open(DIGEST_AT=f"{in_an_hour:%H:%M}", TZ="UTC")
                await noc.card()
                clock.by = HOUR + timedelta(minutes=1 + late)
                alive = kinds(noc).count("alive")
                await until(lambda before=alive: kinds(noc).count("alive") > before + 1)  # type: ignore[misc]
                await noc.close()
            assert kinds(noc).count("handed_over") == 1
            posted = [message.text for message in noc.chat.messages() if message.text.startswith("🔄")]
            assert len(posted) == 1
            assert "⏳ 1 falha espera decisão" in posted[0]
