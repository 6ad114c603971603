"""`python -m bot setup` as a program: its answers from a pipe, and from a person's terminal."""

import asyncio
import io
import os
import pty
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.process.setup.terminal import LONGEST, Stopped, Terminal
from bot.tongue import speak
from tests.patience import PATIENCE

from .isp import ROOT, Isp, isp


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Isp]:
    async with isp(tmp_path, customers=3) as made:
        yield made


def variables(site: Isp) -> dict[str, str]:
    kept = {name: site.variables[name] for name in ("DATA_DIR", "OPS_PORT", "TELEGRAM_API_URL")}
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **kept}


@pytest.mark.process
async def test_answers_from_a_pipe(site: Isp) -> None:
    answers = ["", site.chat.token, str(site.chat.group), "", "", site.olt.url, site.olt.user]
    typed = [
        *answers,
        site.olt.password,
        "",
        "",
        "",
        site.hsm.hsm_url,
        site.hsm.token,
        "1",
        "114",
        "116",
        "",
        "",
    ]
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "setup"),
        cwd=site.folder,
        env=variables(site),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        out, err = await child.communicate("".join(f"{line}\n" for line in typed).encode())
    assert (child.returncode, err) == (0, b""), out.decode()
    site.assert_clean(out.decode())
    assert "✓ bot no Telegram: @noc_bot" in out.decode()
    assert stat.S_IMODE((site.folder / ".env").stat().st_mode) == 0o600


@pytest.mark.process
async def test_a_secret_that_is_typed_is_not_shown_and_ctrl_c_stops_at_any_question(site: Isp) -> None:
    ours, theirs = pty.openpty()
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "setup"),
        cwd=site.folder,
        env=variables(site),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        preexec_fn=lambda: os.login_tty(theirs),  # Ctrl-C is this terminal's
    )
    os.close(theirs)
    loop, seen, more = asyncio.get_running_loop(), bytearray(), asyncio.Event()

    def read() -> None:
        try:
            seen.extend(os.read(ours, 4096))
        except OSError:  # the terminal is gone with its program
            loop.remove_reader(ours)
        more.set()

    async def until(text: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while text.encode() not in seen:
                more.clear()
                await more.wait()

    loop.add_reader(ours, read)
    for question, answer in (
        ("[1]: ", "2"),
        ("TELEGRAM_TOKEN: ", site.chat.token),
        ("TELEGRAM_CHAT_ID: ", ""),
        ("Waiting for somebody", "\x03"),
    ):
        await until(question)
        os.write(ours, answer.encode() if answer == "\x03" else f"{answer}\n".encode())
    await until("Stopped.")
    async with asyncio.timeout(PATIENCE):
        assert await child.wait() == 130
    loop.remove_reader(ours)
    os.close(ours)
    site.assert_clean(seen.decode())
    assert b"TELEGRAM_TOKEN: 11 characters taken." in seen


def test_a_file_that_was_pasted_is_no_answer_and_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two megabytes for a token took half a minute to be refused, and as a choice ended the sitting."""
    typed = [b"9" * 2_000_000, b"9" * (LONGEST + 1), b"9" * LONGEST]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\n".join(typed)), "utf-8"))
    speak("pt_BR")
    assert Terminal().ask("? ", hidden=True) == "9" * LONGEST
    said = "✗ {} caracteres não são uma resposta: a mais longa tem 4096"
    told = capsys.readouterr().out.splitlines()
    assert [line for line in told if line.startswith("✗")] == [said.format(2_000_000), said.format(4097)]


def test_the_end_of_a_pipe_and_what_is_no_text_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b" a b \n\xff\n"), "utf-8"))
    terminal = Terminal()
    assert terminal.ask("? ", hidden=True) == "a b"
    assert terminal.ask("? ") == "\ufffd"
    with pytest.raises(Stopped):
        terminal.ask("? ")
