"""Scenes of what happens in the field: fibre, power, a cable, a flapping port, and back again."""

from bot.simulator.scenes.play import ROOM_FOR_33, Counts, Play, Scene, Told, approve_data, can_approve
from bot.simulator.stage_views import TEMPLATE_POWER

CABLE_PONS = 12
DISTRICT_PORTS = 3
CUSTOMERS = 15
# Of the 20 changes a minute that a group takes, 12 cards leave room for few more: the fast check does not
# wait for the others.
CARDS_ENDED_FAST = 3


async def _fibre_cut(play: Play) -> None:
    [port] = play.quiet_ports(1, onus=ROOM_FOR_33)
    ana = play.stage.ana
    await play.caption(
        f"Uma escavadeira rompe a fibra de {port.olt} {port.slot_pon}: 33 clientes sem internet.",
        f"A digger cuts the fibre of {port.olt} {port.slot_pon}: 33 customers lose their internet.",
    )
    outage = await play.cut(port, 33)
    card = await play.card(outage)
    await play.caption(
        "O bot leu o alarme na OLT e postou um cartão no grupo do NOC. Ninguém foi avisado ainda.",
        "The bot read the alarm and posted a card in the NOC's group. Nobody has been told yet.",
    )
    await play.caption("Ana toca em Aprovar.", "Ana taps Approve.")
    await play.approve(ana, card)
    await play.told(outage.phones)
    counts = await play.counts(card, outage)
    play.check("the card", counts, Counts(len(outage.phones), 0, 0, 0, outage.customers - len(outage.phones)))
    await play.caption(
        f"{counts.accepted} clientes receberam uma mensagem cada; {counts.skipped} sem cadastro ou celular.",
        f"{counts.accepted} customers got one message each; {counts.skipped} have no record or no mobile.",
    )
    await play.stage.repair(port.olt, port.slot_pon)


async def _power(play: Play) -> None:
    ports = play.quiet_ports(DISTRICT_PORTS, one_slot=True)
    await play.caption(
        f"Falta energia num bairro: {DISTRICT_PORTS} PONs de {ports[0].olt} ficam sem resposta.",
        f"The power fails in a district: {DISTRICT_PORTS} PONs of {ports[0].olt} stop answering.",
    )
    alerts = await play.stage.power([(port.olt, port.slot_pon) for port in ports])
    outages = [play.outage(alert) for alert in alerts]
    cards = [await play.card(outage) for outage in outages]
    await play.caption(
        "Cartões laranja: ENERGIA. O texto que os clientes recebem é outro. Ana e Bruno aprovam.",
        "Orange cards: POWER. The customers get another text. Ana and Bruno approve.",
    )
    for number, card in enumerate(cards):
        await play.approve((play.stage.ana, play.stage.bruno)[number % 2], card)
    await play.told(frozenset().union(*(outage.phones for outage in outages)))
    for outage, card in zip(outages, cards, strict=True):
        play.check("the card", (await play.counts(card, outage)).accepted, len(outage.phones))
    play.check("templates", {message.hsm for message in play.sent}, {TEMPLATE_POWER})
    await play.caption("Todos avisados, uma vez cada um.", "Everybody was told, once each.")
    await play.stage.repair_all()


async def _cable(play: Play) -> None:
    ports = play.quiet_ports(CABLE_PONS, one_slot=True)
    await play.caption(
        f"Um cabo cai: {CABLE_PONS} PONs da placa {ports[0].slot} de {ports[0].olt} ao mesmo tempo.",
        f"A cable falls: {CABLE_PONS} PONs of slot {ports[0].slot} of {ports[0].olt} at the same time.",
    )
    alerts = await play.stage.cable(ports[0].olt, ports[0].slot, [port.pon for port in ports])
    outages = [play.outage(alert) for alert in alerts]
    cards = [await play.card(outage) for outage in outages]
    await play.caption(
        f"{CABLE_PONS} cartões, um por PON, dentro dos 20 por minuto do Telegram. Ana aprova todos.",
        f"{CABLE_PONS} cards, one a PON, within Telegram's 20 a minute. Ana approves them all.",
    )
    for card in cards:
        await play.approve(play.stage.ana, card)
    await play.told(frozenset().union(*(outage.phones for outage in outages)))
    ended = CARDS_ENDED_FAST if play.fast else CABLE_PONS
    await play.wait(
        lambda: sum(play.words.done in card.text for card in cards) >= ended,
        lambda: f"fewer than {ended} cards say how it ended",
    )
    await play.caption("Uma mensagem por cliente, em 12 casos.", "One message a customer, in 12 cases.")
    await play.stage.repair_all()


async def _flapping(play: Play) -> None:
    [port] = play.quiet_ports(1)
    stage = play.stage
    await play.caption(
        f"A porta {port.olt} {port.slot_pon} cai; Ana aprova.",
        f"Port {port.olt} {port.slot_pon} fails; Ana approves.",
    )
    outage = await play.cut(port, CUSTOMERS)
    card = await play.card(outage)
    await play.approve(stage.ana, card)
    await play.told(outage.phones)
    await play.counts(card, outage)
    await stage.repair(port.olt, port.slot_pon)
    await play.until(card, play.words.normalised)
    await play.caption(
        "Volta … e cai, e volta, e cai de novo.", "It is back … and fails, and is back, and fails again."
    )
    await stage.flap(port.olt, port.slot_pon, times=3, seconds=0.2)
    last = await play.cut(port, CUSTOMERS)
    again = await play.card(last, after=card)
    play.check("the new card says the cooldown", play.words.cooldown in again.text, True)
    await play.caption(
        "O novo cartão diz que a porta está em cooldown. Bruno toca em Aprovar mesmo assim.",
        "The new card says that the port is in cooldown. Bruno taps Approve all the same.",
    )
    answer = await play.approve(stage.bruno, again)
    while play.words.cooldown not in answer.text:  # a poll saw one of the short ones: that card is over
        again = await play.card(last, after=again)
        answer = await play.approve(stage.bruno, again)
    play.check("Bruno reads that nothing was sent", play.words.cooldown in answer.text, True)
    await play.pause(2, fast=0.3)
    await play.told(outage.phones)
    await play.caption(
        "Nada foi enviado: uma mensagem por cliente.", "Nothing was sent: one message a customer."
    )
    await stage.repair_all()


async def _back(play: Play) -> None:
    [port] = play.quiet_ports(1)
    await play.caption(
        f"{port.olt} {port.slot_pon} cai, e antes que alguém decida a fibra está emendada.",
        f"{port.olt} {port.slot_pon} fails, and before anyone decides the fibre is spliced.",
    )
    card = await play.card(await play.cut(port, CUSTOMERS))
    approve = approve_data(card)
    await play.pause(3)
    await play.stage.repair(port.olt, port.slot_pon)
    await play.until(card, play.words.normalised)
    play.check("buttons to approve", can_approve(card), False)
    await play.caption(
        "O cartão diz Normalizado e perdeu os botões. Um toque atrasado não envia nada.",
        "The card says that all is well and has lost its buttons. A late tap sends nothing.",
    )
    late = await play.stage.tap(play.stage.ana.id, card.id, approve, stale=True)
    play.check("the late tap reads that it is over", play.words.over in late.text, True)
    await play.told(())


FIBRE_CUT = Scene(
    "fibre-cut", Told("Rompimento de fibra, 33 clientes", "Fibre cut, 33 customers"), _fibre_cut
)
POWER = Scene("power", Told("Falta de energia num bairro", "Power failure of a district"), _power)
CABLE = Scene("cable", Told("Um cabo com 12 PONs", "A cable with 12 PONs"), _cable)
FLAPPING = Scene("flapping", Told("Uma porta que vai e volta", "A flapping port"), _flapping)
BACK = Scene("back", Told("O serviço voltou", "Service is back"), _back)
