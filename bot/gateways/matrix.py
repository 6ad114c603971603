"""Matrix (MatrixGo): one HSM message for one POST (contracts/matrix.md)."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import httpx

from bot import upstream
from bot.domain.plan import Mend, Message, Outcome, Receipt
from bot.errors import AnswerLost, BadAnswer, NotFound, Refused, TryLater
from bot.gateways.latin1 import spell_name
from bot.ports import Clock

NOTIFICATION = 2  # tipo_envio
SEND_SECONDS = 30.0  # for one whole exchange: a send is not cut short lightly, its end would be unknown
LONGEST_REASON = 80  # characters
# The whole text: "contato sem autorizacao para HSM" is one customer's opt-out and must not stop the others.
_KEY_IS_BAD = re.compile(
    r"\W*(?:(?:usuario )?(?:sem|nao) autoriza\w+|acesso negado"
    r"|(?:chave|token|credencia\w+|api.?key)\b.{0,20}(?:invalid|expirad|incorret|informad|inexistente)\w*)\W*"
)
_STOPS_ALL: Mapping[int, Mend] = {401: "key", 403: "key", 404: "url", 405: "url"}
_LONG_NUMBER = re.compile(r"\+?\d[\d\s().-]{6,}\d")


class Matrix:
    """`bot.ports.Gateway` over Matrix's REST API.

    Args:
        url: `URL_HSM`, the full URL of `sendHsm`.
        token: `TOKEN_HSM`, sent as it is.
        cookie: `COOKIE_HSM`; empty: no such header.
        account: `HSM_ACCOUNT`.
        templates: HSM id by `Message.template`.
        include_current: `HSM_INCLUDE_CURRENT`: also to who has a conversation open.
        clock: For the day the probe asks about.
        limit: Connections at one time.
    """

    name = "matrix"

    def __init__(
        self,
        url: str,
        token: str,
        *,
        templates: Mapping[str, int],
        clock: Clock,
        cookie: str = "",
        account: int = 1,
        include_current: bool = False,
        limit: int = 100,
    ) -> None:
        self._url = url
        self._headers = {"Accept": "application/json", "Authorization": token}
        if cookie:
            self._headers["Cookie"] = cookie
        self._account = account
        self._templates = dict(templates)
        self._include_current = include_current
        self._clock = clock
        self._http = upstream.client(limit=limit)

    async def aclose(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def send(self, message: Message) -> Receipt:
        """Send one message, once. TryLater where it is known that nothing was sent."""
        body = self._body(message)
        try:
            answer = await upstream.send(
                self._http, self._url, json=body, headers=self._headers, total=SEND_SECONDS
            )
        except AnswerLost as lost:
            return Receipt(Outcome.UNKNOWN, reason=str(lost))
        return _receipt(answer.status_code, upstream.json_of(answer))

    async def probe(self) -> str:
        """Ask for today's list of sent messages: a GET, so it sends nothing, and it needs the key."""
        today = f"{self._clock.now():%d/%m/%Y}"
        params: dict[str, str | int] = {"data_inicial": today, "data_final": today, "page": 1}
        url = str(httpx.URL(self._url).join("hsmEnviadas"))
        try:
            answer = await upstream.read(self._http, "GET", url, params=params, headers=self._headers)
        except NotFound:
            return "reachable (no list of sent messages, so the key is not checked)"
        except (AnswerLost, BadAnswer) as error:
            raise TryLater(str(error)) from None
        if isinstance(answer, dict) and _code(answer) not in {None, "0"}:
            raise Refused(_reason(answer) or "refused")
        return "reachable, key accepted"

    def _body(self, message: Message) -> dict[str, Any]:
        body: dict[str, Any] = {
            "cod_conta": self._account,
            "hsm": self._templates[message.template],
            "tipo_envio": NOTIFICATION,
            "contato": {"nome": spell_name(message.name), "telefone": message.phone},
        }
        if self._include_current:
            body["bol_incluir_atual"] = 1
        return body


def _receipt(status: int, body: Any) -> Receipt:
    """What an answer below 500 proves; 200 alone proves nothing."""
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    fields = body if isinstance(body, dict) else {}
    code, reason = _code(fields), _reason(fields)
    if httpx.codes.is_success(status):
        if code is None:
            return Receipt(Outcome.ACCEPTED, reason="unconfirmed")
        if code == "0":
            return Receipt(Outcome.ACCEPTED, reference=_reference(fields.get("cod_atendimento")))
        return Receipt(
            Outcome.REJECTED, reason=reason or f"cod_error {code}", halt="key" if _names_key(fields) else None
        )
    if httpx.codes.is_client_error(status):
        halt: Mend | None = _STOPS_ALL.get(status, "key" if _names_key(fields) else None)
        return Receipt(Outcome.REJECTED, reason=reason or f"http_{status}", halt=halt)
    # A redirect: the URL is wrong for every send, yet nobody says that this one was not taken.
    return Receipt(Outcome.UNKNOWN, reason=f"http_{status}", halt="url")


def _code(fields: Mapping[str, Any]) -> str | None:
    """`cod_error` as text: it comes as a number and as a string."""
    value = fields.get("cod_error")
    if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    return str(value).strip()[:10] if isinstance(value, int | str) else None


def _reference(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return str(value).strip() or None


def _reason(fields: Mapping[str, Any]) -> str | None:
    """The platform's words in one short line, without any number that may be a phone."""
    text = fields.get("msg")
    if not isinstance(text, str):
        return None
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return _LONG_NUMBER.sub("…", line)[:LONGEST_REASON] or None


def _names_key(fields: Mapping[str, Any]) -> bool:
    """Whether the refusal is about the key, which every other send would bring too."""
    letters = unicodedata.normalize("NFKD", str(fields.get("msg")))
    return bool(_KEY_IS_BAD.fullmatch("".join(c for c in letters if not unicodedata.combining(c)).casefold()))
