"""What the settings make reaches who reads it: each rule its setting, each phrase its adapter."""

import math

import pytest
from pydantic import SecretStr

from bot.chat.screens.words import Words
from bot.domain.plan import Receipt
from bot.gateways import NAMES
from bot.process import wiring
from bot.process.settings.composed import SECRETS
from bot.process.wiring import (
    adapters_words,
    open_fleet,
    open_gateway,
    open_lending,
    open_pace,
    rules_of,
    sends_as,
    words_of,
)
from tests.chat.screens import ZONE
from tests.fakes import FakeClock
from tests.settings import load
from tests.test_settings import GOOD

CLOUD = {"GATEWAY": "cloud", "WA_TOKEN": "key", "WA_TEMPLATE_LOS": "a", "WA_TEMPLATE_POWER": "b"} | {
    "WA_PHONE_NUMBER_ID": "7"
}


@pytest.mark.parametrize(
    ("changes", "rule", "value"),
    [
        ({"COOLDOWN_HOURS": "7"}, "cooldown_hours", 7),
        ({"MIN_AFFECTED": "7"}, "min_affected", 7),
        ({"UNDO_SECONDS": "7"}, "undo_seconds", 7),
        ({"ENRICH_CONCURRENCY": "7"}, "look_ups", 7),
        ({"HSM_CONCURRENCY": "7"}, "sends", 7),
        ({"HSM_VARIABLES": "nome,causa"}, "tells", {"name", "cause"}),
        ({"HSM_VARIABLES_RESTORED": "fim"}, "tells_restored", {"end"}),
        ({"HSM_ID_RESTORED": "7"}, "restored", True),
        ({"DRY_RUN": "true"}, "dry_run", True),
        ({"GATEWAY": "dry_run"}, "dry_run", True),
    ],
)
def test_a_rule_follows_its_setting(changes: dict[str, str], rule: str, value: object) -> None:
    assert getattr(rules_of(load(None, GOOD)), rule) != value
    assert getattr(rules_of(load(None, GOOD | changes)), rule) == value


def test_a_rehearsal_has_the_rules_and_words_of_what_it_rehearses() -> None:
    changed = GOOD | {"HSM_CONCURRENCY": "7", "HSM_RATE": "3"}
    real, rehearsal = load(None, changed), load(None, changed | {"GATEWAY": "dry_run"})
    assert rehearsal.sending() == real.sending()
    assert rehearsal.sending().rate == 3
    assert words_of(rehearsal).plain("sender.there") == words_of(real).plain("sender.there") == "na Matrix"


@pytest.mark.parametrize(
    ("changes", "rate", "fastest", "sends", "follows"),
    [
        ({}, None, 80, 20, True),
        ({"HSM_RATE": " Auto ", "HSM_CONCURRENCY": "AUTO"}, None, 80, 20, True),
        ({"HSM_RATE": "2.5"}, 2.5, 80, 20, True),
        ({"HSM_RATE": "0", "HSM_CONCURRENCY": "7"}, 0, 80, 7, False),
        ({"HSM_CONCURRENCY": "200"}, None, 80, 200, False),
        ({"GATEWAY": "dry_run"}, None, 80, 20, True),
        (CLOUD, None, 80, 50, True),
        (CLOUD | {"HSM_RATE": "100", "HSM_CONCURRENCY": "3"}, 100, 80, 3, False),
    ],
)
def test_a_number_fixes_the_pace_and_else_the_gateway_bounds_it(
    changes: dict[str, str], rate: float | None, fastest: float, sends: int, follows: bool
) -> None:
    settings = load(None, GOOD | changes)
    sending = settings.sending()
    assert (sending.rate, sending.fastest, sending.sends, sending.follows) == (rate, fastest, sends, follows)
    assert rules_of(settings).sends == sends
    pace = open_pace(settings, FakeClock())
    assert pace.rate == (20 if rate is None else rate or math.inf)


@pytest.mark.parametrize("language", ["pt_BR", "en"])
def test_an_adapters_words_are_in_the_place_of_the_bots_own(language: str) -> None:
    own = Words(language, ZONE)
    theirs = Words(language, ZONE, adapters_words(language, NAMES[0], ("oltcloud",)))
    assert own.plain("trial.held") != theirs.plain("trial.held")
    assert own.plain("trial.rejected") == theirs.plain("trial.rejected")
    assert not own.has("advice.key")
    assert theirs.coded("RESTORED", "setting") == "HSM_ID_RESTORED"


OPA = {"GATEWAY": "opa", "OPA_URL": "https://isp.opasuite.com.br", "OPA_TOKEN": "key"} | {
    "OPA_CHANNEL": "a" * 24,
    "OPA_TEMPLATE_LOS": "b" * 24,
    "OPA_TEMPLATE_POWER": "c" * 24,
}
NORTE = {"REGIONS": "NORTE", "REGION_NORTE_TELEGRAM_CHAT_ID": "-100777", "REGION_NORTE_OLTS": "CB 01"}
SHARED = GOOD | {"LEDGER": "postgresql://noc:word@127.0.0.1:9/noc", "NODE": "noc-b"}


@pytest.mark.parametrize(
    ("before", "changes"),
    [
        ({}, {"HSM_ID_LOS": "115"}),
        ({}, {"HSM_ID_RESTORED": "117"}),
        ({}, {"HSM_ACCOUNT": "2"}),
        ({}, {"URL_HSM": "https://another.matrixdobrasil.ai/rest/v1/sendHsm"}),
        ({}, {"HSM_VARIABLES": "nome"}),
        ({}, {"HSM_INCLUDE_CURRENT": "true"}),
        ({}, {"TZ": "America/Manaus"}),
        ({}, {"DRY_RUN": "true"}),
        ({}, {"GATEWAY": "dry_run"}),
        ({}, CLOUD),
        (CLOUD, {"WA_TEMPLATE_LOS": "c"}),
        (CLOUD, {"WA_LANG": "en"}),
        (CLOUD, {"WA_NAMED": "true"}),
        (CLOUD, {"WA_PHONE_NUMBER_ID": "8"}),
        ({}, NORTE | {"REGION_NORTE_HSM_ID_LOS": "118"}),
        (NORTE | {"REGION_NORTE_HSM_ID_LOS": "118"}, {"REGION_NORTE_HSM_ID_LOS": "119"}),
        (NORTE, {"REGION_NORTE_HSM_VARIABLES": "nome"}),
    ],
)
def test_machines_that_would_send_something_else_share_nothing(
    before: dict[str, str], changes: dict[str, str]
) -> None:
    assert sends_as(load(None, GOOD | before)) == sends_as(load(None, GOOD | before))
    assert sends_as(load(None, GOOD | before)) != sends_as(load(None, GOOD | before | changes))


def test_machines_of_another_version_share_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = sends_as(load(None, GOOD))
    monkeypatch.setattr(wiring, "__version__", "0.0.1")
    assert sends_as(load(None, GOOD)) != before


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("gateway", [{}, CLOUD, OPA], ids=["matrix", "cloud", "opa"])
def test_how_it_sends_says_nothing_of_a_secret(gateway: dict[str, str], name: str) -> None:
    settings = load(None, GOOD | gateway)
    field = type(settings).model_fields[name]
    secret = (
        {"a": SecretStr("another")} if isinstance(getattr(settings, name), dict) else SecretStr("another")
    )
    changed = settings.model_copy(update={name: secret})
    assert getattr(changed, name) != getattr(settings, name), field
    assert sends_as(changed) == sends_as(settings)


@pytest.mark.parametrize(
    "changes", [{"NODE": "noc-a"}, {"TELEGRAM_CHAT_ID": "-100888"}, {"POLL_SECONDS": "7"}]
)
def test_what_is_no_matter_of_messages_may_differ(changes: dict[str, str]) -> None:
    assert sends_as(load(None, GOOD)) == sends_as(load(None, GOOD | changes))


@pytest.mark.parametrize("changes", [{"SEND_FROM": "leader"}, {"DRY_RUN": "true"}, {"GATEWAY": "dry_run"}])
async def test_who_does_not_share_sends_alone(changes: dict[str, str]) -> None:
    settings, clock = load(None, SHARED | changes), FakeClock()
    gateway = open_gateway(settings, clock)
    assert open_lending(settings, clock) is None
    assert open_fleet(settings, clock, gateway, 1, _left) is None
    await gateway.aclose()


async def test_machines_that_share_a_ledger_share_the_sending() -> None:
    settings, clock = load(None, SHARED | {"HSM_CONCURRENCY": "7"}), FakeClock()
    gateway, first, second = open_gateway(settings, clock), *(open_lending(settings, clock) for _ in range(2))
    assert first is not None
    assert second is not None
    owners = [lending._taking._owner for lending in (first, second)]
    assert owners[0] != owners[1], "of two processes of a machine each has its own"
    assert [owner.partition(" ")[0] for owner in owners] == ["noc-b", "noc-b"]
    assert (first._most, first._taking._gateway) == (7, sends_as(settings))
    fleet = open_fleet(settings, clock, gateway, 5, _left)
    assert fleet is not None
    assert (fleet._handing.epoch, fleet._handing._gateway) == (5, sends_as(settings))
    assert fleet.machines == 1
    assert open_fleet(settings, clock, gateway, None, _left) is None, "it leads no more"
    for lending in (first, second):
        await lending.stop()
    await gateway.aclose()


async def _left(_about: str, _receipt: Receipt) -> None:
    raise AssertionError("nobody led before")
