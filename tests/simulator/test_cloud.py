"""The pretend Cloud API: what it takes, what it refuses, and with which code."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from bot.simulator.cloud import NUMBER, CloudApi
from tests.patience import PATIENCE

TEMPLATE = {"name": "aviso", "language": {"policy": "deterministic", "code": "pt_BR"}}
BODY = {"messaging_product": "whatsapp", "to": "+5511987654321", "type": "template", "template": TEMPLATE}


@pytest.fixture
async def api() -> AsyncIterator[CloudApi]:
    async with CloudApi() as server:
        yield server


async def posted(api: CloudApi, body: Any, path: str = f"/v24.0/{NUMBER}/messages", key: str = "") -> Any:
    headers = {"Authorization": f"Bearer {key or api.token}"}
    async with httpx.AsyncClient(
        base_url=api.url, headers=headers, trust_env=False, timeout=PATIENCE
    ) as http:
        return (await http.post(path, json=body)).json()


def filled(*texts: str, **more: str) -> dict[str, Any]:
    parameters = [{"type": "text", "text": text, **more} for text in texts]
    return BODY | {"template": TEMPLATE | {"components": [{"type": "body", "parameters": parameters}]}}


async def test_a_message_is_answered_as_meta_does_and_counts(api: CloudApi) -> None:
    assert await posted(api, BODY) == {
        "messaging_product": "whatsapp",
        "contacts": [{"input": "+5511987654321", "wa_id": "5511987654321"}],
        "messages": [{"id": "wamid.00000001", "message_status": "accepted"}],
    }
    await api.until(1)
    api.restored = {"aviso"}
    await posted(api, BODY)
    assert (api.count, api.count_restored) == ({"5511987654321": 1}, {"5511987654321": 1})
    assert api.duplicates == 0
    await posted(api, BODY)
    assert api.duplicates == 1


async def test_what_is_held_reached_nobody(api: CloudApi) -> None:
    api.statuses = ["held_for_quality_assessment"]
    assert (await posted(api, BODY))["messages"][0]["message_status"] == "held_for_quality_assessment"
    assert ([m.phone for m in api.held], api.received) == (["5511987654321"], [])


@pytest.mark.parametrize(
    "changes",
    [
        {"messaging_product": "sms"},
        {"to": "5511987654321"},
        {"to": "+05511987654321"},
        {"type": "text"},
        {"biz_opaque_callback_data": "x" * 513},
        {"phone": "a field that nobody knows"},
        {"template": None},
        {"template": {"language": TEMPLATE["language"]}},
        {"template": {"name": "aviso"}},
        {"template": TEMPLATE | {"language": {"policy": "fallback", "code": "pt_BR"}}},
        {"template": TEMPLATE | {"components": []}},
        {"template": TEMPLATE | {"components": [{"type": "BODY"}]}},
        {"template": TEMPLATE | {"components": [{"type": "body", "parameters": []}]}},
        {"template": TEMPLATE | {"components": [{"type": "body", "parameters": [{"type": "text"}]}]}},
    ],
)
async def test_a_body_of_another_form_is_refused(api: CloudApi, changes: dict[str, Any]) -> None:
    answer = await posted(api, BODY | changes)
    assert answer["error"]["code"] == 100
    assert api.received == []


async def test_what_does_not_fit_the_template_has_its_code(api: CloudApi) -> None:
    api.templates = {"aviso": 2}
    for body, code in (
        (BODY, 132000),
        (filled("a", "b", parameter_name="nome"), 132012),
        (filled("a", "b    c"), 132018),
        (filled("a", ""), 132018),
        (BODY | {"template": TEMPLATE | {"name": "outro"}}, 132001),
        (BODY | {"template": TEMPLATE | {"language": {"code": "en"}}}, 132001),
    ):
        assert (await posted(api, body))["error"]["code"] == code
    assert "messages" in await posted(api, filled("a", "b"))


async def test_key_address_and_what_it_was_told_to_answer(api: CloudApi) -> None:
    assert (await posted(api, BODY, key="another"))["error"]["code"] == 190
    assert (await posted(api, BODY, "/v24.0/7/messages"))["error"]["error_subcode"] == 33
    api.fail(131000, times=2)
    assert (await posted(api, BODY))["error"]["code"] == 131000
    api.mend()
    assert "messages" in await posted(api, BODY)
