"""Customers looked up ahead, over real HTTP: what the card says, and what an approval still asks for."""

import pytest

from bot.simulator.server import HtmlPage
from tests.scenes.conftest import Noc
from tests.scenes.test_main_job import mixed_outage


def looked_up(noc: Noc) -> list[str]:
    return [request.path for request in noc.olt.requests if "/client/" in request.path]


async def test_the_card_says_what_would_leave_and_so_it_does(noc: Noc) -> None:
    mixed_outage(noc)
    await noc.open()
    card = await noc.card()
    text = await noc.until(card, "≈ 27 mensagens · ")
    assert "≈ 27 mensagens · 2 sem cadastro · 1 sem telefone · 1 com telefone fixo · 1 já online" in text
    asked = len(looked_up(noc))
    await noc.chat.tap(noc.ana, card, "Aprovar")
    text = await noc.until(card, "27 enviadas · 5 não enviadas")
    assert "2 sem cadastro, 1 sem telefone, 1 com telefone fixo, 1 já online" in text
    assert "≈" not in text
    assert len(looked_up(noc)) == asked
    assert noc.hsm.duplicates == 0


async def test_an_approval_asks_only_for_who_came_since(noc: Noc) -> None:
    alert = noc.world.outage(12)
    await noc.open(POLL_SECONDS="60")
    card = await noc.card()
    await noc.until(card, "≈ 12 mensagens")
    new = noc.world.add_customer()
    alert.onus.append(noc.world.add_onu(new, olt="CB 01", slot_pon="6/15", status="LOSS"))
    alert.onus[0].status = "Online"
    noc.olt.requests.clear()
    await noc.chat.tap(noc.ana, card, "Aprovar")
    await noc.until(card, "12 enviadas · 1 não enviada")
    assert [path.rsplit("/", 1)[1] for path in looked_up(noc)] == [str(new.id)]


async def test_details_come_from_what_is_known(noc: Noc) -> None:
    noc.world.outage(12)
    await noc.open(POLL_SECONDS="60")
    card = await noc.card()
    await noc.until(card, "≈ 12 mensagens")
    noc.olt.requests.clear()
    await noc.chat.tap(noc.ana, card, "Detalhes")
    await noc.chat.wait(lambda c: next((m for m in c.messages() if m.reply_to == card.id), None))
    assert len(noc.olt.requests) == 1  # the alert itself


async def test_a_record_that_did_not_come_is_no_missing_record(noc: Noc) -> None:
    noc.world.outage(5)
    noc.olt.faults.inject(HtmlPage(502), match=lambda path: "/client/" in path)
    await noc.open(POLL_SECONDS="60")
    card = await noc.card()
    await noc.until(card, "≈ 4 mensagens · 1: o cadastro não respondeu")
    noc.olt.requests.clear()
    await noc.chat.tap(noc.ana, card, "Aprovar")
    await noc.until(card, "5 enviadas")
    assert len(looked_up(noc)) == 1


async def test_a_rehearsal_is_looked_up_as_well(noc: Noc) -> None:
    noc.world.outage(5)
    await noc.open(DRY_RUN="true")
    card = await noc.card()
    await noc.until(card, "≈ 5 mensagens")
    asked = len(looked_up(noc))
    await noc.chat.tap(noc.ana, card, "Aprovar")
    await noc.until(card, "seriam enviadas")
    assert (len(looked_up(noc)), noc.hsm.received) == (asked, [])


async def test_switched_off_the_card_says_nothing_of_it(noc: Noc) -> None:
    noc.world.outage(5)
    await noc.open(LOOK_UP_AHEAD="false")
    card = await noc.card()
    await noc.olt.until_read(3)
    assert ("≈" in card.text, looked_up(noc)) == (False, [])


@pytest.mark.process
async def test_400_customers_are_looked_up_eight_at_a_time(noc: Noc) -> None:
    noc.world.outage(400)
    noc.olt.faults.latency = 0.1
    await noc.open()
    card = await noc.card()
    await noc.until(card, "≈ 400 mensagens")
    assert 8 <= noc.olt.max_in_flight <= 8 + 2  # the polls beside them: 5 s at 100 ms, and not 40
    assert len(looked_up(noc)) == 400
