"""What the fields of Matrix's answers say (contracts/matrix.md): error code, reason, what is broken."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from bot.domain.plan import Mend, Outcome, Receipt

LONGEST_REASON = 80  # characters
_STOPS_ALL: Mapping[int, Mend] = {401: "key", 403: "key", 404: "url", 405: "url"}
_LONG_NUMBER = re.compile(r"\+?\d[\d\s().-]{6,}\d")
# What makes every other send fail too, in plain words (no accents, no punctuation). The whole text must say
# so: "contato sem autorizacao para HSM" is one customer's opt-out, "telefone invalido" another's typing
# error, and a dispatch that one customer stops could never get past that customer.
_THING = r"(?:(?:o |a )?(?:id (?:do |da )?)?(?:hsm|template|modelo)(?: (?:hsm|id))?(?: \d+)?)"
_BROKEN = (
    r"(?:invalid|inexistente|incorret|expirad|reprovad|rejeitad|recusad|pausad|inativ|desativad|desabilitad"
    r"|bloquead|excluid|removid|(?:nao|not|does not) (?:foi |esta )?"
    r"(?:encontrad|localizad|exist|aprovad|cadastrad|informad|habilitad|found|approved))\w*"
)
_MISFIT = (
    r"(?:invalid|incorret|incompativ|diferente|divergente|insuficiente|ausente|obrigatori"
    r"|nao (?:informad|confere|corresponde|bate))\w*"
)
_KEY = (
    r"(?:usuario )?(?:sem|nao) autoriza\w+|acesso negado"
    r"|(?!.*\b(?:contato|cliente|telefone|destinatari[oa])\b)"
    r"(?:chave|token|credencia\w+|api[ _]?key)\b.{0,20}(?:invalid|expirad|incorret|informad|inexistente)\w*"
    # The account goes with the key: who holds one holds the other, and no template is at fault.
    rf"|(?:o )?(?:campo .{{0,30}})?cod_conta(?: \d+)?(?: (?:e )?(?:{_BROKEN}|{_MISFIT}))?"
)
_TEMPLATE = (
    rf"{_THING}(?: (?:e|esta|foi))? {_BROKEN}"
    r"(?: (?:(?:para|na|nesta|desta) (?:a )?conta(?: \d+)?|pel[ao] (?:meta|whatsapp)))?"
    rf"|{_BROKEN} {_THING}"
    r"|(?:o )?campo(?: (?:obrigatorio|ausente|ou|invalido|nao informado))* (?:hsm|variaveis)"
    rf"(?: (?:e )?{_MISFIT})?"
    rf"|(?:(?:a |o )?(?:quantidade|numero|total) (?:de |das )?)?variaveis(?: d[aoe] {_THING})?"
    rf" {_MISFIT}(?: (?:com|ao|para|pelo|no|do) {_THING})?"
    rf"|falta\w* (?:de )?variave(?:l|is)(?: (?:no|do|para) {_THING})?"
    rf"|{_THING} (?:exige|requer|espera|possui|tem) (?:\d+ )?variave(?:l|is)"
)
_ABOUT_ALL: tuple[tuple[Mend, re.Pattern[str]], ...] = (
    ("key", re.compile(_KEY)),
    ("template", re.compile(_TEMPLATE)),
)


def receipt(status: int, body: Any) -> Receipt:
    """What an answer below 500 proves; 200 alone proves nothing."""
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    fields = body if isinstance(body, dict) else {}
    code, why, halt = error_code(fields), reason(fields), about_all(fields)
    match status // 100, code:
        case 2, None:
            return Receipt(Outcome.ACCEPTED, reason="unconfirmed")
        case 2, "0":
            return Receipt(Outcome.ACCEPTED, reference=identifier(fields.get("cod_atendimento")))
        case 2, _:
            return Receipt(Outcome.REJECTED, reason=why or f"cod_error {code}", halt=halt)
        case 4, _:
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


def one_line(text: Any) -> str | None:
    """A text in one short line, without any number that may be a phone; None where there is none."""
    if not isinstance(text, str):
        return None
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return _LONG_NUMBER.sub("…", line)[:LONGEST_REASON] or None


def about_all(fields: Mapping[str, Any]) -> Mend | None:
    """What a refusal is about where every other send would bring it too; None: maybe one customer."""
    letters = unicodedata.normalize("NFKD", str(fields.get("msg"))[:300]).casefold()
    plain = "".join(c for c in letters if not unicodedata.combining(c))
    words = " ".join(re.findall(r"\w+", plain))
    return next((mend for mend, pattern in _ABOUT_ALL if pattern.fullmatch(words)), None)
