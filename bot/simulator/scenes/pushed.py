"""The scene of an outage that a monitoring system pushes: told again, acknowledged, forged, and over."""

from dataclasses import replace

from bot.simulator.scenes.play import Outage, Play, Scene, Told
from bot.simulator.scenes.reading import RESTORE
from bot.simulator.stage.views import PortView
from bot.simulator.zabbix import Answer

CUSTOMERS = 25  # the serials of their ONUs are more than one tag of Zabbix can hold
TAKEN, NOBODY = Answer(200, '{"accepted": 1, "ignored": 0}'), Answer(401)


async def _zabbix(play: Play) -> None:
    port, other = play.quiet_ports(2, onus=30, on="slot")
    stage, zabbix = play.stage, play.stage.sources.zabbix
    await play.caption(
        f"{port.olt} {port.slot_pon} cai. Ninguém consulta a OLT: quem avisa o bot é o Zabbix.",
        f"{port.olt} {port.slot_pon} fails. Nobody asks the OLT: it is Zabbix that tells the bot.",
    )
    outage = await play.cut(port, CUSTOMERS)
    card = await play.card(outage)
    await _again(play, outage, zabbix.key)
    pushes = zabbix.pushes
    await zabbix.acknowledge(outage.alerts[0])
    play.check("requests that say it was acknowledged", zabbix.pushes - pushes, 0)
    await play.caption(
        "O mesmo problema vem de novo, e alguém o reconhece no Zabbix: nada muda no grupo.",
        "The same problem comes again, and somebody acknowledges it in Zabbix: nothing changes in the group.",
    )
    play.check("the answer to who does not know the secret", await _forged(play, outage, other), NOBODY)
    await play.caption(
        f"Alguém sem o segredo diz que {other.slot_pon} caiu também: 401, e nada aparece. Ana aprova.",
        f"Somebody without the secret says that {other.slot_pon} is down, too: 401, and nothing shows. "
        "Ana approves.",
    )
    await play.approve(stage.ana, card)
    await play.told(outage.phones)
    play.check("the card", (await play.counts(card, outage)).accepted, len(outage.phones))
    await _again(play, outage, zabbix.token)
    await play.caption(
        "O Zabbix só conhece os seriais das ONUs; quem é o cliente, o ERP diz. Uma mensagem para cada um.",
        "Zabbix knows the serials of ONUs alone; who the customers are, the ERP says. One message each.",
    )
    await stage.repair(port.olt, port.slot_pon)
    await play.until(card, play.words.normalised)
    await _again(play, outage, zabbix.token)
    await play.caption(
        "O Zabbix avisa que normalizou. Ana toca em Avisar que voltou.",
        "Zabbix says that it is over. Ana taps to tell them that service is back.",
    )
    await play.press(stage.ana, card, RESTORE)
    await play.told(outage.phones, back=outage.phones)
    play.check("cards", (_cards(play, port), _cards(play, other)), (1, 0))
    await play.caption("Um cartão, duas mensagens por cliente.", "One card, two messages a customer.")


async def _again(play: Play, outage: Outage, secret: str) -> None:
    """Zabbix tells of it as it did before: that is no news, so what stands of it is not written again."""
    kept = play.stage.folder / "data" / "pushed" / "zabbix.jsonl"
    lines = len(kept.read_text().splitlines())
    answer = await play.stage.sources.zabbix.tell(outage.alerts[0], secret)
    play.check("the answer to the same again", answer, TAKEN)
    play.check("lines that the same again left", len(kept.read_text().splitlines()), lines)


async def _forged(play: Play, outage: Outage, port: PortView) -> Answer:
    """Somebody tells of an outage of that port, which is up."""
    onus = play.stage.onus(port.olt, port.slot_pon)
    [alert] = outage.alerts
    nothing = replace(alert, id=alert.id + 1, slot_pon=port.slot_pon, onus=onus)
    return await play.stage.sources.zabbix.forge(nothing)


def _cards(play: Play, port: PortView) -> int:
    """How many cards there are of outages of that port."""
    place = f"{port.olt} · {port.slot_pon}\n"
    return sum(place in message.text and message.reply_to is None for message in play.stage.chat.messages())


ZABBIX = Scene(
    "zabbix",
    Told("Quem avisa é o Zabbix", "Zabbix is who tells"),
    _zabbix,
    erp=True,
    pushed=True,
)
