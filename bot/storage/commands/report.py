"""`python -m bot report 2026-11`: a month's interruptions, for who decides about refunds. Only reads."""

from datetime import tzinfo
from pathlib import Path

from bot.domain.interruptions.counting import Interruptions, Month, calendar_month
from bot.errors import StartupError
from bot.storage.checkpoint import resumed
from bot.storage.commands.export import past, read, warning
from bot.storage.disk import Disk
from bot.storage.past.history import Anew
from bot.storage.past.month import MonthReader
from bot.tongue import said


def month_in(month: str, zone: tzinfo, least: int) -> Month:
    """A month such as `2026-11` by that zone's calendar. StartupError where there is none."""
    try:
        return calendar_month(int(month[:4]), int(month[5:7]), zone, least)
    except (ValueError, OverflowError):
        raise StartupError(said("{month} is no month of this calendar", month=month)) from None


def report(folder: Path, month: Month, disk: Disk | None = None) -> tuple[Interruptions, str | None]:
    """The month's interruptions, and what to say of a damaged ledger (None for a whole one).

    Works while the bot runs. What is still on is counted up to the last line: nobody knows more. StartupError
    where there is no ledger that can be read, or it ends before the month.
    """
    disk = disk or Disk()
    found = read(folder, disk, resumed)
    if found.head.at <= month.first:
        raise StartupError(said("{folder}: the ledger ends before that month", folder=folder), code=1)
    try:
        with past(folder, disk, found) as archive:
            reader = MonthReader(disk, folder, month, found.book.open, found.head.at)
            return reader.read(archive), warning(folder, found)
    except Anew:
        text = said("{folder} cannot be read: its lines are not where they were", folder=folder)
        raise StartupError(text, code=1) from None
