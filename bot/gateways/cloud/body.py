"""The body of a send (README.md of this folder), within the limits of its fields."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

from bot.domain.plan import Message
from bot.gateways.filling import values_of
from bot.gateways.whatsapp import spell

LONGEST_OPAQUE = 512  # characters


def body_of(
    message: Message, template: str, language: str, words: Sequence[str], *, named: bool, zone: tzinfo
) -> dict[str, Any]:
    """What is posted for one message; `words` fill the template's variables, in turn or by their name."""
    body: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": f"+{message.phone}",  # without the plus the number's own country would stand before it
        "type": "template",
    }
    about = message.about or message.recipient
    if 0 < len(about) <= LONGEST_OPAQUE:  # half of it would be another's
        body["biz_opaque_callback_data"] = about
    chosen: dict[str, Any] = {"name": template, "language": {"policy": "deterministic", "code": language}}
    if words:
        chosen["components"] = [{"type": "body", "parameters": _parameters(message, words, named, zone)}]
    return body | {"template": chosen}


def values_in(message: Message, words: Sequence[str], *, named: bool, zone: tzinfo) -> list[tuple[str, str]]:
    """What stands in each of the template's braces, a name or a number in turn, and what fills it."""
    if named:
        words = list(dict.fromkeys(words))  # a name stands for all its places in the text
    values = values_of(message, words, zone, spell)
    places = words if named else [str(place) for place in range(1, len(words) + 1)]
    return list(zip(places, values, strict=True))


def _parameters(message: Message, words: Sequence[str], named: bool, zone: tzinfo) -> list[dict[str, str]]:
    return [
        {"type": "text", **({"parameter_name": place} if named else {}), "text": value}
        for place, value in values_in(message, words, named=named, zone=zone)
    ]
