"""What `repair` would make of a damaged ledger, worked out in memory: takes no lock and writes nothing.

Every line carries its number, its checksum and the hash of the line before it. So whatever happened to a
file (line ends, NULs, garbage between or behind lines, lines doubled or in another order), the lines whose
checksum holds, put in order, are either the whole ledger or they are not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from bot.storage import codec
from bot.storage.codec import BadLine
from bot.storage.commands.phrases import counted
from bot.storage.disk import Disk
from bot.storage.replay import Fault, Scan, Trouble, scan
from bot.storage.segments import ledger_folder, segment_name

_NO_MEANING = b"\0\r"  # no line holds these: its JSON escapes them
_BOM = b"\xef\xbb\xbf"


class Held(Disk):
    """Segments in memory, to try a repair before anything is written."""

    def __init__(self, segments: Mapping[str, bytes]) -> None:
        self._segments = segments

    def names(self, folder: Path) -> list[str]:  # noqa: ARG002 - they are of one folder
        """The segments, whatever the folder."""
        return sorted(self._segments)

    def read(self, path: Path) -> bytes:
        """The segment of that name."""
        return self._segments[path.name]

    def reading(self, path: Path) -> BinaryIO:
        """The same, a part at a time."""
        return BytesIO(self.read(path))

    def length(self, path: Path) -> int:
        """How long it is."""
        return len(self.read(path))


@dataclass(frozen=True, slots=True)
class Mending:
    """A whole ledger: each segment as it is (`held`) and as it would be, and how many groups that has.

    `aside` has the segments with a torn last group, which would be put aside: how many of its lines are
    intact. Nobody was told that those are durable. No other line is lost.
    """

    held: Mapping[str, bytes]
    segments: Mapping[str, bytes]
    groups: int
    aside: Mapping[str, int]

    @property
    def changed(self) -> tuple[str, ...]:
        """The segments that would not stay as they are."""
        return tuple(name for name in self.held if self.segments[name] != self.held[name])

    def said(self) -> list[str]:
        """`2026-11.jsonl: CR LF line ends undone`: what would be done, a line each."""
        kept = {raw for data in self.segments.values() for raw in data.splitlines()}
        return [
            f"{name}: {what}"
            for name in self.changed
            for what in _differences(self.held[name], self.segments[name], kept)
        ]


def held(disk: Disk, folder: Path, found: Scan) -> dict[str, bytes]:
    """The segments that a scan saw. Raises OSError."""
    return {name: disk.part(ledger_folder(folder) / name, 0, found.sizes[name]) for name in found.sizes}


def mending(segments: Mapping[str, bytes], found: Scan) -> Mending | None:
    """How to make the ledger whole that a scan found trouble in; None where that would lose lines."""
    if found.trouble is None:
        return None
    mended = _every_line_kept(segments, found.trouble) or _cut_as_a_start_does(segments, found)
    if mended is None:
        return None
    groups = max(_traces(mended), default=0)
    kept = {raw for data in mended.values() for raw in data.splitlines()}
    aside = {
        name: len(set(intact_in(data)) - kept)
        for name, data in segments.items()
        if max(_traces({name: data}), default=0) > groups
    }
    return Mending(segments, mended, groups, aside)


def intact_in(data: bytes) -> list[bytes]:
    """Every line whose checksum holds, in order, whatever stands between or (NUL, CR) within them."""
    return codec.intact_in(data.translate(None, _NO_MEANING))


def of_newer_version(segments: Mapping[str, bytes]) -> bool:
    """Whether a line is as it was written, but not by a version that this one understands."""
    for data in segments.values():
        for raw in intact_in(data):
            try:
                codec.unseal(raw)
            except BadLine:
                return True
    return False


def _every_line_kept(held: Mapping[str, bytes], trouble: Trouble) -> dict[str, bytes] | None:
    """Every line that is as it was written, each once and in order; None where that is no whole ledger."""
    homes: dict[bytes, str] = {}
    places: dict[bytes, int] = {}
    for name, data in held.items():
        for raw in intact_in(data):
            try:
                entry = codec.unseal(raw)
            except BadLine:
                return None
            places[raw] = entry.seq
            home = segment_name(entry.at)
            homes.setdefault(raw, home if home in held else name)
    lines: dict[str, list[bytes]] = {name: [] for name in held}
    last_home = ""
    for raw in sorted(homes, key=places.__getitem__):
        last_home = max(last_home, homes[raw])  # what follows lines of a clock that was ahead is with them
        lines[last_home].append(raw + b"\n")
    mended = {name: b"".join(kept) for name, kept in lines.items()}
    tried = scan(Held(mended), Path())
    # A trace of a line that is in no intact one is a line that would be lost, but for a torn last group.
    last = tried.head.group + (trouble.fault is not Fault.CORRUPT)
    traces = _traces(held)
    return mended if tried.trouble is None and homes and max(traces) <= last else None


def _cut_as_a_start_does(held: Mapping[str, bytes], found: Scan) -> dict[str, bytes] | None:
    if found.trouble is None or found.trouble.fault is Fault.CORRUPT:
        return None
    return {name: data[: found.ends[name]] for name, data in held.items()}


def _traces(segments: Mapping[str, bytes]) -> set[int]:
    """Every commit group that has left a trace, damaged or not."""
    return {
        group for data in segments.values() for group in codec.groups_in(data.translate(None, _NO_MEANING))
    }


def _differences(old: bytes, new: bytes, kept: set[bytes]) -> list[str]:
    """What would be done to a segment, in words; `kept` are the lines that stay in any segment."""
    before, after = intact_in(old), new.splitlines()
    out, said = set(before) - set(after), []
    if doubled := len(before) - len(set(before)):
        said.append(f"{counted(doubled, 'doubled line')} taken out")
    if moved := len(out & kept):
        said.append(f"{counted(moved, 'line')} taken out, of another segment")
    if torn := len(out - kept):
        said.append(f"{counted(torn, 'intact line')} taken out, of the torn last group")
    if moved := len(set(after) - set(before)):
        said.append(f"{counted(moved, 'line')} brought back from another segment")
    if set(before) == set(after) and list(dict.fromkeys(before)) != after:
        said.append("lines put back in order")
    if b"\r\n" in old:
        said.append("CR LF line ends undone")
    if nuls := old.count(0):
        said.append(f"{counted(nuls, 'NUL byte')} taken out")
    if mark := len(_BOM) * old.startswith(_BOM):
        said.append("byte order mark taken out")
    if rest := len(old.translate(None, b"\0\r\n")) - sum(map(len, before)) - mark:
        said.append(f"{counted(rest, 'byte')} taken out, of no whole line")
    return said or ["line ends put right"]
