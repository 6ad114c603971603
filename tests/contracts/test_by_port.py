"""What the flow relies on in a directory that knows who is on a port (`bot.ports.ByPort`)."""

from collections.abc import Mapping

import pytest

from bot.domain.customer import Contact, Service
from bot.domain.incident import Port
from bot.errors import AnswerLost, BadAnswer, BotError, LoginRefused, NotFound, TryLater
from bot.ports import ByPort
from bot.simulator.server import Answer, DropBefore, Fault, Garbage, HtmlPage, Throttle
from tests.fakes import port

from .conftest import DIRECTORY_RIGS, KNOWS_PORTS, DirectoryRig

HERE = port("6/15")


async def on_port(rig: DirectoryRig, where: Port = HERE) -> Mapping[str, Contact | None]:
    assert isinstance(rig.adapter, ByPort)
    return await rig.adapter.on_port(where)


@pytest.mark.parametrize("name", sorted(DIRECTORY_RIGS))
async def test_who_knows_ports_is_played_this(name: str) -> None:
    async with DIRECTORY_RIGS[name]() as rig:
        assert isinstance(rig.adapter, ByPort) == (name in KNOWS_PORTS)


async def test_all_of_the_port_and_nobody_else(by_port: DirectoryRig) -> None:
    onus = [by_port.add(f"Cliente {n}", "(61) 99999-0000") for n in range(120)]
    for place, olt in (("6/16", "CB 01"), ("5/15", "CB 01"), ("6/15", "CB 02"), ("6/1", "CB 01")):
        by_port.world.add_onu(by_port.world.add_customer("Outro"), olt, place)
    by_port.server.faults.latency = 0.001
    found = await on_port(by_port)
    assert {serial: one and one.name for serial, one in found.items()} == {
        onu.serial: f"Cliente {n}" for n, onu in enumerate(onus)
    }
    assert all(one is not None and one.phone == "(61) 99999-0000" for one in found.values())
    assert by_port.server.max_in_flight <= 10


async def test_it_says_who_has_service_and_of_whom_it_knows_nobody(by_port: DirectoryRig) -> None:
    for standing in ("active", "blocked", "cancelled"):
        by_port.add(standing=standing)
    nobodys = by_port.world.add_onu(None)
    found = await on_port(by_port)
    assert [one and one.service for one in found.values()].count(None) == 1
    assert found[nobodys.serial] is None
    assert {one.service for one in found.values() if one} == {Service.ON, Service.BLOCKED, Service.ENDED}


@pytest.mark.parametrize("olt", ["CB-01", "cb01", " Cb  01"])
async def test_an_olt_is_called_as_people_write_it(by_port: DirectoryRig, olt: str) -> None:
    by_port.add()
    assert len(await on_port(by_port, port(olt=olt))) == 1


@pytest.mark.parametrize("olt", ["CB 1", "CB 02", "", "10.0.0.5:9100"])
async def test_an_olt_that_it_does_not_know(by_port: DirectoryRig, olt: str) -> None:
    by_port.add()
    with pytest.raises(NotFound):
        await on_port(by_port, port(olt=olt))


async def test_two_olts_of_one_name_are_none(by_port: DirectoryRig) -> None:
    by_port.add()
    by_port.world.add_onu(by_port.world.add_customer(), "CB-01", "6/15")
    with pytest.raises(NotFound):
        await on_port(by_port)


async def test_a_place_that_is_no_port(by_port: DirectoryRig) -> None:
    by_port.add()
    with pytest.raises(NotFound):
        await on_port(by_port, Port("1:port:", "CB 01", "?"))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Throttle(5), TryLater),
        (HtmlPage(502), AnswerLost),
        (DropBefore(), AnswerLost),
        (HtmlPage(200), BadAnswer),
        (Garbage(), BadAnswer),
        (Answer(200, "{}"), BadAnswer),
    ],
    ids=lambda given: type(given).__name__ if not isinstance(given, type) else given.__name__,
)
@pytest.mark.parametrize("after", range(6))
async def test_whichever_request_fails_it_is_never_a_part_of_them(
    by_port: DirectoryRig, fault: Fault, error: type[BotError], after: int
) -> None:
    for _ in range(3):
        by_port.add()
    whole = await on_port(by_port)
    by_port.server.requests.clear()
    asked = iter(range(1_000))
    by_port.server.faults.always(fault, match=lambda path: by_port.about in path and next(asked) == after)
    try:
        assert await on_port(by_port) == whole
    except (TryLater, AnswerLost, BadAnswer) as raised:
        assert isinstance(raised, error)  # noqa: PT017 - it may also be one that was not asked at all
    else:
        assert len(by_port.server.requests) <= after


async def test_a_refused_key_is_no_empty_port(by_port: DirectoryRig) -> None:
    by_port.add()
    assert by_port.break_key is not None
    by_port.break_key()
    with pytest.raises(LoginRefused):
        await on_port(by_port)
