"""What a clock that was ahead dated in the future, brought back to the present.

Pure, and only called where a person confirmed that the clock is right now (`events.Confirmed.clock`).
"""

from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from bot.domain.book import Book
from bot.domain.dispatch import Phase
from bot.domain.incident import Incident, Port
from bot.domain.plan import Facts, Receipt, Recipient
from bot.domain.who import Who

AHEAD = timedelta(minutes=10)
"""A ledger that ends further ahead of the clock was written on a clock that was wrong, or is read on one."""
LONGEST_FORECAST = timedelta(days=7)
"""An expected end further away than this was said on the clock that was wrong."""
_AHEAD = {"due", "until", "eta"}  # these may be after now
_AS_THEY_ARE = (Incident, Port, Facts, Receipt, Recipient, Who, Enum)


def bring_back(book: Book, now: datetime) -> None:
    """Nothing of the book happened after `now`; what was to come later than that counts from `now`.

    So a port and a customer rest their full time from the confirmation on, which is never too short; a
    silence that began in the future is over; what was to be sent in the future is due, within the customers'
    hours; an interrupted dispatch, whose age nobody knows, only goes on by a person's word.
    """
    for number in book.running:
        dispatch = book.cases[number].dispatches[-1]
        dispatch.broken = dispatch.broken or (dispatch.phase is Phase.INTERRUPTED and dispatch.last_at > now)
        if dispatch.due is not None and dispatch.at > now:
            dispatch.due = now
    for number, silence in book.silences.items():
        if silence.since > now:
            book.silences[number] = replace(silence, until=now)
    # One that ended long ago may have left the others.
    book.lasting = [book.silences.get(silence.id, silence) for silence in book.lasting]
    for case in book.cases.values():
        if case.eta is not None and case.eta > now + LONGEST_FORECAST:
            case.eta = case.eta_by = None
    book.audit[:] = [replace(entry, at=min(entry.at, now)) for entry in book.audit]
    book.heard_at = _past(book.heard_at, now)
    for part in (book.cases, book.reservations, book.spells, book.falls, book.silences, book.lasting):
        _past(part, now)
    for key, contact in book.contacts.items():  # of the customers of three months few are changed
        if contact.at > now:
            book.contacts[key] = contact._replace(at=now)
    _past(book.announced, now)
    _past(book.handed_over, now)
    _past(book.touched, now)
    _past(book.templates, now)
    _past(book.written, now)
    book.days = [began for began in book.days if began <= now]


def ends_in_the_future(at: datetime, clock: datetime) -> bool:
    """Whether something is dated later than now by more than clocks are off."""
    return at - clock > AHEAD


def _past(value: Any, now: datetime) -> Any:
    """The value with no time after `now`; what can be changed is changed in place."""
    if isinstance(value, datetime):
        return min(value, now)
    if isinstance(value, dict):
        for key, inner in value.items():  # not `update`: a Counter would add
            value[key] = _past(inner, now)
    elif isinstance(value, list):
        value[:] = [_past(inner, now) for inner in value]
    elif isinstance(value, tuple):
        return _tuple(value, now)
    elif is_dataclass(value) and not isinstance(value, _AS_THEY_ARE):
        return _fields(value, now)
    return value


def _tuple(value: tuple[Any, ...], now: datetime) -> tuple[Any, ...]:
    make: Callable[[Iterable[Any]], tuple[Any, ...]] = getattr(value, "_make", tuple)  # a named one stays so
    return make(_past(inner, now) for inner in value)


def _fields(value: Any, now: datetime) -> Any:
    changed = {}
    for name in (field.name for field in fields(value) if field.name not in _AHEAD):
        was = getattr(value, name)
        new = _past(was, now)
        if new is not was and new != was:
            changed[name] = new
    if not changed:
        return value
    if value.__dataclass_params__.frozen:
        return replace(value, **changed)
    for name, new in changed.items():
        setattr(value, name, new)
    return value
