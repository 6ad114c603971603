"""The HSM API, as Matrix answers: what it accepts counts as delivered to the customer."""

import json
import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from aiohttp import web

from bot.simulator.gateway import GatewayApi
from bot.simulator.server import json_response
from bot.simulator.world import LOCAL

ROWS_A_PAGE = 100
PREFIX = "/rest/v1/"
PHONE = re.compile(r"55[0-9]{10,11}")
UNFIT = re.compile(r"\s*|.*([\r\n\t]| {4}).*", re.DOTALL)  # what WhatsApp takes for no variable's value


@dataclass(frozen=True)
class Message:
    """One WhatsApp message that a customer got; ``at`` is UTC, ``code`` the ``cod_atendimento``.

    ``variables`` is what filled ``{{1}}``, ``{{2}}`` ... by position.
    """

    phone: str
    name: str
    hsm: int
    at: datetime
    code: int
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def template(self) -> int:
        """The template's id."""
        return self.hsm


class MatrixApi(GatewayApi[Message]):
    """Matrix on loopback.

    Attributes:
        cod_error_as_text: ``"0"`` instead of ``0``.
        cookies_replayed: Requests that brought a PHPSESSID back (none should).
        blacklist: Phones that opted out of HSM.
        templates: The approved templates' ids; None: any.
        variables: How many variables a template has, by its id: a send that does not fill them is refused;
            what is sent for a template that is not here is not looked at.
        states: What the list says became of the messages to a phone; any other: ``Entregue``.
        list_lag: Seconds until a message is on the list of what was sent.
        list_refusal: What the list answers instead of its rows, with ``cod_error`` 1; None: the rows.
    """

    def __init__(
        self,
        token: str = "hsm-secret",  # noqa: S107 - of a pretend service
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(clock)
        self.token = token
        self.cod_error_as_text = False
        self.cookies_replayed = 0
        self.blacklist: set[str] = set()
        self.templates: set[int] | None = None
        self.variables: dict[int, int] = {}
        self.list_lag = 0.0
        self.states: dict[str, str] = {}
        self.list_refusal: str | None = None
        self._now = now
        self._refused: dict[str, str] = {}
        self._sessions = 0

    @property
    def hsm_url(self) -> str:
        """The full URL for ``URL_HSM``."""
        return f"{self.url}{PREFIX}sendHsm"

    def refuse(self, phone: str, msg: str) -> None:
        """A message to this phone (digits with 55) is refused with HTTP 200 and ``cod_error`` 1."""
        self._refused[phone] = msg

    def throttled(self, retry_after: int | str | None) -> web.Response:
        """429 with ``Retry-After`` where one is given."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return self._error("limite de requisicoes excedido", 429, headers)

    async def respond(self, request: web.Request, body: bytes) -> web.Response:
        """One of the paths of the contract, with a new session cookie as PHP gives it."""
        if "PHPSESSID" in request.headers.get("Cookie", ""):
            self.cookies_replayed += 1
        self._sessions += 1
        key = request.headers.get("Authorization")
        if not key:
            answer = self._error("chave nao informada", 403)
        elif key != self.token:
            answer = self._error("chave invalida", 400)
        else:
            answer = self._route(request, body)
        answer.set_cookie("PHPSESSID", f"session{self._sessions}", path="/")
        return answer

    def _route(self, request: web.Request, body: bytes) -> web.Response:
        try:
            match request.method, request.path.removeprefix(PREFIX):
                case "POST", "sendHsm":
                    return self._send(json.loads(body))
                case "GET", "hsmEnviadas":
                    return self._sent(dict(request.query))
                case "GET", "blacklist":
                    return self._listed(dict(request.query))
                case "POST", "blacklist":
                    return self._opt_out(json.loads(body))
        except ValueError:
            return self._error("requisicao invalida", 400)
        return self._error("recurso nao encontrado", 404)

    def _send(self, message: Any) -> web.Response:
        problem = _problem(message)
        if problem:
            return self._error(problem, 412)
        wait = self._wait()
        if wait:
            return self.throttled(math.ceil(wait))
        phone, name = message["contato"]["telefone"], _latin1(message["contato"]["nome"])
        hsm, values = message["hsm"], message.get("variaveis", {})
        refusal = self._refusal(phone, hsm, values)
        if refusal is not None:
            return self._error(refusal)
        code = len(self.received) + 1
        arrived = {position: _latin1(value) for position, value in values.items()}
        self._receive(Message(phone, name, hsm, self._now(), code, arrived))
        success = {"cod_error": self._code(0), "msg": "atendimento gerado com sucesso"}
        return json_response({**success, "cod_atendimento": code})

    def _refusal(self, phone: str, hsm: int, values: Mapping[str, str]) -> str | None:
        """What the platform has against a message that is well formed."""
        if phone in self._refused:
            return self._refused[phone]
        if phone in self.blacklist:
            return "contato na blacklist"
        if self.templates is not None and hsm not in self.templates:
            return "hsm nao encontrado"
        if hsm not in self.variables:
            return None
        if values.keys() != {str(position) for position in range(1, self.variables[hsm] + 1)}:
            return "quantidade de variaveis invalida"
        unfit = (f"variavel {position} invalida" for position in values if UNFIT.fullmatch(values[position]))
        return next(unfit, None)

    def _sent(self, query: dict[str, str]) -> web.Response:
        first, last = _day(query.get("data_inicial", "")), _day(query.get("data_final", ""))
        page = int(query.get("page", 1))
        if self.list_refusal is not None:
            return self._error(self.list_refusal)
        until = self._now() - timedelta(seconds=self.list_lag)
        shown = (m for m in self.received if m.at <= until)
        rows = [self._sent_row(m) for m in shown if first <= m.at.astimezone(LOCAL).date() <= last]
        of_page = rows[max(0, page - 1) * ROWS_A_PAGE : max(0, page) * ROWS_A_PAGE]
        return json_response({"num_pages": math.ceil(len(rows) / ROWS_A_PAGE), "registros": of_page})

    def _sent_row(self, message: Message) -> dict[str, str]:
        return {
            "cod_atendimento": str(message.code),
            "num_telefone": message.phone,
            "status": self.states.get(message.phone, "Entregue"),
            "cod_status": "3",
            "dat_msg": f"{message.at.astimezone(LOCAL):%d/%m/%Y %H:%M:%S}",
        }

    def _listed(self, query: dict[str, str]) -> web.Response:
        phone = query.get("num_telefone")
        phones = sorted(self.blacklist if phone is None else self.blacklist & {phone})
        return json_response({"registros": [{"num_telefone": p, "tip_blacklist": "1"} for p in phones]})

    def _opt_out(self, body: Any) -> web.Response:
        if not isinstance(body, dict) or not isinstance(body.get("num_telefone"), str):
            return self._error("campo obrigatorio: num_telefone", 412)
        self.blacklist.add(body["num_telefone"])
        return json_response({"cod_error": self._code(0), "msg": "sucesso"})

    def _code(self, code: int) -> int | str:
        return str(code) if self.cod_error_as_text else code

    def _error(self, msg: str, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
        return json_response({"cod_error": self._code(1), "msg": msg}, status, headers)


def _problem(message: Any) -> str | None:
    """What is wrong with the body of a send, in the order of the contract's table."""
    if not isinstance(message, dict):
        return "corpo invalido"
    contact, values = message.get("contato"), message.get("variaveis", {})
    inner = contact if isinstance(contact, dict) else {}
    name, phone = inner.get("nome"), inner.get("telefone")
    checks = (
        ("cod_conta", type(message.get("cod_conta")) is int),
        ("hsm", type(message.get("hsm")) is int),
        ("tipo_envio", type(message.get("tipo_envio")) is int),
        ("contato", isinstance(contact, dict)),
        ("contato.nome", isinstance(name, str) and bool(name.strip())),
        ("contato.telefone", isinstance(phone, str) and PHONE.fullmatch(phone) is not None),
        ("variaveis", isinstance(values, dict) and all(isinstance(v, str) for v in values.values())),
    )
    return next((f"campo ausente ou invalido: {name}" for name, right in checks if not right), None)


def _latin1(text: str) -> str:
    """As the platform, which is latin-1, keeps it: what it does not have becomes a question mark."""
    return text.encode("latin-1", "replace").decode("latin-1")


def _day(text: str) -> date:
    return datetime.strptime(text, "%d/%m/%Y").replace(tzinfo=LOCAL).date()
