"""Nobody answered: who is asked again, where, how often, and when it makes no sound."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from bot.chat.group.notices import Notices
from bot.chat.group.reminders import MENTIONED_AT_MOST, Reminders, mentions
from bot.chat.screens.attention import Attention
from bot.chat.screens.screen import Screen
from bot.chat.wire.access import Approvers
from bot.domain.case import Card, Reminder
from bot.domain.events import (
    Approved,
    Assumed,
    CardPosted,
    CaseOpened,
    Denied,
    Forecast,
    IncidentChanged,
    IncidentEnded,
    Interrupted,
    Lapsed,
    Line,
    Reminded,
    Restoring,
    Settled,
    Silenced,
)
from bot.domain.limits.hours import Hours
from bot.domain.limits.silence import Scope
from bot.domain.plan import Outcome
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.ports import Notice
from bot.process.settings.composed import Settings
from bot.process.wiring import attention_of
from bot.simulator.server import Answer, DropAfter, Throttle
from bot.simulator.telegram.api import BotApi, Message
from bot.storage.memory import MemoryLedger
from tests.chat.parts import deps
from tests.chat.room import ANA, BETO, CARLA, Room, opened, until
from tests.chat.screens import PT, assert_arrives, planned, sent
from tests.fakes import NOON, FakeClock, incident, port

BOSS = -1005550001
WHO = Who(ANA, "Ana")
ALWAYS = Hours(time(0), time(23, 59), UTC)


@pytest.fixture
def api(api: BotApi) -> BotApi:
    api.chats[BOSS] = "Diretoria"
    return api


def method(name: str) -> Callable[[str], bool]:
    return lambda path: path.endswith(f"/{name}")


def remind(room: Room, case: int, what: Reminder) -> None:
    room.telegram.chat.say(Notice("reminder", {"case": case, "what": what}))


async def said(api: BotApi, text: str, chat: int | None = None) -> Message:
    return await api.wait(lambda api: next((m for m in api.messages(chat) if text in m.text), None))


def told(message: Message) -> list[int]:
    """Whom it rings for, by its links."""
    return [int(id_) for id_ in re.findall(r"tg://user\?id=(\d+)", message.html)]


def reminded(room: Room) -> list[tuple[int, str]]:
    return [(line.case, line.what) for _, line in room.ledger.lines if isinstance(line, Reminded)]


async def names_known(room: Room) -> None:
    await until(lambda: all(who.name for who in room.telegram.access.on_duty()))


@pytest.mark.parametrize(
    ("approvers", "on_call", "rings", "named"),
    [
        (
            frozenset(),
            frozenset(),
            [ANA, CARLA],
            "⏰ Ana, Carla: o caso 1 (CB 01 1/1) espera decisão há 0 s.",
        ),
        (frozenset({BETO}), frozenset(), [BETO], "⏰ Beto: o caso 1"),
        (frozenset(), frozenset({BETO}), [BETO], "⏰ Beto: o caso 1"),
        ("*", frozenset({BETO}), [BETO], "⏰ Beto: o caso 1"),
        ("*", frozenset(), [], "⏰ o caso 1"),
        (frozenset({666}), frozenset(), [666], "⏰ plantão: o caso 1"),
    ],
    ids=["admins", "listed", "on call", "on call of everyone", "everyone", "unknown"],
)
async def test_it_is_a_reply_to_the_card_that_mentions_who_is_on_duty(
    api: BotApi, approvers: Approvers, on_call: frozenset[int], rings: list[int], named: str
) -> None:
    async with opened(api, approvers=approvers, attention=Attention(on_call=on_call)) as room:
        await room.outage()
        card = await room.card()
        await until(lambda: approvers or room.telegram.access.approvers())
        if rings != [666]:
            await names_known(room)
        remind(room, 1, "first")
        message = await said(api, "⏰")
        assert message.text.startswith(named)
        assert told(message) == rings
        assert (message.reply_to, message.silent) == (card.id, False)
        await until(lambda: reminded(room) == [(1, "first")])


async def test_each_is_said_once_however_often_it_is_asked_for(api: BotApi) -> None:
    async with opened(api) as room:
        await room.outage()
        await room.card()
        for _ in range(5):
            remind(room, 1, "first")
        await until(lambda: reminded(room))
        for _ in range(5):
            remind(room, 1, "first")
        remind(room, 1, "second")
        await said(api, "ainda espera")
        await until(lambda: len(reminded(room)) == 2)
    assert sum("⏰" in message.text for message in api.messages()) == 2


async def test_without_an_escalation_chat_all_approvers_hear_the_third_in_the_group(api: BotApi) -> None:
    async with opened(api, attention=Attention(on_call=frozenset({BETO}))) as room:
        await room.outage()
        card = await room.card()
        await until(room.telegram.access.approvers)
        remind(room, 1, "escalated")
        message = await said(api, "ninguém respondeu ao caso 1")
        assert told(message) == [ANA, CARLA]
        assert message.reply_to == card.id
        await until(lambda: reminded(room) == [(1, "escalated")])


async def test_the_third_goes_to_the_escalation_chat_with_a_way_to_the_card(api: BotApi) -> None:
    api.topics = {5}
    async with opened(api, topic=5, attention=Attention(escalation=BOSS)) as room:
        await room.outage(1, affected=40)
        await room.outage(2)
        card, _ = await room.card(1), await room.card(2)
        for number in (1, 2):
            remind(room, number, "escalated")
        message = await said(api, "O NOC não respondeu", BOSS)
        await until(lambda: len(reminded(room)) == 2)
        assert "🔴 LOS · CB 01 · 1/1 · cerca de 40 ONUs · desde " in message.text
        assert f'<a href="https://t.me/c/{str(api.group)[4:]}/{card.id}">caso 1</a>' in message.html
        assert "2 falhas esperam" in message.text
        assert message.thread is None
        remind(room, 1, "first")
        assert (await said(api, "⏰")).thread == 5
    assert len(api.messages(BOSS)) == 1


@pytest.mark.parametrize(
    "fault",
    [None, Answer(400, '{"ok":false,"description":"Bad Request: CHAT_WRITE_FORBIDDEN"}')],
    ids=["unknown chat", "rejected"],
)
async def test_an_escalation_chat_that_cannot_be_written_to_is_said_in_the_group(
    api: BotApi, fault: Answer | None, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(api, attention=Attention(escalation=BOSS)) as room:
        await room.outage()
        card = await room.card()
        if fault is None:
            del api.chats[BOSS]
        else:
            api.faults.inject(fault, match=method("sendMessage"))
        remind(room, 1, "escalated")
        message = await said(api, "ninguém respondeu")
        assert "TELEGRAM_ESCALATION_CHAT_ID" in message.text
        assert message.reply_to == card.id
        await until(lambda: reminded(room) == [(1, "escalated")])
        await room.outage(2)  # the group itself is as open as ever
        await room.card(2)
    assert "TELEGRAM_ESCALATION_CHAT_ID cannot be written to" in caplog.text
    assert "refuses the bot" not in caplog.text


@pytest.mark.process
async def test_an_escalation_chat_has_a_pace_and_an_id_of_its_own(api: BotApi) -> None:
    moved = -1005550002
    async with opened(api, speed=20, attention=Attention(escalation=BOSS)) as room:
        await room.outage()
        await room.card()
        api.faults.inject(Throttle(60), match=method("sendMessage"))
        started = room.clock.monotonic()
        remind(room, 1, "escalated")
        await room.clock.sleep(5)
        await room.outage(2)
        await room.card(2)
        assert room.clock.monotonic() - started < 60
        assert api.messages(BOSS) == []
        api.migrated[BOSS] = moved
        api.chats[moved] = api.chats.pop(BOSS)
        await said(api, "O NOC não respondeu", moved)
        assert room.clock.monotonic() - started >= 60
        assert room.telegram.chat.group == api.group
    assert not any("supergrupo" in message.text for message in api.messages())


async def test_a_passed_eta_asks_who_set_it_for_a_new_one(api: BotApi) -> None:
    async with opened(api) as room:
        await room.outage()
        card = await room.card()
        await room.line(Forecast(1, Who(BETO, "Beto <b>"), NOON))
        remind(room, 1, "eta")
        remind(room, 1, "first")
        message = await said(api, "a previsão do caso 1")
        assert message.text.startswith("⏰ Beto <b>: a previsão do caso 1 (CB 01 1/1) era ")
        assert "/previsao 1 2h" in message.text
        assert (told(message), message.reply_to) == ([BETO], card.id)
        await until(lambda: sorted(reminded(room)) == [(1, "eta"), (1, "first")])
        await room.line(Assumed(1, WHO), Forecast(1, Who(BETO, "Beto"), NOON + timedelta(days=1)))
        remind(room, 1, "eta")
        await api.wait(lambda api: sum("a previsão do caso 1" in m.text for m in api.messages()) == 2)
        assert told(api.messages()[-1]) == [ANA]


@pytest.mark.parametrize(
    "lines",
    [
        (Denied(1, WHO, "other"),),
        (Approved(1, WHO, (port("1/1"),)),),
        (Assumed(1, WHO),),
        (IncidentEnded(1),),
        (Silenced(1, (Scope("CB 01", "1/1"),), datetime(2100, 1, 1, tzinfo=UTC), WHO, "obra"),),
        (Denied(1, WHO, "other"), IncidentEnded(1), IncidentChanged(1, incident(1, place="1/1"))),
    ],
    ids=["denied", "approved", "assumed", "over", "silenced", "another outage"],
)
async def test_what_was_answered_meanwhile_is_dropped_at_its_turn(
    api: BotApi, lines: tuple[Line, ...]
) -> None:
    async with opened(api, speed=20) as room:
        await room.outage()
        await room.card()
        await api.stop()
        remind(room, 1, "first")
        await room.line(*lines)
        await api.start()
        await room.outage(2)
        await room.card(2)
        remind(room, 2, "first")
        await said(api, "caso 2 (")
        await until(lambda: reminded(room) == [(2, "first")])
    assert not any("caso 1 (" in message.text for message in api.messages())


@pytest.mark.parametrize(("lost", "copies"), [(1, 2), (2, 2), (5, 2)])
async def test_one_in_doubt_is_said_twice_at_most_and_then_counts_as_said(
    api: BotApi, lost: int, copies: int
) -> None:
    async with opened(api, speed=60) as room:
        await room.outage()
        await room.card()
        api.faults.inject(DropAfter(), lost, match=method("sendMessage"))
        remind(room, 1, "first")
        while not reminded(room):
            remind(room, 1, "first")  # as each poll does
            await room.clock.sleep(1)
        for _ in range(30):
            remind(room, 1, "first")
            await room.clock.sleep(1)
    assert sum("⏰" in message.text for message in api.messages()) == copies
    assert reminded(room) == [(1, "first")]


async def test_with_a_closed_ledger_it_is_said_once_all_the_same(api: BotApi) -> None:
    async with opened(api, speed=20) as room:
        await room.outage()
        await room.card()
        room.ledger.fail("the disk is full")
        for _ in range(20):
            remind(room, 1, "first")
            await room.clock.sleep(1)
    assert sum("⏰" in message.text for message in api.messages()) == 1


async def test_those_without_a_card_are_one_reply_to_the_list(api: BotApi) -> None:
    async with opened(api, attention=Attention(cards_at_once=2)) as room:
        outages = [incident(n, place=f"1/{n}", affected=n, started=room.started) for n in range(1, 8)]
        await room.line(*(CaseOpened(int(one.id), one) for one in outages))
        room.telegram.chat.refresh()
        listed = await said(api, "📋")
        await until(lambda: room.ledger.book.digests)
        await api.wait(lambda _: "5 nesta lista" in listed.text)
        before = len(api.messages())
        for number in range(1, 8):
            remind(room, number, "first")
        await until(lambda: len(reminded(room)) == 7)
        new = api.messages()[before:]
        assert sorted(message.reply_to == listed.id for message in new) == [False, False, True]
        together = await said(api, "5 falhas sem cartão esperam")
        assert told(together) == [ANA, CARLA]


@pytest.mark.parametrize(
    ("hours", "affected", "silent"),
    [(ALWAYS, 19, True), (ALWAYS, 20, False), (ALWAYS, None, False), (None, 1, False)],
)
async def test_in_quiet_hours_small_cases_come_without_sound(
    api: BotApi, hours: Hours | None, affected: int | None, silent: bool
) -> None:
    async with opened(api, attention=Attention(quiet_hours=hours, cards_at_once=1)) as room:
        quiet = incident(1, place="1/1", affected=affected, started=room.started)
        await room.line(CaseOpened(1, quiet))
        room.telegram.chat.show(1)
        card = await room.card()
        remind(room, 1, "second")
        assert [card.silent, (await said(api, "ainda espera")).silent] == [silent, silent]
        await room.outage(2, affected=0)
        assert (await said(api, "📋")).silent is (hours is not None)  # what it lists is small
        room.telegram.chat.say(Notice("second_poller"))
        assert not (await said(api, "Outro programa")).silent


@pytest.mark.parametrize(
    ("at", "quiet"), [(time(21, 59), False), (time(22), True), (time(3), True), (time(7), False)]
)
def test_quiet_hours_pass_midnight(at: time, quiet: bool) -> None:
    attention = Attention(quiet_hours=Hours(time(22), time(7), UTC))
    ledger = MemoryLedger(FakeClock())
    ledger.book.apply(NOON, CaseOpened(1, incident(affected=3)))
    now = datetime.combine(NOON.date(), at, UTC)
    assert attention.is_quiet(ledger.book.cases[1], now) is quiet


async def test_down_again_is_a_reply_that_says_how_often(api: BotApi) -> None:
    async with opened(api) as room:
        await room.outage()
        card = await room.card()
        for falls in range(2, 7):
            await room.line(IncidentEnded(1))
            await room.grows(1, 3)
            room.telegram.chat.say(Notice("reopened", {"case": 1}))
            if falls <= 4:
                message = await said(api, f"{falls} quedas em 1 h")
                assert message.reply_to == card.id
                assert ("Oscilando" in message.text) is (falls == 4)
            else:
                await room.outage(falls)
                await room.card(falls)
    assert sum(m.text.startswith("🔻 Caiu de novo") for m in api.messages()) == 3


async def test_down_again_without_a_card_is_its_new_card(api: BotApi) -> None:
    async with opened(api) as room:
        await room.line(CaseOpened(1, incident(1, place="1/1")), IncidentEnded(1))
        await room.line(IncidentChanged(1, incident(1, place="1/1")))
        room.telegram.chat.say(Notice("reopened", {"case": 1}))
        room.telegram.chat.show(1)
        await room.card()
        await room.outage(2)
        await room.card(2)
    assert len(api.messages()) == 2


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("over", "Falha já acabou"),
        ("source_down", "a fonte (OLT) não respondeu"),
        ("still_on", "still_on"),
        ("chuva", "chuva"),
    ],
)
async def test_a_schedule_that_came_to_nothing_rings_with_its_reason(
    api: BotApi, reason: str, words: str
) -> None:
    async with opened(api) as room:
        await room.outage()
        card = await room.card()
        facts = {"case": 1, "port": port("1/1"), "reason": reason}
        room.telegram.chat.say(Notice("not_sent", facts))
        message = await said(api, "O envio agendado não saiu · caso 1 · CB 01 1/1: ")
        assert message.reply_to == card.id
        if words != "still_on":
            assert words.casefold() in message.text.casefold()
        else:
            assert "still_on" not in message.text


async def test_of_several_ports_no_single_one_is_named(api: BotApi) -> None:
    async with opened(api) as room:
        first, *others = (incident(n, place=f"1/{n}", started=room.started) for n in (1, 2, 3))
        await room.line(CaseOpened(1, first, tuple(others)))
        for code, reason in (("not_sent", "over"), ("halted", "no_answer")):
            room.telegram.chat.say(Notice(code, {"case": 1, "port": port("1/1"), "reason": reason}))
        assert await said(api, "O envio agendado não saiu · caso 1 · CB 01 · 3 PONs: ")
        assert await said(api, "Envio suspenso · caso 1 · CB 01 · 3 PONs: ")


async def test_of_the_second_message_the_first_ones_card_is_told(api: BotApi) -> None:
    async with opened(api) as room:
        await room.outage()
        card = await room.card()
        done = [Approved(1, WHO, (port("1/1"),)), planned(1), *sent(0, 0), Settled(1, "done")]
        await room.line(*done, IncidentEnded(1), Restoring(-1, 1))
        room.telegram.chat.show(-1, urgent=True)
        await room.shows(card, "Normalizado")
        facts = {"case": -1, "port": port("1/1"), "reason": "source_down"}
        room.telegram.chat.say(Notice("not_sent", facts))
        message = await said(api, "O aviso de que voltou não saiu · caso 1 ·")
        assert message.reply_to == card.id
        room.telegram.chat.redraw()
        await room.outage(2)
        await room.card(2)
        assert "Normalizado" in card.text


def _reminders(count: int, attention: Attention, people: list[Who]) -> tuple[Notices, list[Notice], datetime]:
    ledger = MemoryLedger(FakeClock())
    for number in range(1, count + 1):
        about = incident(number, place="🔥<b>" * 60, affected=None)
        ledger.book.apply(NOON, CaseOpened(number, about))
        ledger.book.apply(NOON, CardPosted(number, -1001234567890, number))
    card = lambda number: Card(-1001234567890, number)  # noqa: E731
    mine = deps(ledger, attention=attention, people=lambda: people)
    reminders = Reminders(mine, card=card)
    said = [Notice("reminder", {"case": n, "what": "escalated"}) for n in range(1, count + 1)]
    return Notices(mine, reminders, card=card), [reminders.dated(n) for n in said], NOON


def test_many_at_once_and_many_people_fit_one_message() -> None:
    everybody = [Who(number, "😀<&>" * 40) for number in range(1, 501)]
    notices, waiting, now = _reminders(300, Attention(escalation=BOSS), everybody)
    saying = notices.saying(waiting[0], waiting, now)
    assert saying is not None
    assert len(saying.notices) == 300
    assert "\n+ " in assert_arrives(saying.screen)
    notices, waiting, now = _reminders(1, Attention(), everybody)
    saying = notices.saying(waiting[0], waiting, now)
    assert saying is not None
    assert_arrives(saying.screen)
    assert saying.screen.html.count("tg://user") == MENTIONED_AT_MOST


def test_a_name_is_escaped_and_who_has_none_is_on_duty() -> None:
    markup = mentions([Who(1, "<b>&"), Who(2, "")], PT)
    assert markup == ('<a href="tg://user?id=1">&lt;b&gt;&amp;</a>, <a href="tg://user?id=2">plantão</a>')
    assert_arrives(Screen(str(markup)))
    assert mentions([], PT) == ""


def test_the_settings_are_what_holds_the_attention() -> None:
    settings = Settings.model_construct(
        telegram_on_call=frozenset({ANA}),
        telegram_escalation_chat_id=BOSS,
        quiet_hours=ALWAYS,
        quiet_below=7,
        cards_at_once=4,
        sound_from=2,
    )
    assert attention_of(settings) == Attention(frozenset({ANA}), BOSS, ALWAYS, 7, 4, 2)


RESTORED = Rules(restored=True)


async def warned(room: Room) -> Message:
    """Case 1, 3 ONUs, whose two customers were told; its card."""
    await room.outage()
    card = await room.card()
    await room.line(Approved(1, WHO, (port("1/1"),)), planned(2), *sent(0, 1), Settled(1, "done"))
    return card


async def test_the_end_rings_and_asks_what_the_customers_hear(api: BotApi) -> None:
    async with opened(api, rules=RESTORED) as room:
        card = await warned(room)
        await names_known(room)
        await room.line(IncidentEnded(1))
        remind(room, 1, "over")
        message = await said(api, "normalizou")
        assert re.fullmatch(
            r"✅ Ana, Carla: o caso 1 normalizou \(CB 01 1/1\): durou 5 min\. 2 clientes avisados esperam: "
            r"toque em Avisar que voltou ou em Não avisar\.",
            message.text,
        )
        assert (message.reply_to, message.silent) == (card.id, False)
        room.telegram.chat.show(1)
        await api.wait(lambda _: "Não avisar" in card.buttons)
        assert "Avisar que voltou (2)" in card.buttons
        await api.say(BETO, "/pendentes")
        await said(api, "2 clientes não sabem que voltou · 🔴")
        await api.say(BETO, "/status")
        await said(api, "2 clientes avisados não sabem que voltou (caso 1)")
        remind(room, 1, "over_first")
        await said(api, "2 clientes avisados ainda não sabem")
        toast = await api.tap(ANA, card, "Não avisar")
        assert toast.text == "Anotado: ninguém será avisado que voltou."
        await room.shows(card, "Não avisar que voltou: decidido por Ana")
        assert not {"Não avisar", "Avisar que voltou (2)"} & set(card.buttons)
        remind(room, 1, "over_second")
        await room.outage(2)
        await room.card(2)
    assert sum("ainda não sabem" in m.text for m in api.messages()) == 1


async def test_without_a_template_the_end_rings_and_asks_nothing(api: BotApi) -> None:
    async with opened(api) as room:
        await warned(room)
        await room.line(IncidentEnded(1))
        remind(room, 1, "over")
        message = await said(api, "normalizou")
        assert message.text == "✅ o caso 1 normalizou (CB 01 1/1): durou 5 min."
        assert not message.silent


async def test_an_owner_is_who_is_asked_about_the_end(api: BotApi) -> None:
    async with opened(api, rules=RESTORED) as room:
        await warned(room)
        await room.line(Assumed(1, Who(BETO, "Beto")), IncidentEnded(1))
        remind(room, 1, "over_first")
        assert told(await said(api, "ainda não sabem")) == [BETO]


async def test_what_is_left_says_what(api: BotApi) -> None:
    async with opened(api) as room:
        card = await warned(room)
        await room.line(IncidentEnded(1), Restoring(-1, 1), Approved(-1, WHO, ()), planned(2, case=-1))
        await room.line(*sent(0, 0, Outcome.UNKNOWN, case=-1), Interrupted(-1, "error"))
        remind(room, -1, "left_first")
        message = await said(api, "⏰")
        assert message.text.endswith(
            "o caso 1 (CB 01 1/1): aviso de que voltou: envio interrompido há 0 s, falta 1 cliente: "
            "retome ou encerre. 1 incerta espera decisão."
        )
        assert message.reply_to == card.id
        remind(room, -1, "left_escalated")
        await said(api, "envio interrompido")
        await until(lambda: len(reminded(room)) == 2)


async def test_what_is_left_is_told_elsewhere_by_what_it_is(api: BotApi) -> None:
    async with opened(api, rules=RESTORED, attention=Attention(escalation=BOSS)) as room:
        card = await warned(room)
        await room.line(IncidentEnded(1))
        remind(room, 1, "over_escalated")
        message = await said(api, "1 falha acabou", BOSS)
        assert f'/{card.id}">caso 1</a>' in message.html
        await room.line(Restoring(-1, 1), Approved(-1, WHO, ()), planned(1, case=-1))
        await room.line(Interrupted(-1, "error"))
        remind(room, -1, "left_escalated")
        assert "caso 1" in (await said(api, "1 envio ficou", BOSS)).text


async def test_a_case_whose_owner_did_not_decide_says_so(api: BotApi) -> None:
    async with opened(api) as room:
        await room.outage()
        card = await room.card()
        await room.line(Assumed(1, WHO), Lapsed(1, WHO))
        room.telegram.chat.show(1)
        remind(room, 1, "lapsed")
        message = await said(api, "está sem dono: Ana assumiu")
        assert message.reply_to == card.id
        await room.shows(card, "Sem dono: Ana tinha assumido e ninguém decidiu")


async def test_a_small_one_that_grew_rings(api: BotApi) -> None:
    rules = Rules(sound_from=3)
    async with opened(api, rules=rules, attention=Attention(sound_from=3)) as room:
        await room.outage(1, affected=2)
        card = await room.card()
        assert card.silent
        await room.grows(1, 5)
        remind(room, 1, "grown")
        message = await said(api, "cresceu: agora 5 ONUs")
        assert (message.reply_to, message.silent, told(message)) == (card.id, False, [])
        await until(lambda: reminded(room) == [(1, "grown")])


@pytest.mark.parametrize(
    ("total", "told_as"), [(40, "cresceu: agora até 40 ONUs."), (None, "cresceu: não se sabe mais quantas")]
)
async def test_a_small_one_of_which_the_list_tells_no_count_any_more_rings(
    api: BotApi, total: int | None, told_as: str
) -> None:
    async with opened(api, rules=Rules(sound_from=3), attention=Attention(sound_from=3)) as room:
        await room.outage(1, affected=2)
        await room.card()
        known = room.ledger.book.cases[1].incident
        await room.line(IncidentChanged(1, replace(known, affected=None, total=total)))
        remind(room, 1, "grown")
        assert not (await said(api, told_as)).silent


async def test_a_small_one_falls_again_without_a_sound(api: BotApi) -> None:
    async with opened(api, rules=Rules(sound_from=3), attention=Attention(sound_from=3)) as room:
        for number, affected in ((1, 2), (2, 3)):
            await room.outage(number, affected)
            await room.card(number)
            await room.line(IncidentEnded(number))
            await room.grows(number, affected)
            room.telegram.chat.say(Notice("reopened", {"case": number}))
        assert (await said(api, "Caiu de novo · caso 1")).silent
        assert not (await said(api, "Caiu de novo · caso 2")).silent
