import asyncio
import threading
from pathlib import Path
from zlib import crc32

import pytest

from bot.storage import codec
from bot.storage.files import FileLedger
from bot.storage.replay import Fault
from bot.storage.verify import run_verify, verify
from tests.fakes import FakeClock
from tests.storage.disks import FaultyDisk
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
        f"{tmp_path}/ledger: 1 segments read, 5 good lines in 3 groups",
        f"head: {codec.digest(last)} (sha256 of line 5, 2026-11-22T15:00:00Z)",
        "whole: sequence, chain, groups and checksums agree",
    ]


def test_corruption_names_the_line_and_what_follows(tmp_path: Path, segment: Path) -> None:
    offset = changed(segment, 2, b"Ana", b"Eva")
    code, text = run_verify(tmp_path)
    assert code == 1
    assert text.splitlines()[0].endswith("1 segments read, 0 good lines in 0 groups")
    place, after, judgement = text.splitlines()[1:]
    assert place == f"first bad line: {segment}, line 2, byte {offset}: crc: the line is not what was written"
    kinds = "2 case_opened, 1 planned"
    assert after == f"after it: 3 intact lines in 3 groups, lines 3 to 5 ({kinds}), of cases 1, 2, 3"
    assert judgement.startswith("corruption: 2 later groups follow; the bot decides and sends nothing")


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
    assert "incomplete last group: it is being written now, or a crash tore it" in text


def test_a_group_with_whole_lines_missing_at_the_end(tmp_path: Path, segment: Path) -> None:
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:2]))
    report = verify(tmp_path)
    assert report.ok
    assert report.trouble is not None
    assert (report.trouble.line, report.trouble.what) == (3, "group: 1 more lines should follow")
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


def test_a_folder_without_a_ledger(tmp_path: Path) -> None:
    assert run_verify(tmp_path) == (1, f"{tmp_path}/ledger has no ledger: is DATA_DIR right?")


def test_a_ledger_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "ledger" / SEGMENT).mkdir(parents=True)
    assert run_verify(tmp_path) == (1, f"{tmp_path}/ledger cannot be read: Is a directory")


def test_other_files_beside_the_segments_do_not_matter(tmp_path: Path, segment: Path) -> None:
    (segment.parent / "2026-11.jsonl.bak").write_bytes(b"nothing")
    (segment.parent / "notes.txt").write_bytes(b"nothing")
    assert run_verify(tmp_path)[0] == 0
