import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from bot.simulator.matrix import MatrixApi
from bot.simulator.page.feed import BACKLOG, BEAT, MESSAGES_SHOWN, NEEDS_SNAPSHOT, WHATSAPP_SHOWN
from bot.simulator.page.server import PageServer
from bot.simulator.stage.stage import Stage
from bot.simulator.telegram.api import BotApi
from tests.patience import PATIENCE

from .conftest import LOOP

pytestmark = [LOOP, pytest.mark.process]
Event = tuple[str, dict[str, Any]]


class Stream:
    """The events of ``/events``, one at a time."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def next(self) -> Event:
        kind = ""
        async with asyncio.timeout(PATIENCE):
            async for line in self._lines:
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    return kind, json.loads(line.removeprefix("data: "))
        raise AssertionError("the stream ended")

    async def until(self, key: str) -> dict[str, Any]:
        """The next change that tells of this."""
        while True:
            kind, change = await self.next()
            if kind == "change" and key in change:
                return change


@asynccontextmanager
async def events(http: httpx.AsyncClient) -> AsyncIterator[Stream]:
    async with http.stream("GET", "/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Stream(answer.aiter_lines())


async def send(chat: BotApi, text: str, **params: Any) -> int:
    """The bot's message in the group; its id."""
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as bot:
        body = {"chat_id": chat.group, "text": text, "parse_mode": "HTML", **params}
        answer = await bot.post(f"{chat.url}/bot{chat.token}/sendMessage", json=body)
        number: int = answer.json()["result"]["message_id"]
        return number


async def test_a_page_gets_a_snapshot_first_and_then_what_changes(
    quiet: Stage, http: httpx.AsyncClient
) -> None:
    port = quiet.ports()[0]
    async with events(http) as stream:
        kind, snapshot = await stream.next()
        assert kind == "snapshot"
        assert len(snapshot["world"]) == len(quiet.ports())
        assert [user["name"] for user in snapshot["users"]] == ["Ana", "Bruno", "Visitante"]
        assert snapshot["counters"] == {"sent": 0, "duplicates": 0}
        await http.post("/api/do", json={"action": "cut", "olt": port.olt, "port": port.slot_pon})
        changed = (await stream.until("world"))["world"]
        assert [(p["olt"], p["slot"], p["pon"], p["state"]) for p in changed] == [
            (port.olt, port.slot, port.pon, "los")
        ]


async def test_a_message_arrives_as_text_and_entities(quiet: Stage, http: httpx.AsyncClient) -> None:
    async with events(http) as stream:
        await stream.next()
        await send(quiet.chat, "<b>LOS</b> &lt;img&gt;")
        [message] = (await stream.until("message"))["message"]
        assert message["text"] == "LOS <img>"
        assert message["entities"] == [{"type": "bold", "offset": 0, "length": 3}]


async def test_a_tap_is_answered_by_the_bot_and_shown_as_a_toast(
    quiet: Stage, http: httpx.AsyncClient
) -> None:
    card = await send(
        quiet.chat, "card", reply_markup={"inline_keyboard": [[{"text": "A", "callback_data": "a"}]]}
    )
    async with events(http) as stream:
        await stream.next()
        tap = asyncio.create_task(
            http.post("/api/tap", json={"user": 501, "message": card, "data": "a"}, timeout=PATIENCE)
        )
        query = await quiet.chat.wait(lambda chat: next(iter(chat.queries.values()), None))
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as bot:
            body = {"callback_query_id": query.id, "text": "visto", "show_alert": True}
            await bot.post(f"{quiet.chat.url}/bot{quiet.chat.token}/answerCallbackQuery", json=body)
        assert (await tap).json() == {"text": "visto", "alert": True}
        assert query.user is quiet.ana
        [toast] = (await stream.until("toast"))["toast"]
        assert (toast["user"], toast["text"], toast["alert"]) == (501, "visto", True)


async def test_what_a_person_writes_is_in_the_group_or_in_their_own_chat(
    quiet: Stage, http: httpx.AsyncClient
) -> None:
    await http.post("/api/say", json={"user": 502, "text": " /status "})
    await http.post("/api/say", json={"user": 503, "text": "/start", "private": True})
    said = [(m.chat, m.text, m.sender) for chat in quiet.chat.history.values() for m in chat]
    assert said == [(quiet.chat.group, "/status", quiet.bruno), (503, "/start", quiet.visitor)]


@pytest.mark.parametrize(
    ("path", "body", "status", "line"),
    [
        ("/api/do", {"action": "explode"}, 400, "unknown action: use one of cut,"),
        ("/api/do", {}, 400, "action must be a text"),
        ("/api/do", {"action": "cut", "olt": "CB 99", "port": "1/1"}, 400, "there is no such port"),
        ("/api/do", {"action": "cut", "olt": ["CB 01"], "port": None}, 400, "there is no such port"),
        ("/api/do", {"action": "gateway", "mode": "explode"}, 400, "mode must be ok, slow"),
        ("/api/do", {"action": "phones", "mode": "wet"}, 400, "mode must be on, unreachable or off"),
        ("/api/do", {"action": "stop", "message": True}, 400, "message must be a number"),
        ("/api/do", {"action": "stop", "message": 0}, 400, "no message 0"),
        ("/api/do", {"action": "stop", "message": 1}, 400, "no message 1"),
        ("/api/do", {"action": "telegram", "away": "yes"}, 400, "away must be true or false"),
        ("/api/do", {"action": "bot"}, 400, "run must be true or false"),
        ("/api/tap", {"user": 501, "message": 99, "data": "a"}, 400, "no message 99"),
        ("/api/tap", {"user": 501, "message": True, "data": "a"}, 400, "message must be a number"),
        ("/api/tap", {"user": 9, "message": 1, "data": "a"}, 400, "there is no user 9"),
        ("/api/say", {"user": 501, "text": "  "}, 400, "a message has 1 to 4096 characters"),
        ("/api/say", {"user": 501, "text": "x" * 5000}, 400, "a message has 1 to 4096 characters"),
        ("/api/say", {"user": 501, "text": "x", "private": 1}, 400, "private must be true or false"),
        ("/api/say", {"user": 501, "text": "x" * 20_000}, 413, "Maximum request body size"),
        ("/api/say", [1], 400, "the body must be a JSON object"),
    ],
)
async def test_bad_input_is_refused_with_a_line(
    http: httpx.AsyncClient, path: str, body: Any, status: int, line: str
) -> None:
    answer = await http.post(path, json=body)
    assert (answer.status_code, answer.json()["error"][: len(line)]) == (status, line)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 9000])
async def test_a_body_that_is_no_json_is_refused(http: httpx.AsyncClient, body: bytes) -> None:
    answer = await http.post("/api/do", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (400, "the body is not JSON")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "["},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
async def test_another_site_is_refused(
    quiet: Stage, http: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await http.post("/api/do", json={"action": "cut"}, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (403, "this page is for this machine only")
    assert all(port.state == "ok" for port in quiet.ports())
    for path in ("/", "/events"):
        assert (await http.get(path, headers=headers)).status_code == 403


async def test_a_form_of_another_site_is_refused_without_an_origin(http: httpx.AsyncClient) -> None:
    answer = await http.post("/api/do", content=b'{"action": "cut"}', headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


async def test_a_forwarded_port_is_this_machine_too(http: httpx.AsyncClient) -> None:
    own = {"Host": "localhost:9000", "Origin": "http://localhost:9000"}
    assert (await http.get("/", headers=own)).status_code == 200


async def test_every_answer_forbids_foreign_and_inline_scripts(http: httpx.AsyncClient) -> None:
    for path in ("/", "/page/app.js", "/page/nothing.js", "/nothing"):
        policy = (await http.get(path)).headers["content-security-policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy


@pytest.mark.parametrize("path", ["/page/..%2fpage.py", "/page/%2e%2e/page.py", "/page/index.html", "/page/"])
async def test_only_the_pages_own_files_are_served(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path)).status_code == 404


async def test_the_page_speaks_portuguese_unless_asked(http: httpx.AsyncClient) -> None:
    assert '<html lang="pt-BR">' in (await http.get("/")).text
    assert '<html lang="en">' in (await http.get("/?lang=en")).text
    assert '<html lang="pt-BR">' in (await http.get("/?lang=%3Cscript%3E")).text


@pytest.mark.parametrize(
    ("name", "kind"), [("a ção.html", "application/octet-stream"), ("mapa.PNG", "image/png")]
)
async def test_a_document_is_a_download_and_a_picture_may_be_shown(
    quiet: Stage, http: httpx.AsyncClient, name: str, kind: str
) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as bot:
        await bot.post(
            f"{quiet.chat.url}/bot{quiet.chat.token}/sendDocument",
            data={"chat_id": str(quiet.chat.group)},
            files={"document": (name, b"<script>1</script>")},
        )
    [message] = quiet.chat.documents
    answer = await http.get(f"/document/doc{abs(message.chat)}x{message.id}")
    assert answer.content == b"<script>1</script>"
    assert answer.headers["content-type"] == kind
    assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{quote(name)}"
    assert (await http.get("/document/doc1x1")).status_code == 404


async def test_every_button_of_the_page_does_what_it_says(quiet: Stage, http: httpx.AsyncClient) -> None:
    async def do(**body: Any) -> list[list[str]]:
        answer = await http.post("/api/do", json=body)
        assert answer.status_code == 200, answer.text
        ports: list[list[str]] = answer.json()["ports"]
        return ports

    def down(state: str) -> list[list[str]]:
        return [[port.olt, port.slot_pon] for port in quiet.ports() if port.state == state]

    [[olt, port]] = await do(action="cut")
    assert down("los") == [[olt, port]]
    await do(action="repair", olt=olt, port=port)
    assert not down("los")
    await do(action="power", olt=olt, port=port)
    assert down("power") == [[olt, port]]
    await do(action="repair_all")
    district = await do(action="district")
    assert down("power") == district
    assert len({olt for olt, _ in district}) == 1
    await do(action="repair_all")
    assert down("los") == [] == down("power")
    cable = await do(action="cable")
    assert down("los") == cable
    await do(action="repair_all")
    storm = await do(action="storm")
    assert down("los") == storm
    assert (len(storm), len({olt for olt, _ in storm})) == (60, 1)
    await do(action="gateway", mode="down")
    await quiet.settled()
    assert (quiet.gateway_mode, quiet.hsm.running) == ("down", False)
    await do(action="phones", mode="off")
    assert quiet.phones_mode == "off"
    assert isinstance(quiet.hsm, MatrixApi)
    contact = {"nome": "Ana", "telefone": "5561900000001"}
    quiet.hsm._send({"cod_conta": 1, "hsm": 114, "tipo_envio": 1, "contato": contact})
    await do(action="stop", message=1)
    assert quiet.hsm.blacklist == {"5561900000001"}
    await do(action="telegram", away=True)
    assert not quiet.chat.running
    await do(action="bot", run=False)
    assert quiet.bot_state == "killed"
    await do(action="bot", run=True)
    assert quiet.bot_pid is not None


async def test_a_flapping_port_falls_at_once_and_flaps_no_more_after_the_stop(
    quiet: Stage, served: PageServer, http: httpx.AsyncClient
) -> None:
    changes = quiet.subscribe()
    [[olt, port]] = (await http.post("/api/do", json={"action": "flap"})).json()["ports"]
    async with asyncio.timeout(PATIENCE):
        while (change := await changes.get())[0] != "world":
            pass
    assert [(p["olt"], f"{p['slot']}/{p['pon']}", p["state"]) for p in change[1]] == [(olt, port, "los")]
    await served.stop()
    assert not [task for task in asyncio.all_tasks() if ".flap" in repr(task.get_coro())]


async def test_nothing_left_to_break_is_said(quiet: Stage, http: httpx.AsyncClient) -> None:
    await quiet.power([(port.olt, port.slot_pon) for port in quiet.ports()])
    for action in ("cut", "cable", "storm", "district", "flap"):
        answer = await http.post("/api/do", json={"action": action})
        assert (answer.status_code, answer.json()["code"]) == (400, "none_left")


async def test_stop_cuts_streams_off_at_once_and_leaves_no_task(quiet: Stage) -> None:
    before = asyncio.all_tasks()
    page = PageServer(quiet)
    await page.start()
    async with (
        httpx.AsyncClient(base_url=page.url, trust_env=False, timeout=PATIENCE) as http,
        events(http) as stream,
    ):
        await stream.next()
        async with asyncio.timeout(20):  # a third of what the library gives a stream
            await page.stop()
        with pytest.raises(httpx.TransportError):
            await stream.next()
    assert asyncio.all_tasks() <= before


async def test_a_restart_on_the_same_port_is_another_run(quiet: Stage) -> None:
    runs = []
    page = PageServer(quiet)
    await page.start()
    port = int(page.url.rsplit(":", 1)[1].strip("/"))
    for _ in range(2):
        async with (
            httpx.AsyncClient(base_url=page.url, trust_env=False, timeout=PATIENCE) as http,
            events(http) as stream,
        ):
            runs.append((await stream.next())[1]["run"])
        await page.stop()
        page = PageServer(quiet)
        await page.start(port=port)
    await page.stop()
    assert runs[0] != runs[1]


async def test_a_taken_port_and_a_public_address_are_refused(quiet: Stage, served: PageServer) -> None:
    other = PageServer(quiet)
    with pytest.raises(OSError, match="in use"):
        await other.start(port=int(served.url.rsplit(":", 1)[1].strip("/")))
    with pytest.raises(ValueError, match="for this machine only"):
        await other.start(host="0.0.0.0")  # noqa: S104 - that it is refused is the test
    with pytest.raises(RuntimeError, match="never started"):
        _ = other.url


async def test_thousands_of_messages_are_a_few_changes(quiet: Stage, http: httpx.AsyncClient) -> None:
    total = 3000
    async with events(http) as stream:
        await stream.next()
        began = time.monotonic()
        for number in range(total):
            contact = {"nome": "Ana", "telefone": f"55619{number:08}"}
            assert isinstance(quiet.hsm, MatrixApi)
            quiet.hsm._send({"cod_conta": 1, "hsm": 114, "tipo_envio": 1, "contato": contact})
            if number % 5 == 0:  # over several beats, as fast as the feed can be fed
                await asyncio.sleep(0.001)
        changes = 0
        while (change := await stream.until("counters"))["counters"]["sent"] < total:
            changes += 1
            assert len(change.get("whatsapp", [])) <= WHATSAPP_SHOWN
    assert changes <= (time.monotonic() - began) / BEAT + 1  # however fast they came
    async with events(http) as again:
        _, snapshot = await again.next()
        assert len(snapshot["whatsapp"]) == WHATSAPP_SHOWN


async def test_a_page_that_reads_nothing_gets_a_new_snapshot_instead_of_the_backlog(
    quiet: Stage, served: PageServer, http: httpx.AsyncClient
) -> None:
    slow: asyncio.Queue[bytes] = asyncio.Queue(BACKLOG)
    served._feed._pages.add(slow)
    for _ in range(BACKLOG):
        slow.put_nowait(b"unread")
    async with events(http) as stream:
        await stream.next()
        await quiet.repair_all()
        await quiet.cut("CB 01", "1/1")
        await stream.until("world")
    assert (slow.qsize(), slow.get_nowait()) == (1, NEEDS_SNAPSHOT)


async def test_only_the_newest_messages_of_a_chat_are_in_the_snapshot(
    quiet: Stage, http: httpx.AsyncClient
) -> None:
    for number in range(MESSAGES_SHOWN + 5):
        await quiet.say(501, f"number {number}")
    async with events(http) as stream:
        _, snapshot = await stream.next()
    assert snapshot["messages"][0]["text"] == "number 5"
    assert len(snapshot["messages"]) == MESSAGES_SHOWN


@pytest.mark.parametrize("turns", range(12))
async def test_it_stops_although_a_change_comes_at_that_moment(quiet: Stage, turns: int) -> None:
    page = PageServer(quiet)
    await page.start()
    async with (
        httpx.AsyncClient(base_url=page.url, trust_env=False, timeout=PATIENCE) as http,
        events(http) as stream,
    ):
        await stream.next()
        [changes] = page._feed._pages
        changes.put_nowait(b": a change\n\n")
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(20):
            await page.stop()
