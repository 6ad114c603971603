"""Attack 7, the folder itself, on the real disk: missing, emptied, read-only, another's, in use."""

import asyncio
import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.domain import events as ev
from bot.errors import LedgerClosed, StartupError
from bot.process.nightly import Nightly
from bot.storage.checkpoint import renew
from bot.storage.commands.backup import backup
from bot.storage.commands.verify import run_verify
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from bot.storage.kept import Views
from tests.fakes import ANA, FakeClock
from tests.faults.images import after, ledger
from tests.faults.tries import Tries
from tests.people import lay_key
from tests.storage.samples import adds

pytestmark = pytest.mark.attack

NOBODY = 65534


def put(folder: Path, image: dict[str, bytes]) -> Path:
    (folder / "ledger").mkdir(parents=True)
    for name, data in image.items():
        (folder / "ledger" / name).write_bytes(data)
    lay_key(folder)
    return folder


async def refused(folder: Path) -> str:
    """What the start says, where it refuses in one line."""
    try:
        opened = FileLedger.open(folder, FakeClock(after(ledger())))
    except StartupError as error:
        return str(error) if error.code == 1 and "\n" not in str(error) else ""
    except OSError:
        return ""
    await opened.close()
    return ""


def attack(tries: Tries, folder: Path) -> None:
    asyncio.run(_attack(tries, folder))


async def _attack(tries: Tries, folder: Path) -> None:
    steps = (
        _missing,
        _emptied,
        _second_instance,
        _in_the_way,
        _backed_up,
        _at_night,
        _copied_back,
        _left_over,
    )
    for step in steps:
        tries.runs += 1
        await step(tries, folder / step.__name__)


async def _missing(tries: Tries, folder: Path) -> None:
    """A folder that is not there is made, for this user alone, and what is written is there again."""
    opened = FileLedger.open(folder / "a" / "b", FakeClock())
    await opened.commit(adds(ev.Started("0.1.0")))
    await opened.close()
    again = FileLedger.open(folder / "a" / "b", FakeClock())
    tries.check(again.recovery.lines == 1, "what was written in a new folder is gone")
    await again.close()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (folder / "a" / "b").rglob("*")}
    tries.check(modes == {0o700, 0o600}, f"others may look: {modes}")


async def _emptied(tries: Tries, folder: Path) -> None:
    """A ledger that is gone while its views are there is no new one: nobody may be told a second time."""
    whole = ledger()
    clock = FakeClock(after(whole))
    for number, keep in enumerate((0, 1, 100)):
        data = put(folder / str(number), whole.image)
        opened = FileLedger.open(data, clock)
        views = Views(data, opened, 24.0, clock)
        await views.start()
        await views.close()
        await opened.close()
        first, *others = sorted((data / "ledger").glob("*.jsonl"))
        for path in others:
            path.unlink()
        first.write_bytes(first.read_bytes()[:keep])
        if not keep:
            first.unlink()
        tries.images += 1
        closed = FileLedger.open(data, clock)
        tries.check(closed.closed is not None, f"an emptied ledger with views is open ({keep} bytes left)")
        try:
            await closed.commit(adds(ev.Approved(1, ANA, ())))
        except LedgerClosed:
            pass
        else:
            tries.check(False, "a closed ledger took a decision")
        await closed.close()
        tries.check(run_verify(data)[0] == 1, "verify finds an emptied ledger whole")
        for view in ("audit.json", "cooldown.json"):
            (data / view).unlink()
        fresh = FileLedger.open(data, clock)
        tries.check(fresh.closed is None, "a person who wants to begin anew cannot")
        await fresh.close()


async def _backed_up(tries: Tries, folder: Path) -> None:
    """What was sent after a backup is not in it: every start on one asks, until one has said so durably."""
    whole = ledger()
    clock = FakeClock(after(whole))
    data = put(folder / "data", whole.image)
    backup(data, folder / "copy", clock.now())
    tries.check(run_verify(folder / "copy")[0] == 0, "a backup is not whole")
    for said in (False, True):
        opened = FileLedger.open(folder / "copy", clock)
        tries.images += 1
        tries.check(opened.recovery.doubt is not None, "a backup starts without a word")
        if said:
            await opened.commit(adds(ev.Started("0.1.0", opened.recovery.doubt)))
        await opened.close()
    opened = FileLedger.open(folder / "copy", clock)
    tries.check(opened.book.unconfirmed is not None, "the doubt about a backup is forgotten")
    await opened.close()
    marks = [*(folder / "copy").rglob("backup.json")]
    tries.check(not marks, "the mark of a backup stays")
    mark = folder / "copy" / "backup.json"
    mark.write_text('{"of": "a", "at": "b"}')
    tries.check("was not finished" in await refused(folder / "copy"), "half a backup is started on")


async def _copied_back(tries: Tries, folder: Path) -> None:
    """A copy that lacks the last lines, beside a checkpoint of them, in whatever state that is: it asks."""
    whole = ledger()
    clock = FakeClock(after(whole))
    data = put(folder, whole.image)
    name, last = renew(Disk(), data), max(whole.image)
    checkpoint = data / "ledger" / str(name)
    written = checkpoint.read_bytes()
    opened = FileLedger.open(data, clock)
    tries.check(opened.recovery.doubt is None, "a ledger with its own checkpoint is doubted")
    await opened.close()
    for left in (written, written[: len(written) // 2], b"", written[:-1]):
        checkpoint.write_bytes(left)
        lines = whole.image[last].splitlines(keepends=True)
        (data / "ledger" / last).write_bytes(b"".join(lines[:-1]))
        tries.images += 1
        opened = FileLedger.open(data, clock)
        tries.check(opened.recovery.doubt == "views", f"an old copy is believed ({len(left)} bytes)")
        await opened.close()
        tries.check(run_verify(data)[0] == 1, "verify does not see that lines are missing")


async def _left_over(tries: Tries, folder: Path) -> None:
    """What a start put aside, and no segment any more: nobody may begin anew on that by mistake."""
    whole = ledger()
    clock = FakeClock(after(whole))
    data = put(folder, {min(whole.image): whole.image[min(whole.image)][:-5]})
    opened = FileLedger.open(data, clock)
    tries.check(opened.recovery.quarantined > 0, "a torn tail is not put aside")
    await opened.close()
    for segment in (data / "ledger").glob("*.jsonl"):
        segment.unlink()
    tries.images += 1
    closed = FileLedger.open(data, clock)
    tries.check(closed.closed is not None, "a ledger of which only the quarantine is left is a new one")
    await closed.close()


async def _at_night(tries: Tries, folder: Path) -> None:
    """A bit that fell over in a month that is over: no start looks there, so the night does, and closes."""
    whole = ledger()
    clock = FakeClock(after(whole))
    data = put(folder, whole.image)
    renew(Disk(), data)
    sealed = data / "ledger" / min(whole.image)
    sealed.write_bytes(sealed.read_bytes().replace(b'"case_opened"', b'"case_opener"', 1))
    opened = FileLedger.open(data, clock)
    tries.check(opened.closed is None, "a start reads what a checkpoint is of")
    await Nightly(data, opened, lambda _: None).check()
    tries.check(opened.closed is not None, "damage that the night found closes nothing")
    await opened.close()
    again = FileLedger.open(data, clock)
    tries.check(again.closed is not None, "a start forgets the damage that the night found")
    await again.close()


async def _second_instance(tries: Tries, folder: Path) -> None:
    put(folder, ledger().image)
    first = FileLedger.open(folder, FakeClock(after(ledger())))
    tries.check("another process owns" in await refused(folder), "a second instance starts")
    await first.close()
    second = FileLedger.open(folder, FakeClock(after(ledger())))
    tries.check(second.closed is None, "the folder is not free after a stop")
    await second.close()


async def _in_the_way(tries: Tries, folder: Path) -> None:
    """A folder where a segment should be, a file where a folder should be."""
    whole = ledger()
    (put(folder / "1", whole.image) / "ledger" / "2027-01.jsonl").mkdir()
    (folder / "2").mkdir()
    (folder / "2" / "ledger").write_bytes(b"")
    (folder / "3").write_bytes(b"")
    torn = {name: data[:-5] for name, data in whole.image.items() if name == min(whole.image)}
    (put(folder / "4", torn) / "ledger" / "quarantine").write_bytes(b"")
    for number in "1234":
        tries.images += 1
        tries.check("cannot be used" in await refused(folder / number), f"folder {number} is taken")
    kept = (folder / "4" / "ledger" / min(torn)).read_bytes()
    tries.check(kept == min(torn.values()), "a tail was cut that could not be put aside")


@pytest.mark.bug("an emptied `ledger/` beside its views opened as a new beginning")
def test_folder(tries: Tries, tmp_path: Path) -> None:
    attack(tries, tmp_path)


@contextmanager
def mounted_read_only(folder: Path) -> Iterator[None]:
    """The folder, read-only also for root."""
    again = ("remount,bind,ro", str(folder))
    for options in (("--bind", str(folder), str(folder)), ("-o", *again)):
        made = subprocess.run(["mount", *options], capture_output=True, check=False)
        if made.returncode:
            subprocess.run(["umount", str(folder)], capture_output=True, check=False)
            pytest.skip(f"root needs a read-only mount here: {made.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], capture_output=True, check=False)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    if os.geteuid() == 0:
        with mounted_read_only(folder):
            yield
        return
    for path in (folder / "ledger", folder):
        path.chmod(0o500)
    try:
        yield
    finally:
        for path in (folder, folder / "ledger"):
            path.chmod(0o700)


def read_only_folder(tries: Tries, folder: Path) -> None:
    """It is said in one line, nothing changes, and looking needs no right to write."""
    tries.runs += 1
    data = put(folder / "data", ledger().image)
    before = {path: path.read_bytes() for path in data.rglob("*.jsonl")}
    with read_only(data):
        said, looked = asyncio.run(refused(data)), run_verify(data)[0]
        tries.faults += bool(said)
    tries.check("cannot be used" in said, f"a start on a read-only folder says {said!r}")
    tries.check(looked == 0, "verify cannot look at a read-only folder")
    same = {path: path.read_bytes() for path in data.rglob("*.jsonl")} == before
    tries.check(same, "a read-only folder has changed")


def test_a_folder_that_is_read_only(tries: Tries, tmp_path: Path) -> None:
    read_only_folder(tries, tmp_path)


@contextmanager
def as_nobody() -> Iterator[None]:
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def others_folder(tries: Tries, _folder: Path) -> None:
    """Whether the folder is closed or only its files: it is said in one line, and nothing is opened."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    for mode in (0o700, 0o755):
        tries.runs += 1
        with tempfile.TemporaryDirectory() as outside:  # not below the given one, which nobody else may enter
            Path(outside).chmod(0o755)
            data = put(Path(outside) / "data", ledger().image)
            for path in (data, data / "ledger"):
                path.chmod(mode)
            for path in data.rglob("*.jsonl"):
                path.chmod(0o600)
            with as_nobody():
                said, looked = asyncio.run(refused(data)), run_verify(data)
            tries.faults += bool(said)
            why = f"{data} cannot be used (Permission denied): DATA_DIR must be a folder"
            tries.check(said.startswith(why), f"a start on another's folder ({mode:o}) says {said!r}")
            told = (1, f"{data}/ledger cannot be read: Permission denied")
            tries.check(looked == told, f"verify of another's folder ({mode:o}) says {looked}")


def test_a_folder_of_another_user(tries: Tries, tmp_path: Path) -> None:
    others_folder(tries, tmp_path)
