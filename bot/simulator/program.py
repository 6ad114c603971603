"""What the demo and `simulate` need as programs: an end in order, and a port that is free."""

import asyncio
import errno
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from bot.simulator.ports import HOST

T = TypeVar("T")
Said = Callable[..., str]
"""A text in the language of who reads the terminal, with its facts in their braces."""
PORTS_TO_TRY = 50
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def as_it_is(text: str, /, **facts: object) -> str:
    """The text in English."""
    return text.format(**facts) if facts else text


async def until_stopped(work: Coroutine[Any, Any, T]) -> T | None:
    """What the work returns; None where Ctrl-C, SIGTERM or a closed terminal ended it.

    The work is cancelled then, once, and has all the time it needs to clean up.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            task.cancel()

    for number in SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        return await task
    except asyncio.CancelledError:
        if stopped:
            return None
        raise
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


async def listen(start: Callable[[str, int], Awaitable[None]], port: int) -> int:
    """The port on loopback that a server listens on from now: this one, or the next that is free.

    Raises:
        OSError: None of them can be had.
    """
    last = min(port + PORTS_TO_TRY, 65535)
    for candidate in range(port, last + 1):
        try:
            await start(HOST, candidate)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or candidate == last:
                raise
        else:
            return candidate
    raise AssertionError("the loop ends with a port or an error")
