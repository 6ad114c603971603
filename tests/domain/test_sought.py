"""Whom somebody means: names as people misspell them, phones in any spelling, parts of an ONU."""

import pytest

from bot.domain.lookup.sought import MANY, Customer, Hits, Sought, identity, plain, read
from bot.domain.plan import Recipient

JOAO = ("João da Silva", "5561999990001", ("ZTEGC8A1B2C3",))


def sought(text: str) -> Sought:
    found = read(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "text",
    [
        *("joão", "JOAO", "joao silva", "silva joão", "Joã", "da silva", "Jõao", "jao silva", "Joao Sliva"),
        *(
            "João Silvaa",
            "joao sillva",
            "61 99999-0001",
            "+55 (61) 9 9999.0001",
            "6199990001",
            "(61)999990001",
        ),
        *("0001", "90001", "999990001", "ZTEGC8A1B2C3", "ztegc8a1b2c3", "c8a1", "B2C3", "zteg-c8a1-b2c3"),
    ],
)
def test_is_found(text: str) -> None:
    assert sought(text).rank(*JOAO) is not None


@pytest.mark.parametrize(
    "text",
    [
        "Maria",
        "João Souza",
        "61 99999-0002",
        "62 99999-0001",
        "0002",
        "C8A2",
        "jo souto",
        "Ana Silva",
        "24",
    ],
)
def test_is_another(text: str) -> None:
    found = read(text)
    assert found is None or found.rank(*JOAO) is None


@pytest.mark.parametrize("text", ["", " ", "a", "1", "12", "123", "-", "?!", "\u200d"])
def test_that_is_too_little(text: str) -> None:
    assert read(text) is None


def test_a_whole_phone_is_no_end_and_no_name() -> None:
    found = sought("61 99999-0001")
    assert (found.end, found.words) == ("", ())
    assert found.rank("61 99999 0001", None, ()) is None


def test_what_is_unknown_fits_nothing() -> None:
    assert sought("0001").rank("", None, ()) is None
    assert sought("João").rank("", None, ("?",)) is None
    assert sought("João").rank("...", None, ()) is None


def hits(text: str, *people: tuple[str, str, str | None, tuple[str, ...], int]) -> list[Customer]:
    found = Hits(sought(text))
    for one in people:
        found.look_at(*one)
    return found.found()


def test_only_those_who_fit_best_are_meant() -> None:
    mario, maria, mariana = (
        (f"c{n}", name, None, (), n) for n, name in enumerate(["Mario", "Maria", "Mariana"])
    )
    assert [one.name for one in hits("maria", mario, mariana, maria, mario)] == ["Maria"]
    assert [one.name for one in hits("mari", mario, maria, mariana)] == ["Mariana", "Maria", "Mario"]
    assert [one.name for one in hits("marya", mario, maria)] == ["Maria"]


def test_one_customer_of_several_plans_is_one_and_the_newest_says_who_they_are() -> None:
    old = ("c1", "João Silva", "5561999990009", ("Z1",), 3)
    new = ("c1", "João da Silva", "5561999990001", (), 8)
    for order in ((old, new), (new, old)):
        (one,) = hits("silva", *order)
        assert (one.name, one.phone, one.serials, one.cases) == (
            "João da Silva",
            "5561999990001",
            ("Z1",),
            (8, 3),
        )
    assert hits("silva", *((*old[:4], n) for n in range(9)))[0].cases == (8, 7, 6, 5, 4)


def test_the_case_of_a_plan_that_has_another_name_counts_too() -> None:
    found = Hits(sought("silva"))
    found.look_at("c1", "Silva", None, (), 3)
    found.also("c1", 9)
    found.also("c2", 9)
    assert [(one.id, one.cases) for one in found.found()] == [("c1", (9, 3))]


def test_no_more_are_kept_than_anybody_reads() -> None:
    many = [(f"c{n}", "Ana", None, (), n) for n in range(MANY + 5)]
    assert len(hits("ana", *many)) == MANY


def test_by_what_a_recipient_is_known_in_other_plans() -> None:
    assert identity(Recipient("c7", serials=("Z",))) == "c7"
    assert identity(Recipient("r7", serials=("?", "Z"))) == "Z"
    assert identity(Recipient("r7", serials=("?",))) is None
    assert plain("ÀÇã\u0301") == "aca"
