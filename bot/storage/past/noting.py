"""What the index says of each line.

A line that may change which ports a case has, or end a dispatch that has no line of its own for that, has the
case folded from its lines so far: only the fold knows. Such lines are rare.
"""

from dataclasses import dataclass, field
from pathlib import Path

import structlog

from bot.domain import events as ev
from bot.domain.book import Event
from bot.domain.incident import Incident
from bot.storage.codec import BadLine, Entry
from bot.storage.disk import Disk
from bot.storage.past.index import Index
from bot.storage.past.recall import Folded, Recall
from bot.storage.past.tables import Audited, Extent, Flag, Place

_NEAR = 64 * 1024  # bytes: stretches of a case that are so near each other are one

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Notes:
    """Written line by line, in the order of the ledger. sqlite3.Error, OSError."""

    disk: Disk
    folder: Path
    index: Index
    _runs: dict[int, Extent] = field(default_factory=dict)
    _fresh: set[int] = field(default_factory=set)
    _asleep: set[int] | None = None

    def lies(self, case: int, at: Place, size: int) -> None:
        """A line of a case, so many bytes long, is there."""
        if self._asleep is None:
            self._asleep = set(self.index.running(asleep=True))
        if case in self._asleep:
            self._asleep.discard(case)
            self.index.set_running(case, running=True)
        run, end = self._runs.get(case), at.first + size
        if run is not None and run.segment == at.segment and at.first - run.end <= _NEAR:
            self._runs[case] = run._replace(end=end)
        else:
            if run is not None and case in self._fresh:
                self.index.add_extent(case, run)
            self._runs[case] = Extent(*at, end)
        self._fresh.add(case)

    def flush(self) -> None:
        """Where lines are is in the index, too."""
        for case in self._fresh:
            self.index.add_extent(case, self._runs[case])
        self.index.add_stale(self._fresh)
        self._fresh.clear()

    def forget(self) -> None:
        """What was written last is not in the index after all."""
        self._runs.clear()
        self._fresh.clear()
        self._asleep = None

    def take(self, entry: Entry, at: Place) -> None:
        """What a line says."""
        line, seconds, rank = entry.line, int(entry.at.timestamp()), 0
        case: int | None = getattr(line, "case", None)
        if case is None:
            self._take_wide(line, at)
        else:
            self._take_ports(line, at, seconds)
            self._take_sends(line, at)
        if isinstance(line, ev.Started | ev.Interrupted):
            for number in self.index.running() if case is None else [case]:
                rank = self._ends_by_itself(number, entry, at, rank)
        if line.audited:
            self.index.add_audited(Audited(at, case or 0, line.kind), rank, _flag(line), seconds)

    def _take_wide(self, line: ev.Line, at: Place) -> None:
        key: int = getattr(line, "silence", 0) or getattr(line, "trial", 0)
        self.index.add_wide(at, line.kind, key)
        match line:
            case ev.Silenced():
                labels = [f"{scope.olt} {scope.place}" for scope in line.scopes]
                self.index.add_names(at, labels, {scope.olt for scope in line.scopes})
            case ev.SilenceEnded():
                if (of := self.index.silenced(line.silence)) is not None:
                    self.index.copy_names(of, at)
            case ev.CooldownReleased():
                self.index.add_names(at, [line.port.label], [line.port.olt])
            case ev.Confirmed(clock=clock) if clock is not None:
                self.index.add_stale_since(int(clock.timestamp()))

    def _take_ports(self, line: ev.Line, at: Place, seconds: int) -> None:
        match line:
            case ev.CaseOpened():
                self.index.add_opened(seconds, line.case)
                self.index.add_region(line.case, line.region)
                self._take_in(line.case, (line.incident, *line.others), at)
            case ev.IncidentJoined():
                self._take_in(line.case, (line.incident,), at)
            case ev.IncidentChanged():
                key, label = self.index.key(line.incident.id), line.incident.port.label
                if self.index.place_of(key, line.case) != label.casefold():
                    self.index.add_incident(key, line.case, label, at)
                    self._place_anew(line.case, at)
            case ev.Approved():
                self.index.add_names(at, [port.label for port in line.ports])

    def _take_sends(self, line: ev.Line, at: Place) -> None:
        match line:
            case ev.Planned():
                people = {r.person for r in line.recipients if r.person is not None}
                self.index.add_customers(at, line.case, people)
            case ev.Approved() | ev.Resent():
                self.index.set_running(line.case, running=True)
            case ev.Settled() | ev.Cancelled():
                self.index.set_running(line.case, running=False)

    def _take_in(self, case: int, incidents: tuple[Incident, ...], at: Place) -> None:
        changed: set[int] = set()
        for incident in incidents:
            key = self.index.key(incident.id)
            changed.update(self.index.holders(key))  # its own, where it was of it before, on another port
            self.index.add_incident(key, case, incident.port.label, at)
        for number in changed:
            self._place_anew(number, at)

    def _place_anew(self, number: int, upto: Place) -> None:
        folded = self._fold(number, [], upto)
        self.index.add_stale([number])
        case = None if folded is None else folded.book.cases.get(number)
        if case is not None:
            self.index.put_places(number, [m.incident.port.label for m in case.members.values()])

    def _ends_by_itself(self, number: int, entry: Entry, at: Place, rank: int) -> int:
        """What the fold brings about at this line beside it: that a dispatch is over. The next rank."""
        folded = self._fold(number, [at], at)
        if folded is None:
            return rank
        self.index.set_running(number, running=number in folded.book.running, asleep=True)
        self.index.add_stale([number])
        self._asleep = None
        for one in folded.brought[at]:
            if one.line != entry.line and one.case == number:
                audited = Audited(at, number, one.line.kind)
                self.index.add_audited(audited, rank, _flag(one.line), int(one.at.timestamp()))
                rank += 1
        return rank

    def _fold(self, number: int, also: list[Place], upto: Place) -> Folded | None:
        self.flush()
        try:
            return Recall(self.disk, self.folder, self.index).fold([number], also, upto)
        except (BadLine, LookupError, ValueError) as error:  # what is known of it stays as it was
            _log.warning("a case could not be followed", case=number, why=str(error))
            return None


def _flag(line: Event) -> Flag:
    if isinstance(line, ev.TapRefused):
        return Flag.REFUSED
    beside = isinstance(line, ev.PageOpened) or (isinstance(line, ev.Settled) and line.end == "done")
    return Flag.DONE if beside else Flag.PLAIN
