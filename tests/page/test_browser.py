"""The page as a person uses it: a real Chromium, the real bot, the pretend ISP."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, Locator, Page, expect

from bot.simulator.cloud import CloudApi
from bot.simulator.matrix import MatrixApi
from bot.simulator.page.server import PageServer
from bot.simulator.stage.gateways.cloud import Cloud
from bot.simulator.stage.stage import Stage
from bot.simulator.stage.views import PortView
from tests.patience import PATIENCE

from .browser import SECONDS, Person
from .conftest import LOOP, idle

pytestmark = [LOOP, pytest.mark.process]
PERCENT = re.compile(r"[1-9]\d?%")
HOSTILE = '<img src=x onerror="window.hacked=1"> & <b>Zé</b>'


def big_port(stage: Stage) -> PortView:
    return max(stage.ports(), key=lambda port: port.onus)


def name_of(port: PortView) -> str:
    return f"{port.olt} · {port.slot_pon}"


async def test_the_main_job_with_a_visitor_refused_and_the_bot_killed_in_mid_send(
    stage: Stage, shown: PageServer, person: Person
) -> None:
    page = person.page
    await person.open(shown.url)
    port = big_port(stage)
    cell = page.get_by_role("button", name=f"{port.olt}, porta {port.slot_pon},")
    await cell.click()
    await person.press("Cortar fibra")
    await expect(cell).to_have_attribute("data-state", "los")
    card = person.card(name_of(port))

    await person.become("Visitante")
    await person.press("Aprovar", card)
    await person.sees(person.toast, "Só administradores do grupo decidem")

    await person.become("Ana")
    await person.press("Aprovar", card)
    await person.sees(person.toast, "Aprovado")
    await person.sees(card, PERCENT)
    await expect(page.locator("#arrivals > li").first).to_be_visible()
    await person.press("Matar o bot (kill -9)")
    await person.sees(page.locator("#fact-bot"), "morto")
    at_the_kill = len(stage.hsm.received)
    await person.press("Ligar o bot")
    await person.sees(page.locator("#fact-bot"), "no ar")
    await person.sees(card, "Envio concluído")

    sent = len(stage.hsm.received)
    assert sent > at_the_kill > 0
    told = re.search(
        r"\n(\d+)\s(?:enviadas?)(?: · (\d+)\sincertas?)?(?: · \d+\snão\senviadas?)?\n",
        await card.inner_text(),
    )
    assert told is not None
    # An uncertain one may have arrived or not: that is what makes it uncertain.
    assert int(told[1]) <= sent <= int(told[1]) + int(told[2] or 0)
    await expect(page.locator("#count-sent")).to_have_text(str(sent))
    assert (await person.number("#count-twice"), await person.number("#fact-twice")) == (0, 0)
    await expect(page.locator("#twice")).to_have_attribute("data-ok", "true")
    assert (stage.duplicates, stage.hsm.duplicates) == (0, 0)


async def test_a_hostile_name_is_text_everywhere(stage: Stage, shown: PageServer, person: Person) -> None:
    page = person.page
    port = big_port(stage)
    for onu in stage.world.onus.values():
        if onu.client_id in stage.world.customers:
            stage.world.customers[onu.client_id].name = HOSTILE
    await person.open(shown.url)
    await stage.cut(port.olt, port.slot_pon)
    card = person.card(name_of(port))
    await person.press("Detalhes", card)
    await person.sees(page.locator("#chat > li", has_text="só você vê"), HOSTILE)
    await person.press("Aprovar", card)
    await person.sees(page.locator("#arrivals > li").first, HOSTILE)
    await page.get_by_role("combobox", name="Mensagem").fill(HOSTILE)
    await page.keyboard.press("Enter")
    await person.sees(page.locator("#chat > li.mine"), HOSTILE)
    assert await page.locator("#chat img, #arrivals img").count() == 0
    assert await page.evaluate("window.hacked") is None


async def test_a_reload_and_a_restart_of_the_demo_show_what_is_there(
    stage: Stage, shown: PageServer, browser: Browser, tmp_path: Path
) -> None:
    page = await browser.new_page()
    person = Person(page)
    await person.open(shown.url)
    await person.become("Bruno")
    port = big_port(stage)
    await stage.cut(port.olt, port.slot_pon)
    card = person.card(name_of(port))
    await expect(card).to_be_visible(timeout=SECONDS)
    text = await card.locator(".text").inner_text()
    await page.reload()
    await expect(page.get_by_role("radio", name="Bruno")).to_be_checked()
    await expect(card.get_by_role("button", name="Aprovar")).to_be_visible()
    assert (await card.locator(".text").inner_text()).split("(")[0] == text.split("(")[0]

    await shown.stop()
    await expect(page.locator("#lost")).to_be_visible()
    other = Stage(tmp_path / "other", idle, customers=100)
    await other.start()
    again = PageServer(other)
    await again.start(port=int(shown.url.rsplit(":", 1)[1].strip("/")))
    try:
        await expect(page.locator("#lost")).to_be_hidden(timeout=SECONDS)
        await expect(page.locator("#chat > li")).to_have_count(0)
        await expect(page.locator(".pon")).to_have_count(len(other.ports()))
    finally:
        await again.stop()
        await other.stop()


async def test_by_keyboard_only(stage: Stage, shown: PageServer, person: Person) -> None:
    page = person.page
    await person.open(shown.url)

    async def tab_to(selector: str) -> None:
        for _ in range(60):
            if await page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
            await page.keyboard.press("Tab")
        raise AssertionError(f"Tab never came to {selector}")

    await tab_to("#who input")
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("radio", name="Bruno")).to_be_checked()
    await tab_to(".pon")
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("Enter")
    await tab_to("#port button.los")
    await page.keyboard.press("Enter")
    await expect(page.locator("#port button.good")).to_be_focused()
    assert [f"{p.olt} {p.slot_pon}" for p in stage.ports() if p.state == "los"] == ["CB 01 1/2"]
    await expect(page.locator("[data-style=success]")).to_be_visible(timeout=SECONDS)
    await page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    await page.locator("#chat").focus()
    await tab_to("[data-style=success]")
    await page.keyboard.press("Enter")
    card = person.card("CB 01 · 1/2")
    await person.sees(card, "Aprovado por Bruno")
    # The button is gone, so the card itself has the focus: the next Tab goes on from here.
    assert await card.evaluate("card => card.contains(document.activeElement)")
    await tab_to("#text")
    await page.keyboard.type("/")
    await expect(page.get_by_role("option", name="/status")).to_be_visible()
    await page.keyboard.type("pend")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await person.sees(page.locator("#chat > li.mine"), "/pendentes")


async def test_an_edit_moves_neither_the_view_nor_the_focus(
    quiet: Stage, served: PageServer, person: Person
) -> None:
    page = person.page
    await person.open(served.url)
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as bot:

        async def call(method: str, text: str, **params: object) -> int:
            body = {"chat_id": quiet.chat.group, "text": text, **params}
            answer = await bot.post(f"{quiet.chat.url}/bot{quiet.chat.token}/{method}", json=body)
            number: int = answer.json()["result"]["message_id"]
            return number

        quiet.chat.group_limit = None
        keys = {"inline_keyboard": [[{"text": text, "callback_data": text} for text in ("stop", "more")]]}
        first = await call("sendMessage", "0 %", reply_markup=keys)
        for number in range(30):
            await call("sendMessage", f"filler {number}")
        await expect(page.locator("#chat > li")).to_have_count(31)
        await expect(page.locator("#newer")).to_be_hidden()
        await page.get_by_role("button", name="more").focus()
        await page.evaluate("document.getElementById('chat').scrollTop = 0")
        await expect(page.locator("#newer")).to_be_visible()
        for percent in (10, 20):
            await call("editMessageText", f"{percent} %", message_id=first, reply_markup=keys)
        await expect(page.locator("#chat > li").first).to_contain_text("20 %")
        await expect(page.get_by_role("button", name="more")).to_be_focused()
        await call("sendMessage", "news")
        await expect(page.locator("#newer")).to_have_text("↓ 1 nova")
        assert await page.evaluate("document.getElementById('chat').scrollTop") == 0
        keys["inline_keyboard"] = [[{"text": "more", "callback_data": "more"}]]
        await call("editMessageText", "done", message_id=first, reply_markup=keys)
        await expect(page.get_by_role("button", name="stop")).to_have_count(0)
        await expect(page.get_by_role("button", name="more")).to_be_focused()
        await expect(page.locator("#chat > li").first.locator(".meta")).to_contain_text("editado")


async def test_who_is_called_in_another_chat_finds_the_card(
    quiet: Stage, served: PageServer, person: Person
) -> None:
    page = person.page
    await person.open(served.url)
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as bot:
        api = f"{quiet.chat.url}/bot{quiet.chat.token}/sendMessage"

        async def post(chat: int, text: str) -> None:
            quiet_one = {"disable_notification": chat == quiet.chat.group}
            await bot.post(api, json={"chat_id": chat, "text": text, "parse_mode": "HTML", **quiet_one})

        await post(quiet.chat.group, '<a href="tg://user?id=501">Ana</a>: caiu')
        card = page.locator("#chat > li").first
        await expect(card.locator(".mention")).to_have_text("Ana")
        await expect(card.locator(".meta")).to_contain_text("sem som")
        link = f"https://t.me/c/{str(quiet.chat.group).removeprefix('-100')}/{quiet.chat.messages()[0].id}"
        await post(quiet.escalation, f'<a href="{link}">caso 1</a>')
    tab = page.get_by_role("button", name="Supervisão")
    await expect(tab).to_have_class("unread")
    await tab.click()
    await expect(tab).not_to_have_class("unread")
    await expect(page.locator("#composer")).to_be_hidden()
    await expect(page.locator("#chat .meta")).not_to_contain_text("sem som")
    await page.get_by_role("link", name="caso 1").click()
    await expect(page.get_by_role("button", name="Grupo")).to_have_attribute("aria-pressed", "true")
    await expect(card).to_be_focused()
    await expect(page.locator("#composer")).to_be_visible()


async def test_a_file_arrives_in_anas_own_chat_and_opens(
    stage: Stage, shown: PageServer, person: Person
) -> None:
    page = person.page
    await person.open(shown.url)
    port = big_port(stage)
    await stage.cut(port.olt, port.slot_pon)
    await person.press("Detalhes", person.card(name_of(port)))
    await person.press("⬇ CSV")
    private = page.get_by_role("button", name="Privado")
    await expect(private).to_have_class("unread", timeout=SECONDS)
    await person.become("Bruno")
    await expect(page.locator("#chat > li", has_text="só você vê")).to_have_count(0)
    await person.become("Ana")
    await private.click()
    await page.locator(".file").click()
    await expect(page.locator("#document-text")).to_contain_text("ZTEGC")
    await person.press("Fechar")
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_an_alert_waits_for_its_ok_and_others_toasts_say_whose_they_are(
    quiet: Stage, served: PageServer, person: Person
) -> None:
    await person.open(served.url)
    quiet.tell("toast", {"user": 502, "text": "Já aprovado por Ana.", "alert": True, "message": 1})
    await person.sees(person.toast, "Bruno leu: Já aprovado por Ana.")
    quiet.tell("toast", {"user": 501, "text": "Registro fechado.", "alert": True, "message": 1})
    await expect(person.page.get_by_role("dialog")).to_contain_text("Registro fechado.")
    await person.press("OK")
    await expect(person.page.get_by_role("dialog")).to_have_count(0)


async def test_what_the_bot_thinks_of_a_command_stands_on_it(
    quiet: Stage, served: PageServer, person: Person
) -> None:
    """Where the group's minute is full it is all that is seen there: the answer comes in private."""
    await person.open(served.url)
    asked = await quiet.say(quiet.ana.id, "/pendentes")
    mine = person.page.locator("#chat > li.mine")
    await person.sees(mine, "/pendentes")
    given = {"chat_id": asked.chat, "message_id": asked.id, "reaction": [{"type": "emoji", "emoji": "👀"}]}
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as bot:
        url = f"{quiet.chat.url}/bot{quiet.chat.token}/setMessageReaction"
        assert (await bot.post(url, json=given)).json()["ok"]
    await person.sees(mine, "👀")


async def test_what_cannot_be_done_is_said(quiet: Stage, served: PageServer, person: Person) -> None:
    await person.open(served.url)
    await quiet.power([(port.olt, port.slot_pon) for port in quiet.ports()])
    await person.press("Cortar uma fibra")
    await person.sees(person.toast, "Não sobrou nada para quebrar.")
    [refused] = person.complaints  # the browser's own line about a 400
    assert "400" in refused
    person.complaints.clear()


async def test_the_cards_speak_the_pages_language(stage: Stage, shown: PageServer, person: Person) -> None:
    page, port = person.page, big_port(stage)
    await stage.cut(port.olt, port.slot_pon)
    await person.open(shown.url)
    card = person.card(name_of(port))
    await person.sees(card, "Aprovar")
    first = stage.bot_pid
    await page.locator("#language").click()
    await person.sees(card, "Approve")
    await person.sees(card, "Details")
    assert "clientes" not in await card.inner_text()
    assert stage.bot_pid != first, "the bot reads its language when it starts"
    second = stage.bot_pid
    await person.press("Approve", card)
    await person.sees(person.toast, "Approved")
    await page.reload()
    await person.sees(card, "sent")
    assert stage.bot_pid == second, "who stays with a language waits for no start"


async def test_a_story_is_not_interrupted_by_another_language(
    quiet: Stage, served: PageServer, person: Person
) -> None:
    quiet.say_caption({"title": {"pt": "Um", "en": "One"}, "text": {"pt": "Cai.", "en": "Falls."}})
    before = quiet.bot_pid
    async with person.page.expect_response("**/api/do"):
        await person.open(f"{served.url}?lang=en")
    assert quiet.bot_pid == before
    assert quiet.variables()["BOT_LANGUAGE"] == "en"


async def test_the_customers_messages_can_be_reached_with_the_keyboard(
    quiet: Stage, served: PageServer, person: Person
) -> None:
    page = person.page
    await person.open(served.url)
    arrivals = page.locator("#arrivals")
    for _ in range(200):
        await page.keyboard.press("Tab")
        if await arrivals.evaluate("node => node === document.activeElement"):
            break
    await expect(arrivals).to_be_focused()
    outline = await arrivals.evaluate("node => getComputedStyle(node).outlineStyle")
    assert outline != "none", "who goes there by keyboard sees where they are"


async def test_a_caption_is_shown_in_the_pages_language(
    quiet: Stage, served: PageServer, person: Person
) -> None:
    quiet.say_caption({"title": {"pt": "Um", "en": "One"}, "text": {"pt": "Cai.", "en": "Falls."}})
    await person.open(f"{served.url}?lang=en")
    await expect(person.page.locator("#caption")).to_have_text("OneFalls.")
    quiet.say_caption(None)
    await expect(person.page.locator("#caption")).to_be_hidden()


@pytest.mark.parametrize("lang", ["pt", "en"])
async def test_nothing_sticks_out_at_the_side(
    quiet: Stage, served: PageServer, person: Person, lang: str
) -> None:
    page = person.page
    await quiet.say(501, "x" * 300)
    quiet.say_caption({"title": {"pt": "a", "en": "a"}, "text": {"pt": "y" * 200, "en": "y" * 200}})
    await person.open(f"{served.url}?lang={lang}")
    await page.locator(".pon").first.click()
    await expect(page.locator("#port button").first).to_be_visible()
    for width in (360, 390, 768, 899, 900, 1440, 2560):
        await page.set_viewport_size({"width": width, "height": 740})
        assert await sideways(page) == [], width


async def sideways(page: Page) -> list[str]:
    """Elements that reach over the right edge of the screen."""
    found: list[str] = await page.evaluate(
        """() => [...document.querySelectorAll('body, body *:not(.skip, .hidden)')]
            .filter((node) => node.getBoundingClientRect().right > innerWidth + 1)
            .map((node) => node.outerHTML.slice(0, 80))"""
    )
    return found


async def test_three_thousand_messages_stay_few_on_the_page(
    quiet: Stage, served: PageServer, person: Person
) -> None:
    page = person.page
    await person.open(served.url)
    total = 3000
    for number in range(total):
        contact = {"nome": "Ana", "telefone": f"55619{number:08}"}
        assert isinstance(quiet.hsm, MatrixApi)
        quiet.hsm._send({"cod_conta": 1, "hsm": 114, "tipo_envio": 1, "contato": contact})
        if number % 10 == 0:  # a thousand a second, the most that WhatsApp allows any number
            await asyncio.sleep(0.01)
    await expect(page.locator("#count-sent")).to_have_text("3.000", timeout=SECONDS)
    assert await page.locator("#arrivals > li").count() <= 48
    newest = page.locator("#arrivals > li").first
    await expect(newest).to_have_attribute("data-id", str(total))
    await expect(page.locator("#count-twice")).to_have_text("0")


async def test_what_became_of_a_message_is_on_the_customers_phone(
    by_cloud: Stage, by_cloud_shown: PageServer, person: Person
) -> None:
    """Sent, then as the phone says; and who answers PARAR has said so."""
    api, gateway, page = by_cloud.hsm, by_cloud.gateway, person.page
    assert isinstance(api, CloudApi)
    assert isinstance(gateway, Cloud)
    gateway.phones.habits.arrives, gateway.phones.habits.reads = (1.5, 1.5), 0.0
    gateway.unreachable({"5561900000001"})
    ticks = {"sent": "✓", "delivered": "✓✓", "read": "✓✓", "failed": "⚠"}

    async def shows(number: int, state: str) -> Locator:
        phone = page.locator(f"#arrivals > li[data-id='{number}'][data-state={state}]")
        await expect(phone.locator(".ticks")).to_have_text(ticks[state], timeout=SECONDS)
        return phone

    async def send(number: int) -> None:
        template = {"name": "falta_de_energia", "components": [{"parameters": [{"text": "Maria"}]}]}
        body = {"to": f"+556190000000{number}", "type": "template", "template": template}
        api._take(body, f"556190000000{number}")
        await shows(number, "sent")

    await person.open(by_cloud_shown.url)
    await send(1)
    failed = await shows(1, "failed")
    await person.sees(failed, "não entregue: sem WhatsApp (131026)")
    await expect(failed.get_by_role("button")).to_be_hidden()
    await send(2)
    delivered = await shows(2, "delivered")
    grey = await delivered.locator(".ticks").evaluate("node => getComputedStyle(node).color")
    gateway.phones.habits.reads, gateway.phones.habits.read_after = 1.0, (0.0, 0.0)
    await send(3)
    await expect((await shows(3, "read")).locator(".ticks")).not_to_have_css("color", grey)
    await person.press("Maria responde PARAR", delivered)
    await person.sees(delivered.locator(".answered"), "PARAR")
    await person.press("desligados")
    off = page.get_by_role("button", name="desligados")
    await expect(off).to_have_attribute("aria-pressed", "true")
    assert by_cloud.phones_mode == "off"
    await page.reload()
    await person.sees((await shows(2, "delivered")).locator(".answered"), "PARAR")
    await expect(off).to_have_attribute("aria-pressed", "true")


async def test_a_second_message_would_be_seen(quiet: Stage, served: PageServer, person: Person) -> None:
    await person.open(served.url)
    quiet.tell("counters", {"sent": 2, "duplicates": 1})
    await expect(person.page.locator("#count-twice")).to_have_text("1")
    await expect(person.page.locator("#twice")).to_have_attribute("data-ok", "false")
    green = "rgb(69, 211, 151)"
    await expect(person.page.locator("#fact-twice")).not_to_have_css("color", green)
