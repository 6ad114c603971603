"""One approval carried out: enrich (during the countdown) -> gate -> send -> settle."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

from bot.domain.dispatch import Dispatch, Phase
from bot.domain.events import Line, Unasked
from bot.domain.limits.account import TEMPLATE, called_in
from bot.domain.limits.holds import APPROVER_GONE, CONTESTED, NO_MORE
from bot.domain.plan import RESTORED, Size
from bot.domain.rules import InForce, Rules
from bot.domain.who import BOT
from bot.errors import (
    AnswerLost,
    BadAnswer,
    Declined,
    DirectoryAway,
    DirectoryRefused,
    Incomplete,
    LedgerClosed,
    LoginRefused,
    NotFound,
    OutOfCalls,
    Refused,
    Silent,
    TryLater,
)
from bot.flow.ahead import LookAhead
from bot.ports import Clock, Ledger, NocChat, Spawn, Staff, Write
from bot.steps import restore
from bot.steps.enrich import Enricher
from bot.steps.gate import gate, spare
from bot.steps.send import Job, Sender
from bot.steps.settle import Halt, give_up, interrupt, settle

log = logging.getLogger(__name__)

Decide = Callable[[Write], Awaitable[Sequence[Line]]]
LOOK_AGAIN = 120.0  # seconds of sending after which it is read anew who needs the message still
ASK_BEFORE = 3.0  # seconds before the countdown ends: who approved is asked about as late as costs no time
_CODES: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (DirectoryRefused, "directory_refused"),
    (DirectoryAway, "directory_down"),
    (OutOfCalls, "out_of_calls"),
    (LoginRefused, "login_refused"),
    (NotFound, "not_found"),
    (Silent, "silent"),
    (Refused, "refused"),
    (Incomplete, "incomplete"),
    (BadAnswer, "bad_answer"),
    ((TryLater, AnswerLost), "source_down"),
)


class Dispatcher:
    """Every dispatch of this process, each in a task of its own. Nothing else sends.

    While `draining` nothing new leaves.
    """

    def __init__(
        self,
        enricher: Enricher,
        sender: Sender,
        *,
        ledger: Ledger,
        decide: Decide,
        chat: NocChat,
        clock: Clock,
        in_force: InForce,
        spawn: Spawn,
        staff: Staff,
        fresh: Callable[[], Awaitable[None]],
        ahead: LookAhead,
    ) -> None:
        """`fresh` returns once what the platform says is known as of now, or soon in any case; `ahead` has
        what is known of customers.
        """
        self._ahead = ahead
        self._enricher, self._sender = enricher, sender
        self._ledger, self._decide, self._chat, self._clock = ledger, decide, chat, clock
        self._in_force, self._spawn, self._staff, self._fresh = in_force, spawn, staff, fresh
        self._halts: dict[int, asyncio.Event] = {}
        self.draining = False

    def _rules(self, number: int) -> Rules:
        """Those of the case's region, as they are now."""
        return self._in_force.rules.of(self._ledger.book.cases[number].region)

    def carry_out(self, number: int) -> None:
        """Start or go on with the present dispatch of a case, beside what goes on."""
        self._chat.show(number, urgent=True)
        if self.draining:
            return  # its claim is durable: the next start goes on with it
        halt = self._halts[number] = asyncio.Event()
        self._spawn(self._run(number, self._ledger.book.cases[number].dispatches[-1], halt))

    def halt(self, number: int) -> None:
        """Let nothing more leave for a case; what is in flight lands."""
        self._chat.show(number, urgent=True)
        if number in self._halts:
            self._halts[number].set()

    def drain(self) -> None:
        """From now on nothing leaves; what is unfinished goes on at the next start."""
        self.draining = True
        for halt in self._halts.values():
            halt.set()

    async def _run(self, number: int, dispatch: Dispatch, halt: asyncio.Event) -> None:
        if dispatch.phase is Phase.FINISHED:
            return  # taken back before anything began
        try:
            if dispatch.phase is Phase.COUNTDOWN:
                rule = await self._look_up_during_countdown(number, dispatch, halt)
                if rule is None:
                    return
                await self._decide(rule)  # what could not be read opens a case, with a card of its own
            else:
                await self._check_staff(number, dispatch)
                await self._decide(await self._spare(number, dispatch))
            await self._send(number, dispatch, halt)
        except LedgerClosed as error:
            log.error("case %s: the ledger is closed: %s", number, error)  # noqa: TRY400
        except Exception as error:  # noqa: BLE001 - the edge: whatever happens, a person can go on with it
            await self._break_off(number, dispatch, error)
        finally:
            if self._halts.get(number) is halt:
                del self._halts[number]
            self._chat.show(number, urgent=True)

    async def _plan(self, number: int, dispatch: Dispatch) -> Write:
        """The rule that makes the plan: the alerts as they are now, the customers who are not known yet."""
        case, attempt = self._ledger.book.cases[number], dispatch.attempt
        if case.restores is not None:
            links = await self._enricher.links(restore.ports_of(self._ledger.book, number))
            await self._fresh()
            return restore.plan(number, attempt, links, self._rules(number))
        ids = case.to_read(dispatch.ports)
        looked_up = self._enricher.enrich(ids, self._ahead.records, case.places)
        _, found = await asyncio.gather(self._fresh(), looked_up)
        made = self._ahead.made(number)
        return gate(number, attempt, found, self._rules(number), self._ledger.person, made=made)

    async def _spare(self, number: int, dispatch: Dispatch) -> Write:
        """The rule that spares those of a plan still to do who need no message any more."""
        case, attempt = self._ledger.book.cases[number], dispatch.attempt
        if case.restores is not None:
            links = await self._enricher.links(restore.ports_of(self._ledger.book, number))
            return restore.spare_down(number, attempt, links)
        affected, unread = await self._enricher.read(case.to_read(dispatch.ports))
        return spare(number, attempt, replace(affected, over=affected.over and not unread))

    async def _look_up_during_countdown(
        self, number: int, dispatch: Dispatch, halt: asyncio.Event
    ) -> Write | None:
        """The look-ups, in parallel with the countdown; None where the approval was taken back."""
        look_up = asyncio.ensure_future(self._plan(number, dispatch))
        halted = asyncio.ensure_future(halt.wait())
        countdown = asyncio.ensure_future(self._count_down(number, dispatch))
        try:
            await asyncio.wait({halted, countdown}, return_when=asyncio.FIRST_COMPLETED)
            if not halt.is_set():
                countdown.result()
            await asyncio.wait({halted, look_up}, return_when=asyncio.FIRST_COMPLETED)
            return None if halt.is_set() else look_up.result()
        finally:
            for task in (look_up, halted, countdown):
                task.cancel()

    async def _count_down(self, number: int, dispatch: Dispatch) -> None:
        """The time in which it can be taken back. Its last seconds are also for `_check_staff`."""
        seconds = self._rules(number).undo_seconds  # as it was at the tap
        last = min(ASK_BEFORE, seconds)
        await self._clock.sleep(seconds - last)
        asked = asyncio.ensure_future(self._check_staff(number, dispatch))
        try:
            await self._clock.sleep(last)
            await asked
        finally:
            asked.cancel()

    async def _check_staff(self, number: int, dispatch: Dispatch) -> None:
        """Declined where those on whose word it goes on may not decide any more, or another program may send.

        Where nobody can tell it goes on, as they might when they tapped: that is on record, and told.
        """
        unasked, region = [], self._ledger.book.cases[number].region
        for who in dispatch.answerable:
            may = True if who == BOT else await self._staff.still_may(who, region)
            if may is False:
                raise Declined(APPROVER_GONE)
            if may is None:
                unasked.append(who)
        if self._staff.contested():
            raise Declined(CONTESTED)
        if unasked:
            await self._decide(lambda _book, _now: [Unasked(number, who) for who in unasked])

    async def _send(self, number: int, dispatch: Dispatch, halt: asyncio.Event) -> None:
        self._chat.show(number, urgent=True)
        answered = self._answered(number, dispatch)
        case = self._ledger.book.cases[number]
        template = dispatch.template.value if case.restores is None else RESTORED
        called = partial(called_in, dispatch, rules=self._rules(number))
        job = Job(number, dispatch.attempt, template, halt, answered, dispatch.facts, called)
        await self._sender.send(job, dispatch.progress.todo() if dispatch.progress is not None else [])
        left = dispatch.progress is not None and bool(dispatch.progress.todo())
        if self.draining and left and job.why is None and dispatch.phase is not Phase.STOPPING:
            return  # the next start goes on with those
        halted = None if job.why is None else Halt(job.why, job.mend)
        await self._decide(settle(number, dispatch.attempt, halted))

    def _answered(self, number: int, dispatch: Dispatch) -> Callable[[], None]:
        """What follows each result: the card, and now and then a look at who needs the message still."""
        looked = self._clock.monotonic()

        def answered() -> None:
            nonlocal looked
            self._chat.show(number)
            now = self._clock.monotonic()
            if now - looked >= LOOK_AGAIN:
                looked = now
                self._spawn(self._look_again(number, dispatch))

        return answered

    async def _look_again(self, number: int, dispatch: Dispatch) -> None:
        """Spare who needs no message any more, as far as the source is not to be spared itself."""
        book = self._ledger.book
        case, about = book.cases[number], book.cases[book.cases[number].shown_as]
        if not all(map(self._ahead.may_ask, about.members)):
            return
        try:
            if case.restores is None:
                affected, _ = await self._enricher.read(case.to_read(dispatch.ports))
                rule = spare(number, dispatch.attempt, affected, ended=False)
            else:
                links = await self._enricher.links(restore.ports_of(book, number))
                rule = restore.spare_down(number, dispatch.attempt, links, unread=False)
            await self._decide(rule)
        except (TryLater, AnswerLost, Refused, BadAnswer) as error:  # what cannot be read proves nothing
            log.info("case %s: who needs the message still could not be read: %s", number, _code(error))
        except (Declined, LedgerClosed):  # it has ended meanwhile
            return

    async def _break_off(self, number: int, dispatch: Dispatch, error: Exception) -> None:
        """Without a plan it is given up, and may be tried again; in mid-send it is interrupted."""
        code = error.code if isinstance(error, Declined) else _code(error)
        size = error.facts.get("size") if isinstance(error, Declined) else None
        log.warning("case %s broke off: %s", number, code, exc_info=error if code == "error" else None)
        rule: Write = (
            give_up(
                number,
                dispatch.attempt,
                code,
                size if isinstance(size, Size) else None,
                "template" if code == TEMPLATE else None,
            )
            if dispatch.progress is None
            else interrupt(number, dispatch.attempt, code if code in NO_MORE else None)
        )
        try:
            await self._decide(rule)
        except (LedgerClosed, Declined) as refused:  # closed, or cancelled meanwhile: nothing is lost
            log.warning("case %s: not written: %s", number, refused)


def _code(error: Exception) -> str:
    """The words' code for why an alert could not be read."""
    return next((code for kinds, code in _CODES if isinstance(error, kinds)), "error")
