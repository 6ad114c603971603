"""The real bot beside a pretend SmartOLT: what it tells of becomes a card, and an approval reads its ONUs."""

from pathlib import Path

import pytest

from bot.simulator.smartolt import SmartOltApi

from .isp import bot_command, isp

pytestmark = pytest.mark.process


async def test_a_pon_of_its_list_is_a_card_that_is_approved(tmp_path: Path) -> None:
    async with isp(tmp_path) as site, SmartOltApi(site.world) as api:
        site.world.outage(4, slot_pon="1/3")
        given = {"SOURCE": "smartolt", "SMARTOLT_URL": api.url, "SMARTOLT_KEY": api.key}
        async with site.bot(**given, SMARTOLT_POLL_SECONDS="1", SETTLE_SECONDS="0"):
            card = await site.card()
            assert card.text.startswith("🔴 LOS · CB 01 · 1/3")
            assert not [r for r in api.requests if "get_all_onus_details" in r.path], "nobody approved it yet"
            await site.chat.tap(site.ana, card, "Aprovar")
            await site.card("sem cadastro")
        assert len([r for r in api.requests if "get_all_onus_details" in r.path]) == 1
        assert site.hsm.received == [], "it knows no phones"
        site.assert_clean(site.log)
        assert api.key not in site.log


async def test_check_says_how_a_key_that_is_bound_to_another_address_is_mended(tmp_path: Path) -> None:
    async with isp(tmp_path) as site, SmartOltApi(site.world) as api:
        given = site.variables | {"SOURCE": "smartolt", "SMARTOLT_URL": api.url, "SMARTOLT_KEY": api.key}
        _, good, _ = await bot_command("check", cwd=tmp_path, **given)
        api.foreign = True
        code, bad, _ = await bot_command("check", cwd=tmp_path, **given)
    assert "✓ OLT login: accepted" in good
    assert code == 1
    assert "✗ OLT login: not allowed for this user or key (HTTP 403); check SMARTOLT_KEY" in bad
    assert "bound to other addresses than this machine's" in bad
