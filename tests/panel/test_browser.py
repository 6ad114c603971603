"""The panel as a person sees it: a real Chromium, by keyboard, on a wall and in a hand, and as axe does."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, ViewportSize, expect

from tests.isp import Isp, isp
from tests.page.browser import SECONDS, Person
from tests.page.conftest import LOOP, browser, chromium, fixture
from tests.test_health import running, settles

from .conftest import asks

__all__ = ["browser", "chromium"]  # the fixtures of the demo's page: one browser for both
pytestmark = [LOOP, pytest.mark.process]
WALL, PHONE = ViewportSize(width=1920, height=1080), ViewportSize(width=390, height=844)
HOSTILE = '<img src=x onerror="window.hacked=1">'


@fixture
async def room(tmp_path: Path) -> AsyncIterator[Isp]:
    """A bot with its panel, in this process."""
    async with isp(tmp_path) as made:
        made.variables |= {"PANEL": "true", "GROUP_SECONDS": "0", "HSM_RATE": "1"}
        made.chat.group_limit = None
        async with running(made):
            await settles(made)
            yield made


@fixture
async def wall(browser: Browser) -> AsyncIterator[Person]:
    """Somebody at the wall; the browser must have nothing to complain about at the end."""
    context = await browser.new_context(viewport=WALL)
    somebody = Person(await context.new_page())
    somebody.listen()
    yield somebody
    assert somebody.complaints == []


async def enters(person: Person, room: Isp) -> Page:
    """By the keyboard alone."""
    page = person.page
    await page.goto(await asks(room, room.ana))
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button")).to_be_focused()
    await agrees(page)
    await page.keyboard.press("Enter")
    await expect(page.locator("#live")).to_have_attribute("data-ready", "true", timeout=SECONDS)
    return page


async def agrees(page: Page) -> None:
    """Axe finds nothing, and nothing is beyond the edge of the screen."""
    axe = Path(pytest.importorskip("axe_playwright_python").__file__).with_name("axe.min.js")
    await page.evaluate(axe.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = (await page.evaluate("axe.run()"))["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    wide, room = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= room


async def test_a_wall_and_a_phone_show_what_goes_on_as_it_changes(room: Isp, wall: Person) -> None:
    page = await enters(wall, room)
    await expect(page.locator("#none")).to_be_visible()
    await agrees(page)
    for place, customers in enumerate((33, 8, 20), start=1):
        room.world.outage(customers, "CB 01", f"6/{place}")
    room.world.outage(12, "CB 02", "1/1", "pon_no_power")
    rows = page.locator("#cases > li")
    await expect(rows).to_have_count(4, timeout=SECONDS)
    assert await rows.locator(".count b").all_inner_texts() == ["≈33", "≈20", "≈12", "≈8"]
    first = rows.first
    await expect(first.locator("h2")).to_have_text(re.compile(r"LOS CB 01 6/1$"))
    card = await room.card("6/1\n")
    await room.chat.tap(room.ana, card, "Aprovar")
    await expect(first.locator(".state")).to_have_text(re.compile("Enviando|Consultando"), timeout=SECONDS)
    await room.chat.tap(room.ana, await room.card("6/2\n"), "Negar")
    await expect(first.locator(".lines")).to_contain_text(re.compile(r"\d+/33"), timeout=SECONDS)
    for size in (PHONE, WALL):
        await page.set_viewport_size(size)
        await agrees(page)
    shown = "parseFloat(getComputedStyle(document.querySelector('#cases > li h2')).fontSize)"
    big = await page.evaluate(shown)  # at once: what is found first may have been drawn anew by then
    assert big >= 32  # px on a wall of 1920: read from four metres


async def test_it_says_itself_that_it_is_old_and_that_one_is_out(room: Isp, wall: Person) -> None:
    await wall.page.clock.install()
    page = await enters(wall, room)
    stale = page.locator("#stale")
    await expect(stale).to_be_hidden()
    await page.clock.fast_forward(20_000)
    await expect(stale).to_contain_text("Sem atualização há 2")
    await agrees(page)
    await expect(stale).to_be_hidden(timeout=SECONDS)  # the next word of the server
    room.chat.change(room.ana, gone=True)
    await expect(page.get_by_text("Peça o link ao bot")).to_be_visible(timeout=SECONDS)
    await agrees(page)
    wall.complaints[:] = [line for line in wall.complaints if "401" not in line]


async def test_a_hostile_name_is_text_and_the_keyboard_is_enough(room: Isp, wall: Person) -> None:
    room.world.outage(4, HOSTILE, "1/1")
    page = await enters(wall, room)
    await expect(page.locator("#cases h2")).to_contain_text("<img", timeout=SECONDS)
    await page.reload()
    await expect(page.locator("#cases h2")).to_contain_text("<img")
    assert await page.locator("#cases img").count() == 0
    assert await page.evaluate("window.hacked") is None
    for seen in ("Ir para o conteúdo", "Agora", "Histórico", "Gráficos", "Sair"):
        await page.keyboard.press("Tab")
        await expect(page.locator(":focus")).to_have_text(seen)
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Peça o link ao bot")).to_be_visible()
    wall.complaints[:] = [line for line in wall.complaints if "401" not in line]


async def test_the_past_is_found_by_keyboard_on_a_wall_and_in_a_hand(room: Isp, wall: Person) -> None:
    room.world.outage(4, HOSTILE, "1/1")
    room.world.outage(6, "São João", "6/1")
    page = await enters(wall, room)
    await room.chat.tap(room.ana, await room.card("6/1\n"), "Aprovar")
    await expect(page.locator("#cases .state").first).to_have_text("Avisados", timeout=SECONDS)
    await page.get_by_role("link", name="Histórico").press("Enter")
    rows = page.locator("tbody tr")
    await expect(rows).to_have_count(2)
    await expect(rows.first).to_contain_text("em aberto")
    for size in (WALL, PHONE):
        await page.set_viewport_size(size)
        await agrees(page)
    await page.get_by_label("Buscar").fill("joao")
    await page.keyboard.press("Enter")
    await expect(rows).to_have_count(1)
    await rows.get_by_role("link").press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(r"^Caso \d · São João 6/1$"))
    await agrees(page)
    masked = await page.locator("main").inner_text()
    assert "(61) 9****-" in masked
    await page.get_by_role("link", name="Mostrar").press("Enter")
    await expect(page.get_by_text("ficou registrado")).to_be_visible()
    assert "9****-" not in await page.locator("main").inner_text()
    await agrees(page)
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="Planilha").press("Enter")
    sheet = (await (await downloading.value).path()).read_text("utf-8-sig")
    assert sheet.count("\n") == 7
    await page.get_by_role("link", name="Gráficos").press("Enter")
    await expect(page.get_by_role("img")).to_have_count(5)
    await expect(page.get_by_role("img").first).to_have_accessible_name(
        re.compile("2 quedas nas últimas 24 h")
    )
    for size in (WALL, PHONE):
        await page.set_viewport_size(size)
        await agrees(page)
    assert await page.evaluate("window.hacked") is None
    lines = "".join(path.read_text() for path in (room.folder / "data" / "ledger").glob("*.jsonl"))
    assert lines.count('"kind":"page_opened"') == 2
