"""What the flow relies on in a gateway that says to how many people we may write (`bot.ports.Allowance`)."""

import pytest

from bot.domain.limits.daily import Allowed
from bot.errors import AnswerLost, BadAnswer, Refused, TryLater
from bot.gateways.adapter import Sender
from bot.ports import Allowance
from bot.simulator.server import DropBefore, Fault, Garbage, HtmlPage, Throttle

from .conftest import GatewayRig


def of(adapter: Sender) -> Allowance:
    assert isinstance(adapter, Allowance)
    return adapter


async def test_it_says_a_number_and_sends_nothing(counting: GatewayRig) -> None:
    assert counting.allow is not None
    for people in (250, 2000, None):
        counting.allow(people)
        said = await of(counting.adapter).allowance()
        assert said in {Allowed(people), Allowed(people, people)}, "nobody was written to yet"
    assert counting.delivered() == {}
    assert {request.method for request in counting.server.requests} == {"GET"}


FAULTS = (DropBefore(), HtmlPage(500), HtmlPage(200), HtmlPage(404), Garbage(), Throttle())


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_cannot_be_read_is_an_error_that_is_expected(counting: GatewayRig, fault: Fault) -> None:
    counting.server.faults.always(fault)
    with pytest.raises((TryLater, AnswerLost, Refused, BadAnswer)):
        await of(counting.adapter).allowance()


async def test_a_bad_key_reads_nothing(counting: GatewayRig) -> None:
    counting.break_key()
    with pytest.raises(Refused):
        await of(counting.adapter).allowance()
