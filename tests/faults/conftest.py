"""What each attack tried is counted; tests/conftest.py prints the closing table."""

from collections.abc import Iterator

import pytest

from tests.faults.tries import Tries


@pytest.fixture
def tries(request: pytest.FixtureRequest) -> Iterator[Tries]:
    """The counts of the test's attack; the attack is named for the test's module."""
    made = Tries(request.module.__name__.rpartition(".test_")[2])
    yield made
    request.node.user_properties.append(("tries", (made.attack, made.counts())))
