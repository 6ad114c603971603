"""A command's turn to write: it holds the lease for as long as it works, so that no machine leads meanwhile.

Without it the command's lines would come behind those of the one that leads, which would close its ledger.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from secrets import token_hex
from socket import gethostname
from threading import Thread

from bot import tongue
from bot.errors import StartupError
from bot.storage.postgres import schema
from bot.storage.postgres.lease import Lease, Taken
from bot.storage.postgres.link import Link, Lost, why
from bot.storage.postgres.talk import Away

_TTL, _EVERY, _PATIENCE = 10.0, 2.0, 5.0  # seconds; where the command is killed nobody leads for the first


@asynccontextmanager
async def turn(url: str, *, moved: str | None = None) -> AsyncIterator[int]:
    """The epoch to write under. StartupError (exit code 1) where a machine leads, or the database is away;
    `moved` as in `schema.check`.

    Who led last is found afterwards as it was found: a command is nobody who is taken over from.
    """
    await asyncio.to_thread(_check, url, moved)
    lease = Lease(url, f"{gethostname()} {token_hex(8)}", ttl=_TTL, patience=_PATIENCE)
    loop = asyncio.new_event_loop()  # of its own: a command reads for seconds, and asks on a terminal
    thread = Thread(target=loop.run_forever, name="lease", daemon=True)
    thread.start()
    over = asyncio.Event()
    try:
        kept = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_taken(lease), loop))
        taken = await kept
        keeping = asyncio.run_coroutine_threadsafe(_keep(lease, taken, over), loop)
        try:
            yield taken.epoch
        finally:
            loop.call_soon_threadsafe(over.set)
            await asyncio.wrap_future(keeping)
    finally:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(lease.close(), loop))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _taken(lease: Lease) -> Taken:
    try:
        taken = await lease.take()
        holder = None if taken is not None else await lease.holder()
    except Away as error:
        raise StartupError(_unreachable(str(error)), code=1) from error
    if taken is None:
        name = "?" if holder is None else holder.partition(" ")[0]
        raise StartupError(tongue.said("{holder} leads: stop the bot on every machine", holder=name), code=1)
    return taken


async def _keep(lease: Lease, taken: Taken, over: asyncio.Event) -> None:
    while not over.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(_EVERY):
                await over.wait()
        with suppress(Away):  # lost, its ledger is fenced, and says so
            await lease.renew()
    await lease.give_up(taken)


def _check(url: str, moved: str | None) -> None:
    link = Link(url)
    try:
        schema.check(link.connection(), moved=moved)
    except Lost as error:
        raise StartupError(_unreachable(why(error)), code=1) from error
    finally:
        link.close()


def _unreachable(how: str) -> str:
    return tongue.said("PostgreSQL does not answer as it should ({why})", why=how)
