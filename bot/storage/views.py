"""`cooldown.json` and `audit.json`: what the ledger says, for people, scripts and backups.

They are rebuilt from the book and replaced whole; on any difference the ledger wins.
They hold no phone and no customer's name.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from bot.domain import events
from bot.domain.book import AuditEntry, Book
from bot.domain.case import Case
from bot.domain.dispatch import Dispatch
from bot.domain.events import (
    Approved,
    CooldownReleased,
    Line,
    Resent,
    Resolved,
    Settled,
    Started,
    TrialIntent,
)
from bot.domain.limits.cooldown import free_at
from bot.domain.phone import mask
from bot.domain.who import Who
from bot.ports import Clock
from bot.storage.disk import Disk
from bot.storage.recorder import Recorder

_PAUSE = 1.0  # seconds between two rewrites while changes keep coming
_SHARE = 10  # a rewrite that took long is followed by so many times its time without one
_AT_ONCE = 100  # audit rows between two turns of the event loop: a tap must not wait for 10,000
_SAID = ("reason", "why", "action", "end", "choice", "dry_run", "silence", "cause", "team")
_TIMES = ("due", "eta", "until")

_log = structlog.get_logger(__name__)

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


def audit_view(book: Book, hours: float, counts: Counts | None = None) -> dict[str, Any]:
    """Every decision, refusal and override, newest last.

    Those about the second message of a case (service is back) have `restores`, the number that people know
    the case by, and as `case` that number negated, as in the ledger.

    `counts` remembers what it had to count between calls; the caller drops the cases that changed.
    """
    counts = {} if counts is None else counts
    return {"decisions": [_decision(book, entry, hours, counts) for entry in book.audit]}


def _decision(book: Book, entry: AuditEntry, hours: float, counts: Counts) -> dict[str, Any]:
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
        row |= {"template": line.template, "hsm": line.hsm, "phone": mask(line.phone)}
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
    }


def _held_until(book: Book, case: Case, entry: AuditEntry, hours: float) -> str | None:
    """Until when this approval holds its ports; None where it holds none (any more)."""
    dispatch = book.dispatch_of(entry)
    if dispatch is None or dispatch is not case.dispatch or dispatch.dry_run:
        return None
    held = (book.reservations.get(port.key) for port in dispatch.ports)
    until = [found.at + timedelta(hours=hours) for found in held if found and found.case == case.id]
    return _utc(max(until)) if until else None


def _text(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False)


def _who(who: Who | None) -> dict[str, Any] | None:
    return None if who is None else {"id": who.id, "name": who.name}


def _utc(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class Views:
    """Keeps both files up to date with a ledger. Close it before the ledger.

    A file that cannot be written is logged once and stops nothing. While the ledger is closed the files
    stay as they are.
    """

    def __init__(
        self, folder: Path, ledger: Recorder, hours: float, clock: Clock, disk: Disk | None = None
    ) -> None:
        self._folder, self._ledger, self._hours, self._clock = folder, ledger, hours, clock
        self._disk = disk or Disk()
        self._counts: Counts = {}
        self._dirty = asyncio.Event()
        self._failing = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="views")
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Rebuild both files and follow the ledger from here on."""
        self._ledger.listeners.append(self._heard)
        await self._write()
        self._task = asyncio.get_running_loop().create_task(self._follow(), name="views")

    async def close(self) -> None:
        """Write both files a last time and stop."""
        if self._task is None:
            return
        self._ledger.listeners.remove(self._heard)
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._task = None
        await self._write()
        self._thread.shutdown()

    def _heard(self, lines: Sequence[Line]) -> None:
        for line in lines:
            if not (line.audited or line.recounts):
                continue
            if isinstance(line, Started):  # it interrupts dispatches without naming them
                self._counts.clear()
            self._counts.pop(getattr(line, "case", None) or 0, None)
            self._dirty.set()

    async def _follow(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            began = self._clock.monotonic()
            await self._write()
            await asyncio.sleep(max(_PAUSE, _SHARE * (self._clock.monotonic() - began)))

    async def _write(self) -> None:
        if self._ledger.closed is not None:
            return
        book, anchor = self._ledger.book, self._anchor()
        cooldown = cooldown_view(book, max(self._clock.now(), book.last_at), self._hours)
        rows = []
        for place, entry in enumerate(tuple(book.audit), 1):  # what changes meanwhile is heard: written again
            rows.append(_text(_decision(book, entry, self._hours, self._counts)))
            if place % _AT_ONCE == 0:
                await asyncio.sleep(0)
        start = _text(anchor)[:-1] + (", " if anchor else "")
        texts = {
            "cooldown.json": json.dumps(anchor | cooldown, ensure_ascii=False, indent=1),
            "audit.json": f'{start}"decisions": [\n' + ",\n".join(rows) + "\n]}",  # a line each, for grep
        }
        await asyncio.get_running_loop().run_in_executor(self._thread, self._replace, texts)

    def _anchor(self) -> dict[str, Any]:
        """The last durable line: a ledger that a start finds without it is older than this file."""
        head = self._ledger.head
        return {} if head is None else {"ledger": {"sequence": head.seq, "head": head.digest}}

    def _replace(self, texts: Mapping[str, str]) -> None:
        try:
            for name, text in texts.items():
                self._disk.replace(self._folder / name, f"{text}\n".encode())
        except OSError as error:
            if not self._failing:
                _log.warning("view_not_written", folder=str(self._folder), why=error.strerror)
            self._failing = True
        else:
            self._failing = False
