"""Scenes of one port: a fibre is cut, a port flaps, service is back before anybody decides."""

from bot.simulator.scenes.play import ANSWERING, ROOM_FOR_33, Play, Scene, Told
from bot.simulator.scenes.reading import APPROVE, ASSUME, MORE, Counts, can_approve

CUSTOMERS = 15
FLAPS = 4  # more than FLAPS_PER_HOUR


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


async def _flapping(play: Play) -> None:
    [port] = play.quiet_ports(1)
    stage = play.stage
    await play.caption(
        f"{port.olt} {port.slot_pon} cai, volta, cai … {FLAPS} vezes. Ana assume o caso.",
        f"{port.olt} {port.slot_pon} fails, is back, fails … {FLAPS} times. Ana takes it on.",
    )
    outage = await play.cut(port, CUSTOMERS)
    card = await play.card(outage)
    await play.press(stage.ana, card, MORE)
    await play.press(stage.ana, card, ASSUME)
    for _ in range(FLAPS - 1):
        await stage.repair(port.olt, port.slot_pon)
        await play.read(play.closing + 1)  # its alert is read by itself before it ends
        outage = await play.cut(port, CUSTOMERS)
        await play.read()
    await play.until(card, play.words.flapping)
    await play.caption(
        "Um só cartão, com o histórico. Bruno toca em Aprovar: o bot pergunta antes.",
        "A single card, with its history. Bruno taps Approve: the bot asks first.",
    )
    await play.press(stage.bruno, card, APPROVE)
    await play.pause(ANSWERING)
    play.check("messages before the answer", len(play.sent), 0)
    await play.press(stage.bruno, card, APPROVE, "f")
    await play.told(outage.phones)
    play.check("the card", (await play.counts(card, outage)).accepted, len(outage.phones))
    await play.caption(
        "Bruno confirmou: uma mensagem por cliente. E a porta cai mais uma vez.",
        "Bruno confirmed: one message a customer. And the port fails once more.",
    )
    await stage.repair(port.olt, port.slot_pon)
    await play.read(play.closing + 1)  # its alert is read by itself before it ends
    await play.cut(port, CUSTOMERS)
    await play.read(2)
    cards = [m for m in stage.chat.messages() if port.slot_pon in m.text and m.reply_to is None]
    play.check("cards", len(cards), 1)
    await play.told(outage.phones)
    await play.caption("Ninguém recebe outra mensagem.", "Nobody gets another message.")
    await stage.repair_all()


async def _back(play: Play) -> None:
    [port] = play.quiet_ports(1)
    await play.caption(
        f"{port.olt} {port.slot_pon} cai, e antes que alguém decida a fibra está emendada.",
        f"{port.olt} {port.slot_pon} fails, and before anyone decides the fibre is spliced.",
    )
    card = await play.card(await play.cut(port, CUSTOMERS))
    approve = play.approve_data(card)
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
FLAPPING = Scene("flapping", Told("Uma porta que vai e volta", "A flapping port"), _flapping)
BACK = Scene("back", Told("O serviço voltou", "Service is back"), _back)
