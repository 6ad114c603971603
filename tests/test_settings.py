"""Every problem in one message, each with its variable and the mend, and no value in it."""

import re
from dataclasses import replace
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import Field, SecretStr, ValidationError

from bot.domain.limits.hours import Hours
from bot.domain.rules import Rules
from bot.domain.shift.times import Times
from bot.errors import StartupError
from bot.gateways import GATEWAYS
from bot.process.settings import reading
from bot.process.settings.composed import Settings
from bot.process.settings.part import as_text
from bot.process.wiring import open_gateway, open_source, rules_of
from bot.sources import SOURCES
from tests.fakes import FakeClock
from tests.settings import load, read

EXAMPLE = Path(__file__).parent.parent / ".env.example"
GOOD = {
    "TELEGRAM_TOKEN": "123456:abc-DEF_1",
    "TELEGRAM_CHAT_ID": "-1001234567890",
    "API_BASE_URL": "https://isp.oltcloud.co",
    "API_USER": "noc",
    "API_PASS": "pa$$word",
    "URL_HSM": "https://isp.matrixdobrasil.ai/rest/v1/sendHsm",
    "TOKEN_HSM": "hsm-key",
    "HSM_ACCOUNT": "1",
    "HSM_ID_LOS": "114",
    "HSM_ID_POWER": "116",
}


MATRIX = ("URL_HSM", "TOKEN_HSM", "HSM_ACCOUNT", "HSM_ID_LOS", "HSM_ID_POWER")


def problems(**environ: str) -> list[str]:
    with pytest.raises(StartupError) as failed:
        load(None, {**GOOD, **environ})
    assert failed.value.code == 2
    first, *lines = str(failed.value).split("\n")
    assert first == "Settings that need mending:"
    return [line.strip() for line in lines]


def without(*names: str) -> dict[str, str]:
    return {name: value for name, value in GOOD.items() if name not in names}


def test_the_defaults() -> None:
    settings = load(None, GOOD)
    assert settings.api_auth_url == "https://isp.oltcloud.co/api/token"
    assert (settings.source, settings.gateway, settings.dry_run) == (("oltcloud",), "matrix", False)
    assert (settings.hsm_account, settings.hsm_id_los, settings.hsm_id_power) == (1, 114, 116)
    assert (settings.hsm_rate, settings.hsm_concurrency, settings.enrich_concurrency) == ("auto", "auto", 50)
    assert (settings.poll_seconds, settings.cooldown_hours, settings.undo_seconds) == (30, 24, 5)
    assert (settings.min_affected, settings.hsm_include_current) == (1, False)
    assert (settings.telegram_approvers, settings.telegram_topic_id) == (frozenset(), None)
    assert settings.telegram_api_url == "https://api.telegram.org"
    assert (settings.data_dir, settings.bot_language) == (Path("data"), "pt_BR")
    assert settings.tz == ZoneInfo("America/Sao_Paulo")
    assert (settings.ops_host, settings.ops_port) == ("127.0.0.1", 8081)
    assert (settings.cookie_hsm.get_secret_value(), settings.api_pass.get_secret_value()) == ("", "pa$$word")


def test_the_defaults_of_cards_and_of_what_customers_are_told() -> None:
    settings = load(None, GOOD)
    assert (settings.settle_seconds, settings.open_polls, settings.close_polls) == (10, 1, 2)
    assert (settings.group_seconds, settings.group_power_seconds) == (120, 300)
    assert (settings.group_nearly_all, settings.group_dominance, settings.flaps_per_hour) == (80, 70, 3)
    assert (settings.reopen_minutes, settings.remind_minutes, settings.cards_at_once) == (60, 10, 10)
    assert (settings.telegram_on_call, settings.telegram_escalation_chat_id) == (frozenset(), None)
    assert (settings.quiet_hours, settings.quiet_below, settings.customer_hours) == (None, 20, None)
    assert (settings.assume_hours, settings.sound_from) == (2, 3)
    assert (settings.two_person_above, settings.restored_auto) == (0, False)
    assert (settings.hsm_id_restored, settings.hsm_variables, settings.hsm_variables_restored) == (
        None,
        (),
        (),
    )


NO_TEXTS = {"LOS": "", "POWER": "", "RESTORED": ""}


def test_the_rules_by_default() -> None:
    assert rules_of(load(None, GOOD)) == Rules(
        settle_seconds=10,
        close_polls=2,
        group_seconds=120,
        group_power_seconds=300,
        sound_from=3,
        templates={"LOS": "114", "POWER": "116"},
        texts=NO_TEXTS,
        look_ahead=8,
    )


@pytest.mark.parametrize(
    ("given", "ahead"),
    [("ENRICH_CONCURRENCY=50", 8), ("ENRICH_CONCURRENCY=3", 3), ("LOOK_UP_AHEAD=false", 0)],
)
def test_so_many_customers_are_looked_up_at_one_time_while_nobody_waits(given: str, ahead: int) -> None:
    name, _, value = given.partition("=")
    assert rules_of(load(None, {**GOOD, name: value})).look_ahead == ahead


def test_a_source_whose_budget_does_not_allow_it_is_not_asked_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(None, GOOD)
    monkeypatch.setitem(SOURCES, "oltcloud", replace(SOURCES["oltcloud"], look_ahead=0))
    assert rules_of(settings).look_ahead == 0


def test_the_rules_that_settings_make() -> None:
    changed = {
        "HSM_ID_RESTORED": "120",
        "RESTORED_AUTO": "true",
        "TWO_PERSON_ABOVE": "500",
        "CUSTOMER_HOURS": "8:00-21:00",
        "TZ": "America/New_York",
        "FLAPS_PER_HOUR": "5",
        "GROUP_NEARLY_ALL": "90",
        "GROUP_DOMINANCE": "60",
        "POLL_SECONDS": "120",
        "OPEN_POLLS": "2",
        "CLOSE_POLLS": "4",
        "SETTLE_SECONDS": "0",
        "GROUP_SECONDS": "0",
        "GROUP_POWER_SECONDS": "7",
        "REOPEN_MINUTES": "30",
        "REMIND_MINUTES": "0",
        "ASSUME_HOURS": "0",
        "SOUND_FROM": "5",
        "LOOK_UP_AHEAD": "false",
        "GATEWAY": "dry_run",
        "HSM_TEXT_LOS": "Olá {{1}},\\nsem sinal",
    }
    assert rules_of(load(None, {**GOOD, **changed})) == Rules(
        dry_run=True,
        poll_within=240,
        settle_seconds=0,
        open_polls=2,
        close_polls=4,
        group_seconds=0,
        group_power_seconds=7,
        nearly_all=0.9,
        dominance=0.6,
        flaps=5,
        reopen_minutes=30,
        remind_minutes=0,
        assume_hours=0,
        sound_from=5,
        customer_hours=Hours(time(8), time(21), ZoneInfo("America/New_York")),
        two_person_above=500,
        restored=True,
        restored_auto=True,
        templates={"LOS": "114", "POWER": "116", "RESTORED": "120"},
        texts={"LOS": "Olá {{1}},\nsem sinal", "POWER": "", "RESTORED": ""},
    )


def test_everything_missing_is_one_message() -> None:
    with pytest.raises(StartupError) as failed:
        load(None, {})
    named = {line.split()[0] for line in str(failed.value).split("\n")[1:]}
    assert named == set(GOOD)
    assert all("is not set: " in line for line in str(failed.value).split("\n")[1:])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TELEGRAM_TOKEN", "not-a-token"),
        ("TELEGRAM_TOKEN", "123:abc def"),
        ("TELEGRAM_CHAT_ID", "7654321"),
        ("TELEGRAM_CHAT_ID", "@mygroup"),
        ("TELEGRAM_APPROVERS", "ana, bruno"),
        ("TELEGRAM_TOPIC_ID", "-7"),
        ("TELEGRAM_TOPIC_ID", "seven"),
        ("TELEGRAM_API_URL", "ftp://telegram.example"),
        ("TELEGRAM_PROXY", "10.9.9.9:3128"),
        ("TELEGRAM_PROXY", "socks5://noc:hunter2@10.0.0.1"),
        ("API_BASE_URL", "olt.example"),
        ("API_BASE_URL", "https://noc:hunter2@isp.oltcloud.co"),
        ("API_BASE_URL", "https://isp.oltcloud.co:99999"),
        ("API_BASE_URL", "https://isp.oltcloud.co?x=hunter2"),
        ("API_AUTH_URL", "https:///token"),
        ("URL_HSM", "https://isp matrix/sendHsm"),
        ("TOKEN_HSM", "chave-secretíssima"),
        ("COOKIE_HSM", "a=1\r\nX-Evil: 1"),
        ("SOURCE", "smartolt2"),
        ("GATEWAY", "pigeon"),
        ("HSM_ACCOUNT", "one"),
        ("HSM_ID_LOS", "-114"),
        ("HSM_RATE", "-1"),
        ("HSM_RATE", "nan"),
        ("HSM_RATE", "inf"),
        ("HSM_RATE", "automatic"),
        ("HSM_RATE", "1001"),
        ("HSM_CONCURRENCY", "2000"),
        ("HSM_CONCURRENCY", "201"),
        ("HSM_CONCURRENCY", "2.5"),
        ("HSM_CONCURRENCY", "none"),
        ("ENRICH_CONCURRENCY", "2.5"),
        ("POLL_SECONDS", "0.25"),
        ("COOLDOWN_HOURS", "-24"),
        ("UNDO_SECONDS", "3600"),
        ("MIN_AFFECTED", "-5"),
        ("DRY_RUN", "perhaps"),
        ("HSM_INCLUDE_CURRENT", "perhaps"),
        ("HSM_ID_RESTORED", "0"),
        ("HSM_ID_RESTORED", "114"),
        ("HSM_ID_RESTORED", "116"),
        ("HSM_VARIABLES", "name,phone"),
        ("HSM_VARIABLES", "{{name}}"),
        ("HSM_VARIABLES_RESTORED", "1,2"),
        ("HSM_VARIABLES", "nome,duracao"),
        ("RESTORED_AUTO", "perhaps"),
        ("TELEGRAM_ON_CALL", "*"),
        ("TELEGRAM_ON_CALL", "@ana"),
        ("TELEGRAM_ESCALATION_CHAT_ID", "0"),
        ("TELEGRAM_ESCALATION_CHAT_ID", "@chefe"),
        ("TELEGRAM_ESCALATION_CHAT_ID", GOOD["TELEGRAM_CHAT_ID"]),
        ("SETTLE_SECONDS", "601"),
        ("SETTLE_SECONDS", "-1"),
        ("OPEN_POLLS", "-3"),
        ("OPEN_POLLS", "21"),
        ("CLOSE_POLLS", "-3"),
        ("CLOSE_POLLS", "1.5"),
        ("GROUP_SECONDS", "-1"),
        ("GROUP_POWER_SECONDS", "nan"),
        ("GROUP_NEARLY_ALL", "0.8"),
        ("GROUP_NEARLY_ALL", "101"),
        ("GROUP_DOMINANCE", "50"),
        ("GROUP_DOMINANCE", "70%"),
        ("FLAPS_PER_HOUR", "-3"),
        ("REOPEN_MINUTES", "1441"),
        ("CARDS_AT_ONCE", "-3"),
        ("CARDS_AT_ONCE", "51"),
        ("REMIND_MINUTES", "-10"),
        ("ASSUME_HOURS", "-1"),
        ("SOUND_FROM", "1001"),
        ("QUIET_HOURS", "25:00-07:00"),
        ("QUIET_BELOW", "-20"),
        ("DIGEST_AT", "7h"),
        ("DIGEST_AT", "24:00"),
        ("DIGEST_AT", "09:00,"),
        ("DIGEST_AT", "xyz 07:00"),
        ("CUSTOMER_HOURS", "8-21"),
        ("CUSTOMER_HOURS", "08:15"),
        ("CUSTOMER_HOURS", "08:00-24:00"),
        ("CUSTOMER_HOURS", "08:60-21:00"),
        ("CUSTOMER_HOURS", "08:00-08:00"),
        ("TWO_PERSON_ABOVE", "-1"),
        ("TZ", "Brazil/Nowhere"),
        ("TZ", "../../etc/passwd"),
        ("BOT_LANGUAGE", "klingon"),
        ("OPS_PORT", "70000"),
    ],
)
def test_a_bad_value_is_named_with_its_mend_and_not_repeated(name: str, value: str) -> None:
    [line] = problems(**{name: value})
    assert re.match(rf"{name} [^:]+: .+", line)
    assert value not in line


def test_a_bad_group_id_says_how_to_find_the_right_one() -> None:
    [line] = problems(TELEGRAM_CHAT_ID="1234567")
    assert "negative" in line
    assert "getUpdates" in line


def test_a_gateway_that_nobody_built_is_none() -> None:
    [line] = problems(GATEWAY="blip")
    assert "names no system the bot knows" in line
    assert "matrix" in line


def test_all_problems_come_at_once() -> None:
    with pytest.raises(StartupError) as failed:
        load(None, {**without("API_PASS", "TOKEN_HSM"), "HSM_RATE": "x", "TZ": "x", "OPS_PORT": "x"})
    named = {line.split()[0] for line in str(failed.value).split("\n")[1:]}
    assert named == {"API_PASS", "TOKEN_HSM", "HSM_RATE", "TZ", "OPS_PORT"}


def test_the_gateways_own_settings_are_needed_only_by_it() -> None:
    settings = load(None, {**without(*MATRIX), "GATEWAY": "dry_run"})
    assert (settings.gateway, settings.templates()) == ("dry_run", {})


@pytest.mark.parametrize(
    ("name", "old"), [("HSM_ACCOUNT", "1"), ("HSM_ID_LOS", "114"), ("HSM_ID_POWER", "116")]
)
def test_ids_of_an_account_have_no_default_and_the_message_says_whose_the_old_ones_were(
    name: str, old: str
) -> None:
    [line] = problems(**{name: ""})
    assert line.startswith(f"{name} is not set: ")
    assert "your own" in line
    assert f"the system before this bot had {old}, which may be somebody else's" in line
    [line] = problems(**{name: "", "DRY_RUN": "true"})
    assert line.startswith(f"{name} is not set: "), "what is rehearsed is what will be sent"


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("DRYRUN", "DRY_RUN"),
        ("dry_run", "DRY_RUN"),
        ("DRY-RUN", "DRY_RUN"),
        ("TELEGRAM_APROVERS", "TELEGRAM_APPROVERS"),
        ("TOKEN_TELEGRAM", "TELEGRAM_TOKEN"),
        ("TELEGRAM_BOT_TOKEN", "TELEGRAM_TOKEN"),
        ("API_PASSWORD", "API_PASS"),
        ("CUSTOMERS_HOURS", "CUSTOMER_HOURS"),
        ("HSM_ID_LOSS", "HSM_ID_LOS"),
        ("UNDOSECONDS", "UNDO_SECONDS"),
        ("API_PAS_FILE", "API_PASS_FILE"),
        ("LANGUAGE", "BOT_LANGUAGE"),
    ],
)
def test_a_name_that_resembles_a_setting_and_is_none_is_an_error(
    tmp_path: Path, name: str, setting: str
) -> None:
    (tmp_path / ".env").write_text(f"{name}=true\n")
    with pytest.raises(StartupError) as failed:
        load(tmp_path / ".env", GOOD)
    assert str(failed.value).split("\n")[1:] == [
        f"  {name} is no setting: did you mean {setting}? Rename or remove it"
    ]


@pytest.mark.parametrize("value", ["Bearer abc", "bearer abc", "Authorization: Bearer abc"])
def test_bearer_before_a_key_is_named(value: str) -> None:
    assert problems(TOKEN_HSM=value) == [
        (
            "TOKEN_HSM begins with Bearer, which is no part of the key: take it away: "
            "the key of the HSM API, without Bearer"
        )
    ]
    [line] = problems(COOKIE_HSM="Cookie: route=a1")
    assert "begins with the header's name" in line


@pytest.mark.parametrize("path", ["", "/", "/api", "/api/", "/api/v2", "/api/token", "/api/v2/"])
def test_an_api_url_as_the_provider_writes_it(path: str) -> None:
    settings = load(None, {**GOOD, "API_BASE_URL": f"https://isp.oltcloud.co/noc{path}"})
    assert settings.api_base_url == "https://isp.oltcloud.co/noc"
    assert settings.api_auth_url == "https://isp.oltcloud.co/noc/api/token"


def test_what_is_right_can_be_used_beside_what_is_wrong() -> None:
    found = read(
        None, {"TELEGRAM_CHAT_ID": "x", "API_BASE_URL": "https://h", "API_USER": "u", "POLL_SECONDS": "x"}
    )
    assert {"telegram_token", "telegram_chat_id", "api_pass", "token_hsm", "poll_seconds"} <= found.wrong
    assert not {"api_base_url", "api_user", "tz", "data_dir"} & found.wrong
    assert (found.settings.api_base_url, found.settings.poll_seconds) == ("https://h", 30)
    assert len(found.problems) == len(found.wrong)


@pytest.mark.bug("a default that its own validator refused had the program look for a way for ever")
def test_a_default_that_is_not_valid_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Settings):
        poll_seconds: int = Field(5, ge=10)

    monkeypatch.setattr(reading, "Settings", Broken)
    assert load(None, {**GOOD, "POLL_SECONDS": "30"}).poll_seconds == 30
    with pytest.raises(StartupError, match="POLL_SECONDS: its default is not valid here: set another value"):
        load(None, {**GOOD, "CLOSE_POLLS": "x"})


def test_in_the_environment_only_what_is_almost_a_setting_is_an_error() -> None:
    """Docker Compose puts `.env` there, and so do other programs what is theirs."""
    for name, setting in {"DRYRUN": "DRY_RUN", "TELEGRAM_APROVERS": "TELEGRAM_APPROVERS"}.items():
        assert problems(**{name: "x"}) == [
            f"{name} is no setting: did you mean {setting}? Rename or remove it"
        ]
    foreign = (
        *("LANGUAGE", "API_KEY", "API_TOKEN", "DATABASE_DIR", "XDG_DATA_DIRS", "HOSTNAME", "PORT", "USER"),
        *("SOURCE_DATE_EPOCH", "http_proxy", "GATEWAY_INTERFACE", "PYTHON_VERSION", "GPG_KEY", "LC_TIME"),
        *("GITHUB_BASE_REF", "CI_API_V4_URL", "URL", "TOKEN", "GROUPS", "HOST", "COMPOSE_FILE", "TZDIR"),
    )
    assert load(None, {**GOOD, **dict.fromkeys(foreign, "x")}) == load(None, GOOD)


def test_what_is_no_setting_and_resembles_none_is_left_alone_and_can_be_named(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text(
        "COMPOSE_PROJECT_NAME=noc\nGRAFANA_URL=x\nDRYRUN=\nHSM_URL=http://h\nTOKEN_HSM_FILE=\n"
    )
    assert load(env_file, GOOD).dry_run is False
    assert read(env_file, GOOD).strangers == ("GRAFANA_URL",)


def test_the_example_names_only_settings() -> None:
    assert read(EXAMPLE, GOOD).strangers == ()


@pytest.mark.parametrize("value", [" 'hsm-key' ", '"hsm-key"', "  hsm-key\n"])
def test_quotes_and_spaces_around_a_value_are_taken_off(value: str) -> None:
    assert load(None, {**GOOD, "TOKEN_HSM": value}).token_hsm.get_secret_value() == "hsm-key"


@pytest.mark.parametrize("empty", ["", "   ", '""'])
def test_an_empty_value_is_not_set(empty: str) -> None:
    assert load(None, {**GOOD, "HSM_RATE": empty}).hsm_rate == "auto"
    assert problems(API_PASS=empty) == ["API_PASS is not set: that user's password"]


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ("API_BASE_URL", "BASE_URL_API"),
        ("URL_HSM", "HSM_URL"),
        ("TOKEN_HSM", "HSM_TOKEN"),
        ("COOKIE_HSM", "HSM_COOKIE"),
    ],
)
def test_old_names_are_read_and_new_ones_win(new: str, old: str) -> None:
    value = GOOD.get(new, "route=a1")
    field = new.lower()
    as_new, as_old = load(None, {**GOOD, new: value}), load(None, {**without(new), old: value})
    assert getattr(as_old, field) == getattr(as_new, field)
    both = load(None, {**GOOD, new: value, old: "https://old.example"})
    assert getattr(both, field) == getattr(as_new, field)


def test_a_problem_names_the_variable_that_was_used() -> None:
    with pytest.raises(StartupError, match="HSM_URL is no URL"):
        load(None, {**without("URL_HSM"), "HSM_URL": "nowhere"})


@pytest.mark.parametrize("name", ["API_USER", "API_PASS", "TOKEN_HSM", "COOKIE_HSM", "TELEGRAM_TOKEN"])
def test_a_secret_may_stand_in_a_file(tmp_path: Path, name: str) -> None:
    value = GOOD.get(name, "route=a1")
    (tmp_path / "secret").write_text(f"\ufeff{value}\n", "utf-8")
    settings = load(None, {**without(name), f"{name}_FILE": str(tmp_path / "secret")})
    assert getattr(settings, name.lower()).get_secret_value() == value


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00"])
def test_a_secret_file_that_holds_nothing_readable(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "hunter2").write_bytes(content)
    with pytest.raises(StartupError) as failed:
        load(None, {**without("TOKEN_HSM"), "TOKEN_HSM_FILE": str(tmp_path / "hunter2")})
    [line] = str(failed.value).split("\n")[1:]
    assert line.strip().startswith("TOKEN_HSM_FILE ")
    assert "hunter2" not in line


def test_the_environment_wins_over_the_file_and_dollars_stay(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("\ufeffAPI_PASS='a${HOME}b$c'\nHSM_RATE=3 # slow\nPOLL_SECONDS=60\n", "utf-8")
    settings = load(env_file, {**without("API_PASS"), "HSM_RATE": "4", "POLL_SECONDS": ""})
    assert settings.api_pass.get_secret_value() == "a${HOME}b$c"
    assert (settings.hsm_rate, settings.poll_seconds) == (4, 60)


def test_a_missing_env_file_is_fine_and_an_unreadable_one_is_said(tmp_path: Path) -> None:
    assert load(tmp_path / "none", GOOD).source == ("oltcloud",)
    (tmp_path / ".env").write_bytes(b"API_PASS=\xff\xfe")
    with pytest.raises(StartupError, match=r"\.env cannot be read"):
        load(tmp_path / ".env", GOOD)


@pytest.mark.parametrize(
    ("text", "approvers"),
    [("*", "*"), ("11, 22", {11, 22}), ("11 22,33;", {11, 22, 33}), ("", frozenset())],
)
def test_approvers(text: str, approvers: object) -> None:
    assert load(None, {**GOOD, "TELEGRAM_APPROVERS": text}).telegram_approvers == approvers


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("22:00-07:00", (time(22), time(7))),
        ("8:00 - 21:30", (time(8), time(21, 30))),
        ("08:00–00:00", (time(8), time(0))),
    ],
)
def test_hours_are_local_to_tz(text: str, ends: tuple[time, time]) -> None:
    settings = load(None, {**GOOD, "QUIET_HOURS": text, "TZ": "America/Manaus"})
    assert settings.quiet_hours == Hours(*ends, ZoneInfo("America/Manaus"))


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("07:00", [(None, time(7))]),
        ("7:00, 19:30", [(None, time(7)), (None, time(19, 30))]),
        ("mon 07:00", [(0, time(7))]),
        ("Seg 07:00,terça-feira 8:15", [(0, time(7)), (1, time(8, 15))]),
        ("sáb 07:00,DOMINGO 07:00,sunday 9:00", [(5, time(7)), (6, time(7)), (6, time(9))]),
    ],
)
def test_times_of_the_day_are_local_to_tz(text: str, at: list[tuple[int | None, time]]) -> None:
    settings = load(None, {**GOOD, "DIGEST_AT": text, "TZ": "America/Manaus"})
    assert settings.digest_at == Times(tuple(at), ZoneInfo("America/Manaus"))


@pytest.mark.parametrize("text", ["07:00", "07:00,19:30", "mon 07:00,sat 08:15"])
def test_times_are_told_as_one_writes_them(text: str) -> None:
    assert as_text(load(None, {**GOOD, "DIGEST_AT": text}).digest_at) == text


def test_without_times_nothing_is_posted_by_itself() -> None:
    assert load(None, {**GOOD, "DIGEST_AT": ""}).digest_at is None


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("8-21", "not written as two times"),
        ("25:00-07:00", "time that no day has"),
        ("08:00-24:00", "time that no day has"),
        ("08:00-8:00", "same time"),
    ],
)
def test_hours_that_are_none_say_what_is_wrong_and_show_some_that_are_right(text: str, wrong: str) -> None:
    [line] = problems(CUSTOMER_HOURS=text)
    assert wrong in line
    assert "08:00-21:00" in line
    assert "midnight is 00:00" in line


def test_hours_are_checked_also_where_the_zone_is_wrong() -> None:
    zone, hours = sorted(problems(CUSTOMER_HOURS="8-21", QUIET_HOURS="22:00-07:00", TZ="x"), reverse=True)
    assert zone.startswith("TZ ")
    assert hours.startswith("CUSTOMER_HOURS ")


@pytest.mark.parametrize(("text", "chat"), [("-100777", -100777), ("501", 501), ("", None)])
def test_the_escalation_goes_to_another_group_or_a_person(text: str, chat: int | None) -> None:
    settings = load(None, {**GOOD, "TELEGRAM_ESCALATION_CHAT_ID": text})
    assert settings.telegram_escalation_chat_id == chat


def test_people_on_call() -> None:
    assert load(None, {**GOOD, "TELEGRAM_ON_CALL": "11, 22"}).telegram_on_call == {11, 22}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,start,eta,cause", ("name", "start", "eta", "cause")),
        ("nome, início, previsão, fim, causa", ("nome", "inicio", "previsao", "fim", "causa")),
        ("NOME inicio;Previsao,name", ("nome", "inicio", "previsao", "name")),
        ("", ()),
    ],
)
def test_what_fills_a_templates_variables(text: str, words: tuple[str, ...]) -> None:
    both = load(None, {**GOOD, "HSM_VARIABLES": text, "HSM_VARIABLES_RESTORED": text})
    assert (both.hsm_variables, both.hsm_variables_restored) == (words, words)


def test_only_an_outage_that_is_over_lasted_so_long() -> None:
    assert load(None, {**GOOD, "HSM_VARIABLES_RESTORED": "nome, DURAÇÃO"}).hsm_variables_restored == (
        "nome",
        "duracao",
    )
    for word in ("duration", "duração"):
        [line] = problems(HSM_VARIABLES=f"nome,{word}", HSM_VARIABLES_RESTORED="duration")
        said = "asks how long it lasted while it is still on, which HSM_VARIABLES_RESTORED may: what fills"
        assert line.startswith(f"HSM_VARIABLES {said}")
        assert "duration" not in line
    [line] = problems(HSM_VARIABLES_RESTORED="phone")
    assert "duration" in line


def test_what_is_sent_by_itself_needs_a_template() -> None:
    [line] = problems(RESTORED_AUTO="true")
    assert line.startswith("RESTORED_AUTO needs HSM_ID_RESTORED: ")
    [line] = problems(RESTORED_AUTO="true", HSM_ID_RESTORED="x")
    assert line.startswith("HSM_ID_RESTORED ")
    assert load(None, {**GOOD, "RESTORED_AUTO": "true", "HSM_ID_RESTORED": "120"}).restored_auto


def test_a_template_of_an_outage_is_none_for_its_end() -> None:
    [line] = problems(HSM_ID_POWER="120", HSM_ID_RESTORED="120")
    assert line.startswith("HSM_ID_RESTORED is the template that tells of an outage: ")


@pytest.mark.parametrize(("text", "topic"), [("1", None), ("7", 7), ("", None)])
def test_the_general_topic_is_none(text: str, topic: int | None) -> None:
    assert load(None, {**GOOD, "TELEGRAM_TOPIC_ID": text}).telegram_topic_id == topic


def test_slashes_at_the_end_and_a_login_elsewhere() -> None:
    base = {"API_BASE_URL": "http://127.0.0.1:8000/olt/"}
    assert load(None, {**GOOD, **base}).api_auth_url == "http://127.0.0.1:8000/olt/api/token"
    login = {"API_AUTH_URL": "https://login.example/token"}
    assert load(None, {**GOOD, **base, **login}).api_auth_url == "https://login.example/token"


def test_nothing_shows_a_secret() -> None:
    settings = load(None, {**GOOD, "COOKIE_HSM": "route=a1"})
    assert sorted(settings.secrets()) == sorted(
        ["noc", "pa$$word", "hsm-key", "route=a1", "123456:abc-DEF_1"]
    )
    shown = repr(settings) + str(settings)
    assert [secret for secret in settings.secrets() if secret in shown and secret != "noc"] == []


def test_a_bad_value_given_in_code_is_not_shown_either() -> None:
    with pytest.raises(ValidationError) as failed:
        Settings(telegram_token=SecretStr("hunter2"), telegram_chat_id=7654321)
    assert "hunter2" not in str(failed.value)
    assert "7654321" not in str(failed.value)


def test_what_an_adapter_needs_is_among_its_settings() -> None:
    for source in SOURCES.values():
        assert set(source.needed) <= source.settings.model_fields.keys()
    for gateway in GATEWAYS.values():
        assert set(gateway.needed) <= gateway.settings.model_fields.keys()


@pytest.mark.parametrize(
    ("environ", "name"),
    [({}, "matrix"), ({"DRY_RUN": "true"}, "dry_run"), ({"GATEWAY": "dry_run"}, "dry_run")],
)
async def test_the_adapters_that_the_settings_name(environ: dict[str, str], name: str) -> None:
    settings = load(None, {**GOOD, **environ})
    gateway, source = open_gateway(settings, FakeClock()), open_source(settings, FakeClock())
    assert (gateway.name, source.name, source.login) == (name, "oltcloud", "never")
    await gateway.aclose()
    await source.aclose()


def test_the_example_file_names_every_setting_and_changes_no_default() -> None:
    text = EXAMPLE.read_text("utf-8")
    named = re.findall(r"^(?:# (?=[A-Z]+_NAME_))?([A-Z_]+)=", text, re.MULTILINE)
    assert sorted(named) == sorted(field.upper() for field in Settings.model_fields)
    assert load(EXAMPLE, GOOD) == load(None, GOOD)
    assert set(GOOD) <= set(named[: named.index("TELEGRAM_APPROVERS")])  # what is needed comes first


def test_a_proxy_may_hold_a_password_and_is_hidden() -> None:
    settings = load(None, {**GOOD, "TELEGRAM_PROXY": "http://noc:hunter2@10.0.0.1:3128"})
    assert "http://noc:hunter2@10.0.0.1:3128" in settings.secrets()
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("https://olt.example", False),
        ("http://olt.example", True),
        ("http://10.0.0.7:8080", True),
        ("http://127.0.0.1:9101", False),
        ("http://127.9.9.9", False),
        ("http://[::1]:9101", False),
        ("http://[fd00::7]", True),
        ("http://localhost:9101", False),
        ("http://olt.localhost", False),
        ("http://localhost.example", True),
    ],
)
def test_plain_http_to_another_machine_is_known(url: str, warned: bool) -> None:
    login = {"API_AUTH_URL": "https://olt.example/login"}
    said = load(None, {**GOOD, **login, "API_BASE_URL": url}).unprotected()
    assert [line.split()[0] for line in said] == ["API_BASE_URL"] * warned


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://noc.example.com", ""),
        ("http://127.0.0.1:8081", ""),
        ("http://10.0.0.5:8081", "PANEL_URL is http:// on another machine"),
    ],
)
def test_a_panel_that_can_be_read_on_the_way_is_known(url: str, said: str) -> None:
    settings = load(None, GOOD | {"PANEL": "true", "PANEL_URL": url})
    assert settings.panel_url == url
    assert [line.startswith(said) for line in settings.unprotected()] == ([True] if said else [])
    assert load(None, GOOD | {"PANEL_URL": url}).unprotected() == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"OPS_PORT": "0"}, "PANEL needs OPS_PORT, which is 0"),
        ({"OPS_HOST": "0.0.0.0"}, "PANEL_URL is not set, and no browser opens OPS_HOST"),  # noqa: S104
        ({"PANEL_URL": "https://noc.example.com/noc"}, "PANEL_URL must be an address without a path"),
        ({"PANEL_URL": "noc.example.com"}, "PANEL_URL is no URL"),
    ],
)
def test_a_panel_that_nobody_could_open_is_said(changes: dict[str, str], said: str) -> None:
    assert said in "".join(read(None, GOOD | {"PANEL": "true"} | changes).problems)
    assert not read(None, GOOD | changes | {"PANEL": "false", "PANEL_URL": ""}).problems


def test_a_gateway_that_is_not_used_is_not_warned_about() -> None:
    plain = {**GOOD, "URL_HSM": "http://hsm.example/sendHsm"}
    assert [line.split()[0] for line in load(None, plain).unprotected()] == ["URL_HSM"]
    assert load(None, {**plain, "GATEWAY": "dry_run"}).unprotected() == []
