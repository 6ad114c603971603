"""What a test starts is a process of its own, whether it is a fork or a new interpreter."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .isp import Isp, Process, bot_command, isp, until

pytestmark = pytest.mark.process


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Isp]:
    async with isp(tmp_path, 3) as made:
        yield made


def is_a_fork(child: Process) -> bool:
    return b"tests.spawner" in Path(f"/proc/{child.pid}/cmdline").read_bytes()


def of(child: Process, name: str) -> Path:
    return Path(f"/proc/{child.pid}/{name}").readlink()


def parent(child: Process) -> int:
    lines = Path(f"/proc/{child.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("PPid:"))


async def test_a_fork_has_its_own_folder_files_and_group_and_is_our_child(site: Isp) -> None:
    async with site.bot() as bot:
        await site.card()
        assert is_a_fork(bot)
        assert parent(bot) == os.getpid()
        assert of(bot, "cwd") == site.folder
        files = [of(bot, f"fd/{number}") for number in range(3)]
        assert files == [Path("/dev/null"), site.folder / "bot.log", site.folder / "bot.log"]
        assert os.getpgid(bot.pid) == bot.pid
        bot.send_signal(signal.SIGKILL)
        assert await bot.wait() == -signal.SIGKILL
    async with site.bot() as again:
        await until(lambda: site.log.count('"event": "MODO REAL') == 2)
        again.terminate()
        assert await again.wait() == 0


@pytest.mark.start
async def test_who_is_about_the_start_gets_a_new_interpreter(site: Isp) -> None:
    async with site.bot() as bot:
        await site.card()
        assert not is_a_fork(bot)


async def test_so_does_who_gives_a_variable_that_python_reads(site: Isp) -> None:
    async with site.bot(PYTHONUNBUFFERED="1") as bot:
        await site.card()
        assert not is_a_fork(bot)


@pytest.mark.parametrize("how", ["a fork", pytest.param("an interpreter", marks=pytest.mark.start)])
async def test_what_a_command_says_and_how_it_ends_is_the_same(tmp_path: Path, how: str) -> None:
    code, out, err = await bot_command(
        "ledger", "verify", cwd=tmp_path, DATA_DIR="não há", BOT_LANGUAGE="pt_BR"
    )
    assert (code, err) == (1, "")
    assert out == "não há/ledger não tem registro (ledger): DATA_DIR está certo?\n"
    code, out, err = await bot_command("frob", cwd=tmp_path)
    assert (code, out) == (2, "")
    assert "invalid choice: 'frob'" in err
    assert err.startswith("usage: python -m bot ")
