"""What buttons ask for, and the buttons of a card: a row each. Those of lists and pages are in `table.py`."""

from collections.abc import Mapping
from enum import StrEnum

from bot.chat.screens.arguments import (
    CAUSES,
    LATER,
    MINUTES,
    NO_ETA,
    NOW,
    SILENCES,
    decimal,
    fits_approve,
    one_of,
)
from bot.chat.screens.outcomes import (
    approve,
    claimed,
    deny,
    expected,
    forecast,
    muted,
    named,
    not_sending,
    noted,
    separate,
    silence,
    silenced,
    terms,
    undecided,
    unmuted,
    waits_for_people,
)
from bot.chat.screens.press import Press, Question, Tap, Where
from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.events import Cancelled
from bot.steps import decide, delay, describe, restore


class Action(StrEnum):
    """What a button asks for."""

    APPROVE = "ok"
    ASK_DENY = "no?"
    DENY = "no"
    BACK = "back"
    CANCEL = "undo"
    STOP = "stop"
    RESUME = "go"
    CLOSE = "end"
    DETAILS = "who"
    DETAILS_CSV = "who.csv"
    AUDIT = "log"
    AUDIT_CSV = "log.csv"
    AUDIT_JSON = "log.json"
    ASK_RELEASE = "free?"
    RELEASE = "free"
    COOLDOWN = "cool"
    DOUBTS = "unk"
    DOUBTS_CSV = "unk.csv"
    ASK_CHOOSE = "unk?"
    ASK_AGAIN = "unk??"
    CHOOSE = "unk!"
    ASK_CONFIRM = "sure?"
    CONFIRM = "sure"
    RESTORE = "up"
    UNTOLD = "up.no"
    BEGIN = "begin"
    ASK_SEPARATE = "apart?"
    SEPARATE = "apart"
    ASSUME = "mine"
    ASK_ETA = "eta?"
    ETA = "eta"
    ASK_CAUSE = "why?"
    CAUSE = "why"
    ASK_SILENCE = "mute?"
    SILENCE = "mute"
    UNMUTE = "unmute"
    PROLONG = "mute+"
    DIGEST = "list"
    OPEN_CARD = "card"
    TIME_AT = "at"
    TIME_IN = "in"
    MORE = "more"
    LESS = "less"
    CUSTOMER = "cust"
    ASK_MANY = "many?"
    MANY = "many"
    ASK_DECIDE_MANY = "many??"
    DECIDE_MANY = "many!"
    CANCEL_MANY = "many.no"
    LOOK_MANY = "many.see"


_MINUTES = frozenset(str(minutes) for minutes in MINUTES)
_SILENCE_QUESTIONS: Mapping[str, Question] = {
    "": "silence",
    "works": "silence_works",
    "maintenance": "silence_maintenance",
    "known": "silence_known",
}


def press_on(case: Case, action: Action, arg: str = "") -> Press:
    """A button about the case as it is now."""
    return Press(action, case.id, arg, case.runs if action in SENDS else 0)


def press_restore(case: Case, book: Book, arg: str = "") -> Press:
    """The button that has people told that the case is over, as often as that was tried so far."""
    other = book.restored_by(case.id)
    return Press(Action.RESTORE, case.id, arg, other.runs if other is not None else 0)


CARD_TAPS = (
    Tap(
        action=Action.APPROVE,
        where=Where.CARD,
        fits=fits_approve,
        decides=True,
        rule=approve,
        toast=claimed("approved", "approved_now", "scheduled"),
        sends=True,
        late="ask",
    ),
    Tap(
        action=Action.ASK_DENY,
        where=Where.CARD,
        rule=lambda t: decide.check(t.press.case),
        asks=lambda _press: "deny",
        folds=False,
        offered=undecided,
    ),
    Tap(
        action=Action.DENY,
        where=Where.CARD,
        fits=bool,
        decides=True,
        rule=deny,
        toast=lambda t, _: ("denied_other" if t.press.arg == describe.OTHER else "denied", {}),
        late="ask",
    ),
    Tap(action=Action.BACK, where=Where.CARD, folds=False),
    Tap(action=Action.MORE, where=Where.CARD, clears=False, folds=False, unfolds=True),
    Tap(action=Action.LESS, where=Where.CARD, clears=False, folds=False, unfolds=False),
    # Whoever cancels or stops wants no message to leave, late or not.
    Tap(
        action=Action.CANCEL,
        where=Where.CARD,
        second=True,
        rule=lambda t: decide.cancel(t.press.case, t.who),
        toast=lambda _, lines: ("cancelled" if isinstance(lines[0], Cancelled) else "stopping", {}),
        clears=False,
        offered=not_sending,
    ),
    Tap(
        action=Action.STOP,
        where=Where.CARD,
        second=True,
        rule=lambda t: decide.stop(t.press.case, t.who),
        toast="stopping",
        clears=False,
    ),
    Tap(
        action=Action.RESUME,
        where=Where.CARD,
        fits=one_of("", NOW),
        second=True,
        rule=lambda t: decide.resume(t.press.case, t.who, t.rules, terms(t)),
        toast="resumed",
        offered=waits_for_people,
        sends=True,
        late="ask",
    ),
    Tap(
        action=Action.CLOSE,
        where=Where.CARD,
        second=True,
        rule=lambda t: decide.close(t.press.case, t.who),
        toast="closed",
        clears=False,
        late="ask",
        offered=waits_for_people,
    ),
    Tap(
        action=Action.RESTORE,
        where=Where.CARD,
        fits=one_of("", NOW, LATER),
        rule=lambda t: restore.restore(t.press.case, t.who, t.rules, terms(t)),
        toast=claimed("restoring", "restoring_now", "restoring_scheduled"),
        sends=True,
        late="ask",
    ),
    Tap(
        action=Action.UNTOLD,
        where=Where.CARD,
        rule=lambda t: restore.keep_untold(t.press.case, t.who, t.rules),
        toast="untold",
        late="ask",
    ),
    Tap(
        action=Action.BEGIN,
        where=Where.CARD,
        second=True,
        rule=lambda t: delay.begin(t.press.case, t.who, t.rules, t.press.runs),
        toast=lambda t, _: ("begun", {"seconds": t.rules.undo_seconds}),
        sends=True,
        late="ask",
        label="send_now",
    ),
    Tap(
        action=Action.ASSUME,
        where=Where.CARD,
        rule=lambda t: describe.assume(t.press.case, t.who),
        toast=lambda t, _: ("assumed", {"case": t.press.case}),
        late="ask",
        beside=True,
        offered=undecided,
    ),
    Tap(
        action=Action.ASK_SILENCE,
        where=Where.CARD,
        fits=one_of(*_SILENCE_QUESTIONS),
        rule=lambda t: describe.check_loud(t.press.case),
        asks=lambda press: _SILENCE_QUESTIONS[press.arg],
        folds=False,
        label="silence",
        beside=True,
        offered=undecided,
    ),
    Tap(
        action=Action.SILENCE,
        where=Where.CARD,
        fits=one_of(*_MINUTES, *(f"{minutes}|{why}" for minutes in MINUTES for why in SILENCES)),
        rule=silence,
        toast=silenced,
        late=Action.ASK_SILENCE,
    ),
    Tap(
        action=Action.UNMUTE,
        where=Where.CARD,
        fits=decimal,
        rule=lambda t: describe.end_silence(int(t.press.arg), t.who, over=t.press.case),
        toast=unmuted,
        late="ask",
        offered=muted,
    ),
    Tap(
        action=Action.ASK_ETA,
        where=Where.CARD,
        rule=lambda t: describe.check_on(t.press.case),
        asks=lambda _press: "eta",
        folds=False,
        label="eta",
        beside=True,
        offered=noted,
    ),
    Tap(
        action=Action.ETA,
        where=Where.CARD,
        fits=one_of(*_MINUTES, NO_ETA),
        rule=forecast,
        toast=expected,
        late=Action.ASK_ETA,
    ),
    Tap(
        action=Action.ASK_CAUSE,
        where=Where.CARD,
        rule=lambda t: describe.check_on(t.press.case),
        asks=lambda _press: "cause",
        folds=False,
        label="cause",
        beside=True,
        offered=noted,
    ),
    Tap(
        action=Action.CAUSE,
        where=Where.CARD,
        fits=one_of(*CAUSES),
        rule=lambda t: describe.name_cause(t.press.case, t.who, t.words.plain(f"why.{t.press.arg}")),
        toast=named,
        late=Action.ASK_CAUSE,
    ),
    Tap(
        action=Action.ASK_SEPARATE,
        where=Where.CARD,
        rule=lambda t: describe.check_separable(t.press.case),
        asks=lambda _press: "separate",
        folds=False,
        label="separate",
        beside=True,
        offered=undecided,
    ),
    Tap(
        action=Action.SEPARATE,
        where=Where.CARD,
        fits=lambda arg: not arg or decimal(arg),
        rule=separate,
        toast=lambda _, lines: ("separated", {"n": len(lines)}),
        late=Action.ASK_SEPARATE,
    ),
)
SENDS = frozenset(tap.action for tap in CARD_TAPS if tap.sends)
"""What has something sent: each names the runs that its card showed (`Case.runs`)."""
BESIDE = tuple(tap for tap in CARD_TAPS if tap.beside)
"""What may be done beside deciding, in the order of the card."""
