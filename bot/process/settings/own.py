"""The settings of the bot's account and people, and of its process."""

import socket
from pathlib import Path
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import SecretStr, ValidationInfo, field_validator

from bot.chat.screens.words import LANGUAGES
from bot.process.settings.given import DATA_DIR, TZ
from bot.process.settings.part import Part, setting
from bot.process.settings.values import (
    Approvers,
    BaseUrl,
    Chat,
    Group,
    LedgerPlace,
    PanelUrl,
    Proxy,
    SecretUrl,
    TelegramToken,
    Topic,
    Users,
    Zone,
)


class People(Part):
    """The bot's account, its group, and who decides there."""

    title: ClassVar[str] = "Who may decide, and where"
    ours: ClassVar[tuple[str, ...]] = ("TELEGRAM_",)

    telegram_token: TelegramToken = setting(
        mend="the token that @BotFather gave, digits:letters", tells="The bot's token, from @BotFather."
    )
    telegram_chat_id: Group = setting(
        regional=True,
        mend="the group's id, e.g. -1001234567890: add the bot to the group, write /help there and "
        "look for chat.id in https://api.telegram.org/bot<token>/getUpdates",
        tells="The NOC's group, a negative number. Add the bot to it, write /help there, and look for "
        "chat.id in https://api.telegram.org/bot<token>/getUpdates",
    )
    telegram_approvers: Approvers = setting(
        frozenset(),
        regional=True,
        live=True,
        mend="user ids with commas, * for everyone in the group, empty for its admins",
        tells="Telegram user ids with commas; empty: the group's administrators; *: everyone in the group.",
    )
    telegram_on_call: Users = setting(
        frozenset(),
        regional=True,
        live=True,
        mend="user ids with commas, empty for all approvers",
        tells="Who is mentioned when a card waits: user ids with commas; empty: all approvers.",
    )
    telegram_escalation_chat_id: Chat = setting(
        None,
        regional=True,
        live=True,
        mend="the id of another chat: a group (negative) or a person, empty for none",
        tells="Who is told when they do not answer either: another group's id (negative), or a person's who "
        "wrote /start to the bot; empty: nobody.",
    )
    telegram_topic_id: Topic = setting(
        None,
        regional=True,
        mend="a forum topic's number, empty for none",
        tells="A forum topic's number; empty (or 1): the General topic, or a group without topics.",
    )
    telegram_api_url: BaseUrl = setting(
        "https://api.telegram.org",
        mend="a Bot API server, https://...",
        tells="Another Bot API server.",
    )
    telegram_proxy: Proxy = setting(
        SecretStr(""),
        mend="the proxy that leads to Telegram, e.g. http://10.0.0.1:3128, empty for none",
        tells="Where Telegram is only reached through a proxy: http://10.0.0.1:3128, or "
        "http://user:password@10.0.0.1:3128. The other systems are always reached straight; http_proxy and "
        "its like are ignored.",
    )

    @field_validator("telegram_escalation_chat_id")
    @classmethod
    def _elsewhere(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and value == info.data.get("telegram_chat_id"):
            raise ValueError("is the group itself")
        return value


class Process(Part):
    """Where it lives and what it speaks."""

    title: ClassVar[str] = "The process"

    data_dir: Path = setting(DATA_DIR, mend="a folder", tells="The folder of the ledger, on a local disk.")
    ledger: LedgerPlace = setting(
        SecretStr(""),
        mend="postgresql://user:password@host/database, files or empty for files in DATA_DIR",
        tells="Where the ledger is: empty (or files) for DATA_DIR; postgresql://user:password@host/database "
        "for PostgreSQL, with a copy in DATA_DIR. It needs the extra [postgres], and ledger migrate first.",
    )
    node: str = setting(
        "",
        mend="a name without spaces, empty for the machine's own",
        tells="What this machine is called where several share a ledger in PostgreSQL; empty: its own name.",
        pattern=r"^[\w.-]{0,40}$",
    )
    send_from: Literal["all", "leader"] = setting(
        "all",
        mend="all or leader",
        tells="Which of several machines that share a ledger send messages: all in turn, or only the leader.",
    )
    personal_days: int = setting(
        180,
        ge=30,
        le=3650,
        mend="days, 30 to 3650",
        tells="Days that names and phones of customers are kept, by whole months (30 to 3650).",
    )
    credit_min_minutes: int = setting(
        10,
        ge=0,
        le=1440,
        mend="minutes, 0 to 1440",
        tells="Minutes from which on an interruption is in the sums of the month's report (0 to 1440).",
    )
    tz: Zone = setting(
        ZoneInfo(TZ),
        mend="e.g. America/Sao_Paulo",
        tells="The time zone of the OLT manager's dates, of the cards and of all hours above.",
    )
    bot_language: str = setting(
        LANGUAGES[0],
        mend=" or ".join(LANGUAGES),
        tells=f"What the bot speaks: {' or '.join(LANGUAGES)}.",
    )
    ops_host: str = setting(
        "127.0.0.1",
        mend="the address to listen on",
        tells="/healthz, /livez, /readyz and /metrics, and what is told to the bot; port 0: none.",
    )
    ops_port: int = setting(8081, ge=0, le=65535, mend="a port, 0 for none")
    panel: bool = setting(
        False,
        mend="true or false",
        tells="true: approvers open a page of what goes on, by a link that /painel sends them. It needs "
        "OPS_PORT, and that a browser reaches it.",
    )
    panel_url: PanelUrl = setting(
        "",
        mend="the address without a path, e.g. https://noc.example.com; empty for http://OPS_HOST:OPS_PORT",
        tells="How a phone reaches it, best https:// through a proxy of yours; empty: "
        "http://OPS_HOST:OPS_PORT, which in the container is none.",
    )
    metrics_per_olt: bool = setting(
        False,
        mend="true or false",
        tells="true: /metrics also has the open incidents, and the ONUs they affect, of each OLT: of the "
        "first 50 by name, and of all others together.",
    )
    heartbeat_url: SecretUrl = setting(
        SecretStr(""),
        mend="the address to ask each minute, https://..., empty for none",
        tells="Asked each minute while all is well (healthchecks.io, Uptime Kuma's push): whoever waits for "
        "it rings when it stops, also when the whole machine is gone. Empty: nobody is asked.",
    )

    @property
    def called(self) -> str:
        """The name of this machine."""
        return self.node or socket.gethostname()

    @field_validator("bot_language")
    @classmethod
    def _spoken(cls, value: str) -> str:
        if value not in LANGUAGES:
            raise ValueError("is not valid")
        return value
