"""Attack: what can happen while a month is packed, and to a packed one.

What is allowed: every line that was acknowledged is read, from whatever is there; or, where what is packed is
not what it was, the start stays closed and moves nothing.
"""

import asyncio
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from itertools import islice, product
from pathlib import Path

import pytest

from bot.errors import StartupError
from bot.storage.commands.pack import pack_ended
from bot.storage.commands.repair import repair
from bot.storage.commands.verify import verify
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from bot.storage.replay import Fault, scan
from bot.storage.sealed import gzipped
from tests.fakes import FakeClock
from tests.faults.damage import cuts, flips
from tests.faults.disk_image import FOLDER, ROOT, File, Snapshot
from tests.faults.images import DATA, Held, Image, Ledger, after, ledger
from tests.faults.sim_disk import SimDisk, Trouble
from tests.faults.tries import Tries

pytestmark = pytest.mark.attack

TOP = Path(__file__).parents[2]
OVER, LAST = "2026-11.jsonl", "2026-12.jsonl"
PACKED = f"{OVER}.gz"
REPAIRED = 4  # a repair is tried on one of so many


def attack(tries: Tries, folder: Path) -> None:
    """All of it, in memory."""
    whole = ledger()
    _at_every_step(tries, whole)
    asyncio.run(_to_what_is_packed(tries, whole))
    assert not list(folder.iterdir()), "nothing of it was on the real disk"


# While it is packed


def _on_disk(image: Image) -> Snapshot:
    """A disk in order: everything is durable."""
    folder = ROOT / "ledger"
    names = {ROOT: FOLDER, folder: FOLDER} | {folder / name: n for n, name in enumerate(image, 1)}
    return Snapshot({n: File(data) for n, data in enumerate(image.values(), 1)}, names)


def _at_every_step(tries: Tries, whole: Ledger) -> None:
    """Killed, without power or refused before and after each step: the lines are there, packed or not."""
    begun, rng = _on_disk(whole.image), random.Random(5)  # noqa: S311 - the same ruins in every run
    moments = list[tuple[str, Snapshot]]()
    disk = SimDisk(begun, lambda step: moments.append((step, disk.snapshot())))
    pack_ended(ROOT, disk)
    tries.check(disk.names(ROOT / "ledger") == [PACKED, LAST, "pack.lock"], "what is over is not packed")
    for step, snapshot in moments:
        tries.kills += 1
        _whole(tries, whole, SimDisk(snapshot), f"killed {step}")
        for what, ruin in snapshot.ruins(rng):
            tries.kills += 1
            _whole(tries, whole, SimDisk(ruin), f"no power {step}, {what}")
            _again(tries, whole, ruin, f"no power {step}, {what}")
    for number, code in product(range(1, disk.steps + 1), (5, 28)):
        tries.faults += 1
        failing = SimDisk(begun, trouble=Trouble(number, code))
        with suppress(StartupError, OSError):
            pack_ended(ROOT, failing)
        _whole(tries, whole, failing, f"step {number} refused ({code})")
        _again(tries, whole, failing.snapshot(), f"step {number} refused ({code})")
    _spoilt(tries, whole, begun)
    _twice(tries, whole)


class _Spoils(SimDisk):
    """It keeps something else than what a packed month is written with."""

    def write(self, descriptor: int, data: bytes) -> int:
        return super().write(descriptor, data[:40] + bytes([data[40] ^ 1]) + data[41:])


def _spoilt(tries: Tries, whole: Ledger, begun: Snapshot) -> None:
    tries.faults += 1
    disk = _Spoils(begun)
    with suppress(StartupError):
        pack_ended(ROOT, disk)
    _whole(tries, whole, disk, "what is written is not what the disk keeps")


def _twice(tries: Tries, whole: Ledger) -> None:
    """Another month lies there packed: nobody knows which one is right, so both stay."""
    tries.images += 1
    other = b"".join(gzipped.packed([whole.image[LAST]]))
    disk = SimDisk(_on_disk({**whole.image, PACKED: other}))
    with suppress(StartupError):
        pack_ended(ROOT, disk)
    _whole(tries, whole, disk, "another month is there packed")
    tries.check(PACKED in disk.names(ROOT / "ledger"), "what differs was taken away")


def _again(tries: Tries, whole: Ledger, snapshot: Snapshot, what: str) -> None:
    """The next night finishes it."""
    disk = SimDisk(snapshot)
    pack_ended(ROOT, disk)
    left = [name for name in disk.names(ROOT / "ledger") if "jsonl" in name and not name.endswith(".tmp")]
    tries.check(left == [PACKED, LAST], f"not finished by the next: {left}: {what}")
    _whole(tries, whole, disk, f"packed again, {what}")


def _whole(tries: Tries, whole: Ledger, disk: SimDisk, what: str) -> None:
    tries.runs += 1
    found = scan(disk, ROOT)
    tries.check(found.trouble is None, f"{found.trouble}: {what}")
    tries.check(vars(found.book) == vars(whole.books[-1]), f"lines are gone: {what}")


# To what is packed


def _packed(whole: Ledger) -> Image:
    disk = Held(whole.image)
    pack_ended(DATA, disk)
    return {name: data for name, data in disk.image().items() if name != "pack.lock"}


def _damaged(image: Image) -> Iterator[tuple[str, Image]]:
    yield "nothing happened", image
    yield from islice(cuts(image), 0, None, 7)
    yield from islice(flips(image), 0, None, 7)
    yield from islice(cuts({PACKED: image[PACKED]}), 0, None, 29)
    yield from islice(flips({PACKED: image[PACKED]}), 0, None, 29)
    data = image[PACKED]
    member = data[: data.index(b"\x1f\x8b\x08\x04")]
    yield f"{PACKED} without its table", {**image, PACKED: member}
    yield f"{PACKED} with two tables", {**image, PACKED: data + data[len(member) :]}
    for size in (0, 1, len(member), gzipped.LARGEST, 2**63):
        table = gzipped._table([len(member)], size)
        yield f"{PACKED} of {size} bytes, as it says", {**image, PACKED: member + table}
    for name in (PACKED, "2026-10.jsonl.gz", f"{LAST}.gz", "2027-01.jsonl.gz"):
        other = b"".join(gzipped.packed([image[LAST]]))
        yield f"{LAST} packed as {name}", {**image, name: other}
    yield f"{OVER} is there, too", {**image, OVER: b"".join(gzipped.unpacked(BytesIO(data)))}
    yield f"{PACKED} deleted", {LAST: image[LAST]}


async def _to_what_is_packed(tries: Tries, whole: Ledger) -> None:
    for what, image in _damaged(_packed(whole)):
        tries.images += 1
        tries.runs += 1
        if not tries.images % REPAIRED:
            _mended(tries, whole, image, what)
        disk = Held(image)
        try:
            opened = FileLedger.open(DATA, FakeClock(after(whole)), disk)
        except StartupError as error:  # twice there and different
            tries.check("both there and differ" in str(error), f"{error}: {what}")
            tries.check(disk.image() == image, f"not started, and yet files changed: {what}")
            continue
        try:
            report = verify(DATA, Held(image))
            tries.check(report == verify(DATA, Held(image), full=True), f"verify and verify --full: {what}")
            corrupt = report.trouble is not None and report.trouble.fault is Fault.CORRUPT
            tries.check(corrupt == (opened.closed is not None), f"verify: {report.trouble}: {what}")
            if opened.closed is not None:
                tries.check(disk.image() == image, f"closed, and yet files changed: {what}")
                continue
            kept = next((k for k, book in enumerate(whole.books) if vars(book) == vars(opened.book)), None)
            tries.check(kept is not None, f"open with a book that never was: {what}")
            there = image.get(LAST, b"") == whole.image[LAST]
            least = len(whole.raw) if there else whole.image[OVER].count(b'"left":0')
            tries.check((kept or 0) >= least, f"open without lines that are packed: {what}")
        finally:
            await opened.close()


def _mended(tries: Tries, whole: Ledger, image: Image, what: str) -> None:
    """What `repair` makes of it: all of the ledger, or nothing."""
    disk = Held(image)
    try:
        done = repair(DATA, FakeClock(after(whole)), disk=disk)
    except StartupError:
        return
    if not done.changed:
        tries.check(disk.image() == image, f"repair changed something in silence: {what}")
        return
    found = scan(disk, DATA)
    tries.check(done.ok and found.trouble is None, f"repaired, and not whole: {what}")
    tries.check(vars(found.book) == vars(whole.books[found.head.group]), f"another book: {what}")
    torn = image.get(LAST) != whole.image[LAST]  # the last month is as a start leaves it
    tries.check(torn or found.head.group == len(whole.raw), f"repair lost lines: {what}")
    stored = [image[name] for month in done.changed for name in (f"{month}.gz", month) if name in image]
    tries.check(disk.shelf() == stored, f"no true copy was kept: {what}")


def test_packing(tries: Tries, tmp_path: Path) -> None:
    attack(tries, tmp_path)


CALLS = "openat,write,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat"
ENDS = ("signal=KILL", "error=ENOSPC", "error=EIO")


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize("end", ENDS)
def test_the_child_ends_at_each_of_its_calls_on_the_files(tries: Tries, tmp_path: Path, end: str) -> None:
    """At the first, the second ... and past the last: the lines are there, and the next one finishes it."""
    whole = ledger()
    folder = tmp_path / "ledger"
    for turn in range(1, 20):
        tries.runs += 1
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, data in whole.image.items():
            (folder / name).write_bytes(data)
        code = _traced(tmp_path, end, turn)
        tries.kills += code == -signal.SIGKILL
        tries.faults += code == 1
        for again in (False, True):
            if again:
                pack_ended(tmp_path)
            found = scan(Disk(), tmp_path)
            tries.check(found.trouble is None, f"the ledger is damaged: {end} at call {turn}")
            tries.check(found.book == whole.books[-1], f"another book: {end} at call {turn}")
        left = sorted(path.name for path in folder.iterdir() if path.name != "pack.lock")
        tries.check(left == [PACKED, LAST], f"{left} after another one: {end} at call {turn}")
    assert code == 0
    assert tries.kills >= 8 or tries.faults >= 6


def _traced(folder: Path, end: str, turn: int) -> int:
    names = ("", OVER, PACKED, f"{PACKED}.tmp")
    paths = [part for name in names for part in ("-P", str(folder / "ledger" / name).rstrip("/"))]
    calls = ",".join(f"?{name}" for name in CALLS.split(","))
    trap = ["-e", f"trace={calls}", "-e", f"inject={calls}:{end}:when={turn}"]
    command = (sys.executable, "-m", "bot", "ledger", "pack", "--data", str(folder))
    traced = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", *paths, *trap, "--", *command]
    return subprocess.run(traced, cwd=TOP, capture_output=True, check=False, timeout=60).returncode
