"""Scenes of one cause with many ports, which is one card: a district's power, a cable, a whole OLT."""

from bot.simulator.scenes.play import Outage, Play, Scene, Told
from bot.simulator.stage.isp import BIG_OLT
from bot.simulator.stage.views import PortView
from bot.simulator.telegram.api import Message

CABLE_PONS = 12
DISTRICT_PORTS = 3
STORM_PONS = 60
POP_PONS = 4


async def _power(play: Play) -> None:
    ports = play.quiet_ports(DISTRICT_PORTS, on="slot")
    await play.caption(
        f"Falta energia num bairro: {DISTRICT_PORTS} PONs de {ports[0].olt} ficam sem resposta.",
        f"The power fails in a district: {DISTRICT_PORTS} PONs of {ports[0].olt} stop answering.",
    )
    outage = play.outage(*await play.stage.power(_places(ports)))
    card = await play.card(outage)
    await play.caption(
        "Um cartão laranja: ENERGIA. O texto que os clientes recebem é outro. Ana aprova.",
        "One orange card: POWER. The customers get another text. Ana approves.",
    )
    await _one_tap(play, outage, card)
    play.check("what they are told", {message.kind for message in play.sent}, {"POWER"})
    await play.caption("Todos avisados, uma vez cada um.", "Everybody was told, once each.")
    await play.stage.repair_all()


async def _cable(play: Play) -> None:
    ports = play.quiet_ports(CABLE_PONS, on="slot")
    await play.caption(
        f"Um cabo cai: {CABLE_PONS} PONs da placa {ports[0].slot} de {ports[0].olt} ao mesmo tempo.",
        f"A cable falls: {CABLE_PONS} PONs of slot {ports[0].slot} of {ports[0].olt} at the same time.",
    )
    outage = play.outage(*await play.stage.cut_all(_places(ports)))
    card = await play.card(outage)
    await play.caption(
        "Um cartão só, que diz por quê. Ana aprova uma vez.",
        "A single card, which says why. Ana approves once.",
    )
    await _one_tap(play, outage, card)
    await play.caption(
        f"Uma mensagem por cliente das {CABLE_PONS} PONs.",
        f"One message for each customer of {CABLE_PONS} PONs.",
    )
    await play.stage.repair_all()


async def _storm(play: Play) -> None:
    ports = play.quiet_ports(STORM_PONS, onus=1, on="olt")
    refused = len(play.stage.chat.refused)
    await play.caption(
        f"Temporal: {STORM_PONS} PONs de {ports[0].olt} caem de uma vez.",
        f"A storm: {STORM_PONS} PONs of {ports[0].olt} fail in one go.",
    )
    outage = play.outage(*await play.stage.cut_all(_places(ports)))
    card = await play.card(outage)
    await play.caption(
        f"Não são {STORM_PONS} cartões: é um, com todos os {outage.customers} clientes. Ana toca uma vez.",
        f"Not {STORM_PONS} cards but one, with all {outage.customers} customers. Ana taps once.",
    )
    await _one_tap(play, outage, card)
    play.check("messages that are no answer", [m.id for m in _posted(play, outage)], [card.id])
    play.check("calls that Telegram refused", play.stage.chat.refused[refused:], [])
    await play.caption("Todos avisados, uma vez cada um.", "Everybody was told, once each.")
    await play.stage.repair_all()


async def _pop(play: Play) -> None:
    of_each = [play.quiet_ports(POP_PONS, onus=5, on="olt", but=but) for but in ("", BIG_OLT)]
    ports = [port for ports in of_each for port in ports]
    olts = list(dict.fromkeys(port.olt for port in ports))
    await play.caption(
        f"Um POP fica sem sinal: {POP_PONS} PONs de {olts[0]} e {POP_PONS} de {olts[1]} no mesmo instante.",
        f"A POP loses its light: {POP_PONS} PONs of {olts[0]} and {POP_PONS} of {olts[1]} at one moment.",
    )
    outage = play.outage(*await play.stage.cut_all(_places(ports)))
    card = await play.card(outage)
    play.check("one card says so", "POP" in card.text, True)
    await play.caption(
        "Duas OLTs, uma causa, um cartão: provável POP, anel ou cabo tronco. Ana aprova uma vez.",
        "Two OLTs, one cause, one card: probable POP, ring or trunk cable. Ana approves once.",
    )
    await _one_tap(play, outage, card)
    await play.caption("Todos avisados, uma vez cada um.", "Everybody was told, once each.")
    await play.stage.repair_all()


async def _one_tap(play: Play, outage: Outage, card: Message) -> None:
    """Ana approves: everybody is told once, and the card counts them all."""
    await play.approve(play.stage.ana, card)
    await play.told(outage.phones)
    play.check("the card", (await play.counts(card, outage)).accepted, len(outage.phones))


def _posted(play: Play, outage: Outage) -> list[Message]:
    olt = outage.alerts[0].olt_name
    return [m for m in play.stage.chat.messages() if olt in m.text and m.reply_to is None]


def _places(ports: list[PortView]) -> list[tuple[str, str]]:
    return [(port.olt, port.slot_pon) for port in ports]


POWER = Scene("power", Told("Falta de energia num bairro", "Power failure of a district"), _power)
CABLE = Scene("cable", Told("Um cabo com 12 PONs", "A cable with 12 PONs"), _cable)
POP = Scene("pop", Told("Um POP sem sinal: duas OLTs", "A POP without light: two OLTs"), _pop)
STORM = Scene("storm", Told("Temporal: 60 PONs de uma OLT", "A storm: 60 PONs of one OLT"), _storm)
