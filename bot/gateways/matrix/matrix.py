"""Matrix (MatrixGo): one HSM message for one POST, and its list of what it sent (README.md here)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

import httpx

from bot import upstream
from bot.domain.limits.templates import Meaning, Template
from bot.domain.plan import Message, Outcome, Receipt, Sent
from bot.errors import AnswerLost, BadAnswer, NotFound, TryLater
from bot.gateways.matrix.answers import receipt
from bot.gateways.matrix.latin1 import spell_name
from bot.gateways.matrix.listing import (
    HSM,
    MOST_PAGES,
    blacklisted,
    days,
    is_legible,
    page_of,
    params,
    permitted,
    sent_of,
)
from bot.gateways.matrix.variables import variables_of
from bot.ports import Clock

NOTIFICATION = 2  # tipo_envio
SEND_SECONDS = 30.0  # for one whole exchange: a send is not cut short lightly, its end would be unknown


class Matrix:
    """`bot.ports.Gateway` over Matrix's REST API.

    Args:
        url: `URL_HSM`, the full URL of `sendHsm`.
        token: `TOKEN_HSM`, sent as it is.
        cookie: `COOKIE_HSM`; empty: no such header.
        account: `HSM_ACCOUNT`.
        templates: HSM id by `Message.template`; a template that is not here is refused.
        variables: By `Message.template` what fills {{1}}, {{2}} ... in turn (`variables`); a template
            that is not here has none.
        include_current: `HSM_INCLUDE_CURRENT`: also to who has a conversation open.
        zone: The platform's local time, in which its list counts days and gives times; the customers', too.
        clock: For the day the probe asks about.
        limit: Connections at one time.
        timeout: For parts of an exchange.
        total: Seconds for one whole send.
    """

    name = "matrix"

    def __init__(
        self,
        url: str,
        token: str,
        *,
        templates: Mapping[str, int],
        zone: tzinfo,
        clock: Clock,
        variables: Mapping[str, Sequence[str]] | None = None,
        cookie: str = "",
        account: int = 1,
        include_current: bool = False,
        limit: int = 100,
        timeout: httpx.Timeout = upstream.TIMEOUT,
        total: float = SEND_SECONDS,
    ) -> None:
        self._url = url
        self._headers = {"Accept": "application/json", "Authorization": token}
        if cookie:
            self._headers["Cookie"] = cookie
        self._account = account
        self._templates = dict(templates)
        self._variables = dict(variables or {})
        self._include_current = include_current
        self._zone = zone
        self._clock = clock
        self._list_url = str(httpx.URL(url.rstrip("/")).join("hsmEnviadas"))
        self._blacklist_url = str(httpx.URL(url.rstrip("/")).join("blacklist"))
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
        hsm = self._templates.get(message.template)
        if hsm is None:  # planned while it was configured
            reason = f"sem template: HSM_ID_{message.template}"
            return Receipt(Outcome.REJECTED, reason=reason, halt="template")
        body = self._body(message, hsm)
        try:
            answer = await upstream.send(
                self._http, self._url, json=body, headers=self._headers, total=self._total
            )
        except AnswerLost as lost:
            return Receipt(Outcome.UNKNOWN, reason=str(lost))
        return receipt(answer.status_code, upstream.json_of(answer))

    async def sent(self, first: datetime, last: datetime) -> Sequence[Sent] | None:
        """What Matrix lists as sent between two times, a day at a time, all pages.

        None where this installation has no such list. Rows that cannot be read are passed over; BadAnswer
        where none of them can be.
        """
        found: dict[str, Sent] = {}
        seen = legible = False
        for day in days(first, last, self._zone):
            for page in range(1, MOST_PAGES + 1):
                try:
                    rows, pages = page_of(await self._page(params(day, page)))
                except NotFound:
                    if found:
                        raise
                    return None
                seen, legible = seen or bool(rows), legible or any(map(is_legible, rows))
                read = (sent_of(row, first, last, self._zone) for row in rows)
                found |= {sent.reference: sent for sent in read if sent is not None}
                if page >= pages or not rows:
                    break
        if seen and not legible:  # another format than we know: absence from it says nothing at all
            raise BadAnswer("no_rows")
        return list(found.values())

    async def templates(self) -> Mapping[str, Template] | None:
        """None: Matrix tells nobody what a template says, or how it stands."""
        return None

    def fills(self, message: Message) -> Mapping[str, str]:
        """What stands for {{1}}, {{2}} ... of the message's template."""
        return variables_of(message, self._variables.get(message.template, ()), self._zone)

    def means(self, event: str) -> Meaning:  # noqa: ARG002 - the protocol's
        """Nothing: it sends no notices."""
        return "nothing"

    async def opted_out(self) -> Sequence[str] | None:
        """The phones on its blacklist for HSM; None where this installation has none."""
        try:
            return blacklisted(permitted(await self._read(self._blacklist_url, {"tip_blacklist": HSM})))
        except NotFound:
            return None

    async def probe(self) -> str:
        """Ask for today's list of sent messages: a GET, so it sends nothing, and it needs the key."""
        today = self._clock.now().astimezone(self._zone).date()
        try:
            await self._page(params(today, 1))
        except NotFound:
            return "reachable (no list of sent messages, so the key is not checked)"
        except (AnswerLost, BadAnswer) as error:
            raise TryLater(str(error)) from None
        return "reachable, key accepted"

    async def _page(self, query: Mapping[str, str | int]) -> Any:
        return permitted(await self._read(self._list_url, query))

    async def _read(self, url: str, query: Mapping[str, str | int]) -> Any:
        return await upstream.read(self._http, "GET", url, params=query, headers=self._headers)

    def _body(self, message: Message, hsm: int) -> dict[str, Any]:
        body: dict[str, Any] = {
            "cod_conta": self._account,
            "hsm": hsm,
            "tipo_envio": NOTIFICATION,
            "contato": {"nome": spell_name(message.name), "telefone": message.phone},
        }
        if variables := self._variables.get(message.template):
            body["variaveis"] = variables_of(message, variables, self._zone)
        if self._include_current:
            body["bol_incluir_atual"] = 1
        return body
