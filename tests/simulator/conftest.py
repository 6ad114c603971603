import ssl
from collections.abc import AsyncIterator

import httpx
import pytest

from bot.simulator.matrix import MatrixApi
from bot.simulator.olt import OltApi
from bot.simulator.telegram.api import BotApi
from bot.simulator.world import World
from tests.patience import PATIENCE

from .clock import Clock
from .phone import Caller

TLS = ssl.create_default_context()  # never used, but costly to make for each client


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=PATIENCE, verify=TLS) as client:
        yield client


@pytest.fixture
async def olt(world: World, clock: Clock) -> AsyncIterator[OltApi]:
    async with OltApi(world, clock=clock) as server:
        yield server


@pytest.fixture
async def matrix(clock: Clock) -> AsyncIterator[MatrixApi]:
    async with MatrixApi(clock=clock) as server:
        yield server


@pytest.fixture
async def telegram(clock: Clock) -> AsyncIterator[BotApi]:
    async with BotApi(clock=clock) as server:
        server.add_user(7, "Ana", username="ana", admin=True)
        server.add_user(8, "Beto")
        yield server


@pytest.fixture
def call(telegram: BotApi, http: httpx.AsyncClient) -> Caller:
    return Caller(telegram, http)
