"""What an answer of Opa! Suite proves (README.md of this folder)."""

import re
from collections.abc import Iterator, Mapping
from json import dumps
from typing import Any

from bot.domain.plan import Mend, Outcome, Receipt
from bot.gateways.reasons import one_line, plain_words

UNCONFIRMED = "unconfirmed"
OPEN = "opa_open"
_ID = re.compile("[0-9a-fA-F]{24}")
_STOPS_ALL: Mapping[int, Mend] = {401: "key", 403: "key", 405: "url"}
_SAID = ("message", "mensagem", "description", "descricao", "error", "erro")
_DEEPEST = 2
_FIRST_ERROR = 400
_TALK = r"(?:customer service|attendance|conversation)"
_IN_A_CONVERSATION = re.compile(
    r"\bem (?:um )?atendimento\b|\batendimento (?:ja )?(?:esta )?(?:em andamento|aberto|ativo|iniciado)\b"
    rf"|\balready\b.*\b{_TALK}\b"
    rf"|\b{_TALK} (?:is |was |has )?(?:already )?(?:been )?(?:started|opened?|active|ongoing|in progress)\b"
)
_OF_THE_TEMPLATE = re.compile(
    r"\b(?:templates?|modelos?|hsm|variave(?:l|is)|variables?|parametros?|parameters?)\b"
)
_OF_THE_TOKEN = re.compile(r"\b(?:tokens?|unauthorized)\b")
_OF_THE_CHANNEL = re.compile(r"\b(?:canal|canais|channels?)\b")
_OF_ONE = re.compile(
    r"\b(?:contatos?|contacts?|clientes?|customers?|telefones?|phones?|numeros?|numbers?|celular\w*"
    r"|canalcliente|destinatari\w*|recipients?|opt ?out)\b"
)
_METAS_CODE = re.compile(r"\b13[0-9]{4}\b")
_METAS_OF_ONE = {"130472", "131021", "131026", "131030", "131049", "131050"}
_METAS_OF_THE_TEMPLATE = re.compile("132[0-9]{3}")
_TIMED_OUT = 408
_OF_THE_SERVER = re.compile(  # in the whole body, whatever field says it: a code, or words
    r'"(?:status|(?:status_?)?code)": "?(?:408|[5-9][0-9]{2}|(?!13[0-9]{4}\b)[0-9]{4,})\b'
    r"|timed?[ _-]?out|tempo (?:limite|esgotado|excedido)|(?<!r)econn|epipe|socket hang up"
    r"|network[ _]?error|err_network|internal[ _]?(?:server[ _]?)?error|erro interno|bad[ _]?gateway"
    r"|service[ _]?unavailable|status code 5[0-9]{2}\b|mongo"
)


def unwrapped(body: Any) -> Any:
    """What an answer is about: `data` of the envelope, or the body itself where a build leaves that away.

    A message has a field `data`, too: its date.
    """
    if isinstance(body, dict) and isinstance(body.get("data"), dict | list):
        return body["data"]
    return body


def identifier(value: Any) -> str | None:
    """An id as the platform makes them: 24 hex digits, in small letters."""
    return value.lower() if isinstance(value, str) and _ID.fullmatch(value) else None


def refusal_in(body: Any) -> str | None:
    """What an error object says, in one line; None where the body is none."""
    if not isinstance(body, dict):
        return None
    code = body.get("code")
    failed = body.get("status") in {"error", "fail", "failed"} or bool(body.get("error"))
    if failed or (type(code) is int and code >= _FIRST_ERROR):
        return one_line(next(_texts(body), "")) or "error"
    return None


def receipt(status: int, body: Any) -> Receipt:
    """What an answer below 500 proves."""
    inner = unwrapped(body)
    reference = identifier(inner.get("messageSentId")) if isinstance(inner, dict) else None
    refused = refusal_in(body)
    if reference is not None:
        if status // 100 == 2 and refused is None:  # noqa: PLR2004 - HTTP's successes
            return Receipt(Outcome.ACCEPTED, reference)
        return Receipt(Outcome.UNCONFIRMED, reference, UNCONFIRMED)
    match status // 100:
        case 2:
            if refused is None:
                return Receipt(Outcome.UNCONFIRMED, reason=UNCONFIRMED)
            code = body.get("code")
            return _failed(code if type(code) is int else status, body)
        case 4:
            return _failed(status, body)
        case _:  # a redirect: the URL is wrong for every send, yet nobody says that this one was not taken
            return Receipt(Outcome.UNKNOWN, reason=f"http_{status}", halt="url")


def _failed(status: int, body: Any) -> Receipt:
    """What an error proves: nothing, where the desk may have passed the message on before it came."""
    late = status == _TIMED_OUT or _OF_THE_SERVER.search(dumps(body).casefold()) is not None
    if late and status not in _STOPS_ALL:
        return Receipt(Outcome.UNKNOWN, reason=one_line(next(_texts(body), "")) or f"http_{status}")
    return _refused(status, body)


def _refused(status: int, body: Any) -> Receipt:
    text = next(_texts(body), "")
    words, why = plain_words(text), one_line(text) or f"http_{status}"
    if status in _STOPS_ALL:
        return Receipt(Outcome.REJECTED, reason=why, halt=_STOPS_ALL[status])
    if _IN_A_CONVERSATION.search(words) is not None:  # its text names the person who has it
        return Receipt(Outcome.REJECTED, reason=OPEN)
    if status == 404:  # noqa: PLR2004 - HTTP's: the channel, the template, or the whole address
        return Receipt(Outcome.REJECTED, reason=why, halt=_about(words) or "url")
    if not isinstance(body, dict):  # a page of something on the way
        return Receipt(Outcome.UNKNOWN, reason=why)
    mend = _about(words)
    if mend is None and _is_of_one(words):
        return Receipt(Outcome.REJECTED, reason=why)
    is_clear = mend is not None or status // 100 == 4 or _METAS_CODE.search(words) is not None  # noqa: PLR2004 - HTTP's
    outcome = Outcome.REJECTED if is_clear else Outcome.UNKNOWN
    return Receipt(outcome, reason=why, halt=mend or "refusal")


def _about(words: str) -> Mend | None:
    """What of the settings a text is about."""
    code = _METAS_CODE.search(words)
    if code is not None:
        return "template" if _METAS_OF_THE_TEMPLATE.fullmatch(code[0]) else None
    if _OF_THE_TEMPLATE.search(words):
        return "template"
    if _OF_THE_TOKEN.search(words):
        return "key"
    return "url" if _OF_THE_CHANNEL.search(words) else None


def _is_of_one(words: str) -> bool:
    code = _METAS_CODE.search(words)
    return _OF_ONE.search(words) is not None if code is None else code[0] in _METAS_OF_ONE


def _texts(body: Any, depth: int = 0) -> Iterator[str]:
    """What an error says in words, its message first."""
    if isinstance(body, str) and body.strip():
        yield body
    if not isinstance(body, dict) or depth > _DEEPEST:
        return
    for key in (*_SAID[:2], "data", *_SAID[2:]):
        yield from _texts(body.get(key), depth + 1)
