"""What the platform lets us send: which templates hold a case back."""

from collections.abc import Collection
from datetime import datetime

from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.causes.correlation import dominant
from bot.domain.dispatch import Dispatch
from bot.domain.incident import Kind
from bot.domain.limits.templates import Judged
from bot.domain.plan import RESTORED
from bot.domain.rules import Rules
from bot.errors import Declined

TEMPLATE = "template"
"""Why a tap is declined, or a dispatch given up, whose template may not be used."""


def templates_of(case: Case, rules: Rules) -> tuple[str, ...]:
    """The templates (`Message.template`) of a case's next messages; both where no kind dominates."""
    if case.dispatch is not None and case.running:
        return templates_in(case, case.dispatch)
    if case.restores is not None:
        return (RESTORED,)
    kind = dominant(case.incidents, rules)
    return (Kind.LOS, Kind.POWER) if kind is None else (_template(kind),)


def templates_in(case: Case, dispatch: Dispatch) -> tuple[str, ...]:
    """Those of a dispatch of the case; both where each customer has their own."""
    if case.restores is not None:
        return (RESTORED,)
    return (Kind.LOS, Kind.POWER) if dispatch.mixed else (_template(dispatch.template),)


def _template(kind: Kind) -> str:
    return Kind.POWER if kind is Kind.POWER else Kind.LOS


def held_by(book: Book, templates: Collection[str], rules: Rules, now: datetime) -> Judged | None:
    """What keeps messages of these templates from being sent now; None where nothing does.

    What was said of a template that is not configured any more holds nothing back, and a rehearsal sends
    nothing.
    """
    known = (book.templates.get(template) for template in templates if not rules.dry_run)
    ours = (one for one in known if one is not None and one.name in rules.templates.values())
    return next((one for one in ours if one.holds(now)), None)


def check_templates(book: Book, templates: Collection[str], rules: Rules, now: datetime) -> None:
    """Declined where one of them may not be used."""
    held = held_by(book, templates, rules, now)
    if held is not None:
        raise Declined(TEMPLATE, name=held.name, trouble=held.trouble)
