"""The edges of the process: services that are away, signals, two bots at once, a group that moves."""

import asyncio
import json
import logging
import re
import signal
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.domain import events as ev
from bot.process import app, schedule
from bot.process.settings.reading import load
from bot.simulator.server import DropBefore, HangBefore
from bot.simulator.telegram.api import BotApi, Message
from bot.storage.files import FileLedger
from tests.fakes import FakeClock
from tests.patience import PATIENCE

from .isp import Isp, Process, bot_command, isp, until

pytestmark = pytest.mark.process

CUSTOMERS = 12


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Isp]:
    async with isp(tmp_path, CUSTOMERS) as made:
        yield made


async def stopped(bot: Process) -> int:
    """The exit code after a SIGTERM."""
    bot.send_signal(signal.SIGTERM)
    async with asyncio.timeout(PATIENCE):
        return await bot.wait()


def ledger(site: Isp) -> list[dict[str, Any]]:
    files = sorted((site.folder / "data" / "ledger").glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def said(site: Isp, part: str) -> list[Message]:
    return [message for message in site.chat.messages() if part in message.text]


async def test_telegram_away_at_the_start_holds_nothing_else_up(site: Isp) -> None:
    await site.chat.stop()
    async with site.bot():
        await site.polls(2)
        status, wrong = await site.health()
        assert (status, wrong) == (503, {"telegram": "no answer to getUpdates yet"})
        await site.chat.start()
        card = await site.card()
        await site.chat.wait(lambda chat: chat.calls["getUpdates"] > 1)  # so the first has been answered
        assert await site.health() == (200, {})
    assert site.posts == [card]
    assert site.log.count("Telegram is away") == 1
    assert site.log.count("Telegram is back") == 1


async def test_telegram_away_in_the_middle_of_connecting_is_one_line(site: Isp) -> None:
    site.chat.faults.inject(DropBefore(), match=lambda path: "deleteWebhook" in path)
    async with site.bot():
        await site.card()
        await until(lambda: site.chat.updates.polling)
    events = [json.loads(line)["event"] for line in site.log.splitlines()]
    assert [event for event in events if "Telegram" in event] == [
        "Telegram is away (poll, NetworkError)",
        "Telegram is back after 1 s",
    ]
    assert len(events) == 6  # and how it is set up, that it runs, is stopping, has stopped


def started(chat: BotApi, *, kind: str) -> list[Message]:
    return [m for m in chat.messages() if m.text.startswith(f"▶️ Bot iniciado · {kind}")]


async def test_each_start_says_first_how_the_bot_is_set_up(site: Isp) -> None:
    """In its log and, without a sound, in the group; not the same again within ten minutes."""
    changed = {"DRY_RUN": "true", "CUSTOMER_HOURS": "08:00-21:00", "TELEGRAM_APPROVERS": "501"}
    for changes in ({}, {}, changed, changed):
        async with site.bot(**changes):
            await site.card()
            await site.polls(1)
            if changes:
                await site.card("SIMULAÇÃO")
            kind = "SIMULAÇÃO" if changes else "MODO REAL"
            await site.chat.wait(partial(started, kind=kind))
    real, rehearsal = [m for m in site.chat.messages() if m.text.startswith("▶️")]
    assert real.silent
    assert rehearsal.silent
    setup, _, cases = real.text.rpartition(" · ")
    assert setup == (
        "▶️ Bot iniciado · MODO REAL: o que for aprovado chega aos clientes.\n"
        "Modelos 114, 116 · conta 1\n"
        "Clientes: a qualquer hora · decidem os administradores do grupo"
    )
    assert cases in {"0 casos abertos", "1 caso aberto"}, "before or after the first card"
    assert rehearsal.text == (
        "▶️ Bot iniciado · SIMULAÇÃO: nada é enviado aos clientes.\n"
        "Modelos 114, 116 · conta 1\n"
        "Clientes: 08:00–21:00 · decide 1 pessoa da lista · 1 caso aberto"
    )
    events = [json.loads(line)["event"] for line in site.log.splitlines()]
    starts = [event for event in events if event.startswith(("MODO REAL", "SIMULAÇÃO"))]
    assert events[0] == starts[0]
    assert starts[0] == (
        "MODO REAL · modelos 114, 116 · conta 1 · decidem os administradores do grupo · "
        "clientes: a qualquer hora · 0 casos abertos"
    )
    assert starts[3].endswith(" · 1 caso aberto")


async def test_source_away_at_the_start_is_said_once_and_caught_up_with(site: Isp) -> None:
    await site.olt.stop()
    async with site.bot(POLL_SECONDS="1"):
        await site.card("Sem leitura")
        await site.olt.start()
        await site.card("Aprovar")
        await site.card("A leitura da OLT Cloud voltou")
    assert len(said(site, "Sem leitura")) == 1
    assert len(said(site, "A leitura da OLT Cloud voltou")) == 1
    assert len(site.posts) == 3


async def test_gateway_away_is_waited_for_and_nobody_gets_two(site: Isp) -> None:
    await site.hsm.stop()
    async with site.bot():
        card = await site.card()
        await site.chat.tap(site.ana, card, "Aprovar")
        await until(lambda: any(line["kind"] == "intent" for line in ledger(site)))
        assert site.hsm.received == []
        await site.hsm.start()
        await site.chat.wait(lambda _: f"{CUSTOMERS} enviadas" in card.text)
    assert len(site.hsm.received) == CUSTOMERS
    assert site.hsm.duplicates == 0


async def test_what_happened_while_telegram_was_away_is_shown_as_it_is_then(site: Isp) -> None:
    first = next(iter(site.world.alerts.values()))
    async with site.bot():
        card = await site.card()
        edits = len(card.edits)
        await site.chat.stop()
        second = site.world.outage(3, olt="CB 02", slot_pon="1/1")
        await site.polls(2)
        second.active_devices_count = 1
        site.world.repair(first)
        await site.polls(2)
        await site.chat.start()
        new = await site.card("CB 02")
        await site.chat.wait(lambda _: "Normalizado" in card.text)
    assert site.posts == [card, new]
    assert "1 de 3" in new.text
    assert new.edits == []
    assert len(card.edits) == edits + 1
    assert card.buttons == []


async def test_sigterm_in_the_middle_of_sending_loses_nobody_and_repeats_nobody(site: Isp) -> None:
    site.hsm.faults.latency = 0.6
    async with site.bot(HSM_RATE="0", HSM_CONCURRENCY="2") as bot:
        card = await site.card()
        await site.chat.tap(site.ana, card, "Aprovar")
        await until(lambda: len(site.hsm.received) >= 2 and site.hsm.in_flight == 2)
        asked = len(site.hsm.requests)
        assert await stopped(bot) == 0
    assert len(site.hsm.requests) == asked, "a send left after the signal"
    assert len(site.hsm.received) == asked, "a send in flight was cut off"
    results = [line for line in ledger(site) if line["kind"] == "result"]
    assert len(results) == asked
    site.hsm.faults.clear()
    async with site.bot():
        await site.chat.wait(lambda _: f"{CUSTOMERS} enviadas" in card.text)
    assert (len(site.hsm.received), site.hsm.duplicates) == (CUSTOMERS, 0)
    assert len(site.posts) == 1


async def test_sigterm_during_the_countdown_sends_nothing_until_the_next_start(site: Isp) -> None:
    async with site.bot(UNDO_SECONDS="60") as bot:
        card = await site.card()
        await site.chat.tap(site.ana, card, "Aprovar")
        assert await stopped(bot) == 0
    assert site.hsm.requests == []
    async with site.bot():
        await site.chat.wait(lambda _: f"{CUSTOMERS} enviadas" in card.text)
    assert (len(site.hsm.received), site.hsm.duplicates) == (CUSTOMERS, 0)


async def test_sigterm_during_a_poll_is_no_error(site: Isp) -> None:
    async with site.bot() as bot:
        await site.card()
        site.olt.faults.inject(HangBefore())
        await until(lambda: site.olt.in_flight == 1)
        assert await stopped(bot) == 0
    assert "cut short by the stop" in site.log


async def test_a_second_bot_on_the_same_folder_ends_with_one_line(site: Isp) -> None:
    async with site.bot() as first:
        await site.card()
        code, out, err = await bot_command("run", cwd=site.folder, **site.variables | {"OPS_PORT": "0"})
        assert (code, out) == (1, "")
        assert str(site.folder / "data") in err
        assert len(err.splitlines()) == 1
        assert first.returncode is None
        assert await stopped(first) == 0
    assert site.chat.refused == []


async def test_a_taken_port_ends_with_one_line(site: Isp) -> None:
    taken = site.olt.url.rpartition(":")[2]
    code, _, err = await bot_command("run", cwd=site.folder, **site.variables | {"OPS_PORT": taken})
    assert code == 1
    last = err.splitlines()[-1]
    assert last.startswith(f"OPS_PORT: cannot listen on 127.0.0.1:{taken}")
    site.assert_clean(err)


async def test_a_start_that_comes_to_nothing_leaves_what_the_next_one_asks_about(site: Isp) -> None:
    """A line of its orderly stop, or a checkpoint, would make an old copy look like the present."""
    data = site.folder / "data"
    old = FileLedger.open(data, FakeClock())
    await old.commit(lambda _book, _now: [ev.Started("1"), ev.Alive()])
    await old.close()
    taken = site.olt.url.rpartition(":")[2]
    code, *_ = await bot_command("run", cwd=site.folder, **site.variables | {"OPS_PORT": taken})
    assert code == 1
    assert [line["kind"] for line in ledger(site)] == ["started", "alive"]
    assert list((data / "ledger").glob("checkpoint*")) == []
    async with site.bot():
        await site.chat.wait(lambda _: said(site, "não foi encerrado corretamente"))


async def test_bad_settings_are_all_named_at_once(tmp_path: Path) -> None:
    code, out, err = await bot_command(
        "run",
        cwd=tmp_path,
        TELEGRAM_TOKEN="oops-a-secret",
        TELEGRAM_CHAT_ID="5",
        API_BASE_URL="not a url",
        POLL_SECONDS="often",
        OPS_PORT="99999",
    )
    assert (code, out) == (2, "")
    named = re.findall(r"^  ([A-Z_]+) ", err, re.MULTILINE)
    assert sorted(named) == sorted(
        {
            *("TELEGRAM_TOKEN", "TELEGRAM_CHAT_ID", "API_BASE_URL", "API_USER", "API_PASS"),
            *("URL_HSM", "TOKEN_HSM", "HSM_ACCOUNT", "HSM_ID_LOS", "HSM_ID_POWER"),
            *("POLL_SECONDS", "OPS_PORT"),
        }
    )
    assert "Traceback" not in err
    assert "oops-a-secret" not in err


async def test_a_group_that_became_a_supergroup_is_followed_over_a_restart(site: Isp) -> None:
    new_id = -1009999999999
    async with site.bot():
        old_card = await site.card()
        site.chat.migrate(new_id)
        card = await site.card()
        notice = await site.card(str(new_id))
        assert card.chat == notice.chat == new_id != old_card.chat
    site.chat.refused.clear()
    async with site.bot():  # with the old TELEGRAM_CHAT_ID
        site.world.outage(3, olt="CB 02", slot_pon="1/1")
        assert (await site.card("CB 02")).chat == new_id
        await site.chat.tap(site.ana, card, "Aprovar")
        await site.chat.wait(lambda _: f"{CUSTOMERS} enviadas" in card.text)
    assert not [why for _, why in site.chat.refused if "upgraded" in why], "the old id was used again"
    assert len(said(site, "CB 01")) == 1


async def test_a_second_program_with_the_same_token_is_said_in_the_group(site: Isp) -> None:
    async with site.bot(), httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as thief:
        await site.card()
        await until(lambda: site.chat.updates.polling)
        url = f"{site.chat.url}/bot{site.chat.token}/getUpdates"
        await thief.get(url, params={"timeout": 1, "offset": 0})
        await site.card("Outro programa usa o mesmo token")
    assert len(said(site, "Outro programa")) == 1


async def test_the_bot_runs_from_a_tree_it_cannot_write_and_without_a_home(site: Isp) -> None:
    """What the image does: another folder to run in, a read-only tree, no HOME, state only in DATA_DIR."""
    before = set(site.folder.iterdir())
    async with site.bot(HOME="/nonexistent", PYTHONDONTWRITEBYTECODE="1", PYTHONSAFEPATH="1") as bot:
        await site.card()
        await until(lambda: site.chat.updates.polling)  # a card may be posted before the first poll
        assert await site.health() == (200, {})
        assert await stopped(bot) == 0
    assert {path.name for path in set(site.folder.iterdir()) - before} == {"bot.log", "data"}


async def test_a_stop_leaves_a_checkpoint_that_the_next_start_reads(site: Isp) -> None:
    async with site.bot() as bot:
        await site.card()
        assert await stopped(bot) == 0
    [kept] = (site.folder / "data" / "ledger").glob("checkpoint-*.json.xz")
    assert kept.name == f"checkpoint-{len(ledger(site))}.json.xz"
    kept.with_name("checkpoint-1.json.xz").write_bytes(b"torn")  # an older one, which nobody asks for
    async with site.bot():
        await site.polls(2)
        await until(lambda: site.chat.updates.polling)
    assert "checkpoint" not in site.log
    assert [line["kind"] for line in ledger(site)].count("case_opened") == 1


async def test_a_stop_waits_for_no_reading_and_none_of_them_is_an_error(
    site: Isp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(schedule, "SOON", 0.2)
    site.hsm.faults.always(HangBefore(), match=lambda path: "blacklist" in path)
    site.olt.faults.always(HangBefore(), match=lambda path: "/client" in path)
    stop = asyncio.Event()
    bot = asyncio.create_task(app.App(load(None, site.variables)).run(stop))
    await site.card()
    await until(lambda: site.hsm.in_flight and site.olt.in_flight)
    began = time.monotonic()
    stop.set()
    assert await bot == 0
    assert time.monotonic() - began < 20  # of the 35 s that it would wait for a send
    assert ledger(site)[-1]["kind"] == "stopped"
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
