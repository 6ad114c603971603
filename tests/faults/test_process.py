"""The real process is killed, and its system calls fail, at the n-th call: then it runs on to the end."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.faults.real import Real, Trap, all_of, real
from tests.faults.tries import Tries

pytestmark = pytest.mark.attack


@dataclass(frozen=True)
class Leg:
    """One start of the bot that ends with the trap.

    Laid `early`, the trap counts from the process's first system call, else from the moment when the bot
    has called one of the services and before anybody taps. `torn`: the ledger ends in half a line.
    """

    trap: Trap
    early: bool = False
    torn: bool = False


def kill(calls: str, when: int, *, early: bool = False, torn: bool = False) -> Leg:
    return Leg(Trap(calls, str(when)), early, torn)


Life = Sequence[Leg]
RENAMES = "rename,renameat,renameat2"
LIVES: Sequence[Life] = (
    (kill("write", 5), kill("recvfrom", 12)),
    (kill("fdatasync", 6), kill("fdatasync", 1, early=True, torn=True)),
    (kill("sendto", 40), kill("fdatasync", 4)),
    (kill("fdatasync", 4), kill("ftruncate", 1, early=True, torn=True)),
    (kill("recvfrom", 45), kill(RENAMES, 1)),
    (kill("sendto", 7), kill("write", 6)),
    (kill("fsync", 9), kill("openat", 3)),
)


FAULTS = (
    Trap("fdatasync", "7", "error=EIO"),
    Trap("write", "6", "error=ENOSPC", ledger=True),
    Trap("fdatasync", "3", "error=EIO"),
    Trap("write", "5+", "error=EROFS", ledger=True),
    Trap("write", "7", "error=EIO", ledger=True),
    Trap("fdatasync", "9", "error=ENOSPC"),
)


async def live(tries: Tries, folder: Path, life: Life) -> None:
    """One data folder, killed at the end of each leg, then a clean run to the end."""
    tries.runs += 1
    story = ", then ".join(
        f"{leg.trap.calls} {leg.trap.when}{' early' * leg.early}{' torn' * leg.torn}" for leg in life
    )
    async with real(folder) as site:
        site.hsm.faults.jitter = 0.05  # answers come in another order than the requests
        for leg in life:
            if site.done():
                break
            sprung = await walk(site, leg)
            tries.kills += sprung
            tries.images += sprung
        site.hsm.faults.clear()
        await site.finish(tries, story)
        site.judge(tries, story)


async def walk(site: Real, leg: Leg) -> bool:
    """Start, run into the trap; False where the story was over before."""
    if leg.torn:
        site.tear()
    process = await site.start(leg.trap if leg.early else None)
    if not leg.early:
        await site.works()
        await site.attach(leg.trap)
    site.hands.set()
    await site.until(site.done)
    site.hands.clear()
    sprung = process.returncode is not None
    assert await site.stop() in {0, -9}
    return sprung


async def fails(tries: Tries, folder: Path, trap: Trap) -> None:
    """A system call of the ledger fails: nothing more leaves, and everybody hears of it."""
    story = f"{trap.calls} {trap.when} with {trap.effect}"
    tries.runs += 1
    async with real(folder) as site:
        site.hsm.faults.jitter = 0.05
        await site.start(trap)
        site.hands.set()
        await shut(tries, site, story)
        await site.finish(tries, story)
        site.judge(tries, story)


async def shut(tries: Tries, site: Real, story: str) -> None:
    """The ledger has closed, as it must: no send after it, and the card, the group and /healthz say so."""
    tries.faults += 1
    closed = await site.until(lambda: site.done() or site.said("Registro fechado"))
    tries.check(closed and not site.done(), f"the bot went on as if nothing had failed: {story}")
    await site.until(lambda: site.hsm.in_flight == 0)
    asked = len(site.hsm.requests)
    status, wrong = await site.health()
    tries.check(status == 503 and "ledger" in wrong, f"/healthz says {status}, {wrong}: {story}")
    closed = await site.until(lambda: "Registro fechado" in site.card().text and site.told())
    tries.check(closed, f"the card says {site.card().text!r}: {story}")
    await site.more_polls(2)
    tries.check(len(site.hsm.requests) == asked, f"a send left after the ledger had closed: {story}")
    site.hands.clear()
    code = await site.stop()
    tries.check(code == 0, f"it stopped with {code}: {story}")


def attack(tries: Tries, folder: Path) -> None:
    lives = [partial(live, life=life) for life in LIVES]
    faults = [partial(fails, trap=trap) for trap in FAULTS]
    asyncio.run(all_of(tries, folder, [*lives[:2], *faults[:1], *lives[2:], *faults[1:]]))


def test_killed_at_the_nth_system_call(tries: Tries, tmp_path: Path) -> None:
    attack(tries, tmp_path)
    assert tries.kills >= len(LIVES), "the traps are laid where nothing passes any more"


def _hundreds() -> Sequence[Life]:
    firsts = [
        *(kill("fdatasync", n) for n in range(1, 16)),
        *(kill("write", n) for n in range(1, 16)),
        *(kill("sendto", n) for n in range(1, 80, 3)),
        *(kill("recvfrom", n) for n in range(1, 110, 3)),
        *(kill("openat", n) for n in range(1, 12)),
        *(kill("fsync", n) for n in range(1, 12)),
        *(kill(RENAMES, n) for n in range(1, 6)),
    ]
    seconds = [
        *(kill("fdatasync", n, early=True, torn=True) for n in range(1, 4)),
        *(kill(RENAMES, n, early=True, torn=True) for n in range(1, 4)),
        *(kill("fsync", n, early=True, torn=True) for n in range(1, 8)),
        kill("ftruncate", 1, early=True, torn=True),
        *(kill(calls, n) for calls in ("fdatasync", "recvfrom", "sendto", "write") for n in range(1, 9)),
    ]
    return [*zip(firsts, itertools.cycle(seconds), strict=False)]


@pytest.mark.soak
def test_killed_at_every_system_call(tries: Tries, tmp_path: Path) -> None:
    asyncio.run(all_of(tries, tmp_path, [partial(live, life=life) for life in _hundreds()]))
    assert tries.kills >= 100
