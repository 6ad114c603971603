"""Step 6: carry a plan out. Intent before each request; outcomes by what can be known, nothing else.

The protocol is the design's (section 5): only what never left, or was throttled, is tried again; whatever
may have arrived is `unknown` and never sent again; a send in flight is never cancelled.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bot.domain.backoff import delay
from bot.domain.lines import Intent, Result
from bot.domain.plan import Message, Outcome, Receipt, Recipient
from bot.domain.rules import Rules
from bot.errors import LedgerClosed, TryLater
from bot.ports import Clock, Gateway, Ledger, Limiter, Spawn

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """A dispatch to carry out. `halt` set: no new send leaves; `told` is called after each result."""

    case: int
    template: str
    halt: asyncio.Event
    told: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Sender:
    """The gateway, its pace, and where intents and results are written."""

    ledger: Ledger
    gateway: Gateway
    limiter: Limiter
    rules: Rules
    clock: Clock
    rng: random.Random
    spawn: Spawn

    async def send(self, job: Job, recipients: Sequence[Recipient]) -> str | None:
        """Send to each once, in order, many in flight; why it was halted, None where it was not.

        Returns once nothing is in flight (or has been for `answer_within`). A ledger that cannot take an
        intent halts too: nothing left for it.
        """
        waiting = iter(recipients)
        halted: list[str] = []
        workers = min(self.rules.sends, len(recipients))
        await asyncio.gather(*(self._work(job, waiting, halted) for _ in range(workers)))
        return halted[0] if halted else None

    async def _work(self, job: Job, waiting: Iterator[Recipient], halted: list[str]) -> None:
        for recipient in waiting:
            await self.limiter.acquire()
            if job.halt.is_set() or halted:
                return
            intent = Intent(job.case, recipient.id)
            try:
                await self.ledger.commit(lambda _book, _now, intent=intent: [intent])  # type: ignore[misc]
            except LedgerClosed:
                halted.append("ledger")
                return
            receipt = await self._persist(job, recipient)
            self._record(job, recipient, receipt)
            if receipt.halt:
                halted.append(receipt.reason or "refused")

    async def _persist(self, job: Job, recipient: Recipient) -> Receipt:
        """Try until something is known, at most `send_tries` times and `send_patience` seconds."""
        give_up = self.clock.monotonic() + self.rules.send_patience
        tried = 0
        while True:
            try:
                return await self._attempt(job, recipient)
            except TryLater as error:
                tried += 1
                pause = error.retry_after
                if pause is None:
                    pause = delay(tried, self.rules.send_base, self.rules.send_cap, self.rng.random())
                else:
                    self.limiter.pause(pause)
                late = self.clock.monotonic() + pause >= give_up
                if late or tried >= self.rules.send_tries or job.halt.is_set():
                    return Receipt(Outcome.FAILED, reason=str(error))
                await self._rest(job, pause)
                if job.halt.is_set():
                    return Receipt(Outcome.FAILED, reason="stopped")
                await self.limiter.acquire()

    async def _attempt(self, job: Job, recipient: Recipient) -> Receipt:
        message = Message(recipient.id, recipient.phone or "", recipient.name, job.template)
        request = asyncio.ensure_future(self.gateway.send(message))
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
        await asyncio.wait({request})
        try:
            receipt = _receipt(request)
        except TryLater as error:
            receipt = Receipt(Outcome.FAILED, reason=str(error))
        self._record(job, recipient, receipt)

    def _record(self, job: Job, recipient: Recipient, receipt: Receipt) -> None:
        result = Result(job.case, recipient.id, receipt.outcome, receipt.reference, receipt.reason)
        try:
            self.ledger.note(result)
        except LedgerClosed:  # its intent is durable: the next start counts it as unknown
            log.error("a result could not be written: case %s, %s", job.case, receipt.outcome)  # noqa: TRY400
        job.told()

    async def _rest(self, job: Job, seconds: float) -> None:
        """Sleep, unless the dispatch is halted first."""
        naps = {asyncio.ensure_future(self.clock.sleep(seconds)), asyncio.ensure_future(job.halt.wait())}
        await asyncio.wait(naps, return_when=asyncio.FIRST_COMPLETED)
        for nap in naps:
            nap.cancel()


def _receipt(request: "asyncio.Future[Receipt]") -> Receipt:
    try:
        return request.result()
    except TryLater:
        raise
    except Exception:  # whatever else an adapter raises, the request may have left: never send it again
        log.exception("a gateway raised what its contract does not name")
        return Receipt(Outcome.UNKNOWN, reason="error")
