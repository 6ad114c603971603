"""Why the ledger is closed, and what helps, as the group needs it: without the server's paths."""

from markupsafe import Markup

from bot.chat.screens.words import Words
from bot.errors import Closed


def why_closed(why: object, words: Words) -> Markup:
    """A sentence or two."""
    if isinstance(why, Closed):
        return words.say(f"closed.{why.code}", **why.facts)
    return words.say("closed.other")
