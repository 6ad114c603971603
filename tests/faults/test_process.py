"""The real process is killed, and its system calls fail, at the n-th call: then it runs on to the end."""

import asyncio
import itertools
import resource
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.faults.judged import judge, judge_back, shut
from tests.faults.mounts import ext4, mounted_again, read_only, resize, tmpfs
from tests.faults.real import IN_FLIGHT, Real, Trap, all_of, real
from tests.faults.tries import Tries


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
    (kill("write", 5),),
    (kill("recvfrom", 40),),
    (kill("fdatasync", 6), kill("fdatasync", 1, early=True, torn=True)),
    (kill("sendto", 40), kill("fdatasync", 3)),
    (kill("fdatasync", 4), kill("ftruncate", 1, early=True, torn=True)),
    (kill("recvfrom", 12), kill(RENAMES, 1)),
    (kill("fsync", 3), kill("openat", 3)),
)


BACK = (Trap("sendto", "8"), Trap("fdatasync", "3"))
FAULTS = (
    Trap("fdatasync", "7", "error=EIO"),
    Trap("write", "6", "error=ENOSPC", ledger=True),
    Trap("write", "5+", "error=EROFS", ledger=True),
    Trap("fdatasync", "1", "error=EIO"),
)


async def surely(
    tries: Tries, folder: Path, play: Callable[[Tries, Path], Awaitable[bool]], plays: int
) -> None:
    """It is played until all its kills came, at most so often: how many calls there are depends on the pace.

    Where they never come the traps are laid where nothing passes any more. One play proves nothing of that.
    """
    for number in range(plays):
        own = folder / f"{number}"
        own.mkdir()
        if await play(tries, own):
            return
    assert plays == 1, f"in {plays} plays the kills did not come: {play}"


async def live(tries: Tries, folder: Path, life: Life, **variables: str) -> bool:
    """One data folder, killed at the end of each leg, then a clean run to the end; whether each kill came."""
    tries.runs += 1
    killed = 0
    story = ", then ".join(
        f"{leg.trap.calls} {leg.trap.when}{' early' * leg.early}{' torn' * leg.torn}" for leg in life
    )
    async with real(folder, variables=variables) as site:
        site.hsm.faults.jitter = 0.05  # answers come in another order than the requests
        for leg in life:
            if site.done():
                break
            tries.images += leg.torn
            sprung = await walk(site, leg)
            tries.kills += sprung
            killed += sprung
        site.hsm.faults.clear()
        await site.finish(tries, story)
        judge(tries, site, story)
        return killed == len(life)


async def walk(site: Real, leg: Leg) -> bool:
    """Start, run into the trap; False where the story was over before."""
    if leg.torn:
        site.tear()
    await site.start(leg.trap if leg.early else None)
    if not leg.early:
        await site.works()
        await site.attach(leg.trap)
    site.hands.set()
    await site.until(site.done)
    site.hands.clear()
    code = await site.stop()
    assert code in {0, -signal.SIGKILL}
    return code == -signal.SIGKILL


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
        judge(tries, site, story)


async def tells(tries: Tries, folder: Path, trap: Trap, **variables: str) -> bool:
    """Killed while it tells by itself that service is back; the next start does the rest, without a tap.

    Whether the kill came.
    """
    story = f"back by itself, {trap.calls} {trap.when}"
    tries.runs += 1
    async with real(folder, variables=variables) as site:
        site.hsm.faults.jitter = 0.05
        site.tells_by_itself()
        await site.start()
        site.hands.set()
        await site.until(site.done)
        site.hands.clear()
        await site.attach(trap)
        site.olt.world.repair(site.outage)
        await site.until(site.heard)
        killed = await site.stop() == -signal.SIGKILL
        tries.kills += killed
        site.hsm.faults.clear()
        await site.start()
        done = await site.until(site.heard)
        tries.check(done, f"it hangs, with the card {site.card()!r}: {story}")
        await site.more_polls(3)
        code = await site.stop()
        assert code == 0, f"the clean run ended with {code}:\n{site.log()[-3000:]}"
        judge_back(tries, site, story)
        return killed


async def breaks(
    tries: Tries, folder: Path, story: str, broken: Callable[[Real], None], mended: Callable[[Real], None]
) -> None:
    """Something happens to the disk while messages leave; once it is mended all goes on."""
    tries.runs += 1
    async with real(folder) as site:
        site.hsm.faults.latency = 0.5
        await site.start()
        site.hands.set()
        await site.until(lambda: site.hsm.received and site.hsm.in_flight == IN_FLIGHT)
        broken(site)
        await shut(tries, site, story)
        site.hsm.faults.clear()
        mended(site)
        await site.finish(tries, story)
        judge(tries, site, story)


async def too_small(tries: Tries, folder: Path) -> None:
    """A disk too small for a plan sends to nobody, however often it is approved; a bigger one to all."""
    story = "tmpfs of 64 KB"
    tries.runs += 1
    async with real(folder) as site:
        await site.start()
        site.hands.set()
        refused = await site.until(lambda: site.said("sem espaço em disco"))
        tries.faults += refused
        tries.check(refused, f"the card says {site.card()!r}: {story}")
        site.hands.clear()
        code = await site.stop()
        tries.check(code == 0, f"it stopped with {code}: {story}")
        tries.check(not site.hsm.requests, f"{len(site.hsm.requests)} left without room for a plan: {story}")
        resize(site.data, "8m")
        await site.finish(tries, story)
        judge(tries, site, story)


def fill(site: Real) -> None:
    """The disk is full to the last byte."""
    with suppress(OSError), (site.data / "filler").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    with suppress(OSError), (site.data / "filler").open("ab", buffering=0) as file:
        while file.write(b"."):
            pass


def let_no_file_grow(site: Real) -> None:
    """Half of a line has room."""
    room = site.segment().stat().st_size + 100
    resource.prlimit(site.pid, resource.RLIMIT_FSIZE, (room, room))


def attack(tries: Tries, folder: Path, plays: int = 1) -> None:
    """Each once: a broken copy may make fewer calls than its traps count."""
    lives = [partial(surely, play=partial(live, life=life), plays=plays) for life in LIVES]
    faults = [partial(fails, trap=trap) for trap in FAULTS]
    limit = partial(breaks, story="RLIMIT_FSIZE", broken=let_no_file_grow, mended=lambda _site: None)
    backs = [partial(surely, play=partial(tells, trap=trap), plays=plays) for trap in BACK]
    asyncio.run(all_of(tries, folder, [*lives[:2], *faults[:1], *backs, *lives[2:], *faults[1:], limit]))


@pytest.mark.attack
def test_killed_at_the_nth_system_call(tries: Tries, tmp_path: Path) -> None:
    attack(tries, tmp_path, plays=4)


def full_disks(tries: Tries, folder: Path) -> None:
    def mended(site: Real) -> None:
        (site.data / "filler").unlink()

    filled = partial(breaks, story="tmpfs of 4 MB, filled in mid-send", broken=fill, mended=mended)
    with tmpfs(folder / "0/data", "4m"), tmpfs(folder / "1/data", "64k"):
        asyncio.run(all_of(tries, folder, [filled, too_small]))


def disk_read_only(tries: Tries, folder: Path) -> None:
    """While no write is on its way: in the instant of its error ext4 acknowledges one that it then loses."""
    with ext4(folder / "data"):
        broken, mended = (lambda site: read_only(site.data)), (lambda site: mounted_again(site.data))
        asyncio.run(breaks(tries, folder, "ext4, remounted read-only", broken, mended))


@pytest.mark.attack
def test_full_disks(tries: Tries, tmp_path: Path) -> None:
    full_disks(tries, tmp_path)


@pytest.mark.attack
def test_disk_read_only_in_mid_send(tries: Tries, tmp_path: Path) -> None:
    disk_read_only(tries, tmp_path)


def _hundreds() -> Sequence[Life]:
    firsts = [
        *(kill("fdatasync", n) for n in range(1, 13)),
        *(kill("write", n) for n in range(1, 13)),
        *(kill("sendto", n) for n in range(1, 50, 3)),
        *(kill("recvfrom", n) for n in range(1, 80, 3)),
        *(kill("openat", n) for n in range(1, 9)),
        *(kill("fsync", n) for n in range(1, 9)),
        *(kill(RENAMES, n) for n in range(1, 5)),
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
    lives = _hundreds()  # how many calls there are depends on the pace: one or the other does not come
    asyncio.run(all_of(tries, tmp_path, [partial(live, life=life) for life in lives]))
    assert tries.kills >= len(lives) * 3 // 2, "too many traps are laid where nothing passes"


@pytest.mark.soak
def test_every_call_of_the_ledger_fails(tries: Tries, tmp_path: Path) -> None:
    faults = [Trap("fdatasync", str(n), f"error={why}") for why in ("EIO", "ENOSPC") for n in range(1, 9)]
    faults += [Trap("write", str(n), f"error={why}", True) for why in ("ENOSPC", "EIO") for n in range(1, 9)]
    asyncio.run(all_of(tries, tmp_path, [partial(fails, trap=trap) for trap in faults]))


@pytest.mark.soak
def test_killed_at_every_call_while_it_tells_that_it_is_back(tries: Tries, tmp_path: Path) -> None:
    calls = {
        "fdatasync": range(1, 13),
        "write": range(1, 13),
        "sendto": range(1, 31),
        "recvfrom": range(1, 41),
    }
    backs = [partial(tells, trap=Trap(name, str(n))) for name, numbers in calls.items() for n in numbers]
    asyncio.run(all_of(tries, tmp_path, backs))
    assert tries.kills >= len(backs) // 2, "too many traps are laid where nothing passes"
