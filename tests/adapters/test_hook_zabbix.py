"""The media type that we ship for Zabbix: its script, played in Zabbix's own JavaScript engine (Duktape).

What Zabbix puts around it (`HttpRequest`, `hmac`, `atob`, `Zabbix.log`) is played as its source has it.
"""

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dukpy
import pytest
import yaml

import bot
from bot.domain.incident import Kind
from bot.simulator import zabbix as pretend
from bot.simulator.world import World
from bot.sources.hook.formats import FORMATS
from bot.sources.hook.told import Told

ZONE = ZoneInfo("America/Sao_Paulo")
EXPORT = Path(bot.__file__).parent / "docs" / "zabbix-media-type.yaml"
MEDIA_TYPE: dict[str, Any] = yaml.safe_load(EXPORT.read_text())["zabbix_export"]["media_types"][0]
KEY = bytes(range(40))  # not ASCII, and with a zero: a key is bytes
WHSEC = "whsec_" + b64encode(KEY).decode()

# As Zabbix has them: bytes are buffers, `hmac` takes them or text and gives hex.
AROUND = """
var Zabbix = {log: function (level, text) { call_python('log', level, text); }};
function atob(text) { return Duktape.dec('base64', text); }
function hmac(hash, key, text) { return call_python('hmac', hash, Duktape.enc('hex', key), text); }
function HttpRequest() {
    var headers = [], status = 0;
    this.addHeader = function (header) { headers.push(header); };
    this.getStatus = function () { return status; };
    this.post = function (url, data) {
        var answer = call_python('post', url, data, headers);
        status = answer[0];
        return answer[1];
    };
}
"""

PROBLEM = {
    "EVENT.DATE": "2026.09.30",
    "EVENT.ID": "9912",
    "EVENT.NAME": "PON 6/15: LOS na CB 01 (Açaí)",
    "EVENT.SOURCE": "0",
    "EVENT.TAGSJSON": json.dumps(
        [{"tag": "interface", "value": "gpon-olt_1/6/15"}, {"tag": "affected", "value": "33"}]
    ),
    "EVENT.TIME": "07:42:00",
    "EVENT.TIMESTAMP": "1790764920",
    "EVENT.UPDATE.STATUS": "0",
    "EVENT.VALUE": "1",
    "HOST.HOST": "CB 01",
    "$NOC_BOT.SECRET": "segredo",
    "ALERT.SENDTO": "http://127.0.0.1:8081/hooks/zabbix",
}


class NotSent(Exception):
    """What the script threw."""


@dataclass
class Zabbix:
    """A Zabbix server that knows these macros; it was answered with this."""

    macros: Mapping[str, str]
    answer: tuple[int, str] = (200, '{"accepted":1,"ignored":0}')
    posts: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)

    def play(self, **changed: str) -> Any:
        """What the script returns; NotSent where it throws, which Zabbix tries again."""
        macros = dict(self.macros) | {name.replace("_", ".").upper(): text for name, text in changed.items()}
        values = {
            one["name"]: macros.get(one["value"].strip("{}"), one["value"])
            for one in MEDIA_TYPE["parameters"]
        }
        engine = dukpy.JSInterpreter()
        engine.export_function("log", lambda _, text: self.logged.append(text))
        engine.export_function("hmac", _hmac)
        engine.export_function("post", self._post)
        script = f"(function (value) {{\n{MEDIA_TYPE['script']}\n}})(dukpy['value'])"
        played = (
            f"(function () {{ try {{ return [{script}]; }} catch (thrown) {{ return String(thrown); }} }})()"
        )
        returned = engine.evaljs([AROUND, played], value=json.dumps(values))
        if isinstance(returned, str):
            raise NotSent(returned)
        return returned[0]

    def _post(self, url: str, data: str, headers: list[str]) -> tuple[int, str]:
        named = {name.lower(): value for name, _, value in (header.partition(": ") for header in headers)}
        self.posts.append((url, data.encode(), named))
        return self.answer

    def told(self) -> tuple[Told, ...]:
        """What the last post tells."""
        return FORMATS["own"].read(self.posts[-1][1], {}, ZONE).told

    def genuine(self, *secrets: str, at: datetime | None = None) -> bool:
        """Whether the last post is from whoever knows one of them."""
        _, body, headers = self.posts[-1]
        return FORMATS["own"].genuine(headers, body, secrets, at or datetime.now(UTC))


def _hmac(name: str, key: str, text: str) -> str:
    return hmac.new(bytes.fromhex(key), text.encode(), name).hexdigest()


@pytest.fixture
def zabbix() -> Zabbix:
    return Zabbix(PROBLEM)


def test_a_problem_is_an_outage(zabbix: Zabbix) -> None:
    assert zabbix.play() == "OK"
    assert zabbix.posts[0][0] == "http://127.0.0.1:8081/hooks/zabbix"
    assert zabbix.told() == (
        Told(
            id="9912",
            open=True,
            kind=Kind.LOS,
            olt="CB 01",
            slot=6,
            pon=15,
            started=datetime(2026, 9, 30, 10, 42, tzinfo=UTC),
            affected=33,
        ),
    )


def test_a_recovery_is_its_end_under_the_same_id(zabbix: Zabbix) -> None:
    assert zabbix.play(event_value="0") == "OK"
    (told,) = zabbix.told()
    assert (told.id, told.open) == ("9912", False)


def test_an_older_zabbix_tells_the_time_of_its_own_zone(zabbix: Zabbix) -> None:
    for unknown in ("{EVENT.TIMESTAMP}", "*UNKNOWN*", ""):
        zabbix.play(event_timestamp=unknown)
        assert zabbix.told()[0].started == datetime(2026, 9, 30, 10, 42, tzinfo=UTC)


def test_a_comment_is_not_sent(zabbix: Zabbix) -> None:
    assert zabbix.play(event_update_status="1") == "OK"
    assert zabbix.posts == []


def test_tags_that_cannot_be_read_leave_an_outage_of_the_olt(zabbix: Zabbix) -> None:
    assert zabbix.play(event_tagsjson="*UNKNOWN*") == "OK"
    (told,) = zabbix.told()
    assert (told.olt, told.slot, told.pon) == ("CB 01", None, None)
    assert "tags cannot be read" in zabbix.logged[0]


def test_the_first_of_two_tags_of_a_name_counts_and_a_tag_comes_before_the_host(zabbix: Zabbix) -> None:
    tags = [("olt", "CB 02"), ("pon", "6/15"), ("pon", "6/16")]
    zabbix.play(event_tagsjson=json.dumps([{"tag": name, "value": value} for name, value in tags]))
    (told,) = zabbix.told()
    assert (told.olt, told.slot, told.pon) == ("CB 02", 6, 15)


def test_tags_that_are_called_onus_are_put_together(zabbix: Zabbix) -> None:
    tags = [("onus", "ZTEG00000001,ZTEG00000002"), ("pon", "6/15"), ("onus", "ZTEG00000003")]
    zabbix.play(event_tagsjson=json.dumps([{"tag": name, "value": value} for name, value in tags]))
    (told,) = zabbix.told()
    assert told.serials == ("ZTEG00000001", "ZTEG00000002", "ZTEG00000003")


def test_what_our_own_fields_say_comes_before_a_label() -> None:
    row = {
        "id": "1",
        "status": "open",
        "pon": "6/15",
        "labels": {"pon": "6/16", "host": "CB 01", "cause": "los"},
    }
    (told,) = FORMATS["own"].read(json.dumps(row).encode(), {}, ZONE).told
    assert (told.olt, told.slot, told.pon, told.kind) == ("CB 01", 6, 15, Kind.LOS)


def test_a_plain_secret_is_a_token(zabbix: Zabbix) -> None:
    zabbix.play()
    assert zabbix.genuine("segredo")
    assert not zabbix.genuine("outro")


def test_a_secret_of_standard_webhooks_signs_and_is_not_sent(zabbix: Zabbix) -> None:
    zabbix.macros = PROBLEM | {"$NOC_BOT.SECRET": WHSEC}
    zabbix.play()
    _, body, headers = zabbix.posts[0]
    assert zabbix.genuine(WHSEC)
    assert headers["webhook-id"] == "zabbix-9912-1"
    assert WHSEC.removeprefix("whsec_") not in str(headers)
    assert body.isascii()
    assert json.loads(body)["labels"]["alertname"] == PROBLEM["EVENT.NAME"]


@pytest.mark.parametrize("secret", ["segredo", WHSEC])
@pytest.mark.parametrize(("alert_type", "kind"), [("pon_loss", Kind.LOS), ("pon_no_power", Kind.POWER)])
@pytest.mark.parametrize("over", [False, True])
def test_the_demo_s_zabbix_sends_the_same(secret: str, alert_type: str, kind: Kind, over: bool) -> None:
    world = World()
    alert = world.outage(45, "Açaí 01", "6/15", alert_type)
    if over:
        world.repair(alert)
    zabbix = Zabbix(PROBLEM | pretend.macros(alert) | {"$NOC_BOT.SECRET": secret})
    assert zabbix.play() == "OK"
    _, body, headers = zabbix.posts[0]
    sent = pretend.media_type(pretend.macros(alert), secret, int(headers.get("webhook-timestamp", "0")))
    assert sent is not None
    assert (sent[0], {name.lower(): text for name, text in sent[1].items()}) == (body, headers)
    (told,) = zabbix.told()
    assert (told.open, told.kind, told.olt, told.slot, told.pon) == (not over, kind, "Açaí 01", 6, 15)
    assert told.serials == tuple(onu.serial for onu in alert.onus)
    assert told.started is not None


def test_the_demo_s_zabbix_sends_no_comment_either() -> None:
    values = pretend.macros(World().outage(3), update=True)
    zabbix = Zabbix(PROBLEM | values)
    assert zabbix.play() == "OK"
    assert zabbix.posts == []
    assert pretend.media_type(values, "segredo", 0) is None


@pytest.mark.parametrize("key_length", [24, 25, 26, 64])
def test_a_signature_is_base64_whatever_its_key(zabbix: Zabbix, key_length: int) -> None:
    secret = "whsec_" + b64encode(hashlib.sha512(b"key").digest()[:key_length]).decode()
    zabbix.macros = PROBLEM | {"$NOC_BOT.SECRET": secret}
    zabbix.play()
    assert zabbix.genuine(secret)


@pytest.mark.parametrize("answer", [(401, ""), (429, "too many"), (503, "x" * 1000), (302, "")])
def test_any_other_answer_than_200_is_tried_again(zabbix: Zabbix, answer: tuple[int, str]) -> None:
    zabbix.answer = answer
    with pytest.raises(NotSent, match=f"Not told: answered {answer[0]}"):
        zabbix.play()
    assert len(zabbix.logged[-1]) < 300


def test_a_secret_that_was_not_set_is_said(zabbix: Zabbix) -> None:
    zabbix.macros = {name: text for name, text in PROBLEM.items() if name != "$NOC_BOT.SECRET"}
    with pytest.raises(NotSent, match="is not set"):
        zabbix.play()
    assert zabbix.posts == []


def test_what_is_no_trigger_is_said(zabbix: Zabbix) -> None:
    with pytest.raises(NotSent, match="only events of triggers"):
        zabbix.play(event_source="1")


def test_no_secret_is_logged(zabbix: Zabbix) -> None:
    zabbix.answer = (500, "")
    with pytest.raises(NotSent):
        zabbix.play()
    assert not any("segredo" in line for line in zabbix.logged)


def test_the_export_has_what_an_import_asks_for() -> None:
    """The fields of a media type, as the import of 6.0 checks them; anything else is refused there."""
    known = {
        *("name", "type", "parameters", "status", "max_sessions", "attempts", "attempt_interval", "script"),
        *("timeout", "process_tags", "show_event_menu", "event_menu_url", "event_menu_name"),
        *("description", "message_templates"),
    }
    assert set(MEDIA_TYPE) <= known
    assert MEDIA_TYPE["type"] == "WEBHOOK"
    assert all(isinstance(value, str | list) for value in MEDIA_TYPE.values())
    assert all(set(one) == {"name", "value"} for one in MEDIA_TYPE["parameters"])
    names = [one["name"] for one in MEDIA_TYPE["parameters"]]
    assert names == sorted(set(names))
    modes = {one["operation_mode"] for one in MEDIA_TYPE["message_templates"]}
    assert modes == {"PROBLEM", "RECOVERY", "UPDATE"}
