"""The one HTTP port: a few paths, each with what answers it.

Anyone on the port may ask, so nobody can hold it: so many connections, a few seconds each, one answer, and a
body of a limited size. Where all places are taken, who has been longest about its request makes room. Who is
given an answer that goes on (`Response.parts`) has a place of another kind, and takes nobody's.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import IntEnum, auto
from http import HTTPStatus

import h11

log = logging.getLogger(__name__)

MOST = 40  # connections at one time
MOST_STREAMS = 100  # of those whose answer goes on
SECONDS = 5.0  # to send the request and to get its answer
LARGEST = 3 * 1024 * 1024  # bytes of a body: the largest that WhatsApp sends
_LARGEST_HEAD = 8192  # bytes
_READ = 65536  # bytes at once


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked: `query` is what stands behind the question mark, header names are in small letters.

    `path` is as it was sent. It may name a customer: it stands in no log.
    """

    method: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    path: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered. With `parts` it goes on with them as they come, for as long as somebody reads.

    One who does not take a part within seconds is hung up on; no part is asked for before that one is taken.
    """

    status: HTTPStatus
    content: bytes = b""
    type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    parts: AsyncGenerator[bytes, None] | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """A path's own: what answers, which methods it knows (none: it says itself), how large a body may be.

    `too_large` hears of each body that was larger, which `answer` never does.
    """

    answer: Callable[[Request], Awaitable[Response]]
    methods: tuple[str, ...] = ("GET", "HEAD")
    largest: int = 0
    too_large: Callable[[], None] = lambda: None


_NO_PLACE = Response(HTTPStatus.SERVICE_UNAVAILABLE, headers=(("Retry-After", "10"),))


class _Wrong(Exception):
    """There is nothing to hand on to a route: the answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


class _Sent(IntEnum):
    """How much of a request is there: the less, the sooner its place is somebody else's."""

    NOTHING = auto()
    HEAD = auto()
    ALL = auto()


@dataclass(slots=True, eq=False)
class _Caller:
    """Somebody on the port."""

    writer: asyncio.StreamWriter
    task: asyncio.Task[None] | None = None
    sent: _Sent = _Sent.NOTHING

    def hang_up(self) -> None:
        """Both, as a task that did not begin yet closes nothing."""
        if self.task is not None:
            self.task.cancel()
        self.writer.transport.abort()


@dataclass
class Server:
    """The HTTP server: routes by path; one that ends in `/` has whatever stands below without its own."""

    routes: Mapping[str, Route]
    seconds: float = SECONDS
    _server: asyncio.Server | None = None
    _open: list[_Caller] = field(default_factory=list)
    _streams: list[_Caller] = field(default_factory=list)

    async def start(self, host: str, port: int) -> None:
        """Listen; OSError where the address cannot be had."""
        self._server = await asyncio.start_server(self._accept, host, port)

    async def stop(self) -> None:
        """Close the port and what is open on it."""
        if self._server is None:
            return
        self._server.close()
        callers = [*self._open, *self._streams]
        open_ = [caller.task for caller in callers if caller.task is not None]
        for caller in callers:
            caller.hang_up()
        await asyncio.gather(*open_, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= MOST and not self._make_room():
            writer.transport.abort()
            return
        caller = _Caller(writer)
        self._open.append(caller)
        caller.task = asyncio.get_running_loop().create_task(self._serve(reader, caller))
        caller.task.add_done_callback(lambda _: self._leave(caller))

    def _make_room(self) -> bool:
        """Hang up on who has sent least and came first; False where all wait for their answers.

        A probe of `/healthz` sends its request as it connects: forty silent ones keep it waiting no more.
        """
        slowest = min(self._open, key=lambda caller: caller.sent)
        if slowest.sent is _Sent.ALL:
            return False
        self._leave(slowest)
        slowest.hang_up()
        return True

    def _leave(self, caller: _Caller) -> None:
        for places in (self._open, self._streams):
            if caller in places:
                places.remove(caller)

    async def _serve(self, reader: asyncio.StreamReader, caller: _Caller) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_LARGEST_HEAD)
        writer = caller.writer
        try:
            async with asyncio.timeout(self.seconds) as limit:
                response, method = await self._exchange(connection, reader, caller)
                if response.parts is not None and len(self._streams) >= MOST_STREAMS:
                    response = _NO_PLACE
                if response.parts is not None and method != "HEAD":
                    limit.reschedule(None)
                    async with aclosing(response.parts) as parts:
                        await self._follow(parts, response, connection, reader, caller)
                elif connection.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
                    writer.write(_written(connection, response, body=method != "HEAD"))
                    writer.close()
                    await writer.wait_closed()
        except (TimeoutError, OSError, h11.LocalProtocolError):
            pass  # too slow, or gone
        finally:
            writer.transport.abort()

    async def _follow(
        self,
        parts: AsyncGenerator[bytes, None],
        response: Response,
        connection: h11.Connection,
        reader: asyncio.StreamReader,
        caller: _Caller,
    ) -> None:
        """The head, then each part, until there are no more, or nobody reads them."""
        self._leave(caller)
        self._streams.append(caller)
        gone = asyncio.get_running_loop().create_task(_hung_up(reader, caller))
        try:
            await self._write(caller.writer, connection.send(_head(response)))
            async for part in parts:
                await self._write(caller.writer, connection.send(h11.Data(part)))
            await self._write(caller.writer, connection.send(h11.EndOfMessage()))
            caller.writer.close()
            async with asyncio.timeout(self.seconds):
                await caller.writer.wait_closed()
        finally:
            gone.cancel()

    async def _write(self, writer: asyncio.StreamWriter, what: bytes | None) -> None:
        """TimeoutError where the one who reads is too far behind to take it."""
        writer.write(what or b"")
        async with asyncio.timeout(self.seconds):
            await writer.drain()

    async def _exchange(
        self, connection: h11.Connection, reader: asyncio.StreamReader, caller: _Caller
    ) -> tuple[Response, str]:
        method = ""
        try:
            head = await _next(connection, reader)
            if not isinstance(head, h11.Request):
                raise TimeoutError  # it hung up
            caller.sent = _Sent.HEAD
            method = head.method.decode("ascii")
            path, _, query = head.target.decode("ascii", "replace").partition("?")
            route = self._route(path, method)
            headers = {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}
            _go_on(connection, caller.writer, head, route.largest)
            body = await _body(connection, reader, route)
            caller.sent = _Sent.ALL
            return await route.answer(Request(method, query, headers, body, path)), method
        except _Wrong as wrong:
            return wrong.response, method
        except h11.RemoteProtocolError as error:
            return Response(HTTPStatus(error.error_status_hint)), method

    def _route(self, path: str, method: str) -> Route:
        above = (self.routes.get(folder) for folder in _folders(path))
        route = self.routes.get(path) or next(filter(None, above), None)
        if route is None:
            raise _Wrong(Response(HTTPStatus.NOT_FOUND))
        if route.methods and method not in route.methods:
            allow = (("Allow", ", ".join(route.methods)),)
            raise _Wrong(Response(HTTPStatus.METHOD_NOT_ALLOWED, headers=allow))
        return route


async def _hung_up(reader: asyncio.StreamReader, caller: _Caller) -> None:
    """Who says anything more, were it only goodbye, is through."""
    with contextlib.suppress(OSError):
        await reader.read(_READ)
    caller.hang_up()


def _folders(path: str) -> Iterator[str]:
    """The nearest first."""
    while (end := path.rfind("/")) >= 0:
        yield path[: end + 1]
        path = path[:end]


async def _next(connection: h11.Connection, reader: asyncio.StreamReader) -> object:
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(await reader.read(_READ))
    return event


def _go_on(connection: h11.Connection, writer: asyncio.StreamWriter, head: h11.Request, largest: int) -> None:
    """Who asks before it sends its body hears that it may, unless it is too large: some wait a second."""
    said = next((value for name, value in head.headers if name == b"content-length"), b"0")
    if connection.they_are_waiting_for_100_continue and int(said) <= largest:
        writer.write(connection.send(h11.InformationalResponse(status_code=100, headers=[])))


async def _body(connection: h11.Connection, reader: asyncio.StreamReader, route: Route) -> bytes:
    found = bytearray()
    while isinstance(event := await _next(connection, reader), h11.Data):
        found += event.data
        if len(found) > route.largest:
            route.too_large()
            raise _Wrong(Response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
        await asyncio.sleep(0)  # one reading may hold thousands of small chunks: others have their turn
    if not isinstance(event, h11.EndOfMessage):
        raise TimeoutError  # it hung up
    return bytes(found)


def _head(response: Response) -> h11.Response:
    length = () if response.parts is not None else (("Content-Length", str(len(response.content))),)
    headers = [("Content-Type", response.type), *length, ("Connection", "close"), *response.headers]
    return h11.Response(
        status_code=response.status.value, reason=response.status.phrase.encode(), headers=headers
    )


def _written(connection: h11.Connection, response: Response, *, body: bool) -> bytes:
    parts = [connection.send(_head(response))]
    if body:
        parts.append(connection.send(h11.Data(response.content)))
    parts.append(connection.send(h11.EndOfMessage()))
    return b"".join(part for part in parts if part)
