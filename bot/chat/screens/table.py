"""The table of taps: every button that there is has a row, and what has none is no button of ours."""

from collections.abc import Callable
from typing import Any

from bot.chat.screens.arguments import decimal, fits_choice, fits_counted, fits_many, fits_prolong
from bot.chat.screens.buttons import CARD_TAPS, SENDS, Action
from bot.chat.screens.press import Kind, Press, Tap, Where
from bot.domain.case import restored_of


def _anything(_arg: str) -> bool:
    return True  # the page reads it


def _page(page: Kind, action: Action, fits: Callable[[str], bool] = _anything, **more: Any) -> Tap:
    return Tap(action=action, where=Where.PAGE, page=page, fits=fits, **more)


TAPS = (
    *CARD_TAPS,
    Tap(action=Action.DETAILS, where=Where.FROM_CARD, approver=False),
    _page(Kind.DETAILS, Action.DETAILS, bool, approver=False, group=False, reader=True),
    _page(Kind.DETAILS, Action.DETAILS_CSV, group=False),
    _page(Kind.AUDIT, Action.AUDIT, approver=False, group=False, reader=True),
    _page(Kind.AUDIT, Action.AUDIT_CSV, group=False),
    _page(Kind.AUDIT, Action.AUDIT_JSON, group=False),
    _page(Kind.COOLDOWN, Action.COOLDOWN, group=False),
    _page(Kind.COOLDOWN, Action.ASK_RELEASE, group=False),
    _page(Kind.COOLDOWN, Action.RELEASE, group=False, late="no"),
    Tap(action=Action.DOUBTS, where=Where.FROM_CARD, second=True),
    _page(Kind.DOUBTS, Action.DOUBTS, decimal, reader=True, second=True),
    _page(Kind.DOUBTS, Action.DOUBTS_CSV, reader=True, second=True),
    _page(Kind.DOUBTS, Action.ASK_CHOOSE, reader=True, second=True),
    _page(Kind.DOUBTS, Action.ASK_AGAIN, reader=True, second=True),
    _page(Kind.DOUBTS, Action.CHOOSE, reader=True, second=True, alone=True, late="no"),
    Tap(action=Action.ASK_CONFIRM, where=Where.NOTICE, fits=_anything),
    Tap(action=Action.CONFIRM, where=Where.NOTICE, alone=True, late="no"),
    Tap(action=Action.PROLONG, where=Where.NOTICE, fits=fits_prolong, late="no"),
    _page(Kind.STATUS, Action.UNMUTE, decimal, late="no"),
    Tap(action=Action.DIGEST, where=Where.LIST, approver=False, fits=decimal),
    Tap(action=Action.OPEN_CARD, where=Where.LIST, approver=False),
    Tap(action=Action.ASK_MANY, where=Where.LIST),
    _page(Kind.MANY, Action.MANY, fits_many, reader=True),
    _page(Kind.MANY, Action.ASK_DECIDE_MANY, fits_counted, reader=True),
    _page(Kind.MANY, Action.DECIDE_MANY, fits_counted, reader=True, alone=True, late="no"),
    _page(Kind.MANY, Action.CANCEL_MANY, fits_counted, reader=True),
    _page(Kind.MANY, Action.LOOK_MANY, fits_counted, reader=True),
    _page(Kind.CUSTOMER, Action.CUSTOMER, fits_choice, group=False, reader=True),
    _page(Kind.TIME, Action.TIME_AT, decimal, group=False, reader=True, late="no"),
    _page(Kind.TIME, Action.TIME_IN, decimal, group=False, reader=True, late="no"),
)


def find(press: Press) -> Tap | None:
    """The row of a press; None where this program never writes such a button."""
    return next((tap for tap in TAPS if tap.action == press.action and _fits(tap, press)), None)


def _fits(tap: Tap, press: Press) -> bool:
    if restored_of(press.case) is not None and not tap.second:
        return False
    if tap.action is Action.UNMUTE and (tap.where is Where.CARD) != bool(press.case):
        return False
    return tap.fits(press.arg)


def decode(data: str | None) -> Press | None:
    """The press behind callback data; None for anything this program never wrote."""
    action, _, rest = (data or "").partition(":")
    about, _, arg = rest.partition(":")
    case, dot, runs = about.partition(".")
    if action not in set(Action) or not decimal(case.removeprefix("-")):
        return None
    if dot and (action not in SENDS or not decimal(runs) or runs.startswith("0")):
        return None
    press = Press(Action(action), int(case), arg, int(runs) if dot else 0)
    if case.startswith("-") and not press.case:
        return None
    return press if find(press) is not None else None
