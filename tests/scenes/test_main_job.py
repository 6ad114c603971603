"""The main job from alarm to WhatsApp, over real HTTP."""

import re
from collections import Counter

import pytest

from bot.simulator.telegram.api import Message
from bot.simulator.world import Alert, Onu
from tests.scenes.conftest import Noc


def mixed_outage(noc: Noc) -> Alert:
    """33 ONUs of 32 customers or none: 27 of them should get a message."""
    alert = noc.world.outage(25, olt="CB 01", slot_pon="6/15")
    onus: list[Onu] = alert.onus

    def add(name: str, contact: str, status: str = "LOSS") -> None:
        customer = noc.world.add_customer(name=name, contact=contact, phone_number="")
        onus.append(noc.world.add_onu(customer, olt="CB 01", slot_pon="6/15", status=status))

    add("Sem Telefone", "")
    add("Fixo", "(61) 3333-4444")
    add("De Volta", "(61) 98888-0001", "Online")
    add("<b>Tião</b> & Cia", "(61) 98888-0002")
    add("Zé 🚀 " + "x" * 200, "(61) 3333-4445 / (61) 98888-0003")
    onus.append(noc.world.add_onu(None, olt="CB 01", slot_pon="6/15", status="LOSS"))
    first = noc.world.customers[onus[0].client_id or 0]
    onus.append(noc.world.add_onu(first, olt="CB 01", slot_pon="6/15", status="LOSS"))
    unknown = noc.world.add_onu(first, olt="CB 01", slot_pon="6/15", status="LOSS")
    unknown.client_id = 99_999  # nobody has a record of that one
    onus.append(unknown)
    alert.total_devices_count, alert.active_devices_count = 61, 33
    return alert


COUNTS = "27 enviadas · 5 não enviadas"


async def test_33_onus_become_one_card_and_one_message_each_and_everything_agrees(noc: Noc) -> None:
    mixed_outage(noc)
    await noc.open()
    card = await noc.card()
    assert "33 de 61 ONUs" in card.text
    assert "provável rompimento de fibra" in card.text
    assert [b.style for row in card.keyboard for b in row][:2] == ["success", "danger"]
    answer = await noc.chat.tap(noc.ana, card, "Aprovar")
    assert answer.text is not None
    assert "Aprovado" in answer.text
    text = await noc.until(card, COUNTS)
    assert "Ana" in text
    assert len(noc.hsm.received) == 27
    assert noc.hsm.duplicates == 0
    names = {m.name for m in noc.hsm.received}
    assert "<b>Tião</b> & Cia" in names
    assert {m.hsm for m in noc.hsm.received} == {114}
    assert "5561988880003" in noc.hsm.count  # the landline before it was passed over
    assert not noc.hsm.count.keys() & {"5561988880001"}  # back online

    audit = await noc.ask(noc.ana, "/audit")
    assert COUNTS in audit.text
    await noc.close()
    decision = noc.view("audit.json")["decisions"][0]
    assert decision["who"] == {"id": 501, "name": "Ana"}
    assert decision["results"]["accepted"] == 27
    assert sum(decision["results"]["skipped"].values()) == 5
    assert [p["port"] for p in noc.view("cooldown.json")["ports"]] == ["CB 01 6/15"]
    kinds = Counter(line["kind"] for line in noc.lines())
    assert (kinds["intent"], kinds["result"], kinds["planned"]) == (27, 27, 1)
    plan = next(line for line in noc.lines() if line["kind"] == "planned")
    assert Counter(r.get("skip") for r in plan["recipients"]) == {
        None: 27,
        "no_phone": 1,
        "landline": 1,
        "online": 1,
        "no_record": 2,
    }
    assert len([m for m in noc.chat.messages() if "6/15" in m.text and m.reply_to is None]) == 1
    assert noc.chat.refused == []


async def test_25_taps_by_two_people_send_the_same(noc: Noc) -> None:
    mixed_outage(noc)
    await noc.open(UNDO_SECONDS="1")
    card = await noc.card()
    people = [noc.ana, noc.bruno] * 12 + [noc.ana]
    data = card.button("Aprovar").data or ""
    tapped = [noc.chat.post_callback(who, card, data) for who in people]
    answers = [await tap for tap in tapped]
    texts = Counter((a.text or "").split(" ")[0] for a in answers)
    assert texts["Aprovado."] == 1
    assert sum("já aprovou" in (a.text or "") for a in answers) == len(answers) - 1
    await noc.until(card, COUNTS)
    assert len(noc.hsm.received) == 27
    assert noc.hsm.duplicates == 0


async def test_the_token_dies_in_mid_look_up_and_nobody_notices(noc: Noc) -> None:
    for kills_older in (False, True):
        noc.olt.login_kills_older = kills_older
        noc.world.outage(120, olt=f"CB 0{1 + kills_older}", slot_pon="1/1")
    await noc.open(POLL_SECONDS="60", LOOK_UP_AHEAD="false")
    for number, kills_older in enumerate((False, True), start=1):
        noc.olt.login_kills_older = kills_older
        card = await noc.card(f"CB 0{number}")
        logins, found = noc.olt.logins, len(noc.olt.lookups)
        noc.olt.expire_after(40)
        await noc.chat.tap(noc.ana, card, "Aprovar")
        await noc.until(card, "120 enviadas")
        assert noc.olt.logins - logins == 1
        assert len(noc.olt.lookups) - found == 120
    assert noc.hsm.duplicates == 0


@pytest.mark.process
async def test_the_next_case_of_the_port_sends_nothing_and_says_until_when(noc: Noc) -> None:
    first = noc.world.outage(3, slot_pon="6/15")
    await noc.open(REOPEN_MINUTES="0", GROUP_SECONDS="0")
    card = await noc.card()
    await noc.chat.tap(noc.ana, card, "Aprovar")
    await noc.until(card, "3 enviadas")
    noc.world.repair(first)
    await noc.until(card, "Normalizado")
    noc.world.outage(3, slot_pon="6/15", alert_type="pon_no_power")
    noc.world.outage(3, slot_pon="6/16")
    power, other = await noc.card("6/15"), await noc.card("6/16")
    assert power.id != card.id
    assert "em descanso até" in power.text
    answer = await noc.chat.tap(noc.bruno, power, "Aprovar")
    assert re.search(r"CB 01 6/15 está em descanso até .*\d\d:\d\d\. Nada foi enviado\.", answer.text or "")
    await noc.chat.tap(noc.bruno, other, "Aprovar")
    await noc.until(other, "3 enviadas")
    assert len(noc.hsm.received) == 6
    assert power.buttons[0] == "Aprovar"  # the decision is still open


async def test_who_may_not_and_what_was_never_written_does_nothing_and_says_why(noc: Noc) -> None:
    noc.world.outage(3)
    await noc.open()
    card = await noc.card()
    refused = await noc.chat.tap(noc.stranger, card, "Aprovar")
    assert refused.text
    forged = ("ok:99:", "ok:1:x:y", "drop table", "ok:-1:", "no:1:because", "go:1:", "undo:1:")
    for data in forged:
        answer = await noc.chat.post_callback(noc.bruno, card, data)
        assert answer.text, data
    assert noc.hsm.received == []
    assert "Visitante" not in (await noc.ask(noc.ana, "/audit")).text
    assert "Visitante" in (await noc.ask(noc.ana, "/audit recusados")).text
    await noc.close()
    assert sum(line["kind"] == "tap_refused" for line in noc.lines()) >= 6
    assert all(line["kind"] != "approved" for line in noc.lines())


async def test_an_ended_outage_is_normalised_and_loses_its_buttons(noc: Noc) -> None:
    alert = noc.world.outage(3)
    await noc.open()
    card = await noc.card()
    noc.world.repair(alert)
    await noc.until(card, "Normalizado")
    assert "durou" in card.text
    assert not any("Aprovar" in label for label in card.buttons)


async def test_deny_asks_for_the_reason_in_place(noc: Noc) -> None:
    noc.world.outage(3)
    await noc.open()
    card = await noc.card()
    await noc.chat.tap(noc.ana, card, "Negar")
    await noc.chat.wait(lambda _: any("manutenção" in b for b in card.buttons))
    await noc.chat.tap(noc.ana, card, "manutenção")
    await noc.until(card, "Negado por Ana")
    assert "manutenção" in card.text
    assert noc.hsm.received == []


async def test_cancel_in_the_countdown_and_approve_again(noc: Noc) -> None:
    noc.world.outage(3)
    await noc.open(UNDO_SECONDS="30")
    card = await noc.card()
    await noc.chat.tap(noc.ana, card, "Aprovar")
    await noc.chat.wait(lambda _: "Cancelar" in card.buttons)
    await noc.chat.tap(noc.bruno, card, "Cancelar")
    await noc.chat.wait(lambda _: "Aprovar" in card.buttons)
    assert noc.hsm.received == []


async def test_nobody_reached_offers_to_try_again(noc: Noc) -> None:
    alert = noc.world.outage(3)
    await noc.open()
    for onu in alert.onus:
        phone = re.sub(r"\D", "", noc.world.customers[onu.client_id or 0].contact or "")
        noc.hsm.refuse(f"55{phone}", "numero sem whatsapp")
    card = await noc.card()
    await noc.chat.tap(noc.ana, card, "Aprovar")
    await noc.until(card, "3 recusadas")
    await noc.chat.wait(lambda _: "Tentar de novo" in card.buttons)
    assert "Nenhuma porta" in (await noc.ask(noc.ana, "/cooldown")).text
    noc.hsm._refused.clear()
    await noc.chat.tap(noc.ana, card, "Tentar de novo")
    await noc.until(card, "3 enviadas")
    assert noc.hsm.duplicates == 0


@pytest.mark.process
@pytest.mark.timeout(900)
async def test_3000_customers_on_one_case(noc: Noc) -> None:
    noc.world.outage(3000)
    await noc.open(HSM_CONCURRENCY="50")
    card = await noc.card()
    await noc.chat.tap(noc.ana, card, "Aprovar")
    for sent in range(100, 3001, 100):  # how long it takes is the machine's and the bench's business
        await noc.hsm.until(sent)
    await noc.until(card, "3.000 enviadas")
    assert noc.hsm.duplicates == 0
    assert noc.chat.refused == []


async def test_details_go_to_who_asked_and_the_list_to_their_private_chat(noc: Noc) -> None:
    mixed_outage(noc)
    await noc.open()
    card = await noc.card()
    await noc.chat.tap(noc.ana, card, "Detalhes")
    page: Message = await noc.chat.wait(
        lambda c: next((m for m in c.messages() if "clientes com cadastro · 2 sem" in m.text), None)
    )
    assert "(61) 9****-0001" in page.text
    first = page.text
    await noc.chat.tap(noc.ana, page, "▶")
    await noc.chat.wait(lambda _: page.text != first)
    await noc.chat.tap(noc.ana, page, "CSV")
    sheet = await noc.chat.wait(lambda c: next((m for m in c.messages(noc.ana.id) if m.document), None))
    assert sheet.document is not None
    rows = sheet.document.decode("utf-8-sig").strip().splitlines()
    assert len(rows) == 34
    assert noc.chat.refused == [] or all("initiate" in text for _, text in noc.chat.refused)


async def test_odd_rows_are_named_and_the_others_go_on(noc: Noc) -> None:
    noc.world.outage(3)
    noc.olt.raw_rows = [
        {"id": 1, "alert_type": "pon_loss"},
        {"alert_type": "pon_loss", "slot_pon": "1/1"},
        "not even a row",
        {"id": 2, "alert_type": "pon_attenuation", "olt_id": 1, "olt_name": "CB 01", "slot_pon": "9/9",
         "initial_date": "2026-11-22 11:57:18", "active_devices_count": 4},
    ]  # fmt: skip
    await noc.open()
    await noc.card()
    status = await noc.ask(noc.ana, "/status")
    assert "3 alertas abertos sem cartão" in status.text
    assert "9/9" in status.text
    [said] = [m.text for m in noc.chat.messages() if "não viraram cartão" in m.text]
    assert "alerta 1: não dá para ler a OLT · lido: pon_loss" in said
    assert len([m for m in noc.chat.messages() if m.keyboard]) == 1


async def test_commands_tell_how_things_stand(noc: Noc) -> None:
    noc.world.outage(3)
    await noc.open()
    card = await noc.card()
    pending = await noc.ask(noc.ana, "/pendentes")
    assert f"https://t.me/c/1234567890/{card.id}" in pending.html
    await noc.chat.tap(noc.ana, card, "Aprovar")
    await noc.until(card, "3 enviadas")
    cooling = await noc.ask(noc.ana, "/cooldown")
    assert "CB 01 6/15" in cooling.text
    await noc.chat.tap(noc.ana, cooling, "Liberar")
    asked = await noc.chat.wait(
        lambda c: next((m for m in c.messages() if "nova falha" in " ".join(m.buttons)), None)
    )
    await noc.chat.tap(noc.ana, asked, "nova falha")
    await noc.chat.wait(lambda c: next((m for m in c.messages() if "liberada" in m.text), None))
    assert "hoje" in (await noc.ask(noc.ana, "/help")).text
    status = await noc.ask(noc.ana, "/status", noc.ana.id)  # an approver's private chat
    assert "OLT Cloud" in status.text
    assert "Nenhuma porta" in (await noc.ask(noc.ana, "/cooldown", noc.ana.id)).text


async def test_it_speaks_english_by_setting(noc: Noc) -> None:
    noc.world.outage(3)
    await noc.open(BOT_LANGUAGE="en")
    card = await noc.card()
    await noc.chat.tap(noc.ana, card, "Approve")
    await noc.until(card, "3 sent")
