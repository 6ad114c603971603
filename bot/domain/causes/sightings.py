"""What the last polls saw that is not in the ledger yet: new incidents, and known ones that are gone.

Not in the ledger: after a restart the next polls see it again.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from bot.domain.customer import Affected
from bot.domain.incident import Incident, Poll

DOUBTED = timedelta(hours=1)
"""How long one that is not listed stays on where it cannot be read."""
KEPT = timedelta(hours=24)
"""How long an alert that is not listed stays on at all: in the end the list is right."""
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A new incident: as it was read last, since when it is seen and in how many polls in a row."""

    incident: Incident
    since: datetime
    polls: int = 1


@dataclass(frozen=True, slots=True)
class Absence:
    """A known incident that is not listed: in how many polls in a row that proved it, and since when those.

    `read_at` is when its alert was last asked for by itself.
    """

    polls: int = 0
    since: datetime | None = None
    read_at: datetime | None = None

    def proved(self, now: datetime) -> "Absence":
        """After one more poll that proves it."""
        return replace(self, polls=self.polls + 1, since=self.since or now)

    def lasts(self, limit: timedelta, now: datetime) -> bool:
        """Whether the polls have proved it for so long."""
        return self.since is not None and now - self.since >= limit


@dataclass(frozen=True, slots=True)
class Sightings:
    """`new` by incident id, `gone` the known ones that are not listed; those `over` have surely ended.

    An empty list may be a list that was not there: what it lacks is over once its alert, read by itself
    (`to_read`), says so, too. What the list itself marks as over needs no second word.
    """

    new: Mapping[str, Sighting] = field(default_factory=dict)
    gone: Mapping[str, Absence] = field(default_factory=dict)
    over: frozenset[str] = frozenset()

    def saw(
        self,
        poll: Poll,
        known: Iterable[str],
        offered: Iterable[Incident],
        now: datetime,
        *,
        unwatched: AbstractSet[str] = frozenset(),
    ) -> "Sightings":
        """After one more poll. `known` are the incidents that are open in the ledger, `offered` those of the
        poll that it has not and that the group is asked about. No poll brings those that are `unwatched`.
        """
        new = {i.id: self._again(i, now) for i in offered}
        read = {incident.id for incident in poll.incidents}
        unread = {
            id_: one
            for id_, one in self.new.items()
            if id_ not in read | poll.closed and (not poll.proves_absence or id_.startswith(poll.unseen))
        }
        new = {**unread, **new}  # what it did not bring is as it was
        missing = (id_ for id_ in known if id_ not in poll.present and not id_.startswith(poll.unseen))
        gone = {id_: self.gone.get(id_, Absence()) for id_ in missing}
        alone = poll.closed | unwatched if poll.complete else poll.closed
        proved = gone.keys() if poll.proves_absence else gone.keys() & alone
        return Sightings(new, gone | {id_: gone[id_].proved(now) for id_ in proved})

    def to_read(self, poll: Poll, polls: int, most: int) -> list[str]:
        """Whose alerts are to be read by themselves after that poll, those first that waited longest.

        What a poll lacked that does not prove absence, and what `polls` in a row proved to be absent.
        """
        asked = [
            id_
            for id_, one in self.gone.items()
            if id_ not in poll.closed and (not poll.proves_absence or one.polls >= polls)
        ]
        return sorted(asked, key=lambda id_: (self.gone[id_].read_at or _NEVER, id_))[:most]

    def after(
        self, poll: Poll, asked: Iterable[str], found: Mapping[str, Affected], polls: int, now: datetime
    ) -> "Sightings":
        """With what those alerts said; one that could not be read is not in `found`."""
        gone = dict(self.gone)
        over = {id_ for id_ in gone.keys() & poll.closed if gone[id_].polls >= polls}
        for id_ in asked:
            one = replace(gone[id_], read_at=now)
            if _ended(one, found.get(id_), now):
                one = one if poll.proves_absence else one.proved(now)
                over |= {id_} if one.polls >= polls else set()
            gone[id_] = one
        return replace(self, gone=gone, over=frozenset(over))

    def counting(self, counts: Mapping[str, int]) -> "Sightings":
        """With what the alerts of new ones themselves say."""
        counted = {
            id_: replace(one, incident=one.incident.count(counts[id_]))
            for id_, one in self.new.items()
            if id_ in counts
        }
        return replace(self, new={**self.new, **counted})

    def without(self, taken: Iterable[str]) -> "Sightings":
        """Once those are in the ledger."""
        left = dict(self.new)
        for id_ in taken:
            left.pop(id_, None)
        return replace(self, new=left)

    def _again(self, incident: Incident, now: datetime) -> Sighting:
        before = self.new.get(incident.id)
        if before is None:
            seen = incident if incident.start_known else replace(incident, started=now)
            return Sighting(seen, now)
        incident = incident.after(before.incident)
        return Sighting(incident, min(before.since, now), before.polls + 1)  # the clock may be set back


def _ended(absence: Absence, alert: Affected | None, now: datetime) -> bool:
    """Whether what is not listed is over. None could not be read.

    The ONUs of an alert that ended do not all come back: somebody's router stays unplugged. Where most did,
    a list that proves its absence is right.
    """
    if alert is None:
        return absence.lasts(DOUBTED, now)
    down = alert.still_down
    if not down or absence.lasts(KEPT, now):
        return True
    return 2 * down < len(alert.onus) and absence.since is not None
