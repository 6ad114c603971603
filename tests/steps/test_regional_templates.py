"""A plan goes on by the template that it was made with, as long as the settings have one of that name.

The settings are read as at a start, and the gateway is Matrix's adapter: it takes no name that it was not
given.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from bot.chat.screens.cards.card import card
from bot.domain.limits.templates import Trouble
from bot.errors import Declined
from bot.gateways.matrix.matrix import Matrix
from bot.process.wiring import open_gateway, rules_of
from bot.simulator.matrix import MatrixApi
from bot.steps import decide
from tests.chat.screens import PT, assert_arrives
from tests.fakes import ANA, FakeGateway, settled
from tests.settings import load
from tests.test_settings import GOOD

from .conftest import Desk

ONE = {
    "REGIONS": "NORTE",
    "REGION_NORTE_TELEGRAM_CHAT_ID": "-1002",
    "REGION_NORTE_OLTS": "n*",
    "HSM_TEXT_LOS": "Oi",
    "REGION_NORTE_HSM_TEXT_LOS": "Aqui é do Norte",
}
OWN = {**ONE, "REGION_NORTE_HSM_ID_LOS": "514"}
RENAMED = {name.replace("NORTE", "CERRADO"): value.replace("NORTE", "CERRADO") for name, value in OWN.items()}
FILLED = {**ONE, "REGION_NORTE_HSM_VARIABLES": "nome"}
PAUSED = Trouble("paused")


class Bench:
    """A desk with Matrix's own adapter for a gateway, opened anew with the settings of each start."""

    def __init__(self, desk: Desk, api: MatrixApi) -> None:
        self.desk, self.api, self.opened = desk, api, list[Matrix]()

    def configure(self, given: dict[str, str]) -> None:
        settings = load(None, {**GOOD, **given, "URL_HSM": self.api.hsm_url, "TOKEN_HSM": "hsm-secret"})
        rules = rules_of(settings)
        plain: dict[str, Any] = {"sends": 1, "resume_within": 0.0, "close_polls": 1, "settle_seconds": 0.0}
        regions = {region: replace(own, **plain) for region, own in rules.regions.items()}
        regions = {region: replace(own, regions=regions) for region, own in regions.items()}
        gateway = open_gateway(settings, self.desk.clock)
        assert isinstance(gateway, Matrix)
        self.opened.append(gateway)
        self.desk.gateway = gateway  # type: ignore[assignment]
        self.desk.rules = replace(rules, **plain, regions=regions)
        self.desk.build()

    async def interrupted(self, before: dict[str, str], after: dict[str, str]) -> None:
        """A plan for three made by the settings `before`; one request had left when the program died."""
        desk = self.desk
        self.configure(before)
        desk.gateway = FakeGateway(block=asyncio.Event())
        desk.build()
        desk.fall("1/1", olt="N 01")
        await desk.poll()
        await desk.flow.approve(1, ANA)
        await desk.clock.advance(desk.rules.undo_seconds)
        await settled()
        self.configure(after)
        await desk.restart()
        await desk.poll()

    async def resume(self) -> None:
        rules = self.desk.rules.of(self.desk.case().region)
        await self.desk.flow.decide(decide.resume(1, ANA, rules))
        await self.desk.finish()

    def drawn(self) -> str:
        desk = self.desk
        rules = desk.rules.of(desk.case().region)
        return assert_arrives(card(desk.case(), desk.ledger.book, desk.clock.now(), PT, rules=rules))

    @property
    def sent(self) -> list[tuple[int, bool]]:
        """By which template each one left that came after the start, and whether it had variables."""
        return [(message.hsm, bool(message.variables)) for message in self.api.received]


@pytest.fixture
async def bench(desk: Desk) -> AsyncIterator[Bench]:
    async with MatrixApi() as api:
        bench = Bench(desk, api)
        yield bench
        await desk.tasks.drain(0)
        for gateway in bench.opened:
            await gateway.aclose()


@pytest.mark.parametrize(
    ("before", "after", "hsm"),
    [
        (ONE, OWN, 114),  # what the shared one began it also ends
        (OWN, OWN, 514),
        (OWN, ONE, 114),
        (OWN, RENAMED, 114),
        (FILLED, ONE, 114),
        (OWN, {**OWN, "REGION_NORTE_HSM_ID_LOS": "614"}, 614),
    ],
    ids=["own now", "as it was", "own no more", "renamed", "filled alike", "another id"],
)
async def test_what_is_left_leaves_by_what_it_was_planned_with_or_what_there_is(
    bench: Bench, before: dict[str, str], after: dict[str, str], hsm: int
) -> None:
    await bench.interrupted(before, after)
    await bench.resume()
    assert bench.sent == [(hsm, False)] * 2
    assert bench.desk.case().dispatches[-1].end == "done"


@pytest.mark.parametrize(("name", "held"), [("114", True), ("514", False)])
async def test_what_is_wrong_with_the_one_it_leaves_by_holds_it(bench: Bench, name: str, held: bool) -> None:
    await bench.interrupted(ONE, OWN)
    await bench.desk.flow.template_news(name, "", PAUSED)
    assert (f"Modelo {name}" in bench.drawn()) is held
    if held:
        with pytest.raises(Declined, match="template"):
            await bench.resume()
        assert bench.sent == []
        await bench.desk.flow.template_news(name, "", None)
    await bench.resume()
    assert bench.sent == [(114, False)] * 2


async def test_one_that_left_the_settings_is_not_the_one_that_holds(bench: Bench) -> None:
    await bench.interrupted(OWN, OWN)
    await bench.desk.flow.template_news("514", "", PAUSED)
    bench.configure(ONE)
    await bench.desk.restart()
    await bench.desk.poll()
    assert "Modelo" not in bench.drawn()
    await bench.resume()
    assert bench.sent == [(114, False)] * 2


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [(ONE, OWN, "Oi"), (OWN, OWN, "Aqui é do Norte"), (OWN, RENAMED, "Oi"), (OWN, ONE, "Aqui é do Norte")],
)
async def test_what_a_customer_would_read_is_the_text_of_that_one(
    bench: Bench, before: dict[str, str], after: dict[str, str], text: str
) -> None:
    await bench.interrupted(before, after)
    desk = bench.desk
    assert desk.flow.said(desk.case(), await desk.flow.details(1)) == [text]
