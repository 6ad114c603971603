"""The scene of customers who are not to be told: an ERP says who has no service anyway."""

import re

from bot.simulator.scenes.play import Outage, Play, Scene, Told
from bot.simulator.world import Customer

PONS = 4
LANDLINE_FIRST = 20  # one customer of so many has a mobile in the second field of their record


async def _blocked(play: Play) -> None:
    ports = play.quiet_ports(PONS, on="slot")
    await play.caption(
        f"{PONS} PONs de {ports[0].olt} caem. Quem é o cliente, agora quem diz é o ERP.",
        f"{PONS} PONs of {ports[0].olt} fail. Whose ONU it is, the ERP says now.",
    )
    _landlines(play, [(port.olt, port.slot, port.pon) for port in ports])
    outage = play.outage(*await play.stage.cut_all([(port.olt, port.slot_pon) for port in ports]))
    blocked, cancelled = (_standing(play, outage, what) for what in ("blocked", "cancelled"))
    play.check("somebody is blocked, and somebody has gone", bool(blocked and cancelled), True)
    card = await play.card(outage)
    left_out = [(blocked, play.words.blocked), (cancelled, play.words.cancelled)]
    for many, word in left_out:
        await play.wait(
            lambda many=many, word=word: _says(card.text, many, word),  # type: ignore[misc]
            lambda many=many, word=word: f"never {many} {word} on the card: {card.text!r}",  # type: ignore[misc]
        )
    play.check("the districts are on the card", "📍" in card.text, True)
    await play.caption(
        f"O cartão já diz quem fica de fora e por quê: {blocked} bloqueados e {cancelled} cancelados. A "
        "internet deles está parada por outro motivo. Ana aprova.",
        f"The card says who is left out, and why: {blocked} blocked and {cancelled} cancelled. Their "
        "internet is down for another reason. Ana approves.",
    )
    await play.approve(play.stage.ana, card)
    await play.told(outage.phones)
    counts = await play.counts(card, outage)
    play.check("sent", counts.accepted, len(outage.phones))
    for many, word in left_out:
        play.check(f"{many} {word} on the card", _says(card.text, many, word), True)
    await play.caption(
        f"{counts.accepted} avisados, uma vez cada um; quem tem fixo e celular, no celular. As contas "
        f"fecham: {counts.accepted} + {counts.skipped} = {outage.customers}.",
        f"{counts.accepted} were told, once each; who has a landline and a mobile, on the mobile. It adds "
        f"up: {counts.accepted} + {counts.skipped} = {outage.customers}.",
    )
    await play.stage.repair_all()


def _landlines(play: Play, ports: list[tuple[str, int, int]]) -> None:
    """Some of their customers have a landline in front of the mobile."""
    for number, customer in enumerate(_customers(play, ports)):
        if number % LANDLINE_FIRST == 0:
            customer.contact = f"(61) 2001-{number:04}"


def _customers(play: Play, ports: list[tuple[str, int, int]]) -> list[Customer]:
    world = play.stage.world
    ids = dict.fromkeys(onu.client_id or 0 for port in ports for onu in world.ports[port])
    return [world.customers[id_] for id_ in ids if id_ in world.customers]


def _standing(play: Play, outage: Outage, standing: str) -> int:
    """How many customers stand like that."""
    return len({onu.client_id for onu in outage.onus if play.stage.erp.standing(onu) == standing})


def _says(card: str, many: int, word: str) -> bool:
    return re.search(rf"(?<![0-9.,]){many} {word}", card) is not None


BLOCKED_CUSTOMERS = Scene(
    "blocked-customers",
    Told("Bloqueados e cancelados: o ERP diz", "Blocked and cancelled: the ERP says"),
    _blocked,
    erp=True,
)
