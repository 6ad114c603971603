"""SmartOLT's wire beyond the contract of `Source`: its shapes, its traps and its budget, over real HTTP."""

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.domain.customer import Link
from bot.domain.incident import Incident, Kind, Poll
from bot.errors import (
    AnswerLost,
    BadAnswer,
    Incomplete,
    LoginRefused,
    NotFound,
    OutOfCalls,
    Refused,
    TryLater,
)
from bot.ports import Budgeted
from bot.simulator.server import Answer, HtmlPage
from bot.simulator.smartolt import SmartOltApi
from bot.simulator.world import World
from bot.sources.smartolt import account_of
from bot.sources.smartolt.rows import Account
from bot.sources.smartolt.smartolt import SmartOlt
from tests.fakes import NOON, FakeClock
from tests.settings import load, read
from tests.test_settings import GOOD

ZONE = ZoneInfo("America/Sao_Paulo")
ID = "smartolt:isp:1:6:15"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def api(clock: FakeClock) -> AsyncIterator[SmartOltApi]:
    async with SmartOltApi(World(now=clock.now), clock=clock.monotonic) as server:
        yield server


@pytest.fixture
async def source(api: SmartOltApi, clock: FakeClock) -> AsyncIterator[SmartOlt]:
    adapter = SmartOlt(
        api.url,
        api.key,
        Account("isp"),
        name="smartolt",
        every=300,
        zone=ZONE,
        clock=clock,
        name_id=re.compile("^([0-9]+) - "),
    )
    yield adapter
    await adapter.aclose()


def asked(api: SmartOltApi, part: str) -> int:
    return sum(part in request.path for request in api.requests)


async def says(api: SmartOltApi, source: SmartOlt, response: Any, **more: Any) -> Poll:
    """What comes of the list where the account says this."""
    body = json.dumps({"status": True, "response": response, **more})
    api.faults.inject(Answer(200, body), match=lambda path: "get_outage_pons" in path)
    return await source.open_incidents()


def row(**fields: Any) -> dict[str, Any]:
    where = {"olt_id": "1", "olt_name": "CB 01", "board": "6", "port": "15"}
    counts = {"total_onus": "10", "los_count": "10", "power_count": "0", "affected_onus": None}
    return {**where, **counts, "is_active": "1", "latest_status_change": "2026-11-22 11:50:00", **fields}


def section(key: str, *pons: Any) -> dict[str, Any]:
    return {"sections": [{"key": key, "groups": [{"subscribers": 3, "pons": list(pons)}]}]}


async def one(api: SmartOltApi, source: SmartOlt, key: str, **fields: Any) -> Incident:
    [found] = (await says(api, source, section(key, row(**fields)))).incidents
    return found


@pytest.mark.parametrize("flat", [False, True])
async def test_both_shapes_of_the_list_say_the_same(api: SmartOltApi, source: SmartOlt, flat: bool) -> None:
    api.flat = flat
    api.world.outage(4, slot_pon="6/15")
    api.world.outage(3, slot_pon="6/16", alert_type="pon_no_power")
    read = await source.open_incidents()
    assert {(i.id, i.kind, i.affected, i.total) for i in read.incidents} == {
        (ID, Kind.LOS, 4, 4),
        ("smartolt:isp:1:6:16", Kind.POWER, 3, 3),
    }
    assert {i.started for i in read.incidents} == {NOON}
    assert read.proves_absence


async def test_a_partial_failure_that_becomes_a_whole_one_is_the_same(
    api: SmartOltApi, source: SmartOlt
) -> None:
    onus = api.world.outage(4, slot_pon="6/15").onus
    onus[0].status = "Online"
    [part] = (await source.open_incidents()).incidents
    assert (part.id, part.affected, part.total, part.started, part.start_known) == (ID, 3, 4, NOON, True)
    onus[0].status = "LOSS"
    [whole] = (await source.open_incidents()).incidents
    assert (whole.id, whole.affected, whole.alert_type) == (ID, 4, "los")


@pytest.mark.bug("a row that is days old, or of no cause, hid the outage of its PON that is on")
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("wins", "gives_way"),
    [
        (("los", "1"), ("partial_los", "1")),
        (("los", "1"), ("partial_los", "0")),
        (("los", "1"), ("los", "0")),
        (("los", "1"), ("offline", "1")),
        (("partial_los", "1"), ("offline", "1")),
        (("partial_los", "1"), ("los", "0")),
        (("power", "1"), ("partial_los", "1")),
        (("power", "1"), ("offline", "0")),
    ],
)
async def test_of_two_rows_of_a_pon_the_one_that_is_on_and_whole_counts(
    api: SmartOltApi, source: SmartOlt, wins: tuple[str, str], gives_way: tuple[str, str], turned: bool
) -> None:
    two = [(key, row(is_active=on, los_count="0")) for key, on in (wins, gives_way)]
    sections = [part for key, pon in two[:: -1 if turned else 1] for part in section(key, pon)["sections"]]
    [found] = (await says(api, source, {"sections": sections})).incidents
    assert (found.id, found.alert_type) == (ID, wins[0])
    assert found.kind is (Kind.POWER if wins[0] == "power" else Kind.LOS)


async def test_a_change_that_lies_ahead_is_no_start(api: SmartOltApi, source: SmartOlt) -> None:
    found = await one(api, source, "partial_los", partial_started_at=None, affected_onus=4)
    assert (found.started, found.start_known, found.affected) == (NOON, False, 4)
    found = await one(api, source, "los", latest_status_change="2026-11-22 12:30:00")
    assert not found.start_known
    found = await one(api, source, "los")
    assert found.started == datetime(2026, 11, 22, 14, 50, tzinfo=UTC)


@pytest.mark.parametrize(
    ("key", "los", "power", "kind"),
    [
        ("los", "7", "3", Kind.LOS),
        ("los", "3", "7", Kind.POWER),
        ("los", "4", "6", Kind.LOS),
        ("power", "6", "4", Kind.POWER),
        ("power", "0", "0", Kind.POWER),
        ("offline", "9", "0", Kind.OTHER),
    ],
)
async def test_seven_of_ten_decide_the_kind_else_the_section(  # noqa: PLR0917
    api: SmartOltApi, source: SmartOlt, key: str, los: str, power: str, kind: Kind
) -> None:
    assert (await one(api, source, key, los_count=los, power_count=power)).kind is kind


@pytest.mark.parametrize("old", [{"is_active": "0"}, {"is_active": 0}, {"stale": True}])
async def test_what_is_days_old_is_listed_and_not_offered(
    api: SmartOltApi, source: SmartOlt, old: dict[str, Any]
) -> None:
    found = await one(api, source, "los", **old)
    assert (found.kind, found.id) == (Kind.OTHER, ID)


@pytest.mark.parametrize(
    ("response", "error"),
    [
        ({}, BadAnswer),
        ({"sections": None}, BadAnswer),
        ({"sections": [{"key": "los"}]}, BadAnswer),
        ({"sections": [{"key": "los", "groups": [{}]}]}, BadAnswer),
        (section("los") | {"stale": True}, BadAnswer),
        (None, BadAnswer),
    ],
)
async def test_a_list_without_its_sections_or_an_old_one_is_no_list(
    api: SmartOltApi, source: SmartOlt, response: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await says(api, source, response)


@pytest.mark.parametrize(
    "entry", [1, "1", "CB 01", {"id": 1}, {"olt_id": "1", "name": "x"}, {"name": "cb 01"}]
)
async def test_an_olt_that_was_not_reached_is_known_in_any_spelling(
    api: SmartOltApi, source: SmartOlt, entry: Any
) -> None:
    api.world.outage(2, olt="CB 01")
    read = await says(api, source, section("los") | {"unreachable_olts": [entry]})
    assert (read.unseen, read.away, read.proves_absence) == (("smartolt:isp:1:",), ("CB 01",), True)


@pytest.mark.bug("of an OLT that is called as another's number nobody heard that it was not reached")
async def test_what_is_the_id_of_one_olt_and_the_name_of_another_may_be_either(
    api: SmartOltApi, source: SmartOlt
) -> None:
    pons = [row(olt_id="3"), row(olt_id="7", olt_name="3")]
    read = await says(api, source, section("los", *pons) | {"unreachable_olts": ["3"]})
    assert read.unseen == ("smartolt:isp:3:", "smartolt:isp:7:")


async def test_an_olt_that_nobody_knows_may_be_any(api: SmartOltApi, source: SmartOlt) -> None:
    api.world.outage(2, olt="CB 01")
    read = await says(api, source, section("los") | {"unreachable_olts": ["Lá longe"]})
    assert (read.unseen, read.away) == (("smartolt:isp:",), ("Lá longe",))
    assert asked(api, "get_olts") == 1
    await says(api, source, section("los") | {"unreachable_olts": ["Lá longe"]})
    assert asked(api, "get_olts") == 1, "once an hour"


async def test_rows_that_cannot_be_read_are_named(api: SmartOltApi, source: SmartOlt) -> None:
    read = await says(api, source, section("los", row(port=None), "x", row(board="7")))
    assert (len(read.incidents), read.nameless, read.proves_absence) == (1, 2, False)
    assert [odd.wrong for odd in read.skipped] == ["id", "id"]
    read = await says(api, source, section("smoke", row()))
    assert [(odd.id, odd.wrong) for odd in read.skipped] == [(ID, "alert_type")]
    assert ID in read.present


async def test_where_the_whole_list_is_refused_each_olt_is_asked(
    api: SmartOltApi, source: SmartOlt, clock: FakeClock
) -> None:
    api.one_by_one = True
    api.world.outage(2, olt="CB 01")
    api.world.outage(2, olt="CB 02")
    for _ in range(2):
        assert len((await source.open_incidents()).incidents) == 2
    assert (asked(api, "get_olts"), asked(api, "get_outage_pons/?") + asked(api, "pons/1")) == (1, 2)
    api.faults.inject(HtmlPage(502), match=lambda path: path.endswith("/2"))
    read = await source.open_incidents()
    assert (len(read.incidents), read.unseen, read.away) == (1, ("smartolt:isp:2:",), ("CB 02",))
    api.faults.always(HtmlPage(502), match=lambda path: "get_outage_pons/" in path)
    with pytest.raises(AnswerLost):
        await source.open_incidents()
    api.faults.clear()
    api.one_by_one = False
    await clock.advance(3600)
    before = asked(api, "pons/1")
    assert len((await source.open_incidents()).incidents) == 2
    assert asked(api, "pons/1") == before, "after an hour the whole list is tried again"


@pytest.mark.bug("where no list of OLTs came nobody was asked for outages, and that read as none")
@pytest.mark.parametrize("olts", [[], ["x"]])
async def test_where_the_whole_list_is_refused_and_no_olt_is_named_nothing_is_known(
    api: SmartOltApi, source: SmartOlt, olts: list[Any]
) -> None:
    api.one_by_one = True
    body = json.dumps({"status": True, "response": olts})
    api.faults.always(Answer(200, body), match=lambda path: "get_olts" in path)
    for _ in range(2):
        with pytest.raises(BadAnswer, match=r"^no_rows$"):
            await source.open_incidents()


@pytest.mark.bug("an OLT without an id that can be read was never asked for outages, and nobody was told")
async def test_an_olt_whose_id_cannot_be_read_is_said_to_be_away(api: SmartOltApi, source: SmartOlt) -> None:
    api.one_by_one = True
    api.world.outage(2, olt="CB 01")
    named = [{"id": "1", "name": "CB 01"}, {"id": None, "name": "CB 07"}, {"olt_id": [], "olt_name": ""}, "x"]
    body = json.dumps({"status": True, "response": named})
    api.faults.always(Answer(200, body), match=lambda path: "get_olts" in path)
    for _ in range(2):
        read = await source.open_incidents()
        assert (len(read.incidents), read.unseen, read.away) == (1, (), ("CB 07", "?", "x"))


async def test_an_olt_that_is_known_only_after_the_others_were_asked_was_not_read(
    api: SmartOltApi, source: SmartOlt, clock: FakeClock
) -> None:
    api.one_by_one = True
    api.world.outage(2, olt="CB 01")
    await source.open_incidents()
    body = json.dumps({"status": True, "response": section("los", row(), row(olt_id="9", olt_name="CB 09"))})
    api.faults.inject(Answer(200, body), match=lambda path: path.endswith("/1"))
    read = await source.open_incidents()
    assert (len(read.incidents), read.unseen, read.away) == (2, ("smartolt:isp:9:",), ("CB 09",))


async def test_only_the_onus_of_the_port_that_are_down_and_that_the_isp_left_on(
    api: SmartOltApi, source: SmartOlt
) -> None:
    onus = api.world.outage(5).onus
    onus[0].status, onus[1].status, onus[2].status = "Online", "Inativo", "Sem Energia"
    api.disabled.add(onus[3].serial)
    await source.open_incidents()
    found = await source.affected(ID)
    assert {onu.serial: onu.link for onu in found.onus} == {
        onus[2].serial: Link.POWER,
        onus[4].serial: Link.LOS,
    }
    assert {onu.external_id for onu in found.onus} == {str(onus[2].client_id), str(onus[4].client_id)}
    assert {onu.client_id for onu in found.onus} == {None}
    path = api.requests[-1].path
    assert "fields=" in path
    assert "page_size=100" in path


@pytest.mark.parametrize("ignored", [False, True])
async def test_a_filter_that_is_ignored_costs_pages_and_no_customer(
    api: SmartOltApi, source: SmartOlt, ignored: bool
) -> None:
    api.ignores_filters = ignored
    api.world.outage(250, slot_pon="1/1")
    here = api.world.outage(5).onus
    await source.open_incidents()
    found = await source.affected(ID)
    assert {onu.serial for onu in found.onus} == {onu.serial for onu in here}
    assert asked(api, "all_onus_details") == (3 if ignored else 1)


async def test_a_list_of_onus_that_never_ends_is_no_list(api: SmartOltApi, source: SmartOlt) -> None:
    onus = [row(sn=f"ZTEG{n:08X}", status="LOS") for n in range(100)]
    body = json.dumps({"status": True, "onus": onus})
    api.faults.always(Answer(200, body), match=lambda path: "all_onus_details" in path)
    with pytest.raises(Incomplete):
        await source.affected(ID)
    assert asked(api, "all_onus_details") == 2


async def test_a_pon_that_left_the_list_is_over_by_all_of_its_onus(
    api: SmartOltApi, source: SmartOlt
) -> None:
    alert = api.world.outage(4)
    await source.open_incidents()
    api.world.repair(alert)
    alert.onus[0].status = "LOSS"
    assert (await source.open_incidents()).present == frozenset()
    found = await source.affected(ID)
    assert (len(found.onus), found.still_down, found.over) == (4, 1, False)
    alert.onus[0].status = "Online"
    assert (await source.affected(ID)).over


async def test_a_pon_whose_olt_was_not_reached_is_as_it_was_listed(
    api: SmartOltApi, source: SmartOlt
) -> None:
    onus = api.world.outage(4).onus
    onus[0].status, onus[1].status = "Offline", "Online"
    await source.open_incidents()
    read = await says(api, source, section("los") | {"unreachable_olts": ["CB 01"]})
    assert read.present == frozenset()
    found = await source.affected(ID)
    assert ({onu.serial for onu in found.onus}, found.over) == ({onu.serial for onu in onus[2:]}, False)


async def test_both_spellings_of_a_serial_and_a_mac(api: SmartOltApi, source: SmartOlt) -> None:
    serials = ["485754435C5A78B9", "HWTC-5C5A78B8", "0012AB34CD56", None]
    rows = [row(sn=serial, status="Online") for serial in serials]
    body = json.dumps({"status": True, "onus": [*rows, row(sn="HWTC5C5A78B9", status="LOS"), "x"]})
    api.faults.inject(Answer(200, body), match=lambda path: "get_onus_statuses" in path)
    port = Account("isp").port("1", "CB 01", "6", "15")
    assert await source.links(port) == {
        "HWTC5C5A78B9": Link.OTHER,  # two rows that contradict each other: surely neither
        "HWTC5C5A78B8": Link.ONLINE,
        "0012AB34CD56": Link.ONLINE,
    }


async def test_two_olts_with_one_name_are_told_apart(api: SmartOltApi, source: SmartOlt) -> None:
    read = await says(api, source, section("los", row(), row(olt_id="2"), row(olt_id="3", olt_name="")))
    assert {i.port.olt for i in read.incidents} == {"CB 01 (#1)", "CB 01 (#2)", "OLT 3"}


async def test_the_last_calls_of_an_hour_are_kept_for_the_polls(
    api: SmartOltApi, source: SmartOlt, clock: FakeClock
) -> None:
    api.world.outage(3)
    api.limit = 53
    await source.open_incidents()  # 52 are left
    await source.affected(ID)
    await source.links(Account("isp").port("1", "CB 01", "6", "15"))
    for asking in (source.affected(ID), source.inventory()):
        with pytest.raises(OutOfCalls) as spent:
            await asking
        assert spent.value.retry_after is not None
    assert len((await source.open_incidents()).incidents) == 1, "what is down is read to the last"
    await clock.advance(3601)
    assert len((await source.affected(ID)).onus) == 3


async def test_a_pause_that_is_asked_for_stands_in_the_body(api: SmartOltApi, source: SmartOlt) -> None:
    api.limit = 0
    api.made.append(0.0)
    with pytest.raises(TryLater) as failed:
        await source.open_incidents()
    assert failed.value.retry_after == 3600


async def test_a_refused_key_and_what_else_is_said(api: SmartOltApi, source: SmartOlt) -> None:
    states: list[str] = [source.login.state]
    await source.open_incidents()
    states.append(source.login.state)
    api.foreign = True
    with pytest.raises(LoginRefused, match="http_403"):
        await source.open_incidents()
    assert [*states, source.login.state] == ["never", "ok", "refused"]
    api.foreign = False
    for body in ('{"status": false, "error": "x"}', "[]"):
        api.faults.inject(Answer(200, body))
        with pytest.raises((Refused, BadAnswer)):
            await source.affected(ID)
    for body in ('{"status": true}', '{"status": true, "onus": ["x"]}'):
        api.faults.inject(Answer(200, body))
        with pytest.raises(BadAnswer):
            await source.affected(ID)
    with pytest.raises(NotFound):
        await source.affected("smartolt:other:1:6:15")


async def test_a_list_that_never_comes_ends_in_time(api: SmartOltApi, source: SmartOlt) -> None:
    api.faults.latency = 5
    with pytest.raises(AnswerLost, match="too_slow"):
        await source.open_incidents(within=0.05)


def test_its_accounts_are_settings_with_commas() -> None:
    two = "https://a.smartolt.com/api/, https://b.example:8443/"
    given = GOOD | {
        "SOURCE": "oltcloud, smartolt",
        "SMARTOLT_URL": two,
        "SMARTOLT_KEY": "first-key,second-key",
    }
    settings = load(None, given)
    assert settings.source == ("oltcloud", "smartolt")
    assert settings.smartolt_url == "https://a.smartolt.com,https://b.example:8443"
    assert [account_of(url) for url in settings.smartolt_url.split(",")] == ["a", "b.example-8443"]
    assert {"first-key", "second-key"} <= set(settings.secrets())
    assert not settings.unprotected()
    http = load(None, given | {"SMARTOLT_URL": "https://a.smartolt.com,http://b.example"})
    assert [line.split()[0] for line in http.unprotected()] == ["SMARTOLT_URL"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"SMARTOLT_KEY": "one"}, "SMARTOLT_KEY has not one key for each address"),
        ({"SMARTOLT_URL": "a.smartolt.com"}, "SMARTOLT_URL is no URL"),
        ({"SMARTOLT_NAME_ID": "("}, "SMARTOLT_NAME_ID is no regular expression"),
        ({"SMARTOLT_NAME_ID": "[0-9]+"}, "SMARTOLT_NAME_ID has not one pair of parentheses"),
        ({"SOURCE": "smartolt,x"}, "SOURCE names no system the bot knows"),
        ({"SMARTOLT_URL": ""}, "SMARTOLT_URL is not set"),
    ],
)
def test_what_is_wrong_with_its_settings_is_named_with_its_mend(changes: dict[str, str], says: str) -> None:
    given = {
        "SOURCE": "smartolt",
        "SMARTOLT_URL": "https://a.example,https://b.example",
        "SMARTOLT_KEY": "1,2",
    }
    problems = read(None, GOOD | given | changes).problems
    assert [line for line in problems if line.startswith(says)], problems


async def test_a_storm_that_lasts_has_the_budget_spared(
    api: SmartOltApi, source: SmartOlt, clock: FakeClock
) -> None:
    api.world.outage(2)
    await source.open_incidents()
    until = clock.now() + timedelta(hours=1)
    read = refused = 0
    while clock.now() < until:
        try:
            await source.affected(ID)
            read += 1
        except OutOfCalls:
            refused += 1
        await clock.advance(3)
    assert (read, refused > 100) == (949, True)
    assert api.most == 950


async def test_it_tells_how_many_calls_are_left_as_long_as_that_means_something(
    api: SmartOltApi, source: SmartOlt, clock: FakeClock
) -> None:
    assert isinstance(source, Budgeted)
    assert source.remaining() is None
    await source.open_incidents()
    assert source.remaining() == api.limit - api.total
    await clock.advance(3600)
    assert source.remaining() is None
