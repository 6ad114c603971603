"""What Matrix alone says, and what follows from it."""

from typing import Any
from zoneinfo import ZoneInfo

import httpx

from bot.domain.plan import Outcome
from bot.gateways.matrix.matrix import Matrix
from tests.fakes import FakeClock
from tests.faults.spoken.row import HTML, TOO_MANY, Row, Speech, as_json, http


def _open(url: str, timeout: httpx.Timeout, total: float) -> Matrix:
    return Matrix(
        f"{url}/rest/v1/sendHsm",
        "hsm-secret",
        templates={"LOS": 114, "POWER": 116},
        zone=ZoneInfo("America/Sao_Paulo"),
        clock=FakeClock(),
        timeout=timeout,
        total=total,
    )


def _phone(body: Any) -> str:
    phone: str = body["contato"]["telefone"]
    return phone


def _accepted(reference: int) -> bytes:
    body = {"cod_error": 0, "msg": "atendimento gerado com sucesso", "cod_atendimento": reference}
    return as_json("200 OK", body)


def _refused(status: str, msg: str) -> bytes:
    return as_json(status, {"cod_error": 1, "msg": msg})


_PHONE_IS_BAD = "campo ausente ou invalido: contato.telefone"
SPEECH = Speech(
    open=_open,
    phone=_phone,
    accepted=_accepted,
    read=http("200 OK", b'{"num_pages":0,"registros":[]}'),
    not_now=(Row("429", None, "throttled", _refused(TOO_MANY, "limite de requisicoes excedido")),),
    lost=(
        Row("201 without a code", Outcome.UNCONFIRMED, "unconfirmed", http("201 Created", b'{"msg":"ok"}')),
    ),
    says_no=(
        Row("200 with a code", Outcome.REJECTED, "contato invalido", _refused("200 OK", "contato invalido")),
        Row(
            "400 of one",
            Outcome.REJECTED,
            "telefone invalido",
            _refused("400 Bad Request", "telefone invalido"),
        ),
        Row(
            "412 of one", Outcome.REJECTED, _PHONE_IS_BAD, _refused("412 Precondition Failed", _PHONE_IS_BAD)
        ),
        Row("412 with a page", Outcome.REJECTED, "http_412", http("412 Precondition Failed", HTML)),
        Row(
            "opted out",
            Outcome.REJECTED,
            "contato sem autorizacao",
            _refused("200 OK", "contato sem autorizacao"),
        ),
    ),
    halts=(
        Row("a bad key", Outcome.REJECTED, None, _refused("400 Bad Request", "chave invalida"), mend="key"),
        Row("no right", Outcome.REJECTED, None, _refused("200 OK", "sem autorizacao"), mend="key"),
        Row(
            "no such template",
            Outcome.REJECTED,
            None,
            _refused("200 OK", "hsm nao encontrado"),
            mend="template",
        ),
        Row(
            "412 of all",
            Outcome.REJECTED,
            None,
            _refused("412 Failed", "campo invalido: hsm"),
            mend="template",
        ),
    ),
)
