"""Short stories of a case's whole life, each about one promise: together, scheduled, by two, and back again.

They begin at 15:00; customers may be written to from 8:00 to 21:00. Beside the words of `stories`: `fall 1 3`
is an incident on each of these ports, `unread 2` lets alert 2 not be read, `down 10` is an ONU, or a port,
that is offline though its outage is over, `few` lets the source underestimate. `must` and `not` say how a tap
has to be answered; `told 4`, `heard 4` how many messages of an outage, and that service is back, there are.
"""

from collections.abc import Callable

from bot.domain.rules import Rules
from tests.fakes import ANA, BRUNO
from tests.faults import stories
from tests.faults.noc_life import ALONE, AUTO, RULES, LifeNoc

SEEN = "poll; wait 20; poll"
ONE = f"fall 1; {SEEN}"
TWO = f"fall 1 3; {SEEN}"
GO = f"{ONE}; must approve 1; wait 6"
OVER = "ends 1; poll; poll"
NIGHT = "clock 7"
MORNING = "wait 36000; poll; wait 6"
LATER = f"{NIGHT}; {ONE}; not approve 1; must approve 1 l; wait 600"
TOLD = f"{GO}; {OVER}"

TALES: dict[Rules, dict[str, str]] = {
    RULES: {
        "two people, not one twice": (
            f"{TWO}; must approve 1; not approve 1; wait 6; told 0; must approve 1 bruno; wait 6; told 7"
        ),
        "the first approval ran out": (
            f"{TWO}; must approve 1; wait 660; must approve 1 bruno; wait 6; told 0; must approve 1;"
            " wait 6; told 7"
        ),
        "more than the source said": (
            f"fall 1 3; few; {SEEN}; must approve 1; wait 6; told 0; must approve 1; wait 6; told 0;"
            " must approve 1 bruno; wait 6; told 7"
        ),
        "the second approval comes in the evening": (
            f"clock 5.9; {TWO}; must approve 1; wait 480; not approve 1 bruno; wait 6; told 0;"
            " must approve 1 l bruno; wait 40000; poll; wait 6; told 7"
        ),
        "two people in the evening, later": (
            f"{NIGHT}; {TWO}; must approve 1 l; wait 60; must approve 1 bruno; wait 60; told 0; {MORNING};"
            " told 7"
        ),
        "taken back, and approved by one of them": (
            f"{TWO}; must approve 1; must approve 1 bruno; cancel 1; must approve 1; wait 6; told 0"
        ),
        "a late sibling after the first approval": (
            f"{ONE}; fall 2; {SEEN}; must approve 1; fall 3; {SEEN}; must approve 1 bruno; wait 6; told 4"
        ),
    },
    ALONE: {
        "each customer once": f"fall 1 2 3; {SEEN}; must approve 1; wait 6; told 7",
        "a port in its cooldown is left out": (
            f"{ONE}; online 1 0; must approve 1; wait 6; {OVER}; wait 3700; {TWO}; must approve 2; wait 6;"
            " told 6"
        ),
        "only what was left out is still on": (
            f"{ONE}; online 1 0; must approve 1; wait 6; {OVER}; clock 7; {TWO}; must approve 2 l; ends 3;"
            f" poll; poll; {MORNING}; told 3"
        ),
        "a late sibling joins": f"{ONE}; fall 3; {SEEN}; must approve 1; wait 6; told 7",
        "a late sibling follows": f"{GO}; fall 3; {SEEN}; must approve 2; wait 6; told 7",
        "taken apart": (
            f"fall 1 2 3; {SEEN}; separate 1; must approve 1; must approve 2; must approve 3; wait 6; told 7"
        ),
        "taken apart, one is over": (
            f"fall 1 3; {SEEN}; separate 1; {OVER}; not approve 1; must approve 2; wait 6; told 4"
        ),
        "an alert that cannot be read": (
            f"{TWO}; unread 2; must approve 1; wait 6; told 4; readable; must approve 2; wait 6; told 7"
        ),
        "down again": f"{TOLD}; fall 1; {SEEN}; clock 25; not approve 1; wait 6; told 4",
        "down again before anybody was told": (
            f"{ONE}; {OVER}; fall 1; {SEEN}; must approve 1; wait 6; told 4"
        ),
        "it comes and goes": (
            f"{ONE}; ends 1; poll; poll; fall 1; {SEEN}; ends 2; poll; poll; fall 1; {SEEN}; ends 3; poll;"
            f" poll; fall 1; {SEEN}; not approve 1; wait 6; told 0; must approve 1 f; wait 6; told 4"
        ),
        "scheduled": f"{LATER}; told 0; {MORNING}; told 4",
        "scheduled, and over by then": f"{LATER}; {OVER}; {MORNING}; told 0",
        "scheduled, and partly over": f"{NIGHT}; {TWO}; must approve 1 l; {OVER}; {MORNING}; told 4",
        "scheduled, over and on again": f"{LATER}; {OVER}; fall 1; {SEEN}; {MORNING}; told 4",
        "scheduled, and reads as over": f"{LATER}; over 1; {MORNING}; told 0",
        "scheduled, not waited for": f"{LATER}; begin 1; wait 6; told 4; {MORNING}; told 4",
        "scheduled and taken back": f"{LATER}; cancel 1; {MORNING}; told 0; must approve 1; wait 6; told 4",
        "late for its time": f"{LATER}; crash; clock 24; poll; wait 6; told 0; {MORNING}; told 4",
        "scheduled, on an old copy": (
            f"{LATER}; wait 3600; old 3; wait 36000; poll; wait 6; told 0; confirm; poll; wait 6; told 4"
        ),
        "scheduled, a crash in mid-send": (
            f"{LATER}; wait 36000; gateway late late; poll; wait 6; crash; poll; wait 6; told 4"
        ),
        "the hours end in mid-send": (
            f"clock 5.99; {ONE}; must approve 1; gateway late late; wait 20; crash; poll; wait 6; told 2"
        ),
        "in mid-send, and a person's word": (
            f"clock 5.99; {ONE}; must approve 1; gateway late late; wait 20; crash; poll; not resume 1;"
            " must resume 1 n; wait 6; told 4"
        ),
        "now, at night": (
            f"{NIGHT}; {ONE}; must approve 1 n; gateway late late; wait 6; crash; poll; wait 6; told 4"
        ),
        "back": f"{TOLD}; must restore 1; wait 6; heard 4; not restore 1",
        "back, for who was warned": (
            f"gateway accepted rejected answer_lost held; {TOLD}; must restore 1; wait 6; heard 1"
        ),
        "back, and settled by people": (
            f"gateway answer_lost lost; {GO}; call 1; list 0; {OVER}; must restore 1; wait 6; heard 3"
        ),
        "back, but not everybody": f"{TOLD}; down 10; must restore 1; wait 6; heard 3; not restore 1",
        "back, but one of two ONUs": (
            f"{TWO}; must approve 1; wait 6; ends 1; ends 2; poll; poll; down 39; must restore 1; wait 6;"
            " heard 6"
        ),
        "back, nobody is online": (
            f"{TOLD}; down 1; must restore 1; wait 6; heard 0; up 1; must restore 1; wait 6; heard 4"
        ),
        "back, and down again before": f"{TOLD}; must restore 1; back 1; poll; wait 6; heard 0",
        "back, and down again in mid-send": (
            f"{TOLD}; gateway late late; must restore 1; wait 6; back 1; poll; land; wait 6; heard 2"
        ),
        "back, taken back": (
            f"{TOLD}; must restore 1; cancel -1; wait 6; heard 0; must restore 1; wait 6; heard 4"
        ),
        "back, stopped": (
            f"{TOLD}; gateway late late; must restore 1; wait 6; stop -1; land; wait 6; heard 2;"
            " not restore 1"
        ),
        "back, and a crash": (
            f"{TOLD}; gateway late late; must restore 1; wait 6; crash; poll; wait 6; not restore 1;"
            " wait 6; heard 4"
        ),
        "back, a crash and offline": (
            f"{TOLD}; gateway late late; must restore 1; wait 6; crash; down 1; poll; wait 6; heard 2"
        ),
        "back, resumed by a person": (
            f"{TOLD}; gateway late late; must restore 1; wait 6; crash; wait 400; poll; resume -1; wait 6;"
            " heard 4"
        ),
        "back, answers lost": (
            f"{TOLD}; gateway answer_lost lost; must restore 1; wait 6; resend -1; wait 6; list 0"
        ),
        "back, in the morning": (
            f"clock 5.9; {TOLD}; wait 600; not restore 1; must restore 1 l; wait 60; heard 0; wait 40000;"
            " poll; wait 6; heard 4"
        ),
        "back in the morning, on by then": (
            f"clock 5.9; {TOLD}; wait 600; must restore 1 l; back 1; poll; wait 40000; poll; wait 6; heard 0"
        ),
        "back, twice": (
            f"{TOLD}; must restore 1; wait 6; back 1; poll; {OVER}; not restore 1; wait 6; heard 4"
        ),
        "back too late": f"{TOLD}; clock 25; not restore 1; wait 6; heard 0",
    },
    AUTO: {
        "back by itself": f"{TOLD}; wait 6; heard 4; crash; poll; wait 6; poll; wait 6; heard 4",
        "by itself, one poll is not enough": (
            f"{GO}; ends 1; poll; wait 6; heard 0; back 1; poll; wait 6; heard 0"
        ),
        "by itself, for who was warned": (
            f"gateway accepted rejected answer_lost lost; {TOLD}; wait 6; heard 1"
        ),
        "by itself, nobody was warned": f"{ONE}; deny 1; {OVER}; wait 6; heard 0",
        "by itself, and a crash": (
            f"{GO}; gateway late late; {OVER}; wait 6; crash; poll; wait 6; poll; wait 6; heard 4"
        ),
        "by itself, down again in the countdown": (
            f"{TOLD}; back 1; poll; wait 6; heard 0; {OVER}; wait 6; heard 4"
        ),
        "by itself, down again in mid-send": (
            f"{GO}; gateway late late; {OVER}; wait 6; back 1; poll; land; wait 6; heard 2; {OVER};"
            " wait 6; heard 2"
        ),
        "by itself, down again, and stopped by a person": (
            f"{GO}; gateway late_rejected throttled rejected; {OVER}; wait 5.5; back 1; poll; wait 4;"
            " stop -1; land; wait 6; ends 1; poll; poll; wait 6; heard 0; must restore 1; wait 6; heard 4"
        ),
        "by itself, with a new incident": (
            f"{GO}; gateway late late; {OVER}; wait 6; fall 1; {SEEN}; land; wait 6; heard 2; ends 2; poll;"
            " poll; wait 6; heard 2"
        ),
        "by itself, in the morning": (
            f"clock 5.9; {GO}; wait 600; {OVER}; wait 6; heard 0; wait 40000; poll; wait 6; heard 4"
        ),
        "by itself in the morning, on by then": (
            f"clock 5.9; {GO}; wait 600; {OVER}; wait 6; back 1; poll; wait 40000; poll; wait 6; heard 0;"
            " ends 1; poll; poll; wait 6; heard 4"
        ),
        "by itself, an old copy": f"{GO}; {OVER}; old 3; poll; wait 6; poll; wait 6; told 4",
    },
}


def _count(noc: LifeNoc, what: str, expected: int) -> None:
    """How many messages of outages (`told`), or that service is back (`heard`), customers have."""
    got = sum((d.case < 0) == (what == "heard") for d in noc.truth.deliveries)
    noc.truth.check(got == expected, f"{got} messages, {what} should be {expected}")


async def _tap(noc: LifeNoc, what: str, rest: list[str]) -> None:
    number, said = int(rest[0]), [word for word in rest[1:] if word != "bruno"]
    if abs(number) in noc.book.cases:  # a crash may have kept it from existing
        await getattr(noc, what)(number, BRUNO if "bruno" in rest else ANA, *said)


async def play(noc: LifeNoc, step: str, *, crashed: bool = False) -> None:
    """One step of a story. Once a crash came between, only the promises hold, not how the story goes."""
    what, *rest = step.split()
    if what in {"must", "not"}:
        noc.said_yes = False
        await play(noc, " ".join(rest), crashed=crashed)
        noc.truth.check(crashed or noc.said_yes == (what == "must"), f"{step}: answered otherwise")
    elif what in {"told", "heard"}:
        if not crashed:
            _count(noc, what, int(rest[0]))
    elif what in AT_ONCE:
        AT_ONCE[what](noc, rest)
    elif what in TAPS:
        await _tap(noc, what, rest)
    else:
        await stories.play(noc, step)


AT_ONCE: dict[str, Callable[[LifeNoc, list[str]], object]] = {
    "fall": lambda noc, rest: noc.fall(rest),
    "unread": lambda noc, rest: noc.unreadable.update(rest),
    "readable": lambda noc, _: noc.unreadable.clear(),
    "down": lambda noc, rest: noc.down(rest[0]),
    "up": lambda noc, rest: noc.up(rest[0]),
    "few": lambda noc, _: noc.underestimates(),
}
TAPS = ("approve", "restore", "begin", "separate", "cancel", "stop", "resume", "deny", "close")
