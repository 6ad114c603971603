"""The bot as a child process: started, killed, started again, and watched."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Literal

State = Literal["starting", "running", "stopped", "killed"]
PATIENCE = 60.0  # seconds that a stop in order may take: the bot finishes what it has sent


class Child:
    """One bot process at a time.

    Args:
        launch: Starts the process.
        changed: Called after each change of ``state``.

    Attributes:
        state: "starting" until ``came_up`` is called; "stopped" also where it ended by itself.
    """

    def __init__(
        self, launch: Callable[[], Awaitable[asyncio.subprocess.Process]], changed: Callable[[], None]
    ) -> None:
        self.state: State = "stopped"
        self._launch, self._changed = launch, changed
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """The process's id; None while there is none."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """The process is on its way; nothing happens where it runs already."""
        async with self._turn:
            if self._process is None:
                self._become("starting")
                self._process = await self._launch()
                self._watcher = asyncio.create_task(self._watch(self._process))

    def came_up(self) -> None:
        """It was heard of for the first time."""
        if self.state == "starting" and self._process is not None:
            self._become("running")

    async def kill(self) -> None:
        """SIGKILL; returns once it is dead."""
        async with self._turn:
            if self._process is not None:
                with suppress(ProcessLookupError):  # it ended by itself a moment ago
                    self._process.kill()
                await self._ended("killed")

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL where it takes too long; returns once it is gone."""
        async with self._turn:
            if self._process is None:
                return
            with suppress(ProcessLookupError):
                self._process.terminate()
                try:
                    async with asyncio.timeout(PATIENCE):
                        await self._process.wait()
                except TimeoutError:
                    self._process.kill()
            await self._ended("stopped")

    async def _ended(self, state: State) -> None:
        process, watcher = self._process, self._watcher
        if watcher is not None:
            watcher.cancel()
            await asyncio.wait({watcher})
        if (
            process is not None
        ):  # known until it is dead: whoever is cancelled here leaves it to the next stop
            await process.wait()
        self._process = self._watcher = None
        self._become(state)

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        if self._process is process:
            self._process = self._watcher = None
            self._become("stopped")

    def _become(self, state: State) -> None:
        self.state = state
        self._changed()
