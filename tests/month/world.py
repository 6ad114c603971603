"""What the bot has around it for a month: the OLT manager, the customers' phones, and the group."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from bot.domain.case import Reminder
from bot.domain.customer import Affected, Link
from bot.domain.events import Reminded
from bot.domain.incident import Kind, Port
from bot.domain.phone import phone_key
from bot.domain.plan import RESTORED, Message, Outcome, Receipt, Sent
from bot.ports import Notice
from bot.storage.memory import MemoryLedger
from tests.fakes import FakeSource
from tests.month.timeline import Timeline
from tests.month.truth import Alert

REFUSED, LOST = 0.02, 0.005  # of messages


@dataclass
class MonthSource(FakeSource):
    """The month's list (`Played` fills it), with the ONUs as they are now."""

    timeline: Timeline = field(kw_only=True)

    def __post_init__(self) -> None:
        self._drops = {pon.port.key: pon.drops for pon in self.timeline.month.network.pons}

    async def affected(self, incident_id: str) -> Affected:
        read = await super().affected(incident_id)
        onus = [onu._replace(link=Link.ONLINE) if onu.serial in self.back else onu for onu in read.onus]
        return Affected(tuple(onus), incident_id not in self.incidents)

    async def links(self, port: Port) -> dict[str, Link]:
        down = {
            drop.serial: Link.LOS if alert.incident.kind is Kind.LOS else Link.POWER
            for alert in self.timeline.open.values()
            if alert.incident.port.key == port.key
            for drop in alert.drops
        }
        return {drop.serial: down.get(drop.serial, Link.ONLINE) for drop in self._drops[port.key]}


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that the gateway was given, at a time, with what was true then.

    `causes`: what had the customer's ONUs down, as the list showed them last.
    """

    at: float
    phone: str
    restored: bool
    outcome: Outcome
    case: int
    serials: frozenset[str]
    causes: frozenset[int]

    @property
    def told(self) -> bool:
        """Whether it may have reached somebody."""
        return self.outcome is not Outcome.REJECTED


@dataclass
class MonthGateway:
    """Takes nearly everything. What it was given is the truth about who got what."""

    ledger: MemoryLedger
    timeline: Timeline
    rng: random.Random
    deliveries: list[Delivery] = field(default_factory=list)
    name: str = "month"
    _down_by: dict[str, list[Alert]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for alert in self.timeline.month.alerts.values():
            for drop in alert.drops:
                self._down_by[drop.serial].append(alert)

    def down(self, serials: Iterable[str]) -> frozenset[int]:
        """The causes that have any of these ONUs down, as the list showed it last."""
        alerts = (alert for serial in serials for alert in self._down_by[serial])
        return frozenset(alert.cause for alert in alerts if alert.id in self.timeline.open)

    def falls(self, delivery: Delivery, within: float) -> bool:
        """Whether one of those ONUs is off again within so many seconds after the message."""
        alerts = (alert for serial in delivery.serials for alert in self._down_by[serial])
        return any(delivery.at < alert.opens <= delivery.at + within for alert in alerts)

    async def send(self, message: Message) -> Receipt:
        case, serials = self._meant(message)
        dice, outcome = self.rng.random(), Outcome.ACCEPTED
        if dice < REFUSED + LOST:
            outcome = Outcome.REJECTED if dice < REFUSED else Outcome.UNKNOWN
        now, restored = asyncio.get_running_loop().time(), message.template == RESTORED
        self.deliveries.append(
            Delivery(now, phone_key(message.phone), restored, outcome, case, serials, self.down(serials))
        )
        return Receipt(outcome, str(len(self.deliveries)))

    async def sent(self, first: datetime, last: datetime) -> list[Sent] | None:
        return None

    async def probe(self) -> str:
        return self.name

    def _meant(self, message: Message) -> tuple[int, frozenset[str]]:
        """Whose dispatch sends it, and about which ONUs: the claim was written just now."""
        for number in self.ledger.book.running:
            progress = self.ledger.book.cases[number].dispatches[-1].progress
            if progress is not None and message.recipient not in progress.results:
                meant = progress.recipients.get(message.recipient)
                claimed = message.recipient in progress.intents
                if claimed and meant is not None and meant.phone == message.phone:
                    return number, frozenset(meant.serials)
        raise AssertionError("a message that no dispatch claimed")


@dataclass
class MonthChat:
    """A group that is never behind: what was said, and that reminders were."""

    ledger: MemoryLedger
    said: Counter[str] = field(default_factory=Counter)
    drawn: Counter[int] = field(default_factory=Counter)

    def show(self, case: int, *, urgent: bool = False) -> None:
        self.drawn[self.ledger.book.cases[case].shown_as] += 1

    def refresh(self) -> None:
        """Every card is drawn whenever something changes."""

    def say(self, notice: Notice) -> None:
        what = notice.facts.get("what")
        self.said[notice.code if what is None else f"{notice.code}: {what}"] += 1
        if notice.code == "reminder":
            case = int(str(notice.facts["case"]))
            step = cast("Reminder", what)
            self.ledger.note(Reminded(case, step))
