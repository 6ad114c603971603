"""The part of a case's card about its second message: service is back.

It is a dispatch of a companion case (`Book.restored_by`) that has no card of its own.
"""

from datetime import datetime

from markupsafe import Markup

from bot.chat.screens.buttons import Action, press_on, press_restore
from bot.chat.screens.cards.advice import advice
from bot.chat.screens.cards.sends import approved, before, dry_run, ending, results, running
from bot.chat.screens.fitting import Item, in_line, quoted
from bot.chat.screens.press import Press
from bot.chat.screens.screen import Button, Style
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.case import Case, CaseState
from bot.domain.dispatch import Dispatch
from bot.domain.plan import Outcome, Skip
from bot.domain.restored import to_tell, waits
from bot.domain.rules import Rules
from bot.domain.who import BOT
from bot.steps.decide import goes_on_until, is_over

_NAME_AT_MOST = 40  # UTF-16 units
_HALTS = {CaseState.COUNTDOWN: ("cancel", Action.CANCEL), CaseState.SENDING: ("stop", Action.STOP)}
_STYLES: dict[Action, Style | None] = {Action.RESUME: "success", Action.BEGIN: None}
Rows = tuple[tuple[Button, ...], ...]


def restored(case: Case, book: Book, now: datetime, words: Words, rules: Rules, *, room: int) -> list[Markup]:
    """What became of telling people that service is back; empty where nobody asked for it.

    `room` is how many UTF-16 units the list of those who are still down may take.
    """
    other = book.restored_by(case.id)
    refused: list[Markup] = []
    if case.untold_by is not None:
        refused = [words.say("card.untold", by=case.untold_by, at=case.untold_at, now=now)]
    if other is None:
        return refused
    dispatch = other.dispatch
    if dispatch is None:
        lines = before(other, now, words)
    elif other.running:
        lines = dry_run(other, dispatch, words) + running(
            other, dispatch, book, now, words=words, rules=rules
        )
        lines += [*approved(other, dispatch, now, words), *before(other, now, words)]
    else:
        return [*_came_of_it(other, dispatch, now, words, rules, room=room), *refused]
    return [words.say("card.restoring"), *lines]


def may_restore(case: Case, book: Book, now: datetime, rules: Rules) -> bool:
    """Whether a tap may tell people that service is back (the rules of `steps.restore.restore`)."""
    return waits(case, book, now, rules)


def restored_rows(case: Case, book: Book, now: datetime, words: Words, rules: Rules) -> Rows:
    """What may be tapped about it now."""
    if may_restore(case, book, now, rules):
        text = words.plain("button.restore", n=to_tell(case, book))
        tell = Button(text, press_restore(case, book).encode(), "success")
        return ((tell, Button(words.plain("button.untold"), Press(Action.UNTOLD, case.id).encode())),)
    other = book.restored_by(case.id)
    if other is None or other.dispatch is None or goes_on_until(other, book, rules, now) is not None:
        return ()
    if other.state in _HALTS:
        return stopping(case, other, words)
    begin = _button(case, other, words, "send_now", Action.BEGIN)
    cancel = _button(case, other, words, "cancel", Action.CANCEL)
    resume = _button(case, other, words, "resume", Action.RESUME)
    close = _button(case, other, words, "close", Action.CLOSE)
    pointless = is_over(book, other) or other.dispatch.dry_run != rules.dry_run
    rows: dict[CaseState, Rows] = {
        CaseState.SCHEDULED: ((cancel,),) if pointless else ((begin, cancel),),
        CaseState.INTERRUPTED: ((close,),) if pointless else ((resume, close),),
    }
    return rows.get(other.state, ())


def stopping(case: Case, other: Case, words: Words) -> Rows:
    """The button that ends the second message's sends; empty while nothing leaves."""
    halt = _HALTS.get(other.state)
    return ((_button(case, other, words, *halt),),) if halt else ()


def _button(case: Case, other: Case, words: Words, key: str, action: Action) -> Button:
    """Beside the same button of the case itself it has a sign of its own."""
    text = words.plain(f"button.{key}")
    press = press_on(other, action).encode()
    label = words.plain("button.of_restored", what=text) if case.running else text
    return Button(label, press, _STYLES.get(action, "danger"))


def _came_of_it(
    other: Case, dispatch: Dispatch, now: datetime, words: Words, rules: Rules, *, room: int
) -> list[Markup]:
    """`📣 Avisados que voltou: 31`, whatever did not go as meant, and who is still down."""
    tally, progress = dispatch.tally(), dispatch.progress
    accepted = tally.outcomes.get(Outcome.ACCEPTED, 0) if tally else 0
    skips = set(tally.skipped) if tally else set()
    outcomes = {outcome for outcome, n in tally.outcomes.items() if n} if tally else set()
    plain = outcomes <= {Outcome.ACCEPTED} and skips <= {Skip.STILL_DOWN}
    lines = dry_run(other, dispatch, words)
    facts = {"n": accepted, "dry_run": dispatch.dry_run, "reached": dispatch.reached}
    by = {"by": dispatch.by, "automatic": dispatch.by == BOT}
    lines.append(words.say("card.restored", **facts, **by, at=dispatch.ended_at, now=now))
    if dispatch.end != "done":
        lines += ending(other, dispatch, now, words)
    if not dispatch.reached:
        lines += advice(other, dispatch, words, rules, "retry")
    if not plain:
        lines += results(dispatch, words)
    down = [r for r in progress.recipients.values() if r.skip is Skip.STILL_DOWN] if progress else []
    if down:
        names = [Item(quoted(r.name or words.plain("details.no_name"), _NAME_AT_MOST)) for r in down]
        listed = in_line(names, words, room=room, more="page.more")
        lines.append(words.say("card.still_down", n=len(down), names=listed))
    return [*lines, *before(other, now, words)]
