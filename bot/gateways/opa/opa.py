"""Opa! Suite: one template message for one POST, and each message asked for by its id (README.md here)."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, tzinfo
from typing import Any

import httpx

from bot import upstream
from bot.domain.delivery import DeliveryNews
from bot.domain.limits.daily import Allowed
from bot.domain.limits.templates import Meaning, Template, Trouble
from bot.domain.plan import Message, Outcome, Receipt, Sent
from bot.errors import AnswerLost, BadAnswer, NotFound, Refused, TryLater
from bot.gateways.filling import values_of
from bot.gateways.opa.answers import identifier, receipt, refusal_in, unwrapped
from bot.gateways.opa.limit import allowed
from bot.gateways.opa.standing import news_of
from bot.gateways.opa.templates import choices, template_of, troubles_of
from bot.gateways.reasons import listed
from bot.gateways.whatsapp import is_phone, spell
from bot.tongue import said

SEND_SECONDS = 30.0  # for one whole exchange: a send is not cut short lightly, its end would be unknown
READ_SECONDS = 10.0  # for one reading
A_PAGE = 100  # channels that are looked at to name a few
NOBODYS = "0" * 24  # an id that no message has
_NO_SUCH_ID = ("http_400", "http_404")
_WRONG = {
    "other_channel": "OPA_CHANNEL is a channel of {has}, not of WhatsApp",
    "unofficial": "OPA_CHANNEL is connected by {has}: only {wants} are official, and this bot sends by "
    "no other, as a notice to many is what gets such a number banned",
    "inactive": "OPA_CHANNEL ({has}) is not active",
}
_SWAPPED = "OPA_CHANNEL is the id of a template: it seems to be swapped with one of OPA_TEMPLATE_*"


class Opa:
    """`bot.ports.Gateway` over Opa! Suite's REST API; it tells of no message by itself, but answers for each.

    Args:
        url: Of the account, without a path.
        token: Of a user of the kind API.
        channel: The id of the channel that sends.
        templates: Id by `Message.template`; a template that is not here is refused.
        variables: By `Message.template` what fills its variables in turn.
        include_current: Also to who has a conversation open.
        zone: The customers' local time.
        limit: Connections at one time.
        timeout: For parts of an exchange.
        total: Seconds for one whole send.
    """

    name = "opa"

    def __init__(
        self,
        url: str,
        token: str,
        *,
        channel: str,
        templates: Mapping[str, str],
        zone: tzinfo,
        variables: Mapping[str, Sequence[str]] | None = None,
        include_current: bool = False,
        limit: int = 100,
        timeout: httpx.Timeout = upstream.TIMEOUT,
        total: float = SEND_SECONDS,
    ) -> None:
        self._url = f"{url}/api/v1"
        self._send_url = f"{self._url}/template/send"
        self._headers = {"Accept": "application/json", "Authorization": f"Bearer {token}"}
        self._channel = channel
        self._templates = dict(templates)
        self._variables = dict(variables or {})
        self._include_current = include_current
        self._zone = zone
        self._http = upstream.client(limit=limit, timeout=timeout)
        self._total = total

    async def aclose(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    def guard(self, may_leave: Callable[[], bool]) -> None:
        """As `bot.gateways.adapter.Sender.guard`."""
        self._http.may_leave = may_leave

    async def send(self, message: Message) -> Receipt:
        """Send one message, once. TryLater where it is known that nothing was sent."""
        template = self._templates.get(message.template)
        if template is None:  # planned while it was configured
            reason = f"sem template: OPA_TEMPLATE_{message.template}"
            return Receipt(Outcome.REJECTED, reason=reason, halt="template")
        if not is_phone(message.phone):
            return Receipt(Outcome.REJECTED, reason="opa_phone")
        body = self._body(message, template)
        try:
            answer = await upstream.send(
                self._http, self._send_url, json=body, headers=self._headers, total=self._total
            )
        except AnswerLost as lost:
            return Receipt(Outcome.UNKNOWN, reason=str(lost))
        return receipt(answer.status_code, upstream.json_of(answer))

    async def sent(self, first: datetime, last: datetime) -> Sequence[Sent] | None:  # noqa: ARG002 - the protocol's
        """None: its messages are listed by conversation alone."""
        return None

    async def track(self, reference: str, at: datetime) -> DeliveryNews | None:
        """What it says of one message; None: nothing yet, or it is another gateway's id."""
        if identifier(reference) != reference:
            return None
        return news_of(await self._read(f"atendimento/mensagem/{reference}"), reference, at)

    async def templates(self) -> Mapping[str, Template] | None:
        """Ask for the channel and its templates; what is wrong with it is wrong with each of them."""
        channel, rows = await asyncio.gather(self._read_channel(), self._read(f"{self._path}/template"))
        if not isinstance(rows, list):
            raise BadAnswer("no_rows")
        known = ((identifier(row.get("_id")), row) for row in rows if isinstance(row, dict))
        there = {id_: row for id_, row in known if id_ is not None}
        found = await asyncio.gather(*(self._template(name, there) for name in self._templates))
        wrong = troubles_of(channel)
        named = zip(self._templates, found, strict=True)
        return {name: Template(one.name, one.text, (*wrong, *one.troubles)) for name, one in named}

    async def catalogue(self) -> Sequence[tuple[str, str]] | None:
        """Those of the channel."""
        return choices(await self._read(f"{self._path}/template"))

    def fills(self, message: Message) -> Mapping[str, str]:
        """What stands for {{1}}, {{2}} ... of the message's template."""
        return {str(place): value for place, value in enumerate(self._values(message), 1)}

    def means(self, event: str) -> Meaning:  # noqa: ARG002 - the protocol's
        """Nothing: it sends no notices."""
        return "nothing"

    async def allowance(self) -> Allowed | None:
        """How many of today's messages are left on the channel, as it counts them itself."""
        return allowed(await self._read(f"{self._path}/template/limites-diarios-envio"))

    async def probe(self) -> str:
        """Read the channel: a GET, so it sends nothing, and it needs the token.

        Refused where it is no channel of WhatsApp's own API, or not active.
        """
        try:
            try:
                channel = await self._read_channel()
            except Refused as error:
                if str(error) not in _NO_SUCH_ID:
                    raise
                raise Refused(await self._no_channel()) from None
        except (AnswerLost, BadAnswer) as error:
            raise TryLater(str(error)) from None
        for trouble in troubles_of(channel):
            raise Refused(said(_WRONG[trouble.code], has=trouble.has, wants=trouble.wants))
        return f"reachable, key accepted{'' if await self._tells() else ', but it may read no receipts'}"

    @property
    def _path(self) -> str:
        return f"canal-comunicacao/{self._channel}"

    async def _read_channel(self) -> Mapping[str, Any]:
        channel = await self._read(self._path)
        if not isinstance(channel, dict) or not channel.get("_id"):
            raise BadAnswer("no_object")
        return channel

    async def _no_channel(self) -> str:
        """What there is in the place of a channel that is not there."""
        if await self._is_there(f"template/{self._channel}"):
            return said(_SWAPPED)
        page = {"filter": {"canal": "Whatsapp"}, "options": {"skip": 0, "limit": A_PAGE}}
        rows = await self._read("canal-comunicacao/", json=page)
        named = [f"{row.get('nome')} {row.get('_id')}" for row in rows if isinstance(row, dict)]
        text = "OPA_CHANNEL is no channel there; of WhatsApp there are: {names}"
        return said(text, names=listed(named) or said("none"))

    async def _template(self, template: str, there: Mapping[str, Mapping[str, Any]]) -> Template:
        id_ = self._templates[template]
        if id_ in there:
            return template_of(there[id_], id_, self._variables.get(template, ()))
        if await self._is_there(f"template/{id_}"):
            return Template(id_, None, (Trouble("elsewhere"),))
        if await self._is_there(f"canal-comunicacao/{id_}"):
            return Template(id_, None, (Trouble("swapped"),))
        names = [str(row.get("atalho") or "") for row in there.values()]
        return Template(id_, None, (Trouble("missing", listed(names)),))

    async def _is_there(self, path: str) -> bool:
        try:
            found = await self._read(path)
        except Refused as error:
            if str(error) in _NO_SUCH_ID:
                return False
            raise
        return isinstance(found, dict) and bool(found.get("_id"))

    async def _tells(self) -> bool:
        """Whether the token's profile lets messages be read. It is asked for one that is not there."""
        with suppress(TryLater, AnswerLost, BadAnswer, NotFound):
            try:
                await self._read(f"atendimento/mensagem/{NOBODYS}")
            except Refused as error:
                return str(error) != "http_403"
        return True

    async def _read(self, path: str, json: Any = None) -> Any:
        body = await upstream.read(
            self._http,
            "GET",
            f"{self._url}/{path}",
            json=json,
            headers=self._headers,
            most=upstream.ONE,
            total=READ_SECONDS,
        )
        refused = refusal_in(body)
        if refused is not None:
            raise Refused(refused)
        return unwrapped(body)

    def _values(self, message: Message) -> list[str]:
        return values_of(message, self._variables.get(message.template, ()), self._zone, spell)

    def _body(self, message: Message, template: str) -> dict[str, Any]:
        chosen: dict[str, Any] = {"_id": template}
        if values := self._values(message):
            chosen["variaveis"] = values
        return {
            "contato": {"canalCliente": f"+{message.phone}"},
            "canal": self._channel,
            "allowSendingToStartedCustomerService": self._include_current,
            "template": chosen,
            "metadata": {"ref": message.about or message.recipient},
        }
