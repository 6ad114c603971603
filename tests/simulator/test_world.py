import re
from collections import Counter
from datetime import UTC, datetime

import phonenumbers

from bot.simulator.world import World


def test_a_cut_takes_the_port_down_and_a_repair_brings_it_back() -> None:
    world = World(now=lambda: datetime(2026, 9, 18, 15, 0, 0, 250, tzinfo=UTC))
    mine = world.add_onu(world.add_customer("Maria", contact="(61) 3333-0000"))
    other = world.add_onu(None, slot_pon="6/14")
    alert = world.cut(started=datetime(2026, 9, 18, 14, 57, 18, 1648, tzinfo=UTC), cto_name="CTO 9")
    assert (mine.status, other.status) == ("LOSS", "Online")
    assert (alert.initial_date, alert.end_date) == ("2026-09-18T11:57:18.001648", None)
    assert (alert.olt_name, alert.slot_pon, alert.cto_name) == ("CB 01", "6/15", "CTO 9")
    assert (alert.total_devices_count, alert.active_devices_count) == (1, 1)
    world.repair(alert)
    assert (mine.status, alert.end_date) == ("Online", "2026-09-18T12:00:00.000250")


def test_a_power_failure_of_some_onus() -> None:
    world = World()
    first, second = (world.add_onu(world.add_customer()) for _ in range(2))
    alert = world.cut(alert_type="cto_no_power", onus=[first])
    assert (first.status, second.status) == ("Sem Energia", "Online")
    assert (alert.total_devices_count, alert.active_devices_count) == (2, 1)
    assert world.cut(onus=[second], status="Inativo").onus[0].status == "Inativo"


def test_everyone_in_an_outage_has_a_valid_mobile_of_their_own() -> None:
    world = World()
    alert = world.outage(3000)
    numbers = {world.customers[onu.client_id or 0].contact for onu in alert.onus}
    assert (len(alert.onus), len(numbers)) == (3000, 3000)
    parsed = [phonenumbers.parse(number, "BR") for number in numbers if number]
    assert all(phonenumbers.is_valid_number(number) for number in parsed)
    mobile = phonenumbers.PhoneNumberType.MOBILE
    assert {phonenumbers.number_type(number) for number in parsed} == {mobile}


def test_a_generated_world_is_sized_like_an_isp_and_the_same_each_time() -> None:
    world, again = World.generate(4), World.generate(4)
    assert (world.customers, world.onus) == (again.customers, again.onus)
    assert world.customers != World.generate(5).customers

    ports = Counter((onu.olt_name, onu.slot, onu.pon) for onu in world.onus.values())
    assert {olt for olt, _, _ in ports} == {f"CB {n:02}" for n in range(1, 7)}
    assert max(ports.values()) <= 61
    assert sum(20 <= onus <= 61 for onus in ports.values()) >= len(ports) - 2
    assert {pon for _, _, pon in ports} <= set(range(1, 17))

    onus = Counter(onu.client_id for onu in world.onus.values())
    assert len(onus) == 2000
    without_record = sum(1 for client in onus if client not in world.customers)
    landlines = sum(1 for c in world.customers.values() if re.search(r"\) 2000-", c.contact or ""))
    two = sum(1 for number in onus.values() if number == 2)
    assert (70 < without_record < 130, 35 < landlines < 85, 20 < two < 65) == (True, True, True)


def test_a_landline_is_one() -> None:
    world = World.generate(1, 500)
    landline = next(c.contact for c in world.customers.values() if ") 2000-" in (c.contact or ""))
    parsed = phonenumbers.parse(landline or "", "BR")
    assert phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.FIXED_LINE


def test_an_olt_that_is_added_changes_nothing_else() -> None:
    world, plain = World.generate(4), World.generate(4)
    world.add_olt("CB 07", slots=2, pons=16, onus=3)
    added = {port: onus for port, onus in world.ports.items() if port not in plain.ports}
    assert set(added) == {("CB 07", slot, pon) for slot in (1, 2) for pon in range(1, 17)}
    assert {len(onus) for onus in added.values()} == {3}
    assert {client: world.customers[client] for client in plain.customers} == plain.customers
