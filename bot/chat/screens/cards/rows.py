"""The buttons of a case's card."""

from collections.abc import Sequence
from datetime import datetime

from bot.chat.screens.arguments import AGREED
from bot.chat.screens.buttons import BESIDE, Action, press_on
from bot.chat.screens.cards.notes import proposed
from bot.chat.screens.cards.restored import Rows, restored_rows, stopping
from bot.chat.screens.cards.results import at_rest, to_call
from bot.chat.screens.press import Press, Tapped
from bot.chat.screens.screen import Button, Style
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.case import Case, CaseState
from bot.domain.rules import Rules
from bot.domain.who import BOT
from bot.steps.decide import goes_on_until
from bot.steps.describe import parts

AT_ONCE = 4  # buttons; where there are more, two cards fill a phone
_AT_WORK = {CaseState.COUNTDOWN, CaseState.SENDING}


def rows(
    case: Case,
    book: Book,
    now: datetime,
    words: Words,
    rules: Rules,
    *,
    closed: bool = False,
    unfolded: bool = False,
) -> Rows:
    """What may be tapped now. An ended outage keeps what an unfinished dispatch needs, its news, and who was
    told of it.

    Of many buttons those that decide come first, and the others once the card is `unfolded`. While the ledger
    is `closed` nobody is invited to tell those who wait for news.
    """
    shown: Rows = ()
    on = case.ended_at is None
    if goes_on_until(case, book, rules, now) is not None:
        shown = details_row(case, words)
    elif case.running:
        shown = _of_dispatch(case, words, rules)
    elif on and case.undecided:
        shown = _undecided(case, book, now, words, rules)
    elif on:
        shown = details_row(case, words)
    more = _beside(case, book, now, words, rules)
    other = book.restored_by(case.id)
    doubts = (*_doubt_row(case, words), *(_doubt_row(other, words) if other is not None else ()))
    back = () if closed else restored_rows(case, book, now, words, rules)
    if not on and not shown and planned(case):
        back = (*back, *details_row(case, words))
    many = sum(map(len, (*shown, more, *back, *doubts))) > AT_ONCE
    if not many:
        return (*shown, *_pairs(more), *back, *doubts)
    if more:
        fold, unfold = _button(case, words, "less", Action.LESS), _button(case, words, "more", Action.MORE)
        shown = (*shown[:-1], (*shown[-1], fold if unfolded else unfold))
    return (*shown, *(_pairs(more) if unfolded else ()), *back, *doubts)


def planned(case: Case) -> bool:
    """Whether somebody was to be told of it: who was, and who was not, may be asked."""
    return case.dispatch is not None and case.dispatch.progress is not None


def halting(case: Case, book: Book, words: Words, rules: Rules) -> Rows:
    """What stops its sends, and those of its second message: no question takes that away."""
    first = _of_dispatch(case, words, rules) if case.state in _AT_WORK else ()
    other = book.restored_by(case.id)
    return (*first, *(stopping(case, other, words) if other is not None else ()))


def details_row(case: Case, words: Words) -> Rows:
    """All that is left where nothing can be decided."""
    return ((_button(case, words, "details", Action.DETAILS),),)


def may_separate(case: Case, now: datetime, rules: Rules) -> int:
    """How many cards it would be taken apart into; 1 where it may not be."""
    on = case.undecided and case.ended_at is None and proposed(case, now, rules) is None
    return len(parts(case.on)) if on else 1


def agreement(case: Case) -> str:
    """The part of an approval's argument that agrees to the plan that the card asks about; empty: to none."""
    return "" if case.grown is None else f"{AGREED}{case.grown.customers}"


def _button(case: Case, words: Words, key: str, action: Action, style: Style | None = None) -> Button:
    return Button(words.plain(f"button.{key}"), press_on(case, action).encode(), style)


def _of_dispatch(case: Case, words: Words, rules: Rules) -> Rows:
    """What an unfinished dispatch may be asked; a rehearsal never goes on for real, or back."""
    over = case.ended_at is not None
    goes_on = not over and case.dispatches[-1].dry_run == rules.dry_run
    cancel = _button(case, words, "cancel", Action.CANCEL, "danger")
    begin = _button(case, words, "send_now", Action.BEGIN)  # green would invite to write at night
    resume = _button(case, words, "resume", Action.RESUME, "success")
    close = _button(case, words, "close", Action.CLOSE, "danger")
    found: dict[CaseState, Rows] = {
        CaseState.SCHEDULED: (
            ((begin, cancel) if goes_on else (cancel,)),
            *(() if over else details_row(case, words)),
        ),
        CaseState.COUNTDOWN: ((cancel,),),
        CaseState.SENDING: ((_button(case, words, "stop", Action.STOP, "danger"),),),
        CaseState.STOPPING: (),
        CaseState.INTERRUPTED: ((resume, close),) if goes_on else ((close,),),
    }
    return found[case.state]


def _beside(case: Case, book: Book, now: datetime, words: Words, rules: Rules) -> tuple[Button, ...]:
    """What may be done beside deciding: each is there if its rule would not decline it."""
    found = []
    for row in BESIDE:
        press = press_on(case, Action(row.action))
        tapped = Tapped(press, BOT, book, now, rules, words)
        if row.shown(tapped):
            found.append(Button(words.plain(row.text(tapped)), press.encode()))
    return tuple(found)


def _pairs(buttons: Sequence[Button]) -> Rows:
    return tuple(tuple(buttons[n : n + 2]) for n in range(0, len(buttons), 2))


def _undecided(case: Case, book: Book, now: datetime, words: Words, rules: Rules) -> Rows:
    """What decides."""
    silence = book.silence_over(case, now)
    if silence is not None:
        end = Press(Action.UNMUTE, case.id, str(silence.id)).encode()
        return (Button(words.plain("button.unmute"), end),), *details_row(case, words)
    key = "retry" if case.state is not CaseState.WAITING else "approve"
    if proposed(case, now, rules) is not None:
        key = "approve_second"
    approve = _button(case, words, key, Action.APPROVE, "success")
    if case.grown is not None:
        text = words.plain("button.grown", n=case.grown.customers, second=key == "approve_second")
        approve = Button(text, press_on(case, Action.APPROVE, agreement(case)).encode(), "danger")
    deny = _button(case, words, "deny", Action.ASK_DENY, "danger")
    if case.stale:
        return (deny,), *details_row(case, words)
    return (approve, deny), *details_row(case, words)


def _doubt_row(case: Case, words: Words) -> Rows:
    """The way to the sends in doubt, also after the outage: somebody still has to decide on them."""
    dispatch = at_rest(case)
    if dispatch is None or dispatch.progress is None:
        return ()
    doubts, calls = len(dispatch.in_doubt()), len(to_call(dispatch.progress))
    if not doubts and not calls:
        return ()
    text = words.plain("button.doubts", n=doubts) if doubts else words.plain("button.calls", n=calls)
    if case.restores is not None:
        text = words.plain("button.of_restored", what=text)
    return ((Button(text, Press(Action.DOUBTS, case.id).encode(), "primary"),),)
