"""Each case in one row of the index, and what a list and charts ask of years of them.

A row is made by folding the case from its lines, so it says what the card said. That takes some milliseconds,
so lines only mark their case as `stale`; the newest are made first, as long as there is time.
"""

import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from bot.domain.figures.case import Decision, Fall, Summary
from bot.domain.figures.past import Cases, Choices, Fallen, Opened, Which
from bot.domain.incident import Kind
from bot.domain.who import Who
from bot.storage.past.index import Index

_COLUMNS = (
    "case_, opened, began, ended, kind, onus, decision, decided, who, name, warned, delivered, doubts,"
    " restored, cause"
)
_DIGITS = 15  # of a number
_MOST_WORDS = 8  # of what is searched for
_THEIRS = (
    " and coalesce((select region from whose where whose.case_ = told.case_), '')"
    " in (select value from json_each(:regions))"
)


class Summaries:
    """The rows. Everything may raise sqlite3.Error."""

    def __init__(self, tables: Index) -> None:
        self._db, self._index = tables.db, tables

    def stale(self, most: int) -> list[int]:
        """The newest cases whose row is not as their lines have it."""
        query = "select case_ from stale order by case_ desc limit ?"
        return [case for (case,) in self._db.execute(query, (most,))]

    def left(self) -> int:
        """How many there are of them."""
        found: int = self._db.execute("select count(*) from stale").fetchone()[0]
        return found

    def put(self, case: int, row: Summary | None) -> None:
        """The row of a case; None where it cannot be made."""
        self._db.execute("delete from stale where case_ = ?", (case,))
        self._db.execute("delete from fell where case_ = ?", (case,))
        self._db.execute("delete from told where case_ = ?", (case,))
        if row is None:
            return
        who = (None, "") if row.who is None else (row.who.id, row.who.name)
        values = (
            *(row.case, _seconds(row.opened), _seconds(row.began), _seconds(row.ended), row.kind, row.onus),
            *(row.decision, _seconds(row.decided), *who, row.warned, row.delivered, row.doubts),
            *(row.restored, row.cause, _sought(row)),
        )
        self._db.execute(f"insert into told ({_COLUMNS}, sought) values ({_marks(values)})", values)  # noqa: S608
        falls = [
            (row.case, n, one.olt, one.label, _seconds(one.began), _seconds(one.ended))
            for n, one in enumerate(row.falls)
        ]
        self._db.executemany("insert into fell values (?, ?, ?, ?, ?, ?)", falls)

    def cases(self, which: Which, skip: int, most: int) -> Cases:
        """Some of the cases that are meant, newest first."""
        where, facts = self._where(which)
        total: int = self._db.execute(f"select count(*) from told where {where}", facts).fetchone()[0]  # noqa: S608
        query = f"select {_COLUMNS} from told where {where} order by case_ desc limit :most offset :skip"  # noqa: S608
        rows = self._db.execute(query, facts | {"most": most, "skip": skip}).fetchall()
        falls = self._falls(row[0] for row in rows)
        return Cases([_summary(row, falls.get(row[0], ())) for row in rows], total, self.left())

    def opened(self, which: Which) -> Iterator[Opened]:
        """What charts need of each case that is meant."""
        where, facts = self._where(which)
        query = f"select opened, onus, max(0, decided - opened) from told where {where}"  # noqa: S608
        return map(Opened._make, self._db.execute(query, facts))

    def fallen(self, which: Which, now: datetime, most: int) -> list[Fallen]:
        """The ports of those cases that fell most, and of two the one that was down longer."""
        where, facts = self._where(which)
        query = (
            "select label, count(*) as times, sum(max(0, coalesce(fell.ended, :now) - fell.began)) as seconds"  # noqa: S608
            f" from told join fell using (case_) where {where} and (:olt = '' or fell.olt = :olt)"
            " group by label order by times desc, seconds desc, label limit :most"
        )
        rows = self._db.execute(query, facts | {"now": _seconds(now), "most": most})
        return [Fallen(*row) for row in rows]

    def choices(self) -> Choices:
        """What cases can be chosen by."""
        olts = [olt for (olt,) in self._db.execute("select distinct olt from fell order by olt")]
        people = "select who, max(name) from told where who is not null group by who order by 2"
        return Choices(olts, self._db.execute(people).fetchall())

    def first(self) -> datetime | None:
        """When the first case was opened; None where there is none."""
        found = self._db.execute("select min(opened) from told").fetchone()[0]
        return None if found is None else _at(found)

    def _where(self, which: Which) -> tuple[str, dict[str, object]]:
        where, facts = _where(which)
        if which.whose is None:
            return where, facts
        facts["regions"] = json.dumps(self._index.of(which.whose)[0])
        return where + _THEIRS, facts

    def _falls(self, cases: Iterable[int]) -> dict[int, tuple[Fall, ...]]:
        query = (
            "select case_, olt, label, began, ended from fell"
            " where case_ in (select value from json_each(?)) order by case_, n"
        )
        found: dict[int, tuple[Fall, ...]] = {}
        for case, olt, label, began, ended in self._db.execute(query, (json.dumps(list(cases)),)):
            fall = Fall(olt, label, _at(began), None if ended is None else _at(ended))
            found[case] = (*found.get(case, ()), fall)
        return found


def plain(text: str) -> str:
    """A text as it is looked for: small letters without accents."""
    letters = unicodedata.normalize("NFD", text.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _sought(row: Summary) -> str:
    ports = dict.fromkeys(fall.label for fall in row.falls)
    return plain(" ".join((*ports, "" if row.who is None else row.who.name, row.cause)))


def _number(word: str) -> int | None:
    """The case that a word names: `12`, `#12`; None for any other."""
    digits = word.removeprefix("#")
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS else None


def _where(which: Which) -> tuple[str, dict[str, object]]:
    """The condition in SQL; what people wrote is in its facts alone."""
    facts: dict[str, object] = {"olt": which.olt}
    parts = ["1"]
    for name, value, condition in (
        ("first", _seconds(which.first), "opened >= :first"),
        ("before", _seconds(which.before), "opened < :before"),
        ("kind", which.kind, "kind = :kind"),
        ("decision", which.decision, "decision = :decision"),
        ("who", which.who, "who = :who"),
    ):
        if value is not None:
            facts[name] = value
            parts.append(f"told.{condition}")
    if which.olt:
        parts.append("told.case_ in (select case_ from fell where olt = :olt)")
    for n, word in enumerate(plain(which.text).split()[:_MOST_WORDS]):
        facts[f"word{n}"], facts[f"case{n}"] = word, _number(word)
        parts.append(f"(instr(told.sought, :word{n}) > 0 or told.case_ = :case{n})")
    return " and ".join(parts), facts


def _summary(row: Sequence[Any], falls: Sequence[Fall]) -> Summary:
    case, opened, began, ended, kind, onus, decision, decided, who, name, *rest = row
    warned, delivered, doubts, restored, cause = rest
    return Summary(
        case,
        _at(opened),
        _at(began),
        None if ended is None else _at(ended),
        Kind(kind),
        onus,
        Decision(decision),
        None if decided is None else _at(decided),
        None if who is None else Who(who, name),
        warned,
        delivered,
        doubts,
        restored,
        cause,
        tuple(falls),
    )


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" for _ in values)


def _seconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
