"""What the flow relies on in every directory of customers (`bot.ports.Directory`)."""

import asyncio

import pytest

from bot.domain.customer import Contact
from bot.errors import AnswerLost, BadAnswer, BotError, TryLater
from bot.simulator.server import DropBefore, Fault, Garbage, HtmlPage, Throttle

from .conftest import OltRig


async def test_a_record_as_it_is(olt: OltRig) -> None:
    customer = olt.world.add_customer("Zé & <b>Filhos</b> 🌻", "(61) 99999-0000 / 3333-0000")
    client = str(customer.id)
    found = await olt.adapter.customer(client)
    assert found == Contact(client, "Zé & <b>Filhos</b> 🌻", "(61) 99999-0000 / 3333-0000")


async def test_a_record_without_a_phone(olt: OltRig) -> None:
    customer = olt.world.add_customer("Maria", "", "")
    assert await olt.adapter.customer(str(customer.id)) == Contact(str(customer.id), "Maria", "")


async def test_no_record(olt: OltRig) -> None:
    assert await olt.adapter.customer("999999") is None


async def test_400_look_ups_at_once_find_each_customer_once(olt: OltRig) -> None:
    clients = [str(olt.world.add_customer().id) for _ in range(400)]
    found = await asyncio.gather(*map(olt.adapter.customer, clients))
    assert [contact and contact.client_id for contact in found] == clients
    assert olt.asked(olt.record_path) == 400


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Throttle(5), TryLater),
        (HtmlPage(502), AnswerLost),
        (DropBefore(), AnswerLost),
        (Garbage(), BadAnswer),
    ],
)
async def test_faults_are_typed_and_never_taken_for_no_record(
    olt: OltRig, fault: Fault, error: type[BotError]
) -> None:
    customer = olt.world.add_customer()
    olt.fail(fault, olt.record_path, times=2)
    with pytest.raises(error) as failed:
        await olt.adapter.customer(str(customer.id))
    if isinstance(failed.value, TryLater):
        assert failed.value.retry_after == 5


async def test_it_never_retries_an_answer(olt: OltRig) -> None:
    customer = olt.world.add_customer()
    olt.fail(HtmlPage(503), olt.record_path)
    with pytest.raises(AnswerLost):
        await olt.adapter.customer(str(customer.id))
    assert olt.asked(olt.record_path) == 1


async def test_a_directory_that_is_down_was_never_reached(olt: OltRig) -> None:
    await olt.server.stop()
    with pytest.raises(TryLater):
        await olt.adapter.customer("501")
