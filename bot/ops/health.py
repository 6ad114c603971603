"""Whether all is well, for whoever asks from outside: 200, or 503 and what is wrong.

`/healthz`: polls and getUpdates are fresh, the group takes posts, the ledger takes lines. `/readyz`: it is
started, and may be told of outages and messages. `/livez`: the event loop turns; it depends on nobody else,
as who is started anew over it may be in the middle of a send.
"""

import json
from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from urllib.parse import parse_qs

from bot.ops.server import Request, Response, Route

PATH = "/healthz"
LIVE, READY = "/livez", "/readyz"
Report = Callable[[], Mapping[str, str]]
"""What is wrong now, by part; empty while all is well. No secrets: anyone on the port reads it."""


def health(report: Report, notes: Report = dict, parts: Collection[str] = ()) -> Route:
    """What answers on one of them; `notes` are what is worth knowing and breaks nothing.

    With `?verbose` it also says which of its `parts` are well.
    """

    async def answer(request: Request) -> Response:
        wrong = dict(report())
        said: dict[str, object] = {"ok": not wrong, "wrong": wrong}
        if noted := dict(notes()):
            said["notes"] = noted
        if "verbose" in parse_qs(request.query, keep_blank_values=True):
            said["well"] = [part for part in parts if part not in wrong]
        status = HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK
        return Response(status, json.dumps(said).encode(), "application/json; charset=utf-8")

    return Route(answer)
