"""Settings that there are once for each name: read, checked and hidden as all others are."""

import re
from pathlib import Path

import pytest

from bot.process.settings.reading import read
from bot.process.wiring import open_source
from tests.fakes import FakeClock
from tests.settings import load
from tests.test_settings import GOOD, problems

KEY = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
HOOK = {"SOURCE": "hook:zbx", "HOOK_ZBX_SECRET": KEY}


def test_each_name_has_its_own() -> None:
    given = {
        "SOURCE": "oltcloud, hook:zbx, hook:am_2",
        "HOOK_ZBX_SECRET": KEY,
        "HOOK_AM_2_SECRET": "a token, another token",
        "HOOK_AM_2_FORMAT": "AlertManager",
        "HOOK_AM_2_MAP": "olt=sysName|host , pon = ifDescr",
    }
    settings = load(None, {**GOOD, **given})
    assert settings.source == ("oltcloud", "hook:zbx", "hook:am_2")
    assert settings.hook_name_format == {"am_2": "alertmanager"}
    assert settings.hook_name_map == {"am_2": {"olt": ("sysName", "host"), "pon": ("ifDescr",)}}
    sources = open_source(settings, FakeClock()).sources
    assert [source.name for source in sources] == ["oltcloud", "hook:zbx", "hook:am_2"]
    assert {KEY, "another token"} <= set(settings.secrets())
    assert not re.search("whsec_M|another token", repr(settings))


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{KEY}\n")
    given = {"SOURCE": "hook:zbx", "HOOK_ZBX_SECRET_FILE": str(tmp_path / "secret")}
    assert load(None, {**GOOD, **given}).hook_name_secret["zbx"].get_secret_value() == KEY
    [line] = problems(SOURCE="hook:zbx", HOOK_ZBX_SECRET_FILE=str(tmp_path / "none"))
    assert line.startswith("HOOK_ZBX_SECRET_FILE names no file with a value: ")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"HOOK_ZBX_SECRET": ""}, "HOOK_ZBX_SECRET is not set: a secret of its own; whsec_ with a key in "),
        ({"HOOK_ZBX_SECRET": "whsec_short"}, "HOOK_ZBX_SECRET begins with whsec_ and is no key: "),
        ({"HOOK_ZBX_SECRET": f"{KEY},whsec_x"}, "HOOK_ZBX_SECRET begins with whsec_ and is no key: "),
        ({"HOOK_ZBX_SECRET": "çedilha"}, "HOOK_ZBX_SECRET holds a character that no HTTP header can carry: "),
        ({"HOOK_ZBX_SECRET": ", ,"}, "HOOK_ZBX_SECRET holds "),
        ({"HOOK_ZBX_FORMAT": "nagios"}, "HOOK_ZBX_FORMAT names no system the bot knows: own, zabbix, "),
        ({"HOOK_ZBX_MAP": "olt"}, "HOOK_ZBX_MAP is no list of field=label|label: field=label|label with "),
        ({"HOOK_ZBX_MAP": "colour=red"}, "HOOK_ZBX_MAP is no list of field=label|label: "),
        ({"HOOK_ZBX_SECERT": "x"}, "HOOK_ZBX_SECERT is no setting: did you mean HOOK_ZBX_SECRET? "),
        ({"HOOK_STALE_MINUTES": "-1"}, "HOOK_STALE_MINUTES is not valid: minutes, 0 to 10080"),
        ({"OPS_PORT": "0"}, "OPS_PORT is 0, so nobody can tell the bot anything over HTTP: "),
        ({"SOURCE": "hook"}, "SOURCE names no system the bot knows: oltcloud, smartolt, hook:NAME"),
        ({"SOURCE": "hook:zbx,hook:Zab-bix"}, "SOURCE names no system the bot knows: "),
        ({"SOURCE": "hook:zbx,smartolt:isp"}, "SOURCE names no system the bot knows: "),
    ],
)
def test_what_is_wrong_is_said_with_its_name_and_mend(given: dict[str, str], said: str) -> None:
    [line] = [line for line in problems(**{**HOOK, **given}) if "SMARTOLT" not in line]
    assert line.startswith(said)
    assert KEY[7:] not in line


def test_what_belongs_to_no_name_in_source_is_a_stranger(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HOOK_GRAFANA_SECRET=of another day\nHOOK_ZBX_FORMAT=own\n")
    found = read(tmp_path / ".env", {**GOOD, **HOOK})
    assert (found.problems, found.strangers) == ((), ("HOOK_GRAFANA_SECRET",))


def test_without_one_nothing_is_asked_for() -> None:
    assert load(None, {**GOOD, "OPS_PORT": "0"}).hook_name_secret == {}
