"""What becomes of messages that had left: in any order, any number of times, over restarts."""

import asyncio
import itertools
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace

import pytest

from bot.domain.book import Book
from bot.domain.delivery import (
    Arrival,
    Arrived,
    DeliveryNews,
    Place,
    StopNews,
    TemplateNews,
    opaque,
    place_in,
)
from bot.domain.events import (
    Approved,
    CaseOpened,
    Evidence,
    Intent,
    OptedOut,
    Planned,
    Resent,
    Result,
    Settled,
    Undelivered,
)
from bot.domain.plan import Outcome, Progress, Receipt, Recipient, Skip
from bot.errors import LedgerClosed, NotConfirmed
from bot.flow.receipts import GAPS, WAITS
from bot.steps import unknown
from bot.steps.decide import release
from bot.steps.receipts import awaited
from tests.fakes import ANA, incident, port
from tests.steps.conftest import Desk


@pytest.fixture
async def sent(desk: Desk) -> Desk:
    """Three customers were written to."""
    desk.source.outage(incident())
    await desk.poll()
    await desk.approve()
    return desk


def news(desk: Desk, who: str, arrival: Arrival, reference: str | None = None, **more: str) -> DeliveryNews:
    about = opaque(desk.ledger.book.key, Place(1, 1, who))
    known = desk.ledger.book.cases[1].dispatches[0].sends.results.get(who)
    id_ = reference or (known.reference if known is not None else None) or "wamid.x"
    return DeliveryNews(id_, arrival, desk.clock.now(), more.get("about", about), more.get("reason"))


async def hear(desk: Desk, *told: DeliveryNews | StopNews) -> None:
    await desk.flow.receipts.hear(told)
    await desk.clock.advance(1)


def arrived(desk: Desk) -> Arrived:
    tally = desk.ledger.book.cases[1].dispatches[0].tally()
    assert tally is not None
    return tally.arrived


def held_back(desk: Desk) -> set[str]:
    """Whose own cooldown holds, of the three."""
    sends = desk.ledger.book.cases[1].dispatches[0].sends
    return {r.id for r in sends.recipients.values() if r.person in desk.ledger.book.contacts}


async def test_delivered_read_and_not_delivered_are_counted(sent: Desk) -> None:
    one, two, three = sent.ledger.book.cases[1].dispatches[0].sends.recipients
    await hear(
        sent,
        news(sent, one, Arrival.RECEIVED),
        news(sent, two, Arrival.READ),
        news(sent, three, Arrival.UNDELIVERED, reason="wa_131026"),
    )
    assert arrived(sent) == Arrived(2, 1, {"wa_131026": 1})
    assert held_back(sent) == {one, two}, "who did not get it may be told by another case"
    assert sent.ledger.book.reservations.keys() == {"CB 01:6/15"}, "the port keeps its own"
    assert [r.id for r in sent.ledger.book.cases[1].accepted()] == [one, two]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
async def test_any_order_and_twice_each_come_to_the_same(sent: Desk, order: Iterable[int]) -> None:
    who = next(iter(sent.ledger.book.cases[1].dispatches[0].sends.recipients))
    told = [
        news(sent, who, Arrival.SENT),
        news(sent, who, Arrival.RECEIVED),
        news(sent, who, Arrival.READ),
        news(sent, who, Arrival.UNDELIVERED, reason="wa_131026"),
    ]
    for place in order:
        await hear(sent, told[place], replace(told[place]))
    await hear(sent, *(replace(one) for one in told))
    assert arrived(sent) == Arrived(1, 1, {}), "a phone that has it has it"
    assert who in held_back(sent)
    assert sent.inbox.held == []
    lines = len(sent.ledger.lines)
    await hear(sent, *(replace(one) for one in told))
    assert len(sent.ledger.lines) == lines, "what is known is no line"


async def test_who_turns_out_to_have_it_is_held_back_again(sent: Desk) -> None:
    who = next(iter(sent.ledger.book.cases[1].dispatches[0].sends.recipients))
    await hear(sent, news(sent, who, Arrival.UNDELIVERED, reason="wa_131026"))
    assert who not in held_back(sent)
    await hear(sent, news(sent, who, Arrival.RECEIVED))
    assert who in held_back(sent)


@pytest.mark.parametrize(("known", "other"), [("wamid.9", False), (None, True)])
async def test_that_another_message_did_not_arrive_says_nothing_of_ours(
    sent: Desk, known: str | None, other: bool
) -> None:
    who = next(iter(sent.ledger.book.cases[1].dispatches[0].sends.recipients))
    await hear(sent, news(sent, who, Arrival.UNDELIVERED, known))
    assert bool(arrived(sent).known) is other


@pytest.mark.parametrize(
    "about", ["", "trial-1", "another.1.1.c1", ".9.1.c1", ".1.2.c1", ".1.1.nobody", ".x.1.c1"]
)
async def test_what_is_about_no_send_of_ours_changes_nothing_and_goes(sent: Desk, about: str) -> None:
    lines = len(sent.ledger.lines)
    await hear(sent, news(sent, "c1", Arrival.READ, "wamid.77", about=about))
    await sent.clock.advance(WAITS.total_seconds() + 10)
    assert (len(sent.ledger.lines), sent.inbox.held) == (lines, [])


async def test_a_gateway_that_gives_our_text_not_back_is_known_by_its_own_id(sent: Desk) -> None:
    who, known = next(iter(sent.ledger.book.cases[1].dispatches[0].sends.results.items()))
    await hear(sent, news(sent, who, Arrival.RECEIVED, known.reference, about=""))
    assert arrived(sent).received == 1


async def test_a_receipt_that_overtakes_the_answer_waits_for_it(desk: Desk) -> None:
    desk.source.outage(incident())
    await desk.poll()
    desk.gateway.block = asyncio.Event()
    await desk.flow.approve(1, ANA)
    await desk.clock.advance(desk.rules.undo_seconds)
    who = next(iter(desk.ledger.book.cases[1].dispatches[0].sends.intents))
    await hear(desk, news(desk, who, Arrival.RECEIVED))
    assert arrived(desk).known == 0
    assert len(desk.inbox.held) == 1
    desk.gateway.block.set()
    desk.gateway.block = None
    await desk.finish()
    await desk.clock.advance(10)
    assert (arrived(desk).received, desk.inbox.held) == (1, [])


async def in_doubt(desk: Desk) -> str:
    """One customer whose answer was lost."""
    desk.gateway.always = replace_unknown()
    desk.source.outage(incident(), 1)
    await desk.poll()
    await desk.approve()
    return next(iter(desk.ledger.book.cases[1].dispatches[0].sends.results))


def replace_unknown() -> Receipt:
    return Receipt(Outcome.UNKNOWN, reason="reset")


@pytest.mark.parametrize("arrival", list(Arrival))
async def test_a_doubt_ends_by_what_the_phone_or_the_platform_says(desk: Desk, arrival: Arrival) -> None:
    who = await in_doubt(desk)
    await hear(desk, news(desk, who, arrival, "wamid.1"))
    sends = desk.ledger.book.cases[1].dispatches[0].sends
    assert sends.results[who].outcome is Outcome.ACCEPTED
    assert not desk.ledger.book.doubtful
    assert sends.undelivered(who) is (arrival is Arrival.UNDELIVERED)
    assert (who in held_back(desk)) is (arrival is not Arrival.UNDELIVERED)
    if arrival is Arrival.SENT:
        assert isinstance(desk.ledger.lines[-1][1], Evidence)


async def test_of_two_sends_to_one_customer_one_that_failed_settles_nothing(desk: Desk) -> None:
    who = await in_doubt(desk)
    await desk.flow.decide(unknown.resend(unknown.Choose(1, who), ANA, desk.rules))
    await desk.finish()
    assert isinstance(next(line for _, line in desk.ledger.lines if isinstance(line, Resent)), Resent)
    await hear(desk, news(desk, who, Arrival.UNDELIVERED, "wamid.1"))
    assert (arrived(desk).known, who in held_back(desk)) == (0, True)
    await hear(desk, news(desk, who, Arrival.RECEIVED, "wamid.1"))
    assert (arrived(desk).received, desk.ledger.book.doubtful) == (1, {})


async def test_a_crash_takes_up_what_was_kept(sent: Desk) -> None:
    who = next(iter(sent.ledger.book.cases[1].dispatches[0].sends.recipients))
    await sent.flow.receipts.hear([news(sent, who, Arrival.READ)])
    left = list(sent.inbox.held)
    await sent.restart()
    sent.flow.receipts.take(left)
    await sent.clock.advance(1)
    assert arrived(sent).read == 1


async def test_a_closed_ledger_takes_no_news_and_the_next_start_does(
    sent: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = next(iter(sent.ledger.book.cases[1].dispatches[0].sends.recipients))
    await sent.flow.receipts.hear([news(sent, who, Arrival.READ)])
    monkeypatch.setattr(sent.flow.receipts, "_policy", Refusing())
    await sent.clock.advance(1)
    assert len(sent.inbox.held) == 1
    monkeypatch.setattr(type(sent.ledger), "closed", "because", raising=False)
    with pytest.raises(LedgerClosed, match="because"):
        await sent.flow.receipts.hear([news(sent, who, Arrival.READ)])


class Refusing:
    async def decide(self, rule: object) -> None:
        raise LedgerClosed("because")


async def test_after_a_stop_nothing_is_taken_up(sent: Desk) -> None:
    who = next(iter(sent.ledger.book.cases[1].dispatches[0].sends.recipients))
    sent.flow.drain()
    await sent.flow.receipts.hear([news(sent, who, Arrival.READ)])
    await sent.clock.advance(10)
    assert (arrived(sent).known, len(sent.inbox.held)) == (0, 1)


async def test_news_of_a_template_are_no_receipt(sent: Desk) -> None:
    lines = len(sent.ledger.lines)
    await sent.flow.receipts.hear([TemplateNews("aviso", "PAUSED", sent.clock.now())])
    await sent.clock.advance(1)
    assert (len(sent.ledger.lines), sent.inbox.held) == (lines, [])


async def test_a_rehearsal_has_no_receipts(desk: Desk) -> None:
    desk.use(dry_run=True)
    desk.source.outage(incident())
    await desk.poll()
    await desk.approve()
    await hear(desk, news(desk, next(iter(desk.dispatch().sends.recipients)), Arrival.READ))
    assert arrived(desk).known == 0
    assert list(awaited(desk.ledger.book, desk.clock.now())) == []


async def test_who_was_held_back_and_is_said_to_have_it_has_it(desk: Desk) -> None:
    """Whatever our answers were: it is the phone that counts."""
    desk.gateway.always = Receipt(Outcome.REJECTED, reason="wa_131026")
    desk.source.outage(incident(), 1)
    await desk.poll()
    await desk.approve()
    who = next(iter(desk.dispatch().sends.results))
    await hear(desk, news(desk, who, Arrival.UNDELIVERED, "wamid.1"))
    assert arrived(desk).known == 0
    await hear(desk, news(desk, who, Arrival.READ, "wamid.1"))
    assert (arrived(desk).read, desk.tally().outcomes) == (1, {Outcome.ACCEPTED: 1})
    assert who in held_back(desk)


async def test_who_has_another_approvals_message_stays_held_back(desk: Desk) -> None:
    desk.use(cooldown_hours=0)
    desk.source.outage(incident(), 1)
    await desk.poll()
    await desk.approve()
    first = desk.dispatch()
    who = next(iter(first.sends.recipients))
    later = replace(first, attempt=2, progress=Progress(dict(first.sends.recipients), 1))
    for other, holds in ((Receipt(Outcome.ACCEPTED, "2"), True), (None, False)):
        later.sends.results = {} if other is None else {who: other}
        case = replace(desk.case(), dispatches=[replace(first, progress=deepcopy(first.sends)), later])
        book = replace(desk.ledger.book, cases={1: case}, contacts=dict(desk.ledger.book.contacts))
        Undelivered(1, (who,), "x").apply(book, desk.clock.now())
        assert bool(book.contacts) is holds
    Undelivered(1, (who,), "x", attempt=9).apply(desk.ledger.book, desk.clock.now())
    assert arrived(desk).known == 0, "written when nobody could look"


async def test_a_stop_leaves_the_rest_to_the_next_start(sent: Desk) -> None:
    who = next(iter(sent.ledger.book.cases[1].dispatches[0].sends.recipients))
    await sent.flow.receipts.hear([news(sent, who, Arrival.READ)])
    sent.flow.drain()
    await sent.clock.advance(0)
    assert await sent.tasks.drain(20) == 0, "nothing holds up the stop"
    assert (arrived(sent).known, len(sent.inbox.held)) == (0, 1)


async def test_what_cannot_be_kept_is_told_again_by_who_told_it(sent: Desk) -> None:
    sent.inbox.broken = OSError("full")
    who = next(iter(sent.ledger.book.cases[1].dispatches[0].sends.recipients))
    with pytest.raises(OSError, match="full"):
        await sent.flow.receipts.hear([news(sent, who, Arrival.READ)])
    await sent.clock.advance(1)
    assert arrived(sent).known == 0


async def test_a_burst_is_a_few_edits_and_the_last_is_soon(sent: Desk) -> None:
    who = next(iter(sent.ledger.book.cases[1].dispatches[0].sends.recipients))
    before = len(sent.chat.shown)
    for second in range(90):
        arrival = (Arrival.UNDELIVERED, Arrival.RECEIVED, Arrival.READ)[min(second // 30, 2)]
        await hear(sent, news(sent, who, arrival, reason=f"{second}"))
    await sent.clock.advance(GAPS[-1])
    assert 1 <= len(sent.chat.shown) - before <= 6
    assert sent.chat.shown[-1] == 1


async def test_a_customer_who_writes_parar_gets_nothing_any_more(sent: Desk) -> None:
    person = sent.ledger.person("5561999990000")
    stop = StopNews(person, "PARAR", sent.clock.now())
    await hear(sent, stop)
    await hear(sent, replace(stop, word="SAIR"))
    [asked] = [line for _, line in sent.ledger.lines if isinstance(line, OptedOut)]
    assert asked.reason == "PARAR"
    assert person in sent.ledger.book.opted_out
    assert sent.inbox.held == []


class TestALedgerThatOutlivesTheMachine:
    """The next to lead may be another machine, which never sees this one's inbox."""

    @pytest.fixture
    def shared(self, sent: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
        monkeypatch.setattr(type(sent.ledger), "patience", 0.05)
        return sent

    async def test_has_a_stop_before_who_told_it_is_answered(self, shared: Desk) -> None:
        who, at = shared.ledger.person("5561999990000"), shared.clock.now()
        read = news(shared, next(iter(shared.dispatch().sends.recipients)), Arrival.READ)
        await shared.flow.receipts.hear([StopNews(who, "PARAR", at), read, StopNews(who, "SAIR", at)])
        assert len(shared.written(OptedOut)) == 1
        assert shared.inbox.held == [read], "a stop of weeks ago is applied by no later start"
        await shared.flow.receipts.hear([StopNews(who, "PARAR", at)])
        assert len(shared.written(OptedOut)) == 1

    async def test_is_not_waited_for_by_receipts(self, shared: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shared.flow.receipts, "_policy", Refusing())
        read = news(shared, next(iter(shared.dispatch().sends.recipients)), Arrival.READ)
        await shared.flow.receipts.hear([read])
        assert shared.inbox.held == [read]

    @pytest.mark.parametrize("slow", ["commit", "flush"])
    async def test_and_does_not_take_it_in_time_is_told_again(
        self, shared: Desk, monkeypatch: pytest.MonkeyPatch, slow: str
    ) -> None:
        stop = StopNews(shared.ledger.person("5561999990000"), "PARAR", shared.clock.now())
        if slow == "flush":  # the line is in the book, and on its way
            await shared.flow.receipts.hear([stop])

        async def never(*_: object) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(shared.ledger, slow, never)
        with pytest.raises(NotConfirmed):
            await shared.flow.receipts.hear([stop])
        assert shared.inbox.held == []


async def test_what_is_about_a_case_that_left_is_remembered_by_the_ledger(sent: Desk) -> None:
    await sent.repair(1)
    for _ in range(10):
        await sent.clock.advance(86_400)
        sent.flow.alive()
    assert sent.ledger.book.has_left(1)
    lines = len(sent.ledger.lines)
    about = opaque(sent.ledger.book.key, Place(1, 1, "c1"))
    await hear(sent, DeliveryNews("1", Arrival.SENT, sent.clock.now(), about))
    assert len(sent.ledger.lines) == lines
    await hear(sent, DeliveryNews("1", Arrival.READ, sent.clock.now(), about))
    assert len(sent.ledger.lines) == lines + 1


def test_what_stands_for_a_send_is_read_back_and_another_ledgers_is_none() -> None:
    place = Place(-12, 3, "c5.5")
    assert place_in(opaque("k", place), "k") == place
    assert place_in(opaque("k", place), "l") is None
    assert place_in("k.1.x.c5", "k") is None


async def test_a_line_that_says_less_changes_nothing(sent: Desk) -> None:
    who = next(iter(sent.dispatch().sends.recipients))
    await hear(sent, news(sent, who, Arrival.READ))
    Undelivered(1, (who,), "x").apply(sent.ledger.book, sent.clock.now())
    assert arrived(sent) == Arrived(1, 1, {})


async def test_the_gateways_ids_are_looked_up_once_a_second(sent: Desk) -> None:
    for who, known in sent.dispatch().sends.results.items():
        await sent.flow.receipts.learn([news(sent, who, Arrival.RECEIVED, known.reference, about="")])
    assert arrived(sent).received == 3


async def test_of_a_send_in_doubt_no_list_is_asked_for_a_receipt(desk: Desk) -> None:
    await in_doubt(desk)
    assert list(awaited(desk.ledger.book, desk.clock.now())) == []


async def test_what_befalls_marketing_alone_is_said_aloud_once_a_day(sent: Desk) -> None:
    async def told(seconds: float) -> int:
        await sent.flow.receipts.hear([TemplateNews("", "MARKETED", sent.clock.now(), reason="wa_131049")])
        await sent.clock.advance(seconds)
        return sum(notice.code == "marketed" for notice in sent.chat.said)

    assert await told(10) == 1
    assert await told(86_400) == 1
    assert await told(10) == 2


async def test_who_was_freed_by_a_person_stays_free_when_they_read_it(sent: Desk) -> None:
    ids = list(sent.ledger.book.cases[1].dispatches[0].sends.recipients)
    await hear(sent, *(news(sent, who, Arrival.RECEIVED) for who in ids))
    await sent.flow.decide(release("CB 01:6/15", ANA, "novo aviso", sent.rules))
    assert held_back(sent) == set()
    await hear(sent, *(news(sent, who, Arrival.READ) for who in ids))
    assert arrived(sent) == Arrived(3, 3, {})
    assert held_back(sent) == set(), "that they read it is no new message"


async def test_who_was_left_out_after_a_send_that_had_left_counts_once(desk: Desk) -> None:
    """The gateway said that it took nothing, and a person closed the rest; then their phone had it."""
    desk.source.outage(incident())
    desk.rules = replace(desk.rules, sends=1)
    desk.build()
    desk.gateway.answers["5561991010101"] = [Receipt(Outcome.REJECTED, reason="key", halt="key")]
    await desk.poll()
    await desk.approve()
    await desk.flow.close(1, ANA)
    assert desk.tally().skipped == {Skip.CLOSED: 2}
    await hear(desk, news(desk, "c101", Arrival.RECEIVED, "wamid.5"))
    assert desk.tally().skipped == {Skip.CLOSED: 1}
    assert (desk.tally().outcomes, desk.tally().todo) == ({Outcome.ACCEPTED: 2}, 0)
    assert "c101" in held_back(desk)


@pytest.mark.parametrize("doubted", [False, True])
async def test_that_an_earlier_message_did_not_arrive_frees_nobody_whose_next_is_in_flight(
    desk: Desk, doubted: bool
) -> None:
    plan = (Recipient("c1", "Zé", ("ZTEG1",), "5561999990001"),)
    told = (Approved(1, ANA, (port(),)), Planned(1, 1, plan), Intent(1, "c1"))
    again = (Result(1, "c1", Outcome.UNKNOWN), Settled(1, "done"), Resent(1, ("c1",), ANA)) if doubted else ()
    book = Book()
    for line in (
        CaseOpened(1, incident()),
        *told,
        Result(1, "c1", Outcome.ACCEPTED, "wa.1"),
        Settled(1, "done"),
        *told,
        *again,
        Undelivered(1, ("c1",), "wa_131026"),
        Intent(1, "c1") if doubted else Result(1, "c1", Outcome.ACCEPTED, "wa.2"),
    ):
        held = set(book.contacts)
        book.apply(desk.clock.now(), line)
    assert held == {plan[0].person}, "they have, or may have, the second message"


@pytest.mark.parametrize("rehearsed", [False, True])
async def test_who_did_not_get_it_has_none_of_an_approval_that_sent_nothing(
    desk: Desk, rehearsed: bool
) -> None:
    plan = (Recipient("c1", "Zé", ("ZTEG1",), "5561999990001"),)
    sends = (
        Planned(1, 1, plan),
        Intent(1, "c1"),
        Result(1, "c1", Outcome.ACCEPTED, "wa.1"),
        Settled(1, "done"),
    )
    before = sends if rehearsed else (Settled(1, "unread", "refused"),)
    book = Book()
    for line in (
        CaseOpened(1, incident()),
        Approved(1, ANA, (port(),), dry_run=True),
        *before,
        Approved(1, ANA, (port(),)),
        *sends,
        Undelivered(1, ("c1",), "wa_131026", attempt=2),
    ):
        book.apply(desk.clock.now(), line)
    assert book.contacts == {}
