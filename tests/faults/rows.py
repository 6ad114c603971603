"""The outcome table: what each fault proves, and whether the gateway took the message."""

from dataclasses import replace

from bot.domain.plan import Outcome
from tests.faults.wire import Row, accepted, http, refused

HTML = b"<html><body>oops</body></html>"
HALF_HEAD = b"HTTP/1.1 200 OK\r\nContent-Le"
HALF_BODY = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{"cod_'
HALF_CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{"
ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
NO_GZIP = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n12345"
TOO_MANY = "429 Too Many Requests"
DATES = ("Date: Sun, 22 Nov 2026 15:00:00 GMT", "Retry-After: Sun, 22 Nov 2026 15:00:30 GMT")
PATIENCE = 100_000.0  # seconds; the longest Retry-After that is waited for here

THROTTLED = Row("429 with seconds", None, "throttled", http(TOO_MANY, HTML, "Retry-After: 30"))
THROTTLED_UNTIL = Row("429 with a date", None, "throttled", http(TOO_MANY, HTML, *DATES))

IDLE = Row("a kept connection was closed", Outcome.ACCEPTED, None, accepted(1), taken=True, way="idle")
NEVER_LEFT = (
    Row("refused", None, "refused", way="refused"),
    Row("an unknown host", None, "dns", way="dns"),
    Row("a connect timeout", None, "connect_timeout", way="deaf"),
    Row("a failed handshake", None, "tls", way="tls"),
    Row("429", None, "throttled", refused(TOO_MANY, "limite de requisicoes excedido")),
    THROTTLED,
    THROTTLED_UNTIL,
)

_LOST = (  # each of them taken, and not taken
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
    Row("201 without a code", Outcome.UNCONFIRMED, "unconfirmed", http("201 Created", b'{"msg":"ok"}')),
    Row("a redirect", Outcome.UNKNOWN, "http_302", http("302 Found", HTML, "Location: /x"), mend="url"),
)
CROSSED = (  # nobody reads the request, and the client cannot know that; one that is repeated arrives
    Row("a FIN crosses the request", Outcome.UNKNOWN, "reset", accepted(1), taken=True, way="fin"),
    Row("an RST crosses the request", Outcome.UNKNOWN, "reset", accepted(1), taken=True, way="rst"),
)
LOST = (
    *CROSSED,
    Row("reset before the body was read", Outcome.UNKNOWN, "reset", way="unread"),
    *(replace(row, name=f"{row.name} (taken)", taken=True) for row in _LOST),
    *_LOST,
)

PHONE_IS_BAD = "campo ausente ou invalido: contato.telefone"
SAYS_NO = (
    Row("200 with a code", Outcome.REJECTED, "contato invalido", refused("200 OK", "contato invalido")),
    Row("400 of one", Outcome.REJECTED, "telefone invalido", refused("400 Bad Request", "telefone invalido")),
    Row("412 of one", Outcome.REJECTED, PHONE_IS_BAD, refused("412 Precondition Failed", PHONE_IS_BAD)),
    Row("412 with a page", Outcome.REJECTED, "http_412", http("412 Precondition Failed", HTML)),
    Row(
        "opted out", Outcome.REJECTED, "contato sem autorizacao", refused("200 OK", "contato sem autorizacao")
    ),
)

HALTS = (
    Row("401", Outcome.REJECTED, "http_401", http("401 Unauthorized", HTML), mend="key"),
    Row("403", Outcome.REJECTED, "http_403", http("403 Forbidden", HTML), mend="key"),
    Row("404", Outcome.REJECTED, "http_404", http("404 Not Found", HTML), mend="url"),
    Row("a bad key", Outcome.REJECTED, None, refused("400 Bad Request", "chave invalida"), mend="key"),
    Row("no right", Outcome.REJECTED, None, refused("200 OK", "sem autorizacao"), mend="key"),
    Row("no such template", Outcome.REJECTED, None, refused("200 OK", "hsm nao encontrado"), mend="template"),
    Row("412 of all", Outcome.REJECTED, None, refused("412 Failed", "campo invalido: hsm"), mend="template"),
    Row(
        "429 for too long", None, "throttled", http(TOO_MANY, HTML, f"Retry-After: {PATIENCE:.0f}0"),
        mend="gateway",
    ),
)  # fmt: skip

TABLE = (IDLE, *NEVER_LEFT, *LOST, *SAYS_NO, *HALTS)
