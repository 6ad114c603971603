"""Attack: what can happen to a checkpoint and to the ledger beside it. A start on both is never worse than on
the ledger alone.

What is allowed, for the segments as they are and any checkpoint beside them:

- what a start that reads every line makes of them: the same book, the same tail put aside, or closed; or
- where the damage is in a line that a start does not read (of a month before the checkpoint's, or before its
  line): open with everything that was acknowledged. Such damage is for the nightly check to find. But a
  month that is gone, longer, shorter, or ends with another line is read.
"""

import asyncio
import lzma
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

import pytest

from bot.domain import events as ev
from bot.storage import checkpoint, snapshot
from bot.storage.checkpoint import renew, resumed
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from bot.storage.replay import Fault, Mark, scan
from tests.fakes import BRUNO, FakeClock
from tests.faults.damage import cuts, files_changed, flips, lines_moved, nuls
from tests.faults.images import DATA, GROUPS, Held, Image, Ledger, after, ledger
from tests.faults.tries import Tries

pytestmark = pytest.mark.attack

ROOT = Path(__file__).parents[2]
AFTER = (2, 5, 7)  # groups: within the first month, at the second's begin, near the end


class Attack:
    """One ledger and a checkpoint of it."""

    def __init__(self, tries: Tries, whole: Ledger, groups: int) -> None:
        self.tries, self.whole = tries, whole
        disk, seq = Held(whole.image), sum(map(len, whole.raw[:groups]))
        self.name = f"ledger/{renew(disk, DATA, seq)}"
        durable = self.name == f"ledger/checkpoint-{seq}.json.xz"
        tries.check(durable, f"{self.name} has lines behind {seq}: they may not be durable")
        self.data = bytes(disk.files[self.name])
        self.marks = self._marks()

    def _marks(self) -> Mapping[str, Mark]:
        found = scan(Held(self.whole.image), DATA, upto=int(self.name.split("-")[1].split(".")[0]))
        return found.marks

    async def on(self, images: Iterable[tuple[str, Image]], data: bytes | None = None) -> None:
        for what, image in images:
            disk = Held(image)
            disk.files[self.name] = bytearray(self.data if data is None else data)
            await self._start(f"{what}, with {self.name}", image, disk)

    async def _start(self, what: str, image: Image, disk: Held) -> None:
        check, every = self.tries.check, scan(disk, DATA)
        self.tries.runs += 1
        self.tries.images += 1
        corrupt = every.trouble is not None and every.trouble.fault is Fault.CORRUPT
        opened = FileLedger.open(DATA, FakeClock(after(self.whole)), disk)
        try:
            if opened.closed is not None:
                check(corrupt, f"closed ({opened.closed}), and every line is good: {what}")
                check(disk.image() | image == disk.image(), f"closed, and yet files changed: {what}")
            elif corrupt:
                check(not self._is_read(image), f"open on a ledger that is damaged where it is read: {what}")
                check(opened.book == self.whole.books[-1], f"open with a book that never was: {what}")
            else:
                check(opened.book == every.book, f"another book than that of every line: {what}")
                check(opened.head == every.head, f"it goes on elsewhere: {what}")
                left = sum(every.sizes.values()) - sum(every.ends.values())
                check(opened.recovery.quarantined == left, f"another tail is put aside: {what}")
        finally:
            await opened.close()

    def _is_read(self, image: Image) -> bool:
        """Whether a start sees the damage: where it looks something else stands than was written."""
        mine = max(self.marks)
        for name, mark in self.marks.items():
            start = mark.last
            if image.get(name, b"")[start:] != self.whole.image[name][start:]:
                return True
        return {n: d for n, d in image.items() if n > mine} != {
            n: d for n, d in self.whole.image.items() if n > mine
        } or image.keys() != self.whole.image.keys()


def _damaged_checkpoints(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Torn at every byte, changed at every byte, a line less, two lines turned, a line of it another."""
    for cut in range(len(data)):
        yield f"a checkpoint torn at byte {cut}", data[:cut]
        yield f"a checkpoint changed at byte {cut}", data[:cut] + bytes([data[cut] ^ 0x10]) + data[cut + 1 :]
    yield "a checkpoint of zeros", bytes(len(data))
    yield "a checkpoint with something behind it", data + b"garbage"
    lines = lzma.decompress(data).splitlines(keepends=True)
    for place, line in enumerate(lines):
        less = [*lines[:place], *lines[place + 1 :]]
        yield f"a checkpoint without its line {place + 1}", lzma.compress(b"".join(less))
        changed = [*lines[:place], line.replace(b"1", b"2"), *lines[place + 1 :]]
        yield f"a checkpoint whose line {place + 1} is another", lzma.compress(b"".join(changed))
    for past in (b'"format":1', snapshot.FOLD.encode()):
        first, *book, _last = lzma.decompress(data).splitlines()
        other = _packed(first.replace(past, past.replace(b"1", b"7")), [_forgetful(line) for line in book])
        yield f"a checkpoint of another version than {past[:12]!r}", other


def _forgetful(line: bytes) -> bytes:
    """As another version might have folded it: nobody was told."""
    return b'{"contacts":{}}' if line.startswith(b'{"contacts"') else line


def _packed(first: bytes, book: Iterable[bytes]) -> bytes:
    data = checkpoint._packed(first, book)
    assert data is not None
    return data


def _others() -> Iterator[tuple[str, Ledger]]:
    """Ledgers of the same length and places that say something else."""

    def changed(old: bytes, new: bytes) -> Callable[[int, bytes], bytes]:
        return lambda _seq, inner: inner.replace(old, new)

    yield "other people", ledger(change=changed(b"M0m1cL3y", b"M0m1cL3z"))
    yield "other reasons", ledger(change=changed(b"read timeout", b"read_timeout"))
    longer = (*GROUPS, (ev.TapRefused(BRUNO, "approve", "late"),))
    yield "more lines", ledger(longer)


async def _attack(tries: Tries) -> None:
    whole = ledger()
    for groups in AFTER:
        one = Attack(tries, whole, groups)
        await one.on([("nothing happened", whole.image)])
        await one.on(lines_moved(whole.image))
        await one.on(files_changed(whole.image))
        await one.on(islice(nuls(whole.image), 0, None, 5))
        await one.on(islice(cuts(whole.image), 0, None, 11))
        await one.on(islice(flips(whole.image), 0, None, 41))
    for what, data in _damaged_checkpoints(one.data):
        await one.on([(what, whole.image)], data)
    for what, other in _others():
        for groups in range(1, len(other.raw) + 1):
            another = Attack(tries, other, groups)
            await _beside(one, another, what)


async def _beside(one: Attack, other: Attack, what: str) -> None:
    """A checkpoint of another ledger."""
    disk = Held(one.whole.image)
    disk.files[other.name] = bytearray(other.data)
    await one._start(f"{what}, with {other.name} of another ledger", one.whole.image, disk)


def attack(tries: Tries, folder: Path) -> None:
    """All of it, in memory."""
    asyncio.run(_attack(tries))
    assert not list(folder.iterdir()), "nothing of it was on the real disk"


def test_checkpoint(tries: Tries, tmp_path: Path) -> None:
    attack(tries, tmp_path)


CALLS = "openat,write,fsync,rename,renameat,renameat2,unlink,unlinkat"
ENDS = ("signal=KILL", "error=ENOSPC", "error=EIO")


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize("end", ENDS)
def test_the_child_ends_at_each_of_its_calls_on_the_files(tries: Tries, tmp_path: Path, end: str) -> None:
    """At the first, the second ... and past the last: the next start knows what every line says."""
    whole = ledger()
    folder = tmp_path / "ledger"
    for turn in range(1, 15):
        tries.runs += 1
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, data in whole.image.items():
            (folder / name).write_bytes(data)
        for upto in (3, 5):
            renew(Disk(), tmp_path, upto)
        code = _traced(tmp_path, end, turn)
        tries.kills += code == -signal.SIGKILL
        tries.faults += code == 1
        opened = resumed(Disk(), tmp_path)
        tries.check(opened.trouble is None, f"the ledger is damaged: {end} at call {turn}")
        tries.check(opened.book == whole.books[-1], f"another book: {end} at call {turn}")
        tries.check(opened.since >= 3, f"no checkpoint is left: {end} at call {turn}")
    assert code == 0
    assert tries.kills >= 8 or tries.faults >= 4  # what it only reads may fail, it takes another then
    assert sorted(path.name for path in folder.glob("checkpoint*")) == [
        "checkpoint-12.json.xz",
        "checkpoint-5.json.xz",
    ]


def _traced(folder: Path, end: str, turn: int) -> int:
    names = [f"checkpoint-{line}.json.xz{rest}" for line in (3, 5, 12) for rest in ("", ".tmp")]
    paths = [part for name in ("", *names) for part in ("-P", str(folder / "ledger" / name).rstrip("/"))]
    calls = ",".join(f"?{name}" for name in CALLS.split(","))
    trap = ["-e", f"trace={calls}", "-e", f"inject={calls}:{end}:when={turn}"]
    command = (sys.executable, "-m", "bot", "ledger", "checkpoint", "--data", str(folder), "--line", "12")
    traced = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", *paths, *trap, "--", *command]
    return subprocess.run(traced, cwd=ROOT, capture_output=True, check=False, timeout=60).returncode
