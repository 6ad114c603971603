"""What the flow relies on in every gateway (`bot.ports.Gateway`): what arrived, and what it said of it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.plan import Message, Outcome, Receipt
from bot.errors import AnswerLost, BadAnswer, BotError, Refused, TryLater
from bot.gateways import GATEWAYS
from bot.gateways.adapter import Sender
from bot.gateways.dry_run import DryRun
from bot.simulator.server import (
    DropAfter,
    DropBefore,
    Fault,
    Garbage,
    HalfBody,
    HtmlPage,
    Throttle,
)

from .conftest import LISTS, GatewayRig

PHONE = "5561999990000"
MARIA = Message("501", PHONE, "Maria", "LOS")


async def test_a_message_arrives_once(gateway: GatewayRig) -> None:
    receipt = await gateway.adapter.send(MARIA)
    assert receipt.outcome is Outcome.ACCEPTED
    assert not receipt.halt
    assert gateway.delivered() == {PHONE: 1}


async def test_100_messages_at_once_arrive_once_each(gateway: GatewayRig) -> None:
    phones = [f"55619900000{number:02}" for number in range(100)]
    sends = [gateway.adapter.send(Message(phone, phone, "Maria", "POWER")) for phone in phones]
    receipts = await asyncio.gather(*sends)
    assert {receipt.outcome for receipt in receipts} == {Outcome.ACCEPTED}
    assert gateway.delivered() == dict.fromkeys(phones, 1)


async def test_nothing_leaves_that_may_not_in_the_instant_in_which_it_would(gateway: GatewayRig) -> None:
    gateway.adapter.guard(lambda: False)
    with pytest.raises(TryLater):
        await gateway.adapter.send(MARIA)
    assert gateway.delivered() == {}
    gateway.adapter.guard(lambda: True)
    assert (await gateway.adapter.send(MARIA)).outcome is Outcome.ACCEPTED
    gateway.adapter.guard(lambda: False)  # and on a connection that is kept
    with pytest.raises(TryLater):
        await gateway.adapter.send(MARIA)
    assert gateway.delivered() == {PHONE: 1}


async def test_whether_it_may_leave_is_asked_once_there_is_a_connection(gateway: GatewayRig) -> None:
    asked: list[bool] = []

    def may_leave() -> bool:
        asked.append(True)
        return True

    gateway.adapter.guard(may_leave)
    await gateway.server.stop()
    with pytest.raises(TryLater):
        await gateway.adapter.send(MARIA)
    assert asked == []


@pytest.mark.parametrize("name", ["", "🌻", "<b>Zé</b>\r\n", "x" * 500, "Bar “24h” – do José…"])
async def test_no_name_stops_a_message(any_gateway: Sender, name: str) -> None:
    receipt = await any_gateway.send(Message("501", PHONE, name, "LOS"))
    assert (receipt.outcome, receipt.halt) == (Outcome.ACCEPTED, None)


@pytest.mark.parametrize("cause", ["", " \r\n\t", "🌻", "poste\ncaiu – às 10h…", "x" * 5000])
@pytest.mark.parametrize("template", ["LOS", "POWER", "RESTORED"])
async def test_no_cause_stops_a_message(any_gateway: Sender, template: str, cause: str) -> None:
    receipt = await any_gateway.send(Message("501", PHONE, "Maria", template, cause=cause))
    assert (receipt.outcome, receipt.halt) == (Outcome.ACCEPTED, None)


@pytest.mark.parametrize("template", ["LOS", "POWER", "RESTORED"])
async def test_each_template_arrives_with_whatever_is_known(gateway: GatewayRig, template: str) -> None:
    now = datetime.now(UTC)
    bare = Message("501", PHONE, "Maria", template)
    for message in (bare, replace(bare, started=now), replace(bare, started=now, eta=now, ended=now)):
        assert (await gateway.adapter.send(message)).outcome is Outcome.ACCEPTED
    assert gateway.delivered() == {PHONE: 3}


async def test_a_probe_is_a_few_words(any_gateway: Sender) -> None:
    assert 0 < len(await any_gateway.probe()) <= 80
    assert any_gateway.name in GATEWAYS


async def test_a_dry_run_says_that_it_is_one() -> None:
    assert await DryRun().send(MARIA) == Receipt(Outcome.ACCEPTED, reason="dry_run")


@pytest.mark.parametrize("fault", [DropAfter(), DropBefore(), HalfBody(), HtmlPage(500), HtmlPage(503)])
async def test_once_it_may_have_left_it_is_unknown_and_not_sent_again(
    gateway: GatewayRig, fault: Fault
) -> None:
    gateway.server.faults.inject(fault)
    receipt = await gateway.adapter.send(MARIA)
    assert (receipt.outcome, receipt.halt) == (Outcome.UNKNOWN, None)
    assert receipt.reason
    assert len(gateway.server.requests) == 1


async def test_a_success_that_cannot_be_read_is_accepted_and_says_so(gateway: GatewayRig) -> None:
    gateway.server.faults.inject(Garbage())
    receipt = await gateway.adapter.send(MARIA)
    assert (receipt.outcome, receipt.reason) == (Outcome.UNCONFIRMED, "unconfirmed")
    assert gateway.delivered() == {PHONE: 1}


async def test_a_refusal_is_rejected_with_its_reason(gateway: GatewayRig) -> None:
    gateway.refuse(PHONE)
    receipt = await gateway.adapter.send(MARIA)
    assert (receipt.outcome, receipt.halt) == (Outcome.REJECTED, None)
    assert receipt.reason
    assert gateway.delivered() == {}


async def test_a_bad_key_halts(gateway: GatewayRig) -> None:
    gateway.break_key()
    receipt = await gateway.adapter.send(MARIA)
    assert (receipt.outcome, receipt.halt) == (Outcome.REJECTED, "key")
    with pytest.raises(Refused):
        await gateway.adapter.probe()


async def test_a_bad_key_reads_no_list(listing: GatewayRig) -> None:
    listing.break_key()
    with pytest.raises(Refused):
        await listing.adapter.sent(*span())


async def test_a_broken_template_halts(gateway: GatewayRig) -> None:
    gateway.break_template()
    receipt = await gateway.adapter.send(MARIA)
    assert (receipt.outcome, receipt.halt) == (Outcome.REJECTED, "template")
    assert (await gateway.adapter.send(replace(MARIA, template="POWER"))).outcome is Outcome.ACCEPTED


async def test_throttled_means_that_nothing_was_sent(gateway: GatewayRig) -> None:
    gateway.server.faults.inject(Throttle(3))
    with pytest.raises(TryLater) as later:
        await gateway.adapter.send(MARIA)
    assert later.value.retry_after == 3
    assert gateway.delivered() == {}


async def test_a_gateway_that_is_down_was_never_reached(gateway: GatewayRig) -> None:
    await gateway.server.stop()
    with pytest.raises(TryLater):
        await gateway.adapter.send(MARIA)
    with pytest.raises(TryLater):
        await gateway.adapter.probe()
    await gateway.server.start()
    assert (await gateway.adapter.send(MARIA)).outcome is Outcome.ACCEPTED


async def test_a_gateway_that_is_down_lists_nothing(listing: GatewayRig) -> None:
    await listing.server.stop()
    with pytest.raises(TryLater):
        await listing.adapter.sent(*span())


async def test_the_probe_and_the_list_send_nothing(gateway: GatewayRig) -> None:
    await gateway.adapter.probe()
    await gateway.adapter.sent(*span())
    assert gateway.delivered() == {}


async def test_the_list_has_what_was_sent_with_its_reference(listing: GatewayRig) -> None:
    assert await listing.adapter.sent(*span()) == []
    began = datetime.now(UTC)
    receipt = await listing.adapter.send(MARIA)
    [sent] = await listing.adapter.sent(*span()) or []
    assert (sent.reference, sent.phone) == (receipt.reference, PHONE)
    assert began - timedelta(seconds=1) < sent.at <= datetime.now(UTC)
    assert sent.at.utcoffset() == timedelta(0)
    assert sent.status


async def test_the_list_leaves_out_what_was_sent_at_another_time(listing: GatewayRig) -> None:
    await listing.adapter.send(MARIA)
    now, minute = datetime.now(UTC), timedelta(minutes=1)
    assert await listing.adapter.sent(now - 10 * minute, now - minute) == []
    assert await listing.adapter.sent(now + minute, now + 10 * minute) == []


async def test_a_list_that_lags_does_not_have_it_yet(listing: GatewayRig) -> None:
    await listing.adapter.send(MARIA)
    assert listing.lag is not None
    listing.lag(3600)
    assert await listing.adapter.sent(*span()) == []
    listing.lag(0)
    assert len(await listing.adapter.sent(*span()) or []) == 1


@pytest.mark.parametrize(("fault", "error"), [(HtmlPage(502), AnswerLost), (HtmlPage(200), BadAnswer)])
async def test_a_list_that_cannot_be_read_is_no_empty_list(
    listing: GatewayRig, fault: Fault, error: type[BotError]
) -> None:
    await listing.adapter.send(MARIA)
    listing.server.faults.inject(fault)
    with pytest.raises(error):
        await listing.adapter.sent(*span())


async def test_a_gateway_without_a_list_says_so(any_gateway: Sender) -> None:
    await any_gateway.send(MARIA)
    assert (await any_gateway.sent(*span()) is None) is (any_gateway.name not in LISTS)


def span() -> tuple[datetime, datetime]:
    """The hour before and after now."""
    return datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1)
