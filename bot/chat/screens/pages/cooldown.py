"""The ports in cooldown, and releasing one before its time."""

import hashlib
from collections.abc import Collection
from datetime import datetime

from markupsafe import Markup

from bot.chat.screens.buttons import Action
from bot.chat.screens.cards.head import in_order, ports_line
from bot.chat.screens.fitting import LINE, fit, page_buttons
from bot.chat.screens.press import Press
from bot.chat.screens.screen import Button, Screen
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.incident import Port
from bot.domain.limits.cooldown import Reservation, free_at

RELEASE_REASONS = ("new_outage", "test", "other")
_A_PAGE = 15
_PORTS_AT_MOST = 160  # UTF-16 units of a case's ports: some four lines on a phone
_KEY_BYTES = 40  # what `free:0:new_outage|` leaves of 64 bytes, with room to spare


def cooldown(
    book: Book,
    now: datetime,
    words: Words,
    hours: float,
    *,
    may_release: bool,
    closed: bool = False,
    page: int = 0,
    unknown: Collection[str] = (),
) -> Screen:
    """The ports in cooldown, the longest wait last; page by page with a button each for who may release them.

    `closed` is the ledger: then nobody may. A page that is not there: the nearest. `unknown` are regions that
    are left out (`Whose`).
    """
    first = [words.say("card.ledger_closed")] if closed else []
    first += [words.say("page.unknown", regions=sorted(unknown))] if unknown else []
    waits = cooling(book, now, hours)
    if not waits:
        return Screen(str(LINE.join([*first, words.say("cooldown.none")])))
    may_release = may_release and not closed
    pages = -(-len(waits) // _A_PAGE) if may_release else 1
    page = min(max(page, 0), pages - 1)
    shown = waits[page * _A_PAGE :][:_A_PAGE] if may_release else waits
    head = [*first, words.say("cooldown.head", n=len(waits))]
    text = fit(
        [*head, words.say("page.of", page=page + 1, pages=pages)] if pages > 1 else head,
        (cooling_row(until, reservation, words, now) for until, reservation in shown),
        words,
        of=len(shown),
    )
    if not may_release:
        return Screen(str(text))
    turn = page_buttons(page, pages, words, lambda to: Press(Action.COOLDOWN, 0, str(to)))
    rows = tuple(
        (
            Button(
                words.plain("button.release", port=reservation.port),
                Press(Action.ASK_RELEASE, 0, port_token(reservation.port)).encode(),
            ),
        )
        for _, reservation in shown
    )
    return Screen(str(text), (*rows, turn) if turn else rows)


def cooling(book: Book, now: datetime, hours: float) -> list[tuple[datetime, Reservation]]:
    """The ports in cooldown with the time they free up, soonest first."""
    waits = [
        (free_at(reservation, now, hours), reservation)
        for reservation in book.reservations.values()
        if book.shows_at(reservation.port.olt)
    ]
    held = [(until, reservation) for until, reservation in waits if until is not None]
    return sorted(held, key=lambda wait: (wait[0], in_order(wait[1].port)))


def cooling_row(until: datetime, reservation: Reservation, words: Words, now: datetime) -> Markup:
    """One port in cooldown: until when, and who sent what to it."""
    return words.say(
        "cooldown.row",
        port=reservation.port,
        until=until,
        now=now,
        left=until - now,
        case=reservation.case,
        by=reservation.by,
    )


def resting_cases(
    book: Book, now: datetime, hours: float
) -> list[tuple[datetime, datetime, list[Reservation]]]:
    """The ports in cooldown by case: when the first and the last of its ports free up; soonest first."""
    cases: dict[int, list[tuple[datetime, Reservation]]] = {}
    for until, reservation in cooling(book, now, hours):
        cases.setdefault(reservation.case, []).append((until, reservation))
    return [(waits[0][0], waits[-1][0], [r for _, r in waits]) for waits in cases.values()]


def resting_row(
    first: datetime, last: datetime, of_case: list[Reservation], words: Words, now: datetime
) -> Markup:
    """One case whose ports are in cooldown."""
    if len(of_case) == 1:
        return cooling_row(last, of_case[0], words, now)
    ports = [reservation.port for reservation in of_case]
    olts = {port.olt_key for port in ports}
    listed = ports_line(ports, words, _PORTS_AT_MOST)
    row = {"olt": ports[0].olt if len(olts) == 1 else None, "ports": listed, "n": len(ports)}
    until = {"started": None if first == last else first, "until": last, "left": last - now}
    return words.say("cooldown.row_of_case", **row, **until, now=now, case=of_case[0].case, by=of_case[0].by)


def ask_release(port: Port, words: Words) -> Screen:
    """Why a port is to be released before its time."""
    reasons = tuple(
        Button(
            words.plain(f"release.{reason}"),
            Press(Action.RELEASE, 0, f"{reason}|{port_token(port)}").encode(),
            "danger",
        )
        for reason in RELEASE_REASONS
    )
    back = Button(words.plain("button.back"), Press(Action.COOLDOWN).encode())
    return Screen(str(words.say("cooldown.ask", port=port)), (reasons, (back,)))


def read_release(arg: str) -> tuple[str, str] | None:
    """The reason and the port's token of a `RELEASE` press; None for a reason that is not offered."""
    reason, _, token = arg.partition("|")
    return (reason, token) if reason in RELEASE_REASONS else None


def port_token(port: Port) -> str:
    """The port's key where callback data has room for it, else a hash of it."""
    if len(port.key.encode()) <= _KEY_BYTES:
        return port.key
    return f"#{hashlib.sha256(port.key.encode()).hexdigest()[:16]}"


def port_of(book: Book, token: str) -> Port | None:
    """The reserved port behind a token, None where it is reserved no more."""
    ports = (reservation.port for reservation in book.reservations.values())
    return next((port for port in ports if port_token(port) == token), None)
