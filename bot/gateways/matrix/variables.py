"""The template's variables as Matrix takes them (`variaveis`, README.md of this folder)."""

from collections.abc import Sequence
from datetime import tzinfo

from bot.domain.plan import Message
from bot.gateways.filling import values_of
from bot.gateways.matrix.latin1 import spell


def variables_of(message: Message, words: Sequence[str], zone: tzinfo) -> dict[str, str]:
    """The value of each of a template's variables by its position, from "1"."""
    return {str(position): value for position, value in enumerate(values_of(message, words, zone, spell), 1)}
