"""More undecided cases than cards: one message lists the others, and a tap on it opens a card."""

import asyncio
from dataclasses import replace

import pytest

from bot.chat.group import digest as digest_module
from bot.chat.group.digest import PAGE, Digest
from bot.chat.screens.attention import Attention
from bot.domain.case import Card
from bot.domain.events import (
    Approved,
    Assumed,
    CardPosted,
    CaseOpened,
    DigestPosted,
    Forecast,
    GroupMoved,
    IncidentEnded,
    IncidentJoined,
    Line,
    Silenced,
)
from bot.domain.limits.silence import Scope
from bot.domain.who import Who
from bot.simulator.telegram.api import BotApi, Message
from bot.storage.memory import MemoryLedger
from tests.chat.parts import deps
from tests.chat.room import ANA, BETO, FastClock, Room, opened, until
from tests.chat.screens import EN, PT, assert_arrives, labels
from tests.fakes import NOON, FakeClock, incident, port

WHO = Who(ANA, "Ana")
THREE = Attention(cards_at_once=3)


def lists(api: BotApi) -> list[Message]:
    return [message for message in api.messages() if "📋" in message.text]


async def the_list(api: BotApi, text: str) -> Message:
    """The newest digest, once it says so."""
    return await api.wait(lambda api: next((m for m in reversed(lists(api)) if text in m.text), None))


def with_cards(room: Room) -> list[int]:
    return [number for number in room.ledger.book.cases if room.telegram.chat.card(number)]


async def storm(room: Room, count: int, first: int = 1, affected: int | None = None) -> None:
    """Outages in one poll, each larger than the one before, or of that size."""
    cases = range(first, first + count)
    outages = (incident(n, place=f"1/{n}", affected=affected or n, started=room.started) for n in cases)
    await room.line(*(CaseOpened(n, outage) for n, outage in zip(cases, outages, strict=True)))
    for number in cases:
        room.telegram.chat.show(number)


async def ended(room: Room, *numbers: int) -> None:
    await room.line(*(IncidentEnded(number) for number in numbers))
    for number in numbers:
        room.telegram.chat.show(number)
    room.telegram.chat.refresh()


async def test_the_largest_have_cards_and_the_others_are_listed_largest_first(api: BotApi) -> None:
    async with opened(api, attention=THREE) as room:
        await storm(room, 8)
        listed = await the_list(api, "8 falhas esperam decisão: 3 com cartão, 5 nesta lista")
        assert with_cards(room) == [6, 7, 8]
        assert ["caso 8" in api.messages()[0].text, "caso 6" in api.messages()[2].text] == [True, True]
        rows = listed.text.splitlines()[1:]
        assert [row.rpartition(" ")[2] for row in rows] == ["5", "4", "3", "2", "1"]
        assert rows[0].startswith("🔴 LOS · CB 01 · 1/5 · cerca de 5 ONUs · desde ")
        assert listed.buttons[:-1] == [
            "5 · CB 01 1/5",
            "4 · CB 01 1/4",
            "3 · CB 01 1/3",
            "2 · CB 01 1/2",
            "1 · CB 01 1/1",
        ]
        await until(lambda: room.ledger.book.digests == {api.group: Card(api.group, listed.id)})
        assert room.telegram.chat.is_digest(listed.id)
        assert not room.telegram.chat.is_card(listed.id)
    assert len(api.messages()) == 4


async def test_small_ones_go_first_to_the_list(api: BotApi) -> None:
    async with opened(api, attention=Attention(cards_at_once=3, sound_from=3)) as room:
        await storm(room, 4)
        listed = await the_list(api, "2 nesta lista")
        assert (with_cards(room), listed.silent) == ([3, 4], True)
        assert "4 falhas esperam decisão: 2 com cartão" in listed.text
        await ended(room, 4)  # as many as there may be
        await until(lambda: with_cards(room) == [1, 2, 3, 4])


async def test_as_many_as_there_may_be_have_no_digest(api: BotApi) -> None:
    async with opened(api, attention=THREE) as room:
        await storm(room, 3)
        await until(lambda: len(with_cards(room)) == 3)
    assert lists(api) == []


async def test_a_tap_opens_a_card_whatever_the_number(api: BotApi) -> None:
    async with opened(api, attention=THREE) as room:
        await storm(room, 6)
        listed = await the_list(api, "3 nesta lista")
        assert "caso 2" in (await api.tap(BETO, listed, "2 · CB 01 1/2")).text
        await room.card(2)
        await api.wait(lambda _: "6 falhas esperam decisão: 4 com cartão, 2 nesta lista" in listed.text)
        assert listed.buttons[:-1] == ["3 · CB 01 1/3", "1 · CB 01 1/1"]
        room.telegram.chat.refresh()
        await storm(room, 1, first=7)
        await room.card(7)  # the largest of all, though there are four
    assert with_cards(room) == [2, 4, 5, 6, 7]


async def test_a_case_that_is_over_meanwhile_gets_no_card(api: BotApi) -> None:
    async with opened(api, attention=THREE) as room:
        await storm(room, 5)
        listed = await the_list(api, "2 nesta lista")
        await room.line(IncidentEnded(2))
        assert "A falha já acabou" in (await api.tap(BETO, listed, "2 · CB 01 1/2")).text
    assert 2 not in with_cards(room)


async def test_one_whose_size_nobody_knows_may_be_large(api: BotApi) -> None:
    async with opened(api, attention=THREE) as room:
        await storm(room, 4)
        await the_list(api, "1 nesta lista")
        unknown = incident(5, place="1/5", affected=None, started=room.started)
        await room.line(CaseOpened(5, unknown))
        room.telegram.chat.show(5)
        await room.card(5)
        await room.line(IncidentJoined(1, replace(unknown, id="6", port=port("1/6"))))
        room.telegram.chat.show(1)
        await room.card(1)  # a part of it does not say how large it is


async def test_what_grew_into_the_largest_gets_its_card(api: BotApi) -> None:
    async with opened(api, attention=THREE) as room:
        await storm(room, 5)
        listed = await the_list(api, "2 nesta lista")
        await room.grows(1, 40)
        await room.card(1)
        await api.wait(lambda _: listed.buttons[:-1] == ["2 · CB 01 1/2"])
    assert with_cards(room) == [1, 3, 4, 5]


@pytest.mark.parametrize(
    "line",
    [
        Approved(1, WHO, (port("1/1"),)),
        Assumed(1, WHO),
        Forecast(1, WHO, NOON),
    ],
    ids=lambda line: line.kind,
)
async def test_whatever_somebody_did_something_about_has_a_card(api: BotApi, line: Line) -> None:
    async with opened(api, attention=THREE) as room:
        await storm(room, 5)
        await the_list(api, "2 nesta lista")
        await room.line(line)
        room.telegram.chat.show(1, urgent=True)
        await room.card(1)


async def test_when_others_close_the_next_get_their_cards_and_then_there_is_nothing_more(api: BotApi) -> None:
    async with opened(api, attention=THREE) as room:
        await storm(room, 5)
        listed = await the_list(api, "2 nesta lista")
        await ended(room, 5)
        await room.card(2)
        await api.wait(lambda _: "4 falhas esperam decisão: 3 com cartão, 1 nesta lista" in listed.text)
        await ended(room, 4)
        await room.card(1)
        await api.wait(lambda _: "Nenhuma falha além dos cartões" in listed.text)
        assert listed.buttons == []
        await storm(room, 2, first=6, affected=1)  # within the hour the same message is used again
        await api.wait(lambda _: "5 falhas esperam decisão: 3 com cartão, 2 nesta lista" in listed.text)
    assert lists(api) == [listed]


async def test_one_that_ends_on_the_list_never_has_a_card(api: BotApi) -> None:
    async with opened(api, attention=THREE) as room:
        await storm(room, 5)
        listed = await the_list(api, "2 nesta lista")
        await ended(room, 1)
        await api.wait(lambda _: listed.buttons[:-1] == ["2 · CB 01 1/2"])
    assert with_cards(room) == [3, 4, 5]
    assert len(api.messages()) == 4


async def test_after_an_hour_without_any_a_new_one_rings(
    api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digest_module, "NEW_AFTER", 5.0)
    async with opened(api, attention=THREE, speed=50) as room:
        await storm(room, 4)
        first = await the_list(api, "1 nesta lista")
        await ended(room, 4)
        await api.wait(lambda _: "Nenhuma" in first.text)
        await room.clock.sleep(6)
        await storm(room, 3, first=5, affected=1)
        await api.wait(lambda api: len(lists(api)) == 2)
        second = await the_list(api, "nesta lista")
        await until(lambda: room.telegram.chat.is_digest(second.id))
        assert "Nenhuma" in first.text
    assert second.id > first.id


async def test_a_restart_edits_the_one_there_is(api: BotApi) -> None:
    async with opened(api, attention=THREE) as room:
        await storm(room, 5)
        listed = await the_list(api, "2 nesta lista")
        await until(lambda: room.ledger.book.digests)
    ledger = MemoryLedger(FastClock(), room.ledger.lines)
    async with opened(api, attention=THREE, ledger=ledger, connected=False) as room:
        await room.grows(2, 1)
        await api.wait(lambda _: "caso 2" in listed.text.splitlines()[2])
        await storm(room, 1, first=6)
        await api.wait(lambda _: "6 falhas esperam decisão" in listed.text)
    assert lists(api) == [listed]
    assert [line for _, line in ledger.lines if isinstance(line, DigestPosted)] == [
        DigestPosted(api.group, listed.id)
    ]
    assert len(api.messages()) == 5  # three cards at first, and the new largest


async def test_one_that_somebody_deleted_is_posted_again(api: BotApi) -> None:
    async with opened(api, attention=THREE) as room:
        await storm(room, 5)
        first = await the_list(api, "2 nesta lista")
        first.deleted = True
        await ended(room, 1)
        second = await the_list(api, "1 nesta lista")
        await until(lambda: room.telegram.chat.is_digest(second.id))
    assert second.id != first.id


async def test_it_is_posted_again_where_the_group_moved_to(api: BotApi) -> None:
    new = -1009876543210
    async with opened(api, attention=THREE) as room:
        old = api.group
        await storm(room, 5)
        await the_list(api, "2 nesta lista")
        api.migrate(new)
        await ended(room, 1)
        second = await the_list(api, "1 nesta lista")
        assert second.chat == new
        await until(lambda: room.ledger.book.digests.get(new) == Card(new, second.id))
    assert GroupMoved(old, new) in [line for _, line in room.ledger.lines]


async def test_planned_work_is_neither_listed_nor_given_cards(api: BotApi) -> None:
    async with opened(api, attention=THREE) as room:
        await storm(room, 5)
        listed = await the_list(api, "2 nesta lista")
        until_then = room.clock.now().replace(year=2100)
        await room.line(Silenced(1, (Scope("CB 01", "1/2"),), until_then, WHO, "obra"))
        room.telegram.chat.refresh()
        await api.wait(lambda _: listed.buttons[:-1] == ["1 · CB 01 1/1"])
        assert "4 falhas esperam decisão" in listed.text
        late = await api.post_callback(BETO, listed, "card:2:")
        assert "Para enviar, encerre o silêncio" in late.text, "no card comes that is not to come"
    assert with_cards(room) == [3, 4, 5]


async def test_pages(api: BotApi) -> None:
    async with opened(api, attention=THREE) as room:
        await storm(room, 3 + PAGE + 2)
        listed = await the_list(api, "página 1 de 2")
        assert listed.buttons[-2:] == ["▶", "☑️ Decidir várias (29)"]
        assert len(listed.buttons) == PAGE + 2
        await api.tap(BETO, listed, "▶")
        await api.wait(lambda _: "página 2 de 2" in listed.text)
        assert listed.buttons[:-1] == ["2 · CB 01 1/2", "1 · CB 01 1/1", "◀"]
        room.telegram.chat.turn_digest(99)
        room.telegram.chat.turn_digest(-1)
        await api.wait(lambda _: "página 1 de 2" in listed.text)
    assert api.refused == []


async def test_a_forged_decision_on_the_list_does_not_make_it_a_card(api: BotApi) -> None:
    async with opened(api, attention=THREE) as room:
        await storm(room, 5)
        await until(lambda: room.ledger.book.digests)
    ledger = MemoryLedger(FastClock(), room.ledger.lines)  # after a restart any case may have lost its post
    async with opened(api, attention=THREE, ledger=ledger) as room:
        listed = await the_list(api, "2 nesta lista")
        answer = await api.post_callback(ANA, listed, "ok:1:")
        assert "Não reconheço" in answer.text
    assert room.decided == []
    assert [line.case for _, line in ledger.lines if isinstance(line, CardPosted)] == [5, 4, 3]


async def test_a_closed_ledger_hides_nothing(api: BotApi) -> None:
    async with opened(api, attention=THREE) as room:
        await storm(room, 5)
        room.ledger.fail("the disk is full")
        listed = await the_list(api, "2 nesta lista")
        await asyncio.sleep(0.05)
        room.telegram.chat.refresh()
        await room.clock.sleep(0.1)
        assert room.telegram.chat.is_digest(listed.id)
    assert lists(api) == [listed]


@pytest.mark.parametrize("words", [PT, EN])
def test_names_of_any_length_fit_one_message(words: object) -> None:
    clock = FakeClock()
    ledger = MemoryLedger(clock)
    names = ["<b>&" * 60, "🔥" * 300, "OLT"]
    for number in range(1, 61):
        where = replace(port(f"1/{number}"), olt=names[number % 3], place="🔥/9" * 40)
        about = replace(incident(number, affected=None if number % 2 else number), port=where)
        ledger.book.apply(NOON, CaseOpened(number, about))
    digest = Digest(deps(ledger, clock, attention=THREE), card=lambda _: None)
    digest.sort_out()
    assert digest.waiting == 60
    screen = digest.screen(PT if words is PT else EN, NOON)
    text = assert_arrives(screen)
    assert "\n+ " in text
    assert all(len(row.split(" ")) >= 3 for row in labels(screen)[:-2])


def test_a_poll_of_3000_is_sorted_out_once() -> None:
    clock = FakeClock()
    ledger = MemoryLedger(clock)
    for number in range(1, 3001):
        ledger.book.apply(NOON, CaseOpened(number, incident(number, place=f"1/{number}", affected=number)))
    digest = Digest(deps(ledger, clock, attention=Attention(cards_at_once=10)), card=lambda _: None)
    assert digest.sort_out() == ([], False)
    assert digest.sort_out() is None
    assert list(digest.listed)[:2] == [2990, 2989]
    ledger.book.apply(NOON, Approved(3000, WHO, (port("1/3000"),)))
    digest.touch(3000)
    assert digest.sort_out() == ([2990], False)
    digest.touch(3000)  # progress of a running dispatch
    assert digest.sort_out() is None


def test_two_alerts_of_the_same_onus_count_once_there_too() -> None:
    ledger = MemoryLedger(FakeClock())
    one = incident("1", affected=33)
    same = replace(one, id="2", alert_type="cto_loss", affected=8)
    ledger.book.apply(NOON, CaseOpened(1, one, (same,)))
    digest = Digest(deps(ledger, attention=Attention(cards_at_once=0)), card=lambda _: None)
    digest.sort_out()
    assert "cerca de 33 ONUs" in digest.screen(PT, NOON).html


def test_without_a_number_of_cards_at_once_there_is_no_digest() -> None:
    ledger = MemoryLedger(FakeClock())
    for number in range(1, 50):
        ledger.book.apply(NOON, CaseOpened(number, incident(number)))
    digest = Digest(deps(ledger), card=lambda _: None)
    digest.touch(1)
    assert digest.sort_out() is None
    assert not digest.listed
