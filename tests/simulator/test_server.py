import asyncio
import errno
import os
import random
import socket
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from bot.simulator.ports import HOST, free_port
from bot.simulator.server import (
    Answer,
    DropAfter,
    DropBefore,
    Fault,
    Garbage,
    HalfBody,
    Hang,
    HangBefore,
    HtmlPage,
    Server,
    Throttle,
    json_response,
)
from tests.isp import until
from tests.patience import PATIENCE, leap


class Echo(Server):
    def __init__(self) -> None:
        super().__init__()
        self.processed: list[str] = []

    async def respond(self, request: web.Request, body: bytes) -> web.Response:
        self.processed.append(request.path)
        return json_response({"body": body.decode(), "padding": "x" * 100})

    def throttled(self, retry_after: int | str | None) -> web.Response:
        return json_response({"slow": True}, 429, {"Retry-After": str(retry_after)})


async def test_what_comes_in_is_on_record(http: httpx.AsyncClient) -> None:
    async with Echo() as server:
        answer = await http.post(f"{server.url}/a?b=c", content=b"hello", headers={"X-Key": "1"})
        assert answer.json()["body"] == "hello"
        request = server.requests[0]
        assert (request.method, request.path, request.body) == ("POST", "/a?b=c", b"hello")
        assert request.headers["x-key"] == "1"


@pytest.mark.parametrize(
    ("fault", "processed"), [(Hang(), True), (HangBefore(), False)], ids=["after", "before"]
)
async def test_a_hang_lasts_until_the_server_stops(
    http: httpx.AsyncClient, fault: Fault, processed: bool
) -> None:
    server = Echo()
    await server.start()
    server.faults.inject(fault)
    request = asyncio.create_task(http.get(f"{server.url}/hang"))
    await until(lambda: server.requests)
    await asyncio.wait({request}, timeout=0.1)  # in which nothing is to happen
    assert (server.in_flight, bool(server.processed), request.done()) == (1, processed, False)
    async with asyncio.timeout(PATIENCE):
        await server.stop()
    with pytest.raises(httpx.TransportError):
        await request
    assert server.in_flight == 0


async def test_stopping_leaves_no_task_even_when_the_client_has_gone(http: httpx.AsyncClient) -> None:
    server = Echo()
    await server.start()
    before = asyncio.all_tasks()
    server.faults.inject(Hang())
    with pytest.raises(httpx.ReadTimeout):
        await http.get(server.url, timeout=httpx.Timeout(PATIENCE, read=0.05))
    await server.stop()
    assert asyncio.all_tasks() <= before


@pytest.mark.parametrize(
    ("fault", "processed"),
    [(DropBefore(), False), (DropAfter(), True), (HalfBody(), True)],
    ids=["before", "after", "half"],
)
async def test_a_dropped_connection(http: httpx.AsyncClient, fault: Fault, processed: bool) -> None:
    async with Echo() as server:
        server.faults.inject(fault)
        with pytest.raises(httpx.RemoteProtocolError if processed else httpx.TransportError):
            await http.get(f"{server.url}/x")
        assert server.processed == (["/x"] if processed else [])
        assert (await http.get(f"{server.url}/y")).is_success


@pytest.mark.parametrize(
    ("fault", "status", "text", "processed"),
    [
        (Answer(503, "busy", {"X-Why": "load"}, "text/plain"), 503, "busy", False),
        (HtmlPage(), 502, "<html>", False),
        (Throttle(7), 429, '{"slow": true}', False),
        (Garbage(), 200, "OK, thank you", True),
    ],
    ids=["answer", "html", "throttle", "garbage"],
)
async def test_another_answer(
    http: httpx.AsyncClient, fault: Fault, status: int, text: str, processed: bool
) -> None:
    async with Echo() as server:
        server.faults.inject(fault)
        answer = await http.get(server.url)
        assert answer.status_code == status
        assert text in answer.text
        assert bool(server.processed) == processed
        expected = {503: ("x-why", "load"), 429: ("retry-after", "7")}.get(status)
        assert expected is None or answer.headers[expected[0]] == expected[1]


async def test_a_fault_meets_only_the_requests_it_is_for(http: httpx.AsyncClient) -> None:
    async with Echo() as server:
        server.faults.inject(Answer(500), times=2, match=lambda path: "page=2" in path)
        asked = ("/l?page=1", "/l?page=2", "/l?page=1", "/l?page=2", "/l?page=2")
        statuses = [(await http.get(server.url + path)).status_code for path in asked]
        assert statuses == [200, 500, 200, 500, 200]


async def test_standing_faults_hit_the_same_share_each_time_and_can_be_cleared(
    http: httpx.AsyncClient,
) -> None:
    async with Echo() as server:
        server.faults.always(Answer(500), rate=0.3)
        statuses = [(await http.get(server.url)).status_code for _ in range(50)]
        dice = random.Random(0)  # noqa: S311 - the same seed as the server
        assert statuses == [500 if dice.random() < 0.3 else 200 for _ in range(50)]
        server.faults.clear()
        assert {(await http.get(server.url)).status_code for _ in range(20)} == {200}


async def test_latency_and_the_count_in_flight(http: httpx.AsyncClient) -> None:
    async with Echo() as server:
        server.faults.latency = PATIENCE / 2
        asking = asyncio.gather(*(http.get(server.url) for _ in range(5)))
        await until(lambda: len(server.requests) == 5)
        await asyncio.wait({asking}, timeout=0.1)
        assert not asking.done()
        leap(PATIENCE / 2)
        await asking
        assert (server.in_flight, server.max_in_flight) == (0, 5)


async def test_a_stopped_server_refuses_and_comes_back_on_the_same_port(http: httpx.AsyncClient) -> None:
    server = Echo()
    with pytest.raises(RuntimeError, match="never started"):
        _ = server.url
    await server.start()
    url = server.url
    await http.get(url)
    await server.stop()
    with pytest.raises(httpx.ConnectError):
        await http.get(url)
    await server.start()
    assert server.url == url
    with pytest.raises(RuntimeError, match="is running"):
        await server.start()
    assert (await http.get(url)).is_success
    await server.stop()
    await server.stop()


async def test_a_port_that_is_taken_leaves_a_server_that_can_start_elsewhere(http: httpx.AsyncClient) -> None:
    async with Echo() as first:
        second = Echo()
        with pytest.raises(OSError, match=r"(?i)address already in use"):
            await second.start(port=int(first.url.rpartition(":")[2]))
        assert not second.running
        await second.start()
        assert (await http.get(second.url)).status_code == 200
        await second.stop()


def test_a_port_for_later_is_none_that_the_system_gives_to_somebody_else_meanwhile() -> None:
    with socket.create_server((HOST, free_port())) as first:
        ports = [free_port() for _ in range(400)]
        assert first.getsockname()[1] not in ports
    assert len(set(ports)) >= 100
    chosen = [int(n) for n in Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()]
    assert not [port for port in ports if chosen[0] <= port <= chosen[1]]


def test_processes_side_by_side_are_given_other_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {free_port() for _ in range(400)}
    another = os.getpid() + 1
    monkeypatch.setattr(os, "getpid", lambda: another)
    theirs = {free_port() for _ in range(400)}
    assert not ours & theirs


def test_no_port_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(address: tuple[str, int]) -> socket.socket:
        raise OSError(errno.EADDRINUSE, "Address already in use")

    monkeypatch.setattr(socket, "create_server", taken)
    with pytest.raises(OSError, match="all 200 ports of this process are taken"):
        free_port()
