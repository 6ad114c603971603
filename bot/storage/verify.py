"""`python -m bot ledger verify`: whether the ledger is whole, and where it is not. Only reads."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.storage import codec
from bot.storage.codec import BadLine, Entry
from bot.storage.disk import Disk
from bot.storage.replay import Fault, Scan, Trouble, scan
from bot.storage.segments import Head, ledger_folder

_NAMED = 20  # cases, at most, in the text


@dataclass(frozen=True, slots=True)
class After:
    """What is still readable behind the first bad line: lines by kind, their groups, places and cases.

    `unread` lines are as they were written, but not by a version that this one understands.
    """

    kinds: Mapping[str, int] = field(default_factory=dict)
    unread: int = 0
    groups: int = 0
    first: int = 0
    last: int = 0
    cases: tuple[int, ...] = ()

    @property
    def lines(self) -> int:
        """How many lines follow whose checksum holds."""
        return sum(self.kinds.values()) + self.unread


@dataclass(frozen=True, slots=True)
class Report:
    """What was read. `head` is the end of the last whole group, `trouble` the first bad line if any is."""

    ledger: Path
    segments: int
    head: Head
    trouble: Trouble | None
    after: After

    @property
    def ok(self) -> bool:
        """Whether nothing that was acknowledged is damaged.

        An incomplete last group passes: it is being written right now, or a crash cut it off before
        anybody was told that it is durable.
        """
        return self.trouble is None or self.trouble.fault is Fault.INCOMPLETE


def verify(folder: Path, disk: Disk | None = None) -> Report:
    """Read everything under `folder`/ledger and check it. Works while the bot runs. Raises OSError."""
    disk = disk or Disk()
    found = scan(disk, folder)
    after = After() if found.trouble is None else _after(disk, folder, found, found.trouble)
    return Report(ledger_folder(folder), len(found.sizes), found.head, found.trouble, after)


def entries(disk: Disk, folder: Path, found: Scan) -> Iterator[Entry]:
    """The lines of every whole group that a scan took, in order. Raises OSError."""
    for name, end in found.ends.items():
        for raw in disk.read(ledger_folder(folder) / name)[:end].splitlines():
            yield codec.unseal(raw)


def _after(disk: Disk, folder: Path, found: Scan, trouble: Trouble) -> After:
    kinds: Counter[str] = Counter()
    unread = 0
    groups: set[int | None] = set()
    places: list[int] = []
    cases: set[int] = set()
    for name in found.sizes:
        if name < trouble.segment:
            continue
        data = disk.read(ledger_folder(folder) / name)
        if name == trouble.segment:
            end = data.find(b"\n", trouble.offset)
            data = data[end:] if end >= 0 else b""
        for raw in codec.intact_in(data):
            groups.add(codec.group_of(raw))
            try:
                entry = codec.unseal(raw)
            except BadLine:
                unread += 1
                continue
            kinds[entry.line.kind] += 1
            places.append(entry.seq)
            case = getattr(entry.line, "case", None)
            if case is not None:
                cases.add(case)
    return After(
        dict(kinds.most_common()),
        unread,
        len(groups),
        min(places, default=0),
        max(places, default=0),
        tuple(sorted(cases)),
    )


def run_verify(folder: Path) -> tuple[int, str]:
    """The exit code (0 whole, 1 damaged or unreadable) and the text for the person who asked."""
    try:
        report = verify(folder)
    except OSError as error:
        return 1, f"{ledger_folder(folder)} cannot be read: {error.strerror}"
    if not report.segments:
        return 1, f"{report.ledger} has no ledger: is DATA_DIR right?"
    return (0 if report.ok else 1), _text(report)


def _text(report: Report) -> str:
    head, trouble = report.head, report.trouble
    good = [f"{report.ledger}: {report.segments} segments read, {head.seq} good lines in {head.group} groups"]
    if head.seq:
        good.append(f"head: {head.digest} (sha256 of line {head.seq}, {head.at:%Y-%m-%dT%H:%M:%SZ})")
    if trouble is None:
        return "\n".join([*good, "whole: sequence, chain, groups and checksums agree"])
    first = f"first bad line: {place(report.ledger, trouble)}"
    return "\n".join([*good, first, f"after it: {told(report.after)}", _judgement(trouble)])


def place(ledger: Path, trouble: Trouble) -> str:
    """`data/ledger/2026-11.jsonl, line 3, byte 812: what is wrong`."""
    return f"{ledger / trouble.segment}, line {trouble.line}, byte {trouble.offset}: {trouble.what}"


def told(after: After) -> str:
    """How much is still readable, of which kinds, and which cases it touches; no name and no phone."""
    if not after.lines:
        return "no line that can be read"
    kinds = [f"{count} {kind}" for kind, count in after.kinds.items()]
    if after.unread:
        kinds.append(f"{after.unread} that this version cannot read")
    where = f", lines {after.first} to {after.last}" if after.last else ""
    text = f"{after.lines} intact lines in {after.groups} groups{where} ({', '.join(kinds)})"
    if not after.cases:
        return f"{text}, of no case"
    shown = ", ".join(map(str, after.cases[:_NAMED]))
    more = len(after.cases) - _NAMED
    return f"{text}, of cases {shown}" + (f" and {more} more" if more > 0 else "")


def _judgement(trouble: Trouble) -> str:
    if trouble.fault is Fault.INCOMPLETE:
        return (
            "incomplete last group: it is being written now, or a crash tore it; the next start moves it "
            "to ledger/quarantine and goes on"
        )
    if trouble.fault is Fault.TORN:
        return (
            "torn tail: no later group follows; the next start moves the last group to ledger/quarantine "
            "and goes on"
        )
    behind = (
        f"{trouble.later} later groups follow" if trouble.later else "the line is intact and does not fit"
    )
    return (
        f"corruption: {behind}; the bot decides and sends nothing until `ledger repair` "
        "mends it or the file is brought back from a backup"
    )
