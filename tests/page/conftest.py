"""A stage with its page: with the real bot, or with an idle child where the bot is not the point."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from bot.simulator.page.server import PageServer
from bot.simulator.stage.stage import Stage
from tests.patience import PATIENCE

from .browser import Person

ROOT = Path(__file__).parents[2]
CUSTOMERS = 600
CHROMIUM = shutil.which("chromium")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
# A browser belongs to the event loop that it was started on: one loop for every fixture and test here.
fixture = pytest_asyncio.fixture(loop_scope="session")
LOOP = pytest.mark.asyncio(loop_scope="session")


async def idle(variables: Mapping[str, str], folder: Path) -> asyncio.subprocess.Process:
    """A child that only waits to be stopped."""
    return await asyncio.create_subprocess_exec("sleep", "600")


async def real_bot(variables: Mapping[str, str], folder: Path) -> asyncio.subprocess.Process:
    with (folder / "bot.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bot", "run"),
            cwd=folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **variables},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


@fixture
async def quiet(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose bot never says a word."""
    stage = Stage(tmp_path, idle, customers=CUSTOMERS)
    await stage.start()
    yield stage
    await stage.stop()


@fixture
async def by_cloud(tmp_path: Path) -> AsyncIterator[Stage]:
    """A quiet one that sends by the Cloud API."""
    stage = Stage(tmp_path, idle, customers=CUSTOMERS, gateway="cloud")
    await stage.start()
    yield stage
    await stage.stop()


@fixture
async def by_cloud_shown(by_cloud: Stage) -> AsyncIterator[PageServer]:
    page = PageServer(by_cloud)
    await page.start()
    yield page
    await page.stop()


@fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage with the real bot, which sends slowly enough to be watched: its progress shows every 6 s."""
    changes = {"HSM_RATE": "7", "UNDO_SECONDS": "1", "SETTLE_SECONDS": "0", "POLL_SECONDS": "1"}
    stage = Stage(tmp_path, real_bot, customers=CUSTOMERS, variables=changes)
    stage.chat.group_limit = None
    await stage.start()
    yield stage
    await stage.stop()


@fixture
async def served(quiet: Stage) -> AsyncIterator[PageServer]:
    page = PageServer(quiet)
    await page.start()
    yield page
    await page.stop()


@fixture
async def http(served: PageServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=served.url, timeout=PATIENCE, trust_env=False) as client:
        yield client


@fixture
async def shown(stage: Stage) -> AsyncIterator[PageServer]:
    """The page of the stage with the real bot."""
    page = PageServer(stage)
    await page.start()
    yield page
    await page.stop()


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """Started once: a start costs as much as a test."""
    if CHROMIUM is None:
        pytest.skip("no chromium is installed (Debian: apt-get install chromium)")
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        await started.close()


@fixture
async def browser(chromium: Browser) -> AsyncIterator[Browser]:
    """Nothing is open in it, and nothing of a page before is known to it."""
    yield chromium
    for context in chromium.contexts:
        await context.close()


@fixture
async def person(browser: Browser) -> AsyncIterator[Person]:
    """Somebody at a wide screen; the browser must have nothing to complain about at the end."""
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    somebody = Person(page)
    somebody.listen()
    yield somebody
    assert somebody.complaints == []
