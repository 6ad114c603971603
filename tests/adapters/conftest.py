from collections.abc import AsyncIterator
from zoneinfo import ZoneInfo

import pytest

from bot.simulator.matrix import MatrixApi
from bot.simulator.olt import OltApi
from bot.simulator.world import World
from bot.sources.oltcloud.oltcloud import OltCloud
from tests.fakes import FakeClock


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def api(world: World) -> AsyncIterator[OltApi]:
    async with OltApi(world) as server:
        yield server


@pytest.fixture
async def olt(api: OltApi, clock: FakeClock) -> AsyncIterator[OltCloud]:
    adapter = OltCloud(
        api.url, f"{api.url}/api/token", "noc", "secret", zone=ZoneInfo("America/Sao_Paulo"), clock=clock
    )
    yield adapter
    await adapter.aclose()


@pytest.fixture
async def matrix_api() -> AsyncIterator[MatrixApi]:
    async with MatrixApi() as server:
        yield server
