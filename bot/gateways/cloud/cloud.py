"""WhatsApp Cloud API: one template message for one POST (README.md here)."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

import httpx

from bot import upstream
from bot.domain.limits.daily import Allowed
from bot.domain.limits.templates import Meaning, Template
from bot.domain.plan import Message, Outcome, Receipt, Sent
from bot.errors import AnswerLost, BadAnswer, Refused, TryLater
from bot.gateways.cloud.answers import is_an_error, receipt
from bot.gateways.cloud.body import body_of, values_in
from bot.gateways.cloud.limit import FIELD, allowed
from bot.gateways.cloud.templates import A_PAGE, FIELDS, LISTED, choices, meaning, template_of
from bot.gateways.whatsapp import is_phone
from bot.tongue import said

SEND_SECONDS = 30.0  # for one whole exchange: a send is not cut short lightly, its end would be unknown
READ_SECONDS = 10.0  # for one reading of what the account is
_READ = {"fields": "health_status,quality_rating"}


class Cloud:
    """`bot.ports.Gateway` over Meta's Graph API, or over a provider that passes it on.

    Args:
        url: Of the number; its messages are sent to `/messages` below it.
        headers: What carries the key.
        templates: Name by `Message.template`; a template that is not here is refused.
        language: Of the templates.
        variables: By `Message.template` what fills its variables in turn, as the settings write it.
        named: The variables have names: those words.
        readable: The number itself can be read below `url`: what `probe` asks for.
        account: The URL of the business account, whose templates can be read; None: they cannot.
        zone: The customers' local time.
        limit: Connections at one time.
        timeout: For parts of an exchange.
        total: Seconds for one whole send.
    """

    name = "cloud"

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        templates: Mapping[str, str],
        zone: tzinfo,
        language: str = "pt_BR",
        variables: Mapping[str, Sequence[str]] | None = None,
        named: bool = False,
        readable: bool = True,
        account: str | None = None,
        limit: int = 100,
        timeout: httpx.Timeout = upstream.TIMEOUT,
        total: float = SEND_SECONDS,
    ) -> None:
        self._url = url
        self._send_url = f"{url}/messages"
        self._headers = {"Accept": "application/json", **headers}
        self._templates = dict(templates)
        self._language = language
        self._variables = dict(variables or {})
        self._named = named
        self._readable = readable
        self._account = account
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
        name = self._templates.get(message.template)
        if name is None:  # planned while it was configured
            return Receipt(
                Outcome.REJECTED, reason=f"sem template: WA_TEMPLATE_{message.template}", halt="template"
            )
        if not is_phone(message.phone):
            return Receipt(Outcome.REJECTED, reason="wa_phone")
        words = self._variables.get(message.template, ())
        body = body_of(message, name, self._language, words, named=self._named, zone=self._zone)
        try:
            answer = await upstream.send(
                self._http,
                self._send_url,
                json=body,
                headers=self._headers,
                total=self._total,
                stated=is_an_error,
            )
        except AnswerLost as lost:
            return Receipt(Outcome.UNKNOWN, reason=str(lost))
        pause = upstream.retry_after(answer.headers)
        return receipt(answer.status_code, upstream.json_of(answer), pause)

    async def sent(self, first: datetime, last: datetime) -> Sequence[Sent] | None:  # noqa: ARG002 - the protocol's
        """None: it keeps no list."""
        return None

    async def templates(self) -> Mapping[str, Template] | None:
        """Ask Meta for each template that is configured; None where nobody said which account has them."""
        if self._account is None:
            return None
        names = list(dict.fromkeys(self._templates.values()))  # regions may share one, and fill it otherwise
        rows = dict(zip(names, await asyncio.gather(*map(self._named_rows, names)), strict=True))
        return {template: self._template(template, rows[name]) for template, name in self._templates.items()}

    async def catalogue(self) -> Sequence[tuple[str, str]] | None:
        """The approved ones in our language; None where nobody said which account has them."""
        if self._account is None:
            return None
        query = {"fields": LISTED, "limit": str(A_PAGE)}
        return choices(_rows(await self._read(f"{self._account}/message_templates", query)), self._language)

    def fills(self, message: Message) -> Mapping[str, str]:
        """What stands for the variables of the message's template."""
        words = self._variables.get(message.template, ())
        return dict(values_in(message, words, named=self._named, zone=self._zone))

    def means(self, event: str) -> Meaning:
        """What a notice of Meta's says of a template."""
        return meaning(event)

    async def allowance(self) -> Allowed | None:
        """The tier of the number's portfolio; None where nobody can ask, BadAnswer where Meta says none."""
        if not self._readable:
            return None
        found = allowed(await self._read(self._url, {"fields": FIELD}))
        if found is None:  # a word of tomorrow is no reason to forget the limit of today
            raise BadAnswer("no_object")
        return found

    async def _named_rows(self, name: str) -> Sequence[Any]:
        query = {"name": name, "fields": FIELDS, "limit": str(A_PAGE)}
        body = await self._read(f"{self._account}/message_templates", query)
        rows = _rows(body)
        more = isinstance(body.get("paging"), dict) and "next" in body["paging"]
        if more and not any(isinstance(row, dict) and row.get("name") == name for row in rows):
            raise BadAnswer("fewer_rows")  # it may stand on a page that was not read
        return rows

    def _template(self, template: str, rows: Sequence[Any]) -> Template:
        name, words = self._templates[template], self._variables.get(template, ())
        return template_of(rows, name, self._language, words, named=self._named)

    async def probe(self) -> str:
        """Read the number: a GET, so it sends nothing, and it needs the key. Refused where it is blocked."""
        try:
            if self._readable:
                return _said_of(await self._read(self._url, _READ))
            await self._read(self._send_url, {})
        except Refused:
            if self._readable:
                raise
        except (AnswerLost, BadAnswer) as error:
            if self._readable or isinstance(error, AnswerLost):
                raise TryLater(str(error)) from None
        return "reachable (nothing to ask without sending, so the key is not checked)"

    async def _read(self, url: str, query: Mapping[str, str]) -> Any:
        return await upstream.read(
            self._http,
            "GET",
            url,
            params=query,
            headers=self._headers,
            most=upstream.ONE,
            total=READ_SECONDS,
        )


def _rows(body: Any) -> list[Any]:
    rows = body.get("data") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise BadAnswer("no_rows")
    return rows


def _said_of(number: Any) -> str:
    """What a number says of itself, in a few words."""
    health = number.get("health_status") if isinstance(number, dict) else None
    state = health.get("can_send_message") if isinstance(health, dict) else None
    if state == "BLOCKED":
        raise Refused(said("Meta blocks this number: it may send nothing"))
    limited = ", but Meta limits what the number may send" if state == "LIMITED" else ""
    return f"reachable, key accepted{limited}"
