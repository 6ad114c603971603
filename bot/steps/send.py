"""Step 6: carry a plan out. Intent before each request; outcomes by what can be known, nothing else.

Only what never left, or was throttled, is tried again; whatever may have arrived is `unknown` and never
sent again; a send in flight is never cancelled.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.domain.book import Book
from bot.domain.delivery import Place, opaque
from bot.domain.dispatch import Phase
from bot.domain.events import Abandoned, Intent, Line, Result, Spared
from bot.domain.limits import daily
from bot.domain.limits.account import LIMIT, left_today
from bot.domain.limits.holds import why_silent
from bot.domain.limits.retry import Breaker, delay
from bot.domain.plan import (
    ARRIVED,
    BROKEN_OFF,
    IN_DOUBT,
    NO_FACTS,
    Facts,
    Mend,
    Message,
    Outcome,
    Receipt,
    Recipient,
    Skip,
)
from bot.domain.rules import InForce, Rules
from bot.domain.watched.measures import Measures
from bot.errors import Declined, LedgerClosed, Throttled, TryLater
from bot.ports import Carrier, Clock, Ledger, Limiter, Spawn, Write
from bot.steps.decide import check_confirmed

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Job:
    """A dispatch to carry out. Once `halt` is set no new request leaves, not even a repeated one.

    `template` (LOS, POWER, RESTORED) is what it is for, where a recipient has none of their own; `called`
    says what the plan's messages call it.

    `why` is the gateway's (or the ledger's) reason where the dispatch was halted by it, not by a person or
    a stop, and `mend` what to see to; `answered` is called after each result. `trial`: one alone finds out
    whether the gateway is back; `full`: today's limit holds nobody more.
    """

    case: int
    attempt: int
    template: str
    halt: asyncio.Event
    answered: Callable[[], None]
    facts: Facts = NO_FACTS
    called: Callable[[str], str] = str
    why: str | None = None
    mend: Mend | None = None
    trial: bool = False
    full: bool = False

    def stop(self, why: str, mend: Mend | None = None) -> None:
        """Let nothing more leave, for a reason that hits every other send too."""
        if self.why is None:
            self.why, self.mend = why, mend
        self.halt.set()

    def fill(self) -> None:
        """Let nothing more be claimed, as today's limit holds nobody more: what is claimed leaves."""
        self.full = True
        self.why = self.why or LIMIT


@dataclass(frozen=True, slots=True)
class Sender:
    """What messages go by, its pace, and where intents and results are written.

    `heard` is told of every answer: None for one that proves the gateway is there, else why it is not.
    `late` are the requests whose answer did not come in time and may still come: (case, recipient id).
    """

    ledger: Ledger
    carrier: Carrier
    limiter: Limiter
    in_force: InForce
    clock: Clock
    rng: random.Random
    spawn: Spawn
    heard: Callable[[str | None], None]
    breaker: Breaker = field(default_factory=Breaker)
    late: set[tuple[int, str]] = field(default_factory=set)
    measures: Measures = field(default_factory=Measures)

    @property
    def rules(self) -> Rules:
        """As they are now."""
        return self.in_force.rules

    async def send(self, job: Job, recipients: Sequence[Recipient]) -> None:
        """Send to each once, in order, many in flight, until all are through or the job is halted.

        Returns once nothing is in flight (or has been for `answer_within`).
        """
        waiting = iter(recipients)
        if self.breaker.open:
            job.trial = True
            await self._work(job, waiting)
            job.trial = False
        workers = min(self.rules.sends, len(recipients))
        working = [asyncio.ensure_future(self._work(job, waiting)) for _ in range(workers)]
        try:
            await asyncio.gather(*working)
        except Exception:
            job.halt.set()  # what the others have in flight lands before the dispatch is broken off
            await asyncio.wait(working)
            raise

    async def _work(self, job: Job, waiting: Iterator[Recipient]) -> None:
        halted: asyncio.Future[Any] = asyncio.ensure_future(job.halt.wait())
        try:
            for recipient in waiting:
                may = not job.full and await self._may_leave(job, halted)
                if not may or not await self._claim(job, recipient):
                    continue  # halted: the others are passed over just as quickly
                receipt = await self._persist(job, recipient, halted)
                if receipt is None:
                    self._note(Abandoned(job.case, recipient.id))
                    continue
                if receipt.halt is not None:
                    job.stop(receipt.reason or "refused", receipt.halt)
                if receipt.halt is not None and receipt.outcome is Outcome.REJECTED:
                    self._note(Abandoned(job.case, recipient.id, receipt.reason))  # not this customer's fault
                    job.answered()
                else:
                    self._record(job, recipient, receipt)
                if job.trial:
                    return
        finally:
            halted.cancel()

    async def _may_leave(self, job: Job, halted: "asyncio.Future[Any]") -> bool:
        """Wait until one more may leave; False where the job was halted first, or the breaker is open."""
        if self.breaker.open and not job.trial:
            job.stop(self.breaker.error, "answers" if self.breaker.unread else "gateway")
        if job.halt.is_set():
            return False
        if self.limiter.take():
            return True
        room: asyncio.Future[Any] = asyncio.ensure_future(self.limiter.acquire())
        try:
            await asyncio.wait({room, halted}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            room.cancel()
        if not job.halt.is_set():
            room.result()
            return True
        if room.done():  # both came at once
            self.limiter.landed()
        return False

    async def _claim(self, job: Job, recipient: Recipient) -> bool:
        """Make the intent durable; False where nothing may leave for this recipient (any more)."""
        claimed = False
        try:
            lines = await self.ledger.commit(claim(job.case, job.attempt, recipient.id, self.rules))
            claimed = isinstance(lines[0], Intent)
        except LedgerClosed:
            job.stop("ledger")
        except Declined as no:  # stopped, or claimed before: only what was claimed now leaves
            if no.code == LIMIT:
                job.fill()
        finally:
            if not claimed:
                self.limiter.landed()
        return claimed

    async def _persist(self, job: Job, recipient: Recipient, halted: "asyncio.Future[Any]") -> Receipt | None:
        """Try until something is known, at most `send_tries` times and `send_patience` seconds.

        None where it is known that nothing left and the job was halted: it is still to do.
        """
        give_up = self.clock.monotonic() + self.rules.send_patience
        tried = 0
        if job.halt.is_set():
            self.limiter.landed()
        while not job.halt.is_set():
            try:
                self.measures.retries += tried > 0
                receipt = await self._timed(job, recipient)
            except TryLater as error:
                self.heard(None if isinstance(error, Throttled) else str(error))
                tried += 1
                self.measures.retries += tried > 1
                pause = error.retry_after
                if pause is None:
                    pause = delay(tried, self.rules.send_base, self.rules.send_cap, self.rng.random())
                elif pause > self.rules.send_patience:
                    job.stop(str(error), "gateway")  # nobody would be served in any time that is of use
                    return None
                else:
                    self.limiter.pause(pause)
                if self.clock.monotonic() + pause >= give_up or tried >= self.rules.send_tries:
                    self.breaker.heard(str(error))
                    if not self.breaker.open:
                        return Receipt(Outcome.FAILED, reason=str(error))
                    job.stop(str(error), "gateway")
                    return None
                await self._rest(pause, halted)
                await self._may_leave(job, halted)
            else:
                if receipt == BROKEN_OFF:
                    return receipt
                lost = (receipt.reason or "error") if receipt.outcome in IN_DOUBT else None
                self.heard(lost)
                self.breaker.heard(lost, unread=receipt.outcome is Outcome.UNCONFIRMED)
                return receipt
        return None

    async def _timed(self, job: Job, recipient: Recipient) -> Receipt:
        """One try, and the pace hears how long the gateway took to say yes, or to ask for less."""
        left, telling, throttled = self.clock.monotonic(), False, False
        self.measures.in_flight += 1
        try:
            receipt = await self._try_once(job, recipient)
            telling = receipt.outcome in ARRIVED
        except Throttled:
            telling = throttled = True
            raise
        else:
            return receipt
        finally:
            took = self.clock.monotonic() - left
            self.measures.in_flight -= 1
            self.measures.send_seconds.add(took)
            self.limiter.landed(took if telling else None, throttled=throttled)

    async def _try_once(self, job: Job, recipient: Recipient) -> Receipt:
        family = recipient.template.value if recipient.template is not None else job.template
        template = job.called(family)
        said, phone = job.facts, recipient.phone or ""
        facts = (said.started, said.eta, said.ended, said.cause)
        about = opaque(self.ledger.book.key, Place(job.case, job.attempt, recipient.id))
        message = Message(recipient.id, phone, recipient.name, template, *facts, about)
        request = asyncio.ensure_future(self.carrier.send(message))
        try:
            done, _ = await asyncio.wait({request}, timeout=self.rules.answer_within)
        except asyncio.CancelledError:
            self.spawn(self._late(job, recipient, request))
            raise
        if done:
            return _receipt(request)
        self.spawn(self._late(job, recipient, request))
        return Receipt(Outcome.UNKNOWN, reason="no_answer")

    async def _late(self, job: Job, recipient: Recipient, request: "asyncio.Future[Receipt]") -> None:
        """An answer after the limit: it replaces the unknown, whatever it says."""
        self.late.add((job.case, recipient.id))
        try:
            await asyncio.wait({request})
        finally:
            self.late.discard((job.case, recipient.id))
        try:
            receipt = _receipt(request)
        except TryLater as error:
            receipt = Receipt(Outcome.FAILED, reason=str(error))
        if receipt.halt is not None:
            job.stop(receipt.reason or "refused", receipt.halt)
            if receipt.outcome is Outcome.REJECTED:
                receipt = Receipt(Outcome.FAILED, reason=receipt.reason)  # a person's resume takes them up
        self._record(job, recipient, receipt)

    def _record(self, job: Job, recipient: Recipient, receipt: Receipt) -> None:
        self._note(Result(job.case, recipient.id, receipt.outcome, receipt.reference, receipt.reason))
        job.answered()

    def _note(self, line: Line) -> None:
        try:
            self.ledger.note(line)
        except LedgerClosed:  # the intent is durable: the next start counts it as unknown
            log.error("a %s could not be written", line.kind)  # noqa: TRY400 - the ledger said why

    async def _rest(self, seconds: float, halted: "asyncio.Future[Any]") -> None:
        """Sleep, unless the dispatch is halted first."""
        nap: asyncio.Future[Any] = asyncio.ensure_future(self.clock.sleep(seconds))
        await asyncio.wait({nap, halted}, return_when=asyncio.FIRST_COMPLETED)
        nap.cancel()


def claim(number: int, attempt: int, recipient_id: str, rules: Rules) -> Write:
    """The intent to send to one recipient of a plan: compare-and-set, so that nobody is sent to twice.

    Who was told through another case while this dispatch was interrupted is spared, who was to hear
    that service is back when it is not, who asked for no messages since the plan, and of whom no phone is
    known any more. `Declined` where the dispatch is not sending (any more), the recipient was claimed before,
    or today's limit holds nobody more: they are still to do.
    """

    def write(book: Book, now: datetime) -> Sequence[Line]:
        progress = book.cases[number].dispatches[-1].progress
        if progress is None or not book.cases[number].at_work(attempt, Phase.SENDING):
            raise Declined("not_running")
        check_confirmed(book)
        recipient = progress.recipients[recipient_id]
        tried = recipient_id in progress.intents or recipient_id in progress.results
        if recipient.skip is not None or tried:
            raise Declined("not_running")
        root = book.cases[number].restores
        if recipient.phone is None or recipient.person is None:
            return [Spared(number, recipient_id, Skip.FORGOTTEN)]
        if recipient.person in book.opted_out:
            return [Spared(number, recipient_id, Skip.OPTED_OUT)]
        if root is not None:
            on = book.cases[root].ended_at is None
            if on:
                return [Spared(number, recipient_id, Skip.ON_AGAIN)]
            _check_limit(book, number, recipient.person, rules, now)
            return [Intent(number, recipient_id)]
        contact = book.contacts.get(recipient.person)
        skip = why_silent(book, number, rules, now)(recipient.person)
        if contact is not None and contact.case != number and skip is not None:
            return [Spared(number, recipient_id, skip)]
        _check_limit(book, number, recipient.person, rules, now)
        return [Intent(number, recipient_id)]

    return write


def _check_limit(book: Book, number: int, person: str, rules: Rules, now: datetime) -> None:
    """Declined where today's limit, or what was approved, holds nobody more."""
    dispatch = book.cases[number].dispatches[-1]
    if dispatch.most is not None and len(dispatch.sends.intents) >= dispatch.most:
        raise Declined(LIMIT)
    if left_today(book, rules, now) == 0 and not daily.counts(book.written, person, now):
        raise Declined(LIMIT)


def _receipt(request: "asyncio.Future[Receipt]") -> Receipt:
    try:
        return request.result()
    except TryLater:
        raise
    except (Exception, asyncio.CancelledError):  # whatever else it raises, the request may have left
        log.exception("a gateway raised what its contract does not name")
        return Receipt(Outcome.UNKNOWN, reason="error")
