"""What Grafana sends: the body of its documentation, what of it is no outage, its signature."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.domain.incident import Kind
from bot.sources.hook.formats import FORMATS
from bot.sources.hook.told import Telling
from tests.adapters.test_hook_alertmanager import alert, group, read

MORE = {
    "valueString": "[ var='B' labels={pon=6/15} value=33 ]",
    "values": {"B": 33, "C": 1},
    "silenceURL": "https://grafana.example/alerting/silence/new?alertmanager=grafana",
    "dashboardURL": "",
    "panelURL": "",
    "imageURL": "",
}
BODY = b'{"status":"open","id":"zbx-9912"}'
SIGNED = "5163acfe5b9f5ade8cc30bce589e4265268227490bb57ee3c491971ab584b3bd"
SIGNED_WITH_TIME = "e584aab20d65c8715fc035cb1d071f1cac34a7ea321ac586bff0453c05998ab3"
AT = 1796000000
SIGNATURE, TIME = "x-grafana-alerting-signature", "x-grafana-alerting-timestamp"


def sent(*alerts: Any) -> Telling:
    """What a notification of Grafana with these alerts tells."""
    more = {
        "version": "1",
        "orgId": 1,
        "title": "[FIRING:1] PonLos",
        "state": "alerting",
        "message": "**Firing**",
    }
    return read(group(*alerts, **more), "grafana")


def genuine(headers: dict[str, str], *, secrets: tuple[str, ...] = ("segredo",), at: float = AT) -> bool:
    now = datetime.fromtimestamp(at, UTC)
    return FORMATS["grafana"].genuine(headers, BODY, secrets, now)


def test_a_documented_notification() -> None:
    (told,) = sent(alert(**MORE, labels={"grafana_folder": "PON"})).told
    assert (told.id, told.open, told.kind, told.olt) == ("1a30ba71cca2921f", True, Kind.LOS, "CB 01")
    assert (told.slot, told.pon, told.affected, told.total) == (6, 15, 33, 61)


@pytest.mark.parametrize("name", ["TestAlert", "DatasourceNoData", "DatasourceError"])
def test_what_is_no_outage_says_nothing_and_its_mapping_is_not_to_blame(name: str) -> None:
    told = sent(alert(labels={"alertname": name}), alert(fingerprint="2b"))
    assert [one.id for one in told.told] == ["2b"]
    assert (told.ignored, told.unread) == (1, 0)


def test_the_button_test_tells_nothing() -> None:
    button = {
        "status": "firing",
        "labels": {"alertname": "TestAlert", "instance": "Grafana"},
        "annotations": {"summary": "Notification test"},
        "startsAt": "2026-09-30T10:42:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "57c6d9296de2ad39",
    }
    assert sent(button) == Telling((), 1)


@pytest.mark.bug("an outage was over as somebody changed its rule in Grafana")
@pytest.mark.parametrize("reason", ["Paused", "Updated", "RuleDeleted", "NoData", "Error", "KeepLast, Error"])
def test_an_alert_that_ends_with_its_rule_is_not_over(reason: str) -> None:
    annotations = {"grafana_state_reason": reason}
    assert sent(alert(status="resolved", annotations=annotations)) == Telling((), 1)
    assert len(sent(alert(annotations=annotations)).told) == 1


@pytest.mark.parametrize("reason", ["", "MissingSeries"])
def test_one_whose_series_is_gone_is_over(reason: str) -> None:
    (told,) = sent(alert(status="resolved", annotations={"grafana_state_reason": reason})).told
    assert not told.open


def test_its_signature_is_over_the_body() -> None:
    assert genuine({SIGNATURE: SIGNED})
    assert genuine({SIGNATURE: SIGNED.upper()})
    assert genuine({SIGNATURE: SIGNED}, secrets=("novo", "segredo"))
    assert genuine({SIGNATURE: SIGNED}, at=AT + 86400)  # nothing in it says when


def test_with_a_time_it_is_over_both_and_of_now() -> None:
    headers = {SIGNATURE: SIGNED_WITH_TIME, TIME: str(AT)}
    assert genuine(headers)
    assert genuine(headers, at=AT + 300)
    assert not genuine(headers, at=AT + 301)
    assert not genuine(headers, at=AT - 301)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {SIGNATURE: ""},
        {SIGNATURE: SIGNED[:-1]},
        {SIGNATURE: SIGNED[:-1] + "0"},
        {SIGNATURE: "sha256=" + SIGNED},
        {SIGNATURE: SIGNED, TIME: str(AT)},  # a time that was not signed
        {SIGNATURE: SIGNED_WITH_TIME},
        {SIGNATURE: SIGNED_WITH_TIME, TIME: str(AT + 1)},
        {SIGNATURE: SIGNED_WITH_TIME, TIME: "now"},
        {SIGNATURE: SIGNED_WITH_TIME, TIME: "9" * 5000},
        {SIGNATURE: "\udcff", TIME: "\udcff"},
        {"authorization": "Bearer outro"},
    ],
)
def test_what_is_not_signed_with_a_secret_is_not_genuine(headers: dict[str, str]) -> None:
    assert not genuine(headers)


def test_a_token_or_a_password_is_enough() -> None:
    assert genuine({"authorization": "Bearer segredo"})
    assert genuine({"authorization": "Basic bm9jOnNlZ3JlZG8="})
    assert genuine({"authorization": "Bearer segredo", SIGNATURE: "0"})
