"""The bot is killed in mid-send, again and again: the gateway is the only witness that counts."""

import re
import signal

import pytest

from tests.scenes.conftest import Noc

pytestmark = pytest.mark.process

CUSTOMERS = 120


async def test_kill_9_four_times_in_mid_send(noc: Noc) -> None:
    noc.world.outage(CUSTOMERS)
    slow = {"HSM_CONCURRENCY": "8", "HSM_RATE": "40"}
    await noc.spawn(**slow)
    card = await noc.card()
    await noc.chat.tap(noc.ana, card, "Aprovar")
    for sent in (10, 30, 50, 70):
        noc.hsm.faults.latency = 0.05
        await noc.hsm.until(sent)
        assert await noc.kill() == -signal.SIGKILL
        await noc.spawn(**slow)
    text = await noc.until(card, "Envio concluído")
    assert noc.hsm.duplicates == 0
    told, unknown = (int(re.search(rf"(\d+) {word}", text)[1]) for word in ("enviada", "incerta"))  # type: ignore[index]
    assert told + unknown == CUSTOMERS
    assert len(noc.hsm.received) >= told
    assert unknown <= 4 * 8
    assert "retomado" in text or "reiniciou" in text
    assert len([m for m in noc.chat.messages() if m.keyboard and "6/15" in m.text]) == 1
