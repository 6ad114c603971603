"""`/whatsapp`: where the gateway tells what became of messages."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

from bot.domain.delivery import News
from bot.errors import BadAnswer, LedgerClosed, Refused
from bot.ops.server import LARGEST, Request, Response, Route
from bot.ports import Clock, Webhook

PATH = "/whatsapp"
log = logging.getLogger(__name__)


def webhook(
    gateway: Webhook,
    hear: Callable[[Sequence[News]], Awaitable[None]],
    person: Callable[[str], str],
    clock: Clock,
) -> Route:
    """What answers on `PATH`: 200 once what was told is kept, as it is not told again then."""

    async def answer(request: Request) -> Response:
        if request.method == "GET":
            challenge = gateway.challenge(request.query)
            known = challenge is not None
            return Response(HTTPStatus.OK if known else HTTPStatus.FORBIDDEN, (challenge or "").encode())
        try:
            await hear(gateway.read(request.headers, request.body, clock.now(), person))
        except Refused:
            log.warning("somebody who is not the gateway wrote to %s", PATH)
            return Response(HTTPStatus.UNAUTHORIZED)
        except BadAnswer as error:
            log.warning("what came to %s cannot be read: %s", PATH, error)
            return Response(HTTPStatus.BAD_REQUEST)
        except (OSError, LedgerClosed) as error:  # it is told again, for days
            log.error("what came to %s could not be kept: %s", PATH, error)  # noqa: TRY400
            return Response(HTTPStatus.SERVICE_UNAVAILABLE)
        return Response(HTTPStatus.OK)

    return Route(answer, ("GET", "POST"), LARGEST)
