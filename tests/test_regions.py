"""Two NOCs and the group of all others in one process, over real HTTP."""

import json
from pathlib import Path

import pytest

from bot.simulator.telegram.api import Message
from tests.isp import Isp, isp, until

pytestmark = pytest.mark.process
NORTH, SOUTH = -1002, -1003
BETO = 502
OTHERS = {
    "REGIONS": "NORTE,SUL",
    "REGION_NORTE_TELEGRAM_CHAT_ID": str(NORTH),
    "REGION_NORTE_OLTS": "N *",
    "REGION_NORTE_TELEGRAM_APPROVERS": "501",
    "REGION_SUL_TELEGRAM_CHAT_ID": str(SOUTH),
    "REGION_SUL_OLTS": "s 01",
    "REGION_SUL_TELEGRAM_APPROVERS": str(BETO),
    "REGION_NORTE_HSM_ID_LOS": "514",
    "SETTLE_SECONDS": "1",
}


async def card(site: Isp, chat: int, text: str) -> Message:
    """The first message in a group with this text and a button to approve."""
    return await site.chat.wait(
        lambda api: next((m for m in api.messages(chat) if text in m.text and "Aprovar" in m.buttons), None),
        60,
    )


def opened(folder: Path) -> dict[str, str | None]:
    """The region of each case in the ledger, by its OLT."""
    lines = map(json.loads, next(folder.rglob("ledger/*.jsonl")).read_text().splitlines())
    cases = (line for line in lines if line["kind"] == "case_opened")
    return {line["incident"]["port"]["olt"]: line.get("region") for line in cases}


async def test_each_noc_decides_on_its_own_and_nobody_is_told_twice(tmp_path: Path) -> None:
    async with isp(tmp_path) as site:
        site.chat.chats |= {NORTH: "NOC Norte", SOUTH: "NOC Sul"}
        beto = site.chat.add_user(BETO, "Beto")
        north = site.world.outage(4, olt="N 01")
        shared = [site.world.customers[onu.client_id or 0] for onu in north.onus[:2]]
        both = [site.world.add_onu(customer, "S 01", "1/2") for customer in shared]  # in the plans of both
        site.world.cut("S 01", "1/2", "pon_loss", onus=both)
        site.world.outage(1, olt="X 01", slot_pon="2/2")
        async with site.bot(**OTHERS):
            first = await card(site, NORTH, "N 01")
            await card(site, site.chat.group, "X 01")
            second = await card(site, SOUTH, "S 01")
            refused = await site.chat.tap(beto, first, "Aprovar")
            assert "lista de aprovadores" in (refused.text or "")
            await site.chat.tap(site.ana, first, "Aprovar")
            await site.chat.wait(lambda _: "4 enviadas" in first.text, 60)
            await site.chat.tap(beto, second, "Aprovar")
            await site.chat.wait(lambda _: "Ninguém" in second.text or "não enviadas" in second.text, 60)
            await until(lambda: any("sem região" in m.text for m in site.chat.messages()))
        assert not site.hsm.duplicates
        assert len(site.hsm.received) == len(north.onus), "who is in plans of both has one message"
        assert {message.hsm for message in site.hsm.received} == {514}, "by the template of that region"
        assert not any("N 01" in m.text for m in site.chat.messages(SOUTH))
        assert not any("S 01" in m.text for m in site.chat.messages(NORTH))
        assert opened(tmp_path) == {"N 01": "NORTE", "S 01": "SUL", "X 01": None}
