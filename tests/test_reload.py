"""The settings read again by the running bot: what people see of it, and that it holds at once."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import dedent

import pytest

import bot
from bot.domain.events import Change, SettingsChanged
from bot.process import app, reload
from bot.process.settings.again import Given
from bot.process.settings.reading import Reading, load
from bot.storage.files import FileLedger
from tests.patience import PATIENCE

from .isp import Isp, isp, until
from .test_health import settles
from .test_metrics import says

pytestmark = pytest.mark.process


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Isp]:
    monkeypatch.setattr(reload, "STEADY", 0.0)
    async with isp(tmp_path, 3) as made:
        made.chat.add_user(502, "Beto")
        yield made


class Running:
    """The bot in this process, with its settings in a file."""

    def __init__(self, site: Isp) -> None:
        self.site, self.file, self.again = site, site.folder / "settings.env", asyncio.Event()
        self.write()

    def write(self, **changes: str) -> None:
        self.file.write_text("".join(f"{n}={v}\n" for n, v in (self.site.variables | changes).items() if v))

    async def says(self, typed: str, *wanted: str, chat: int | None = None) -> str:
        """Ana types it; what is answered, once it is that."""
        said = await self.site.chat.say(self.site.ana, typed, chat)
        answered = await self.site.chat.wait(
            lambda api: next((m for m in api.messages(chat) if m.reply_to == said.id), None)
        )
        for one in wanted:
            assert one in answered.text, answered.text
        return answered.text

    @property
    def lines(self) -> list[SettingsChanged]:
        return [entry.line for entry in self.ledger.book.audit if isinstance(entry.line, SettingsChanged)]

    ledger: FileLedger


@asynccontextmanager
async def running(site: Isp) -> AsyncIterator[Running]:
    made, stop = Running(site), asyncio.Event()
    bot = app.App(load(made.file, {}), Given(made.file, {}))
    task = asyncio.create_task(bot.run(stop, made.again))
    try:
        await settles(site)
        made.ledger = bot._ledger
        yield made
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE):
            assert await task == 0


async def test_an_approver_has_them_read_again(site: Isp) -> None:
    async with running(site) as bot:
        card = await site.card()
        bot.write(TWO_PERSON_ABOVE="2", TELEGRAM_APPROVERS="501,502", OPS_HOST="127.0.0.2")
        await bot.says(
            "/recarregar",
            "Passam a valer",
            "TWO_PERSON_ABOVE: 0 → 2",
            "TELEGRAM_APPROVERS: vazio → 501 Ana,502",
            "Só com reinício: OPS_HOST",
        )
        [line] = bot.lines
        assert (line.by.id, line.by.name) == (501, "Ana")
        assert Change("TWO_PERSON_ABOVE", "0", "2") in line.changes
        await bot.says("/auditoria", "mudou a configuração", "TWO_PERSON_ABOVE 0 → 2")
        await site.chat.tap(site.ana, card, "Aprovar")  # by the new rules
        await site.card("Aprovar (2ª pessoa)")
        assert site.hsm.received == []
        bot.write(TELEGRAM_APPROVERS="502")
        await bot.says(
            "/reload", "TELEGRAM_APPROVERS: 501 Ana,502 Beto → 502 Beto", "TWO_PERSON_ABOVE: 2 → 0"
        )
        await bot.says("/recarregar", "não está na lista")  # she is none any more
        assert len(bot.lines) == 2


async def test_a_problem_is_named_and_nothing_changes(site: Isp, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "bot.process.reload")
    async with running(site) as bot:
        bot.write(UNDO_SECONDS="7", HSM_RATE="quick-secret", TELEGRAM_TOKEN="")
        answer = await bot.says("/recarregar", "Nada mudou", "2 problemas", "HSM_RATE is not valid: auto, or")
        assert "TELEGRAM_TOKEN is not set" in answer
        assert "quick-secret" not in answer + caplog.text
        assert "HSM_RATE is not valid" in caplog.text
        await bot.says("/recarregar", "2 problemas")
        assert "settings read again" not in caplog.text  # which would say that nothing is wrong
        bot.write()
        await bot.says("/recarregar", "Nada do que pode mudar com o bot ligado mudou")
        bot.file.unlink()
        await bot.says("/recarregar", ".env was here at the start and is no file now")
        assert bot.lines == []


async def test_who_may_not_and_where_not(site: Isp) -> None:
    async with running(site) as bot:
        await site.chat.say(site.ana, "/start", site.ana.id)
        bot.write(UNDO_SECONDS="7")
        await bot.says("/recarregar", "peça no grupo", chat=site.ana.id)
        said = await site.chat.say(site.chat.users[502], "/recarregar")
        await site.chat.wait(lambda api: next((m for m in api.messages() if m.reply_to == said.id), None))
        assert bot.lines == []


async def test_a_signal_tells_the_group_and_two_at_once_are_one(
    site: Isp, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bot.process.reload")
    async with running(site) as bot:
        bot.write(CUSTOMER_HOURS="00:00-00:01", HSM_RATE="7")
        bot.again.set()
        asking = asyncio.create_task(bot.says("/recarregar"))
        await site.card("CUSTOMER_HOURS: ")
        await asking
        [line] = bot.lines
        assert {change.name for change in line.changes} == {"CUSTOMER_HOURS", "HSM_RATE"}
        assert "HSM_RATE auto -> 7" in caplog.text


async def test_a_file_that_changes_while_it_is_read_changes_nothing(
    site: Isp, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(site) as bot:
        at_it, given = 0, Given.read

        def written(self: Given) -> Reading:
            nonlocal at_it
            at_it += 1
            found = given(self)
            bot.file.write_text(bot.file.read_text() + "# more\n")
            return found

        bot.write(UNDO_SECONDS="7")
        monkeypatch.setattr(Given, "read", written)
        await bot.says("/recarregar", "Nada mudou", "being written just now")
        assert (at_it, bot.lines) == (1, [])


async def test_a_closed_ledger_keeps_the_settings(site: Isp, caplog: pytest.LogCaptureFixture) -> None:
    async with running(site) as bot:
        bot.write(UNDO_SECONDS="7")
        bot.ledger._closed = "damaged"
        bot.again.set()
        await until(lambda: "the settings stay as they are" in caplog.text)


async def test_a_send_under_way_takes_the_new_pace(site: Isp) -> None:
    site.world.outage(40)
    site.variables |= {"HSM_RATE": "1"}
    async with running(site) as bot:
        await site.chat.tap(site.ana, await site.card(), "Aprovar")
        await until(lambda: len(site.hsm.received) >= 1)
        bot.write(HSM_RATE="0", MIN_AFFECTED="50")
        await bot.says("/recarregar", "HSM_RATE: 1 → 0")
        await until(lambda: len(site.hsm.received) == 43, 30)  # at one a second it would take 40 s
        assert len({message.phone for message in site.hsm.received}) == 43


async def test_polls_come_at_the_new_pace_and_count_as_stale_by_it(site: Isp) -> None:
    site.variables["POLL_SECONDS"] = "3600"
    async with running(site) as bot:
        every = 'noc_source_poll_interval_seconds{source="oltcloud"}'
        await says(site, {every: 3600})
        bot.write(POLL_SECONDS="1")
        await bot.says("/recarregar", "POLL_SECONDS: 3600 → 1")
        await site.polls(2)
        await says(site, {every: 1})
        await site.olt.stop()
        assert "no good poll" in (await settles(site, "source"))["source"]
        bot.write(POLL_SECONDS="3600")
        await bot.says("/recarregar", "POLL_SECONDS: 1 → 3600")
        await settles(site)
        await site.olt.start()


@pytest.mark.start
async def test_a_hangup_is_heard_by_the_process(site: Isp) -> None:
    file, undo = site.folder / ".env", site.variables.pop("UNDO_SECONDS")
    file.write_text(f"UNDO_SECONDS={undo}\n")
    async with site.bot() as bot:
        await until(lambda: "olt-noc-bot" in site.log)
        bot.send_signal(signal.SIGHUP)  # while it starts: it waits, and ends nothing
        await settles(site)
        file.write_text("UNDO_SECONDS=3\n")
        bot.send_signal(signal.SIGHUP)
        await site.card("UNDO_SECONDS: 0 → 3")
    assert bot.returncode == 0


@pytest.mark.parametrize(("asked", "ends"), [(["run"], 2), ([], 2), (["check"], -signal.SIGHUP)])
def test_a_hangup_as_the_program_begins_ends_only_what_is_no_bot(
    asked: list[str], ends: int, tmp_path: Path
) -> None:
    """It comes as the first module that takes time is loaded; a terminal that closes ends all else."""
    early = """
    import os, signal, sys

    class Hangup:
        def find_spec(self, name, *_):
            if name in {"argparse", "bot.errors"}:
                sys.meta_path.remove(self)
                os.kill(os.getpid(), signal.SIGHUP)

    sys.meta_path.insert(0, Hangup())
    """
    (tmp_path / "sitecustomize").with_suffix(".py").write_text(dedent(early))
    keep = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
    ended = subprocess.run(
        [sys.executable, "-m", "bot", *asked],
        cwd=tmp_path,
        env={**keep, "PYTHONPATH": f"{tmp_path}:{Path(bot.__file__).parents[1]}", "BOT_LANGUAGE": "en"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (ended.returncode, "TELEGRAM_TOKEN" in ended.stderr) == (ends, ends == 2), ended.stderr
