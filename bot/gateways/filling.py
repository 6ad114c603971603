"""What fills a template's variables: what a customer reads, whichever gateway carries it."""

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo

from bot.domain.plan import Message
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

    `words` say what fills them, as they are written in the settings. Times are `dd/mm HH:MM` of `zone`.
    """
    values: dict[Variable, str] = {
        "name": spell(message.name, LONGEST_NAME) or NAMELESS,
        "start": _moment(message.started, zone, NO_TIME),
        "eta": _moment(message.eta, zone, NO_ETA),
        "end": _moment(message.ended, zone, NO_TIME),
        "cause": spell(message.cause, LONGEST) or CAUSES.get(message.template, ANY_CAUSE),
    }
    return [values[meaning(word)] for word in words]


def _moment(at: datetime | None, zone: tzinfo, unknown: str) -> str:
    return unknown if at is None else f"{at.astimezone(zone):%d/%m %H:%M}"
