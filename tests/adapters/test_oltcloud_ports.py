"""OLT Cloud: the ports of an OLT and the ONUs on one, as the API may write them."""

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.domain.customer import Link
from bot.domain.incident import Port
from bot.errors import AnswerLost, BadAnswer, NotFound, Refused, TryLater
from bot.simulator.olt import OltApi
from bot.simulator.server import Answer, HalfBody, HtmlPage, Match, Throttle
from bot.simulator.world import World
from bot.sources.oltcloud.oltcloud import OltCloud
from bot.sources.oltcloud.pages import MOST_PAGES

PONS, ONUS = "/api/v2/ftth/pons", "/api/v2/ftth/equipment/list"
HERE = Port("1:6/15", "CB 01", "6/15")
FAULTS = [
    (HtmlPage(502), AnswerLost),
    (HalfBody(), AnswerLost),
    (Throttle(5), TryLater),
    (HtmlPage(200), BadAnswer),
    (Answer(200, "[]"), BadAnswer),
    (Answer(200, '{"count": 1}'), BadAnswer),
    (Answer(200, '{"return": false, "error": "sem permissao"}'), Refused),
    (Answer(403, "{}"), Refused),
]
Broken = HtmlPage | HalfBody | Throttle | Answer


def page(path: str, number: int) -> Match:
    return lambda asked: asked.startswith(path) and f"page={number}&" in f"{asked}&"


def pages(api: OltApi, path: str, *bodies: object) -> None:
    """What the pages hold, from the first; past them is a 404."""
    for number, body in enumerate(bodies, 1):
        api.faults.always(Answer(200, json.dumps(body)), match=page(path, number))
    api.faults.always(Answer(404, "{}"), match=page(path, len(bodies) + 1))


def asked(api: OltApi, path: str) -> list[dict[str, str]]:
    requests = [urlsplit(request.path) for request in api.requests]
    return [
        {name: value for name, [value] in parse_qs(url.query).items()} for url in requests if url.path == path
    ]


def pon(
    olt: str | None = "CB 01", slot: object = 6, number: object = 15, onus: object = 9, **more: Any
) -> Any:
    return {"olt_name": olt, "slot": slot, "pon": number, "onu_count": onus, **more}


def onu(serial: object = "Z1", status: object = "LOSS", **more: Any) -> dict[str, Any]:
    where = {"olt": "CB 01", "olt_id": 1, "slot": 6, "pon": 15}
    return {"serial_number": serial, "status": status, **where, **more}


def onus(numbers: Iterable[int]) -> list[dict[str, Any]]:
    return [onu(f"Z{number}") for number in numbers]


async def test_the_ports_of_a_network(olt: OltCloud, world: World) -> None:
    for name, place in (("CB 01", "6/15"), ("CB 01", "6/16"), ("CB 01", "7/1"), ("CB 02", "1/1")):
        world.add_onu(None, name, place)
    assert await olt.inventory() == {"CB 01": {"6/15", "6/16", "7/1"}, "CB 02": {"1/1"}}


async def test_ports_in_any_spelling_and_only_those_with_onus(api: OltApi, olt: OltCloud) -> None:
    odd: tuple[Any, ...] = (None, 7, {}, pon(None), pon(slot=None), pon(number="x"), pon(number=True))
    empty = (pon(number=1, onus=0), pon(number=2, onus="0"), pon(number=3, onus=None), pon(number=4, onus=-1))
    good = (pon(slot="06", number="015"), pon(slot="1/6", number=15), pon(number="6/16", onus="1"))
    api.raw_pons = [*odd, *empty, *good]
    assert await olt.inventory() == {"CB 01": {"6/15", "6/16"}}


async def test_ports_of_two_olts_with_one_name(api: OltApi, olt: OltCloud) -> None:
    api.raw_pons = [pon(), pon()]  # nothing tells them apart
    assert await olt.inventory() == {"CB 01": {"6/15"}}
    api.raw_pons = [pon(olt_id=3), pon(olt_id="7", number=16), pon(None, olt_id=9)]
    assert await olt.inventory() == {"CB 01 (#3)": {"6/15"}, "CB 01 (#7)": {"6/16"}, "OLT 9": {"6/15"}}


async def test_pages_of_ports_with_a_count(api: OltApi, olt: OltCloud) -> None:
    first, second = {"count": 2, "results": [pon()]}, {"count": "2", "results": [pon(number=16)]}
    pages(api, PONS, first, second)
    assert await olt.inventory() == {"CB 01": {"6/15", "6/16"}}
    assert [query["page"] for query in asked(api, PONS)] == ["1", "2"]


@pytest.mark.parametrize(
    "found",
    [
        [{"count": 3, "results": [pon(), pon()]}, {"count": 3, "results": [pon(number=16)]}],
        [{"count": 3, "results": [pon(), pon(number=2)]}, {"count": 2, "results": []}],
        [{"results": [pon(), pon(number=2)]}, {"results": [pon(number=2), pon(number=3)]}, {"results": []}],
    ],
)
async def test_pages_that_repeat_rows_or_lack_one_are_no_list(
    api: OltApi, olt: OltCloud, found: list[Any]
) -> None:
    pages(api, PONS, *found)
    with pytest.raises(BadAnswer):
        await olt.inventory()


async def test_a_count_that_one_page_reaches_needs_no_other(api: OltApi, olt: OltCloud) -> None:
    alike = [pon(), pon()]  # of two OLTs with one name
    pages(api, PONS, {"count": 2, "results": alike}, {"count": 2, "results": alike})
    assert await olt.inventory() == {"CB 01": {"6/15"}}
    assert len(asked(api, PONS)) == 1


async def test_rows_of_other_olts_are_other_rows(api: OltApi, olt: OltCloud) -> None:
    first, second = ({"count": 2, "results": [pon(olt_id=number)]} for number in (3, 7))
    pages(api, PONS, first, second)
    assert await olt.inventory() == {"CB 01 (#3)": {"6/15"}, "CB 01 (#7)": {"6/15"}}
    moved = ({"count": 2, "results": [onu(olt=name, olt_id=None)]} for name in ("CB 01", "CB 02"))
    pages(api, ONUS, *moved)
    assert await olt.links(Port("CB 01:6/15", "CB 01", "6/15")) == {"Z1": Link.LOS}


@pytest.mark.parametrize("last", [{"results": []}, {"results": [pon(number=16)]}, None])
async def test_pages_without_a_count_end_where_nothing_is_new(
    api: OltApi, olt: OltCloud, last: dict[str, Any] | None
) -> None:
    pages(api, PONS, {"results": [pon()]}, {"results": [pon(number=16)]}, *([last] if last else []))
    assert await olt.inventory() == {"CB 01": {"6/15", "6/16"}}
    assert len(asked(api, PONS)) == 3


async def test_a_list_without_end_is_no_list(api: OltApi, olt: OltCloud) -> None:
    pages(api, PONS, *({"results": [pon(number=number)]} for number in range(MOST_PAGES + 1)))
    with pytest.raises(BadAnswer):
        await olt.inventory()
    assert len(asked(api, PONS)) == MOST_PAGES


@pytest.mark.parametrize(("fault", "error"), FAULTS)
@pytest.mark.parametrize("number", [1, 2])
async def test_a_page_that_fails_is_a_failed_reading(
    api: OltApi, olt: OltCloud, fault: Broken, error: type[Exception], number: int
) -> None:
    pages(api, ONUS, {"count": 2, "results": [onu()]}, {"count": 2, "results": [onu("Z2")]})
    pages(api, PONS, {"count": 2, "results": [pon()]}, {"count": 2, "results": [pon(number=16)]})
    for path in (ONUS, PONS):
        api.faults.inject(fault, match=page(path, number))
    with pytest.raises(error):
        await olt.links(HERE)
    with pytest.raises(error):
        await olt.inventory()
    assert len(await olt.links(HERE)) == len((await olt.inventory())["CB 01"]) == 2


async def test_an_api_without_these_lists(api: OltApi, olt: OltCloud) -> None:
    for path in (ONUS, PONS):
        api.faults.inject(Answer(404, "{}"), match=page(path, 1))
    with pytest.raises(NotFound):
        await olt.inventory()
    with pytest.raises(NotFound):
        await olt.links(HERE)


@pytest.mark.parametrize(
    "bodies",
    [
        [{"count": 3, "results": []}],
        [{"count": 3, "results": onus([1, 2])}],
        [{"count": 3, "results": onus([1, 2])}, {"count": 3, "results": []}],
        [
            {"count": 3, "results": onus([1, 2])},
            {"count": 3, "results": onus([2])},
            {"count": 4, "results": []},
        ],
        [{"count": 3, "results": onus([1, 2])}, {"count": 3, "results": onus([1, 2])}],  # the same again
        [{"count": 3, "results": [None, {}]}, {"count": 3, "results": []}],
    ],
)
async def test_fewer_onus_than_promised_are_none(api: OltApi, olt: OltCloud, bodies: list[object]) -> None:
    pages(api, ONUS, *bodies)
    with pytest.raises(BadAnswer):
        await olt.links(HERE)


async def test_the_same_rows_again_with_another_status_prove_nothing(api: OltApi, olt: OltCloud) -> None:
    first, again = [onu("Z1"), onu("Z2")], [onu("Z1", "Online"), onu("Z2")]
    pages(api, ONUS, {"count": 3, "results": first}, {"count": 3, "results": again})
    with pytest.raises(BadAnswer):
        await olt.links(HERE)


async def test_links_are_asked_for_by_olt_slot_and_pon(api: OltApi, olt: OltCloud, world: World) -> None:
    for number in range(2501):
        world.add_onu(None, serial=f"Z{number}")
    assert len(await olt.links(HERE)) == 2501
    wanted = {"olt_id": "1", "slot": "6", "pon": "15", "page_size": "1000"}
    assert asked(api, ONUS) == [{**wanted, "page": str(number)} for number in (1, 2, 3)]


@pytest.mark.parametrize(
    ("status", "link"),
    [
        ("Online", Link.ONLINE),
        (" ONLINE", Link.ONLINE),
        ("LOSS", Link.LOS),
        ("sem  energía", Link.POWER),
        ("Inativo", Link.OTHER),
        (1, Link.OTHER),
        (None, Link.OTHER),
    ],
)
async def test_status_words(api: OltApi, olt: OltCloud, status: Any, link: Link) -> None:
    api.raw_equipment = [onu(status=status)]
    assert await olt.links(HERE) == {"Z1": link}


async def test_a_server_that_knows_no_filter(api: OltApi, olt: OltCloud, world: World) -> None:
    mine = [world.add_onu(None).serial for _ in range(3)]
    for name, place in (("CB 01", "6/5"), ("CB 01", "5/15"), ("CB 01", "16/15"), ("CB 02", "6/15")):
        world.add_onu(None, name, place)
    api.ignores_filters = True
    assert await olt.links(HERE) == dict.fromkeys(mine, Link.ONLINE)


async def test_rows_in_any_spelling_and_odd_ones_passed_over(api: OltApi, olt: OltCloud) -> None:
    serials: tuple[Any, ...] = (None, "", " ", True, [], {})
    odd: tuple[Any, ...] = (
        None,
        "row",
        7,
        [],
        {},
        *map(onu, serials),
        onu("Z9", slot=None),
        onu("Z9", pon={}),
    )
    api.raw_equipment = [
        *odd,
        onu("Z1", slot="06", pon=" 15"),
        onu("Z2", slot="0/6", olt_id="1"),
        onu("Z3", pon="6/15"),
        onu(44, olt_id=None, olt=None),
        onu("Z9", olt_id=2),
    ]
    assert await olt.links(HERE) == dict.fromkeys(("Z1", "Z2", "Z3", "44"), Link.LOS)


async def test_rows_that_contradict_each_other(api: OltApi, olt: OltCloud) -> None:
    api.raw_equipment = [onu(), onu("Z2"), onu(status="Online"), onu("Z2"), onu()]
    assert await olt.links(HERE) == {"Z1": Link.OTHER, "Z2": Link.LOS}


@pytest.mark.parametrize("place", ["CTO 12 A", "6/15"])  # a CTO may be called like a port
async def test_the_links_of_a_cto_are_those_of_its_olt(
    api: OltApi, olt: OltCloud, world: World, place: str
) -> None:
    mine = [world.add_onu(None, slot_pon=where).serial for where in ("6/15", "7/1")]
    world.add_onu(None, "CB 02", "6/15")
    api.ignores_filters = True
    assert set(await olt.links(Port(f"1:cto:{place}", "CB 01", place))) == set(mine)
    assert asked(api, ONUS) == [{"olt_id": "1", "page": "1", "page_size": "1000"}]


@pytest.mark.parametrize(
    ("key", "name", "query", "serials"),
    [
        ("CB 01:6/15", "CB 01", {"slot": "6", "pon": "15"}, {"Z1", "Z2"}),
        ("CB 01:cto:9", "CB 01", {}, {"Z1", "Z2", "Z3"}),
        ("POP%3ASul:6/15", "POP:Sul", {"slot": "6", "pon": "15"}, {"Z4"}),
        ("POP:Sul:6/15", "POP:Sul", {"slot": "6", "pon": "15"}, {"Z4"}),  # as an older ledger has it
        ("7:6/15", "7", {"slot": "6", "pon": "15"}, {"Z5"}),  # a name that looks like an id
    ],
)
async def test_an_olt_without_an_id_is_found_by_its_name(  # noqa: PLR0917 - a table
    api: OltApi, olt: OltCloud, key: str, name: str, query: dict[str, str], serials: set[str]
) -> None:
    api.raw_equipment = [
        onu("Z1"),
        onu("Z2", olt=" cb  01 ", olt_id=None),
        onu("Z3", slot=7),
        onu("Z4", olt="POP:Sul", olt_id=4),
        onu("Z5", olt=7, olt_id=None),
        onu("Z6", olt=None, olt_id=None),
    ]
    assert set(await olt.links(Port(key, name, key.rpartition(":")[2]))) == serials
    assert asked(api, ONUS) == [{**query, "page": "1", "page_size": "1000"}]


async def test_links_of_olts_with_one_name(api: OltApi, olt: OltCloud) -> None:
    api.raw_equipment = [onu("Z3", olt_id=3), onu("Z7", olt_id="7")]
    assert await olt.links(Port("7:6/15", "CB 01 (#7)", "6/15")) == {"Z7": Link.LOS}
    assert await olt.links(Port("3:6/15", "CB 01 (#3)", "6/15")) == {"Z3": Link.LOS}
