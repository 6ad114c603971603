"""Short stories, each about one promise: what the random orders have found, and what they seldom come to.

`outage 1` is an incident on port 1 (the same people live on port 2), `gateway` says how the next requests end
(see `Way`), `wait` lets so many seconds pass, `clock` sets the wall clock by so many hours.
"""

from collections.abc import Awaitable, Callable

from tests.fakes import ANA, BRUNO
from tests.faults.crash_ledger import CrashLedger
from tests.faults.noc import Noc
from tests.faults.story_fakes import Way

GO = "outage 1; poll; approve 1; wait 6"
STORIES = {
    "a port in its cooldown": f"{GO}; outage 1; poll; approve 2; wait 6",
    "a port that was released": f"{GO}; release 1; outage 1; poll; approve 2; wait 6",
    "the same people on another port": (
        f"gateway answer_lost held moved; {GO}; outage 2; poll; approve 2; wait 6"
    ),
    "two dispatches at once": "outage 1; outage 2; poll; approve 1; approve 2; wait 6",
    "requests in flight": f"gateway late late; {GO}; wait 40; land; wait 1",
    "in flight when the outage is over": f"gateway late late; {GO}; over 1; crash; poll; wait 6",
    "in flight, and resumed by a person": f"gateway late late; {GO}; crash; wait 400; poll; resume 1; wait 6",
    "spared, then on another port": (
        f"gateway late late; {GO}; online 1 2; crash; poll; wait 6; outage 2; poll; approve 2; wait 6"
    ),
    "a key that breaks in mid-send": f"gateway answer_lost accepted bad_key; {GO}; resume 1; wait 6",
    "stopped between two tries": f"gateway throttled throttled; {GO}; stop 1; wait 40",
    "cancelled in mid-send": f"gateway late late; {GO}; cancel 1; wait 40; land",
    "cancelled and approved again": "outage 1; poll; approve 1; cancel 1; approve 1; wait 6",
    "approved and denied": "outage 1; poll; deny 1; approve 1; wait 6",
    "resumed after others were told": (
        f"gateway late late; {GO}; crash; wait 400; clock 25;"
        " outage 2; poll; approve 2; wait 6; resume 1; wait 6"
    ),
    "failed, and told through another port": (
        f"gateway unreached unreached unreached accepted bad_key; {GO}; wait 30;"
        " outage 2; poll; approve 2; wait 6; resume 1; wait 6"
    ),
    "a resend that comes to nothing": (
        f"gateway answer_lost; {GO}; away; resend 1; wait 60; there; approve 1; wait 6"
    ),
    "a resend that is stopped": (
        f"gateway answer_lost answer_lost; {GO}; gateway throttled throttled; resend 1; stop 1; wait 60"
    ),
    "a resend of what is still awaited": f"gateway late_rejected; {GO}; wait 40; resend 1; land; wait 6",
    "a late no to a repeated send whose first is listed": (
        f"gateway answer_lost; {GO}; gateway late_rejected; resend 1; wait 40; list 0; land; wait 6"
    ),
    "one row for two sends": (
        f"gateway answer_lost lost lost; {GO}; release 1; outage 1; poll; gateway lost lost lost;"
        " approve 2; wait 6; list 0; wait 1000; list 0"
    ),
    "settled by the list and people": f"gateway answer_lost lost; {GO}; list 0; resend 1; wait 6; call 1",
    "a send that breaks": f"bug; gateway throttled; {GO}; wait 60; list 0; resume 1; wait 6",
    "an old copy of the ledger": f"{GO}; old 9; poll; approve 1; wait 6; confirm; approve 1; wait 6",
    "an old copy, begun": f"{GO}; old 8; poll; resume 1; wait 6; confirm; resume 1; wait 6",
    "nobody was reached": f"away; {GO}; wait 200; there; approve 1; wait 6",
    "an outage that ends and comes back": f"{GO}; ends 1; poll; approve 1; back 1; poll; approve 1; wait 6",
}


def _bug(noc: Noc, _rest: list[str]) -> None:
    if isinstance(noc.ledger, CrashLedger):
        noc.ledger.bug = True


AT_ONCE: dict[str, Callable[[Noc, list[str]], object]] = {
    "outage": lambda noc, rest: noc.outage(rest[0]),
    "gateway": lambda noc, rest: noc.ways.extend(Way[word.upper()] for word in rest),
    "away": lambda noc, _: setattr(noc, "away", True),
    "there": lambda noc, _: setattr(noc, "away", False),
    "over": lambda noc, rest: noc.reads_over(rest[0], over=True),
    "ends": lambda noc, rest: noc.repair(rest[0]),
    "back": lambda noc, rest: noc.back(rest[0]),
    "online": lambda noc, rest: noc.online(rest[0], int(rest[1])),
    "clock": lambda noc, rest: noc.set_clock(float(rest[0])),
    "bug": _bug,
}
AWAITED: dict[str, Callable[[Noc, list[str]], Awaitable[None]]] = {
    "poll": lambda noc, _: noc.poll(),
    "wait": lambda noc, rest: noc.advance(float(rest[0])),
    "land": lambda noc, _: noc.land(),
    "list": lambda noc, rest: noc.ask_gateway(float(rest[0])),
    "crash": lambda noc, _: noc.crash(),
    "old": lambda noc, rest: noc.crash(older=int(rest[0])),
    "confirm": lambda noc, _: noc.confirm(BRUNO),
    "release": lambda noc, rest: noc.release(rest[0], BRUNO),
    "resend": lambda noc, rest: noc.resend(int(rest[0]), BRUNO, bulk=True),
    "call": lambda noc, rest: noc.resolve(int(rest[0]), ANA, "call", bulk=True),
}
TAPS = ("approve", "deny", "cancel", "stop", "resume", "close")


async def play(noc: Noc, step: str) -> None:
    """One step of a story. A tap on a case that a crash kept from existing is left out."""
    what, *rest = step.split()
    if what in AT_ONCE:
        AT_ONCE[what](noc, rest)
    elif what in AWAITED:
        await AWAITED[what](noc, rest)
    elif int(rest[0]) in noc.book.cases:
        assert what in TAPS
        await getattr(noc, what)(int(rest[0]), ANA)
