"""Answers that go on: the port keeps them apart from the others, and from each other."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx

from bot.ops.health import PATH, health
from bot.ops.server import MOST, MOST_STREAMS, Request, Response, Route, Server
from bot.simulator.ports import free_port
from tests.isp import until
from tests.patience import PATIENCE, leap

LIMIT = PATIENCE / 2  # seconds; more than that pass at once here, and less than the test waits
ASK = b"GET /on HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass
class On:
    """What answers with parts of a size, one each time it is let.

    `open` counts those who get them, `taken` the parts that somebody took.
    """

    size: int = 1
    open: int = 0
    taken: int = 0
    let: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def parts(self) -> AsyncGenerator[bytes, None]:
        self.open += 1
        try:
            while True:
                await self.let.acquire()
                yield b"x" * self.size
                self.taken += 1
        finally:
            self.open -= 1

    async def answer(self, _request: Request) -> Response:
        return Response(HTTPStatus.OK, type="text/event-stream", parts=self.parts())


@asynccontextmanager
async def going_on(on: On, seconds: float = PATIENCE) -> AsyncIterator[int]:
    server, port = Server({"/on": Route(on.answer), PATH: health(dict)}, seconds), free_port()
    await server.start("127.0.0.1", port)
    async with asyncio.timeout(PATIENCE):
        yield port
        await server.stop()
    assert on.open == 0


async def asked(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(ASK)
    return reader, writer


async def head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


async def test_it_goes_on_for_longer_than_any_other_answer_may_take() -> None:
    on = On()
    async with going_on(on, LIMIT) as port:
        reader, writer = await asked(port)
        assert b"200" in await head(reader)
        leap(LIMIT + 1)
        for _ in range(2):
            on.let.release()
            assert await reader.readuntil(b"x\r\n") == b"1\r\nx\r\n"
        writer.close()


async def test_watchers_take_no_place_of_a_probe_and_have_an_end_themselves() -> None:
    on = On()
    async with going_on(on) as port:
        watchers = [await asked(port) for _ in range(MOST_STREAMS)]
        assert [b"200" in await head(reader) for reader, _ in watchers] == [True] * MOST_STREAMS
        assert MOST_STREAMS > MOST
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
            assert (await http.get(f"http://127.0.0.1:{port}{PATH}")).status_code == 200
            beyond = await http.get(f"http://127.0.0.1:{port}/on")
            assert (beyond.status_code, beyond.headers["Retry-After"]) == (503, "10")
            watchers[0][1].close()
            await until(lambda: on.open == MOST_STREAMS - 1)
            assert (await http.head(f"http://127.0.0.1:{port}/on")).status_code == 200
        for _, writer in watchers:
            writer.close()


async def test_who_does_not_read_is_hung_up_on_and_keeps_nobody_waiting() -> None:
    on = On(size=4 * 1024 * 1024)
    async with going_on(on, LIMIT) as port:
        slow, fast = await asked(port), await asked(port)
        await head(fast[0])
        await until(lambda: on.open == 2)
        on.let.release()
        on.let.release()
        assert len(await fast[0].readexactly(4 * 1024 * 1024)) == 4 * 1024 * 1024
        await until(lambda: on.taken == 1)
        leap(LIMIT)
        await until(lambda: on.open == 1)
        for _, writer in (slow, fast):
            writer.close()


async def test_who_hangs_up_is_noticed_while_nothing_happens() -> None:
    on = On()
    async with going_on(on) as port:
        reader, writer = await asked(port)
        await head(reader)
        await until(lambda: on.open == 1)
        writer.close()
        await until(lambda: on.open == 0)
