"""Scenes of a case after the decision: when it should be back, why it fell, and that it is back."""

from datetime import datetime, timedelta

from bot.simulator.scenes.play import Play, Scene, Told
from bot.simulator.scenes.reading import ASK_ETA, ETA, RESTORE, case_of, mentioned
from bot.simulator.world import LOCAL

CUSTOMERS = 15
SOON = timedelta(seconds=75)  # until the whole minute that a fibre will surely not be ready at


async def _eta(play: Play) -> None:
    [port] = play.quiet_ports(1)
    stage = play.stage
    await play.caption(
        f"{port.olt} {port.slot_pon} cai, Ana avisa os clientes.",
        f"{port.olt} {port.slot_pon} fails, Ana has the customers told.",
    )
    outage = await play.cut(port, CUSTOMERS)
    card = await play.card(outage)
    number = case_of(card)
    await play.approve(stage.ana, card)
    await play.told(outage.phones)
    await play.press(stage.ana, card, ASK_ETA)
    await play.caption(
        "Quando volta? Ana toca em Previsão: o cartão pergunta em quanto tempo.",
        "When will it be back? Ana taps Expected end: the card asks in how long.",
    )
    await play.press(stage.ana, card, ETA, "60")
    await play.until(card, "⏰")
    await play.caption(
        "Bruno sabe mais, e escreve: causa, equipe e outra previsão.",
        "Bruno knows more, and types the cause, the team and another time.",
    )
    await stage.say(stage.bruno.id, f"/causa {number} Poste derrubado; Norte")
    await play.until(card, "Poste derrubado")
    await stage.say(stage.bruno.id, f"/previsao {number} 2h")
    await play.wait(lambda: _says_when(card.text, "Bruno"), lambda: f"no other time on {card.text!r}")
    if not play.fast:  # the clock is the machine's
        await _passed(play, number)
    await play.told(outage.phones)
    await stage.repair_all()


async def _passed(play: Play, number: str) -> None:
    at = f"{datetime.now(LOCAL) + SOON:%H:%M}"
    await play.stage.say(play.stage.bruno.id, f"/previsao {number} {at}")
    await play.caption(
        f"Bruno espera que volte às {at}. Passou? O bot pergunta.",
        f"Bruno expects it back at {at}. Is it past? The bot asks.",
    )
    await play.wait(
        lambda: any(m.reply_to is not None and mentioned(m) for m in play.stage.chat.messages()),
        lambda: "nobody was asked for a new time",
    )
    await play.caption(
        "A previsão passou: o bot pede uma nova.", "The time is past: the bot asks for a new one."
    )


def _says_when(text: str, who: str) -> bool:
    return any("⏰" in line and who in line for line in text.splitlines())


async def _restored(play: Play) -> None:
    [port] = play.quiet_ports(1)
    stage = play.stage
    await play.caption(
        f"{port.olt} {port.slot_pon} cai, Ana avisa os clientes.",
        f"{port.olt} {port.slot_pon} fails, Ana has the customers told.",
    )
    outage = await play.cut(port, CUSTOMERS)
    card = await play.card(outage)
    await play.approve(stage.ana, card)
    await play.told(outage.phones)
    await play.counts(card, outage)
    down, phone, name = play.one_of(outage)
    await stage.repair(port.olt, port.slot_pon, but=[down])
    await play.until(card, play.words.normalised)
    await play.caption(
        "A fibra está emendada. Ana toca em Avisar que voltou.",
        "The fibre is spliced. Ana taps to tell them that service is back.",
    )
    await play.press(stage.ana, card, RESTORE)
    await play.told(outage.phones, back=outage.phones - {phone})
    play.check("they say that it is over", {m.back for m in play.sent[len(outage.phones) :]}, {True})
    await play.until(card, name)
    await play.caption(
        f"Uma ONU continua sem sinal: {name} não recebe, e está no cartão.",
        f"One ONU is still down: {name} is not told, and is on the card.",
    )
    await stage.repair_all()
    down.status = "Online"


ETA_AND_CAUSE = Scene("eta", Told("Previsão e causa", "Expected end and cause"), _eta)
RESTORED = Scene("restored", Told("Avisar que voltou", "Telling that service is back"), _restored)
