"""`python -m bot ledger person PHONE`: all that there is about one customer, for who asks for it.

What is kept of them (`people/`), and what was done: each plan they were in, and what came of it. Older plans
are found by the code that the lines call them by, though their name and phone are gone.
"""

import json
from collections.abc import Iterator
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from bot.domain.book import Book
from bot.domain.case import Case, restoring_of
from bot.domain.dispatch import Dispatch
from bot.domain.events import PersonShown
from bot.domain.phone import Phone
from bot.domain.plan import Recipient
from bot.domain.who import Who
from bot.errors import LedgerClosed, StartupError
from bot.ports import Clock
from bot.storage.commands.forget import opened
from bot.storage.commands.phrases import counted, term
from bot.storage.commands.whose import Whose, rows, whose
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from bot.storage.past.history import visited
from bot.storage.people.months import Listed
from bot.tongue import said as _

Row = dict[str, Any]

_AT_ONCE = 100  # cases


async def person(
    folder: Path, phone: Phone, who: Who, clock: Clock, disk: Disk | None = None, *, url: str = ""
) -> Row:
    """All about a customer, as plain JSON values, and a line that it was shown. The bot must not run.

    `kept` are the rows that `forget` would take, each with how it was found (`By`), `messages` a row a plan
    that they are in, `opted_out` since when, by whom and why they get none (None where they do). StartupError
    (exit code 1) where that cannot be.
    """
    disk = disk or Disk()
    try:
        async with opened(folder, clock, disk, url) as ledger:
            found = _found(folder, phone, ledger, disk)
            line = PersonShown(ledger.person(phone.digits), who)
            await ledger.commit(lambda _book, _now: [line])
    except LedgerClosed as error:
        raise StartupError(str(error), code=1) from error
    except OSError as error:
        text = _("{path} cannot be read: {why}", path=folder, why=error.strerror)
        raise StartupError(text, code=1) from error
    return found


def _found(folder: Path, phone: Phone, ledger: FileLedger, disk: Disk) -> Row:
    called = ledger.person(phone.digits)
    with visited(folder, disk, ledger.head.seq) as archive:
        theirs = whose(archive, disk, folder, phone, called)
        cases = sorted(theirs.cases)
        messages: list[Row] = []
        for first in range(0, len(cases), _AT_ONCE):
            some = cases[first : first + _AT_ONCE]
            book = archive.ask(lambda _, recall, some=some: recall.fold(some)).book  # type: ignore[misc]
            messages += [row for case in some for row in _messages(book, case, called)]
    return {
        "person": called,
        "opted_out": _opted_out(ledger.book, called),
        "kept": [row for listed in rows(disk, folder) for row in _kept(listed, theirs)],
        "messages": messages,
    }


def _opted_out(book: Book, called: str) -> Row | None:
    found = book.opted_out.get(called)
    return None if found is None else {"at": _time(found.at), "by": found.by.name, "reason": found.reason}


def _kept(listed: Listed, theirs: Whose) -> Iterator[Row]:
    case, attempt = listed.plan
    for one in listed.people:
        if (by := theirs.by(listed, one)) is not None:
            of = {"at": _time(listed.at), "case": case, "attempt": attempt, "id": one.id}
            yield {**of, "name": one.name, "phone": one.phone, "by": by}


def _messages(book: Book, number: int, called: str) -> Iterator[Row]:
    both = (book.cases.get(number), book.cases.get(restoring_of(number)))
    for case in (one for one in both if one is not None):
        for dispatch in case.dispatches:
            plan = {} if dispatch.progress is None else dispatch.progress.recipients
            for recipient in (one for one in plan.values() if one.person == called):
                yield _message(case, dispatch, recipient)


def _message(case: Case, dispatch: Dispatch, recipient: Recipient) -> Row:
    sends = dispatch.sends
    receipt, claimed = sends.results.get(recipient.id), sends.intents.get(recipient.id)
    heard = sends.deliveries.get(recipient.id)
    root = case.incident
    return {
        "case": case.shown_as,
        "restored": case.restores is not None,
        "attempt": dispatch.attempt,
        "port": root.port.label,
        "kind": root.kind.value,
        "approved_at": _time(dispatch.at),
        "approved_by": dispatch.by.name,
        "dry_run": dispatch.dry_run,
        "id": recipient.id,
        "serials": list(recipient.serials),
        "skipped": None if recipient.skip is None else recipient.skip.value,
        "sent_at": None if claimed is None else _time(claimed),
        "outcome": None if receipt is None else receipt.outcome.value,
        "reason": None if receipt is None else receipt.reason,
        "reference": None if receipt is None else receipt.reference,
        "calls": sends.calls.get(recipient.id),
        "delivery": None if heard is None else heard.arrival.value,
        "delivery_at": None if heard is None else _time(heard.at),
        "delivery_reason": None if heard is None else heard.reason,
    }


def said(found: Row, zone: tzinfo) -> str:
    """The same for a person to read: a line for each plan."""
    names = dict.fromkeys(row["name"] for row in found["kept"] if row["by"] != "onu")
    onus = dict.fromkeys(row["name"] for row in found["kept"] if row["by"] == "onu")
    lines = [_("in the ledger: {person}", person=found["person"])]
    if (out := found["opted_out"]) is not None:
        since = datetime.fromisoformat(out["at"]).astimezone(zone)
        text, day = "asked for no messages: {at}, by {who}: {reason}", f"{since:%Y-%m-%d %H:%M:%S}"
        lines.append(_(text, at=day, who=out["by"], reason=out["reason"]))
    called, plans = ", ".join(filter(None, names)) or _("no name"), counted(len(found["kept"]), "plan")
    lines.append(_("kept: {names}, {plans}", names=called, plans=plans))
    if onus:
        text = "of their ONU without a customer: {names} (look whether that is them)"
        lines.append(_(text, names=", ".join(onus)))
    for row in found["messages"]:
        came = term("outcome", row["outcome"]) if row["outcome"] else _("not sent")
        if row["skipped"] and not row["outcome"]:
            came = _("skipped ({why})", why=term("skip", row["skipped"]))
        at = datetime.fromisoformat(row["sent_at"] or row["approved_at"]).astimezone(zone)
        if row["delivery"] is not None:
            came += f", {term('arrival', row['delivery'])}"
        why = row["delivery_reason"] or row["reason"]
        parts = [
            f"{at:%Y-%m-%d %H:%M:%S}",
            _("case {case}", case=row["case"]) + (_(" [service is back]") if row["restored"] else ""),
            f"{term('kind', row['kind'])} {row['port']}",
            " ".join([came, *([f"({why})"] if why else []), *([f"({_('dry run')})"] * row["dry_run"])]),
        ]
        lines.append("  ".join(parts))
    return "\n".join([*lines, *([] if found["messages"] else [_("no plan has them")])])


def document(found: Row) -> bytes:
    """The same as JSON."""
    return json.dumps(found, ensure_ascii=False, indent=1).encode() + b"\n"


def _time(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
