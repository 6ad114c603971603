"""Scenes of the customers' phones: who got the message, who wants none, how many today's limit allows."""

from collections.abc import Mapping

from bot.simulator.scenes.play import ROOM_FOR_33, Play, Scene, SceneFailed, Told
from bot.simulator.scenes.reading import APPROVE, DETAILS, count
from bot.simulator.telegram.api import Message

CUSTOMERS = 15
LIMIT = 20
ASKED_AGAIN = 10  # times: the bot needs a moment for what it has heard


async def _receipts(play: Play) -> None:
    [port] = play.quiet_ports(1)
    stage, words = play.stage, play.words
    await play.caption(
        f"{port.olt} {port.slot_pon} cai. Dois dos clientes não têm mais WhatsApp: ninguém sabe.",
        f"{port.olt} {port.slot_pon} fails. Two of the customers have no WhatsApp any more: nobody knows it.",
    )
    outage = await play.cut(port, CUSTOMERS)
    without = set(sorted(outage.phones)[:2])
    stage.gateway.unreachable(without)
    card = await play.card(outage)
    await play.approve(stage.ana, card)
    await play.told(outage.phones)
    play.check("sent", (await play.counts(card, outage)).accepted, len(outage.phones))
    await play.caption(
        "A Meta aceitou todas (✓). Os celulares respondem: entregue (✓✓), lida (✓✓ azul) ou não (⚠).",
        "Meta took all of them (✓). The phones answer: delivered (✓✓), read (✓✓ blue) or not delivered (⚠).",
    )
    arrived = len(outage.phones) - len(without)
    await play.wait(
        lambda: (count(card, words.received), count(card, words.undelivered)) == (arrived, len(without)),
        lambda: f"never {arrived} delivered and {len(without)} not on the card: {card.text!r}",
    )
    play.check("still sent", count(card, words.counts[0]), len(outage.phones))
    play.check("the reason", "131026" in card.text, True)
    play.check("the phones", {m.phone for m in play.sent if m.state == "failed"}, without)
    play.check("no phone waits", {m.state for m in play.sent} - {"delivered", "read", "failed"}, set())
    await play.caption(
        f"{arrived} entregues, {len(without)} não entregues, e por quê. Ana toca em Detalhes: quem são?",
        f"{arrived} delivered, {len(without)} not, and why. Ana taps Details: who are they?",
    )
    await play.press(stage.ana, card, DETAILS)
    listed = words.by_name.format(len(without))
    page = await play.wait(
        lambda: next((m for m in stage.chat.messages() if listed in m.buttons), None),
        lambda: f"never a button {listed!r}",
    )
    await stage.tap(stage.ana.id, page.id, _data_of(page, listed))
    names = {message.name for message in play.sent if message.phone in without}
    everybody = {message.name for message in play.sent}
    await play.wait(
        lambda: {name for name in everybody if name in page.text} == names,
        lambda: f"not {names}, and they alone, on the page: {page.text!r}",
    )
    await play.caption(
        "Os dois, pelo nome: esses o NOC chama por telefone.",
        "The two of them, by name: those the NOC calls by phone.",
    )
    await stage.repair_all()


def _data_of(page: Message, label: str) -> str:
    return next(b.data or "" for row in page.keyboard for b in row if b.text == label)


async def _opt_out(play: Play) -> None:
    first, second = play.quiet_ports(2, on="apart")
    stage, words = play.stage, play.words
    outage = await play.cut(first, CUSTOMERS)
    onu, phone, name = play.one_of(outage)
    stage.world.add_onu(stage.world.customers[onu.client_id or 0], second.olt, second.slot_pon)
    await play.caption(
        f"{first.olt} {first.slot_pon} cai, Ana avisa os clientes, e {name} responde PARAR.",
        f"{first.olt} {first.slot_pon} fails, Ana has the customers told, and {name} answers PARAR.",
    )
    card = await play.card(outage)
    await play.approve(stage.ana, card)
    await play.told(outage.phones)
    await play.counts(card, outage)
    stage.stop_messages(next(message.id for message in play.sent if message.phone == phone))
    for _ in range(ASKED_AGAIN):
        if words.wants_none in (await play.ask(stage.ana, "/status")).text:
            break
    else:
        raise SceneFailed("the bot never heard of PARAR")
    await play.caption(
        f"A Meta conta ao bot. Agora cai {second.olt} {second.slot_pon}, onde {name} tem outro ponto.",
        f"Meta tells the bot. Now {second.olt} {second.slot_pon} fails, where {name} has another line.",
    )
    other = play.outage(await stage.cut(second.olt, second.slot_pon))
    card = await play.card(other)
    await play.approve(stage.ana, card)
    await play.told(outage.phones | other.phones)
    counts = await play.counts(card, other)
    play.check("told", counts.accepted, len(other.phones) - 1)
    await play.until(card, words.wants_none)
    await play.caption(
        f"{counts.accepted} avisados. {name} não: pediu para não receber, e está no cartão.",
        f"{counts.accepted} were told. {name} was not: they asked for no messages, and the card says so.",
    )
    await stage.repair_all()


async def _limit(play: Play) -> None:
    [port] = play.quiet_ports(1, onus=ROOM_FOR_33)
    stage = play.stage
    await play.caption(
        f"{port.olt} {port.slot_pon} cai: 33 clientes. Hoje só cabem {LIMIT} mensagens.",
        f"{port.olt} {port.slot_pon} fails: 33 customers. Today there is room for {LIMIT} messages.",
    )
    outage = await play.cut(port, 33)
    card = await play.card(outage)
    await play.press(stage.ana, card, APPROVE)
    await play.caption(
        f"Ana toca em Aprovar, e o cartão pergunta: só os primeiros {LIMIT}, ou esperar? Nada foi enviado.",
        f"Ana taps Approve, and the card asks: the first {LIMIT} only, or wait? Nothing was sent.",
    )
    await play.told(())
    await play.press(stage.ana, card, APPROVE, f"m{LIMIT}")
    left = len(outage.phones) - LIMIT
    await play.until(card, play.words.left.format(left))
    play.check("messages", len(play.sent), LIMIT)
    play.check("whom they reached", len({m.phone for m in play.sent} & outage.phones), LIMIT)
    await play.caption(
        f"{LIMIT} clientes avisados, nem um a mais. Faltam {left}, e o cartão diz quando.",
        f"{LIMIT} customers were told, and not one more. {left} are left, and the card says when.",
    )
    await stage.repair_all()


def _limited(_: bool) -> Mapping[str, str]:
    return {"HSM_DAILY_LIMIT": str(LIMIT)}


RECEIPTS = Scene(
    "receipts", Told("Quem recebeu, e quem não", "Who got it, and who did not"), _receipts, gateway="cloud"
)
LIMIT_OF_TODAY = Scene(
    "limit", Told("O limite de hoje não chega", "Today's limit is too small"), _limit, _limited
)
OPT_OUT = Scene(
    "optout", Told("Um cliente responde PARAR", "A customer answers PARAR"), _opt_out, gateway="cloud"
)
