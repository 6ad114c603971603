"""Rules asked directly, where the flow cannot be brought to ask at the wrong moment."""

import asyncio

import pytest

from bot.domain.customer import Affected, Found
from bot.domain.dispatch import Phase
from bot.domain.events import CardPosted, Intent, Resumed
from bot.domain.phone import phone_key
from bot.domain.plan import Outcome, Receipt, reasons
from bot.errors import Declined, LedgerClosed, TryLater
from bot.steps.gate import gate
from bot.steps.settle import give_up
from tests.fakes import ANA, BRUNO, incident
from tests.steps.conftest import Desk


async def cancelled_and_approved_again(desk: Desk) -> None:
    desk.source.outage(incident())
    await desk.poll()
    await desk.flow.approve(1, ANA)
    await desk.flow.cancel(1, ANA)
    await desk.flow.approve(1, BRUNO)


async def test_the_look_ups_of_a_cancelled_approval_plan_and_end_nothing(desk: Desk) -> None:
    await cancelled_and_approved_again(desk)
    for rule in (gate(1, 1, Found(Affected(()), {}), desk.rules, phone_key), give_up(1, 1, "source_down")):
        with pytest.raises(Declined, match="not_running"):
            await desk.ledger.commit(rule)
    assert desk.case().at_work(2, Phase.COUNTDOWN)


async def test_an_alert_not_read_while_the_ledger_is_closed_is_no_crash(desk: Desk) -> None:
    desk.source.outage(incident())
    await desk.poll()
    desk.source.read_errors = [TryLater("502")] * 4
    await desk.flow.approve(1, ANA)
    desk.ledger.fail("the disk is broken")
    await desk.clock.advance(60)
    assert desk.gateway.received == []
    assert desk.ledger.book.running == {1}  # what the disk has of it is for the next start


async def test_an_approval_made_while_stopping_can_be_taken_back(desk: Desk) -> None:
    desk.source.outage(incident())
    await desk.poll()
    desk.flow.drain()
    await desk.flow.approve(1, ANA)
    await desk.flow.cancel(1, ANA)
    await desk.restart()
    await desk.poll()
    await desk.clock.advance(60)
    assert desk.gateway.received == []
    assert not any(isinstance(line, Resumed) for _, line in desk.ledger.lines)


async def test_a_dry_run_that_reaches_nobody_gives_back_nothing_of_others(desk: Desk) -> None:
    desk.source.outage(incident())
    await desk.poll()
    desk.use(dry_run=True)
    desk.gateway.always = Receipt(Outcome.REJECTED, reason="no")
    await desk.approve()
    assert desk.tally().outcomes == {Outcome.REJECTED: 3}
    assert reasons(desk.dispatch().progress.results.values(), Outcome.REJECTED) == {"no": 3}  # type: ignore[union-attr]
    desk.use(dry_run=False)
    desk.gateway.always = None
    await desk.approve()
    assert len(desk.ledger.book.contacts) == 3


async def test_progress_counts_what_was_meant_to_be_sent(desk: Desk) -> None:
    desk.use(sends=1)
    desk.source.outage(incident(), 4)
    await desk.poll()
    desk.gateway.block = asyncio.Event()
    await desk.flow.approve(1, ANA)
    await desk.clock.advance(5)
    assert (desk.tally().done, desk.tally().to_send) == (0, 4)
    desk.gateway.block.set()
    await desk.finish()
    assert (desk.tally().done, desk.tally().to_send) == (4, 4)


async def test_the_card_is_remembered(desk: Desk) -> None:
    desk.source.outage(incident())
    await desk.poll()
    await desk.ledger.commit(lambda _book, _now: [CardPosted(1, -100, 7)])
    await desk.restart()
    card = desk.case().card
    assert card is not None
    assert (card.chat, card.message) == (-100, 7)


async def test_a_send_without_a_plan_is_not_taken_for_one(desk: Desk) -> None:
    desk.source.outage(incident())
    await desk.poll()
    await desk.flow.approve(1, ANA)
    with pytest.raises(LedgerClosed):
        await desk.ledger.commit(lambda _book, _now: [Intent(1, "c100")])
    assert desk.ledger.closed is not None
