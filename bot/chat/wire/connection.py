"""The account and the connections that python-telegram-bot works with."""

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx
from telegram.error import NetworkError, TelegramError, TimedOut
from telegram.ext import Application
from telegram.request import HTTPXRequest, RequestData

from bot import bodies, tls
from bot.chat.wire.access import Approvers

LARGEST = 2**20  # bytes of an answer; the bot downloads no files
TOTAL = 120.0  # seconds for one exchange, as httpx's read timeout starts again with every byte
LONGEST_REFUSAL = 300  # characters
FEW = 5  # updates that are asked for at a time where all that wait are too much for one answer

AT_ONCE = 4096  # updates: those of a crowd that wait for Telegram keep nobody else waiting
ASKED = ("ok", "throttled", "error")
"""How a request to Telegram may end."""
Answered = Callable[[bytes, int | None, float], None]
AnyApplication = Application[Any, Any, Any, Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Account:
    """The bot, its group and who may decide there.

    `token` is a secret, and so may be `proxy`: they are never part of a `repr`.
    """

    token: str
    group: int
    api_url: str = "https://api.telegram.org"
    topic: int | None = None
    approvers: Approvers = frozenset()
    proxy: str | None = None

    def __repr__(self) -> str:
        return f"Account(group={self.group})"


class _Transport(httpx.AsyncHTTPTransport):
    """No request is written that may not leave.

    It is asked once there is a connection, as waiting for one and opening it takes seconds (httpcore tells of
    each step); behind this the request is written without another wait.
    """

    def __init__(self, may_speak: Callable[[], bool], **options: Any) -> None:
        super().__init__(**options)
        self._may_speak = may_speak

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As AsyncHTTPTransport; NetworkError where it may not leave any more."""
        request.extensions["trace"] = self._goes_on
        return await super().handle_async_request(request)

    async def _goes_on(self, step: str, _: Mapping[str, Any]) -> None:
        if step == "http11.send_request_headers.started" and not self._may_speak():
            raise NetworkError("not_leading")


class Connection(HTTPXRequest):
    """As HTTPXRequest, with answers of a limited size and no body of one in a log or an error's text.

    The environment's proxies are not used: the way to Telegram is straight, or through TELEGRAM_PROXY.
    """

    def __init__(
        self,
        *,
        pool: int,
        connect: float,
        proxy: str | None = None,
        asked: Counter[str] | None = None,
        may_speak: Callable[[], bool] = lambda: True,
    ) -> None:
        """`pool` is connections at one time, `connect` the seconds that making one may take.

        `asked` counts how requests ended, by `ASKED`. Where it may not speak nothing leaves: NetworkError.
        """
        self._asked = Counter[str]() if asked is None else asked
        inner = _Transport(
            may_speak,
            verify=tls.context(),
            limits=httpx.Limits(max_connections=pool),
            proxy=proxy,
            trust_env=False,
        )
        super().__init__(
            connection_pool_size=pool,
            connect_timeout=connect,
            read_timeout=10,
            pool_timeout=5,
            httpx_kwargs={
                "transport": bodies.Bounded(inner, LARGEST),
                "trust_env": False,
                "headers": {"Accept-Encoding": bodies.ENCODINGS},
            },
        )

    async def do_request(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        """As HTTPXRequest; of a refusal only what it has to say, as PTB quotes the rest of it."""
        how = "error"
        try:
            async with asyncio.timeout(TOTAL):
                status, body = await super().do_request(*args, **kwargs)
            if httpx.codes.is_success(status):
                how = "ok"
            elif status == HTTPStatus.TOO_MANY_REQUESTS:
                how = "throttled"
        except TimeoutError:
            raise TimedOut from None
        finally:
            self._asked[how] += 1
        if httpx.codes.is_success(status):
            return status, body
        return status, json.dumps(_refusal(bodies.json_of(body))).encode()

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """As HTTPXRequest, without printing what cannot be read."""
        body = bodies.json_of(payload)
        if not isinstance(body, dict) or "result" not in body:
            raise TelegramError("Invalid server response")
        return body


def _refusal(body: Any) -> Mapping[str, Any]:
    """What PTB reads of a refusal, where it is what it should be."""
    fields = body if isinstance(body, dict) else {}
    said, given = fields.get("description"), fields.get("parameters")
    parameters = given if isinstance(given, dict) else {}
    known = {
        name: parameters[name]
        for name in ("retry_after", "migrate_to_chat_id")
        if type(parameters.get(name)) is int
    }
    text = said[:LONGEST_REFUSAL] if isinstance(said, str) else ""
    return {"result": None, "description": text, "parameters": known}


class Poller(Connection):
    """The connection that getUpdates has to itself; it stamps each good answer."""

    def __init__(
        self,
        answered: Answered,
        proxy: str | None = None,
        asked: Counter[str] | None = None,
        may_speak: Callable[[], bool] = lambda: True,
    ) -> None:
        """`answered` hears of each: its body, how many updates were asked for, how long it took."""
        super().__init__(pool=2, connect=10, proxy=proxy, asked=asked, may_speak=may_speak)
        self._answered = answered
        self._few = False

    async def do_request(self, url: str, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        """As Connection. A 401 or 404 would end PTB's polling for good, and a proxy's page may be one.

        What waits is asked for again until it is taken: a few at a time where it is too much at once.
        """
        url, limit = (f"{url}?limit={FEW}", FEW) if self._few else (url, _limit(*args, **kwargs))
        asked_at = time.monotonic()
        try:
            status, body = await super().do_request(url, *args, **kwargs)
        except NetworkError as error:
            self._few = self._few or isinstance(error.__cause__, bodies.TooLarge)
            raise
        if status == HTTPStatus.OK:
            self._few = False
            self._answered(body, limit, time.monotonic() - asked_at)
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND}:
            return HTTPStatus.SERVICE_UNAVAILABLE, body
        return status, body


def _limit(*args: Any, **kwargs: Any) -> int | None:
    """How many updates a request asks for at most."""
    given = next((one for one in (*args, *kwargs.values()) if isinstance(one, RequestData)), None)
    limit = given.parameters.get("limit") if given is not None else None
    return limit if isinstance(limit, int) else None


def application(account: Account, poller: HTTPXRequest, request: HTTPXRequest) -> AnyApplication:
    """What takes the updates in and sends the calls out, `poller` for getUpdates alone."""
    base = account.api_url.rstrip("/")
    return (
        Application.builder()
        .token(account.token)
        .base_url(f"{base}/bot")
        .base_file_url(f"{base}/file/bot")
        .get_updates_request(poller)
        .request(request)
        .concurrent_updates(AT_ONCE)
        .job_queue(None)
        .build()
    )


def is_news(record: logging.LogRecord) -> bool:
    """Whether a line is more than that Telegram could not be reached."""
    return not (record.exc_info and isinstance(record.exc_info[1], TelegramError))
