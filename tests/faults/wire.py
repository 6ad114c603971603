"""A gateway on real sockets that meets each attempt with the row of the outcome table drawn for it."""

import asyncio
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any
from unittest import mock

import httpx

from bot.domain.plan import Message, Receipt, Sent
from bot.gateways.adapter import Sender
from bot.simulator.ports import free_port
from tests.adapters.raw import Connection, deaf_port, raw_server
from tests.faults.spoken.row import Row, Speech, Then, Way

PATIENT = httpx.Timeout(10.0)
KEPT: tuple[Way, ...] = ("idle", "fin", "rst")
SHORT: tuple[Way, ...] = ("read", "total")
TURNS = 20  # of the loop, from a connection that waits to the request that was read from it
NOWHERE: frozenset[Way] = frozenset({"fin", "rst", "refused", "deaf", "dns", "tls", "unread"})


class Wire:
    """`bot.ports.Gateway`: real adapters of one kind, one for each way. `took` is the ground truth.

    Attributes:
        draws: For each phone the rows that its next attempts meet; then all goes well.
        met: The row of each attempt so far, by phone (None: all went well).
        took: How often the gateway delivered, by phone.
        asked: How often a send was asked for; `may_arrive`: on a way that reaches the gateway, by phone.
        arrived: The phones of the requests that came in, in order.
        hits: How often each row was met since the beginning, by its name.
        stale: Requests that met the end of a connection that had served before.
        gate: `held` rows are answered once it is set.
    """

    name = "wire"

    def __init__(self, speech: Speech) -> None:
        self.speech = speech
        self.adapters: dict[Way, Sender] = {}
        self.stale = 0
        self.hits: Counter[str] = Counter()
        self._kept: dict[Way, Kept] = {}
        self.clear()

    def clear(self) -> None:
        """As new, for the next story."""
        self.draws: Mapping[str, Iterator[Row | None]] = {}
        self.met: dict[str, list[Row | None]] = {}
        self.took: Counter[str] = Counter()
        self.asked = 0
        self.may_arrive: Counter[str] = Counter()
        self.arrived: list[str] = []
        self.gate = asyncio.Event()

    async def send(self, message: Message) -> Receipt:
        row = next(self.draws.get(message.phone, iter(())), None)
        self.met.setdefault(message.phone, []).append(row)
        self.asked += 1
        self.may_arrive[message.phone] += row is None or row.way not in NOWHERE
        if row is None:
            return await self.adapters["plain"].send(message)
        self.hits[row.name] += 1
        adapter = self.adapters[row.way]
        if row.way == "kept":
            await adapter.probe()
        if row.way in SHORT:
            try:
                return await adapter.send(message)
            finally:
                for _ in range(TURNS):  # what has left comes in now, and not in the next story
                    await asyncio.sleep(0)
        if row.way not in self._kept:
            return await adapter.send(message)
        async with self._kept[row.way].alone:
            await adapter.probe()
            await self._kept[row.way].end(row.way)
            return await adapter.send(message)

    async def sent(self, first: datetime, last: datetime) -> list[Sent] | None:
        return None

    async def probe(self) -> str:
        return "wire"

    def repeated(self) -> list[str]:
        """Whose request came in more often than it could have with one for each time somebody asked."""
        return [phone for phone, came in Counter(self.arrived).items() if came > self.may_arrive[phone]]

    def keep(self, way: Way) -> "Kept":
        """The server of a way whose connection ends while it is kept."""
        return self._kept.setdefault(way, Kept(self))

    async def serve(self, connection: Connection) -> None:
        """The server's side of every way that reaches it: as many requests as the connection lasts for."""
        served = False
        while True:
            request = await connection.request()
            if request.startswith(b"GET "):
                await connection.write(self.speech.read)
                served = True
                continue
            phone = self.speech.phone(json.loads(request.partition(b"\r\n\r\n")[2]))
            self.arrived.append(phone)
            row = self.met[phone][-1]
            if row is None or row.taken:
                self.took[phone] += 1
            if row is not None and row.held:
                await self.gate.wait()
            if row is not None and row.way == "kept":
                self.stale += served
            served = True
            await connection.write(self.speech.accepted(len(self.arrived)) if row is None else row.answer)
            if row is not None and row.then != "keep":
                return await _end(connection, row.then)


class Kept:
    """A server whose one connection ends after it has served. `alone`: for one request at a time."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.alone = asyncio.Lock()

    async def serve(self, connection: Connection) -> None:
        """As any other way."""
        self._connection, self._gone = connection, asyncio.Event()
        gone = self._gone
        try:
            await self._wire.serve(connection)
        finally:
            gone.set()

    async def end(self, way: Way) -> None:
        """Close it: `idle` returns when the client hung up, too, the others before it can know."""
        match way:
            case "idle":
                self._connection.writer.write_eof()
                await self._gone.wait()
            case "fin":
                self._connection.writer.transport.abort()
            case "rst":
                self._connection.reset()


async def _end(connection: Connection, then: Then) -> None:
    match then:
        case "reset":
            connection.reset()
        case "silence":
            await connection.gone()
        case "drip":
            while not connection.reader.at_eof():
                await connection.write(b" ")
                await asyncio.sleep(0.02)


async def _reset_unread(connection: Connection) -> None:
    """The head is read and the body is not."""
    await connection.reader.readuntil(b"\r\n\r\n")
    connection.reset()


async def _no_tls(connection: Connection) -> None:
    await connection.reader.read(1)
    await connection.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@asynccontextmanager
async def opened(speech: Speech) -> AsyncIterator[Wire]:
    """The gateway, its servers and the adapters that reach them, or do not."""
    wire = Wire(speech)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(raw_server(wire.serve))
        unread = await stack.enter_async_context(raw_server(_reset_unread))
        no_tls = await stack.enter_async_context(raw_server(_no_tls))
        deaf = await stack.enter_async_context(deaf_port())
        stack.enter_context(_no_names())
        ways: dict[Way, tuple[str, httpx.Timeout, float]] = {
            "plain": (server.url, PATIENT, 20.0),
            "kept": (server.url, PATIENT, 20.0),
            "read": (server.url, httpx.Timeout(10.0, read=0.05), 20.0),
            "total": (server.url, PATIENT, 0.05),
            "refused": (f"http://127.0.0.1:{free_port()}", PATIENT, 20.0),
            "deaf": (f"http://127.0.0.1:{deaf}", httpx.Timeout(0.05), 20.0),
            "dns": ("http://host.invalid", PATIENT, 20.0),
            "tls": (no_tls.url.replace("http:", "https:"), PATIENT, 20.0),
            "unread": (unread.url, PATIENT, 20.0),
        }
        for way in KEPT:
            kept = wire.keep(way)
            ways[way] = ((await stack.enter_async_context(raw_server(kept.serve))).url, PATIENT, 20.0)
        for way, (url, timeout, total) in ways.items():
            wire.adapters[way] = speech.open(url, timeout, total)
            stack.push_async_callback(wire.adapters[way].aclose)
        yield wire


@contextmanager
def _no_names() -> Iterator[None]:
    """No host is known, and no question leaves this machine."""
    real = socket.getaddrinfo

    def known(host: Any, *rest: Any, **options: Any) -> Any:
        if host == "host.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *rest, **options)

    with mock.patch.object(socket, "getaddrinfo", known):
        yield
