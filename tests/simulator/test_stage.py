"""The stage: what a person can do to the pretend ISP, and what everybody is told about it."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.directories import DIRECTORIES
from bot.domain.customer import Link, Onu, Service
from bot.domain.events import Approved, CaseOpened, Intent, Line, Planned, Resent, Result, Settled
from bot.domain.phone import Phone
from bot.domain.plan import Outcome, Recipient
from bot.process.clock import SystemClock
from bot.process.settings.reading import load
from bot.simulator.gateway import GatewayApi
from bot.simulator.matrix import MatrixApi
from bot.simulator.rehearsal import rehearse
from bot.simulator.scenes import SCENES, Scene, SceneFailed
from bot.simulator.stage.child import Child
from bot.simulator.stage.directories import DirectoryName
from bot.simulator.stage.gateways.base import Arrived
from bot.simulator.stage.gateways.cloud import Cloud
from bot.simulator.stage.gateways.matrix import MATRIX_IDS
from bot.simulator.stage.isp import GatewayMode
from bot.simulator.stage.stage import Happening, Stage
from bot.simulator.stage.views import mobile
from bot.simulator.telegram.api import Message
from bot.simulator.world import Alert
from bot.storage.files import FileLedger
from tests.fakes import ANA, incident, settled
from tests.patience import PATIENCE

from .conftest import TLS

pytestmark = pytest.mark.process

IDLE = "import sys; sys.stdin.read()"


async def idle(variables: Mapping[str, str], folder: Path) -> asyncio.subprocess.Process:
    """A child that does nothing until it is ended."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-S", "-c", IDLE), stdin=asyncio.subprocess.PIPE
    )


async def short(variables: Mapping[str, str], folder: Path) -> asyncio.subprocess.Process:
    """A child that ends by itself at once."""
    return await asyncio.create_subprocess_exec(sys.executable, "-S", "-c", "")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path, idle, customers=200)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=PATIENCE, verify=TLS, trust_env=False) as client:
        yield client


async def send(
    http: httpx.AsyncClient, hsm: GatewayApi[Any], phone: str, template: int = MATRIX_IDS["LOS"]
) -> httpx.Response:
    assert isinstance(hsm, MatrixApi)
    contact = {"nome": "Maria", "telefone": phone}
    body = {"cod_conta": 1, "hsm": template, "tipo_envio": 1, "contato": contact}
    return await http.post(hsm.hsm_url, json=body, headers={"Authorization": hsm.token})


async def told(news: "asyncio.Queue[Happening]", kind: str) -> Any:
    """The data of the next thing of this kind that is told."""
    async with asyncio.timeout(PATIENCE):
        while True:
            what, data = await news.get()
            if what == kind:
                return data


async def poll(http: httpx.AsyncClient, stage: Stage) -> None:
    await http.get(f"{stage.chat.url}/bot{stage.chat.token}/getUpdates")


async def say(http: httpx.AsyncClient, stage: Stage, text: str) -> Message:
    """The bot's message in the group, with a button."""
    body = {
        "chat_id": stage.chat.group,
        "text": text,
        "parse_mode": "HTML",
        "reply_markup": {
            "inline_keyboard": [[{"text": "Aprovar", "callback_data": "ok:1:", "style": "success"}]]
        },
    }
    await http.post(f"{stage.chat.url}/bot{stage.chat.token}/sendMessage", json=body)
    return stage.chat.messages()[-1]


async def answer(http: httpx.AsyncClient, stage: Stage, text: str) -> None:
    """The bot answers the next tap."""
    api = f"{stage.chat.url}/bot{stage.chat.token}"
    updates = (await http.get(f"{api}/getUpdates", params={"timeout": 5})).json()["result"]
    query = updates[-1]["callback_query"]["id"]
    await http.post(f"{api}/answerCallbackQuery", json={"callback_query_id": query, "text": text})


def test_the_same_seed_is_the_same_isp(tmp_path: Path) -> None:
    one, again = (Stage(tmp_path, idle, seed=4, customers=200) for _ in range(2))
    assert one.ports() == again.ports()
    assert one.world.customers == again.world.customers
    assert one.ports() != Stage(tmp_path, idle, seed=5, customers=200).ports()


async def test_a_cut_is_one_alert_until_it_is_repaired(stage: Stage) -> None:
    port = stage.ports()[0]
    news = stage.subscribe()
    alert = await stage.cut(port.olt, port.slot_pon, 3)
    [row] = await told(news, "world")
    assert row["state"] == "los"
    assert row["alert"] == alert.id
    assert await stage.cut(port.olt, port.slot_pon) is alert
    assert await stage.power([(port.olt, port.slot_pon)]) == [alert]
    assert (len(alert.onus), alert.total_devices_count) == (3, port.onus)
    await stage.repair(port.olt, port.slot_pon)
    assert stage.ports()[0] == port
    assert (await stage.cut(port.olt, port.slot_pon)).id != alert.id


async def test_a_cable_a_district_and_everything_back(stage: Stage) -> None:
    first, *others = stage.ports()
    alerts = await stage.cut_all([(first.olt, first.slot_pon)])
    alerts += await stage.power([(port.olt, port.slot_pon) for port in others])
    assert [port.state for port in stage.ports()] == ["los"] + ["power"] * len(others)
    assert {alert.alert_type for alert in alerts} == {"pon_loss", "pon_no_power"}
    await stage.repair_all()
    assert {port.state for port in stage.ports()} == {"ok"}


async def test_a_port_that_is_not_there(stage: Stage) -> None:
    with pytest.raises(LookupError, match=r"no port 9/9 on CB 01"):
        await stage.cut("CB 01", "9/9")


async def test_a_flapping_port_ends_up_with_an_alert_each_time(stage: Stage) -> None:
    port = stage.ports()[0]
    await stage.flap(port.olt, port.slot_pon, times=3, seconds=0.001)
    assert len(stage.world.alerts) == 3
    assert stage.ports()[0].state == "ok"


async def test_who_should_be_told_is_known_without_the_bot(stage: Stage) -> None:
    port = stage.ports()[0]
    stage.world.add_onu(stage.world.add_customer("Fixo", "(61) 2000-0001"), port.olt, port.slot_pon)
    stage.world.add_onu(stage.world.add_customer("Sem", "", ""), port.olt, port.slot_pon)
    alert: Alert = await stage.cut(port.olt, port.slot_pon)
    records = [stage.world.customers.get(onu.client_id or 0) for onu in alert.onus]
    mobiles = {number for record in records if record and (number := mobile(record))}
    assert None in records
    assert stage.affected(alert) == mobiles
    assert 0 < len(mobiles) < len(alert.onus) - 2
    back = next(onu for onu, record in zip(alert.onus, records, strict=True) if record and mobile(record))
    back.status = "Online"
    assert len(stage.affected(alert)) == len(mobiles) - 1
    await stage.repair(port.olt, port.slot_pon)
    assert stage.affected(alert) == set()


async def test_the_gateways_moods(stage: Stage, http: httpx.AsyncClient) -> None:
    news = stage.subscribe()
    stage.gateway_mode = "refuses"
    assert await told(news, "gateway") == {"mode": "refuses"}
    assert (await send(http, stage.hsm, "5561900000001")).json()["cod_error"] == 1
    assert stage.hsm.received == []

    stage.gateway_mode = "throttles"
    codes = [(await send(http, stage.hsm, "5561900000001")).status_code for _ in range(10)]
    assert 429 in codes
    assert 0 < codes.count(200) == len(stage.hsm.received)

    stage.gateway_mode = "loses"
    before, lost = len(stage.hsm.received), 0
    for _ in range(20):
        try:
            await send(http, stage.hsm, "5561900000002")
        except httpx.HTTPError:
            lost += 1
    assert 0 < lost < 20
    assert len(stage.hsm.received) - before == 20

    stage.gateway_mode = "slow"
    assert stage.hsm.faults.latency > 0
    stage.gateway_mode = "ok"
    assert (await send(http, stage.hsm, "5561900000003")).json()["cod_error"] == 0


async def test_a_gateway_that_is_down_refuses_connections_and_comes_back_where_it_was(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    where = stage.hsm.url
    modes: tuple[GatewayMode, ...] = ("down", "ok", "down")  # as fast as a person can click
    for mode in modes:
        stage.gateway_mode = mode
    await stage.settled()
    with pytest.raises(httpx.ConnectError):
        await send(http, stage.hsm, "5561900000001")
    stage.gateway_mode = "ok"
    await stage.settled()
    assert stage.hsm.url == where
    assert (await send(http, stage.hsm, "5561900000001")).status_code == 200


def test_an_unknown_mood(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no gateway mode 'tired'"):
        Stage(tmp_path, idle, customers=20).gateway_mode = "tired"  # type: ignore[assignment]


async def test_a_dead_token(stage: Stage, http: httpx.AsyncClient) -> None:
    login = {"username": stage.olt.user, "password": stage.olt.password}
    token = (await http.post(f"{stage.olt.url}/api/token", json=login)).json()["access"]
    alerts, header = f"{stage.olt.url}/api/v2/ftth/alert/list", {"Authorization": f"Bearer {token}"}
    assert (await http.get(alerts, headers=header)).status_code == 200
    stage.kill_token()
    assert (await http.get(alerts, headers=header)).status_code == 401


async def test_telegram_goes_away_and_comes_back(stage: Stage, http: httpx.AsyncClient) -> None:
    news = stage.subscribe()
    await stage.telegram_away(True)
    await stage.telegram_away(True)
    assert await told(news, "telegram") == {"away": True}
    with pytest.raises(httpx.ConnectError):
        await poll(http, stage)
    await stage.telegram_away(False)
    await poll(http, stage)
    assert stage.snapshot()["telegram"] == {"away": False}


async def test_twice_is_twice_about_one_outage(stage: Stage, http: httpx.AsyncClient) -> None:
    port = stage.ports()[0]
    phone = min(stage.affected(await stage.cut(port.olt, port.slot_pon)))
    news = stage.subscribe()
    await send(http, stage.hsm, phone)
    assert (await told(news, "whatsapp"))["phone"] == phone
    assert await told(news, "counters") == {"sent": 1, "duplicates": 0}
    await stage.repair(port.olt, port.slot_pon)
    await stage.cut(port.olt, port.slot_pon)
    await send(http, stage.hsm, phone)
    assert await told(news, "counters") == {"sent": 2, "duplicates": 0}
    await send(http, stage.hsm, phone)
    assert await told(news, "counters") == {"sent": 3, "duplicates": 1}
    assert stage.hsm.duplicates == 1


async def test_what_a_customer_reads(stage: Stage, http: httpx.AsyncClient) -> None:
    await send(http, stage.hsm, "5561900000001")
    [shown] = stage.snapshot()["whatsapp"]
    assert shown["text"].startswith("Olá Maria, identificamos um rompimento de fibra")


async def test_a_tap_is_told_as_a_toast(stage: Stage, http: httpx.AsyncClient) -> None:
    news = stage.subscribe()
    card = await say(http, stage, "<b>LOS</b> &lt;img onerror&gt;")
    shown = await told(news, "message")
    assert shown["text"] == "LOS <img onerror>"
    assert [[b["data"] for b in row] for row in shown["buttons"]] == [["ok:1:"]]
    tapped, _ = await asyncio.gather(
        stage.tap(stage.visitor.id, card.id, "ok:1:"), answer(http, stage, "Você não está na lista.")
    )
    assert tapped.text == "Você não está na lista."
    toast = await told(news, "toast")
    assert toast == {"user": 503, "text": tapped.text, "alert": False, "message": card.id}


async def test_a_button_that_is_not_there(stage: Stage, http: httpx.AsyncClient) -> None:
    card = await say(http, stage, "LOS")
    with pytest.raises(LookupError, match="no button"):
        await stage.tap(501, card.id, "no:1:")
    with pytest.raises(LookupError, match="no message 99"):
        await stage.tap(501, 99, "ok:1:")
    late, _ = await asyncio.gather(
        stage.tap(501, card.id, "no:1:", stale=True), answer(http, stage, "Esse cartão é antigo.")
    )
    assert late.text == "Esse cartão é antigo."


async def test_the_bot_is_running_from_its_own_first_poll(stage: Stage, http: httpx.AsyncClient) -> None:
    news = stage.subscribe()
    assert stage.bot_state == "starting"
    await poll(http, stage)
    assert await told(news, "bot") == {"state": "running"}
    first = stage.bot_pid
    assert first is not None
    await stage.kill_bot()
    assert await told(news, "bot") == {"state": "killed"}
    assert stage.bot_pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    await stage.kill_bot()  # dead already
    await asyncio.gather(stage.start_bot(), stage.start_bot())  # two clicks, one bot
    assert await told(news, "bot") == {"state": "starting"}
    second = stage.bot_pid
    await poll(http, stage)
    assert await told(news, "bot") == {"state": "running"}
    assert stage.bot_pid == second


async def test_a_bot_that_ends_by_itself_is_seen(tmp_path: Path) -> None:
    stage = Stage(tmp_path, short, customers=20)
    news = stage.subscribe()
    await stage.start()
    assert await told(news, "bot") == {"state": "starting"}
    assert await told(news, "bot") == {"state": "stopped"}
    await stage.stop()


async def test_a_stop_leaves_nothing(tmp_path: Path, http: httpx.AsyncClient) -> None:
    before = asyncio.all_tasks()
    stage = Stage(tmp_path, idle, customers=200)
    await stage.start()
    await poll(http, stage)
    stage.gateway_mode = "down"
    await stage.telegram_away(True)
    pid = stage.bot_pid
    assert pid is not None
    await stage.stop()
    assert stage.bot_state == "stopped"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert asyncio.all_tasks() == before
    with pytest.raises(httpx.ConnectError):
        await http.get(stage.olt.url)
    await stage.stop()  # and once more is nothing


async def test_a_snapshot_is_all_that_was_told(stage: Stage, http: httpx.AsyncClient) -> None:
    port = stage.ports()[0]
    alert = await stage.cut(port.olt, port.slot_pon)
    await say(http, stage, "LOS")
    await stage.say(501, "/status")
    stage.say_caption({"scene": "x"})
    stage.gateway_mode = "slow"
    shown = json.loads(json.dumps(stage.snapshot()))
    assert [(m["sender_name"], m["text"]) for m in shown["messages"]] == [(None, "LOS"), ("Ana", "/status")]
    assert (shown["gateway"], shown["caption"]) == ({"mode": "slow"}, {"scene": "x"})
    assert [row["alert"] for row in shown["world"] if row["state"] == "los"] == [alert.id]
    assert [(user["name"], user["admin"]) for user in shown["users"]] == [
        ("Ana", True),
        ("Bruno", True),
        ("Visitante", False),
    ]


async def test_who_is_left_out_of_a_repair_stays_down(stage: Stage) -> None:
    port = stage.ports()[0]
    alert = await stage.cut(port.olt, port.slot_pon)
    first, *others = alert.onus
    await stage.repair(port.olt, port.slot_pon, but=[first])
    assert (first.status, {onu.status for onu in others}) == ("LOSS", {"Online"})
    assert alert.end_date is not None


async def test_other_settings_take_another_bot(tmp_path: Path) -> None:
    started: list[Mapping[str, str]] = []

    async def noted(variables: Mapping[str, str], folder: Path) -> asyncio.subprocess.Process:
        started.append(variables)
        return await idle(variables, folder)

    stage = Stage(tmp_path, noted, customers=20, variables={"POLL_SECONDS": "1"})
    await stage.use({"REMIND_MINUTES": "3"})
    assert started == []
    await stage.start()
    for settings in ({"REMIND_MINUTES": "3"}, {"POLL_SECONDS": "5"}, {}):
        pid = stage.bot_pid
        await stage.use(settings)
        assert (stage.bot_pid == pid) is (len(started) == 1)
    await stage.stop()
    assert [(v.get("REMIND_MINUTES"), v["POLL_SECONDS"]) for v in started] == [
        ("3", "1"),
        (None, "5"),
        (None, "1"),
    ]


async def test_that_it_is_over_is_not_told_twice(stage: Stage, http: httpx.AsyncClient) -> None:
    port = stage.ports()[0]
    alert = await stage.cut(port.olt, port.slot_pon)
    phone = min(stage.affected(alert))
    news = stage.subscribe()
    for hsm, twice in ((114, 0), (118, 0), (118, 1)):
        await send(http, stage.hsm, phone, hsm)
        while (await told(news, "counters"))["sent"] < len(stage.hsm.received):
            pass
        assert (stage.duplicates, stage.hsm.duplicates) == (twice, twice)
    assert "restabelecida" in stage.snapshot()["whatsapp"][-1]["text"]


async def test_numbers_go_on_where_a_kept_ledger_knows_old_ones(
    tmp_path: Path, http: httpx.AsyncClient
) -> None:
    stage = Stage(tmp_path, idle, customers=20, numbers_from=1_000_000)
    await stage.start()
    alert = await stage.cut(stage.ports()[0].olt, stage.ports()[0].slot_pon)
    assert alert.id > 1_000_000
    assert (await say(http, stage, "LOS")).id == 1_000_001
    await stage.stop()


async def test_50_000_customers_fail_in_a_moment(tmp_path: Path) -> None:
    stage = Stage(tmp_path, idle, customers=50_000)
    began = time.process_time()
    await stage.power([(port.olt, port.slot_pon) for port in stage.ports()])
    assert time.process_time() - began < 3, "it took 16 s while each port was looked for among all ONUs"
    assert sum(len(alert.onus) for alert in stage.world.alerts.values()) >= 50_000


async def test_a_second_message_that_a_person_ordered_is_not_counted_and_any_other_is(stage: Stage) -> None:
    """The ledger says what was ordered: by case, recipient, and whether it is that service is back."""
    port = stage.ports()[0]
    await stage.cut(port.olt, port.slot_pon)
    alert = next(iter(stage.world.alerts.values()))
    there = (stage.world.customers[onu.client_id or 0] for onu in stage.onus(port.olt, port.slot_pon))
    phone = next(number for number in map(mobile, there) if number)
    case = incident(alert.id)
    plan = (Recipient("c1", "Ana", ("ZTEG1",), phone),)
    lines: tuple[Line, ...] = (
        *(CaseOpened(1, case), Approved(1, ANA, (case.port,)), Planned(1, 1, plan), Intent(1, "c1")),
        *(Result(1, "c1", Outcome.UNKNOWN), Settled(1, "done")),
    )
    message = Arrived(1, phone, "Ana", "", datetime.now(UTC), "LOS", "sent")

    async def write(*more: Line) -> None:
        ledger = FileLedger.open(stage.folder / "data", SystemClock())
        await ledger.commit(lambda _book, _now: more)
        await ledger.close()

    await write(*lines)
    stage.count(message)
    assert stage.duplicates == 0
    await write(Resent(1, ("c1",), ANA))
    stage.count(message)
    assert stage.duplicates == 0, "Ana had it sent again, knowing that it may be the second"
    stage.count(message)
    assert stage.duplicates == 1, "nobody ordered a third"
    back = replace(message, kind="RESTORED")
    stage.count(back)
    stage.count(back)
    assert stage.duplicates == 2, "what was ordered was the news of the outage"


@pytest.mark.bug("a demo that was stopped in the middle of a kill ended before its bot did")
async def test_a_kill_that_is_cancelled_leaves_the_bot_to_the_stop(tmp_path: Path) -> None:
    launched: list[asyncio.subprocess.Process] = []

    async def launch() -> asyncio.subprocess.Process:
        launched.append(await idle({}, tmp_path))
        return launched[-1]

    child = Child(launch, lambda: None)
    await child.start()
    killing = asyncio.create_task(child.kill())
    await asyncio.sleep(0)
    killing.cancel()
    await asyncio.wait({killing})
    assert killing.cancelled()
    await child.stop()
    assert launched[0].returncode is not None
    assert child.state == "stopped"


@pytest.mark.bug("a demo that was stopped while a scene's bot was stopping ended before that bot did")
async def test_scenes_that_are_interrupted_while_one_stops_wait_for_its_end(tmp_path: Path) -> None:
    stopping, gate, stopped = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Slow(Stage):
        async def use(self, *_given: object, **_more: object) -> None:
            raise SceneFailed("nothing to see")

        async def stop(self) -> None:
            stopping.set()
            await gate.wait()
            stopped.set()

    def made(_scene: Scene, place: Path) -> Stage:
        return Slow(place, idle, customers=200)

    playing = asyncio.create_task(rehearse(SCENES[:1], tmp_path, made, "en", lambda _: None))
    await stopping.wait()
    playing.cancel()
    await settled()
    assert not playing.done()
    gate.set()
    await asyncio.wait({playing})
    assert playing.cancelled()
    assert stopped.is_set()


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose bot sends by the Cloud API."""
    made = Stage(tmp_path, idle, customers=200, gateway="cloud")
    await made.start()
    yield made
    await made.stop()


async def by_cloud(http: httpx.AsyncClient, stage: Stage, phone: str, kind: str = "LOS") -> httpx.Response:
    """A message as the bot sends it, with the settings that it is given."""
    given = stage.variables()
    parameters = [{"type": "text", "text": "Maria"}]
    body = {
        "messaging_product": "whatsapp",
        "to": f"+{phone}",
        "type": "template",
        "template": {
            "name": given[f"WA_TEMPLATE_{kind}"],
            "language": {"code": "pt_BR"},
            "components": [{"type": "body", "parameters": parameters}],
        },
    }
    url = f"{given['WA_BASE_URL']}/v24.0/{given['WA_PHONE_NUMBER_ID']}/messages"
    return await http.post(url, json=body, headers={"Authorization": f"Bearer {given['WA_TOKEN']}"})


async def test_with_the_cloud_api_phones_counters_and_moods_are_the_same(
    cloud: Stage, http: httpx.AsyncClient
) -> None:
    news = cloud.subscribe()
    await by_cloud(http, cloud, "5561900000001", "POWER")
    shown = await told(news, "whatsapp")
    assert (shown["id"], shown["phone"], shown["name"]) == (1, "5561900000001", "Maria")
    assert shown["text"].startswith("Olá Maria, identificamos uma falta de energia")
    assert await told(news, "counters") == {"sent": 1, "duplicates": 0}
    await by_cloud(http, cloud, "5561900000001", "RESTORED")
    assert cloud.gateway.arrived(1)[0].back
    assert cloud.hsm.duplicates == 0
    await by_cloud(http, cloud, "5561900000001")
    assert cloud.hsm.duplicates == 1
    cloud.gateway_mode = "refuses"
    refused = await by_cloud(http, cloud, "5561900000002")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, 132015)
    assert len(cloud.hsm.received) == 3


@pytest.fixture
async def opa(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose bot sends by Opa! Suite."""
    made = Stage(tmp_path, idle, customers=200, gateway="opa")
    await made.start()
    yield made
    await made.stop()


async def by_opa(http: httpx.AsyncClient, stage: Stage, phone: str, kind: str = "LOS") -> httpx.Response:
    """A message as the bot sends it, with the settings that it is given."""
    given = stage.variables()
    body = {
        "contato": {"canalCliente": f"+{phone}"},
        "canal": given["OPA_CHANNEL"],
        "template": {"_id": given[f"OPA_TEMPLATE_{kind}"], "variaveis": ["Maria"]},
    }
    url, headers = (
        f"{given['OPA_URL']}/api/v1/template/send",
        {"Authorization": f"Bearer {given['OPA_TOKEN']}"},
    )
    return await http.post(url, json=body, headers=headers)


async def test_with_opa_suite_phones_counters_and_moods_are_the_same(
    opa: Stage, http: httpx.AsyncClient
) -> None:
    news = opa.subscribe()
    await by_opa(http, opa, "5561900000001", "POWER")
    shown = await told(news, "whatsapp")
    assert (shown["id"], shown["phone"], shown["name"]) == (1, "5561900000001", "Maria")
    assert shown["text"].startswith("Olá Maria, identificamos uma falta de energia")
    assert await told(news, "counters") == {"sent": 1, "duplicates": 0}
    await by_opa(http, opa, "5561900000001", "RESTORED")
    assert opa.gateway.arrived(1)[0].back
    assert opa.hsm.duplicates == 0
    await by_opa(http, opa, "5561900000001")
    assert opa.hsm.duplicates == 1
    opa.stop_messages(1)
    assert (await by_opa(http, opa, "5561900000001")).status_code == 400, "their conversation is open"
    opa.gateway_mode = "refuses"
    refused = await by_opa(http, opa, "5561900000002")
    assert (refused.status_code, refused.json()["data"]["message"]) == (400, "Template not approved.")
    assert len(opa.hsm.received) == 3


async def test_opa_suite_says_how_a_message_stands_when_it_is_asked(
    opa: Stage, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.simulator.stage.gateways.opa.ARRIVES", (0.0, 0.1))
    monkeypatch.setattr("bot.simulator.stage.gateways.opa.READ_AFTER", (0.0, 0.1))
    news = opa.subscribe()
    opa.gateway.unreachable(NUMBERS[:1])
    for phone in NUMBERS:
        await by_opa(http, opa, phone)
    shown: dict[int, dict[str, Any]] = {}
    while {view["state"] for view in shown.values()} != {"failed", "read", "delivered"} or len(shown) < 12:
        view = await told(news, "receipt")
        shown[view["id"]] = view
    failed = [(view["id"], view["why"]) for view in shown.values() if view["state"] == "failed"]
    assert failed == [(1, "131026")]
    opa.phones_mode = "off"
    await by_opa(http, opa, NUMBERS[2])
    assert opa.gateway.arrived()[-1].state == "sent"
    opa.phones_mode = "unreachable"
    for phone in (f"55619000001{number:02}" for number in range(40)):
        await by_opa(http, opa, phone)
    while sum(message.state == "sent" for message in opa.gateway.arrived(13)):
        await told(news, "receipt")
    states = [message.state for message in opa.gateway.arrived(13)]
    assert 0 < states.count("failed") < 20


NUMBERS = [f"55619000000{number:02}" for number in range(1, 13)]


async def test_matrixs_list_says_how_messages_stand(stage: Stage, http: httpx.AsyncClient) -> None:
    stage.gateway.unreachable(NUMBERS[:1])
    for phone in NUMBERS:
        await send(http, stage.hsm, phone)
    shown = stage.gateway.arrived()
    assert [(m.id, m.why) for m in shown if m.state == "failed"] == [(1, "Falha")]
    assert {m.state for m in shown[1:]} == {"delivered", "read"}
    assert isinstance(stage.hsm, MatrixApi)
    assert {stage.hsm.states[phone] for phone in NUMBERS} == {"Falha", "Entregue", "Lida"}
    stage.phones_mode = "off"
    await send(http, stage.hsm, NUMBERS[1])
    assert stage.gateway.arrived()[-1].state == "sent"
    stage.phones_mode = "unreachable"
    for phone in (f"55619000001{number:02}" for number in range(40)):
        await send(http, stage.hsm, phone)
    states = [m.state for m in stage.gateway.arrived(len(NUMBERS) + 1)]
    assert 0 < states.count("failed") < 20
    with pytest.raises(ValueError, match="no mode of phones 'wet'"):
        stage.phones_mode = "wet"  # type: ignore[assignment]


async def test_metas_webhook_says_how_messages_stand(cloud: Stage, http: httpx.AsyncClient) -> None:
    assert isinstance(cloud.gateway, Cloud)
    cloud.gateway.phones.habits.arrives = cloud.gateway.phones.habits.read_after = (0.0, 0.1)
    news = cloud.subscribe()
    cloud.gateway.unreachable(NUMBERS[:1])
    for phone in NUMBERS:
        await by_cloud(http, cloud, phone)
    shown: dict[int, dict[str, Any]] = {}
    while {view["state"] for view in shown.values()} != {"failed", "read", "delivered"} or len(shown) < 12:
        view = await told(news, "receipt")
        shown[view["id"]] = view
    assert [(view["id"], view["why"]) for view in shown.values() if view["state"] == "failed"] == [
        (1, "131026")
    ]


async def test_a_customer_answers_parar(stage: Stage, cloud: Stage, http: httpx.AsyncClient) -> None:
    """Meta tells of it; with Matrix the platform's own blacklist has the phone."""
    await send(http, stage.hsm, NUMBERS[0])
    await by_cloud(http, cloud, NUMBERS[0])
    for made in (stage, cloud):
        news = made.subscribe()
        made.stop_messages(1)
        assert (await told(news, "receipt"))["answer"] == "PARAR"
        assert made.snapshot()["whatsapp"][0]["answer"] == "PARAR"
        with pytest.raises(LookupError, match="no message 2"):
            made.stop_messages(2)
    assert isinstance(stage.hsm, MatrixApi)
    assert stage.hsm.blacklist == {NUMBERS[0]}
    assert (await send(http, stage.hsm, NUMBERS[0])).json()["msg"] == "contato na blacklist"


@pytest.mark.parametrize("name", DIRECTORIES)
async def test_an_erp_knows_the_customers_and_who_of_them_is_not_to_be_told(
    tmp_path: Path, name: DirectoryName
) -> None:
    stage = Stage(tmp_path, idle, customers=100, directory=name)
    await stage.start()
    settings = load(None, stage.variables())
    erp = DIRECTORIES[name].open(settings, settings.tz, SystemClock())
    port = stage.ports()[0]
    alert = await stage.cut(port.olt, port.slot_pon)
    onus = [Onu(onu.serial, None, "", Link.LOS) for onu in alert.onus]
    answer = await erp.customers([onu._replace(subject=erp.subject(onu)) for onu in onus])
    found = [contact for contact in answer.records.values() if contact is not None]
    told = {contact.number for contact in found if contact.service is Service.ON}
    assert {contact.service for contact in found} == {Service.ON, Service.BLOCKED, Service.ENDED}
    assert {number.digits for number in told if isinstance(number, Phone)} == stage.affected(alert)
    await erp.aclose()
    await stage.stop()
