"""What a dispatch claims in the book, ports and customers, and how it comes to rest."""

from collections.abc import Collection, Iterable, Iterator
from datetime import timedelta

from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.dispatch import Dispatch, End, Phase
from bot.domain.limits.cooldown import Reservation, contact
from bot.domain.plan import Doubts, Recipient
from bot.domain.who import Who

LEFT_WITHIN = timedelta(hours=24)
"""How long people are reminded of sends that are left undone or in doubt."""


def reserve(book: Book, case: Case, only: Collection[str] | None = None) -> None:
    """The ports of the case's dispatch (`only` these keys of them) are taken from now on."""
    dispatch = case.dispatches[-1]
    ports = [port for port in dispatch.ports if only is None or port.key in only]
    for port in () if dispatch.dry_run else ports:
        book.reservations.pop(port.key, None)  # the newest stand last
        book.reservations[port.key] = Reservation(port, book.last_at, case.id, dispatch.by)


def give_back(book: Book, case: Case) -> None:
    """The ports of the case's dispatch through which nobody was reached are free."""
    dispatch = case.dispatches[-1]
    reached = set() if dispatch.progress is None else dispatch.progress.reached_ids()
    _free(book, case, {port.key for port in dispatch.ports} - dispatch.ports_of(reached))


def leave_out(book: Book, case: Case, unread: tuple[str, ...]) -> None:
    """The ports of those incidents, where none of the others is on them, are not part of the dispatch."""
    dispatch = case.dispatches[-1]
    dispatch.unread = unread
    read = {case.members[id_].incident.port.key for id_ in case.to_read(dispatch.ports) if id_ not in unread}
    _free(book, case, [port.key for port in dispatch.ports if port.key not in read])
    dispatch.ports = tuple(port for port in dispatch.ports if port.key in read)


def _free(book: Book, case: Case, ports: Collection[str]) -> None:
    for key in ports:
        reservation = book.reservations.get(key)
        if reservation is not None and reservation.case == case.id:
            del book.reservations[key]


def add_contacts(
    book: Book, case: Case, recipients: Iterable[Recipient], dispatch: Dispatch | None = None
) -> None:
    """They have, may have or are to get a message of a dispatch of the case (the last), from now on."""
    dispatch = dispatch or case.dispatches[-1]
    if dispatch.dry_run or case.restores is not None:
        return
    contacts, at, every, made = book.contacts, book.last_at, dispatch.keys, None
    for recipient in recipients:
        if (person := recipient.person) is not None:
            ports = recipient.ports or every
            if made is None or made.ports != ports:  # most of a plan share one
                made = contact((at, case.id, ports))
            contacts.pop(person, None)  # the newest stand last
            contacts[person] = made


def drop_contact(book: Book, case: Case, recipient_id: str, dispatch: Dispatch | None = None) -> None:
    """The customer has no message of a dispatch of the case (the last), and is to get none."""
    key = (dispatch or case.dispatches[-1]).sends.recipients[recipient_id].person
    if key in book.contacts and book.contacts[key].case == case.id:
        del book.contacts[key]


def finish(book: Book, case: Case, end: End, by: Who | None, reason: str | None = None) -> Dispatch:
    """The case's dispatch is over."""
    dispatch = case.dispatches[-1]
    dispatch.phase, dispatch.end, dispatch.end_reason = Phase.FINISHED, end, reason
    dispatch.ended_at, dispatch.ended_by = book.last_at, by or dispatch.ended_by
    book.running.discard(case.id)
    left_undone(book, case)
    return dispatch


def note_doubts(book: Book, case: Case) -> None:
    """The case is among those in doubt as long as any send of it is, with how many are."""
    dispatch = case.dispatches[-1]
    if dispatch.progress is not None and dispatch.progress.doubtful:
        book.doubtful[case.id] = dispatch.progress.doubts()
    else:
        book.doubtful.pop(case.id, None)


def in_doubt(book: Book) -> Iterator[tuple[Case, Doubts]]:
    """The cases with sends in doubt that rest, and how many of each. It goes through no plan."""
    for number, doubts in book.doubtful.items():
        case = book.cases[number]
        dispatch = case.dispatch
        if (
            dispatch is not None
            and dispatch.progress is not None
            and dispatch.at_rest
            and not dispatch.dry_run
        ):
            yield case, doubts


def left_undone(book: Book, case: Case) -> None:
    """Sends of the case came to rest: where some are left to do or in doubt somebody has to see to them.

    The case comes last of those, and those at the front that rest for too long are forgotten. Most dispatches
    leave nothing, and so are not looked at again at each poll.
    """
    book.left.pop(case.id, None)
    dispatch = case.dispatches[-1]
    if dispatch.phase is Phase.INTERRUPTED or dispatch.in_doubt():
        book.left[case.id] = None
    case.reminded = frozenset(what for what in case.reminded if not what.startswith("left"))
    dispatch.broke_at = None if dispatch.phase is Phase.FINISHED else book.last_at
    while (first := next(iter(book.left), None)) is not None and not _rests_lately(book, first):
        del book.left[first]


def _rests_lately(book: Book, number: int) -> bool:
    dispatch = book.cases[number].dispatch
    since = None if dispatch is None else dispatch.rests_since
    return since is not None and book.last_at - since <= LEFT_WITHIN
