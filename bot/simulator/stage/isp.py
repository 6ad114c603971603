"""The pretend ISP under one roof: its ports, what can happen to them, and its gateway's moods."""

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any, Literal, get_args

from bot.simulator.server import DropAfter
from bot.simulator.stage.directories import DirectoryName, Erp
from bot.simulator.stage.gateways import GATEWAYS, GatewayName
from bot.simulator.stage.gateways.base import Arrived, PhonesMode
from bot.simulator.stage.sources import SOURCES, SourceName, Sources
from bot.simulator.stage.views import PortView, mobile, receipt_view
from bot.simulator.world import Alert, Onu, Port, World

GatewayMode = Literal["ok", "slow", "refuses", "throttles", "loses", "down"]

SLOW_SECONDS = 1.0
THROTTLED_RATE = 4.0  # messages a second
LOST_SHARE = 0.3
BIG_OLT = "CB 07"  # beside the generated ones: 64 PONs of few ONUs, so that all of them may fall at once


class Isp(ABC):
    """A generated world with its OLT API and its gateway.

    Attributes:
        world, sources, olt: The network, what tells of it, and the first of those.
        erp: Who the customers are, where the bot asks it.
        gateway, hsm: What sends messages, and its server; ``hsm.received`` is the truth about who got what.
        answered: The numbers of the messages that were answered with PARAR.
        duplicates: Messages that a customer got beyond the first about one outage, but for those that a
            person had sent again knowing that somebody may get two.
    """

    def __init__(
        self,
        seed: int,
        customers: int,
        numbers_from: int = 0,
        gateway: GatewayName = "matrix",
        sources: Sequence[SourceName] = SOURCES[:1],
        *,
        directory: DirectoryName | None = None,
    ) -> None:
        self.world = World.generate(seed, customers, numbers_from)
        self.world.add_olt(BIG_OLT, slots=4, pons=16, onus=6)
        self.sources = Sources(self.world, sources)
        self.olt = self.sources.olt
        self.erp = Erp(self.world, seed, directory)
        self.gateway = GATEWAYS[gateway](seed)
        self.hsm = self.gateway.api
        self.gateway.changed = self._tell_receipt
        self.answered: set[int] = set()
        self.duplicates = 0
        self._alerts: dict[Port, Alert] = {}  # the newest of each port, open or not
        self._ports_of_phones: dict[str, Port] = {}
        self._told: Counter[tuple[str, int | None, bool]] = Counter()
        self._mode: GatewayMode = "ok"
        self._phones: PhonesMode = "on"
        self._switching: set[asyncio.Task[None]] = set()
        self._switch = asyncio.Lock()

    @abstractmethod
    def resends(self, phone: str, alert: int, *, restored: bool) -> int:
        """How many messages about an alert people had sent to this phone once more."""

    @abstractmethod
    def tell(self, kind: str, data: Any) -> None:
        """Everybody who subscribed gets this."""

    def ports(self) -> list[PortView]:
        """Every PON, by OLT, slot and number."""
        return [self._view(port) for port in sorted(self.world.ports)]

    def onus(self, olt: str, slot_pon: str) -> list[Onu]:
        """The port's ONUs; LookupError where there is no such port."""
        return list(self.world.ports[self._port(olt, slot_pon)])

    def affected(self, alert: Alert) -> set[str]:
        """The truth: the phones (55...) that one message each should reach, by what the world is now."""
        found: set[str] = set()
        for onu in alert.onus:
            customer = self.world.customers.get(onu.client_id or 0)
            phone = mobile(customer) if customer and onu.status != "Online" else None
            if phone and self.erp.standing(onu) == "active":
                found.add(phone)
        return found

    async def cut(self, olt: str, slot_pon: str, onus: int | None = None) -> Alert:
        """The port loses its light (or its first so many ONUs); an alert that is open stays the one."""
        return self._fail([(olt, slot_pon)], "pon_loss", onus)[0]

    async def cut_all(self, ports: Sequence[tuple[str, str]]) -> list[Alert]:
        """These (OLT, slot/PON) lose their light at once."""
        return self._fail(ports, "pon_loss")

    async def power(self, ports: Sequence[tuple[str, str]]) -> list[Alert]:
        """The customers of these (OLT, slot/PON) lose their power."""
        return self._fail(ports, "pon_no_power")

    async def repair(self, olt: str, slot_pon: str, but: Collection[Onu] = ()) -> None:
        """The port's customers are online again, except these ONUs, whose fibre was cut on its own."""
        self._mend([self._port(olt, slot_pon)])
        for onu in but:
            onu.status = "LOSS"

    async def repair_all(self) -> None:
        """Everybody is online again."""
        self._mend(list(self._alerts))

    async def flap(self, olt: str, slot_pon: str, times: int, seconds: float) -> None:
        """So often down for these seconds and up for as long; returns when it is up for good."""
        for _ in range(times):
            await self.cut(olt, slot_pon)
            await asyncio.sleep(seconds)
            await self.repair(olt, slot_pon)
            await asyncio.sleep(seconds)

    def _fail(
        self, ports: Sequence[tuple[str, str]], alert_type: str, onus: int | None = None
    ) -> list[Alert]:
        alerts = []
        for olt, slot_pon in ports:
            port = self._port(olt, slot_pon)
            alert = self._alerts.get(port)
            if alert is None or alert.end_date is not None:
                alert = self.world.cut(olt, slot_pon, alert_type, onus=self.world.ports[port][:onus])
                self._alerts[port] = alert
            alerts.append(alert)
        self._tell_world([self._port(*port) for port in ports])
        return alerts

    def _mend(self, ports: list[Port]) -> None:
        open_ports = [p for p in ports if p in self._alerts and self._alerts[p].end_date is None]
        for port in open_ports:
            self.world.repair(self._alerts[port])
        self._tell_world(open_ports)

    def _port(self, olt: str, slot_pon: str) -> Port:
        slot, _, pon = slot_pon.partition("/")
        port = (olt, int(slot), int(pon))
        if port not in self.world.ports:
            raise LookupError(f"no port {slot_pon} on {olt}")
        return port

    def _view(self, port: Port) -> PortView:
        alert = self._alerts.get(port)
        if alert is None or alert.end_date is not None:
            return PortView(*port, len(self.world.ports[port]), "ok", None)
        state: Literal["los", "power"] = "power" if alert.alert_type.endswith("no_power") else "los"
        return PortView(*port, len(self.world.ports[port]), state, alert.id)

    def kill_token(self) -> None:
        """Every token of the OLT API is dead."""
        self.olt.expire_tokens()

    @property
    def gateway_mode(self) -> GatewayMode:
        """How the gateway behaves; "down": it refuses connections."""
        return self._mode

    @gateway_mode.setter
    def gateway_mode(self, mode: GatewayMode) -> None:
        if mode not in get_args(GatewayMode):
            raise ValueError(f"no gateway mode {mode!r}")
        self._mode = mode
        faults = self.hsm.faults
        faults.clear()
        self.hsm.rate_limit = THROTTLED_RATE if mode == "throttles" else None
        faults.latency = SLOW_SECONDS if mode == "slow" else 0.0
        if mode == "refuses":
            faults.always(self.gateway.refusal)
        if mode == "loses":
            faults.always(DropAfter(), LOST_SHARE)
        task = asyncio.create_task(self._match_gateway())
        self._switching.add(task)
        task.add_done_callback(self._switching.discard)
        self.tell("gateway", {"mode": mode})

    @property
    def phones_mode(self) -> PhonesMode:
        """How the customers' phones are: on, some of them without WhatsApp, or all of them off."""
        return self._phones

    @phones_mode.setter
    def phones_mode(self, mode: PhonesMode) -> None:
        if mode not in get_args(PhonesMode):
            raise ValueError(f"no mode of phones {mode!r}")
        self._phones = mode
        self.gateway.behave(mode)
        self.tell("phones", {"mode": mode})

    def stop_messages(self, number: int) -> None:
        """Who got this message answers PARAR; LookupError where there is no such message."""
        self.gateway.stop_messages(self.gateway.message(number).phone)
        self.answered.add(number)
        self._tell_receipt(number)

    def _tell_receipt(self, number: int) -> None:
        message = self.gateway.message(number)
        self.tell("receipt", receipt_view(message, answered=number in self.answered))

    async def settled(self) -> None:
        """The gateway's server has followed ``gateway_mode``."""
        while self._switching:
            await asyncio.wait(set(self._switching))

    async def _match_gateway(self) -> None:
        async with self._switch:
            if self._mode == "down":
                await self.hsm.stop()
            elif not self.hsm.running:
                await self.hsm.start()

    def _tell_world(self, ports: list[Port]) -> None:
        self.tell("world", [asdict(self._view(port)) for port in ports])

    def count(self, message: Arrived) -> None:
        """A message reached a phone.

        A person may free a port, and a later outage then tells a customer again: twice is twice about one,
        where that it is over counts apart.
        """
        port = self._port_of(message.phone)
        alert = self._alerts.get(port) if port else None
        key = (message.phone, alert.id if alert else None, message.back)
        self._told[key] += 1
        if alert is None or self._told[key] == 1:
            self.duplicates += self._told[key] > 1
            return
        ordered = self.resends(message.phone, alert.id, restored=key[2])
        self.duplicates += self._told[key] > 1 + ordered

    def _port_of(self, phone: str) -> Port | None:
        if not self._ports_of_phones:
            for port, onus in self.world.ports.items():
                for onu in onus:
                    customer = self.world.customers.get(onu.client_id or 0)
                    if customer and (number := mobile(customer)):
                        self._ports_of_phones[number] = port
        return self._ports_of_phones.get(phone)
