"""Which of the pretend ISP's systems tell the bot what is down."""

from collections.abc import Sequence
from typing import Literal, get_args

from bot.simulator.olt import OltApi
from bot.simulator.ports import free_port
from bot.simulator.server import Server
from bot.simulator.smartolt import SmartOltApi
from bot.simulator.world import World
from bot.simulator.zabbix import Zabbix

SourceName = Literal["oltcloud", "smartolt", "zabbix"]
SOURCES: tuple[SourceName, ...] = get_args(SourceName)
PUSHES: SourceName = "zabbix"  # it tells, and is not asked; it names ONUs, and no customers
POLL = "2"  # seconds
CALLS = 100_000  # an hour: nobody wants to watch a poll in five minutes


class Sources:
    """All of them over one world, of which the bot reads some.

    Attributes:
        olt, smartolt, zabbix: The systems.
        names: Those that the bot is given.
    """

    def __init__(self, world: World, names: Sequence[SourceName]) -> None:
        self.names = self._own = tuple(names)
        self.olt, self.smartolt, self.zabbix = OltApi(world), SmartOltApi(world), Zabbix(world)
        self.smartolt.limit = CALLS
        self._port = free_port()

    @property
    def servers(self) -> tuple[Server, ...]:
        """Those that have to listen."""
        every: dict[SourceName, Server] = {"oltcloud": self.olt, "smartolt": self.smartolt}
        return tuple(every[name] for name in self._own if name in every)

    def use(self, *, pushed: bool) -> None:
        """The bot is given the one that pushes alone, or those that it was given first."""
        self.names = (PUSHES,) if pushed else self._own

    def listens(self, port: int) -> None:
        """The bot is about to listen there."""
        self.zabbix.url = f"http://127.0.0.1:{port}/hooks/{PUSHES}"
        self.zabbix.on = PUSHES in self.names

    def settings(self) -> dict[str, str]:
        """The bot's settings for them."""
        names = [f"hook:{name}" if name == PUSHES else name for name in self.names]
        settings = {"SOURCE": ",".join(names), "POLL_SECONDS": POLL}
        if "oltcloud" in self.names:
            access = {"API_USER": self.olt.user, "API_PASS": self.olt.password}
            settings |= {"API_BASE_URL": self.olt.url, **access}
        if "smartolt" in self.names:
            access = {"SMARTOLT_KEY": self.smartolt.key, "SMARTOLT_POLL_SECONDS": POLL}
            settings |= {"SMARTOLT_URL": self.smartolt.url, **access}
        if PUSHES in self.names:
            secret = f"{self.zabbix.key},{self.zabbix.token}"
            access = {"HOOK_ZABBIX_FORMAT": "zabbix", "HOOK_ZABBIX_SECRET": secret}
            settings |= {"OPS_PORT": str(self._port), **access}
        return settings
