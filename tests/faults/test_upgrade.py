"""Attack: an upgrade that ends at any of its calls: the next does the rest, and nothing starts on half."""

import asyncio
import shutil
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import StartupError
from bot.storage.commands.upgrade import upgrade
from bot.storage.commands.verify import run_verify
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from bot.storage.people.store import known
from bot.storage.replay import scan
from tests.fakes import NOON, FakeClock
from tests.faults.tries import Tries
from tests.people import lay_key
from tests.storage.people import old
from tests.storage.people.test_upgrade import GROUPS, of

LATER = NOON + timedelta(days=13)
ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.attack
MONTHS = ("2026-11.jsonl", "2026-12.jsonl")
CALLS = "openat,write,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,mkdir,rmdir"


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize("end", ["signal=KILL", "error=ENOSPC", "error=EIO"])
def test_broken_off_at_any_call_the_next_one_does_the_rest(tries: Tries, tmp_path: Path, end: str) -> None:
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
        code = _traced(data, end, turn)
        tries.kills += code == -signal.SIGKILL
        tries.faults += code == 1
        story = f"{end} at call {turn}"
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
    assert tries.kills + tries.faults >= 20


def _traced(data: Path, end: str, turn: int) -> int:
    calls = ",".join(f"?{name}" for name in CALLS.split(","))
    places = [
        *(
            "people.key",
            "people.key.tmp",
            "upgrading",
            "upgrading/ledger",
            "upgrading/people",
            "upgrading/whole",
        ),
        *("upgrading/whole.tmp", "ledger", "people", "before-upgrade-20261122T150000Z"),
        *(
            f"upgrading/{part}/2026-{month}.jsonl{rest}"
            for part in ("ledger", "people")
            for month in (11, 12)
            for rest in ("", ".tmp")
        ),
    ]
    paths = [part for name in ("", *places) for part in ("-P", str(data / name).rstrip("/"))]
    trap = ["-e", f"trace={calls}", "-e", f"inject={calls}:{end}:when={turn}"]
    command = (sys.executable, "-m", "bot", "ledger", "upgrade", "--data", str(data))
    traced = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", *paths, *trap, "--", *command]
    return subprocess.run(traced, cwd=ROOT, capture_output=True, check=False, timeout=60).returncode


async def _start(data: Path) -> None:
    await FileLedger.open(data, FakeClock(LATER)).close()
