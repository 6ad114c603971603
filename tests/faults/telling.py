"""How a story is told: its NOC, step by step, and whether every promise holds after each."""

import logging
import traceback
import warnings
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import structlog

from tests.fakes import NOON
from tests.faults.noc import Noc
from tests.faults.story_time import StoryLoop
from tests.faults.tries import Tries, Violation

ROOT = Path(__file__).parents[2]


def run(noc: Noc, step: Coroutine[object, object, None]) -> None:
    """One step, and whether everything holds after it.

    What the bot's own code raises is a promise broken, too, and called so. Whatever else is raised is an
    error of the attack itself.
    """
    try:
        noc.loop.run_until_complete(step)
    except Violation:
        raise
    except Exception as error:
        if not _raised_by_the_bot(error):
            raise
        what = f"the bot raised {type(error).__name__}({error}): {noc.truth.told}"
        raise Violation(f"{noc.tries.attack}, run {noc.tries.runs}: {what}") from error
    noc.holds()


def _raised_by_the_bot(error: BaseException) -> bool:
    """Whether the last code of ours that it came through, going inwards, is the bot's and not a fake's."""
    files = [Path(frame.f_code.co_filename) for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours = [file.relative_to(ROOT).parts[0] for file in files if file.is_relative_to(ROOT)]
    return ours[-1:] == ["bot"]


@contextmanager
def quiet() -> Iterator[None]:
    """The bot tells every fault in its log; a thousand stories would fill it."""
    logging.disable(logging.CRITICAL)
    with structlog.testing.capture_logs(), warnings.catch_warnings():
        # A crash cancels what was to begin in this very instant: its coroutine is never awaited.
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


@contextmanager
def told(tries: Tries, what: str, folder: Path | None = None, at: datetime = NOON) -> Iterator[Noc]:
    """A NOC that has started; whatever was left is settled at the end, and everything must hold then."""
    noc = Noc(tries, StoryLoop(), folder)
    noc.clock.set(at - NOON)
    with telling(noc, what):
        yield noc


@contextmanager
def telling(noc: Noc, what: str) -> Iterator[None]:
    """The same for one that was made already."""
    noc.tries.runs += 1
    loop = noc.loop
    noc.truth.story.append(what)
    try:
        run(noc, noc.start())
        yield
        run(noc, noc.to_the_end())
    finally:
        loop.run_until_complete(noc.over())
        loop.close()
