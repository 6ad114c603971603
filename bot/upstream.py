"""HTTP to the systems the bot talks to: the only module that knows which library speaks it.

`read` is for what may be repeated (reads, logins), `send` for what must never be. The text of every error
is a short code (`dns`, `refused`, `no_answer`, `http_502` ...): no URL, no body, no credential.

What an error proves is decided by its aiohttp cause and never by its httpx class: httpx-aiohttp 0.2 calls a
refused connection, a reset and a server that hung up after it had processed the request all
`ConnectTimeout`, and lets `ClientResponseError` through unmapped. Only a cause that says that no connection
came about proves that nothing left. tests/adapters/test_upstream.py and tests/faults/rows.py hold the faults.
"""

import asyncio
import functools
import ssl
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from json import dumps
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from bot import bodies
from bot.errors import AnswerLost, BadAnswer, BotError, NotFound, Refused, Throttled, TryLater

KEEP_ALIVE = 4.0  # seconds; Apache hangs up after 5, and a POST that meets the hang-up has an unknown end
TIMEOUT = httpx.Timeout(connect=5.0, read=20.0, write=20.0, pool=10.0)
LIST = 16 * 2**20  # bytes: a page of a list, the most that any answer may have
ALERT = 4 * 2**20  # one alert: ten thousand ONUs
ONE = 256 * 2**10  # a login, one customer
SENT = 64 * 2**10  # what a gateway says to one message
TOTAL = 60.0  # seconds for one exchange, as httpx's read timeout starts again with every byte
_PROVES: tuple[tuple[type[BaseException], type[TryLater | AnswerLost], str], ...] = (
    # What a failure proves, first match: TryLater only where nothing can have left.
    (aiohttp.ClientConnectorDNSError, TryLater, "dns"),
    (aiohttp.ClientSSLError, TryLater, "tls"),  # the handshake, certificates included
    (aiohttp.ClientConnectorError, TryLater, "refused"),
    (aiohttp.ConnectionTimeoutError, TryLater, "connect_timeout"),  # also the wait for a free connection
    (TimeoutError, AnswerLost, "no_answer"),
    (aiohttp.ClientPayloadError, AnswerLost, "half_answer"),
    (aiohttp.ClientConnectionError, AnswerLost, "reset"),
    (OSError, AnswerLost, "reset"),
)


class _NoCookies(httpx.Cookies):
    def extract_cookies(self, response: httpx.Response) -> None:
        """None is kept, and no time is spent on looking for one."""


class _Client(httpx.AsyncClient):
    @property  # type: ignore[misc]  # read-only: nothing may set one
    def cookies(self) -> httpx.Cookies:
        return _NO_COOKIES


_NO_COOKIES = _NoCookies()


def client(
    *,
    auth: httpx.Auth | None = None,
    limit: int = 100,
    timeout: httpx.Timeout = TIMEOUT,
) -> httpx.AsyncClient:
    """A client for one upstream and the life of the process; `limit` is connections at one time.

    It keeps connections alive, follows no redirect and keeps no cookie: a platform that locks a
    session while it answers would put concurrent sends in a queue. The environment's proxies and netrc are
    not used: a proxy between us and the upstream would blur what a failed connection proves. `SSL_CERT_FILE`
    is.

    `timeout.pool` covers the wait for a free connection and opening it, so it is above `timeout.connect`.
    """
    tls = _tls()

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=limit, keepalive_timeout=KEEP_ALIVE, ssl=tls)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    return _Client(
        transport=bodies.Bounded(AiohttpTransport(verify=tls, client=session), LIST),
        auth=auth,
        timeout=timeout,
        headers={"Accept-Encoding": bodies.ENCODINGS},
        trust_env=False,
        follow_redirects=False,
    )


async def read(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    params: Mapping[str, str | int] | None = None,
    json: Any = None,
    headers: Mapping[str, str] | None = None,
    login: bool = False,
    most: int = LIST,
    total: float = TOTAL,
) -> Any:
    """The JSON of the answer to something that may be repeated, of `most` bytes at most.

    `login` leaves the client's auth out.

    Raises:
        TryLater: Never reached, or 429.
        AnswerLost: No answer, half of one, or 5xx.
        NotFound: 404.
        Refused: Any other 4xx (a 401 has been through the client's auth by then), or a redirect.
        BadAnswer: A 2xx that is no JSON, deeper than anybody needs, or larger than `most`.
    """
    size = {"most": most}
    request = http.build_request(method, url, params=params, json=json, headers=headers, extensions=size)
    try:
        response = await _exchange(http, request, with_auth=not login, total=total)
    except bodies.TooLarge:
        raise BadAnswer("too_large") from None
    _raise_for_the_server(response)
    if response.status_code == httpx.codes.NOT_FOUND:
        raise NotFound("http_404")
    if not response.is_success:
        raise Refused(f"http_{response.status_code}")
    body = json_of(response)
    if body is None:
        raise BadAnswer("not_json")
    return body


async def send(
    http: httpx.AsyncClient,
    url: str,
    *,
    json: Any,
    headers: Mapping[str, str] | None = None,
    total: float = TOTAL,
) -> httpx.Response:
    """The answer, 2xx to 4xx, to one POST that leaves at most once.

    The body is JSON as Python writes it by default: spaces after `,` and `:`, and nothing but ASCII. What the
    bot replaces sent it so, and it is the one form that is known to work on the real platform.

    Nothing repeats it: no auth flow, no redirect, and aiohttp sends only idempotent methods a second time
    when a kept connection turns out to be closed.

    Raises:
        TryLater: It is known that nothing left, or the server answered 429. Repeating is safe.
        AnswerLost: Everything else, a 503 with an answer too, even where a platform's page calls it safe to
            repeat: a proxy may answer 503 for a backend that did the work.
            A success of more than `SENT` bytes, too: whatever it goes on to say, the message was taken in.
    """
    sent = {"Content-Type": "application/json", **(headers or {})}
    request = http.build_request(
        "POST", url, content=dumps(json).encode(), headers=sent, extensions={"most": SENT}
    )
    try:
        response = await _exchange(http, request, with_auth=False, total=total)
    except bodies.TooLarge:
        raise AnswerLost("too_large") from None
    _raise_for_the_server(response)
    return response


def json_of(response: httpx.Response) -> Any:
    """The body as JSON, None where it cannot be read (`bodies.json_of`)."""
    return bodies.json_of(response.content)


async def _exchange(
    http: httpx.AsyncClient, request: httpx.Request, *, with_auth: bool, total: float
) -> httpx.Response:
    try:
        async with asyncio.timeout(total):
            return await http.send(request, auth=httpx.USE_CLIENT_DEFAULT if with_auth else None)
    except TimeoutError:
        raise AnswerLost("no_answer") from None
    except bodies.TooLarge:
        raise
    except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
        # `from None`: the cause's text may hold the URL or headers.
        raise _meaning(error.__cause__ if isinstance(error, httpx.HTTPError) else error) from None


def _meaning(cause: BaseException | None) -> BotError:
    for kinds, error, code in _PROVES:
        if isinstance(cause, kinds):
            return error(code)
    return AnswerLost("garbled")


def _raise_for_the_server(response: httpx.Response) -> None:
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        raise Throttled("throttled", _retry_after(response.headers))
    if response.is_server_error:
        raise AnswerLost(f"http_{response.status_code}")


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds; a date counts from the answer's own `Date`, so a clock that is off does no harm."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        wait = parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError):  # no date, or one with a zone and one without
        return None
    return max(0.0, wait.total_seconds())


@functools.cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()
