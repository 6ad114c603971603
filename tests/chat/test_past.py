"""Old cards and old decisions, asked for in the group: the book let them go, the ledger has them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from telegram import Bot

from bot.chat.screens.pages import sheets
from bot.domain import events as ev
from bot.domain.leaving import KEPT, TOLD
from bot.domain.plan import Outcome
from bot.simulator.telegram.api import BotApi, Message
from bot.storage.memory import MemoryLedger
from bot.storage.past import history
from bot.storage.past.history import FileHistory
from tests.chat.room import ANA, FastClock, Room, opened, until
from tests.fakes import ANA as ANA_HERSELF
from tests.fakes import incident, port
from tests.people import KEY, lay
from tests.storage.past.histories import Dated, write
from tests.storage.samples import PLAN

DAYS = 40


def old_lines(
    group: int, card: int, now: datetime, days: int = DAYS, end: Outcome = Outcome.REJECTED
) -> list[Dated]:
    """A case of long ago with this card, then so many days of others: 30 decisions a day."""
    at = now - timedelta(days=days)
    lines: list[Dated] = [
        (at, ev.CaseOpened(1, incident(1, place="9/9", olt="Velha"))),
        (at, ev.CardPosted(1, group, card)),
        (at, ev.Approved(1, ANA_HERSELF, (port("9/9", "Velha"),))),
        (at, ev.Planned(1, 3, PLAN)),
        *((at, ev.Intent(1, one)) for one in ("c1", "c2")),
        (at, ev.Result(1, "c1", Outcome.ACCEPTED, "1")),
        (at, ev.Result(1, "c2", end, None, "sem WhatsApp")),
        (at, ev.Settled(1, "done")),
        (at, ev.IncidentEnded(1)),
    ]
    for day in range(1, days):
        at, number = now - timedelta(days=days - day), day + 1
        lines += [(at, ev.CaseOpened(number, incident(number, place=f"1/{day}")))]
        lines += [(at, ev.Assumed(number, ANA_HERSELF)) for _ in range(30)]
        lines += [(at, ev.IncidentEnded(number))]
    return lines


@dataclass
class Old:
    """A room whose ledger is old, and the card of its first case."""

    room: Room
    card: Message

    async def taps(self, user: int, data: str) -> str:
        return (await self.room.api.post_callback(user, self.card, data)).text

    async def page(self) -> Message:
        """What comes below the card."""
        await self.room.api.wait(lambda api: any(m.reply_to == self.card.id for m in api.messages()))
        return next(m for m in self.room.api.messages() if m.reply_to == self.card.id)

    async def asks(self, text: str) -> Message:
        """The answer to a command."""
        typed = await self.room.api.say(ANA, text)
        await self.room.api.wait(lambda api: any(m.reply_to == typed.id for m in api.messages()))
        return next(m for m in self.room.api.messages() if m.reply_to == typed.id)


@asynccontextmanager
async def grown_old(
    api: BotApi,
    bot: Bot,
    folder: Path,
    *,
    told: bool = True,
    days: int = DAYS,
    end: Outcome = Outcome.REJECTED,
) -> AsyncIterator[Old]:
    """`told`: there is a history to ask. `end` is how a send of the first case ended."""
    posted = await bot.send_message(api.group, "the card")
    card = next(m for m in api.messages() if m.id == posted.message_id)
    clock = FastClock()
    lines = old_lines(api.group, card.id, datetime.now(UTC), days, end)
    lines = lay(folder, lines)
    write(folder, [[line] for line in lines])
    ledger = MemoryLedger(clock, lines)
    vars(ledger)["person"] = KEY.person  # as the file's lines have it
    assert 1 not in ledger.book.cases
    past = FileHistory(folder, lambda: None, clock) if told else None
    async with opened(api, ledger=ledger, history=past) as room:
        yield Old(room, card)
    if past is not None:
        await past.close()


@pytest.fixture
async def old(api: BotApi, bot: Bot, tmp_path: Path) -> AsyncIterator[Old]:
    async with grown_old(api, bot, tmp_path) as found:
        yield found


async def test_details_of_an_old_card_are_as_its_plan_had_them(old: Old) -> None:
    assert "Buscando" in await old.taps(ANA, "who:1:")
    page = await old.page()
    assert "Caso 1" in page.text
    assert "Velha" in page.text
    assert "Maria" in page.text
    assert "sem WhatsApp" in page.text
    assert "****-0001" in page.text
    assert "Conforme o plano do envio" in page.text
    await old.room.api.say(ANA, "/start", chat=ANA)
    assert "Preparando" in (await old.room.api.tap(ANA, page, "CSV")).text
    await old.room.api.wait(lambda api: api.documents)


async def test_the_doubts_of_an_old_card_are_none(old: Old) -> None:
    await old.taps(ANA, "unk:1:")
    assert "nenhuma incerta" in (await old.page()).text


@pytest.mark.parametrize("data", ["ok:1:", "no:1:outage", "up:1:", "end:1:"])
async def test_nothing_is_decided_on_an_old_card(old: Old, data: str) -> None:
    assert "saiu da memória" in await old.taps(ANA, data)
    assert not old.room.decided


async def test_details_of_a_case_that_had_another_card_are_not_shown(old: Old) -> None:
    await old.taps(ANA, "who:2:")  # forged: that card is of case 1, and case 2 had none
    assert "Caso 2" in (await old.page()).text
    forged = await old.room.api.say(ANA, "no card")
    await old.room.api.post_callback(ANA, forged, "who:1:")
    await old.room.api.wait(lambda api: any("Não reconheço" in m.text for m in api.messages()))


async def test_the_audit_goes_on_where_the_book_ends(old: Old) -> None:
    held = len(old.room.ledger.book.audit)
    assert 1000 <= held < 30 * (DAYS - 1)
    page = await old.asks("/auditoria velha")
    assert "1 registro" in page.text
    assert "aprovou" in page.text
    assert "1 recusada" in page.text
    whole = await old.asks("/auditoria")
    assert f"{30 * (DAYS - 1) + 1:,}".replace(",", ".") in whole.text
    far = await old.asks("/auditoria 1/39")
    assert "Auditoria · 30 registros" in far.text
    assert "página 1 de 4\n" in far.text
    await old.room.api.tap(ANA, far, "▶")
    await old.room.shows(far, "página 2 de 4")
    day = datetime.now(UTC).astimezone(ZoneInfo("America/Sao_Paulo")) - timedelta(days=DAYS)
    assert "aprovou" in (await old.asks(f"/auditoria {day:%d/%m/%Y}")).text
    assert "5 registros" in (await old.asks("/auditoria 5")).text


async def test_without_a_history_it_is_as_far_as_the_book_goes(api: BotApi, bot: Bot, tmp_path: Path) -> None:
    async with grown_old(api, bot, tmp_path, told=False) as old:
        assert "saiu da memória" in await old.taps(ANA, "who:1:")
        assert "Nenhum registro" in (await old.asks("/auditoria velha")).text


async def test_while_the_ledger_is_read_the_newest_are_shown(
    old: Old, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "_PATIENCE", 0.0)
    page = await old.asks("/auditoria")
    assert "ainda está sendo lido" in page.text
    assert "assumiu" in page.text


async def test_where_the_ledger_cannot_be_read_nobody_is_told_to_wait(
    old: Old, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "_LIVES", -1)
    page = await old.asks("/auditoria")
    assert "não pôde ser lido" in page.text
    assert "de novo em instantes" not in page.text
    assert "assumiu" in page.text


async def test_a_document_of_the_audit_says_how_much_is_older(
    old: Old, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "ENTRIES", 7)
    api = old.room.api
    await api.say(ANA, "/start", chat=ANA)
    page = await old.asks("/auditoria 1/39")
    for number, button in enumerate(("CSV", "JSON"), 1):
        await api.tap(ANA, page, button)
        await until(lambda: len(api.documents) == number)  # noqa: B023 - waited for in this turn
    table, objects = (found.document or b"" for found in api.documents)
    assert len(table.decode("utf-8-sig").splitlines()) == 1 + 7 + 1
    assert "23 registros mais antigos" in table.decode("utf-8-sig")
    assert json.loads(objects)[-1] == {"left_out": 23}


@pytest.mark.parametrize("text", ["maria", "Mariá", "61 99999-0002", "zteg00000003", "90002"])
async def test_a_customer_of_long_ago_is_found(old: Old, text: str) -> None:
    found = await old.asks(f"/cliente {text}")
    assert "Maria · final 0002" in found.text
    assert "Em nenhum caso aberto agora" in found.text
    assert "Caso 1" in found.text
    assert "Velha 9/9" in found.text
    assert "recusada: sem WhatsApp" in found.text
    assert "99999" not in found.text


async def test_whose_name_is_gone_is_found_by_phone_and_onu(api: BotApi, bot: Bot, tmp_path: Path) -> None:
    async with grown_old(api, bot, tmp_path) as old:
        for month in (tmp_path / "people").iterdir():
            month.unlink()
        for text in ("61 99999-0002", "zteg00000003"):
            found = await old.asks(f"/cliente {text}")
            assert "sem nome" in found.text
            assert "Nome já apagado" in found.text
            assert "recusada: sem WhatsApp" in found.text
        assert "PERSONAL_DAYS" in (await old.asks("/cliente maria")).text


async def test_while_the_ledger_is_read_a_customer_is_looked_for_in_recent_cases(
    old: Old, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "_PATIENCE", 0.0)
    found = await old.asks("/cliente maria")
    assert "Não achei ninguém" in found.text
    assert "não pôde ser lido agora" in found.text


async def test_a_doubt_that_nobody_decided_on_is_shown_as_the_ledger_has_it(
    api: BotApi, bot: Bot, tmp_path: Path
) -> None:
    """Its button on the old card still opens the list; it says why nothing can be decided any more."""
    async with grown_old(api, bot, tmp_path, days=TOLD + KEPT + 3, end=Outcome.UNKNOWN) as old:
        assert old.room.ledger.book.doubtful == {}
        await old.taps(ANA, "unk:1:")
        page = await old.page()
        assert "Incertas · caso 1 · Velha · 9/9\n1 a decidir" in page.text
        assert "o caso já saiu da memória do bot, e no registro elas ficam como incertas" in page.text
        assert PLAN[1].name in page.text
        assert [button.text for row in page.keyboard for button in row] == ["⬇ CSV com os telefones"]
        await api.say(ANA, "/start", chat=ANA)
        await api.tap(ANA, page, "CSV")
        await api.wait(lambda api: api.documents)
        assert str(PLAN[1].phone) in (api.documents[0].document or b"").decode()
