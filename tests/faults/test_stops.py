"""The process is told to stop at the worst moments: nothing is cut off, nothing is lost, nobody gets two."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from bot.simulator.server import Hang, HangBefore
from tests.faults.judged import judge
from tests.faults.real import IN_FLIGHT, Real, Trap, all_of, real
from tests.faults.tries import Tries

GRACE = 90.0  # seconds that docker-compose.yml gives a stop
LATENCY = 0.5

Moment = Callable[[Real], Awaitable[None]]


async def mid_send(site: Real) -> None:
    """Some are told, the next ones are on their way."""
    site.hsm.faults.latency = LATENCY
    await site.hsm.until(IN_FLIGHT)
    await site.until(lambda: site.hsm.in_flight == IN_FLIGHT)


async def telegram_refuses(site: Real) -> None:
    await mid_send(site)
    await site.chat.stop()


async def telegram_is_a_black_hole(site: Real) -> None:
    await mid_send(site)
    site.chat.faults.always(HangBefore())


async def gateway_is_silent(site: Real) -> None:
    """One answer never comes; the message has arrived all the same."""
    site.hsm.faults.inject(Hang())
    await mid_send(site)


async def first_call(_site: Real) -> None:
    """The bot has just called a service for the first time."""


async def countdown(site: Real) -> None:
    await site.until(lambda: any(line["kind"] == "approved" for line in site.lines()))


async def stop(
    tries: Tries,
    folder: Path,
    moment: Moment,
    signals: Sequence[signal.Signals] = (signal.SIGTERM,),
    unknown: int = 0,
    **changes: str,
) -> None:
    """Stop at a moment, look at what was left behind, then let the next start finish it."""
    tries.runs += 1
    story = f"{moment.__name__}, {' '.join(s.name for s in signals)}"
    async with real(folder) as site:
        site.variables |= changes
        process = await site.start()
        await site.works()
        site.hands.set()
        await moment(site)
        asked = len(site.hsm.requests)
        for name in signals:
            process.send_signal(name)
            await site.until(lambda: '"stopping"' in site.log())  # two at once would be one
        await landed(tries, site, story, unknown)
        # What the bot did before it heard the signal may have left, but no more than that.
        tries.check(len(site.hsm.requests) <= asked + IN_FLIGHT, f"sends went on after the signal: {story}")
        await again(tries, site, story, unknown)


async def stop_at(tries: Tries, folder: Path, trap: Trap) -> None:
    """Stopped by the n-th system call itself."""
    tries.runs += 1
    story = f"SIGTERM at {trap.calls} {trap.when}"
    async with real(folder) as site:
        site.hsm.faults.jitter = 0.05
        await site.start()
        await site.works()
        await site.attach(trap)
        site.hands.set()
        await site.until(lambda: False)
        assert site.process is not None
        assert site.process.returncode is not None, f"nothing passes there any more: {story}"
        await landed(tries, site, story)
        await again(tries, site, story)


async def landed(tries: Tries, site: Real, story: str, unknown: int = 0) -> None:
    """It ended in order and in time, and what had left has come to an end that was written."""
    try:
        code = await site.ended(GRACE)
    except TimeoutError:
        tries.check(False, f"it was not over when {GRACE} s were: {story}")
    tries.check(code == 0, f"it ended with {code}: {story}")
    site.hands.clear()
    lines = site.lines()
    tries.check(lines[-1]["kind"] == "stopped", f"the last line is {lines[-1]['kind']}: {story}")
    known = [line for line in lines if line["kind"] in {"result", "abandoned"}]
    intents = [line for line in lines if line["kind"] == "intent"]
    tries.check(len(known) == len(intents), f"{len(intents) - len(known)} were cut off: {story}")
    doubted = sum(line.get("outcome") == "unknown" for line in known)
    tries.check(doubted <= unknown, f"{doubted} are unknown that need not be: {story}")


async def again(tries: Tries, site: Real, story: str, unknown: int = 0) -> None:
    """The next start goes on by itself."""
    site.hsm.faults.clear()
    site.chat.faults.clear()
    if not site.chat.running:
        await site.chat.start()
    site.variables["UNDO_SECONDS"] = "0"
    site.hands.clear()
    approved = any(line["kind"] == "approved" for line in site.lines())
    await site.finish(tries, story, alone=approved)
    judge(tries, site, story)
    told = len(site.hsm.received)
    tries.check(told >= site.customers - unknown, f"{told} of {site.customers} were told: {story}")


TERM = signal.SIGTERM
RUNS = (
    partial(stop, moment=mid_send),
    partial(stop, moment=mid_send, signals=(TERM, TERM, signal.SIGINT)),
    partial(stop, moment=telegram_is_a_black_hole),
    partial(stop, moment=telegram_refuses),
    partial(stop, moment=countdown, UNDO_SECONDS="60"),
    partial(stop, moment=first_call),
    *(
        partial(stop_at, trap=Trap(calls, str(when), "signal=TERM"))
        for calls, when in (("fdatasync", 4), ("sendto", 30), ("write", 6))
    ),
)


def attack(tries: Tries, folder: Path) -> None:
    asyncio.run(all_of(tries, folder, RUNS))


@pytest.mark.attack
def test_told_to_stop_at_the_worst_moments(tries: Tries, tmp_path: Path) -> None:
    attack(tries, tmp_path)


@pytest.mark.soak
def test_told_to_stop_while_the_gateway_is_silent(tries: Tries, tmp_path: Path) -> None:
    asyncio.run(all_of(tries, tmp_path, [partial(stop, moment=gateway_is_silent, unknown=1)]))


@pytest.mark.soak
def test_told_to_stop_at_every_system_call(tries: Tries, tmp_path: Path) -> None:
    ranges = {"fdatasync": range(1, 14), "sendto": range(1, 60, 4), "recvfrom": range(1, 60, 4)}
    traps = [Trap(calls, str(n), "signal=TERM") for calls, counts in ranges.items() for n in counts]
    asyncio.run(all_of(tries, tmp_path, [partial(stop_at, trap=trap) for trap in traps]))
