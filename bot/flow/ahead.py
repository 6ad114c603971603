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
from dataclasses import dataclass, field, replace
from functools import partial

from bot.domain.case import Case
from bot.domain.customer import Affected, Found, Onu, Records, together
from bot.domain.events import Line
from bot.domain.incident import of_source
from bot.domain.limits.account import limit_today, new_people
from bot.domain.limits.growth import asked_about, outgrew
from bot.domain.limits.holds import why_silent
from bot.domain.lookup.places import NOWHERE, Where
from bot.domain.plan import Recipient, Tally
from bot.domain.rules import InForce, Rules
from bot.errors import AnswerLost, BadAnswer, Declined, LedgerClosed, Refused, TryLater
from bot.ports import Clock, Ledger, NocChat, Polled, Spawn, Write
from bot.steps.compose import count
from bot.steps.decide import free_ports
from bot.steps.enrich import Enricher
from bot.steps.gate import Made, customers_of, skips_of, where_of, would_leave

log = logging.getLogger(__name__)

A_CASE, IN_ALL = 5_000, 20_000  # ONUs of one case, and customers of all, that are remembered
AT_ONCE = 250  # ONUs whose customers are made in one turn of the event loop: 5 ms
NOBODY = Affected(())
AGAIN, AGAIN_LONGEST = 60.0, 900.0  # seconds until what did not come is asked for again, doubled
KEPT = 6 * 3600.0  # seconds; who still waits then is looked up anew


def may_ask(sources: Sequence[Polled]) -> Callable[[str], bool]:
    """Whether the source of an incident, by its id, may be asked about it while nobody has decided."""
    sparing = tuple(source.ids for source in sources if not source.ahead)
    return lambda incident_id: not any(of_source(incident_id, ids) for ids in sparing)


@dataclass(slots=True)
class _Seen:
    """What was read of a case: its alerts, and what the list counted of each then.

    `whole`: each of its customers was asked for once, `complete`: and came. `affected` are the ONUs of the
    alerts `ids`, `customers` those of a plan and `where` they are, as long as nothing `changed` about them,
    of what is `made`.
    """

    at: float
    alerts: Mapping[str, Affected] = field(default_factory=dict)
    counts: Mapping[str, int | None] = field(default_factory=dict)
    whole: bool = False
    complete: bool = False
    tries: int = 0
    not_before: float = -math.inf
    ids: Sequence[str] | None = None
    affected: Affected = NOBODY
    changed: int = -1
    customers: Sequence[Recipient] = ()
    where: Where = NOWHERE
    made: Made = field(default_factory=dict)


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
        in_force: InForce,
        spawn: Spawn,
        may_ask: Callable[[str], bool],
        found: Callable[[int, Sequence[Recipient]], None],
    ) -> None:
        """`may_ask`: whether an incident's source may be asked about it while nobody has decided.

        `found` hears of each case's customers once all of them were asked for.
        """
        self._may_ask, self._tell = may_ask, found
        self._enricher, self._ledger, self._observe = enricher, ledger, observe
        self._chat, self._clock, self._in_force, self._spawn = chat, clock, in_force, spawn
        self._records = Records(IN_ALL)
        self._seen: dict[int, _Seen] = {}
        self._asking: Mapping[str, Onu] = {}
        self._queue: deque[int] = deque()
        self._working: asyncio.Task[None] | None = None
        self._rests_until = -math.inf
        self._stopped = not self._rules.look_ahead

    @property
    def _rules(self) -> Rules:
        return self._in_force.rules

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
        customers, book = self._known(number), self._ledger.book
        if customers is None:
            return None
        tally = would_leave(book, number, customers, self._rules, self._clock.now())
        return replace(tally, where=self._seen[number].where)

    def need(self, number: int) -> int | None:
        """How many of those are people whom today's limit does not count yet; None where nobody knows."""
        book, now = self._ledger.book, self._clock.now()
        if limit_today(book, self._rules) is None or (customers := self._known(number)) is None:
            return None
        skips = skips_of(customers, why_silent(book, number, self._rules, now))
        leaving = (one for one, skip in zip(customers, skips, strict=True) if skip is None)
        return new_people(book, leaving, now)

    def _known(self, number: int) -> Sequence[Recipient] | None:
        """Whom an approval of a case would be about now; None where that is not known."""
        seen = self._seen.get(number)
        if seen is None or not seen.whole or not self._is_wanted(number):
            return None
        book = self._ledger.book
        case = book.cases[number]
        try:
            ids = case.to_read(free_ports(book, case, self._rules, self._clock.now())[0])
            if not seen.counts.keys() >= set(ids) or seen.alerts.keys().isdisjoint(ids):
                return None
            return self._customers(case, seen, ids)
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

    def made(self, number: int) -> Made:
        """The customers of a case as far as they are made, for whoever makes them anew."""
        return self._seen[number].made if number in self._seen else {}

    def _customers(self, case: Case, seen: _Seen, ids: Sequence[str]) -> Sequence[Recipient]:
        if seen.ids != ids:
            seen.affected = together({id_: seen.alerts[id_] for id_ in ids if id_ in seen.alerts})
            seen.ids, seen.changed = ids, -1
        changed = self._records.changed(seen.affected.subjects)
        if seen.changed != changed:
            found, person = self._found(seen.affected), self._ledger.person
            seen.customers = customers_of(case, found, self._rules, person, made=seen.made)
            seen.made = {one.id: seen.made[one.id] for one in seen.customers}
            seen.where, seen.changed = where_of(found), changed
        return seen.customers

    def _found(self, affected: Affected) -> Found:
        keys = affected.subjects
        contacts = {key: known for key in keys if (known := self._records.get(key))}
        return Found(affected, contacts, frozenset(key for key in keys if key not in self._records))

    async def _make(self, case: Case, affected: Affected, made: Made) -> list[Recipient]:
        """Few at a time: thousands of customers at once would keep taps waiting."""
        customers: list[Recipient] = []
        for first in range(0, len(affected.onus), AT_ONCE):
            found = self._found(Affected(affected.onus[first : first + AT_ONCE], affected.over))
            customers += customers_of(case, found, self._rules, self._ledger.person, made=made)
            await asyncio.sleep(0)
        return customers

    def may_ask(self, incident_id: str) -> bool:
        """Whether its source may be asked about an incident where nobody waits for the answer."""
        return self._may_ask(incident_id)

    def _is_wanted(self, number: int) -> bool:
        """Whether somebody is to decide on the case, and nobody has."""
        book = self._ledger.book
        if self._stopped or self._ledger.closed is not None or number not in book.open:
            return False
        case = book.cases[number]
        if not all(self._may_ask(incident.id) for incident in case.on):
            return False
        return case.undecided and book.silence_over(case, self._clock.now()) is None

    @staticmethod
    def _is_news(case: Case, affected: Affected) -> bool:
        """Whether there are so many more ONUs than were listed that an approval would be asked about them."""
        silent = any(incident.affected is None for incident in case.on)
        return silent or outgrew(affected.still_down, asked_about(case, case.ports))

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
        self._records.keep({*self._asking, *(key for alert in alerts for key in alert.subjects)})

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
            self._asking, self._working = {}, None

    async def _look_up(self, number: int) -> None:
        """What is not known of a case. Raises what several requests in a row raised."""
        now, case = self._clock.monotonic(), self._ledger.book.cases[number]
        seen = self._seen.setdefault(number, _Seen(now))
        seen.not_before = now + min(AGAIN_LONGEST, AGAIN * 2**seen.tries)
        seen.tries += 1
        wanted, asked = partial(self._is_wanted, number), [incident.id for incident in case.on]
        alerts = await self._enricher.alerts_ahead(asked, wanted, case.places)
        affected = together(alerts)
        fits = len(affected.onus) <= A_CASE and self._records.has_room(affected.subjects)
        seen.whole = seen.whole and fits
        if not alerts or not fits:
            return
        self._asking = affected.subjects
        for key, record in affected.records.items():
            self._records.put(key, record, self._clock.monotonic())
        left = {key: onu for key, onu in self._asking.items() if key not in affected.records}
        await self._enricher.records_ahead(left, self._records, wanted)
        customers = await self._make(case, affected, seen.made) if wanted() else []
        if not wanted():
            return
        self._tell(number, customers)
        seen.at, seen.alerts, seen.whole, seen.ids = now, alerts, True, None
        seen.complete = len(alerts) == len(asked) and all(id_ in self._records for id_ in self._asking)
        if seen.complete:
            seen.tries, seen.not_before = 0, -math.inf
        if self._is_news(case, affected):
            await self._observe(count(affected.down))
        seen.counts = {incident.id: incident.affected for incident in case.on if incident.id in asked}
        self._chat.show(number)
