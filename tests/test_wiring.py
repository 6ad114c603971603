"""What the settings make reaches who reads it: each rule its setting, each phrase its adapter."""

import math

import pytest

from bot.chat.screens.words import Words
from bot.gateways import NAMES
from bot.process.wiring import adapters_words, open_pace, rules_of, words_of
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
