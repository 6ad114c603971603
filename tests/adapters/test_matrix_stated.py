"""What a 2xx without the platform's own code states: a refusal of its kind, or nothing at all."""

import json
from typing import Any

import pytest

from bot.domain.plan import Mend, Outcome, Receipt
from bot.gateways.matrix.answers import receipt

UNCONFIRMED = Receipt(Outcome.UNCONFIRMED, reason="unconfirmed")


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        "",
        "OK",
        [1],
        [[], {}],
        {"msg": "ok"},
        {"success": True},
        {"success": "true", "message": "atendimento gerado"},
        {"error": None},
        {"error": False, "erro": "", "errors": [], "falha": {}},
        {"error": "0", "errors": "none"},
        {"status": "ok", "code": 200},
        {"status": 1, "type": "sent"},
        {"id": 4711, "telefone": "5561999990000"},
    ],
)
def test_what_states_nothing_is_unconfirmed(body: Any) -> None:
    assert receipt(200, body) == UNCONFIRMED


@pytest.mark.parametrize(
    ("body", "reason", "halt"),
    [
        ({"success": False}, "stated_error", "refusal"),
        ({"Sucesso": "Não"}, "stated_error", "refusal"),
        ({"ok": 0}, "stated_error", "refusal"),
        ({"error": "boom"}, "boom", "refusal"),
        ({"error": True}, "stated_error", "refusal"),
        ({"error": {"code": 7, "message": "servico indisponivel"}}, "servico indisponivel", "refusal"),
        ({"errors": [{"detail": "limite diario atingido"}]}, "limite diario atingido", "refusal"),
        ({"status": "error", "message": "boom"}, "boom", "refusal"),
        ({"status": 500, "error": "Internal Server Error"}, "Internal Server Error", "refusal"),
        ({"code": "429"}, "http_429", "refusal"),
        ([{"success": False, "msg": "boom"}], "boom", "refusal"),
        ({"error": "Unauthorized"}, "Unauthorized", "key"),
        ({"message": "Unauthenticated."}, "Unauthenticated.", "key"),
        ({"msg": "sem autorizacao"}, "sem autorizacao", "key"),
        ({"status": 401, "message": "faça login"}, "faça login", "key"),
        (
            {"success": False, "error": "invalid_request", "message": "Token expirado"},
            "Token expirado",
            "key",
        ),
        ("Access denied", "Access denied", "key"),
        ({"statusCode": 404, "message": "Cannot POST"}, "Cannot POST", "url"),
        ({"success": False, "message": "Template reprovado"}, "Template reprovado", "template"),
        ({"error": {"error": "HSM não encontrado"}}, "HSM não encontrado", "template"),
        ({"success": False, "message": "Telefone inválido"}, "Telefone inválido", None),
        ({"error": "contato na blacklist"}, "contato na blacklist", None),
        ({"error": "recipient not on WhatsApp: +55 61 99999-0000"}, "recipient not on WhatsApp: …", None),
    ],
)
def test_what_states_an_error_is_a_refusal_of_its_kind(body: Any, reason: str, halt: Mend | None) -> None:
    assert receipt(200, body) == Receipt(Outcome.REJECTED, reason=reason, halt=halt)


def test_the_platforms_own_code_says_it_whatever_stands_beside_it() -> None:
    both = {"cod_error": 0, "cod_atendimento": 9, "error": "aviso", "success": False}
    assert receipt(200, both) == Receipt(Outcome.ACCEPTED, reference="9")


def test_words_without_end_are_read_so_far_only() -> None:
    deep: Any = "boom"
    for _ in range(50):
        deep = {"error": deep}
    assert receipt(200, json.loads(json.dumps(deep))) == Receipt(
        Outcome.REJECTED, reason="stated_error", halt="refusal"
    )
