"""Planned work, the expected end and the cause, as people type them."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.chat.life_commands import read_duration, read_eta, read_silence
from bot.domain.life import CauseNamed, Forecast, Scope, Silenced, SilenceEnded
from bot.domain.lines import IncidentEnded, Line, Who
from bot.errors import Declined
from bot.simulator.telegram import BotApi
from tests.chat.room import ANA, BETO, Room, opened, people
from tests.chat.test_commands import answer

ZONE = ZoneInfo("America/Sao_Paulo")
NOW = datetime(2026, 11, 25, 17, 32, tzinfo=UTC)  # 14:32 in São Paulo
NIGHT = datetime(2026, 11, 26, 2, 30, tzinfo=UTC)  # 23:30 on the 25th


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi() as server:
        people(server)
        server.group_limit = None
        yield server


@pytest.fixture
async def room(api: BotApi) -> AsyncIterator[Room]:
    async with opened(api) as room:
        await room.outage()
        await room.card()
        yield room


def written(room: Room, kind: type[Line]) -> list[Line]:
    return [line for _, line in room.ledger.lines if isinstance(line, kind)]


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("30m", 30),
        ("30min", 30),
        ("2h", 120),
        ("1h30", 90),
        ("1h30m", 90),
        ("1H30MIN", 90),
        ("1d", 1440),
        ("1d12h", 2160),
        ("9999d", 9999 * 1440),
        ("0m", 0),
    ],
)
def test_a_duration(text: str, minutes: int) -> None:
    assert read_duration(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["", "30", "h", "2 h", "2hs", "-2h", "1.5h", "99999d", "2h30x", "m30", "²h"])
def test_what_is_no_duration(text: str) -> None:
    assert read_duration(text) is None


@pytest.mark.parametrize(
    ("text", "scopes", "minutes", "reason"),
    [
        ("CB 01 6/15 2h troca de cabo", [Scope("CB 01", "6/15")], 120, "troca de cabo"),
        ("CB 01 06/15 30m x", [Scope("CB 01", "6/15")], 30, "x"),
        ("CB 01 6 2h placa", [Scope("CB 01 6"), Scope("CB 01", "6")], 120, "placa"),
        ("CB 01 2h tudo  2h", [Scope("CB 01"), Scope("CB", "1")], 120, "tudo 2h"),
        ("OLT-X 1h30", [Scope("OLT-X")], 90, ""),
        ("CB 01 · 6/15 2h a · b", [Scope("CB 01", "6/15")], 120, "a · b"),
        ("2h 2h dupla", [Scope("2h")], 120, "dupla"),
    ],
)
def test_where_silence_is_and_how_long(text: str, scopes: list[Scope], minutes: int, reason: str) -> None:
    assert read_silence(text) == (scopes, timedelta(minutes=minutes), reason)


@pytest.mark.parametrize(
    "text", ["", "CB 01", "2h", "2h troca", "6/15 2h troca", "CB 01 6/15 troca", "· 2h x"]
)
def test_no_silence_without_a_place_and_a_duration(text: str) -> None:
    assert read_silence(text) is None


@pytest.mark.parametrize(
    ("text", "now", "eta"),
    [
        ("2h", NOW, NOW + timedelta(hours=2)),
        ("14:33", NOW, datetime(2026, 11, 25, 17, 33, tzinfo=UTC)),
        ("23:59", NOW, datetime(2026, 11, 26, 2, 59, tzinfo=UTC)),
        ("06:00", NIGHT, datetime(2026, 11, 26, 9, 0, tzinfo=UTC)),
        ("11:30", NIGHT, datetime(2026, 11, 26, 14, 30, tzinfo=UTC)),
        ("02:32", NOW, datetime(2026, 11, 26, 5, 32, tzinfo=UTC)),
        ("26/11 14:30", NOW, datetime(2026, 11, 26, 17, 30, tzinfo=UTC)),
        ("24/11 14:30", NOW, datetime(2026, 11, 24, 17, 30, tzinfo=UTC)),
        ("02/01 10:00", NOW, datetime(2027, 1, 2, 13, 0, tzinfo=UTC)),
    ],
)
def test_a_time_as_people_say_it(text: str, now: datetime, eta: datetime) -> None:
    assert read_eta(text, now, ZONE) == eta


def test_yesterday_in_the_new_year_is_last_years() -> None:
    new_year = datetime(2027, 1, 1, 12, 0, tzinfo=UTC)
    assert read_eta("31/12 23:00", new_year, ZONE) == datetime(2027, 1, 1, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(("text", "now"), [("14:32", NOW), ("02:33", NOW), ("11:31", NIGHT)])
def test_a_time_that_has_passed_is_tomorrows_only_where_that_is_near(text: str, now: datetime) -> None:
    with pytest.raises(Declined, match="eta_past"):
        read_eta(text, now, ZONE)


@pytest.mark.parametrize("text", ["25:00", "14:61", "31/02 10:00", "1/13 10:00", "amanhã", "14", "14:3"])
def test_what_is_no_time(text: str) -> None:
    assert read_eta(text, NOW, ZONE) is None


async def test_a_port_is_silenced_and_the_answer_says_so(api: BotApi, room: Room) -> None:
    said = await answer(api, ANA, "/silenciar CB 01 1/1 2h troca de cabo")
    (line,) = written(room, Silenced)
    assert isinstance(line, Silenced)
    assert (line.scopes, line.reason, line.by) == ((Scope("CB 01", "1/1"),), "troca de cabo", Who(ANA, "Ana"))
    lasts = line.until - room.clock.now()
    assert timedelta(minutes=119) < lasts <= timedelta(hours=2)
    assert re.fullmatch(r"🔕 CB 01 1/1 silenciado até (\d\d/\d\d )?\d\d:\d\d: troca de cabo", said)


async def test_what_is_silenced_in_private_is_told_to_the_group(api: BotApi, room: Room) -> None:
    await answer(api, ANA, "/silenciar CB 01 1/1 2h troca de <cabo>", ANA)
    await api.wait(lambda _: len(api.messages()) > 1)
    told = api.messages()[-1].text
    assert re.fullmatch(r"🔕 Ana silenciou CB 01 1/1 até (\d\d/\d\d )?\d\d:\d\d: troca de <cabo>", told)


async def test_a_number_at_the_end_is_the_olts_where_there_is_such_an_olt(api: BotApi, room: Room) -> None:
    await answer(api, ANA, "/silenciar CB 01 1h obra")
    await answer(api, ANA, "/silence CB 01 6 1h obra")
    await answer(api, ANA, "/silenciar cb  01 1h obra")
    scopes = [line.scopes for line in written(room, Silenced) if isinstance(line, Silenced)]
    assert scopes == [(Scope("CB 01"),), (Scope("CB 01", "6"),), (Scope("cb 01"),)]
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
    ((user, action, why, _),) = room.desk.refusals
    assert (user, command.startswith(f"/{action}"), why) == (ANA, True, code)
    assert room.desk.decided == []


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
    assert room.desk.decided == []
    assert room.desk.refusals == []


async def test_the_expected_end(api: BotApi, room: Room) -> None:
    said = await answer(api, ANA, "/previsão 1 2h", ANA)
    assert re.fullmatch(r"⏰ Caso 1: previsão (\d\d/\d\d )?\d\d:\d\d \(em 2 h 00 min\)", said)
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
    assert [(action, why) for _, action, why, _ in room.desk.refusals] == [
        ("silenciar", "not_allowed"),
        ("previsao", "not_allowed"),
        ("causa", "not_allowed"),
    ]
    assert room.desk.decided == []


async def test_a_case_that_is_over_takes_no_forecast(api: BotApi, room: Room) -> None:
    await room.line(IncidentEnded(1))
    assert "já acabou" in await answer(api, ANA, "/previsao 1 2h")
    assert written(room, Forecast) == []


async def test_a_closed_ledger_changes_nothing(api: BotApi, room: Room) -> None:
    room.ledger.fail("the disk is gone")
    assert "registro está fechado" in await answer(api, ANA, "/causa 1 raio")
    assert written(room, SilenceEnded) == written(room, CauseNamed) == []
