"""What each fault proves, over real sockets. Goes red when a new version of a library maps otherwise."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from bot import upstream
from bot.errors import AnswerLost, BadAnswer, BotError, NotFound, Refused, TryLater
from bot.simulator.matrix import MatrixApi
from bot.simulator.ports import free_port
from tests.patience import PATIENCE, leap

from .raw import JSON_OK, Behaviour, Connection, deaf_port, raw_server

PATIENT = httpx.Timeout(PATIENCE)
TOTAL = PATIENCE / 2
SILENT = httpx.Timeout(PATIENCE, read=0.3)  # of who waits for what never comes
HTML = b"<html><body>oops</body></html>"
DEEP = b"[" * 101 + b"]" * 101


@asynccontextmanager
async def opened(limits: httpx.Timeout = PATIENT, **options: Any) -> AsyncIterator[upstream.Client]:
    http = upstream.client(timeout=limits, **options)
    try:
        yield http
    finally:
        await http.aclose()


async def send_to(url: str, limits: httpx.Timeout = PATIENT, total: float = PATIENCE) -> upstream.Answer:
    async with opened(limits) as http:
        return await upstream.send(http, url, json={"to": "someone"}, total=total)


async def read_from(url: str, limits: httpx.Timeout = PATIENT, total: float = PATIENCE) -> Any:
    async with opened(limits) as http:
        return await upstream.read(http, "GET", url, total=total)


def answer(status: str, body: bytes = HTML, *headers: str) -> Behaviour:
    async def behave(connection: Connection) -> None:
        await connection.request()
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
        await connection.write("\r\n".join(lines).encode() + body)

    return behave


def words(data: bytes, *, then: str) -> Behaviour:
    """The request is read, `data` is written, then the connection is closed, reset or left alone."""

    async def behave(connection: Connection) -> None:
        await connection.request()
        await connection.write(data)
        if then == "silence":
            await connection.gone()
        elif then == "reset":
            connection.reset()

    return behave


async def reset_unread(connection: Connection) -> None:
    connection.reset()


async def drip(connection: Connection) -> None:
    await connection.request()
    await connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not connection.reader.at_eof():
        await connection.write(b" ")
        await asyncio.sleep(0.02)


HALF_HEAD = b"HTTP/1.1 200 OK\r\nContent-Le"
HALF_BODY = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{"cod_'
HALF_CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{"
NO_GZIP = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n12345"

LOST: dict[str, tuple[Behaviour, str]] = {
    "reset before it is read": (reset_unread, "reset"),
    "reset after it was read": (words(b"", then="reset"), "reset"),
    "closed after it was read": (words(b"", then="close"), "reset"),
    "accepted, then silence": (words(b"", then="silence"), "no_answer"),
    "half a head, then closed": (words(HALF_HEAD, then="close"), "reset"),
    "half a head, then silence": (words(HALF_HEAD, then="silence"), "no_answer"),
    "half a body, then closed": (words(HALF_BODY, then="close"), "half_answer"),
    "half a body, then reset": (words(HALF_BODY, then="reset"), "half_answer"),
    "half a body, then silence": (words(HALF_BODY, then="silence"), "no_answer"),
    "half a chunk, then closed": (words(HALF_CHUNK, then="close"), "half_answer"),
    "no HTTP at all": (words(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", then="close"), "garbled"),
    "a body that is not the gzip it says": (words(NO_GZIP, then="close"), "garbled"),
    "500 with a page": (answer("500 Internal Server Error"), "http_500"),
    "502 with a page": (answer("502 Bad Gateway"), "http_502"),
    "503 with a page": (answer("503 Service Unavailable", HTML, "Retry-After: 1"), "http_503"),
}


@pytest.mark.parametrize("call", [send_to, read_from])
@pytest.mark.parametrize("fault", LOST)
async def test_once_the_request_may_have_left_its_end_is_unknown(
    fault: str, call: Callable[..., Any]
) -> None:
    behave, code = LOST[fault]
    silent = code == "no_answer"
    async with raw_server(behave) as server:
        with pytest.raises(AnswerLost) as lost:
            await call(server.url, SILENT if silent else PATIENT)
        assert str(lost.value) == code
        if silent:
            await server.arrived.wait()  # the server may be the later one to know
        if call is send_to:
            assert server.connections == 1  # aiohttp repeats a read once, a POST never


@pytest.mark.parametrize("call", [send_to, read_from])
async def test_an_answer_that_never_ends_meets_the_total_limit(call: Callable[..., Any]) -> None:
    async with raw_server(drip) as server:
        never = asyncio.create_task(call(server.url, total=TOTAL))
        await server.arrived.wait()
        leap(TOTAL)
        with pytest.raises(AnswerLost, match=r"^no_answer$"):
            await never
        assert len(server.requests) == 1


@pytest.mark.parametrize("call", [send_to, read_from])
async def test_a_refused_connection_proves_that_nothing_left(call: Callable[[str], Any]) -> None:
    with pytest.raises(TryLater, match=r"^refused$"):
        await call(f"http://127.0.0.1:{free_port()}")


@pytest.mark.parametrize("call", [send_to, read_from])
async def test_a_connect_timeout_proves_that_nothing_left(call: Callable[..., Any]) -> None:
    async with deaf_port() as port:
        with pytest.raises(TryLater, match=r"^connect_timeout$"):
            await call(f"http://127.0.0.1:{port}", httpx.Timeout(PATIENCE, connect=0.3))


@pytest.mark.parametrize("call", [send_to, read_from])
async def test_an_unknown_host_proves_that_nothing_left(
    call: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_args: object, **_options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)  # no question leaves this machine
    with pytest.raises(TryLater, match=r"^dns$"):
        await call("http://host.invalid")


@pytest.mark.parametrize("call", [send_to, read_from])
async def test_a_failed_handshake_proves_that_nothing_left(call: Callable[[str], Any]) -> None:
    async def no_tls(connection: Connection) -> None:
        await connection.reader.read(1)
        await connection.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with raw_server(no_tls) as server:
        with pytest.raises(TryLater, match=r"^tls$"):
            await call(server.url.replace("http:", "https:"))


async def test_waiting_for_a_free_connection_proves_that_nothing_left() -> None:
    soon = httpx.Timeout(PATIENCE, pool=0.3)
    async with raw_server(words(b"", then="silence")) as server, opened(soon, limit=1) as http:
        request = http.build_request("POST", server.url, timeout=PATIENT)
        holder = asyncio.create_task(http.send(request))
        await server.arrived.wait()
        with pytest.raises(TryLater, match=r"^connect_timeout$"):
            await upstream.send(http, server.url, json={})
        assert len(server.requests) == 1
        holder.cancel()
        await asyncio.gather(holder, return_exceptions=True)


@pytest.mark.parametrize("call", [send_to, read_from])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (["Retry-After: 7"], 7.0),
        (["Retry-After: Sun, 22 Nov 2026 15:00:30 GMT", "Date: Sun, 22 Nov 2026 15:00:00 GMT"], 30.0),
        (["Retry-After: Sun, 22 Nov 2026 14:00:00 GMT", "Date: Sun, 22 Nov 2026 15:00:00 GMT"], 0.0),
        (["Retry-After: soon"], None),
        (["Retry-After: -5"], None),
        ([], None),
    ],
)
async def test_429_did_nothing_and_says_how_long_to_wait(
    call: Callable[[str], Any], headers: list[str], seconds: float | None
) -> None:
    async with raw_server(answer("429 Too Many Requests", HTML, *headers)) as server:
        with pytest.raises(TryLater) as later:
            await call(server.url)
        assert (str(later.value), later.value.retry_after) == ("throttled", seconds)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("400 Bad Request", Refused),
        ("401 Unauthorized", Refused),
        ("403 Forbidden", Refused),
        ("404 Not Found", NotFound),
        ("302 Found", Refused),
    ],
)
async def test_a_read_that_is_refused(status: str, error: type[BotError]) -> None:
    async with raw_server(answer(status, HTML, "Location: /elsewhere")) as server:
        with pytest.raises(BotError) as refused:
            await read_from(server.url)
        assert type(refused.value) is error
        assert str(refused.value) == f"http_{status[:3]}"
        assert len(server.requests) == 1  # a redirect is not followed


@pytest.mark.parametrize("body", [HTML, b"", b"\xff\xfe", b"{", b"null", b"[" * 200_000, DEEP, b"1" * 5000])
async def test_a_read_that_is_no_json(body: bytes) -> None:
    async with raw_server(answer("200 OK", body)) as server:
        with pytest.raises(BadAnswer, match=r"^not_json$"):
            await read_from(server.url)


async def test_a_hundred_levels_are_read() -> None:
    async with raw_server(answer("200 OK", DEEP[1:-1])) as server:
        assert str(await read_from(server.url)) == DEEP[1:-1].decode()


@pytest.mark.parametrize("status", [200, 302, 400, 404, 412])
async def test_a_send_gives_back_every_answer_below_500(status: int) -> None:
    async with raw_server(answer(f"{status} Whatever", HTML, "Location: /elsewhere")) as server:
        response = await send_to(server.url)
        assert (response.status_code, response.content) == (status, HTML)
        assert len(server.requests) == 1


async def test_a_connection_closed_between_two_posts_is_noticed_before_the_second() -> None:
    async def once(connection: Connection) -> None:
        await connection.request()
        await connection.write(JSON_OK)  # and no "Connection: close"

    async with raw_server(once) as server, opened() as http:
        await upstream.send(http, server.url, json={"n": 1})
        await server.closed.wait()
        for _ in range(20):  # turns of the loop, so that the client sees the end
            await asyncio.sleep(0)
        await upstream.send(http, server.url, json={"n": 2})
        assert [request[-8:] for request in server.requests] == [b'{"n": 1}', b'{"n": 2}']
        assert server.connections == 2


async def hang_up_on_the_second(connection: Connection) -> None:
    await connection.request()
    await connection.write(JSON_OK)
    if connection.server.connections == 1:
        await connection.request()


async def test_a_post_on_a_kept_connection_that_dies_is_not_sent_again() -> None:
    async with raw_server(hang_up_on_the_second) as server, opened() as http:
        await upstream.send(http, server.url, json={"n": 1})
        with pytest.raises(AnswerLost, match=r"^reset$"):
            await upstream.send(http, server.url, json={"n": 2})
        assert [request[-8:] for request in server.requests] == [b'{"n": 1}', b'{"n": 2}']


async def test_a_read_on_a_kept_connection_that_dies_gets_its_answer_on_a_new_one() -> None:
    async with raw_server(hang_up_on_the_second) as server, opened() as http:
        assert await upstream.read(http, "GET", server.url) == {}
        assert await upstream.read(http, "GET", server.url) == {}
        assert len(server.requests) == 3


async def test_connections_are_kept_and_cookies_are_not() -> None:
    async with MatrixApi() as matrix, opened() as http:
        url = matrix.hsm_url.replace("127.0.0.1", "localhost")  # cookie jars do not take addresses
        for _ in range(3):
            response = await upstream.send(http, url, json={}, headers={"Authorization": "hsm-secret"})
            assert "PHPSESSID" in response.headers["set-cookie"]
        assert matrix.cookies_replayed == 0
        assert [request.headers.get("cookie") for request in matrix.requests] == [None] * 3


async def test_a_cookie_that_is_given_is_sent() -> None:
    async with MatrixApi() as matrix, opened() as http:
        await upstream.send(http, matrix.hsm_url, json={}, headers={"Cookie": "route=a1"})
        assert matrix.requests[0].headers["cookie"] == "route=a1"


async def test_the_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    async with raw_server(words(JSON_OK, then="close")) as server:
        assert await read_from(server.url) == {}


async def test_as_many_requests_are_in_flight_as_connections_are_allowed() -> None:
    everybody = asyncio.Event()

    async def together(connection: Connection) -> None:
        await connection.request()
        if len(connection.server.requests) == 100:
            everybody.set()
        await everybody.wait()
        await connection.write(JSON_OK)

    async with raw_server(together) as server:
        http = upstream.client(limit=100)
        reads = [upstream.read(http, "GET", server.url) for _ in range(100)]
        assert await asyncio.gather(*reads) == [{}] * 100
        await http.aclose()


async def test_a_post_is_prepared_once_and_anew_for_another_url_or_other_headers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[str] = []
    build = upstream.Client.build_request

    def counted(http: upstream.Client, method: str, url: str, **options: Any) -> httpx.Request:
        made.append(url)
        return build(http, method, url, **options)

    monkeypatch.setattr(upstream.Client, "build_request", counted)
    async with MatrixApi() as matrix, opened() as http:
        headers = {"Authorization": "old"}
        for _ in range(3):
            await upstream.send(http, matrix.hsm_url, json={}, headers=headers)
        headers["Authorization"] = "new"
        await upstream.send(http, matrix.hsm_url, json={}, headers=headers)
        other = f"{matrix.hsm_url}/other"
        await upstream.send(http, other, json={}, headers=headers)
        assert made == [matrix.hsm_url, matrix.hsm_url, other]
        assert [r.headers["authorization"] for r in matrix.requests] == ["old"] * 3 + ["new"] * 2
        assert matrix.requests[-1].path.endswith("/other")


async def test_a_send_says_of_itself_what_a_read_does() -> None:
    async with raw_server(words(JSON_OK, then="close")) as server:
        await send_to(server.url)
        async with opened() as http:
            await upstream.read(http, "POST", server.url, json={"to": "someone"})
        sent, read = (request.lower().split(b"\r\n\r\n")[0].split(b"\r\n") for request in server.requests)
        assert {line.partition(b":")[0] for line in sent} == {line.partition(b":")[0] for line in read}
        assert b"accept-encoding: gzip, deflate" in sent
        assert len(sent) == len({line.partition(b":")[0] for line in sent})
