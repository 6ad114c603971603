"""`GET /api/v1/customers/{customer}/outage`: whether an outage is on for a customer, for other systems.

bot/docs/openapi.yaml says what it takes and gives. Without a key in the data folder there is no such path;
with one, a stranger hears the same on every path below. A path names a customer: none is logged, and no
answer says who anybody is.
"""

import asyncio
import json
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Protocol
from urllib.parse import unquote

from bot.domain.lookup.struck import Told
from bot.errors import LedgerClosed
from bot.ops.server import Request, Response, Route

ROOT = "/api/"
FRESH = 1.0  # seconds between two looks at the keys: who is revoked asks no longer than that
RATE, BURST = 20.0, 60.0  # requests a second of one key, and at once after a pause
LONGEST = 64  # characters of what a customer is asked for by
_LARGEST = 4096  # bytes of a body, which nobody needs: who sends a small one hears what others hear
_BEFORE, _AFTER = f"{ROOT}v1/customers/", "/outage"
_JSON = "application/json; charset=utf-8"
_OTHER_METHODS = (("Allow", "GET, HEAD"),)
log = logging.getLogger(__name__)


class Clients(Protocol):
    """Who may ask."""

    @property
    def names(self) -> frozenset[str]:
        """What they are called."""

    def read(self) -> None:
        """Learn who may now; blocks. OSError, ValueError where that cannot be read: nobody may."""

    def whose(self, key: str) -> str | None:
        """Who has this key, None where nobody has."""


@dataclass(slots=True)
class _Bucket:
    """How many requests a client has left, as of `at`."""

    left: float
    at: float


class Api:
    """What answers below `ROOT`."""

    def __init__(
        self,
        clients: Clients,
        ask: Callable[[str], Told],
        ready: Callable[[], str | None],
        monotonic: Callable[[], float],
    ) -> None:
        """`ask` tells of a customer (LedgerClosed where that cannot be told), `ready` why not yet."""
        self._clients, self._ask, self._ready, self._monotonic = clients, ask, ready, monotonic
        self._read_at = -math.inf
        self._buckets: dict[str, _Bucket] = {}
        self._reading = asyncio.Lock()
        self._unreadable = False

    def routes(self) -> dict[str, Route]:
        """By path."""
        return {ROOT: Route(self._answer, methods=(), largest=_LARGEST)}

    async def _answer(self, request: Request) -> Response:
        await self._learn()
        if not self._clients.names:
            return Response(HTTPStatus.NOT_FOUND)
        client = self._clients.whose(_bearer(request.headers))
        if client is None:
            return _said(HTTPStatus.UNAUTHORIZED, {"error": "unauthorized"}, ("WWW-Authenticate", "Bearer"))
        wait = self._wait(client)
        if wait > 0:
            later = ("Retry-After", str(math.ceil(wait)))
            return _said(HTTPStatus.TOO_MANY_REQUESTS, {"error": "too_many_requests"}, later)
        return self._tell(request)

    def _tell(self, request: Request) -> Response:
        customer = _customer(request.path)
        if customer is None:
            return _said(HTTPStatus.NOT_FOUND, {"error": "not_found"})
        if request.method not in {"GET", "HEAD"}:
            return _said(HTTPStatus.METHOD_NOT_ALLOWED, {"error": "method_not_allowed"}, *_OTHER_METHODS)
        if len(customer) > LONGEST:
            return _said(HTTPStatus.BAD_REQUEST, {"error": "too_long"})
        try:
            told = self._ask(customer) if self._ready() is None else None
        except LedgerClosed:
            told = None
        if told is None:
            return _said(HTTPStatus.SERVICE_UNAVAILABLE, {"error": "not_now"}, ("Retry-After", "10"))
        return _said(
            HTTPStatus.OK,
            {
                "known": told.known,
                "outage": told.outage,
                "since": _time(told.since),
                "expected_end": _time(told.expected_end),
                "warned": told.warned,
            },
        )

    async def _learn(self) -> None:
        """Who may ask now, as of a second ago. Where that cannot be read, nobody may."""
        async with self._reading:
            if self._monotonic() - self._read_at < FRESH:
                return
            try:
                await asyncio.to_thread(self._clients.read)
            except (OSError, ValueError):
                if not self._unreadable:
                    log.error("the keys of the API cannot be read, so nobody may ask: python -m bot key list")  # noqa: TRY400 - the path is in its words
                self._unreadable = True
            else:
                self._unreadable = False
            self._read_at = self._monotonic()
            self._buckets = {name: one for name, one in self._buckets.items() if name in self._clients.names}

    def _wait(self, client: str) -> float:
        """Seconds until a client may ask again; 0 where they may now, which counts."""
        now = self._monotonic()
        bucket = self._buckets.setdefault(client, _Bucket(BURST, now))
        bucket.left, bucket.at = min(BURST, bucket.left + (now - bucket.at) * RATE), now
        if bucket.left < 1:
            return (1 - bucket.left) / RATE
        bucket.left -= 1
        return 0.0


def _customer(path: str) -> str | None:
    """Whom a path asks about; None where it is another path."""
    if not path.startswith(_BEFORE) or not path.endswith(_AFTER):
        return None
    segment = path[len(_BEFORE) : -len(_AFTER)]
    return unquote(segment).strip() or None if "/" not in segment else None


def _bearer(headers: Mapping[str, str]) -> str:
    """The key that came along, empty where none did."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _time(at: datetime | None) -> str | None:
    return None if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _said(status: HTTPStatus, body: object, *headers: tuple[str, str]) -> Response:
    """No copy of it is kept on the way."""
    return Response(status, json.dumps(body).encode(), _JSON, (("Cache-Control", "no-store"), *headers))
