"""The WhatsApp Cloud API, fact by fact; what counts is what the server received."""

import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest

from bot.chat.screens.words import LANGUAGES, Words, words_in
from bot.domain.plan import Mend, Message, Outcome, Receipt
from bot.errors import Refused, Throttled, TryLater
from bot.gateways.cloud import codes
from bot.gateways.cloud.answers import called, receipt
from bot.gateways.cloud.body import LONGEST_OPAQUE
from bot.gateways.cloud.cloud import Cloud
from bot.gateways.whatsapp import spell
from bot.process.settings.reading import load
from bot.process.wiring import adapters_words, open_gateway
from bot.simulator.cloud import NUMBER, CloudApi
from bot.simulator.server import Answer, Garbage, HtmlPage, Throttle
from tests.fakes import FakeClock

ZONE = ZoneInfo("America/Sao_Paulo")
PHONE = "5511987654321"
MARIA = Message("501", PHONE, "Maria", "LOS", started=datetime(2026, 9, 6, 17, 30, tzinfo=UTC))
TEMPLATES = {"LOS": "aviso_rompimento", "POWER": "aviso_energia"}
TELEGRAM = {"TELEGRAM_TOKEN": "1:a", "TELEGRAM_CHAT_ID": "-1"}
OLT = {"API_BASE_URL": "http://127.0.0.1:1", "API_USER": "noc", "API_PASS": "secret"}


@pytest.fixture
async def api() -> AsyncIterator[CloudApi]:
    async with CloudApi() as server:
        yield server


@asynccontextmanager
async def opened(api: CloudApi, **options: Any) -> AsyncIterator[Cloud]:
    url, headers = f"{api.url}/v24.0/{NUMBER}", {"Authorization": f"Bearer {api.token}"}
    adapter = Cloud(url, headers, templates=TEMPLATES, zone=ZONE, **options)
    yield adapter
    await adapter.aclose()


@pytest.fixture
async def gateway(api: CloudApi) -> AsyncIterator[Cloud]:
    async with opened(api, variables={"LOS": ("nome", "inicio")}) as adapter:
        yield adapter


async def test_the_request_is_the_contracts(api: CloudApi, gateway: Cloud) -> None:
    assert await gateway.send(MARIA) == Receipt(Outcome.ACCEPTED, called("wamid.00000001"))
    [request] = api.requests
    assert (request.method, request.path) == ("POST", f"/v24.0/{NUMBER}/messages")
    assert request.headers["authorization"] == "Bearer cloud-secret"
    assert json.loads(request.body) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "+5511987654321",
        "type": "template",
        "biz_opaque_callback_data": "501",
        "template": {
            "name": "aviso_rompimento",
            "language": {"policy": "deterministic", "code": "pt_BR"},
            "components": [
                {
                    "type": "body",
                    "parameters": [
                        {"type": "text", "text": "Maria"},
                        {"type": "text", "text": "06/09 14:30"},
                    ],
                }
            ],
        },
    }


async def test_a_template_without_variables_has_no_components(api: CloudApi, gateway: Cloud) -> None:
    await gateway.send(replace(MARIA, template="POWER"))
    template = json.loads(api.requests[0].body)["template"]
    assert template.keys() == {"name", "language"}
    assert template["name"] == "aviso_energia"


async def test_named_variables_are_called_as_the_settings_write_them(api: CloudApi) -> None:
    api.templates = {"aviso_rompimento": ("nome", "start")}
    async with opened(api, variables={"LOS": ("nome", "start", "nome")}, named=True) as gateway:
        assert (await gateway.send(MARIA)).outcome is Outcome.ACCEPTED
    assert api.received[0].values == (("nome", "Maria"), ("start", "06/09 14:30"))


async def test_what_is_filled_otherwise_than_the_template_stops_the_rest(
    api: CloudApi, gateway: Cloud
) -> None:
    for wanted, code in ((3, 132000), (("nome", "inicio"), 132012)):
        api.templates = {"aviso_rompimento": wanted}
        assert await gateway.send(MARIA) == Receipt(Outcome.REJECTED, reason=f"wa_{code}", halt="template")


@pytest.mark.parametrize(
    ("text", "spelt"),
    [
        ("José 🌻 da Conceição", "José 🌻 da Conceição"),
        ("Jose\u0301", "José"),
        ("Maria\r\n\tda\x00 Silva     Souza\u200b\x85", "Maria da Silva Souza"),
        ("\u202eairam\u202c", "airam"),
        ("a\u00a0\u2003b", "a b"),
        ("\ud83c", ""),
        (" \n", ""),
        ("x" * 200, "x" * 60),
    ],
)
def test_a_value_is_one_line_that_the_platform_takes(text: str, spelt: str) -> None:
    assert spell(text, 60) == spelt


@pytest.mark.parametrize("name", ["", "\n\t", "a     b", "x\ny"])
async def test_no_value_is_one_that_would_be_refused(api: CloudApi, gateway: Cloud, name: str) -> None:
    api.templates = {"aviso_rompimento": 2}
    assert (await gateway.send(replace(MARIA, name=name))).outcome is Outcome.ACCEPTED


async def test_what_would_surely_be_refused_does_not_leave(api: CloudApi, gateway: Cloud) -> None:
    for phone in ("", "11 98765-4321", "+5511987654321", "05511987654321", "5" * 16):
        assert await gateway.send(replace(MARIA, phone=phone)) == Receipt(Outcome.REJECTED, reason="wa_phone")
    reason = "sem template: WA_TEMPLATE_RESTORED"
    refused = await gateway.send(replace(MARIA, template="RESTORED"))
    assert refused == Receipt(Outcome.REJECTED, reason=reason, halt="template")
    assert api.requests == []


@pytest.mark.parametrize(("id_", "sent"), [("x" * LONGEST_OPAQUE, True), ("x" * 513, False), ("", False)])
async def test_an_id_goes_whole_or_not_at_all(api: CloudApi, gateway: Cloud, id_: str, sent: bool) -> None:
    assert (await gateway.send(replace(MARIA, recipient=id_))).outcome is Outcome.ACCEPTED
    assert api.received[0].opaque == (id_ if sent else "")


@pytest.mark.parametrize(
    ("status", "receipt_"),
    [
        ("accepted", Receipt(Outcome.ACCEPTED, called("wamid.00000001"))),
        (None, Receipt(Outcome.ACCEPTED, called("wamid.00000001"))),
        ("held_for_quality_assessment", Receipt(Outcome.HELD, called("wamid.00000001"), "wa_held")),
        ("paused", Receipt(Outcome.HELD, called("wamid.00000001"), "wa_paused", "template")),
        ("a_new_word", Receipt(Outcome.UNCONFIRMED, called("wamid.00000001"), "unconfirmed")),
    ],
)
async def test_what_became_of_a_message(
    api: CloudApi, gateway: Cloud, status: str | None, receipt_: Receipt
) -> None:
    api.statuses = [status]
    assert await gateway.send(MARIA) == receipt_


async def test_an_answer_needs_nothing_but_the_id(api: CloudApi, gateway: Cloud) -> None:
    api.bare = True
    assert await gateway.send(MARIA) == Receipt(Outcome.ACCEPTED, called("wamid.00000001"))


KEY = (0, 3, 10, 190, 200, 299, 131005, 131048, 131064, 368, 131031, 130497, 131042, 131044, 131045, 133010)
TEMPLATE = (132000, 132001, 132007, 132008, 132012, 132015, 132016, 131063, 100, 131008, 131009)
NEVER = (131021, 131026, 131030, 131049, 131050, 130472, 132005, 135000, 137000)
OURS = (131047, 131051, 131052, 131053, 131062, 132018)


@pytest.mark.parametrize("code", [*KEY, 131037])
async def test_a_code_of_the_key_or_the_account_stops_all(api: CloudApi, gateway: Cloud, code: int) -> None:
    api.fail(code)
    why = "wa_200" if code == 299 else f"wa_{code}"
    assert await gateway.send(MARIA) == Receipt(Outcome.REJECTED, reason=why, halt="key")
    assert len(api.requests) == 1


@pytest.mark.parametrize("code", TEMPLATE)
async def test_a_code_of_the_template_stops_all(api: CloudApi, gateway: Cloud, code: int) -> None:
    api.fail(code)
    assert await gateway.send(MARIA) == Receipt(Outcome.REJECTED, reason=f"wa_{code}", halt="template")


@pytest.mark.parametrize("code", OURS)
async def test_a_mistake_of_ours_stops_all_and_who_met_it_comes_last(
    api: CloudApi, gateway: Cloud, code: int
) -> None:
    api.fail(code)
    assert await gateway.send(MARIA) == Receipt(Outcome.REJECTED, reason=f"wa_{code}", halt="refusal")


@pytest.mark.parametrize("code", NEVER)
async def test_a_code_of_one_customer_stops_nobody_else(api: CloudApi, gateway: Cloud, code: int) -> None:
    api.refuse(PHONE, code)
    assert await gateway.send(MARIA) == Receipt(Outcome.REJECTED, reason=f"wa_{code}")
    assert (await gateway.send(replace(MARIA, phone="5511987654322"))).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("code", "seconds"), [(130429, 5), (131057, 30), (4, 60), (80007, 60), (131056, None)]
)
async def test_too_much_is_not_sent_and_waits(
    api: CloudApi, gateway: Cloud, code: int, seconds: float | None
) -> None:
    """With seconds all wait; without any, whose phone had too much."""
    api.fail(code)
    with pytest.raises(Throttled) as later:
        await gateway.send(MARIA)
    assert later.value.retry_after == seconds
    assert str(later.value) == f"wa_{code}"
    assert api.received == []


async def test_the_answers_own_pause_holds(api: CloudApi, gateway: Cloud) -> None:
    error = json.dumps({"error": {"code": 130429}})
    for status in (400, 429, 503):
        api.faults.inject(Answer(status, error, {"Retry-After": "7"}))
        with pytest.raises(Throttled) as later:
            await gateway.send(MARIA)
        assert later.value.retry_after == 7
    api.faults.inject(Throttle(9))
    with pytest.raises(Throttled) as later:
        await gateway.send(MARIA)
    assert later.value.retry_after == 9


async def test_faster_than_the_number_may(api: CloudApi, gateway: Cloud) -> None:
    api.rate_limit = 1e-6
    assert (await gateway.send(MARIA)).outcome is Outcome.ACCEPTED
    with pytest.raises(Throttled):
        await gateway.send(MARIA)
    assert api.count == {PHONE: 1}


@pytest.mark.parametrize("code", [2, 131000, 131016, 133004])
async def test_a_passing_error_of_theirs_was_not_sent(api: CloudApi, gateway: Cloud, code: int) -> None:
    """The code decides, though the status is one that proves nothing without it."""
    for status in (400, 500, 503):
        api.fail(code, status=status)
        with pytest.raises(TryLater) as later:
            await gateway.send(MARIA)
        assert not isinstance(later.value, Throttled)
    assert api.received == []


async def test_what_may_be_tried_again_but_not_often_is_left_to_a_person(
    api: CloudApi, gateway: Cloud
) -> None:
    api.fail(1, status=500)
    assert await gateway.send(MARIA) == Receipt(Outcome.FAILED, reason="wa_1")


async def test_every_code_of_the_table_is_tested_here_and_has_words() -> None:
    passing = {*codes.SLOW, codes.THIS_ONE_LATER, *codes.AGAIN, codes.FAILED, codes.GONE}
    tested = {*KEY, 131037, *TEMPLATE, *OURS, *NEVER, *passing}
    assert codes.KNOWN - set(codes.PERMISSIONS) == tested - set(codes.PERMISSIONS)
    wanted = {f"reason.wa_{code}" for code in tested - {299}}
    wanted |= {f"reason.wa_{what}" for what in ("failed", "held", "paused", "phone")}
    for language in LANGUAGES:
        words = words_in("bot.gateways.cloud", language)
        assert {key for key in words if key.startswith("reason.")} == wanted
        assert all(len(words[key]) <= 80 for key in wanted)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_person_is_told_to_mend_can_be_said(language: str) -> None:
    words = Words(language, ZONE, adapters_words(language, "cloud", ("oltcloud",)))
    assert words.coded("LOS", "setting") == "WA_TEMPLATE_LOS"
    for mend in get_args(Mend):
        said = words.say(f"advice.{mend}", setting="WA_TEMPLATE_LOS", again="Retomar")
        assert "<b>Retomar</b>" in said
        assert ("WA_TEMPLATE_LOS" in said) is (mend == "template")


ERROR = {"code": 999999, "message": "(#999999) Call +55 11 98765-4321", "fbtrace_id": "Ab_c-1"}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, Receipt(Outcome.REJECTED, reason="999999: (#999999) Call …", halt="refusal")),
        (500, Receipt(Outcome.UNKNOWN, reason="999999: (#999999) Call …")),
        (200, Receipt(Outcome.UNCONFIRMED, reason="999999: (#999999) Call …")),
    ],
)
async def test_a_code_that_nobody_knows_is_never_sent_again_by_itself(
    api: CloudApi, gateway: Cloud, status: int, expected: Receipt, caplog: pytest.LogCaptureFixture
) -> None:
    api.faults.inject(Answer(status, json.dumps({"error": ERROR})))
    with caplog.at_level(logging.INFO):
        assert await gateway.send(MARIA) == expected
    said = [record.getMessage() for record in caplog.records if record.name.startswith("bot.")]
    assert said == ["the Cloud API answered code 999999 (trace Ab_c-1)"]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"code": "131026"}, Receipt(Outcome.REJECTED, reason="wa_131026")),
        ({"code": 100, "error_subcode": 33}, Receipt(Outcome.REJECTED, reason="wa_33", halt="url")),
        ({"code": 33}, Receipt(Outcome.REJECTED, reason="wa_33", halt="url")),
        ({"code": 7, "error_data": "texto"}, Receipt(Outcome.REJECTED, reason="7: texto", halt="refusal")),
        (
            {"code": 7, "error_data": {"details": "why"}, "message": "what"},
            Receipt(Outcome.REJECTED, reason="7: why", halt="refusal"),
        ),
        ({"code": 7}, Receipt(Outcome.REJECTED, reason="wa_7", halt="refusal")),
        ({"code": True}, Receipt(Outcome.UNKNOWN, reason="http_400")),
        ({"code": 1.5}, Receipt(Outcome.UNKNOWN, reason="http_400")),
        ({"code": "none"}, Receipt(Outcome.UNKNOWN, reason="http_400")),
        ({}, Receipt(Outcome.UNKNOWN, reason="http_400")),
        ("no object", Receipt(Outcome.UNKNOWN, reason="http_400")),
    ],
)
def test_an_error_is_read_in_whatever_form_it_has(error: object, expected: Receipt) -> None:
    assert receipt(400, {"error": error}, None) == expected


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"messages": []},
        {"messages": [None]},
        {"messages": {"id": "wamid.1"}},
        {"messages": [{"id": 7}]},
        {"messages": [{"id": " "}]},
        {"messages": [{"id": "x" * 257}]},
        {"messages": [{"id": "a\nb"}]},
        {"success": True},
    ],
)
def test_a_success_that_names_no_message_confirms_nothing(body: object) -> None:
    assert receipt(200, body, None) == Receipt(Outcome.UNCONFIRMED, reason="unconfirmed")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"messages": [{"id": "wamid.1"}], "error": {"code": 190}}),
        (500, {"messages": [{"id": "wamid.1"}]}),
        (400, {"messages": [{"id": "wamid.1", "message_status": "accepted"}], "error": {"code": 131000}}),
        (200, {"messages": [{"id": "wamid.1", "message_status": 7}]}),
    ],
)
def test_an_answer_that_contradicts_itself_is_never_repeated(status: int, body: object) -> None:
    assert receipt(status, body, None) == Receipt(Outcome.UNCONFIRMED, called("wamid.1"), "unconfirmed")


@pytest.mark.parametrize(
    ("status", "outcome", "halt"),
    [
        (401, Outcome.REJECTED, "key"),
        (403, Outcome.REJECTED, "key"),
        (404, Outcome.REJECTED, "url"),
        (405, Outcome.REJECTED, "url"),
        (400, Outcome.UNKNOWN, None),
        (422, Outcome.UNKNOWN, None),
        (302, Outcome.UNKNOWN, "url"),
        (500, Outcome.UNKNOWN, None),
        (502, Outcome.UNKNOWN, None),
        (503, Outcome.UNKNOWN, None),
    ],
)
async def test_without_a_code_the_status_proves_what_any_servers_does(
    api: CloudApi, gateway: Cloud, status: int, outcome: Outcome, halt: Any
) -> None:
    api.faults.inject(HtmlPage(status))
    assert await gateway.send(MARIA) == Receipt(outcome, reason=f"http_{status}", halt=halt)
    assert len(api.requests) == 1


async def test_the_probe_reads_the_number(api: CloudApi, gateway: Cloud) -> None:
    assert await gateway.probe() == "reachable, key accepted"
    [request] = api.requests
    assert request.path == f"/v24.0/{NUMBER}?fields=health_status,quality_rating"
    api.health = "LIMITED"
    assert "Meta limits" in await gateway.probe()
    api.health = "BLOCKED"
    with pytest.raises(Refused, match="blocks"):
        await gateway.probe()
    api.health = "AVAILABLE"
    api.faults.inject(Answer(200, "[]"))
    assert await gateway.probe() == "reachable, key accepted"
    for fault in (Garbage(), HtmlPage(502)):
        api.faults.inject(fault)
        with pytest.raises(TryLater):
            await gateway.probe()
    api.token = "another"
    with pytest.raises(Refused):
        await gateway.probe()


def settings_of(api: CloudApi, **given: str) -> Callable[[], Cloud]:
    names = {
        "WA_TEMPLATE_LOS": "aviso_rompimento",
        "WA_TEMPLATE_POWER": "aviso_energia",
        "HSM_VARIABLES": "Nome,Causa",
    }
    own = {"GATEWAY": "cloud", "WA_BASE_URL": api.url, "WA_TOKEN": api.token, "TZ": "America/Manaus"}
    settings = load(None, TELEGRAM | OLT | names | own | given)

    def made() -> Cloud:
        gateway = open_gateway(settings, FakeClock())
        assert isinstance(gateway, Cloud)
        return gateway

    return made


async def test_the_settings_reach_the_platform(api: CloudApi) -> None:
    api.templates, api.language = {"voltou": ("fim", "duracao"), "aviso_energia": ("nome", "causa")}, "pt_PT"
    given = {"WA_PHONE_NUMBER_ID": NUMBER, "WA_NAMED": "true", "WA_LANG": "pt_PT", "WA_API_VERSION": "v26.0"}
    restored = {"WA_TEMPLATE_RESTORED": "voltou", "HSM_VARIABLES_RESTORED": "fim,duracao"}
    gateway = settings_of(api, **given, **restored)()
    ended = datetime(2026, 9, 6, 20, 0, tzinfo=UTC)
    started = ended - timedelta(minutes=130)
    for template in ("POWER", "RESTORED"):
        message = replace(MARIA, template=template, started=started, ended=ended)
        assert (await gateway.send(message)).outcome is Outcome.ACCEPTED
    await gateway.aclose()
    assert [message.values for message in api.received] == [
        (("nome", "Maria"), ("causa", "falta de energia")),
        (("fim", "06/09 16:00"), ("duracao", "2 h 10 min")),
    ]
    assert {request.path.split("/")[1] for request in api.requests} == {"v26.0"}


async def test_360dialog_is_another_address_and_header() -> None:
    async with CloudApi(provider=True) as api:
        gateway = settings_of(api, WA_KEY_HEADER="D360-API-KEY")()
        assert (await gateway.send(MARIA)).outcome is Outcome.ACCEPTED
        assert (
            await gateway.probe() == "reachable (nothing to ask without sending, so the key is not checked)"
        )
        api.faults.inject(Garbage())
        assert "not checked" in await gateway.probe()
        api.faults.inject(HtmlPage(502))
        with pytest.raises(TryLater):
            await gateway.probe()
        api.token = "another"
        refused = Receipt(Outcome.REJECTED, reason="http_401", halt="key")
        assert await gateway.send(MARIA) == refused
        await gateway.aclose()
    [sent, *_] = api.requests
    assert (sent.path, sent.headers["d360-api-key"]) == ("/messages", "cloud-secret")
    assert "authorization" not in sent.headers
    assert [message.phone for message in api.received] == [PHONE]
