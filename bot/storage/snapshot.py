"""A book as JSON and back, by the types of its fields: whatever is added to a book is written down too.

Customers who were told by one dispatch share one `Contact`, in the file and in memory: of 160,000 of them
each costs its number and a place.
"""

import dataclasses
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import pydantic
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config

import bot.domain
from bot.domain.book import AuditEntry, Book
from bot.domain.events import Line
from bot.domain.limits.cooldown import Contact
from bot.storage import codec

_Line = Annotated[Line, Field(discriminator="kind")]
_CONFIG = ConfigDict(extra="forbid", ser_json_inf_nan="constants")  # an outage's size may be infinite
_AS: dict[str, Any] = {
    "own": _Line | None,
    "audit": list[tuple[datetime, _Line, int]],
    "contacts": tuple[list[Contact], dict[str, int]],
}
"""What stands for a field whose own type says too little (any line), or whose values are shared."""


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


def dump(book: Book) -> bytes:
    """All of the book. It must not change meanwhile."""
    values = {field.name: getattr(book, field.name) for field in dataclasses.fields(book)}
    values["audit"] = [(entry.at, entry.line, entry.attempt) for entry in book.audit]
    places: dict[Contact, int] = {}
    who = {key: places.setdefault(contact, len(places)) for key, contact in book.contacts.items()}
    values["contacts"] = (list(places), who)
    adapter, form = _adapter()
    return adapter.dump_json(form(**values))


def load(data: bytes) -> Book:
    """The book that was dumped. Unreadable where it is none."""
    adapter, _ = _adapter()
    try:
        form = adapter.validate_json(data)
        values = {field.name: getattr(form, field.name) for field in dataclasses.fields(Book)}
        contacts, who = values["contacts"]
        values["contacts"] = {key: contacts[place] for key, place in who.items()}
        values["audit"] = [AuditEntry(*entry) for entry in values["audit"]]
    except (ValidationError, IndexError) as error:
        raise Unreadable(type(error).__name__) from None
    return Book(**values)


@cache
def _adapter() -> tuple[TypeAdapter[Any], type[Any]]:
    hints = get_type_hints(Book) | _AS
    names = [field.name for field in dataclasses.fields(Book)]
    form = dataclasses.make_dataclass("BookAsJson", [(name, hints[name]) for name in names], slots=True)
    return TypeAdapter(with_config(_CONFIG)(form)), form
