"""Lines that this machine has and the ledger lacks: what they tell of sends is written again, as new lines.

The ledger went on without them, so neither their numbers nor their hashes fit any more, and of what they
decided some may have been decided anew. What cannot have changed is who was sent something. So a send that
was claimed is claimed again, with its end where that is known and else in doubt; the approval, plan and case
that it belongs to come with it where the ledger lacks them, too. Everything else in them is not written:
nobody is sent anything for it, and people decide it once more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.events import (
    Abandoned,
    Approved,
    CaseOpened,
    Intent,
    Interrupted,
    Line,
    Planned,
    Result,
    Settled,
)
from bot.domain.plan import Outcome, Progress
from bot.domain.who import Who
from bot.ports import Write
from bot.steps import decide

UNKNOWN = "interrupted"
"""The reason of a doubt that a start finds."""


@dataclass
class _Attempt:
    """What the kept lines tell of one dispatch; `sends` are claims with their ends, None: none is told."""

    case: int
    approved: Approved | None = None
    planned: Planned | None = None
    sends: dict[str, Result | None] = field(default_factory=dict)


def confirm(who: Who, clock: datetime, kept: Sequence[Line]) -> Write:
    """As `decide.confirm`; what is kept is written with it, so that nothing leaves in between."""

    def write(book: Book, now: datetime) -> Sequence[Line]:
        return [*decide.confirm(who, clock)(book, now), *written_again(book, kept)]

    return write


def sent(kept: Sequence[Line]) -> int:
    """To how many customers something may have left by these lines."""
    return sum(len(attempt.sends) for attempt in _attempts(kept))


def written_again(book: Book, kept: Sequence[Line]) -> list[Line]:
    """What is to be written of them. The book knows of no send since: none leaves until a confirmation."""
    opened = {line.case: line for line in kept if isinstance(line, CaseOpened)}
    places, lines = dict[int, int](), list[Line]()
    attempts = [attempt for attempt in _attempts(kept) if attempt.sends]
    for turn, attempt in enumerate(attempts):
        number = abs(attempt.case)
        if number not in places:
            lines += _place(book, opened.get(number), number, places)
        if number not in places:
            continue
        place = places[number] * (1 if attempt.case > 0 else -1)
        before = any(one.case == attempt.case for one in attempts[:turn])
        again = any(one.case == attempt.case for one in attempts[turn + 1 :])
        known = None if before else _known(book.cases.get(place), attempt)
        if known is None:
            lines += _plan(book, attempt, place, again=again)
        else:
            lines += _sends_of(book, attempt, place, known, again=again)
    return lines


def _attempts(kept: Sequence[Line]) -> list[_Attempt]:
    found, now = list[_Attempt](), dict[int, _Attempt]()

    def of(number: int) -> _Attempt:
        if number not in now:
            now[number] = _Attempt(number)
            found.append(now[number])
        return now[number]

    for line in kept:
        match line:
            case Approved():
                now.pop(line.case, None)
                of(line.case).approved = line
            case Planned():
                of(line.case).planned = line
            case Intent():
                of(line.case).sends.setdefault(line.recipient, None)
            case Result():
                of(line.case).sends[line.recipient] = line
            case Abandoned():
                of(line.case).sends.pop(line.recipient, None)
            case _:
                pass
    return found


def _place(book: Book, opening: CaseOpened | None, number: int, places: dict[int, int]) -> list[Line]:
    """Its opening, where the ledger has no such case; `places` says then under which number it has it."""
    if opening is None:
        if number in book.cases:
            places[number] = number
        return []
    known = book.case_of(opening.incident.id)
    if known is not None:  # the source told of it again
        places[number] = known.id
        return []
    places[number] = max([book.next_case, *(place + 1 for place in places.values())])
    others = tuple(one for one in opening.others if book.case_of(one.id) is None)
    return [replace(opening, case=places[number], others=others, follows=None, apart=None, beside=())]


def _sends_of(book: Book, kept: _Attempt, number: int, known: Progress, *, again: bool) -> Iterator[Line]:
    """Those of a plan that the ledger has; `again`: another approval of the case follows."""
    yield from _sends(number, kept, known)
    if number in book.running and again:
        yield Settled(number, "stopped")
    elif number in book.running and not {r.id for r in known.todo()} - kept.sends.keys():
        yield Interrupted(number)  # nothing is left to do, so that ends it


def _plan(book: Book, kept: _Attempt, number: int, *, again: bool) -> Iterator[Line]:
    """The plan as well, and the approval where it is not the ledger's last. Who was to get a message yet gets
    none by itself: a person lets it go on.
    """
    approved = kept.approved or _as_approved(book.cases.get(number))
    if kept.planned is None or approved is None:
        return
    if kept.approved is not None or number not in book.running:
        # Not from now on: what follows an approval would go and send.
        yield replace(approved, case=number, due=approved.due or book.last_at)
    yield replace(kept.planned, case=number, unread=())
    yield from _sends(number, kept, None)
    yield Settled(number, "stopped") if again else Interrupted(number)


def _known(case: Case | None, kept: _Attempt) -> Progress | None:
    """The plan that the sends are of, where the ledger has it."""
    if case is None or not case.dispatches:
        return None
    progress = case.dispatches[-1].progress
    return progress if progress is not None and kept.sends.keys() <= progress.recipients.keys() else None


def _as_approved(case: Case | None) -> Approved | None:
    """The approval that the ledger has of a dispatch without a plan."""
    if case is None or not case.dispatches:
        return None
    one = case.dispatches[-1]
    return Approved(case.id, one.by, one.ports, one.dry_run, one.template, one.mixed, first=one.first)


def _sends(number: int, kept: _Attempt, known: Progress | None) -> Iterator[Line]:
    for recipient, result in kept.sends.items():
        told = None if known is None else known.results.get(recipient)
        if told is not None and (told.outcome is not Outcome.UNKNOWN or result is None):
            continue
        if told is None:
            yield Intent(number, recipient)
        yield (
            Result(number, recipient, Outcome.UNKNOWN, reason=UNKNOWN)
            if result is None
            else replace(result, case=number)
        )
