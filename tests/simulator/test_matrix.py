from datetime import datetime
from typing import Any

import httpx
import pytest

from bot.simulator.matrix import MatrixApi
from bot.simulator.server import DropAfter, Throttle
from bot.simulator.world import LOCAL

from .clock import Clock

PHONE = "5561999990000"


def body(phone: Any = PHONE, name: Any = "Maria", **fields: Any) -> dict[str, Any]:
    return {
        "cod_conta": 1,
        "hsm": 114,
        "tipo_envio": 2,
        "contato": {"nome": name, "telefone": phone},
        **fields,
    }


async def send(http: httpx.AsyncClient, matrix: MatrixApi, message: Any = None) -> httpx.Response:
    http.cookies.clear()
    message = body() if message is None else message
    return await http.post(matrix.hsm_url, json=message, headers={"Authorization": matrix.token})


async def test_an_accepted_message_is_delivered(http: httpx.AsyncClient, matrix: MatrixApi) -> None:
    answer = await send(http, matrix, body(variaveis={"1": "x"}))
    assert (answer.status_code, answer.json()) == (
        200,
        {"cod_error": 0, "msg": "atendimento gerado com sucesso", "cod_atendimento": 1},
    )
    message = matrix.received[0]
    assert (message.phone, message.name, message.hsm, message.code) == (PHONE, "Maria", 114, 1)
    assert message.at.tzinfo is not None


async def test_duplicates_are_phones_with_more_than_one(http: httpx.AsyncClient, matrix: MatrixApi) -> None:
    for phone in (PHONE, PHONE, PHONE, "556133330000"):
        await send(http, matrix, body(phone))
    assert (matrix.count, matrix.duplicates) == ({PHONE: 3, "556133330000": 1}, 1)


async def test_that_it_is_over_is_counted_apart(http: httpx.AsyncClient, matrix: MatrixApi) -> None:
    matrix.restored.add(118)
    for template in (114, 118):
        await send(http, matrix, body(hsm=template))
    assert (matrix.count, matrix.count_restored, matrix.duplicates) == ({PHONE: 1}, {PHONE: 1}, 0)
    await send(http, matrix, body(hsm=118))
    assert matrix.duplicates == 1


async def test_the_platform_is_latin_1(http: httpx.AsyncClient, matrix: MatrixApi) -> None:
    await send(http, matrix, body(name="José – “Zé” 😀"))
    assert matrix.received[0].name == "José ? ?Zé? ?"


@pytest.mark.parametrize(
    "message",
    [
        [],
        {},
        body(cod_conta="1"),
        body(cod_conta=True),
        body(hsm=None),
        body(hsm="114"),
        body(tipo_envio=2.0),
        body(contato=[]),
        body(name=None),
        body(name=" "),
        body(phone=5561999990000),
        body(phone="61999990000"),
        body(phone="55619999900001"),
        body(phone="+5561999990000"),
        body(variaveis={"1": 2}),
        body(variaveis=["x"]),
    ],
)
async def test_validation(http: httpx.AsyncClient, matrix: MatrixApi, message: Any) -> None:
    answer = await send(http, matrix, message)
    assert (answer.status_code, answer.json()["cod_error"]) == (412, 1)
    assert matrix.received == []


async def test_what_fills_the_variables_arrives_as_latin_1(
    http: httpx.AsyncClient, matrix: MatrixApi
) -> None:
    await send(http, matrix)
    await send(http, matrix, body(variaveis={"1": "José", "2": "18:00 – 19:00"}))
    assert [message.variables for message in matrix.received] == [{}, {"1": "José", "2": "18:00 ? 19:00"}]


@pytest.mark.parametrize(
    ("hsm", "values", "msg"),
    [
        (120, {"1": "Maria", "2": "22/11 18:00"}, "atendimento gerado com sucesso"),
        (120, {"1": "Maria"}, "quantidade de variaveis invalida"),
        (120, {"1": "a", "3": "b"}, "quantidade de variaveis invalida"),
        (120, {"1": "a", "2": "b", "3": "c"}, "quantidade de variaveis invalida"),
        (120, None, "quantidade de variaveis invalida"),
        (120, {"1": "a", "2": ""}, "variavel 2 invalida"),
        (120, {"1": " ", "2": "b"}, "variavel 1 invalida"),
        (120, {"1": "a\nb", "2": "c"}, "variavel 1 invalida"),
        (120, {"1": "a", "2": "b\tc"}, "variavel 2 invalida"),
        (120, {"1": "a", "2": "b    c"}, "variavel 2 invalida"),
        (114, None, "atendimento gerado com sucesso"),
        (114, {"1": "a"}, "quantidade de variaveis invalida"),
        (116, {"1": "", "7": "x"}, "atendimento gerado com sucesso"),
    ],
)
async def test_a_template_takes_what_it_has_variables_for(
    http: httpx.AsyncClient, matrix: MatrixApi, hsm: int, values: dict[str, str] | None, msg: str
) -> None:
    matrix.variables = {120: 2, 114: 0}
    answer = await send(http, matrix, body(hsm=hsm, **({} if values is None else {"variaveis": values})))
    assert (answer.status_code, answer.json()["msg"]) == (200, msg)
    assert len(matrix.received) == (1 - answer.json()["cod_error"])


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 403), ({"Authorization": "other"}, 400), ({"Authorization": "Bearer hsm-secret"}, 400)],
)
async def test_the_key(
    http: httpx.AsyncClient, matrix: MatrixApi, headers: dict[str, str], status: int
) -> None:
    answer = await http.post(matrix.hsm_url, json=body(), headers=headers)
    assert (answer.status_code, matrix.received) == (status, [])


async def test_what_is_not_json_or_not_there(http: httpx.AsyncClient, matrix: MatrixApi) -> None:
    http.headers["Authorization"] = matrix.token
    assert (await http.post(matrix.hsm_url, content=b"{")).status_code == 400
    assert (await http.get(matrix.hsm_url)).status_code == 404


async def test_a_refusal_comes_with_http_200(http: httpx.AsyncClient, matrix: MatrixApi) -> None:
    matrix.refuse(PHONE, "sem autorizacao")
    answer = await send(http, matrix)
    assert (answer.status_code, answer.json()) == (200, {"cod_error": 1, "msg": "sem autorizacao"})
    assert matrix.received == []


async def test_the_code_may_be_text(http: httpx.AsyncClient, matrix: MatrixApi) -> None:
    matrix.cod_error_as_text = True
    assert (await send(http, matrix)).json()["cod_error"] == "0"


async def test_the_rate_limit(http: httpx.AsyncClient, matrix: MatrixApi, clock: Clock) -> None:
    matrix.rate_limit = 2
    statuses = [(await send(http, matrix)).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert (await send(http, matrix)).headers["Retry-After"] == "1"
    clock.forward(0.5)
    assert [(await send(http, matrix)).status_code for _ in range(2)] == [200, 429]
    assert len(matrix.received) == 3


async def test_the_session_cookie_is_given_and_its_return_counted(
    http: httpx.AsyncClient, matrix: MatrixApi
) -> None:
    answer = await send(http, matrix)
    assert answer.headers["Set-Cookie"].startswith("PHPSESSID=")
    assert matrix.cookies_replayed == 0
    await http.post(matrix.hsm_url, json=body(), headers={"Authorization": matrix.token})
    assert matrix.cookies_replayed == 1


async def test_a_lost_answer_is_a_delivered_message(http: httpx.AsyncClient, matrix: MatrixApi) -> None:
    matrix.faults.inject(DropAfter())
    with pytest.raises(httpx.RemoteProtocolError):
        await send(http, matrix)
    assert matrix.count == {PHONE: 1}


async def test_it_says_slow_down_in_its_own_way(http: httpx.AsyncClient, matrix: MatrixApi) -> None:
    matrix.faults.inject(Throttle(3))
    answer = await send(http, matrix)
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()["cod_error"]) == (429, "3", 1)


async def test_what_was_sent_can_be_read_by_day_in_pages(http: httpx.AsyncClient, matrix: MatrixApi) -> None:
    for _ in range(101):
        await send(http, matrix)
    http.headers["Authorization"] = matrix.token
    today = f"{datetime.now(LOCAL):%d/%m/%Y}"
    url = f"{matrix.url}/rest/v1/hsmEnviadas?data_inicial={today}&data_final={today}&page="
    first, second = [(await http.get(f"{url}{page}")).json() for page in (1, 2)]
    assert (first["num_pages"], len(first["registros"]), len(second["registros"])) == (2, 100, 1)
    row = second["registros"][0]
    assert (row["cod_atendimento"], row["num_telefone"]) == ("101", PHONE)
    past = url.replace(today, "01/01/2020")
    assert (await http.get(f"{past}1")).json() == {"num_pages": 0, "registros": []}
    assert (await http.get(f"{matrix.url}/rest/v1/hsmEnviadas")).status_code == 400


async def test_who_opted_out_is_refused(http: httpx.AsyncClient, matrix: MatrixApi) -> None:
    http.headers["Authorization"] = matrix.token
    url = f"{matrix.url}/rest/v1/blacklist"
    assert (await http.post(url, json={"num_telefone": PHONE, "tip_blacklist": 1})).json()["cod_error"] == 0
    listed = [{"num_telefone": PHONE, "tip_blacklist": "1"}]
    assert (await http.get(url)).json() == {"registros": listed}
    assert (await http.get(f"{url}?num_telefone=55")).json() == {"registros": []}
    assert (await send(http, matrix)).json()["cod_error"] == 1
    assert (await http.post(url, json={})).status_code == 412
