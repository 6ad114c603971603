"""The customers of cases that wait for a decision, looked up before anybody taps.

The card then says what would leave, and an approval asks only for who is new. Gently: one case after another,
the largest first, `look_ahead` requests at one time in all, behind whatever people wait for; a source that
does not answer is left alone for a while. What is found is in memory alone, and is forgotten with its case.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from bot.domain.case import Case
from bot.domain.customer import Affected, Found, Records, together
from bot.domain.events import Line
from bot.domain.limits.growth import asked_about, outgrew
from bot.domain.plan import Recipient, Tally
from bot.domain.rules import Rules
from bot.errors import AnswerLost, BadAnswer, Declined, LedgerClosed, Refused, TryLater
from bot.ports import Clock, Ledger, NocChat, Spawn, Write
from bot.steps.compose import count
from bot.steps.decide import free_ports
from bot.steps.enrich import Enricher
from bot.steps.gate import customers_of, would_leave

log = logging.getLogger(__name__)

A_CASE, IN_ALL = 5_000, 20_000  # ONUs of one case, and customers of all, that are remembered
AGAIN, AGAIN_LONGEST = 60.0, 900.0  # seconds until what did not come is asked for again, doubled
KEPT = 6 * 3600.0  # seconds; who still waits then is looked up anew


@dataclass(slots=True)
class _Seen:
    """What was read of a case: its alerts, and what the list counted of each then.

    `whole`: each of its customers was asked for once, `complete`: and came. `customers` are those of a plan,
    as long as `key` says that nothing changed.
    """

    at: float
    alerts: Mapping[str, Affected] = field(default_factory=dict)
    counts: Mapping[str, int | None] = field(default_factory=dict)
    whole: bool = False
    complete: bool = False
    tries: int = 0
    not_before: float = -math.inf
    key: object = None
    customers: Sequence[Recipient] = ()


class LookAhead:
    """What would leave, by case. With `look_ahead` 0 nothing is asked, and nothing known."""

    def __init__(
        self,
        enricher: Enricher,
        *,
        ledger: Ledger,
        observe: Callable[[Write], Awaitable[Sequence[Line]]],
        chat: NocChat,
        clock: Clock,
        rules: Rules,
        spawn: Spawn,
    ) -> None:
        self._enricher, self._ledger, self._observe = enricher, ledger, observe
        self._chat, self._clock, self._rules, self._spawn = chat, clock, rules, spawn
        self._records = Records(IN_ALL)
        self._seen: dict[int, _Seen] = {}
        self._asking: Sequence[str] = ()
        self._queue: deque[int] = deque()
        self._working: asyncio.Task[None] | None = None
        self._rests_until = -math.inf
        self._stopped = not rules.look_ahead

    @property
    def records(self) -> Records | None:
        """What is known of customers, for whoever looks some up; None where nothing is remembered."""
        return self._records if self._rules.look_ahead else None

    def look(self) -> None:
        """Look up what is not known yet, and forget what is not needed any more."""
        if self._stopped:
            return
        self._forget()
        left = [number for number in self._ledger.book.open if self._is_due(number)]
        self._queue = deque(sorted(left, key=self._precedence))
        if self._queue and self._working is None and self._clock.monotonic() >= self._rests_until:
            self._working = asyncio.ensure_future(self._work())
            self._spawn(self._working)

    def expected(self, number: int) -> Tally | None:
        """What an approval of a case would come to now (`todo` would leave); None where that is not known."""
        seen = self._seen.get(number)
        if seen is None or not seen.whole or not self._is_wanted(number):
            return None
        book, now = self._ledger.book, self._clock.now()
        case = book.cases[number]
        try:
            ids = case.to_read(free_ports(book, case, self._rules, now)[0])
            if not seen.counts.keys() >= set(ids) or seen.alerts.keys().isdisjoint(ids):
                return None
            return would_leave(book, number, self._customers(case, seen, ids), self._rules, now)
        except (Declined, LedgerClosed):  # no port may be sent to, or nobody has a name in the ledger
            return None

    def customers(self) -> dict[int, Sequence[Recipient]]:
        """Whom an approval of each case that waits would be about, as far as that is known."""
        return {n: seen.customers for n, seen in self._seen.items() if seen.whole and self._is_wanted(n)}

    def stop(self) -> None:
        """Ask for nothing more."""
        self._stopped = True
        if self._working is not None:
            self._working.cancel()

    def _customers(self, case: Case, seen: _Seen, ids: Sequence[str]) -> Sequence[Recipient]:
        key = tuple(ids), self._records.changes
        if seen.key != key:
            affected = together({id_: seen.alerts[id_] for id_ in ids if id_ in seen.alerts})
            contacts = {id_: known for id_ in affected.client_ids if (known := self._records.get(id_))}
            failed = frozenset(id_ for id_ in affected.client_ids if id_ not in self._records)
            seen.customers = customers_of(case, Found(affected, contacts, failed), self._ledger.person)
            seen.key = key
        return seen.customers

    def _is_wanted(self, number: int) -> bool:
        """Whether somebody is to decide on the case, and nobody has."""
        book = self._ledger.book
        if self._stopped or self._ledger.closed is not None or number not in book.open:
            return False
        case = book.cases[number]
        return case.undecided and book.silence_over(case, self._clock.now()) is None

    @staticmethod
    def _is_news(case: Case, affected: Affected) -> bool:
        """Whether there are so many more ONUs than were listed that an approval would be asked about them."""
        silent = any(incident.affected is None for incident in case.on)
        return silent or outgrew(sum(affected.down.values()), asked_about(case, case.ports))

    def _is_due(self, number: int) -> bool:
        """Whether there is something to ask: all of it, what did not come, or what changed since."""
        seen = self._seen.get(number)
        if not self._is_wanted(number) or seen is None:
            return self._is_wanted(number)
        on = self._ledger.book.cases[number].on
        changed = any(i.id not in seen.counts or seen.counts[i.id] != i.affected for i in on)
        return self._clock.monotonic() >= seen.not_before and (changed or not seen.complete)

    def _precedence(self, number: int) -> tuple[int, float, int]:
        """What failed less often goes first, then the largest, then the oldest."""
        tries = self._seen[number].tries if number in self._seen else 0
        return tries, -self._ledger.book.cases[number].size, number

    def _forget(self) -> None:
        now, book = self._clock.monotonic(), self._ledger.book
        kept = {n for n in self._seen if self._is_wanted(n) or n in book.running}
        self._seen = {n: seen for n, seen in self._seen.items() if n in kept and now - seen.at < KEPT}
        alerts = (alert for seen in self._seen.values() for alert in seen.alerts.values())
        self._records.keep({*self._asking, *(id_ for alert in alerts for id_ in alert.client_ids)})

    async def _work(self) -> None:
        try:
            while self._queue:
                number = self._queue.popleft()
                if self._is_due(number):
                    await self._look_up(number)
        except asyncio.CancelledError:
            log.info("looking customers up ahead was cut short by the stop")
            raise
        except (TryLater, AnswerLost, Refused, BadAnswer) as error:
            wish = error.retry_after if isinstance(error, TryLater) else None
            self._rests_until = self._clock.monotonic() + max(AGAIN, wish or 0.0)
            log.info("customers are not looked up ahead for now: %s", error)
        finally:
            self._asking, self._working = (), None

    async def _look_up(self, number: int) -> None:
        """What is not known of a case. Raises what several requests in a row raised."""
        now, case = self._clock.monotonic(), self._ledger.book.cases[number]
        seen = self._seen.setdefault(number, _Seen(now))
        seen.not_before = now + min(AGAIN_LONGEST, AGAIN * 2**seen.tries)
        seen.tries += 1
        wanted, asked = partial(self._is_wanted, number), [incident.id for incident in case.on]
        alerts = await self._enricher.alerts_ahead(asked, wanted)
        affected = together(alerts)
        fits = len(affected.onus) <= A_CASE and self._records.has_room(affected.client_ids)
        seen.whole = seen.whole and fits
        if not alerts or not fits:
            return
        self._asking = affected.client_ids
        await self._enricher.records_ahead(self._asking, self._records, wanted)
        if not wanted():
            return
        seen.at, seen.alerts, seen.whole, seen.key = now, alerts, True, None
        seen.complete = len(alerts) == len(asked) and all(id_ in self._records for id_ in self._asking)
        if seen.complete:
            seen.tries, seen.not_before = 0, -math.inf
        if self._is_news(case, affected):
            await self._observe(count(affected.down))
        seen.counts = {incident.id: incident.affected for incident in case.on if incident.id in asked}
        self._chat.show(number)
