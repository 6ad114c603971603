"""`python -m bot ledger verify`: whether the ledger is whole, and where it is not. Only reads."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from bot.storage import codec, copied
from bot.storage.chain import whole
from bot.storage.checkpoint import newest
from bot.storage.codec import BadLine, Entry
from bot.storage.commands.mending import Mending, mending
from bot.storage.commands.phrases import (
    ASKS,
    BAD,
    NEWER,
    OLDER,
    TWICE,
    anew,
    counted,
    no_ledger,
    place,
    term,
    views_in,
    waits,
)
from bot.storage.commands.progress import watched
from bot.storage.commands.salvage import of_newer_version, segments_of
from bot.storage.disk import Disk
from bot.storage.replay import OUTDATED, Fault, Scan, Trouble, heads_of_views, scan
from bot.storage.sealed.gzipped import packed_name
from bot.storage.sealed.packing import same
from bot.storage.segments import Head, ledger_folder
from bot.tongue import said as _

_NAMED = 20  # cases, at most, in the text
_LARGE = 8 * 1024 * 1024  # bytes: to work out how to mend more takes as long as reading it three times


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
    """What was read. `head` is the end of the last whole group, `trouble` the first bad line if any is.

    `begun` are the first and the last line between the two, of a group without an end; `view` is a file
    that shows that there was a ledger, where no whole group is left; `unconfirmed` is the time of the last
    line before a start that may be on an old copy, while nobody has confirmed it.
    """

    ledger: Path
    segments: int
    head: Head
    trouble: Trouble | None = None
    after: After = field(default_factory=After)
    begun: tuple[int, int] | None = None
    view: str | None = None
    unconfirmed: datetime | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing that was acknowledged is damaged.

        An incomplete last group passes: it is being written right now, or a crash cut it off before
        anybody was told that it is durable.
        """
        return self.trouble is None or self.trouble.fault is Fault.INCOMPLETE


def verify(folder: Path, disk: Disk | None = None, *, full: bool = False) -> Report:
    """Read everything under `folder`/ledger and check it. Works while the bot runs. Raises OSError.

    What is checked is the chain (`bot.storage.chain`); with `full` every line is read, too, and folded into
    the state that it must fit.
    """
    disk = disk or Disk()
    return reported(disk, folder, _checked(disk, folder, full=full))


def _checked(disk: Disk, folder: Path, lines: Iterable[int] = (), *, full: bool) -> Scan:
    """Where the chain does not hold a scan says which line it is, and what that means."""
    found = None if full else whole(disk, folder, lines)
    return scan(disk, folder, lines, before=not full) if found is None else found


def reported(disk: Disk, folder: Path, found: Scan) -> Report:
    """What a scan found, and what is behind it. Raises OSError."""
    report = Report(ledger_folder(folder), len(found.sizes), found.head)
    if found.trouble is None:
        return replace(report, unconfirmed=found.book.unconfirmed)
    view = None if found.head.seq else min(views_in(folder, disk), default=None)
    trouble = found.trouble
    report = replace(report, trouble=trouble, after=_after(disk, folder, found, trouble), view=view)
    if trouble.fault is Fault.CORRUPT:  # a confirmation may stand behind the damage
        return replace(report, begun=_begun(disk, folder, found, trouble))
    return replace(report, begun=_begun(disk, folder, found, trouble), unconfirmed=found.book.unconfirmed)


def _begun(disk: Disk, folder: Path, found: Scan, trouble: Trouble) -> tuple[int, int] | None:
    """The lines in front of the first bad one that are intact and of a group that does not end."""
    if trouble.segment not in found.ends:
        return None
    end = found.ends[trouble.segment]
    count = sum(1 for _ in disk.lines(ledger_folder(folder) / trouble.segment, end, trouble.offset - end))
    return (found.head.seq + 1, found.head.seq + count) if count else None


def entries(disk: Disk, folder: Path, found: Scan) -> Iterator[Entry]:
    """The lines of every whole group that a scan took, in order. Raises OSError."""
    for name, end in found.ends.items():
        yield from map(codec.unseal, disk.lines(ledger_folder(folder) / name, 0, end))


def _after(disk: Disk, folder: Path, found: Scan, trouble: Trouble) -> After:
    kinds: Counter[str] = Counter()
    unread = first = last = groups = 0
    cases: set[int] = set()
    before = None
    for raw in _behind(disk, folder, found, trouble):
        before, group = codec.group_of(raw), before
        groups += before != group
        try:
            entry = codec.unseal(raw)
        except BadLine:
            unread += 1
            continue
        kinds[entry.line.kind] += 1
        first, last = min(first or entry.seq, entry.seq), max(last, entry.seq)
        case = getattr(entry.line, "case", None)
        if case is not None:
            cases.add(case)
    return After(dict(kinds.most_common()), unread, groups, first, last, tuple(sorted(cases)))


def _behind(disk: Disk, folder: Path, found: Scan, trouble: Trouble) -> Iterator[bytes]:
    """Every line behind the first bad one that is as it was written."""
    for name, size in found.sizes.items():
        if name < trouble.segment:
            continue
        begin = trouble.offset if name == trouble.segment else 0
        for number, part in enumerate(disk.lines(ledger_folder(folder) / name, begin, size - begin)):
            if number or name != trouble.segment:  # not the bad line itself
                yield from codec.intact_in(part)


def run_verify(
    folder: Path, anchor: tuple[int, str] | None = None, *, full: bool = False, progress: bool = False
) -> tuple[int, str]:
    """The exit code (0 whole, 1 damaged, unreadable, older than what lies beside it), and the text to show.

    `anchor` is what the chat shows of the ledger at some time, a line's number and the first digits of its
    hash: 1, too, where this ledger does not have that line. `full` is as in `verify`; with `progress` stderr
    shows how far it is.
    """
    disk = Disk()
    try:
        mark = copied.found(disk, folder)
        views, line = heads_of_views(disk, folder), newest(disk, folder)  # before the lines: the bot may run
        wanted = {*views, *([anchor[0]] if anchor else [])}
        with watched(folder, on=progress) as reading:
            found = _checked(reading, folder, wanted, full=full)
        if not found.sizes:
            return 1, no_ledger(folder, disk)
        report = reported(disk, folder, found)
        text = [*_text(report, disk, folder, found, full=full)]
        older = any(found.digests.get(line) != digest for line, digest in views.items())
        older |= line > report.head.seq
        if report.ok and older:
            text.append(_(OLDER))
        if found.before:
            text.append(_(OUTDATED))
        if mark is not None:
            text.append(f"{mark.said()}: {_(ASKS)}")
        there = True
        if anchor is not None:
            there, said = _has(found, *anchor)
            text.append(said)
        text += (differ := _differing(disk, folder, found.sizes))
        return (0 if report.ok and there and not older and not differ else 1), "\n".join(text)
    except OSError as error:
        return 1, _("{path} cannot be read: {why}", path=ledger_folder(folder), why=error.strerror)


def _differing(disk: Disk, folder: Path, names: Iterable[str]) -> list[str]:
    """What to say of the months that are there packed and unpacked, and not the same."""
    ledger = ledger_folder(folder)
    both = [name for name in names if {name, packed_name(name)} <= {*disk.names(ledger)}]
    return [
        _(TWICE, file=ledger / name, packed=packed_name(name))
        for name in both
        if not same(disk, ledger / name, ledger / packed_name(name))
    ]


def _has(found: Scan, line: int, digits: str) -> tuple[bool, str]:
    """Whether this is the ledger that the chat saw, and the same in words."""
    digest = found.digests.get(line)
    if digest is None:
        text = _("this ledger has no such line: it is older, or another one")
        return False, f"{line} · {digits}: {text}"
    if digest.startswith(digits):
        return True, f"{line} · {digits}: {_('the line is there, as the chat shows it')}"
    text = _("the line is another one ({digits}): this is another ledger", digits=digest[:8])
    return False, f"{line} · {digits}: {text}"


def _text(report: Report, disk: Disk, folder: Path, found: Scan, *, full: bool) -> Iterator[str]:
    head, trouble = report.head, report.trouble
    good = _("{lines} in {groups}", lines=counted(head.seq, "good line"), groups=counted(head.group, "group"))
    yield f"{report.ledger}: {counted(report.segments, 'segment')} {_('read')}, {good}"
    if head.seq:
        at = f"{head.at:%Y-%m-%dT%H:%M:%SZ}"
        yield _("head: {digest} (sha256 of line {line}, {at})", digest=head.digest, line=head.seq, at=at)
    if trouble is None:
        fits = _(", and every line fits what is before it") if full else ""
        yield _("whole: sequence, chain, groups and checksums agree") + fits
    else:
        headline = _("incomplete last group" if report.ok else BAD)
        yield f"{headline}: {place(report.ledger, trouble)}"
        if report.begun is not None:
            first, last = report.begun
            yield _(
                "before it: lines {first} to {last} belong to a group whose end is not readable"
                if first != last
                else "before it: line {first} belongs to a group whose end is not readable",
                first=first,
                last=last,
            )
        yield f"{_('after it')}: {said_of(report.after)}"
        yield from _judgement(report, trouble, disk, folder, found)
    if report.unconfirmed is not None:
        yield waits(f"{report.unconfirmed:%Y-%m-%dT%H:%M:%SZ}", found.book.doubt)


def said_of(after: After) -> str:
    """How much is still readable, of which kinds, and which cases it touches; no name and no phone."""
    if not after.lines:
        return _("no line that can be read")
    kinds = [f"{count} {term('line', kind)}" for kind, count in after.kinds.items()]
    if after.unread:
        kinds.append(_("{count} that this version cannot read", count=after.unread))
    where = ""
    if after.last:
        same = after.first == after.last
        span = ", line {first}" if same else ", lines {first} to {last}"
        where = _(span, first=after.first, last=after.last)
    lines, groups = counted(after.lines, "intact line"), counted(after.groups, "group")
    lines = _("{lines} in {groups}", lines=lines, groups=groups)
    text = f"{lines}{where} ({', '.join(kinds)})"
    if not after.cases:
        return text + _(", of no case")
    shown = ", ".join(map(str, after.cases[:_NAMED]))
    more = len(after.cases) - _NAMED
    of = _(", of case {cases}" if len(after.cases) == 1 else ", of cases {cases}", cases=shown)
    return text + of + (_(" and {count} more", count=more) if more > 0 else "")


def _judgement(report: Report, trouble: Trouble, disk: Disk, folder: Path, found: Scan) -> Iterator[str]:
    """What the damage is, and what mends it."""
    large = sum(found.sizes.values()) > _LARGE
    held = [] if large else segments_of(disk, folder, found)
    plan = None if large else mending(held, found)
    if trouble.fault is not Fault.CORRUPT:
        yield _tail(trouble.fault)
        if plan is not None and plan.groups > found.head.group:
            yield _("stop the bot and, before that start, {mend}", mend=_mends(plan))
        return
    behind = _("the line is intact and does not fit")
    if trouble.later:
        behind = f"{counted(trouble.later, 'later group')} {_('follow' if trouble.later > 1 else 'follows')}"
    elif report.view is not None:
        behind = _("no whole group is left, and {view} shows that there was one", view=report.view)
    yield _("corruption: {behind}; the bot decides and sends nothing until it is mended", behind=behind)
    if large:
        yield _("stop the bot; `python -m bot ledger repair --dry-run` then says whether it can be mended")
    elif plan is not None:
        yield _mends(plan)
    elif of_newer_version(held):
        yield _(NEWER)
    elif report.view is not None and not report.after.lines:
        yield anew(folder, ["ledger", *views_in(folder, disk)])
    else:
        yield _("`python -m bot ledger repair` would lose lines: bring the file back from a backup")


def _mends(plan: Mending) -> str:
    text = "`python -m bot ledger repair` can mend this without losing a line ({how})"
    return _(text, how="; ".join(plan.said()))


def _tail(fault: Fault) -> str:
    if fault is Fault.INCOMPLETE:
        return _(
            "it is being written now, or a crash tore it; the next start moves it to ledger/quarantine and "
            "goes on"
        )
    return _(
        "torn tail: no later group follows; the next start moves the last group to ledger/quarantine and "
        "goes on"
    )
