"""Attack: the book and the rules alone, 300,000 random steps; after each the book agrees with the truth.

No loop, no disk, no HTTP: where the walk plays hundreds of stories of the whole bot, this plays thousands of
what the rules allow, so that it comes to where several rare things follow each other.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import accumulate
from pathlib import Path

import pytest

from bot.domain.customer import Affected, Link, Onu
from bot.domain.dispatch import Phase
from bot.domain.events import Abandoned, IncidentChanged, IncidentEnded, Intent, Result, Started
from bot.domain.phone import phone_key
from bot.domain.plan import Outcome, Sent
from bot.steps import decide, gate, opt_out, send, settle, unknown
from bot.steps.settle import Halt
from tests.fakes import ANA, BRUNO
from tests.faults.rule_story import CUSTOMERS, Request, RuleStory
from tests.faults.tries import Tries

RUNS, MORE, STEPS = 2500, 100_000, 120
OPTING = 300  # stories in which customers ask for no messages
RECENT = 4  # cases that people look at
PASSES = (1, 60, 600, 3600, 12 * 3600, 24 * 3600, -3600)  # seconds
NO = (Outcome.FAILED, Outcome.REJECTED)


class Story(RuleStory):
    """What may happen, each by itself and to one case; `opting`: among customers who ask for no messages."""

    opting = False

    def play(self) -> None:
        """So many steps, each one judged; in the end the lines alone give the same book."""
        moves = OPTING_MOVES if self.opting else MOVES
        for move in self.random.choices(tuple(moves), cum_weights=tuple(accumulate(moves.values())), k=STEPS):
            before = len(self.lines)
            move(self, self.random.choice(self.concerned(move)))
            if len(self.lines) > before:
                self.truth.judge(self.book, self.now, self.jobs.keys())
        self.read_again()

    def concerned(self, move: "Move") -> list[int]:
        """The cases where a move has something to do, if there are any; else those that people look at."""
        recent = list(self.book.cases)[-RECENT:]
        if move in OF_JOBS:
            return list(self.jobs) or recent
        if move in OF_DOUBTS:
            return [n for n in self.book.cases if (d := self.dispatch(n)) and d.in_doubt()] or recent
        return recent

    # People

    def approve(self, number: int) -> None:
        if self.does(decide.approve(number, ANA, self.rules)):
            self.jobs[number] = None

    def cancel(self, number: int) -> None:
        counting = self.at_work(number, Phase.COUNTDOWN)
        if self.does(decide.cancel(number, BRUNO)) and counting:
            del self.jobs[number]

    def deny(self, number: int) -> None:
        if self.random.random() < 0.1:
            self.does(decide.deny(number, ANA, "x"))

    def stop(self, number: int) -> None:
        self.does(decide.stop(number, BRUNO))

    def resume(self, number: int) -> None:
        if self.does(decide.resume(number, BRUNO, self.rules)):
            self.jobs[number] = None

    def close(self, number: int) -> None:
        self.does(decide.close(number, BRUNO))

    def release(self, number: int) -> None:
        self.does(decide.release(self.book.cases[number].incident.port.key, ANA, "x", self.rules))

    def confirm(self, _number: int) -> None:
        self.does(decide.confirm(ANA, self.now))

    def opt(self, _number: int) -> None:
        """A customer asks for no messages, or wants them again."""
        person = self.random.choice(CUSTOMERS)
        if not self.does(opt_out.opt_out(person, ANA, "x")) and self.random.random() < 0.5:
            self.does(opt_out.opt_in(person, BRUNO))

    def chosen(self, number: int) -> unknown.Choose | None:
        """One of those in doubt, or all."""
        dispatch = self.dispatch(number)
        doubts = dispatch.in_doubt() if dispatch is not None else []
        if not doubts or self.random.random() < 0.2:
            return unknown.Choose(number, expected=len(doubts)) if doubts else None
        return unknown.Choose(number, self.random.choice(doubts).id)

    def resolve(self, number: int) -> None:
        if chosen := self.chosen(number):
            choice = self.random.choice(["sent", "call", "call"])
            self.does(unknown.resolve(chosen, "call" if choice == "call" else "sent", ANA))

    def resend(self, number: int) -> None:
        if any(request.case == number for request in self.late):
            return  # the flow declines it
        if (chosen := self.chosen(number)) and self.does(unknown.resend(chosen, ANA, self.rules)):
            self.jobs[number] = None

    # A dispatch

    def plan(self, number: int) -> None:
        if (dispatch := self.at_work(number, Phase.COUNTDOWN)) is None:
            return
        if self.random.random() < 0.05:
            self.does(settle.give_up(number, dispatch.attempt, "x"))
            del self.jobs[number]
        else:
            self.does(gate.gate(number, dispatch.attempt, self.found(number), self.rules, phone_key))

    def spare(self, number: int) -> None:
        if dispatch := self.at_work(number, Phase.SENDING):
            back = [onu for onu in self.found(number).affected.onus if self.random.random() < 0.3]
            online = tuple(Onu(onu.serial, onu.client_id, onu.name, Link.ONLINE) for onu in back)
            over = self.random.random() < 0.2
            self.does(gate.spare(number, dispatch.attempt, Affected(online, over=over)))

    def claim(self, number: int) -> None:
        dispatch = self.at_work(number, Phase.SENDING, Phase.STOPPING)
        if dispatch is None or dispatch.progress is None or self.jobs[number] is not None:
            return
        if not (todo := dispatch.progress.todo()):
            return
        recipient = self.random.choice(todo)
        lines = self.does(send.claim(number, dispatch.attempt, recipient.id, self.rules))
        if not lines or not isinstance(lines[0], Intent):
            return
        reference = None
        if self.random.random() < 0.6:
            case, phone = self.book.cases[number], recipient.phone or ""
            reference = self.truth.delivered(case, recipient.id, phone, self.now)
        self.flying.append(Request(number, recipient.id, reference))

    def answer(self, _number: int) -> None:
        """One of those in flight: lost or late, told of, refused, or abandoned as every other would be."""
        if not self.flying:
            return
        request = self.flying.pop(self.random.randrange(len(self.flying)))
        case, recipient, reference = request.case, request.recipient, request.reference
        if self.random.random() < 0.35:
            self.tries.faults += 1
            self.write(Result(case, recipient, Outcome.UNKNOWN, reason="no_answer"))
            if self.random.random() < 0.6:
                self.late.append(request)
        elif reference is not None:
            told = reference if self.random.random() < 0.8 else None
            self.write(Result(case, recipient, Outcome.ACCEPTED, told))
        elif self.random.random() < 0.3:
            self.jobs[case] = Halt("key", "key")
            self.write(Abandoned(case, recipient, "key"))
        else:
            self.write(Result(case, recipient, self.random.choice(NO), reason="x"))

    def late_answer(self, _number: int) -> None:
        if not self.late:
            return
        request = self.late.pop(self.random.randrange(len(self.late)))
        case, recipient, reference = request.case, request.recipient, request.reference
        if self.random.random() < 0.2:
            self.write(Result(case, recipient, Outcome.UNKNOWN, reason="error"))
        elif reference is not None:
            self.write(Result(case, recipient, Outcome.ACCEPTED, reference))
        else:
            self.write(Result(case, recipient, self.random.choice(NO), reason="late"))

    def settle(self, number: int) -> None:
        dispatch = self.at_work(number, Phase.SENDING, Phase.STOPPING)
        if dispatch is None or dispatch.progress is None or self.busy(number):
            return
        halted = self.jobs[number]
        if halted is not None or dispatch.phase is Phase.STOPPING or not dispatch.progress.todo():
            self.does(settle.settle(number, dispatch.attempt, halted))
            del self.jobs[number]

    def break_off(self, number: int) -> None:
        dispatch = self.at_work(number, Phase.SENDING, Phase.STOPPING)
        if dispatch is not None and not self.busy(number):
            self.does(settle.interrupt(number, dispatch.attempt))
            del self.jobs[number]

    # The world

    def crash(self, _number: int) -> None:
        """What was in flight or late is never heard of again; the start has nothing but the lines."""
        if self.random.random() < 0.5:
            return
        self.tries.kills += 1
        self.flying, self.late, self.jobs, self.asked = [], [], {}, None
        if self.random.random() < 0.2:
            self.clock += timedelta(hours=2)
        self.read_again()
        self.write(Started("x"))

    def go_on(self, _number: int) -> None:
        for line in self.does(
            decide.go_on({case.incident.id for case in self.book.cases.values()}, self.rules)
        ):
            self.jobs[getattr(line, "case", 0)] = None

    def time_passes(self, _number: int) -> None:
        self.clock += timedelta(seconds=self.random.choice(PASSES))

    def outage_ends(self, number: int) -> None:
        if self.book.cases[number].ended_at is None:
            self.write(IncidentEnded(number))

    def outage_is_back(self, number: int) -> None:
        case = self.book.cases[number]
        if case.ended_at is not None:
            self.write(IncidentChanged(number, case.incident))

    def ask(self, _number: int) -> None:
        """The gateway's own list is read, which lacks some."""
        doubts = unknown.doubts(self.book, self.now)
        listed = [
            Sent(d.reference, f"55{d.phone[:2]}9{d.phone[2:]}", d.at + timedelta(seconds=1), "Entregue")
            for d in self.truth.deliveries
            if self.random.random() < 0.8
        ]
        self.asked = (doubts, listed)
        self.truth.asks(doubts)

    def list_answers(self, _number: int) -> None:
        if self.asked is not None:
            self.does(unknown.evidence(*self.asked))
            self.asked = None


Move = Callable[[Story, int], None]
OF_JOBS: tuple[Move, ...] = (Story.plan, Story.spare, Story.claim, Story.settle, Story.break_off, Story.stop)
OF_DOUBTS: tuple[Move, ...] = (Story.resolve, Story.resend)
MOVES: dict[Move, int] = {
    **dict.fromkeys((Story.claim, Story.answer, Story.plan, Story.settle), 20),
    **dict.fromkeys((Story.approve, Story.late_answer, Story.resend), 10),
    **dict.fromkeys((Story.ask, Story.list_answers, Story.resume, Story.confirm), 6),
    **dict.fromkeys((Story.outage, Story.outage_is_back, Story.go_on, Story.time_passes, Story.release), 5),
    **dict.fromkeys((Story.stop, Story.resolve, Story.spare, Story.break_off), 2),
    **dict.fromkeys((Story.cancel, Story.deny, Story.close, Story.crash, Story.outage_ends), 1),
}
"""How often each is tried. What leads to a send comes often, else the rare things have nothing to follow."""
OPTING_MOVES: dict[Move, int] = {**MOVES, Story.opt: 12}
"""Among customers who ask for no messages. Stories of their own: the others stay as they are."""


def stories(tries: Tries, seeds: Iterable[int], *, opting: bool = False) -> None:
    for seed in seeds:
        tries.runs += 1
        story = Story(tries, seed)
        story.opting = opting
        try:
            story.play()
        except Exception as bug:
            bug.add_note(story.truth.story)  # what a rule or the book itself raises names no seed
            raise


def opted_out(tries: Tries, folder: Path) -> None:
    """Those of customers who ask for no messages."""
    del folder
    stories(tries, range(OPTING), opting=True)


def attack(tries: Tries, folder: Path) -> None:
    """The quick part."""
    stories(tries, range(RUNS))
    opted_out(tries, folder)


@pytest.mark.attack
def test_every_rule(tries: Tries, tmp_path: Path) -> None:
    attack(tries, tmp_path)


@pytest.mark.soak
def test_more_of_every_rule(tries: Tries) -> None:
    stories(tries, range(RUNS, RUNS + MORE))
    stories(tries, range(OPTING, OPTING + MORE // 10), opting=True)
