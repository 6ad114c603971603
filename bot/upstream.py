"""HTTP to the systems the bot talks to: the only module that knows which library speaks it.

`read` is for what may be repeated (reads, logins), `send` for what must never be. Both go through one
transport; a send skips what httpx puts around it. The text of every error is a short code (`dns`, `refused`,
`no_answer`, `http_502` ...): no URL, no body, no credential.

What an error proves is decided by its aiohttp cause and never by its httpx class: httpx-aiohttp 0.2 calls a
refused connection, a reset and a server that hung up after it had processed the request all
`ConnectTimeout`, and lets `ClientResponseError` through unmapped. Only a cause that says that no connection
came about proves that nothing left. tests/adapters/test_upstream.py and tests/faults/rows.py hold the faults.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from json import dumps
from typing import Any, TypeVar

import aiohttp
import httpx
from aiohttp.connector import Connection
from httpx_aiohttp import AiohttpTransport
from httpx_aiohttp.transport import AiohttpResponseStream

from bot import bodies, tls
from bot.errors import AnswerLost, BadAnswer, BotError, NotFound, Refused, Throttled, TryLater

KEEP_ALIVE = 4.0  # seconds; Apache hangs up after 5, and a POST that meets the hang-up has an unknown end
TIMEOUT = httpx.Timeout(connect=5.0, read=20.0, write=20.0, pool=10.0)
LIST = 16 * 2**20  # bytes: a page of a list, the most that any answer may have
ALERT = 4 * 2**20  # one alert: ten thousand ONUs
ONE = 256 * 2**10  # a login, one customer
SENT = 64 * 2**10  # what a gateway says to one message
TOTAL = 60.0  # seconds for one exchange, as httpx's read timeout starts again with every byte
_A = TypeVar("_A")
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


_NO_COOKIES = _NoCookies()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a POST, read: no more than `SENT` bytes of it."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class _Post:
    """A POST as httpx makes it, made once: the bodies differ, nothing else does."""

    url: str
    headers: list[tuple[str, str]]
    timeout: aiohttp.ClientTimeout


class _Transport(AiohttpTransport):
    """The transport of reads, and for a send the shortest way through it.

    The rest of httpx (request, response, their headers and streams) takes twice the time of the exchange
    itself, and has nothing to do for a POST that is never repeated, redirected or logged in.
    """

    async def post(self, prepared: _Post, content: bytes) -> Answer:
        """The answer, once the request has left at most once. aiohttp's errors come as they are."""
        if not isinstance(self.client, aiohttp.ClientSession):
            self.client = self.get_client()
        answer = await self.client.post(
            prepared.url,
            headers=prepared.headers,
            data=content,
            timeout=prepared.timeout,
            allow_redirects=False,
            auto_decompress=False,
        )
        if bodies.is_short(answer.headers, SENT):  # so are all that a gateway means to give
            return Answer(answer.status, answer.headers, await answer.read())
        whole = httpx.Response(
            answer.status, headers=answer.raw_headers, stream=AiohttpResponseStream(answer)
        )
        return Answer(answer.status, answer.headers, await bodies.body_of(whole, SENT))


class _Connector(aiohttp.TCPConnector):
    """Connections of which none is given to a request that may not leave.

    It is asked once there is a connection, as waiting for one and opening it takes seconds; behind this the
    request is written without another wait.
    """

    def __init__(self, may_leave: Callable[[], bool], **options: Any) -> None:
        super().__init__(**options)
        self._may_leave = may_leave

    async def connect(self, *args: Any, **kwargs: Any) -> Connection:
        """As TCPConnector; TryLater where the request may not leave any more."""
        connection = await super().connect(*args, **kwargs)
        if not self._may_leave():
            connection.release()
            raise TryLater("not_leading")
        return connection


class Client(httpx.AsyncClient):
    """What `client` makes. Nothing leaves unless `may_leave` says so in the instant in which it would."""

    def __init__(self, transport: _Transport, **options: Any) -> None:
        super().__init__(transport=bodies.Bounded(transport, LIST), **options)
        self._posting = transport
        self.may_leave: Callable[[], bool] = lambda: True
        self._prepared: tuple[str, Mapping[str, str], _Post] | None = None

    @property  # type: ignore[misc]  # read-only: nothing may set one
    def cookies(self) -> httpx.Cookies:
        """None, ever."""
        return _NO_COOKIES

    async def post_json(self, url: str, json: Any, headers: Mapping[str, str]) -> Answer:
        """The answer to one POST, past everything in this client that may repeat one."""
        if self._prepared is None or self._prepared[:2] != (url, headers):
            self._prepared = (url, dict(headers), self._prepare(url, headers))
        return await self._posting.post(self._prepared[2], dumps(json).encode())

    def _prepare(self, url: str, headers: Mapping[str, str]) -> _Post:
        request = self.build_request("POST", url, headers={"Content-Type": "application/json", **headers})
        del request.headers["Content-Length"]  # each body has its own
        limits = request.extensions["timeout"]
        timeout = aiohttp.ClientTimeout(
            connect=limits["pool"], sock_connect=limits["connect"], sock_read=limits["read"]
        )
        return _Post(str(request.url), request.headers.multi_items(), timeout)


def client(
    *,
    auth: httpx.Auth | None = None,
    limit: int = 100,
    timeout: httpx.Timeout = TIMEOUT,
) -> Client:
    """A client for one upstream and the life of the process; `limit` is connections at one time.

    It keeps connections alive, follows no redirect and keeps no cookie: a platform that locks a
    session while it answers would put concurrent sends in a queue. The environment's proxies and netrc are
    not used: a proxy between us and the upstream would blur what a failed connection proves. `SSL_CERT_FILE`
    is.

    `timeout.pool` covers the wait for a free connection and opening it, so it is above `timeout.connect`.
    """
    trusted = tls.context()

    def session() -> aiohttp.ClientSession:
        connector = _Connector(may_leave, limit=limit, keepalive_timeout=KEEP_ALIVE, ssl=trusted)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    def may_leave() -> bool:
        return made.may_leave()

    made = Client(
        _Transport(verify=trusted, client=session),
        auth=auth,
        timeout=timeout,
        headers={"Accept-Encoding": bodies.ENCODINGS},
        trust_env=False,
        follow_redirects=False,
    )
    return made


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
        response = await _exchange(
            http.send(request, auth=None if login else httpx.USE_CLIENT_DEFAULT), total
        )
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


async def knock(http: httpx.AsyncClient, url: str, *, total: float = TOTAL) -> None:
    """Ask for something of which only the status says anything: return where that is a success.

    Raises as `read`; BadAnswer where there is more to the answer than `SENT` bytes.
    """
    request = http.build_request("GET", url, extensions={"most": SENT})
    try:
        response = await _exchange(http.send(request), total)
    except bodies.TooLarge:
        raise BadAnswer("too_large") from None
    _raise_for_the_server(response)
    if not response.is_success:
        raise Refused(f"http_{response.status_code}")


async def send(
    http: Client,
    url: str,
    *,
    json: Any,
    headers: Mapping[str, str] | None = None,
    total: float = TOTAL,
    stated: Callable[[Any], bool] | None = None,
) -> Answer:
    """The answer, 2xx to 4xx, to one POST that leaves at most once.

    `stated` says whether a body is the platform's own word on what became of the request. Such an answer is
    given whatever its status: no proxy on the way writes one.

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
    try:
        response = await _exchange(http.post_json(url, json, headers or {}), total)
    except bodies.TooLarge:
        raise AnswerLost("too_large") from None
    try:
        _raise_for_the_server(response)
    except (Throttled, AnswerLost):
        if stated is None or not stated(json_of(response)):
            raise
    return response


def json_of(response: httpx.Response | Answer) -> Any:
    """The body as JSON, None where it cannot be read (`bodies.json_of`)."""
    return bodies.json_of(response.content)


async def _exchange(answer: Awaitable[_A], total: float) -> _A:
    limit = asyncio.timeout(total)
    try:
        async with limit:
            return await answer
    except bodies.TooLarge:
        raise
    except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
        if limit.expired():
            raise AnswerLost("no_answer") from None
        # `from None`: the cause's text may hold the URL or headers.
        raise _meaning(error.__cause__ if isinstance(error, httpx.HTTPError) else error) from None


def _meaning(cause: BaseException | None) -> BotError:
    for kinds, error, code in _PROVES:
        if isinstance(cause, kinds):
            return error(code)
    return AnswerLost("garbled")


def _raise_for_the_server(response: httpx.Response | Answer) -> None:
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        raise Throttled("throttled", retry_after(response.headers))
    if httpx.codes.is_server_error(response.status_code):
        raise AnswerLost(f"http_{response.status_code}")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """For how many seconds an answer asks to wait, None where it does not.

    A date counts from the answer's own `Date`, so a clock that is off does no harm.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        wait = parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError):  # no date, or one with a zone and one without
        return None
    return max(0.0, wait.total_seconds())
