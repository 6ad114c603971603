"""What leaves the book, and when: it holds what can still matter, whatever the ledger's age.

Pure, and by the ledger's own times alone, so that a replay forgets what the process did that wrote the lines.
Age is counted in days on record (`Book.days`): each lasts 24 hours at least, and a clock that jumps ahead
brings one day, however far it jumps. What it took for long ago is still there once the clock is right.

A case that is over and left alone for `KEPT` days becomes a record: its numbers, ports, times, decisions and
counts. One with a send in doubt waits for a person, as long as who was told is known: after that its doubt
holds nobody back. A record leaves with the last entry of the audit that is about it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from bot.domain.case import Case
from bot.domain.limits.cooldown import LONGEST_DAYS, Contact

K = TypeVar("K")

KEPT = 7
"""Days from a case's last line to its record: so long its card may be asked about its customers."""
AUDITED, ENTRIES = 30, 1000
"""The audit holds the entries of so many days, or so many, whichever is more."""
TOLD = LONGEST_DAYS + 7
"""Days that it is known who was told: as long as they can rest, and for as many jumps of a clock."""
DAYS = TOLD + 1
"""So many beginnings of days are known."""


def ago(days: Sequence[datetime], n: int) -> datetime | None:
    """When the day on record began that is `n` days before the present one; None where none is that old."""
    return days[-1 - n] if len(days) > n else None


def older(held: Iterable[tuple[K, datetime]], than: datetime | None) -> list[K]:
    """What is older, of what is held oldest first. It looks no further than that."""
    found: list[K] = []
    for key, at in held if than is not None else ():
        if than is not None and at >= than:
            break
        found.append(key)
    return found


def doubted(case: Case, since: datetime | None) -> bool:
    """Whether somebody has to decide about a send of it. Who was told before `since` is not known any more,
    so one in doubt from then holds nobody back either.
    """
    dispatch = case.dispatch
    lately = dispatch is not None and (since is None or dispatch.last_at >= since)
    return lately and dispatch is not None and bool(dispatch.in_doubt())


def make_record(case: Case) -> None:
    """Names, phones and sends go; what the audit and the card's number are asked about stays."""
    case.past = True
    for dispatch in case.dispatches:
        if dispatch.progress is not None:
            dispatch.progress.shorten()


def share_contacts(contacts: dict[str, Contact], case: Case) -> None:
    """Whom the case told rest as they did, at most an hour longer: one object stands for many of them."""
    plans = [dispatch.progress for dispatch in case.dispatches if dispatch.progress is not None]
    people = {r.person: None for plan in plans for r in plan.recipients.values() if r.person is not None}
    like: dict[str, object] = {}
    latest: dict[object, Contact] = {}
    for key in people:
        contact = contacts.get(key)
        if contact is not None and contact.case == case.id:
            like[key] = hour = contact.ports, contact.at.date(), contact.at.hour
            if latest.setdefault(hour, contact).at < contact.at:
                latest[hour] = contact
    contacts.update({key: latest[hour] for key, hour in like.items()})
