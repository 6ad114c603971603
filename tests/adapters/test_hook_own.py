"""Our own JSON: what its words mean, and who may write it."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

import pytest

from bot.domain.incident import Kind
from bot.sources.hook.formats import FORMATS
from bot.sources.hook.told import Told

OWN, ZONE = FORMATS["own"], ZoneInfo("America/Sao_Paulo")
KEY = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
NEW = "whsec_" + base64.b64encode(b"another key of thirty-two bytes.").decode()
BODY = b'{"status":"open","id":"zbx-9912"}'
SIGNED = {
    "webhook-id": "msg_1",
    "webhook-timestamp": "1796000000",
    "webhook-signature": "v1,2W9y1+v/VqAlaT/2qILKMISAMpqdmYNhuNme4n5H6bU=",
}
AT = datetime.fromtimestamp(1796000000, UTC)


def read(**fields: object) -> Told | None:
    row = {"id": 9912, "status": "open", "olt": "CB 01", **fields}
    told = OWN.read(json.dumps(row).encode(), {}, ZONE).told
    return told[0] if told else None


def genuine(
    body: bytes = BODY, *keys: str, late: float = 0, changes: Mapping[str, str] = MappingProxyType({})
) -> bool:
    headers = SIGNED | {name.replace("_", "-"): value for name, value in changes.items()}
    return OWN.genuine(headers, body, keys or (KEY,), AT + timedelta(seconds=late))


@pytest.mark.parametrize("status", ["open", "update", "firing", "PROBLEM", "1", 1])
def test_it_is_on(status: object) -> None:
    told = read(status=status)
    assert told is not None
    assert told.open
    assert told.id == "9912"


@pytest.mark.parametrize("status", ["closed", "resolved", "OK", "RESOLVED", "0", 0])
def test_it_is_over(status: object) -> None:
    told = read(status=status)
    assert told is not None
    assert not told.open


@pytest.mark.parametrize("fields", [{"status": "maybe"}, {"status": None}, {"id": None}, {"id": ""}])
def test_what_says_neither_is_nothing(fields: dict[str, object]) -> None:
    assert read(**fields) is None


@pytest.mark.parametrize(
    ("written", "hour"),
    [
        ("2026-09-30T07:42:00-03:00", 10),
        ("2026-09-30T10:42:00Z", 10),
        ("2026-09-30 07:42:00", 10),
        ("30/09/2026 07:42:00", 10),
        (1790764920, 10),
        ("1790764920", 10),
        (1790764920.0, 10),
        ("yesterday", None),
        (12, None),
        (True, None),
        (None, None),
        (10**400, None),
    ],
)
def test_when_it_began_in_three_spellings(written: object, hour: int | None) -> None:
    told = read(started_at=written)
    assert told is not None
    expected = None if hour is None else datetime(2026, 9, 30, hour, 42, tzinfo=UTC)
    assert told.started == expected


@pytest.mark.parametrize(
    ("cause", "kind"),
    [("los", Kind.LOS), ("Power fail", Kind.POWER), ("cpu", Kind.OTHER), (None, Kind.OTHER)],
)
def test_what_kind_it_is(cause: object, kind: Kind) -> None:
    told = read(cause=cause)
    assert told is not None
    assert told.kind is kind


class TestSigned:
    def test_who_has_the_key(self) -> None:
        assert genuine()

    @pytest.mark.parametrize(
        "signature",
        [
            f"v1,{'A' * 43}= {SIGNED['webhook-signature']}",
            f"v1a,other {SIGNED['webhook-signature']} v1,",
        ],
    )
    def test_one_signature_of_several_is_enough(self, signature: str) -> None:
        assert genuine(changes={"webhook_signature": signature})

    def test_while_one_key_takes_the_place_of_the_other_either_signs(self) -> None:
        made = hmac.new(b"another key of thirty-two bytes.", b"msg_1.1796000000." + BODY, hashlib.sha256)
        by_new = "v1," + base64.b64encode(made.digest()).decode()
        assert genuine(BODY, KEY, NEW)
        assert genuine(BODY, KEY, NEW, changes={"webhook_signature": by_new})
        assert not genuine(BODY, KEY, changes={"webhook_signature": by_new})

    @pytest.mark.parametrize(("late", "taken"), [(300, True), (-300, True), (301, False), (-301, False)])
    def test_it_is_of_the_last_five_minutes(self, late: float, taken: bool) -> None:
        assert genuine(late=late) is taken

    @pytest.mark.parametrize(
        "changes",
        [
            {"webhook_id": "msg_2"},
            {"webhook_id": ""},
            {"webhook_timestamp": "1796000001"},
            {"webhook_timestamp": "1.796e9"},
            {"webhook_timestamp": ""},
            {"webhook_signature": ""},
            {"webhook_signature": SIGNED["webhook-signature"].removeprefix("v1,")},
            {"webhook_signature": SIGNED["webhook-signature"].replace("v1,", "v2,")},
            {"webhook_signature": "v1,\xe9"},
            {"authorization": f"Bearer {KEY}"} | {"webhook_signature": ""},
        ],
    )
    def test_whatever_is_not_as_it_was_signed_is_refused(self, changes: dict[str, str]) -> None:
        assert not genuine(changes=changes)

    def test_a_body_that_was_changed_is_refused(self) -> None:
        assert not genuine(BODY + b" ")
        assert not genuine(b"")

    def test_a_token_beside_a_key_is_a_token(self) -> None:
        assert genuine(
            BODY, KEY, "a token", changes={"webhook_signature": "", "authorization": "bearer a token"}
        )
