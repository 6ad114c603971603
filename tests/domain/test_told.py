"""What several sources tell of: which OLTs are one, and when nothing may be said to be."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.book import Book
from bot.domain.causes.told import Olts, follows_elsewhere, parts, told_elsewhere
from bot.domain.events import CaseOpened, Denied
from bot.domain.incident import Incident, Kind, Poll, Port, of_source, source_of
from tests.fakes import ANA, NOON


def at(source: str, olt_id: str, olt: str, place: str = "1/3", number: int = 1) -> Incident:
    """An incident as a source writes it; `source` empty: one with bare ids."""
    key, id_ = (f"{olt_id}:{place}", f"{number}")
    if source:
        key, id_ = f"{source}/one/{key}", f"{source}:one:{id_}"
    return Incident(id_, Kind.LOS, "los", Port(key, olt, place), NOON, 3, 61)


def keys(olts: Olts, *incidents: Incident) -> list[str]:
    poll = olts.placed(Poll(incidents, frozenset(i.id for i in incidents)))
    return [incident.port.key for incident in poll.incidents]


@pytest.mark.parametrize(
    ("one", "other"), [("CB 01", "cb-01"), ("CB 01", "CB01"), ("São João 2", "SAO_JOAO-2")]
)
def test_names_that_are_written_differently_are_one(one: str, other: str) -> None:
    assert parts(one) == parts(other)
    assert keys(Olts(), at("", "3", one), at("b", "9", other)) == ["3:1/3", "3:1/3"]


@pytest.mark.parametrize(
    ("one", "other"), [("CB 1", "CB 01"), ("CB 1/1", "CB 11"), ("CB 01", "CB 02"), ("CB 01", "OLT CB 01")]
)
def test_names_that_may_be_of_two_stay_two(one: str, other: str) -> None:
    assert keys(Olts(), at("", "3", one), at("b", "9", other)) == ["3:1/3", "b/one/9:1/3"]


def test_who_was_told_of_first_names_it_for_good() -> None:
    olts = Olts()
    assert keys(olts, at("b", "9", "CB-01")) == ["b/one/9:1/3"]
    assert keys(olts, at("", "3", "CB 01")) == ["b/one/9:1/3"], "it has a cooldown under that key, maybe"
    assert keys(olts, at("", "3", "CB 01", "2/4"), at("c", "1", "cb01", "2/4")) == ["b/one/9:2/4"] * 2
    [placed] = olts.placed(Poll((at("", "3", "CB 01"),), frozenset())).incidents
    assert placed.port.olt == "CB-01"


def test_a_name_that_two_olts_of_one_source_have_is_nobodys() -> None:
    olts = Olts()
    assert keys(olts, at("", "3", "CB 01"), at("", "7", "CB 01")) == ["3:1/3", "7:1/3"]
    assert keys(olts, at("b", "9", "CB 01")) == ["b/one/9:1/3"]
    assert keys(Olts(), at("b", "8", "CB 01"), at("b", "9", "CB 01"), at("", "3", "CB 01")) == [
        "b/one/8:1/3",
        "b/one/9:1/3",
        "3:1/3",
    ]


def of(account: str, olt: str = "OLT 01", number: int = 1) -> Incident:
    """What an account of one system tells; each has an OLT with id 1."""
    key = f"smart/{account}/1:0/3"
    return Incident(f"smart:{account}:{number}", Kind.LOS, "los", Port(key, olt, "0/3"), NOON, 3, 61)


def test_an_olt_is_in_one_account_of_a_system() -> None:
    olts = Olts()
    assert keys(olts, of("norte")) == ["smart/norte/1:0/3"]
    assert keys(olts, of("sul")) == ["smart/sul/1:0/3"]
    assert keys(olts, at("", "3", "OLT 01")) == ["3:1/3"], "it may be either"


def test_an_olt_of_another_system_is_in_one_of_two_accounts() -> None:
    olts = Olts()
    assert keys(olts, at("", "3", "OLT 01"), of("norte")) == ["3:1/3", "3:0/3"]
    assert keys(olts, of("sul")) == ["smart/sul/1:0/3"]
    assert keys(olts, of("norte")) == ["3:0/3"]


def test_after_a_restart_the_account_whose_olt_it_is_keeps_it() -> None:
    book, olts, again = Book(), Olts(), Olts()
    first = olts.placed(Poll((at("", "3", "OLT 01"), of("norte")), frozenset())).incidents
    book.apply(NOON, CaseOpened(1, first[0], first[1:]))
    again.learn(book)
    assert keys(again, of("sul"), of("norte")) == ["smart/sul/1:0/3", "3:0/3"]


def test_a_port_without_a_place_and_an_olt_without_a_name_are_left_alone() -> None:
    odd = Incident("b:one:1", Kind.LOS, "los", Port("b/one/9:port:x", "CB 01", "x"), NOON)
    olts = Olts()
    assert keys(olts, at("", "3", "CB 01"), odd) == ["3:1/3", "b/one/9:port:x"]
    assert keys(Olts(), at("", "3", "#"), at("b", "9", "-")) == ["3:1/3", "b/one/9:1/3"]


def test_what_the_ledger_knows_keeps_its_key_over_a_restart() -> None:
    book, olts = Book(), Olts()
    book.apply(NOON, CaseOpened(1, at("", "3", "CB 01")))
    olts.learn(book)
    assert keys(olts, at("b", "9", "CB-01", "5/6")) == ["3:5/6"]
    assert keys(olts, at("", "3", "CB 01")) == ["3:1/3"]


def test_an_outage_is_in_the_case_that_another_source_told_of_while_that_is_on() -> None:
    book, mine = Book(), at("", "3", "CB 01")
    book.apply(NOON, CaseOpened(1, mine))
    other = Incident("b:one:1", Kind.POWER, "power", mine.port, NOON)
    assert told_elsewhere(book, other, over=()) == 1
    assert told_elsewhere(book, other, over=(mine.id,)) is None, "it is just over there"
    assert told_elsewhere(book, at("", "3", "CB 01", number=2), over=()) is None, "one source, two alerts"
    assert told_elsewhere(book, at("b", "3", "CB 01"), over=()) is None, "another port"


def decided(told: Incident) -> Book:
    """That outage is a case, and somebody has denied it."""
    book = Book()
    book.apply(NOON, CaseOpened(1, told))
    book.apply(NOON, Denied(1, ANA, "planned"))
    return book


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"started": NOON + timedelta(minutes=30)}, True),
        ({"started": NOON + timedelta(minutes=31)}, False),
        ({"started": NOON - timedelta(hours=3)}, True),
        ({"started": NOON + timedelta(hours=3), "start_known": False}, True),
        ({"affected": 20}, True),
        ({"affected": 60}, False),
        ({"affected": None, "total": 60}, False),
        ({"affected": None, "total": None}, True),
    ],
)
def test_what_was_decided_was_about_as_much_and_about_what_was_on(
    changes: dict[str, Any], same: bool
) -> None:
    mine = replace(at("", "3", "CB 01"), affected=10)
    other = replace(mine, id="b:one:1", **changes)
    book = decided(mine)
    assert told_elsewhere(book, other, over=()) == (1 if same else None)
    assert follows_elsewhere(book, other, over=()) == 1
    assert follows_elsewhere(book, replace(other, id="7"), over=()) is None


def test_two_accounts_of_one_system_tell_of_two_outages() -> None:
    book = decided(of("norte"))
    assert told_elsewhere(book, replace(of("norte"), id="smart:sul:1"), over=()) is None


def test_an_id_says_whose_it_is() -> None:
    assert (source_of("7001"), source_of("b:one:3:1:3"), source_of("b:one")) == ("", "b:one", "b:one")
    assert of_source("7001", "")
    assert not of_source("b:one:1", "")
    assert of_source("b:one:1", "b:one:")
    assert not of_source("b:two:1", "b:one:")
