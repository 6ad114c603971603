"""Telegram takes no posts here: nothing is lost, and whoever can be told is told."""

import asyncio
from datetime import timedelta

import pytest

from bot.chat.group import painting
from bot.chat.group.backlog import MOST_NOTICES
from bot.chat.screens.attention import Attention
from bot.chat.wire.access import TOO_OLD
from bot.chat.wire.budget import LONGEST_PAUSE, Budget, Urgency
from bot.chat.wire.outbox import TOPIC_AGAIN
from bot.ports import Notice
from bot.simulator.server import Answer, Throttle
from bot.simulator.telegram.api import BotApi
from bot.simulator.telegram.chat import Refused
from tests.chat.room import ANA, opened, until
from tests.chat.test_noc_chat import method, texts
from tests.fakes import FakeClock

pytestmark = pytest.mark.process

BOSS, TOPIC = -1005550001, 5


@pytest.fixture
def api(api: BotApi) -> BotApi:
    api.chats[BOSS] = "Diretoria"
    return api


@pytest.mark.bug("a topic that closed, or rights that were lost, hid every card")
async def test_a_topic_that_closes_sends_everything_to_the_group_and_says_so_once(
    api: BotApi, caplog: pytest.LogCaptureFixture
) -> None:
    api.topics = {TOPIC}
    async with opened(api, topic=TOPIC, speed=200, attention=Attention(escalation=BOSS)) as room:
        await room.outage(1)
        old = await room.card(1)
        assert old.thread == TOPIC
        api.closed_topics = {TOPIC}
        await room.outage(2)
        second = await room.card(2)
        await room.grows(1, 40, urgent=True)
        await until(lambda: any("40 de 61" in m.text for m in api.messages() if m.thread is None))
        await room.outage(3)
        await room.card(3)
        assert room.telegram.posting.topic_lost
        assert [m.thread for m in api.messages() if m is not old] == [None] * (len(api.messages()) - 1)
        assert second.thread is None
        assert sum("tópico do bot está fechado" in text for text in texts(api)) == 1
        await api.wait(lambda api: api.messages(BOSS))
        assert ["tópico do NOC" in m.text for m in api.messages(BOSS)] == [True]
        api.closed_topics = set()
        await room.clock.sleep(TOPIC_AGAIN)
        await room.outage(4)
        await api.wait(lambda api: any("voltou a aceitar" in m.text for m in api.messages(BOSS)))
        assert (await room.card(4)).thread == TOPIC
        assert not room.telegram.posting.topic_lost
    assert caplog.text.count(f"topic {TOPIC} is closed or gone") == 1
    assert caplog.text.count(f"topic {TOPIC} takes posts again") == 1


@pytest.mark.parametrize(
    ("refusal", "why", "words"),
    [
        (Refused("Bad Request: not enough rights to send text messages to the chat"), "rights", "direito"),
        (Refused("Bad Request: CHAT_WRITE_FORBIDDEN"), "rights", "direito"),
        (Refused("Bad Request: CHAT_RESTRICTED"), "restricted", "restringi"),
        (Refused("Bad Request: TOPIC_CLOSED"), "topic", "tópico"),
        (Refused("Forbidden: bot was kicked from the supergroup chat", 403), "removed", "o bot não est"),
    ],
)
async def test_a_group_that_takes_no_posts_hides_nothing(
    api: BotApi, caplog: pytest.LogCaptureFixture, refusal: Refused, why: str, words: str
) -> None:
    async with opened(api, speed=100, attention=Attention(escalation=BOSS)) as room:
        await room.outage(1)
        card = await room.card(1)
        api.barred[api.group] = refusal
        await room.grows(1, 40, urgent=True)
        await room.outage(2)
        room.telegram.chat.say(Notice("second_poller"))
        told = await api.wait(lambda api: next(iter(api.messages(BOSS)), None))
        assert words in told.text
        mute = room.telegram.posting.mute
        assert mute is not None
        assert mute.why == why
        await room.clock.sleep(2.5 * painting.BARRED)
        assert len(api.messages(BOSS)) == 1
        assert len(api.messages()) == 1
        assert caplog.text.count("takes nothing that the bot posts") == 1
        del api.barred[api.group]
        await room.card(2)
        await room.shows(card, "40 de 61")
        await api.wait(lambda api: any("Outro programa" in text for text in texts(api)))
        assert words in texts(api)[1]  # that nothing came is the first thing to be read
        await api.wait(lambda api: len(api.messages(BOSS)) == 2)
        assert room.telegram.posting.mute is None
    assert caplog.text.count("takes posts again") == 1


async def test_status_in_private_says_that_the_group_takes_nothing(api: BotApi) -> None:
    async with opened(api, speed=20) as room:
        api.barred[api.group] = Refused("Bad Request: CHAT_RESTRICTED")
        await room.outage(1)
        await until(lambda: room.telegram.posting.mute)
        await api.say(ANA, "/status", chat=ANA)
        said = await api.wait(lambda api: next(iter(api.messages(ANA)), None))
    assert "O grupo não aceita mensagens do bot desde" in said.text
    assert "restringiu" in said.text


async def test_a_bot_that_was_removed_says_in_private_why_it_knows_nobody(api: BotApi) -> None:
    async with opened(api, speed=400) as room:
        await room.outage(1)
        await room.card(1)
        api.barred[api.group] = Refused("Forbidden: bot was kicked from the supergroup chat", 403)
        await room.grows(1, 40, urgent=True)
        await room.clock.sleep(TOO_OLD + 10)
        await api.say(ANA, "/status", chat=ANA)
        said = await api.wait(lambda api: next(iter(api.messages(ANA)), None))
    assert "Não consegui ler os administradores" in said.text
    assert "o bot não está mais no grupo" in said.text


@pytest.mark.bug("a flood wait of hours passed without a line")
async def test_a_flood_wait_of_hours_is_told_and_tried_again_within_fifteen_minutes(
    api: BotApi, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(api, speed=400, attention=Attention(escalation=BOSS)) as room:
        api.faults.inject(Throttle(4 * 3600), match=method("sendMessage"))
        started = room.clock.monotonic()
        await room.outage(1)
        told = await api.wait(lambda api: next(iter(api.messages(BOSS)), None))
        assert "pausa longa" in told.text
        await room.card(1)
        assert room.clock.monotonic() - started < 2 * LONGEST_PAUSE
        assert "pausa longa" in texts(api)[0]
    assert caplog.text.count("takes nothing that the bot posts (flood)") == 1


async def test_pauses_that_add_up_to_a_long_one_are_told_too(api: BotApi) -> None:
    async with opened(api, speed=200, attention=Attention(escalation=BOSS)) as room:
        api.faults.inject(Throttle(50), 3, match=method("sendMessage"))
        await room.outage(1)
        await api.wait(lambda api: api.messages(BOSS))


def test_no_pause_is_believed_beyond_fifteen_minutes() -> None:
    clock = FakeClock()
    budget = Budget(clock)
    budget.pause(timedelta(hours=9).total_seconds())
    assert budget.wait(Urgency.URGENT) == LONGEST_PAUSE == 900


async def test_a_notice_that_telegram_refuses_waits_and_is_said_later(
    api: BotApi, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(api, speed=100) as room:
        refused = Answer(400, '{"ok":false,"error_code":400,"description":"Bad Request: STRANGE"}')
        api.faults.inject(refused, 3, match=method("sendMessage"))
        room.telegram.chat.say(Notice("second_poller"))
        await api.wait(lambda api: any("Outro programa" in text for text in texts(api)))
    assert caplog.text.count("second_poller was refused and waits") == 1


async def test_of_too_many_notices_the_oldest_are_left_out_and_counted(api: BotApi) -> None:
    async with opened(api, speed=100) as room:
        api.barred[api.group] = Refused("Bad Request: CHAT_RESTRICTED")
        for number in range(1, MOST_NOTICES + 31):
            room.telegram.chat.say(Notice("cooldown_released", {"case": None, "port": number} | who(number)))
            await asyncio.sleep(0)
        del api.barred[api.group]
        await api.wait(lambda api: any("avisos antigos ficaram de fora" in text for text in texts(api)))


def who(number: int) -> dict[str, object]:
    return {"by": f"Ana {number}", "reason": "other", "case": f"x{number}"}
