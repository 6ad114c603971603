"""A template to one's own phone, before customers get it: on record, and no part of any case.

Beside the running order: nothing of a case's way reads it, and it reads nothing of theirs.
"""

import logging
from collections.abc import Sequence

from bot.domain.book import Book
from bot.domain.events import Line, TrialIntent, TrialResult
from bot.domain.phone import mask
from bot.domain.plan import Message, Outcome, Receipt
from bot.domain.who import Who
from bot.errors import TryLater
from bot.ports import Clock, Gateway, Ledger, Write

log = logging.getLogger(__name__)

NAME = "Teste"
"""Whom the message speaks to, where the template has a name in it."""


async def send_trial(
    ledger: Ledger, gateway: Gateway, clock: Clock, *, template: str, hsm: int | str, phone: str, by: Who
) -> Receipt:
    """Send a template once and say what is known. The intent is durable before the request leaves.

    It is never repeated: what may have left is unknown, what did not is failed.
    """
    [intent] = await ledger.commit(_intends(template, hsm, phone, by, ledger.person(phone)))
    assert isinstance(intent, TrialIntent)  # noqa: S101 - for the type checker: the rule adds no other
    now = clock.now()
    message = Message(f"trial-{intent.trial}", phone, NAME, template, started=now, ended=now)
    try:
        receipt = await gateway.send(message)
    except TryLater as error:
        receipt = Receipt(Outcome.FAILED, reason=str(error))
    except Exception:  # whatever else it raises, the request may have left
        log.exception("a gateway raised what its contract does not name")
        receipt = Receipt(Outcome.UNKNOWN, reason="error")
    result = TrialResult(intent.trial, receipt.outcome, receipt.reference, receipt.reason)
    await ledger.commit(lambda _book, _now: [result])
    return receipt


def _intends(template: str, hsm: int | str, phone: str, by: Who, person: str) -> Write:
    def write(book: Book, _now: object) -> Sequence[Line]:
        return [TrialIntent(book.next_trial, template, hsm, mask(phone), by, person)]

    return write
