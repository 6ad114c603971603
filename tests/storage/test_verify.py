import asyncio
import io
import re
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from zlib import crc32

import pytest

from bot.__main__ import main
from bot.domain import events as ev
from bot.storage import codec
from bot.storage.commands.progress import watched
from bot.storage.commands.repair import repair
from bot.storage.commands.verify import run_verify, verify
from bot.storage.files import FileLedger
from bot.storage.replay import Fault
from bot.storage.segments import segment_name
from bot.tongue import speak
from tests.fakes import ANA, NOON, FakeClock
from tests.storage.disks import FaultyDisk, QuickDisk
from tests.storage.samples import PLAN, SEGMENT, adds, dispatch, opened


@pytest.fixture
async def segment(tmp_path: Path) -> Path:
    """The segment of a ledger with three groups, 5 lines."""
    ledger = FileLedger.open(tmp_path, FakeClock())
    await ledger.commit(adds(*dispatch()))
    await ledger.commit(adds(opened(2)))
    await ledger.commit(adds(opened(3)))
    await ledger.close()
    return tmp_path / "ledger" / SEGMENT


def changed(segment: Path, line: int, old: bytes, new: bytes) -> int:
    """Change a line (from 1) in the file; its byte offset."""
    lines = segment.read_bytes().splitlines(keepends=True)
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new)
    segment.write_bytes(b"".join(lines))
    return sum(map(len, lines[: line - 1]))


def test_a_whole_ledger(tmp_path: Path, segment: Path) -> None:
    last = segment.read_bytes().splitlines()[-1]
    code, text = run_verify(tmp_path)
    assert code == 0
    assert text.splitlines() == [
        f"{tmp_path}/ledger: 1 segment read, 5 good lines in 3 groups",
        f"head: {codec.digest(last)} (sha256 of line 5, 2026-11-22T15:00:00Z)",
        "whole: sequence, chain, groups and checksums agree",
    ]


@pytest.mark.parametrize("full", [False, True])
def test_a_last_line_with_another_end_is_not_whole(tmp_path: Path, segment: Path, full: bool) -> None:
    segment.write_bytes(segment.read_bytes()[:-1] + b"}")
    report = verify(tmp_path, full=full)
    assert report.head.seq == 4
    assert report.trouble is not None
    assert (report.trouble.fault, report.trouble.line) == (Fault.INCOMPLETE, 5)


def test_corruption_names_the_line_and_what_follows(tmp_path: Path, segment: Path) -> None:
    offset = changed(segment, 2, b"Ana", b"Eva")
    code, text = run_verify(tmp_path)
    assert code == 1
    assert text.splitlines()[0].endswith("1 segment read, 0 good lines in 0 groups")
    place, before, after, judgement, mend = text.splitlines()[1:]
    assert place == f"first bad line: {segment}, line 2, byte {offset}: crc: the line is not what was written"
    assert before == "before it: line 1 belongs to a group whose end is not readable"
    kinds = "2 case_opened, 1 planned"
    assert after == f"after it: 3 intact lines in 3 groups, lines 3 to 5 ({kinds}), of cases 1, 2, 3"
    assert judgement.startswith("corruption: 2 later groups follow; the bot decides and sends nothing")
    assert mend == "`python -m bot ledger repair` would lose lines: bring the file back from a backup"


def test_lines_of_a_newer_version_are_counted_apart(tmp_path: Path, segment: Path) -> None:
    changed(segment, 4, b'"kind":"case_opened"', b'"kind":"case_opened_better"')
    lines = segment.read_bytes().splitlines(keepends=True)
    body = lines[3].rsplit(b',"crc":', 1)[0]
    lines[3] = b'%b,"crc":"%08x"}\n' % (body, crc32(body))
    segment.write_bytes(b"".join(lines))
    changed(segment, 1, b"case_opened", b"case_opaned")
    report = verify(tmp_path)
    assert (report.after.lines, report.after.unread, report.after.groups) == (4, 1, 3)
    assert "1 that this version cannot read" in run_verify(tmp_path)[1]


def test_what_follows_never_holds_a_phone_or_a_name(tmp_path: Path, segment: Path) -> None:
    changed(segment, 1, b"case_opened", b"case_opaned")
    text = run_verify(tmp_path)[1]
    for person in PLAN:
        assert person.name not in text
        assert person.phone is None or person.phone[-8:] not in text


@pytest.mark.bug("CRLF line ends emptied the ledger: everybody could be told again")
def test_damage_in_every_line_is_no_torn_tail(tmp_path: Path, segment: Path) -> None:
    segment.write_bytes(segment.read_bytes().replace(b"\n", b"\r\n"))
    code, text = run_verify(tmp_path)
    assert code == 1
    assert "after it: 4 intact lines in 3 groups" in text
    assert "corruption: 2 later groups follow" in text


def test_damage_in_the_last_group_is_a_torn_tail(tmp_path: Path, segment: Path) -> None:
    changed(segment, 5, b'"case":3', b'"case":4')
    code, text = run_verify(tmp_path)
    assert code == 1
    assert "line 5" in text
    assert "after it: no line that can be read" in text
    assert "torn tail: no later group follows" in text


def test_an_intact_line_that_does_not_fit_is_corruption_even_at_the_end(
    tmp_path: Path, segment: Path
) -> None:
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join([*lines[:-2], lines[-1]]))
    report = verify(tmp_path)
    assert report.trouble is not None
    assert report.trouble.fault is Fault.CORRUPT
    assert report.trouble.what == "sequence: 5 where 4 should be"


def test_an_incomplete_last_group_may_be_on_its_way(tmp_path: Path, segment: Path) -> None:
    segment.write_bytes(segment.read_bytes()[:-10])
    code, text = run_verify(tmp_path)
    assert code == 0
    assert "4 good lines in 2 groups" in text
    assert "line 5" in text
    assert text.splitlines()[2].startswith(f"incomplete last group: {segment}, line 5, byte ")
    assert "it is being written now, or a crash tore it" in text
    assert "first bad line" not in text
    assert "ledger repair" not in text


def test_a_group_with_whole_lines_missing_at_the_end(tmp_path: Path, segment: Path) -> None:
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:2]))
    report = verify(tmp_path)
    assert report.ok
    assert report.trouble is not None
    assert (report.trouble.line, report.trouble.what) == (3, "group: lines that should follow: 1")
    assert report.head.seq == 0


async def test_it_reads_beside_a_running_bot_and_changes_nothing(tmp_path: Path) -> None:
    disk = FaultyDisk()
    ledger = FileLedger.open(tmp_path, FakeClock(), disk)
    await ledger.commit(adds(opened()))
    disk.gate = threading.Event()
    disk.syncing.clear()
    writing = asyncio.create_task(ledger.commit(adds(opened(2))))
    await asyncio.to_thread(disk.syncing.wait, 5)
    before = (tmp_path / "ledger" / SEGMENT).read_bytes()
    assert run_verify(tmp_path)[0] == 0
    assert (tmp_path / "ledger" / SEGMENT).read_bytes() == before
    disk.gate.set()
    await writing
    await ledger.close()


def test_the_open_group_is_named(tmp_path: Path, segment: Path) -> None:
    changed(segment, 3, b"planned", b"planed")
    assert verify(tmp_path).begun == (1, 2)
    assert "before it: lines 1 to 2 belong to a group whose end is not readable" in run_verify(tmp_path)[1]
    changed(segment, 1, b"case_opened", b"case_opaned")
    assert verify(tmp_path).begun is None


def test_one_case_and_one_group_are_said_in_the_singular(tmp_path: Path, segment: Path) -> None:
    changed(segment, 4, b"case_opened", b"case_opaned")
    text = run_verify(tmp_path)[1]
    assert "after it: 1 intact line in 1 group, line 5 (1 case_opened), of case 3" in text
    assert "corruption: 1 later group follows;" in text


MENDED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "CRLF": (lambda data: data.replace(b"\n", b"\r\n"), "CR LF line ends undone"),
    "BOM": (lambda data: b"\xef\xbb\xbf" + data, "byte order mark taken out"),
    "NULs": (lambda data: bytes(3) + data, "3 NUL bytes taken out"),
    "doubled": (lambda data: data.splitlines(keepends=True)[0] + data, "1 doubled line taken out"),
    "swapped": (
        lambda data: b"".join(data.splitlines(keepends=True)[n] for n in (0, 1, 2, 4, 3)),
        "lines put back in order",
    ),
}


@pytest.mark.parametrize("view", [True, False])
@pytest.mark.parametrize("what", MENDED)
def test_it_says_what_repair_can_mend(tmp_path: Path, segment: Path, what: str, *, view: bool) -> None:
    if view:
        (tmp_path / "audit.json").write_bytes(b"{}")
    damage, said = MENDED[what]
    segment.write_bytes(damage(segment.read_bytes()))
    damaged = segment.read_bytes()
    (tmp_path / "instance.lock").unlink(missing_ok=True)
    code, text = run_verify(tmp_path)
    assert code == 1
    assert text.splitlines()[-1] == (
        f"`python -m bot ledger repair` can mend this without losing a line ({SEGMENT}: {said})"
    )
    assert "no line is left" not in text
    assert segment.read_bytes() == damaged
    assert not (tmp_path / "instance.lock").exists()
    planned = repair(tmp_path, FakeClock(), dry_run=True)
    assert planned.ok
    assert planned.text.splitlines()[0] in text.splitlines(), "both name the same first bad line"


def test_a_last_group_that_a_start_would_cut_and_repair_keeps(tmp_path: Path, segment: Path) -> None:
    changed(segment, 5, b"\n", b"\r\n")
    code, text = run_verify(tmp_path)
    assert code == 1
    assert text.splitlines()[-1].startswith(
        "stop the bot and, before that start, `python -m bot ledger repair` can mend this without losing"
    )


def test_a_newer_version_is_not_sent_to_a_backup(tmp_path: Path, segment: Path) -> None:
    body = segment.read_bytes().splitlines()[4].replace(b'"kind":"case_opened"', b'"kind":"case_better"')
    body = body.rsplit(b',"crc":', 1)[0]
    lines = segment.read_bytes().splitlines(keepends=True)[:4]
    segment.write_bytes(b"".join([*lines, b'%b,"crc":"%08x"}\n' % (body, crc32(body))]))
    assert run_verify(tmp_path)[1].splitlines()[-1].startswith("lines of a newer version: start that version")


def test_a_ledger_that_is_gone(tmp_path: Path, segment: Path) -> None:
    for name in ("audit.json", "cooldown.json"):
        (tmp_path / name).write_bytes(b"{}")
    segment.write_bytes(b"")
    code, text = run_verify(tmp_path)
    anew = "only who wants to begin anew, with nothing known of who was told, moves"
    assert code == 1
    assert "no whole group is left, and audit.json shows that there was one" in text
    assert text.endswith(f"{anew} ledger and audit.json and cooldown.json out of {tmp_path}")
    segment.unlink()
    code, text = run_verify(tmp_path)
    views = "audit.json and cooldown.json"
    assert code == 1
    assert text.startswith(f"{tmp_path}/ledger has no ledger, and yet {views} show that there was one: bring")
    assert text.endswith(f"the whole folder back from a backup; {anew} {views} out of {tmp_path}")


async def test_a_ledger_that_waits_for_a_confirmation(tmp_path: Path) -> None:
    clock = FakeClock()
    ledger = FileLedger.open(tmp_path, clock)
    await ledger.commit(adds(opened()))
    clock.time += timedelta(hours=2)
    await ledger.commit(adds(ev.Started("0.1.0")))
    code, text = run_verify(tmp_path)
    assert code == 0
    assert text.splitlines()[-1].startswith(
        "waits for a confirmation: the bot started on a ledger that ends at 2026-11-22T15:00:00Z, without"
    )
    await ledger.commit(adds(ev.Confirmed(ANA)))
    assert "waits for" not in run_verify(tmp_path)[1]
    await ledger.close()


def test_a_folder_without_a_ledger(tmp_path: Path) -> None:
    assert run_verify(tmp_path) == (1, f"{tmp_path}/ledger has no ledger: is DATA_DIR right?")


def test_a_ledger_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "ledger" / SEGMENT).mkdir(parents=True)
    why = f"{SEGMENT} is not a regular file"
    assert run_verify(tmp_path) == (1, f"{tmp_path}/ledger cannot be read: {why}")


def test_other_files_beside_the_segments_do_not_matter(tmp_path: Path, segment: Path) -> None:
    (segment.parent / "2026-11.jsonl.bak").write_bytes(b"nothing")
    (segment.parent / "notes.txt").write_bytes(b"nothing")
    assert run_verify(tmp_path)[0] == 0


@pytest.fixture
def unfit(tmp_path: Path) -> Path:
    """Two months, each line as it was written, and one in the first that no state fits; the segment."""
    lines: list[ev.Line] = [ev.Started("1"), ev.Planned(9, 3, PLAN), ev.Alive()]
    prev, folder = codec.NO_LINE, tmp_path / "ledger"
    folder.mkdir()
    for seq, line in enumerate(lines, 1):
        at = NOON + timedelta(days=5 * seq - 5)
        raw = codec.seal(codec.fields(line), seq=seq, group=seq, left=0, at=at, prev=prev)
        prev = codec.digest(raw)
        with (folder / segment_name(at)).open("ab") as file:
            file.write(raw + b"\n")
    return folder / SEGMENT


def test_only_a_full_check_says_that_an_intact_line_does_not_fit(tmp_path: Path, unfit: Path) -> None:
    assert run_verify(tmp_path)[0] == 0
    code, text = run_verify(tmp_path, full=True)
    assert code == 1
    assert f"first bad line: {unfit}, line 2, byte " in text
    assert "state: a line of kind planned does not fit what is before it" in text
    assert main(["ledger", "verify", "--data", str(tmp_path)]) == 0
    assert main(["ledger", "verify", "--full", "--data", str(tmp_path)]) == 1


def test_a_full_check_says_that_it_was_one(tmp_path: Path, segment: Path) -> None:
    assert segment.exists()
    code, text = run_verify(tmp_path, full=True)
    assert (code, text.splitlines()[-1]) == (
        0,
        "whole: sequence, chain, groups and checksums agree, and every line fits what is before it",
    )


@pytest.mark.parametrize("size", [2, 7, 300])
def test_lines_are_put_together_from_any_pieces(
    tmp_path: Path, segment: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = verify(tmp_path, full=True)
    monkeypatch.setattr("bot.storage.disk._BUFFER", size)
    assert verify(tmp_path) == whole
    changed(segment, 3, b"planned", b"planed")
    assert verify(tmp_path) == verify(tmp_path, full=True)


async def test_a_check_without_the_fields_knows_who_must_confirm(tmp_path: Path) -> None:
    """Whatever comes before a start, the two agree on what it doubts, and that a word ends it."""
    clock = FakeClock()
    ledger = FileLedger.open(tmp_path, clock, QuickDisk())
    trial = ev.TrialIntent(1, "LOS", 114, "(61) 9****-0009", ANA)
    steps: list[tuple[float, ev.Line]] = [
        (0, ev.Started("1")),
        (2, ev.Started("1")),
        (0, ev.Confirmed(ANA)),
        (0.5, ev.Stopped()),
        (9, ev.Started("1")),
        (0.9, trial),
        (0.9, ev.Started("1")),
        (0, ev.Confirmed(ANA)),
        (0, ev.Started("1", "views")),
        (0, ev.Confirmed(ANA, clock.now() + timedelta(hours=1))),
        (0, ev.Alive()),
    ]
    waited = []
    for hours, line in steps:
        clock.time += timedelta(hours=hours)
        await ledger.commit(adds(line))
        assert verify(tmp_path) == verify(tmp_path, full=True), line
        waited.append(verify(tmp_path).unconfirmed is not None)
    await ledger.close()
    assert waited == [False, True, False, False, False, False, True, False, True, False, False]


def test_how_to_mend_much_is_not_worked_out_at_once(
    tmp_path: Path, segment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.storage.commands.verify._LARGE", 100)
    monkeypatch.setattr("bot.storage.commands.verify.segments_of", lambda *_: pytest.fail("it takes long"))
    changed(segment, 2, b"Ana", b"Eva")
    code, text = run_verify(tmp_path)
    assert code == 1
    assert text.splitlines()[-1].startswith("stop the bot; `python -m bot ledger repair --dry-run` then says")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("full", [False, True])
def test_how_far_it_is_is_a_bar_on_a_terminal_and_plain_lines_elsewhere(
    tmp_path: Path, segment: Path, monkeypatch: pytest.MonkeyPatch, *, full: bool
) -> None:
    assert segment.exists()
    monkeypatch.setattr("bot.storage.commands.progress._LONG", 0)
    monkeypatch.setattr("bot.storage.disk._BUFFER", 300)
    monkeypatch.setattr("bot.storage.commands.progress._PART", 1)
    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        monkeypatch.setattr("sys.stderr", stream)
        assert run_verify(tmp_path, full=full, progress=True)[0] == 0
    shares = [int(share) for share in re.findall(r"\[#*\.*\] +(\d+) %", terminal.getvalue())]
    assert shares == sorted(set(shares))
    assert (len(shares) > 3, shares[-1]) == (True, 100)
    assert terminal.getvalue().endswith("\r")
    tenths = [int(line.removesuffix(" %")) for line in file.getvalue().splitlines()]
    assert (tenths, tenths[-1]) == (sorted(set(tenths)), 100)
    assert {tenth % 10 for tenth in tenths} == {0}


def test_a_quick_reading_says_nothing_and_what_is_kept_for_later_is_not_watched(
    tmp_path: Path, segment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.storage.commands.progress._LONG", 0)
    said: list[str] = []
    with watched(tmp_path, after=3600, say=said.append) as quick:
        verify(tmp_path, quick)
    with watched(tmp_path, say=said.append) as kept:
        pass
    verify(tmp_path, kept)
    assert (said, segment.exists()) == ([], True)
    with watched(tmp_path, times=2, say=said.append) as disk:
        verify(tmp_path, disk)
    assert said[-1] == "50 %"


def test_it_speaks_portuguese(tmp_path: Path, segment: Path) -> None:
    speak("pt_BR")
    code, text = run_verify(tmp_path)
    assert (code, "inteiro: sequência, cadeia, grupos e somas conferem" in text) == (0, True)
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join([lines[0], b"{}\n", *lines[2:]]))
    code, text = run_verify(tmp_path)
    assert code == 1
    assert "primeira linha ruim: " in text
    assert (
        "não é uma linha do registro: seq, group, left, at, prev ou crc falta ou está fora do lugar\n" in text
    )
    assert "corrupção: " in text
    assert "python -m bot ledger repair" in text
