"""The closing table: how much was tried, and by which attack each mutant was caught."""

from collections.abc import Iterator

import pytest

from tests.faults.table import Caught, render
from tests.faults.tries import Tries


@pytest.fixture
def tries(request: pytest.FixtureRequest) -> Iterator[Tries]:
    """The counts of the test's attack; the attack is named for the test's module."""
    made = Tries(request.module.__name__.rpartition(".test_")[2])
    yield made
    request.node.user_properties.append(("tries", (made.attack, made.counts())))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    attacks: dict[str, Tries] = {}
    caught: list[Caught] = []
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if getattr(report, "when", "") != "teardown":
                    continue
                if name == "tries":
                    total = attacks.setdefault(value[0], Tries(value[0]))
                    for count, n in value[1].items():
                        setattr(total, count, getattr(total, count) + n)
                elif name == "caught":
                    caught.append(Caught(*value))
    if attacks or caught:
        terminalreporter.write_line("")
        terminalreporter.write_line(render(list(attacks.values()), caught))
