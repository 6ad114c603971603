"""`python -m bot ledger show`: the cases of a ledger, or one case's whole story. Only reads.

Fields are printed as the lines have them, so a new kind of line needs nothing here but its name in another
language. Names of customers are shown, phones only by their last four digits.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from bot.domain import events
from bot.domain.book import Book, WholeBook
from bot.domain.case import Case, restored_of, restoring_of
from bot.domain.dispatch import Dispatch
from bot.domain.events import Silenced, SilenceEnded
from bot.domain.incident import Port
from bot.domain.limits.silence import Silence
from bot.domain.plan import Tally
from bot.errors import StartupError
from bot.storage.checkpoint import resumed
from bot.storage.codec import Entry
from bot.storage.commands.export import Phones, Row, naming, past, read, row_of, warning
from bot.storage.commands.phrases import CODED, term, waits
from bot.storage.disk import Disk
from bot.storage.past.history import Archive
from bot.tongue import said

_PLACE = {"seq", "group", "at", "kind", "case", "restores"}
_AT_ONCE = 100  # cases
_LISTED = 8  # of a list, at most, on one line


def show(folder: Path, case: int | None, zone: tzinfo, disk: Disk | None = None) -> tuple[int, str]:
    """The exit code (0, or 1 where the ledger is damaged) and the text.

    Works while the bot runs, and on what comes before the first bad line of a damaged ledger. StartupError
    where there is no ledger that can be read, and (exit code 2) where a whole one has no such case.
    """
    disk = disk or Disk()
    found = read(folder, disk, resumed)
    note = warning(folder, found)
    lines = [said("times: {zone}", zone=zone)]
    with past(folder, disk, found) as archive:
        cases = archive.ask(lambda index, _: index.cases())
        if case is None:
            lines += [_summary(one, zone) for one in _all_of(archive, cases)] or [said("no case yet")]
            if note is None and found.book.unconfirmed is not None:  # a confirmation may be behind the damage
                lines.append(waits(_time(found.book.unconfirmed, zone), found.book.doubt))
        elif abs(case) in cases:
            story = archive.ask(lambda _, recall: recall.story(abs(case)))
            lines += _Story(abs(case), zone).text(map(naming(disk, folder), story))
        else:
            last = said("the last one is {case}", case=max(cases)) if cases else None
            if note is None:
                there = last or said("there is none yet")
                raise StartupError(said("there is no case {case}: {there}", case=case, there=there))
            lines = [said("there is no case {case} before the damage", case=case)]
    return int(note is not None), "\n".join([*lines, *([note] if note else [])])


def _all_of(archive: Archive, cases: Sequence[int]) -> Iterator[Case]:
    """Every case, with its second message behind it; few are in memory at once."""
    for first in range(0, len(cases), _AT_ONCE):
        some = cases[first : first + _AT_ONCE]
        book = _folded(archive, some)
        both = (number for case in some for number in (case, restoring_of(case)))
        yield from (book.cases[number] for number in both if number in book.cases)


def _folded(archive: Archive, cases: Sequence[int]) -> Book:
    return archive.ask(lambda _, recall: recall.fold(cases)).book


def _back(case: int) -> str:
    """Marks what is about the second message of a case."""
    return "" if restored_of(case) is None else said(" [service is back]")


def _summary(case: Case, zone: tzinfo) -> str:
    incident, dispatch = case.incident, case.dispatch
    more = len(_ports(case)) - 1
    others = said(" + {count} ports", count=more) if more else ""
    parts = [
        said("case {case}", case=case.shown_as) + _back(case.id),
        _time(case.opened_at, zone),
        f"{term('kind', incident.kind)} {_plain(incident.port.label)}{others}",
        said("incident {id}", id=_plain(incident.id)),
        term("state", case.state),
    ]
    if dispatch is not None:
        by = said("approved by {who}", who=_plain(dispatch.by.name))
        parts.append(f"{by} ({said('dry run')})" if dispatch.dry_run else by)
        tally = dispatch.tally()
        parts += [] if tally is None else [_counts(tally)]
    if case.ended_at is not None:
        parts.append(said("outage over {at}", at=_time(case.ended_at, zone)))
    return "  ".join(parts)


def _ports(case: Case) -> list[Port]:
    """Every port that the case has, over or not."""
    return list({m.incident.port.key: m.incident.port for m in case.members.values()}.values())


def _counts(tally: Tally) -> str:
    outcomes = [f"{count} {term('outcome', outcome)}" for outcome, count in tally.outcomes.items()]
    skipped = [
        said("{count} skipped ({why})", count=count, why=term("skip", skip))
        for skip, count in tally.skipped.items()
    ]
    known = tally.arrived
    arrived = [said("{count} delivered", count=known.received), said("{count} read", count=known.read)]
    failed = [
        said("{count} not delivered ({why})", count=count, why=why)
        for why, count in known.undelivered.items()
    ]
    told = [*outcomes, *(arrived if known.known else []), *failed, *skipped]
    planned, todo = said("{count} planned", count=tally.planned), said("{count} to do", count=tally.todo)
    return f"{planned}: {', '.join([*told, todo])}"


@dataclass(slots=True)
class _Way:
    """What happened to one recipient of one dispatch, step by step."""

    label: str
    steps: list[str] = field(default_factory=list)


class _Story:
    """One case's lines in order, with the ways of its recipients gathered on the way.

    Those of its second message (that service is back) are among them. Ways are by case and approval.
    """

    def __init__(self, case: int, zone: tzinfo) -> None:
        self._case, self._zone = case, zone
        self._both = (case, restoring_of(case))
        self._phones = Phones()
        self._book = WholeBook()
        self._ways: dict[tuple[int, int], dict[str, _Way]] = {}

    def text(self, story: Iterable[Entry]) -> list[str]:
        """What the lines tell."""
        lines = [text for entry in story for text in self._lines(entry)]
        cases = self._book.cases
        lines += [f"{said('now')}: {_summary(cases[n], self._zone)}" for n in self._both if n in cases]
        for (number, attempt), ways in self._ways.items():
            dispatch = cases[number].dispatches[attempt - 1]
            of = said("recipients of approval {attempt}", attempt=attempt)
            lines.append(f"{of}{_back(number)}:")
            lines += [f"  {way.label}: {self._end(dispatch, id_, way)}" for id_, way in ways.items()]
        return lines

    def _lines(self, entry: Entry) -> Iterator[str]:
        row = row_of(entry)
        self._phones.learn(row)
        row = self._phones.hide(row)
        concerns = self._concerns(entry.line)
        self._book.apply(entry.at, entry.line)
        if not concerns:
            return
        number: int = getattr(entry.line, "case", None) or self._case
        if isinstance(entry.line, events.Planned):
            attempt = len(self._book.cases[number].dispatches)
            self._ways[number, attempt] = {r["id"]: self._begun(r) for r in row["recipients"]}
        ways = self._ways_of(number, getattr(entry.line, "attempt", None))
        self._follow(entry, row, ways)
        what = {name: value for name, value in row.items() if name not in _PLACE}
        if isinstance(entry.line, events.Planned):  # told below, a line each
            what["recipients"] = len(row["recipients"])
        elif "recipient" in what:
            id_ = row["recipient"]
            what["recipient"] = ways[id_].label if id_ in ways else id_
        kind = f"{term('line', entry.line.kind)}{_back(number)}"
        yield f"{_time(entry.at, self._zone)}  #{entry.seq}  {kind}{self._said(what)}"

    def _ways_of(self, number: int, attempt: int | None) -> dict[str, _Way]:
        """Of this approval, or the last one."""
        attempts = [key for key in self._ways if key[0] == number and attempt in {None, key[1]}]
        return self._ways[max(attempts)] if attempts else {}

    def _concerns(self, line: events.Line) -> bool:
        """Whether the line is the case's own, or one of all cases that changes this one."""
        if hasattr(line, "case"):
            return line.case in self._both
        if isinstance(line, events.Started | events.Stopped):
            return not self._book.running.isdisjoint(self._both)
        case = self._book.cases.get(self._case)
        if case is None:
            return False
        if isinstance(line, Silenced):
            silence = Silence(line.silence, line.scopes, line.until, line.until, line.by, line.reason)
            return any(silence.covers(port) for port in _ports(case))
        if isinstance(line, SilenceEnded):
            return any(self._book.silences[line.silence].covers(port) for port in _ports(case))
        return isinstance(line, events.CooldownReleased) and line.port.key in {p.key for p in _ports(case)}

    def _begun(self, recipient: Row) -> _Way:
        label = _value({name: value for name, value in recipient.items() if name in {"id", "name", "phone"}})
        skip = recipient["skip"]
        return _Way(label, [said("skipped ({why})", why=term("skip", skip))] if skip else [])

    def _follow(self, entry: Entry, row: Row, ways: dict[str, _Way]) -> None:
        if isinstance(entry.line, events.Planned):
            return
        one, many = row.get("recipient"), row.get("recipients", ())
        about = {
            name: value for name, value in row.items() if name not in {*_PLACE, "recipient", "recipients"}
        }
        step = f"{_time(entry.at, self._zone)} {term('line', entry.line.kind)}{self._said(about)}"
        for id_ in [one] if one is not None else many:
            way = ways.get(id_)
            if way is not None:
                way.steps.append(step)

    def _end(self, dispatch: Dispatch, id_: str, way: _Way) -> str:
        progress = dispatch.progress
        receipt = None if progress is None else progress.results.get(id_)
        recipient = None if progress is None else progress.recipients.get(id_)
        if receipt is not None:
            reason = f" ({self._phones.hide(_plain(receipt.reason))})" if receipt.reason else ""
            end = f"{term('outcome', receipt.outcome)}{reason}"
            if progress is not None and id_ in progress.deliveries:
                end += f", {term('arrival', progress.deliveries[id_].arrival)}"
        elif recipient is not None and recipient.skip is not None:
            end = said("no message")
        elif dispatch.end:
            end = said("not sent ({why})", why=term("end", dispatch.end))
        else:
            end = said("no result yet")
        return "; ".join([*way.steps, f"{said('now')} {end}"])

    def _said(self, what: Row) -> str:
        """What is set; an object with nothing in it is not."""
        told = {
            name: term(CODED[name], str(value)) if name in CODED else _value(value)
            for name, value in what.items()
            if value not in (None, [], False)
        }
        return "".join(f"  {term('field', name)}={text}" for name, text in told.items() if text)


def _value(value: Any) -> str:
    """Any field on one line: people by name and id, objects by what is set in them."""
    if isinstance(value, dict):
        if value.keys() == {"id", "name"}:
            return f"{_plain(value['name'])} ({value['id']})"
        if "place" in value:
            return f"{_plain(value['olt'])} {_plain(value['place'])}".strip()
        return " ".join(_value(inner) for inner in value.values() if inner not in (None, [], False))
    if isinstance(value, list):
        more = ["..."] if len(value) > _LISTED else []
        count = f"{len(value)}: " if len(value) > 1 else ""
        return count + ", ".join([*map(_value, value[:_LISTED]), *more])
    return term("flag", "True") if value is True else _plain(str(value))


def _plain(text: str) -> str:
    """The text without what a terminal would obey."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _time(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
