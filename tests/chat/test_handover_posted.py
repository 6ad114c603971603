"""The handover that is posted by itself, in the pretend group: once, whatever breaks on the way."""

from datetime import UTC, datetime, time, timedelta

import pytest

from bot.domain.book import Book
from bot.domain.events import Alive, CaseOpened, Denied, HandedOver
from bot.domain.rules import Rules
from bot.domain.shift.times import LATE, Times
from bot.flow.due import HANDOVER, notices
from bot.ports import Notice
from bot.simulator.server import DropAfter, Throttle
from bot.simulator.telegram.api import BotApi, Message
from bot.storage.memory import MemoryLedger
from tests.chat.room import FastClock, Room, opened, until
from tests.chat.test_lately import PNG, Drawn
from tests.chat.test_noc_chat import method
from tests.fakes import ANA, incident

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def posts(api: BotApi) -> list[Message]:
    return [message for message in api.messages() if message.text.startswith("🔄")]


async def posted(api: BotApi) -> Message:
    return await api.wait(lambda api: next(iter(posts(api)), None))


def due(room: Room, *, late: timedelta = MINUTE) -> Notice:
    """It was due that long ago."""
    at = room.clock.now() - late
    return Notice(HANDOVER, {"due": at, "since": at - DAY})


def claims(room: Room) -> list[datetime]:
    return [line.due for _, line in room.ledger.lines if isinstance(line, HandedOver)]


async def all_said(room: Room) -> None:
    """Nothing waits to be said any more."""
    await until(lambda: room.telegram.chat.waiting()[2] == 0)


async def test_it_is_posted_without_a_sound_and_the_ledger_has_it(api: BotApi) -> None:
    async with opened(api) as room:
        await room.outage()
        await room.card()
        notice = due(room)
        room.telegram.chat.say(notice)
        message = await posted(api)
        assert "⏳ 1 falha espera decisão\n🔴 LOS · CB 01 1/1" in message.text
        assert message.silent
        assert claims(room) == [notice.facts["due"]]
        assert room.ledger.book.handed_over[""] == notice.facts["due"]


async def test_asked_for_each_minute_it_comes_once(api: BotApi) -> None:
    async with opened(api) as room:
        notice = due(room)
        for _ in range(3):
            room.telegram.chat.say(Notice(HANDOVER, dict(notice.facts)))
        await posted(api)
        room.telegram.chat.say(Notice(HANDOVER, dict(notice.facts)))
        await all_said(room)
        assert len(posts(api)) == len(claims(room)) == 1


async def test_one_that_another_process_claimed_is_not_posted_again(api: BotApi) -> None:
    """Also where that one was killed before it could be posted: nobody knows."""
    async with opened(api) as room:
        notice = due(room)
        await room.line(HandedOver(notice.facts["due"]))  # type: ignore[arg-type]
        room.telegram.chat.say(notice)
        await all_said(room)
        assert posts(api) == []


async def test_a_start_at_that_minute_brings_no_second_one(api: BotApi) -> None:
    async with opened(api) as room:
        notice = due(room)
        room.telegram.chat.say(notice)
        await posted(api)
    async with opened(api, ledger=MemoryLedger(FastClock(), room.ledger.lines)) as again:
        again.telegram.chat.say(notice)
        await all_said(again)
    assert len(posts(api)) == len(claims(again)) == 1


async def test_where_nobody_knows_whether_it_arrived_it_is_not_said_again(api: BotApi) -> None:
    async with opened(api) as room:
        api.faults.inject(DropAfter(), match=method("sendMessage"))
        room.telegram.chat.say(due(room))
        await until(lambda: claims(room))
        await all_said(room)
        assert len(posts(api)) == 1  # it had arrived


async def test_what_surely_did_not_arrive_is_tried_again(api: BotApi) -> None:
    async with opened(api) as room:
        api.faults.inject(Throttle(1), match=method("sendMessage"))
        room.telegram.chat.say(due(room))
        await posted(api)
        await all_said(room)
        assert len(posts(api)) == len(claims(room)) == 1


async def test_one_that_waited_too_long_is_left_unsaid(api: BotApi) -> None:
    async with opened(api) as room:
        room.telegram.chat.say(due(room, late=LATE + MINUTE))
        await all_said(room)
        assert (posts(api), claims(room)) == ([], [])


async def test_on_a_closed_ledger_it_is_not_posted(api: BotApi) -> None:
    """No start after that would know that it was."""
    async with opened(api) as room:
        room.ledger.fail("the disk is full")
        room.telegram.chat.say(due(room))
        await all_said(room)
        assert posts(api) == []


async def test_the_picture_of_the_day_comes_behind_it(api: BotApi) -> None:
    async with opened(api, pictures=Drawn()) as room:
        room.telegram.chat.say(due(room))
        message = await posted(api)
        await api.wait(lambda api: api.photos)
        assert (api.photos[0].document, api.photos[0].reply_to) == (PNG, message.id)


NOONS = Times(((None, time(12)),), UTC)


@pytest.mark.parametrize("contested", [False, True])
async def test_while_another_program_may_post_it_none_does(
    api: BotApi, contested: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    rules = Rules(digest_at=Times(((None, (now - MINUTE).time()),), UTC))
    async with opened(api, rules=rules, ledger=MemoryLedger(FastClock(), [(now - DAY, Alive())])) as room:
        monkeypatch.setattr(room.telegram, "contested", lambda: contested)
        room.flow.announce()
        await all_said(room)
        assert len(posts(api)) == (not contested)


class TestWhatIsDue:
    RULES = Rules(digest_at=NOONS)

    def test_it_is_said_from_its_time_on_until_it_is_posted(self) -> None:
        noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
        book = Book()
        book.apply(noon - DAY, CaseOpened(1, incident()))
        assert notices(book, noon - MINUTE, self.RULES) == []
        assert notices(book, noon, Rules()) == []
        said = [Notice(HANDOVER, {"due": noon, "since": noon - DAY})]
        assert notices(book, noon, self.RULES) == notices(book, noon + MINUTE, self.RULES) == said
        book.apply(noon + MINUTE, HandedOver(noon))
        assert notices(book, noon + MINUTE, self.RULES) == []
        book.apply(noon + 2 * MINUTE, Denied(1, ANA, "other"))
        later = notices(book, noon + 2 * DAY, self.RULES)
        assert later == [Notice(HANDOVER, {"due": noon + 2 * DAY, "since": noon})]

    def test_before_anything_is_on_record_nothing_is_due(self) -> None:
        assert notices(Book(), datetime(2026, 11, 22, 12, tzinfo=UTC), self.RULES) == []
