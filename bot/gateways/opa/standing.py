"""What became of a message, by what Opa! Suite says when it is asked for it (README.md of this folder)."""

import re
from datetime import datetime
from typing import Any

from bot.domain.delivery import Arrival, DeliveryNews
from bot.errors import BadAnswer
from bot.gateways.opa.answers import identifier
from bot.gateways.reasons import one_line, plain_words

_MEANS = (  # first match: "undelivered" holds "deliver", "nao entregue" holds "entreg"
    (
        re.compile(r"fail|falh|erro|undeliver|(?:nao|not) (?:foi |was )?(?:entreg|deliver)"),
        Arrival.UNDELIVERED,
    ),
    (re.compile(r"\b(?:read|lid[ao]s?)\b"), Arrival.READ),
    (re.compile(r"deliver|entreg"), Arrival.RECEIVED),
)


def arrival_of(word: str) -> Arrival | None:
    """What a word of `statusEnvio` means; None where nobody knows, or it only says that the message left."""
    words = plain_words(word.replace("_", " "))
    return next((arrival for pattern, arrival in _MEANS if pattern.search(words)), None)


def news_of(message: Any, reference: str, at: datetime) -> DeliveryNews | None:
    """What a message that was asked for says of itself; None: nothing yet. BadAnswer where it is another."""
    if not isinstance(message, dict) or identifier(message.get("_id", reference)) != reference:
        raise BadAnswer("no_object")
    standing = message.get("statusEnvio")
    word = standing.get("status") if isinstance(standing, dict) else None
    arrival = arrival_of(word) if isinstance(word, str) else None
    if arrival is None or not isinstance(standing, dict):
        return None
    said = (one_line(word), one_line(standing.get("observacao")))
    reason = one_line(": ".join(filter(None, said))) if arrival is Arrival.UNDELIVERED else None
    return DeliveryNews(reference, arrival, at, reason=reason)
