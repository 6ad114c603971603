"""What Opa! Suite alone says, and what follows from it."""

from typing import Any
from zoneinfo import ZoneInfo

import httpx

from bot.domain.plan import Mend, Outcome
from bot.gateways.opa.opa import Opa
from tests.faults.spoken.row import HTML, TOO_MANY, Row, Speech, as_json, http

CHANNEL, FIBRE, POWER = (digit * 24 for digit in "abc")
_BAD = "400 Bad Request"
_TIMEOUT = "timeout of 30000ms exceeded"
_SENT = "Template has been succesfully sent."


def _open(url: str, timeout: httpx.Timeout, total: float) -> Opa:
    return Opa(
        url,
        "opa-secret",
        channel=CHANNEL,
        templates={"LOS": FIBRE, "POWER": POWER},
        zone=ZoneInfo("America/Sao_Paulo"),
        timeout=timeout,
        total=total,
    )


def _phone(body: Any) -> str:
    phone: str = body["contato"]["canalCliente"]
    return phone.removeprefix("+")


def _said(data: Any, status: str = "200 OK") -> bytes:
    return as_json(status, {"status": "success", "code": 200, "data": data})


def _accepted(reference: int) -> bytes:
    return _said({"message": _SENT, "messageSentId": f"{reference:024x}"})


def _refused(message: str, status: str = _BAD, **beside: Any) -> bytes:
    code = int(status[:3]) if status[:3] != "200" else 400
    return as_json(status, {"status": "error", "code": code, "data": {"message": message, **beside}})


def _never(message: str, reason: str | None = None, status: str = _BAD) -> Row:
    return Row(message, Outcome.REJECTED, reason or message, _refused(message, status))


def _halt(message: str, mend: Mend, status: str = _BAD) -> Row:
    return Row(f"{message} ({mend})", Outcome.REJECTED, message, _refused(message, status), mend=mend)


_NO_CHANNEL = {"error": "NOT_FOUND_ERROR", "message": "Communication channel not found."}
SPEECH = Speech(
    open=_open,
    phone=_phone,
    accepted=_accepted,
    read=_said({"_id": CHANNEL, "status": "A", "canal": "Whatsapp", "integracao": "dialog360"}),
    not_now=(Row("429", None, "throttled", _refused("Too many requests", TOO_MANY)),),
    lost=(
        Row("no id", Outcome.UNCONFIRMED, "unconfirmed", _said({"message": _SENT})),
        Row("another form of id", Outcome.UNCONFIRMED, "unconfirmed", _said({"messageSentId": 7})),
        Row(
            "an id beside an error",
            Outcome.UNCONFIRMED,
            "unconfirmed",
            _refused("MongoError", "200 OK", messageSentId="d" * 24),
        ),
        Row("500 in its envelope", Outcome.UNKNOWN, "http_500", _refused("MongoError", "500 Oops")),
        Row("503 in its envelope", Outcome.UNKNOWN, "http_503", _refused("Try later", "503 Unavailable")),
        Row("500 in a 200", Outcome.UNKNOWN, "http_500", as_json("200 OK", {"status": "error", "code": 500})),
        Row("a timeout in a 400", Outcome.UNKNOWN, _TIMEOUT, _refused(_TIMEOUT)),
        Row("400 with a page", Outcome.UNKNOWN, "http_400", http(_BAD, HTML)),
        Row("408", Outcome.UNKNOWN, "http_408", http("408 Request Timeout", b"")),
    ),
    says_no=(
        _never("Este contato já está em atendimento com Lucas Silva", "opa_open"),
        _never("Contato inválido"),
        _never("Número de telefone inválido", status="200 OK"),
        _never("(#131026) Message undeliverable"),
    ),
    halts=(
        _halt("Invalid token.", "key", "401 Unauthorized"),
        _halt("Invalid permissions profile", "key", "403 Forbidden"),
        _halt("Template not found.", "template", "404 Not Found"),
        _halt("Quantidade de variáveis inválida", "template"),
        _halt("(#132018) There's an issue with the parameters", "template"),
        _halt("Canal inativo", "url", "200 OK"),
        _halt("Limite do plano excedido", "refusal"),
        Row(
            "no such channel", Outcome.REJECTED, _NO_CHANNEL["message"],
            as_json("404 Not Found", _NO_CHANNEL), mend="url",
        ),
    ),
)  # fmt: skip
