"""OLTs as people type them: their own name is what is silenced."""

from datetime import timedelta

import pytest

from bot.domain.limits.silence import Scope
from bot.flow import inventory
from tests.fakes import ANA
from tests.steps.conftest import Desk
from tests.steps.test_inventory import Listed


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("POP 1 1", "POP 1 1"),
        ("pop 1  1", "POP 1 1"),
        ("POP 11", "POP 11"),
        ("póp 11", "POP 11"),
        ("pop11", ""),  # may be either
        ("são-luís02", "São-Luís 02"),
        ("SAO-LUIS 02", "São-Luís 02"),
        ("OLT 9", ""),
    ],
)
def test_an_olt_is_named_by_what_people_type_where_that_can_be_one_alone(
    grouping: Desk, typed: str, name: str
) -> None:
    known = inventory.InventoryCache(grouping.source)
    known.known = dict.fromkeys(("POP 1 1", "POP 11", "São-Luís 02"), frozenset())
    assert known.name(typed, grouping.ledger.book) == name


async def test_a_silence_has_the_olts_own_name(grouping: Desk) -> None:
    Listed(grouping)
    until = grouping.clock.now() + timedelta(hours=1)
    silence = await grouping.flow.silence((Scope("olt7", "6/1"),), ANA, until, "works")
    assert silence.scopes == (Scope("OLT 7", "6/1"),)
