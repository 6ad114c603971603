"""What fills a template's variables: what a customer reads, whichever gateway carries it."""

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo

from bot.domain.plan import Message, family_of
from bot.process.settings.values import Variable, meaning

LONGEST_NAME = 60  # characters; the template's sentence goes on after the name
LONGEST = 120  # of a cause: it stands in the middle of a sentence
NAMELESS = "Cliente"
NO_ETA = "sem previsão"
NO_TIME = "não informado"
CAUSES = {"LOS": "rompimento de fibra", "POWER": "falta de energia"}
ANY_CAUSE = "falha na rede"
Spell = Callable[[str, int], str]
"""A text in one line of at most so many of the characters that a platform takes; empty where none is left."""


def values_of(message: Message, words: Sequence[str], zone: tzinfo, spell: Spell) -> list[str]:
    """The value of each of a template's variables in turn; none is ever empty.

    `words` say what fills them, as they are written in the settings. Times are `dd/mm HH:MM` of `zone`, a
    duration is `42 min`, `2 h 10 min` or `1 dia 3 h`.
    """
    values: dict[Variable, str] = {
        "name": spell(message.name, LONGEST_NAME) or NAMELESS,
        "start": _moment(message.started, zone, NO_TIME),
        "eta": _moment(message.eta, zone, NO_ETA),
        "end": _moment(message.ended, zone, NO_TIME),
        "duration": _lasted(message.started, message.ended),
        "cause": spell(message.cause, LONGEST) or CAUSES.get(family_of(message.template), ANY_CAUSE),
    }
    return [values[meaning(word)] for word in words]


def _moment(at: datetime | None, zone: tzinfo, unknown: str) -> str:
    return unknown if at is None else f"{at.astimezone(zone):%d/%m %H:%M}"


def _lasted(started: datetime | None, ended: datetime | None) -> str:
    """From the minute of the start to that of the end, as a customer reckons who reads both."""
    if started is None or ended is None or ended < started:
        return NO_TIME
    minutes = max(1, int(ended.timestamp() // 60 - started.timestamp() // 60))
    hours, days = minutes // 60, minutes // 1440
    if days:
        parts = (days, "dia" if days == 1 else "dias"), (hours % 24, "h")
    else:
        parts = (hours, "h"), (minutes % 60, "min")
    return " ".join(f"{number} {unit}" for number, unit in parts if number)
