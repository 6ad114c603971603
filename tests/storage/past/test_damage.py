"""An index is a cache: whatever becomes of it, what is told of the past is right, and one line says so."""

import os
import random
import resource
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.domain import events as ev
from bot.domain.who import Who
from bot.storage.disk import Disk
from bot.storage.past.history import Anew, Archive
from bot.storage.past.index import Index
from tests.fakes import incident
from tests.storage.past.histories import BEGIN, Story, write
from tests.storage.past.test_history import Past, at

INDEX = Path("ledger") / "index.sqlite"


@pytest.fixture(scope="module")
def story() -> Story:
    return Story(5).tell(300)


@pytest.fixture
def folder(tmp_path: Path, story: Story) -> Path:
    write(tmp_path, story.groups)
    return tmp_path


def told(past: Past, story: Story) -> bool:
    """Whether it says what the whole book says, however often it has to read anew."""
    plain = [entry for entry in story.book.audit if not isinstance(entry.line, ev.TapRefused)]
    plain = [one for one in plain if not (isinstance(one.line, ev.Settled) and one.line.end == "done")]
    while True:
        with suppress(Anew):
            past.read()
            cases = [past.case(number).cases[number] == story.book.cases[number] for number in (1, 2, 3)]
            return all(cases) and past.audit(at("")) == (len(plain), plain[::-1])


def said(logs: Sequence[Mapping[str, object]]) -> list[object]:
    return [line["event"] for line in logs]


def test_deleted_while_it_is_read(folder: Path, story: Story) -> None:
    past = Past(folder)
    assert told(past, story)
    (folder / INDEX).unlink()
    with capture_logs() as logs:
        assert told(past, story)
    assert said(logs) == ["history index was deleted: it is made anew, and nothing is lost"]
    assert (folder / INDEX).exists()


@pytest.mark.parametrize("how", ["cut", "page", "noise"])
def test_torn_anywhere(folder: Path, story: Story, how: str) -> None:
    dice, past = random.Random(1), Past(folder)  # noqa: S311
    assert told(past, story)
    past.archive.close()
    whole = (folder / INDEX).read_bytes()
    for _ in range(6):
        spoilt, place = bytearray(whole), dice.randrange(len(whole))
        if how == "cut":
            spoilt = spoilt[:place]
        elif how == "page":
            spoilt[place - place % 4096 : place - place % 4096 + 4096] = bytes(4096)
        else:
            spoilt[place : place + 64] = dice.randbytes(min(64, len(whole) - place))
        (folder / INDEX).write_bytes(spoilt)
        past = Past(folder)
        assert told(past, story)
        past.archive.close()


def test_of_another_ledger(folder: Path, story: Story, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    write(other, Story(6).tell(300).groups)
    Past(other).read().archive.close()
    (folder / INDEX).write_bytes((other / INDEX).read_bytes())
    with capture_logs() as logs:
        assert told(Past(folder), story)
    assert said(logs) == ["history index thrown away: it is made anew, and nothing is lost"]


def test_of_a_ledger_that_was_longer(folder: Path, story: Story) -> None:
    Past(folder).read().archive.close()
    for path in (folder / "ledger").glob("*.jsonl"):
        path.unlink()
    write(folder, story.groups[:100])
    with capture_logs() as logs:
        assert 1 in Past(folder).read().case(1).cases
    assert len(logs) == 1


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda path: path.write_bytes(b"no database at all, but long enough to look at"), "not a database"),
        (lambda path: _as_version(path, 99), "another version"),
        (lambda path: _as_version(path, 0), "something else"),
    ],
)
def test_foreign_or_newer(folder: Path, story: Story, spoil: Callable[[Path], object], why: str) -> None:
    Past(folder).read().archive.close()
    spoil(folder / INDEX)
    with capture_logs() as logs:
        assert told(Past(folder), story)
    assert why in str(logs[0]["why"])
    assert len(logs) == 1


def _as_version(path: Path, number: int) -> None:
    index = Index(path)
    index.db.execute(f"pragma user_version = {number}")
    index.close()


@pytest.mark.parametrize("kind", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
@pytest.mark.timeout(300)
def test_that_cannot_be_written_at_all(folder: Path, story: Story, kind: Callable[[Path], object]) -> None:
    kind(folder / INDEX)
    with capture_logs() as logs:
        assert told(Past(folder), story)
    assert said(logs) == ["history index cannot be written: answers take longer, nothing is lost"]


def test_a_damaged_line_ends_what_is_told(folder: Path, story: Story) -> None:
    path = max((folder / "ledger").glob("*.jsonl"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([b"damaged\n", *lines]))
    with capture_logs() as logs:
        past = Past(folder).read().read()
        assert 1 in past.case(1).cases
        total, _ = past.audit(at(""))
        assert 0 < total < len(story.book.audit) / 2 + 100
    assert said(logs) == ["history ends before a damaged line"]


def _in_a_child(work: Callable[[], int | None]) -> int:
    """How a child ends that does this: its exit code, or the signal, negated."""
    child = os.fork()
    if not child:
        code = 1
        try:
            code = work() or 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_killed_anywhere_while_it_is_made(folder: Path, story: Story) -> None:
    def dies_at(statement: int) -> None:
        left = statement

        def count(_sql: str) -> None:
            nonlocal left
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

        def work() -> None:
            archive = Archive(folder, Disk(), folder / INDEX)
            archive._opened().index.db.set_trace_callback(count)
            while not archive.step(None, 0):
                pass

        assert _in_a_child(work) in {-signal.SIGKILL, 0}

    for statement in (1, 2, 3, 5, 10, *range(20, 2500, 240)):
        dies_at(statement)
    with capture_logs() as logs:
        assert told(Past(folder), story)
    assert not logs  # it went on, and threw nothing away


def test_a_full_disk_while_it_is_made(folder: Path, story: Story) -> None:
    def work() -> int:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        with capture_logs() as logs:
            right = told(Past(folder), story)
        once = len(logs) == 1 and "cannot be written" in str(logs[0]["event"])
        return 0 if right and once and not (folder / INDEX).exists() else 3

    assert _in_a_child(work) == 0
    assert told(Past(folder), story)


def test_of_a_ledger_of_the_same_size(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    for folder, name in ((mine, "Ana"), (other, "Eva")):
        write(folder, [[(BEGIN, ev.CaseOpened(1, incident()))], [(BEGIN, ev.Assumed(1, Who(1, name)))]])
        Past(folder).read().archive.close()
    (mine / INDEX).write_bytes((other / INDEX).read_bytes())
    with capture_logs() as logs:
        Past(mine).read()
    assert said(logs) == ["history index thrown away: it is made anew, and nothing is lost"]
