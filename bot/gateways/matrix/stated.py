"""Errors that a 2xx states in another form than the platform's own: a proxy's, a new version's.

Only what an answer says is taken for a refusal. One that says nothing (a page, an empty object) is none.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bot.domain.plan import Mend, Outcome, Receipt
from bot.gateways.matrix.refusals import about_all
from bot.gateways.reasons import one_line, plain_words

_DEEPEST = 3
_GOOD = {"success", "sucesso", "ok", "sent", "enviado", "accepted", "aceito"}
_BAD = {"error", "errors", "erro", "erros", "exception", "fault", "failure", "falha"}
_STATE = {"status", "state", "result", "resultado", "type", "tipo", "level"}
_NUMBER = {"status", "code", "codigo", "statuscode", "status_code", "http_code", "error_code"}
_WORDS = ("msg", "message", "mensagem", "error_description", "detail", "details", "description", "descricao")
_FAILED = {
    *("error", "erro", "fail", "failed", "failure", "falha", "falhou", "nok", "denied", "negado"),
    *("unauthorized", "forbidden", "invalid", "rejected", "recusado"),
}
_NO = {"false", "no", "nao", "n", "0"}
_NOTHING = {*_NO, "", "none", "null", "ok", "success", "sucesso"}
_BY_NUMBER: Mapping[int, Mend] = {401: "key", 403: "key", 404: "url", 405: "url"}
_ONE_CUSTOMER = re.compile(
    r"\b(contatos?|clientes?|telefones?|numeros?|celular\w*|destinatari\w*|blacklist|opt ?out|phones?"
    r"|contacts?|recipients?|customers?|numbers?)\b"
)
_FIRST_ERROR = 400


def stated(body: Any) -> Receipt | None:
    """The refusal that a 2xx without the platform's own code states; None where it states none.

    A refusal that is neither about one customer nor of a kind that is known stops the dispatch, too: nobody
    can tell that the next send would not bring it.
    """
    texts = list(dict.fromkeys(_texts(body)))
    number = next((n for n in _numbers(body) if n >= _FIRST_ERROR), None)
    known = next(((text, mend) for text in texts if (mend := about_all(text)) is not None), None)
    if known is not None:
        return Receipt(Outcome.REJECTED, reason=one_line(known[0]), halt=known[1])
    if number is None and not _fails(body):
        return None
    code = "stated_error" if number is None else f"http_{number}"
    why = next(filter(None, map(one_line, texts)), code)
    if number is not None and number in _BY_NUMBER:
        return Receipt(Outcome.REJECTED, reason=why, halt=_BY_NUMBER[number])
    if any(_ONE_CUSTOMER.search(plain_words(text)) for text in texts):
        return Receipt(Outcome.REJECTED, reason=why)
    return Receipt(Outcome.REJECTED, reason=why, halt="refusal")


def _fields(body: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(body, dict):
        yield from ((str(key).casefold(), value) for key, value in body.items())


def _fails(body: Any) -> bool:
    """Whether a field says that it failed."""
    return any(
        (key in _GOOD and _plain(value) in _NO)
        or (key in _BAD and _plain(value) not in _NOTHING)
        or (key in _STATE and _plain(value) in _FAILED)
        for key, value in _fields(body)
    )


def _plain(value: Any) -> str:
    """A value as plain words; an object or a list that holds something is no word for nothing."""
    if isinstance(value, dict | list):
        return "something" if value else ""
    return plain_words(str(value))


def _numbers(body: Any) -> Iterator[int]:
    """HTTP's own numbers of errors, where a field repeats them."""
    for key, value in _fields(body):
        text = str(value)
        if key in _NUMBER and re.fullmatch("[45][0-9][0-9]", text, re.ASCII):
            yield int(text)


def _texts(body: Any, depth: int = 0) -> Iterator[str]:
    """What an answer says in words, those of its message first."""
    if depth > _DEEPEST:
        return
    if isinstance(body, str):
        yield body
    elif isinstance(body, list):
        for item in body[:_DEEPEST]:
            yield from _texts(item, depth + 1)
    fields = dict(_fields(body))
    for key in (*_WORDS, *sorted(_BAD)):
        yield from _texts(fields.get(key), depth + 1)
