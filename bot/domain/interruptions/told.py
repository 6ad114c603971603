"""What lines tell of outages and that the book does not keep: every spell of each incident, and each plan."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from bot.domain import events as ev
from bot.domain.book import Event
from bot.domain.incident import Incident, Kind, Port
from bot.domain.plan import Recipient, Skip

Start = Literal["alert", "first_seen", "seen_again", "silence_end"]
"""Where the beginning is from: the source's alert; nobody tells it, so the first poll that saw it; it was
over and is listed again, so the poll that saw that; planned work ended there.
"""
End = Literal["gone", "ignored", "unwatched", "still_on", "silence_end"]
"""How it ended: a poll found it gone; it was marked as no outage; nobody reads its source any more; not yet;
planned work ended there."""


@dataclass(slots=True)
class Spell:
    """An incident, from when it was on to when it was over (None: it is on). It may move to another port."""

    start: datetime
    started: Start
    kind: Kind
    ports: dict[str, Port]
    """The ports that it was on, by their keys."""
    end: datetime | None = None
    ended: End = "still_on"


class Plan(NamedTuple):
    """A plan as it was made: who is in it, and who was held back for what."""

    at: datetime
    recipients: tuple[Recipient, ...]


@dataclass(slots=True)
class Told:
    """What the lines so far tell: to be given them in their order, all that are about the cases asked for.

    `spells` by case, `plans` and `spared` by case and number of the approval.
    """

    spells: dict[int, list[Spell]] = field(default_factory=dict)
    plans: dict[tuple[int, int], Plan] = field(default_factory=dict)
    spared: dict[tuple[int, int, str], tuple[datetime, Skip]] = field(default_factory=dict)
    _on: dict[str, tuple[int, Spell]] = field(default_factory=dict)
    _over: dict[str, datetime] = field(default_factory=dict)
    _attempts: dict[int, int] = field(default_factory=dict)

    def take(self, at: datetime, line: Event) -> None:
        """Take one line in."""
        match line:
            case ev.CaseOpened():
                self._begin(at, line.case, (line.incident, *line.others))
            case ev.IncidentJoined():
                self._begin(at, line.case, (line.incident,))
            case ev.IncidentChanged():
                self._change(at, line.case, line.incident)
            case ev.IncidentEnded():
                self._end(at, line)
            case ev.Approved():
                self._attempts[line.case] = self._attempts.get(line.case, 0) + 1
            case ev.Planned():
                self.plans[line.case, self._attempts.get(line.case, 0)] = Plan(at, line.recipients)
            case ev.Spared():
                key = line.case, self._attempts.get(line.case, 0), line.recipient
                self.spared[key] = at, line.skip
            case _:
                pass

    def _begin(self, at: datetime, case: int, incidents: Iterable[Incident]) -> None:
        of = self.spells.setdefault(case, [])
        for incident in incidents:
            known = self._on.get(incident.id)
            spell = self._new(at, incident) if known is None else known[1]
            self._on[incident.id] = case, spell  # one that is on goes on in the case that takes it
            if not any(one is spell for one in of):
                of.append(spell)

    def _new(self, at: datetime, incident: Incident) -> Spell:
        over, started = self._over.get(incident.id), min(incident.started, at)
        ports = {incident.port.key: incident.port}
        if over is not None and (not incident.start_known or started <= over):
            return Spell(at, "seen_again", incident.kind, ports)
        return Spell(started, "alert" if incident.start_known else "first_seen", incident.kind, ports)

    def _change(self, at: datetime, case: int, incident: Incident) -> None:
        known = self._on.get(incident.id)
        if known is None:
            self._begin(at, case, (incident,))
            return
        spell = known[1]
        spell.kind = incident.kind
        spell.ports[incident.port.key] = incident.port
        over = self._over.get(incident.id)
        if incident.start_known and (over is None or over < incident.started):
            spell.start, spell.started = min(incident.started, at), "alert"

    def _end(self, at: datetime, line: ev.IncidentEnded) -> None:
        of = [id_ for id_, (case, _) in self._on.items() if case == line.case]
        for id_ in of if line.incident is None else {line.incident}.intersection(of):
            spell = self._on.pop(id_)[1]
            spell.end, spell.ended = max(at, spell.start), line.why
            self._over[id_] = at
