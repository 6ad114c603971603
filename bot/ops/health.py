"""`GET /healthz`: 200 while polls and getUpdates are fresh and the ledger takes lines, else 503 and why.

Anyone on the port may ask, so nobody can hold it: a few connections, a few seconds each, one answer.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus

Report = Callable[[], Mapping[str, str]]
"""What is wrong now, by part; empty while all is well. No secrets: anyone on the port reads it."""

MOST = 20  # connections at one time; more are closed at once
SECONDS = 5.0  # to send the request
_LARGEST = 8192  # bytes of a request


class HealthServer:
    """The HTTP server on OPS_PORT."""

    def __init__(self, report: Report, notes: Report = dict, *, seconds: float = SECONDS) -> None:
        """`notes` are what is worth knowing and breaks nothing."""
        self._report, self._notes, self._seconds = report, notes, seconds
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> None:
        """Listen; OSError where the address cannot be had."""
        self._server = await asyncio.start_server(self._accept, host, port, limit=_LARGEST)

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
        try:
            async with asyncio.timeout(self._seconds):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(head))
                writer.close()
                await writer.wait_closed()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # too slow, too large, or gone
        finally:
            writer.transport.abort()

    def _answer(self, head: bytes) -> bytes:
        method, _, rest = head.partition(b"\r\n")[0].partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        if path != b"/healthz":
            return _http(HTTPStatus.NOT_FOUND, b"")
        if method not in {b"GET", b"HEAD"}:
            return _http(HTTPStatus.METHOD_NOT_ALLOWED, b"", "Allow: GET, HEAD")
        wrong = dict(self._report())
        answer: dict[str, object] = {"ok": not wrong, "wrong": wrong}
        if notes := dict(self._notes()):
            answer["notes"] = notes
        status = HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK
        return _http(status, json.dumps(answer).encode(), body=method == b"GET")


def _http(status: HTTPStatus, content: bytes, *headers: str, body: bool = True) -> bytes:
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Content-Type: application/json; charset=utf-8",
        f"Content-Length: {len(content)}",
        "Connection: close",
        *headers,
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + (content if body else b"")
