"""What a month was like for the group and for the customers, in numbers that can be summed over months."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from bot.domain.book import Book
from bot.domain.events import Approved
from tests.month.promises import broken, messages_of
from tests.month.replay import Lived
from tests.month.score import Score, score
from tests.month.truth import Month, Scenario, seconds

HOUR = 3600.0


@dataclass(slots=True)
class Told:
    """Customers of the causes of one scenario, once for each cause: how many were off, warned, told "voltou".

    `most` and `most_back` are the most messages that one of them got about one cause, and about its end.
    """

    off: int = 0
    warned: int = 0
    back: int = 0
    most: int = 0
    most_back: int = 0
    approvals: int = 0

    def __add__(self, other: "Told") -> "Told":
        return Told(
            self.off + other.off,
            self.warned + other.warned,
            self.back + other.back,
            max(self.most, other.most),
            max(self.most_back, other.most_back),
            self.approvals + other.approvals,
        )


@dataclass(slots=True)
class Measured:
    """`hours` counts the hours by how many cards they had, `alert_hours` by how many alerts."""

    scores: dict[Scenario, Score] = field(default_factory=dict)
    told: dict[Scenario, Told] = field(default_factory=dict)
    hours: Counter[int] = field(default_factory=Counter)
    alert_hours: Counter[int] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    waiting: int = 0
    broken: list[str] = field(default_factory=list)

    def __add__(self, other: "Measured") -> "Measured":
        return Measured(
            {s: self.scores.get(s, Score()) + other.scores.get(s, Score()) for s in Scenario},
            {s: self.told.get(s, Told()) + other.told.get(s, Told()) for s in Scenario},
            self.hours + other.hours,
            self.alert_hours + other.alert_hours,
            self.counts + other.counts,
            max(self.waiting, other.waiting),
            self.broken + other.broken,
        )


def measured(lived: Lived) -> Measured:
    """One month."""
    book, month = lived.ledger.book, lived.month
    seen = [month.alerts[id_] for id_ in book.by_incident]
    scores = score(
        month, seen, lambda a: _family(book, book.by_incident[a.id]), lambda a: book.by_incident[a.id]
    )
    cards = [seconds(case.opened_at) for case in book.cases.values() if case.restores is None]
    opened = [alert.opens for alert in seen]
    hours = int(max(opened) // HOUR) + 1
    return Measured(
        scores,
        _told(lived),
        _by_hour(cards, hours),
        _by_hour(opened, hours),
        _counts(lived, len(cards), len(seen)),
        lived.waiting,
        broken(lived),
    )


def _by_hour(times: Iterable[float], hours: int) -> Counter[int]:
    each = Counter(time // HOUR for time in times)
    return Counter({0: max(0, hours - len(each))}) + Counter(each.values())


def _family(book: Book, number: int) -> int:
    """The first of the cases that this one follows."""
    while (before := book.cases[number].follows) is not None:
        number = before
    return number


def _counts(lived: Lived, cards: int, alerts: int) -> Counter[str]:
    got = lived.gateway.deliveries
    outages = [one for one in got if not one.restored]
    back = [one for one in got if one.restored]
    return Counter(
        {
            "cards": cards,
            "alerts": alerts,
            "polls": lived.polls,
            "outage messages": len(outages),
            "whose ONU was back by then": sum(not one.causes for one in outages),
            "voltou": len(back),
            "off again within an hour of it": sum(lived.gateway.falls(one, HOUR) for one in back),
            **{f"tap: {what}": n for what, n in lived.heard.items()},
            **{f"said: {what}": n for what, n in lived.chat.said.items()},
        }
    )


def _told(lived: Lived) -> dict[Scenario, Told]:
    causes, book = lived.month.causes, lived.ledger.book
    found: dict[Scenario, Told] = defaultdict(Told)
    for cause, phones in _off(lived.month).items():
        found[causes[cause].scenario].off += len(phones)
    for (cause, _, restored), n in messages_of(lived).items():
        told = found[causes[cause].scenario]
        if restored:
            told.back, told.most_back = told.back + 1, max(told.most_back, n)
        else:
            told.warned, told.most = told.warned + 1, max(told.most, n)
    for _, line in lived.ledger.lines:
        if isinstance(line, Approved) and line.case > 0:
            of = {lived.month.alerts[id_].cause for id_ in book.cases[line.case].members}
            for cause in of:
                found[causes[cause].scenario].approvals += 1
    return found


def _off(month: Month) -> dict[int, set[str]]:
    """The customers that each cause had off, of those whose record has a phone."""
    off: dict[int, set[str]] = defaultdict(set)
    for alert in month.alerts.values():
        clients = (drop.client_id for drop in alert.drops)
        contacts = (month.network.contacts.get(client or "") for client in clients)
        off[alert.cause] |= {c.phone for c in contacts if c is not None}
    return off
