"""Only a broken promise is a violation: not a bug of the attack itself."""

import pytest

from bot.storage import codec
from tests.faults.telling import run, told
from tests.faults.tries import Tries, Violation


def test_what_the_bot_raises_is_a_promise_broken_and_called_so() -> None:
    async def step() -> None:
        codec.unseal(b"no line")

    with told(Tries("telling"), "a story") as noc, pytest.raises(Violation) as found:
        run(noc, step())
    assert str(found.value).startswith("telling, run 1: the bot raised BadLine(")


def test_what_the_attack_raises_is_an_error() -> None:
    async def step() -> None:
        raise KeyError("a bug of the attack")

    with told(Tries("telling"), "a story") as noc, pytest.raises(KeyError, match="a bug of the attack"):
        run(noc, step())
