"""OLT Cloud, fact by fact."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.domain.customer import Affected, Contact, Link, Onu
from bot.domain.incident import Kind, OddRow, Poll, Port
from bot.errors import AnswerLost, BadAnswer, LoginRefused, NotFound, Refused, TryLater
from bot.simulator.olt import OltApi
from bot.simulator.server import Answer, HalfBody, Hang, HtmlPage, Match, Throttle
from bot.simulator.world import World
from bot.sources.oltcloud.oltcloud import OltCloud
from bot.sources.oltcloud.pages import MOST_PAGES
from tests.fakes import FakeClock
from tests.isp import until
from tests.patience import leap

WITHIN = 15.0  # seconds, of the 20 that a page is waited for
ROW: dict[str, Any] = {
    "id": 1,
    "alert_type": "pon_loss",
    "olt_id": 3,
    "olt_name": "CB 01",
    "slot_pon": "6/15",
    "initial_date": "2026-09-18T11:57:18.001648",
    "end_date": None,
    "ignored": False,
    "total_devices_count": 61,
    "active_devices_count": 7,
}


def page(number: int) -> Match:
    return lambda path: f"page={number}&" in f"{path}&" and "/alert/list" in path


def is_alert(path: str) -> bool:
    return path.startswith("/api/v2/ftth/alert/1")


def is_client(path: str) -> bool:
    return path.startswith("/api/v2/client/")


async def poll(api: OltApi, olt: OltCloud, *rows: Any) -> Poll:
    api.raw_rows = list(rows)
    return await olt.open_incidents()


def row(**fields: Any) -> dict[str, Any]:
    return {**ROW, **fields}


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in ROW.items() if name not in names}


async def test_a_row_becomes_an_incident(api: OltApi, olt: OltCloud) -> None:
    read = await poll(api, olt, ROW)
    [incident] = read.incidents
    assert (incident.id, incident.kind, incident.alert_type) == ("1", Kind.LOS, "pon_loss")
    assert incident.port == Port("3:6/15", "CB 01", "6/15")
    assert incident.started == datetime(2026, 9, 18, 14, 57, 18, 1648, tzinfo=UTC)
    assert (incident.affected, incident.total, incident.cto, incident.ignored) == (7, 61, None, False)
    assert read == Poll((incident,), frozenset({"1"}))


@pytest.mark.parametrize(
    ("alert_type", "kind"),
    [
        ("pon_loss", Kind.LOS),
        ("cto_loss", Kind.LOS),
        ("olt_loss", Kind.LOS),
        ("pon_no_power", Kind.POWER),
        ("no_power", Kind.POWER),
        ("pon_attenuation", Kind.OTHER),
        ("loss_of_sleep", Kind.OTHER),
    ],
)
async def test_the_kind_is_in_the_type(api: OltApi, olt: OltCloud, alert_type: str, kind: Kind) -> None:
    read = await poll(api, olt, row(alert_type=alert_type))
    assert read.incidents[0].kind is kind


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-09-18T11:57:18.001648", datetime(2026, 9, 18, 14, 57, 18, 1648, tzinfo=UTC)),
        ("2026-09-18 11:57:18", datetime(2026, 9, 18, 14, 57, 18, tzinfo=UTC)),
        ("18/09/2026 11:57:18", datetime(2026, 9, 18, 14, 57, 18, tzinfo=UTC)),
        ("2026-09-18T11:57:18Z", datetime(2026, 9, 18, 11, 57, 18, tzinfo=UTC)),
        ("2026-09-18 11:57:18+02:00", datetime(2026, 9, 18, 9, 57, 18, tzinfo=UTC)),
    ],
)
async def test_three_spellings_of_a_local_date_and_an_offset_wins(
    api: OltApi, olt: OltCloud, text: str, utc: datetime
) -> None:
    read = await poll(api, olt, row(initial_date=text))
    assert read.incidents[0].started == utc
    assert read.incidents[0].started.tzinfo is UTC


@pytest.mark.parametrize(
    ("fields", "port"),
    [
        ({"slot_pon": "06/015"}, Port("3:6/15", "CB 01", "6/15")),
        ({"slot_pon": "0/6/15"}, Port("3:6/15", "CB 01", "6/15")),
        ({"slot_pon": "gpon-olt_1/0/00"}, Port("3:0/0", "CB 01", "0/0")),
        ({"slot_pon": " 6 / 15 "}, Port("3:6/15", "CB 01", "6/15")),
        ({"olt_id": None}, Port("CB 01:6/15", "CB 01", "6/15")),
        ({"olt_name": None}, Port("3:6/15", "OLT 3", "6/15")),
        (
            {"alert_type": "cto_loss", "slot_pon": None, "cto_id": 9, "cto_name": "CTO 12 A"},
            Port("3:cto:9", "CB 01", "CTO 12 A"),
        ),
        ({"alert_type": "cto_loss", "slot_pon": "", "cto_id": 9}, Port("3:cto:9", "CB 01", "CTO 9")),
        (
            {"alert_type": "cto_loss", "slot_pon": None, "cto_name": "CTO 12 A"},
            Port("3:cto:CTO 12 A", "CB 01", "CTO 12 A"),
        ),
        ({"alert_type": "cto_loss", "cto_id": 9}, Port("3:6/15", "CB 01", "6/15")),
    ],
)
async def test_where_it_is(api: OltApi, olt: OltCloud, fields: dict[str, Any], port: Port) -> None:
    read = await poll(api, olt, row(**fields))
    assert [incident.port for incident in read.incidents] == [port]


@pytest.mark.parametrize(
    "text",
    [
        *("6/15", "1/6/15", "06/15", " 6 / 15 ", "gpon-olt_1/06/015", "gpon-olt_1/6/15", "0/6/15", "6-15"),
        *("0-6-15", "Slot 6 PON 15", "slot 06, pon 15", "SLOT:6/PON:15", "Placa 6 Porta 15", "6/15:3"),
        *("gpon-onu_1/6/15:3", "6/15 : 12"),
    ],
)
async def test_one_port_in_any_spelling_is_one_port(api: OltApi, olt: OltCloud, text: str) -> None:
    first, second = (await poll(api, olt, ROW, row(id=2, slot_pon=text))).incidents
    assert first.port == second.port


@pytest.mark.bug("an OLT named `A:B` without an id was taken for the OLT `A`")
@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"olt_name": "POP:Sul"}, "POP%3ASul:6/15"),
        (
            {"olt_name": "POP:Sul", "alert_type": "cto_loss", "slot_pon": None, "cto_name": "A:6/15"},
            "POP%3ASul:cto:A:6/15",
        ),
        ({"olt_id": "3:4", "olt_name": "POP-Sul"}, "POP-Sul:6/15"),
    ],
)
async def test_a_key_tells_the_olt_also_where_its_name_has_a_colon(
    api: OltApi, olt: OltCloud, fields: dict[str, Any], key: str
) -> None:
    [incident] = (await poll(api, olt, row(**{"olt_id": None, **fields}))).incidents
    assert incident.port.key == key
    assert incident.port.olt_key == key.partition(":")[0]
    assert incident.port.olt == fields["olt_name"]  # people read the name as it is


async def labels(api: OltApi, olt: OltCloud, *rows: Any) -> list[str]:
    return [incident.port.label for incident in (await poll(api, olt, *rows)).incidents]


async def test_two_olts_with_one_name_read_apart_from_then_on(api: OltApi, olt: OltCloud) -> None:
    three, seven = row(id=1), row(id=2, olt_id="7")
    assert await labels(api, olt, three) == ["CB 01 6/15"]
    assert await labels(api, olt, three, seven) == ["CB 01 (#3) 6/15", "CB 01 (#7) 6/15"]
    assert await labels(api, olt, seven) == ["CB 01 (#7) 6/15"]
    assert await labels(api, olt, three, row(id=3, olt_id=9, olt_name="CB 09")) == [
        "CB 01 (#3) 6/15",
        "CB 09 6/15",
    ]
    assert {incident.port.key for incident in (await poll(api, olt, three)).incidents} == {"3:6/15"}


async def test_a_name_that_reads_like_a_nameless_olt(api: OltApi, olt: OltCloud) -> None:
    nameless, named = row(olt_name=None), row(id=2, olt_id=7, olt_name="OLT 3")
    assert await labels(api, olt, nameless, named) == ["OLT 3 (#3) 6/15", "OLT 3 (#7) 6/15"]


async def test_a_clash_is_seen_in_rows_that_are_over_or_odd(api: OltApi, olt: OltCloud) -> None:
    over, odd = row(id=2, olt_id=7, end_date="2026-09-18 12:00:00"), row(id=3, olt_id=8, alert_type=None)
    assert await labels(api, olt, row(), over) == ["CB 01 (#3) 6/15"]
    assert await labels(api, olt, odd, row(id=4, olt_id=8)) == ["CB 01 (#8) 6/15"]


async def test_an_olt_without_an_id_keeps_its_bare_name(api: OltApi, olt: OltCloud) -> None:
    bare = row(id=3, olt_id=None)
    assert await labels(api, olt, row(), bare) == [
        "CB 01 6/15",
        "CB 01 6/15",
    ]  # for all we know, they are one
    assert (await labels(api, olt, row(), row(id=2, olt_id=7), bare))[2] == "CB 01 6/15"


@pytest.mark.parametrize(
    ("text", "started"),
    [
        ("2099-01-01T00:00:00", datetime(2099, 1, 1, 3, tzinfo=UTC)),
        ("2025-11-22 12:00:00", datetime(2025, 11, 22, 15, tzinfo=UTC)),
        ("01/01/1970 00:00:00", datetime(1970, 1, 1, 3, tzinfo=UTC)),
    ],
)
async def test_a_start_in_another_year_passes_as_it_is(
    api: OltApi, olt: OltCloud, text: str, started: datetime
) -> None:
    read = await poll(api, olt, row(initial_date=text))
    assert [incident.started for incident in read.incidents] == [started]


@pytest.mark.parametrize(
    ("active", "total", "shown"),
    [
        (None, None, (None, None)),
        ("7", "61", (7, 61)),
        (-1, -1, (None, None)),
        (7, 3, (7, None)),
        (None, 0, (None, None)),
        (True, "many", (None, None)),
        (7.0, float("1e3"), (7, 1000)),
    ],
)
async def test_odd_counts(
    api: OltApi, olt: OltCloud, active: Any, total: Any, shown: tuple[int | None, int | None]
) -> None:
    read = await poll(api, olt, row(active_devices_count=active, total_devices_count=total))
    assert [(incident.affected, incident.total) for incident in read.incidents] == [shown]


@pytest.mark.parametrize(
    "fields",
    [{"end_date": "2026-09-18 12:00:00"}, {"active_devices_count": 0}, {"active_devices_count": "0"}],
)
async def test_what_is_over_is_not_there(api: OltApi, olt: OltCloud, fields: dict[str, Any]) -> None:
    read = await poll(api, olt, row(**fields), row(id=2))
    assert replace(read, closed=frozenset()) == await poll(api, olt, row(id=2))
    assert read.closed == {"1"}


async def test_ignored_ones_are_there_and_say_so(api: OltApi, olt: OltCloud) -> None:
    read = await poll(api, olt, row(ignored=True))
    assert [incident.ignored for incident in read.incidents] == [True]
    assert read.present == {"1"}


@pytest.mark.parametrize(
    ("odd", "what"),
    [
        (without("alert_type"), OddRow("1", "alert_type", "CB 01, 6/15, 2026-09-18T11:57:18.001648")),
        (row(alert_type=5), OddRow("1", "alert_type", "CB 01, 6/15, 5, 2026-09-18T11:57:18.001648")),
        (
            row(olt_id=None, olt_name="", initial_date=None, cto_name="C" * 300),
            OddRow("1", "olt", f"6/15, {'C' * 40}, pon_loss"),
        ),
    ],
)
async def test_an_odd_row_is_named_and_the_others_go_on(
    api: OltApi, olt: OltCloud, odd: Any, what: OddRow
) -> None:
    read = await poll(api, olt, odd, row(id=2))
    assert [incident.id for incident in read.incidents] == ["2"]
    assert read.skipped == (what,)
    assert read.present == {"1", "2"}  # it is still there, so its case stays open
    assert read.complete


@pytest.mark.parametrize(
    ("slot_pon", "key", "place"),
    [
        ("porta seis", "3:port:porta seis", "porta seis"),
        (6, "3:port:6", "6"),
        ("A/B", "3:port:A/B", "A/B"),
        ("x" * 300, f"3:port:{'x' * 40}", "x" * 40),
        (None, "3:port:#1", "?"),
        ("", "3:port:#1", "?"),
        ([6, 15], "3:port:#1", "?"),
    ],
)
async def test_a_port_that_nobody_can_read_is_shown_as_it_was_written(
    api: OltApi, olt: OltCloud, slot_pon: Any, key: str, place: str
) -> None:
    read = await poll(api, olt, row(slot_pon=slot_pon))
    [incident] = read.incidents
    assert incident.port == Port(key, "CB 01", place)
    assert (incident.port.olt_key, incident.port.slot, incident.port.placed) == ("3", "", False)
    assert read.skipped == ()


async def test_a_cto_without_a_name_is_a_port_that_nobody_can_read(api: OltApi, olt: OltCloud) -> None:
    [incident] = (await poll(api, olt, row(alert_type="cto_loss", slot_pon=None))).incidents
    assert incident.port == Port("3:port:#1", "CB 01", "?")


@pytest.mark.parametrize(
    "text", [None, "", "ontem", 7, "31/02/2026 10:00:00", "0001-01-01T00:00:00+14:00", "9" * 5000]
)
async def test_a_start_that_nobody_can_read_hides_nothing(
    api: OltApi, olt: OltCloud, clock: FakeClock, text: Any
) -> None:
    [incident] = (await poll(api, olt, row(initial_date=text))).incidents
    assert (incident.started, incident.start_known) == (clock.now(), False)


async def test_texts_and_counts_are_cut(api: OltApi, olt: OltCloud) -> None:
    wild = row(
        olt_name="O" * 300,
        cto_name="C" * 300,
        alert_type="x" * 300,
        active_devices_count=1_000_001,
        total_devices_count="9" * 5000,
    )
    [incident] = (await poll(api, olt, wild)).incidents
    assert (incident.port.olt, incident.cto, incident.alert_type) == ("O" * 120, "C" * 120, "x" * 40)
    assert (incident.affected, incident.total) == (None, None)
    [cto] = (await poll(api, olt, {**wild, "alert_type": "cto_loss", "slot_pon": None})).incidents
    assert (cto.port.key, cto.port.place) == ("3:cto:" + "C" * 120, "C" * 120)


@pytest.mark.parametrize("odd", [None, "row", [], {}, row(id=None), row(id=""), row(id=True), row(id="../2")])
async def test_a_row_without_an_id_may_be_any_incident(api: OltApi, olt: OltCloud, odd: Any) -> None:
    read = await poll(api, olt, row(id=2), odd)
    assert [incident.id for incident in read.incidents] == ["2"]
    about = "CB 01, 6/15, pon_loss, 2026-09-18T11:57:18.001648" if isinstance(odd, dict) and odd else ""
    assert read.skipped == (OddRow("", "id", about),)
    assert read.complete
    assert not read.proves_absence


async def test_every_page_is_read_by_number_and_next_is_never_followed(api: OltApi, olt: OltCloud) -> None:
    read = await poll(api, olt, *(row(id=number) for number in range(1, 2502)))
    assert len(read.incidents) == len(read.present) == 2501
    assert read.complete
    assert api.next_followed == 0
    lists = [request.path for request in api.requests if "/alert/list" in request.path]
    assert lists[0] == "/api/v2/ftth/alert/list?end_date__isnull=true&page=1&page_size=1000"
    assert ["page=1&" in lists[0], "page=2&" in lists[1], "page=3&" in lists[2]] == [True] * 3
    assert len([path for path in lists if "page=4&" in path]) == 0


async def test_an_empty_page_before_the_count_is_reached_proves_nothing(api: OltApi, olt: OltCloud) -> None:
    empty = json.dumps({"count": 3, "next": None, "results": []})
    api.faults.inject(Answer(200, empty), match=page(1))
    assert not (await olt.open_incidents()).complete
    api.faults.inject(Answer(200, json.dumps({"count": 3, "next": None, "results": [row()]})), match=page(1))
    api.faults.inject(Answer(200, empty), match=page(2))
    read = await olt.open_incidents()
    assert read.present == {"1"}
    assert not read.complete


async def test_half_an_emoji_in_a_name_stops_nothing(api: OltApi, olt: OltCloud) -> None:
    rows = json.dumps({"count": 1, "next": None, "results": [row(cto_name="CTO \ud83d")]})
    api.faults.inject(Answer(200, rows), match=page(1))
    read = await olt.open_incidents()
    assert [incident.cto for incident in read.incidents] == ["CTO ?"]


async def test_a_row_that_repeats_counts_once(api: OltApi, olt: OltCloud) -> None:
    read = await poll(api, olt, row(), row(), row(id=2))
    assert [incident.id for incident in read.incidents] == ["1", "2"]
    assert not read.complete  # three were promised, and two came: what is the third?


async def test_what_a_slow_list_brought_in_time_is_there(api: OltApi, olt: OltCloud) -> None:
    await olt.open_incidents()  # logs in
    api.raw_rows = [row(id=number) for number in range(1, 1002)]

    async def hangs(at: int) -> Poll:
        api.faults.inject(Hang(), match=page(at))
        reading = asyncio.create_task(olt.open_incidents(WITHIN))
        await until(lambda: page(at)(api.requests[-1].path))
        leap(WITHIN)
        return await reading

    read = await hangs(2)
    assert len(read.incidents) == 1000
    assert not read.complete
    with pytest.raises(AnswerLost, match="too_slow"):
        await hangs(1)


async def paged(api: OltApi, olt: OltCloud, *pages: Any) -> Poll:
    """The poll where the list has these pages: a count and ids each."""
    for number, (count, ids) in enumerate(pages, start=1):
        rows = [row(id=id_) for id_ in ids]
        body = json.dumps({"count": count, "next": None, "results": rows})
        api.faults.inject(Answer(200, body), match=page(number))
    return await olt.open_incidents()


@pytest.mark.parametrize(
    ("pages", "complete"),
    [
        ([(4, (1, 2)), (4, (2, 3)), (4, ())], False),  # 4 was moved onto the page that was read before
        ([(4, (1, 2)), (4, (2, 3)), (4, (4,))], True),
        ([(3, (1, 2)), (2, ())], False),  # 1 ended, and 3 moved onto the first page
        ([(None, (1, 2)), (None, (2, 3)), (None, ())], False),
        ([(None, (1, 2)), (None, (3,)), (None, ())], True),
        ([(None, (1, 2)), (None, (1, 2))], False),
        ([(3, (1, 2)), (None, (2,)), (None, ())], False),  # three were promised once
    ],
)
async def test_only_distinct_ids_count_as_read(
    api: OltApi, olt: OltCloud, pages: Any, complete: bool
) -> None:
    read = await paged(api, olt, *pages)
    assert read.complete is complete
    assert read.present == {str(id_) for _, ids in pages for id_ in ids}


@pytest.mark.parametrize(
    "fault", [HtmlPage(502), HtmlPage(200), Throttle(5), HalfBody(), Answer(404, "{}"), Answer(200, "[]")]
)
async def test_a_later_page_that_fails_makes_the_poll_incomplete(
    api: OltApi, olt: OltCloud, fault: HtmlPage | Throttle | HalfBody | Answer
) -> None:
    api.faults.inject(fault, match=page(2))
    read = await poll(api, olt, *(row(id=number) for number in range(1, 1002)))
    assert len(read.incidents) == 1000
    assert not read.complete


async def test_a_count_that_rows_of_one_id_fill_is_not_reached(api: OltApi, olt: OltCloud) -> None:
    rows = ", ".join(['{"id": 1, "end_date": "x"}'] * 3)
    first = Answer(200, f'{{"count": 3, "results": [{rows}]}}')
    api.faults.inject(first, match=page(1))
    api.faults.inject(Answer(404, "{}"), match=page(2))
    read = await olt.open_incidents()
    assert not read.complete
    assert read.closed == {"1"}


async def test_pages_that_only_repeat_prove_nothing_about_what_is_missing(api: OltApi, olt: OltCloud) -> None:
    api.faults.always(Answer(200, '{"count": 9, "results": [{"id": 1, "end_date": "x"}]}'), match=page(1))
    api.faults.always(Answer(200, '{"count": 9, "results": [{"id": 1, "end_date": "x"}]}'), match=page(2))
    read = await olt.open_incidents()
    assert not read.complete
    assert len([request for request in api.requests if "/alert/list" in request.path]) == 2


async def test_a_list_without_end_is_cut(api: OltApi, olt: OltCloud) -> None:
    for number in range(1, MOST_PAGES + 2):
        body = f'{{"count": null, "results": [{{"id": {number}, "end_date": "x"}}]}}'
        api.faults.inject(Answer(200, body), match=page(number))
    read = await olt.open_incidents()
    assert not read.complete
    assert len([request for request in api.requests if "/alert/list" in request.path]) == MOST_PAGES


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (HtmlPage(502), AnswerLost),
        (Throttle(5), TryLater),
        (HtmlPage(200), BadAnswer),
        (Answer(200, '{"count": 1}'), BadAnswer),
        (Answer(200, '{"return": false, "error": "sem permissao"}'), Refused),
        (Answer(403, "{}"), Refused),
    ],
)
async def test_a_first_page_that_fails_is_a_failed_poll(
    api: OltApi, olt: OltCloud, fault: HtmlPage | Throttle | Answer, error: type[Exception]
) -> None:
    api.faults.inject(fault, match=page(1))
    with pytest.raises(error):
        await olt.open_incidents()


async def test_the_devices_of_an_alert(api: OltApi, olt: OltCloud, world: World) -> None:
    customer = world.add_customer("Maria")
    onus = [world.add_onu(customer, serial=f"Z{index}") for index in range(3)]
    alert = world.cut(onus=[*onus, world.add_onu(None, serial="Z3"), onus[0]])
    found = await olt.affected(str(alert.id))
    someone, nobody = str(customer.id), None
    assert [(onu.serial, onu.client_id) for onu in found.onus] == [
        ("Z0", someone),  # the simulator puts the id on both, on the device, inside onu_device
        ("Z1", someone),
        ("Z2", someone),
        ("Z3", nobody),
    ]
    assert found.onus[0] == Onu("Z0", someone, "Maria", Link.LOS)
    assert not found.over


@pytest.mark.parametrize(
    ("status", "link"),
    [
        ("Online", Link.ONLINE),
        ("ONLINE ", Link.ONLINE),
        ("LOSS", Link.LOS),
        ("los", Link.LOS),
        ("Sem Energia", Link.POWER),
        ("sem  energía", Link.POWER),
        ("Power fail", Link.POWER),
        ("Offline", Link.OTHER),
        ("Inativo", Link.OTHER),
        ("?", Link.OTHER),
    ],
)
async def test_status_words(olt: OltCloud, world: World, status: str, link: Link) -> None:
    alert = world.cut(onus=[world.add_onu(None)], status=status)
    [onu] = (await olt.affected(str(alert.id))).onus
    assert onu.link is link


async def answered(api: OltApi, olt: OltCloud, body: str) -> Affected:
    api.faults.inject(Answer(200, body), match=is_alert)
    return await olt.affected("1")


async def test_devices_that_cannot_be_read_still_count(api: OltApi, olt: OltCloud) -> None:
    devices = '[null, 7, {}, {"client_id": 9, "onu_device": null}, {"onu_device": {"sn_onu": 4}}]'
    found = await answered(api, olt, f'{{"alert": {{"id": 1, "affected_devices": {devices}}}}}')
    unknown = Onu("?", None, "", Link.OTHER)
    assert found.onus == (unknown, unknown, unknown, Onu("?", "9", "", Link.OTHER), unknown)


@pytest.mark.parametrize("over", ['"end_date": "2026-09-18 12:00:00"', '"active_devices_count": 0'])
async def test_an_alert_that_is_over_says_so(api: OltApi, olt: OltCloud, over: str) -> None:
    assert await answered(api, olt, f'{{"alert": {{"id": "1", {over}}}}}') == Affected((), over=True)


@pytest.mark.parametrize(
    "body", ["[]", "{}", '{"alert": []}', '{"alert": {"id": 1}}', '{"alert": {"id": 2}}']
)
async def test_an_alert_that_cannot_be_read(api: OltApi, olt: OltCloud, body: str) -> None:
    with pytest.raises(BadAnswer):
        await answered(api, olt, body)


async def test_an_alert_that_is_gone(olt: OltCloud) -> None:
    with pytest.raises(NotFound):
        await olt.affected("404")


@pytest.mark.parametrize(
    ("contact", "phone_number", "phone"),
    [
        ("(61) 99999-0000", "61999990000", "(61) 99999-0000"),
        ("apto 302", "61888880000", "apto 302 / 61888880000"),
        ("", "61888880000", "61888880000"),
        (None, "61888880000", "61888880000"),
        ("recado com a vizinha", "61888880000", "61888880000"),
        ("61 99999-0000 / 3333-0000", None, "61 99999-0000 / 3333-0000"),
        (None, None, ""),
    ],
)
async def test_the_phone_of_a_customer(
    olt: OltCloud, world: World, contact: str | None, phone_number: str | None, phone: str
) -> None:
    customer = world.add_customer("Zé <b>", contact or "", phone_number or "")
    customer.contact, customer.phone_number = contact, phone_number
    assert await olt.customer(str(customer.id)) == Contact(str(customer.id), "Zé <b>", phone)


@pytest.mark.parametrize("empty_list", [False, True])
async def test_a_customer_without_a_record(api: OltApi, olt: OltCloud, empty_list: bool) -> None:
    api.empty_instead_of_404 = empty_list
    assert await olt.customer("404") is None


@pytest.mark.parametrize(
    "body", ["[]", "{}", '{"clients": null}', '{"clients": [{"id": 2, "contact": "61999990000"}, null]}']
)
async def test_a_record_that_is_not_that_customers(api: OltApi, olt: OltCloud, body: str) -> None:
    api.faults.inject(Answer(200, body), match=is_client)
    with pytest.raises(BadAnswer):
        await olt.customer("1")


async def test_a_number_as_phone_and_a_null_as_name(api: OltApi, olt: OltCloud) -> None:
    body = '{"clients": [{"id": "1", "name": null, "contact": 61999990000}]}'
    api.faults.inject(Answer(200, body), match=is_client)
    assert await olt.customer("1") == Contact("1", "", "61999990000")


async def test_a_refusal_in_a_200_is_no_missing_customer(api: OltApi, olt: OltCloud) -> None:
    api.faults.inject(Answer(200, '{"return": false, "error": "61999990000"}'), match=is_client)
    with pytest.raises(Refused) as refused:
        await olt.customer("1")
    assert not isinstance(refused.value, NotFound | LoginRefused)
    assert "61999990000" not in str(refused.value)
