"""A case's card: what the outage is, what was decided, what came of it, and what may be tapped now.

Its parts, in the order in which people read them: head, notes, sends, what would leave, cooldown, second
message, question.
An ended outage loses its buttons, except those that an unfinished dispatch, or the news of its end, needs.
"""

from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup

from bot.chat.screens.cards.head import beside, facts
from bot.chat.screens.cards.notes import notes
from bot.chat.screens.cards.places import places
from bot.chat.screens.cards.ports import cooldown
from bot.chat.screens.cards.questions import Asking, asked
from bot.chat.screens.cards.restored import restored
from bot.chat.screens.cards.results import would_leave
from bot.chat.screens.cards.room import room_line
from bot.chat.screens.cards.rows import details_row, halting, rows
from bot.chat.screens.cards.sends import decision
from bot.chat.screens.fitting import ENTITIES_AT_MOST, LINE, PARAGRAPH, TEXT_AT_MOST, entities, shown_units
from bot.chat.screens.screen import Screen
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.case import Case, CaseState
from bot.domain.limits.account import called_by, held_by
from bot.domain.plan import Tally
from bot.domain.rules import Rules
from bot.steps.decide import is_over

__all__ = ["Asking", "card"]

_SPARE = 600  # UTF-16 units: for how many lines were left out, and for whatever question comes below
_TAGS_SPARE = 4
_MAY_GO_ON = {CaseState.INTERRUPTED, CaseState.SCHEDULED}


def card(
    case: Case,
    book: Book,
    now: datetime,
    words: Words,
    *,
    rules: Rules,
    expected: Tally | None = None,
    need: int | None = None,
    asking: Asking | None = None,
    unfolded: bool = False,
    closed: bool = False,
) -> Screen:
    """The card as the case is now. `expected` is what an approval would come to, where that is known, and
    `need` how many of those today's limit does not count yet.

    `asking` adds a question and shows its answers instead of the buttons, where it can still be asked; what
    stops a dispatch stays. `unfolded` shows all of its buttons.
    While the ledger is `closed` nothing can be decided, and nothing invites to it.
    """
    stuck = closed and _undone(case, book)
    question = (
        None
        if closed or asking is None
        else asked(asking, case, book, now, words=words, rules=rules, need=need)
    )
    blocks = [
        [*facts(case, now, words, rules), *beside(case, book, words), *places(case, expected, words)],
        [words.say("card.ledger_closed")] if stuck else [],
        [words.say("card.unconfirmed")] if not stuck and _blocked(case, book) else [],
        []
        if stuck
        else [*_held(case, book, now, words, rules), *room_line(case, book, now, words, rules, need=need)],
        notes(case, book, now, words, rules),
        decision(case, book, now, words, rules),
        [] if stuck or expected is None else [would_leave(expected, words)],
        [] if stuck else cooldown(case, book, now, words, rules),
    ]
    room = TEXT_AT_MOST - _SPARE - sum(_cost(line) for block in blocks for line in block)
    # Its own lines beside the list of names take no more than half of what is left.
    blocks.append(restored(case, book, now, words, rules, room=max(0, room // 2)))
    blocks.append(_anchor(case, book, words))
    html = _fitted(blocks, words)
    if stuck:
        return Screen(str(html), details_row(case, words))
    if question is not None:
        return Screen(str(html + PARAGRAPH + question[0]), (*question[1], *halting(case, book, words, rules)))
    return Screen(str(html), rows(case, book, now, words, rules, closed=closed, unfolded=unfolded))


def _anchor(case: Case, book: Book, words: Words) -> list[Markup]:
    """Where the ledger stood when the case came to its end: it never changes after that."""
    last = book.restored_by(case.id) or case
    head = book.heads.get(last.id) or book.heads.get(case.id)
    ended = case.state in {CaseState.SENT, CaseState.DENIED} and not last.running
    return [words.say("card.anchor", head=head)] if ended and head is not None else []


def _undone(case: Case, book: Book) -> bool:
    """Whether something of it waits for a decision, or is being carried out."""
    other = book.restored_by(case.id)
    waits = case.undecided and case.ended_at is None
    return case.running or waits or (other is not None and other.running)


def _blocked(case: Case, book: Book) -> bool:
    """Whether a tap that sends would be declined until somebody confirms the ledger."""
    other = book.restored_by(case.id)
    first = case.undecided or case.state in _MAY_GO_ON
    second = other is not None and other.state in _MAY_GO_ON and not is_over(book, other)
    return book.unconfirmed is not None and ((first and case.ended_at is None) or second)


def _held(case: Case, book: Book, now: datetime, words: Words, rules: Rules) -> list[Markup]:
    """That a tap would be declined, as its template may not be used."""
    waits = case.ended_at is None and (case.undecided or case.state in _MAY_GO_ON)
    held = held_by(book, called_by(case, rules), rules, now) if waits else None
    return [] if held is None else [words.say("card.template", name=held.name, trouble=held.trouble)]


def _cost(line: Markup) -> int:
    return shown_units(line) + len(PARAGRAPH)


def _fitted(blocks: Sequence[Sequence[Markup]], words: Words) -> Markup:
    """The lines that one message holds, a question not counted; then how many lines were left out."""
    room, tags = TEXT_AT_MOST - _SPARE, ENTITIES_AT_MOST - _TAGS_SPARE
    kept: list[list[Markup]] = []
    left_out = 0
    for block in blocks:
        kept.append([])
        for line in block:
            if _cost(line) > room or entities(line) > tags:
                left_out += 1
                continue
            room, tags = room - _cost(line), tags - entities(line)
            kept[-1].append(line)
    if left_out:
        kept.append([words.say("card.left_off", n=left_out)])
    return PARAGRAPH.join(LINE.join(block) for block in kept if block)
