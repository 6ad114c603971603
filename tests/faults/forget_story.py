"""A NOC over months: rules decide, lines are folded by a book that forgets and by one that never does.

Who decides is this bot, on the book that forgets, or (`old`) one before it, on the whole one: then lines come
about cases that have left the other.
"""

import random
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain import events as ev
from bot.domain import leaving
from bot.domain.book import Book, WholeBook
from bot.domain.causes.sightings import Sightings
from bot.domain.claims import in_doubt
from bot.domain.customer import Affected, Contact, Found, Link, Onu
from bot.domain.events import Line
from bot.domain.incident import Incident, Poll
from bot.domain.limits.cooldown import free_at
from bot.domain.limits.holds import Terms
from bot.domain.phone import phone_key
from bot.domain.plan import IN_DOUBT, REACHED, Choice, Outcome, Sent
from bot.domain.rules import Rules
from bot.errors import Declined
from bot.ports import Write
from bot.steps import decide, gate, opt_out, restore, send, settle, unknown
from bot.steps.compose import compose
from tests.fakes import ANA, NOON, incident
from tests.faults.tries import Tries

PLACES, CUSTOMERS = ("6/15", "6/16", "7/1"), 14
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LEAPS = (HOUR / 6, HOUR, 20 * HOUR, 2 * DAY, 8 * DAY, 33 * DAY)
OUTCOMES = (Outcome.ACCEPTED,) * 4 + (Outcome.UNKNOWN, Outcome.UNKNOWN, Outcome.REJECTED, Outcome.HELD)
MOST_AUDITED, DAYS_AUDITED = 8, 9
"""What the audit holds in these stories: a record then leaves within weeks."""


class ForgetStory:
    """One story. Violation where forgetting decides anything, or where anybody gets two.

    `opting`: customers ask for no messages; `unwanted` are those who did. Violation also where one of them
    gets any.
    """

    def __init__(self, tries: Tries, seed: int, *, opting: bool = False) -> None:
        self.opting, self.unwanted = opting, set[str]()
        self.tries, self.seed, self.random = tries, seed, random.Random(seed)  # noqa: S311
        self.rules = Rules(cooldown_hours=self.random.choice([24.0, 200.0, 2160.0]), restored=True)
        self.old = self.random.random() < 0.4
        self.undecided: set[int] = set()  # cases that left with a doubt
        self.told = NOON  # who was told before that has been forgotten
        self.book, self.whole = Book(), WholeBook()
        self.clock = NOON
        self.lines: list[tuple[datetime, Line]] = []
        self.on: dict[str, Incident] = {}
        self.ended: list[Incident] = []
        self.sent: defaultdict[str, list[tuple[datetime, int, str]]] = defaultdict(list)
        self.count = self.late = 0
        self.write(ev.Started("1"))

    @property
    def now(self) -> datetime:
        return max(self.clock, self.book.last_at)

    def broken(self, what: str) -> None:
        told = " | ".join(f"{at:%d/%m %H:%M} {line.kind}" for at, line in self.lines[-14:])
        self.tries.check(holds=False, what=f"{what} (seed {self.seed}: ... {told})")

    def write(self, *lines: Line) -> None:
        for line in lines:
            at, number = self.now, abs(getattr(line, "case", 0) or 0)
            new = isinstance(line, ev.CaseOpened | ev.TapRefused)
            self.late += not new and number > 0 and self.book.has_left(number)
            self.lines.append((at, line))
            self.whole.apply(at, line)
            try:
                self.book.apply(at, line)
            except (KeyError, ValueError, IndexError) as error:
                self.broken(f"{line.kind} does not fold any more ({error!r})")
            self.told = max(self.told, leaving.ago(self.book.days, leaving.TOLD) or NOON)

    def does(self, rule: Write) -> list[Line]:
        """What the rule wrote; the same as if nothing had been forgotten.

        What an older bot made of a case that would have left may be a new case to this one: not compared.
        """
        found = [self._asked(book, rule) for book in (self.book, self.whole)]
        new, old = found
        declined = isinstance(new, str) and (isinstance(old, str) or new == "case_left")
        if not self.old and new != old and not declined and not self._held_longer(new, old):
            self.broken(f"forgetting decided: {str(new)[:300]} where it was {str(old)[:300]}")
        lines = found[self.old]
        if isinstance(lines, str):
            return []
        self.write(*lines)
        return lines

    def _asked(self, book: Book, rule: Write) -> list[Line] | str:
        try:
            return list(rule(book, self.now))
        except Declined as no:
            return no.code

    def _held_longer(self, new: list[Line] | str, old: list[Line] | str) -> bool:
        """Whether all that differs is that who was told rests up to an hour longer."""
        plans = [lines[0] for lines in (new, old) if isinstance(lines, list) and lines]
        if len(plans) < 2:
            return False
        if isinstance(plans[0], ev.Spared) and isinstance(plans[1], ev.Intent):
            phones = [self._phone(plans[1].case, plans[1].recipient)]
        elif isinstance(plans[0], ev.Planned) and isinstance(plans[1], ev.Planned):
            pairs = zip(plans[0].recipients, plans[1].recipients, strict=True)
            differing = [(one, other) for one, other in pairs if one != other]
            phones = [other.phone or "" for one, other in differing if one.skip is not None]
            if len(phones) != len(differing):
                return False
        else:
            return False
        just = self.now - HOUR
        known = [self.whole.contacts.get(phone_key(phone)) for phone in phones]
        return all(free_at(contact, just, self.rules.cooldown_hours) for contact in known)

    def _phone(self, case: int, recipient: str) -> str:
        return self.whole.cases[case].dispatches[-1].sends.recipients[recipient].phone or ""

    # What may happen.

    def time_passes(self) -> None:
        """The program runs and says so, or it was off."""
        leap = self.random.choice(LEAPS)
        off = self.random.random() < 0.2
        until = self.clock + leap
        while not off and until - self.clock > DAY:
            self.clock += DAY
            self.write(ev.Alive())
        self.clock = until
        if off:
            self.write(ev.Started("1"))
            self.does(decide.confirm(ANA, self.clock))

    def clock_jumps(self) -> None:
        """A year ahead for a few lines; then a person confirms that it is not."""
        right, self.clock = self.clock, self.clock + 365 * DAY
        self.write(*[ev.Alive()] * self.random.randrange(3), ev.Started("1", "future"))
        if self.random.random() < 0.5:
            self.clock += 2 * DAY
            self.write(ev.Alive())
        self.clock = right + HOUR
        self.does(decide.confirm(ANA, self.clock))

    def falls(self) -> None:
        self.count += 1
        place = self.random.choice(PLACES)
        one = incident(self.count, place=place, started=self.now)
        self.on[one.id] = one
        self.poll()

    def falls_again(self) -> None:
        """An alert that was over is on the list again, as it was."""
        if self.ended:
            one = self.random.choice(self.ended[-6:])
            self.on[one.id] = one
            self.poll()

    def is_back(self) -> None:
        if self.on:
            self.ended.append(self.on.pop(self.random.choice(sorted(self.on))))
            self.poll()

    def poll(self) -> None:
        decides = self.whole if self.old else self.book
        poll = Poll(tuple(self.on.values()), frozenset(self.on))
        known = [i.id for number in decides.open for i in decides.cases[number].on]
        new = [i for i in poll.incidents if decides.known(i) is None]
        gone = frozenset(id_ for id_ in known if id_ not in self.on)
        seen = replace(Sightings().saw(poll, known, new, self.now), over=gone)
        with suppress(Declined):
            self.write(*compose(poll, seen, {}, self.rules)(decides, self.now))

    def _any(self) -> int:
        last = self.whole.next_case
        return self.random.randrange(max(1, last - 8), last + 1)

    def approved(self) -> None:
        number = self._any()
        if self.does(decide.approve(number, ANA, self.rules, Terms(flapping=True))):
            self._sends(number)

    def denied(self) -> None:
        self.does(decide.deny(self._any(), ANA, "other"))

    def is_told(self) -> None:
        """Those who were warned hear that service is back."""
        number = self._any()
        if self.does(restore.restore(number, ANA, self.rules)):
            self._sends(-number)

    def _sends(self, number: int) -> None:
        attempt = self._attempt(number)
        if number > 0:
            picked = self.random.sample(range(100, 100 + CUSTOMERS), 3)
            contacts = {str(n): Contact(str(n), str(n), f"(61) 99{n}-0{n}") for n in picked}
            onus = tuple(Onu(f"S{id_}", id_, id_, Link.LOS) for id_ in contacts)
            planned = self.does(
                gate.gate(number, attempt, Found(Affected(onus), contacts), self.rules, phone_key)
            )
        else:
            ports = restore.ports_of(self.whole, number)
            links = {port.key: {f"S{n}": Link.ONLINE for n in range(100, 200)} for port in ports}
            planned = self.does(restore.plan(number, attempt, links, self.rules))
        for line in planned:
            if isinstance(line, ev.Planned):
                meant = {r.person for r in line.recipients if r.skip is None}
                if meant & self.unwanted:
                    self.broken("a message is planned for who asked for none")
        if not planned:
            self.write(ev.Settled(number, "unread", "error"))
        elif self.random.random() < 0.1:
            self.write(ev.Started("1"))  # it broke off with its plan
        else:
            self._carries_out(number)

    def _attempt(self, number: int) -> int:
        decides = self.whole if self.old else self.book
        return decides.cases[number].dispatches[-1].attempt

    def _carries_out(self, number: int) -> None:
        todo = self.book.cases[number].dispatches[-1].sends.todo()
        for recipient in todo:
            self.clock += timedelta(minutes=self.random.choice([0, 0, 40]))
            if self.opting and self.random.random() < 0.2:
                self.opts(self.random.choice(todo).person)
            rule = send.claim(number, self._attempt(number), recipient.id, self.rules)
            for line in self.does(rule):
                if isinstance(line, ev.Intent):
                    self._leaves(number, line.recipient)
        self.does(settle.settle(number, self._attempt(number)))

    def _leaves(self, number: int, recipient: str) -> None:
        outcome = self.random.choice(OUTCOMES)
        phone = self._phone(number, recipient)
        if phone_key(phone) in self.unwanted:
            self.broken("who asked for no messages is sent one")
        if outcome in REACHED and number > 0:
            for at, case, place in self.sent[phone]:
                resting = at + timedelta(hours=self.rules.cooldown_hours) > self.now
                if resting or (case != number and self._knows(at, case, place)):
                    about = f"seed {self.seed}: cases {case}, {number}"
                    self.tries.nobody_twice([phone_key(phone)] * 2, about)
            through = self.whole.cases[number].dispatches[-1].ports
            self.sent[phone] += [(self.now, number, port.key) for port in through]
        reference = None if outcome in IN_DOUBT else f"{number}-{recipient}-{len(self.lines)}"
        self.write(ev.Result(number, recipient, outcome, reference))

    def _knows(self, at: datetime, number: int, port: str) -> bool:
        """Whether who was told by the case then knows of what is on there now."""
        case = self.whole.cases[number]
        on = number in self.whole.open and port not in case.over_ports
        return on and at >= max((case.opened_at, *case.reopened))

    def goes_on(self) -> None:
        number = self._any()
        if self.does(decide.resume(number, ANA, self.rules)):
            self._carries_out(number)

    def is_closed(self) -> None:
        self.does(decide.close(self._any(), ANA))

    def resolved(self) -> None:
        """A person decides on a doubt, perhaps weeks later; who was to be called was."""
        plans = [(n, case.dispatch) for n, case in self.whole.cases.items() if case.dispatch is not None]
        doubted = [n for n, dispatch in plans if dispatch.progress and dispatch.progress.doubtful]
        number = self.random.choice([self._any(), *doubted])
        recipient = f"c{self.random.randrange(100, 100 + CUSTOMERS)}"
        case = self.whole.cases.get(number)
        if case is not None and case.dispatch is not None and case.dispatch.progress is not None:
            results = case.dispatch.progress.results.items()
            waiting = [id_ for id_, receipt in results if receipt.outcome in IN_DOUBT]
            recipient = self.random.choice([*waiting, recipient])
        choice: Choice = "sent" if self.random.random() < 0.3 else "call"
        self.does(unknown.resolve(unknown.Choose(number, recipient), choice, ANA))

    def was_called(self) -> None:
        """Who said that they call did, perhaps after the case left."""
        plans = [(n, case.dispatch) for n, case in self.whole.cases.items() if case.dispatch is not None]
        calls = [
            (n, id_) for n, plan in plans if plan.progress for id_ in plan.progress.calls if plan.to_call(id_)
        ]
        if calls:
            number, recipient = self.random.choice(calls)
            self.does(unknown.resolve(unknown.Choose(number, recipient), "sent", ANA))

    def list_is_read(self) -> None:
        asked = [unknown.doubts(book, self.now) for book in (self.book, self.whole)]
        if set(asked[0]) != set(asked[1]):
            self.broken("the gateway is asked about others")
        found = [d for d in asked[self.old] if self.random.random() < 0.5]
        rows = [
            Sent(f"row{len(self.lines)}-{d.recipient.id}", d.recipient.phone or "", d.claims[-1], "x")
            for d in found
        ]
        self.does(unknown.evidence(found, rows))

    def freed(self) -> None:
        held = sorted(self.whole.reservations)
        if held:
            port = self.random.choice(held)
            if self.does(decide.release(port, ANA, "other", self.rules)):
                for phone, sends in self.sent.items():
                    self.sent[phone] = [one for one in sends if one[2] != port]

    def opts(self, person: str | None = None) -> None:
        """A customer asks for no messages, or wants them again."""
        number = self.random.randrange(100, 100 + CUSTOMERS)
        person = person or f"619{number}0{number}"
        if self.does(opt_out.opt_out(person, ANA, "x")):
            self.unwanted.add(person)
        elif self.does(opt_out.opt_in(person, ANA)):
            self.unwanted.remove(person)

    def typed(self) -> None:
        self.write(ev.TapRefused(ANA, "approve", "already_sent", self._any()))

    def judge(self) -> None:
        """What is held says what a book that forgets nothing says."""
        book, whole = self.book, self.whole
        if book.open != whole.open or book.running != whole.running:
            self.broken("a case that is on, or running, left")
        self._judge_doubts()
        if not book.opted_out.keys() == whole.opted_out.keys() == self.unwanted:
            self.broken("who asked for no messages was forgotten")
        for entry in book.audit:
            about = book.dispatch_of(entry)
            once = whole.cases[entry.case or 0].dispatches[entry.attempt - 1] if entry.attempt else None
            if not self.old and (about and about.tally()) != (once and once.tally()):
                self.broken("what the audit tells of was forgotten")
        for held, known in ((book.contacts, whole.contacts), (book.reservations, whole.reservations)):
            for key, one in known.items():
                rests = free_at(one, self.now, self.rules.cooldown_hours)
                kept = held.get(key)
                if rests and (kept is None or not one.at <= kept.at < one.at + HOUR):
                    self.broken("who was told, or where, was forgotten")

    def reads_again(self) -> None:
        """A replay forgets what was forgotten."""
        again = Book()
        for at, line in self.lines:
            again.apply(at, line)
        if vars(again) != vars(self.book):
            self.broken("the ledger says otherwise when it is read again")

    def steps(self) -> list[Callable[[], None]]:
        often = [self.time_passes] * 5 + [self.falls] * 3 + [self.is_back] * 4 + [self.approved] * 5
        rarely = [self.falls_again, self.denied, self.is_told, self.goes_on, self.is_closed, self.resolved]
        return [
            *often,
            *rarely * 2,
            self.resolved,
            self.was_called,
            self.list_is_read,
            self.freed,
            self.typed,
            self.clock_jumps,
            *([self.opts, *[self.is_told] * 10] if self.opting else []),
        ]

    def _judge_doubts(self) -> None:
        """All in doubt are known and counted, but those who can hold nobody back any more."""
        book, whole = self.book, self.whole
        doubts = [_doubted(held) for held in (book, whole)]
        left = doubts[1] - doubts[0] - self.undecided
        early = [number for number in left if whole.cases[number].dispatches[-1].last_at >= self.told]
        if doubts[0] - doubts[1] or early:
            self.broken(f"a send in doubt was forgotten: {doubts}")
        self.undecided |= left
        if not doubts[0] <= book.doubtful.keys():
            self.broken("a case in doubt is not listed as one")
        counted = {case.id: doubts for case, doubts in in_doubt(book)}
        for number in doubts[0]:
            if counted[number] != book.cases[number].dispatches[-1].sends.doubts():
                self.broken(f"sends in doubt are counted as {counted[number]}")

    def play(self, steps: int) -> None:
        """So many things happen, each judged."""
        for _ in range(steps):
            try:
                self.random.choice(self.steps())()
            except KeyError as error:
                self.broken(f"something that is needed has left ({error!r})")
            self.judge()
        self.reads_again()


def _doubted(book: Book) -> set[int]:
    return {number for number, case in book.cases.items() if case.dispatch and case.dispatch.in_doubt()}
