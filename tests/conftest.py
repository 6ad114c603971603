"""For every test."""

import re
import subprocess

import pytest
from hypothesis import HealthCheck, settings

from bot.process import child
from tests.faults import bugs
from tests.faults.table import Caught, render
from tests.faults.tries import Tries

# How long an example takes says more about the machine than about the code.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")

APART = ("attack", "mutant", "soak")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is played apart is no part of the loop for working either: `-m 'not process'` leaves it out."""
    for item in items:
        if any(item.get_closest_marker(name) for name in APART):
            item.add_marker("process")


@pytest.fixture(autouse=True)
def _no_child_unless_marked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("process") is None:

        def refused(_child: object, command: object, *_: object, **__: object) -> None:
            pytest.fail(f"mark it `process`: it starts {command}")

        monkeypatch.setattr(subprocess.Popen, "__init__", refused)


@pytest.fixture(autouse=True)
def _no_child_stands_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside a suite that keeps every CPU busy a child that takes what is left would take minutes."""
    monkeypatch.setattr(child, "_NICE", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The closing table of the attacks: how much was tried, and which attack caught each broken copy.

    A run of the attacks (`-m attack`) also names the bugs found so far, with the tests that pin them.
    """
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
    if re.search(r"(?<!not )\battack\b", terminalreporter.config.option.markexpr):
        terminalreporter.write_line("")
        terminalreporter.write_line(bugs.render(bugs.found()))
