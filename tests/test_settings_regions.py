"""Several NOCs: what a region sets of its own, what it shares, and what is wrong with it, all at once."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.plan import Message
from bot.gateways.dry_run import ADAPTER as DRY
from bot.ports import Templates
from bot.process.settings.again import Given, difference
from bot.process.settings.composed import MAY_DIFFER
from bot.process.settings.part import is_secret
from bot.process.settings.reading import FIELDS
from bot.process.wiring import open_gateway, rules_of, setups_of, words_of
from tests.fakes import FakeClock

from .settings import load, read
from .test_settings import GOOD

CHAT = "TELEGRAM_CHAT_ID"
ODD = "other characters than A to Z, 0 to 9 and _"
NORTH = {
    "REGION_NORTE_TELEGRAM_CHAT_ID": "-1002",
    "REGION_NORTE_OLTS": "CB 01, tl-*; TL?9",
    "REGION_NORTE_TELEGRAM_APPROVERS": "7,8",
    "REGION_NORTE_CUSTOMER_HOURS": "09:00-20:00",
}
SOUTH = {"REGION_SUL_TELEGRAM_CHAT_ID": "-1003", "REGION_SUL_OLTS": "*"}
BOTH = {**GOOD, "REGIONS": "norte, SUL", **NORTH, **SOUTH}


def wrong(**more: str) -> list[str]:
    given = {name: value for name, value in (BOTH | more).items() if value}
    return [line.partition(":")[0] for line in read(None, given).problems]


def test_a_region_has_its_own_and_shares_the_rest() -> None:
    settings = load(None, {**BOTH, "SOUND_FROM": "9", "REGION_SUL_SOUND_FROM": "1"})
    assert settings.regions == ("NORTE", "SUL")
    north, south = settings.of("NORTE"), settings.of("SUL")
    assert (north.telegram_chat_id, south.telegram_chat_id) == (-1002, -1003)
    assert (settings.sound_from, north.sound_from, south.sound_from) == (9, 9, 1)
    assert north.telegram_approvers == frozenset({7, 8}) != south.telegram_approvers
    assert (str(settings.customer_hours), south.customer_hours) == (
        str(settings.customer_hours),
        settings.customer_hours,
    )
    assert [setup.region for setup in setups_of(settings)] == ["", "NORTE", "SUL"]
    assert [setup.group for setup in setups_of(settings)] == [settings.telegram_chat_id, -1002, -1003]


@pytest.mark.parametrize(
    ("olt", "region"),
    [("cb 01", "NORTE"), ("TL-7", "NORTE"), ("tlX9", "NORTE"), ("CB 02", "SUL"), ("TL9", "SUL")],
)
def test_whose_an_olt_is(olt: str, region: str) -> None:
    rules = rules_of(load(None, BOTH))
    assert rules.region_of(olt) == region
    assert rules.of(region).region_of(olt) == region, "each region's rules know of the others"


def test_names_that_a_source_makes_up_fill_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.domain.rules.REMEMBERED", 1)
    rules = rules_of(load(None, {**BOTH, "REGION_SUL_OLTS": "S*"}))
    for _ in range(2):
        assert [rules.region_of(olt) for olt in ("CB 01", "S 01", "X 01")] == ["NORTE", "SUL", ""]
    assert rules._whose == {"CB 01": "NORTE"}


def test_a_bracket_in_a_name_is_a_bracket() -> None:
    rules = rules_of(load(None, {**BOTH, "REGION_SUL_OLTS": "POP [HW] ?"}))
    assert [rules.region_of(olt) for olt in ("pop [hw] 1", "POP H 1")] == ["SUL", ""]


def test_an_olt_of_no_region_is_nobodys() -> None:
    rules = rules_of(load(None, {**BOTH, "REGION_SUL_OLTS": "S*"}))
    assert rules.region_of("X 1") == ""
    assert rules.of("") is rules
    assert rules_of(load(None, GOOD)).regions == {}


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ({"REGION_SUL_TELEGRAM_CHAT_ID": ""}, ["REGION_SUL_TELEGRAM_CHAT_ID is not set"]),
        ({"REGION_SUL_OLTS": ""}, ["REGION_SUL_OLTS is not set"]),
        (
            {"REGION_SUL_TELEGRAM_CHAT_ID": "-1002"},
            [f"REGION_SUL_{CHAT} is the group of REGION_NORTE_{CHAT}, too"],
        ),
        ({f"REGION_SUL_{CHAT}": GOOD[CHAT]}, [f"REGION_SUL_{CHAT} is the group of {CHAT}, too"]),
        (
            {"REGION_SUL_UNDO_SECONDS": "x", "REGION_NORTE_SOUND_FROM": "-1"},
            ["REGION_NORTE_SOUND_FROM is not valid", "REGION_SUL_UNDO_SECONDS is not valid"],
        ),
        ({"REGION_SUL_RESTORED_AUTO": "true"}, ["REGION_SUL_RESTORED_AUTO needs HSM_ID_RESTORED"]),
        ({"REGION_SUL_POLL_SECONDS": "9"}, ["REGION_SUL_POLL_SECONDS is the same for all regions"]),
        ({"REGION_LESTE_TELEGRAM_CHAT_ID": "-9"}, ["REGION_LESTE_TELEGRAM_CHAT_ID is of no region"]),
        ({"REGIONS": "NORTE,SUL,L-1"}, [f"REGIONS names a region with {ODD}"]),
        ({"REGION_SUL_UNDO_SECOND": "9"}, ["REGION_SUL_UNDO_SECOND is no setting"]),
        ({"UNDO_SECONDS": "x"}, ["UNDO_SECONDS is not valid"]),
    ],
)
def test_what_is_wrong_is_said_by_its_name(more: dict[str, str], names: list[str]) -> None:
    assert wrong(**more) == names


def test_a_setting_that_may_not_differ_says_which_may() -> None:
    [line] = read(None, {**BOTH, "REGION_SUL_POLL_SECONDS": "9"}).problems
    assert "set POLL_SECONDS" in line
    assert all(name.upper() in line for name in MAY_DIFFER)


def test_no_secret_may_differ() -> None:
    """Else logs would have to know of it by another name."""
    assert not [name for name in MAY_DIFFER if is_secret(FIELDS[name])]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def reread(file: Path, **more: str) -> tuple[dict[str, str], tuple[str, ...], tuple[str, ...]]:
    def written(values: dict[str, str]) -> None:
        file.write_text("".join(f"{name}={value}\n" for name, value in values.items()))

    written(BOTH)
    now = load(file, {})
    written(BOTH | more)
    found = difference(now, Given(file, {}).read())
    again = difference(found.settings, Given(file, {}).read())
    assert again.changes == (), "what holds by now is no change"
    return {one.name: f"{one.old}>{one.new}" for one in found.changes}, found.restart, found.problems


def test_what_a_region_has_of_its_own_may_change_while_it_runs(file: Path) -> None:
    held = {"REGION_NORTE_CUSTOMER_HOURS": "09:00-20:00>10:00-20:00", "REGION_SUL_SOUND_FROM": "3>7"}
    assert reread(file, REGION_NORTE_CUSTOMER_HOURS="10:00-20:00", REGION_SUL_SOUND_FROM="7") == (
        held,
        (),
        (),
    )


def test_what_a_region_had_of_its_own_is_shared_again(file: Path) -> None:
    assert reread(file, REGION_NORTE_CUSTOMER_HOURS="")[0] == {"REGION_NORTE_CUSTOMER_HOURS": "09:00-20:00>"}


def test_what_is_for_all_changes_in_each(file: Path) -> None:
    assert reread(file, CUSTOMER_HOURS="08:00-21:00")[0] == {"CUSTOMER_HOURS": ">08:00-21:00"}


def test_a_regions_group_takes_a_restart(file: Path) -> None:
    assert reread(file, REGION_SUL_TELEGRAM_CHAT_ID="-1009") == ({}, ("REGION_SUL_TELEGRAM_CHAT_ID",), ())
    held, restart, _ = reread(file, REGION_SUL_OLTS="Z*", REGIONS="SUL,NORTE")
    assert (held, sorted(restart)) == ({}, ["REGIONS", "REGION_NAME_OLTS"])


OWN = {
    "REGION_NORTE_HSM_ID_LOS": "514",
    "REGION_NORTE_HSM_ID_RESTORED": "519",
    "REGION_NORTE_HSM_VARIABLES_RESTORED": "nome,duracao",
    "REGION_SUL_HSM_VARIABLES": "nome",
    "REGION_SUL_HSM_TEXT_LOS": "Oi {{1}}",
}
LOS, POWER = int(GOOD["HSM_ID_LOS"]), int(GOOD["HSM_ID_POWER"])


def test_a_region_has_templates_of_its_own_where_it_says_so() -> None:
    settings = load(None, BOTH | OWN)
    rules = rules_of(settings)
    north, south = rules.of("NORTE"), rules.of("SUL")
    assert north.own_templates == {"LOS": "LOS.NORTE", "RESTORED": "RESTORED.NORTE"}
    assert south.own_templates == {"LOS": "LOS.SUL", "POWER": "POWER.SUL"}, "the same ids, filled otherwise"
    assert (rules.restored, north.restored, south.restored) == (False, True, False)
    assert rules.own_templates == {}
    assert (south.texts["LOS"], north.texts["LOS"]) == ("Oi {{1}}", "")
    assert settings.templates() == {
        "LOS": LOS,
        "POWER": POWER,
        "LOS.NORTE": 514,
        "RESTORED.NORTE": 519,
        "LOS.SUL": LOS,
        "POWER.SUL": POWER,
    }
    every = {name: str(id_) for name, id_ in settings.templates().items()}
    assert rules.templates == north.templates == south.templates == every


def test_a_gateway_is_given_the_templates_of_all_regions() -> None:
    settings, clock = load(None, BOTH | OWN), FakeClock()
    about = Message("1", "5561999990001", "Ana Lima", "LOS.SUL")
    for gateway in (open_gateway(settings, clock), DRY.open(settings, settings.tz, clock)):
        assert isinstance(gateway, Templates)
        assert gateway.fills(about) == {"1": "Ana Lima"}
        assert gateway.fills(replace(about, template="LOS")) == {}
        assert len(gateway.fills(replace(about, template="RESTORED.NORTE"))) == 2


def test_what_to_mend_is_named_as_the_region_has_it() -> None:
    words = words_of(load(None, BOTH | OWN))
    assert words.coded("LOS.NORTE", "setting") == "REGION_NORTE_HSM_ID_LOS"
    assert words.coded("LOS", "setting") == "HSM_ID_LOS"


def test_a_regions_templates_are_checked_with_the_others() -> None:
    assert wrong(REGION_SUL_HSM_ID_RESTORED=str(LOS)) == [
        "REGION_SUL_HSM_ID_RESTORED is the template that tells of an outage"
    ]
    assert wrong(REGION_SUL_HSM_ID_LOS="x") == ["REGION_SUL_HSM_ID_LOS is not valid"]
    assert wrong(REGION_SUL_RESTORED_AUTO="true", REGION_SUL_HSM_ID_RESTORED="519") == []


def test_a_regions_text_may_change_while_it_runs_its_template_not(file: Path) -> None:
    held, restart, _ = reread(file, REGION_SUL_HSM_TEXT_LOS="Oi", REGION_SUL_HSM_ID_LOS="614")
    assert held == {"REGION_SUL_HSM_TEXT_LOS": ">Oi"}
    assert restart == ("REGION_SUL_HSM_ID_LOS",)
