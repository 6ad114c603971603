"""What Alertmanager sends, with the bodies of its documentation, and bodies that it never would."""

import copy
import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.incident import Kind
from bot.errors import BadAnswer
from bot.sources.hook.formats import FORMATS
from bot.sources.hook.told import Telling, Told
from tests.fakes import NOON

ZONE = ZoneInfo("America/Sao_Paulo")
PON = {
    "status": "firing",
    "labels": {
        "alertname": "PonLos",
        "instance": "CB 01",
        "interface": "gpon-olt_1/6/15",
        "severity": "page",
    },
    "annotations": {"summary": "33 of 61 ONUs without light", "affected": "33", "total": "61"},
    "startsAt": "2026-09-30T07:42:00.123456789-03:00",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://prometheus.example:9090/graph?g0.expr=pon_los+%3E+0&g0.tab=1",
    "fingerprint": "1a30ba71cca2921f",
}


def group(*alerts: Any, **more: Any) -> dict[str, Any]:
    """A notification as it is documented, with these alerts."""
    return {
        "receiver": "noc",
        "status": "firing",
        "alerts": list(alerts),
        "groupLabels": {"alertname": "PonLos"},
        "commonLabels": {"alertname": "PonLos"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example:9093",
        "version": "4",
        "groupKey": '{}/{severity="page"}:{alertname="PonLos"}',
        "truncatedAlerts": 0,
    } | more


def alert(**changed: Any) -> dict[str, Any]:
    """The alert above, with other labels, annotations or fields."""
    made = copy.deepcopy(PON)
    for name, value in changed.items():
        if name in {"labels", "annotations"} and isinstance(value, dict):
            made[name] |= value  # type: ignore[operator]
        else:
            made[name] = value
    return made


def read(body: Any, name: str = "alertmanager") -> Telling:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return FORMATS[name].read(raw, {}, ZONE)


def test_a_documented_notification() -> None:
    assert read(group(PON)) == Telling(
        (
            Told(
                id="1a30ba71cca2921f",
                open=True,
                kind=Kind.LOS,
                olt="CB 01",
                slot=6,
                pon=15,
                started=datetime(2026, 9, 30, 10, 42, 0, 123456, tzinfo=UTC),
                affected=33,
                total=61,
                in_order=True,
            ),
        )
    )


def test_only_its_status_says_that_an_alert_is_over() -> None:
    over = alert(status="resolved", endsAt="2026-09-30T09:00:00Z")
    still = alert(fingerprint="2b", endsAt="2026-09-30T08:00:00Z")
    assert [(told.id, told.open) for told in read(group(over, still, status="firing")).told] == [
        ("1a30ba71cca2921f", False),
        ("2b", True),
    ]


def test_its_end_is_that_of_what_is_over_alone() -> None:
    over, still = read(
        group(alert(status="resolved", endsAt="2026-09-30T09:00:00Z"), alert(endsAt="2026-09-30T09:00:00Z"))
    ).told
    assert (over.ended, still.ended) == (datetime(2026, 9, 30, 9, tzinfo=UTC), None)


def test_each_alert_says_how_many_were_left_out_of_the_group() -> None:
    told = read(group(alert(), alert(fingerprint="2b"), truncatedAlerts=7)).told
    assert [one.missing for one in told] == [7, 7]


@pytest.mark.parametrize(
    "bad",
    [
        alert(fingerprint=None),
        alert(fingerprint="../../etc"),
        alert(fingerprint="f" * 41),
        alert(status="pending"),
        alert(status=None),
        alert(labels={"instance": ""}),
        alert(labels=None),
        "firing",
        None,
        [],
    ],
)
def test_one_that_cannot_be_read_hides_no_other(bad: Any) -> None:
    told = read(group(bad, alert(fingerprint="2b")))
    assert [one.id for one in told.told] == ["2b"]
    assert (told.ignored, told.unread) == (1, 1)


def test_without_a_port_it_is_of_the_whole_olt() -> None:
    (told,) = read(group(alert(labels={"interface": "uplink"}))).told
    assert (told.olt, told.slot, told.pon) == ("CB 01", None, None)


@pytest.mark.bug("the alert of one ONU was offered as an outage of its whole PON")
def test_that_of_one_onu_is_offered_only_where_it_says_whose() -> None:
    one = alert(labels={"interface": "gpon-onu_1/6/15:3"})
    named = alert(labels={"interface": "gpon-onu_1/6/15:3"}, annotations={"onus": "ZTEGC1234567"})
    first, second = read(group(one, named)).told
    assert (first.slot, first.pon, first.kind) == (6, 15, Kind.OTHER)
    assert (second.kind, second.serials) == (Kind.LOS, ("ZTEGC1234567",))


@pytest.mark.parametrize("said", ["0001-01-01T00:00:00Z", "", None, "soon", 7])
def test_a_start_that_is_none_is_not_said(said: Any) -> None:
    (told,) = read(group(alert(startsAt=said))).told
    assert told.started is None


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe", b"null", b"[]", b"7", b"{}", b'{"alerts":{}}', b'{"alerts":null}', b"[" * 200_000],
)
def test_a_body_that_is_nothing_is_refused(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        read(body)


def test_a_group_without_alerts_tells_nothing() -> None:
    assert read(group()) == Telling(())


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from([*PON, "truncatedAlerts"])
wrong = st.dictionaries(fields, json_like, max_size=4)


@pytest.mark.parametrize("name", ["alertmanager", "grafana"])
@settings(max_examples=40)
@given(st.lists(wrong.map(lambda changed: PON | changed) | json_like, max_size=3), json_like)
def test_every_alert_is_read_or_counted(name: str, alerts: list[Any], missing: Any) -> None:
    told = read(group(*alerts, truncatedAlerts=missing), name)
    assert len(told.told) + told.ignored == len(alerts)
    assert told.unread <= told.ignored
    for one in told.told:
        assert 0 < len(one.id) <= 40
        assert 0 < len(one.olt) <= 120
        assert one.started is None or one.started.tzinfo is UTC
        assert (one.slot is None) == (one.pon is None)
        assert 0 <= one.missing <= 1_000_000
        one.olt.encode()  # what no file could hold never gets here


rows = st.dictionaries(
    st.sampled_from(["id", "status", "olt", "pon", "started_at", "onus", "labels"]), json_like
)


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=40)
@given(st.binary(max_size=200) | json_like | st.lists(rows, max_size=3))
def test_whatever_comes_is_read_or_refused(name: str, body: Any) -> None:
    try:
        read(body, name)
    except BadAnswer:
        return


def basic(password: str) -> str:
    return "Basic " + b64encode(f"prometheus:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("said", "genuine"),
    [
        ("Bearer segredo", True),
        ("bearer  novo ", True),
        (basic("segredo"), True),
        (basic("no:vo"), False),
        ("Bearer segred", False),
        ("Bearer segredoo", False),
        ("Bearer ", False),
        ("Bearer", False),
        ("segredo", False),
        ("Token segredo", False),
        ("Basic segredo", False),
        ("Basic %%%", False),
        ("Bearer \udcff", False),
        ("", False),
    ],
)
def test_a_secret_is_a_token_or_a_password(said: str, genuine: bool) -> None:
    checked = FORMATS["alertmanager"].genuine({"authorization": said}, b"{}", ["segredo", "novo"], NOON)
    assert checked is genuine


def test_without_a_header_or_without_a_secret_nobody_is_genuine() -> None:
    assert not FORMATS["alertmanager"].genuine({}, b"{}", ["segredo"], NOON)
    assert not FORMATS["alertmanager"].genuine({"authorization": "Bearer "}, b"{}", [""], NOON)
    assert not FORMATS["alertmanager"].genuine({"authorization": "Bearer x"}, b"{}", [], NOON)
