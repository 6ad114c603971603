"""`ledger cat`: every line as it stands, in order."""

import gzip
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.domain import events as ev
from bot.storage.commands.pack import pack_ended
from bot.storage.segments import ledger_folder
from tests.storage.past.histories import write
from tests.storage.samples import dispatch

ROOT = Path(__file__).parents[2]
MONTHS = ("2026-01", "2026-02", "2026-03")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ledger of three months, the first two packed."""
    days = [datetime(2026, 1, 5, tzinfo=UTC) + timedelta(days=9 * n) for n in range(9)]
    write(tmp_path, [[(day, line) for line in (*dispatch(n), ev.Alive())] for n, day in enumerate(days, 1)])
    pack_ended(tmp_path)
    return tmp_path


def month(folder: Path, name: str) -> bytes:
    path = ledger_folder(folder) / f"{name}.jsonl"
    return (
        path.read_bytes()
        if path.exists()
        else gzip.decompress(path.with_name(f"{path.name}.gz").read_bytes())
    )


def said(capfdbinary: pytest.CaptureFixture[bytes], folder: Path, *months: str) -> tuple[int, bytes, bytes]:
    code = main(["ledger", "cat", "--data", str(folder), *months])
    sys.stdout.flush()
    return code, *capfdbinary.readouterr()


@pytest.mark.parametrize(
    ("asked", "which"),
    [((), MONTHS), (MONTHS[1:2], MONTHS[1:2]), (("2026-03", "2026-01", "2026-03"), (MONTHS[0], MONTHS[2]))],
)
def test_the_lines_in_order(
    folder: Path, asked: tuple[str, ...], which: tuple[str, ...], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    lines = b"".join(month(folder, name) for name in which)
    assert said(capfdbinary, folder, *asked) == (0, lines, b"")


@pytest.mark.parametrize("asked", ["2026-13", "2026", "2026-1", "2026-01.jsonl", "janeiro", "٢٠٢٦-01", ""])
def test_what_is_no_month(folder: Path, asked: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(["ledger", "cat", "--data", str(folder), asked])
    assert error.value.code == 2
    assert f"{asked!r} is no month such as 2026-11" in capsys.readouterr().err


def test_a_month_that_is_not_there(folder: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    code, out, err = said(capfdbinary, folder, "2026-02", "2025-12")
    assert (code, out) == (2, b"")
    assert b"has no 2025-12: its months are from 2026-01 to 2026-03" in err


def test_no_ledger(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    code, out, err = said(capfdbinary, tmp_path)
    assert (code, out) == (1, b"")
    assert b"has no ledger: is DATA_DIR right?" in err


@pytest.mark.parametrize("tail", [b'{"seq":37,"gro', b'{"seq":37,"group":1}'])
def test_a_line_that_is_being_written_is_none_yet(
    folder: Path, tail: bytes, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    whole = b"".join(month(folder, name) for name in MONTHS)
    with (ledger_folder(folder) / "2026-03.jsonl").open("ab") as file:
        file.write(tail)
    assert said(capfdbinary, folder) == (0, whole, b"")


@pytest.mark.parametrize("packed", [True, False])
def test_what_is_damaged_is_left_out_and_said(
    folder: Path, packed: bool, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = ledger_folder(folder) / ("2026-02.jsonl.gz" if packed else "2026-03.jsonl")
    lines = b"".join(month(folder, name) for name in MONTHS if packed is False or name != "2026-02")
    data = bytearray(path.read_bytes())
    if packed:
        data[len(data) // 3] ^= 1
    else:
        first = data.index(b"\n") + 1
        lines = lines.replace(bytes(data[:first]), b"")
        data[0] = 0
    path.write_bytes(data)
    code, out, err = said(capfdbinary, folder)
    assert (code, out) == (1, lines)
    assert b"DAMAGED: left out 1 part that is no line: see python -m bot ledger verify" in err


@pytest.mark.process
def test_who_reads_has_enough(folder: Path) -> None:
    for day in range(9):  # more than a pipe holds
        path = ledger_folder(folder) / "2026-03.jsonl"
        path.write_bytes(path.read_bytes() + month(folder, "2026-01") * (day + 1))
    command = f"{sys.executable} -m bot ledger cat --data {folder} | head -n 2"
    piped = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=ROOT, capture_output=True, check=False, timeout=60
    )
    assert (piped.returncode, piped.stderr) == (0, b"")
    assert piped.stdout.splitlines() == month(folder, "2026-01").splitlines()[:2]
