"""The stage of the demo: a whole pretend ISP, its NOC's chat, and the real bot as a child process.

Everything that a person can do to it is a method here, and everything that happens is told to whoever
subscribed. The web page and the scenes both work on this and on nothing else.
"""

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bot.simulator.ports import free_port
from bot.simulator.stage.child import Child, State
from bot.simulator.stage.directories import DirectoryName
from bot.simulator.stage.gateways import GatewayName
from bot.simulator.stage.gateways.base import Arrived
from bot.simulator.stage.isp import Isp
from bot.simulator.stage.ledger import resends
from bot.simulator.stage.sources import SOURCES, SourceName
from bot.simulator.stage.views import message_view, whatsapp_view
from bot.simulator.telegram.api import TAP_TIMEOUT, Answer, BotApi, Message

Launch = Callable[[Mapping[str, str], Path], Awaitable[asyncio.subprocess.Process]]
ANA, BRUNO, VISITOR = 501, 502, 503
ESCALATION = -1009876543210
LANGUAGES = {"pt": "pt_BR", "en": "en"}
Happening = tuple[str, Any]  # kind and JSON-able data


class Stage(Isp):
    """The pretend ISP and the bot process.

    Args:
        folder: Where the bot keeps its data and its log.
        launch: Starts the bot with these settings in this folder.
        seed: The same seed gives the same customers.
        customers: About how many.
        variables: Settings of the bot that differ from the demo's own.
        numbers_from: Alerts and messages are numbered from here on: where the folder has been used before,
            the bot must not take a new alert or card for an old one.
        gateway: What the bot sends by.
        sources: What tells it what is down.
        directory: Which ERP it asks whose ONU it is, always; None: only where a scene has it ask one.
        panel: Whether it has its own page, on a port of its own.

    Attributes:
        chat: The group, its people and their phones.
        escalation: Another group, where the bot turns to when nobody in the first one answers.
        ana, bruno, visitor: Two administrators (501, 502) and somebody who is none (503).
    """

    def __init__(
        self,
        folder: Path,
        launch: Launch,
        *,
        seed: int = 0,
        customers: int = 4000,
        variables: Mapping[str, str] | None = None,
        numbers_from: int = 0,
        gateway: GatewayName = "matrix",
        sources: Sequence[SourceName] = SOURCES[:1],
        directory: DirectoryName | None = None,
        panel: bool = False,
    ) -> None:
        super().__init__(seed, customers, numbers_from, gateway, sources, directory=directory)
        self.folder = folder
        self.numbers_from = numbers_from
        self.chat = BotApi()
        self.chat.first_message = numbers_from + 1
        self.chat.ephemeral = "support"
        self.escalation = ESCALATION
        self.chat.chats[self.escalation] = "Supervisão"
        self.ana = self.chat.add_user(ANA, "Ana", "ana", admin=True, opened_private=True)
        self.bruno = self.chat.add_user(BRUNO, "Bruno", "bruno", admin=True)
        self.visitor = self.chat.add_user(VISITOR, "Visitante", "visitante")
        self.caption: dict[str, Any] | None = None
        self._changes = dict(variables or {})
        self._panel = {"PANEL": "true", "OPS_PORT": str(free_port())} if panel else {"OPS_PORT": "0"}
        self._scene: dict[str, str] = {}
        self._child = Child(self._launch, self._bot_changed)
        self._start_child = launch
        self._polls = 0  # calls for updates before the bot of now was launched
        self._away = False
        self._speaking = asyncio.Lock()
        self._pumps: list[asyncio.Task[None]] = []
        self._subscribers: weakref.WeakSet[asyncio.Queue[Happening]] = weakref.WeakSet()

    # Start and stop

    def variables(self) -> dict[str, str]:
        """The bot's settings for this stage."""
        return {
            # The defaults, but nobody wants to watch a poll of 30 s. Two polls close, as they do by default.
            **self._panel,
            **self.sources.settings(),
            "TELEGRAM_TOKEN": self.chat.token,
            "TELEGRAM_CHAT_ID": str(self.chat.group),
            "TELEGRAM_API_URL": self.chat.url,
            "TELEGRAM_ESCALATION_CHAT_ID": str(self.escalation),
            "SETTLE_SECONDS": "3",
            "UNDO_SECONDS": "3",
            "DATA_DIR": str(self.folder / "data"),
            **self.gateway.settings(),
            **self.erp.settings(),
            **self._changes,
            **self._scene,
        }

    async def start(self) -> None:
        """The servers listen and the bot is starting."""
        for server in (*self.sources.servers, self.erp.server, self.hsm, self.chat):
            await server.start()
        self._pumps = [
            asyncio.create_task(work)
            for work in (
                self._pump_chat(),
                self._pump_whatsapp(),
                self.gateway.run(),
                self.sources.zabbix.run(),
            )
        ]
        await self._child.start()

    async def use(self, settings: Mapping[str, str], *, erp: bool = False, pushed: bool = False) -> None:
        """The bot has these settings on top of its own; where it runs with others it starts again.

        ``erp``: it asks the ERP whose ONU it is. ``pushed``: Zabbix alone tells it what is down.
        """
        before = self.sources.names
        self.sources.use(pushed=pushed)
        if self._scene == settings and self.erp.asked == erp and self.sources.names == before:
            return
        self._scene, self.erp.asked = dict(settings), erp
        if self._child.pid is not None:
            await self._child.stop()
            await self._child.start()

    @property
    def language(self) -> str:
        """What the bot speaks, or will from its next start on: "pt" or "en"."""
        spoken = self.variables().get("BOT_LANGUAGE")
        return next((lang for lang, setting in LANGUAGES.items() if setting == spoken), "pt")

    async def speak(self, lang: str) -> None:
        """The bot speaks "pt" or "en": it starts again where it runs and spoke the other one.

        Not in the middle of a story, which counts its bot's starts and reads its cards: then from its next
        start on.
        """
        async with self._speaking:
            if lang == self.language:
                return
            self._changes["BOT_LANGUAGE"] = LANGUAGES[lang]
            if self.caption is None and self._child.pid is not None:
                await self._child.stop()
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
        for server in (self.chat, self.hsm, self.erp.server, *self.sources.servers):
            await server.stop()

    # Telegram and the bot

    async def telegram_away(self, on: bool) -> None:
        """Telegram refuses connections, or is back."""
        async with self._switch:
            if on and self.chat.running:
                await self.chat.stop()
            elif not on and not self.chat.running:
                await self.chat.start()
        self._away = on
        self.tell("telegram", {"away": on})

    async def _launch(self) -> asyncio.subprocess.Process:
        self._polls = self.chat.calls["getUpdates"]
        variables = self.variables()
        self.sources.listens(int(variables["OPS_PORT"]))
        return await self._start_child(variables, self.folder)

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

    async def tap(
        self, user_id: int, message_id: int, data: str, chat: int | None = None, *, stale: bool = False
    ) -> Answer:
        """A tap on a button with this callback data; what the bot answered, told as a toast too.

        With ``stale`` the phone shows an old keyboard: the button need not be there any more.

        Raises:
            LookupError: No such message or button, or this person does not see it.
            TimeoutError: No answer in time.
        """
        message = self.message(message_id, chat)
        if stale:
            async with asyncio.timeout(TAP_TIMEOUT):
                answer = await self.chat.post_callback(user_id, message, data)
        else:
            answer = await self.chat.tap(user_id, message, data)
        toast = {"user": user_id, "text": answer.text, "alert": answer.show_alert, "message": message_id}
        self.tell("toast", toast)
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

        Kinds: message, toast, whatsapp, receipt (what changed of a message there), counters, world (changed
        ports), bot, gateway, phones, telegram, commands, caption. The data are those of ``snapshot``.
        """
        queue: asyncio.Queue[Happening] = asyncio.Queue()
        self._subscribers.add(queue)
        return queue

    def snapshot(self) -> dict[str, Any]:
        """Everything that a page shows, as it is now."""
        users = (self.ana, self.bruno, self.visitor)
        return {
            "group": self.chat.group,
            "escalation": self.escalation,
            "users": [{"id": user.id, "name": user.name, "admin": user.admin} for user in users],
            "messages": [message_view(m) for chat in self.chat.history.values() for m in chat],
            "whatsapp": [self._whatsapp(message) for message in self.gateway.arrived()],
            "counters": self._counters(),
            "world": [asdict(view) for view in self.ports()],
            "bot": {"state": self.bot_state},
            "gateway": {"mode": self.gateway_mode},
            "phones": {"mode": self.phones_mode},
            "telegram": {"away": self._away},
            "commands": self._commands(),
            "caption": self.caption,
        }

    def say_caption(self, caption: dict[str, Any] | None) -> None:
        """What the story tells at this moment; None: nothing any more.

        ``{"scene": name, "step": number, "title": {"pt": ..., "en": ...}, "text": {"pt": ..., "en": ...}}``
        """
        self.caption = caption
        self.tell("caption", caption)

    def tell(self, kind: str, data: Any) -> None:
        """Everybody who subscribed gets this."""
        for queue in self._subscribers:
            queue.put_nowait((kind, data))

    def resends(self, phone: str, alert: int, *, restored: bool) -> int:
        """How many second messages people ordered, knowing what they did: the bot's ledger says so."""
        return resends(self.folder / "data" / "ledger", phone, alert, restored=restored)

    def _whatsapp(self, message: Arrived) -> dict[str, Any]:
        return whatsapp_view(message, answered=message.id in self.answered)

    def _bot_changed(self) -> None:
        self.tell("bot", {"state": self.bot_state})

    def _counters(self) -> dict[str, int]:
        return {"sent": len(self.hsm.received), "duplicates": self.duplicates}

    def _commands(self) -> list[dict[str, str]]:
        return max(self.chat.commands.values(), key=len, default=[])

    async def _pump_chat(self) -> None:
        events = self.chat.subscribe()
        while True:
            event = await events.get()
            if self.chat.calls["getUpdates"] > self._polls:
                self._child.came_up()
            if event.kind == "commands":
                self.tell("commands", self._commands())
            elif event.message is not None and event.kind != "tap":
                self.tell("message", message_view(event.message))

    async def _pump_whatsapp(self) -> None:
        seen = 0
        while True:
            for message in self.gateway.arrived(seen):
                self.count(message)
                self.tell("whatsapp", self._whatsapp(message))
                seen = message.id
            self.tell("counters", self._counters())
            await self.hsm.until(seen + 1, None)
