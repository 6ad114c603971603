"""/relatorio: a month's report for an approver, in private."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from bot.errors import Declined
from bot.simulator.telegram.api import BotApi
from tests.chat.room import ANA, BETO, Room, opened
from tests.chat.test_commands import answer


@dataclass
class Made:
    """Reports that are there at once; `fails` is why one is not."""

    fails: str = ""
    asked: list[str] = field(default_factory=list)

    async def month(self, month: str) -> tuple[str, bytes]:
        self.asked.append(month)
        await asyncio.sleep(0)
        if self.fails:
            raise Declined(self.fails)
        return f"Relatório de apoio a ressarcimento, {month}\n<b>7 Ana</b>: 61 min\n", b"customer;start\r\n"


@pytest.fixture
def made() -> Made:
    return Made()


@pytest.fixture
async def room(api: BotApi, made: Made) -> AsyncIterator[Room]:
    async with opened(api, reports=made) as room:
        yield room


@pytest.mark.parametrize("typed", ["/relatorio 2026-11", "/report 11/2026", "/Relatório 2026-11"])
async def test_an_approver_gets_the_summary_and_the_rows(
    api: BotApi, room: Room, made: Made, typed: str
) -> None:
    await api.say(ANA, typed, ANA)
    await api.wait(lambda api: api.documents)
    told = [message.text for message in api.messages(ANA)]
    assert any("Montando" in text for text in told)
    [summary] = [text for text in told if "apoio a ressarcimento, 2026-11" in text]
    assert "<b>7 Ana</b>: 61 min" in summary, "what a name holds is no markup"
    [document] = api.documents
    assert (document.filename, document.document) == ("relatorio-2026-11.csv", b"customer;start\r\n")
    assert made.asked == ["2026-11"]
    assert api.messages() == []


async def test_names_of_customers_are_not_for_the_group_nor_for_who_may_not_decide(
    api: BotApi, room: Room, made: Made
) -> None:
    assert "no meu privado" in await answer(api, ANA, "/relatorio 2026-11")
    assert "administradores do grupo" in await answer(api, BETO, "/relatorio 2026-11")
    assert "administradores do grupo" in await answer(api, BETO, "/relatorio 2026-11", BETO)
    assert room.refusals == [
        (ANA, "relatorio", "report_private", None),
        (BETO, "relatorio", "not_allowed", None),
    ]
    assert made.asked == []


@pytest.mark.parametrize("typed", ["/relatorio", "/relatorio novembro", "/relatorio 2026-13"])
async def test_how_it_is_asked(api: BotApi, room: Room, made: Made, typed: str) -> None:
    assert "/relatorio 2026-11 ou /relatorio 11/2026" in await answer(api, ANA, typed, ANA)
    assert made.asked == []


@pytest.mark.parametrize(
    ("why", "said"), [("report_running", "já está sendo montado"), ("report_failed", "Não consegui montar")]
)
async def test_why_there_is_none_is_said(api: BotApi, room: Room, made: Made, why: str, said: str) -> None:
    made.fails = why
    await api.say(ANA, "/relatorio 2026-11", ANA)
    await api.wait(lambda api: any(said in message.text for message in api.messages(ANA)))
    assert not api.documents
