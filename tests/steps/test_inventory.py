"""The list of ports: read when grouping needs it, kept, and never in the way."""

import asyncio
from datetime import timedelta

import pytest

from bot.domain.causes.correlation import Grouping, Reason
from bot.domain.incident import Inventory
from bot.domain.limits.silence import Scope
from bot.errors import AnswerLost, BadAnswer, Declined, Refused, TryLater
from bot.flow import inventory
from tests.fakes import ANA
from tests.patience import PATIENCE
from tests.steps.conftest import Desk

OLTS = {f"OLT {n}": frozenset({"6/1", "6/2"}) for n in range(1, 9)}


class Listed:
    """A source's list of ports: counts how often it is read, and fails with `error`."""

    def __init__(self, desk: Desk) -> None:
        self.times = 0
        self.error: Exception | None = None
        desk.source.inventory = self.read  # type: ignore[method-assign]

    async def read(self) -> Inventory:
        self.times += 1
        if self.error is not None:
            raise self.error
        return OLTS


async def group(desk: Desk, olt: int) -> Grouping:
    """Both ports of that OLT fall; why they are one case."""
    desk.fall("6/1", "6/2", olt=f"OLT {olt}", customers=0)
    await desk.poll()
    await desk.pass_by(10)
    found = desk.case(max(desk.ledger.book.cases)).grouping
    assert found is not None
    return found


async def test_it_is_read_once_and_again_after_six_hours(grouping: Desk) -> None:
    listed = Listed(grouping)
    assert (await group(grouping, 1)).reason is Reason.OLT
    await group(grouping, 2)
    await grouping.clock.advance(6 * 3600 - 60)
    await group(grouping, 3)
    assert listed.times == 1
    await grouping.clock.advance(60)
    await group(grouping, 4)
    assert listed.times == 2


async def test_one_port_alone_needs_none(grouping: Desk) -> None:
    listed = Listed(grouping)
    grouping.fall("6/1", olt="OLT 1")
    await grouping.poll()
    await grouping.pass_by(10)
    assert (list(grouping.ledger.book.cases), listed.times) == ([1], 0)


@pytest.mark.parametrize("error", [TryLater("502"), AnswerLost("silence"), BadAnswer("html"), Refused("no")])
async def test_where_it_cannot_be_read_there_is_a_card_all_the_same(grouping: Desk, error: Exception) -> None:
    listed = Listed(grouping)
    listed.error = error
    found = await group(grouping, 1)
    assert (found.reason, found.of) == (Reason.CABLE, None)
    await group(grouping, 2)
    assert listed.times == 1
    await grouping.clock.advance(300)
    listed.error = None
    assert (await group(grouping, 3)).reason is Reason.OLT
    assert listed.times == 2


async def test_a_source_that_is_slow_to_list_them_keeps_no_card_waiting(
    grouping: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "WITHIN", 0.01)

    async def for_ever() -> Inventory:
        await asyncio.Event().wait()
        return OLTS

    grouping.source.inventory = for_ever  # type: ignore[method-assign]
    async with asyncio.timeout(PATIENCE):
        found = await group(grouping, 1)
    assert (found.reason, found.of) == (Reason.CABLE, None)
    with pytest.raises(Declined, match="unknown_olt"):
        await grouping.flow.silence(
            (Scope("OLT 9"),), ANA, grouping.clock.now() + timedelta(hours=1), "works"
        )


async def test_what_was_read_is_kept_while_it_cannot_be_read_anew(grouping: Desk) -> None:
    listed = Listed(grouping)
    await group(grouping, 1)
    await grouping.clock.advance(7 * 3600)
    listed.error = TryLater("502")
    assert (await group(grouping, 2)).reason is Reason.OLT
    assert listed.times == 2


async def test_a_silence_asks_it_for_the_olts(grouping: Desk) -> None:
    listed = Listed(grouping)
    until = grouping.clock.now().replace(hour=23)
    await grouping.flow.silence((Scope("olt 7"),), ANA, until, "works")
    assert listed.times == 1


async def test_to_silence_what_was_seen_waits_for_no_list(grouping: Desk) -> None:
    grouping.fall("6/1", olt="OLT 1")
    await grouping.poll()
    await grouping.pass_by(10)
    listed = Listed(grouping)
    later = grouping.clock.now() + timedelta(hours=1)
    await grouping.flow.silence((Scope("OLT 1", "6/1"),), ANA, later, "works")
    assert listed.times == 0
    await grouping.flow.silence((Scope("OLT 8"),), ANA, later, "works")
    assert listed.times == 1
