"""The command line."""

import os
import re
from pathlib import Path

import pytest

from bot import __version__
from bot.__main__ import main
from bot.process.clock import SystemClock
from bot.storage.files import FileLedger

from .isp import bot_command
from .storage.samples import EVERY_KIND, adds


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """A data folder with a ledger of some groups."""
    ledger = FileLedger.open(tmp_path, SystemClock())
    for line in EVERY_KIND[2:6]:
        await ledger.commit(adds(line))
    await ledger.close()
    return tmp_path


def segment(data: Path) -> Path:
    return next((data / "ledger").glob("*.jsonl"))


def verify(data: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = main(["ledger", "verify", "--data", str(data)])
    printed = capsys.readouterr()
    assert printed.err == ""
    return code, printed.out


async def test_a_whole_ledger(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = verify(data, capsys)
    assert code == 0
    assert "4 good lines in 4 groups" in out
    assert "whole: " in out


async def test_a_torn_ledger_passes_as_the_next_start_mends_it(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = segment(data)
    file.write_bytes(file.read_bytes()[:-10])
    code, out = verify(data, capsys)
    assert code == 0
    assert f"{file}, line 4, byte " in out
    assert "quarantine" in out
    assert file.read_bytes()[-1:] != b"\n", "verify only reads"


async def test_a_corrupt_ledger_names_its_first_bad_line(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = segment(data)
    lines = file.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b'"kind"', b'"kond"')
    file.write_bytes(b"".join(lines))
    code, out = verify(data, capsys)
    assert code == 1
    assert f"{file}, line 2, byte {len(lines[0])}: " in out
    assert "corruption" in out


def test_a_folder_without_a_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = verify(tmp_path, capsys)
    assert code == 1
    assert "is DATA_DIR right?" in out


async def test_a_checkpoint_is_written_by_command(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "nice", lambda _by: 0)
    command = ["ledger", "checkpoint", "--data", str(data)]
    for given, said in (
        (["--line", "2"], "checkpoint-2.json.xz written"),
        ([], "checkpoint-4.json.xz written"),
        ([], "nothing is new"),
    ):
        assert main([*command, *given]) == 0
        assert said in capsys.readouterr().out
    assert verify(data, capsys)[0] == 0


def test_no_checkpoint_of_no_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", "checkpoint", "--data", str(tmp_path)]) == 1
    assert "is DATA_DIR right?" in capsys.readouterr().err


async def test_a_checkpoint_that_cannot_be_written(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "ledger" / "checkpoint-4.json.xz").mkdir()
    (data / "ledger" / "checkpoint-4.json.xz" / "in the way").touch()
    assert main(["ledger", "checkpoint", "--data", str(data)]) == 1
    assert "no checkpoint was written" in capsys.readouterr().err


@pytest.mark.start
@pytest.mark.process
async def test_verify_works_where_no_other_setting_is_good(data: Path) -> None:
    code, out, err = await bot_command(
        "ledger", "verify", cwd=data, DATA_DIR=str(data), TELEGRAM_TOKEN="nonsense"
    )
    assert (code, err) == (0, "")
    assert "whole: " in out


@pytest.mark.start
@pytest.mark.process
async def test_a_corrupt_ledger_over_the_command_line(data: Path) -> None:
    segment(data).write_bytes(b"{}\n" + segment(data).read_bytes())
    code, out, _ = await bot_command("ledger", "verify", "--data", str(data), cwd=data)
    assert code == 1
    assert "line 1" in out


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"{__version__}\n"
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)


@pytest.mark.parametrize("given", [["frobnicate"], ["ledger"], ["ledger", "mend"], ["--frob"]])
def test_an_unknown_command_is_a_usage_error(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("usage: python -m bot")
    assert printed.out == ""


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(command in shown for command in ("run", "check", "demo", "ledger"))
