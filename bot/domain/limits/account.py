"""What the platform lets us send: which templates hold a case back, and how many people are left today."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.causes.correlation import dominant
from bot.domain.dispatch import Dispatch
from bot.domain.incident import Kind, Port
from bot.domain.limits import daily
from bot.domain.limits.growth import asked_about
from bot.domain.limits.templates import Judged
from bot.domain.plan import RESTORED, Recipient
from bot.domain.rules import Rules
from bot.errors import Declined

TEMPLATE = "template"
"""Why a tap is declined, or a dispatch given up, whose template may not be used."""
LIMIT = "limit"
"""Why a dispatch stops, or is given up: today's limit does not hold all of it."""


def templates_of(case: Case, rules: Rules) -> tuple[str, ...]:
    """What the templates of a case's next messages are for; both where no kind dominates.

    Of a second message that is not under way it is asked by its name: `RESTORED`.
    """
    if case.dispatch is not None and case.running:
        return templates_in(case, case.dispatch)
    kind = dominant(case.incidents, rules)
    return (Kind.LOS, Kind.POWER) if kind is None else (_template(kind),)


def templates_in(case: Case, dispatch: Dispatch) -> tuple[str, ...]:
    """Those of a dispatch of the case; both where each customer has their own."""
    if case.restores is not None:
        return (RESTORED,)
    return (Kind.LOS, Kind.POWER) if dispatch.mixed else (_template(dispatch.template),)


def called_by(case: Case, rules: Rules) -> tuple[str, ...]:
    """What a case's next messages call their templates (`Message.template`)."""
    dispatch = case.dispatch if case.running else None
    return tuple(called_in(dispatch, family, rules) for family in templates_of(case, rules))


def called_in(dispatch: Dispatch | None, family: str, rules: Rules) -> str:
    """What messages of a dispatch call the template for that: as planned, where there still is one of that
    name; else, and before the plan, as the settings have it now.
    """
    plan = None if dispatch is None else dispatch.progress
    planned = rules.template(family) if plan is None else plan.called(family)
    return planned if planned in rules.templates else rules.template(family)


def _template(kind: Kind) -> str:
    return Kind.POWER if kind is Kind.POWER else Kind.LOS


def held_by(book: Book, templates: Collection[str], rules: Rules, now: datetime) -> Judged | None:
    """What keeps messages of these templates (`Message.template`) from being sent now; None: nothing does.

    What was said of a template that is not configured any more holds nothing back, and a rehearsal sends
    nothing.
    """
    known = ((book.templates.get(one), rules.templates.get(one)) for one in templates if not rules.dry_run)
    ours = (one for one, name in known if one is not None and one.name == name)
    return next((one for one in ours if one.holds(now)), None)


def check_templates(book: Book, templates: Collection[str], rules: Rules, now: datetime) -> None:
    """Declined where one of them may not be used."""
    held = held_by(book, templates, rules, now)
    if held is not None:
        raise Declined(TEMPLATE, name=held.name, trouble=held.trouble)


@dataclass(frozen=True, slots=True)
class Room:
    """How many people are left of today's `limit`, and how many a case needs (0: nobody can tell).

    `counted`: those were looked up, and are no estimate. `before` is how many the LOS cases need that wait
    beside one of a power failure, `first` the first of them.
    """

    left: int
    limit: int
    need: int
    counted: bool
    before: int = 0
    first: int | None = None

    @property
    def short(self) -> bool:
        """Whether it does not hold all of the case, once those are told that come first."""
        return self.need > max(0, self.left - self.before)

    @property
    def parts(self) -> tuple[int, ...]:
        """To how many of its people it can be sent now: what the others leave, or all that are left."""
        most = min(self.left, self.need)
        kept = self.left - self.before
        return tuple(dict.fromkeys(n for n in (min(kept, most), most) if n > 0))


def limit_today(book: Book, rules: Rules) -> int | None:
    """How many different people may be written to within 24 hours; None where nobody says."""
    limits = [limit for limit in (book.daily_limit, rules.daily_limit or None) if limit is not None]
    return min(limits, default=None)


def left_today(book: Book, rules: Rules, now: datetime) -> int | None:
    """How many more that are now; None where there is no limit, or nothing is really sent."""
    limit = limit_today(book, rules)
    return None if limit is None or rules.dry_run else max(0, limit - daily.counted(book.written, now))


def new_people(book: Book, recipients: Iterable[Recipient], now: datetime) -> int:
    """How many of those who get a message do not count today yet."""
    return sum(r.skip is None and not daily.counts(book.written, r.person, now) for r in recipients)


def room_for(
    book: Book,
    case: Case,
    ports: Collection[Port],
    rules: Rules,
    now: datetime,
    *,
    need: int | None = None,
    claimed: int = 0,
) -> Room | None:
    """What is left today for a case that waits; None where there is no limit.

    `need` is how many people it is about, where they were looked up; else the list's count stands for it.
    `claimed` are for others who were approved just before, and do not count yet.
    """
    left, limit = left_today(book, rules, now), limit_today(book, rules)
    if left is None or limit is None:
        return None
    left = max(0, left - claimed)
    need, counted = _need(case, ports) if need is None else (need, True)
    ahead = _ahead(book, case, rules, now)
    before = sum(_need(one, one.ports)[0] for one in ahead)
    return Room(left, limit, need, counted, before, ahead[0].id if ahead else None)


def _need(case: Case, ports: Collection[Port]) -> tuple[int, bool]:
    """How many people an approval of these ports would write to, and whether they were counted."""
    last = case.dispatch
    if last is not None and last.size is not None and not case.running:
        return last.size.customers, True
    return asked_about(case, ports), False


def _ahead(book: Book, case: Case, rules: Rules, now: datetime) -> list[Case]:
    """The cases that wait and come before this one: fibre before power, which comes back by itself."""
    if templates_of(case, rules) != (Kind.POWER,):
        return []
    others = (book.cases[number] for number in sorted(book.whole.open) if number != case.id)
    waiting = (one for one in others if one.undecided and book.silence_over(one, now) is None)
    return [one for one in waiting if Kind.LOS in templates_of(one, rules)]
