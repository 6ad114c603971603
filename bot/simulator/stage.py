"""The stage of the demo: a whole pretend ISP, its NOC's chat, and the real bot as a child process.

Everything that a person can do to it is a method here, and everything that happens is told to whoever
subscribed. The web page and the scenes both work on this and on nothing else.
"""

import asyncio
import json
import weakref
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, get_args

from bot.simulator.matrix import MatrixApi
from bot.simulator.olt import OltApi
from bot.simulator.server import Answer as FixedAnswer
from bot.simulator.server import DropAfter
from bot.simulator.stage_child import Child, State
from bot.simulator.stage_views import PortView, message_view, mobile, whatsapp_view
from bot.simulator.telegram import Answer, BotApi, Message
from bot.simulator.world import Alert, Onu, World

Launch = Callable[[Mapping[str, str], Path], Awaitable[asyncio.subprocess.Process]]
GatewayMode = Literal["ok", "slow", "refuses", "throttles", "loses", "down"]
Happening = tuple[str, Any]  # kind and JSON-able data
Port = tuple[str, int, int]  # OLT, slot, PON

SLOW_SECONDS = 1.0
THROTTLED_RATE = 4.0  # messages a second
LOST_SHARE = 0.3
REFUSAL = json.dumps({"cod_error": 1, "msg": "template pausado"})


class Stage:
    """The pretend ISP and the bot process.

    Args:
        folder: Where the bot keeps its data and its log.
        launch: Starts the bot with these settings in this folder.
        seed: The same seed gives the same customers.
        customers: About how many.
        variables: Settings of the bot that differ from the demo's own.

    Attributes:
        world, olt, hsm, chat: The ISP and its servers; ``hsm.received`` is the truth about who got what.
        ana, bruno, visitor: Two administrators (501, 502) and somebody who is none (503).
        duplicates: Messages that a customer got beyond the first about one outage.
    """

    def __init__(
        self,
        folder: Path,
        launch: Launch,
        seed: int = 0,
        customers: int = 4000,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.world = World.generate(seed, customers)
        self.olt = OltApi(self.world)
        self.hsm = MatrixApi()
        self.chat = BotApi()
        self.chat.ephemeral = "support"
        self.ana = self.chat.add_user(501, "Ana", "ana", admin=True, opened_private=True)
        self.bruno = self.chat.add_user(502, "Bruno", "bruno", admin=True)
        self.visitor = self.chat.add_user(503, "Visitante", "visitante")
        self.duplicates = 0
        self.caption: dict[str, Any] | None = None
        self._changes = dict(variables or {})
        self._child = Child(lambda: launch(self.variables(), folder), self._bot_changed)
        self._onus: dict[Port, list[Onu]] = defaultdict(list)
        for onu in self.world.onus.values():
            self._onus[onu.olt_name, onu.slot, onu.pon].append(onu)
        self._alerts: dict[Port, Alert] = {}  # the newest of each port, open or not
        self._ports_of_phone: dict[str, Port] = {}
        self._told: Counter[tuple[str, int | None]] = Counter()
        self._mode: GatewayMode = "ok"
        self._away = False
        self._switching: set[asyncio.Task[None]] = set()
        self._switch = asyncio.Lock()
        self._pumps: list[asyncio.Task[None]] = []
        self._subscribers: weakref.WeakSet[asyncio.Queue[Happening]] = weakref.WeakSet()

    # Start and stop

    def variables(self) -> dict[str, str]:
        """The bot's settings for this stage."""
        return {
            "API_BASE_URL": self.olt.url,
            "API_USER": self.olt.user,
            "API_PASS": self.olt.password,
            "URL_HSM": self.hsm.hsm_url,
            "TOKEN_HSM": self.hsm.token,
            "TELEGRAM_TOKEN": self.chat.token,
            "TELEGRAM_CHAT_ID": str(self.chat.group),
            "TELEGRAM_API_URL": self.chat.url,
            "POLL_SECONDS": "2",
            "UNDO_SECONDS": "3",
            "DATA_DIR": str(self.folder / "data"),
            "OPS_PORT": "0",
            **self._changes,
        }

    async def start(self) -> None:
        """The servers listen and the bot is starting."""
        for server in (self.olt, self.hsm, self.chat):
            await server.start()
        self._pumps = [asyncio.create_task(self._pump_chat()), asyncio.create_task(self._pump_whatsapp())]
        await self._child.start()

    async def stop(self) -> None:
        """The bot has ended in order, and no task, thread or child is left."""
        self.hsm.faults.clear()
        await self._child.stop()
        await self.settled()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        self._pumps = []
        for server in (self.chat, self.hsm, self.olt):
            await server.stop()

    # The ISP

    def ports(self) -> list[PortView]:
        """Every PON, by OLT, slot and number."""
        return [self._view(port) for port in sorted(self._onus)]

    def affected(self, alert: Alert) -> set[str]:
        """The truth: the phones (55...) that one message each should reach, by what the world is now."""
        found: set[str] = set()
        for onu in alert.onus:
            customer = self.world.customers.get(onu.client_id or 0)
            phone = mobile(customer) if customer and onu.status != "Online" else None
            if phone:
                found.add(phone)
        return found

    async def cut(self, olt: str, slot_pon: str, onus: int | None = None) -> Alert:
        """The port loses its light (or its first so many ONUs); an alert that is open stays the one."""
        return self._fail([(olt, slot_pon)], "pon_loss", onus)[0]

    async def cable(self, olt: str, slot: int, pons: Sequence[int]) -> list[Alert]:
        """Several PONs of one slot lose their light at once."""
        return self._fail([(olt, f"{slot}/{pon}") for pon in pons], "pon_loss")

    async def power(self, ports: Sequence[tuple[str, str]]) -> list[Alert]:
        """The customers of these (OLT, slot/PON) lose their power."""
        return self._fail(ports, "pon_no_power")

    async def repair(self, olt: str, slot_pon: str) -> None:
        """The port's customers are online again."""
        self._mend([self._port(olt, slot_pon)])

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
                alert = self.world.cut(olt, slot_pon, alert_type, onus=self._onus[port][:onus])
                alert.total_devices_count = len(self._onus[port])
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
        if port not in self._onus:
            raise LookupError(f"no port {slot_pon} on {olt}")
        return port

    def _view(self, port: Port) -> PortView:
        alert = self._alerts.get(port)
        if alert is None or alert.end_date is not None:
            return PortView(*port, len(self._onus[port]), "ok", None)
        state: Literal["los", "power"] = "power" if alert.alert_type.endswith("no_power") else "los"
        return PortView(*port, len(self._onus[port]), state, alert.id)

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
            faults.always(FixedAnswer(200, REFUSAL))
        if mode == "loses":
            faults.always(DropAfter(), LOST_SHARE)
        task = asyncio.create_task(self._match_gateway())
        self._switching.add(task)
        task.add_done_callback(self._switching.discard)
        self._tell("gateway", {"mode": mode})

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

    # Telegram and the bot

    async def telegram_away(self, on: bool) -> None:
        """Telegram refuses connections, or is back."""
        async with self._switch:
            if on and self.chat.running:
                await self.chat.stop()
            elif not on and not self.chat.running:
                await self.chat.start()
        self._away = on
        self._tell("telegram", {"away": on})

    async def kill_bot(self) -> None:
        """SIGKILL; returns once it is dead."""
        await self._child.kill()

    async def start_bot(self) -> None:
        """The bot is starting, with the data it had."""
        await self._child.start()

    @property
    def bot_state(self) -> State:
        """How the bot is; it counts as running from its first call for updates on."""
        return self._child.state

    @property
    def bot_pid(self) -> int | None:
        """The bot's process id; None while it does not run."""
        return self._child.pid

    async def tap(self, user_id: int, message_id: int, data: str, chat: int | None = None) -> Answer:
        """A tap on a button with this callback data; what the bot answered, told as a toast too.

        Raises:
            LookupError: No such message or button, or this person does not see it.
            TimeoutError: No answer within 20 s.
        """
        message = self.message(message_id, chat)
        answer = await self.chat.tap(user_id, message, data)
        toast = {"user": user_id, "text": answer.text, "alert": answer.show_alert, "message": message_id}
        self._tell("toast", toast)
        return answer

    async def say(self, user_id: int, text: str, chat: int | None = None) -> Message:
        """A person writes (chat None: in the group; their own id: in private)."""
        return await self.chat.say(user_id, text, chat)

    def message(self, message_id: int, chat: int | None = None) -> Message:
        """A message of a chat (None: the group); LookupError where there is none."""
        for message in self.chat.history.get(self.chat.group if chat is None else chat, []):
            if message.id == message_id:
                return message
        raise LookupError(f"no message {message_id}")

    # What happened

    def subscribe(self) -> asyncio.Queue[Happening]:
        """A queue of (kind, data) from now on, as long as the caller holds it.

        Kinds: message, toast, whatsapp, counters, world (changed ports), bot, gateway, telegram, commands,
        caption. The data are those of ``snapshot``.
        """
        queue: asyncio.Queue[Happening] = asyncio.Queue()
        self._subscribers.add(queue)
        return queue

    def snapshot(self) -> dict[str, Any]:
        """Everything that a page shows, as it is now."""
        users = (self.ana, self.bruno, self.visitor)
        return {
            "group": self.chat.group,
            "users": [{"id": user.id, "name": user.name, "admin": user.admin} for user in users],
            "messages": [message_view(m) for chat in self.chat.history.values() for m in chat],
            "whatsapp": [whatsapp_view(message) for message in self.hsm.received],
            "counters": self._counters(),
            "world": [asdict(view) for view in self.ports()],
            "bot": {"state": self.bot_state},
            "gateway": {"mode": self._mode},
            "telegram": {"away": self._away},
            "commands": self._commands(),
            "caption": self.caption,
        }

    def say_caption(self, caption: dict[str, Any] | None) -> None:
        """What the story tells at this moment; None: nothing any more."""
        self.caption = caption
        self._tell("caption", caption)

    def _tell(self, kind: str, data: Any) -> None:
        for queue in self._subscribers:
            queue.put_nowait((kind, data))

    def _tell_world(self, ports: list[Port]) -> None:
        self._tell("world", [asdict(self._view(port)) for port in ports])

    def _bot_changed(self) -> None:
        self._tell("bot", {"state": self.bot_state})

    def _counters(self) -> dict[str, int]:
        return {"sent": sum(self._told.values()), "duplicates": self.duplicates}

    def _commands(self) -> list[dict[str, str]]:
        return max(self.chat.commands.values(), key=len, default=[])

    async def _pump_chat(self) -> None:
        events = self.chat.subscribe()
        while True:
            event = await events.get()
            if self.chat.updates.polling:
                self._child.came_up()
            if event.kind == "commands":
                self._tell("commands", self._commands())
            elif event.message is not None and event.kind != "tap":
                self._tell("message", message_view(event.message))

    async def _pump_whatsapp(self) -> None:
        seen = 0
        while True:
            for message in self.hsm.received[seen:]:
                self._count(message.phone)
                self._tell("whatsapp", whatsapp_view(message))
            seen = len(self.hsm.received)
            self._tell("counters", self._counters())
            await self.hsm.until(seen + 1, None)

    def _count(self, phone: str) -> None:
        """A person may free a port, so a later outage may tell a customer again: twice counts within one."""
        port = self._port_of(phone)
        alert = self._alerts.get(port) if port else None
        key = (phone, alert.id if alert else None)
        self._told[key] += 1
        self.duplicates += self._told[key] > 1

    def _port_of(self, phone: str) -> Port | None:
        if not self._ports_of_phone:
            for port, onus in self._onus.items():
                for onu in onus:
                    customer = self.world.customers.get(onu.client_id or 0)
                    if customer and (number := mobile(customer)):
                        self._ports_of_phone[number] = port
        return self._ports_of_phone.get(phone)
