"""What a scene plays with: captions, people who tap, cards, and the checks of what came out."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from bot.simulator.scenes.reading import APPROVE, WORDS, Counts, can_approve, count, data_of
from bot.simulator.stage.gateways import GatewayName
from bot.simulator.stage.gateways.base import Arrived
from bot.simulator.stage.stage import Stage
from bot.simulator.stage.views import PortView, mobile
from bot.simulator.telegram.api import Answer, Message, User
from bot.simulator.world import Alert, Onu

T = TypeVar("T")
ROOM_FOR_33 = 40  # ONUs: some customers have two
READING = 4.0  # seconds that a caption needs
ANSWERING = 3.0  # seconds in which people can see what a card asks
PATIENCE = {True: 120.0, False: 120.0}  # fast or not: the group's pace may hold a card back for a minute


class SceneFailed(Exception):
    """Something came out as it must not, or not in time; says what."""


@dataclass(frozen=True)
class Told:
    """A text in both languages."""

    pt: str
    en: str


@dataclass(frozen=True)
class Scene:
    """A story: its name for the command line, its title, what happens, and the bot's settings for it.

    ``settings`` is asked when the scene begins, with whether it is played fast. ``gateway`` is the one that
    it needs; None: it can be told with any. ``erp``: the bot asks an ERP whose ONU
    it is, else the OLT manager. ``pushed``: Zabbix tells it what is down, else it asks the OLT manager.
    """

    name: str
    title: Told
    happens: Callable[["Play"], Awaitable[None]]
    settings: Callable[[bool], Mapping[str, str]] = lambda _: {}
    gateway: GatewayName | None = None
    erp: bool = False
    pushed: bool = False


@dataclass(frozen=True)
class Outage:
    """Alerts of one cause, the phones that should get a message each, and how many customers are hit."""

    alerts: tuple[Alert, ...]
    phones: frozenset[str]
    customers: int

    @property
    def onus(self) -> list[Onu]:
        """Every ONU that is hit."""
        return [onu for alert in self.alerts for onu in alert.onus]


class Play:
    """One performance of a scene on a stage.

    Args:
        stage: Started, and nothing else plays on it.
        scene: The scene.
        lang: The language that the bot speaks, "pt" or "en".
        fast: No pauses.
    """

    def __init__(self, stage: Stage, scene: Scene, lang: str = "pt", *, fast: bool = False) -> None:
        self.stage, self.scene, self.fast = stage, scene, fast
        self.words = WORDS[lang]
        self.cards: set[int] = set()  # the messages that were cards to decide on
        self._step = 0
        self._started_with = len(stage.hsm.received)

    async def run(self) -> None:
        """The scene is over and the stage is quiet again.

        Raises:
            SceneFailed: It did not come out as it must.
        """
        scene = self.scene
        await self.stage.use(scene.settings(self.fast), erp=scene.erp, pushed=scene.pushed)
        try:
            await scene.happens(self)
        except (LookupError, TimeoutError) as error:
            raise SceneFailed(str(error) or f"not in time, after caption {self._step}") from error
        finally:
            self.stage.gateway_mode = "ok"
            self.stage.phones_mode = "on"
            self.stage.gateway.unreachable(())
            await self.stage.settled()
            await self.stage.telegram_away(False)
        self.check("nobody got two messages", self.stage.hsm.duplicates, 0)
        crashed = "Traceback" in (self.stage.folder / "bot.log").read_text(errors="replace")
        self.check("tracebacks in the bot's log", crashed, False)

    async def caption(self, pt: str, en: str) -> None:
        """A caption, and time to read it."""
        self._step += 1
        title = self.scene.title
        self.stage.say_caption(
            {
                "scene": self.scene.name,
                "step": self._step,
                "title": {"pt": title.pt, "en": title.en},
                "text": {"pt": pt, "en": en},
            }
        )
        await self.pause(READING)

    async def pause(self, seconds: float, fast: float = 0.0) -> None:
        """Time for a person to look; ``fast`` seconds where nobody looks."""
        await asyncio.sleep(fast if self.fast else seconds)

    def check(self, what: str, found: object, wanted: object) -> None:
        """SceneFailed where they differ; says both."""
        if found != wanted:
            raise SceneFailed(f"{what}: {found!r}, not {wanted!r}")

    # The ISP

    def quiet_ports(
        self, count: int, *, onus: int = 20, on: Literal["slot", "olt", "apart"] | None = None, but: str = ""
    ) -> list[PortView]:
        """Ports with at least so many ONUs that nothing has happened to.

        ``on``: all on one slot, on one OLT, or each on another OLT; ``but``: none on that OLT.

        Raises:
            SceneFailed: The world is too small.
        """
        used = {alert.olt_name + alert.slot_pon for alert in self.stage.world.alerts.values()}
        quiet = [p for p in self.stage.ports() if p.olt + p.slot_pon not in used and p.onus >= onus]
        quiet = [port for port in quiet if port.olt != but]
        if on == "apart":
            quiet = list({port.olt: port for port in reversed(quiet)}.values())[::-1]
        elif on is not None:
            places = {port: (port.olt, port.slot if on == "slot" else 0) for port in quiet}
            best = max(Counter(places.values()).items(), key=lambda place: place[1], default=(None, 0))[0]
            quiet = [port for port in quiet if places[port] == best]
        if len(quiet) < count:
            raise SceneFailed(f"{count} quiet ports are not there: give more --customers")
        return quiet[:count]

    async def cut(self, port: PortView, customers: int = 33) -> Outage:
        """The port's first ONUs lose their light: as many as make so many customers."""
        clients: set[int | None] = set()
        cut = 0
        for onu in self.stage.onus(port.olt, port.slot_pon):
            clients.add(onu.client_id)
            if len(clients) > customers:
                break
            cut += 1
        outage = self.outage(await self.stage.cut(port.olt, port.slot_pon, cut))
        self.check("customers of the cut ONUs", outage.customers, customers)
        return outage

    def outage(self, *alerts: Alert) -> Outage:
        """The alerts with the truth about them, as the world is now."""
        customers = len({onu.client_id for alert in alerts for onu in alert.onus})
        phones = frozenset(phone for alert in alerts for phone in self.stage.affected(alert))
        return Outage(alerts, phones, customers)

    def one_of(self, outage: Outage) -> tuple[Onu, str, str]:
        """An ONU of somebody who is to be told and has no other there, with their phone and name."""
        for onu in outage.onus:
            customer = self.stage.world.customers.get(onu.client_id or 0)
            alone = [other.client_id for other in outage.onus].count(onu.client_id) == 1
            if customer is not None and alone and (phone := mobile(customer)) in outage.phones:
                return onu, phone, customer.name
        raise SceneFailed("nobody with one ONU is to be told")

    @property
    def closing(self) -> int:
        """How many readings without it the bot needs to take an outage for over."""
        return int(self.stage.variables().get("CLOSE_POLLS", "2"))

    async def read(self, times: int = 1) -> None:
        """The bot has read the OLT's list so many more times."""
        await self.stage.olt.until_read(self.stage.olt.readings + times, PATIENCE[self.fast])

    # The group

    async def card(self, outage: Outage, after: Message | None = None) -> Message:
        """The outage's one card that can be approved (``after``: one posted later than that)."""
        ports = {(alert.olt_name, alert.slot_pon) for alert in outage.alerts}
        olts = {olt for olt, _ in ports}
        olt, pon = outage.alerts[0].olt_name, outage.alerts[0].slot_pon
        where = olt if len(olts) == 1 else f"{len(olts)} OLTs"
        place = f"{where} · {pon if len(ports) == 1 else f'{len(ports)} PONs'}\n"

        def found() -> Message | None:
            cards = (m for m in self.stage.chat.messages() if place in m.text and can_approve(m))
            return next((m for m in cards if after is None or m.id > after.id), None)

        card = await self.wait(found, lambda: f"no card for {place.strip()}")
        self.cards.add(card.id)
        return card

    async def approve(self, user: User, card: Message) -> Answer:
        """This person taps the card's button to approve, which is there; what they read.

        Raises:
            SceneFailed: There is nothing to approve.
        """
        return await self.stage.tap(user.id, card.id, self.approve_data(card))

    def approve_data(self, card: Message) -> str:
        """The callback data of the button to approve; SceneFailed where the card has none."""
        data = data_of(card, APPROVE)
        if data is None:
            raise SceneFailed(f"nothing to approve on the card: {card.text!r} {card.buttons}")
        return data

    async def press(self, user: User, card: Message, action: str, argument: str = "") -> Answer:
        """This person taps the button that does this, once the card has it; what they read."""
        data = await self.wait(
            lambda: data_of(card, action, argument),
            lambda: f"never a button {action}::{argument} on the card: {card.text!r} {card.buttons}",
        )
        return await self.stage.tap(user.id, card.id, data)

    async def reply(self, card: Message, after: Message | None = None) -> Message:
        """The bot's answer to this card (``after``: the next one after that)."""

        def found() -> Message | None:
            replies = (m for m in self.stage.chat.messages() if m.reply_to == card.id)
            return next((m for m in replies if after is None or m.id > after.id), None)

        return await self.wait(found, lambda: f"nobody was asked again about {card.text!r}")

    async def ask(self, user: User, command: str) -> Message:
        """The bot's answer to a command in the group."""
        asked = await self.stage.say(user.id, command)
        return await self.reply(asked)

    async def until(self, card: Message, text: str) -> str:
        """The card's text once it says so."""
        await self.wait(lambda: text in card.text, lambda: f"never {text!r} on the card: {card.text!r}")
        return card.text

    async def counts(self, card: Message, outage: Outage) -> Counts:
        """The counts of the card, once its dispatch is over; every customer is in one of them."""
        await self.wait(lambda: self._over(card), lambda: f"no end on the card: {card.text!r}")
        counts = Counts(*(count(card, word) for word in self.words.counts))
        self.check("customers on the card", counts.total, outage.customers)
        return counts

    def _over(self, card: Message) -> bool:
        """Whether somebody was told, or nobody and it can be tried again."""
        return self.words.done in card.text or (can_approve(card) and self.words.nobody in card.text)

    # The customers

    @property
    def sent(self) -> list[Arrived]:
        """What customers got since the scene began."""
        return self.stage.gateway.arrived(self._started_with)

    async def told(self, wanted: Collection[str], *, back: Collection[str] = ()) -> None:
        """Everybody who should has a message, once each, and nobody else; ``back``: and that it is over."""
        try:
            many = self._started_with + len(wanted) + len(back)
            await self.stage.hsm.until(many, PATIENCE[self.fast])
        except TimeoutError:
            raise SceneFailed(f"{len(self.sent)} messages for {len(wanted)} customers") from None
        for what, found, right in (
            ("told", [m for m in self.sent if not m.back], wanted),
            ("told that it is over", [m for m in self.sent if m.back], back),
        ):
            phones = Counter(message.phone for message in found)
            self.check(f"customers {what}, messages", (len(phones), len(found)), (len(right), len(right)))
            self.check(f"customers {what} by mistake", len(set(phones) - set(right)), 0)

    async def wait(self, true: Callable[[], T | None], otherwise: Callable[[], str]) -> T:
        """The first true value; asked again after each change in the chat. SceneFailed where none comes."""
        try:
            return await self.stage.chat.wait(lambda _: true(), PATIENCE[self.fast])
        except TimeoutError:
            raise SceneFailed(otherwise()) from None
