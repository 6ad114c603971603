"""A book as lines of JSON and back, by the types of its fields: whatever is added to a book is written, too.

A few things a line, so that neither writing nor reading has much in memory at once beside the book. Customers
who were told by one dispatch share one `Contact`: of 160,000 of them each costs its number and a place.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import pydantic
from pydantic import ConfigDict, PlainSerializer, PlainValidator, TypeAdapter, ValidationError

import bot.domain
from bot.domain.book import AuditEntry, Book
from bot.domain.limits.cooldown import Contact
from bot.storage import codec

_AT_ONCE = 50  # things a line
_Line = Annotated[
    Any, PlainValidator(codec.made), PlainSerializer(codec.parts)
]  # an adapter of every kind takes a start longer than all else here
_CONFIG = ConfigDict(ser_json_inf_nan="constants")  # an outage's size may be infinite
_AS: dict[str, Any] = {
    "own": _Line | None,
    "audit": list[tuple[datetime, _Line, int]],
    "told": list[Contact],
    "contacts": dict[str, int],
    "down": dict[str, Annotated[set[str], PlainSerializer(sorted)]],
}
"""What stands for a field whose own type says too little (any line), whose values are shared (`told`), or
whose order is another in each process (`down`): a book has one checkpoint.
"""


class Unreadable(Exception):
    """It is no book of this version."""


def fold_of_the_source() -> str:
    """Every byte of the domain's source counts: a rule that changes is not always a field that does."""
    domain = Path(bot.domain.__file__).parent
    found = sha256(pydantic.VERSION.encode())
    for path in (*sorted(domain.rglob("*.py")), Path(codec.__file__), Path(__file__)):
        text = path.read_bytes()
        found.update(b"%b %d " % (path.name.encode(), len(text)) + text)
    return found.hexdigest()


FOLD = fold_of_the_source()
"""What folds lines into a book, in one hash: where it is another one, so may be the book.

Taken when the program starts: what lies there later, after an upgrade, is not what folds here.
"""


def dump(book: Book) -> Iterator[bytes]:
    """All of the book, which must not change meanwhile; no line has its end."""
    values = {field.name: getattr(book, field.name) for field in dataclasses.fields(book)}
    values["audit"] = [(entry.at, entry.line, entry.attempt) for entry in book.audit]
    places: dict[Contact, int] = {}
    values["contacts"] = {k: places.setdefault(contact, len(places)) for k, contact in book.contacts.items()}
    values["told"] = list(places)
    for name, adapter in _adapters().items():
        for part in _parts(values[name]):
            yield b'{"%b":%b}' % (name.encode(), adapter.dump_json(part, exclude_defaults=name == "cases"))


def _parts(value: Any) -> Iterator[Any]:
    """A few of it at a time, in its order; at least one part, and whole where it has no parts."""
    if not isinstance(value, dict | list | set):
        yield value
        return
    items = iter(value.items() if isinstance(value, dict) else value)
    yield type(value)(islice(items, _AT_ONCE))
    while part := type(value)(islice(items, _AT_ONCE)):
        yield part


def load(lines: Iterable[bytes]) -> Book:
    """The book that was dumped. Unreadable where it is none."""
    values: dict[str, Any] = {}
    try:
        for line in lines:
            name, colon, rest = line.partition(b":")
            _add(values, name[2:-1].decode(), rest[:-1] if colon else b"")
        if values.keys() != _adapters().keys():
            raise Unreadable("fields are missing")
        told = values.pop("told")
        values["contacts"] = {key: told[place] for key, place in values["contacts"].items()}
        values["audit"] = [AuditEntry(*entry) for entry in values["audit"]]
    except (ValidationError, LookupError, UnicodeDecodeError) as error:
        raise Unreadable(type(error).__name__) from None
    return Book(**values)


def _add(values: dict[str, Any], name: str, data: bytes) -> None:
    part = _adapters()[name].validate_json(data)
    if isinstance(part, dict | set):
        values.setdefault(name, type(part)()).update(part)
    elif isinstance(part, list):
        values.setdefault(name, []).extend(part)
    else:
        values[name] = part


@cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    hints = get_type_hints(Book) | _AS
    names = [*(field.name for field in dataclasses.fields(Book)), "told"]
    return {name: TypeAdapter(hints[name], config=_CONFIG) for name in names}
