"""Who may see the panel: how one gets in, and how one is out again."""

import asyncio
from contextlib import AsyncExitStack

import httpx

from bot.ops.panel.doors import STREAMS
from tests.isp import Isp, until
from tests.patience import PATIENCE

from .conftest import Visitor, asks, links, visitor


async def test_an_approver_gets_a_link_in_private_that_works_once(site: Isp, browser: Visitor) -> None:
    await site.card()
    assert (await browser.get("/panel/")).status_code == 401
    link = await asks(site, site.ana)
    message = next(m for m in site.chat.messages(site.ana.id) if link in m.text)
    assert not message.preview
    for method in ("HEAD", "GET", "GET"):  # a preview, a scanner, and the person
        looked = await browser.get(link, method)
        assert (looked.status_code, "set-cookie" in looked.headers) == (200, False)
    assert "caso 1" not in looked.text
    entered = await browser.enter(link)
    assert (entered.status_code, entered.headers["Location"]) == (303, "/panel/")
    page = await browser.get("/panel/")
    assert page.status_code == 200
    assert "caso 1" in page.text
    async with visitor(site) as another:
        assert (await another.enter(link)).status_code == 403
        assert (await another.get(link)).status_code == 403
        assert (await another.get("/panel/")).status_code == 401


async def test_in_the_group_it_comes_in_private_all_the_same(site: Isp, browser: Visitor) -> None:
    await site.chat.say(site.ana, "oi", site.ana.id)  # she has a chat with the bot
    typed = await site.chat.say(site.ana, "/panel")
    link = await site.chat.wait(lambda _: next(iter(links(site, site.ana)), None))
    assert await until(lambda: typed.reactions) == ["👍"]
    assert all(link not in message.text for message in site.chat.messages())


async def test_whoever_has_no_chat_with_the_bot_hears_what_to_do(site: Isp) -> None:
    await site.chat.say(site.ana, "/painel")
    said = await site.card("toque em Iniciar")
    assert not links(site, site.ana)
    assert "Abra uma conversa" in said.text


async def test_only_who_may_decide_gets_one(site: Isp) -> None:
    visitor = site.chat.add_user(777, "Caio")
    await site.chat.say(visitor, "/painel")
    await site.card("Só administradores")
    await site.chat.say(visitor, "/painel", visitor.id)
    assert not links(site, visitor)


async def test_the_cookie_is_of_this_site_alone(site: Isp, browser: Visitor) -> None:
    entered = await browser.enter(await asks(site, site.ana))
    cookie = entered.headers["Set-Cookie"]
    name, _, rest = cookie.partition("=")
    assert name == "panel"
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"} <= set(rest.split("; "))
    assert "Secure" not in cookie  # it is reached by http://


async def test_a_form_of_another_site_does_nothing(site: Isp, browser: Visitor) -> None:
    link = await asks(site, site.ana)
    token = {"t": link.partition("t=")[2]}
    for origin in ("null", "https://example.com", f"{browser.base}.example.com"):
        assert (await browser.post("/panel/enter", token, origin)).status_code == 403
    assert (await browser.enter(link)).status_code == 303  # it is as good as before
    assert (await browser.post("/panel/leave", {}, "https://example.com")).status_code == 403
    assert (await browser.get("/panel/")).status_code == 200
    assert (await browser.post("/panel/leave", {})).status_code == 303
    assert (await browser.get("/panel/")).status_code == 401


async def test_whoever_leaves_the_group_is_out_at_once(site: Isp, ana: Visitor) -> None:
    site.chat.change(site.ana, gone=True)
    async with asyncio.timeout(PATIENCE):
        while (await ana.get("/panel/")).status_code == 200:  # noqa: ASYNC110 - it is asked again
            await asyncio.sleep(0.02)
    assert (await ana.get("/panel/")).status_code == 401


async def test_whoever_is_no_administrator_any_more_is_out(site: Isp, ana: Visitor) -> None:
    site.chat.change(site.ana, admin=False)
    async with asyncio.timeout(PATIENCE):
        while (await ana.get("/panel/")).status_code == 200:  # noqa: ASYNC110 - it is asked again
            await asyncio.sleep(0.02)


async def test_one_session_keeps_a_few_screens_and_leaves_the_others_theirs(site: Isp, ana: Visitor) -> None:
    async with visitor(site) as another, AsyncExitStack() as screens:
        assert (await another.enter(await asks(site, site.ana))).status_code == 303

        async def opens(of: Visitor) -> httpx.Response:
            request = of.http.build_request("GET", f"{of.base}/panel/events")
            answer = await of.http.send(request, stream=True)
            screens.push_async_callback(answer.aclose)
            return answer

        many = await asyncio.gather(*(opens(ana) for _ in range(3 * STREAMS)))
        refused = [one for one in many if one.status_code != 200]
        assert {(one.status_code, one.headers["Retry-After"]) for one in refused} == {(429, "10")}
        kept = [one for one in many if one.status_code == 200]
        assert len(kept) == STREAMS
        assert (await opens(another)).status_code == 200
        assert (await ana.get("/panel/")).status_code == 200, "without being kept true it is shown"
        await kept[0].aclose()
        async with asyncio.timeout(PATIENCE):
            while (answer := await opens(ana)).status_code != 200:
                await answer.aclose()
