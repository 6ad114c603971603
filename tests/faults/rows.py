"""The outcome table: what each fault proves, and whether the gateway took the message.

What the wire does is the same for every gateway; what one says itself it brings (`spoken/`).
"""

from dataclasses import replace

from bot.domain.plan import Outcome
from tests.faults.spoken.row import HTML, PATIENCE, TOO_MANY, Row, Speech, http

HALF_HEAD = b"HTTP/1.1 200 OK\r\nContent-Le"
HALF_BODY = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{"cod_'
HALF_CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{"
ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
NO_GZIP = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n12345"
DATES = ("Date: Sun, 22 Nov 2026 15:00:00 GMT", "Retry-After: Sun, 22 Nov 2026 15:00:30 GMT")

THROTTLED = Row("429 with seconds", None, "throttled", http(TOO_MANY, HTML, "Retry-After: 30"))
THROTTLED_UNTIL = Row("429 with a date", None, "throttled", http(TOO_MANY, HTML, *DATES))

_NEVER_LEFT = (
    Row("refused", None, "refused", way="refused"),
    Row("an unknown host", None, "dns", way="dns"),
    Row("a connect timeout", None, "connect_timeout", way="deaf"),
    Row("a failed handshake", None, "tls", way="tls"),
    THROTTLED,
    THROTTLED_UNTIL,
)

_LOST = (
    Row("reset after it was read", Outcome.UNKNOWN, "reset", then="reset"),
    Row("closed after it was read", Outcome.UNKNOWN, "reset", then="close"),
    Row("a kept connection that is closed", Outcome.UNKNOWN, "reset", then="close", way="kept"),
    Row("a kept connection that is reset", Outcome.UNKNOWN, "reset", then="reset", way="kept"),
    Row("half a head, then closed", Outcome.UNKNOWN, "reset", HALF_HEAD, "close"),
    Row("half a body, then closed", Outcome.UNKNOWN, "half_answer", HALF_BODY, "close"),
    Row("half a body, then reset", Outcome.UNKNOWN, "half_answer", HALF_BODY, "reset"),
    Row("half a chunk, then closed", Outcome.UNKNOWN, "half_answer", HALF_CHUNK, "close"),
    Row("no HTTP at all", Outcome.UNKNOWN, "garbled", b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "close"),
    Row("no gzip", Outcome.UNKNOWN, "garbled", NO_GZIP, "close"),
    Row("accepted, then silence", Outcome.UNKNOWN, "no_answer", then="silence", way="read"),
    Row("half a head, then silence", Outcome.UNKNOWN, "no_answer", HALF_HEAD, "silence", way="read"),
    Row("half a body, then silence", Outcome.UNKNOWN, "no_answer", HALF_BODY, "silence", way="total"),
    Row("dripping bytes", Outcome.UNKNOWN, "no_answer", ENDLESS, "drip", way="total"),
    Row("500", Outcome.UNKNOWN, "http_500", http("500 Internal Server Error", HTML)),
    Row("502", Outcome.UNKNOWN, "http_502", http("502 Bad Gateway", HTML)),
    Row("503", Outcome.UNKNOWN, "http_503", http("503 Service Unavailable", HTML, "Retry-After: 1")),
    Row("504", Outcome.UNKNOWN, "http_504", http("504 Gateway Timeout", HTML)),
    Row("200 with a page", Outcome.UNCONFIRMED, "unconfirmed", http("200 OK", HTML)),
    Row("200 with nothing", Outcome.UNCONFIRMED, "unconfirmed", http("200 OK", b"")),
    Row("a redirect", Outcome.UNKNOWN, "http_302", http("302 Found", HTML, "Location: /x"), mend="url"),
)

_HALTS = (
    Row("401", Outcome.REJECTED, "http_401", http("401 Unauthorized", HTML), mend="key"),
    Row("403", Outcome.REJECTED, "http_403", http("403 Forbidden", HTML), mend="key"),
    Row("404", Outcome.REJECTED, "http_404", http("404 Not Found", HTML), mend="url"),
    Row(
        "429 for too long", None, "throttled", http(TOO_MANY, HTML, f"Retry-After: {PATIENCE:.0f}0"),
        mend="gateway",
    ),
)  # fmt: skip


class Table:
    """Every row for one gateway; `lost` and `kept` are among `rows`, `late` what an answer may say late."""

    def __init__(self, speech: Speech) -> None:
        ok = speech.accepted(1)
        crossed = (  # nobody reads the request, and the client cannot know; one that is repeated arrives
            Row("a FIN crosses the request", Outcome.UNKNOWN, "reset", ok, taken=True, way="fin"),
            Row("an RST crosses the request", Outcome.UNKNOWN, "reset", ok, taken=True, way="rst"),
        )
        idle = Row("a kept connection was closed", Outcome.ACCEPTED, None, ok, taken=True, way="idle")
        either = (*_LOST, *speech.lost)
        self.kept = (idle, *crossed)
        self.lost = (
            *crossed,
            Row("reset before the body was read", Outcome.UNKNOWN, "reset", way="unread"),
            *(replace(row, name=f"{row.name} (taken)", taken=True) for row in either),
            *either,
        )
        rest = (*speech.says_no, *_HALTS, *speech.halts)
        self.rows = (idle, *_NEVER_LEFT, *speech.not_now, *self.lost, *rest)
        self.held = Row("held", Outcome.ACCEPTED, None, ok, taken=True, held=True)
        self.late = (
            Row("accepted", Outcome.ACCEPTED, None, ok, taken=True),
            speech.says_no[0],
            THROTTLED,
            Row("reset", Outcome.UNKNOWN, "reset", then="reset", taken=True),
        )
