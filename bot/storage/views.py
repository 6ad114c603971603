"""`cooldown.json` and `audit.json`: what the ledger says, for people, scripts and backups.

Rendered from the book; `kept` keeps the files. They hold no phone and no customer's name.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.domain import events
from bot.domain.book import AuditEntry, Book
from bot.domain.case import Case
from bot.domain.dispatch import Dispatch
from bot.domain.events import (
    Approved,
    CooldownReleased,
    Resent,
    Resolved,
    Settled,
    TrialIntent,
)
from bot.domain.limits.cooldown import free_at
from bot.domain.plan import Tally
from bot.domain.who import Who

_SAID = ("reason", "why", "action", "end", "choice", "dry_run", "silence", "cause", "team")
_TIMES = ("due", "eta", "until")

Counts = dict[int, list[Mapping[str, Any] | None]]
"""Per case, the result counts of each of its dispatches."""


def cooldown_view(book: Book, now: datetime, hours: float) -> dict[str, Any]:
    """The ports that are in their cooldown at `now`, the first to be free first."""
    ports = []
    for reservation in book.reservations.values():
        until = free_at(reservation, now, hours)
        if until is not None:
            ports.append(
                {
                    "key": reservation.port.key,
                    "port": reservation.port.label,
                    "since": _utc(reservation.at),
                    "until": _utc(until),
                    "case": reservation.case,
                    "who": _who(reservation.by),
                }
            )
    ports.sort(key=lambda row: str(row["until"]))
    return {"as_of": _utc(now), "hours": hours, "ports": ports}


def decision(book: Book, entry: AuditEntry, hours: float, counts: Counts) -> dict[str, Any]:
    """One row of the audit.

    One about the second message of a case (service is back) has `restores`, the number that people know the
    case by, and as `case` that number negated, as in the ledger.
    """
    line = entry.line
    row: dict[str, Any] = {"at": _utc(entry.at), "what": line.kind, "who": _who(entry.by), "case": entry.case}
    row |= {name: getattr(line, name) for name in _SAID if hasattr(line, name)}
    row |= {name: _utc(getattr(line, name)) for name in _TIMES if hasattr(line, name)}
    if isinstance(line, Resolved | Resent):
        row["recipients"] = len(line.recipients)
    if isinstance(line, CooldownReleased):
        return row | {"olt": line.port.olt, "port": line.port.label}
    if isinstance(line, events.Silenced | events.SilenceEnded):
        silence = book.silences.get(line.silence)
        scopes = () if silence is None else silence.scopes
        return row | {"scopes": [{"olt": scope.olt, "place": scope.place} for scope in scopes]}
    if isinstance(line, TrialIntent):
        known = book.trials.get(line.trial)
        row |= {"template": line.template, "hsm": line.hsm, "phone": line.phone}
        return row | {"outcome": None if known is None else known.outcome.value}
    case = None if entry.case is None else book.cases.get(entry.case)
    if case is None:
        return row
    root = book.cases[case.shown_as]
    if case.restores is not None:
        row["restores"] = case.restores
    row |= {"olt": root.incident.port.olt, "port": root.incident.port.label}
    row |= {"outage": "on" if root.ended_at is None else "ended", "ended_at": _utc(root.ended_at)}
    if isinstance(line, Approved | events.Proposed):
        row["despite"] = list(line.despite)
        row |= {"asked_onus": line.asked, "agreed_customers": line.agreed}
    if isinstance(line, Approved | Settled):
        row["results"] = _results(book, case, entry, counts)
    if isinstance(line, Approved):
        row["ports"] = [port.label for port in line.ports]
        row["left_out"] = [port.label for port in line.left_out]
        row["first"] = _who(line.first)
        row["cooldown_until"] = _held_until(book, case, entry, hours)
    return row


def _results(book: Book, case: Case, entry: AuditEntry, counts: Counts) -> Mapping[str, Any] | None:
    """The counts of the dispatch that the entry began or ended; None where there was no plan."""
    if len(counts.get(case.id, ())) != len(case.dispatches):
        counts[case.id] = [_counted(dispatch) for dispatch in case.dispatches]
    return counts[case.id][entry.attempt - 1] if book.dispatch_of(entry) else None


def _counted(dispatch: Dispatch) -> Mapping[str, Any] | None:
    tally = dispatch.tally()
    if tally is None:
        return None
    return {
        "planned": tally.planned,
        **{outcome.value: count for outcome, count in sorted(tally.outcomes.items())},
        "skipped": {skip.value: count for skip, count in sorted(tally.skipped.items())},
        "todo": tally.todo,
        **arrived(tally),
    }


def arrived(tally: Tally) -> Mapping[str, Any]:
    """What receipts said of how many, where any did."""
    known = tally.arrived
    if not known.known:
        return {}
    return {
        "received": known.received,
        "read": known.read,
        "undelivered": dict(sorted(known.undelivered.items())),
    }


def _held_until(book: Book, case: Case, entry: AuditEntry, hours: float) -> str | None:
    """Until when this approval holds its ports; None where it holds none (any more)."""
    dispatch = book.dispatch_of(entry)
    if dispatch is None or dispatch is not case.dispatch or dispatch.dry_run:
        return None
    held = (book.reservations.get(port.key) for port in dispatch.ports)
    until = [found.at + timedelta(hours=hours) for found in held if found and found.case == case.id]
    return _utc(max(until)) if until else None


def _who(who: Who | None) -> dict[str, Any] | None:
    return None if who is None else {"id": who.id, "name": who.name}


def _utc(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
