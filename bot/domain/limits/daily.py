"""How many different people were written to within the last 24 hours, as a platform counts them.

`Written` is when sends to each person (`Recipient.person`) left, or may have: the newest stand last.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain import leaving

DAY = timedelta(hours=24, minutes=5)
"""So long a person counts from the claim: the platform counts from when it took the message, minutes on."""
Written = dict[str, list[datetime]]


@dataclass(frozen=True, slots=True)
class Allowed:
    """How many different people the platform lets us write to within 24 hours: `people` (None: any number).

    `left`, where the platform counts itself: so many more than now.
    """

    people: int | None = None
    left: int | None = None


def spend(written: Written, person: str, at: datetime) -> None:
    """A send to the person may have left; what is of the day before is forgotten."""
    since = at - DAY
    before = written.pop(person, None)
    written[person] = [at] if before is None else [*(one for one in before if one >= since), at]
    while written[oldest := next(iter(written))][-1] < since:
        del written[oldest]


def take_back(written: Written, person: str | None, at: datetime | None) -> None:
    """That send did not leave after all."""
    times = written.get(person or "", [])
    if at in times:
        times.remove(at)
    if person in written and not times:
        del written[person]


def counted(written: Written, now: datetime) -> int:
    """How many people it were. Whoever counts each day anew would count them twice."""
    return len(written) - len(leaving.older(((one, times[-1]) for one, times in written.items()), now - DAY))


def counts(written: Written, person: str | None, now: datetime) -> bool:
    """Whether the person is one of them: another message to them costs nothing."""
    times = written.get(person or "")
    return times is not None and times[-1] >= now - DAY


def next_free(written: Written, now: datetime) -> datetime | None:
    """When the first of them no longer counts; None where there is none."""
    first = next((times[-1] for times in written.values() if times[-1] >= now - DAY), None)
    return None if first is None else first + DAY
