"""The month's report for who decides about refunds: a sheet of every interruption, and a summary in words.

It says what the ledger knows and from where, and never what a law or a contract asks for.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from bot.chat.screens.pages.sheets import csv_parts
from bot.chat.screens.words import Words
from bot.domain.incident import NO_PLACE
from bot.domain.interruptions.counting import Apart, Counted, Interruptions
from bot.domain.interruptions.rows import Interruption
from bot.domain.plan import Skip

COLUMNS = (
    "customer",
    "start",
    "end",
    "minutes",
    "cause",
    "port",
    "case",
    "warned_at",
    "delivered",
    "back_at",
    "sources",
)
_LONGEST = 10  # customers in the summary
_BY_RECEIPT = {"received", "read", "undelivered"}


def month_csv(found: Interruptions, words: Words) -> Iterator[bytes]:
    """A row an interruption of a customer, also those that are in no sum: `counted=` in `sources` says why.

    Times are local; in a month in which the zone changes each carries its offset. Part by part. Where there
    were regions a last column names that of the case.
    """
    shifts = len({words.local(at).utcoffset() for at in (found.month.first, found.month.next)}) > 1
    row = _Rows(words, shifts=shifts)
    if not _regions(found):
        return csv_parts(COLUMNS, map(row.of, found.rows))
    return csv_parts((*COLUMNS, "region"), ((*row.of(one), one.row.region) for one in found.rows))


def month_summary(found: Interruptions, words: Words) -> list[str]:
    """The lines of the summary, plain text."""
    sums = (*_sums(found, words), *_by_region(found, words))
    return [*_head(found, words), *sums, *_apart(found, words), *_unsure(found, words)]


def _month(found: Interruptions, words: Words) -> str:
    return f"{words.local(found.month.first):%Y-%m}"


class _Rows:
    """Makes rows; a phrase of few is said once, as saying it 50,000 times takes seconds."""

    def __init__(self, words: Words, *, shifts: bool) -> None:
        self._words, self._shifts = words, shifts
        self._said: dict[str, str] = {}

    def of(self, one: Counted) -> Sequence[str]:
        row = one.row
        return (
            f"{row.customer} {row.name}".strip(),
            self._time(row.start),
            self._time(row.end),
            str(one.minutes),
            row.cause or self._once(row.kind, lambda: self._words.plain(f"report.{row.kind}")),
            ", ".join(port.label if port.place != NO_PLACE else port.olt for port in row.ports),
            str(row.case),
            self._time(row.warned),
            self._once(row.delivered, lambda: _delivered(row.delivered, self._words)),
            self._time(row.back),
            " ".join(_sources(one)),
        )

    def _time(self, at: datetime | None) -> str:
        if at is None:
            return ""
        return self._words.local(at).isoformat(" ", "seconds") if self._shifts else self._words.stamp(at)

    def _once(self, code: str, say: Callable[[], str]) -> str:
        if code not in self._said:
            self._said[code] = say()
        return self._said[code]


def _delivered(code: str, words: Words) -> str:
    """Codes of outcomes, arrivals and reasons differ from each other."""
    if code in {"", "rehearsed"}:
        return words.plain("report.rehearsed") if code else ""
    if code in set(Skip):
        return words.plain("fate.skipped", reason=words.plain(f"skip.{code}"))
    return words.plain(f"fate.{code}", reason=None, dry_run=False)


def _sources(one: Counted) -> Iterator[str]:
    """Where each time is from, and what else is to be known of the row, by codes that do not change."""
    row = one.row
    yield f"start={row.started}"
    yield f"end={row.ended}"
    if row.warned is not None:
        yield "warned=request"
    if row.delivered in _BY_RECEIPT:
        yield "delivered=receipt"
    elif row.warned is not None:
        yield "delivered=answer"
    if row.back_by is not None:
        yield f"back={row.back_by}"
    elif row.absent:
        yield "back=not_seen"
    yield f"list={row.listed}"
    if row.customer:
        yield f"name={'people' if row.name else 'not_kept'}"
    yield from (f"cut={which}" for which, cut in (("before", one.before), ("after", one.after)) if cut)
    if one.late:
        yield "planned=late"
    yield f"counted={one.apart}"


def _head(found: Interruptions, words: Words) -> Iterator[str]:
    month = found.month
    yield words.plain("report.title", month=_month(found, words))
    yield words.plain("report.period", first=words.stamp(month.first), last=words.stamp(month.next))
    if found.upto < month.next:
        yield words.plain("report.partial", upto=words.stamp(found.upto))


def _sums(found: Interruptions, words: Words) -> Iterator[str]:
    minutes: Counter[str] = Counter()
    times: Counter[str] = Counter()
    names: dict[str, str] = {}
    until: dict[str, datetime] = {}
    for one in found.rows:  # of each customer in the order in which they began
        row = one.row
        if one.apart is Apart.COUNTED:
            minutes[row.customer] += one.minutes
            times[row.customer] += row.customer not in until or until[row.customer] < row.start
            until[row.customer] = max(row.until, until.get(row.customer, row.until))
            names[row.customer] = row.name or names.get(row.customer, "")
    facts = {"n": times.total(), "customers": len(times), "minutes": minutes.total()}
    yield words.plain("report.counted", **facts, least=found.month.least)
    length = int((found.month.next - found.month.first).total_seconds() // 60)
    yield words.plain("report.formula", minutes=length)
    if times:
        yield words.plain("report.longest")
    most = sorted(minutes, key=lambda customer: (-minutes[customer], customer))[:_LONGEST]
    for customer in most:
        who = f"{customer} {names[customer]}".strip()
        yield words.plain("report.one", who=who, n=times[customer], minutes=minutes[customer])


def _regions(found: Interruptions) -> list[str]:
    """Those that cases of the month were of, last those of none; nothing where no case had one."""
    regions = {one.row.region for one in found.rows}
    return sorted(regions, key=lambda region: (not region, region)) if regions - {""} else []


def _by_region(found: Interruptions, words: Words) -> Iterator[str]:
    """Of each region how many customers were without service, and for how many minutes."""
    for region in _regions(found):
        own = [one for one in found.rows if one.row.region == region and one.apart is Apart.COUNTED]
        facts = {"customers": len({one.row.customer for one in own}), "minutes": sum(o.minutes for o in own)}
        yield words.plain("report.region", region=region, **facts)


def _apart(found: Interruptions, words: Words) -> Iterator[str]:
    counts = Counter(one.apart for one in found.rows)
    for apart, key in (
        (Apart.SHORT, "report.short"),
        (Apart.ALONE, "report.alone"),
        (Apart.PLANNED, "report.planned"),
        (Apart.FALSE_ALARM, "report.false_alarm"),
    ):
        if counts[apart]:
            yield words.plain(key, n=counts[apart], least=found.month.least)
    cases = {one.row.case for one in found.rows if one.apart is Apart.NO_LIST}
    if cases:
        yield words.plain("report.no_list", n=len(cases))


def _unsure(found: Interruptions, words: Words) -> Iterator[str]:
    rows = found.rows
    for key, some in (
        ("report.late", (one.late for one in rows)),
        ("report.first_seen", (_any_start(one.row) for one in rows)),
        ("report.still_on", (one.row.end is None for one in rows)),
        ("report.unwatched", (one.row.ended == "unwatched" for one in rows)),
        ("report.absent", (one.row.absent for one in rows)),
        ("report.other_list", (one.row.listed in {"earlier", "later"} for one in rows)),
        ("report.cut", (one.before or one.after for one in rows)),
        ("report.nameless", (bool(one.row.customer) and not one.row.name for one in rows)),
    ):
        if n := _count(some):
            yield words.plain(key, n=n)
    yield words.plain("report.not_in")
    yield words.plain("report.no_law")


def _any_start(row: Interruption) -> bool:
    return row.started in {"first_seen", "seen_again"}


def _count(some: Iterable[bool]) -> int:
    return sum(some)
