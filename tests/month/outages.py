"""What can happen to a network, each with the alerts it raises. All times are seconds since the start."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from bot.domain.incident import Incident, Kind
from tests.month.network import Network, Pon
from tests.month.truth import Alert, Cause, Scenario, moment

MINUTE, HOUR = 60.0, 3600.0
LISTED_WITHIN = 15.0  # seconds from the first ONU to the alert on the list
COUNTED_AT_ONCE = 0.8  # of alerts; the others are listed with a part of their ONUs
NO_GASP = 0.1  # of ports report LOS in a power failure: their ONUs cannot gasp
CTO_TOO = 0.1  # of cut PONs have an alert for one of their CTOs as well


@dataclass(slots=True)
class Outages:
    """Collects causes and alerts. Every method makes one cause, at a time."""

    network: Network
    rng: random.Random
    causes: dict[int, Cause] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)

    def noise(self, at: float) -> None:
        """Somebody's plug, or a splice that tired."""
        kind = Kind.LOS if self.rng.random() < 0.55 else Kind.POWER
        few = self.rng.randint(1, 2)
        until = at + MINUTE + self.rng.expovariate(1 / (40 * MINUTE))
        self._one(Scenario.NOISE, kind, few, at, until)

    def lone(self, at: float, scenario: Scenario = Scenario.LONE, olt: str | None = None) -> None:
        """One PON: a CTO, a street without power, or all of it."""
        until = at + self.rng.uniform(10 * MINUTE, 4 * HOUR)
        if self.rng.random() < 0.5:
            self._one(scenario, Kind.POWER, self.rng.randint(3, 20), at, until, olt=olt)
        else:
            few = self.rng.random() < 0.6
            self._one(scenario, Kind.LOS, self.rng.randint(3, 16) if few else 64, at, until, olt=olt)

    def cut(
        self,
        at: float,
        scenario: Scenario = Scenario.CUT,
        most: int = 60,
        olt: str | None = None,
    ) -> None:
        """A cable of 2 PONs or more, repaired splice by splice."""
        pons = self._beside(min(most, round(2 * 30 ** self.rng.random())), olt)
        spread = self.rng.choice([3.0, 30.0, 180.0])
        until = at + self.rng.uniform(HOUR, 8 * HOUR)
        cause = self._cause(scenario, at, until)
        for pon in pons:
            down, back = at + self.rng.uniform(0, spread), until - self.rng.uniform(0, 30 * MINUTE)
            part = self.rng.uniform(0.1, 0.6) if self.rng.random() < 0.1 else self.rng.uniform(0.85, 1)
            self._down(cause, pon, Kind.LOS, part * len(pon.drops), down, back)
            if self.rng.random() < CTO_TOO:
                self._down(cause, pon, Kind.LOS, 8, down + 5, back, cto=f"CTO {self.rng.randint(1, 99)}")

    def slot(self, at: float) -> None:
        """A card."""
        olt = self._olt()
        slot = self.rng.choice(sorted({pon.port.slot for pon in olt}))
        self._whole(Scenario.SLOT, [pon for pon in olt if pon.port.slot == slot], at, 20)

    def olt(self, at: float) -> None:
        """A whole OLT."""
        self._whole(Scenario.OLT, self._olt(), at, 60)

    def pop(self, at: float) -> None:
        """A site: all OLTs in it."""
        keys = self.rng.sample(sorted(self.network.cables), self.rng.randint(2, 4))
        self._whole(Scenario.POP, [pon for key in keys for pon in self.network.cables[key]], at, 60)

    def ring(self, at: float) -> None:
        """A trunk with fibres of several OLTs."""
        keys = self.rng.sample(sorted(self.network.cables), self.rng.randint(2, 3))
        pons = [pon for key in keys for pon in self._beside(self.rng.randint(4, 24), key)]
        self._whole(Scenario.RING, pons, at, self.rng.choice([3.0, 30.0]))

    def power(
        self,
        at: float,
        scenario: Scenario = Scenario.POWER,
        olts: int = 4,
        pons: int = 25,
        olt: str | None = None,
    ) -> None:
        """A part of town; on the PONs at its edge only a few ONUs."""
        keys = self.rng.sample(sorted(self.network.cables), self.rng.randint(1, olts))
        if olt is not None and olt not in keys:
            keys[0] = olt
        spread = self.rng.uniform(30, 4 * MINUTE)
        until = at + self.rng.uniform(10 * MINUTE, 4 * HOUR)
        cause = self._cause(scenario, at, until)
        for pon in [pon for key in keys for pon in self._beside(self.rng.randint(1, pons), key)]:
            edge = self.rng.random() < 0.4
            affected = self.rng.randint(1, 8) if edge else self.rng.uniform(0.2, 0.95) * len(pon.drops)
            kind = Kind.LOS if self.rng.random() < NO_GASP else Kind.POWER
            down, back = at + self.rng.uniform(0, spread), until + self.rng.uniform(0, 3 * MINUTE)
            self._down(cause, pon, kind, affected, down, back)

    def storm(self, at: float) -> None:
        """Hours in which things break one after the other, each for itself."""
        hours = self.rng.uniform(2, 5)
        for _ in range(self.rng.randint(15, 40)):
            when = at + self.rng.uniform(0, hours * HOUR)
            match self.rng.choice(["cut", "power", "lone"]):
                case "cut":
                    self.cut(when, Scenario.STORM, most=8)
                case "power":
                    self.power(when, Scenario.STORM, olts=1, pons=12)
                case _:
                    self.lone(when, Scenario.STORM)

    def flap(self, at: float) -> None:
        """A port that comes and goes every few minutes, for hours."""
        pon, until = self.rng.choice(self.network.pons), at + self.rng.uniform(HOUR, 3 * HOUR)
        part = len(pon.drops) if self.rng.random() < 0.7 else self.rng.uniform(3, 16)
        cause, down = self._cause(Scenario.FLAP, at, until), at
        for spell in count():
            if down >= until:
                break
            back = down + self.rng.uniform(MINUTE, 4 * MINUTE)
            self._down(cause, pon, Kind.LOS, part, down, back, spell=spell)
            down = back + self.rng.uniform(MINUTE, 5 * MINUTE)

    def planned(self, at: float) -> None:
        """Splicing at night: a cable at once, or PON by PON."""
        pons = self._beside(self.rng.randint(2, 16))
        apart = self.rng.choice([0.0, 6 * MINUTE])
        takes = self.rng.uniform(10 * MINUTE, 90 * MINUTE)
        cause = self._cause(Scenario.PLANNED, at, at + takes + apart * len(pons), planned=True)
        for n, pon in enumerate(pons):
            down = at + n * apart + self.rng.uniform(0, 40)
            self._down(cause, pon, Kind.LOS, len(pon.drops), down, down + takes)

    def _one(
        self, scenario: Scenario, kind: Kind, few: int, at: float, until: float, *, olt: str | None = None
    ) -> None:
        pon = self.rng.choice(self.network.pons if olt is None else self.network.cables[olt])
        self._down(self._cause(scenario, at, until), pon, kind, few, at, until)

    def _whole(self, scenario: Scenario, pons: Sequence[Pon], at: float, spread: float) -> None:
        until = at + self.rng.uniform(10 * MINUTE, 90 * MINUTE)
        cause = self._cause(scenario, at, until)
        for pon in pons:
            affected = self.rng.uniform(0.9, 1) * len(pon.drops)
            down, back = at + self.rng.uniform(0, spread), until + self.rng.uniform(0, MINUTE)
            self._down(cause, pon, Kind.LOS, affected, down, back)

    def _olt(self) -> tuple[Pon, ...]:
        return self.network.cables[self.rng.choice(sorted(self.network.cables))]

    def _beside(self, pons: int, olt: str | None = None) -> tuple[Pon, ...]:
        """So many PONs that lie beside each other."""
        all_of_it = self._olt() if olt is None else self.network.cables[olt]
        first = self.rng.randint(0, max(0, len(all_of_it) - pons))
        return all_of_it[first : first + pons]

    def _cause(self, scenario: Scenario, at: float, until: float, *, planned: bool = False) -> int:
        number = len(self.causes) + 1
        self.causes[number] = Cause(number, scenario, at, until, planned)
        return number

    def _down(  # noqa: PLR0917
        self,
        cause: int,
        pon: Pon,
        kind: Kind,
        affected: float,
        down: float,
        back: float,
        *,
        spell: int = 0,
        cto: str | None = None,
    ) -> None:
        drops = self.rng.sample(pon.drops, max(1, min(round(affected), len(pon.drops))))
        whole = self.rng.random() < COUNTED_AT_ONCE
        first = len(drops) if whole else self.rng.randint(1, len(drops))
        opens = down + self.rng.uniform(0, LISTED_WITHIN)
        back = max(back, opens + MINUTE)
        scope, what = "pon" if cto is None else "cto", "loss" if kind is Kind.LOS else "no_power"
        incident = Incident(
            "", kind, f"{scope}_{what}", pon.port, moment(down), len(drops), len(pon.drops), cto
        )
        self.alerts.append(Alert(incident, cause, opens, back, tuple(drops), first, spell))
