"""`python -m bot hook try NAME`: what a body would become, before anybody sends it."""

import json
from pathlib import Path

import pytest

from bot.errors import StartupError
from bot.process.settings.reading import read
from bot.sources.hook.trial import tried
from tests.fakes import NOON

from .isp import bot_command

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
AM = {"SOURCE": "hook:zbx,hook:am", "HOOK_AM_FORMAT": "alertmanager", "HOOK_AM_SECRET": SECRET}
UNSAID, LISTED = "? of ? ONUs · start not said", "listed and not offered"
WHERE = {"olt": "CB 01", "slot": 6, "pon": 15, "cause": "los"}


def said(body: object, name: str = "zbx", **changes: str) -> tuple[int, list[str]]:
    found = read(None, AM | changes)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    code, text = tried(found.settings, found.problems, name, content, NOON)
    assert SECRET not in text
    return code, text.split("\n")


def test_what_each_would_become() -> None:
    started = "2026-11-22T11:50:00-03:00"
    onus = {"affected": 33, "total": 61, "onus": [{"sn": "A"}, {"sn": "B"}], "started_at": started}
    code, lines = said(
        [
            {"id": "9912", "status": "open", **WHERE, **onus},
            {"id": "9913", "status": "PROBLEM", "olt": "CB 01", "cause": "los"},
            {"id": "9914", "status": 1, **WHERE, "cause": "cpu"},
            {"id": "9915", "status": "closed"},
            {"id": "9916", "status": "open"},
            {"status": "open", **WHERE},
        ]
    )
    assert (code, lines) == (
        0,
        [
            "hook:zbx reads it as own: 5 taken, 1 ignored",
            "✓ hook:zbx:9912: LOS · CB 01 6/15 · 33 of 61 ONUs · since 22/11/2026 11:50 · 2 serials",
            f"! hook:zbx:9913: OTHER · CB 01 ? · {UNSAID}; no slot and PON in it: of the whole OLT, {LISTED}",
            f"! hook:zbx:9914: OTHER · CB 01 6/15 · {UNSAID}; its cause is neither LOS nor POWER: {LISTED}",
            "✓ hook:zbx:9915: over, if it was told before",
            "✗ hook:zbx:9916: ignored, unless it was told before with its OLT",
            "✗ alert 6: no id, status or OLT could be read; it has cause, olt, pon, slot, status",
        ],
    )


def test_without_a_list_of_onus_it_says_whether_the_port_is_told() -> None:
    counts = [{"affected": 33, "total": 33}, {"affected": 33, "total": 61}, {}]
    _, lines = said([{"id": n, "status": "open", **WHERE, **told} for n, told in enumerate(counts)])
    assert [(line[0], line.rpartition(" · ")[2]) for line in lines[1:]] == [
        ("✓", "no list of ONUs: all of the PON, whom DIRECTORY has to know by PON"),
        ("!", "no list of ONUs, and not all of the PON by affected and total, so there is nobody to tell"),
        ("!", "no list of ONUs, and not all of the PON by affected and total, so there is nobody to tell"),
    ]


def test_of_what_cannot_be_read_it_names_the_labels_there_are() -> None:
    alert = {"status": "firing", "fingerprint": "a1", "labels": {"alertname": "PonLos", "sysName": "CB 01"}}
    body = {"version": "4", "alerts": [alert], "truncatedAlerts": 0}
    code, lines = said(body, "am")
    assert code == 1
    assert lines[1] == "✗ alert 1: no id, status or OLT could be read; it has alertname, sysName"
    code, lines = said(body, "am", HOOK_AM_MAP="olt=sysName")
    assert (code, lines[1][:24]) == (0, "! hook:am:a1: OTHER · CB")


def test_a_body_of_nothing() -> None:
    assert said(b"<html>") == (1, ["✗ own cannot read it (it is no JSON): it would be answered with 400"])


@pytest.mark.parametrize(
    ("name", "changes", "wrong"),
    [
        ("grafana", {}, "SOURCE has no hook:grafana .there is: zbx, am.: add it"),
        ("am", {"HOOK_AM_FORMAT": "nagios"}, "HOOK_AM_FORMAT names no system the bot knows"),
        ("am", {"HOOK_AM_FORMT": "own"}, "HOOK_AM_FORMT is no setting: did you mean HOOK_AM_FORMAT"),
    ],
)
def test_what_keeps_it_from_being_tried(name: str, changes: dict[str, str], wrong: str) -> None:
    with pytest.raises(StartupError, match=wrong):
        said({}, name, **changes)


@pytest.mark.process
async def test_the_command(tmp_path: Path) -> None:
    code, out, err = await bot_command("hook", "try", "zbx", cwd=tmp_path, **AM)
    assert (code, out, err) == (
        1,
        "✗ own cannot read it (it is no JSON): it would be answered with 400\n",
        "",
    )
    code, out, err = await bot_command("hook", "try", "other", cwd=tmp_path, **AM)
    assert (code, out) == (2, "")
    assert err.startswith("SOURCE has no hook:other")
