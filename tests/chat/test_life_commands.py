"""Planned work, the expected end and the cause, as people type them."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.chat.taps.note_commands import Wish, read_silence
from bot.chat.taps.times import Meant
from bot.domain.events import CauseNamed, Forecast, IncidentEnded, Line, Silenced, SilenceEnded
from bot.domain.limits.silence import Scope
from bot.domain.who import Who
from bot.simulator.telegram.api import BotApi, Message
from tests.chat.room import ANA, BETO, CARLA, Room, opened
from tests.chat.test_commands import answer


@pytest.fixture
async def room(api: BotApi) -> AsyncIterator[Room]:
    async with opened(api) as room:
        await room.outage()
        await room.card()
        yield room


def written(room: Room, kind: type[Line]) -> list[Line]:
    return [line for _, line in room.ledger.lines if isinstance(line, kind)]


ZONE = ZoneInfo("America/Sao_Paulo")
NOW = datetime(2026, 11, 25, 17, 32, tzinfo=UTC)  # 14:32 in São Paulo


def hours(count: float) -> Meant:
    return Meant(lasts=timedelta(hours=count))


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("CB 01 6/15 2h troca de cabo", Wish((Scope("CB 01", "6/15"),), hours(2), "troca de cabo")),
        ("CB 01 06/15 30m x", Wish((Scope("CB 01", "6/15"),), hours(0.5), "x")),
        ("CB 01 6 2h placa", Wish((Scope("CB 01 6"), Scope("CB 01", "6")), hours(2), "placa")),
        ("CB 01 2h tudo  2h", Wish((Scope("CB 01"), Scope("CB", "1")), hours(2), "tudo 2h")),
        ("CB 01 por 2 h 30 min x", Wish((Scope("CB 01"), Scope("CB", "1")), hours(2.5), "x")),
        ("OLT-X 90 min", Wish((Scope("OLT-X"),), hours(1.5), "")),
        ("CB 01 · 6/15 2h a · b", Wish((Scope("CB 01", "6/15"),), hours(2), "a · b")),
        ("CB 01 6/11 2h x", Wish((Scope("CB 01", "6/11"),), hours(2), "x")),
        ("2h 2h dupla", Wish((Scope("2h"),), hours(2), "dupla")),
        (
            "CB 01 6/11 até 26/11 16h troca",
            Wish((Scope("CB 01", "6/11"),), Meant(datetime(2026, 11, 26, 19, 0, tzinfo=UTC)), "troca"),
        ),
    ],
)
def test_where_silence_is_and_how_long(text: str, first: Wish) -> None:
    assert next(read_silence(text, NOW, ZONE)) == first


@pytest.mark.parametrize(
    "text", ["", "CB 01", "2h", "2h troca", "6/15 2h troca", "CB 01 6/15 troca", "· 2h x"]
)
def test_no_silence_without_a_place_and_a_time(text: str) -> None:
    assert list(read_silence(text, NOW, ZONE)) == []


async def test_a_port_is_silenced_and_the_answer_says_so(api: BotApi, room: Room) -> None:
    said = await answer(api, ANA, "/silenciar CB 01 1/1 2h troca de cabo")
    (line,) = written(room, Silenced)
    assert isinstance(line, Silenced)
    assert (line.scopes, line.reason, line.by) == ((Scope("CB 01", "1/1"),), "troca de cabo", Who(ANA, "Ana"))
    lasts = line.until - room.clock.now()
    assert timedelta(minutes=119) < lasts <= timedelta(hours=2)
    assert re.fullmatch(r"🔕 CB 01 1/1 silenciado até (amanhã \d\d/\d\d )?\d\d:\d\d: troca de cabo", said)


async def test_what_is_silenced_in_private_is_told_to_the_group(api: BotApi, room: Room) -> None:
    await answer(api, ANA, "/silenciar CB 01 1/1 2h troca de <cabo>", ANA)
    await api.wait(lambda _: len(api.messages()) > 1)
    told = api.messages()[-1].text
    assert re.fullmatch(
        r"🔕 Ana silenciou CB 01 1/1 até (amanhã \d\d/\d\d )?\d\d:\d\d: troca de <cabo>", told
    )


async def test_a_number_at_the_end_is_the_olts_where_there_is_such_an_olt(api: BotApi, room: Room) -> None:
    await answer(api, ANA, "/silenciar CB 01 1h obra")
    await answer(api, ANA, "/silence CB 01 6 1h obra")
    await answer(api, ANA, "/silenciar cb  01 1h obra")
    scopes = [line.scopes for line in written(room, Silenced) if isinstance(line, Silenced)]
    assert scopes == [(Scope("CB 01"),), (Scope("CB 01", "6"),), (Scope("CB 01"),)]
    assert "Não conheço a OLT CB 99: escreva" in await answer(api, ANA, "/silenciar CB 99 1h obra")
    assert len(written(room, Silenced)) == 3


@pytest.mark.parametrize(
    ("command", "said", "code"),
    [
        ("/silenciar CB 01 2h", "Diga o motivo", "silence_no_reason"),
        ("/silenciar CB 01 365d obra", "no máximo 7 dias", "silence_too_long"),
        ("/silenciar CB 01 0m obra", "já passou", "silence_past"),
        ("/previsao 77 2h", "Não conheço esse caso", "unknown_case"),
        ("/previsao 1 9d", "7 dias à frente", "eta_too_far"),
        ("/previsao 1 0m", "já passou", "eta_past"),
        ("/causa 1 ; Norte", "Diga a causa", "no_cause"),
    ],
)
async def test_what_a_rule_declines_is_said_and_audited(
    api: BotApi, room: Room, command: str, said: str, code: str
) -> None:
    assert said in await answer(api, ANA, command)
    ((user, action, why, _),) = room.refusals
    assert (user, command.startswith(f"/{action}"), why) == (ANA, True, code)
    assert room.decided == []


@pytest.mark.parametrize(
    "command",
    [
        "/silenciar",
        "/silenciar CB 01",
        "/previsao",
        "/previsao 1",
        "/previsao 1 amanhã",
        "/causa",
        "/causa x y",
    ],
)
async def test_what_cannot_be_read_is_answered_with_the_usage(api: BotApi, room: Room, command: str) -> None:
    name = command.split(maxsplit=1)[0]
    said = await answer(api, ANA, command)
    assert said.splitlines()[0].split()[1] == name
    assert len(said.splitlines()) >= 2
    assert room.decided == []
    assert room.refusals == []


async def test_the_expected_end(api: BotApi, room: Room) -> None:
    said = await answer(api, ANA, "/previsão 1 2h", ANA)
    assert re.fullmatch(r"⏰ Caso 1: previsão (amanhã \d\d/\d\d )?\d\d:\d\d \(em 2 h 00 min\)", said)
    assert await answer(api, ANA, "/eta #1 none") == "⏰ Caso 1: sem previsão"
    first, second = written(room, Forecast)
    assert isinstance(first, Forecast)
    assert first.eta is not None
    assert timedelta(minutes=119) < first.eta - room.clock.now() <= timedelta(hours=2)
    assert second == Forecast(1, Who(ANA, "Ana"), None)


async def test_the_cause_and_the_team(api: BotApi, room: Room) -> None:
    said = await answer(api, ANA, "/causa caso 1 poste <derrubado>; Norte")
    assert said == "🔧 Caso 1: poste <derrubado> · equipe Norte"
    assert written(room, CauseNamed) == [CauseNamed(1, Who(ANA, "Ana"), "poste <derrubado>", "Norte")]
    assert await answer(api, ANA, "/cause 1 raio") == "🔧 Caso 1: raio · equipe Norte"


async def test_only_approvers_change_something(api: BotApi, room: Room) -> None:
    for command in ("/silenciar CB 01 2h obra", "/previsao 1 2h", "/causa 1 raio"):
        assert "administradores do grupo" in await answer(api, BETO, command)
    assert [(action, why) for _, action, why, _ in room.refusals] == [
        ("silenciar", "not_allowed"),
        ("previsao", "not_allowed"),
        ("causa", "not_allowed"),
    ]
    assert room.decided == []


async def test_a_case_that_is_over_takes_no_forecast(api: BotApi, room: Room) -> None:
    await room.line(IncidentEnded(1))
    assert "já acabou" in await answer(api, ANA, "/previsao 1 2h")
    assert written(room, Forecast) == []


async def test_a_closed_ledger_changes_nothing(api: BotApi, room: Room) -> None:
    room.ledger.fail("the disk is gone")
    assert "registro está fechado" in await answer(api, ANA, "/causa 1 raio")
    assert written(room, SilenceEnded) == written(room, CauseNamed) == []


async def asked(api: BotApi, user: int, text: str, chat: int | None = None) -> Message:
    """The question that a command is answered with."""
    await answer(api, user, text, chat)
    return api.messages(chat)[-1]


@pytest.mark.bug("15h was a span, and customers read it")
async def test_what_may_be_the_clock_or_a_span_is_asked_back(api: BotApi, room: Room) -> None:
    """`/previsao 1 15h` said "15 hours from now" to customers."""
    question = await asked(api, ANA, "/previsao 1 15h")
    assert (
        question.text == "⏰ Caso 1: qual é a previsão? Dá para ler de dois jeitos. Nada foi anotado ainda:"
    )
    at, lasts = question.buttons
    assert re.fullmatch(r"(às |amanhã \d\d/\d\d )15:00 \(em (\d+ h \d\d min|\d+ min|\d+ s)\)", at)
    assert re.fullmatch(r"em 15 h 00 min \((amanhã \d\d/\d\d )?\d\d:\d\d\)", lasts)
    assert room.decided == []
    now = room.clock.now()
    toast = await api.tap(ANA, question, lasts)
    await room.shows(question, "Caso 1: previsão")
    assert question.buttons == []
    (line,) = written(room, Forecast)
    assert isinstance(line, Forecast)
    assert line.eta is not None
    assert abs(line.eta - now - timedelta(hours=15)) < timedelta(minutes=1)
    assert (line.case, line.by) == (1, Who(ANA, "Ana"))
    assert (toast.text or "").startswith("Previsão: ")


async def test_the_clock_is_the_other_answer_and_the_command_keeps_its_words(api: BotApi, room: Room) -> None:
    question = await asked(api, ANA, "/silenciar cb 01 1/1 14h30 troca de <cabo>", ANA)
    assert question.text.startswith("🔕 CB 01 1/1: até quando?")
    at, _ = question.buttons
    await api.tap(ANA, question, at)
    await room.shows(question, "silenciado até")
    (line,) = written(room, Silenced)
    assert isinstance(line, Silenced)
    assert (line.scopes, line.reason) == ((Scope("CB 01", "1/1"),), "troca de <cabo>")
    assert line.until.astimezone(ZONE).strftime("%H:%M") == "14:30"
    assert line.until > room.clock.now()
    await api.wait(lambda _: any("Ana silenciou CB 01 1/1" in m.text for m in api.messages()))


async def test_only_who_typed_it_and_still_may_answers_and_only_once(api: BotApi, room: Room) -> None:
    question = await asked(api, ANA, "/previsao 1 22h")
    data = question.keyboard[0][0].data or ""
    assert "Só quem escreveu o comando" in ((await api.post_callback(CARLA, question, data)).text or "")
    assert "Só quem escreveu o comando" in ((await api.post_callback(BETO, question, data)).text or "")
    room.telegram.access._approvers = frozenset({BETO})
    assert "lista de aprovadores" in ((await api.post_callback(ANA, question, data)).text or "")
    assert written(room, Forecast) == []


async def test_a_question_that_nobody_remembers_asks_for_the_command_again(api: BotApi, room: Room) -> None:
    question = await asked(api, ANA, "/previsao 1 22h")
    data = question.keyboard[0][0].data or ""
    await api.post_callback(ANA, question, data)
    await room.shows(question, "previsão")
    for old in (data, "at:0:99"):
        said = (await api.post_callback(ANA, question, old)).text or ""
        assert said == "Página antiga: escreva o comando de novo."
    assert len(written(room, Forecast)) == 1


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("/previsao 77 15h", "unknown_case"),
        ("/silenciar CB 01 15h", "silence_no_reason"),
        ("/silenciar CB 99 15h obra", "unknown_olt"),
    ],
)
async def test_what_would_be_declined_anyway_is_not_asked_about(
    api: BotApi, room: Room, command: str, code: str
) -> None:
    question = await asked(api, ANA, command)
    assert question.buttons == []
    assert [why for _, _, why, _ in room.refusals] == [code]


async def test_a_name_that_looks_like_a_time_is_a_name_where_there_is_such_an_olt(
    api: BotApi, room: Room
) -> None:
    room.source.ports = {"POP 10.20": frozenset()}
    await answer(api, ANA, "/silenciar POP 10.20 2h obra")
    (line,) = written(room, Silenced)
    assert isinstance(line, Silenced)
    assert (line.scopes, line.reason) == ((Scope("POP 10.20"),), "obra")
