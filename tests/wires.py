"""A TCP proxy that cuts connections at the worst moment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Wire:
    """Passes on what comes. `cut` says what happens at the next request that has `word` in it."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.cut: str | None = None  # "before" it reaches the other side, "after" its answer is there, "hang"
        self.word = b'"prev":"'  # of a line: what is prepared comes without its statement
        self.cuts = 0
        self.passes = (
            asyncio.Event()
        )  # cleared: nothing comes through and nothing ends, as with dropped packets
        self.passes.set()

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", 0)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.part()

    def leads_to(self, port: int) -> None:
        """Whoever connects from now on gets there; who is connected is cut off."""
        self._to = port
        self.part()

    def part(self) -> None:
        """Nobody is connected any more."""
        for writer in list(self._open):
            writer.close()

    async def _pass(self, ours: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        try:
            theirs, on = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            back.close()
            return
        self._open |= {back, on}
        how: list[str] = []
        try:
            await asyncio.gather(self._there(ours, on, back, how), self._back(theirs, back, on, how))
        except OSError:
            pass
        finally:
            self._open -= {back, on}
            for writer in (back, on):
                with suppress(OSError):
                    writer.close()

    async def _there(
        self,
        reader: asyncio.StreamReader,
        on: asyncio.StreamWriter,
        back: asyncio.StreamWriter,
        how: list[str],
    ) -> None:
        while data := await reader.read(65536):
            await self.passes.wait()
            if self.cut is not None and self.word in data:
                how[:], self.cut = [self.cut], None
                self.cuts += 1
                if how == ["before"]:
                    break
            on.write(data)
            await on.drain()
        on.close()
        if how == ["before"]:
            back.close()

    async def _back(
        self,
        reader: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        on: asyncio.StreamWriter,
        how: list[str],
    ) -> None:
        while data := await reader.read(65536):
            await self.passes.wait()
            if how == ["after"]:
                break
            if how == ["hang"]:
                continue
            back.write(data)
            await back.drain()
        back.close()
        on.close()


@asynccontextmanager
async def wire(port: int) -> AsyncIterator[Wire]:
    made = Wire(port)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
