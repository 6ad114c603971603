"""The pretend Opa! Suite: what it takes, what it refuses, and how a message comes to stand."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from bot.simulator.opa import CHANNEL, OpaApi, Stage
from tests.patience import PATIENCE
from tests.simulator.clock import Clock

TEMPLATE = "624c358355802dbdd2eb944a"
BODY = {
    "contato": {"canalCliente": "+5511987654321"},
    "canal": CHANNEL,
    "template": {"_id": TEMPLATE, "variaveis": ["Maria"]},
    "metadata": {"ref": "501"},
}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def api(clock: Clock) -> AsyncIterator[OpaApi]:
    async with OpaApi(clock=clock) as server:
        server.templates = {TEMPLATE: "Olá {{nome}}."}
        yield server


async def asked(api: OpaApi, path: str, body: Any = None, method: str = "GET") -> tuple[int, Any]:
    async with httpx.AsyncClient(
        base_url=api.url, headers={"Authorization": f"Bearer {api.token}"}, trust_env=False, timeout=PATIENCE
    ) as http:
        answer = await http.request(method, f"/api/v1/{path}", json=body)
        return answer.status_code, answer.json()


async def sent(api: OpaApi, **changes: Any) -> tuple[int, Any]:
    return await asked(api, "template/send", BODY | changes, "POST")


async def test_a_message_is_answered_with_its_id_and_counts(api: OpaApi) -> None:
    said = {"message": "Template has been succesfully sent.", "messageSentId": f"{1:024x}"}
    assert await sent(api) == (200, {"status": "success", "code": 200, "data": said})
    assert [(m.phone, m.values, m.ref) for m in api.received] == [("5511987654321", ("Maria",), "501")]
    await sent(api, contato={"canalCliente": "5511987654321"})
    assert (api.count, api.duplicates) == ({"5511987654321": 2}, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"contato": {"canalCliente": "11 98765"}},
        {"contato": None},
        {"canal": "uej2uHCH"},
        {"template": {"_id": 7}},
        {"template": {"_id": TEMPLATE, "variaveis": []}},
        {"template": {"_id": TEMPLATE, "variaveis": {"1": "Maria"}}},
        {"metadata": "501"},
        {"allowSendingToStartedCustomerService": 1},
    ],
)
async def test_a_body_of_another_form_is_refused(api: OpaApi, changes: dict[str, Any]) -> None:
    code, answer = await sent(api, **changes)
    assert (code, answer["status"]) == (400, "error")
    assert api.received == []


async def test_what_is_not_there_and_what_does_not_fit(api: OpaApi) -> None:
    assert await sent(api, canal="f" * 24) == (
        404,
        {"error": "NOT_FOUND_ERROR", "message": "Communication channel not found."},
    )
    for template, code in (({"_id": "f" * 24}, 404), ({"_id": TEMPLATE}, 400)):
        assert (await sent(api, template=template))[0] == code
    code, answer = await sent(api, template={"_id": TEMPLATE, "variaveis": ["a\nb"]})
    assert (code, "132018" in answer["data"]["message"]) == (400, True)
    assert api.received == []


async def test_a_list_needs_a_filter_that_it_knows(api: OpaApi) -> None:
    wrong: list[Any] = [None, {}, {"filter": {}}, {"filter": {"frob": 1}}]
    for given in wrong:
        assert (await asked(api, "canal-comunicacao/", given))[0] == 400
    code, answer = await asked(api, "canal-comunicacao/", {"filter": {"integracao": "dialog360"}})
    assert (code, [row["_id"] for row in answer["data"]]) == (200, [CHANNEL])


async def test_a_message_comes_to_stand_in_its_time(api: OpaApi, clock: Clock) -> None:
    api.fate = lambda _: (Stage(0.0, "sent"), Stage(5.0, "delivered"), Stage(60.0, "read", ""))
    await sent(api)
    stood = []
    for seconds in (0.0, 6.0, 60.0):
        clock.forward(seconds)
        answer = (await asked(api, f"atendimento/mensagem/{1:024x}"))[1]
        stood.append(answer["data"]["statusEnvio"]["status"])
    assert stood == ["sent", "delivered", "read"]
    assert api.asked == {f"{1:024x}": 3}
    assert (await asked(api, f"atendimento/mensagem/{2:024x}"))[0] == 404


async def test_the_days_limit_counts_what_was_taken(api: OpaApi) -> None:
    path = f"canal-comunicacao/{CHANNEL}/template/limites-diarios-envio"
    assert (await asked(api, path))[1]["data"] == {}
    api.limit = 2
    for _ in range(3):
        await sent(api)
    assert (await asked(api, path))[1]["data"] == {"messagesSent": 3, "dailyLimit": 2, "availableAmount": 0}
    assert (await asked(api, "canal-comunicacao/" + "f" * 24))[0] == 404


async def test_another_token_reads_nothing(api: OpaApi) -> None:
    api.token, right = "another", api.token
    async with httpx.AsyncClient(
        headers={"Authorization": f"Bearer {right}"}, trust_env=False, timeout=PATIENCE
    ) as http:
        answer = await http.get(f"{api.url}/api/v1/canal-comunicacao/{CHANNEL}")
        assert (answer.status_code, answer.json()["code"]) == (401, 401)
        api.token = right
        answer = await http.post(f"{api.url}/api/v1/template/send", content=b"{")
        assert answer.status_code == 400
        assert (await http.delete(f"{api.url}/api/v1/template/send")).status_code == 404
