"""What `/metrics` says: read as somebody asks, from the book, the health of others and what was counted.

The work is a function of what is open and in doubt, not of the ledger's age.
"""

import asyncio
import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import get_args

from bot import __version__
from bot.chat.telegram import Telegram
from bot.chat.wire.connection import ASKED
from bot.domain.book import Book
from bot.domain.case import Case, CaseState
from bot.domain.claims import in_doubt
from bot.domain.incident import Kind
from bot.domain.limits.account import left_today
from bot.domain.plan import Outcome, Skip
from bot.domain.watched.measures import POLL_SECONDS, LookUp, Poll, Spread
from bot.flow.deps import Deps
from bot.flow.flow import Flow
from bot.ops.metrics import Family
from bot.ports import Budgeted
from bot.process.watched.beat import Beat
from bot.process.watched.by_olt import by_olt
from bot.process.watched.by_region import by_region
from bot.process.watched.counts import DECISIONS, RECEIPTS, Counts
from bot.process.watched.led import Held, led
from bot.storage.files import FileLedger

CODES = ("200", "400", "401", "413", "429", "503")
"""What those who tell us something are mostly answered."""
Labelled = dict[tuple[str, ...], float | Spread]
_STATES = ("waiting", "sending", "scheduled", "interrupted", "decided")
_SHOWN = {
    **dict.fromkeys((CaseState.WAITING, CaseState.NOBODY, CaseState.REHEARSED), "waiting"),
    **dict.fromkeys((CaseState.COUNTDOWN, CaseState.SENDING, CaseState.STOPPING), "sending"),
    CaseState.SCHEDULED: "scheduled",
    CaseState.INTERRUPTED: "interrupted",
}


@dataclass(frozen=True, slots=True)
class Numbers:
    """Where the numbers are. `every` is the seconds between two polls of each source.

    `receipts`: the gateway tells what became of messages; where it does not, no alarm is to wait for them.
    `per_olt`: some numbers also by OLT.
    `lease` is by which it leads, None where it is alone.
    `told` is how often was answered what to which of the `tellers`, who call us.
    """

    deps: Deps
    flow: Flow
    ledger: FileLedger
    telegram: Telegram
    counts: Counts
    beat: Beat
    every: Mapping[str, float]
    receipts: bool
    per_olt: bool
    told: Mapping[tuple[str, str], int]
    tellers: Sequence[str]
    lease: Held | None = None

    async def read(self) -> Sequence[Family]:
        """All of them, now."""
        free = None
        with suppress(OSError):
            free = await asyncio.to_thread(self.ledger.free_bytes)
        return (
            *self._process(),
            *self._led(),
            *self._sources(),
            *self._cases(),
            *self._sends(),
            *self._chat(),
            *self._disk(free),
        )

    def _led(self) -> Sequence[Family]:
        if self.lease is None:
            return ()
        senders = 1 if self.deps.fleet is None else self.deps.fleet.machines
        return led(self.lease, away=self.ledger.closed is not None, senders=senders)

    def _process(self) -> Iterable[Family]:
        about: Labelled = {(__version__, platform.python_version()): 1}
        yield Family("noc_build_info", "gauge", "Which version runs.", about, ("version", "python"))
        yield _gauge(
            "noc_loop_lag_seconds", "How late the event loop was at most in the last minute.", self.beat.lag
        )

    def _sources(self) -> Iterable[Family]:
        measures, names = self.deps.measures, tuple(self.every)
        polls: Labelled = {(n, how): measures.polls[n, how] for n in names for how in get_args(Poll)}
        yield Family(
            "noc_source_polls_total", "counter", "Polls by how they ended.", polls, ("source", "result")
        )
        good: Labelled = {(one.source,): _when(one.good_at) for one in self.flow.sources_health}
        tells = "When a poll last brought everything; 0: not yet."
        yield Family("noc_source_last_success_timestamp_seconds", "gauge", tells, good, ("source",))
        every: Labelled = {(name,): seconds for name, seconds in self.every.items()}
        yield Family(
            "noc_source_poll_interval_seconds", "gauge", "Seconds between polls.", every, ("source",)
        )
        budgeted = [(one.name, one.remaining()) for one in self.deps.sources if isinstance(one, Budgeted)]
        left: Labelled = {(name,): remaining for name, remaining in budgeted if remaining is not None}
        tells = "How many more requests it takes for now, where it says so."
        yield Family("noc_source_requests_remaining", "gauge", tells, left, ("source",))
        heard: Labelled = {(who, code): 0 for who in self.tellers for code in CODES}
        tells = "What was told to us, by what we answered."
        yield Family("noc_hook_requests_total", "counter", tells, heard | dict(self.told), ("source", "code"))
        took: Labelled = {(n,): measures.poll_seconds.get(n, Spread(POLL_SECONDS)) for n in names}
        yield Family(
            "noc_source_poll_duration_seconds", "histogram", "How long polls took.", took, ("source",)
        )
        ups: Labelled = {(self.deps.directory.name, how): measures.look_ups[how] for how in get_args(LookUp)}
        tells = "Customers looked up, by what was found."
        yield Family("noc_directory_lookups_total", "counter", tells, ups, ("directory", "result"))
        each: Labelled = {(self.deps.directory.name,): measures.look_up_seconds}
        tells = "How long the questions took; one may be about several customers."
        yield Family("noc_directory_lookup_duration_seconds", "histogram", tells, each, ("directory",))

    def _cases(self) -> Iterable[Family]:
        book, now = self.ledger.book, self.deps.clock.now()
        cases = [book.cases[number] for number in book.open | book.running]
        on = {i.id: i for number in book.open for i in book.cases[number].on}
        on |= {i.id: i for source in self.flow.sources_health for i in source.unoffered}
        kinds = Counter(one.kind for one in on.values())
        yield Family(
            "noc_incidents_open",
            "gauge",
            "Open incidents.",
            {(kind,): kinds[kind] for kind in Kind},
            ("kind",),
        )
        if self.per_olt:
            yield from by_olt(on.values(), {*self.flow.inventory, *book.olts})
        stand = [(case, _SHOWN.get(case.state, "decided")) for case in cases]
        states = Counter(state for _, state in stand)
        tells = "Open cases and unfinished sends, by where they stand."
        yield Family("noc_cases_open", "gauge", tells, {(s,): states[s] for s in _STATES}, ("state",))
        yield from by_region(stand, self.telegram.waiting(), self.flow.rules)
        waiting = [one.asked_at for one in cases if self._waits(one, book, now) and one.asked_at is not None]
        tells = "Since when the case waits that has waited longest for somebody to decide; 0: none does."
        yield _gauge("noc_case_oldest_waiting_timestamp_seconds", tells, _when(min(waiting, default=None)))
        done: Labelled = {(what,): self.counts.decisions[what] for what in DECISIONS}
        yield Family("noc_decisions_total", "counter", "What people decided.", done, ("decision",))
        latency: Labelled = {(what,): spread for what, spread in self.counts.latency.items()}
        tells = "From when the card began to ask to the tap."
        yield Family("noc_decision_latency_seconds", "histogram", tells, latency, ("decision",))

    def _waits(self, case: Case, book: Book, now: datetime) -> bool:
        """Whether somebody would be reminded of it: small ones and those in a silence keep nobody."""
        open_ = case.ended_at is None and case.undecided and case.owner is None
        small = case.size < self.flow.rules.of(case.region).sound_from
        return open_ and not small and book.silence_over(case, now) is None

    def _sends(self) -> Iterable[Family]:
        counts, name, book = self.counts, self.deps.gateway.name, self.ledger.book
        gateway = (name,)
        sends: Labelled = {(name, outcome): counts.sends[outcome] for outcome in Outcome}
        tells = "Messages by how their send ended; an answer that came late counts once more."
        yield Family("noc_sends_total", "counter", tells, sends, ("gateway", "outcome"))
        skipped: Labelled = {(why,): counts.skipped[why] for why in Skip}
        tells = "Who was in a plan and got no message, by why."
        yield Family("noc_recipients_skipped_total", "counter", tells, skipped, ("reason",))
        took: Labelled = {gateway: self.deps.measures.send_seconds}
        yield Family("noc_send_duration_seconds", "histogram", "How long tries took.", took, ("gateway",))
        flying: Labelled = {gateway: self.deps.measures.in_flight}
        yield Family("noc_sends_in_flight", "gauge", "Sends without an answer yet.", flying, ("gateway",))
        again: Labelled = {gateway: self.deps.measures.retries}
        yield Family("noc_gateway_retries_total", "counter", "Tries after a first one.", again, ("gateway",))
        alone: Labelled = {gateway: self.flow.gateway_left_alone}
        tells = "1: it failed several times in a row, and only a trial leaves."
        yield Family("noc_gateway_breaker_open", "gauge", tells, alone, ("gateway",))
        left = left_today(book, self.flow.rules, self.deps.clock.now())
        tells = "How many more people may be written to today."
        remaining: Labelled = {} if left is None else {gateway: left}
        yield Family("noc_gateway_daily_remaining", "gauge", tells, remaining, ("gateway",))
        hears = self.receipts or counts.receipts.total()
        told: Labelled = {(name, how): counts.receipts[how] for how in RECEIPTS} if hears else {}
        yield Family("noc_receipts_total", "counter", "What receipts said.", told, ("gateway", "status"))
        open_ = sum(doubts.undecided for _, doubts in in_doubt(book))
        yield _gauge("noc_unknown_unresolved", "Sends in doubt that wait for a person.", open_)
        tells = "From the tap, or its time, to the end of the dispatch."
        yield Family("noc_dispatch_duration_seconds", "histogram", tells, {(): counts.dispatches})

    def _chat(self) -> Iterable[Family]:
        asked: Labelled = {(how,): self.telegram.asked[how] for how in ASKED}
        yield Family("noc_telegram_requests_total", "counter", "Requests to Telegram.", asked, ("result",))
        fresh = self.telegram.fresh()
        at = None if fresh is None else self.deps.clock.now() - timedelta(seconds=fresh)
        tells = "When Telegram last answered getUpdates; 0: not yet."
        yield _gauge("noc_telegram_last_update_timestamp_seconds", tells, _when(at))
        cards, edits, notices = map(sum, zip(*self.telegram.waiting().values(), strict=True))
        queue: Labelled = {("card",): cards, ("edit",): edits, ("notice",): notices}
        yield Family("noc_telegram_queue", "gauge", "What waits for its turn in the group.", queue, ("kind",))

    def _disk(self, free: int | None) -> Iterable[Family]:
        yield Family("noc_ledger_lines_total", "counter", "Lines written.", {(): self.counts.lines})
        tells = "How long the disk took to have a group of lines."
        yield Family("noc_ledger_fsync_seconds", "histogram", tells, {(): self.counts.fsync})
        yield _gauge(
            "noc_ledger_closed", "1: nothing can be decided or sent.", self.ledger.closed is not None
        )
        if free is not None:
            yield _gauge("noc_ledger_free_bytes", "Room on the disk of DATA_DIR.", free)


def _gauge(name: str, tells: str, value: float) -> Family:
    return Family(name, "gauge", tells, {(): value})


def _when(at: datetime | None) -> float:
    return 0.0 if at is None else at.timestamp()
