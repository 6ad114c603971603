"""What a card says of a case beside its sends: its port's past, flaps, silence, owner, expected end, cause,
first approval.
"""

from datetime import datetime

from markupsafe import Markup

from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.case import SECOND_WITHIN, Case, Proposal
from bot.domain.causes.falls import REMEMBERED, past_of
from bot.domain.causes.flapping import Spell, recent
from bot.domain.limits.holds import flapping, takes_two
from bot.domain.rules import Rules

_SPELLS_SHOWN = 6


def notes(case: Case, book: Book, now: datetime, words: Words, rules: Rules) -> list[Markup]:
    """One line for each thing that is known; empty where nothing is."""
    lines = [*_past(case, book, words), *_flaps(case, book, now, words, rules)]
    if case.ended_at is None:
        lines += [
            *_unheard(case, words),
            *_silence(case, book, now, words),
            *_owner(case, now, words),
            *_eta(case, now, words),
        ]
    if case.cause_by is not None:
        lines.append(words.say("card.cause", cause=case.cause, team=case.team, by=case.cause_by))
    proposal = proposed(case, now, rules)
    if proposal is not None:
        until = proposal.at + SECOND_WITHIN
        facts = {"by": proposal.by, "started": proposal.at, "until": until, "at": proposal.due, "now": now}
        lines.append(words.say("card.proposed", **facts, despite=proposal.despite, agreed=proposal.agreed))
    return lines


def proposed(case: Case, now: datetime, rules: Rules) -> Proposal | None:
    """The first of two approvals where it still waits for the second."""
    found = case.proposal
    waits = found is not None and found.waits(now) and case.ended_at is None and case.undecided
    return found if waits and takes_two(case, rules) else None


def _past(case: Case, book: Book, words: Words) -> list[Markup]:
    """How often its port fell within the last weeks, and how long that lasts. It stays so while it is on."""
    past = past_of(case, book.falls)
    if past is None:
        return []
    facts = {"n": past.n, "more": past.more, "days": REMEMBERED, "usual": past.usual, "known": past.known}
    return [words.say("card.past", **facts, port=past.port and past.port.place)]


def _flaps(case: Case, book: Book, now: datetime, words: Words, rules: Rules) -> list[Markup]:
    """How often a port came and went, with its history; of several ports, the one that did most."""
    ports = flapping(case, book, rules, now)
    if not ports:
        return []
    spells = {port.key: recent(book.spells.get(port.key, ()), now) for port in ports}
    worst = max(ports, key=lambda port: len(spells[port.key]))
    flaps = spells[worst.key]
    history = [_spell(spell, now, words) for spell in flaps[-_SPELLS_SHOWN:]]
    cut = [Markup("…")] if len(flaps) > _SPELLS_SHOWN else []
    several = len(case.members) > 1 and len(case.ports) > 1
    port = worst.place if several else None
    return [
        words.say("card.flapping", port=port, n=len(flaps), others=len(ports) - 1),
        Markup(", ").join([*cut, *history]),
    ]


def _spell(spell: Spell, now: datetime, words: Words) -> Markup:
    lasted = None if spell.last is None else spell.last - spell.first
    return words.say("card.spell", started=spell.first, lasted=lasted, now=now)


def _unheard(case: Case, words: Words) -> list[Markup]:
    """What whoever told of it does not tell any more, and what they left out."""
    stale = [incident for incident in case.on if incident.stale]
    missing = max((incident.missing for incident in case.on), default=0)
    lines = [words.say("card.stale", n=len(stale), of=len(case.on))] if stale else []
    return [*lines, *([words.say("card.missing", n=missing)] if missing else [])]


def _silence(case: Case, book: Book, now: datetime, words: Words) -> list[Markup]:
    silence = book.silence_over(case, now)
    if silence is None:
        return []
    facts = {"until": silence.until, "now": now, "by": silence.by, "reason": silence.reason}
    return [words.say("card.silenced", **facts)]


def _owner(case: Case, now: datetime, words: Words) -> list[Markup]:
    if case.lapsed is not None and case.undecided:
        return [words.say("card.lapsed", by=case.lapsed)]
    if case.owner is None or case.owned_at is None:
        return []
    return [words.say("card.owner", by=case.owner, started=case.owned_at, now=now)]


def _eta(case: Case, now: datetime, words: Words) -> list[Markup]:
    if case.eta is None:
        return []
    key = "card.eta" if case.eta > now else "card.eta_passed"
    return [words.say(key, at=case.eta, now=now, by=case.eta_by)]
