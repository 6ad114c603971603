"""What is said because its time has come, whatever happens or does not: asked each minute."""

from datetime import datetime

from bot.domain.book import Book
from bot.domain.limits.silence import ending
from bot.domain.rules import Rules
from bot.domain.shift.times import due, told_since
from bot.ports import Notice

HANDOVER = "handover"
SILENCE_ENDS = "silence_ends"


def notices(book: Book, now: datetime, rules: Rules) -> list[Notice]:
    """What the group is to be told now. What waits to be told may be among it again."""
    ends = (Notice(SILENCE_ENDS, {"silence": silence.id}) for silence in ending(book.lasting, now))
    own = {"": rules, **rules.regions}
    handovers = (one for region, its in own.items() for one in _handover(book, now, its, region))
    return [*handovers, *ends]


def _handover(book: Book, now: datetime, rules: Rules, region: str) -> list[Notice]:
    """`due` is its time, `since` the time from which on it tells what happened."""
    if rules.digest_at is None:
        return []
    first = book.days[0] if book.days else None
    told = book.handed_over.get(region)
    at = due(rules.digest_at, now, told, first)
    facts = {"region": region} if region else {}
    return [] if at is None else [Notice(HANDOVER, {"due": at, "since": told_since(at, told), **facts})]
