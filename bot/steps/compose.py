"""Step 2: what a poll changes: new cases, changed facts, ended outages."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.incident import Incident, Kind, Poll
from bot.domain.lines import CaseOpened, IncidentChanged, IncidentEnded, Line
from bot.domain.rules import Rules
from bot.ports import Write
from bot.steps.collect import offered


def compose(poll: Poll, rules: Rules) -> Write:
    """The lines that bring the ledger up to what a poll saw.

    An incident that was seen before never opens a second case; one that is back on the list goes on in
    its old one. A poll that does not prove absence ends nothing.
    """

    def write(book: Book, _now: datetime) -> Sequence[Line]:
        lines: list[Line] = []
        number = book.next_case
        for incident in poll.incidents:
            case = book.case_of(incident.id)
            if case is None and offered(incident, rules):
                lines.append(CaseOpened(number, incident))
                number += 1
            elif case is not None:
                lines += _news(case, incident)
        if poll.proves_absence:
            gone = (book.cases[n] for n in sorted(book.open))
            lines += [IncidentEnded(case.id) for case in gone if case.incident.id not in poll.present]
        return lines

    return write


def _news(case: Case, incident: Incident) -> list[Line]:
    if incident.ignored:
        return [] if case.ended_at is not None else [IncidentEnded(case.id, "ignored")]
    if incident.kind is Kind.OTHER:  # there is no template for it: keep the facts that were decided on
        return []
    changed = case.ended_at is not None or case.incident != incident
    return [IncidentChanged(case.id, incident)] if changed else []


def touched(lines: Sequence[Line]) -> list[int]:
    """The cases whose cards must show something else now."""
    return [line.case for line in lines if isinstance(line, CaseOpened | IncidentChanged | IncidentEnded)]
