"""A real HTTP server on loopback that can be started, stopped, slowed down and made to misbehave."""

import asyncio
import json
import random
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from aiohttp import web

from bot.simulator.ports import HOST, free_port

PATIENCE = 120.0  # seconds that is waited for what comes at once: only what hangs takes that long
MAX_BODY = 60 * 2**20  # the Bot API takes files up to 50 MB
Match = Callable[[str], bool]


@dataclass(frozen=True)
class Answer:
    """This answer, and the request is not processed."""

    status: int
    body: str | bytes = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


@dataclass(frozen=True)
class HtmlPage:
    """The page of a proxy or firewall; the request is not processed."""

    status: int = 502


@dataclass(frozen=True)
class Throttle:
    """429 in the server's own format; the request is not processed."""

    retry_after: int | str | None = None


@dataclass(frozen=True)
class Hang:
    """The request is processed, and no answer ever comes."""


@dataclass(frozen=True)
class HangBefore:
    """The request is taken, never processed and never answered."""


@dataclass(frozen=True)
class DropBefore:
    """The connection is closed without processing the request."""


@dataclass(frozen=True)
class DropAfter:
    """The request is processed, then the connection is closed without an answer."""


@dataclass(frozen=True)
class HalfBody:
    """The request is processed; half of the answer's body comes, then the connection is closed."""


@dataclass(frozen=True)
class Garbage:
    """The request is processed and answered with a 200 that is not JSON."""


Fault = Answer | HtmlPage | Throttle | Hang | HangBefore | DropBefore | DropAfter | HalfBody | Garbage


class Request(NamedTuple):
    """One request as it came in: monotonic time, method, path with query, headers (lower case), raw body."""

    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Faults:
    """What goes wrong, and how slow it is.

    Attributes:
        latency: Seconds each answer takes.
        jitter: Up to so many seconds more, at random.
    """

    def __init__(self, seed: int = 0) -> None:
        self.latency = 0.0
        self.jitter = 0.0
        self._random = random.Random(seed)
        self._queue: list[tuple[Fault, Match | None]] = []
        self._standing: list[tuple[Fault, float, Match | None]] = []

    def inject(self, fault: Fault, times: int = 1, match: Match | None = None) -> None:
        """The next ``times`` requests whose path with query fits ``match`` (None: all) meet this fault."""
        self._queue.extend([(fault, match)] * times)

    def always(self, fault: Fault, rate: float = 1.0, match: Match | None = None) -> None:
        """A random share ``rate`` (0 to 1) of the requests that fit ``match`` meets this fault."""
        self._standing.append((fault, rate, match))

    def clear(self) -> None:
        """No faults any more, queued or standing; latency and jitter are 0 again."""
        self._queue.clear()
        self._standing.clear()
        self.latency = self.jitter = 0.0

    def delay(self) -> float:
        """Seconds that the next answer takes."""
        return self.latency + (self._random.uniform(0, self.jitter) if self.jitter else 0.0)

    def next(self, path: str) -> Fault | None:
        """The fault that a request to this path meets; queued ones come before standing ones."""
        for index, (fault, match) in enumerate(self._queue):
            if match is None or match(path):
                del self._queue[index]
                return fault
        for fault, rate, match in self._standing:
            if (match is None or match(path)) and self._random.random() < rate:
                return fault
        return None


class Server(ABC):
    """Base of the simulated services.

    Attributes:
        faults: What goes wrong.
        requests: Every request that came in, faulty ones too.
        in_flight: Requests in work now.
        max_in_flight: The most at one time so far.
    """

    def __init__(self) -> None:
        self.faults = Faults()
        self.requests: list[Request] = []
        self.in_flight = 0
        self.max_in_flight = 0
        self._runner: web.AppRunner | None = None
        self._site: web.SockSite | None = None
        self._working: set[asyncio.Task[Any]] = set()
        self._address: tuple[str, int] | None = None

    @property
    def url(self) -> str:
        """``http://127.0.0.1:port``; also while stopped, so that "down" can be tested.

        Raises:
            RuntimeError: It was never started.
        """
        if self._address is None:
            raise RuntimeError(f"{type(self).__name__} was never started")
        return "http://{}:{}".format(*self._address)

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._runner is not None

    async def start(self, host: str = HOST, port: int = 0) -> None:
        """Listens; port 0 takes a free one, or after a stop the one it had before.

        Raises:
            RuntimeError: It is running.
            OSError: The port is taken.
        """
        if self._runner is not None:
            raise RuntimeError(f"{type(self).__name__} is running")
        if port == 0:  # one that stays its own, also while it is stopped
            port = self._address[1] if self._address is not None else free_port()
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await runner.setup()
        try:
            self._socket = socket.create_server((host, port), backlog=128)
        except OSError:
            await runner.cleanup()
            raise
        self._site = web.SockSite(runner, self._socket)
        await self._site.start()
        self._runner = runner
        self._address = (host, runner.addresses[0][1])

    async def stop(self) -> None:
        """Refuses connections from now on; requests in work are cut off."""
        if self._runner is None or self._site is None:
            return
        # Accept no more, and give what is just accepted the turns to become a connection that can be closed:
        # closing the socket under it would leave it open until the garbage collector complains.
        asyncio.get_running_loop().remove_reader(self._socket)
        for _ in range(3):
            await asyncio.sleep(0)
        await self._site.stop()
        # A handler whose client has hung up is no longer the runner's; it must end all the same.
        while self._working:
            for task in self._working:
                task.cancel()
            await asyncio.wait(self._working, timeout=1)  # again: a task may miss it once
        await self._runner.cleanup()
        await asyncio.sleep(0)  # the tasks of the connections end in the turn after
        self._runner = self._site = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    @abstractmethod
    async def respond(self, request: web.Request, body: bytes) -> web.Response:
        """Processes one request."""

    @abstractmethod
    def throttled(self, retry_after: int | str | None) -> web.Response:
        """A 429 in the format of this service."""

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        task = asyncio.current_task()
        if task is not None:
            self._working.add(task)
            task.add_done_callback(self._working.discard)
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            body = await request.read()
            headers = {name.lower(): value for name, value in request.headers.items()}
            self.requests.append(Request(time.monotonic(), request.method, request.path_qs, headers, body))
            if delay := self.faults.delay():
                await asyncio.sleep(delay)
            return await self._answer(request, body, self.faults.next(request.path_qs))
        finally:
            self.in_flight -= 1

    async def _answer(self, request: web.Request, body: bytes, fault: Fault | None) -> web.StreamResponse:
        match fault:
            case Answer() | HtmlPage() | Throttle():
                return self._instead(fault)
            case HangBefore():
                return await _never()
            case DropBefore():
                return _drop(request)
        answer: web.StreamResponse = await self.respond(request, body)
        match fault:
            case Hang():
                answer = await _never()
            case DropAfter():
                answer = _drop(request)
            case HalfBody():
                answer = await _half(request, answer)
            case Garbage():
                answer = web.Response(text="OK, thank you <br>", content_type="text/html")
        return answer

    def _instead(self, fault: Answer | HtmlPage | Throttle) -> web.Response:
        """The answer that stands in for processing the request."""
        match fault:
            case Answer():
                data = fault.body.encode() if isinstance(fault.body, str) else fault.body
                headers = {**fault.headers, "Content-Type": fault.content_type}
                return web.Response(status=fault.status, body=data, headers=headers)
            case HtmlPage():
                page = f"<html><body><h1>{fault.status}</h1></body></html>"
                return web.Response(status=fault.status, text=page, content_type="text/html")
            case Throttle():
                return self.throttled(fault.retry_after)


def json_response(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer in UTF-8."""
    data = json.dumps(body, ensure_ascii=False).encode()
    return web.Response(status=status, body=data, headers=headers, content_type="application/json")


async def _never() -> web.Response:
    """Waits until the server stops."""
    await asyncio.Event().wait()
    raise AssertionError("an event nobody sets was set")


def _drop(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()  # goes nowhere: the connection is gone


async def _half(request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    data = answer.body if isinstance(answer, web.Response) and isinstance(answer.body, bytes) else b""
    half = web.StreamResponse(status=answer.status, headers={"Content-Type": "application/json"})
    half.content_length = len(data)
    await half.prepare(request)
    await half.write(data[: len(data) // 2])
    if request.transport is not None:
        request.transport.close()
    return half
