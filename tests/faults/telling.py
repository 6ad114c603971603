"""How a story is told: its NOC, step by step, and whether every promise holds after each."""

import logging
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


def run(noc: Noc, step: Coroutine[object, object, None]) -> None:
    """One step, and whether everything holds after it; a step that breaks is a promise broken, too."""
    try:
        noc.loop.run_until_complete(step)
    except Violation:
        raise
    except Exception as error:
        raise Violation(f"{type(error).__name__}({error}): {noc.truth.told}") from error
    noc.holds()


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
    tries.runs += 1
    loop = StoryLoop()
    noc = Noc(tries, loop, folder)
    noc.truth.story.append(what)
    noc.clock.set(at - NOON)
    try:
        run(noc, noc.start())
        yield noc
        run(noc, noc.to_the_end())
    finally:
        loop.run_until_complete(noc.over())
        loop.close()
