"""Random histories of a small NOC: whatever a ledger may hold, in any order that its book takes."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.domain import events as ev
from bot.domain.book import WholeBook
from bot.domain.case import Case
from bot.domain.dispatch import Phase
from bot.domain.events import Line, TrialIntent, TrialResult
from bot.domain.incident import Incident
from bot.domain.limits.silence import Scope
from bot.domain.plan import Outcome, Recipient
from bot.storage import codec
from bot.storage.segments import segment_name
from tests.fakes import ANA, BRUNO, incident, port

Dated = tuple[datetime, Line]
BEGIN = datetime(2026, 1, 30, 12, 0, tzinfo=UTC)
_OLTS, _PLACES = ("CB 01", "CB 02", "Água"), ("1/1", "1/2", "6/15")
_REGIONS = {"CB 01": "NORTE", "CB 02": "SUL"}
_STEPS = (1.0, 40.0, 900.0, 7200.0, 86_400.0, 6 * 86_400.0)


class Story:
    """Lines as they come, with the book that they make."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)  # noqa: S311
        self.book, self.at = WholeBook(), BEGIN
        self.lines: list[Dated] = []
        self._ids = 0
        self._case = 0
        self.groups: list[list[Dated]] = []

    def tell(self, lines: int) -> "Story":
        """So many lines more, at least."""
        while len(self.lines) < lines:
            self._happens(self._choose())
        return self

    def _happens(self, lines: Sequence[Line]) -> None:
        self.at += timedelta(seconds=self._dice.choice(_STEPS) * self._dice.random())
        try:
            for line in lines:
                self.book.apply(self.at, line)
        except (LookupError, ValueError):  # no rule writes that: the state does not take it
            self.book = WholeBook()
            for at, line in self.lines:
                self.book.apply(at, line)
            return
        if lines:
            self.groups.append([(self.at, line) for line in lines])
            self.lines += self.groups[-1]
            self.at = max(self.book.last_at, self.at - timedelta(days=1))

    def _choose(self) -> list[Line]:
        choices = [self._open, *[self._about] * 8, self._program]
        return self._dice.choice(choices)()

    def _incident(self) -> Incident:
        held = list(self.book.by_incident)
        if held and self._dice.random() < 0.25:
            number = self._dice.choice(held)  # one that is of a case already
        else:
            self._ids += 1
            number = str(self._ids)
        place, olt = self._dice.choice(_PLACES), self._dice.choice(_OLTS)
        return incident(number, place=place, olt=olt, started=self.at)

    def _open(self) -> list[Line]:
        self._case = max([0, *self.book.cases]) + 1
        others = tuple(self._incident() for _ in range(self._dice.choice((0, 0, 1))))
        first = self._incident()
        return [
            ev.CaseOpened(self._case, first, others, region=_REGIONS.get(first.port.olt, "")),
            ev.CardPosted(self._case, -100, self._case),
        ]

    def _about(self) -> list[Line]:
        known = [*self.book.cases.values()]
        if not known:
            return []
        case = self._dice.choice(known[-4:] if self._dice.random() < 0.8 else known)
        second = case.id < 0  # of which only sends are written
        return self._dice.choice(
            (self._outage, *[self._sends] * 4, self._words) if not second else (self._sends,)
        )(case)

    def _outage(self, case: Case) -> list[Line]:
        held = [id_ for id_ in case.members if self.book.by_incident[id_] == case.id]
        if not held:
            return []
        member = case.members[self._dice.choice(held)].incident
        moved = incident(member.id, place=self._dice.choice(_PLACES), olt=member.port.olt, started=self.at)
        return [
            self._dice.choice(
                (
                    ev.IncidentEnded(case.id, "gone", member.id),
                    ev.IncidentEnded(case.id, "gone", member.id),
                    ev.IncidentChanged(case.id, moved),
                    ev.IncidentJoined(case.id, self._incident()),
                )
            )
        ]

    def _sends(self, case: Case) -> list[Line]:
        dispatch = case.dispatch
        if dispatch is None or dispatch.phase is Phase.FINISHED:
            if (
                case.ended_at is not None
                and case.id > 0
                and case.dispatches
                and -case.id not in self.book.cases
            ):
                return [ev.Restoring(-case.id, case.id), ev.Approved(-case.id, ANA, ())]
            return [ev.Approved(case.id, ANA, (case.incident.port,))]
        return list(self._next(case))

    def _next(self, case: Case) -> Iterator[Line]:
        dispatch = case.dispatches[-1]
        if dispatch.progress is None:
            plan = [Recipient(f"c{n}", serials=("ZTEG",), person=f"619999000{n}") for n in range(4)]
            planned = ev.Planned(case.id, 4, tuple(plan))
            yield self._dice.choice((planned, planned, planned, ev.Cancelled(case.id, BRUNO)))
            return
        recipient = self._dice.choice([*dispatch.progress.recipients])
        outcome = self._dice.choice([*Outcome])
        yield self._dice.choice(
            (
                ev.Intent(case.id, recipient),
                ev.Intent(case.id, recipient),
                ev.Result(case.id, recipient, outcome, "77", "porque sim"),
                ev.Result(case.id, recipient, outcome, "77", "porque sim"),
                ev.Evidence(case.id, recipient),
                ev.StopAsked(case.id, BRUNO),
                ev.Interrupted(case.id),
                ev.Resumed(case.id, BRUNO),
                ev.Settled(case.id, "done"),
                ev.Settled(case.id, "halted", "porque sim"),
                ev.Resolved(case.id, (recipient,), "call", ANA),
                ev.Resent(case.id, (recipient,), ANA),
            )
        )

    def _words(self, case: Case) -> list[Line]:
        return [
            self._dice.choice(
                (
                    ev.Assumed(case.id, ANA),
                    ev.Forecast(case.id, ANA, self.at + timedelta(hours=2)),
                    ev.Denied(case.id, BRUNO, "obra"),
                    ev.Separated(case.id, ANA),
                    ev.TapRefused(BRUNO, "ok", "not_approver", case.id),
                    ev.Reminded(case.id, "first"),
                )
            )
        ]

    def _program(self) -> list[Line]:
        silence = max([0, *self.book.silences])
        trial = max([0, *self.book.trials])
        choices: list[list[Line]] = [
            [ev.Started("0.1.0")],
            [ev.Started("0.1.0")],
            [ev.Alive()],
            [ev.TapRefused(BRUNO, "audit", "not_allowed")],
            [ev.TapRefused(BRUNO, "ok", "unknown_case", 99_999)],
            [ev.CooldownReleased(port(self._dice.choice(_PLACES), self._dice.choice(_OLTS)), ANA, "x")],
            [ev.Silenced(silence + 1, (Scope("CB 02", "1/1"),), self.at + timedelta(hours=9), ANA, "obra")],
            [ev.SilenceEnded(silence, BRUNO)],
            [TrialIntent(trial + 1, "LOS", 114, "(61) 9****-0009", ANA)],
            [TrialResult(trial, Outcome.ACCEPTED)],
            [ev.Confirmed(ANA, self.at - timedelta(hours=1))],
        ]
        return self._dice.choice(choices)


def write(folder: Path, groups: Sequence[Sequence[Dated]]) -> None:
    """A ledger of these groups of lines."""
    (folder / "ledger").mkdir(parents=True, exist_ok=True)
    seq, prev, name = 0, codec.NO_LINE, ""
    for number, group in enumerate(groups, 1):
        name = max(name, segment_name(group[0][0]))
        with (folder / "ledger" / name).open("ab") as file:
            for left, (at, line) in zip(range(len(group) - 1, -1, -1), group, strict=True):
                seq += 1
                raw = codec.seal(codec.fields(line), seq=seq, group=number, left=left, at=at, prev=prev)
                prev = codec.digest(raw)
                file.write(raw + b"\n")
