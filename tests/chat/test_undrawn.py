"""A card that cannot be drawn, for whatever reason, is told in one plain notice; the others go on."""

import pytest

from bot.chat.group import digest, notices, painting
from bot.chat.screens.attention import Attention
from bot.chat.screens.cards import card as cards
from bot.chat.screens.cards.head import headline
from bot.ports import Notice
from bot.simulator.server import Answer
from bot.simulator.telegram.api import BotApi
from tests.chat.room import opened, until
from tests.chat.test_noc_chat import method, texts


class Broken:
    """`cards.card`, which cannot draw case 1; how often it was tried."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tries, self.off = 0, False
        draw = cards.card

        def broken(case: object, *args: object, **kwargs: object) -> object:
            if getattr(case, "id", 0) == 1 and not self.off:
                self.tries += 1
                raise KeyError(case)
            return draw(case, *args, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr(cards, "card", broken)


@pytest.mark.process
async def test_a_card_that_cannot_be_drawn_is_told_once_and_tried_again_rarely(
    api: BotApi, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Broken(monkeypatch)
    async with opened(api, speed=200) as room:
        await room.outage(1, affected=33)
        await room.outage(2)
        await room.card(2)
        told = await api.wait(lambda api: next((m for m in api.messages() if "Não consigo" in m.text), None))
        assert told.text == (
            "⚠️ Não consigo mostrar o cartão do caso 1 · CB 01 1/1 · 🔴 LOS · 33 ONUs. "
            "Continuo tentando; o motivo está no log do bot."
        )
        for affected in range(34, 40):
            await room.grows(1, affected, urgent=True)
            await room.clock.sleep(60)
        assert broken.tries <= 4  # at 0, 60, 180 and 420 s
        assert sum("Não consigo" in text for text in texts(api)) == 1
        broken.off = True
        await room.card(1)
    assert caplog.text.count("the card of case 1 (0: the digest) cannot be shown") == 1


@pytest.mark.parametrize(
    "why", ["BUTTON_DATA_INVALID", "REPLY_MARKUP_TOO_LONG", "ENTITIES_TOO_LONG", "STRANGE"]
)
async def test_a_card_that_telegram_refuses_is_told(api: BotApi, why: str) -> None:
    refused = Answer(400, f'{{"ok":false,"error_code":400,"description":"Bad Request: {why}"}}')
    async with opened(api, speed=100) as room:
        api.faults.inject(refused, 2, match=method("sendMessage"))
        await room.outage(1)
        await api.wait(lambda api: any("Não consigo mostrar o cartão do caso 1" in t for t in texts(api)))
        await room.card(1)


async def test_of_a_case_that_cannot_be_read_at_all_its_number_is_told(api: BotApi) -> None:
    async with opened(api) as room:
        await room.outage(1)
        case = room.ledger.book.cases[1]
        case.incident = None  # type: ignore[assignment]
        facts = notices.plain_facts(case)
        assert facts == {"case": 1, "port": "", "kind": "", "affected": None}
        room.telegram.chat.say(Notice("undrawn", facts))
        await api.wait(lambda api: any("do caso 1. Continuo" in text for text in texts(api)))


async def test_a_notice_that_cannot_be_written_is_told_all_the_same(api: BotApi) -> None:
    async with opened(api) as room:
        room.telegram.chat.say(Notice("halted", {"odd": 1}))
        await api.wait(lambda api: any("Um aviso não pôde ser escrito (halted)" in t for t in texts(api)))


async def test_a_case_that_cannot_be_drawn_in_the_list_hides_no_other(
    api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(case: object, *args: object) -> object:
        if getattr(case, "id", 0) == 2:
            raise ValueError(case)
        return headline(case, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(digest, "headline", broken)
    async with opened(api, attention=Attention(cards_at_once=1)) as room:
        for number, affected in ((1, 30), (2, 20), (3, 10)):
            await room.outage(number, affected)
        listed = await api.wait(
            lambda api: next((m for m in api.messages() if "caso 3" in m.text and "📋" in m.text), None)
        )
        assert "caso 2 · não consigo mostrar os dados" in listed.text


@pytest.mark.bug("a card that could not be drawn stopped the painter")
async def test_a_case_that_breaks_the_painter_itself_ends_nothing(
    api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    worth = painting.Painter._worth_a_message

    def broken(self: painting.Painter, number: int, now: object) -> bool:
        if number == 1:
            raise AttributeError
        return worth(self, number, now)  # type: ignore[arg-type]

    monkeypatch.setattr(painting.Painter, "_worth_a_message", broken)
    async with opened(api) as room:
        await room.outage(1)
        await room.outage(2)
        await room.card(2)
        await until(lambda: any("do caso 1" in text for text in texts(api)))
