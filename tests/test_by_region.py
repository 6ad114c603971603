"""The numbers of each of several NOCs."""

from dataclasses import replace

from bot.domain.case import Case
from bot.domain.rules import Rules
from bot.process.watched.by_region import by_region
from tests.fakes import NOON, incident

REGIONS: dict[str, Rules] = {"NORTE": Rules(olts=("n*",)), "SUL": Rules(olts=("s*",))}
RULES = Rules(regions=REGIONS)
WAITING = {"": (0, 1, 0), "NORTE": (2, 0, 3), "SUL": (0, 0, 0)}


def case(number: int, region: str) -> Case:
    return replace(Case(number, incident(number), NOON), region=region)


def test_each_region_is_there_and_what_is_of_none_is_other() -> None:
    stand = [(case(1, "NORTE"), "waiting"), (case(2, "NORTE"), "sending"), (case(3, "LESTE"), "waiting")]
    open_, queue = by_region(stand, WAITING, RULES)
    assert open_.values == {
        ("NORTE", "waiting"): 1,
        ("NORTE", "sending"): 1,
        ("SUL", "waiting"): 0,
        ("other", "waiting"): 1,
    }
    assert queue.values[("NORTE", "notice")] == 3
    assert queue.values[("other", "edit")] == 1


def test_one_noc_has_none_of_it() -> None:
    assert by_region([(case(1, ""), "waiting")], {"": (1, 0, 0)}, Rules()) == ()
