"""`python -m bot check --send-test`: each template once to one's own phone, and only where that is meant."""

import asyncio
import os
import pty
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.phone import Phone
from bot.process.check import check
from bot.process.settings.reading import load
from tests.patience import PATIENCE

from .isp import ROOT, Isp, bot_command, isp
from .storage.samples import rows

OWN = Phone("5561999990009")
MASKED = "(61) 9****-0009"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Isp]:
    async with isp(tmp_path, customers=3) as made:
        made.variables["HSM_ID_RESTORED"] = "118"
        yield made


async def tried(site: Isp, answer: str = "sim", **changes: str) -> tuple[int, list[str], list[str]]:
    """The exit code, the lines about the test, and what was asked."""
    lines: list[str] = []
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return answer

    code = await check(load(None, site.variables | changes), lines.append, OWN, ask)
    site.assert_clean("\n".join(lines + asked))
    assert OWN.digits[-8:] not in "".join(lines + asked).replace("-", "")
    return code, [line for line in lines if "test message" in line], asked


def ledger_rows(site: Isp) -> list[dict[str, object]]:
    [segment] = (site.folder / "data" / "ledger").glob("*.jsonl")
    return rows(site.folder / "data", segment.name)


async def test_each_template_is_sent_once_and_is_on_record(site: Isp) -> None:
    code, lines, asked = await tried(site)
    assert (code, len(asked)) == (0, 1)
    assert f"114 (LOS), 116 (POWER), 118 (RESTORED) to {MASKED}" in asked[0]
    assert [(m.phone, m.hsm) for m in site.hsm.received] == [(OWN.digits, n) for n in (114, 116, 118)]
    assert [line.split(": ")[1] for line in lines] == [
        f"template {what} to {MASKED}" for what in ("114 (LOS)", "116 (POWER)", "118 (RESTORED)")
    ]
    assert [row["kind"] for row in ledger_rows(site)] == ["trial_intent", "trial_result"] * 3
    code, _, _ = await tried(site, "YES")
    assert len(site.hsm.received) == 6, "asked for again, it is sent again, and only then"


@pytest.mark.parametrize("answer", ["", "s", "y", "não", "no"])
async def test_nothing_is_sent_without_a_whole_yes(site: Isp, answer: str) -> None:
    code, lines, _ = await tried(site, answer)
    assert (code, site.hsm.received) == (1, [])
    assert lines == ["✗ test message: not sent: nobody typed sim or yes on a terminal"]


async def test_a_rehearsal_says_that_it_would_not_send(site: Isp) -> None:
    code, lines, asked = await tried(site, DRY_RUN="true")
    assert (code, site.hsm.received, asked) == (1, [], [])
    assert "this is a rehearsal; it needs GATEWAY (matrix, cloud, opa) and DRY_RUN=false" in lines[0]


@pytest.mark.process
async def test_beside_a_running_bot_it_refuses(site: Isp) -> None:
    async with site.bot():
        await site.card()
        code, lines, asked = await tried(site)
    assert (code, site.hsm.received, asked) == (1, [], [])
    assert "another process owns" in lines[0]
    assert "stop the bot for it" in lines[0]


async def test_a_refused_template_does_not_keep_the_others_and_a_refused_key_does(site: Isp) -> None:
    site.hsm.templates = {116, 118}
    code, lines, _ = await tried(site)
    assert code == 1
    assert [line[0] for line in lines] == ["✗", "✓", "✓"]
    assert "refused" in lines[0]
    _, lines, _ = await tried(site, TOKEN_HSM="not-this-one")
    assert [line[0] for line in lines] == ["✗", "✗"]
    assert "the others were not sent" in lines[1]


async def test_a_damaged_ledger_takes_no_test(site: Isp) -> None:
    await tried(site)
    [segment] = (site.folder / "data" / "ledger").glob("*.jsonl")
    segment.write_bytes(b"{}\n" + segment.read_bytes())
    code, lines, asked = await tried(site)
    assert (code, len(site.hsm.received), asked) == (1, 3, [])
    assert "not sent: " in lines[0]
    assert "is damaged" in lines[0]


async def test_another_user_leaves_nothing_that_the_bot_cannot_open(
    site: Isp, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site.folder / "data").mkdir(mode=0o700, exist_ok=True)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    code, lines, asked = await tried(site)
    assert (code, site.hsm.received, asked) == (1, [], [])
    assert f"belongs to user {os.getuid()}: run this as that user" in lines[0]
    assert not (site.folder / "data" / "ledger").exists()


@pytest.mark.process
async def test_a_script_confirms_nothing_and_a_wrong_number_is_said_at_once(site: Isp) -> None:
    code, out, _ = await bot_command("check", "--send-test", "61999990009", cwd=site.folder, **site.variables)
    assert (code, site.hsm.received) == (1, [])
    assert "nobody typed sim or yes on a terminal" in out
    code, out, err = await bot_command("check", "--send-test", "61333344", cwd=site.folder, **site.variables)
    assert (code, out) == (2, "")
    assert "61333344" not in err
    assert "your own mobile number" in err


@pytest.mark.process
async def test_on_a_terminal_it_is_asked_and_sent(site: Isp) -> None:
    ours, theirs = pty.openpty()
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "check", "--send-test", "(61) 99999-0009"),
        cwd=site.folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **site.variables},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, b"sim\n")
    async with asyncio.timeout(PATIENCE):
        assert await child.wait() == 0
    os.close(ours)
    assert [m.phone for m in site.hsm.received] == [OWN.digits] * 3
