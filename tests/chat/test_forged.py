"""Callback data that no button of the tapped message has, or has no more."""

import pytest

from bot.domain.events import CardPosted, Denied
from bot.domain.who import Who
from bot.ports import Notice
from bot.simulator.server import DropAfter
from bot.simulator.telegram.api import BotApi, Message
from bot.storage.memory import MemoryLedger
from tests.chat.room import ANA, BETO, CARLA, FastClock, Room, opened, until


async def notice(room: Room) -> Message:
    room.telegram.chat.say(Notice("second_poller"))
    found = await room.api.wait(
        lambda api: next((m for m in api.messages() if "mesmo token" in m.text), None)
    )
    assert isinstance(found, Message)
    return found


@pytest.mark.parametrize("data", ["who:2:", "ok:2:", "no?:2:"])
async def test_a_tap_about_another_case_leaves_the_card_its_buttons(room: Room, data: str) -> None:
    api = room.api
    await room.outage(2)
    first, second = await room.card(1), await room.card(2)
    assert "Não reconheço" in (await api.post_callback(ANA, first, data)).text
    assert "Aprovado" in (await api.tap(ANA, second, "Aprovar")).text
    await room.shows(second, "Aprovado por")
    assert first.buttons[:3] == ["Aprovar", "Negar", "Detalhes"]
    assert first.edits == []
    assert [why for _, _, why, _ in room.refusals] == ["unknown_button"]


async def test_a_card_that_lost_its_buttons_all_the_same_is_drawn_again(room: Room) -> None:
    card = await room.card()
    await until(lambda: room.telegram.chat._posted.of(1).screen is not None)  # it knows what it has shown
    card.keyboard = []
    room.telegram.chat.stripped(card.id)
    await room.api.wait(lambda _: card.buttons)


@pytest.mark.parametrize("data", ["log:0:0|", "who:1:1", "cool:0:", "free?:0:CB 01:1/1"])
async def test_a_notice_is_never_turned_into_a_page(room: Room, data: str) -> None:
    said = await notice(room)
    before = said.text
    assert "Página antiga" in (await room.api.post_callback(ANA, said, data)).text
    await room.api.post_callback(ANA, await room.card(), "who:1:")
    await room.api.wait(lambda api: any("Caso 1" in m.text for m in api.messages()))
    assert (said.text, said.edits) == (before, [])
    assert [why for _, _, why, _ in room.refusals] == ["old_page"]


async def test_a_page_is_not_turned_into_one_of_another_kind(room: Room) -> None:
    card = await room.card()
    await room.api.tap(ANA, card, "Detalhes")
    page = await room.api.wait(lambda api: next((m for m in api.messages() if "Caso 1" in m.text), None))
    for data in ("log:0:0|", "who:2:1", "cool:0:"):
        assert "Não reconheço" in (await room.api.post_callback(ANA, page, data)).text
    assert page.edits == []


@pytest.mark.bug("a notice could be turned into a page, or adopted as a card")
async def test_a_notice_is_never_adopted_as_a_card(api: BotApi) -> None:
    async with opened(api, speed=20) as room:
        said = await notice(room)
        api.faults.inject(DropAfter(), match=lambda path: path.endswith("/sendMessage"))
        await room.outage(1)
        await api.wait(lambda api: len(api.messages()) == 2)
        await until(lambda: room.telegram.chat.in_doubt(1))
        assert "Não reconheço" in (await api.post_callback(ANA, said, "ok:1:")).text
        assert room.telegram.chat.card(1) is None
        card = api.messages()[1]
        assert "Não reconheço" in (await api.post_callback(BETO, card, "who:1:")).text
        assert room.telegram.chat.card(1) is None
        assert "Aprovado" in (await api.tap(ANA, card, "Aprovar")).text
        assert room.decided == [("approved", 1)]


async def test_only_a_case_whose_post_is_in_doubt_adopts_a_message(room: Room) -> None:
    api = room.api
    foreign = api.append(Message(0, api.group, "x"))
    await api.stop()
    await room.outage(2)
    await api.start()
    await room.card(2)
    (await room.card(2)).deleted = True
    room.telegram.chat._posted.of(2).lost = room.telegram.chat.card(2)
    assert "Não reconheço" in (await api.post_callback(ANA, foreign, "ok:2:")).text
    assert room.decided == []


async def test_a_card_posted_just_before_a_crash_is_adopted_by_an_approver(api: BotApi) -> None:
    ledger = MemoryLedger(FastClock())
    async with opened(api, ledger=ledger) as room:
        await room.outage()
        card = await room.card()
    lines = [(at, line) for at, line in ledger.lines if not isinstance(line, CardPosted)]
    api.faults.always(DropAfter(), match=lambda path: path.endswith("/sendMessage"))
    async with opened(api, ledger=MemoryLedger(FastClock(), lines)) as room:
        assert "Aprovado" in (await api.tap(ANA, card, "Aprovar")).text
        assert room.decided == [("approved", 1)]


async def test_deny_on_a_decided_case_says_who_was_first(room: Room) -> None:
    api, card = room.api, await room.card()
    await room.line(Denied(1, Who(CARLA, "Carla"), "other"))
    answer = await api.post_callback(ANA, card, "no?:1:")
    assert answer.text.startswith("Carla já negou (")
    assert "/" not in answer.text, "today's time needs no date"
    assert (await api.post_callback(ANA, card, "back:1:")).text == "", "what is asked may be about more"
    assert room.refusals == [(ANA, "ask_deny", "already_denied", 1)]


async def test_a_document_that_cannot_be_sent_says_so(room: Room) -> None:
    api = room.api
    api.users[ANA].opened_private = True
    api.faults.always(DropAfter(), match=lambda path: path.endswith("/sendDocument"))
    await api.say(ANA, "/audit hoje", ANA)
    await room.line(Denied(1, Who(CARLA, "Carla"), "other"))
    await api.say(ANA, "/audit", ANA)
    page = await api.wait(lambda api: next((m for m in api.messages(ANA) if "Auditoria" in m.text), None))
    assert "Preparando" in (await api.tap(ANA, page, "CSV")).text
    await api.wait(lambda api: any("Não consegui enviar" in m.text for m in api.messages(ANA)))
