"""Where others tell what is down (`bot.ports.Pushed`): by the answer they tell it again, or do not."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus

from bot.errors import BadAnswer, Refused, Throttled, TryLater
from bot.ops.server import Request, Response, Route
from bot.ports import Pushed

WAITING = 30
"""So many at most wait for their answers, whoever tells: the port has ten places more, for those who ask."""
LARGEST = 1024 * 1024  # bytes of a body
_JSON = "application/json; charset=utf-8"
_NOBODY = Response(HTTPStatus.UNAUTHORIZED)
log = logging.getLogger(__name__)


def pushed(
    sources: Iterable[Pushed], ready: Callable[[], str | None], told: Callable[[str], None]
) -> dict[str, Route]:
    """The routes by path. `ready` says why nothing can be taken in now, `told` hears of whose news came.

    200 is said once it is on disk. Who tells of something that does not exist hears what hears who is not
    the sender. What cannot be taken in now is told again after a 503.
    """
    places = asyncio.Semaphore(WAITING)
    routes = {
        source.path: Route(
            _spared(_listen(source, ready, told), places), ("POST",), LARGEST, _too_large(source.path)
        )
        for source in sources
    }
    folders = {path.rpartition("/")[0] + "/" for path in routes}
    return routes | {folder: Route(_nobody, ("POST",), LARGEST) for folder in folders}


def _too_large(path: str) -> Callable[[], None]:
    return lambda: log.warning(
        "what came to %s is too large (more than %d bytes) and was not read", path, LARGEST
    )


async def _nobody(_request: Request) -> Response:
    return _NOBODY


def _spared(
    answer: Callable[[Request], Awaitable[Response]], places: asyncio.Semaphore
) -> Callable[[Request], Awaitable[Response]]:
    """Who finds no place comes again in a second: of the 5xx all that try again do, of 429 some do not."""

    async def spared(request: Request) -> Response:
        if places.locked():
            return _later(HTTPStatus.SERVICE_UNAVAILABLE, 1)
        async with places:
            return await answer(request)

    return spared


def _listen(
    source: Pushed, ready: Callable[[], str | None], told: Callable[[str], None]
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            heard = await source.hear(request.headers, request.body)
        except Throttled as error:
            return _later(HTTPStatus.TOO_MANY_REQUESTS, error.retry_after)
        except Refused:
            log.warning("somebody who is not the sender wrote to %s", source.path)
            return _NOBODY
        except BadAnswer as error:
            log.warning("what came to %s cannot be read: %s", source.path, error)
            return _said(HTTPStatus.BAD_REQUEST, {"error": str(error)})
        except (OSError, TryLater) as error:
            log.error("what came to %s could not be kept: %s", source.path, error)  # noqa: TRY400
            return _later(HTTPStatus.SERVICE_UNAVAILABLE, None)
        told(source.name)
        if heard.full or ready() is not None:
            return _later(HTTPStatus.SERVICE_UNAVAILABLE, None)
        return _said(HTTPStatus.OK, {"accepted": heard.accepted, "ignored": heard.ignored})

    return answer


def _said(status: HTTPStatus, body: object) -> Response:
    return Response(status, json.dumps(body).encode(), _JSON)


def _later(status: HTTPStatus, seconds: float | None) -> Response:
    """10 seconds where nobody says how many."""
    return Response(status, headers=(("Retry-After", str(max(1, round(seconds or 10)))),))
