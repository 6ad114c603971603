"""Opa! Suite, fact by fact; what counts is what the server received."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.domain.delivery import Arrival, DeliveryNews
from bot.domain.limits.daily import Allowed
from bot.domain.plan import Message, Outcome, Receipt
from bot.errors import AnswerLost, BadAnswer, NotFound, Refused, TryLater
from bot.gateways.opa.answers import receipt
from bot.gateways.opa.limit import allowed
from bot.gateways.opa.opa import NOBODYS, Opa
from bot.gateways.opa.standing import arrival_of, news_of
from bot.process.settings.reading import load, read
from bot.process.wiring import open_gateway
from bot.simulator.opa import CHANNEL, OTHER_CHANNEL, OpaApi, Stage
from bot.simulator.server import Answer, Garbage, HtmlPage
from tests.fakes import FakeClock

ZONE = ZoneInfo("America/Sao_Paulo")
PHONE = "5511987654321"
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
LOS, POWER, RESTORED = (f"624c358355802dbdd2eb94{n}" for n in ("4a", "4b", "4c"))
MARIA = Message("501", PHONE, "Maria", "LOS", started=datetime(2026, 9, 6, 17, 30, tzinfo=UTC))
TELEGRAM = {"TELEGRAM_TOKEN": "1:a", "TELEGRAM_CHAT_ID": "-1"}
OLT = {"API_BASE_URL": "http://127.0.0.1:1", "API_USER": "noc", "API_PASS": "secret"}
GIVEN = {
    **TELEGRAM,
    **OLT,
    "GATEWAY": "opa",
    "OPA_URL": "https://isp.opasuite.com.br",
    "OPA_TOKEN": "ey.J0.x",
    "OPA_CHANNEL": CHANNEL,
    "OPA_TEMPLATE_LOS": LOS,
    "OPA_TEMPLATE_POWER": POWER,
}


@pytest.fixture
async def api() -> AsyncIterator[OpaApi]:
    async with OpaApi() as server:
        server.templates = {
            LOS: "Olá {{nome_cliente}}, sem sinal desde {{variavel_vazia}}.",
            POWER: "Sem energia.",
        }
        yield server


@asynccontextmanager
async def opened(api: OpaApi, **options: Any) -> AsyncIterator[Opa]:
    given: dict[str, Any] = {
        "channel": CHANNEL,
        "templates": {"LOS": LOS, "POWER": POWER},
        "variables": {"LOS": ("nome", "inicio")},
        "zone": ZONE,
    }
    adapter = Opa(api.url, api.token, **given | options)
    yield adapter
    await adapter.aclose()


@pytest.fixture
async def gateway(api: OpaApi) -> AsyncIterator[Opa]:
    async with opened(api) as adapter:
        yield adapter


async def test_the_request_is_the_contracts(api: OpaApi, gateway: Opa) -> None:
    assert await gateway.send(replace(MARIA, about="k.1.1.501")) == Receipt(Outcome.ACCEPTED, f"{1:024x}")
    [request] = api.requests
    assert (request.method, request.path) == ("POST", "/api/v1/template/send")
    assert request.headers["authorization"] == "Bearer opa-secret"
    assert json.loads(request.body) == {
        "contato": {"canalCliente": "+5511987654321"},
        "canal": CHANNEL,
        "allowSendingToStartedCustomerService": False,
        "template": {"_id": LOS, "variaveis": ["Maria", "06/09 14:30"]},
        "metadata": {"ref": "k.1.1.501"},
    }
    assert api.received[0].ref == "k.1.1.501"


async def test_a_template_without_variables_is_given_none(api: OpaApi, gateway: Opa) -> None:
    assert (await gateway.send(replace(MARIA, template="POWER"))).outcome is Outcome.ACCEPTED
    body = json.loads(api.requests[0].body)
    assert (body["template"], body["metadata"]) == ({"_id": POWER}, {"ref": "501"})


async def test_who_has_a_conversation_open_is_told_only_where_that_is_set(api: OpaApi, gateway: Opa) -> None:
    api.conversations = {PHONE}
    refused = await gateway.send(MARIA)
    assert refused == Receipt(Outcome.REJECTED, reason="opa_open"), "no halt, and not the name of who has it"
    assert api.received == []
    async with opened(api, include_current=True) as open_to_all:
        assert (await open_to_all.send(MARIA)).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("name", ["", "\n\t", "a     b", "x\ny", "🌻"])
async def test_no_value_is_one_that_would_be_refused(api: OpaApi, gateway: Opa, name: str) -> None:
    assert (await gateway.send(replace(MARIA, name=name))).outcome is Outcome.ACCEPTED
    assert all(value and value == " ".join(value.split()) for value in api.received[0].values)


async def test_what_would_surely_be_refused_does_not_leave(api: OpaApi, gateway: Opa) -> None:
    for phone in ("", "11 98765-4321", "+5511987654321", "05511987654321", "5" * 16):
        assert await gateway.send(replace(MARIA, phone=phone)) == Receipt(
            Outcome.REJECTED, reason="opa_phone"
        )
    reason = "sem template: OPA_TEMPLATE_RESTORED"
    refused = await gateway.send(replace(MARIA, template="RESTORED"))
    assert refused == Receipt(Outcome.REJECTED, reason=reason, halt="template")
    assert api.requests == []


@pytest.mark.parametrize("bare", [False, True])
async def test_every_answer_is_read_with_its_envelope_and_without(
    api: OpaApi, gateway: Opa, bare: bool
) -> None:
    api.bare, api.limit = bare, 1000
    taken = await gateway.send(MARIA)
    assert taken == Receipt(Outcome.ACCEPTED, f"{1:024x}")
    api.fate = lambda _: [Stage(0.0, "delivered")]
    news = await gateway.track(taken.reference or "", NOW)
    assert news == DeliveryNews(f"{1:024x}", Arrival.RECEIVED, NOW)
    assert await gateway.allowance() == Allowed(1000, 999)
    found = await gateway.templates()
    assert found is not None
    assert found["LOS"].troubles == ()
    assert await gateway.probe() == "reachable, key accepted"
    api.refuse(PHONE, "Contato inválido")
    assert await gateway.send(MARIA) == Receipt(Outcome.REJECTED, reason="Contato inválido")


def error(message: str, code: int = 400) -> str:
    return json.dumps({"status": "error", "code": code, "data": {"message": message}, "description": "Error"})


def in_doubt(reason: str, halt: Any = None) -> Receipt:
    return Receipt(Outcome.UNKNOWN, reason=reason, halt=halt)


def rejected(reason: str, halt: Any = None) -> Receipt:
    return Receipt(Outcome.REJECTED, reason=reason, halt=halt)


NO_CHANNEL = '{"error": "NOT_FOUND_ERROR", "message": "Communication channel not found."}'
NO_VARIABLES = "Quantidade de variáveis inválida"
UNFIT = "(#132018) There's an issue with the parameters in your template"
UNKNOWN = "Limite do plano excedido"
ANSWERS = [
    (
        200,
        '{"message": "Template has been succesfully sent."}',
        Receipt(Outcome.UNCONFIRMED, reason="unconfirmed"),
    ),
    (200, '{"data": {"messageSentId": "7"}}', Receipt(Outcome.UNCONFIRMED, reason="unconfirmed")),
    (200, "", Receipt(Outcome.UNCONFIRMED, reason="unconfirmed")),
    (201, "[]", Receipt(Outcome.UNCONFIRMED, reason="unconfirmed")),
    (
        200,
        json.dumps({"status": "error", "code": 500, "data": {"messageSentId": "A" * 24}}),
        Receipt(Outcome.UNCONFIRMED, "a" * 24, "unconfirmed"),
    ),
    (400, json.dumps({"messageSentId": "A" * 24}), Receipt(Outcome.UNCONFIRMED, "a" * 24, "unconfirmed")),
    (200, error("Template not found", 404), rejected("Template not found", "template")),
    (200, error("MongoError", 500), in_doubt("MongoError")),
    (200, '{"status": "error", "code": 504}', in_doubt("http_504")),
    (200, '{"status": "error", "code": "500", "message": "Oops"}', in_doubt("Oops")),
    (200, '{"error": {"statusCode": 502, "message": "Template not sent"}}', in_doubt("Template not sent")),
    (200, '{"error": "ETIMEDOUT"}', in_doubt("ETIMEDOUT")),
    (200, '{"error": true, "message": "Template failed", "code": "ECONNRESET"}', in_doubt("Template failed")),
    (200, '{"error": true}', in_doubt("http_200", "refusal")),
    (200, '{"status": "error", "message": "Oops"}', in_doubt("Oops", "refusal")),
    (200, error(UNKNOWN, 402), rejected(UNKNOWN, "refusal")),
    (200, '{"error": "(#131042) Business"}', rejected("(#131042) Business", "refusal")),
    (200, '{"error": {"code": 132001, "message": "No template"}}', rejected("No template", "template")),
    (200, '{"status": "error", "message": "Invalid token"}', rejected("Invalid token", "key")),
    (400, error("timeout of 30000ms exceeded"), in_doubt("timeout of 30000ms exceeded")),
    (400, error("Contato: request timed out"), in_doubt("Contato: request timed out")),
    (400, error("socket hang up"), in_doubt("socket hang up")),
    (400, error("Template\nECONNRESET"), in_doubt("Template ECONNRESET")),
    (400, error("Erro interno"), in_doubt("Erro interno")),
    (400, error("Request failed with status code 503"), in_doubt("Request failed with status code 503")),
    (400, '{"errors": [{"code": "INTERNAL_SERVER_ERROR"}]}', in_doubt("http_400")),
    (400, error("Template", 500), in_doubt("Template")),
    (404, error("Template service: connect ETIMEDOUT"), in_doubt("Template service: connect ETIMEDOUT")),
    (400, error("Canal desconectado, reconnect it"), rejected("Canal desconectado, reconnect it", "url")),
    (401, error("Session timeout", 401), rejected("Session timeout", "key")),
    (400, error("Este contato já está em atendimento com Lucas Silva"), rejected("opa_open")),
    (400, error("Customer service already started for this contact"), rejected("opa_open")),
    (400, error("Contact already has an open customer service"), rejected("opa_open")),
    (400, error("Canal de atendimento inativo"), rejected("Canal de atendimento inativo", "url")),
    (400, error("Número +55 11 98765-4321 inválido"), rejected("Número … inválido")),
    (
        400,
        error("Field contato.canalCliente is required"),
        rejected("Field contato.canalCliente is required"),
    ),
    (400, error("(#131026) Message undeliverable"), rejected("(#131026) Message undeliverable")),
    (400, error("(#131042) Business eligibility"), rejected("(#131042) Business eligibility", "refusal")),
    (400, error(UNFIT), rejected(UNFIT, "template")),
    (400, error(NO_VARIABLES), rejected(NO_VARIABLES, "template")),
    (
        400,
        error("Modelo não aprovado para o cliente"),
        rejected("Modelo não aprovado para o cliente", "template"),
    ),
    (400, error(UNKNOWN), rejected(UNKNOWN, "refusal")),
    (409, "{}", rejected("http_409", "refusal")),
    (401, error("Invalid token."), rejected("Invalid token.", "key")),
    (403, '{"message": "Invalid permissions profile"}', rejected("Invalid permissions profile", "key")),
    (403, "<html>", rejected("http_403", "key")),
    (404, NO_CHANNEL, rejected("Communication channel not found.", "url")),
    (404, error("Template not found."), rejected("Template not found.", "template")),
    (404, "<html>", rejected("http_404", "url")),
    (405, "", rejected("http_405", "url")),
    (400, "<html>", Receipt(Outcome.UNKNOWN, reason="http_400")),
    (408, "", Receipt(Outcome.UNKNOWN, reason="http_408")),
    (408, error("Template", 408), in_doubt("Template")),
    (408, '{"message": "Contato"}', in_doubt("Contato")),
    (302, "", Receipt(Outcome.UNKNOWN, reason="http_302", halt="url")),
    (500, error("MongoError", 500), Receipt(Outcome.UNKNOWN, reason="http_500")),
    (503, error("Service unavailable", 503), Receipt(Outcome.UNKNOWN, reason="http_503")),
]


@pytest.mark.parametrize(("status", "body", "proves"), ANSWERS)
async def test_what_each_answer_proves(
    api: OpaApi, gateway: Opa, status: int, body: str, proves: Receipt
) -> None:
    api.faults.inject(Answer(status, body))
    assert await gateway.send(MARIA) == proves
    assert len(api.requests) == 1


async def test_429_is_not_sent_whatever_its_form(api: OpaApi, gateway: Opa) -> None:
    api.faults.inject(Answer(429, "<html>"))
    with pytest.raises(TryLater):
        await gateway.send(MARIA)
    api.rate_limit = 0.001
    assert (await gateway.send(MARIA)).outcome is Outcome.ACCEPTED
    with pytest.raises(TryLater):
        await gateway.send(MARIA)
    assert len(api.received) == 1


async def test_without_an_id_it_is_taken_but_not_confirmed(api: OpaApi, gateway: Opa) -> None:
    api.ids = False
    assert await gateway.send(MARIA) == Receipt(Outcome.UNCONFIRMED, reason="unconfirmed")
    assert api.count == {PHONE: 1}


def test_an_answer_of_no_known_form_is_no_success() -> None:
    bodies: list[Any] = [None, [], "x", 7, {"data": []}, {"data": "2026"}, {"data": {"messageSentId": {}}}]
    for body in bodies:
        assert receipt(200, body) == Receipt(Outcome.UNCONFIRMED, reason="unconfirmed")
    deep: dict[str, Any] = {"message": {"message": {"message": {"message": "deeper than anybody writes"}}}}
    assert receipt(400, deep) == rejected("http_400", "refusal")


@pytest.mark.parametrize(
    ("word", "means"),
    [
        ("sent", None),
        ("enviado", None),
        ("pending", None),
        ("ready", None),
        ("validado", None),
        ("", None),
        ("delivered", Arrival.RECEIVED),
        ("DELIVERY_ACK", Arrival.RECEIVED),
        ("Entregue", Arrival.RECEIVED),
        ("read", Arrival.READ),
        ("message_read", Arrival.READ),
        ("Lida", Arrival.READ),
        ("lido", Arrival.READ),
        ("failed", Arrival.UNDELIVERED),
        ("Falha", Arrival.UNDELIVERED),
        ("erro", Arrival.UNDELIVERED),
        ("undelivered", Arrival.UNDELIVERED),
        ("não entregue", Arrival.UNDELIVERED),
        ("not_delivered", Arrival.UNDELIVERED),
    ],
)
def test_what_each_word_means(word: str, means: Arrival | None) -> None:
    assert arrival_of(word) is means


async def test_a_message_is_asked_for_by_its_id(api: OpaApi, gateway: Opa) -> None:
    taken = await gateway.send(MARIA)
    assert taken.reference is not None
    assert await gateway.track(taken.reference, NOW) is None, "that it left is no news"
    assert (api.requests[-1].method, api.requests[-1].path) == (
        "GET",
        f"/api/v1/atendimento/mensagem/{taken.reference}",
    )
    why = "(#131026) Message undeliverable to +55 11 98765-4321"
    api.fate = lambda _: [Stage(0.0, "failed", why)]
    news = await gateway.track(taken.reference, NOW)
    said = "failed: (#131026) Message undeliverable to …"
    assert news == DeliveryNews(taken.reference, Arrival.UNDELIVERED, NOW, reason=said)
    api.fate = lambda _: [Stage(0.0, "erro")]
    news = await gateway.track(taken.reference, NOW)
    assert news is not None
    assert news.reason == "erro"


async def test_what_it_does_not_know_and_what_is_anothers(api: OpaApi, gateway: Opa) -> None:
    with pytest.raises(NotFound):
        await gateway.track("b" * 24, NOW)
    api.requests.clear()
    for reference in ("7", "wa.1234567890abcdef12345678", "../../usuario", ""):
        assert await gateway.track(reference, NOW) is None
    assert api.requests == []
    api.may_read = False
    with pytest.raises(Refused):
        await gateway.track("b" * 24, NOW)


@pytest.mark.parametrize(
    "message",
    [None, [], "x", {"_id": "c" * 24, "statusEnvio": {"status": "read"}}, {"_id": 7}],
)
def test_an_answer_about_another_message_says_nothing(message: object) -> None:
    with pytest.raises(BadAnswer):
        news_of(message, "b" * 24, NOW)


@pytest.mark.parametrize(
    "standing",
    [None, "read", [], {}, {"status": None}, {"status": ["read"]}, {"status": 7, "observacao": "x"}],
)
def test_a_state_of_no_known_form_is_none(standing: object) -> None:
    assert news_of({"_id": "b" * 24, "statusEnvio": standing}, "b" * 24, NOW) is None


def test_a_long_reason_is_cut_and_one_of_another_form_is_left_away() -> None:
    news = news_of({"statusEnvio": {"status": "falha", "observacao": "x" * 500}}, "b" * 24, NOW)
    assert news is not None
    assert len(news.reason or "") == 80
    news = news_of({"statusEnvio": {"status": "falha", "observacao": {"code": 1}}}, "b" * 24, NOW)
    assert news is not None
    assert news.reason == "falha"


@pytest.mark.parametrize(
    ("body", "means"),
    [
        ({}, Allowed()),
        ({"messagesSent": 1, "dailyLimit": 1000, "availableAmount": 999}, Allowed(1000, 999)),
        ({"dailyLimit": "250", "availableAmount": "0"}, Allowed(250, 0)),
        ({"dailyLimit": 250, "availableAmount": -3}, Allowed(250, 0)),
        ({"dailyLimit": 250}, None),
        ({"availableAmount": 3}, None),
        ({"dailyLimit": True, "availableAmount": 3}, None),
        ({"dailyLimit": "many", "availableAmount": 3}, None),
        ([], None),
        (None, None),
    ],
)
def test_how_many_are_left_today(body: object, means: Allowed | None) -> None:
    if means is None:
        with pytest.raises(BadAnswer):
            allowed(body)
    else:
        assert allowed(body) == means


async def test_a_2xx_that_states_an_error_is_no_reading(api: OpaApi, gateway: Opa) -> None:
    api.faults.always(Answer(200, error("Bad role", 403)))
    for asked in (gateway.allowance(), gateway.templates(), gateway.track("b" * 24, NOW), gateway.probe()):
        with pytest.raises(Refused, match="Bad role"):
            await asked


async def test_check_names_a_channel_that_is_not_there_and_those_that_are(api: OpaApi) -> None:
    async with opened(api, channel="f" * 24) as gateway:
        with pytest.raises(Refused) as refused:
            await gateway.probe()
    said = f"OPA_CHANNEL is no channel there; of WhatsApp there are: WhatsApp do provedor {CHANNEL}"
    assert str(refused.value) == f"{said}, Celular da loja {OTHER_CHANNEL}"
    listed = api.requests[-1]
    assert (listed.method, listed.path) == ("GET", "/api/v1/canal-comunicacao/")
    assert json.loads(listed.body) == {"filter": {"canal": "Whatsapp"}, "options": {"skip": 0, "limit": 100}}
    api.channels.clear()
    async with opened(api) as gateway:
        with pytest.raises(Refused, match="there are: none"):
            await gateway.probe()


async def test_check_says_that_channel_and_template_are_swapped(api: OpaApi) -> None:
    async with opened(api, channel=LOS, templates={"LOS": CHANNEL}) as gateway:
        with pytest.raises(Refused, match="OPA_CHANNEL is the id of a template: it seems to be swapped"):
            await gateway.probe()
    assert api.received == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"integracao": "baileys"}, "connected by baileys: only dialog360, facebook are official"),
        ({"integracao": None}, "connected by ?: only"),
        ({"status": "I"}, r"OPA_CHANNEL \(WhatsApp do provedor\) is not active"),
        ({"canal": "Telegram"}, "a channel of Telegram, not of WhatsApp"),
    ],
)
async def test_check_refuses_a_channel_that_must_not_be_used(
    api: OpaApi, gateway: Opa, changes: dict[str, Any], said: str
) -> None:
    assert await gateway.probe() == "reachable, key accepted"
    api.channels[CHANNEL] |= changes
    with pytest.raises(Refused, match=said.replace("?", r"\?")):
        await gateway.probe()


@pytest.mark.parametrize("by", ["dialog360", "facebook", "Facebook"])
async def test_the_official_integrations(api: OpaApi, gateway: Opa, by: str) -> None:
    api.channels[CHANNEL]["integracao"] = by
    assert await gateway.probe() == "reachable, key accepted"


async def test_a_token_that_may_read_no_messages_is_said_to_bring_no_receipts(
    api: OpaApi, gateway: Opa
) -> None:
    api.may_read = False
    assert await gateway.probe() == "reachable, key accepted, but it may read no receipts"
    asked = f"/api/v1/atendimento/mensagem/{NOBODYS}"
    assert api.requests[-1].path == asked
    for fault in (HtmlPage(500), HtmlPage(400), Garbage()):  # whatever it says to an id that nobody has
        api.faults.inject(fault, match=lambda path: path == asked)
        assert await gateway.probe() == "reachable, key accepted"


async def test_what_is_no_answer_of_the_platform(api: OpaApi, gateway: Opa) -> None:
    for fault in (Garbage(), HtmlPage(502), Answer(200, "[]"), Answer(200, "{}")):
        api.faults.inject(fault)
        with pytest.raises(TryLater):
            await gateway.probe()
    api.faults.inject(Answer(200, '{"data": {}}'), match=lambda path: path.endswith("/template"))
    with pytest.raises(BadAnswer):
        await gateway.templates()
    api.faults.inject(HtmlPage(403), match=lambda path: path.startswith("/api/v1/template/"))
    del api.templates[LOS]
    with pytest.raises(Refused):
        await gateway.templates()
    api.faults.always(HtmlPage(502))
    with pytest.raises(AnswerLost):
        await gateway.allowance()


async def test_the_settings_open_it(api: OpaApi) -> None:
    given = GIVEN | {"OPA_URL": f"{api.url}/api/v1/", "OPA_TOKEN": api.token, "OPA_CHANNEL": CHANNEL.upper()}
    settings = load(None, given | {"HSM_VARIABLES": "nome,inicio", "HSM_INCLUDE_CURRENT": "true"})
    gateway = open_gateway(settings, FakeClock())
    api.conversations = {PHONE}
    try:
        assert await gateway.probe() == "reachable, key accepted"
        assert (await gateway.send(MARIA)).outcome is Outcome.ACCEPTED
    finally:
        await gateway.aclose()
    assert settings.templates() == {"LOS": LOS, "POWER": POWER}
    assert api.received[0].values == ("Maria", "06/09 14:30")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"OPA_CHANNEL": "uej2uHCH"}, "OPA_CHANNEL"),
        ({"OPA_TEMPLATE_LOS": CHANNEL}, "OPA_TEMPLATE_LOS is the id of OPA_CHANNEL"),
        ({"OPA_TEMPLATE_RESTORED": CHANNEL}, "OPA_TEMPLATE_RESTORED is the id of OPA_CHANNEL"),
        ({"OPA_TEMPLATE_RESTORED": LOS}, "OPA_TEMPLATE_RESTORED is the template that tells of an outage"),
        ({"OPA_TOKEN": "Bearer ey"}, "OPA_TOKEN begins with Bearer"),
        ({"OPA_URL": ""}, "OPA_URL is not set"),
        ({"OPA_CHANNEL": ""}, "OPA_CHANNEL is not set: the id of the WhatsApp channel"),
    ],
)
def test_what_is_wrong_with_a_setting_is_named(changes: dict[str, str], problem: str) -> None:
    [line] = read(None, GIVEN | changes).problems
    assert line.startswith(problem)
    assert "24 digits and letters a to f" in line or "OPA_TOKEN" in line or "OPA_URL" in line
