"""The head of a case's card: what and where the outage is, why several ports are one, how large it is."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache

from markupsafe import Markup

from bot.chat.screens.fitting import Item, in_line, quoted
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.case import UNWATCHED, Case
from bot.domain.causes.grouping import Reason, dominant
from bot.domain.incident import NO_PLACE, Kind, Port, probable_cause
from bot.domain.rules import Rules

PORTS_AT_MOST = 500  # UTF-16 units of a list of ports: some ten lines on a phone
BESIDE_AT_MOST = 5  # cases of other regions that a card names
_RANGE = 3  # ports in a row that are told as one range
_PLACE = re.compile(r"(.*?)([0-9]{1,6})", re.ASCII | re.DOTALL)
_DEFAULTS = Rules()


def all_ports(case: Case) -> tuple[Port, ...]:
    """The ports of all of a case's incidents, those that are over too, each once."""
    return tuple({m.incident.port.key: m.incident.port for m in case.members.values()}.values())


def kind_words(case: Case, words: Words, rules: Rules = _DEFAULTS) -> str:
    """`🔴 LOS`, by what dominates now; plain text."""
    kinds = {incident.kind for incident in case.incidents}
    kind: Kind | None = kinds.pop() if len(kinds) == 1 else dominant(case.incidents, rules)
    return words.plain(f"kind.{kind or 'MIXED'}")


def where(case: Case, words: Words) -> tuple[str, str]:
    """The OLT and the place (`6/15`), or how many of them: `CB 01`, `60 PONs`; plain text."""
    ports = all_ports(case)
    if len(ports) == 1:
        placed = ports[0].place != NO_PLACE
        return ports[0].olt, ports[0].place if placed else words.plain("card.no_place")
    olts = {port.olt_key for port in ports}
    olt = ports[0].olt if len(olts) == 1 else words.plain("card.olts", n=len(olts))
    return olt, words.plain("card.pons", n=len(ports))


def label(case: Case, words: Words) -> str:
    """`CB 01 6/15`, or `CB 01 · 60 PONs`; plain text."""
    olt, place = where(case, words)
    return f"{olt} {place}" if len(all_ports(case)) == 1 else f"{olt} · {place}"


def headline(case: Case, words: Words, rules: Rules = _DEFAULTS) -> Markup:
    """`🔴 LOS · CB 01 · 6/15`, bold."""
    olt, place = where(case, words)
    return words.say("card.head", kind=kind_words(case, words, rules), olt=olt, place=place)


_ENDS = {"ignored": "card.ignored", UNWATCHED: "card.unwatched"}


def facts(case: Case, now: datetime, words: Words, rules: Rules) -> list[Markup]:
    """What the outage is; one that is over says so first."""
    lines = [headline(case, words, rules), *about(case, words)]
    lasted = (case.ended_at or now) - case.started
    if case.ended_at is None:
        ago = lasted if case.started <= now and case.undecided else None  # a decided card is redrawn rarely
        since = "card.since" if case.start_known else "card.seen_since"
        lines.append(words.say(since, started=case.started, now=now, lasted=ago, case=case.id))
    else:
        key = _ENDS.get(case.ended_why or "", "card.normalised")
        lines.insert(
            0, words.say(key, at=case.ended_at, now=now, lasted=lasted if case.start_known else None)
        )
        started = "card.started" if case.start_known else "card.seen_first"
        lines.append(words.say(started, started=case.started, now=now, case=case.id))
    return [*lines, *changes(case, now, words)]


def about(case: Case, words: Words) -> list[Markup]:
    """Why several ports are one case, how large it is and what of, and its ports where they are several."""
    several = len(all_ports(case)) > 1
    return [*_group(case, words), _size(case, words), *([ports_line(case.ports, words)] if several else [])]


def changes(case: Case, now: datetime, words: Words) -> list[Markup]:
    """How many of its ports are back, what it comes from, and that it is on again."""
    ports = all_ports(case)
    return [*_back(case, ports, words), *_kin(case, now, words)]


def ports_line(ports: Iterable[Port], words: Words, room: int = PORTS_AT_MOST) -> Markup:
    """`6/1-6/15, 7/2`, by OLT where there are several, as far as it fits."""
    by_olt: dict[str, list[Port]] = {}
    for port in ports:
        by_olt.setdefault(port.olt_key, []).append(port)
    items: list[Item] = []
    for of_olt in by_olt.values():
        runs = _runs(of_olt)
        if len(by_olt) > 1:
            first = quoted(of_olt[0].olt) + ": " + runs[0].text
            runs[0] = Item(first, runs[0].n, "; ")
        items += runs
    return in_line(items, words, room=room)


def in_order(port: Port) -> tuple[str, str, int]:
    """Sorts ports as people count: by OLT, 1/2 before 1/10."""
    return (port.olt_key, *_parsed(port.place))


def _runs(ports: Sequence[Port]) -> list[Item]:
    """Neighbours told as a range, in the order that people count in."""
    placed = sorted((_parsed(place), place) for place in dict.fromkeys(port.place for port in ports))
    runs: list[list[tuple[tuple[str, int], str]]] = []
    for at, place in placed:
        before = runs[-1][-1][0] if runs else None
        if before is not None and at == (before[0], before[1] + 1) and before[1] >= 0:
            runs[-1].append((at, place))
        else:
            runs.append([(at, place)])
    items: list[Item] = []
    for run in runs:
        if len(run) >= _RANGE:
            items.append(Item(quoted(run[0][1]) + "-" + quoted(run[-1][1]), len(run)))
        else:
            items += [Item(quoted(place)) for _, place in run]
    return items


@lru_cache(maxsize=4096)  # a network has few thousand places, and each card tells them again and again
def _parsed(place: str) -> tuple[str, int]:
    """`6/15` as (`000006/`, 15), which sorts; a place without a number at its end as (text, -1)."""
    found = _PLACE.fullmatch(place)
    if found is None:
        return place, -1
    return re.sub(r"[0-9]+", lambda digits: digits[0].zfill(6), found[1]), int(found[2])


def _group(case: Case, words: Words) -> list[Markup]:
    """Why several ports are one case, with the evidence."""
    why = case.grouping
    if why is None or why.ports > len(all_ports(case)):  # of more than it is about: it tells nothing of these
        return []
    share = None if why.share is None else round(100 * why.share)
    there = why.ports if why.of is None else min(why.ports, why.of)  # a CTO's alert is on no PON of its own
    facts: dict[Reason, dict[str, object]] = {
        Reason.OLT: {"n": there, "of": why.of},
        Reason.SLOT: {"n": there, "of": why.of, "slot": why.slot},
        Reason.CABLE: {"n": why.ports, "seconds": why.seconds, "percent": share},
        Reason.POWER: {"n": why.ports, "olts": why.olts, "seconds": why.seconds, "percent": share},
        Reason.MIXED: {"n": why.ports, "seconds": why.seconds},
        Reason.SITE: {"n": why.ports, "olts": why.olts, "seconds": why.seconds, "percent": share},
    }
    return [words.say(f"cause.group_{why.reason}", **facts[why.reason])]


def how_many(case: Case, words: Words) -> str:
    """How many ONUs, as on the card without all that there are: `cerca de 12 ONUs`; plain text."""
    return _affected(case, words, brief=True).striptags()


def _size(case: Case, words: Words) -> Markup:
    if len(all_ports(case)) == 1:
        incident = case.incidents[0]
        cause = words.say(f"cause.{probable_cause(incident)}", cto=incident.cto)
        return words.say("card.size", affected=_affected(case, words), cause=cause)
    silent = len({i.port.key for i in case.incidents if i.affected is None})
    affected = _affected(case, words)
    planned = case.dispatch is not None and case.dispatch.progress is not None
    if silent and not planned and silent < len(case.ports):
        affected = words.say("card.affected_partly", affected=affected, n=silent)
    return words.say("card.joined", affected=affected, n=case.joined) if case.joined else affected


def onus(case: Case) -> tuple[int | None, bool]:
    """How many ONUs, None where nobody says, and whether that is an estimate: the plan's count once there is
    one; before it what the list counts.
    """
    progress = case.dispatch.progress if case.dispatch else None
    listed = _estimate(case, _total(case))
    affected = progress.onus if progress else listed
    if case.undecided and listed is not None and (affected is None or listed > affected):
        affected, progress = listed, None  # it fell further since the plan that came to nothing
    return affected, progress is None and not case.counted


def _total(case: Case) -> int | None:
    return case.incidents[0].total if len(all_ports(case)) == 1 else None


def _affected(case: Case, words: Words, *, brief: bool = False) -> Markup:
    affected, estimate = onus(case)
    total = _total(case)
    if affected is None:
        key = "card.affected_unknown" if case.at_most is None else "card.affected_at_most"
        return words.say(key, at_most=case.at_most)
    if brief or (total is not None and affected > total):  # the list is wrong: there is no "300 of 12"
        total = None
    return words.say("card.affected", estimate=estimate, affected=affected, total=total)


def _estimate(case: Case, total: int | None) -> int | None:
    """What alerts of two kinds on one port tell of in sum is no more than the port has."""
    found, kinds = case.affected, {i.kind for i in case.incidents if i.affected is not None}
    return found if found is None or total is None or len(kinds) == 1 else min(total, found)


def _back(case: Case, ports: Sequence[Port], words: Words) -> list[Markup]:
    """How many of the ports are back already."""
    back = len(ports) - len(case.ports)
    return [words.say("card.part_back", n=back, of=len(ports))] if back else []


def beside(case: Case, book: Book, words: Words) -> list[Markup]:
    """The cases of the same cause that other regions have, as many as are worth a line."""
    if not case.beside:
        return []
    found = [
        words.say("card.beside_case", case=number, region=known.region if known else "")
        for number, known in ((number, book.cases.get(number)) for number in case.beside[:BESIDE_AT_MOST])
    ]
    more = len(case.beside) - len(found)
    return [words.say("card.beside", cases=Markup(", ").join(found), more=more)]


def _kin(case: Case, now: datetime, words: Words) -> list[Markup]:
    """What the case comes from, and that it is on again."""
    lines = []
    if case.reopened:
        lines.append(words.say("card.reopened", at=case.reopened[-1], now=now, n=1 + len(case.reopened)))
    if case.apart == case.id:
        lines.append(words.say("card.taken_apart"))
    for key, number in (("card.follows", case.follows), ("card.apart", case.apart)):
        if number is not None and number != case.id:
            lines.append(words.say(key, case=number))
    return lines
