"""What Meta tells by itself: the signature over the very bytes, and each thing that it may say."""

import hmac
import json
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.delivery import Arrival, DeliveryNews, StopNews, TemplateNews
from bot.errors import BadAnswer, Refused
from bot.gateways.cloud.answers import called, receipt
from bot.gateways.cloud.webhook import MARKETED, SIGNATURE, CloudWebhook

AT = datetime(2026, 11, 22, 15, tzinfo=UTC)
SECRET = "app-secret"
HOOK = CloudWebhook(SECRET, "uma palavra")


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {SIGNATURE: "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()}


def read(value: Any, field: str = "messages") -> list[Any]:
    body = json.dumps({"entry": [{"id": "1", "changes": [{"field": field, "value": value}]}]}).encode()
    return HOOK.read(signed(body), body, AT, lambda phone: f"p{phone[-8:]}")


def test_metas_own_example_of_a_signature() -> None:
    body = b'{"object":"whatsapp_business_account","entry":[]}'
    vector = "sha256=d3e4f9da0ce6c71ab3dba55929b8eeeee2455349e534924ead19f98d143e904f"
    assert HOOK.read({SIGNATURE: vector}, body, AT, str) == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {SIGNATURE: ""},
        {SIGNATURE: "sha256="},
        {SIGNATURE: "sha256=é"},
        {"x-hub-signature": "sha1=abc"},
        signed(b"{}", "another"),
        {SIGNATURE: signed(b"{}")[SIGNATURE].upper()},
    ],
)
def test_who_has_not_signed_these_bytes_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Refused):
        HOOK.read(headers, b"{}", AT, str)


@given(st.binary(min_size=1, max_size=60), st.data())
def test_a_body_changed_by_one_byte_is_refused(body: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(body) - 1))
    changed = bytes([*body[:place], body[place] ^ data.draw(st.integers(1, 255)), *body[place + 1 :]])
    with pytest.raises(Refused):
        HOOK.read(signed(body), changed, AT, str)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("hub.mode=subscribe&hub.verify_token=uma+palavra&hub.challenge=1158201444", "1158201444"),
        ("hub.mode=subscribe&hub.verify_token=outra&hub.challenge=1", None),
        ("hub.mode=unsubscribe&hub.verify_token=uma+palavra&hub.challenge=1", None),
        ("hub.mode=subscribe&hub.challenge=1", None),
        ("", None),
    ],
)
def test_the_question_whether_it_is_us(query: str, said: str | None) -> None:
    assert HOOK.challenge(query) == said


@pytest.mark.parametrize(
    ("word", "arrival"),
    [("sent", Arrival.SENT), ("delivered", Arrival.RECEIVED), ("read", Arrival.READ)],
)
def test_a_status_is_by_our_own_text_and_metas_id(word: str, arrival: Arrival) -> None:
    status = {"id": "wamid.1", "status": word, "recipient_id": "5561", "biz_opaque_callback_data": "k.1.1.c5"}
    assert read({"statuses": [status]}) == [DeliveryNews(called("wamid.1"), arrival, AT, "k.1.1.c5")]
    del status["biz_opaque_callback_data"]
    assert read({"statuses": [status]}) == [DeliveryNews(called("wamid.1"), arrival, AT)]


@pytest.mark.parametrize(
    ("errors", "reason"),
    [
        ([{"code": 131026, "title": "Message undeliverable"}], "wa_131026"),
        ([{"code": 999999, "title": "Novo  erro\nda Meta"}], "999999: Novo erro da Meta"),
        ([{"code": 999999, "title": "to +55 61 99999-0000 failed"}], "999999: to … failed"),
        ([{"message": "sem código"}], "sem código"),
        ([{"code": "131026"}], "wa_failed"),
        ([{}], "wa_failed"),
        ([], "wa_failed"),
        ("odd", "wa_failed"),
        (None, "wa_failed"),
    ],
)
def test_why_a_message_did_not_arrive(errors: Any, reason: str) -> None:
    status = {"id": "wamid.1", "status": "failed", "errors": errors}
    assert read({"statuses": [status]}) == [
        DeliveryNews(called("wamid.1"), Arrival.UNDELIVERED, AT, "", reason)
    ]


@pytest.mark.parametrize("code", [131049, 131050, 130472])
def test_what_befalls_marketing_alone_says_so(code: int) -> None:
    found = read({"statuses": [{"id": "wamid.1", "status": "failed", "errors": [{"code": code}]}]})
    assert found == [
        DeliveryNews(called("wamid.1"), Arrival.UNDELIVERED, AT, "", f"wa_{code}"),
        TemplateNews("", MARKETED, AT, reason=f"wa_{code}"),
    ]


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("PARAR", "PARAR"),
        ("  parar.\n", "PARAR"),
        ("Párê!", "PARE"),
        ("sair", "SAIR"),
        ("Cancelar", "CANCELAR"),
        ("stop", "STOP"),
        ("*DESCADASTRAR*", "DESCADASTRAR"),
        ("quero parar de receber", None),
        ("pararparar", None),
        ("", None),
        ("x" * 5000, None),
    ],
)
def test_the_whole_message_is_a_word_for_stop_or_it_is_none(said: str, word: str | None) -> None:
    wanted = [] if word is None else [StopNews("p99990000", word, AT)]
    plain = {"from": "556199990000", "id": "wamid.2", "type": "text", "text": {"body": said}}
    button = {"from": "556199990000", "type": "button", "button": {"payload": "x", "text": said}}
    assert read({"messages": [plain]}) == wanted
    assert read({"messages": [button]}) == wanted


@pytest.mark.parametrize("sender", ["", "abc", "1234567", "1" * 16, "٥٥٦١٩٩٩٩٠٠٠٠", None, 5561999990000])
def test_a_stop_of_nobody_is_none(sender: Any) -> None:
    assert read({"messages": [{"from": sender, "text": {"body": "PARAR"}}]}) == []


@pytest.mark.parametrize(
    ("value", "events"),
    [
        ({"event": "PAUSED", "reason": "NONE"}, [("PAUSED", "NONE")]),
        ({"event": "REINSTATED"}, [("REINSTATED", None)]),
        ({"new_category": "MARKETING", "previous_category": "UTILITY"}, [("new_category=MARKETING", None)]),
        ({"correct_category": "MARKETING"}, [("correct_category=MARKETING", None)]),
        ({"new_quality_score": "RED"}, [("new_quality_score=RED", None)]),
        ({"event": "PAU\nSED"}, []),
        ({"event": 5}, []),
    ],
)
def test_what_happened_to_a_template(value: dict[str, Any], events: list[tuple[str, str | None]]) -> None:
    told = {**value, "message_template_name": "aviso", "message_template_language": "pt_BR"}
    assert read(told, "message_template_status_update") == [
        TemplateNews("aviso", event, AT, "pt_BR", reason) for event, reason in events
    ]


@pytest.mark.parametrize(
    "status",
    [
        {"id": "", "status": "read"},
        {"id": "x" * 300, "status": "read"},
        {"id": 5, "status": "read"},
        {"id": "a\nb", "status": "read"},
        {"id": "wamid.1", "status": "played"},
        {"id": "wamid.1"},
        {"status": "failed"},
    ],
)
def test_a_status_that_says_nothing_is_passed_over(status: dict[str, Any]) -> None:
    good = {"id": "wamid.2", "status": "read"}
    assert read({"statuses": [status, good]}) == [DeliveryNews(called("wamid.2"), Arrival.READ, AT)]


NAMES = (
    "entry changes value statuses messages id status text from body errors code message_template_name event"
)
ODD = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES.split()), inner, max_size=4)
    ),
    max_leaves=30,
)


@given(ODD)
def test_no_body_of_metas_breaks_it(told: Any) -> None:
    body = json.dumps(told).encode()
    HOOK.read(signed(body), body, AT, str)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe"])
def test_what_is_no_json_says_so(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        HOOK.read(signed(body), body, AT, str)


def test_no_id_that_has_a_customers_phone_in_it_is_kept() -> None:
    id_ = "wamid." + b64encode(b"\x1c\x18\x0d5561999990001\x15\x02\x00\x11\x18\x129A3CA5B3D4CD\x00").decode()
    (told,) = read({"statuses": [{"id": id_, "status": "read"}]})
    taken = receipt(200, {"messages": [{"id": id_, "message_status": "accepted"}]}, None)
    assert taken.reference == told.reference, "one is still found by the other"
    assert id_[6:20] not in told.reference
    assert len(told.reference) < 40
