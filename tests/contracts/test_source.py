"""What the flow relies on in every source (`bot.ports.Source`)."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.customer import Link
from bot.domain.incident import Kind, Port
from bot.errors import AnswerLost, BadAnswer, BotError, NotFound, TryLater
from bot.simulator.server import DropBefore, Fault, Garbage, HtmlPage, Throttle

from .conftest import OltRig, PortRig

FAULTS: list[tuple[Fault, type[BotError]]] = [
    (Throttle(5), TryLater),
    (HtmlPage(502), AnswerLost),
    (DropBefore(), AnswerLost),
    (Garbage(), BadAnswer),
]


async def test_nothing_is_open(olt: OltRig) -> None:
    read = await olt.adapter.open_incidents()
    assert (read.incidents, read.present, read.complete, read.skipped) == ((), frozenset(), True, ())


async def test_an_outage_is_an_incident_with_an_aware_start(olt: OltRig) -> None:
    alert = olt.world.outage(5)
    before = datetime.now(UTC)
    [incident] = (await olt.adapter.open_incidents()).incidents
    assert (incident.id, incident.kind, incident.affected) == (olt.id_of(alert), Kind.LOS, 5)
    assert incident.id.startswith(olt.adapter.ids)
    assert incident.started.tzinfo is UTC
    assert before - timedelta(minutes=1) < incident.started <= datetime.now(UTC)


async def test_kinds_ports_and_ids_tell_incidents_apart(olt: OltRig) -> None:
    olt.world.outage(2, slot_pon="6/15")
    olt.world.outage(2, slot_pon="6/16", alert_type="pon_no_power")
    olt.world.outage(2, olt="CB 02", slot_pon="6/15", alert_type="pon_no_power")
    incidents = (await olt.adapter.open_incidents()).incidents
    assert {incident.port.label: incident.kind for incident in incidents} == {
        "CB 01 6/15": Kind.LOS,
        "CB 01 6/16": Kind.POWER,
        "CB 02 6/15": Kind.POWER,
    }
    assert len({incident.port.key for incident in incidents}) == 3
    assert len({incident.id for incident in incidents}) == 3


async def test_two_kinds_on_one_port_have_one_key(olt: OltRig) -> None:
    olt.world.outage(2)
    olt.world.outage(2, alert_type="pon_no_power")
    incidents = (await olt.adapter.open_incidents()).incidents
    assert len({incident.port.key for incident in incidents}) == 1


async def test_what_was_repaired_is_not_there(olt: OltRig) -> None:
    alert = olt.world.outage(2)
    olt.world.repair(alert)
    assert (await olt.adapter.open_incidents()).present == frozenset()


async def test_every_page_is_read(olt_in_pages: OltRig) -> None:
    olt, rows_a_page = olt_in_pages, olt_in_pages.rows_a_page or 0
    for _ in range(rows_a_page + 1):
        olt.world.cut(onus=[])
    for alert in olt.world.alerts.values():
        alert.active_devices_count = None
    read = await olt.adapter.open_incidents()
    assert {incident.id for incident in read.incidents} == set(map(str, olt.world.alerts))
    assert read.complete


async def test_a_page_that_is_lost_makes_the_poll_incomplete(olt_in_pages: OltRig) -> None:
    olt, rows_a_page = olt_in_pages, olt_in_pages.rows_a_page or 0
    for _ in range(rows_a_page + 1):
        olt.world.cut(onus=[], active_devices_count=None)
    await olt.adapter.open_incidents()
    olt.server.faults.inject(HtmlPage(502), match=lambda path: "page=2&" in path)
    read = await olt.adapter.open_incidents()
    assert not read.complete
    assert len(read.incidents) == rows_a_page


async def test_the_onus_as_they_are_now(olt: OltRig) -> None:
    alert = olt.world.outage(3)
    alert.onus[1].status = "Online"
    found = await olt.adapter.affected(olt.id_of(alert))
    links = {onu.serial: onu.link for onu in found.onus}
    up = alert.onus[1].serial  # who is up again may be told, or not be there
    assert links.pop(up, Link.ONLINE) is Link.ONLINE
    assert links == {onu.serial: Link.LOS for onu in alert.onus if onu.serial != up}
    clients = {onu.serial: str(onu.client_id) if olt.knows_customers else None for onu in alert.onus}
    assert all(onu.client_id == clients[onu.serial] for onu in found.onus)
    assert not found.over


async def test_an_onu_without_a_customer(olt: OltRig) -> None:
    alert = olt.world.cut(onus=[olt.world.add_onu(None)])
    [onu] = (await olt.adapter.affected(olt.id_of(alert))).onus
    assert onu.client_id is None


async def test_an_incident_it_does_not_know(olt: OltRig) -> None:
    with pytest.raises(NotFound):
        await olt.adapter.affected(olt.strange_id)


@pytest.mark.parametrize(("fault", "error"), FAULTS)
async def test_faults_of_the_poll_are_typed_and_it_goes_on_after(
    asked: OltRig, fault: Fault, error: type[BotError]
) -> None:
    asked.world.outage(2)
    await asked.adapter.open_incidents()
    asked.fail(fault, asked.list_path, times=2 if fault == DropBefore() else 1)
    with pytest.raises(error):
        await asked.adapter.open_incidents()
    assert len((await asked.adapter.open_incidents()).incidents) == 1


@pytest.mark.parametrize(("fault", "error"), FAULTS)
async def test_faults_of_the_detail_are_typed(asked: OltRig, fault: Fault, error: type[BotError]) -> None:
    alert = asked.world.outage(2)
    asked.fail(fault, asked.detail_path, times=2)
    with pytest.raises(error) as failed:
        await asked.adapter.affected(asked.id_of(alert))
    if isinstance(failed.value, TryLater):
        assert failed.value.retry_after == 5


async def test_it_never_retries_an_answer(asked: OltRig) -> None:
    asked.fail(HtmlPage(503), asked.list_path)
    with pytest.raises(AnswerLost):
        await asked.adapter.open_incidents()
    assert asked.asked(asked.list_path) == 1


async def test_a_source_that_is_down_was_never_reached(asked: OltRig) -> None:
    await asked.server.stop()
    with pytest.raises(TryLater):
        await asked.adapter.open_incidents()
    await asked.server.start()
    assert (await asked.adapter.open_incidents()).complete


async def port(rig: PortRig, place: str) -> Port:
    ports = {incident.port.place: incident.port for incident in (await rig.source.open_incidents()).incidents}
    return ports[place]


async def test_the_inventory_has_every_port_as_the_incidents_write_it(asked_ports: PortRig) -> None:
    assert await asked_ports.source.inventory() == {}
    asked_ports.cut(2, "6/15")
    asked_ports.idle("6/16")
    where = await port(asked_ports, "6/15")
    assert await asked_ports.source.inventory() == {where.olt: frozenset({where.place, "6/16"})}


async def test_the_links_of_a_port_as_they_are_now(ports: PortRig) -> None:
    first, second, third = ports.cut(3, "6/15")
    ports.cut(2, "6/16")
    where = await port(ports, "6/15")
    assert await ports.source.links(where) == dict.fromkeys((first, second, third), Link.LOS)
    ports.online(second)
    assert await ports.source.links(where) == {first: Link.LOS, second: Link.ONLINE, third: Link.LOS}


async def test_the_links_of_an_outage_that_is_over(ports: PortRig) -> None:
    serials = ports.cut(3, "6/15")
    where = await port(ports, "6/15")
    ports.repair("6/15")
    assert (await ports.source.open_incidents()).incidents == ()
    assert await ports.source.links(where) == dict.fromkeys(serials, Link.ONLINE)


async def test_the_links_of_a_port_it_does_not_know(ports: PortRig) -> None:
    ports.cut(1, "6/15")
    where = await port(ports, "6/15")
    elsewhere = Port(where.key.replace("6/15", "6/99"), where.olt, "6/99")
    assert await ports.source.links(elsewhere) == {}


async def test_links_that_are_lost_once_are_there_the_next_time(asked_ports: PortRig) -> None:
    [serial] = asked_ports.cut(1, "6/15")
    where = await port(asked_ports, "6/15")
    asked_ports.lose_a_reading()
    with pytest.raises(AnswerLost):
        await asked_ports.source.links(where)
    assert await asked_ports.source.links(where) == {serial: Link.LOS}


@pytest.mark.parametrize(("fault", "error"), FAULTS)
async def test_faults_of_inventory_and_links_are_typed(
    asked: OltRig, fault: Fault, error: type[BotError]
) -> None:
    asked.world.outage(2)
    [incident] = (await asked.adapter.open_incidents()).incidents
    for path in (asked.inventory_path, asked.links_path):
        asked.fail(fault, path, times=2 if fault == DropBefore() else 1)
    with pytest.raises(error):
        await asked.adapter.inventory()
    with pytest.raises(error):
        await asked.adapter.links(incident.port)
    assert len(await asked.adapter.links(incident.port)) == len(await asked.adapter.inventory()) + 1 == 2


async def test_links_in_many_pages_are_whole_or_not_there(olt_in_pages: OltRig) -> None:
    olt, rows_a_page = olt_in_pages, olt_in_pages.rows_a_page or 0
    olt.world.outage(rows_a_page + 1)
    [incident] = (await olt.adapter.open_incidents()).incidents
    assert set(await olt.adapter.links(incident.port)) == set(olt.world.onus)
    olt.server.faults.inject(HtmlPage(502), match=lambda path: olt.links_path in path and "page=2&" in path)
    with pytest.raises(AnswerLost):
        await olt.adapter.links(incident.port)
