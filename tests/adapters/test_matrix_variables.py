"""`variaveis`: what a customer reads in the template's place-holders."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.domain.plan import Message, Outcome, Receipt
from bot.gateways.filling import LONGEST
from bot.gateways.matrix.matrix import Matrix
from bot.gateways.matrix.variables import variables_of
from bot.process.settings.reading import load
from bot.process.wiring import open_gateway
from bot.simulator.matrix import MatrixApi
from tests.fakes import FakeClock

ZONE = ZoneInfo("America/Sao_Paulo")
ALL = ("name", "start", "eta", "end", "cause", "duration")
PHONE = "5561999990000"
BARE = Message("501", PHONE, "Maria", "LOS")
FULL = replace(
    BARE,
    started=datetime(2026, 11, 22, 17, 5, 59, tzinfo=UTC),
    eta=datetime(2026, 11, 23, 2, 30, tzinfo=UTC),  # 23:30 there, on the day before
    ended=datetime(2027, 1, 1, 1, 0, tzinfo=UTC),
    cause="caminhão derrubou o poste",
)


def values(message: Message, *words: str) -> list[str]:
    return list(variables_of(message, words, ZONE).values())


def test_positions_count_from_one_and_times_are_local() -> None:
    assert variables_of(FULL, ALL, ZONE) == {
        "1": "Maria",
        "2": "22/11 14:05",
        "3": "22/11 23:30",
        "4": "31/12 22:00",
        "5": "caminhão derrubou o poste",
        "6": "39 dias 7 h",
    }
    assert variables_of(FULL, ("eta", "name", "eta"), ZONE) == {
        "1": "22/11 23:30",
        "2": "Maria",
        "3": "22/11 23:30",
    }


@pytest.mark.parametrize(
    ("template", "cause"),
    [("LOS", "rompimento de fibra"), ("POWER", "falta de energia"), ("RESTORED", "falha na rede")],
)
def test_what_nobody_said_is_told_in_words(template: str, cause: str) -> None:
    known = ["Maria", "não informado", "sem previsão", "não informado", cause, "não informado"]
    assert values(replace(BARE, template=template), *ALL) == known
    assert values(replace(BARE, template=template, cause=" \n🌻"), "cause") == [cause]


@pytest.mark.parametrize(
    ("seconds", "lasted"),
    [
        (-1, "não informado"),  # ended before it started, by two clocks
        (0, "1 min"),
        (8, "1 min"),  # 17:05:59 to 17:06:07, which the message tells as 14:05 and 14:06
        (42 * 60, "42 min"),
        (60 * 60, "1 h"),
        (130 * 60, "2 h 10 min"),
        (24 * 3600 - 60, "23 h 59 min"),
        (24 * 3600, "1 dia"),
        (27 * 3600 + 59 * 60, "1 dia 3 h"),
        (50 * 3600, "2 dias 2 h"),
    ],
)
def test_how_long_it_lasted_is_told_in_digits_and_units(seconds: int, lasted: str) -> None:
    assert FULL.started is not None
    message = replace(FULL, template="RESTORED", ended=FULL.started + timedelta(seconds=seconds))
    assert values(message, "duration", "duracao") == [lasted] * 2
    assert lasted.encode("latin-1").decode("latin-1") == lasted
    assert values(replace(message, started=None), "duration") == ["não informado"]


@pytest.mark.parametrize(
    ("cause", "spelt"),
    [
        ("poste “caiu” – rua…", 'poste "caiu" - rua...'),
        ("linha 1\r\n\tlinha 2     fim", "linha 1 linha 2 fim"),
        ("🌻 vandalismo", "vandalismo"),
        ("x" * 500, "x" * LONGEST),
    ],
)
async def test_a_cause_arrives_in_one_line_as_it_was_spelt(
    matrix_api: MatrixApi, gateway: Matrix, cause: str, spelt: str
) -> None:
    await gateway.send(replace(FULL, cause=cause, name="Zé “Bar”"))
    assert [m.variables for m in matrix_api.received] == [
        {"1": 'Zé "Bar"', "2": "22/11 14:05", "3": "22/11 23:30", "4": spelt}
    ]


@pytest.fixture
async def gateway(matrix_api: MatrixApi, clock: FakeClock) -> AsyncIterator[Matrix]:
    """LOS has four variables, RESTORED two, POWER none; the platform refuses whatever does not fit."""
    matrix_api.variables = {114: 4, 116: 0, 120: 2}
    adapter = Matrix(
        matrix_api.hsm_url,
        "hsm-secret",
        templates={"LOS": 114, "POWER": 116, "RESTORED": 120},
        variables={"LOS": ("name", "start", "eta", "cause"), "POWER": (), "RESTORED": ("name", "end")},
        zone=ZONE,
        clock=clock,
    )
    yield adapter
    await adapter.aclose()


async def test_each_template_has_its_own(matrix_api: MatrixApi, gateway: Matrix) -> None:
    for template in ("LOS", "POWER", "RESTORED"):
        assert (await gateway.send(replace(FULL, template=template))).outcome is Outcome.ACCEPTED
    bodies = [json.loads(request.body) for request in matrix_api.requests]
    assert [body["hsm"] for body in bodies] == [114, 116, 120]
    assert [body.get("variaveis") for body in bodies] == [
        {"1": "Maria", "2": "22/11 14:05", "3": "22/11 23:30", "4": "caminhão derrubou o poste"},
        None,
        {"1": "Maria", "2": "31/12 22:00"},
    ]


async def test_a_template_that_has_other_variables_stops_the_rest(
    matrix_api: MatrixApi, gateway: Matrix
) -> None:
    matrix_api.variables[114] = 3
    receipt = await gateway.send(FULL)
    reason = "quantidade de variaveis invalida"
    assert receipt == Receipt(Outcome.REJECTED, reason=reason, halt="template")
    assert matrix_api.received == []


async def test_a_template_that_is_not_configured_is_refused_before_anything_leaves(
    matrix_api: MatrixApi, clock: FakeClock
) -> None:
    gateway = Matrix(
        matrix_api.hsm_url, "hsm-secret", templates={"LOS": 114, "POWER": 116}, zone=ZONE, clock=clock
    )
    receipt = await gateway.send(replace(FULL, template="RESTORED"))
    await gateway.aclose()
    reason = "sem template: HSM_ID_RESTORED"
    assert receipt == Receipt(Outcome.REJECTED, reason=reason, halt="template")
    assert matrix_api.requests == []


async def test_the_settings_reach_the_platform(matrix_api: MatrixApi, clock: FakeClock) -> None:
    settings = load(
        None,
        {
            "TELEGRAM_TOKEN": "1:a",
            "TELEGRAM_CHAT_ID": "-1",
            "TZ": "America/Manaus",
            "API_BASE_URL": "http://127.0.0.1:1",
            "API_USER": "noc",
            "API_PASS": "secret",
            "URL_HSM": matrix_api.hsm_url,
            "TOKEN_HSM": matrix_api.token,
            "HSM_ACCOUNT": "1",
            "HSM_ID_LOS": "114",
            "HSM_ID_POWER": "116",
            "HSM_ID_RESTORED": "120",
            "HSM_VARIABLES": "inicio,causa",
            "HSM_VARIABLES_RESTORED": "fim,duração",
        },
    )
    gateway = open_gateway(settings, clock)
    for template in ("LOS", "POWER", "RESTORED"):
        await gateway.send(replace(FULL, template=template, cause=""))
    await gateway.aclose()
    assert [(m.hsm, m.variables) for m in matrix_api.received] == [
        (114, {"1": "22/11 13:05", "2": "rompimento de fibra"}),
        (116, {"1": "22/11 13:05", "2": "falta de energia"}),
        (120, {"1": "31/12 21:00", "2": "39 dias 7 h"}),
    ]
