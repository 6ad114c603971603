"""One look at the source, and what follows from it without a person: cards appear, change and end, what is
due begins, and who did not answer is asked again.
"""

import asyncio
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain import reminders
from bot.domain.book import Book
from bot.domain.case import restored_of
from bot.domain.causes.sightings import Sightings
from bot.domain.causes.told import Olts
from bot.domain.events import CaseOpened, IncidentJoined, Line
from bot.domain.incident import Incident, Poll, of_source
from bot.domain.rules import InForce, Rules
from bot.errors import AnswerLost, BadAnswer, LoginRefused, Refused, TryLater
from bot.flow.ahead import LookAhead
from bot.flow.deps import Deps
from bot.flow.dispatch import Dispatcher
from bot.flow.health import Health
from bot.flow.inventory import InventoryCache
from bot.flow.policy import Policy
from bot.ports import Notice, Polled, Write
from bot.steps import decide, delay, describe, restore
from bot.steps.collect import UNREAD, collect, offered, read_alone
from bot.steps.compose import compose, count, taken

log = logging.getLogger(__name__)

READ_AT_MOST = 60  # alerts read by themselves in a poll: an OLT that is back ends with it; the rest waits
READ_WITHIN = 15.0  # seconds that cards wait for them
CASES_AT_MOST = 20  # that a notice names
COUNT_AT_MOST, COUNT_WITHIN = 10, 5.0  # the same of those read for their count


@dataclass(slots=True, eq=False)
class _Watch:
    """A source and what its last polls saw; `asked` are the alerts that were read for their count."""

    source: Polled
    sightings: Sightings = field(default_factory=Sightings)
    asked: set[str] = field(default_factory=set)


class Polling:
    """Everything that starts with a poll. Each source is polled by itself."""

    def __init__(
        self,
        deps: Deps,
        in_force: InForce,
        health: Health,
        inventory: InventoryCache,
        dispatcher: Dispatcher,
        *,
        policy: Policy,
        ahead: LookAhead,
    ) -> None:
        self._source, self._ledger = deps.source, deps.ledger
        self._watches = {one.name: _Watch(one) for one in deps.sources}
        self._first = deps.sources[0].name
        self._olts: Olts | None = None
        self._said_unwatched = False
        self._of_no_region: set[str] = set()
        self._chat, self._clock = deps.chat, deps.clock
        self._in_force, self._health = in_force, health
        self._inventory, self._dispatcher, self._policy = inventory, dispatcher, policy
        self._staff, self._ahead, self._measures = deps.staff, ahead, deps.measures

    @property
    def _rules(self) -> Rules:
        return self._in_force.rules

    async def poll(self, source: str | None = None) -> float | None:
        """Read a source once (None: the first), bring cases and cards up to date, begin what is due.

        Gives the seconds after which it wants to look again, as something new waits for its siblings; None
        where nothing does.
        """
        now, watch = self._clock.now(), self._watches[source or self._first]
        name, began = watch.source.name, self._clock.monotonic()
        try:
            poll = self._placed(await collect(watch.source, within=self._rules.poll_within))
        except (TryLater, AnswerLost, Refused, BadAnswer) as error:
            self._health.missed(name, str(error), login_refused=isinstance(error, LoginRefused))
            self._measures.polled(name, "error", self._clock.monotonic() - began)
            poll = UNREAD  # what was seen before gets its card all the same
        else:
            took = self._clock.monotonic() - began
            self._measures.polled(name, "ok" if poll.complete else "partial", took)
            self._health.saw(name, poll, self._unoffered(poll), now)
        await self._compose(watch, poll, now)
        if poll.complete:
            self._say_unwatched()
            self._chat.refresh()
            await self._begin(watch, poll.present)
        self._ahead.look()  # also for what did not come at the last one
        await self._remind()
        return self._next_group(watch, now)

    async def gather(self, source: str) -> None:
        """The cards of what a source's last polls saw, where that has waited long enough; it is not asked."""
        await self._compose(self._watches[source], UNREAD, self._clock.now())
        self._ahead.look()

    def _placed(self, poll: Poll) -> Poll:
        """With its ports as other sources call them, too, where there are any."""
        if len(self._watches) == 1:
            return poll
        if self._olts is None:
            self._olts = Olts()
            self._olts.learn(self._ledger.book)
        return self._olts.placed(poll)

    async def _compose(self, watch: _Watch, poll: Poll, now: datetime) -> None:
        """The ledger is brought up to what the polls saw, and the cards with it."""
        book = self._ledger.book
        open_ = (incident.id for number in book.open for incident in book.cases[number].on)
        known = [id_ for id_ in open_ if self._is_of(id_, watch)]
        new = (i for i in poll.incidents if book.known(i) is None and offered(i, self._rules))
        left = frozenset(filter(self._is_unwatched, known))
        watch.sightings = watch.sightings.saw(poll, known, new, now, unwatched=left)
        await self._read_more(watch, poll, now)
        rule = compose(poll, watch.sightings, self._inventory.known, self._rules, self._is_unwatched)
        lines = await self._policy.observe(rule)
        watch.sightings = watch.sightings.without(taken(lines))
        self._say_of_no_region(lines)

    def _say_of_no_region(self, lines: Sequence[Line]) -> None:
        """Once for each OLT, where there are regions: its cases are told to the group of all others."""
        if not self._rules.regions:
            return
        olts: dict[str, None] = {}
        for line in lines:
            if isinstance(line, CaseOpened):
                olts |= {incident.port.olt: None for incident in (line.incident, *line.others)}
            elif isinstance(line, IncidentJoined):
                olts[line.incident.port.olt] = None
        new = [o for o in olts if o not in self._of_no_region and not self._rules.region_of(o)]
        self._of_no_region.update(new)
        if new:
            log.warning("OLTs of no region, whose cases go to TELEGRAM_CHAT_ID: %s", ", ".join(new))
            self._chat.say(Notice("no_region", {"n": len(new), "which": ", ".join(new)}))

    def _is_of(self, incident_id: str, watch: _Watch) -> bool:
        """Whether a source tells of an incident; those of none that is left are the first one's to miss."""
        owners = (one for one in self._watches.values() if of_source(incident_id, one.source.ids))
        return watch is next(owners, self._watches[self._first])

    def _is_unwatched(self, incident_id: str) -> bool:
        """Whether it is of a source that is none of `SOURCE` any more."""
        return not any(of_source(incident_id, one.source.ids) for one in self._watches.values())

    def _say_unwatched(self) -> None:
        """Once: which cases nobody tells of any more. They end in an hour, without a word that it is over."""
        if self._said_unwatched:
            return
        self._said_unwatched, cases = True, self._ledger.book.cases
        left = (n for n in sorted(self._ledger.book.open) if cases[n].on)
        alone = [n for n in left if all(self._is_unwatched(incident.id) for incident in cases[n].on)]
        if alone:
            most = None if self._rules.regions else CASES_AT_MOST  # each group is told of its own
            self._chat.say(Notice("unwatched", {"n": len(alone), "cases": tuple(alone[:most])}))

    async def _read_more(self, watch: _Watch, poll: Poll, now: datetime) -> None:
        """What the list does not say, all at one time, as cards wait for it."""
        async with asyncio.TaskGroup() as group:
            if poll is not UNREAD:
                group.create_task(self._make_sure(watch, poll, now))
                group.create_task(self._count(watch))
            if len(watch.sightings.new) > 1:
                group.create_task(self._inventory.refresh(self._clock.monotonic()))

    async def _count(self, watch: _Watch) -> None:
        """The alert itself is asked once how many ONUs are affected, where the list does not say."""
        if not watch.source.ahead:
            return
        new = {id_: one.incident for id_, one in watch.sightings.new.items()}
        book = self._ledger.book
        on = (incident for number in sorted(book.open) for incident in book.cases[number].on)
        known = (incident for incident in on if self._is_of(incident.id, watch))
        silent = {i.id for i in (*new.values(), *known) if i.affected is None}
        watch.asked &= silent
        asked = sorted(silent - watch.asked, key=lambda id_: (id_ not in new, id_))[:COUNT_AT_MOST]
        watch.asked.update(asked)
        found = await read_alone(self._source, asked, within=COUNT_WITHIN)
        counts = {id_: alert.still_down for id_, alert in found.items() if alert.still_down}
        watch.sightings = watch.sightings.counting(counts)
        if counts.keys() - new.keys():
            await self._policy.observe(count(counts))

    async def _make_sure(self, watch: _Watch, poll: Poll, now: datetime) -> None:
        """An alert that is no longer listed is asked itself whether it is over."""
        polls = self._rules.close_polls
        asked = watch.sightings.to_read(poll, polls, READ_AT_MOST)
        found = await read_alone(self._source, asked, within=READ_WITHIN)
        watch.sightings = watch.sightings.after(poll, asked, found, polls, now)
        self._health.unlisted(watch.source.name, len(found.keys() - watch.sightings.over))

    def _next_group(self, watch: _Watch, now: datetime) -> float | None:
        """Seconds until the first of what is new has waited long enough for its siblings."""
        waited = ((now - one.since).total_seconds() for one in watch.sightings.new.values())
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

    async def _begin(self, watch: _Watch, seen: Collection[str]) -> None:
        """What may begin without a person, where a complete poll just saw how things are.

        Interrupted dispatches that are fresh, scheduled ones whose time came, and the news that service is
        back.
        """
        if self._dispatcher.draining or self._staff.contested():  # another program may begin the same
            return
        rules = (
            decide.go_on(seen, self._rules),
            self._told_by(watch, delay.begin_due(self._rules)),
            self._told_by(watch, restore.restore_alone(self._rules)),
        )
        for rule in rules:
            await self._policy.observe(rule)

    def _told_by(self, watch: _Watch, rule: Write) -> Write:
        """Of a rule's lines those about cases of a source: of several that tell of one it is the first's.

        How another source saw things says nothing of whether this one can be read.
        """

        def write(book: Book, now: datetime) -> Sequence[Line]:
            return [line for line in rule(book, now) if self._tells_of(book, line, watch)]

        return write

    def _tells_of(self, book: Book, line: Line, watch: _Watch) -> bool:
        number: int = getattr(line, "case", 0)
        case = book.cases[restored_of(number) or number]
        tell = (one for one in self._watches.values() if any(self._is_of(i.id, one) for i in case.incidents))
        return next(tell, self._watches[self._first]) is watch

    async def _remind(self) -> None:
        """Ask again those who did not answer, also about what somebody took upon themselves and left."""
        await self._policy.observe(describe.lapse(self._rules))
        for number, what in reminders.due(self._ledger.book, self._clock.now(), self._rules):
            self._chat.say(Notice("reminder", {"case": number, "what": what}))
