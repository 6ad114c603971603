"""What a card says of the cooldown of its ports."""

from datetime import datetime

from markupsafe import Markup

from bot.chat.screens.cards.head import ports_line
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.incident import Port
from bot.domain.limits.cooldown import Reservation, free_at
from bot.domain.rules import Rules

_PORTS_AT_MOST = 300  # UTF-16 units


def cooldown(case: Case, book: Book, now: datetime, words: Words, rules: Rules) -> list[Markup]:
    """Until when ports rest; nothing of those that may be sent to, nor where it decides nothing any more."""
    ports = case.ports
    found = ((port, book.reservations.get(port.key)) for port in ports)
    taken = {port: (r, until) for port, r in found if r and (until := free_at(r, now, rules.cooldown_hours))}
    own = [until for reservation, until in taken.values() if reservation.case == case.id]
    if own:
        several = len(own) > 1
        frees = [words.say("card.frees_at", until=max(own), now=now, several=several)]
        return frees if not case.running else []
    matters = bool(taken) and case.ended_at is None and (case.undecided or len(ports) == 1)
    return [_others(case, taken, words, now)] if matters else []


def _others(
    case: Case, taken: dict[Port, tuple[Reservation, datetime]], words: Words, now: datetime
) -> Markup:
    """Ports that other cases sent through."""
    of, untils = len(case.ports), [until for _, until in taken.values()]
    if of == 1:
        reservation, until = next(iter(taken.values()))
        facts = {"until": until, "now": now, "case": reservation.case, "by": reservation.by}
        return words.say("card.port_cooling", **facts)
    if len(taken) == of:
        return words.say("card.ports_cooling", until=min(untils), now=now, n=of)
    listed = ports_line(taken, words, _PORTS_AT_MOST)
    return words.say("card.some_cooling", n=len(taken), of=of, ports=listed)
