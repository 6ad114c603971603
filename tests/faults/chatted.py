"""The whole bot in this process, or beside it, between the pretend services: people tap on real cards."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from unittest import mock

from bot.chat.telegram import Telegram
from bot.chat.wire.budget import GAP, WINDOW
from tests.faults.tries import Tries, Violation
from tests.scenes.conftest import Noc


@contextmanager
def lively() -> Iterator[None]:
    """As many messages as ever, in a tenth of the time: what they wait for is not what is attacked here."""
    with mock.patch("bot.process.app.Telegram", partial(Telegram, window=WINDOW / 10, gap=GAP / 10)):
        yield


@asynccontextmanager
async def told(tries: Tries, folder: Path, what: str) -> AsyncIterator[Noc]:
    """A NOC for one run; what never comes is a promise broken. At the end nobody may have got two."""
    tries.runs += 1
    async with AsyncExitStack() as stack:
        noc = Noc(folder, stack)
        await noc.set_up()
        try:
            yield noc
        except Violation:
            raise
        except (TimeoutError, LookupError, AssertionError) as never:  # what a card never said, too
            raise Violation(f"{tries.attack}, run {tries.runs}: {what}: {never}") from never
        finally:
            await noc.close()
            if noc.process is not None:
                await noc.kill()
        tries.nobody_twice([message.phone for message in noc.hsm.received], what)


def place(folder: Path, name: str) -> Path:
    """A folder of its own for a run."""
    (folder / name).mkdir()
    return folder / name
