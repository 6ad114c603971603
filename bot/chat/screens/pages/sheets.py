"""Documents: a case's customers for one person's private chat, and the audit.

CSV as Excel in Portuguese opens it: UTF-8 with BOM, `;`, and no cell that it would run as a formula.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain

from bot.chat.screens.cards.head import all_ports
from bot.chat.screens.cards.results import at_rest, counts_plain, fate, fate_of, reason_words, to_call
from bot.chat.screens.pages.audit import ending
from bot.chat.screens.pages.audit_entries import Entry, entry_of, matching, said, said_of
from bot.chat.screens.pages.on_demand import no_phone
from bot.chat.screens.pages.people import Person, people
from bot.chat.screens.pages.silences import where
from bot.chat.screens.pages.unreached import Unreached, ports_of
from bot.chat.screens.screen import Sheet
from bot.chat.screens.words import Words, clean
from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.customer import Found
from bot.domain.figures.cells import unrun
from bot.domain.plan import Recipient
from bot.domain.who import Who
from bot.ports import Recalled

_PART = 1000  # rows


def details_csv(case: Case, found: Found, words: Words) -> Sheet:
    """Every ONU of a case's alerts with its customer and full phone: for a private chat only.

    Of a case of several ports, with the OLT and the port of each; once there is a plan, with what came of it.
    """
    several = len(all_ports(case)) > 1
    planned = case.dispatch is not None and case.dispatch.progress is not None
    columns = ["name", "serial", "link", "phone", "whatsapp", *(("olt", "port") if several else ())]
    columns += ["fate"] if planned else []
    rows = (
        (
            person.name,
            person.serial,
            words.plain(f"link.{person.link}"),
            person.recorded,
            person.phone or no_phone(person, words),
            *(_port(person, case) if several else ()),
            *([fate(case, person.client_id, person.serial, words)] if planned else ()),
        )
        for person in people(found)
    )
    name = words.plain("sheet.details_file", case=case.id)
    return Sheet(name, csv_of([words.plain(f"sheet.{column}") for column in columns], rows))


def unreached_csv(case: Case, found: Found, chosen: Unreached, words: Words) -> Sheet:
    """Who is on a list of a case, with full phones, also such as cannot be messaged: a private chat only."""
    several = len(all_ports(case)) > 1
    columns = ["name", "serial", "phone", "whatsapp", *(("port",) if several else ()), "fate"]
    dispatch, recorded = case.dispatch, _recorded(found)
    rows = (
        ()
        if dispatch is None
        else (
            (
                one.name,
                ", ".join(one.serials),
                recorded(one),
                one.phone or "",
                *((ports_of(case, one),) if several else ()),
                fate_of(dispatch, one, words),
            )
            for one in chosen.of(dispatch)
        )
    )
    name = words.plain(f"sheet.{chosen.name}_file", case=case.id)
    return Sheet(name, csv_of([words.plain(f"sheet.{column}") for column in columns], rows))


def _recorded(found: Found) -> Callable[[Recipient], str]:
    """All phones of somebody that the directory has: a plan has the one that is written to, no landline."""
    phones = {contact.client_id: contact.phone for contact in found.contacts.values()}
    return lambda one: phones.get(one.id.removeprefix("c")) or one.phone or ""


def _port(person: Person, case: Case) -> tuple[str, str]:
    """The OLT and the place; empty where the alert is of the case no more."""
    member = case.members.get(person.incident)
    return (member.incident.port.olt, member.incident.port.place) if member is not None else ("", "")


def doubts_csv(case: Case, found: Found, words: Words) -> Sheet:
    """The sends in doubt, and whom somebody calls, with full phones: for a private chat only."""
    columns = ("name", "phone", "whatsapp", "at", "reason", "standing")
    dispatch, recorded = at_rest(case), _recorded(found)
    progress = dispatch.progress if dispatch else None
    rows: list[Sequence[str]] = []
    if dispatch is not None and progress is not None:
        for recipient in (*dispatch.in_doubt(), *to_call(progress)):
            tried = progress.intents.get(recipient.id)
            by = progress.calls.get(recipient.id)
            standing = words.plain("sheet.doubt") if by is None else words.plain("sheet.call", by=by)
            reason = reason_words(progress.results[recipient.id].reason, words)
            rows.append(
                (
                    recipient.name,
                    recorded(recipient),
                    recipient.phone or "",
                    words.stamp(tried) if tried else "",
                    reason,
                    standing,
                )
            )
    key = "sheet.doubts_file" if case.restores is None else "sheet.restored_doubts_file"
    name = words.plain(key, case=case.shown_as)
    return Sheet(name, csv_of([words.plain(f"sheet.{column}") for column in columns], rows))


ENTRIES = 1000
"""At most so many are given out in one document: the newest."""


def entries_in(book: Book, filter_text: str, words: Words, now: datetime) -> Recalled:
    """What the book has of the audit for a document, refused taps, too."""
    found = matching(book, filter_text, words, now, refused=True)
    return Recalled(book, tuple(found[:ENTRIES]), len(found))


def audit_csv(found: Recalled, words: Words, now: datetime, hours: float) -> Sheet:
    """Audit entries in words, newest first, times local; a last row says of how many more there are."""
    columns = ("at", "who", "what", "case", "port", "result", "outage", "frees")
    title = words.plain("sheet.audit_file")
    rows = [_audit_row(entry_of(found.book, entry, now, hours), words) for entry in found.entries]
    if len(rows) < found.total:
        rows.append((words.plain("sheet.more", n=found.total - len(rows)), *[""] * (len(columns) - 1)))
    return Sheet(f"{title}.csv", csv_of([words.plain(f"sheet.{column}") for column in columns], rows))


def audit_json(found: Recalled, words: Words, now: datetime, hours: float) -> Sheet:
    """The same for programs: codes, ids, times in UTC; a last object says how many more there are."""
    rows = [_audit_object(entry_of(found.book, entry, now, hours)) for entry in found.entries]
    left_out = found.total - len(rows)
    text = json.dumps([*rows, *([{"left_out": left_out}] if left_out else [])], indent=2)
    return Sheet(f"{words.plain('sheet.audit_file')}.json", text.encode())


def _audit_row(entry: Entry, words: Words) -> Sequence[str]:
    result = counts_plain(entry.tally, words, dry_run=entry.dry_run) if entry.tally else ""
    if entry.dry_run:
        result = f"{words.plain('audit.dry_run')} {result}".strip()
    outage = ""
    if entry.ended_at is not None:
        outage = words.plain(ending(entry), at=entry.ended_at, now=None)
    elif entry.incident is not None:
        outage = words.plain("audit.still_on")
    return (
        words.stamp(entry.at),
        said_of(entry.who, words),
        said(entry, words),
        str(entry.case or ""),
        _where(entry, words),
        result,
        outage,
        words.stamp(entry.frees_at) if entry.frees_at else "",
    )


def _where(entry: Entry, words: Words) -> str:
    if entry.port is None:
        return where(entry.scopes)
    if entry.ports == 1:
        return entry.port.label
    return words.plain("audit.of_ports", port=entry.port, n=entry.ports - 1)


def _audit_object(entry: Entry) -> dict[str, object]:
    tally = entry.tally
    return {
        "at": _utc(entry.at),
        "what": entry.code,
        "reason": entry.detail,
        "action": entry.action,
        "who": _who(entry.who),
        "case": entry.number,
        "restores": entry.restores,
        "incident": entry.incident.id if entry.incident else None,
        "kind": entry.incident.kind.value if entry.incident else None,
        "port": {"key": entry.port.key, "olt": entry.port.olt, "place": entry.port.place}
        if entry.port
        else None,
        "approved_by": _who(entry.approved_by),
        "ports": entry.ports if entry.port else None,
        "scopes": [{"olt": scope.olt, "place": scope.place} for scope in entry.scopes],
        "until": _utc(entry.until),
        "despite": list(entry.despite),
        "first": _who(entry.first),
        "asked_onus": entry.asked,
        "agreed_customers": entry.agreed,
        "team": entry.team,
        "template": entry.trial.hsm if entry.trial else None,
        "outcome": entry.receipt.outcome.value if entry.receipt else None,
        "dry_run": entry.dry_run,
        "customers": entry.count,
        "planned": tally.planned if tally else None,
        "outcomes": {outcome.value: n for outcome, n in tally.outcomes.items()} if tally else None,
        "skipped": {skip.value: n for skip, n in tally.skipped.items()} if tally else None,
        "todo": tally.todo if tally else None,
        "received": tally.arrived.received if tally else None,
        "read": tally.arrived.read if tally else None,
        "undelivered": dict(tally.arrived.undelivered) if tally else None,
        "outage_ended_at": _utc(entry.ended_at),
        "port_free_at": _utc(entry.frees_at),
    }


def _who(who: Who | None) -> dict[str, object] | None:
    return {"id": who.id, "name": who.name} if who else None


def _utc(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat() if at else None


def csv_of(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """The document: a column a heading, each text a cell."""
    return b"".join(csv_parts(header, rows))


def csv_parts(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """The same, part by part: a long one is never in memory as a whole."""
    out, mark = io.StringIO(newline=""), b"\xef\xbb\xbf"
    writer = csv.writer(out, delimiter=";")
    for number, row in enumerate(chain([header], rows), 1):
        writer.writerow([unrun(clean(text)) for text in row])
        if not number % _PART:
            yield mark + out.getvalue().encode()
            mark = b""
            out.seek(0)
            out.truncate()
    yield mark + out.getvalue().encode()
