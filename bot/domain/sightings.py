"""What the last polls saw that is not in the ledger yet: new incidents, and known ones that are gone.

Not in the ledger: after a restart the next polls see it again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.domain.incident import Incident, Poll


@dataclass(frozen=True, slots=True)
class Sighting:
    """A new incident: as it was read last, since when it is seen and in how many polls in a row."""

    incident: Incident
    since: datetime
    polls: int = 1


@dataclass(frozen=True, slots=True)
class Sightings:
    """`new` by incident id; `gone` counts the polls in a row that proved the absence of a known one."""

    new: Mapping[str, Sighting] = field(default_factory=dict)
    gone: Mapping[str, int] = field(default_factory=dict)

    def saw(
        self, poll: Poll, known: Iterable[str], offered: Iterable[Incident], now: datetime
    ) -> "Sightings":
        """After one more poll. `known` are the incidents that are open in the ledger, `offered` those of the
        poll that it has not and that the group is asked about.
        """
        new = {i.id: self._again(i, now) for i in offered}
        if not poll.proves_absence:  # what it did not bring is as it was
            read = {incident.id for incident in poll.incidents}
            kept = {id_: one for id_, one in self.new.items() if id_ not in read}
            gone = {id_: polls for id_, polls in self.gone.items() if id_ not in poll.present}
            return Sightings({**kept, **new}, gone)
        return Sightings(new, {id_: self.gone.get(id_, 0) + 1 for id_ in known if id_ not in poll.present})

    def without(self, taken: Iterable[str]) -> "Sightings":
        """Once those are in the ledger."""
        left = dict(self.new)
        for id_ in taken:
            left.pop(id_, None)
        return replace(self, new=left)

    def _again(self, incident: Incident, now: datetime) -> Sighting:
        before = self.new.get(incident.id)
        if before is None:
            return Sighting(incident, now)
        return Sighting(incident, min(before.since, now), before.polls + 1)  # the clock may be set back
