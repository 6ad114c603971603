"""`check` of the templates, where the gateway can be asked about them."""

from collections.abc import AsyncIterator

from bot.chat.screens.words import Words
from bot.errors import AnswerLost, BadAnswer, Refused, TryLater
from bot.gateways.adapter import Advice, Sender
from bot.ports import Templates
from bot.process.checks.lines import Finding, plain
from bot.tongue import said

WHAT = "template"


async def templates(gateway: Sender, advice: Advice, words: Words) -> AsyncIterator[Finding]:
    """A line for each template, and for each thing that is wrong with one; `words` are the adapter's, too.

    Nothing where this gateway lets nobody read them, and there is nothing to say about it.
    """
    if not isinstance(gateway, Templates):
        return
    try:
        found = await gateway.templates()
    except (TryLater, AnswerLost, Refused, BadAnswer) as error:
        yield Finding(
            WHAT, False, f"{said('they could not be read')}: {plain(error)}; {said(advice.template)}"
        )
        return
    if found is None:
        if advice.unread:
            yield Finding(WHAT, None, said(advice.unread))
        return
    for template, one in found.items():
        called = f"{one.name} ({template})"
        for trouble in one.troubles:
            yield Finding(WHAT, False if trouble.holds else None, f"{called} {words.trouble(trouble)}")
        if not one.troubles:
            yield Finding(WHAT, True, said("{called} may be sent", called=called))
