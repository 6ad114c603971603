"""A row of the outcome table, and what a gateway brings to be attacked with it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from bot.domain.plan import Mend, Outcome
from bot.gateways.adapter import Sender

Way = Literal[
    "plain", "read", "total", "kept", "idle", "fin", "rst", "refused", "deaf", "dns", "tls", "unread"
]
Then = Literal["keep", "close", "reset", "silence", "drip"]


@dataclass(frozen=True)
class Row:
    """One row of the outcome table.

    `outcome` and `reason` are what the result has to say; None: nothing left, so it is tried again. `taken`:
    the gateway delivers the message before it answers badly. `way` is which connection the request goes
    out on (`read`, `total`: with a short limit of that kind; `kept`: one that served a request before;
    `idle`: one that was closed, as the client has seen; `fin`, `rst`: one whose end is on its way when the
    request leaves).
    """

    name: str
    outcome: Outcome | None
    reason: str | None
    answer: bytes = b""
    then: Then = "keep"
    taken: bool = False
    mend: Mend | None = None
    way: Way = "plain"
    held: bool = False


@dataclass(frozen=True)
class Speech:
    """How a gateway speaks, and what follows from what it alone says.

    Attributes:
        open: Its adapter, at that server (`http://host:port`), with these limits.
        phone: Whose request a body is: all digits with the country code.
        accepted: A success with that reference.
        read: What a reading that sends nothing (`probe`) is answered.
        not_now: Nothing was sent, and it is tried again.
        lost: It may have been taken, or not: each is played both ways.
        says_no: Refused, for this customer alone; the first one is plain words of the platform's.
        halts: What hits everybody.
    """

    open: Callable[[str, httpx.Timeout, float], Sender]
    phone: Callable[[Any], str]
    accepted: Callable[[int], bytes]
    read: bytes
    not_now: tuple[Row, ...]
    lost: tuple[Row, ...]
    says_no: tuple[Row, ...]
    halts: tuple[Row, ...]


def http(status: str, body: bytes, *headers: str) -> bytes:
    """A whole answer on a connection that stays open."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def as_json(status: str, body: Any, *headers: str) -> bytes:
    """The same with a body of JSON."""
    return http(status, json.dumps(body).encode(), "Content-Type: application/json", *headers)


HTML = b"<html><body>oops</body></html>"
TOO_MANY = "429 Too Many Requests"
PATIENCE = 100_000.0  # seconds; the longest Retry-After that is waited for here
