"""`python -m bot ledger export`: every readable line for a spreadsheet or a script. Only reads.

CSV as Excel in Portuguese opens it: UTF-8 with BOM, `;`, and no cell that it would run as a formula. Fields
are taken as the lines have them, so a new kind of line needs nothing here.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Literal

from bot.domain.case import restored_of
from bot.domain.figures.cells import unrun
from bot.errors import StartupError
from bot.storage import codec, copied
from bot.storage.codec import Entry
from bot.storage.commands.phrases import no_ledger, place
from bot.storage.commands.verify import entries
from bot.storage.disk import Disk
from bot.storage.past.history import Archive, visited
from bot.storage.people.months import FOLDER
from bot.storage.people.store import known
from bot.storage.replay import Fault, Scan, scan
from bot.storage.segments import ledger_folder
from bot.tongue import said

Row = dict[str, Any]

_FIRST = (
    "seq",
    "group",
    "at",
    "at_local",
    "kind",
    "case",
    "recipient",
    "outcome",
    "reason",
    "reference",
    "who",
    "who.id",
)
_NUMBER = re.compile(r"\+?\(?\d[\d ().-]{6,20}\d")  # digits as people write a phone
READINGS = {"csv": 3, "json": 2}
"""How often each reads the whole ledger."""
_ALIKE = 8  # digits at the end: the same phone with and without its country, area code and ninth digit


class Phones:
    """The phones in a ledger, to mask them wherever they stand: in their own fields and in any text."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def learn(self, row: Row) -> None:
        """Take in the phones of a row before the ones after it are hidden."""
        for recipient in row.get("recipients", ()):
            if isinstance(recipient, dict) and recipient.get("phone"):
                self._known.add(recipient["phone"][-_ALIKE:])

    def hide(self, value: Any, name: str = "") -> Any:
        """The value with every phone in it cut to its last four digits."""
        if isinstance(value, dict):
            return {key: self.hide(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.hide(inner, name) for inner in value]
        if not isinstance(value, str):
            return value
        return masked(value) if "phone" in name else _NUMBER.sub(self._masked_if_known, value)

    def _masked_if_known(self, found: re.Match[str]) -> str:
        digits = re.sub(r"\D", "", found[0])
        return masked(digits) if digits[-_ALIKE:] in self._known else found[0]


def masked(phone: str) -> str:
    """`****0001`."""
    return f"****{phone[-4:]}"


def row_of(entry: Entry) -> Row:
    """A line as plain JSON values: its place, time and kind, then the fields that are its own.

    One about the second message of a case (service is back; the case's number, negated) has `restores`: the
    number that people know.
    """
    own = json.loads(b"{%b}" % codec.fields(entry.line, people=True))
    at = entry.at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    root = restored_of(own.get("case") or 0)
    second = {} if root is None else {"restores": root}
    return {"seq": entry.seq, "group": entry.group, "at": at, **own, **second}


def read(folder: Path, disk: Disk, how: Callable[[Disk, Path], Scan] = scan) -> Scan:
    """What can be read of a ledger; StartupError (exit code 1) where there is none or it cannot be read."""
    try:
        copied.found(disk, folder)
        found = how(disk, folder)
    except OSError as error:
        raise _unreadable(ledger_folder(folder), error) from error
    if not found.sizes:
        raise StartupError(no_ledger(folder, disk), code=1)
    return found


@contextmanager
def past(folder: Path, disk: Disk, found: Scan) -> Iterator[Archive]:
    """What a scan took, case by case; StartupError where it cannot be read a second time."""
    try:
        with visited(folder, disk, found.head.seq, anew=found.trouble is not None) as archive:
            yield archive
    except OSError as error:
        raise _unreadable(ledger_folder(folder), error) from error


def taken(disk: Disk, folder: Path, found: Scan) -> Iterator[Entry]:
    """The lines that a scan took, in order; StartupError where they cannot be read a second time."""
    try:
        yield from entries(disk, folder, found)
    except OSError as error:
        raise _unreadable(ledger_folder(folder), error) from error


def naming(disk: Disk, folder: Path) -> Callable[[Entry], Entry]:
    """Puts names and phones into lines, in their order; StartupError where they cannot be read."""
    try:
        people = known(disk, folder)
    except OSError as error:
        raise _unreadable(folder / FOLDER, error) from error

    def named(entry: Entry) -> Entry:
        try:
            return entry if people is None else people.named(entry)
        except OSError as error:
            raise _unreadable(folder / FOLDER, error) from error

    return named


def warning(folder: Path, found: Scan) -> str | None:
    """What to tell who reads a damaged ledger; None where it is whole, or its last group is on its way."""
    if found.trouble is None or found.trouble.fault is Fault.INCOMPLETE:
        return None
    bad = place(ledger_folder(folder), found.trouble)
    text = "DAMAGED: only the {count} lines before the damage are shown. First bad line: {bad}"
    return said(text, count=found.head.seq, bad=bad)


def export(
    folder: Path,
    form: Literal["csv", "json"],
    zone: tzinfo,
    *,
    case: int | None = None,
    phones: bool = False,
    disk: Disk | None = None,
) -> tuple[Iterator[bytes], str | None]:
    """The document, a row at a time, and what to say about a damaged ledger (None for a whole one).

    JSON is one object a line. CSV also has the time in `zone`, as a Portuguese spreadsheet reads a date
    (`at_local`), and each case by the number that people know. `phones` leaves them in full. Works while
    the bot runs. StartupError where there is no ledger that can be read, also on the way.
    """
    disk = disk or Disk()
    found = read(folder, disk)

    def rows() -> Iterator[Row]:
        hidden = None if phones else Phones()
        named = naming(disk, folder)
        for entry in taken(disk, folder, found):
            row = row_of(named(entry))
            if hidden is not None:
                hidden.learn(row)
                row = hidden.hide(row)
            if case is None or case in {row.get("case"), row.get("restores")}:
                yield row

    def flat() -> Iterator[Row]:
        return (_flat(_for_people(row, zone)) for row in rows())

    return _json(rows()) if form == "json" else _csv(flat), warning(folder, found)


def save(path: Path, document: Iterable[bytes], folder: Path, disk: Disk | None = None) -> None:
    """Put the document in a file that only this user may read. StartupError where that cannot be."""
    if path.resolve().is_relative_to(ledger_folder(folder).resolve()):
        raise StartupError(said("--out {path}: not among the ledger's own files", path=path))
    try:
        (disk or Disk()).replace_with(path, document)
    except OSError as error:
        text = said("{path} cannot be written: {why}", path=path, why=error.strerror)
        raise StartupError(text, code=1) from error


def _unreadable(folder: Path, error: OSError) -> StartupError:
    return StartupError(said("{path} cannot be read: {why}", path=folder, why=error.strerror), code=1)


def _json(rows: Iterator[Row]) -> Iterator[bytes]:
    return (json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def _csv(rows: Callable[[], Iterator[Row]]) -> Iterator[bytes]:
    """Read twice: which columns there are is known after all rows."""
    columns = list(dict.fromkeys([*_FIRST, *(name for row in rows() for name in row)]))
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=";")
    writer.writerow(columns)
    yield out.getvalue().encode("utf-8-sig")
    for row in rows():
        out.seek(0)
        out.truncate()
        writer.writerow(_cell(row.get(name)) for name in columns)
        yield out.getvalue().encode()


def _for_people(row: Row, zone: tzinfo) -> Row:
    at = datetime.fromisoformat(row["at"]).astimezone(zone)
    known = {"case": row["restores"]} if "restores" in row else {}
    return {**row, **known, "at_local": f"{at:%d/%m/%Y %H:%M:%S}"}


def _flat(row: Row, inside: str = "") -> Row:
    """One level: `by` becomes `who` and `who.id`, other objects `incident.port.olt`."""
    flat: Row = {}
    for name, value in row.items():
        if name == "by":
            flat |= {} if value is None else {"who": value["name"], "who.id": value["id"]}
        elif isinstance(value, dict):
            flat |= _flat(value, f"{inside}{name}.")
        else:
            flat[f"{inside}{name}"] = value
    return flat


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | list):
        return json.dumps(_unrun(value), ensure_ascii=False)
    return str(_unrun(value))


def _unrun(value: Any) -> Any:
    """The texts in it, each as one that is no formula: a list in a cell has them behind commas."""
    if isinstance(value, str):
        return unrun(value)
    if isinstance(value, list):
        return [_unrun(one) for one in value]
    return {key: _unrun(one) for key, one in value.items()} if isinstance(value, dict) else value
