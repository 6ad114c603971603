"""The real bot with Opa! Suite in Matrix's place: check, an outage from end to end, receipts by asking."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.phone import Phone
from bot.process.check import check
from bot.simulator.opa import CHANNEL, OpaApi, OpaMessage, Stage
from tests.settings import load

from .isp import Isp, isp

OWN = Phone("5561999990009")
MATRIX = ("URL_HSM", "TOKEN_HSM", "HSM_ACCOUNT", "HSM_ID_LOS", "HSM_ID_POWER")
LOS, POWER = "624c358355802dbdd2eb944a", "624c358355802dbdd2eb944b"
CUSTOMERS = 6
ASKED_WITHIN = 60.0  # seconds: twenty, and what a loaded machine takes


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Isp]:
    """An ISP that has nothing of Matrix."""
    async with isp(tmp_path, customers=CUSTOMERS) as made:
        made.variables = {name: value for name, value in made.variables.items() if name not in MATRIX}
        yield made


@pytest.fixture
async def opa(site: Isp) -> AsyncIterator[OpaApi]:
    async with OpaApi() as api:
        api.templates = {LOS: "{{nome_cliente}}, sem sinal desde {{hora}}.", POWER: "{{nome}}: {{hora}}."}
        site.variables |= {
            "GATEWAY": "opa",
            "OPA_URL": api.url,
            "OPA_TOKEN": api.token,
            "OPA_CHANNEL": CHANNEL,
            "OPA_TEMPLATE_LOS": LOS,
            "OPA_TEMPLATE_POWER": POWER,
            "HSM_VARIABLES": "nome,inicio",
        }
        yield api
        site.assert_clean(site.log)
        assert api.token not in site.log


async def said(site: Isp, **changes: str) -> tuple[int, list[str]]:
    """What `check` says of the gateway and its templates."""
    lines: list[str] = []
    code = await check(load(None, site.variables | changes), lines.append)
    marked = [line for line in lines if line[0] in "✓✗!"]
    return code, [line for line in marked if line[2:].startswith(("gateway", "template"))]


async def test_check_reads_channel_and_templates_and_sends_nothing(site: Isp, opa: OpaApi) -> None:
    code, lines = await said(site)
    assert lines == [
        "✓ gateway: opa, reachable, key accepted; no message was sent",
        f"✓ template: {LOS} (LOS) may be sent",
        f"✓ template: {POWER} (POWER) may be sent",
    ]
    assert (code, opa.received) == (0, [])
    opa.may_read = False
    code, lines = await said(site)
    assert (code, lines[0]) == (
        0,
        "✓ gateway: opa, reachable, key accepted, but it may read no receipts; no message was sent",
    )


async def test_check_says_what_is_wrong_and_what_mends_it(site: Isp, opa: OpaApi) -> None:
    elsewhere = (
        "is not on this channel: bind the template to the channel in Opa! Suite, or change OPA_CHANNEL"
    )
    opa.elsewhere[POWER] = opa.templates.pop(POWER)
    opa.templates[LOS] = "Sem sinal."
    code, lines = await said(site)
    assert code == 1
    assert lines[1:] == [
        f"✗ template: {LOS} (LOS) has the variables none, and the bot fills 2: correct HSM_VARIABLES",
        f"✗ template: {POWER} (POWER) {elsewhere}",
    ]
    for changes, mend in (
        ({"OPA_TOKEN": "another"}, "user, password or key is not accepted (HTTP 401); check OPA_TOKEN"),
        ({"OPA_CHANNEL": LOS, "OPA_TEMPLATE_LOS": CHANNEL}, "OPA_CHANNEL is the id of a template: it seems"),
        ({"OPA_CHANNEL": "e" * 24}, f"of WhatsApp there are: WhatsApp do provedor {CHANNEL}"),
    ):
        code, [line] = await said(site, **changes)
        assert code == 1
        assert line.startswith("✗ gateway: ")
        assert mend in line
    opa.channels[CHANNEL]["integracao"] = "baileys"
    code, [line] = await said(site)
    assert code == 1
    assert "connected by baileys: only dialog360, facebook are official" in line


async def test_a_test_message_says_in_words_what_a_refusal_means(site: Isp, opa: OpaApi) -> None:
    opa.conversations = {OWN.digits}
    lines: list[str] = []
    assert await check(load(None, site.variables), lines.append, OWN, lambda _: "yes") == 1
    tried = [line for line in lines if "test message" in line]
    assert "in a conversation already (HSM_INCLUDE_CURRENT)" in tried[0]
    assert "Lucas" not in "".join(lines)


@pytest.mark.process
async def test_an_outage_from_end_to_end(site: Isp, opa: OpaApi) -> None:
    """Each message is asked for by the id that the ledger kept: another process asks than sent it."""
    phones = sorted(f"55{customer.phone_number}" for customer in site.world.customers.values())
    opa.conversations, fails = {phones[0]}, phones[1]

    def fate(message: OpaMessage) -> tuple[Stage, ...]:
        failed = Stage(0.0, "failed", "(#131026) Message undeliverable")
        return (failed,) if message.phone == fails else (Stage(0.0, "delivered"),)

    opa.fate = fate
    async with site.bot():
        card = await site.card()
        await site.chat.tap(site.ana, card, "Aprovar")
        await site.chat.wait(lambda _: f"{CUSTOMERS - 1} enviadas" in card.text)
        assert "já em atendimento (HSM_INCLUDE_CURRENT)" in card.text
        assert "Lucas" not in card.text
    async with site.bot():
        card = await site.card("entregues", ASKED_WITHIN)
        await site.chat.wait(lambda _: "1 não entregue" in card.text)
        assert f"{CUSTOMERS - 1} enviadas · {CUSTOMERS - 2} entregues · 1 não entregue" in card.text
        assert "failed: (#131026) Message undeliverable" in card.text
    assert (len(opa.received), opa.duplicates) == (CUSTOMERS - 1, 0)
    assert all(message.phone[-8:] not in message.ref for message in opa.received)
    assert len({message.ref for message in opa.received}) == CUSTOMERS - 1
