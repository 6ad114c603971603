"""Scenes of what goes wrong around the bot: tokens, taps, the gateway, a crash, Telegram."""

import asyncio

from bot.simulator.scenes.play import ROOM_FOR_33, Outage, Play, Scene, Told
from bot.simulator.scenes.reading import Counts
from bot.simulator.stage.isp import GatewayMode
from bot.simulator.stage.views import PortView
from bot.simulator.telegram.api import Message

GATEWAY_CUSTOMERS = 12  # few enough that none is out of tries while the gateway throttles
AWAY_SECONDS, AWAY_FAST = 20.0, 3.0


async def _token(play: Play) -> None:
    [port] = play.quiet_ports(1, onus=ROOM_FOR_33)
    stage = play.stage
    await play.caption(f"{port.olt} {port.slot_pon} cai.", f"{port.olt} {port.slot_pon} fails.")
    outage = await play.cut(port, 33)
    card = await play.card(outage)
    await play.caption(
        "Ana aprova, e no meio da consulta dos clientes o token da OLT morre.",
        "Ana approves, and in the middle of looking the customers up the OLT's token dies.",
    )
    logins = stage.olt.logins
    stage.olt.login_kills_older = True
    stage.olt.expire_after(15)
    await play.approve(stage.ana, card)
    await play.told(outage.phones)
    play.check("the card", (await play.counts(card, outage)).accepted, len(outage.phones))
    play.check("logins", stage.olt.logins - logins, 1)
    await play.caption(
        "Um só login para todas as consultas: ninguém ficou de fora.",
        "A single login for all look-ups: nobody was left out.",
    )
    await stage.repair_all()


async def _two_taps(play: Play) -> None:
    [port] = play.quiet_ports(1)
    stage = play.stage
    await play.caption(f"{port.olt} {port.slot_pon} cai.", f"{port.olt} {port.slot_pon} fails.")
    outage = await play.cut(port, 15)
    card = await play.card(outage)
    await play.caption(
        "Ana e Bruno tocam em Aprovar no mesmo instante, cinco vezes cada um.",
        "Ana and Bruno tap Approve at the same moment, five times each.",
    )
    answers = await asyncio.gather(*(play.approve(who, card) for who in (stage.ana, stage.bruno) * 5))
    first = [answer for answer in answers if play.words.taken not in answer.text]
    play.check("taps that counted", len(first), 1)
    await play.told(outage.phones)
    play.check("the card", (await play.counts(card, outage)).accepted, len(outage.phones))
    await play.caption(
        "Um toque valeu; aos outros o bot disse quem foi o primeiro. Uma mensagem por cliente.",
        "One tap counted; the others were told who was first. One message a customer.",
    )
    await stage.repair_all()


async def _gateway(play: Play) -> None:
    throttled, refused, lost = play.quiet_ports(3, on="apart")
    stage = play.stage
    phones: set[str] = set()

    async def act(port: PortView, mode: GatewayMode) -> tuple[Outage, Counts, Message]:
        outage = await play.cut(port, GATEWAY_CUSTOMERS)
        card = await play.card(outage)
        stage.gateway_mode = mode
        await play.approve(stage.ana, card)
        return outage, await play.counts(card, outage), card

    await play.caption(
        "O gateway de WhatsApp limita o ritmo: o bot espera e repete o que não saiu.",
        "The WhatsApp gateway throttles: the bot waits and repeats what never left.",
    )
    before = len(stage.hsm.requests)
    outage, counts, _ = await act(throttled, "throttles")
    phones |= outage.phones
    play.check("it was throttled", len(stage.hsm.requests) - before > len(phones), True)
    play.check("throttled: sent", counts.accepted, len(outage.phones))
    await play.told(phones)

    await play.caption(
        "O gateway recusa o modelo: o envio para na primeira recusa, e o cartão diz o que conferir.",
        "The gateway refuses the template: the send stops at once, and the card says what to check.",
    )
    outage, counts, card = await act(refused, "refuses")
    play.check("refused", (counts.accepted, counts.failed), (0, len(outage.phones)))
    await play.told(phones)
    stage.gateway_mode = "ok"
    await play.caption("Voltou: Ana tenta de novo.", "It is back: Ana tries again.")
    await play.approve(stage.ana, card)
    phones |= outage.phones
    await play.told(phones)
    await play.until(card, play.words.done)
    play.check("sent at the second try", (await play.counts(card, outage)).accepted, len(outage.phones))

    await play.caption(
        "O gateway entrega, mas perde respostas: essas ficam incertas e nunca são repetidas sozinhas.",
        "The gateway delivers but loses answers: those are uncertain, and never repeated by themselves.",
    )
    outage, counts, _ = await act(lost, "loses")
    phones |= outage.phones
    await play.told(phones)
    play.check("sent or uncertain", counts.accepted + counts.unknown, len(outage.phones))
    play.check("some are uncertain", counts.unknown > 0, True)
    await stage.repair_all()


async def _killed(play: Play) -> None:
    [port] = play.quiet_ports(1, onus=ROOM_FOR_33)
    stage = play.stage
    await play.caption(
        f"{port.olt} {port.slot_pon} cai; Ana aprova.", f"{port.olt} {port.slot_pon} fails; Ana approves."
    )
    outage = await play.cut(port, 33)
    card = await play.card(outage)
    before = len(stage.hsm.received)
    stage.hsm.faults.latency = 0.3
    await play.approve(stage.ana, card)
    await stage.hsm.until(before + len(outage.phones) // 3)
    await stage.kill_bot()
    await play.caption(
        "No meio do envio o processo do bot morre (kill -9) … e volta.",
        "In the middle of sending the bot's process dies (kill -9) … and comes back.",
    )
    play.check("killed in mid-send", len(stage.hsm.received) - before < len(outage.phones), True)
    await stage.start_bot()
    counts = await play.counts(card, outage)
    play.check("sent or uncertain", counts.accepted + counts.unknown, len(outage.phones))
    play.check("sent, as the card has it", counts.accepted <= len(play.sent) <= len(outage.phones), True)
    await play.caption(
        f"{counts.accepted} enviadas e {counts.unknown} incertas: ninguém recebeu duas.",
        f"{counts.accepted} sent and {counts.unknown} uncertain: nobody got two.",
    )
    await stage.repair_all()


async def _telegram_away(play: Play) -> None:
    first, second = play.quiet_ports(2, onus=ROOM_FOR_33, on="apart")
    stage = play.stage
    await play.caption(
        f"{first.olt} {first.slot_pon} cai; Ana aprova.", f"{first.olt} {first.slot_pon} fails; Ana approves."
    )
    outage = await play.cut(first, 33)
    card = await play.card(outage)
    stage.hsm.faults.latency = 0.3
    await play.approve(stage.ana, card)
    await stage.telegram_away(True)
    await play.caption(
        "O Telegram sai do ar por 20 s. O envio continua, e outra porta cai.",
        "Telegram is away for 20 s. Sending goes on, and another port fails.",
    )
    other = await play.cut(second, 15)
    await play.told(outage.phones)
    play.check("the card knows nothing yet", play.words.done in card.text, False)
    await play.pause(AWAY_SECONDS - 8, fast=AWAY_FAST)
    await stage.telegram_away(False)
    await play.caption(
        "O Telegram voltou: os cartões mostram como tudo está agora.",
        "Telegram is back: the cards show how things are now.",
    )
    play.check("the card", (await play.counts(card, outage)).accepted, len(outage.phones))
    await play.card(other)
    await stage.repair_all()


TOKEN = Scene(
    "token",
    Told("O token morre no meio da consulta", "The token dies in mid-look-up"),
    _token,
    lambda _: {"LOOK_UP_AHEAD": "false"},  # else there is nothing left to look up at the approval
)
TWO_TAPS = Scene("two-taps", Told("Dois tocam ao mesmo tempo", "Two people tap at once"), _two_taps)
GATEWAY = Scene(
    "gateway",
    Told("O gateway limita, recusa e perde respostas", "The gateway throttles, refuses, loses answers"),
    _gateway,
)
KILLED = Scene(
    "killed",
    Told("O bot morre no meio do envio e volta", "The bot is killed in mid-send and comes back"),
    _killed,
)
TELEGRAM_AWAY = Scene(
    "telegram-away",
    Told("O Telegram sai do ar por 20 s", "Telegram is away for 20 s"),
    _telegram_away,
)
