"""Receipts by asking: soon after a send, then less and less often, until all is known or it is too late."""

import pytest

from bot.domain.delivery import Arrival, Arrived
from bot.domain.events import Listed
from bot.domain.plan import Sent, Skip
from bot.errors import TryLater
from bot.steps.opt_out import opt_out
from tests.fakes import ANA
from tests.steps.conftest import Desk


class Asked:
    """The gateway's list with what it says of each message; `at` is when it was read (seconds)."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.at, self.says = desk, [], {}  # type: ignore[var-annotated]
        self.began = desk.clock.ticks
        self.broken: TryLater | None = None
        self.listed = True

    async def __call__(self, first: object, last: object) -> list[Sent] | None:
        self.at.append(round(self.desk.clock.ticks - self.began))
        if self.broken is not None:
            raise self.broken
        if not self.listed:
            return None
        now = self.desk.clock.now()
        return [Sent(ref, "55", now, "Falha", arrival) for ref, arrival in self.says.items()]

    async def pass_by(self, seconds: float) -> None:
        """As the scheduler does: every ten seconds."""
        until = self.desk.clock.ticks + seconds
        while self.desk.clock.ticks < until:
            await self.desk.clock.advance(10)
            await self.desk.flow.listing.ask()


@pytest.fixture
async def asked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Three customers were written to just now."""
    desk.fall("6/15")
    await desk.poll()
    await desk.approve()
    asked = Asked(desk)
    monkeypatch.setattr(desk.gateway, "sent", asked)
    return asked


def arrived(asked: Asked) -> Arrived:
    tally = asked.desk.ledger.book.cases[1].dispatches[0].tally()
    assert tally is not None
    return tally.arrived


async def test_first_within_20_seconds_and_then_at_doubling_intervals(asked: Asked) -> None:
    await asked.pass_by(3600)
    assert asked.at[0] <= 20
    pauses = [b - a for a, b in zip(asked.at, asked.at[1:], strict=False)]
    assert pauses == [20, 40, 80, 160, 320, 640, 1280]
    assert arrived(asked).known == 0


async def test_what_the_list_says_is_on_the_card_and_nobody_asks_any_more(asked: Asked) -> None:
    asked.says = {"1": Arrival.READ, "2": Arrival.UNDELIVERED, "77": Arrival.READ, "3": None}
    await asked.pass_by(30)
    assert arrived(asked) == Arrived(1, 1, {"Falha": 1})
    asked.says["3"] = Arrival.RECEIVED
    await asked.pass_by(60)
    assert arrived(asked).received == 2
    assert asked.desk.chat.shown[-1] == 1
    asked.says["3"] = Arrival.READ
    await asked.pass_by(600)
    assert arrived(asked) == Arrived(2, 2, {"Falha": 1})
    reads = len(asked.at)
    await asked.pass_by(3600)
    assert len(asked.at) == reads


async def test_after_two_days_nobody_asks(asked: Asked) -> None:
    await asked.pass_by(2 * 86_400)
    reads = len(asked.at)
    await asked.pass_by(86_400)
    assert len(asked.at) == reads
    assert reads < 20


async def test_a_list_that_cannot_be_read_is_tried_again(asked: Asked) -> None:
    asked.broken = TryLater("down")
    await asked.pass_by(60)
    asked.broken = None
    asked.says = {"1": Arrival.RECEIVED}
    await asked.pass_by(120)
    assert arrived(asked).received == 1


async def test_a_gateway_without_a_list_is_asked_once(asked: Asked) -> None:
    asked.listed = False
    await asked.pass_by(3600)
    assert len(asked.at) == 1


async def test_a_new_send_is_asked_about_soon_though_the_last_was_long_ago(asked: Asked) -> None:
    await asked.pass_by(3000)
    asked.desk.fall("1/1")
    await asked.desk.poll()
    await asked.desk.approve(2)
    reads, asked.began = len(asked.at), asked.desk.clock.ticks
    await asked.pass_by(20)
    assert len(asked.at) > reads


async def test_a_closed_ledger_asks_nobody(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(asked.desk.ledger), "closed", "because", raising=False)
    await asked.pass_by(60)
    assert asked.at == []


class WithOptOuts:
    """A gateway with a list of its own of who wants no messages."""

    def __init__(self, phones: list[str] | None) -> None:
        self.phones, self.broken = phones, False

    async def opted_out(self) -> list[str] | None:
        if self.broken:
            raise TryLater("down")
        return self.phones


async def test_who_is_on_the_gateways_own_list_is_skipped_until_they_are_not(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.flow.listing.ask_who_opted_out()
    assert desk.written(Listed) == [], "a gateway without a list is asked for none"
    desk.fall("6/15", customers=3)
    out = WithOptOuts(["5561991000100", "556191010101", "5561991000100"])
    monkeypatch.setattr(desk.flow.listing, "_gateway", out)
    await desk.flow.listing.ask_who_opted_out()
    await desk.flow.listing.ask_who_opted_out()
    assert [len(line.added) for line in desk.written(Listed) if isinstance(line, Listed)] == [2]
    await desk.poll()
    await desk.approve()
    assert desk.tally().skipped == {Skip.OPTED_OUT: 2}
    asked = desk.ledger.person("5561991020102")
    await desk.flow.decide(opt_out(asked, ANA, "pediu"))
    out.broken = True
    await desk.flow.listing.ask_who_opted_out()
    assert len(desk.ledger.book.opted_out) == 3
    out.broken, out.phones = False, None
    await desk.flow.listing.ask_who_opted_out()
    assert len(desk.ledger.book.opted_out) == 3
    out.phones = ["5561991020102"]
    await desk.flow.listing.ask_who_opted_out()
    assert desk.ledger.book.opted_out.keys() == {asked}
    out.phones = []
    await desk.flow.listing.ask_who_opted_out()
    assert desk.ledger.book.opted_out.keys() == {asked}, "whoever asked otherwise stays"


async def test_a_long_list_is_several_lines_and_a_closed_ledger_reads_none(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = WithOptOuts([f"556199{n:07}" for n in range(2500)])
    monkeypatch.setattr(desk.flow.listing, "_gateway", out)
    monkeypatch.setattr(type(desk.ledger), "closed", "because", raising=False)
    await desk.flow.listing.ask_who_opted_out()
    assert desk.written(Listed) == []
    monkeypatch.undo()
    monkeypatch.setattr(desk.flow.listing, "_gateway", out)
    await desk.flow.listing.ask_who_opted_out()
    assert [len(line.added) for line in desk.written(Listed) if isinstance(line, Listed)] == [1000, 1000, 500]
