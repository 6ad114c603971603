"""/healthz: 200 only while polls and getUpdates are fresh and the ledger takes lines."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

from bot.ops.health import PATH, health
from bot.ops.server import MOST, Request, Response, Route, Server
from bot.process import app
from bot.process.clock import SystemClock
from bot.process.settings.reading import load
from bot.process.watched import standing
from bot.simulator.ports import free_port
from bot.simulator.telegram.chat import Refused
from bot.storage.files import FileLedger
from tests.patience import PATIENCE

from .isp import Isp, isp
from .storage.samples import EVERY_KIND, adds


class Shifted(SystemClock):
    """The real clock, put forward by `ahead` seconds; `wall` moves only the clock that people set."""

    ahead = 0.0
    wall = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead + self.wall)

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Isp]:
    async with isp(tmp_path) as made:
        yield made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Shifted:
    clock = Shifted()
    monkeypatch.setattr(app, "SystemClock", lambda: clock)
    return clock


@asynccontextmanager
async def running(site: Isp) -> AsyncIterator[None]:
    """The bot in this process."""
    stop = asyncio.Event()
    running = asyncio.create_task(app.App(load(None, site.variables)).run(stop))
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE):
            assert await running == 0


async def settles(site: Isp, *parts: str) -> Mapping[str, str]:
    """What is wrong, once that is exactly these parts."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                status, wrong = await site.health()
            except httpx.ConnectError:  # it does not listen yet
                continue
            assert status == (503 if wrong else 200)
            if set(wrong) == set(parts):
                return wrong
            await asyncio.sleep(0.02)


async def test_green_while_polls_and_updates_come_in(site: Isp, clock: Shifted) -> None:
    async with running(site):
        await settles(site)


async def test_red_before_the_first_good_poll(site: Isp) -> None:
    await site.olt.stop()
    async with running(site):
        assert await settles(site, "source") == {"source": "no good poll yet"}
        await site.olt.start()
        await settles(site)


async def test_a_source_that_stays_away_turns_it_red_whatever_the_wall_clock_says(
    site: Isp, clock: Shifted
) -> None:
    async with running(site):
        await settles(site)
        await site.olt.stop()
        clock.wall = -3600.0
        clock.ahead = 60.0
        assert (await settles(site, "source"))["source"].startswith("no good poll for 6")
        await site.olt.start()
        await settles(site)


@pytest.mark.process
async def test_a_deaf_telegram_turns_it_red(site: Isp, clock: Shifted) -> None:
    async with running(site):
        await settles(site)
        await site.chat.stop()
        clock.ahead = standing.DEAF + 60.0
        assert (await settles(site, "telegram"))["telegram"].startswith("deaf for 1")
        await site.chat.start()
        await site.chat.say(site.ana, "/status")  # ends the long poll
        await settles(site)


@pytest.mark.process
async def test_a_group_that_takes_no_posts_turns_it_red(site: Isp) -> None:
    async with running(site):
        await settles(site)
        site.chat.barred[site.chat.group] = Refused("Bad Request: CHAT_RESTRICTED")
        site.olt.world.outage(3)
        said = (await settles(site, "posts"))["posts"]
        assert said.startswith("the group takes none for ")
        assert said.endswith("(restricted)")


async def test_a_closed_ledger_turns_it_red(site: Isp) -> None:
    data = Path(site.variables["DATA_DIR"])
    ledger = FileLedger.open(data, SystemClock())
    for line in EVERY_KIND[:3]:
        await ledger.commit(adds(line))
    await ledger.close()
    file = next((data / "ledger").glob("*.jsonl"))
    file.write_bytes(b"{}\n" + file.read_bytes())
    async with running(site):
        assert await settles(site, "ledger") == {"ledger": "closed: nothing can be decided or sent"}
        await site.card("Registro fechado")


async def test_what_it_answers() -> None:
    wrong: dict[str, str] = {}
    notes: dict[str, str] = {}
    server = Server({PATH: health(lambda: wrong, lambda: notes)})
    port = free_port()
    await server.start("127.0.0.1", port)
    try:
        with pytest.raises(OSError, match="address already in use"):
            await Server({PATH: health(dict)}).start("127.0.0.1", port)
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=PATIENCE
        ) as http:
            good = await http.get("/healthz")
            assert (good.status_code, good.json()) == (200, {"ok": True, "wrong": {}})
            notes["topic"] = "takes no posts: they go to the group itself"
            noted = await http.get("/healthz")
            assert (noted.status_code, noted.json()) == (200, {"ok": True, "wrong": {}, "notes": notes})
            notes.clear()
            wrong["source"] = "no good poll for 91 s"
            bad = await http.get("/healthz")
            assert (bad.status_code, bad.json()) == (503, {"ok": False, "wrong": wrong})
            assert (await http.get("/")).status_code == 404
            assert (await http.post("/healthz")).status_code == 405
    finally:
        await server.stop()
    free = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", port)
    free.close()


async def test_a_server_that_never_started_can_be_stopped() -> None:
    await Server({PATH: health(dict)}).stop()


@asynccontextmanager
async def listening(seconds: float) -> AsyncIterator[int]:
    server, port = Server({PATH: health(dict)}, seconds), free_port()
    await server.start("127.0.0.1", port)
    try:
        yield port
    finally:
        await server.stop()


async def test_it_answers_once_and_hangs_up() -> None:
    async with asyncio.timeout(PATIENCE), listening(PATIENCE) as port:
        for request, first in (
            (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 2, b"HTTP/1.1 200 OK"),
            (b"HEAD /healthz?x=1 HTTP/1.0\r\n\r\n", b"HTTP/1.1 200 OK"),
            (b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1.1 404 Not Found"),
            (b"no HTTP at all\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            said = await reader.read()
            assert (said.split(b"\r\n")[0], said.count(b"HTTP/1.1")) == (first, 1)
            assert said.endswith(b"}") == request.startswith(b"GET /h")
            writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nX: "])
async def test_who_sends_no_request_in_time_is_hung_up_on(sent: bytes) -> None:
    async with asyncio.timeout(PATIENCE), listening(0.2) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()


async def test_a_request_without_an_end_is_refused() -> None:
    async with asyncio.timeout(PATIENCE), listening(PATIENCE * 2) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 80_000)
        with contextlib.suppress(ConnectionResetError):
            assert (await reader.read()).startswith(b"HTTP/1.1 431 ")
        writer.close()


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET /healthz HTTP/1.1\r\nX: ", b"POST /told HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"],
)
async def test_who_keeps_every_place_without_a_request_keeps_no_probe_waiting(sent: bytes) -> None:
    async def told(request: Request) -> Response:
        raise AssertionError("it is not whole")

    server, port = Server({PATH: health(dict), "/told": Route(told, ("POST",), 9)}, PATIENCE * 2), free_port()
    await server.start("127.0.0.1", port)
    async with asyncio.timeout(PATIENCE):
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST)]
        for _, writer in idle:
            writer.write(sent)
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
            assert (await http.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200
        with contextlib.suppress(ConnectionResetError):
            assert await idle[0][0].read() == b""  # the first one made room
        assert not any(reader.at_eof() for reader, _ in idle[1:])  # none of the others was touched
        for _, writer in idle:
            writer.close()
        await server.stop()


async def test_who_has_not_even_a_head_makes_room_before_who_is_sending_a_body() -> None:
    async with asyncio.timeout(PATIENCE), taking(9) as (port, taken):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /told HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n12345")
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST + 5)]
        writer.write(b"6789")
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        assert [request.body for request in taken] == [b"123456789"]
        for _, other in (*idle, (reader, writer)):
            other.close()


async def test_nobody_makes_room_who_waits_for_an_answer() -> None:
    asked, may = asyncio.Semaphore(0), asyncio.Event()

    async def slow(request: Request) -> Response:
        asked.release()
        await may.wait()
        return Response(HTTPStatus.OK)

    server, port = Server({"/slow": Route(slow)}, PATIENCE * 2), free_port()
    await server.start("127.0.0.1", port)
    async with asyncio.timeout(PATIENCE):
        busy = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST)]
        for _, writer in busy:
            writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            await asked.acquire()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        may.set()
        for reader, writer in busy:
            assert (await reader.read()).startswith(b"HTTP/1.1 200")
            writer.close()
        await server.stop()


@asynccontextmanager
async def taking(largest: int) -> AsyncIterator[tuple[int, list[Request]]]:
    taken: list[Request] = []

    async def answer(request: Request) -> Response:
        taken.append(request)
        return Response(HTTPStatus.OK, b"yes")

    server, port = Server({"/told": Route(answer, ("POST",), largest)}, PATIENCE), free_port()
    await server.start("127.0.0.1", port)
    try:
        yield port, taken
    finally:
        await server.stop()


@pytest.mark.parametrize(
    ("body", "length", "said"),
    [
        (100_000, 100_000, b"HTTP/1.1 200 OK"),
        (100_001, 100_001, b"HTTP/1.1 413 "),
        (0, 200_000, b"HTTP/1.1 400 "),
        (9, 20, b"HTTP/1.1 400 "),
    ],
)
async def test_a_body_is_handed_on_whole_and_one_that_is_too_large_is_not(
    body: int, length: int, said: bytes
) -> None:
    async with asyncio.timeout(PATIENCE), taking(100_000) as (port, taken):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST /told?a=b HTTP/1.1\r\nHost: x\r\nX-Y: z\r\nContent-Length: {length}\r\n\r\n"
        writer.write(head.encode() + b"x" * body)
        writer.write_eof()
        with contextlib.suppress(ConnectionResetError):
            assert (await reader.read()).startswith(said)
        writer.close()
        assert [(r.method, r.query, r.headers["x-y"], len(r.body)) for r in taken] == (
            [("POST", "a=b", "z", 100_000)] if body == 100_000 else []
        )


async def test_a_body_in_chunks_is_read() -> None:
    async with asyncio.timeout(PATIENCE), taking(100) as (port, taken):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = b"POST /told HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert (await reader.read()).endswith(b"yes")
        assert [request.body for request in taken] == [b"abcde"]
        writer.close()


async def test_a_body_of_tiny_chunks_keeps_nobody_else_waiting() -> None:
    async def answer(request: Request) -> Response:
        return Response(HTTPStatus.OK, str(len(request.body)).encode())

    server, port, turns = Server({"/in": Route(answer, ("POST",), 100_000)}), free_port(), 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    await server.start("127.0.0.1", port)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    writer.write(b"1\r\nX\r\n" * 5_000 + b"0\r\n\r\n")
    beside = asyncio.create_task(others())
    said = await reader.read()
    beside.cancel()
    writer.close()
    await server.stop()
    assert said.endswith(b"\r\n\r\n5000")
    assert turns > 5_000


@pytest.mark.parametrize(
    ("length", "first"),
    [(9, b"HTTP/1.1 100 \r\n\r\n"), (10, b"HTTP/1.1 413 ")],  # whatever a Python calls it
)
async def test_who_asks_before_it_sends_its_body_is_answered_at_once(length: int, first: bytes) -> None:
    """Some senders wait a second for that, and send then."""
    async with asyncio.timeout(PATIENCE), taking(9) as (port, taken):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST /told HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        writer.write(head.encode())
        if length == 9:
            assert await reader.readexactly(len(first)) == first
        writer.write(b"123456789"[:length] + b"0" * (length - 9))
        assert (await reader.read()).startswith(first if length > 9 else b"HTTP/1.1 200")
        assert len(taken) == (length == 9)
        writer.close()
