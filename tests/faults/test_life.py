"""Attack: a case's whole life: grouped, scheduled, approved by two, back again, and a crash in each story."""

from pathlib import Path

import pytest

from bot.domain.rules import Rules
from tests.faults.life_stories import TALES, play
from tests.faults.noc_life import LifeNoc
from tests.faults.story_time import StoryLoop
from tests.faults.telling import quiet, run, telling
from tests.faults.tries import Tries

pytestmark = pytest.mark.attack


def tell(tries: Tries, rules: Rules, name: str, crash: int | None = None) -> None:
    """One of the short stories; with a crash before its step number `crash`."""
    noc = LifeNoc(tries, StoryLoop(), rules=rules)
    with telling(noc, name):
        for n, step in enumerate(TALES[rules][name].split("; ")):
            if n == crash:
                run(noc, noc.crash(kept=n % 2 == 0))
                run(noc, noc.poll())
            run(noc, play(noc, step, crashed=crash is not None and n >= crash))


def tales(tries: Tries) -> None:
    """Each short story as it is, then with a crash before each of its steps."""
    with quiet():
        for rules, named in TALES.items():
            for name in named:
                tell(tries, rules, name)
        for rules, named in TALES.items():
            for name, text in named.items():
                for n in range(3, 1 + text.count(";")):
                    tell(tries, rules, name, n)


def attack(tries: Tries, folder: Path) -> None:
    """The quick part."""
    del folder
    tales(tries)


@pytest.mark.bug("the second of two approvals after the customers' hours sent at once")
@pytest.mark.bug("a dispatch interrupted just before the end of the hours went on by itself after them")
@pytest.mark.bug('a "voltou" that a person stopped was sent by itself later')
def test_every_tale(tries: Tries) -> None:
    tales(tries)
