"""Attack: the real process, its ledger in PostgreSQL, is killed at the n-th call: before and behind a COMMIT.

What `test_process.py` and `test_stops.py` play on files, but for what is about the disk alone.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.faults.real import Trap, all_of
from tests.faults.test_process import Life, kill, live, surely, tells
from tests.faults.test_stops import countdown, gateway_is_silent, mid_send, stop
from tests.faults.tries import Tries
from tests.postgres import Server, running

LIVES: tuple[Life, ...] = (
    (kill("sendto", 20),),
    (kill("recvfrom", 35),),
    (kill("sendto", 25), kill("recvfrom", 15)),
    (kill("write", 12), kill("sendto", 3, early=True)),
    (kill("recvfrom", 40), kill("recvfrom", 12, early=True, torn=True), kill("sendto", 8)),
)
BACK = (Trap("sendto", "9"), Trap("recvfrom", "15"))
KILLED = (*(partial(live, life=life) for life in LIVES), *(partial(tells, trap=trap) for trap in BACK))
STOPPED = tuple(
    partial(stop, moment=moment, unknown=unknown)
    for moment, unknown in ((mid_send, 0), (countdown, 0), (gateway_is_silent, 1))
)


def attack(tries: Tries, folder: Path, plays: int = 1) -> None:
    """Each once, and each time on a database of its own."""
    with running(folder) as server:
        killed = [partial(surely, play=partial(anew, server, run), plays=plays) for run in KILLED]
        asyncio.run(all_of(tries, folder, [*killed, *(partial(anew, server, run) for run in STOPPED)]))


async def anew(server: Server, run: Callable[..., Awaitable[Any]], tries: Tries, folder: Path) -> Any:
    """What is played again is not to find what was sent before."""
    return await run(tries, folder, LEDGER=server.database())


@pytest.mark.attack
def test_killed_and_stopped_at_the_nth_call(tries: Tries, tmp_path: Path) -> None:
    attack(tries, tmp_path, plays=4)
