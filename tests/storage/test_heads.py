"""The chat as an anchor outside the disk: what a final card and /audit show is a line of this ledger."""

import hashlib
import re
import shutil
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.__main__ import main
from bot.chat.screens.cards.card import card
from bot.chat.screens.pages.audit import audit
from bot.chat.screens.words import Words
from bot.domain import events as ev
from bot.domain.events import Restoring
from bot.domain.plan import Outcome
from bot.domain.rules import Rules
from bot.storage.files import FileLedger
from bot.storage.kept import Views
from tests.fakes import ANA, NOON, FakeClock

from .samples import PLAN, SEGMENT, adds, opened

PT = Words("pt_BR", ZoneInfo("America/Sao_Paulo"))
ANCHOR = re.compile(r"registro (\d+) · ([0-9a-f]{8})")


def shown(ledger: FileLedger, number: int = 1) -> str | None:
    """What the case's card says of the ledger."""
    screen = card(ledger.book.cases[number], ledger.book, ledger.book.last_at, PT, rules=Rules())
    found = ANCHOR.search(screen.html)
    return found and f"{found[1]} · {found[2]}"


def line(folder: Path, number: int) -> str:
    raw = (folder / "ledger" / SEGMENT).read_bytes().splitlines()[number - 1]
    return f"{number} · {hashlib.sha256(raw).hexdigest()[:8]}"


async def test_a_final_card_shows_where_the_ledger_stood_and_never_another(tmp_path: Path) -> None:
    clock = FakeClock()
    ledger = FileLedger.open(tmp_path, clock)
    await ledger.commit(adds(ev.Started("1"), opened()))
    await ledger.commit(adds(ev.Approved(1, ANA, (opened().incident.port,)), ev.Planned(1, 4, PLAN)))
    assert shown(ledger) is None  # it still goes on
    for who in ("c1", "c2"):
        await ledger.commit(adds(ev.Intent(1, who), ev.Result(1, who, Outcome.ACCEPTED)))
    await ledger.commit(adds(ev.Settled(1, "done")))
    settled = line(tmp_path, 9)
    assert shown(ledger) == settled
    await ledger.commit(adds(ev.Alive(), ev.IncidentEnded(1)))
    assert shown(ledger) == settled
    page = audit(ledger.book, 0, "", PT, NOON, hours=24).html
    assert f"registro {line(tmp_path, 11)}" in page  # the end as it is now
    await ledger.close()

    again = FileLedger.open(tmp_path, clock)
    assert (shown(again), again.book.head) == (settled, line(tmp_path, 11))
    await again.commit(adds(Restoring(-1, 1), ev.Approved(-1, ANA, (opened().incident.port,))))
    assert shown(again) is None  # the second message is on its way
    await again.close()


async def test_a_denial_and_an_end_that_a_start_wrote_are_anchored_too(tmp_path: Path) -> None:
    ledger = FileLedger.open(tmp_path, FakeClock())
    await ledger.commit(adds(opened(1), opened(2), ev.Denied(1, ANA, "x")))
    await ledger.commit(adds(ev.Approved(2, ANA, (opened(2).incident.port,)), ev.Planned(2, 4, PLAN[:1])))
    await ledger.commit(adds(ev.Intent(2, "c1"), ev.Result(2, "c1", Outcome.ACCEPTED)))
    assert (shown(ledger, 1), shown(ledger, 2)) == (line(tmp_path, 3), None)
    await ledger.commit(adds(ev.Started("2")))
    assert shown(ledger, 2) == line(tmp_path, 8)
    await ledger.close()


async def test_verify_says_whether_this_is_the_ledger_that_the_chat_saw(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = FileLedger.open(tmp_path, FakeClock())
    await ledger.commit(adds(opened(), ev.Denied(1, ANA, "x")))
    await ledger.close()
    head = shown(ledger)
    assert head is not None
    number, digits = head.split(" · ")

    def verify(text: str) -> tuple[int, str]:
        code = main(["ledger", "verify", "--data", str(tmp_path), "--head", text])
        return code, capsys.readouterr().out.splitlines()[-1]

    for text in (head, f"{number}:{digits}", f" {number}  {digits.upper()}"):
        assert verify(text) == (0, f"{head}: the line is there, as the chat shows it")
    other = "0" * 8 if digits != "0" * 8 else "1" * 8
    assert verify(f"2:{other}") == (
        1,
        f"2 · {other}: the line is another one ({digits}): this is another ledger",
    )
    code, said = verify(f"3:{digits}")
    assert (code, "no such line" in said) == (1, True)
    with pytest.raises(SystemExit):
        verify("2:xyz")


async def test_verify_names_a_ledger_that_is_older_than_its_views(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = FileLedger.open(tmp_path, FakeClock())
    await ledger.commit(adds(opened()))
    shutil.copytree(tmp_path / "ledger", tmp_path / "copy")
    await ledger.commit(adds(ev.Denied(1, ANA, "x")))
    views = Views(tmp_path, ledger, 24, FakeClock())
    await views.start()
    await views.close()
    await ledger.close()
    assert main(["ledger", "verify", "--data", str(tmp_path)]) == 0
    assert "older" not in capsys.readouterr().out
    shutil.rmtree(tmp_path / "ledger")
    shutil.copytree(tmp_path / "copy", tmp_path / "ledger")
    assert main(["ledger", "verify", "--data", str(tmp_path)]) == 1
    assert "older than audit.json, cooldown.json or a checkpoint beside it" in capsys.readouterr().out
