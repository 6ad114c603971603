"""Step 9: what became of messages that had left, by what the gateway tells of them later."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Literal, NamedTuple

from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.delivery import Arrival, DeliveryNews, Place, place_in
from bot.domain.dispatch import Dispatch
from bot.domain.events import Evidence, Line, Read, Received, Undelivered
from bot.domain.plan import ARRIVED, IN_DOUBT, REACHED, Progress

ASKED_FOR = timedelta(days=2)
"""How long a gateway's list is asked about a message: the platform gives up earlier, or never says."""

FINAL = frozenset({Arrival.READ, Arrival.UNDELIVERED})
"""Of whom that is known nothing more is asked."""

_Verdict = Literal["take", "wait", "drop"]


class Sorted(NamedTuple):
    """The lines that news make, and those of the news that are to be looked at again later."""

    lines: Sequence[Line]
    waiting: Sequence[DeliveryNews]


class Awaited(NamedTuple):
    """A message that the gateway took, of which it is not known that it was read or did not arrive."""

    place: Place
    reference: str
    claimed: datetime


def sort(book: Book, news: Sequence[DeliveryNews], places: Mapping[str, Place]) -> Sorted:
    """What the news say that is not known yet; `places` are the sends by the gateway's ids.

    In any order and any number of times they come to the same. What is about a send in flight, or about none
    that is known, waits: a receipt may overtake the answer to the send itself.
    """
    best: dict[Place, DeliveryNews] = {}
    waiting: list[DeliveryNews] = []
    for one in news:
        place = place_in(one.about, book.key) or places.get(one.reference)
        verdict: _Verdict = "drop" if one.about.count(".") == 3 else "wait"  # noqa: PLR2004 - another ledger's
        if place is not None:
            verdict = _judge(book, place, one)
        if verdict == "wait":
            waiting.append(one)
        elif verdict == "take" and place is not None:
            before = best.get(place)
            if before is None or before.arrival.rank < one.arrival.rank:
                best[place] = one
    return Sorted(_lines(best), waiting)


def recent(book: Book, now: datetime) -> Iterator[int]:
    """The cases of which something was written in the last `ASKED_FOR`, newest first."""
    since = now - ASKED_FOR
    newest = reversed(book.touched.items())
    return (number for number, _ in takewhile(lambda item: item[1] >= since, newest))


def awaited(book: Book, now: datetime) -> Iterator[Awaited]:
    """The messages of the last `ASKED_FOR` that something may still be told of."""
    return (one for number in recent(book, now) for one in awaited_of(book, number, now))


def awaited_of(book: Book, number: int, now: datetime) -> Iterator[Awaited]:
    """Those of a case and of its second message."""
    for case in (book.cases.get(number), book.restored_by(number)):
        if case is not None:
            for dispatch in case.dispatches:
                yield from _awaited_of(case, dispatch, now - ASKED_FOR)


def _awaited_of(case: Case, dispatch: Dispatch, since: datetime) -> Iterator[Awaited]:
    sends = dispatch.progress
    if sends is None or dispatch.dry_run:
        return
    for id_, known in sends.results.items():
        claimed, heard = sends.intents.get(id_), sends.deliveries.get(id_)
        if known.reference is None or known.outcome not in ARRIVED or claimed is None or claimed < since:
            continue
        if heard is None or heard.arrival not in FINAL:
            yield Awaited(Place(case.id, dispatch.attempt, id_), known.reference, claimed)


def _judge(book: Book, place: Place, one: DeliveryNews) -> _Verdict:
    if book.has_left(place.case):
        return "drop" if one.arrival is Arrival.SENT else "take"  # the ledger remembers it
    case = book.cases.get(place.case)
    if case is None or not 0 < place.attempt <= len(case.dispatches):
        return "drop"
    dispatch = case.dispatches[place.attempt - 1]
    sends = dispatch.progress
    if sends is None or dispatch.dry_run or place.recipient not in sends.recipients:
        return "drop"
    if place.recipient in sends.intents and place.recipient not in sends.results:
        return "wait"
    return "take" if _is_news(sends, place.recipient, one, last=dispatch is case.dispatches[-1]) else "drop"


def _is_news(sends: Progress, recipient: str, one: DeliveryNews, *, last: bool) -> bool:
    before, known = sends.deliveries.get(recipient), sends.results.get(recipient)
    if before is not None and before.arrival.rank >= one.arrival.rank:
        return False
    match one.arrival:
        case Arrival.RECEIVED | Arrival.READ:  # the phone has it, whichever send it was
            return True
        case Arrival.SENT:
            return known is not None and known.outcome in IN_DOUBT and last
    # That one of two did not arrive says nothing: they may have the other.
    if known is None or known.outcome not in REACHED or recipient in sends.repeated:
        return False
    return known.reference in {None, one.reference}


def _lines(best: Mapping[Place, DeliveryNews]) -> list[Line]:
    lines: list[Line] = []
    groups: dict[tuple[int, int, Arrival, str | None], list[str]] = {}
    for place, one in best.items():
        if one.arrival is Arrival.SENT:
            lines.append(Evidence(place.case, place.recipient, one.reference, one.at, one.arrival.value))
        else:
            groups.setdefault((place.case, place.attempt, one.arrival, one.reason), []).append(
                place.recipient
            )
    for (case, attempt, arrival, reason), recipients in groups.items():
        those = tuple(recipients)
        match arrival:
            case Arrival.UNDELIVERED:
                lines.append(Undelivered(case, those, reason, attempt))
            case Arrival.READ:
                lines.append(Read(case, those, attempt))
            case _:
                lines.append(Received(case, those, attempt))
    return lines
