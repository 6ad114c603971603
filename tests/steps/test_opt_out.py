"""Who asked for no messages gets none: not by a plan, not by a send that waits, not that service is back."""

from collections.abc import Awaitable, Callable

import pytest

from bot.domain.events import OptedIn, OptedOut, Planned
from bot.domain.limits.opted_out import OptOut
from bot.domain.phone import phone_key
from bot.domain.plan import RESTORED, Outcome, Receipt, Skip
from bot.domain.restored import waiting
from bot.errors import Declined
from bot.ports import Write
from bot.steps.opt_out import as_listed, asked_to_stop, opt_in, opt_out
from bot.steps.unknown import Choose
from tests.fakes import ANA, BRUNO, incident
from tests.steps.conftest import Desk


def phone(customer: int) -> str:
    return f"556199{customer:03d}{customer:04d}"


def person(customer: int) -> str:
    """What the lines call a customer here."""
    return phone_key(phone(customer))


async def opts_out(desk: Desk, *customers: int) -> None:
    for customer in customers:
        await desk.flow.decide(opt_out(person(customer), ANA, "pediu"))


async def outage(desk: Desk, customers: int = 3) -> None:
    desk.source.outage(incident(affected=customers), customers)
    await desk.poll()


def meanwhile(desk: Desk, *customers: int) -> Callable[[], Awaitable[Receipt]]:
    """An answer of the gateway; before it comes these opt out."""

    async def answer() -> Receipt:
        await opts_out(desk, *customers)
        return Receipt(Outcome.ACCEPTED, "1")

    return answer


def planned(desk: Desk, number: int = 1) -> dict[str, Skip | None]:
    """Why each of a case's plan was skipped when it was made."""
    (plan,) = [line for line in desk.written(Planned) if isinstance(line, Planned) and line.case == number]
    return {r.id: r.skip for r in plan.recipients}


def told(desk: Desk, *, back: bool = False) -> list[str]:
    return sorted(m.recipient for m in desk.gateway.received if (m.template == RESTORED) is back)


class TestThePlan:
    async def test_skips_them_and_says_why(self, desk: Desk) -> None:
        await outage(desk)
        await opts_out(desk, 101)
        await desk.approve()
        assert told(desk) == ["c100", "c102"]
        assert planned(desk) == {"c100": None, "c101": Skip.OPTED_OUT, "c102": None}
        assert desk.tally().skipped == {Skip.OPTED_OUT: 1}
        assert desk.tally().outcomes == {Outcome.ACCEPTED: 2}

    async def test_takes_up_who_wants_messages_again(self, desk: Desk) -> None:
        await outage(desk)
        await opts_out(desk, 100, 101)
        await desk.flow.decide(opt_in(person(101), BRUNO))
        await desk.approve()
        assert told(desk) == ["c101", "c102"]

    async def test_that_has_nobody_else_reaches_nobody_and_holds_no_port(self, desk: Desk) -> None:
        await outage(desk)
        await opts_out(desk, 100, 101, 102)
        await desk.approve()
        assert desk.gateway.received == []
        assert desk.ledger.book.reservations == {}


class TestBetweenPlanAndSend:
    async def test_they_are_spared(self, desk: Desk) -> None:
        desk.use(sends=1)
        await outage(desk)
        desk.gateway.answers[phone(100)] = [meanwhile(desk, 100, 102)]
        await desk.approve()
        assert told(desk) == ["c100", "c101"], "what had left stays sent"
        assert desk.tally().skipped == {Skip.OPTED_OUT: 1}

    async def test_so_they_are_after_a_crash(self, desk: Desk) -> None:
        desk.use(sends=1)
        await outage(desk)
        desk.gateway.answers[phone(100)] = [meanwhile(desk, 101)]
        await desk.flow.approve(1, ANA)
        await desk.clock.advance(desk.rules.undo_seconds)
        await desk.restart()
        await desk.poll()
        await desk.finish()
        assert "c101" not in told(desk)
        assert desk.nobody_twice() == len(desk.gateway.received)

    async def test_who_is_in_doubt_is_not_sent_to_again_and_stays_in_doubt(self, desk: Desk) -> None:
        await outage(desk)
        desk.gateway.answers[phone(100)] = [Receipt(Outcome.UNKNOWN, reason="reset")]
        await desk.approve()
        await opts_out(desk, 100)
        await desk.flow.resend(Choose(1, "c100"), BRUNO)
        await desk.finish()
        assert told(desk) == ["c100", "c101", "c102"]
        assert [r.id for r in desk.dispatch().in_doubt()] == ["c100"]


class TestServiceIsBack:
    @pytest.fixture
    async def warned(self, desk: Desk) -> Desk:
        desk.use(restored=True, sends=1)
        await outage(desk)
        await desk.approve()
        assert told(desk) == ["c100", "c101", "c102"]
        return desk

    async def over(self, desk: Desk) -> None:
        desk.source.back |= {onu.serial for onu in desk.source.onus["1"]}
        await desk.repair(1)

    async def restored(self, desk: Desk) -> None:
        await desk.flow.restore(1, BRUNO)
        await desk.clock.advance(desk.rules.undo_seconds)
        await desk.finish()

    async def test_who_opted_out_is_not_told(self, warned: Desk) -> None:
        await opts_out(warned, 102)
        await self.over(warned)
        await self.restored(warned)
        assert told(warned, back=True) == ["c100", "c101"]
        assert planned(warned, -1) == {"c100": None, "c101": None, "c102": Skip.OPTED_OUT}
        assert warned.tally(-1).skipped == {Skip.OPTED_OUT: 1}

    async def test_nor_is_anybody_asked_about_them(self, warned: Desk) -> None:
        await self.over(warned)
        book, now = warned.ledger.book, warned.clock.now()
        await opts_out(warned, 102)
        assert waiting(book, now, warned.rules) == {1: 2}
        await opts_out(warned, 100, 101)
        assert waiting(book, now, warned.rules) == {}

    async def test_nor_who_does_between_plan_and_send(self, warned: Desk) -> None:
        await self.over(warned)
        warned.gateway.answers[phone(100)] = [meanwhile(warned, 102)]
        await self.restored(warned)
        assert told(warned, back=True) == ["c100", "c101"]
        assert warned.tally(-1).skipped == {Skip.OPTED_OUT: 1}


class TestTheList:
    async def test_is_on_record(self, desk: Desk) -> None:
        await desk.flow.decide(opt_out("p1", ANA, "  pediu\n do 61 98888-7777 " + "x" * 200))
        why = "pediu do ****7777 " + "x" * 102
        (entry,) = desk.ledger.book.audit
        assert entry.line == OptedOut("p1", why, ANA)
        assert desk.ledger.book.opted_out == {"p1": OptOut(entry.at, ANA, why)}
        await desk.flow.decide(opt_in("p1", BRUNO))
        assert desk.ledger.book.opted_out == {}
        assert desk.audited()[-1] == OptedIn("p1", BRUNO)

    async def test_has_each_once(self, desk: Desk) -> None:
        await desk.flow.decide(opt_out("p1", ANA, "pediu"))
        at = desk.ledger.book.last_at
        await desk.clock.advance(60)
        with pytest.raises(Declined, match="already_opted_out") as no:
            await desk.flow.decide(opt_out("p1", BRUNO, "de novo"))
        assert no.value.facts == {"by": "Ana", "at": at}
        with pytest.raises(Declined, match="not_opted_out"):
            await desk.flow.decide(opt_in("p2", BRUNO))
        with pytest.raises(Declined, match="opt_out_no_reason"):
            await desk.flow.decide(opt_out("p2", BRUNO, " \n"))
        assert desk.ledger.book.opted_out.keys() == {"p1"}

    async def test_is_read_again_by_a_start(self, desk: Desk) -> None:
        await desk.flow.decide(opt_out("p1", ANA, "pediu"))
        await desk.restart()
        assert desk.ledger.book.opted_out.keys() == {"p1"}


class TestTheGatewaysOwnList:
    async def test_takes_away_nobody_of_whom_a_person_said_so_in_its_word(self, desk: Desk) -> None:
        await desk.flow.decide(opt_out(person(100), ANA, "blacklist"))
        await desk.flow.decide(as_listed([]))
        assert desk.ledger.book.opted_out.keys() == {person(100)}

    @pytest.mark.parametrize(
        "asked", [opt_out(person(100), ANA, "pediu"), asked_to_stop(person(100), "PARE")]
    )
    async def test_loses_who_asked_otherwise_while_they_were_on_it(self, desk: Desk, asked: Write) -> None:
        await desk.flow.decide(as_listed([person(100), person(101)]))
        await desk.flow.decide(asked)
        await desk.flow.decide(as_listed([]))
        assert desk.ledger.book.opted_out.keys() == {person(100)}, "they asked us"
        assert not await desk.flow.decide(asked_to_stop(person(100), "PARAR"))
