"""The one HTTP port: a few paths, each with what answers it.

Anyone on the port may ask, so nobody can hold it: so many connections, a few seconds each, one answer, and a
body of a limited size.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import h11

log = logging.getLogger(__name__)

MOST = 40  # connections at one time; more are closed at once
SECONDS = 5.0  # to send the request and to get its answer
LARGEST = 3 * 1024 * 1024  # bytes of a body: the largest that WhatsApp sends
_LARGEST_HEAD = 8192  # bytes
_READ = 65536  # bytes at once


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked: `query` is what stands behind the question mark, header names are in small letters."""

    method: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered."""

    status: HTTPStatus
    content: bytes = b""
    type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """A path's own: what answers, which methods it knows, how large a body may be."""

    answer: Callable[[Request], Awaitable[Response]]
    methods: tuple[str, ...] = ("GET", "HEAD")
    largest: int = 0


class _Wrong(Exception):
    """There is nothing to hand on to a route: the answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


@dataclass
class Server:
    """The HTTP server: routes by path."""

    routes: Mapping[str, Route]
    seconds: float = SECONDS
    _server: asyncio.Server | None = None
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self, host: str, port: int) -> None:
        """Listen; OSError where the address cannot be had."""
        self._server = await asyncio.start_server(self._accept, host, port)

    async def stop(self) -> None:
        """Close the port and what is open on it."""
        if self._server is None:
            return
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= MOST:
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_LARGEST_HEAD)
        try:
            async with asyncio.timeout(self.seconds):
                response, method = await self._exchange(connection, reader)
                if connection.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
                    writer.write(_written(connection, response, body=method != "HEAD"))
                    writer.close()
                    await writer.wait_closed()
        except (TimeoutError, OSError, h11.LocalProtocolError):
            pass  # too slow, or gone
        finally:
            writer.transport.abort()

    async def _exchange(
        self, connection: h11.Connection, reader: asyncio.StreamReader
    ) -> tuple[Response, str]:
        method = ""
        try:
            head = await _next(connection, reader)
            if not isinstance(head, h11.Request):
                raise TimeoutError  # it hung up
            method = head.method.decode("ascii")
            path, _, query = head.target.decode("ascii", "replace").partition("?")
            route = self._route(path, method)
            headers = {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}
            body = await _body(connection, reader, route.largest)
            return await route.answer(Request(method, query, headers, body)), method
        except _Wrong as wrong:
            return wrong.response, method
        except h11.RemoteProtocolError as error:
            return Response(HTTPStatus(error.error_status_hint)), method

    def _route(self, path: str, method: str) -> Route:
        route = self.routes.get(path)
        if route is None:
            raise _Wrong(Response(HTTPStatus.NOT_FOUND))
        if method not in route.methods:
            allow = (("Allow", ", ".join(route.methods)),)
            raise _Wrong(Response(HTTPStatus.METHOD_NOT_ALLOWED, headers=allow))
        return route


async def _next(connection: h11.Connection, reader: asyncio.StreamReader) -> object:
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(await reader.read(_READ))
    return event


async def _body(connection: h11.Connection, reader: asyncio.StreamReader, largest: int) -> bytes:
    found = bytearray()
    while isinstance(event := await _next(connection, reader), h11.Data):
        found += event.data
        if len(found) > largest:
            raise _Wrong(Response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
        await asyncio.sleep(0)  # one reading may hold thousands of small chunks: others have their turn
    if not isinstance(event, h11.EndOfMessage):
        raise TimeoutError  # it hung up
    return bytes(found)


def _written(connection: h11.Connection, response: Response, *, body: bool) -> bytes:
    headers = [
        ("Content-Type", response.type),
        ("Content-Length", str(len(response.content))),
        ("Connection", "close"),
        *response.headers,
    ]
    head = h11.Response(
        status_code=response.status.value, reason=response.status.phrase.encode(), headers=headers
    )
    parts = [connection.send(head)]
    if body:
        parts.append(connection.send(h11.Data(response.content)))
    parts.append(connection.send(h11.EndOfMessage()))
    return b"".join(part for part in parts if part)
