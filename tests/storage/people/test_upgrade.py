"""`ledger upgrade`: what a version before wrote goes on, without names and phones in its lines."""

import json
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.__main__ import main
from bot.domain import events as ev
from bot.domain.book import Book
from bot.domain.plan import Doubts, Outcome
from bot.errors import StartupError
from bot.storage.checkpoint import _packed as packed
from bot.storage.commands.show import show
from bot.storage.commands.upgrade import upgrade
from bot.storage.commands.verify import run_verify, verify
from bot.storage.copied import Mark
from bot.storage.files import FileLedger
from bot.storage.people.key import read
from bot.storage.people.store import People, known
from bot.storage.replay import Outdated, scan
from tests.fakes import ANA, NOON, FakeClock, port
from tests.storage.disks import QuickDisk
from tests.storage.past.histories import Story
from tests.storage.people import old
from tests.storage.people.old import Group
from tests.storage.samples import dispatch, opened

DISK = QuickDisk()
HOUR = timedelta(hours=1)
NAMES = (b"Maria", b"5561999990001", b"5561999990009", "João".encode())

GROUPS: tuple[Group, ...] = (
    (NOON, (ev.Started("0.1.0"),)),
    (NOON, (opened(), ev.CardPosted(1, -100, 7))),
    (NOON, (ev.Approved(1, ANA, (port(),)), dispatch()[2])),
    (NOON + HOUR, (ev.Intent(1, "c1"), ev.Intent(1, "c2"))),
    (NOON + HOUR, (ev.Result(1, "c1", Outcome.UNKNOWN, None, "reset"), ev.Result(1, "c2", Outcome.ACCEPTED))),
    (NOON + HOUR, (ev.Settled(1, "done"), ev.TrialIntent(1, "LOS", 114, "(61) 9****-0009", ANA))),
    (NOON + 12 * 24 * HOUR, (ev.Approved(1, ANA, (port("6/16"),)), dispatch()[2], ev.Alive())),
)


def folded(groups: tuple[Group, ...], people: People) -> Book:
    """What the version before knew, with whom this ledger calls what."""
    book = Book()
    for at, lines in groups:
        for line in lines:
            book.apply(at, people.called(line))
    return book


def state(book: Book) -> dict[str, object]:
    """All of it but where the lines stand and which secret there is."""
    return {name: value for name, value in vars(book).items() if name not in {"head", "heads", "key", "own"}}


def of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


async def test_everything_survives_it_but_names_and_phones_in_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = old.write(tmp_path, GROUPS)
    before = of(tmp_path)
    with pytest.raises(Outdated, match="python -m bot ledger upgrade"):
        FileLedger.open(tmp_path, FakeClock(NOON + 13 * 24 * HOUR), DISK)
    assert {name: data for name, data in of(tmp_path).items() if name in before} == before
    for command in (["verify", "--full"], ["show"]):
        assert main(["ledger", *command, "--data", str(tmp_path)]) == 1
        assert "python -m bot ledger upgrade" in capsys.readouterr().err
    assert main(["ledger", "verify", "--data", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "whole: sequence" in out
    assert (
        "of a version before: customers' names and phones are in its lines; run python -m bot ledger up"
        in out
    )
    said = upgrade(tmp_path, NOON + 13 * 24 * HOUR, DISK)
    assert "upgraded, 15 lines, whole" in said
    copy = tmp_path / "before-upgrade-20261205T150000Z"
    assert str(copy) in said
    assert {name.partition("/")[2]: data for name, data in of(copy).items()} == {
        name.partition("/")[2]: data for name, data in before.items()
    }
    lines = b"".join(data for name, data in of(tmp_path / "ledger").items())
    assert not [name for name in NAMES if name in lines]
    assert lines.startswith(b'{"seq":1,"group":1,"left":0,')
    assert f'"kind":"upgraded","head":"{head}","lines":14,'.encode() in lines.split(b"\n")[0]
    assert verify(tmp_path).ok
    assert verify(tmp_path, full=True).ok
    assert main(["ledger", "verify", "--data", str(tmp_path)]) == 0
    assert "upgrade" not in capsys.readouterr().out
    people = known(DISK, tmp_path)
    assert people is not None
    ledger = FileLedger.open(tmp_path, FakeClock(NOON + 13 * 24 * HOUR), DISK)
    assert (ledger.closed, ledger.recovery.doubt) == (None, None)
    assert state(ledger.book) == state(folded(GROUPS, people))
    assert ledger.book.doubtful == {1: Doubts(1)}
    assert ledger.book.key == ledger.key == read(DISK, tmp_path).id
    await ledger.close()
    assert "Maria" in show(tmp_path, 1, NOON.tzinfo)[1]  # type: ignore[arg-type]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_any_history_is_the_same_after_it(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    folder = tmp_path_factory.mktemp("upgrade")
    told = Story(seed).tell(60)
    groups = tuple((group[0][0], tuple(old.peopled(line) for _, line in group)) for group in told.groups)
    old.write(folder, groups)
    upgrade(folder, told.at, DISK)
    people = known(DISK, folder)
    if people is None:
        return  # nothing of it named anybody
    found = scan(DISK, folder)
    assert found.trouble is None
    people.fill(found.book)
    assert state(found.book) == state(folded(groups, people))


@pytest.mark.parametrize("shown_by", ["view", "checkpoint", "other checkpoint", "torn checkpoint", "backup"])
async def test_what_looks_like_an_old_copy_asks_after_it_too(tmp_path: Path, shown_by: str) -> None:
    old.write(tmp_path, GROUPS)
    match shown_by:
        case "view":
            view = {"ledger": {"sequence": 40, "head": "1" * 64}, "ports": []}
            (tmp_path / "cooldown.json").write_text(json.dumps(view))
        case "backup":
            mark = Mark("elsewhere", "2026-11-29T00:00:00Z", whole=True)
            (tmp_path / "ledger" / "backup.json").write_text(json.dumps(asdict(mark)))
        case "torn checkpoint":
            (tmp_path / "ledger" / "checkpoint-40.json.xz").write_bytes(b"torn")
        case _:
            seq = 40 if shown_by == "checkpoint" else 3
            first = json.dumps({"format": 0, "fold": "before", "seq": seq, "digest": "1" * 64}).encode()
            data = packed(first, [])
            assert data is not None
            (tmp_path / "ledger" / f"checkpoint-{seq}.json.xz").write_bytes(data)
    what = (
        "a backup of elsewhere, taken"
        if shown_by == "backup"
        else "upgraded from what looks like an old copy"
    )
    told = upgrade(tmp_path, NOON + HOUR, DISK).splitlines()[-1]
    assert told.startswith(what)
    assert told.endswith(
        "a bot that is started on it sends nothing until an approver confirms in the group (/status)"
    )
    said = run_verify(tmp_path)[1]
    assert "sends nothing until an approver confirms" in said
    assert ("a backup of" in said) == (shown_by == "backup")
    ledger = FileLedger.open(tmp_path, FakeClock(NOON + 12 * 24 * HOUR), DISK)
    doubt = "backup" if shown_by == "backup" else "views"
    assert (ledger.closed, ledger.recovery.doubt) == (None, doubt)
    await ledger.close()


def torn(folder: Path) -> None:
    """The last group, as a crash leaves it: its first line is none, its last one is."""
    path = folder / "ledger" / "2026-12.jsonl"
    *before, first, plan, end, _ = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*before, bytes(len(first)), plan, end, b""]))


async def test_a_torn_end_stays_with_what_there_was(tmp_path: Path) -> None:
    old.write(tmp_path, GROUPS)
    torn(tmp_path)
    assert "upgraded, 12 lines, whole" in upgrade(tmp_path, NOON, DISK)
    ledger = FileLedger.open(tmp_path, FakeClock(NOON + 12 * 24 * HOUR), DISK)
    assert (ledger.closed, ledger.recovery.quarantined) == (None, 0)
    await ledger.close()


def test_what_is_damaged_is_said_and_mended_before_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old.write(tmp_path, GROUPS)
    path = tmp_path / "ledger" / "2026-11.jsonl"
    first, second, *others = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([second, first, *others]))
    data = ["--data", str(tmp_path)]
    assert main(["ledger", "upgrade", *data]) == 1
    assert "python -m bot ledger verify says how" in capsys.readouterr().err
    assert main(["ledger", "verify", *data]) == 1
    assert "`python -m bot ledger repair` can mend this" in capsys.readouterr().out
    assert main(["ledger", "repair", *data]) == 0
    assert main(["ledger", "upgrade", *data]) == 0
    assert verify(tmp_path, full=True).ok
    kept = next(tmp_path.glob("before-upgrade-*"))
    assert [*(kept / "ledger" / "quarantine").iterdir()], "what repair kept has names and phones, too"
    assert not (tmp_path / "ledger" / "quarantine").exists()


class Cut(QuickDisk):
    """One that dies before its n-th move."""

    def __init__(self, moves: int) -> None:
        super().__init__()
        self.left = moves

    def move(self, path: Path, to: Path) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        super().move(path, to)


@pytest.mark.parametrize("moves", range(5))
def test_a_version_before_that_is_put_back_on_the_way_never_finds_an_empty_folder(
    tmp_path: Path, moves: int
) -> None:
    old.write(tmp_path, GROUPS)
    for view in ("audit.json", "cooldown.json"):
        (tmp_path / view).write_text("{}")
    with pytest.raises(KeyboardInterrupt):
        upgrade(tmp_path, NOON, Cut(moves))
    assert {"ledger", "audit.json", "cooldown.json"} & {*DISK.names(tmp_path)}
    assert "upgraded, 15 lines, whole" in upgrade(tmp_path, NOON, DISK)
    assert not {"audit.json", "cooldown.json"} & {*DISK.names(tmp_path)}


def test_what_needs_none_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old.write(tmp_path, GROUPS[:2])
    before = of(tmp_path)
    assert main(["ledger", "upgrade", "--data", str(tmp_path)]) == 0
    assert "nothing to upgrade" in capsys.readouterr().out
    after = of(tmp_path)
    assert {name: after[name] for name in before} == before
    assert after.keys() - before.keys() <= {"instance.lock"}


def test_a_second_one_does_nothing(tmp_path: Path) -> None:
    old.write(tmp_path, GROUPS)
    upgrade(tmp_path, NOON, DISK)
    before = of(tmp_path)
    assert "nothing to upgrade" in upgrade(tmp_path, NOON, DISK)
    assert of(tmp_path) == before


@pytest.mark.parametrize("what", ["damaged", "no ledger", "another key's file", "does not fit"])
def test_what_it_refuses_stays_as_it_is(tmp_path: Path, what: str) -> None:
    if what != "no ledger":
        odd = (NOON + 13 * 24 * HOUR, (ev.Intent(77, "c1"),))
        old.write(tmp_path, (*GROUPS, odd) if what == "does not fit" else GROUPS)
    if what == "damaged":
        path = tmp_path / "ledger" / "2026-11.jsonl"
        path.write_bytes(path.read_bytes().replace(b"Maria", b"Marie"))
    if what == "another key's file":
        (tmp_path / "people.key").write_bytes(b"torn")
    before = of(tmp_path)
    with pytest.raises(StartupError) as refused:
        upgrade(tmp_path, NOON, DISK)
    assert refused.value.code == 1
    after = of(tmp_path)
    after.pop("instance.lock", None)
    assert after == before


async def test_nothing_is_done_while_the_bot_runs(tmp_path: Path) -> None:
    ledger = FileLedger.open(tmp_path, FakeClock(), DISK)
    with pytest.raises(StartupError, match="another process owns"):
        upgrade(tmp_path, NOON, DISK)
    await ledger.close()
