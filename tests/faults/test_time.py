"""Attack: clocks set back and forward, edges to the microsecond, months that end in mid-send, summer time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.chat.screens.words import Words
from bot.domain.case import CaseState
from bot.domain.events import Approved, Evidence, Intent, Planned
from bot.storage.commands.verify import run_verify
from tests.fakes import ANA
from tests.faults.crash_ledger import CrashLedger
from tests.faults.noc import Noc
from tests.faults.story_fakes import Way
from tests.faults.telling import quiet, run, told
from tests.faults.tries import Tries

pytestmark = pytest.mark.attack

HOUR, DAY = timedelta(hours=1), timedelta(hours=24)
EDGE = [
    timedelta(seconds=-1),
    timedelta(microseconds=-1),
    timedelta(0),
    timedelta(microseconds=1),
    timedelta(seconds=1),
]
SET = [timedelta(0), HOUR, -HOUR]


def go(noc: Noc, place: str = "1") -> None:
    """A new outage on a port, approved and carried out."""
    approve(noc, place)
    run(noc, noc.advance(6))


def approve(noc: Noc, place: str = "1") -> bool:
    """A new outage on a port and a tap: whether it was taken."""
    noc.outage(place)
    run(noc, noc.poll())
    before = len(noc.book.running)
    run(noc, noc.approve(len(noc.book.cases), ANA))
    return len(noc.book.running) > before


def show(noc: Noc, moment: datetime) -> None:
    """Set the wall clock to a moment."""
    noc.clock.set(moment - noc.clock.now())


def at_of(noc: Noc, kind: type) -> datetime:
    """When the ledger wrote the last line of a kind."""
    assert isinstance(noc.ledger, CrashLedger)
    return [at for at, line in noc.ledger.taken if isinstance(line, kind)][-1]


def port_edge(tries: Tries) -> None:
    """A port is closed for 24 hours to the microsecond, whatever the clock did meanwhile."""
    for edge, jump in product(EDGE, SET):
        with told(tries, f"the port 24 h later {edge}, after a clock set by {jump}") as noc:
            go(noc)
            reserved = at_of(noc, Approved)
            noc.clock.set(jump)
            run(noc, noc.poll())
            show(noc, reserved + DAY + edge)
            noc.truth.check(approve(noc) == (edge >= timedelta(0)), "the port's 24 hours are not 24 hours")


def customer_edge(tries: Tries) -> None:
    """A customer is not told again for 24 hours from their own message, through whichever port."""
    for edge, jump in product(EDGE, SET):
        with told(tries, f"the customer 24 h later {edge}, after a clock set by {jump}") as noc:
            go(noc)
            sent = at_of(noc, Intent)
            noc.repair("1")  # else they would know of it already
            noc.clock.set(jump)
            run(noc, noc.poll())
            show(noc, sent + DAY + edge - timedelta(seconds=5))
            noc.truth.check(approve(noc, "2"), "another port is closed")
            run(noc, noc.advance(5))
            again = len(noc.truth.deliveries) - 3
            noc.truth.check(again == (3 if edge >= timedelta(0) else 0), f"{again} of 3 were told again")


def set_back_before(tries: Tries) -> None:
    """What was decided while the clock was an hour back opens no earlier once it is right again."""
    for minutes in (1, 30, 59):
        with told(tries, f"approved on a clock set back, {minutes} min too early") as noc:
            noc.outage("1")
            run(noc, noc.poll())  # a line with the right time
            noc.clock.set(-HOUR)
            run(noc, noc.approve(1, ANA))
            run(noc, noc.advance(6))
            noc.truth.check(len(noc.truth.deliveries) == 3, "a clock set back stops the sends")
            noc.clock.set(HOUR + DAY - timedelta(minutes=minutes))
            noc.truth.check(not approve(noc), "the port opened before its 24 hours")


def jumps_in_the_countdown(tries: Tries) -> None:
    """The countdown and the pause between two tries last as long as they last; a poll ends nothing for it."""
    for jump, when in product([HOUR, -HOUR, DAY, -DAY], [0.0, 2.0, 4.9, 5.5]):
        with told(tries, f"clock set by {jump} after {when} s") as noc:
            noc.ways.extend([Way.THROTTLED] * 2)
            approve(noc)
            run(noc, noc.advance(when))
            noc.clock.set(jump)
            run(noc, noc.poll())
            noc.truth.check(noc.book.cases[1].ended_at is None, "a clock that was set ended an outage")
            run(noc, noc.advance(max(0.0, 4.99 - when)))
            noc.truth.check(
                when > 5 or not noc.truth.requests.total(), "a request left before the countdown was over"
            )
            run(noc, noc.advance(0.02))
            noc.truth.check(bool(noc.truth.requests.total()), "the countdown did not end")
            run(noc, noc.advance(4))
            noc.truth.check(len(noc.truth.deliveries) == 3, "a pause between two tries did not end")


def old_ledger(tries: Tries) -> None:
    """A start trusts a ledger that ends within an hour, or with a clean stop; any other it does not."""
    for edge, clean in product(EDGE, [False, True]):
        with told(tries, f"a start {HOUR + edge} later, {'clean' if clean else 'after a crash'}") as noc:
            approve(noc)
            run(noc, noc.advance(1))
            if clean:
                noc.flow.drain()
                run(noc, noc.advance(6))
                run(noc, noc.flow.stopped())
                run(noc, noc.advance(1))
            show(noc, noc.book.last_at + HOUR + edge)
            run(noc, noc.crash())
            trusts = noc.book.unconfirmed is None
            noc.truth.check(trusts == (clean or edge <= timedelta(0)), f"trusted: {trusts}")


def by_itself(tries: Tries) -> None:
    """An interrupted dispatch goes on by itself for five minutes after its last line, not longer."""
    for edge in EDGE:
        with told(tries, f"a poll {timedelta(minutes=5) + edge} after the last line") as noc:
            noc.ways.extend([Way.ANSWER_LOST, Way.LATE, Way.LATE])
            go(noc)
            last = noc.book.cases[1].dispatches[-1].last_at
            run(noc, noc.crash())
            noc.truth.check(noc.book.cases[1].state is not CaseState.SENDING, "it goes on without a poll")
            show(noc, last + timedelta(minutes=5) + edge)
            was = noc.book.cases[1].state
            run(noc, noc.poll())
            went_on = was is CaseState.INTERRUPTED and noc.book.cases[1].dispatches[-1].resumed == 1
            noc.truth.check(
                went_on == (was is CaseState.INTERRUPTED and edge <= timedelta(0)), "five minutes"
            )


def evidence(tries: Tries) -> None:
    """A row proves a send from two minutes before its claim to ten after; a lack is one after 15 minutes."""
    for bound, edge in product([timedelta(minutes=-2), timedelta(minutes=10)], EDGE):
        with told(tries, f"a row {bound + edge} from the claim") as noc:
            noc.ways.append(Way.ANSWER_LOST)
            go(noc)
            noc.truth.deliveries[0].at = at_of(noc, Intent) + bound + edge
            show(noc, noc.book.last_at + timedelta(minutes=14))
            run(noc, noc.ask_gateway(0))
            inside = edge >= timedelta(0) if bound < timedelta(0) else edge <= timedelta(0)
            noc.truth.check((not noc.in_doubt(1)) is inside, "the window of the evidence")
    for edge in EDGE:
        with told(tries, f"a list without it {timedelta(minutes=15) + edge} after the claim") as noc:
            noc.ways.append(Way.LOST)
            go(noc)
            show(noc, at_of(noc, Intent) + timedelta(minutes=15) + edge)
            run(noc, noc.ask_gateway(0))
            assert isinstance(noc.ledger, CrashLedger)
            marked = any(isinstance(line, Evidence) for _, line in noc.ledger.taken)
            noc.truth.check(marked == (edge > timedelta(0)), "when a list that lacks a send is believed")
            noc.truth.check(bool(noc.in_doubt(1)), "a list that lacks a send settles it")


def months(tries: Tries, folder: Path) -> None:
    """A month or year that ends in mid-send, and a clock that is set back across it: one ledger, in order."""
    ends = [
        datetime(2026, 12, 1, tzinfo=UTC),
        datetime(2027, 1, 1, tzinfo=UTC),
        datetime(2028, 3, 1, tzinfo=UTC),
    ]
    for end, before, back in product(ends, (0.5, 5.5, 7.5), (timedelta(0), HOUR)):
        place = folder / f"{end:%Y%m%d}-{before}-{back.seconds}"
        with told(
            tries, f"{end} comes {before} s after the tap, {back}", place, end - timedelta(seconds=before)
        ) as noc:
            noc.ways.extend([Way.ACCEPTED, Way.THROTTLED, Way.ACCEPTED])
            go(noc)
            run(noc, noc.advance(5))
            noc.clock.set(-back)
            noc.outage("2")
            run(noc, noc.poll())
            run(noc, noc.stop_in_order())
            noc.truth.check(len(noc.truth.deliveries) == 3, "the month's end cost somebody their message")
            noc.truth.check(len(noc.book.cases) == 2, "a case is gone with its month")
        names = sorted(path.name for path in (place / "ledger").glob("*.jsonl"))
        wanted = [f"{end - timedelta(days=1):%Y-%m}.jsonl", f"{end:%Y-%m}.jsonl"]
        tries.check(names == wanted, f"the segments are {names}, not {wanted}")
        tries.check(run_verify(place)[0] == 0, f"{end}: the ledger does not verify")


ZONES = {  # zone: (a moment of the change, UTC offset before and after in hours)
    "America/New_York": (
        (datetime(2026, 11, 1, 6, tzinfo=UTC), -4, -5),
        (datetime(2026, 3, 8, 7, tzinfo=UTC), -5, -4),
    ),
    "Europe/Lisbon": (
        (datetime(2026, 10, 25, 1, tzinfo=UTC), 1, 0),
        (datetime(2026, 3, 29, 1, tzinfo=UTC), 0, 1),
    ),
    "America/Sao_Paulo": ((datetime(2026, 11, 1, 3, tzinfo=UTC), -3, -3),),
}


def summer_time(tries: Tries) -> None:
    """Every time that people read is that of their wall, through the nights in which clocks change."""
    for zone, changes in ZONES.items():
        words = Words("pt_BR", ZoneInfo(zone))
        for (change, before, after), minutes in product(changes, range(-26 * 60, 26 * 60, 29)):
            at = change + timedelta(minutes=minutes)
            local = at + timedelta(hours=before if at < change else after)
            tries.check(words.stamp(at) == f"{local:%Y-%m-%d %H:%M:%S}", f"{zone} {at}: {words.stamp(at)}")
            tries.check(words.time(at, at) == f"{local:%H:%M}", f"{zone} {at}: {words.time(at, at)}")
            later = at + DAY
            there = later + timedelta(hours=before if later < change else after)
            same = local.date() == there.date()
            tries.check(words.is_same_day(at, later) == same, f"{zone} {at}: another day")
            tries.check(words.time(later, at).endswith(f"{there:%H:%M}"), f"{zone}: until {later}")
        for (change, _, _), minutes in product(changes, (-61, -1, 0, 1, 59)):
            with told(
                tries,
                f"{zone}: approved {minutes} min from the change",
                at=change + timedelta(minutes=minutes),
            ) as noc:
                go(noc)
                show(noc, at_of(noc, Planned) + DAY - timedelta(seconds=6))
                noc.truth.check(not approve(noc), "a day of 25 hours opens a port early")


PARTS: tuple[Callable[[Tries], None], ...] = (
    port_edge,
    customer_edge,
    set_back_before,
    jumps_in_the_countdown,
    old_ledger,
    by_itself,
    evidence,
    summer_time,
)


def attack(tries: Tries, folder: Path) -> None:
    """The quick part."""
    with quiet():
        for part in PARTS:
            part(tries)
        months(tries, folder)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_time(tries: Tries, part: Callable[[Tries], None]) -> None:
    with quiet():
        part(tries)


def test_months(tries: Tries, tmp_path: Path) -> None:
    with quiet():
        months(tries, tmp_path)
