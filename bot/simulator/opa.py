"""Opa! Suite's API: what it takes counts as delivered, and each message can be asked for by its id."""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from aiohttp import web

from bot.simulator.gateway import GatewayApi
from bot.simulator.matrix import UNFIT
from bot.simulator.server import json_response

CHANNEL = "622f8e310d7149ee66bb654c"
OTHER_CHANNEL = "622f8e310d7149ee66bb6540"
PREFIX = "/api/v1/"
_PHONE = re.compile(r"\+?[1-9][0-9]{7,14}")
_ID = re.compile("[0-9a-f]{24}")
_OF_CHANNEL = re.compile(rf"canal-comunicacao/({_ID.pattern})(/template(?:/limites-diarios-envio)?)?")
_OF_TEMPLATE = re.compile(r"template/([^/]+)")
_OF_MESSAGE = re.compile(r"atendimento/mensagem/([^/]+)")
_FILTERS = {"nome", "id_atendente", "status", "canal", "integracao"}
_PLACE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


@dataclass(frozen=True)
class OpaMessage:
    """One message that was taken; ``values`` fill the variables in turn, ``ref`` came as its metadata.

    ``at`` is UTC, ``taken`` seconds of the clock.
    """

    phone: str
    template: str
    id: str
    ref: str
    at: datetime
    taken: float
    values: tuple[str, ...] = field(default=())


class Stage(NamedTuple):
    """From so many seconds after it was taken a message stands so, and why."""

    after: float
    word: str
    why: str = ""


Fate = Callable[[OpaMessage], Sequence[Stage]]
SENT = (Stage(0.0, "sent"),)


class OpaApi(GatewayApi[OpaMessage]):
    """Opa! Suite on loopback, for one account.

    Attributes:
        templates: What each template of the channel says, by id, with ``{{...}}`` where a variable stands.
        elsewhere: The same of templates that are on no channel.
        channels: Each as it says of itself, by id.
        conversations: Phones (digits) with a conversation open, which are refused unless it is allowed.
        fate: How messages come to stand; ``standing`` says how one stands now.
        limit: How many messages a day; None: it has no limit.
        bare: Answers come without their envelope.
        ids: False: an answer to a send does not say the message's id.
        may_read: Whether the token's profile may read messages.
        asked: How often each message was asked for, by its id.
    """

    def __init__(
        self,
        token: str = "opa-secret",  # noqa: S107 - of a pretend service
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(clock)
        self.token = token
        self.templates: dict[str, str] = {}
        self.elsewhere: dict[str, str] = {}
        self.channels: dict[str, dict[str, Any]] = {
            CHANNEL: _channel(CHANNEL, "WhatsApp do provedor", "dialog360"),
            OTHER_CHANNEL: _channel(OTHER_CHANNEL, "Celular da loja", "baileys"),
        }
        self.conversations: set[str] = set()
        self.fate: Fate = lambda _: SENT
        self.limit: int | None = None
        self.bare = False
        self.ids = True
        self.may_read = True
        self.asked: dict[str, int] = {}
        self._now = now
        self._messages: dict[str, OpaMessage] = {}
        self._refused: dict[str, str] = {}

    def refuse(self, phone: str, message: str) -> None:
        """A message to this phone (digits) is refused with HTTP 400 and this text."""
        self._refused[phone] = message

    def standing(self, message: OpaMessage) -> Stage:
        """How a message stands now."""
        since = self._clock() - message.taken
        return [stage for stage in self.fate(message) if stage.after <= since][-1]

    def throttled(self, retry_after: int | str | None) -> web.Response:
        """429 with ``Retry-After`` where one is given."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return self._error(429, "Too many requests", headers=headers)

    async def respond(self, request: web.Request, body: bytes) -> web.Response:
        """One of the paths of the contract."""
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return self._error(401, "Invalid token.")
        try:
            given = json.loads(body) if body else None
        except ValueError:
            return self._error(400, "Invalid JSON.")
        path = request.path.removeprefix(PREFIX)
        match request.method, path:
            case "POST", "template/send":
                return self._send(given)
            case "GET", "canal-comunicacao/":
                return self._listed(given)
            case "GET", _:
                return self._read(path)
        return self._error(404, "Not found.")

    def _read(self, path: str) -> web.Response:
        if found := _OF_CHANNEL.fullmatch(path):
            return self._of_channel(found[1], found[2])
        if found := _OF_MESSAGE.fullmatch(path):
            return self._message(found[1])
        if found := _OF_TEMPLATE.fullmatch(path):
            texts = self.templates | self.elsewhere
            return (
                self._data(_row(found[1], texts[found[1]]))
                if found[1] in texts
                else self._error(404, "Not found.")
            )
        return self._error(404, "Not found.")

    def _of_channel(self, id_: str, part: str | None) -> web.Response:
        channel = self.channels.get(id_)
        if channel is None:
            return self._error(404, "Not found.")
        if part is None:
            return self._data(channel)
        if part == "/template":
            return self._data([_row(one, text) for one, text in self.templates.items()])
        if self.limit is None:
            return self._data({})
        sent = len(self.received)
        return self._data(
            {"messagesSent": sent, "dailyLimit": self.limit, "availableAmount": max(0, self.limit - sent)}
        )

    def _listed(self, given: Any) -> web.Response:
        """The channels, as far as the filter goes: without one, or with another field, it is refused."""
        wanted = given.get("filter") if isinstance(given, dict) else None
        if not isinstance(wanted, dict) or not wanted or not wanted.keys() <= _FILTERS:
            return self._error(400, "Field '' is not allowed")
        page = given.get("options", {})
        rows = [
            one for one in self.channels.values() if all(one[name] == value for name, value in wanted.items())
        ]
        return self._data(rows[page.get("skip", 0) :][: page.get("limit", 100)])

    def _message(self, id_: str) -> web.Response:
        if not self.may_read:
            return self._error(403, "Bad role")
        message = self._messages.get(id_)
        if message is None:
            return self._error(404, "Message not found.")
        self.asked[id_] = self.asked.get(id_, 0) + 1
        stage = self.standing(message)
        return self._data(
            {
                "_id": message.id,
                "id_rota": {"_id": CHANNEL[::-1], "canal_cliente": message.phone, "protocolo": "OPA20261"},
                "mensagem": "",
                "tipo": "texto",
                "tipoDestinatario": "clientes_users",
                "statusEnvio": {"status": stage.word, "observacao": stage.why},
                "data": f"{message.at:%Y-%m-%dT%H:%M:%S}.000Z",
            }
        )

    def _send(self, body: Any) -> web.Response:
        problem = _problem(body)
        if problem:
            return self._error(400, f"Invalid field: {problem}")
        if self._wait():
            return self.throttled(None)
        if body["canal"] not in self.channels:
            return self._not_found("Communication channel not found.")
        if body["template"]["_id"] not in self.templates:
            return self._not_found("Template not found.")
        refusal = self._refusal(body)
        return self._take(body) if refusal is None else self._error(400, refusal)

    def _refusal(self, body: Mapping[str, Any]) -> str | None:
        """What it has against a message to this phone, or against what fills the template."""
        phone = body["contato"]["canalCliente"].removeprefix("+")
        if phone in self._refused:
            return self._refused[phone]
        if phone in self.conversations and not body.get("allowSendingToStartedCustomerService"):
            return "Este contato já está em atendimento com Lucas Silva"
        values = body["template"].get("variaveis", [])
        if len(values) != len(set(_PLACE.findall(self.templates[body["template"]["_id"]]))):
            return "Quantidade de variáveis do template inválida"
        unfit = any(UNFIT.fullmatch(value) for value in values)
        return "(#132018) There's an issue with the parameters in your template" if unfit else None

    def _take(self, body: Mapping[str, Any]) -> web.Response:
        phone = body["contato"]["canalCliente"].removeprefix("+")
        values = body["template"].get("variaveis", [])
        id_ = f"{len(self.received) + 1:024x}"
        ref = str(body.get("metadata", {}).get("ref", ""))
        template = body["template"]["_id"]
        message = OpaMessage(phone, template, id_, ref, self._now(), self._clock(), tuple(values))
        self._messages[id_] = message
        self._receive(message)
        said = {"message": "Template has been succesfully sent."}
        return self._data(said | ({"messageSentId": id_} if self.ids else {}))

    def _data(self, data: Any) -> web.Response:
        return json_response(data if self.bare else {"status": "success", "code": 200, "data": data})

    def _not_found(self, message: str) -> web.Response:
        return json_response({"error": "NOT_FOUND_ERROR", "message": message}, 404)

    def _error(self, code: int, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
        data = {"message": message}
        body = data if self.bare else {"status": "error", "code": code, "data": data, "description": "Error"}
        return json_response(body, code, headers)


def _channel(id_: str, name: str, by: str) -> dict[str, Any]:
    return {"_id": id_, "nome": name, "status": "A", "canal": "Whatsapp", "integracao": by}


def _row(id_: str, text: str) -> dict[str, Any]:
    return {
        "_id": id_,
        "texto": text,
        "atalho": f"aviso_{id_[-2:]}",
        "tipo_mensagem": "dialog360",
        "anexo": None,
    }


def _problem(body: Any) -> str | None:
    """What is wrong with the form of a send."""
    fields = body if isinstance(body, dict) else {}
    contact, template = fields.get("contato"), fields.get("template")
    phone = contact.get("canalCliente") if isinstance(contact, dict) else None
    chosen = template if isinstance(template, dict) else {}
    values = chosen.get("variaveis", ["-"])
    checks = (
        ("contato.canalCliente", isinstance(phone, str) and _PHONE.fullmatch(phone) is not None),
        ("canal", isinstance(fields.get("canal"), str) and _ID.fullmatch(fields["canal"]) is not None),
        ("template._id", isinstance(chosen.get("_id"), str) and _ID.fullmatch(chosen["_id"]) is not None),
        (
            "template.variaveis",
            isinstance(values, list) and bool(values) and all(isinstance(value, str) for value in values),
        ),
        ("metadata", isinstance(fields.get("metadata", {}), dict)),
        (
            "allowSendingToStartedCustomerService",
            isinstance(fields.get("allowSendingToStartedCustomerService", False), bool),
        ),
    )
    return next((name for name, right in checks if not right), None)
