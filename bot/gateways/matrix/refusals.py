"""Words of the platform: what they say of every other send."""

import re

from bot.domain.plan import Mend
from bot.gateways.reasons import plain_words

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
    r"|unauthori[sz]ed|unauthenticated|forbidden|access denied|(?:user )?not authori[sz]ed"
    r"|(?:invalid|expired|missing|wrong) (?:access )?(?:token|api ?key|key|credentials?)"
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


def about_all(text: str) -> Mend | None:
    """What a refusal is about where every other send would bring it too; None: maybe one customer."""
    words = plain_words(text)
    return next((mend for mend, pattern in _ABOUT_ALL if pattern.fullmatch(words)), None)
