"""Ledgers as a version before wrote them: with names and phones in their lines."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from bot.domain.events import Line, Planned, TrialIntent
from bot.storage import codec
from bot.storage.segments import segment_name

Group = tuple[datetime, tuple[Line, ...]]


def write(folder: Path, groups: Iterable[Group]) -> str:
    """The hash of its last line."""
    (folder / "ledger").mkdir(parents=True)
    image, last = written(groups)
    for name, data in image.items():
        (folder / "ledger" / name).write_bytes(data)
    return last


def written(groups: Iterable[Group]) -> tuple[dict[str, bytes], str]:
    """The segments, and the hash of the last line."""
    image: dict[str, bytes] = {}
    seq, prev, name = 0, codec.NO_LINE, ""
    for number, (at, lines) in enumerate(groups, 1):
        name = max(name, segment_name(at))
        for left, line in zip(range(len(lines) - 1, -1, -1), lines, strict=True):
            seq += 1
            raw = codec.seal(_fields(line), seq=seq, group=number, left=left, at=at, prev=prev)
            prev = codec.digest(raw)
            image[name] = image.get(name, b"") + raw + b"\n"
    return image, prev


def _fields(line: Line) -> bytes:
    said = json.loads(b"{%b}" % codec.fields(line, people=True))
    for recipient in said["recipients"] if isinstance(line, Planned) else ():
        del recipient["person"]
    if isinstance(line, TrialIntent):
        said["phone"] = "5561999990009"
    said.pop("key", None)
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()[1:-1]


def peopled(line: Line) -> Line:
    """A plan whose people have a name and the phone that they are called by."""
    if not isinstance(line, Planned):
        return line
    phones = (f"55{one.person[:2]}9{one.person[2:]}" if one.person else None for one in line.recipients)
    pairs = zip(line.recipients, phones, strict=True)
    return replace(line, recipients=tuple(replace(one, name="José", phone=phone) for one, phone in pairs))
