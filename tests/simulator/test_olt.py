import asyncio
from typing import Any

import httpx
import pytest

from bot.simulator.olt import OltApi
from bot.simulator.server import Throttle
from tests.patience import PATIENCE

from .clock import Clock

LIST = "/api/v2/ftth/alert/list?end_date__isnull=true"


async def login(http: httpx.AsyncClient, olt: OltApi, password: str | None = None) -> httpx.Response:
    return await http.post(
        f"{olt.url}/api/token", json={"username": "noc", "password": password or olt.password}
    )


@pytest.fixture
async def signed_in(http: httpx.AsyncClient, olt: OltApi) -> httpx.AsyncClient:
    http.headers["Authorization"] = f"Bearer {(await login(http, olt)).json()['access']}"
    return http


async def get(http: httpx.AsyncClient, olt: OltApi, path: str) -> Any:
    answer = await http.get(olt.url + path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_login_gives_the_token_that_everything_else_needs(
    http: httpx.AsyncClient, olt: OltApi
) -> None:
    assert (await http.get(olt.url + LIST)).status_code == 401
    answer = (await login(http, olt)).json()
    assert set(answer) == {"access", "refresh"}
    for header, status in (("Bearer x", 401), (answer["access"], 401), (f"Bearer {answer['access']}", 200)):
        given = await http.get(olt.url + LIST, headers={"Authorization": header})
        assert given.status_code == status
    assert (olt.logins, olt.failed_logins) == (1, 0)


async def test_refused_logins_in_both_forms(http: httpx.AsyncClient, olt: OltApi) -> None:
    assert (await login(http, olt, "wrong")).status_code == 401
    assert (await http.post(f"{olt.url}/api/token", content=b"{")).status_code == 400
    olt.refuse_login = "401"
    assert (await login(http, olt)).status_code == 401
    olt.refuse_login = "Usuário bloqueado"
    answer = await login(http, olt)
    assert (answer.status_code, answer.json()) == (200, {"return": False, "error": "Usuário bloqueado"})
    assert (olt.logins, olt.failed_logins) == (0, 3)


async def test_tokens_die_of_age_by_hand_and_in_the_middle(
    signed_in: httpx.AsyncClient, olt: OltApi, clock: Clock
) -> None:
    async def status() -> int:
        return (await signed_in.get(olt.url + LIST)).status_code

    async def renew() -> None:
        signed_in.headers["Authorization"] = f"Bearer {(await login(signed_in, olt)).json()['access']}"

    clock.forward(3 * 3600 - 1)
    assert await status() == 200
    clock.forward(1)
    assert await status() == 401
    await renew()
    olt.expire_tokens()
    assert await status() == 401
    await renew()
    olt.expire_after(2)
    assert [await status() for _ in range(4)] == [200, 200, 401, 401]
    await renew()
    assert [await status() for _ in range(4)] == [200] * 4


async def test_a_login_may_kill_the_tokens_before_it(signed_in: httpx.AsyncClient, olt: OltApi) -> None:
    await login(signed_in, olt)
    assert (await signed_in.get(olt.url + LIST)).status_code == 200
    olt.login_kills_older = True
    await login(signed_in, olt)
    assert (await signed_in.get(olt.url + LIST)).status_code == 401


async def test_the_list_has_every_field_and_only_what_is_open(
    signed_in: httpx.AsyncClient, olt: OltApi
) -> None:
    olt.world.repair(olt.world.outage(1))
    alert = olt.world.outage(2, alert_type="pon_no_power")
    olt.raw_rows.append({"id": "odd"})
    body = await get(signed_in, olt, LIST)
    assert (body["count"], body["next"], body["results"][1]) == (2, None, {"id": "odd"})
    assert body["results"][0] == {
        "id": alert.id,
        "alert_type": "pon_no_power",
        "olt_id": 1,
        "olt_name": "CB 01",
        "slot_pon": "6/15",
        "pon": 15,
        "pon_id": None,
        "cto_id": None,
        "cto_name": None,
        "initial_date": alert.initial_date,
        "confirm_date": None,
        "end_date": None,
        "ignored": False,
        "total_devices_count": 3,
        "active_devices_count": 2,
    }
    assert (await get(signed_in, olt, "/api/v2/ftth/alert/list"))["count"] == 3


async def test_pages_by_number_are_whole_and_next_is_a_trap(
    signed_in: httpx.AsyncClient, olt: OltApi
) -> None:
    alerts = [olt.world.outage(1, slot_pon=f"1/{pon}") for pon in range(1, 8)]
    pages = [await get(signed_in, olt, f"{LIST}&page={page}&page_size=2") for page in range(1, 6)]
    assert [row["id"] for page in pages for row in page["results"]] == [alert.id for alert in alerts]
    assert pages[4] == {"count": 7, "next": None, "results": []}
    assert olt.next_followed == 0

    seen, url = [], f"{olt.url}{LIST}&page_size=2"
    while url:
        body = (await signed_in.get(url)).json()
        seen += [row["id"] for row in body["results"]]
        url = body["next"]
    assert len(seen) > len(set(seen))
    assert olt.next_followed > 0


async def test_one_alert_with_the_client_id_in_three_places(
    signed_in: httpx.AsyncClient, olt: OltApi
) -> None:
    alert = olt.world.outage(3)
    nobody = olt.world.add_onu(None)
    alert.onus.append(nobody)
    body = (await get(signed_in, olt, f"/api/v2/ftth/alert/{alert.id}"))["alert"]
    devices = body.pop("affected_devices")
    assert body == {
        "id": alert.id,
        "alert_type": "pon_loss",
        "olt_name": "CB 01",
        "slot_pon": "6/15",
        "initial_date": alert.initial_date,
    }
    assert [(d["client_id"], d["onu_device"]["client_id"]) for d in devices] == [
        (501, 501),
        (502, None),
        (None, 503),
        (None, None),
    ]
    assert devices[0]["onu_device"]["status"] == "LOSS"
    assert devices[0]["onu_device"]["client_name"] == olt.world.customers[501].name
    assert (await signed_in.get(f"{olt.url}/api/v2/ftth/alert/1")).status_code == 404


async def test_customers_are_counted_when_found(signed_in: httpx.AsyncClient, olt: OltApi) -> None:
    customer = olt.world.add_customer("Maria <b>", contact="(61) 99999-0000 / 3333-0000")
    for _ in range(2):
        assert (await get(signed_in, olt, f"/api/v2/client/{customer.id}"))["clients"] == [
            {"id": 501, "name": "Maria <b>", "contact": "(61) 99999-0000 / 3333-0000", "phone_number": ""}
        ]
    assert (await signed_in.get(f"{olt.url}/api/v2/client/999")).status_code == 404
    olt.empty_instead_of_404 = True
    assert await get(signed_in, olt, "/api/v2/client/999") == {"clients": []}
    assert olt.lookups == {501: 2}


async def test_ports_are_one_list_without_a_count(signed_in: httpx.AsyncClient, olt: OltApi) -> None:
    olt.world.outage(2)
    olt.world.outage(1, olt="CB 02", slot_pon="1/3")
    olt.raw_pons.append(None)
    assert await get(signed_in, olt, "/api/v2/ftth/pons?page=2") == {
        "results": [
            {"olt_name": "CB 01", "slot": 6, "pon": 15, "onu_count": 2},
            {"olt_name": "CB 02", "slot": "01", "pon": "03", "onu_count": "1"},
            None,
        ]
    }


async def test_two_olts_with_one_name_have_a_row_each(signed_in: httpx.AsyncClient, olt: OltApi) -> None:
    olt.world.add_onu(None)
    olt.world.add_onu(None).olt_id = 7
    rows = (await get(signed_in, olt, "/api/v2/ftth/pons"))["results"]
    assert [(row["olt_name"], int(row["onu_count"])) for row in rows] == [("CB 01", 1)] * 2


async def test_the_onus_of_a_port_as_they_are_now(signed_in: httpx.AsyncClient, olt: OltApi) -> None:
    alert = olt.world.outage(2, olt="CB 02", slot_pon="1/3")
    olt.world.outage(1, olt="CB 02", slot_pon="1/4")
    alert.onus[1].status = "Online"
    olt.raw_equipment.append({"serial_number": "odd"})
    path = "/api/v2/ftth/equipment/list?olt_id=1&slot=1&pon=3&page=1&page_size=1000"
    body = await get(signed_in, olt, path)
    first = {
        "serial_number": alert.onus[0].serial,
        "status": "LOSS",
        "olt": "CB 02",
        "olt_id": 1,
        "slot": 1,
        "pon": 3,
        "client_id": 501,
        "external_client_id": 501,
        "external_client_contract_id": 501,
    }
    text = {
        "olt_id": "1",
        "slot": "01",
        "pon": "03",
        "status": "Online",
        "serial_number": alert.onus[1].serial,
    }
    ids = dict.fromkeys(("client_id", "external_client_id", "external_client_contract_id"), "502")
    assert body == {"count": 3, "results": [first, {**first, **text, **ids}, {"serial_number": "odd"}]}
    pages = [path.replace("page=1&page_size=1000", f"page={page}&page_size=2") for page in (1, 2, 3)]
    assert [len((await get(signed_in, olt, page))["results"]) for page in pages] == [2, 1, 0]
    olt.world.repair(alert)
    statuses = [row.get("status") for row in (await get(signed_in, olt, path))["results"]]
    assert statuses == ["Online", "Online", None]
    olt.ignores_filters = True
    assert (await get(signed_in, olt, path))["count"] == 4


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/token", 405),
        ("POST", LIST, 405),
        ("GET", "/other", 404),
        ("GET", "/api/v2/client/x", 400),
    ],
)
async def test_what_is_not_there(
    signed_in: httpx.AsyncClient, olt: OltApi, method: str, path: str, status: int
) -> None:
    assert (await signed_in.request(method, olt.url + path)).status_code == status


async def test_it_says_slow_down_in_its_own_way(signed_in: httpx.AsyncClient, olt: OltApi) -> None:
    olt.faults.inject(Throttle("soon"))
    answer = await signed_in.get(olt.url + LIST)
    assert (answer.status_code, answer.headers["Retry-After"], "detail" in answer.json()) == (
        429,
        "soon",
        True,
    )


async def test_readings_are_counted_and_waited_for(signed_in: httpx.AsyncClient, olt: OltApi) -> None:
    with pytest.raises(TimeoutError):
        await olt.until_read(1, 0.01)
    waiting = asyncio.ensure_future(olt.until_read(2))
    for page in (1, 2, 1):  # the second page is of the same reading
        assert not waiting.done()
        await get(signed_in, olt, f"{LIST}&page={page}")
    async with asyncio.timeout(PATIENCE):
        await waiting
    assert olt.readings == 2
