"""The real bot with the Cloud API in Matrix's place: settings, check, start, an outage from end to end."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.chat.screens.starting import start_line
from bot.domain.phone import Phone
from bot.errors import StartupError
from bot.gateways import GATEWAYS
from bot.process import app
from bot.process.check import check
from bot.process.wiring import start_facts, words_of
from bot.simulator.cloud import ACCOUNT, NUMBER, CloudApi
from bot.simulator.hook import Hook, said, status
from bot.simulator.server import DropAfter
from tests.settings import load

from .isp import Isp, isp, until

OWN = Phone("5561999990009")
MATRIX = ("URL_HSM", "TOKEN_HSM", "HSM_ACCOUNT", "HSM_ID_LOS", "HSM_ID_POWER")
CUSTOMERS = 6


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Isp]:
    """An ISP that has nothing of Matrix."""
    async with isp(tmp_path, customers=CUSTOMERS) as made:
        made.variables = {name: value for name, value in made.variables.items() if name not in MATRIX}
        yield made


@pytest.fixture
async def cloud(site: Isp) -> AsyncIterator[CloudApi]:
    async with CloudApi() as api:
        api.templates = {"aviso_fibra": 2, "aviso_energia": 2}
        site.variables |= {
            "GATEWAY": "cloud",
            "WA_BASE_URL": api.url,
            "WA_TOKEN": api.token,
            "WA_PHONE_NUMBER_ID": NUMBER,
            "WA_TEMPLATE_LOS": "aviso_fibra",
            "WA_TEMPLATE_POWER": "aviso_energia",
            "HSM_VARIABLES": "nome,inicio",
        }
        yield api
        site.assert_clean(site.log)
        assert api.token not in site.log


async def test_check_reads_the_number_and_sends_nothing(site: Isp, cloud: CloudApi) -> None:
    lines: list[str] = []
    assert await check(load(None, site.variables), lines.append) == 0
    assert "✓ gateway: cloud, reachable, key accepted; no message was sent" in lines
    assert f"modelos aviso_fibra, aviso_energia · conta {NUMBER} · " in lines[0]
    assert cloud.received == []
    lines.clear()
    assert await check(load(None, site.variables | {"WA_TOKEN": "another"}), lines.append) == 1
    [refused] = [line for line in lines if line.startswith("✗")]
    assert "check WA_TOKEN" in refused


async def test_check_says_of_each_template_what_is_wrong_and_what_mends_it(
    site: Isp, cloud: CloudApi
) -> None:
    async def found(**changes: str) -> tuple[int, list[str]]:
        lines: list[str] = []
        code = await check(load(None, site.variables | changes), lines.append)
        return code, [line for line in lines if "template" in line]

    assert await found() == (0, [f"! template: {GATEWAYS['cloud'].advice.unread}"])
    right = {"WA_WABA_ID": ACCOUNT}
    good = [f"✓ template: aviso_{name} may be sent" for name in ("fibra (LOS)", "energia (POWER)")]
    assert await found(**right) == (0, good)
    cloud.states["aviso_fibra"], cloud.categories["aviso_fibra"] = "REJECTED", "MARKETING"
    cloud.parts["aviso_energia"] = {"quality_score": {"score": "RED"}}
    code, lines = await found(**right)
    assert code == 1
    assert [line.partition(" (")[0] for line in lines] == [
        "✗ template: aviso_fibra",
        "✗ template: aviso_fibra",
        "! template: aviso_energia",
    ]
    assert "submit it again" in lines[0]
    assert "MARKETING at Meta, not UTILITY: about nine times the price" in lines[1]
    code, [line] = await found(WA_WABA_ID="7")
    assert (code, line.startswith("✗ template: they could not be read: ")) == (1, True)
    assert "check WA_WABA_ID" in line


async def test_a_test_message_says_in_words_what_a_code_means(site: Isp, cloud: CloudApi) -> None:
    cloud.templates = {"aviso_energia": 2}
    lines: list[str] = []
    assert await check(load(None, site.variables), lines.append, OWN, lambda _: "yes") == 1
    tried = [line for line in lines if "test message" in line]
    assert "template aviso_fibra (LOS) to" in tried[0]
    assert "there is no such template in this language (132001)" in tried[0]
    assert tried[1].startswith("✓")
    assert [(m.phone, m.opaque) for m in cloud.received] == [(OWN.digits, "trial-2")]


@pytest.mark.process
async def test_an_outage_from_end_to_end(site: Isp, cloud: CloudApi) -> None:
    phones = sorted(re.sub(r"\D", "", c.phone_number or "") for c in site.world.customers.values())
    nowhere = f"55{phones[0]}" if len(phones[0]) <= 11 else phones[0]
    cloud.refuse(nowhere, 131026)
    cloud.statuses = ["held_for_quality_assessment"]
    async with site.bot():
        card = await site.card()
        await site.chat.tap(site.ana, card, "Aprovar")
        await site.chat.wait(lambda _: "sem WhatsApp" in card.text)
    told = [message.phone for message in (*cloud.received, *cloud.held)]
    assert (len(told), len(set(told)), cloud.duplicates) == (CUSTOMERS - 1, CUSTOMERS - 1, 0)
    assert nowhere not in told
    assert f"{CUSTOMERS - 2} enviadas" in card.text
    assert "1 retida" in card.text
    assert "a Meta reteve para avaliar a qualidade" in card.text
    assert "1 recusada" in card.text
    assert all(re.fullmatch(r"[\w.-]+", m.opaque) and m.phone[-8:] not in m.opaque for m in cloud.received)


@pytest.mark.process
async def test_a_spent_account_stops_all_and_nobody_gets_two_when_it_is_mended(
    site: Isp, cloud: CloudApi
) -> None:
    cloud.fail(131042, times=20)
    async with site.bot(HSM_CONCURRENCY="1"):
        card = await site.card()
        await site.chat.tap(site.ana, card, "Aprovar")
        await site.chat.wait(lambda _: "problema com o pagamento na Meta (131042)" in card.text)
        assert cloud.received == []
        assert sum(request.method == "POST" for request in cloud.requests) == 1
        assert "a conta ou o número: o motivo está acima" in card.text
        cloud.mend()
        await site.chat.tap(site.ana, card, "Tentar de novo")
        await site.chat.wait(lambda _: f"{CUSTOMERS} enviadas" in card.text)
    assert (len(cloud.received), cloud.duplicates) == (CUSTOMERS, 0)


@pytest.mark.process
async def test_a_lost_answer_is_a_persons_to_decide_and_nobody_is_written_to_again(
    site: Isp, cloud: CloudApi
) -> None:
    """The message arrived, its answer did not; there is no list to ask, also not after a restart."""
    cloud.faults.inject(DropAfter(), match=lambda path: "/messages" in path)
    async with site.bot(HSM_CONCURRENCY="1"):
        card = await site.card()
        await site.chat.tap(site.ana, card, "Aprovar")
        await site.chat.wait(lambda _: "Incertas (1)" in card.buttons)
        assert f"{CUSTOMERS - 1} enviadas" in card.text
    async with site.bot():
        await site.polls(2)
    assert (len(cloud.received), len(cloud.count), cloud.duplicates) == (CUSTOMERS, CUSTOMERS, 0)
    asked = {request.path.partition("?")[2] for request in cloud.requests if request.method != "POST"}
    assert asked <= {"fields=whatsapp_business_manager_messaging_limit"}, "of no message, and of no list"


async def test_check_says_where_the_key_cannot_be_tried(site: Isp, cloud: CloudApi) -> None:
    cloud.provider = True
    given = {name: value for name, value in site.variables.items() if name != "WA_PHONE_NUMBER_ID"}
    lines: list[str] = []
    assert await check(load(None, given | {"WA_KEY_HEADER": "D360-API-KEY"}), lines.append) == 0
    [line] = [line for line in lines if line.startswith("! gateway")]
    assert "check --send-test PHONE shows it" in line


GOOD = {
    "TELEGRAM_TOKEN": "1:a",
    "TELEGRAM_CHAT_ID": "-1",
    "API_BASE_URL": "https://isp.example",
    "API_USER": "noc",
    "API_PASS": "secret",
    "GATEWAY": "cloud",
    "WA_TOKEN": "k",
    "WA_PHONE_NUMBER_ID": NUMBER,
    "WA_TEMPLATE_LOS": "los",
    "WA_TEMPLATE_POWER": "power",
}


def problem(**changes: str) -> str:
    with pytest.raises(StartupError) as failed:
        load(None, GOOD | changes)
    [_, line] = str(failed.value).splitlines()
    return line.strip()


def test_the_settings() -> None:
    settings = load(None, GOOD)
    assert settings.templates() == {"LOS": "los", "POWER": "power"}
    assert settings.sending().account == int(NUMBER)
    assert "https://" not in settings.secrets()
    assert "k" in settings.secrets()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WA_TOKEN", "Bearer k"),
        ("WA_PHONE_NUMBER_ID", "+55 11 98765-4321"),
        ("WA_TEMPLATE_LOS", "Aviso de rompimento"),
        ("WA_TEMPLATE_RESTORED", "los"),
        ("WA_KEY_HEADER", "D360 API KEY"),
        ("WA_BASE_URL", "graph.facebook.com"),
        ("WA_API_VERSION", "24"),
        ("WA_LANG", "pt-BR"),
        ("WA_NAMED", "maybe"),
        ("WA_TOKEN", ""),
        ("WA_TEMPLATE_POWER", ""),
    ],
)
def test_a_wrong_setting_is_named_with_its_mend(name: str, value: str) -> None:
    assert re.match(rf"{name} [^:]+: .+", problem(**{name: value}))


def test_with_meta_itself_the_number_is_needed() -> None:
    assert problem(WA_PHONE_NUMBER_ID="").startswith("WA_TOKEN needs WA_PHONE_NUMBER_ID")


def test_a_provider_has_no_number_in_its_address() -> None:
    settings = load(None, GOOD | {"WA_PHONE_NUMBER_ID": "", "WA_KEY_HEADER": "D360-API-KEY"})
    assert settings.sending().account is None
    line = start_line(start_facts(settings), words_of(settings), 0)
    assert " · modelos los, power · decidem" in line
    started = words_of(settings).say("notice.started", **start_facts(settings), open=0)
    assert "\nModelos los, power\nClientes: a qualquer hora" in started
    assert load(None, {k: v for k, v in GOOD.items() if not k.startswith("WA_")} | {"GATEWAY": "dry_run"})


@pytest.fixture
def hook(site: Isp, cloud: CloudApi) -> Hook:
    """What Meta tells this bot."""
    hook = Hook(f"http://127.0.0.1:{site.variables['OPS_PORT']}/whatsapp")
    site.variables |= {"WA_APP_SECRET": hook.secret, "WA_VERIFY_TOKEN": hook.verify_token}
    return hook


@pytest.mark.process
async def test_the_cards_numbers_are_what_the_phones_got(site: Isp, cloud: CloudApi, hook: Hook) -> None:
    async with site.bot():
        card = await site.card()
        assert await hook.ask() == (200, "1158201444")
        await site.chat.tap(site.ana, card, "Aprovar")
        await site.chat.wait(lambda _: f"{CUSTOMERS} enviadas" in card.text)
        assert "entregue" not in card.text
        first, second, *others = cloud.received
        assert await hook.tell(status(first, "failed", 131026), status(second, "failed", 131049)) == 200
        assert await hook.tell(said(others[0].phone, "Parar!")) == 200
        told = [status(message, word) for message in others for word in ("read", "sent", "delivered")]
        assert await hook.tell(*told, *told) == 200
        await site.chat.wait(lambda _: "2 não entregues" in card.text)
        assert f"{CUSTOMERS} enviadas · {CUSTOMERS - 2} entregues · 2 não entregues" in card.text
        assert "Não entregues: 1 sem WhatsApp, ou não pode receber (131026)" in card.text
        forged = status(others[0], "failed", 131026)
        body = json.dumps({"entry": [{"changes": [{"value": forged}]}]}).encode()
        assert await hook.post(body, "sha256=" + "0" * 64) == 401
        assert await replace(hook, secret="another").tell(forged) == 401
        assert (await replace(hook, verify_token="another").ask())[0] == 403
        assert await hook.post(b"{") == 400
        await site.chat.say(site.ana, "/status")
        await site.chat.wait(lambda chat: any("não receber" in m.text for m in chat.messages()))
    async with site.bot():  # it is on record
        card = await site.card("entregues")
        assert f"{CUSTOMERS - 2} entregues · 2 não entregues" in card.text
    assert hook.secret not in site.log


@pytest.mark.process
async def test_without_the_secret_nobody_listens(site: Isp, cloud: CloudApi) -> None:
    async with site.bot():
        await site.card()
        assert await Hook(f"http://127.0.0.1:{site.variables['OPS_PORT']}/whatsapp").post(b"{}") == 404


@pytest.mark.process
async def test_what_meta_tells_before_the_start_is_written_comes_again(
    site: Isp, cloud: CloudApi, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line before it would hide that the ledger is an old copy: it would look as fresh as that line."""
    waiting, go_on, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def let_go(_app: app.App) -> None:
        waiting.set()
        await go_on.wait()

    monkeypatch.setattr(app.App, "_let_go", let_go)
    bot = asyncio.create_task(app.App(load(None, site.variables)).run(stop))
    try:
        await waiting.wait()
        stops = said("5561999990001", "PARAR")
        assert await hook.tell(stops) == 503
        go_on.set()
        await site.card()
        assert await hook.tell(stops) == 200
        await until(lambda: "opted_out" in kinds(site))
    finally:
        stop.set()
        assert await bot == 0
    assert (kinds(site)[0], kinds(site).count("opted_out")) == ("started", 1)


def kinds(site: Isp) -> list[str]:
    """Of the ledger's lines, in their order."""
    ledger = sorted((site.folder / "data" / "ledger").glob("*.jsonl"))
    return [json.loads(line)["kind"] for file in ledger for line in file.read_text().splitlines()]
