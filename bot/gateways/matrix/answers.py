"""What the fields of Matrix's answers say (README.md of this folder): error code, reason, what is broken."""

from collections.abc import Mapping
from typing import Any

from bot.domain.plan import Mend, Outcome, Receipt
from bot.gateways.matrix.refusals import about_all
from bot.gateways.matrix.stated import stated
from bot.gateways.reasons import one_line

_STOPS_ALL: Mapping[int, Mend] = {401: "key", 403: "key", 404: "url", 405: "url"}


def receipt(status: int, body: Any) -> Receipt:
    """What an answer below 500 proves; 200 alone proves nothing."""
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    fields = body if isinstance(body, dict) else {}
    code = error_code(fields)
    match status // 100, code:
        case 2, "0":  # nearly every one, and none of its words matters
            return Receipt(Outcome.ACCEPTED, reference=identifier(fields.get("cod_atendimento")))
        case 2, None:
            return stated(body) or Receipt(Outcome.UNCONFIRMED, reason="unconfirmed")
    why, halt = reason(fields), about_all(str(fields.get("msg")))
    match status // 100:
        case 2:
            return Receipt(Outcome.REJECTED, reason=why or f"cod_error {code}", halt=halt)
        case 4:
            return Receipt(
                Outcome.REJECTED, reason=why or f"http_{status}", halt=_STOPS_ALL.get(status, halt)
            )
        case _:  # a redirect: the URL is wrong for every send, yet nobody says that this one was not taken
            return Receipt(Outcome.UNKNOWN, reason=f"http_{status}", halt="url")


def error_code(fields: Mapping[str, Any]) -> str | None:
    """`cod_error` as text: it comes as a number and as a string."""
    value = fields.get("cod_error")
    if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    text = str(value).strip()[:10] if isinstance(value, int | str) else ""
    return str(int(text)) if text.isascii() and text.isdigit() else text or None


def identifier(value: Any) -> str | None:
    """A number, as one or as text."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return str(value).strip() or None


def reason(fields: Mapping[str, Any]) -> str | None:
    """The platform's words (`msg`) in one short line, without any number that may be a phone."""
    return one_line(fields.get("msg"))
