"""The PostgreSQL of the tests: it comes back at once after any end, and leaves nothing behind."""

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
from psycopg import Connection

from tests.postgres import PATIENCE, Server, running

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform != "linux", reason="it reads what is shared from /proc"),
]


def shared(server: Server) -> str:
    """The number of its shared memory."""
    return (server.folder / "data" / "postmaster.pid").read_text().splitlines()[6].split()[1]


def there() -> set[str]:
    return {line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]}


def test_it_starts_while_a_child_of_the_one_that_was_killed_is_still_there(pg_shared: Path) -> None:
    with running(pg_shared) as server, Connection.connect(server.url()) as connection:
        orphan = connection.info.backend_pid
        os.kill(orphan, signal.SIGSTOP)
        try:
            server.stop(signal.SIGKILL)
            log = server.folder / "log"

            def lets_go() -> None:
                until = time.monotonic() + PATIENCE
                while "still in use" not in log.read_text() and time.monotonic() < until:
                    time.sleep(0.02)  # it is in another process
                os.kill(orphan, signal.SIGCONT)

            waits = Thread(target=lets_go)
            waits.start()
            server.start()
            waits.join()
        finally:
            with suppress(ProcessLookupError):
                os.kill(orphan, signal.SIGCONT)
        assert server.run("SELECT 1") == [(1,)]


def test_nothing_of_one_that_was_killed_is_left(pg_shared: Path) -> None:
    with running(pg_shared) as server:
        number = shared(server)
        assert number in there()
        assert server.run("SHOW dynamic_shared_memory_type") == [("mmap",)]
        server.stop(signal.SIGKILL)
    assert number not in there()
    assert not server.folder.exists()
