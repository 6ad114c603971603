"""Customers of plans of the past, as the file history finds them; it looks no longer than a person waits."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.domain import events as ev
from bot.domain.lookup.sought import Customer, read
from bot.domain.lookup.told import told
from bot.domain.plan import Outcome, Recipient, Skip
from bot.domain.regional import Whose
from bot.domain.rules import Rules
from bot.storage.past import seeking
from bot.storage.past.history import FileHistory
from bot.storage.people.key import NAME
from tests.fakes import ANA, FakeClock, incident, port
from tests.people import KEY, lay
from tests.storage.past.histories import Dated, write

BEGIN = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)
PHONE = "5561999990001"


def plan(name: str, phone: str | None = PHONE) -> tuple[Recipient, ...]:
    skip = None if phone else Skip.NO_PHONE
    return (
        Recipient("c1", name, ("ZTEG00000001",), phone, skip),
        Recipient("r1", "CTO 7", ("FHTT00000009",), None, Skip.NO_RECORD),
    )


def outage(number: int, at: datetime, people: tuple[Recipient, ...]) -> list[Dated]:
    sent = [ev.Intent(number, "c1"), ev.Result(number, "c1", Outcome.ACCEPTED, str(number))]
    lines = [
        ev.CaseOpened(number, incident(number, place=f"1/{number}")),
        ev.Approved(number, ANA, (port(f"1/{number}"),)),
        ev.Planned(number, 2, people),
        *(sent if people[0].skip is None else ()),
        ev.Settled(number, "done"),
        ev.IncidentEnded(number),
    ]
    return [(at, line) for line in lines]


@pytest.fixture
def past(tmp_path: Path) -> FileHistory:
    """Eight outages of one customer, a month apart; the name was written otherwise in the last."""
    lines: list[Dated] = []
    for number in range(1, 9):
        name = "João Silva" if number < 8 else "Joao S Lima"
        lines += outage(number, BEGIN + timedelta(days=31 * number), plan(name))
    write(tmp_path, [[line] for line in lay(tmp_path, lines)])
    return FileHistory(tmp_path, lambda: None, FakeClock(BEGIN + timedelta(days=300)))


async def customers(past: FileHistory, text: str, called: str | None = None) -> list[Customer]:
    found = read(text)
    assert found is not None
    return (await past.customers(found, called))[0]


async def test_by_name_the_newest_of_those_that_fit(past: FileHistory) -> None:
    (one,) = await customers(past, "joao silva")
    assert (one.id, one.name, one.phone, one.cases) == ("c1", "João Silva", PHONE, (7, 6, 5, 4, 3))
    await past.close()


async def test_who_is_in_no_plan_of_theirs_is_not_found(tmp_path: Path) -> None:
    """Whoever is in plans of two regions is found in each, and known by all cases under any name."""
    lines: list[Dated] = []
    for number, region, name in (
        (1, "NORTE", "João Silva"),
        (2, "SUL", "João Silva"),
        (3, "SUL", "Ana Lima"),
    ):
        phone = PHONE if number < 3 else "5561999990003"
        (at, opened), *others = outage(number, BEGIN + timedelta(days=number), plan(name, phone))
        assert isinstance(opened, ev.CaseOpened)
        lines += [(at, replace(opened, region=region)), *others]
    write(tmp_path, [[line] for line in lay(tmp_path, lines)])
    past = FileHistory(tmp_path, lambda: None, FakeClock(BEGIN + timedelta(days=300)))
    regions = {"NORTE": Rules(), "SUL": Rules()}
    north, south = (Whose(frozenset({region}), Rules(regions=regions)) for region in regions)
    for text, called in (
        ("joao silva", None),
        ("61 99999-0001", KEY.person(PHONE)),
        ("zteg00000001", None),
    ):
        sought = read(text)
        assert sought is not None
        [one] = (await past.customers(sought, called, north))[0]
        [other] = (await past.customers(sought, called, south))[0]
        assert (one.cases, other.cases) == ((3, 2, 1), (3, 2, 1))
    sought = read("ana lima")
    assert sought is not None
    assert [len((await past.customers(sought, None, of))[0]) for of in (north, south)] == [0, 1]
    (tmp_path / NAME).unlink()
    sought = read("zteg00000001")
    assert sought is not None
    [one] = (await past.customers(sought, None, north))[0]
    assert one.cases == (3, 2, 1), "by the ONU also where nobody knows the names any more"
    await past.close()


async def test_by_phone_under_whatever_name_and_by_onu(past: FileHistory) -> None:
    for text, called in (("61 99999-0001", KEY.person(PHONE)), ("zteg00000001", None)):
        (one,) = await customers(past, text, called)
        assert (one.id, one.name, one.cases) == ("c1", "Joao S Lima", (8, 7, 6, 5, 4))
    (onu,) = await customers(past, "fhtt0000")
    assert (onu.id, onu.name, onu.phone) == ("FHTT00000009", "CTO 7", None)
    assert not await customers(past, "61 99999-0002", KEY.person("5561999990002"))
    await past.close()


async def test_the_last_outages_also_such_as_a_name_did_not_find(past: FileHistory) -> None:
    (one,) = await customers(past, "joao silva")
    book, cut = await past.outages(one, KEY.person(PHONE))
    assert not cut
    assert {8, 7, 6, 5, 4} <= book.cases.keys()
    assert told(book, 8, one.id).message is not None
    assert 8 not in (await past.outages(one, None))[0].cases
    await past.close()


async def test_it_looks_no_longer_than_somebody_waits(
    past: FileHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    sought = read("zteg00000001")
    assert sought is not None
    assert [one.cases for one in (await past.customers(sought, None))[0]] == [(8, 7, 6, 5, 4)]
    assert not (await past.customers(sought, None))[1]
    monkeypatch.setattr(seeking, "PATIENCE", -1.0)
    monkeypatch.setattr(seeking, "_AT_ONCE", 8)
    assert not (await past.customers(sought, None))[1], "there is no older one"
    monkeypatch.setattr(seeking, "_AT_ONCE", 2)
    (one,), cut = await past.customers(sought, None)
    assert (one.cases, cut) == ((8, 7), True)
    assert (await past.outages(one, KEY.person(PHONE)))[1]
    await past.close()


async def test_without_the_key_an_onu_is_found_all_the_same(past: FileHistory, tmp_path: Path) -> None:
    (tmp_path / NAME).unlink()
    (one,) = await customers(past, "zteg00000001")
    assert (one.id, one.name) == ("c1", "")
    assert not await customers(past, "joao silva")
    (by_phone,) = await customers(past, "61 99999-0001", KEY.person(PHONE))
    assert by_phone.cases == (8, 7, 6, 5, 4)
    await past.close()
