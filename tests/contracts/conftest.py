"""A rig per adapter: the adapter, and the simulated system it speaks to. A new adapter adds its rig here."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pytest

from bot.errors import AnswerLost
from bot.gateways import GATEWAYS
from bot.gateways.adapter import Sender
from bot.gateways.cloud.cloud import Cloud
from bot.gateways.dry_run import DryRun
from bot.gateways.matrix.matrix import Matrix
from bot.ports import Source
from bot.process.clock import SystemClock
from bot.simulator.cloud import ACCOUNT, NUMBER, CloudApi
from bot.simulator.matrix import MatrixApi
from bot.simulator.olt import OltApi
from bot.simulator.server import Fault, HtmlPage, Server
from bot.simulator.world import World
from bot.sources import SOURCES
from bot.sources.adapter import OltManager
from bot.sources.oltcloud.oltcloud import OltCloud
from tests.fakes import FakeClock, FakeSource, incident


@dataclass
class OltRig:
    """Those that end in `_path` are parts of the addresses the adapter reads."""

    adapter: OltManager
    world: World
    server: Server
    list_path: str
    detail_path: str
    record_path: str
    inventory_path: str
    links_path: str
    rows_a_page: int

    def fail(self, fault: Fault, part: str, times: int = 1) -> None:
        self.server.faults.inject(fault, times, lambda path: part in path)

    def asked(self, part: str) -> int:
        return sum(part in request.path for request in self.server.requests)


@dataclass
class PortRig:
    """A source, and knobs for its ports. `cut` gives the serials of so many ONUs that went down there."""

    source: Source
    cut: Callable[[int, str], list[str]]
    idle: Callable[[str], None]
    online: Callable[[str], None]
    repair: Callable[[str], None]
    lose_a_reading: Callable[[], None]


@dataclass
class GatewayRig:
    """`delivered` counts, by phone, what reached a customer; `lag`: seconds until its own list has it.

    `lag` is None where it keeps no list, `pause` (its template is paused) where nobody may read those,
    `allow` (it lets us write to so many) where it says nothing of it.
    """

    adapter: Sender
    server: Server
    delivered: Callable[[], Counter[str]]
    refuse: Callable[[str], None]
    break_key: Callable[[], None]
    break_template: Callable[[], None]
    lag: Callable[[float], None] | None = None
    pause: Callable[[], None] | None = None
    allow: Callable[[int | None], None] | None = None


@asynccontextmanager
async def _oltcloud() -> AsyncIterator[OltRig]:
    async with OltApi(World()) as api:
        zone = ZoneInfo("America/Sao_Paulo")
        adapter = OltCloud(
            api.url, f"{api.url}/api/token", api.user, api.password, zone=zone, clock=FakeClock()
        )
        paths = ("/alert/list", "/ftth/alert/7", "/v2/client/", "/ftth/pons", "/equipment/list")
        yield OltRig(adapter, api.world, api, *paths, rows_a_page=1000)
        await adapter.aclose()


@asynccontextmanager
async def _oltcloud_ports() -> AsyncIterator[PortRig]:
    async with _oltcloud() as rig:
        world = rig.world

        def cut(onus: int, place: str) -> list[str]:
            return [onu.serial for onu in world.outage(onus, slot_pon=place).onus]

        def idle(place: str) -> None:
            world.add_onu(None, slot_pon=place)

        def online(serial: str) -> None:
            world.onus[serial].status = "Online"

        def repair(place: str) -> None:
            for alert in world.alerts.values():
                if alert.slot_pon == place:
                    world.repair(alert)

        yield PortRig(
            rig.adapter, cut, idle, online, repair, lambda: rig.fail(HtmlPage(502), "/equipment/list")
        )


@asynccontextmanager
async def _fake_ports() -> AsyncIterator[PortRig]:
    fake = FakeSource()

    def cut(onus: int, place: str) -> list[str]:
        first = 100 * len(fake.onus)
        what = fake.outage(incident(len(fake.onus) + 1, place=place), onus, first)
        idle(place)
        return [onu.serial for onu in fake.onus[what.id]]

    def idle(place: str) -> None:
        fake.ports["CB 01"] = fake.ports.get("CB 01", frozenset()) | {place}

    def repair(place: str) -> None:
        for what in list(fake.incidents.values()):
            if what.port.place == place:
                fake.back.update(onu.serial for onu in fake.onus[what.id])
                fake.repair(what.id)

    yield PortRig(
        fake, cut, idle, fake.back.add, repair, lambda: fake.link_errors.append(AnswerLost("http_502"))
    )


@asynccontextmanager
async def _matrix() -> AsyncIterator[GatewayRig]:
    async with MatrixApi() as api:
        zone, clock = ZoneInfo("America/Sao_Paulo"), SystemClock()  # the simulator's list is dated by its own
        api.variables = {114: 0, 116: 3, 120: 2}
        adapter = Matrix(
            api.hsm_url,
            api.token,
            templates={"LOS": 114, "POWER": 116, "RESTORED": 120},
            variables={"POWER": ("name", "eta", "cause"), "RESTORED": ("start", "end")},
            zone=zone,
            clock=clock,
        )

        def refuse(phone: str) -> None:
            api.refuse(phone, "contato invalido")

        def break_key() -> None:
            api.token = "another"

        def break_template() -> None:
            api.templates = {116}

        def lag(seconds: float) -> None:
            api.list_lag = seconds

        yield GatewayRig(adapter, api, lambda: api.count, refuse, break_key, break_template, lag)
        await adapter.aclose()


@asynccontextmanager
async def _cloud() -> AsyncIterator[GatewayRig]:
    async with CloudApi() as api:
        api.templates = {"fibra": 0, "energia": 3, "voltou": 2}
        adapter = Cloud(
            f"{api.url}/v24.0/{NUMBER}",
            {"Authorization": f"Bearer {api.token}"},
            templates={"LOS": "fibra", "POWER": "energia", "RESTORED": "voltou"},
            variables={"POWER": ("name", "eta", "cause"), "RESTORED": ("start", "end")},
            zone=ZoneInfo("America/Sao_Paulo"),
            account=f"{api.url}/v24.0/{ACCOUNT}",
        )

        def refuse(phone: str) -> None:
            api.refuse(phone, 131026)

        def break_key() -> None:
            api.token = "another"

        def break_template() -> None:
            api.templates = {"energia": 3}

        def pause() -> None:
            api.states["fibra"] = "PAUSED"

        def allow(people: int | None) -> None:
            api.tier = "TIER_UNLIMITED" if people is None else f"TIER_{people}"

        knobs = (refuse, break_key, break_template)
        yield GatewayRig(adapter, api, lambda: api.count, *knobs, pause=pause, allow=allow)
        await adapter.aclose()


OLT_RIGS: dict[str, Callable[[], AbstractAsyncContextManager[OltRig]]] = {"oltcloud": _oltcloud}
PORT_RIGS: dict[str, Callable[[], AbstractAsyncContextManager[PortRig]]] = {
    "oltcloud": _oltcloud_ports,
    "fake": _fake_ports,
}
GATEWAY_RIGS: dict[str, Callable[[], AbstractAsyncContextManager[GatewayRig]]] = {
    "matrix": _matrix,
    "cloud": _cloud,
}
LISTS = ("matrix",)
TELLS_OF_TEMPLATES = ("cloud",)
SAYS_HOW_MANY = ("cloud",)


@pytest.fixture(params=sorted(SOURCES))
async def olt(request: pytest.FixtureRequest) -> AsyncIterator[OltRig]:
    async with OLT_RIGS[request.param]() as rig:
        yield rig


@pytest.fixture(params=[*sorted(SOURCES), "fake"])
async def ports(request: pytest.FixtureRequest) -> AsyncIterator[PortRig]:
    """Each source, and the fake that the tests of the flow rely on."""
    async with PORT_RIGS[request.param]() as rig:
        yield rig


@pytest.fixture(params=sorted(set(GATEWAYS) - {"dry_run"}))
async def gateway(request: pytest.FixtureRequest) -> AsyncIterator[GatewayRig]:
    """Each gateway that sends."""
    async with GATEWAY_RIGS[request.param]() as rig:
        yield rig


@pytest.fixture(params=LISTS)
async def listing(request: pytest.FixtureRequest) -> AsyncIterator[GatewayRig]:
    """Each gateway that keeps a list of what it sent."""
    async with GATEWAY_RIGS[request.param]() as rig:
        assert rig.lag is not None
        yield rig


@pytest.fixture(params=TELLS_OF_TEMPLATES)
async def telling(request: pytest.FixtureRequest) -> AsyncIterator[GatewayRig]:
    """Each gateway that tells how its templates stand."""
    async with GATEWAY_RIGS[request.param]() as rig:
        yield rig


@pytest.fixture(params=SAYS_HOW_MANY)
async def counting(request: pytest.FixtureRequest) -> AsyncIterator[GatewayRig]:
    """Each gateway that says how many people it lets us write to."""
    async with GATEWAY_RIGS[request.param]() as rig:
        yield rig


@pytest.fixture(params=sorted(GATEWAYS))
async def any_gateway(request: pytest.FixtureRequest) -> AsyncIterator[Sender]:
    """Each gateway, also the one that sends nothing."""
    if request.param == "dry_run":
        yield DryRun()
        return
    async with GATEWAY_RIGS[request.param]() as rig:
        yield rig.adapter
