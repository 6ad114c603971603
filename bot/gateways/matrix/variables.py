"""What fills a template's variables (`variaveis`, README.md of this folder): what a customer reads."""

from collections.abc import Sequence
from datetime import datetime, tzinfo

from bot.domain.plan import Message
from bot.gateways.matrix.latin1 import spell, spell_name

LONGEST = 120  # characters of a cause: it stands in the middle of a sentence
NO_ETA = "sem previsão"
NO_TIME = "não informado"
CAUSES = {"LOS": "rompimento de fibra", "POWER": "falta de energia"}
ANY_CAUSE = "falha na rede"


def variables_of(message: Message, words: Sequence[str], zone: tzinfo) -> dict[str, str]:
    """The value of each of a template's variables by its position, from "1"; none is ever empty.

    `words` say what fills them in turn: name, start, eta, end or cause. Times are `dd/mm HH:MM` of `zone`.
    """
    values = {
        "name": spell_name(message.name),
        "start": _moment(message.started, zone, NO_TIME),
        "eta": _moment(message.eta, zone, NO_ETA),
        "end": _moment(message.ended, zone, NO_TIME),
        "cause": spell(message.cause, LONGEST) or CAUSES.get(message.template, ANY_CAUSE),
    }
    return {str(position): values[word] for position, word in enumerate(words, 1)}


def _moment(at: datetime | None, zone: tzinfo, unknown: str) -> str:
    return unknown if at is None else f"{at.astimezone(zone):%d/%m %H:%M}"
