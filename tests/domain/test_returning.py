"""Ports that fall again: with the case that they had, unless most of what falls with them had none."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.domain.book import Book
from bot.domain.causes.correlation import Group
from bot.domain.causes.returning import placed
from bot.domain.events import (
    Approved,
    CaseOpened,
    Denied,
    IncidentChanged,
    IncidentEnded,
    Intent,
    Line,
    Planned,
    Result,
    Settled,
)
from bot.domain.incident import Incident
from bot.domain.plan import Outcome, Recipient
from bot.domain.rules import Rules
from tests.fakes import ANA, NOON, incident
from tests.patience import quickest

RULES = Rules()
LATER = NOON + timedelta(minutes=40)


def fell(*pons: int, first: int = 0) -> tuple[Incident, ...]:
    return tuple(incident(first + pon, place=f"6/{pon}") for pon in pons)


def ended(case: int, *incidents: Incident, at: datetime = NOON) -> list[tuple[datetime, Line]]:
    opened: list[tuple[datetime, Line]] = [(at, CaseOpened(case, incidents[0], incidents[1:]))]
    return opened + [(at, IncidentEnded(case, "gone", i.id)) for i in incidents]


def sent(case: int, *incidents: Incident) -> list[tuple[datetime, Line]]:
    lines: list[Line] = [
        Approved(case, ANA, tuple(i.port for i in incidents)),
        Planned(case, 1, (Recipient("1", "A", ("S",), "5561999990000"),)),
        Intent(case, "1"),
        Result(case, "1", Outcome.ACCEPTED),
        Settled(case, "done"),
    ]
    opened, *ends = ended(case, *incidents)
    return [opened, *((NOON, line) for line in lines), *ends]


def book(*lines: tuple[datetime, Line]) -> Book:
    made = Book()
    for at, line in lines:
        made.apply(at, line)
    return made


def where(
    known: Book, *groups: Group, settled: bool = True, now: datetime = LATER, rules: Rules = RULES
) -> tuple[dict[int, list[str]], list[tuple[list[str], int | None]]]:
    joins, alone = placed(groups, lambda _: settled, known, rules, now)
    ids: dict[int, list[str]] = {case: [i.id for i in those] for case, those in joins.items()}
    return ids, [([i.id for i in g.incidents], g.follows) for g in alone]


def ids(incidents: Sequence[Incident]) -> list[str]:
    return [i.id for i in incidents]


def test_a_port_that_falls_again_continues_its_case_at_once() -> None:
    [again] = fell(1, first=100)
    assert where(book(*ended(1, *fell(1))), Group((again,)), settled=False) == ({1: ["101"]}, [])


@pytest.mark.parametrize("minutes", [0, 39.9])
def test_not_after_too_long_a_time(minutes: float) -> None:
    known, [again] = book(*ended(1, *fell(1))), fell(1, first=100)
    assert where(known, Group((again,)), rules=Rules(reopen_minutes=minutes)) == ({}, [(["101"], None)])
    assert where(known, Group((again,)), rules=Rules(reopen_minutes=40)) == ({1: ["101"]}, [])


def test_not_while_the_case_is_on_there() -> None:
    known = book((NOON, CaseOpened(1, fell(1)[0])))
    assert where(known, Group(fell(1, first=100))) == ({}, [(["101"], None)])


@pytest.mark.bug(
    "a slot or an OLT that fell came apart onto the old cards of its ports: eight cards for one OLT"
)
def test_a_slot_that_falls_does_not_come_apart_where_some_of_its_ports_had_cases_before() -> None:
    known = book(*ended(1, *fell(1)), *sent(2, *fell(2, first=10)), *ended(3, *fell(3, first=20)))
    slot = fell(*range(1, 17), first=100)
    assert where(known, Group(slot)) == ({}, [(ids(slot), None)])
    assert where(known, Group(slot, joins=3)) == ({3: ids(slot)}, [])
    assert where(known, Group(slot, follows=2)) == ({}, [(ids(slot), 2)])


def test_half_is_not_most() -> None:
    known, two = book(*ended(1, *fell(1))), fell(1, 2, first=100)
    assert where(known, Group(two)) == ({}, [(["101", "102"], None)])


def test_a_cable_that_falls_again_with_one_more_port_continues_its_case() -> None:
    cable, again = fell(1, 2, 3), Group(fell(1, 2, 9, first=100))
    assert where(book(*ended(1, *cable)), again) == ({1: ["101", "102", "109"]}, [])
    denied = [*ended(1, *cable)[:1], (NOON, Denied(1, ANA, "known")), *ended(1, *cable)[1:]]
    assert where(book(*denied), again) == ({1: ["101", "102", "109"]}, [])
    assert where(book(*ended(1, *cable)), again, settled=False) == ({1: ["101", "102"]}, [])


def test_once_it_was_sent_the_one_more_is_a_card_that_follows() -> None:
    known, again = book(*sent(1, *fell(1, 2, 3))), fell(1, 2, 9, first=100)
    assert where(known, Group(again)) == ({1: ["101", "102"]}, [(["109"], 1)])
    assert where(known, Group(again, joins=7)) == ({1: ["101", "102"], 7: ["109"]}, [])


def test_nothing_is_grouped_with_what_a_person_took_apart() -> None:
    cable = fell(1, 2, 3)
    known = book((NOON, CaseOpened(1, cable[0], cable[1:], apart=5)), *ended(1, *cable)[1:])
    again = Group(fell(1, 2, 9, first=100))
    assert where(known, again) == ({1: ["101", "102"]}, [(["109"], None)])


@pytest.mark.bug(
    'one ONU on one of 60 ports brought their card back, and held back the "voltou" of all of them'
)
@pytest.mark.parametrize(
    ("before", "now", "returns"),
    [(40, 1, False), (1, 40, False), (1, 2, True), (3, 40, True), (None, 40, True)],
)
def test_one_onu_is_no_return_of_an_outage_nor_an_outage_that_of_one_onu(
    before: int | None, now: int, returns: bool
) -> None:
    known = book(*ended(1, *(replace(i, affected=before) for i in fell(1, 2))))
    again = replace(fell(1, first=100)[0], affected=now)
    assert where(known, Group((again,))) == (({1: ["101"]}, []) if returns else ({}, [(["101"], None)]))


def test_what_a_port_had_last_counts() -> None:
    few, many = (replace(i, affected=n) for n, i in zip((1, 40), (*fell(1), *fell(1, first=50)), strict=True))
    again = replace(fell(1, first=100)[0], affected=40)
    opened = (NOON, CaseOpened(1, few, (many,)))
    ends = [(NOON, IncidentEnded(1, "gone", i.id)) for i in (few, many)]
    later = NOON + timedelta(minutes=5)
    assert where(book(opened, ends[0], (later, ends[1][1])), Group((again,))) == ({1: ["101"]}, [])
    assert where(book(opened, ends[1], (later, ends[0][1])), Group((again,)))[0] == {}
    assert where(book(opened, ends[1]), Group((again,)))[0] == {}


def test_not_where_the_case_has_moved_to_another_port() -> None:
    first, again = fell(1)[0], fell(1, first=100)
    moved = IncidentChanged(1, replace(first, port=fell(2)[0].port))
    known = book((NOON, CaseOpened(1, first)), (NOON, moved), (NOON, IncidentEnded(1, "gone", first.id)))
    assert where(known, Group(again)) == ({}, [(["101"], None)])


def test_three_thousand_that_return_take_no_time() -> None:
    first, again = ([incident(n + at, place=f"6/{n}") for n in range(3000)] for at in (0, 10_000))
    known = book(*ended(1, *first))
    assert quickest(lambda: where(known, Group(tuple(again)))) < 0.1
    joins, alone = where(known, Group(tuple(again)))
    assert (len(joins[1]), alone) == (3000, [])
