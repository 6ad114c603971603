"""The WhatsApp Cloud API, as Meta answers: what it accepts counts as delivered, unless it is held."""

import json
import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from bot.simulator.gateway import GatewayApi
from bot.simulator.matrix import UNFIT
from bot.simulator.server import json_response

NUMBER = "106540352242922"
_PHONE = re.compile(r"\+[1-9][0-9]{7,14}")
ACCOUNT = "102290129340398"
_PATH = re.compile(rf"/v[0-9]+\.[0-9]+/{NUMBER}(/messages)?")
_TEMPLATES = re.compile(rf"/v[0-9]+\.[0-9]+/{ACCOUNT}/message_templates")
_HTTP: Mapping[int, int] = {0: 401, 190: 401, 10: 403, 2: 503, 131000: 500, 131016: 503, 132001: 404}
_TOO_FAST = 130429
_REFUSED: Mapping[str, int] = {"PAUSED": 132015, "DISABLED": 132016}
_POLICY = "deterministic"  # the schema needs it, the prose leaves it out: both are taken


@dataclass(frozen=True)
class CloudMessage:
    """One message that was taken; ``values`` fill the variables: (name, text), or ("", text) by position.

    ``at`` is UTC.
    """

    phone: str
    template: str
    id: str
    opaque: str
    at: datetime
    values: tuple[tuple[str, str], ...] = field(default=())


class CloudApi(GatewayApi[CloudMessage]):
    """Meta's Graph API on loopback, for one number; with ``provider`` 360dialog's form of it.

    Attributes:
        held: Messages that wait for Meta's look at them, or for good.
        keeps: Called with each of them as it is held.
        templates: What the approved templates are filled with, by name: how many variables, or their names.
            None: any template, and nobody looks at what fills it.
        language: Of all templates.
        states: By name how a template stands, where that is not APPROVED; it cannot be sent then.
        categories: The same of its category, where that is not UTILITY.
        texts: By name what its body says; else a sentence with its variables.
        parts: By name what else a template has, as a reading says it (`components`, `quality_score`).
        statuses: What the next answers say of their message (``message_status``), in turn; then ``accepted``.
        bare: Answers hold nothing but the message's id.
        health: What the number says of itself; `tier` how many people it may write to, None: nothing.
    """

    def __init__(
        self,
        token: str = "cloud-secret",  # noqa: S107 - of a pretend service
        *,
        provider: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(clock)
        self.token = token
        self.provider = provider
        self.held: list[CloudMessage] = []
        self.keeps: Callable[[CloudMessage], None] = lambda _: None
        self.templates: dict[str, int | Collection[str]] | None = None
        self.language = "pt_BR"
        self.states: dict[str, str] = {}
        self.categories: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self.parts: dict[str, dict[str, Any]] = {}
        self.statuses: list[str | None] = []
        self.bare = False
        self.health = "AVAILABLE"
        self.tier: str | None = "TIER_UNLIMITED"
        self._now = now
        self._refused: dict[str, int] = {}
        self._next: list[tuple[int, int | None]] = []

    def refuse(self, phone: str, code: int) -> None:
        """A message to this phone (digits) is answered with this code."""
        self._refused[phone] = code

    def fail(self, code: int, times: int = 1, status: int | None = None) -> None:
        """The next so many sends are answered with this code; ``status``: HTTP's, else the usual one."""
        self._next += [(code, status)] * times

    def mend(self) -> None:
        """Nothing fails any more, but for the phones that are refused."""
        self._next.clear()

    def release(self, message: CloudMessage) -> None:
        """A held message leaves after all."""
        self.held.remove(message)
        self._receive(message)

    def drop(self, message: CloudMessage) -> None:
        """The phone does not get this message: it was held for good, or did not arrive."""
        if message in self.held:
            self.held.remove(message)
        else:
            self.counts_of(message)[message.phone] -= 1

    def throttled(self, retry_after: int | str | None) -> web.Response:
        """429 with ``Retry-After`` where one is given, as a gateway before the API answers."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return web.Response(status=429, text="Too Many Requests", headers=headers)

    async def respond(self, request: web.Request, body: bytes) -> web.Response:
        """One of the paths of the contract."""
        path = _PATH.fullmatch(request.path)
        if self.provider:
            if request.headers.get("D360-API-KEY") != self.token:
                return web.Response(status=401, text="Unauthorized")
            sends = request.path == "/messages"
        else:
            if request.headers.get("Authorization") != f"Bearer {self.token}":
                return self._error(190, "Invalid OAuth access token.")
            if path is None:
                return self._of_account(request)
            sends = path[1] is not None
        match request.method, sends:
            case "POST", True:
                return self._send(body)
            case "GET", False if not self.provider:
                return json_response(self._number())
        return self._error(100, "Unsupported request") if not self.provider else web.Response(status=404)

    def _send(self, raw: bytes) -> web.Response:
        if self._next:
            code, status = self._next.pop(0)
            return self._error(code, "told to", status=status)
        if self._wait():
            return self._error(_TOO_FAST, "Rate limit hit")
        try:
            body = json.loads(raw)
        except ValueError:
            return self._error(100, "Invalid JSON")
        problem = _problem(body)
        if problem:
            return self._error(100, f"Invalid parameter: {problem}")
        phone, template = body["to"].removeprefix("+"), body["template"]
        refusal = self._refused.get(phone) or self._unfit(template)
        if refusal:
            return self._error(refusal, "refused")
        return self._take(body, phone)

    def _take(self, body: Mapping[str, Any], phone: str) -> web.Response:
        template = body["template"]
        values = tuple((p.get("parameter_name", ""), p["text"]) for p in _parameters(template))
        number = len(self.received) + len(self.held) + 1
        opaque = body.get("biz_opaque_callback_data", "")
        message = CloudMessage(phone, template["name"], f"wamid.{number:08}", opaque, self._now(), values)
        status = self.statuses.pop(0) if self.statuses else "accepted"
        if status in {"held_for_quality_assessment", "paused"}:
            self.held.append(message)
            self.keeps(message)
        else:
            self._receive(message)
        said: dict[str, str] = {"id": message.id} | ({"message_status": status} if status else {})
        if self.bare:
            return json_response({"messages": [{"id": message.id}]})
        contacts = [{"input": body["to"], "wa_id": phone}]
        return json_response({"messaging_product": "whatsapp", "contacts": contacts, "messages": [said]})

    def _number(self) -> dict[str, Any]:
        tier = {} if self.tier is None else {"whatsapp_business_manager_messaging_limit": self.tier}
        return {"health_status": {"can_send_message": self.health}, "id": NUMBER} | tier

    def _of_account(self, request: web.Request) -> web.Response:
        if request.method == "GET" and _TEMPLATES.fullmatch(request.path):
            return self._listed(request.query)
        return self._error(100, "Unsupported request. Object does not exist", subcode=33)

    def _listed(self, query: Mapping[str, str]) -> web.Response:
        """The account's templates whose names hold what is asked for, a page of them."""
        names = [name for name in self.templates or {} if query.get("name", "") in name]
        shown = names[: int(query.get("limit", "25"))]
        more = {"paging": {"next": "https://graph.facebook.com/next"}} if len(shown) < len(names) else {}
        return json_response({"data": [self._row(name) for name in shown]} | more)

    def _row(self, name: str) -> dict[str, Any]:
        wanted = (self.templates or {})[name]
        places = [str(n) for n in range(1, wanted + 1)] if isinstance(wanted, int) else list(wanted)
        text = self.texts.get(name) or " ".join(["Aviso:", *(f"{{{{{place}}}}}" for place in places), "."])
        parts = dict(self.parts.get(name, {}))
        return {
            "id": f"{len(name):06}",
            "name": name,
            "language": self.language,
            "status": self.states.get(name, "APPROVED"),
            "category": self.categories.get(name, "UTILITY"),
            "parameter_format": "POSITIONAL" if isinstance(wanted, int) else "NAMED",
            "components": [{"type": "BODY", "text": text}, *parts.pop("components", [])],
            "quality_score": {"score": "GREEN"},
        } | parts

    def _unfit(self, template: Mapping[str, Any]) -> int | None:
        """The code for a template that is not there, or for what fills it; None where all fits."""
        state = self.states.get(template["name"], "APPROVED")
        if state != "APPROVED":
            return _REFUSED.get(state, 132001)
        if self.templates is None:
            return None
        wanted = self.templates.get(template["name"])
        if wanted is None or template["language"]["code"] != self.language:
            return 132001
        given = _parameters(template)
        names = [p.get("parameter_name") for p in given]
        if len(given) != (wanted if isinstance(wanted, int) else len(wanted)):
            return 132000
        if (set(names) - {None}) if isinstance(wanted, int) else set(names) != set(wanted):
            return 132012
        return 132018 if any(UNFIT.fullmatch(p["text"]) for p in given) else None

    def _error(
        self, code: int, details: str, *, status: int | None = None, subcode: int | None = None
    ) -> web.Response:
        error = {
            "message": f"(#{code}) {details}",
            "type": "OAuthException",
            "code": code,
            "error_data": {"messaging_product": "whatsapp", "details": details},
            "fbtrace_id": "Az8or2yhqkZfEZ",
        } | ({} if subcode is None else {"error_subcode": subcode})
        return json_response({"error": error}, status or _HTTP.get(code, 400))


def _parameters(template: Mapping[str, Any]) -> list[dict[str, str]]:
    components = template.get("components", [])
    return list(components[0]["parameters"]) if components else []


def _problem(body: Any) -> str | None:
    """What is wrong with the form of a send; unknown fields are wrong, too."""
    template = body.get("template") if isinstance(body, dict) else None
    inner = template if isinstance(template, dict) else {}
    language = inner.get("language")
    opaque = body.get("biz_opaque_callback_data", "-") if isinstance(body, dict) else None
    known = {"messaging_product", "recipient_type", "to", "type", "biz_opaque_callback_data", "template"}
    checks = (
        ("body", isinstance(body, dict) and body.keys() <= known),
        ("messaging_product", isinstance(body, dict) and body.get("messaging_product") == "whatsapp"),
        ("to", isinstance(body, dict) and _PHONE.fullmatch(str(body.get("to"))) is not None),
        ("type", isinstance(body, dict) and body.get("type") == "template"),
        ("biz_opaque_callback_data", isinstance(opaque, str) and 0 < len(opaque) <= 512),  # noqa: PLR2004
        ("template", inner.keys() <= {"name", "language", "components"}),
        ("template.name", isinstance(inner.get("name"), str)),
        (
            "template.language",
            isinstance(language, dict) and "code" in language and language.get("policy", _POLICY) == _POLICY,
        ),
        ("template.components", _are_components(inner.get("components"))),
    )
    return next((name for name, right in checks if not right), None)


def _are_components(components: Any) -> bool:
    """None, or a body with at least one text."""
    if components is None:
        return True
    if not isinstance(components, list) or len(components) != 1 or components[0].get("type") != "body":
        return False
    given = components[0].get("parameters")
    return (
        isinstance(given, list)
        and bool(given)
        and all(one.get("type") == "text" and isinstance(one.get("text"), str) for one in given)
    )
