"""A cable with 60 PONs is one card and one tap, whether they fall at once or over three minutes."""

import asyncio
from collections import Counter

import pytest

from bot.simulator.telegram.api import Message
from tests.scenes.conftest import Noc

pytestmark = pytest.mark.process

PONS, CUSTOMERS = 60, 3  # customers a PON
# Three minutes in nine seconds: the bot's own times, which are 30 s a poll and these defaults, are divided by
# 20, too. A poll cannot be shorter than a second, and so it is the one that is not quite to scale.
FASTER = 20
SCALED = {
    "POLL_SECONDS": str(30 / FASTER),
    "SETTLE_SECONDS": str(10 / FASTER),
    "GROUP_SECONDS": str(120 / FASTER),
    "GROUP_POWER_SECONDS": str(300 / FASTER),
}
APART = 180 / FASTER / PONS  # seconds between two PONs


def fall(noc: Noc, number: int) -> None:
    """One more PON of a single OLT loses its light."""
    noc.world.outage(CUSTOMERS, olt="CB 01", slot_pon=f"{number // 16 + 1}/{number % 16 + 1}")


def cards(noc: Noc) -> list[Message]:
    return [m for m in noc.chat.messages() if "CB 01" in m.text and m.reply_to is None]


def question(card: Message) -> str:
    """The button that sends, where the card has one: as it was asked, or as it has grown since."""
    return next((b for b in card.buttons if b == "Aprovar" or b.startswith("Enviar para ")), "")


async def say_yes(noc: Noc) -> None:
    """Approve whatever a card asks, until everybody has a message."""
    while len(noc.hsm.received) < PONS * CUSTOMERS:
        asking = await noc.chat.wait(lambda _: [card for card in cards(noc) if question(card)])
        label = question(asking[0])
        await noc.chat.tap(noc.bruno, asking[0], label)
        await noc.chat.wait(lambda _, card=asking[0], label=label: label not in card.buttons)  # type: ignore[misc]
        await noc.chat.wait(
            lambda _: len(noc.hsm.received) == PONS * CUSTOMERS or any(map(question, cards(noc)))
        )


async def everybody_once(noc: Noc) -> None:
    await noc.hsm.until(PONS * CUSTOMERS)
    assert Counter(noc.hsm.count.values()) == {1: PONS * CUSTOMERS}
    assert noc.hsm.duplicates == 0
    assert noc.chat.refused == []


async def test_60_pons_in_one_poll_are_one_card_and_one_tap_reaches_everyone_once(noc: Noc) -> None:
    noc.chat.group_limit = 20  # a minute, as the real one: this bot runs at its real pace
    for number in range(PONS):
        fall(noc, number)
    await noc.spawn()
    card = await noc.card("60 PONs")
    assert f"cerca de {PONS * CUSTOMERS} ONUs" in card.text
    assert "60 de 60 PONs" in card.text  # why: the whole OLT
    answer = await noc.chat.tap(noc.ana, card, "Aprovar")
    assert "Aprovado" in answer.text
    await everybody_once(noc)
    text = await noc.until(card, f"{PONS * CUSTOMERS} enviadas\n")
    assert "60 PONs" in text
    assert cards(noc) == [card]


@pytest.mark.parametrize("tapped_after", [PONS, PONS // 2], ids=["after the last", "in the middle"])
async def test_60_pons_over_three_minutes_are_at_most_two_cards(noc: Noc, tapped_after: int) -> None:
    noc.chat.group_limit, noc.chat.group_window = 20, 60.0 / 10  # this bot has ten times the pace (conftest)
    await noc.open(**SCALED)
    for number in range(PONS):
        fall(noc, number)
        if number + 1 == tapped_after:
            await noc.chat.tap(noc.ana, await noc.card("PONs"), "Aprovar")
        await asyncio.sleep(APART)  # the world's own pace: nothing is waited for
    await noc.olt.until_read(noc.olt.readings + 3)
    await say_yes(noc)
    await everybody_once(noc)
    shown = cards(noc)
    assert len(shown) <= 2
    if len(shown) > 1:  # the first was carried out before they fell
        assert "Continuação do caso 1" in shown[1].text
