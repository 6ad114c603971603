"""Taps and commands that waited while nobody listened are asked about, not carried out."""

import json
import time
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.chat.taps.absence import Absence
from bot.domain.events import (
    Alive,
    Approved,
    IncidentEnded,
    Line,
    Settled,
    Started,
    Stopped,
    TapRefused,
    TrialIntent,
    TrialResult,
)
from bot.domain.plan import Outcome
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.simulator.telegram.api import BotApi, Message
from bot.storage.memory import MemoryLedger
from tests.chat.room import ANA, BETO, CARLA, UNDO_SECONDS, FastClock, Room, opened, until
from tests.chat.screens import planned, sent
from tests.fakes import NOON, FakeClock, port

MINUTE = timedelta(minutes=1)


@pytest.fixture
def api(api: BotApi) -> BotApi:
    api.tap_seconds = 1e9  # Telegram forgets a tap after minutes, but nobody promises it
    return api


async def left(api: BotApi, *more: Line) -> tuple[MemoryLedger, Message]:
    """The ledger of a bot that stopped in order, and the card that it left in the group."""
    async with opened(api) as room:
        await room.outage()
        card = await room.card()
        await room.line(*more, Stopped())
    api.commands.clear()  # the next one is connected when it has set them anew
    return room.ledger, card


def aged(ledger: MemoryLedger, age: timedelta) -> MemoryLedger:
    """The same ledger, some time later."""
    return MemoryLedger(FastClock(), [(at - age, line) for at, line in ledger.lines])


async def asks(api: BotApi, card: Message) -> None:
    await api.wait(lambda _: "enquanto eu estava fora" in card.text)


async def said(api: BotApi) -> Message:
    return await api.wait(
        lambda _: next((m for m in api.messages() if "fora" in m.text and "respondam" in m.text), None)
    )


@pytest.mark.bug("a tap of nine hours ago was carried out at the start")
async def test_a_tap_of_nine_hours_ago_asks_on_the_card_and_sends_nothing(api: BotApi) -> None:
    ledger, card = await left(api)
    answer = api.post_callback(ANA, card, "ok:1:")
    async with opened(api, ledger=aged(ledger, 9 * 60 * MINUTE), poll_seconds=0.2) as room:
        await asks(api, card)
        assert "Ana tocou em Aprovar enquanto eu estava fora" in card.text
        assert card.buttons == ["Aprovar agora", "Deixar como está"]
        assert "Não fiz nada: responda no cartão do caso 1." in (await answer).text
        notice = await said(api)
        assert (notice.reply_to, notice.silent) == (card.id, False)
        assert "caso 1 · CB 01 1/1" in notice.text
        assert room.decided == []
        assert room.refusals == [(ANA, "approve", "late_tap", 1)]
        polls = api.calls["getUpdates"]  # a person needs longer to read it: one comes back empty meanwhile
        await until(lambda: api.calls["getUpdates"] > polls + 1)
        assert (await api.tap(CARLA, card, "Aprovar agora")).text.startswith("Aprovado")
        assert room.decided == [("approved", 1)]
        await room.shows(card, "Aprovado por Carla")


async def test_a_question_about_a_late_tap_can_be_left(api: BotApi) -> None:
    ledger, card = await left(api)
    api.post_callback(ANA, card, "no:1:false_alarm")
    async with opened(api, ledger=aged(ledger, 5 * MINUTE)) as room:
        await asks(api, card)
        assert "Ana tocou em Negar (alarme falso)" in card.text
        await api.tap(CARLA, card, "Deixar como está")
        await api.wait(lambda _: "Aprovar" in card.buttons)
        assert room.decided == []


async def test_after_a_short_stop_taps_are_carried_out(api: BotApi) -> None:
    ledger, card = await left(api)
    answer = api.post_callback(ANA, card, "ok:1:")
    async with opened(api, ledger=aged(ledger, MINUTE)) as room:
        assert (await answer).text.startswith("Aprovado")
        assert room.decided == [("approved", 1)]


@pytest.mark.parametrize(
    "since",
    [
        # Telegram was away all night, and whoever found the bot red started it anew.
        (Started("1"), Alive(heard=False), Started("1")),
        (Started("1"), Stopped(heard=False)),
        # A test message while it was down: another process's lines.
        (TrialIntent(1, "LOS", 7, "5561999990009", Who(0, "root")), TrialResult(1, Outcome.ACCEPTED)),
        # What waited was asked about, and then the program was killed.
        (Started("1"), TapRefused(Who(ANA, "Ana"), "ok", "late_tap", 1)),
    ],
    ids=["deaf", "stopped deaf", "trial", "killed"],
)
async def test_lines_of_a_program_that_heard_nobody_make_no_old_tap_fresh(
    api: BotApi, since: tuple[Line, ...]
) -> None:
    ledger, card = await left(api)
    answer = api.post_callback(ANA, card, "ok:1:")
    ledger = aged(ledger, 9 * 60 * MINUTE)
    for line in since:
        ledger.note(line)
    async with opened(api, ledger=MemoryLedger(FastClock(), ledger.lines)) as room:
        await asks(api, card)
        assert "fora" in (await answer).text
        assert room.decided == []


async def test_a_tap_after_the_start_is_carried_out(api: BotApi) -> None:
    ledger, card = await left(api)
    async with opened(api, ledger=aged(ledger, 9 * 60 * MINUTE)) as room:
        assert (await api.tap(ANA, card, "Aprovar")).text.startswith("Aprovado")
        assert room.decided == [("approved", 1)]


async def test_every_tap_that_waited_is_late_however_many_there_are(api: BotApi) -> None:
    ledger, card = await left(api)
    for _ in range(150):  # more than Telegram gives at once
        api.post_callback(BETO, card, "ok:1:")
    last = api.post_callback(ANA, card, "ok:1:")
    async with opened(api, ledger=aged(ledger, 9 * 60 * MINUTE)) as room:
        assert "enquanto eu estava fora" in (await last).text
        assert room.decided == []
        assert {why for _, _, why, _ in room.refusals} == {"not_allowed", "late_tap"}


async def test_whoever_stops_a_send_is_heard_late_too(api: BotApi) -> None:
    """It holds back what would go on otherwise."""
    ledger, card = await left(api, Approved(1, Who(ANA, "Ana"), ()))
    answer = api.post_callback(CARLA, card, "undo:1:")
    async with opened(api, ledger=aged(ledger, 5 * MINUTE)) as room:
        assert (await answer).text == "Cancelado. Nada foi enviado."
        assert room.decided == [("cancelled", 1)]


async def test_a_late_tap_on_what_is_decided_is_told_so(api: BotApi) -> None:
    ledger, card = await left(api, Approved(1, Who(CARLA, "Carla"), ()))
    answer = api.post_callback(ANA, card, "ok:1:")
    async with opened(api, ledger=aged(ledger, 5 * MINUTE)):
        assert "Carla já aprovou" in (await answer).text
        assert len(api.messages()) == 1


@pytest.mark.parametrize(
    ("data", "asked", "buttons"),
    [
        ("mine:1:", "Assumi", ["Assumi agora", "Deixar como está"]),
        ("ok:1:g300", "Enviar para 300", ["Enviar para 300 agora", "Deixar como está"]),
        ("eta:1:60", "Previsão", ["Previsão agora", "Deixar como está"]),
        ("mute:1:60", "Silenciar", ["Silenciar agora", "Deixar como está"]),
    ],
)
async def test_whatever_else_a_card_decides_is_asked_too(
    api: BotApi, data: str, asked: str, buttons: list[str]
) -> None:
    ledger, card = await left(api)
    api.post_callback(ANA, card, data)
    async with opened(api, ledger=aged(ledger, 5 * MINUTE)) as room:
        await asks(api, card)
        assert f"Ana tocou em {asked} enquanto" in card.text
        assert card.buttons == buttons
        assert room.decided == []


@pytest.mark.parametrize(
    "data", ["go:1:", "end:1:", "begin:1:", "up:1:", "up.no:1:", "apart:1:", "unmute:1:1"]
)
async def test_what_cannot_be_done_any_more_is_not_asked(api: BotApi, data: str) -> None:
    ledger, card = await left(api)
    answer = api.post_callback(ANA, card, data)
    async with opened(api, ledger=aged(ledger, 5 * MINUTE)) as room:
        assert "enquanto eu estava fora" in (await answer).text
        await said(api)
        assert "Aprovar" in card.buttons
        assert room.decided == []


@pytest.mark.parametrize("data", ["mute:1:60|works", "eta:1:60", "why:1:cable", "mine:1:"])
async def test_what_is_over_is_not_asked_about(api: BotApi, data: str) -> None:
    ledger, card = await left(api, IncidentEnded(1))
    answer = api.post_callback(ANA, card, data)
    async with opened(api, ledger=aged(ledger, 5 * MINUTE)):
        assert "enquanto eu estava fora" in (await answer).text
        await said(api)
    assert "Normalizado" in card.text  # as it is once all that was to be shown is
    assert "fora" not in card.text
    assert "Deixar como está" not in card.buttons


async def test_what_forbids_it_for_now_takes_no_question_away(api: BotApi) -> None:
    """A long absence often ends on a ledger that looks old: whoever confirms it finds the question."""
    ledger, card = await left(api)
    api.post_callback(ANA, card, "ok:1:")
    ledger = aged(ledger, 9 * 60 * MINUTE)
    ledger.note(Started("2", "views"))
    async with opened(api, ledger=MemoryLedger(FastClock(), ledger.lines)) as room:
        await asks(api, card)
        assert card.buttons == ["Aprovar agora", "Deixar como está"]
        assert "Envio bloqueado" in card.text
        assert room.decided == []


async def test_after_minutes_without_telegram_a_tap_is_asked_about(api: BotApi) -> None:
    async with opened(api, away_after=0.5, poll_seconds=0.2) as room:
        await room.outage()
        card = await room.card()
        heard = len(room.refusals)
        await api.stop()
        await room.clock.sleep(0.8)  # nobody can be heard: what passes is time
        answer = api.post_callback(ANA, card, "ok:1:")
        await api.start()
        assert "enquanto eu estava fora" in (await answer).text
        await asks(api, card)
        assert room.decided == []
        assert len(room.refusals) == heard + 1
        heard = api.calls["getUpdates"]
        await until(lambda: api.calls["getUpdates"] > heard + 1)  # a person needs longer to read it
        assert (await api.tap(ANA, card, "Aprovar agora")).text.startswith("Aprovado")


async def test_nobody_decides_hours_later_that_no_word_is_sent(api: BotApi) -> None:
    """It cannot be taken back, as a denial cannot: it is asked about, too."""
    told = [Approved(1, Who(CARLA, "Carla"), ()), planned(1), *sent(0, 0), Settled(1, "done")]
    ledger, card = await left(api, *told, IncidentEnded(1))
    answer = api.post_callback(ANA, card, "up.no:1:")
    rules = Rules(undo_seconds=UNDO_SECONDS, restored=True)
    async with opened(api, ledger=aged(ledger, 5 * MINUTE), rules=rules) as room:
        assert "Não fiz nada: responda no cartão do caso 1." in (await answer).text
        await asks(api, card)
        assert card.buttons == ["Não avisar agora", "Deixar como está"]
        assert room.decided == []


def body(*ids: int) -> bytes:
    return json.dumps({"ok": True, "result": [{"update_id": id_} for id_ in ids]}).encode()


def late(absence: Absence, *ids: int) -> list[bool]:
    return [absence.of(id_) is not None for id_ in ids]


def test_what_telegram_gives_at_once_waited_and_what_it_waits_for_did_not() -> None:
    clock = FakeClock()
    absence = Absence(clock, NOON - 9 * 60 * MINUTE)
    absence.answered(body(1), 1, 5.0)  # the first look asks for one
    absence.answered(body(*range(1, 101)), None, 5.0)  # however slow the line: there may be more
    absence.answered(body(101), None, 0.01)
    absence.answered(body(102), None, 0.01)  # a server that gives one at a time
    absence.answered(body(103), None, 7.0)
    absence.answered(body(104), None, 0.01)
    assert late(absence, 1, 100, 101, 102, 103, 104) == [True, True, True, True, False, False]
    away = absence.of(1)
    assert away is not None
    assert (away.since, away.until) == (NOON - 9 * 60 * MINUTE, NOON)


def test_nothing_that_waited_means_nothing_is_late() -> None:
    absence = Absence(FakeClock(), NOON - 9 * 60 * MINUTE)
    absence.answered(body(), 1, 0.0)
    absence.answered(body(1), None, 0.0)
    assert late(absence, 1) == [False]


@pytest.mark.parametrize(
    ("heard_at", "is_late"),
    [(None, False), (NOON - MINUTE, False), (NOON - 3 * MINUTE, True), (NOON + MINUTE, True)],
)
def test_how_long_nobody_listened(heard_at: datetime | None, *, is_late: bool) -> None:
    """A ledger that ends in the future says nothing about how long."""
    absence = Absence(FakeClock(), heard_at)
    absence.answered(body(1), 1, 0.0)
    assert late(absence, 1) == [is_late]


@pytest.mark.parametrize(("ticks", "wall"), [(121.0, 0), (0.0, 121)])
def test_a_pause_shows_on_either_clock(ticks: float, wall: int) -> None:
    clock = FakeClock()
    absence = Absence(clock, None)
    absence.answered(body(), None, 0.0)
    clock.ticks += ticks
    clock.time += timedelta(seconds=wall)
    absence.answered(body(1), None, 30.0)
    assert late(absence, 1) == [True]


def test_an_answer_that_cannot_be_read_is_nobodys_tap() -> None:
    absence = Absence(FakeClock(), NOON - 9 * 60 * MINUTE)
    for page in (b"<html>", b"[]", b'{"result": [{}]}', b'{"result": 5}'):
        absence.answered(page, None, 0.0)


FORWARDED: dict[str, Any] = {
    "forward_origin": {"type": "hidden_user", "sender_user_name": "Zeca", "date": int(time.time())}
}
CHANNEL = {"id": -1009, "type": "channel", "title": "Avisos"}


@pytest.mark.bug("a forwarded or edited message, or one of a channel, was somebody's command")
@pytest.mark.parametrize(
    "fields",
    [
        FORWARDED,
        {"is_automatic_forward": True, "sender_chat": CHANNEL},
        {"sender_chat": CHANNEL},
        {"edit_date": int(time.time())},
        {"via_bot": {"id": 99, "is_bot": True, "first_name": "Inline"}},
    ],
)
@pytest.mark.parametrize("text", ["/silenciar CB 01 2h obra", "/status"])
async def test_only_what_somebody_types_is_their_command(
    api: BotApi, fields: dict[str, Any], text: str
) -> None:
    async with opened(api, approvers="*") as room:
        await room.outage()
        await room.card()
        await api.say(ANA, text, **fields)
        answer = await api.wait(lambda _: api.messages()[1:])
        assert "Só vale o comando que você mesmo digita" in answer[0].text
        assert room.decided == []
        assert room.refusals == [(ANA, text.split(maxsplit=1)[0][1:], "not_typed", None)]


async def test_a_command_of_before_changes_nothing_and_says_so(api: BotApi) -> None:
    async with opened(api) as room:
        await room.outage()
        await room.card()
        old = int(time.time()) - 9 * 3600
        for text in ("/silenciar CB 01 2h obra", "/previsao 1 2h", "/causa 1 poste"):
            await api.say(ANA, text, date=old)
        await api.wait(lambda _: len(api.messages()) == 4)
        assert all("nada foi feito" in message.text for message in api.messages()[1:])
        assert room.decided == []
        assert {why for _, _, why, _ in room.refusals} == {"late_command"}
        await api.say(ANA, "/silenciar CB 01 2h obra", date=int(time.time()) - 60)
        await until(lambda: room.decided == [("silenced", "obra")])


async def test_what_only_reads_is_answered_late_too(api: BotApi) -> None:
    async with opened(api) as room:
        await room.outage()
        await room.card()
        await api.say(ANA, "/pendentes", date=int(time.time()) - 9 * 3600)
        await api.wait(lambda _: "1 cartão espera" in api.messages()[-1].text)
        assert room.refusals == []


async def test_a_page_that_decides_is_not_carried_out_late(api: BotApi) -> None:
    async with opened(api, away_after=0.5, poll_seconds=0.2) as room:
        await room.outage()
        await room.card()
        await room.line(Approved(1, Who(ANA, "Ana"), (port("1/1"),)), Started("2"))
        page = await cooling(room)
        await api.stop()
        await room.clock.sleep(0.8)
        answer = api.post_callback(ANA, page, "free:0:test|CB 01:1/1")
        await api.start()
        assert "toque de novo, se ainda vale" in (await answer).text
        assert room.decided == []


async def cooling(room: Room) -> Message:
    await room.api.say(ANA, "/cooldown")
    found = await room.api.wait(
        lambda api: next((m for m in api.messages() if "em descanso" in m.text and m.reply_to), None)
    )
    assert found is not None
    return found
