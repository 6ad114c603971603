"""A line of `check`, and the short codes of errors (`upstream`, the adapters) in plain words."""

import re
from dataclasses import dataclass

from bot.tongue import said

_PLAIN = {
    "dns": "this machine finds no such host name",
    "tls": "the encrypted connection failed (certificate, or a port that does not speak https)",
    "refused": "nothing listens there, or a firewall is between",
    "connect_timeout": "no connection within 5 seconds, maybe a firewall",
    "no_answer": "no answer in time",
    "half_answer": "the answer broke off in the middle",
    "reset": "the connection was closed before an answer came",
    "garbled": "what answered does not speak HTTP",
    "not_json": "a web page or something else answered, not the API",
    "throttled": "it asks for a pause",
    "unconfirmed": "the answer says neither yes nor no",
    "no_rows": "an answer without a list",
    "no_results": "an answer without a list",
    "no_object": "an answer of another form",
    "no_token": "the login's answer holds no token",
    "return_false": "it answered, and said that it could not",
    "stated_error": "it answered, and said that it could not",
    "ignored_filter": "it answered about others than who was asked for",
    "too_large": "it answered with more than anybody asked for",
    "fewer_rows": "some pages could not be read",
    "token_refused": "a token that it has just given is not accepted",
    "login_not_found": "there is no login at that address",
    "cool_off": "waiting after a refused login",
    "pg_login": "PostgreSQL refuses user or password",
    "pg_hba": "PostgreSQL lets this user into that database from no such machine",
    "pg_refused": "PostgreSQL takes no connection now",
    "no_database": "PostgreSQL has no database of that name",
    "no_connect": "the user may not connect to that database",
    "read_only": "it is a standby, or only to be read: nothing can be written there",
    "rights": "the user lacks rights",
    "error": "an unexpected error, see the log",
}
_STATUS = {
    400: "it does not understand the request",
    401: "user, password or key is not accepted",
    403: "not allowed for this user or key",
    404: "there is nothing at this address",
    405: "the address is there, but for something else",
    407: "a proxy wants a login",
    429: "it asks for a pause",
    500: "its server has an error of its own",
    502: "its server is down behind a proxy",
    503: "its server is down or in maintenance",
    504: "its server did not answer its own proxy",
}
_HTTP = re.compile(r"http_(\d{3})")


def plain(code: object) -> str:
    """An error's code in words; a text that is no code as it is."""
    text = str(code)
    found = _HTTP.fullmatch(text)
    if found is None:
        return said(_PLAIN.get(text, text))
    status = int(found[1])
    if 300 <= status < 400:  # noqa: PLR2004 - HTTP's redirects
        return said("it sends us to another address (HTTP {status}), which is not followed", status=status)
    return f"{said(_STATUS.get(status, 'it refuses the request'))} (HTTP {status})"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was tried, whether it works (None: a word beside), what was seen or how to mend it."""

    what: str
    good: bool | None
    text: str

    def __str__(self) -> str:
        mark = "!" if self.good is None else "✓" if self.good else "✗"
        return f"{mark} {said(self.what)}: {self.text}"
