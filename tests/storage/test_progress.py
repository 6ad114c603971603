"""The commands that read years of lines say how far they are."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.domain import events as ev
from tests.storage.past.histories import write
from tests.storage.samples import dispatch


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger of three months, read as if it were a long one."""
    days = [datetime(2026, 1, 5, tzinfo=UTC) + timedelta(days=9 * n) for n in range(9)]
    write(tmp_path, [[(day, line) for line in (*dispatch(n), ev.Alive())] for n, day in enumerate(days, 1)])
    monkeypatch.setattr("bot.storage.commands.progress._LONG", 0)
    monkeypatch.setattr("bot.storage.disk._BUFFER", 300)
    monkeypatch.setattr("bot.storage.commands.progress._PART", 1)
    return tmp_path


@pytest.mark.parametrize(
    ("asked", "last"),
    [(["cat"], 100), (["cat", "2026-02"], 100), (["checkpoint"], 100), (["pack"], 80)],
    ids=str,
)
def test_how_far_it_is(folder: Path, capsys: pytest.CaptureFixture[str], asked: list[str], last: int) -> None:
    command, *rest = asked
    assert main(["ledger", command, "--data", str(folder), *rest]) == 0
    tenths = [int(line.removesuffix(" %")) for line in capsys.readouterr().err.splitlines()]
    assert tenths == sorted(set(tenths))
    assert (len(tenths) > 3, tenths[-1] >= last) == (True, True), tenths


def test_a_running_bot_that_asks_for_a_checkpoint_hears_no_tenths(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.nice", lambda _: 0)
    assert main(["ledger", "checkpoint", "--data", str(folder), "--line", "9999"]) == 0
    assert capsys.readouterr().err == ""
