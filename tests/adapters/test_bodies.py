"""Answers that are too much: over real sockets, as nobody but the wire knows what a library inflates."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC
from functools import cache
from typing import Any

import pytest
from telegram import Bot
from telegram.error import BadRequest, NetworkError, RetryAfter, TelegramError, TimedOut

from bot import upstream
from bot.chat.wire.connection import FEW, Poller
from bot.chat.wire.connection import Connection as ToTelegram
from bot.domain.plan import Message, Outcome
from bot.errors import AnswerLost, BadAnswer, BotError, LoginRefused, NotFound, Refused
from bot.gateways.matrix.matrix import Matrix
from bot.process.clock import SystemClock
from bot.sources.oltcloud.oltcloud import OltCloud
from tests.patience import PATIENCE

from .raw import Behaviour, Connection, RawServer, raw_server

MB = 2**20
TOKEN = "123456:AAF-abcdefghijklmnopqrstuvwxyz12345"


@cache
def bomb() -> bytes:
    """120 MB of spaces in some 120 KB of gzip."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return b"".join(squeeze.compress(b" " * MB) for _ in range(120)) + squeeze.flush()


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(head).encode() + body


def says(data: bytes) -> Behaviour:
    async def behave(connection: Connection) -> None:
        while await connection.request():
            await connection.write(data)

    return behave


@contextmanager
def little_memory(most: int = 8 * MB) -> Iterator[None]:
    bomb()
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


async def read(server: RawServer, most: int = upstream.ONE) -> Any:
    client = upstream.client()
    try:
        return await upstream.read(client, "GET", server.url, most=most, total=20)
    finally:
        await client.aclose()


async def send(server: RawServer) -> Any:
    client = upstream.client()
    try:
        return await upstream.send(client, server.url, json={"to": "someone"}, total=20)
    finally:
        await client.aclose()


GZIP = "Content-Encoding: gzip"


@pytest.mark.bug("122 KB of gzip took more memory than the container has")
async def test_a_bomb_is_not_inflated() -> None:
    assert len(bomb()) < 125_000
    async with raw_server(says(http(bomb(), GZIP))) as server:
        with little_memory():
            with pytest.raises(BadAnswer, match=r"^too_large$"):
                await read(server)
            with pytest.raises(AnswerLost, match=r"^too_large$"):
                await send(server)
        assert len(server.requests) == 2  # nothing was repeated


async def test_a_bomb_in_a_bomb_is_not_opened() -> None:
    answer = http(gzip.compress(bomb()), "Content-Encoding: gzip, gzip")
    async with raw_server(says(answer)) as server:
        with little_memory(), pytest.raises(AnswerLost, match=r"^garbled$"):
            await read(server)


async def test_a_list_has_16_megabytes_and_no_more() -> None:
    fits = b'"%b"' % (b"x" * (upstream.LIST - 2))
    async with raw_server(says(http(fits))) as server:
        assert len(await read(server, upstream.LIST)) == len(fits) - 2
    async with raw_server(says(http(fits + b" "))) as server:
        with pytest.raises(BadAnswer, match=r"^too_large$"):
            await read(server, upstream.LIST)


async def test_an_answer_without_an_end_is_left() -> None:
    async def endless(connection: Connection) -> None:
        await connection.request()
        await connection.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not connection.writer.is_closing():
            await connection.write(b"1000\r\n" + b" " * 4096 + b"\r\n")

    async with raw_server(endless) as server:
        with little_memory():
            with pytest.raises(AnswerLost, match=r"^too_large$"):
                await send(server)
            with pytest.raises(BadAnswer, match=r"^too_large$"):
                await read(server)


async def test_bytes_that_inflate_to_nothing_count_as_they_come() -> None:
    nothing = zlib.compressobj()
    body = nothing.compress(b"") + nothing.flush(zlib.Z_FULL_FLUSH)
    body += b"\x00\x00\x00\xff\xff" * 60_000  # empty blocks
    async with raw_server(says(http(body, "Content-Encoding: deflate"))) as server:
        with pytest.raises(BadAnswer, match=r"^too_large$"):
            await read(server)


@pytest.mark.parametrize("size", [9_000, 300_000])
async def test_a_head_without_an_end_is_left(size: int) -> None:
    async with raw_server(says(http(b"{}", f"X-Long: {'x' * size}"))) as server:
        with little_memory(), pytest.raises(AnswerLost):
            await send(server)


RAW = zlib.compressobj(wbits=-zlib.MAX_WBITS)
HEADLESS = RAW.compress(b'{"a": 1}') + RAW.flush()


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b'{"a": 1}', "identity"),
        (gzip.compress(b'{"a": 1}', mtime=0), "gzip"),
        (gzip.compress(b'{"a": 1}', mtime=0), "X-GZip"),
        (zlib.compress(b'{"a": 1}'), "deflate"),
        (HEADLESS, "deflate"),
    ],
)
async def test_what_is_squeezed_is_read(body: bytes, encoding: str) -> None:
    async with raw_server(says(http(body, f"Content-Encoding: {encoding}"))) as server:
        assert await read(server) == {"a": 1}
        assert (await send(server)).content == b'{"a": 1}'
        assert b"accept-encoding: gzip, deflate\r\n" in server.requests[0].lower()


@pytest.mark.parametrize("body", [bomb, lambda: b"no gzip"])
@pytest.mark.parametrize(
    ("status", "error"),
    [("502 Bad Gateway", AnswerLost), ("404 Not Found", NotFound), ("403 Forbidden", Refused)],
)
async def test_a_refusal_is_one_however_large_its_page(body: Any, status: str, error: type[BotError]) -> None:
    async with raw_server(says(http(body(), GZIP, status=status))) as server:
        with little_memory():
            with pytest.raises(error, match=f"http_{status[:3]}"):
                await read(server)
            if error is not AnswerLost:
                assert (await send(server)).status_code == int(status[:3])


async def test_a_send_whose_answer_is_too_much_stays_in_doubt() -> None:
    async with raw_server(says(http(bomb(), GZIP))) as server:
        gateway = Matrix(server.url, "key", templates={"LOS": 1}, zone=UTC, clock=SystemClock())
        receipt = await gateway.send(Message("c1", "5561999990000", "Ana", "LOS"))
        await gateway.aclose()
    assert (receipt.outcome, receipt.reason) == (Outcome.UNKNOWN, "too_large")


async def test_a_login_or_a_customer_that_is_too_much_is_no_answer() -> None:
    login = http(b'{"access": "t"}')
    answers = iter(
        [http(bomb(), GZIP), login, http(bomb(), GZIP), http(bomb(), GZIP, status="401 No"), login]
    )
    refused = http(b"{}", status="401 No")

    async def behave(connection: Connection) -> None:
        while await connection.request():
            await connection.write(next(answers, refused))

    async with raw_server(behave) as server:
        source = OltCloud(server.url, f"{server.url}/login", "noc", "pw", zone=UTC, clock=SystemClock())
        with little_memory():
            for _ in ("the login", "the customer"):
                with pytest.raises(BadAnswer, match=r"^too_large$"):
                    await source.customer("7")
            with pytest.raises(LoginRefused, match=r"^token_refused$"):  # a 401 of any size is a 401
                await source.customer("7")
        await source.aclose()


@asynccontextmanager
async def telegram(data: bytes) -> AsyncIterator[tuple[Bot, RawServer, list[int]]]:
    answered: list[int] = []
    async with (
        raw_server(says(data)) as server,
        ToTelegram(pool=2, connect=5) as calls,
        Poller(lambda *_: answered.append(1)) as poller,
    ):
        bot = Bot(TOKEN, f"{server.url}/bot", request=calls, get_updates_request=poller)
        yield bot, server, answered


async def test_what_telegram_answers_has_a_limit_too() -> None:
    async with telegram(http(bomb(), GZIP)) as (bot, _, answered):
        with little_memory():
            with pytest.raises(NetworkError):
                await bot.send_message(-100, "hello")
            with pytest.raises(NetworkError):
                await bot.get_updates()
        assert not answered


@pytest.mark.bug("updates larger than any limit would have left the bot deaf for good")
async def test_updates_that_are_too_much_for_one_answer_come_a_few_at_a_time() -> None:
    much = b'{"ok": true, "result": [%b]}' % b",".join([b'{"update_id": 1}'] * (MB // 16))
    little = b'{"ok": true, "result": [{"update_id": 1}]}'

    async def behave(connection: Connection) -> None:
        while request := await connection.request():
            await connection.write(http(little if b"limit=%d " % FEW in request else much))

    answered: list[int] = []
    async with raw_server(behave) as server, Poller(lambda *_: answered.append(1)) as poller:
        bot = Bot(TOKEN, f"{server.url}/bot", get_updates_request=poller)
        with pytest.raises(NetworkError):
            await bot.get_updates()
        (update,) = await bot.get_updates()
        assert (update.update_id, len(answered)) == (1, 1)


PAGE = b"<html>" + b"Ana +55 61 99999-0000 " * 9
UNREADABLE = [
    PAGE,
    b"[" * 101 + b"]" * 101,
    b'{"result": ' + b'{"x":' * 500 + b"1" + b"}" * 501,
    b"[" * 100_000,
    b"{}",
    b"[]",
]


@pytest.mark.parametrize("body", UNREADABLE)
async def test_what_telegram_does_not_say_is_one_error(body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with telegram(http(body)) as (bot, _, _):
        with pytest.raises(TelegramError, match=r"^Invalid server response$"):
            await bot.send_message(-100, "hello")
    async with telegram(http(body, status="502 Bad Gateway")) as (bot, _, _):
        with pytest.raises(NetworkError, match=r"^Bad Gateway \(502\)$"):
            await bot.send_message(-100, "hello")
    assert "9999" not in caplog.text


async def test_half_an_emoji_from_telegram_can_be_written() -> None:
    name = b'{"ok": true, "result": {"id": 1, "is_bot": true, "first_name": "A\\ud83d"}}'
    async with telegram(http(name)) as (bot, _, _):
        assert (await bot.get_me()).first_name == "A?"


@pytest.mark.parametrize(
    ("body", "error", "text"),
    [
        (b'{"description": "Bad Request: x"}', BadRequest, "X"),
        (b'{"description": "Bad Request: %b"}' % (b"y" * 5000), BadRequest, "Y" + "y" * 286),
        (b'{"description": 7, "parameters": {"retry_after": "soon"}}', BadRequest, "Bad Request (400)"),
        (b'{"parameters": {"retry_after": true, "phone": "5561999990000"}}', BadRequest, "Bad Request (400)"),
        (b'{"parameters": {"retry_after": 7}}', RetryAfter, None),
    ],
)
async def test_what_telegram_refuses_is_read(
    body: bytes, error: type[TelegramError], text: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")
    async with telegram(http(body, status="400 Bad Request")) as (bot, _, _):
        with pytest.raises(error) as refused:
            await bot.send_message(-100, "hello")
        assert text is None or refused.value.message == text


async def test_telegram_is_reached_without_the_environments_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    user = b'{"ok": true, "result": {"id": 1, "is_bot": true, "first_name": "A"}}'
    async with telegram(http(user)) as (bot, server, _):
        assert (await bot.get_me()).id == 1
        assert len(server.requests) == 1


async def test_telegram_is_reached_through_its_own_proxy() -> None:
    user = b'{"ok": true, "result": {"id": 1, "is_bot": true, "first_name": "A"}}'
    async with (
        raw_server(says(http(user))) as proxy,
        ToTelegram(pool=2, connect=5, proxy=proxy.url) as calls,
        asyncio.timeout(PATIENCE),
    ):
        bot = Bot(TOKEN, "http://telegram.invalid/bot", request=calls)
        assert (await bot.get_me()).id == 1
        assert proxy.requests[0].startswith(b"POST http://telegram.invalid/bot123456:")


async def test_an_answer_of_telegram_that_never_ends_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.chat.wire.connection.TOTAL", 0.3)

    async def drip(connection: Connection) -> None:
        await connection.request()
        await connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not connection.reader.at_eof():
            await connection.write(b" ")
            await asyncio.sleep(0.02)

    async with raw_server(drip) as server, ToTelegram(pool=2, connect=5) as calls, asyncio.timeout(PATIENCE):
        bot = Bot(TOKEN, f"{server.url}/bot", request=calls)
        with pytest.raises(TimedOut):
            await bot.send_message(-100, "hello")
