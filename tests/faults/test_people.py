"""Attack: people who tap at once, too late, twice, or while the program dies; in many interleavings."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path

import pytest

from bot.domain.events import Approved, Cancelled, Denied, Planned
from tests.fakes import ANA, BRUNO
from tests.faults.crash_ledger import CrashLedger
from tests.faults.noc import PEOPLE, Noc
from tests.faults.story_fakes import Way
from tests.faults.telling import quiet, run, told
from tests.faults.tries import Tries

pytestmark = pytest.mark.attack

CUSTOMERS = 6
Scene = Callable[[Noc, random.Random], Coroutine[object, object, None]]


async def after(beats: int, work: Coroutine[object, object, None]) -> None:
    """`work`, once the event loop has gone round so many times."""
    for _ in range(beats):
        await asyncio.sleep(0)
    await work


async def outage(noc: Noc) -> None:
    noc.outage("1", CUSTOMERS)
    await noc.poll()


async def over(noc: Noc) -> None:
    """Whatever runs has ended, and nothing is late any more."""
    if isinstance(noc.ledger, CrashLedger):
        noc.ledger.hold(held=False)
    await noc.advance(60)
    await noc.land()
    await noc.advance(60)


def lines(noc: Noc, kind: type) -> list[object]:
    return [entry.line for entry in noc.book.audit if isinstance(entry.line, kind)]


async def fifty_taps(noc: Noc, rng: random.Random) -> None:
    """Two people tap fifty times within an instant: one approval, one message each."""
    await outage(noc)
    taps = [after(rng.randrange(9), noc.approve(1, rng.choice(PEOPLE))) for _ in range(50)]
    await asyncio.gather(*taps)
    noc.truth.check(len(lines(noc, Approved)) == 1, "fifty taps are not one approval")
    noc.truth.check(noc.truth.story.count("(already_approved)") == 49, "somebody was not told who was first")
    await over(noc)
    noc.truth.check(len(noc.truth.deliveries) == CUSTOMERS, "fifty taps did not tell everybody")


async def approve_and_deny(noc: Noc, rng: random.Random) -> None:
    """One approves while the other denies, whoever is first by a beat: one of them is told no."""
    await outage(noc)
    await asyncio.gather(
        after(rng.randrange(5), noc.approve(1, ANA)), after(rng.randrange(5), noc.deny(1, BRUNO))
    )
    won = len(lines(noc, Approved)), len(lines(noc, Denied))
    noc.truth.check(won in {(1, 0), (0, 1)}, f"approved and denied: {won}")
    await over(noc)
    noc.truth.check(len(noc.truth.deliveries) == CUSTOMERS * won[0], "what was decided is not what was sent")


async def cancelled_at_the_last_moment(noc: Noc, rng: random.Random) -> None:
    """Around the very beat in which the plan is written, on a disk that may be slow just then."""
    await outage(noc)
    await noc.approve(1, ANA)
    await noc.advance(4.999)
    slow = rng.random() < 0.5
    if slow and isinstance(noc.ledger, CrashLedger):
        noc.ledger.hold(held=True)
    await asyncio.gather(noc.advance(0.002), after(rng.randrange(120), noc.cancel(1, BRUNO)))
    await over(noc)
    back = noc.book.cases[1].dispatches[0].end == "cancelled"
    noc.truth.check(not (back and noc.truth.deliveries), "cancelled, and yet sent")
    if isinstance(noc.ledger, CrashLedger):  # the approval was the only turn
        turn = [line.kind for _, line in noc.ledger.taken if isinstance(line, Cancelled | Planned)]
        noc.truth.check(len(turn) <= 1, f"cancelled and planned: {turn}")


async def stopped_in_mid_send(noc: Noc, rng: random.Random) -> None:
    """Only what was claimed when the person was told goes out after it."""
    await outage(noc)
    noc.ways.extend(rng.choices([Way.ACCEPTED, Way.LATE, Way.THROTTLED, Way.ANSWER_LOST], k=CUSTOMERS))
    await noc.approve(1, ANA)
    await noc.advance(4.999)
    claimed: list[int] = []

    async def stop() -> None:
        await noc.flow.stop(1, BRUNO)
        noc.truth.halted(1)
        claimed.append(len(noc.truth.claimed.keys() | noc.truth.entered))

    async def tap() -> None:
        if noc.book.cases[1].state == "sending":
            await stop()

    await asyncio.gather(noc.advance(0.002), after(rng.randrange(150), tap()))
    await over(noc)
    if claimed:
        noc.truth.check(len(noc.truth.entered) <= claimed[0], "more left after a stop than was in flight")


async def approved_as_it_ends(noc: Noc, rng: random.Random) -> None:
    """The poll that sees the outage over and a tap in one instant; a tap after it is told no."""
    await outage(noc)
    noc.repair("1")
    await asyncio.gather(after(rng.randrange(6), noc.poll()), after(rng.randrange(6), noc.approve(1, ANA)))
    await noc.approve(1, BRUNO)
    await over(noc)
    noc.truth.check(not noc.truth.deliveries, "sent though the outage was over before the plan")


async def the_same_update_twice(noc: Noc, rng: random.Random) -> None:
    """Telegram gives an update again that a crash kept from being confirmed."""
    await outage(noc)
    if rng.random() < 0.5 and isinstance(noc.ledger, CrashLedger):
        noc.ledger.hold(held=True)
    await noc.approve(1, ANA)
    await noc.advance(rng.choice([0, 0, 4.9, 5.1]))
    await noc.crash(kept=rng.random() < 0.5)
    shown = noc.chat.shown
    noc.truth.check(1 in shown, "the card is not drawn again after the crash")
    await asyncio.gather(noc.approve(1, ANA), after(rng.randrange(5), noc.poll()))
    await noc.approve(1, ANA)
    await over(noc)
    noc.truth.check(len(lines(noc, Approved)) == 1, "one tap, given twice, is not one approval")


async def carried_out_twice(noc: Noc, rng: random.Random) -> None:
    """Whatever might start a dispatch a second time: a claim is a compare-and-set."""
    await outage(noc)
    await noc.approve(1, ANA)
    await noc.advance(4.999)
    noc.ways.extend(rng.choices([Way.ACCEPTED, Way.LATE], k=2))
    await asyncio.gather(noc.advance(0.002), _again(noc, rng.randrange(30)))
    await over(noc)


async def _again(noc: Noc, beats: int) -> None:
    while noc.book.cases[1].state == "countdown" and beats % 5:  # noqa: ASYNC110 - nobody sets an event for it
        await asyncio.sleep(0)
    for _ in range(beats // 2):
        await asyncio.sleep(0)
    noc.flow._dispatcher.carry_out(1)


async def resent_by_both(noc: Noc, rng: random.Random) -> None:
    """Two people have the same send in doubt sent again: one is told no, and one more goes out."""
    await outage(noc)
    noc.ways.extend([Way.ANSWER_LOST, Way.LATE_REJECTED])
    await noc.approve(1, ANA)
    await noc.advance(6)
    await noc.advance(rng.choice([0, 40]))
    both = [after(rng.randrange(5), noc.resend(1, who, bulk=rng.random() < 0.5)) for who in PEOPLE]
    await asyncio.gather(*both, after(rng.randrange(5), noc.land()))
    await over(noc)
    noc.truth.check(len(noc.truth.deliveries) <= CUSTOMERS + 2, "more were resent than were in doubt")


SCENES: tuple[tuple[Scene, int], ...] = (
    (fifty_taps, 12),
    (approve_and_deny, 40),
    (cancelled_at_the_last_moment, 80),
    (stopped_in_mid_send, 80),
    (approved_as_it_ends, 40),
    (the_same_update_twice, 60),
    (carried_out_twice, 60),
    (resent_by_both, 60),
)


def play(tries: Tries, scene: Scene, seeds: Iterable[int]) -> None:
    """One scene, in as many interleavings; everything holds during it and once people settled the rest."""
    for seed in seeds:
        with told(tries, f"{scene.__name__} {seed}") as noc:
            run(noc, scene(noc, random.Random(seed)))  # noqa: S311


def attack(tries: Tries, folder: Path) -> None:
    """The quick part: every scene once, then each in all its interleavings."""
    del folder
    with quiet():
        for scene, _ in SCENES:
            play(tries, scene, range(1))
        for scene, times in SCENES:
            play(tries, scene, range(1, times))


@pytest.mark.parametrize(("scene", "times"), SCENES, ids=lambda value: getattr(value, "__name__", None))
def test_people(tries: Tries, scene: Scene, times: int) -> None:
    with quiet():
        play(tries, scene, range(times))
