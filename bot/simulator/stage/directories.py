"""Where the pretend ISP keeps its customers besides: an ERP, which the bot may be given."""

from collections.abc import Callable, Mapping
from typing import Literal

from bot.simulator.erps.hubsoft import HubSoftApi
from bot.simulator.erps.ixc import IxcApi
from bot.simulator.erps.people import People, Standing
from bot.simulator.erps.sgp import SgpApi
from bot.simulator.server import Server
from bot.simulator.world import Onu, World

DirectoryName = Literal["ixc", "sgp", "hubsoft"]
BLOCKED, CANCELLED = 0.12, 0.03  # shares of the customers
Access = Callable[[], dict[str, str]]


def _ixc(world: World, people: People) -> tuple[Server, Access]:
    api = IxcApi(world, people)
    return api, lambda: {"IXC_URL": api.url, "IXC_TOKEN": api.token}


def _sgp(world: World, people: People) -> tuple[Server, Access]:
    api = SgpApi(world, people)
    return api, lambda: {"SGP_URL": api.url, "SGP_TOKEN": api.token, "SGP_APP": api.app}


def _hubsoft(world: World, people: People) -> tuple[Server, Access]:
    api = HubSoftApi(world, people)

    def access() -> dict[str, str]:
        client = {"HUBSOFT_CLIENT_ID": api.client_id, "HUBSOFT_CLIENT_SECRET": api.client_secret}
        return {"HUBSOFT_URL": api.url, "HUBSOFT_USER": api.user, "HUBSOFT_PASS": api.password, **client}

    return api, access


DIRECTORIES: Mapping[DirectoryName, Callable[[World, People], tuple[Server, Access]]] = {
    "ixc": _ixc,
    "sgp": _sgp,
    "hubsoft": _hubsoft,
}


class Erp:
    """One of them over a world, with customers who are blocked and some who have gone.

    Attributes:
        server: What listens.
        asked: Whether the bot asks it, and not the OLT manager, whose ONU it is.
    """

    def __init__(self, world: World, seed: int, directory: DirectoryName | None) -> None:
        self._name: DirectoryName = directory or "ixc"
        self._people = People(world, seed, BLOCKED, CANCELLED)
        self.server, self._access = DIRECTORIES[self._name](world, self._people)
        self.asked = directory is not None

    def standing(self, onu: Onu) -> Standing:
        """How its customer stands, as far as the bot is to know of it."""
        account = self._people.of(onu) if self.asked else None
        return "active" if account is None else account.standing

    def settings(self) -> dict[str, str]:
        """The bot's settings for it."""
        return {"DIRECTORY": self._name, **self._access()} if self.asked else {}
