"""What may stand in a button's argument."""

import re
from collections.abc import Callable

FLAPPING = "f"
"""In the argument of APPROVE: although the port oscillates."""
AGREED = "g"
"""In the argument of APPROVE, before a number: to so many customers, more than were asked about first."""
MOST = "m"
"""In the argument of APPROVE, before a number: to the first so many alone, as today's limit holds no more."""
NOW, LATER = "n", "l"
"""In the argument of APPROVE, RESTORE and RESUME: what to do outside the customers' hours."""
MINUTES = (60, 120, 240, 480)
"""How long an expected end lies ahead, and a silence lasts, where it is tapped."""
LONGER = (60, 240)
"""Minutes that a silence lasts longer, where it is tapped below what says that it ends."""
NO_ETA = "none"
DENY_REASONS = ("maintenance", "false_alarm", "already_told", "other")
SILENCES = ("works", "maintenance", "known")
"""Why it is silent, where that is tapped: planned work, maintenance, an outage that is being worked on."""
ALL, NONE = "all", "none"
"""In the argument of MANY: every case that is offered, or no case."""
CAUSES = ("cable", "power", "equipment", "vandalism", "works", "unknown")

_NUMBER_AGREED = re.compile(rf"^{AGREED}[1-9][0-9]{{0,6}}")
_NUMBER_MOST = re.compile(rf"^{MOST}[1-9][0-9]{{0,6}}")


def agreed_in(arg: str) -> int | None:
    """To how many customers the argument of an APPROVE agrees; None where it says nothing of it."""
    found = _NUMBER_AGREED.match(arg)
    return int(found[0].removeprefix(AGREED)) if found else None


def most_in(arg: str) -> int | None:
    """To how many of its people the argument of an APPROVE sends alone; None where to all of them."""
    found = _NUMBER_MOST.match(_NUMBER_AGREED.sub("", arg))
    return int(found[0].removeprefix(MOST)) if found else None


def with_most(arg: str, most: int) -> str:
    """The argument of an APPROVE, but to the first so many alone."""
    agreed = _NUMBER_AGREED.match(arg)
    before = "" if agreed is None else agreed[0]
    return f"{before}{MOST}{most}{_NUMBER_MOST.sub('', arg.removeprefix(before))}"


def one_of(*args: str) -> Callable[[str], bool]:
    """Whether a text is one of these."""
    return frozenset(args).__contains__


def decimal(text: str) -> bool:
    """Whether the text is a number in plain digits."""
    return text.isascii() and text.isdecimal()


def fits_choice(arg: str) -> bool:
    """Whether a CUSTOMER is ever written with it: a list that was shown, and whom of it, if anybody."""
    shown, dot, which = arg.partition(".")
    return bool(dot) and decimal(shown) and (not which or decimal(which))


def fits_approve(arg: str) -> bool:
    """Whether an APPROVE is ever written with it."""
    rest = _NUMBER_MOST.sub("", _NUMBER_AGREED.sub("", arg))
    return rest in {
        "",
        FLAPPING,
        NOW,
        LATER,
        FLAPPING + NOW,
        FLAPPING + LATER,
    }


_MANY = re.compile(rf"[0-9]{{1,9}}\.(?:{ALL}|{NONE}|o[0-9]{{1,4}}|p[0-9]{{1,3}})", re.ASCII)
_COUNTED = re.compile(rf"[0-9]{{1,9}}\.[1-9][0-9]{{0,4}}[{NOW}{LATER}]?", re.ASCII)


_PROLONG = re.compile(rf"[0-9]{{1,9}}\.(?:{'|'.join(map(str, LONGER))})\.[0-9]{{1,11}}", re.ASCII)


def fits_prolong(arg: str) -> bool:
    """Whether a PROLONG is ever written with it: a silence, how much longer, and when it ends now."""
    return _PROLONG.fullmatch(arg) is not None


def fits_many(arg: str) -> bool:
    """Whether a MANY is ever written with it: a page that was shown, and what of it."""
    return _MANY.fullmatch(arg) is not None


def fits_counted(arg: str) -> bool:
    """The same of what says about how many cases it is."""
    return _COUNTED.fullmatch(arg) is not None
