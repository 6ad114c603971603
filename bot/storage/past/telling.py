"""The rows of cases made anew, the newest first, for as long as somebody has time for it."""

from time import monotonic, sleep

import structlog

from bot.domain.case import restoring_of
from bot.domain.figures.case import Summary, summary
from bot.storage.codec import BadLine
from bot.storage.past.index import Index
from bot.storage.past.recall import Recall
from bot.storage.past.summaries import Summaries

_AT_ONCE = 20  # cases between two commits
_log = structlog.get_logger(__name__)


def tell(index: Index, recall: Recall, seconds: float) -> int:
    """Make rows for about so long; how many are left. OSError, sqlite3.Error."""
    rows, end = Summaries(index), monotonic() + seconds
    while cases := rows.stale(_AT_ONCE):
        made = {}
        for case in cases:
            made[case] = _row(recall, case)
            sleep(0)
            if monotonic() > end:
                break
        index.begin()
        try:
            for case, row in made.items():
                rows.put(case, row)
            index.commit()
        except BaseException:
            index.rollback()
            raise
        if monotonic() > end:
            return rows.left()
    return 0


def _row(recall: Recall, number: int) -> Summary | None:
    """None for a number that is no case's: somebody pressed a forged button."""
    try:
        book = recall.fold([number]).book
    except (BadLine, LookupError, ValueError) as error:
        _log.warning("a case could not be followed", case=number, why=str(error))
        return None
    case = book.cases.get(number)
    return None if case is None else summary(case, book.cases.get(restoring_of(number)))
