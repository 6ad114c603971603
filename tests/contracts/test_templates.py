"""What the flow relies on in every gateway with templates (`bot.ports.Templates`)."""

import pytest

from bot.domain.limits.templates import filled, variables_in
from bot.domain.plan import Message
from bot.errors import AnswerLost, BadAnswer, Refused, TryLater
from bot.gateways.adapter import Sender
from bot.ports import Templates
from bot.simulator.server import DropAfter, DropBefore, Fault, Garbage, HalfBody, HtmlPage, Throttle

from .conftest import TELLS_OF_TEMPLATES, GatewayRig

ALL = {"LOS", "POWER", "RESTORED"}


def of(adapter: Sender) -> Templates:
    assert isinstance(adapter, Templates)
    return adapter


async def test_it_reads_all_that_are_configured_or_says_that_it_cannot(any_gateway: Sender) -> None:
    found = await of(any_gateway).templates()
    assert (found is not None) == (any_gateway.name in TELLS_OF_TEMPLATES)
    assert found is None or found.keys() == ALL


@pytest.mark.parametrize("template", sorted(ALL))
async def test_what_fills_a_template_is_never_empty(any_gateway: Sender, template: str) -> None:
    values = of(any_gateway).fills(Message("501", "5561999990000", "", template))
    assert all(place and value for place, value in values.items())


async def test_a_text_that_is_read_is_filled_whole(telling: GatewayRig) -> None:
    found = await of(telling.adapter).templates()
    assert found is not None
    for template, one in found.items():
        assert one.text
        assert one.troubles == ()
        values = of(telling.adapter).fills(Message("501", "5561999990000", "Maria", template))
        assert variables_in(filled(one.text, values)) == ()


async def test_one_that_is_paused_is_said_to_hold_sends_back(telling: GatewayRig) -> None:
    assert telling.pause is not None
    telling.pause()
    found = await of(telling.adapter).templates()
    assert found is not None
    assert [one.holds for one in found["LOS"].troubles] == [True]
    assert found["POWER"].troubles == ()


async def test_reading_sends_nothing(telling: GatewayRig) -> None:
    await of(telling.adapter).templates()
    assert telling.delivered() == {}
    assert {request.method for request in telling.server.requests} == {"GET"}


@pytest.mark.parametrize(
    "fault",
    [
        DropAfter(),
        DropBefore(),
        HalfBody(),
        HtmlPage(500),
        HtmlPage(200),
        HtmlPage(404),
        Garbage(),
        Throttle(),
    ],
)
async def test_what_cannot_be_read_is_an_error_that_is_expected(telling: GatewayRig, fault: Fault) -> None:
    telling.server.faults.always(fault)
    with pytest.raises((TryLater, AnswerLost, Refused, BadAnswer)):
        await of(telling.adapter).templates()


async def test_a_bad_key_reads_none(telling: GatewayRig) -> None:
    telling.break_key()
    with pytest.raises(Refused):
        await of(telling.adapter).templates()
