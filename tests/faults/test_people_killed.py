"""Attack: an upgrade and a forgetting killed at any call: the next does the rest, nothing starts on half."""

import asyncio
import shutil
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.phone import Phone
from bot.errors import StartupError
from bot.storage.commands.forget import forget
from bot.storage.commands.upgrade import upgrade
from bot.storage.commands.verify import run_verify
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from bot.storage.people.store import known
from bot.storage.replay import scan
from tests.fakes import ANA, NOON, FakeClock
from tests.faults.tries import Tries
from tests.people import lay_key
from tests.storage.people import old
from tests.storage.people.test_upgrade import GROUPS, of

LATER = NOON + timedelta(days=13)
ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.attack
MONTHS, REST = ("2026-11.jsonl", "2026-12.jsonl"), ("", ".tmp")
CALLS = "openat,write,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,mkdir,rmdir"


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_an_upgrade_killed_at_any_call_is_ended_by_the_next(tries: Tries, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    old.write(whole, GROUPS)
    lay_key(whole)
    upgrade(whole, NOON, Disk())
    good = of(whole / "ledger")
    turn = code = 0
    while code != 0 or turn == 0:
        turn += 1
        tries.runs += 1
        data = tmp_path / f"data-{turn}"
        old.write(data, GROUPS)
        lay_key(data)
        code = _traced(turn, data, "upgrade")
        tries.kills += code == -signal.SIGKILL
        story = f"killed at call {turn}"
        if code != 0:
            try:
                asyncio.run(_start(data))
            except StartupError as error:
                tries.check("ledger upgrade" in str(error), f"{error}: {story}")
            else:
                tries.check(of(data / "ledger") == good, f"a start on half an upgrade: {story}")
        upgrade(data, NOON, Disk())
        tries.check(of(data / "ledger") == good, f"another ledger: {story}")
        tries.check(run_verify(data)[0] == 0, f"not whole: {story}")
        kept = [part for path in data.glob("before-*") for part in of(path)]
        tries.check(len([name for name in kept if "ledger" in name]) == 2, f"the copy is not whole: {story}")
        tries.check(not (data / "upgrading").exists(), f"something is left: {story}")
        people = known(Disk(), data)
        found = scan(Disk(), data)
        tries.check(people is not None and not people.fill(found.book), f"people are lost: {story}")
        shutil.rmtree(data)
    assert tries.kills >= 20


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_a_forgetting_killed_at_any_call_is_ended_by_the_next(tries: Tries, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    old.write(whole, GROUPS)
    upgrade(whole, NOON, Disk())
    shutil.rmtree(next(whole.glob("before-*")))
    before = b"".join(of(whole / "ledger").values())
    turn = code = 0
    while code != 0 or turn == 0:
        turn += 1
        tries.runs += 1
        data = tmp_path / f"data-{turn}"
        shutil.copytree(whole, data)
        code = _traced(turn, data, "forget", "61999990001")
        tries.kills += code == -signal.SIGKILL
        story = f"killed at call {turn}"
        asyncio.run(_start(data))  # whatever there is, a bot goes on with it
        asyncio.run(forget(data, Phone("5561999990001"), ANA, FakeClock(LATER)))
        left = of(data)
        found = [name for name, kept in left.items() if b"5561999990001" in kept or "João".encode() in kept]
        tries.check(not found, f"they are in {found}: {story}")
        tries.check(b"Maria" in b"".join(left.values()), f"others are forgotten: {story}")
        lines = b"".join(kept for name, kept in left.items() if name.endswith(".jsonl") and "ledger" in name)
        tries.check(lines.startswith(before), f"lines are lost: {story}")
        tries.check(run_verify(data)[0] == 0, f"not whole: {story}")
        shutil.rmtree(data)
    assert tries.kills >= 10


def _traced(turn: int, data: Path, command: str, *given: str) -> int:
    """How the command ended that is killed at its call of that number on the files."""
    calls = ",".join(f"?{name}" for name in CALLS.split(","))
    parts = ("ledger", "people", "upgrading/ledger", "upgrading/people")
    places = ["people.key", "people.key.tmp", "upgrading", "upgrading/whole", "upgrading/whole.tmp", *parts]
    places += [f"{part}/{month}{rest}" for part in parts for month in MONTHS for rest in REST]
    paths = [part for name in ("", *places) for part in ("-P", str(data / name).rstrip("/"))]
    trap = ["-e", f"trace={calls}", "-e", f"inject={calls}:signal=KILL:when={turn}"]
    bot = (sys.executable, "-m", "bot", "ledger", command, *given, "--data", str(data))
    traced = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", *paths, *trap, "--", *bot]
    return subprocess.run(traced, cwd=ROOT, capture_output=True, check=False, timeout=60).returncode


async def _start(data: Path) -> None:
    await FileLedger.open(data, FakeClock(LATER)).close()
