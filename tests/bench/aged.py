"""A ledger as a busy ISP's is after days, a month or years, written by the project's own codec from a seed.

30 cases a day of 60 customers each, out of 20,000 customers on 300 ports. Of twenty cases seventeen are
approved, two denied, one ends by itself. A line in four hundred is rare: refused, in doubt, interrupted.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from bot.domain import events as ev
from bot.domain.events import Line
from bot.domain.incident import Incident, Kind, Port
from bot.domain.plan import Outcome, Recipient, Skip
from bot.domain.who import Who
from bot.storage import codec
from bot.storage.disk import Disk
from bot.storage.people.months import FOLDER, Listed, Person, month_of
from bot.storage.people.store import People
from bot.storage.segments import ledger_folder, segment_name
from tests.people import KEY, lay_key

CASES, CUSTOMERS = 30, 60  # a day; of a case
_PORTS, _OF_A_PORT = 300, 67  # 20,000 customers
_ALIVE = timedelta(minutes=15)
_PEOPLE = tuple(
    Who(501 + n, name) for n, name in enumerate(("Ana Maria", "Bruno Reis", "Carla Dias", "Davi"))
)
_NAMES = [
    "Maria",
    "José",
    "Ana",
    "João",
    "Antônio",
    "Francisca",
    "Carlos",
    "Paulo",
    "Adriana",
    "Lucas",
    "Márcia",
    "Pedro",
    "Juliana",
    "Marcos",
]
_LAST = [
    "Silva",
    "Santos",
    "Oliveira",
    "Souza",
    "Pereira",
    "Lima",
    "Ferreira",
    "Costa",
    "Rodrigues",
    "Almeida",
    "Nascimento",
    "Gomes",
]
_ENDS = ((0.93, Outcome.ACCEPTED), (0.96, Outcome.HELD), (0.985, Outcome.REJECTED), (0.995, Outcome.UNKNOWN))
Stamped = tuple[datetime, list[Line]]


@dataclass(frozen=True, slots=True)
class Aged:
    """What was written: how many days, cases, messages and lines."""

    days: int
    cases: int
    messages: int
    lines: int


def aged(
    folder: Path, days: int, until: datetime, seed: int = 1, cases: int = CASES, *, decided: bool = True
) -> Aged:
    """Write a ledger of so many days (of so many cases) into a new data folder; it ends with a clean stop.

    `decided`: somebody decides on what is in doubt.

    A folder that has one already, of the same days, is taken as it is.
    """
    made = folder / "made.json"
    if made.exists():
        return Aged(**json.loads(made.read_text("utf-8")))
    chance = random.Random(seed)  # noqa: S311 - to be played again
    story = _Story(chance, until - timedelta(days=days), cases, decided=decided)
    folder.mkdir(parents=True, exist_ok=True)
    lay_key(folder)
    (folder / FOLDER).mkdir(mode=0o700)
    lines = _write(folder, story.told(days, until))
    found = Aged(days, story.number, story.messages, lines)
    made.write_text(json.dumps({name: getattr(found, name) for name in Aged.__slots__}), "utf-8")
    return found


def _write(data: Path, groups: Iterator[Stamped]) -> int:
    people, folder = People(Disk(), data, KEY), ledger_folder(data)
    folder.mkdir(parents=True, mode=0o700)
    seq, prev, name, last = 0, codec.NO_LINE, "", datetime.min.replace(tzinfo=UTC)
    file: BinaryIO | None = None
    for group, (at, lines) in enumerate(groups, 1):
        last = max(last, at)
        if file is None or segment_name(last) != name:
            name = segment_name(last)
            if file is not None:
                file.close()
            file = (folder / name).open("wb", buffering=1 << 20)
        for left, line in zip(range(len(lines) - 1, -1, -1), lines, strict=True):
            seq += 1
            if isinstance(line, ev.Planned):
                line = people.called(line)  # noqa: PLW2901 - as the ledger takes it
                _list(data, last, line)
            raw = codec.seal(codec.fields(line), seq=seq, group=group, left=left, at=last, prev=prev)
            prev = codec.digest(raw)
            file.write(raw + b"\n")
    if file is not None:
        file.close()
    return seq


def _list(data: Path, at: datetime, planned: ev.Planned) -> None:
    """The names and phones of a plan, where the ledger puts them; each case has but one."""
    people = tuple(Person(one.id, one.name, one.phone) for one in planned.recipients)
    with (data / FOLDER / month_of(at)).open("ab") as file:
        file.write(Listed((planned.case, 1), at, people).dump())


def _port(olt: int, slot: int, pon: int) -> Port:
    return Port(f"{olt}:{slot}/{pon}", f"OLT {olt:02}", f"{slot}/{pon}")


class _Story:
    """What happens, in order. Times are of the day; every case is over within it but the last ones."""

    def __init__(self, chance: random.Random, began: datetime, cases: int, *, decided: bool) -> None:
        self._chance, self._began, self._cases, self._decided = chance, began, cases, decided
        self._trial = 0
        self.number = self.messages = 0
        self._ports = [_port(n // 15 + 1, n % 15 + 1, n % 16 + 1) for n in range(_PORTS)]

    def told(self, days: int, until: datetime) -> Iterator[Stamped]:
        """Every group of so many days."""
        yield self._began, [ev.Started("0.1.0")]
        for day in range(days):
            groups = [group for n in range(self._cases) for group in self._case(day, n)]
            start = self._began + timedelta(days=day)
            groups += [(start + turn * _ALIVE, [ev.Alive()]) for turn in range(1, 96)]
            groups += self._program(start)
            groups.sort(key=lambda group: group[0])  # stable: of one moment, as they were told
            yield from ((at, lines) for at, lines in groups if at < until)
        yield until, [ev.Stopped()]

    def _program(self, start: datetime) -> list[Stamped]:
        """A restart each week, a trial each month."""
        if self._chance.random() < 1 / 30:
            self._trial += 1
            trial = ev.TrialIntent(self._trial, "LOS", 114, "(61) 9****-0009", _PEOPLE[0])
            done = ev.TrialResult(self._trial, Outcome.ACCEPTED, str(self._chance.randrange(10**8)))
            return [(start, [trial]), (start + timedelta(seconds=2), [done])]
        if self._chance.random() < 1 / 7:
            return [(start, [ev.Stopped()]), (start + timedelta(seconds=20), [ev.Started("0.1.0")])]
        return []

    def _case(self, day: int, turn: int) -> Iterator[Stamped]:
        self.number += 1
        number, chance = self.number, self._chance
        port = self._ports[(day * self._cases + turn * 7 + chance.randrange(3)) % _PORTS]
        at = self._began + timedelta(
            days=day, seconds=turn * (86400 - 600) / self._cases + 30 + chance.random()
        )
        kind = chance.choice((Kind.LOS, Kind.LOS, Kind.POWER))
        incident = Incident(f"{70_000 + number}", kind, "pon_loss", port, at, CUSTOMERS, _OF_A_PORT)
        yield at, [ev.CaseOpened(number, incident), ev.IncidentChanged(number, incident)]
        yield at + timedelta(seconds=1), [ev.CardPosted(number, -1001234567890, 1000 + number)]
        way, who = chance.random(), chance.choice(_PEOPLE)
        over = at + timedelta(minutes=chance.randrange(20, 240))
        if way < 0.85:
            yield from self._sent(number, port, at + timedelta(seconds=chance.randrange(20, 200)), who)
        elif way < 0.95:
            yield at + timedelta(seconds=90), [ev.Denied(number, who, "manutenção programada")]
        if chance.random() < 0.1:
            yield at + timedelta(seconds=5), [ev.TapRefused(who, "approve", "late", number)]
        yield over, [ev.IncidentEnded(number)]

    def _sent(self, number: int, port: Port, at: datetime, who: Who) -> Iterator[Stamped]:
        chance = self._chance
        yield at, [ev.Approved(number, who, (port,))]
        at += timedelta(seconds=6)
        plan = tuple(self._person(port, n) for n in sorted(chance.sample(range(_OF_A_PORT), CUSTOMERS)))
        yield at, [ev.Planned(number, CUSTOMERS, plan)]
        doubts = []
        for person in (person for person in plan if person.skip is None):
            self.messages += 1
            luck = chance.random()
            end = next((outcome for most, outcome in _ENDS if luck < most), Outcome.FAILED)
            said = str(chance.randrange(10**8)) if end in {Outcome.ACCEPTED, Outcome.HELD} else None
            at += timedelta(milliseconds=50)
            yield at, [ev.Intent(number, person.id)]
            at += timedelta(milliseconds=80)
            yield at, [ev.Result(number, person.id, end, said, None if said else "sem resposta")]
            doubts += [person.id] if end is Outcome.UNKNOWN else []
        yield at, [ev.Settled(number, "done")]
        if doubts and self._decided:
            yield at + timedelta(seconds=50), [ev.Resolved(number, tuple(doubts), "sent", who)]

    def _person(self, port: Port, n: int) -> Recipient:
        slot = self._ports.index(port) * _OF_A_PORT + n
        name = f"{_NAMES[slot % len(_NAMES)]} {_LAST[slot // 7 % len(_LAST)]} {_LAST[slot // 3 % len(_LAST)]}"
        phone = None if n == 5 else f"5561{900_000_000 + slot * 4_703 % 99_999_999}"
        serial = f"ZTEG{slot * 2_654_435_761 % 16**8:08X}"
        return Recipient(f"c{slot + 1000}", name, (serial,), phone, Skip.NO_PHONE if phone is None else None)
