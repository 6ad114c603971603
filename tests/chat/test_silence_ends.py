"""A silence says that it ends, once, and can be had to last longer there."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from bot.chat.screens.pages.silences import end_facts
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.events import CaseOpened, Denied, Silenced, SilenceEnded, SilenceWarned
from bot.domain.limits.silence import Scope, ending
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.errors import Declined
from bot.flow.due import SILENCE_ENDS, notices
from bot.ports import Notice
from bot.simulator.server import DropAfter
from bot.simulator.telegram.api import BotApi, Message
from bot.steps import describe
from bot.storage.memory import MemoryLedger
from tests.chat.room import ANA, BETO, FastClock, Room, opened, until
from tests.chat.screens import EN, PT
from tests.chat.test_noc_chat import method
from tests.fakes import ANA as ANA_
from tests.fakes import BRUNO, NOON, incident

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
WHERE = (Scope("CB 01", "6"),)


def silenced(lasts: timedelta = HOUR, number: int = 1, at: datetime = NOON) -> Book:
    book = Book()
    book.apply(at, Silenced(number, WHERE, at + lasts, ANA_, "troca de placa"))
    return book


class TestWhichEndSoon:
    def test_from_a_quarter_of_an_hour_before_its_end_until_then(self) -> None:
        book = silenced()
        told = [n for n in range(70) if ending(book.lasting, NOON + n * MINUTE)]
        assert told == list(range(45, 60))
        assert notices(book, NOON + 44 * MINUTE, Rules()) == []
        assert notices(book, NOON + 45 * MINUTE, Rules()) == [Notice(SILENCE_ENDS, {"silence": 1})]

    def test_one_that_is_shorter_than_twice_that_says_nothing(self) -> None:
        assert ending(silenced(timedelta(minutes=29)).lasting, NOON + 20 * MINUTE) == []
        assert ending(silenced(timedelta(minutes=30)).lasting, NOON + 20 * MINUTE) != []

    def test_once_it_was_said_it_is_not_said_again_unless_it_lasts_longer(self) -> None:
        book = silenced()
        book.apply(NOON + 50 * MINUTE, SilenceWarned(1))
        assert ending(book.lasting, NOON + 50 * MINUTE) == []
        assert book.silences[1].warned
        longer = describe.prolong(1, BRUNO, HOUR, NOON + HOUR)(book, NOON + 50 * MINUTE)
        for line in longer:
            book.apply(NOON + 50 * MINUTE, line)
        (again,) = ending(book.lasting, NOON + 110 * MINUTE)
        assert (again.id, again.since, again.until, again.by) == (1, NOON, NOON + 2 * HOUR, BRUNO)
        assert (again.scopes, again.reason) == (WHERE, "troca de placa")

    def test_of_several_the_first_to_end_comes_first(self) -> None:
        book = silenced()
        book.apply(NOON, Silenced(2, WHERE, NOON + 50 * MINUTE, ANA_, "x"))
        assert [one.id for one in ending(book.lasting, NOON + 45 * MINUTE)] == [2, 1]

    def test_one_that_nobody_knows_any_more_changes_nothing(self) -> None:
        book = Book()
        book.apply(NOON, SilenceWarned(7))
        assert (book.silences, book.lasting) == ({}, [])


class TestLonger:
    def test_only_as_it_was_shown(self) -> None:
        book = silenced()
        with pytest.raises(Declined, match="silence_changed"):
            describe.prolong(1, BRUNO, HOUR, NOON + 2 * HOUR)(book, NOON)
        with pytest.raises(Declined, match="no_silence"):
            describe.prolong(2, BRUNO, HOUR, NOON + HOUR)(book, NOON)
        with pytest.raises(Declined, match="no_silence"):
            describe.prolong(1, BRUNO, HOUR, NOON + HOUR)(book, NOON + HOUR)
        with pytest.raises(Declined, match="silence_too_long"):
            describe.prolong(1, BRUNO, timedelta(days=7), NOON + HOUR)(book, NOON)


def text(words: Words, *, denied: bool = False) -> str:
    book, now = silenced(), NOON + 45 * MINUTE
    book.apply(NOON, CaseOpened(1, incident(1, place="6/1")))
    book.apply(NOON, CaseOpened(2, incident(2, place="7/1")))
    if denied:
        book.apply(NOON, Denied(1, BRUNO, "other"))
    return words.say("notice.silence_ends", **end_facts(book.silences[1], book, now), now=now)


def test_it_says_where_until_when_by_whom_and_what_comes_back() -> None:
    assert text(PT) == (
        "🔔 <b>O silêncio de CB 01 slot 6 acaba às 13:00</b>, em 15 min (Ana: troca de placa). "
        "1 falha aberta ali volta a pedir decisão."
    )
    assert text(EN) == (
        "🔔 <b>The silence of CB 01 slot 6 ends at 13:00</b>, in 15 min (Ana: troca de placa). "
        "1 open outage there asks for a decision again."
    )
    assert text(PT, denied=True).endswith("Depois, o que estiver fora ali ganha cartão.")


async def said(api: BotApi) -> Message:
    return await api.wait(lambda api: next(iter(ends(api)), None))


def ends(api: BotApi) -> list[Message]:
    return [message for message in api.messages() if "O silêncio de CB 01 slot 6" in message.text]


async def all_said(room: Room) -> None:
    await until(lambda: room.telegram.chat.waiting()[2] == 0)


def warned(room: Room) -> int:
    return sum(isinstance(line, SilenceWarned) for _, line in room.ledger.lines)


def lasting(clock: FastClock) -> MemoryLedger:
    """A silence of an hour that ends in ten minutes."""
    began = clock.now() - 50 * MINUTE
    line = Silenced(1, WHERE, began + HOUR, Who(ANA, "Ana"), "troca de placa")
    return MemoryLedger(clock, [(began, line)])


@pytest.fixture
async def room(api: BotApi) -> AsyncIterator[Room]:
    async with opened(api, ledger=lasting(FastClock())) as room:
        yield room


class TestInTheGroup:
    async def test_it_is_said_once_also_over_a_restart(self, api: BotApi, room: Room) -> None:
        room.flow.announce()
        room.flow.announce()
        message = await said(api)
        assert message.buttons == ["🔕 Mais 1 h", "🔕 Mais 4 h"]
        assert not message.silent
        await all_said(room)
        room.flow.announce()
        await all_said(room)
        assert (len(ends(api)), warned(room)) == (1, 1)
        await room.telegram.stop()
        async with opened(api, ledger=MemoryLedger(FastClock(), room.ledger.lines)) as again:
            again.flow.announce()
            await all_said(again)
        assert len(ends(api)) == 1

    async def test_one_tap_has_it_last_longer(self, api: BotApi, room: Room) -> None:
        room.flow.announce()
        message = await said(api)
        before = room.ledger.book.silences[1].until
        assert "Silenciado até" in (await api.tap(ANA, message, "Mais 4 h")).text
        assert room.ledger.book.silences[1].until == before + 4 * HOUR
        await api.wait(lambda _: "prolongou o silêncio de CB 01 slot 6 até" in message.text)
        assert message.buttons == []
        assert message.text.startswith("🔕 Ana ")

    async def test_two_who_tap_at_one_time_have_it_last_longer_once(self, api: BotApi, room: Room) -> None:
        room.flow.announce()
        message = await said(api)
        before = room.ledger.book.silences[1].until
        data = message.keyboard[0][0].data or ""
        await api.post_callback(ANA, message, data)
        assert "já mudou: agora vai até" in (await api.post_callback(ANA, message, data)).text
        assert room.ledger.book.silences[1].until == before + HOUR

    async def test_only_an_approver_may(self, api: BotApi, room: Room) -> None:
        room.flow.announce()
        message = await said(api)
        await api.tap(BETO, message, "Mais 1 h")
        assert [why for who, _, why, _ in room.refusals if who == BETO] == ["not_allowed"]
        assert message.buttons != []

    async def test_below_another_message_there_is_no_such_button(self, api: BotApi, room: Room) -> None:
        room.telegram.chat.say(Notice("second_poller_gone"))
        other = await api.wait(lambda api: next(iter(api.messages()), None))
        room.flow.announce()
        data = (await said(api)).keyboard[0][0].data or ""
        assert "Não reconheço" in (await api.post_callback(ANA, other, data)).text
        await room.outage()
        assert "Não reconheço" in (await api.post_callback(ANA, await room.card(), data)).text

    async def test_a_button_of_before_a_restart_still_works(self, api: BotApi, room: Room) -> None:
        room.flow.announce()
        message = await said(api)
        await all_said(room)
        await room.telegram.stop()
        async with opened(api, ledger=MemoryLedger(FastClock(), room.ledger.lines)) as again:
            before = again.ledger.book.silences[1].until
            await api.tap(ANA, message, "Mais 1 h")
            assert again.ledger.book.silences[1].until == before + HOUR

    async def test_one_that_was_ended_meanwhile_is_not_told_of(self, api: BotApi, room: Room) -> None:
        await api.stop()
        room.flow.announce()
        await room.line(SilenceEnded(1, Who(ANA, "Ana")))
        await api.start()
        await all_said(room)
        assert (ends(api), warned(room)) == ([], 0)

    async def test_where_nobody_knows_whether_it_arrived_it_is_said_twice_at_most(
        self, api: BotApi, room: Room
    ) -> None:
        api.faults.always(DropAfter(), match=method("sendMessage"))
        room.flow.announce()
        await until(lambda: warned(room) == 1)
        await all_said(room)
        assert len(ends(api)) == 2
