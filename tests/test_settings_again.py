"""What a second reading of the settings comes to: all of what may change, or nothing."""

import re
from pathlib import Path

import pytest

from bot.domain.rules import Rules
from bot.process.settings.again import LARGEST, Given, difference
from bot.process.settings.composed import OWN, PARTS, SECRETS
from bot.process.settings.part import as_text, is_live, own_fields
from bot.process.settings.reading import FIELDS, load
from bot.process.wiring import _OTHER_NAMES, _PERCENTAGES

from .isp import ROOT
from .test_settings import GOOD


def text(**more: str) -> str:
    return "".join(f"{name}={value}\n" for name, value in {**GOOD, **more}.items())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / ".env"
    file.write_text(text())
    return file


def differs(
    file: Path, written: str, start: str | None = None
) -> tuple[dict[str, str], tuple[str, ...], tuple[str, ...]]:
    """What changed and how, what needs a restart, what is wrong, after that was written."""
    file.write_text(text() if start is None else start)
    now = load(file, {})
    file.write_text(written)
    found = difference(now, Given(file, {}).read())
    held = {change.name: f"{change.old}>{change.new}" for change in found.changes}
    if not held:
        assert found.settings == now
    return held, found.restart, found.problems


def test_what_may_change_is_told_as_it_is_written_and_the_rest_needs_a_restart(file: Path) -> None:
    held, restart, problems = differs(
        file,
        text(
            HSM_RATE="3.0",
            CUSTOMER_HOURS="8:00 - 21:00",
            TELEGRAM_APPROVERS="502, 501",
            COOLDOWN_HOURS="0.5",
            DRY_RUN="1",
            TELEGRAM_TOKEN="654321:other",
        ),
    )
    assert held == {
        "HSM_RATE": "auto>3",
        "CUSTOMER_HOURS": ">08:00-21:00",
        "TELEGRAM_APPROVERS": ">501,502",
        "COOLDOWN_HOURS": "24>0.5",
    }
    assert sorted(restart) == ["DRY_RUN", "TELEGRAM_TOKEN"]
    assert problems == ()


def test_another_spelling_of_the_same_is_no_change(file: Path) -> None:
    start = text(CUSTOMER_HOURS="08:00-21:00", TELEGRAM_APPROVERS="1,2", RESTORED_AUTO="false")
    again = text(
        CUSTOMER_HOURS="8:00–21:00", TELEGRAM_APPROVERS="2 1", RESTORED_AUTO="no", UNDO_SECONDS="5.0"
    )
    assert differs(file, again, start) == ({}, (), ())


def test_hours_stay_in_the_zone_that_holds(file: Path) -> None:
    start = text(CUSTOMER_HOURS="08:00-21:00")
    assert differs(file, start + "TZ=America/Manaus\n", start) == ({}, ("TZ",), ())


def test_what_only_holds_with_something_that_needs_a_restart_is_refused_whole(file: Path) -> None:
    held, _, [problem] = differs(file, text(RESTORED_AUTO="true", HSM_ID_RESTORED="7", UNDO_SECONDS="9"))
    assert held == {}
    assert problem.startswith(
        "RESTORED_AUTO needs HSM_ID_RESTORED (with what needs a restart: HSM_ID_RESTORED)"
    )


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ("UNDO_SECONDS=secret-400\nQUIET_BELOW=secret-x\n", ["UNDO_SECONDS", "QUIET_BELOW"]),
        ("HSM_RATE=3\nTELEGRAM_TOKEN_FILE=/nowhere/secret-1\nTELEGRAM_TOKEN=\n", ["TELEGRAM_TOKEN_FILE"]),
        ("HSM_RATE=3\nCUSTOMER_HO", ["line 12 of .env is no NAME=value"]),
        ('HSM_RATE=3\nHSM_TEXT_LOS="secret-abc\nUNDO_SECONDS=3\n', ["line 12 of .env is no NAME=value"]),
        ("HSM_RATE=3\nCUSTOMER_HUORS=secret-8\n", ["CUSTOMER_HUORS is no setting"]),
        ("HSM_RATE=3\n\0\0\0\0", [".env holds bytes that are no text"]),
        ("HSM_RATE=3\n#" + "x" * LARGEST, [".env is larger than 1 MiB"]),
    ],
)
def test_one_thing_wrong_and_nothing_changes(file: Path, more: str, wrong: list[str]) -> None:
    base = text()
    if "TELEGRAM_TOKEN_FILE" in more:
        base = base.replace(f"TELEGRAM_TOKEN={GOOD['TELEGRAM_TOKEN']}\n", "")
    held, restart, problems = differs(file, base + more)
    assert (held, restart) == ({}, ())
    for one in wrong:
        assert any(problem.startswith(one) for problem in problems), problems
    assert "secret" not in "".join(problems).replace("/run/secrets", "")


def test_half_a_file_and_one_that_is_no_text_change_nothing(file: Path) -> None:
    assert differs(file, text()[:80])[2]
    file.write_text(text())
    now = load(file, {})
    file.write_bytes(b"\xff\xfe\x00")
    problems = difference(now, Given(file, {}).read()).problems
    assert problems[0] == ".env cannot be read: make it a UTF-8 text file that this user may read"


def test_the_environment_wins_as_at_the_start(file: Path) -> None:
    now = load(file, {"HSM_RATE": "5"})
    file.write_text(text(HSM_RATE="9"))
    assert difference(now, Given(file, {"HSM_RATE": "5"}).read()).changes == ()


def test_what_the_environment_overrules_is_named(file: Path) -> None:
    file.write_text(text(HSM_RATE="9", UNDO_SECONDS="3", QUIET_BELOW="5", MIN_AFFECTED=""))
    environ = {"HSM_RATE": "5", "UNDO_SECONDS": " 3 ", "MIN_AFFECTED": "2", "API_USER": "other"}
    assert Given(file, environ).overruled() == ("HSM_RATE",)


LIVE = {name for name, field in FIELDS.items() if is_live(field)}


def test_no_secret_may_change_while_it_runs() -> None:
    assert LIVE.isdisjoint(SECRETS)
    assert len(LIVE) > 25


def test_each_value_of_a_live_setting_reads_the_same_again() -> None:
    """What the audit says can be written into `.env` as it stands there."""
    given = {
        **GOOD,
        "CUSTOMER_HOURS": "22:00-07:30",
        "QUIET_HOURS": "0:00-6:00",
        "HSM_RATE": "12.5",
        "HSM_CONCURRENCY": "7",
        "TELEGRAM_APPROVERS": "*",
        "TELEGRAM_ON_CALL": "5 4",
        "TELEGRAM_ESCALATION_CHAT_ID": "-77",
        "GROUP_NEARLY_ALL": "82.5",
    }
    first = load(None, given)
    said = {name.upper(): as_text(getattr(first, name)) for name in LIVE}
    again = load(None, GOOD | {name: value for name, value in said.items() if value})
    assert {name: getattr(again, name) for name in LIVE} == {name: getattr(first, name) for name in LIVE}


def test_look_ups_go_by_nothing_that_may_change() -> None:
    """`steps/enrich.py` is given the rules once: what it reads of them has to stay."""
    code = (ROOT / "bot/steps/enrich.py").read_text()
    uses = set(re.findall(r"self\.rules\.(\w+)", code))
    assert uses
    assert uses <= set(Rules.__dataclass_fields__)
    live = {
        rule
        for rule in Rules.__dataclass_fields__
        if {**_OTHER_NAMES, **_PERCENTAGES}.get(rule, rule) in LIVE
    }
    assert live >= {"undo_seconds", "flaps", "nearly_all", "customer_hours"}
    assert uses.isdisjoint(live | {"sends", "texts", "daily_limit"})


def test_what_an_adapter_declares_stays() -> None:
    """It is opened once, with its settings as they were."""
    foreign = {name for part in PARTS if part not in OWN for name in own_fields(part)}
    assert LIVE.isdisjoint(foreign)
