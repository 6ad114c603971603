"""Attack: short stories in which people and machines get in each other's way, and a crash in each of them."""

from pathlib import Path

import pytest

from tests.faults.stories import STORIES, play
from tests.faults.telling import quiet, run, told
from tests.faults.tries import Tries

pytestmark = pytest.mark.attack


def tell(tries: Tries, name: str, text: str, crash: int | None = None, *, kept: bool = True) -> None:
    """One of the short stories; with a crash before its step number `crash`."""
    with told(tries, name) as noc:
        for n, step in enumerate(text.split("; ")):
            if n == crash:
                run(noc, noc.crash(kept=kept))
                run(noc, noc.poll())
            run(noc, play(noc, step))


def stories(tries: Tries) -> None:
    """Each short story as it is, then with a crash before each of its steps."""
    with quiet():
        for name, text in STORIES.items():
            tell(tries, name, text)
        for name, text in STORIES.items():
            for n in range(3, 1 + text.count(";")):
                tell(tries, name, text, n, kept=n % 2 == 0)


def attack(tries: Tries, folder: Path) -> None:
    """The quick part."""
    del folder
    stories(tries)


def test_every_story(tries: Tries) -> None:
    stories(tries)
