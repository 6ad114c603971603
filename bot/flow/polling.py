"""One look at the source, and what follows from it without a person: cards appear, change and end, what is
due begins, and who did not answer is asked again.
"""

import asyncio
import logging
from collections.abc import Collection
from datetime import datetime

from bot.domain import reminders
from bot.domain.causes.sightings import Sightings
from bot.domain.incident import Incident, Poll
from bot.domain.rules import Rules
from bot.errors import AnswerLost, BadAnswer, LoginRefused, Refused, TryLater
from bot.flow.ahead import LookAhead
from bot.flow.deps import Deps
from bot.flow.dispatch import Dispatcher
from bot.flow.health import Health
from bot.flow.inventory import InventoryCache
from bot.flow.policy import Policy
from bot.ports import Notice
from bot.steps import decide, delay, describe, restore
from bot.steps.collect import UNREAD, collect, offered, read_alone
from bot.steps.compose import compose, count, taken

log = logging.getLogger(__name__)

READ_AT_MOST = 60  # alerts read by themselves in a poll: an OLT that is back ends with it; the rest waits
READ_WITHIN = 15.0  # seconds that cards wait for them
COUNT_AT_MOST, COUNT_WITHIN = 10, 5.0  # the same of those read for their count


class Polling:
    """Everything that starts with a poll."""

    def __init__(
        self,
        deps: Deps,
        rules: Rules,
        health: Health,
        inventory: InventoryCache,
        dispatcher: Dispatcher,
        *,
        policy: Policy,
        ahead: LookAhead,
    ) -> None:
        self._source, self._ledger = deps.source, deps.ledger
        self._chat, self._clock = deps.chat, deps.clock
        self._rules, self._health = rules, health
        self._inventory, self._dispatcher, self._policy = inventory, dispatcher, policy
        self._sightings = Sightings()
        self._asked: set[str] = set()
        self._staff, self._ahead = deps.staff, ahead

    async def poll(self) -> float | None:
        """Read the source once, bring cases and cards up to date, begin what is due.

        Gives the seconds after which it wants to look again, as something new waits for its siblings; None
        where nothing does.
        """
        now = self._clock.now()
        try:
            poll = await collect(self._source, within=self._rules.poll_within)
        except (TryLater, AnswerLost, Refused, BadAnswer) as error:
            self._health.missed(str(error), login_refused=isinstance(error, LoginRefused))
            poll = UNREAD  # what was seen before gets its card all the same
        else:
            self._health.saw(poll, self._unoffered(poll), now)
        await self._compose(poll, now)
        if poll.complete:
            self._chat.refresh()
            await self._begin(poll.present)
        self._ahead.look()  # also for what did not come at the last one
        await self._remind()
        return self._next_group(now)

    async def _compose(self, poll: Poll, now: datetime) -> None:
        """The ledger is brought up to what the polls saw, and the cards with it."""
        book = self._ledger.book
        known = (incident.id for number in book.open for incident in book.cases[number].on)
        new = (i for i in poll.incidents if book.known(i) is None and offered(i, self._rules))
        self._sightings = self._sightings.saw(poll, known, new, now)
        await self._read_more(poll, now)
        rule = compose(poll, self._sightings, self._inventory.known, self._rules)
        self._sightings = self._sightings.without(taken(await self._policy.observe(rule)))

    async def _read_more(self, poll: Poll, now: datetime) -> None:
        """What the list does not say, all at one time, as cards wait for it."""
        async with asyncio.TaskGroup() as group:
            if poll is not UNREAD:
                group.create_task(self._make_sure(poll, now))
                group.create_task(self._count())
            if len(self._sightings.new) > 1:
                group.create_task(self._inventory.refresh(self._clock.monotonic()))

    async def _count(self) -> None:
        """The alert itself is asked once how many ONUs are affected, where the list does not say."""
        new = {id_: one.incident for id_, one in self._sightings.new.items()}
        book = self._ledger.book
        on = (incident for number in sorted(book.open) for incident in book.cases[number].on)
        silent = {i.id for i in (*new.values(), *on) if i.affected is None}
        self._asked &= silent
        asked = sorted(silent - self._asked, key=lambda id_: (id_ not in new, id_))[:COUNT_AT_MOST]
        self._asked.update(asked)
        found = await read_alone(self._source, asked, within=COUNT_WITHIN)
        counts = {id_: alert.still_down for id_, alert in found.items() if alert.still_down}
        self._sightings = self._sightings.counting(counts)
        if counts.keys() - new.keys():
            await self._policy.observe(count(counts))

    async def _make_sure(self, poll: Poll, now: datetime) -> None:
        """An alert that is no longer listed is asked itself whether it is over."""
        polls = self._rules.close_polls
        asked = self._sightings.to_read(poll, polls, READ_AT_MOST)
        found = await read_alone(self._source, asked, within=READ_WITHIN)
        self._sightings = self._sightings.after(poll, asked, found, polls, now)
        self._health.unlisted(len(found.keys() - self._sightings.over))

    def _next_group(self, now: datetime) -> float | None:
        """Seconds until the first of what is new has waited long enough for its siblings."""
        waited = ((now - one.since).total_seconds() for one in self._sightings.new.values())
        left = [self._rules.settle_seconds - seconds for seconds in waited]
        return min((seconds for seconds in left if seconds > 0), default=None)

    def _unoffered(self, poll: Poll) -> tuple[Incident, ...]:
        """What gets no card: by kind, size and marks, or as it lies in a silence."""
        book, now = self._ledger.book, self._clock.now()
        return tuple(
            i
            for i in poll.incidents
            if not offered(i, self._rules) or (book.known(i) is None and book.silence_of(i.port, now))
        )

    async def _begin(self, seen: Collection[str]) -> None:
        """What may begin without a person, where a complete poll just saw how things are.

        Interrupted dispatches that are fresh, scheduled ones whose time came, and the news that service is
        back.
        """
        if self._dispatcher.draining or self._staff.contested():  # another program may begin the same
            return
        rules = (
            decide.go_on(seen, self._rules),
            delay.begin_due(self._rules),
            restore.restore_alone(self._rules),
        )
        for rule in rules:
            await self._policy.observe(rule)

    async def _remind(self) -> None:
        """Ask again those who did not answer, also about what somebody took upon themselves and left."""
        await self._policy.observe(describe.lapse(self._rules))
        for number, what in reminders.due(self._ledger.book, self._clock.now(), self._rules):
            self._chat.say(Notice("reminder", {"case": number, "what": what}))
