"""The table of taps: every button has one row, and a card shows it if and only if its rule would say yes."""

import contextlib
from collections.abc import Iterator
from datetime import time, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.chat.screens import table
from bot.chat.screens.buttons import CARD_TAPS, Action, press_on, press_restore
from bot.chat.screens.cards.card import card
from bot.chat.screens.cards.rows import agreement
from bot.chat.screens.press import Press, Tap, Tapped
from bot.chat.screens.table import TAPS, decode, find
from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.events import Approved, CaseOpened, Intent, Line, Result, Settled, Started
from bot.domain.incident import Incident, Kind, Port
from bot.domain.limits.hours import Hours
from bot.domain.plan import Outcome
from bot.domain.rules import Rules
from bot.domain.who import Who
from tests.chat.screens import PT, ZONE, grouped, planned
from tests.chat.stories import life_of
from tests.fakes import ANA, NOON

CARLA = Who(9, "Carla")  # decided nothing yet
ANSWERS = {Action.DENY, Action.ETA, Action.CAUSE, Action.SILENCE, Action.SEPARATE}  # to what a card asks
STATED = {
    "unconfirmed": "Envio bloqueado",
    "cooldown": "em descanso",
    "port_busy": "em descanso",
}
"""Why a rule declines what a card offers, and where the card says so."""


def test_every_button_has_a_row_of_its_own() -> None:
    """Run with `-s`, it prints the table."""
    print()  # noqa: T201
    for tap in TAPS:
        who = "approvers" if tap.approver else "everybody"
        chats = "the group" if tap.group else "the group, private"
        where = f"{tap.page} page" if tap.page else tap.where
        says = tap.toast if isinstance(tap.toast, str) else getattr(tap.toast, "__name__", "")
        print(f"{tap.action:8} | {where:45} | {who:9} | {chats:18} | {tap.late!s:6} | {says}")  # noqa: T201
    assert {tap.action for tap in TAPS} == set(Action)
    rows = [(tap.action, tap.where, tap.page) for tap in TAPS]
    assert len(set(rows)) == len(rows)
    assert all(
        tap.rule is not None or tap.unfolds is not None for tap in CARD_TAPS if tap.action is not Action.BACK
    )


@pytest.mark.parametrize("tap", TAPS, ids=lambda tap: f"{tap.action.name} {tap.page or tap.where.name}")
def test_what_has_no_row_is_no_button(tap: Tap, monkeypatch: pytest.MonkeyPatch) -> None:
    args = (
        "",
        "1",
        "n",
        "60",
        "cable",
        "other",
        "60|works",
        "none",
        "sent|0|1|abc",
        "1.0",
        "1.o2",
        "1.2",
        "1.60.9",
    )
    written = [Press(tap.action, case, arg) for case in (0, 1, -1) for arg in args]
    mine = [press for press in written if find(press) is tap]
    assert mine
    monkeypatch.setattr(table, "TAPS", [other for other in TAPS if other is not tap])
    assert [decode(press.encode()) for press in mine] == [None] * len(mine)


def subjects(tap: Tap, book: Book) -> Iterator[Case]:
    yield book.cases[1]
    other = book.restored_by(1)
    if tap.second and other is not None:
        yield other


def press_of(tap: Tap, case: Case, book: Book, tapped_at: timedelta) -> Press:
    """The button as the card would have it."""
    if tap.action is Action.RESTORE:
        return press_restore(case, book)
    if tap.action is Action.UNMUTE:
        silence = book.silence_over(case, book.last_at + tapped_at)
        return Press(Action.UNMUTE, case.id, str(silence.id if silence else 1))
    return press_on(case, Action(tap.action), agreement(case) if tap.action is Action.APPROVE else "")


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_a_button_is_there_if_and_only_if_its_rule_would_not_decline(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from([Kind.LOS, Kind.POWER]), min_size=1, max_size=4))
    about = [
        Incident(str(n), kind, "pon_loss", Port(f"p{n}", "CB 01", f"{n % 2}/{n}"), NOON, 10)
        for n, kind in enumerate(kinds)
    ]
    elsewhere = Incident("x", Kind.LOS, "pon_loss", about[0].port, NOON, 3)
    begun: list[Line] = [Approved(2, ANA, (elsewhere.port,)), planned(1, case=2), Intent(2, "0")]
    ended: list[Line] = [Result(2, "0", Outcome.ACCEPTED), Settled(2, "done")]
    stories: list[list[Line]] = [[CaseOpened(2, elsewhere), *begun], ended, *life_of(about, ANA, "x")]
    stories.append([Started("3", data.draw(st.sampled_from([None, "views"])))])
    book = grouped(about=about)
    for lines in stories:
        if data.draw(st.booleans()):
            for line in lines:
                with contextlib.suppress(KeyError, IndexError, ValueError):  # without what comes before it
                    book.apply(book.last_at + timedelta(minutes=1), line)
    opens = data.draw(st.sampled_from([time(8), time(20)]))
    rules = Rules(
        restored=data.draw(st.booleans()),
        two_person_above=data.draw(st.sampled_from([0, 1])),
        customer_hours=Hours(opens, time(21), ZONE),
        dry_run=data.draw(st.booleans()),
    )
    later = data.draw(st.sampled_from([timedelta(0), timedelta(minutes=2), timedelta(hours=9)]))
    case, now = book.cases[1], book.last_at + later

    screen = card(case, book, now, PT, rules=rules, unfolded=True)

    drawn = [decode(button.data) for row in screen.rows for button in row]
    shown = {(press.action, press.case) for press in drawn if press is not None}
    for tap in CARD_TAPS:
        if tap.rule is None or tap.action in ANSWERS:
            continue
        for subject in subjects(tap, book):
            press = press_of(tap, subject, book, later)
            tapped = Tapped(press, CARLA, book, now, rules, PT)
            why = tap.declines(tapped)
            if (tap.action, subject.id) in shown:
                assert why is None or STATED[why] in screen.html, (tap.action.name, why, screen.html)
            else:
                assert not tap.shown(tapped), (tap.action.name, subject.state, screen.html)
