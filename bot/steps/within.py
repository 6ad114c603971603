"""Of several NOCs each decides on what is its own. Beside the running order: it is about every tap."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from bot.domain.book import Book
from bot.domain.events import CaseOpened, CooldownReleased, Line, Silenced, SilenceEnded
from bot.domain.regional import Whose
from bot.domain.rules import Rules
from bot.errors import Declined
from bot.ports import Write


def within(whose: Whose, rule: Write) -> Write:
    """The rule, for who decides in those regions: Declined where it is about another's case, port or OLT.

    What is about none of them (who wants no messages, that the ledger is no old copy) is everybody's. A
    silence over several, of before they were regions, is ended by each of them: else by nobody.
    """
    rules, own = whose.rules, whose.regions
    if not rules.regions:
        return rule

    def write(book: Book, now: datetime) -> Sequence[Line]:
        lines = rule(book, now)
        for line in lines:
            found = list(_regions(line, book, rules))
            theirs = [one for one in found if one not in own]
            if theirs and not (isinstance(line, SilenceEnded) and own.intersection(found)):
                raise Declined("other_region", region=theirs[0])
        return lines

    return write


def _regions(line: Line, book: Book, rules: Rules) -> Iterator[str]:
    """Whose it is; of a silence the regions of all that it covers."""
    match line:
        case CaseOpened():
            yield rules.home(line.region)
        case CooldownReleased():
            yield rules.region_of(line.port.olt)
        case Silenced():
            yield from (rules.region_of(scope.olt) for scope in line.scopes)
        case SilenceEnded():
            yield from (rules.region_of(scope.olt) for scope in book.silences[line.silence].scopes)
        case _ if (number := abs(getattr(line, "case", 0))) in book.cases:  # a second message, too
            yield rules.home(book.cases[number].region)
