"""For every test."""

import gc
import os
import re
import signal
import ssl
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, settings

from bot import tls
from bot.process import child
from bot.tongue import ENGLISH, speak
from tests import compiled, forks
from tests.faults import bugs
from tests.faults.table import Caught, render
from tests.faults.tries import Tries
from tests.postgres import Server, clean, running

# How long an example takes says more about the machine than about the code.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")


def _context(verify: ssl.SSLContext | str | bool = True, **options: Any) -> ssl.SSLContext:
    """Every authority is read once, and not as each client of each test is made."""
    return tls.context() if verify is True else httpx.create_ssl_context(verify=verify, **options)


httpx._transports.default.create_ssl_context = _context  # type: ignore[assignment,attr-defined]

gc.disable()  # until all tests are collected: what an import makes stays, and would be searched in vain


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> Generator[None, None, None]:
    """What a command says is read here in English, unless a test asks for more."""
    monkeypatch.setenv("BOT_LANGUAGE", ENGLISH)
    speak(ENGLISH)
    yield
    speak(ENGLISH)


@pytest.fixture(scope="session")
def pg_shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of all workers of this run."""
    own = tmp_path_factory.getbasetemp()
    yield own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    clean()


@pytest.fixture(scope="session")
def postgres(pg_shared: Path) -> Iterator[Server]:
    """This worker's PostgreSQL, for tests that leave it running."""
    with running(pg_shared) as server:
        yield server


@pytest.fixture
def database(postgres: Server) -> str:
    """The address of a new database with an empty ledger."""
    return postgres.database()


APART = ("attack", "mutant", "soak")
LONG = 3000.0  # seconds until one of those hangs: some play thousands of stories


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is played apart is no part of the loop for working either: `-m 'not process'` leaves it out."""
    for item in items:
        if any(item.get_closest_marker(name) for name in APART):
            item.add_marker("process")
            item.add_marker(pytest.mark.timeout(LONG))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """The workers begin after this.

    Whoever starts the tests in the background has them ignore signals, and so would their children. One that
    is heard, and answered with nothing, is a child's own again.
    """
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    if session.config.getoption("numprocesses", None) and not hasattr(session.config, "workerinput"):
        compiled.compile_all(session.config)


def pytest_collection_finish() -> None:
    gc.freeze()  # what is here now is looked through no more
    gc.enable()
    # Beside a suite that keeps every CPU busy a child that takes what is left would take minutes.
    child._NICE = 0


_popen = subprocess.Popen.__init__
_unmarked: list[str] = []  # the test that runs, where it is not marked `process`


def _started(of: "subprocess.Popen[Any]", command: Any, *args: Any, **options: Any) -> None:
    if _unmarked:
        pytest.fail(f"mark it `process`: it starts {command}")
    _popen(of, command, *args, **options)


subprocess.Popen.__init__ = _started  # type: ignore[assignment,method-assign]
forks.install()
AFRESH = ("start", "bench", *APART)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    _unmarked[:] = [] if item.get_closest_marker("process") else [item.nodeid]
    forks.use(on=not any(item.get_closest_marker(name) for name in AFRESH))
    try:
        return (yield)
    finally:
        _unmarked.clear()


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
