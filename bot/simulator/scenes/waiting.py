"""Scenes of a case that waits: for an answer, for a second person, for the customers' hours."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from bot.simulator.scenes.play import ANSWERING, Play, Scene, Told
from bot.simulator.scenes.reading import APPROVE, ASSUME, BEGIN, MORE, linked, mentioned
from bot.simulator.stage.stage import BRUNO
from bot.simulator.world import LOCAL

CUSTOMERS = 15
OPENS_IN = {True: timedelta(hours=6), False: timedelta(seconds=90)}  # fast or not


async def _reminder(play: Play) -> None:
    first, second = play.quiet_ports(2, on="apart")
    stage = play.stage
    await play.caption(
        f"{first.olt} {first.slot_pon} e {second.olt} {second.slot_pon} caem, e ninguém responde.",
        f"{first.olt} {first.slot_pon} and {second.olt} {second.slot_pon} fail, and nobody answers.",
    )
    outage, other = await play.cut(first, CUSTOMERS), await play.cut(second, CUSTOMERS)
    card, lonely = await play.card(outage), await play.card(other)
    reminder = await play.reply(card)
    play.check("who is asked", mentioned(reminder), {BRUNO})
    await play.press(stage.bruno, card, MORE)
    await play.press(stage.bruno, card, ASSUME)
    await play.caption(
        "O bot chama quem está de plantão. Bruno toca em Mais e em Assumi num deles, e ali o bot se cala.",
        "The bot calls who is on call. Bruno takes one of them on, and there the bot keeps quiet.",
    )
    await play.reply(lonely, after=await play.reply(lonely))
    await play.wait(
        lambda: any(
            f"/{lonely.id}" in url for m in stage.chat.messages(stage.escalation) for url in linked(m)
        ),
        lambda: "nothing in the escalation chat",
    )
    await play.caption(
        "No outro chama de novo, e por fim leva o caso à supervisão, com um link para o cartão.",
        "On the other it calls again, and at last tells the supervision, with a link to the card.",
    )
    play.check("reminders of who has it", len([m for m in stage.chat.messages() if m.reply_to == card.id]), 1)
    await play.approve(stage.bruno, card)
    await play.approve(stage.ana, lonely)
    await play.told(outage.phones | other.phones)
    await stage.repair_all()


def _impatient(fast: bool) -> Mapping[str, str]:
    return {"REMIND_MINUTES": "0.05" if fast else "0.1", "TELEGRAM_ON_CALL": str(BRUNO)}


async def _two_people(play: Play) -> None:
    [port] = play.quiet_ports(1)
    stage = play.stage
    await play.caption(
        f"{port.olt} {port.slot_pon} cai. Acima de 10 clientes este NOC quer duas pessoas.",
        f"{port.olt} {port.slot_pon} fails. Above 10 customers this NOC wants two people.",
    )
    outage = await play.cut(port, CUSTOMERS)
    card = await play.card(outage)
    await play.press(stage.ana, card, APPROVE)
    again = await play.press(stage.ana, card, APPROVE)
    play.check("Ana reads that it takes another", play.words.second in again.text, True)
    await play.caption(
        "Ana aprovou, e tocou de novo: sozinha ela não basta. Nada foi enviado.",
        "Ana approved, and tapped again: alone she is not enough. Nothing was sent.",
    )
    await play.told(())
    await play.press(stage.bruno, card, APPROVE)
    await play.told(outage.phones)
    play.check("the card", (await play.counts(card, outage)).accepted, len(outage.phones))
    await play.caption("Bruno aprovou também: agora sim.", "Bruno approved, too: now it is sent.")
    await stage.repair_all()


async def _hours(play: Play) -> None:
    first, second = play.quiet_ports(2, on="apart")
    stage = play.stage
    await play.caption(
        f"{first.olt} {first.slot_pon} e {second.olt} {second.slot_pon} caem de noite.",
        f"{first.olt} {first.slot_pon} and {second.olt} {second.slot_pon} fail at night.",
    )
    urgent, scheduled = await play.cut(first, CUSTOMERS), await play.cut(second, CUSTOMERS)
    card, other = await play.card(scheduled), await play.card(urgent)
    await play.press(stage.ana, card, APPROVE)
    await play.caption(
        "Ana toca em Aprovar, e o cartão pergunta: enviar quando o horário abrir, ou agora? Ela agenda.",
        "Ana taps Approve, and the card asks: when the hours open, or now? She has it scheduled.",
    )
    await play.press(stage.ana, card, APPROVE, "l")
    await play.press(stage.bruno, other, APPROVE)
    await play.pause(ANSWERING)
    await play.press(stage.bruno, other, APPROVE, "n")
    await play.told(urgent.phones)
    await play.caption(
        "Bruno manda o outro agora. O agendado espera a hora: ninguém dele foi avisado ainda.",
        "Bruno has the other sent now. What is scheduled waits for its time: nobody of it has been told yet.",
    )
    if play.fast:  # nobody waits for the hour
        await play.press(stage.ana, card, BEGIN)
    await play.told(scheduled.phones | urgent.phones)
    play.check("the card", (await play.counts(card, scheduled)).accepted, len(scheduled.phones))
    await play.caption(
        "Chegou a hora: uma mensagem por cliente.", "The hour has come: one message a customer."
    )
    await stage.repair_all()


def _closed(fast: bool) -> Mapping[str, str]:
    """Customers' hours that are closed now."""
    now = datetime.now(LOCAL)
    opens, closed = now + OPENS_IN[fast], now - timedelta(minutes=1)
    return {"CUSTOMER_HOURS": f"{opens:%H:%M}-{closed:%H:%M}"}


REMINDER = Scene("reminder", Told("Ninguém responde", "Nobody answers"), _reminder, _impatient)
TWO_PEOPLE = Scene(
    "two-people",
    Told("Um envio grande pede duas pessoas", "A large blast takes two people"),
    _two_people,
    lambda _: {"TWO_PERSON_ABOVE": "10"},
)
HOURS = Scene("hours", Told("Fora do horário dos clientes", "Outside the customers' hours"), _hours, _closed)
