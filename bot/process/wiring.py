"""The settings in the terms of those who read them: the rules, and whom the bot asks for attention."""

from dataclasses import fields

from bot.chat.screens.attention import Attention
from bot.domain.rules import Rules
from bot.process.settings import Settings

LIST_WITHIN, LATE_LIST = 60.0, 2  # seconds, or poll intervals where those are longer: no list takes longer
_OTHER_NAMES = {"look_ups": "enrich_concurrency", "sends": "hsm_concurrency", "flaps": "flaps_per_hour"}
_PERCENTAGES = {"nearly_all": "group_nearly_all", "dominance": "group_dominance"}


def rules_of(settings: Settings) -> Rules:
    """The settings that rules and steps read: each field of `Rules` from the setting of its name."""
    names = {field.name: _OTHER_NAMES.get(field.name, field.name) for field in fields(Rules)}
    given = {rule: getattr(settings, name) for rule, name in names.items() if name in Settings.model_fields}
    shares = {rule: getattr(settings, name) / 100 for rule, name in _PERCENTAGES.items()}
    concluded = {
        "dry_run": settings.dry_run or settings.gateway == "dry_run",
        "poll_within": max(LIST_WITHIN, LATE_LIST * settings.poll_seconds),
        "restored": settings.hsm_id_restored is not None,
        "tells": frozenset(settings.hsm_variables),
        "tells_restored": frozenset(settings.hsm_variables_restored),
    }
    return Rules(**(given | shares | concluded))


def attention_of(settings: Settings) -> Attention:
    """The settings about whom the bot asks, when it rings, and how many cards there are."""
    return Attention(
        on_call=settings.telegram_on_call,
        escalation=settings.telegram_escalation_chat_id,
        quiet_hours=settings.quiet_hours,
        quiet_below=settings.quiet_below,
        cards_at_once=settings.cards_at_once,
        sound_from=settings.sound_from,
    )
