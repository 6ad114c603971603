"""Attack: receipts in any order, twice, late and never, between crashes: cards say what the phones have."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.faults.telling import quiet
from tests.faults.told import Life
from tests.faults.tries import Tries

pytestmark = pytest.mark.attack

LIVES = 1000


def lives(tries: Tries, many: int) -> None:
    """So many random lives, always the same ones."""

    async def play() -> None:
        for seed in range(many):
            await Life(tries, random.Random(seed)).play()  # noqa: S311

    with quiet():
        asyncio.run(play())


def attack(tries: Tries, folder: Path) -> None:
    """The quick part."""
    del folder
    lives(tries, 300)


def test_a_thousand_lives(tries: Tries) -> None:
    lives(tries, LIVES)
