"""`GET /healthz`: 200 while polls and getUpdates are fresh and the ledger takes lines, else 503 and why."""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus

from bot.ops.server import Request, Response, Route

PATH = "/healthz"
Report = Callable[[], Mapping[str, str]]
"""What is wrong now, by part; empty while all is well. No secrets: anyone on the port reads it."""


def health(report: Report, notes: Report = dict) -> Route:
    """What answers on `PATH`; `notes` are what is worth knowing and breaks nothing."""

    async def answer(_request: Request) -> Response:
        wrong = dict(report())
        said: dict[str, object] = {"ok": not wrong, "wrong": wrong}
        if noted := dict(notes()):
            said["notes"] = noted
        status = HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK
        return Response(status, json.dumps(said).encode(), "application/json; charset=utf-8")

    return Route(answer)
