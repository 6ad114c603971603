"""What Meta alone says, and what follows from it: its codes count, whatever the status beside them is."""

from typing import Any
from zoneinfo import ZoneInfo

import httpx

from bot.domain.plan import Mend, Outcome
from bot.gateways.cloud.cloud import Cloud
from tests.faults.spoken.row import HTML, PATIENCE, TOO_MANY, Row, Speech, as_json, http

_BAD = "400 Bad Request"


def _open(url: str, timeout: httpx.Timeout, total: float) -> Cloud:
    return Cloud(
        f"{url}/v24.0/1111",
        {"Authorization": "Bearer wa-secret"},
        templates={"LOS": "fibra", "POWER": "energia"},
        zone=ZoneInfo("America/Sao_Paulo"),
        timeout=timeout,
        total=total,
    )


def _phone(body: Any) -> str:
    phone: str = body["to"]
    return phone.removeprefix("+")


def _answer(message: dict[str, str], **beside: Any) -> bytes:
    return as_json("200 OK", {"messaging_product": "whatsapp", "messages": [message], **beside})


def _said(word: str, reference: int = 1) -> bytes:
    return _answer({"id": f"wamid.{reference}", "message_status": word})


def _accepted(reference: int) -> bytes:
    return _said("accepted", reference)


def _error(code: int, **beside: Any) -> dict[str, Any]:
    return {"message": f"(#{code})", "type": "OAuthException", "code": code, "fbtrace_id": "A1b2", **beside}


def _refused(code: int, status: str = _BAD, *headers: str, **beside: Any) -> bytes:
    return as_json(status, {"error": _error(code, **beside)}, *headers)


def _halt(code: int, mend: Mend, status: str = _BAD, **beside: Any) -> Row:
    answer = _refused(code, status, **beside)
    return Row(f"code {code} ({mend})", Outcome.REJECTED, None, answer, mend=mend)


def _never(code: int, status: str = _BAD) -> Row:
    return Row(f"code {code}", Outcome.REJECTED, f"wa_{code}", _refused(code, status))


SPEECH = Speech(
    open=_open,
    phone=_phone,
    accepted=_accepted,
    read=http("200 OK", b'{"id":"1111","quality_rating":"GREEN"}'),
    not_now=(
        Row("429 with the code", None, "wa_130429", _refused(130429, TOO_MANY)),
        Row("the pace as 400", None, "wa_130429", _refused(130429, _BAD, "Retry-After: 30")),
        Row("too many calls as 400", None, "wa_80007", _refused(80007)),
        Row("too many to this phone", None, "wa_131056", _refused(131056)),
        Row("500 with a code", None, "wa_131000", _refused(131000, "500 Internal Server Error")),
        Row("503 with a code", None, "wa_131016", _refused(131016, "503 Service Unavailable")),
    ),
    lost=(
        Row("a new word", Outcome.UNCONFIRMED, "unconfirmed", _said("a_new_word")),
        Row(
            "an id beside an error",
            Outcome.UNCONFIRMED,
            "unconfirmed",
            _answer({"id": "wamid.1"}, error=_error(131000)),
        ),
        Row("no id", Outcome.UNCONFIRMED, "unconfirmed", _answer({"message_status": "accepted"})),
        Row("500 with a new code", Outcome.UNKNOWN, "999999: (#999999)", _refused(999999, "500 Oops")),
        Row("200 with a new code", Outcome.UNCONFIRMED, "999999: (#999999)", _refused(999999, "200 OK")),
        Row("400 with a page", Outcome.UNKNOWN, "http_400", http(_BAD, HTML)),
        Row("held", Outcome.HELD, "wa_held", _said("held_for_quality_assessment")),
        Row(
            "held, and the template is paused",
            Outcome.HELD,
            "wa_paused",
            _said("paused"),
            mend="template",
        ),
    ),
    says_no=(
        _never(131026),
        _never(131049),
        _never(132005),
        _never(135000, "500 Internal Server Error"),
    ),
    halts=(
        _halt(190, "key", "401 Unauthorized"),
        _halt(131042, "key"),
        _halt(131031, "key", "500 Internal Server Error"),
        _halt(100, "url", error_subcode=33),
        _halt(132001, "template", "404 Not Found"),
        _halt(132015, "template"),
        _halt(132018, "refusal"),
        _halt(888888, "refusal"),
        Row(
            "130429 for too long", None, "wa_130429",
            _refused(130429, _BAD, f"Retry-After: {PATIENCE:.0f}0"), mend="gateway",
        ),
    ),
)  # fmt: skip
