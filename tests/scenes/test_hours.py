"""What comes with time, over real HTTP: a scheduled send, an expected end that passes; the clock is moved."""

from datetime import datetime, timedelta
from typing import ClassVar

import pytest

from bot.process.clock import SystemClock
from bot.simulator.telegram.api import Message
from bot.simulator.world import LOCAL
from tests.scenes.conftest import Noc

pytestmark = pytest.mark.process


class MovedClock(SystemClock):
    """This machine's clock, set ahead."""

    ahead: ClassVar[timedelta] = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> type[MovedClock]:
    monkeypatch.setattr("bot.process.app.SystemClock", MovedClock)
    monkeypatch.setattr(MovedClock, "ahead", timedelta())
    return MovedClock


def closed_now() -> str:
    """Customers' hours that open in about six hours."""
    now = datetime.now(LOCAL)
    return f"{now + timedelta(hours=6):%H:%M}-{now - timedelta(minutes=1):%H:%M}"


async def scheduled(noc: Noc, olt: str) -> Message:
    """The card of an OLT whose send waits for the customers' hours."""
    card = await noc.card(olt)
    await noc.chat.tap(noc.ana, card, "Aprovar")
    await noc.chat.wait(lambda _: any("Enviar às" in label for label in card.buttons))
    await noc.chat.tap(noc.ana, card, "Enviar às")
    await noc.until(card, "Envio agendado")
    return card


async def test_a_scheduled_send_leaves_out_who_is_back_and_an_outage_that_is_over(
    noc: Noc, clock: type[MovedClock]
) -> None:
    hours = closed_now()
    on, over = noc.world.outage(5, olt="CB 01"), noc.world.outage(5, olt="CB 02")
    await noc.open(CUSTOMER_HOURS=hours)
    card, other = await scheduled(noc, "CB 01"), await scheduled(noc, "CB 02")
    on.onus[0].status = "Online"
    noc.world.repair(over)
    await noc.until(other, "Normalizado")
    assert noc.hsm.received == []
    await noc.close()  # and it is as durable as any decision
    clock.ahead = timedelta(hours=6, minutes=2)
    await noc.open(CUSTOMER_HOURS=hours)
    await noc.until(card, "4 enviadas · 1 não enviada")
    await noc.olt.until_read(noc.olt.readings + 2)
    told = {message.phone for message in noc.hsm.received}
    assert len(noc.hsm.received) == len(told) == 4
    back, gone = (noc.world.customers[onu.client_id or 0] for onu in (on.onus[0], over.onus[0]))
    assert not told & {f"55{back.phone_number}", f"55{gone.phone_number}"}


@pytest.mark.bug("a decided card never showed that its expected end had passed")
async def test_an_expected_end_that_passes_is_asked_about_once(noc: Noc, clock: type[MovedClock]) -> None:
    noc.world.outage(3)
    await noc.open()
    card = await noc.card()
    await noc.chat.tap(noc.ana, card, "Aprovar")
    await noc.until(card, "3 enviadas")
    await noc.chat.say(noc.bruno, "/previsao 1 2h")
    await noc.until(card, "⏰")
    await noc.olt.until_read(noc.olt.readings + 2)
    asked = [m for m in noc.chat.messages() if m.reply_to == card.id and "previsão" in m.text]
    clock.ahead = timedelta(hours=2, minutes=1)
    reply = await noc.chat.wait(
        lambda c: next((m for m in c.messages() if m.reply_to == card.id and m not in asked), None)
    )
    who = {e["user"]["id"] for e in reply.entities if e["type"] == "text_mention"}
    assert who == {noc.bruno.id}  # who expected it
    await noc.until(card, "passou")
    await noc.olt.until_read(noc.olt.readings + 2)
    assert [m for m in noc.chat.messages() if m.reply_to == card.id and m not in asked] == [reply]
    assert noc.hsm.duplicates == 0
