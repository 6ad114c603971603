"""What a tap on a card commits, where that takes more than a line, and what its toast says."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from bot.chat.screens.arguments import DENY_REASONS, FLAPPING, LATER, NO_ETA, NOW, agreed_in, most_in
from bot.chat.screens.press import Said, Tapped
from bot.domain.case import SECOND_WITHIN, CaseState
from bot.domain.events import Approved, CauseNamed, Forecast, Line, Proposed, Silenced
from bot.domain.limits.holds import Terms
from bot.errors import Declined
from bot.ports import Write
from bot.steps import decide, describe

ROUNDED_TO = 300  # seconds: an expected end that is tapped is no promise to the second


def terms(tapped: Tapped) -> Terms:
    """What the person answered, and how often the case had been set going, out of a button."""
    arg = tapped.press.arg
    hours: Literal["now", "later"] | None = "now" if NOW in arg else "later" if LATER in arg else None
    return Terms(FLAPPING in arg, hours, agreed_in(arg), tapped.press.runs, most=most_in(arg))


def approve(t: Tapped) -> Write:
    """An approval, as what the card told."""
    return decide.approve(t.press.case, t.who, t.rules, replace(terms(t), shown=t.asked, need=t.need))


def deny(t: Tapped) -> Write:
    """A denial, for a reason that the card offers."""
    if t.press.arg not in DENY_REASONS:
        raise Declined("unknown_button")
    return decide.deny(t.press.case, t.who, t.press.arg)


def forecast(t: Tapped) -> Write:
    """The expected end, so many minutes ahead."""
    if t.press.arg == NO_ETA:
        return describe.forecast(t.press.case, t.who, None)
    eta = rounded_up(t.now + timedelta(minutes=int(t.press.arg)))
    return describe.forecast(t.press.case, t.who, eta)


def rounded_up(at: datetime) -> datetime:
    """The next full five minutes."""
    return datetime.fromtimestamp(math.ceil(at.timestamp() / ROUNDED_TO) * ROUNDED_TO, UTC)


def silence(t: Tapped) -> Write:
    """Planned work where the case is, for so many minutes."""
    minutes, _, why = t.press.arg.partition("|")
    reason = t.words.plain(f"mute.{why or 'works'}")  # a button of before had no reason
    until = t.now + timedelta(minutes=int(minutes))
    return describe.silence(describe.scopes_of(t.case), t.who, until, reason, t.press.case)


def claimed(now: str, at_once: str, scheduled: str) -> Callable[[Tapped, Sequence[Line]], Said]:
    """What the approver is told that the tap came to: the first of two, `scheduled`, or to be sent `now`.

    That is `at_once` where there is no countdown.
    """

    def said(tapped: Tapped, lines: Sequence[Line]) -> Said:
        if any(isinstance(line, Proposed) for line in lines):
            return "proposed", {"minutes": int(SECOND_WITHIN.total_seconds() / 60)}
        due = next((line.due for line in lines if isinstance(line, Approved)), None)
        if due is not None:
            return scheduled, {"until": due, "now": tapped.now}
        seconds = tapped.rules.undo_seconds
        return (now, {"seconds": seconds}) if seconds > 0 else (at_once, {})

    return said


def separate(t: Tapped) -> Write:
    """Taking it apart, as the card asked; cards of before did not say about how many incidents."""
    asked = int(t.press.arg) if t.press.arg else None
    return describe.separate(t.press.case, t.who, t.rules, t.inventory, asked)


def unmuted(tapped: Tapped, _lines: Sequence[Line]) -> Said:
    """It is loud again, or another silence lies over it."""
    other = tapped.book.silence_over(tapped.case, tapped.now)
    until = other.until if other is not None else None
    return "unmuted" if other is None else "still_silent", {"now": tapped.now, "until": until}


def expected(tapped: Tapped, lines: Sequence[Line]) -> Said:
    """When the outage is expected to end."""
    eta = next(line.eta for line in lines if isinstance(line, Forecast))
    return "forecast", {"now": tapped.now, "until": eta}


def named(_tapped: Tapped, lines: Sequence[Line]) -> Said:
    """The cause."""
    return "cause_named", {"cause": next(line.cause for line in lines if isinstance(line, CauseNamed))}


def silenced(tapped: Tapped, lines: Sequence[Line]) -> Said:
    """Until when it is silent."""
    return "silenced", {
        "now": tapped.now,
        "until": next(line.until for line in lines if isinstance(line, Silenced)),
    }


def undecided(tapped: Tapped) -> bool:
    """Whether the case waits for a decision, and is heard of."""
    return tapped.case.undecided and tapped.book.silence_over(tapped.case, tapped.now) is None


def muted(tapped: Tapped) -> bool:
    """Whether the case waits for a decision, and lies in a silence."""
    return tapped.case.undecided and tapped.book.silence_over(tapped.case, tapped.now) is not None


def not_sending(tapped: Tapped) -> bool:
    """Whether nothing has left yet: what is under way is stopped, by a button of its own."""
    return tapped.case.state is not CaseState.SENDING


def waits_for_people(tapped: Tapped) -> bool:
    """Whether what was interrupted does not go on by itself."""
    return decide.goes_on_until(tapped.case, tapped.book, tapped.rules, tapped.now) is None


def noted(tapped: Tapped) -> bool:
    """Whether there is room on the card for what is expected: it waits for its time, or is decided."""
    case = tapped.case
    if case.running:
        return case.state is CaseState.SCHEDULED
    return not case.undecided or undecided(tapped)
