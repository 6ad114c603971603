"""What a scene plays with: captions, people who tap, cards, and the checks of what came out."""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bot.simulator.matrix import Message as Sent
from bot.simulator.stage import Stage
from bot.simulator.stage_views import PortView
from bot.simulator.telegram import Answer, Button, Message, User
from bot.simulator.world import Alert

T = TypeVar("T")
ROOM_FOR_33 = 40  # ONUs: some customers have two
READING = 4.0  # seconds that a caption needs
PATIENCE = {True: 20.0, False: 120.0}  # fast or not: the group's pace may hold a card back for a minute
APPROVE = "ok"  # how the bot's callback data begin: the words on a button depend on the language


class SceneFailed(Exception):
    """Something came out as it must not, or not in time; says what."""


@dataclass(frozen=True)
class Told:
    """A text in both languages."""

    pt: str
    en: str


@dataclass(frozen=True)
class Scene:
    """A story: its name for the command line, its title, and what happens."""

    name: str
    title: Told
    happens: Callable[["Play"], Awaitable[None]]


@dataclass(frozen=True)
class Words:
    """What a card says, as far as scenes look at it."""

    counts: Sequence[str]  # accepted, rejected, failed, unknown, skipped
    done: str
    normalised: str
    cooldown: str
    over: str
    taken: str  # a later tap is told who was first


WORDS = {
    "pt": Words(
        ("enviada", "recusada", "falha", "incerta", "pulada"),
        "Envio concluído",
        "Normalizado",
        "cooldown até",
        "falha já acabou",
        "aprovou",
    ),
    "en": Words(
        ("sent", "rejected", "failed", "unknown", "skipped"),
        "Sending finished",
        "Back to normal",
        "cooldown until",
        "outage is over",
        "approved",
    ),
}


@dataclass(frozen=True)
class Counts:
    """The line of counts at the end of a card."""

    accepted: int
    rejected: int
    failed: int
    unknown: int
    skipped: int

    @property
    def total(self) -> int:
        """Everybody on the plan."""
        return self.accepted + self.rejected + self.failed + self.unknown + self.skipped


@dataclass(frozen=True)
class Outage:
    """An alert, the phones that should get a message each, and how many customers it has in all."""

    alert: Alert
    phones: frozenset[str]
    customers: int


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
        try:
            await self.scene.happens(self)
        except (LookupError, TimeoutError) as error:
            raise SceneFailed(str(error) or f"not in time, after caption {self._step}") from error
        finally:
            self.stage.gateway_mode = "ok"
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

    def quiet_ports(self, count: int, *, onus: int = 20, one_slot: bool = False) -> list[PortView]:
        """Ports with at least so many ONUs that nothing has happened to; all on one slot where wanted.

        Raises:
            SceneFailed: The world is too small.
        """
        used = {alert.olt_name + alert.slot_pon for alert in self.stage.world.alerts.values()}
        quiet = [p for p in self.stage.ports() if p.olt + p.slot_pon not in used and p.onus >= onus]
        if one_slot:
            slots = Counter((port.olt, port.slot) for port in quiet)
            best = max(slots, key=lambda slot: slots[slot], default=None)
            quiet = [port for port in quiet if (port.olt, port.slot) == best]
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

    def outage(self, alert: Alert) -> Outage:
        """The alert with the truth about it, as the world is now."""
        customers = len({onu.client_id for onu in alert.onus})
        return Outage(alert, frozenset(self.stage.affected(alert)), customers)

    # The group

    async def card(self, outage: Outage, after: Message | None = None) -> Message:
        """The card of the outage's port that can be approved (``after``: one posted later than that)."""
        port = f"{outage.alert.olt_name} · {outage.alert.slot_pon}\n"

        def found() -> Message | None:
            cards = (m for m in self.stage.chat.messages() if port in m.text and can_approve(m))
            return next((m for m in cards if after is None or m.id > after.id), None)

        card = await self.wait(found, lambda: f"no card for {port.strip()}")
        self.cards.add(card.id)
        return card

    async def approve(self, user: User, card: Message) -> Answer:
        """This person taps the card's button to approve; what they read."""
        return await self.stage.tap(user.id, card.id, approve_data(card))

    async def until(self, card: Message, text: str) -> str:
        """The card's text once it says so."""
        await self.wait(lambda: text in card.text, lambda: f"never {text!r} on the card: {card.text!r}")
        return card.text

    async def counts(self, card: Message, outage: Outage) -> Counts:
        """The counts of the card, once its dispatch is over; every customer is in one of them."""
        await self.wait(lambda: self._over(card), lambda: f"no end on the card: {card.text!r}")
        counts = Counts(*(_count(card, word) for word in self.words.counts))
        self.check("customers on the card", counts.total, outage.customers)
        return counts

    def _over(self, card: Message) -> bool:
        """Whether somebody was told, or nobody and it can be tried again."""
        return self.words.done in card.text or (can_approve(card) and _count(card, self.words.counts[0]) == 0)

    @property
    def sent(self) -> list[Sent]:
        """What customers got since the scene began."""
        return self.stage.hsm.received[self._started_with :]

    async def told(self, wanted: Collection[str]) -> None:
        """Everybody who should has a message, once each, and nobody else."""
        try:
            await self.stage.hsm.until(self._started_with + len(wanted), PATIENCE[self.fast])
        except TimeoutError:
            raise SceneFailed(f"{len(self.sent)} messages for {len(wanted)} customers") from None
        sent = Counter(message.phone for message in self.sent)
        self.check("customers told, messages", (len(sent), sent.total()), (len(wanted), len(wanted)))
        self.check("customers told by mistake", len(set(sent) - set(wanted)), 0)

    async def wait(self, true: Callable[[], T | None], otherwise: Callable[[], str]) -> T:
        """The first true value; asked again after each change in the chat. SceneFailed where none comes."""
        try:
            return await self.stage.chat.wait(lambda _: true(), PATIENCE[self.fast])
        except TimeoutError:
            raise SceneFailed(otherwise()) from None


def can_approve(card: Message) -> bool:
    """Whether the card has the button."""
    return any(_approves(button) for row in card.keyboard for button in row)


def approve_data(card: Message) -> str:
    """The callback data of the button to approve; SceneFailed where the card has none."""
    found = next((button.data for row in card.keyboard for button in row if _approves(button)), None)
    if found is None:
        raise SceneFailed(f"nothing to approve on the card: {card.text!r} {card.buttons}")
    return found


def _approves(button: Button) -> bool:
    return (button.data or "").startswith(f"{APPROVE}:")


def _count(card: Message, word: str) -> int:
    found = re.search(rf"([0-9.,]+) {word}", card.text)
    return int(re.sub(r"\D", "", found[1])) if found else -1
