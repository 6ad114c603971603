"""What Meta tells by itself (README.md of this folder): receipts, stops, what happened to a template."""

import hmac
import json
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs

from bot.domain.delivery import Arrival, DeliveryNews, News, StopNews, TemplateNews
from bot.errors import BadAnswer, Refused
from bot.gateways.cloud.answers import reference_of
from bot.gateways.cloud.body import LONGEST_OPAQUE
from bot.gateways.cloud.codes import KNOWN
from bot.gateways.reasons import one_line

SIGNATURE = "x-hub-signature-256"
STOPS = frozenset({"PARAR", "PARE", "SAIR", "CANCELAR", "STOP", "DESCADASTRAR"})
"""Words that, alone in a message, say that somebody wants no more of them."""
MARKETED = "MARKETED"
"""Not Meta's word: a message met a fate that befalls marketing alone, so the template was moved there."""
_OF_MARKETING = frozenset({130472, 131049, 131050})
_ARRIVALS = {"sent": Arrival.SENT, "delivered": Arrival.RECEIVED, "read": Arrival.READ}
_LONGEST = 40  # characters of a word of Meta's that is kept


class CloudWebhook:
    """`bot.ports.Webhook` as Meta speaks: a question first, then signed bodies."""

    def __init__(self, secret: str, verify_token: str) -> None:
        self._secret, self._verify_token = secret.encode(), verify_token

    def challenge(self, query: str) -> str | None:
        """What to answer to who asks whether it is us; None where it is not Meta who asks."""
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        token = asked.get("hub.verify_token", "")
        known = hmac.compare_digest(token.encode(), self._verify_token.encode())
        return asked.get("hub.challenge", "") if known and asked.get("hub.mode") == "subscribe" else None

    def read(
        self, headers: Mapping[str, str], body: bytes, at: datetime, person: Callable[[str], str]
    ) -> list[News]:
        """What a body tells. Refused where Meta did not sign these very bytes, BadAnswer for no JSON."""
        signed = "sha256=" + hmac.new(self._secret, body, sha256).hexdigest()
        if not hmac.compare_digest(signed.encode(), headers.get(SIGNATURE, "").encode()):
            raise Refused("the signature is not Meta's")
        try:
            told = json.loads(body)
        except ValueError:
            raise BadAnswer("no JSON") from None
        return [one for change in _changes(told) for one in _news(change, at, person)]


def _changes(told: Any) -> Iterator[Mapping[str, Any]]:
    for entry in _rows(told, "entry"):
        yield from _rows(entry, "changes")


def _news(change: Mapping[str, Any], at: datetime, person: Callable[[str], str]) -> Iterator[News]:
    value = change.get("value")
    for status in _rows(value, "statuses"):
        yield from _of_status(status, at)
    for message in _rows(value, "messages"):
        yield from _of_message(message, at, person)
    if isinstance(value, dict) and isinstance(value.get("message_template_name"), str):
        yield from _of_template(value, at)


def _of_status(status: Mapping[str, Any], at: datetime) -> Iterator[News]:
    reference, about = reference_of(status.get("id")), _word(status, "biz_opaque_callback_data")
    if reference is None:
        return
    if status.get("status") == "failed":
        code, reason = _failure(status)
        yield DeliveryNews(reference, Arrival.UNDELIVERED, at, about, reason)
        if code in _OF_MARKETING:
            yield TemplateNews("", MARKETED, at, reason=reason)
    elif (arrival := _ARRIVALS.get(_text(status, "status"))) is not None:
        yield DeliveryNews(reference, arrival, at, about)


def _failure(status: Mapping[str, Any]) -> tuple[int | None, str]:
    error = next(_rows(status, "errors"), {})
    code = error.get("code")
    if isinstance(code, int) and code in KNOWN:
        return code, f"wa_{code}"
    text = one_line(error.get("title")) or one_line(error.get("message"))
    return None, f"{code}: {text}" if isinstance(code, int) and text else text or "wa_failed"


def _of_message(message: Mapping[str, Any], at: datetime, person: Callable[[str], str]) -> Iterator[News]:
    """Nothing but a stop: what else customers write is for the people who read the inbox."""
    sender = _text(message, "from")
    button, text = message.get("button"), message.get("text")
    said = [
        _text(part, name)
        for part, name in ((text, "body"), (button, "payload"), (button, "text"))
        if isinstance(part, dict)
    ]
    word = next((word for word in map(_as_a_word, said) if word in STOPS), None)
    if word is not None and sender.isascii() and sender.isdecimal() and 8 <= len(sender) <= 15:  # noqa: PLR2004
        yield StopNews(person(sender), word, at)


def _as_a_word(text: str) -> str:
    """A short text without case, accents and what stands around it."""
    plain = unicodedata.normalize("NFD", text[:_LONGEST].upper())
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    return letters.strip(" \t\r\n.,;:!?\"'*_-")


def _of_template(value: Mapping[str, Any], at: datetime) -> Iterator[News]:
    name, language = _word(value, "message_template_name"), _word(value, "message_template_language") or None
    told = (
        ("new_category", None),
        ("correct_category", None),
        ("new_quality_score", None),
        ("event", one_line(value.get("reason"))),
    )
    for key, reason in told:
        if word := _word(value, key):
            yield TemplateNews(name, f"{key}={word}" if key != "event" else word, at, language, reason)


def _rows(value: Any, name: str) -> Iterator[Mapping[str, Any]]:
    rows = value.get(name) if isinstance(value, dict) else None
    return (row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else iter(())


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def _word(row: Mapping[str, Any], name: str) -> str:
    """A name or a word of Meta's own."""
    text = _text(row, name)
    return text if text.isprintable() and len(text) <= LONGEST_OPAQUE else ""
