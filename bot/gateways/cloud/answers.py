"""What an answer of the Cloud API proves (README.md of this folder)."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from bot.domain.plan import Mend, Outcome, Receipt
from bot.gateways.cloud.codes import GONE, of_code
from bot.gateways.reasons import one_line

log = logging.getLogger(__name__)
_LONGEST_ID = 256  # characters of a message's id
UNCONFIRMED = "unconfirmed"
_STOPS_ALL: Mapping[int, Mend] = {401: "key", 403: "key", 404: "url", 405: "url"}
_UNKNOWN_CODES = {2: Outcome.UNCONFIRMED, 5: Outcome.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Error:
    """What an error object says; `trace` is what Meta's support asks for."""

    code: int
    subcode: int | None
    text: str | None
    trace: str


def is_an_error(body: Any) -> bool:
    """Whether it is an error object with a code, as only the platform itself writes one."""
    return _error(body) is not None


def receipt(status: int, body: Any, pause: float | None) -> Receipt:
    """What an answer proves; `pause` is what it asks for. TryLater where it says: not sent, and only for now.

    A code decides whatever the status is; without one the status proves what any server's does.
    """
    error, reference = _error(body), _reference(body)
    if reference is not None:
        known = 200 <= status < 300 and error is None  # noqa: PLR2004 - HTTP's success
        return _taken(reference, _message(body).get("message_status") if known else UNCONFIRMED)
    if error is not None:
        log.info("the Cloud API answered code %d (trace %s)", error.code, error.trace)
        return _of_error(error, status, pause)
    match status // 100:
        case 2:
            return Receipt(Outcome.UNCONFIRMED, reason=UNCONFIRMED)
        case 4 if status in _STOPS_ALL:
            return Receipt(Outcome.REJECTED, reason=f"http_{status}", halt=_STOPS_ALL[status])
        case 4:
            return Receipt(Outcome.UNKNOWN, reason=f"http_{status}")
        case _:  # a redirect: the URL is wrong for every send, yet nobody says that this one was not taken
            return Receipt(Outcome.UNKNOWN, reason=f"http_{status}", halt="url")


def _taken(reference: str, said: Any) -> Receipt:
    match said:
        case None | "accepted":
            return Receipt(Outcome.ACCEPTED, reference)
        case "held_for_quality_assessment":
            return Receipt(Outcome.HELD, reference, "wa_held")
        case "paused":
            return Receipt(Outcome.HELD, reference, "wa_paused", "template")
        case _:  # a new word is no failure, and no promise either
            return Receipt(Outcome.UNCONFIRMED, reference, UNCONFIRMED)


def _of_error(error: Error, status: int, pause: float | None) -> Receipt:
    code = GONE if (error.code, error.subcode) == (100, GONE) else error.code
    known = of_code(code, pause)
    if known is not None:
        return known
    outcome = _UNKNOWN_CODES.get(status // 100, Outcome.REJECTED)
    why = f"{code}: {error.text}" if error.text else f"wa_{code}"
    return Receipt(outcome, reason=why, halt="refusal" if outcome is Outcome.REJECTED else None)


def _message(body: Any) -> dict[str, Any]:
    messages = body.get("messages") if isinstance(body, dict) else None
    first = messages[0] if isinstance(messages, list) and messages else None
    return first if isinstance(first, dict) else {}


def _reference(body: Any) -> str | None:
    return reference_of(_message(body).get("id"))


def reference_of(value: Any) -> str | None:
    """What a message is called here, by Meta's id of it; None where that is none."""
    text = value.strip() if isinstance(value, str) else ""
    return called(text) if text.isprintable() and 0 < len(text) <= _LONGEST_ID else None


def called(id_: str) -> str:
    """The same for an id: it has the customer's phone in it (base64), and what is written down has none."""
    return f"wa.{sha256(id_.encode()).hexdigest()[:24]}"


def _error(body: Any) -> Error | None:
    fields = body.get("error") if isinstance(body, dict) else None
    if not isinstance(fields, dict):
        return None
    code = _number(fields.get("code"))
    if code is None:
        return None
    data = fields.get("error_data")  # an object, or a text
    details = data.get("details") if isinstance(data, dict) else data
    text = one_line(details) or one_line(fields.get("message"))
    trace = re.sub(r"[^\w-]", "", str(fields.get("fbtrace_id", "")))[:64]
    return Error(code, _number(fields.get("error_subcode")), text, trace)


def _number(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value).strip()
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None
