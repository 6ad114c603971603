"""A rig per adapter: the adapter, and the simulated system it speaks to. A new adapter adds its rig here."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest

from bot.directories import DIRECTORIES
from bot.directories.hubsoft.hubsoft import HubSoft
from bot.directories.hubsoft.wire import Credentials
from bot.directories.ixc.ixc import Ixc
from bot.directories.own import Own
from bot.directories.sgp.sgp import Sgp
from bot.domain.customer import Affected, Link, Onu
from bot.domain.incident import Poll, Port
from bot.errors import AnswerLost
from bot.gateways import GATEWAYS
from bot.gateways.adapter import Sender
from bot.gateways.cloud.cloud import Cloud
from bot.gateways.dry_run import DryRun
from bot.gateways.matrix.matrix import Matrix
from bot.gateways.opa.opa import Opa
from bot.ports import Directory, Polled
from bot.process.clock import SystemClock
from bot.simulator.cloud import ACCOUNT, NUMBER, CloudApi
from bot.simulator.erps.hubsoft import HubSoftApi
from bot.simulator.erps.ixc import IxcApi
from bot.simulator.erps.people import People
from bot.simulator.erps.sgp import SgpApi
from bot.simulator.matrix import MatrixApi
from bot.simulator.olt import OltApi
from bot.simulator.opa import CHANNEL, OpaApi, OpaMessage, Stage
from bot.simulator.server import Fault, HtmlPage, Server
from bot.simulator.smartolt import SmartOltApi
from bot.simulator.world import Alert, World
from bot.sources import SOURCES
from bot.sources.adapter import OltManager
from bot.sources.hook.formats import FORMATS
from bot.sources.hook.hook import Hook
from bot.sources.oltcloud.oltcloud import OltCloud
from bot.sources.smartolt.rows import Account
from bot.sources.smartolt.smartolt import SmartOlt
from bot.storage.rows import Rows
from tests.fakes import FakeClock, FakeSource, incident, port


@dataclass
class OltRig:
    """Those that end in `_path` are parts of the addresses the adapter reads; one that is told reads none.

    `id_of` is what it calls the incident of an alert of the world, `strange_id` one that nobody has.
    `rows_a_page` is None where its list has no pages.
    """

    adapter: OltManager
    world: World
    api: Server | None
    list_path: str = ""
    detail_path: str = ""
    inventory_path: str = ""
    links_path: str = ""
    rows_a_page: int | None = None
    id_of: Callable[[Alert], str] = lambda alert: str(alert.id)
    strange_id: str = "7999"
    knows_customers: bool = True

    @property
    def server(self) -> Server:
        assert self.api is not None
        return self.api

    def fail(self, fault: Fault, part: str, times: int = 1) -> None:
        self.server.faults.inject(fault, times, lambda path: part in path)

    def asked(self, part: str) -> int:
        return sum(part in request.path for request in self.server.requests)


@dataclass
class DirectoryRig:
    """A directory, and what it knows. `about` is a part of every address that it reads people at.

    `add` gives the ONU of a new customer as a source would ask about it, `stranger` one of nobody's. Of
    an ERP: `customer_id` is the one there, `write_hex` has serials written in hex digits there, `break_key`
    makes it refuse us.
    """

    adapter: Directory
    server: Server
    world: World
    about: str
    people: People | None = None
    customer_id: Callable[[Onu], str] | None = None
    write_hex: Callable[[], None] | None = None
    break_key: Callable[[], None] | None = None

    def add(
        self,
        name: str | None = None,
        contact: str | None = None,
        fixed: str | None = None,
        standing: str = "",
    ) -> Onu:
        customer = self.world.add_customer(name, contact, fixed)
        if self.people is not None and standing:
            self.people.standings[customer.id] = standing  # type: ignore[assignment]
        onu = self.world.add_onu(customer)
        return self._asked(Onu(onu.serial, str(customer.id), "", Link.LOS))

    def stranger(self, client_id: str = "999999") -> Onu:
        return self._asked(Onu("ZTEGFFFFFFF1", client_id, "", Link.LOS))

    def spelt(self, onu: Onu, serial: str) -> Onu:
        return self._asked(onu._replace(serial=serial))

    def _asked(self, onu: Onu) -> Onu:
        place = port("6/15")
        return onu._replace(port=place, subject=self.adapter.subject(onu))


@dataclass
class PortRig:
    """A source, and knobs for its ports. `cut` gives the serials of so many ONUs that went down there."""

    source: Polled
    cut: Callable[[int, str], list[str]]
    idle: Callable[[str], None]
    online: Callable[[str], None]
    repair: Callable[[str], None]
    lose_a_reading: Callable[[], None]


@dataclass
class GatewayRig:
    """`delivered` counts, by phone, what reached a customer; `lag`: seconds until its own list has it.

    `lag` is None where it keeps no list, `pause` (its template is paused) where nobody may read those,
    `allow` (it lets us write to so many) where it says nothing of it, `becomes` (what became of the messages
    to a phone: read, or failed for a reason) where it cannot be asked for one.
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
    becomes: Callable[[str, str | None], None] | None = None


@asynccontextmanager
async def _oltcloud() -> AsyncIterator[OltRig]:
    async with OltApi(World()) as api:
        zone = ZoneInfo("America/Sao_Paulo")
        adapter = OltCloud(
            api.url, f"{api.url}/api/token", api.user, api.password, zone=zone, clock=FakeClock()
        )
        paths = ("/alert/list", "/ftth/alert/7", "/ftth/pons", "/equipment/list")
        yield OltRig(adapter, api.world, api, *paths, rows_a_page=1000)
        await adapter.aclose()


@asynccontextmanager
async def _smartolt() -> AsyncIterator[OltRig]:
    async with SmartOltApi(World()) as api:
        adapter = SmartOlt(
            api.url,
            api.key,
            Account("isp"),
            name="smartolt",
            every=300,
            zone=ZoneInfo("America/Sao_Paulo"),
            clock=SystemClock(),
        )

        def id_of(alert: Alert) -> str:
            return f"smartolt:isp:{alert.olt_id}:{alert.slot_pon.replace('/', ':')}"

        paths = ("/get_outage_pons", "/get_all_onus_details", "/get_onus_statuses", "/get_onus_statuses")
        yield OltRig(
            adapter, api.world, api, *paths, id_of=id_of, strange_id="smartolt:isp:1", knows_customers=False
        )
        await adapter.aclose()


class Pushing(Hook):
    """A sender that tells of every alert of the world whenever the bot asks what it was told."""

    world: World

    async def open_incidents(self, within: float = 60.0) -> Poll:
        await self._tell()
        return await super().open_incidents(within)

    async def affected(self, incident_id: str) -> Affected:
        await self._tell()
        return await super().affected(incident_id)

    async def links(self, port: Port) -> Mapping[str, Link]:
        await self._tell()
        return await super().links(port)

    async def _tell(self) -> None:
        rows = [self._row(alert) for alert in self.world.alerts.values()]
        if rows:
            headers = {"authorization": "Bearer segredo"}
            heard = await self.hear(headers, json.dumps(rows).encode())
            assert heard.accepted + heard.ignored == len(rows)

    def _row(self, alert: Alert) -> dict[str, object]:
        slot, pon = alert.slot_pon.split("/")
        down = [onu.serial for onu in alert.onus if onu.status != "Online"]
        return {
            "id": str(alert.id),
            "status": "open" if alert.end_date is None else "closed",
            "cause": alert.alert_type,
            "olt": alert.olt_name,
            "slot": slot,
            "pon": pon,
            "started_at": alert.initial_date,
            "affected": alert.active_devices_count,
            "onus": down,
        }


@asynccontextmanager
async def _hook() -> AsyncIterator[OltRig]:
    with TemporaryDirectory() as folder:
        adapter = Pushing(
            "nms",
            Rows(Path(folder) / "pushed" / "nms.jsonl"),
            FORMATS["own"],
            ("segredo",),
            mapping={},
            zone=ZoneInfo("America/Sao_Paulo"),
            stale=None,
            clock=SystemClock(),
        )
        adapter.world = World()
        yield OltRig(
            adapter, adapter.world, None, id_of=lambda alert: f"hook:nms:{alert.id}", knows_customers=False
        )
        await adapter.aclose()


@asynccontextmanager
async def _olt_ports(olt: Callable[[], AbstractAsyncContextManager[OltRig]]) -> AsyncIterator[PortRig]:
    async with olt() as rig:
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

        yield PortRig(rig.adapter, cut, idle, online, repair, lambda: rig.fail(HtmlPage(502), rig.links_path))


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


@asynccontextmanager
async def _opa() -> AsyncIterator[GatewayRig]:
    async with OpaApi() as api:
        los, power, restored = (f"{n:024x}" for n in (1, 2, 3))
        api.templates = {
            los: "Rompimento de fibra.",
            power: "{{nome_cliente}}, sem energia até {{previsao}}: {{variavel_vazia}}.",
            restored: "De {{1}} a {{2}}.",
        }
        stood: dict[str, Stage] = {}
        adapter = Opa(
            api.url,
            api.token,
            channel=CHANNEL,
            templates={"LOS": los, "POWER": power, "RESTORED": restored},
            variables={"POWER": ("name", "eta", "cause"), "RESTORED": ("start", "end")},
            zone=ZoneInfo("America/Sao_Paulo"),
        )

        def fate(message: OpaMessage) -> tuple[Stage, ...]:
            return (stood.get(message.phone, Stage(0.0, "sent")),)

        def refuse(phone: str) -> None:
            api.refuse(phone, "Número de telefone inválido")

        def break_key() -> None:
            api.token = "another"

        def break_template() -> None:
            del api.templates[los]

        def allow(people: int | None) -> None:
            api.limit = people

        def becomes(phone: str, why: str | None) -> None:
            stood[phone] = Stage(0.0, "read") if why is None else Stage(0.0, "failed", why)

        api.fate = fate
        knobs = (refuse, break_key, break_template)
        yield GatewayRig(
            adapter, api, lambda: api.count, *knobs, pause=break_template, allow=allow, becomes=becomes
        )
        await adapter.aclose()


@asynccontextmanager
async def _own() -> AsyncIterator[DirectoryRig]:
    async with _oltcloud() as rig:
        assert isinstance(rig.adapter, OltCloud)
        yield DirectoryRig(Own(rig.adapter), rig.server, rig.world, "/v2/client/")


@asynccontextmanager
async def _ixc() -> AsyncIterator[DirectoryRig]:
    world = World()
    async with IxcApi(world) as api:
        adapter = Ixc(api.url, api.token, zone=UTC, clock=FakeClock())

        def break_key() -> None:
            api.token = "7:another"

        def write_hex() -> None:
            api.hex_serials = True

        def customer_id(onu: Onu) -> str:
            return str(world.onus[onu.serial].client_id)

        yield DirectoryRig(adapter, api, world, "/webservice/", api.people, customer_id, write_hex, break_key)
        await adapter.aclose()


@asynccontextmanager
async def _sgp() -> AsyncIterator[DirectoryRig]:
    world = World()
    async with SgpApi(world) as api:
        adapter = Sgp(api.url, api.token, api.app)

        def break_key() -> None:
            api.token = "another"

        def write_hex() -> None:
            api.hex_serials = True

        def customer_id(onu: Onu) -> str:
            return str(world.onus[onu.serial].client_id)

        yield DirectoryRig(adapter, api, world, "/api/ura/", api.people, customer_id, write_hex, break_key)
        await adapter.aclose()


@asynccontextmanager
async def _hubsoft() -> AsyncIterator[DirectoryRig]:
    world = World()
    async with HubSoftApi(world) as api:
        credentials = Credentials(api.client_id, api.client_secret, api.user, api.password)
        adapter = HubSoft(api.url, credentials, clock=FakeClock())

        def break_key() -> None:
            api.password = "another"
            api.expire()

        def write_hex() -> None:
            api.hex_serials = True

        def customer_id(onu: Onu) -> str:
            return str(world.onus[onu.serial].client_id)

        about = "/api/v1/integracao/"
        yield DirectoryRig(adapter, api, world, about, api.people, customer_id, write_hex, break_key)
        await adapter.aclose()


DIRECTORY_RIGS: dict[str, Callable[[], AbstractAsyncContextManager[DirectoryRig]]] = {
    "own": _own,
    "ixc": _ixc,
    "sgp": _sgp,
    "hubsoft": _hubsoft,
}
OLT_RIGS: dict[str, Callable[[], AbstractAsyncContextManager[OltRig]]] = {
    "oltcloud": _oltcloud,
    "smartolt": _smartolt,
    "hook": _hook,
}
KNOWS_PORTS = ("ixc",)
ASKED = ("oltcloud", "smartolt")
PORT_RIGS: dict[str, Callable[[], AbstractAsyncContextManager[PortRig]]] = {
    **{name: partial(_olt_ports, rig) for name, rig in OLT_RIGS.items()},
    "fake": _fake_ports,
}
GATEWAY_RIGS: dict[str, Callable[[], AbstractAsyncContextManager[GatewayRig]]] = {
    "matrix": _matrix,
    "cloud": _cloud,
    "opa": _opa,
}
LISTS = ("matrix",)
TELLS_OF_TEMPLATES = ("cloud", "opa")
SAYS_HOW_MANY = ("cloud", "opa")


@pytest.fixture(params=sorted(SOURCES))
async def olt(request: pytest.FixtureRequest) -> AsyncIterator[OltRig]:
    async with OLT_RIGS[request.param]() as rig:
        yield rig


@pytest.fixture(params=ASKED)
async def asked(request: pytest.FixtureRequest) -> AsyncIterator[OltRig]:
    """A source that is asked for what it knows, over HTTP."""
    async with OLT_RIGS[request.param]() as rig:
        yield rig


@pytest.fixture(params=(*ASKED, "fake"))
async def asked_ports(request: pytest.FixtureRequest) -> AsyncIterator[PortRig]:
    """The ports of one that knows them all."""
    async with PORT_RIGS[request.param]() as rig:
        yield rig


@pytest.fixture
async def olt_in_pages() -> AsyncIterator[OltRig]:
    """The source whose lists have pages."""
    async with _oltcloud() as rig:
        yield rig


@pytest.fixture(params=["own", *sorted(DIRECTORIES)])
async def directory(request: pytest.FixtureRequest) -> AsyncIterator[DirectoryRig]:
    """Each directory, also that of a source's own records."""
    async with DIRECTORY_RIGS[request.param]() as rig:
        yield rig


@pytest.fixture(params=sorted(DIRECTORIES))
async def erp(request: pytest.FixtureRequest) -> AsyncIterator[DirectoryRig]:
    """Each ERP."""
    async with DIRECTORY_RIGS[request.param]() as rig:
        yield rig


@pytest.fixture(params=KNOWS_PORTS)
async def by_port(request: pytest.FixtureRequest) -> AsyncIterator[DirectoryRig]:
    """Each directory that knows who is on a port."""
    async with DIRECTORY_RIGS[request.param]() as rig:
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
