"""A ledger line as one line of JSON, and back (bot/docs/ledger.md).

`{"seq":12,"group":5,"left":0,"at":"...Z","kind":"intent",<fields>,"prev":"<sha256>","crc":"<crc32>"}`:
`left` is how many lines of the same commit group follow, `prev` the SHA-256 of the whole line before
(64 zeros on the first) and `crc` the CRC-32 of everything before `,"crc":`.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple, get_args
from zlib import crc32

from pydantic import ConfigDict, TypeAdapter, ValidationError

from bot.domain.events import Line, Planned, TrialIntent
from bot.tongue import said

NO_LINE = "0" * 64
"""What the first line has in place of the hash of the line before."""

_CONFIG = ConfigDict(extra="forbid")  # what a newer version added must not be dropped in silence
_KINDS: dict[bytes, type[Line]] = {
    kind.__dataclass_fields__["kind"].default.encode(): kind for kind in get_args(Line)
}
_ADAPTERS: dict[type, TypeAdapter[Any]] = {}
_HEAD = re.compile(
    rb'\{"seq":(\d{1,18}),"group":(\d{1,18}),"left":(\d{1,18}),'
    rb'"at":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6})Z",'
)
_TAIL = re.compile(rb',"prev":"([0-9a-f]{64})","crc":"([0-9a-f]{8})"\}')
# No text inside a line holds this: its quotes are escaped. Spaces: a tool may have printed the file anew.
_GROUP = re.compile(rb'"group"\s*:\s*(\d{1,18})\s*,')
_START = re.compile(rb'(?=\{"seq":\d)')
_KIND: Any = {"kind"}
_KIND_AND_PEOPLE: Any = {"kind": True, "recipients": {"__all__": {"name", "phone"}}}
_REST = re.compile(rb'(\d{1,18}),"at":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)","kind":"([a-z_]+)",(?=")')
_FIRST = re.compile(rb'\{"kind":"([a-z_]+)"')
_CRC_FIELD = len(b',"crc":"01234567"}')
_TAIL_SIZE = len(b',"prev":""') + 64 + _CRC_FIELD


class BadLine(Exception):
    """A line that cannot be taken; the text says what is wrong and never quotes a field.

    `intact` is True where the line is as it was written (its CRC holds) and yet does not fit.
    """

    def __init__(self, what: str, *, intact: bool) -> None:
        super().__init__(what)
        self.intact = intact


class _Readers(dict[bytes, Callable[[bytes], Line]]):
    """What reads a kind, without the adapter's own call. KeyError where there is no such kind."""

    def __missing__(self, kind: bytes) -> Callable[[bytes], Line]:
        self[kind] = read = _adapter(_KINDS[kind]).validator.validate_json
        return read


_READERS = _Readers()


class Entry(NamedTuple):
    """A line with its envelope."""

    seq: int
    group: int
    left: int
    at: datetime
    prev: str
    line: Line


_entry: Callable[[tuple[object, ...]], Entry] = partial(tuple.__new__, Entry)  # half the time of its own call


def digest(raw: bytes) -> str:
    """The hash that the next line carries as `prev`."""
    return sha256(raw).hexdigest()


def fields(line: Line, *, people: bool = False) -> bytes:
    """The inner part of a line: `"kind":"intent","case":3,...`, without an envelope and braces.

    Names and phones of customers are in none: they are left out where not asked for (`people`). So is what
    is at its default: a default is a part of the format, like a name, and never changes.
    """
    left_out = _KIND if people or not isinstance(line, Planned) else _KIND_AND_PEOPLE
    body = _adapter(type(line)).dump_json(line, exclude=left_out, exclude_defaults=not people)
    kind = b'"kind":"%b"' % line.kind.encode()
    return kind if body == b"{}" else kind + b"," + body[1:-1]


def seal(inner: bytes, *, seq: int, group: int, left: int, at: datetime, prev: str) -> bytes:
    """The whole line (no newline) around what `fields` gave."""
    time = at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    head = f'{{"seq":{seq},"group":{group},"left":{left},"at":"{time}Z",'
    raw = b'%b%b,"prev":"%b"' % (head.encode(), inner, prev.encode())
    return b'%b,"crc":"%08x"}' % (raw, crc32(raw))


def personal(line: Line) -> bool:
    """Whether a line says names or phones of customers, as those of a version before did."""
    if isinstance(line, Planned):
        return any(one.phone is not None or one.name for one in line.recipients)
    return isinstance(line, TrialIntent) and line.phone.isdecimal()


def groups_in(data: bytes) -> set[int]:
    """Every commit group of which a trace can be seen in any bytes, damaged, printed anew, or in UTF-16."""
    return {int(found) for part in (data, data[::2], data[1::2]) for found in _GROUP.findall(part)}


def intact_in(data: bytes) -> list[bytes]:
    """Every line whose CRC holds in any bytes, in order, whatever stands between them (no newlines)."""
    ends = ((part, _TAIL.search(part)) for part in _START.split(data))
    lines = [part[: end.end()] for part, end in ends if end is not None]
    return [raw for raw in lines if group_of(raw) is not None]


def group_of(raw: bytes) -> int | None:
    """The commit group of a line whose CRC holds, None for any other bytes."""
    head = _HEAD.match(raw)
    tail = _TAIL.fullmatch(raw, max(len(raw) - _TAIL_SIZE, 0))
    if head is None or tail is None or crc32(raw[:-_CRC_FIELD]) != int(tail[2], 16):
        return None
    return int(head[2])


def unseal(raw: bytes) -> Entry:
    """The entry of one whole line without its newline. BadLine where it cannot be read."""
    head = _HEAD.match(raw)
    tail = _TAIL.fullmatch(raw, max(len(raw) - _TAIL_SIZE, 0))
    if head is None or tail is None:
        raise BadLine(_not_a_line(raw), intact=False)
    if crc32(raw[:-_CRC_FIELD]) != int(tail[2], 16):
        raise BadLine(said("crc: the line is not what was written"), intact=False)
    seq, group, left, time = head.groups()
    body = b"{%b}" % raw[head.end() : tail.start()]
    kind = _kind_of(body)
    if kind not in _KINDS:
        raise BadLine(said("unknown kind: written by a newer version?"), intact=True)
    try:
        line = _READERS[kind](body)
        at = datetime.fromisoformat(time.decode() + "+00:00")
    except ValidationError as error:
        raise BadLine(_unreadable(kind, error), intact=True) from None
    except ValueError:
        raise BadLine(said("at: not a time"), intact=True) from None
    return Entry(int(seq), int(group), int(left), at, tail[1].decode(), line)


def follows(raw: bytes, seq: int, group: int, prev: str) -> Entry | None:
    """The same, and sooner, of a line that has that number, group and hash; None: for `unseal` to judge."""
    start = b'{"seq":%d,"group":%d,"left":' % (seq, group)
    rest = _REST.match(raw, len(start)) if raw.startswith(start) else None
    end = b',"prev":"%b","crc":"%08x"}' % (prev.encode(), crc32(raw[:-_CRC_FIELD]))
    if rest is None or not raw.endswith(end):
        return None
    left, time, kind = rest.groups()
    try:
        line = _READERS[kind](b"{%b}" % raw[rest.end() : -_TAIL_SIZE])
        return _entry((seq, group, int(left), datetime.fromisoformat(time.decode()), prev, line))
    except (ValueError, KeyError):  # a ValidationError, too
        return None


def _adapter(kind: type) -> TypeAdapter[Any]:
    """What reads and writes a kind, made with its first line: all of them would take a tenth of a start."""
    if kind not in _ADAPTERS:
        or_none: Any = kind | None  # a dataclass alone would not be told what is forbidden
        _ADAPTERS[kind] = TypeAdapter(or_none, config=_CONFIG)
    return _ADAPTERS[kind]


def parts(line: Line) -> dict[str, Any]:
    """A line's fields as JSON has them, for who writes them down beside others."""
    return {"kind": line.kind, **_adapter(type(line)).dump_python(line, mode="json", exclude=_KIND)}


def made(parts: dict[str, Any]) -> Line:
    """The line of such fields. ValueError where there is no such kind, or it has others."""
    if (kind := _KINDS.get(str(parts.get("kind")).encode())) is None:
        raise ValueError("unknown kind")
    line: Line = _adapter(kind).validate_python(parts)
    return line


def _kind_of(body: bytes) -> bytes:
    """What a line says that it is, wherever it says so; nothing where it does not."""
    if (first := _FIRST.match(body)) is not None:
        return first[1]
    try:
        return str(json.loads(body).get("kind")).encode()
    except ValueError:
        return b""


def _not_a_line(raw: bytes) -> str:
    try:
        json.loads(raw)
    except ValueError:
        return said("not JSON")
    return said("not a ledger line: seq, group, left, at, prev or crc is missing or misplaced")


def _unreadable(kind: bytes, error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "unexpected_keyword_argument":
        return said("unknown field: written by a newer version?")
    text, names = "fields: {names} cannot be read ({why})", ".".join(map(str, (kind.decode(), *first["loc"])))
    return said(text, names=names, why=first["type"])
