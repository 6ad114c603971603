"""Attack: people on real cards: they tap at once, on old cards, twice, and while the program dies.

The whole bot over real HTTP; what `test_people.py` plays a hundredfold goes here through the chat as well.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest

from bot.chat.screens.table import decode
from bot.simulator.server import DropAfter, HangBefore
from bot.simulator.telegram.api import Answer, Message, User
from tests.faults.chatted import lively, told
from tests.faults.real import all_of
from tests.faults.telling import quiet
from tests.faults.tries import Tries
from tests.isp import until
from tests.scenes.conftest import Noc

CUSTOMERS = 6
ANSWERED = 20.0  # seconds
NO = ("já aprovou", "já negou", "Já enviado")


async def posted(noc: Noc) -> Message:
    """The card of an outage, the bot at work in this process."""
    noc.world.outage(CUSTOMERS)
    await noc.open()
    return await noc.card()


async def taps(noc: Noc, card: Message, *who_and_what: tuple[User, str]) -> Sequence[Answer]:
    """All of them in one instant, and what each person was answered."""
    futures = [noc.chat.post_callback(who, card, what) for who, what in who_and_what]
    async with asyncio.timeout(ANSWERED):
        return await asyncio.gather(*futures)


def count(noc: Noc, kind: str, case: int = 1) -> int:
    return sum(1 for line in noc.lines() if line["kind"] == kind and line.get("case") == case)


async def all_told(tries: Tries, noc: Noc, card: Message, what: str) -> None:
    """The card says that everybody was told; one approval, and the gateway got one message each."""
    await noc.until(card, f"{CUSTOMERS} enviadas\n")
    got = len(noc.hsm.received)
    tries.check(got == CUSTOMERS, f"{got} messages for {CUSTOMERS} customers: {what}")
    tries.check(count(noc, "approved") == 1, f"{count(noc, 'approved')} approvals: {what}")


async def fifty_taps(tries: Tries, folder: Path) -> None:
    """Two people tap fifty times in one instant: one approval, and every other tap hears who was first."""
    what = "fifty taps"
    async with told(tries, folder, what) as noc:
        card = await posted(noc)
        tapped = [noc.chat.post_callback(who, card, "ok:1:") for who in [noc.ana, noc.bruno] * 25]
        said = [await tap for tap in tapped]
        won = sum("Aprovado" in answer.text for answer in said)
        late = sum(any(no in answer.text for no in NO) for answer in said)
        tries.check(
            (won, late) == (1, len(said) - 1), f"{won} approved and {late} were told who was first: {what}"
        )
        await all_told(tries, noc, card, what)


async def approve_and_deny(tries: Tries, folder: Path) -> None:
    """Ana approves and Bruno denies in one instant, in either order: one of them is told no."""
    async with told(tries, folder, "approve and deny") as noc:
        ports = ("1/1", "1/2", "1/3", "1/4")
        for n, port in enumerate(ports, start=1):  # of one OLT they would be one case
            noc.world.outage(CUSTOMERS, f"CB 0{n}", port)
        await noc.open()
        for port in ports:
            card = await noc.card(port)
            press = decode(card.button("Aprovar").data)
            assert press is not None
            case = press.case
            both = [(noc.ana, f"ok:{case}:"), (noc.bruno, f"no:{case}:other")]
            before = len(noc.hsm.received)
            said = await taps(noc, card, *(both if case % 2 else both[::-1]))
            no = sum(any(word in answer.text for word in NO) for answer in said)
            decided = count(noc, "approved", case), count(noc, "denied", case)
            tries.check(no == 1 and sum(decided) == 1, f"approved and denied: {decided}, {no} told no")
            await noc.until(card, f"{CUSTOMERS} enviadas" if decided[0] else "Negado")
            tries.check(
                len(noc.hsm.received) - before == CUSTOMERS * decided[0],
                "what was decided is not what was sent",
            )


async def given_twice(tries: Tries, folder: Path) -> None:
    """Telegram gives a tap again: under the id it had, and as a new update with the same callback."""
    what = "an update given twice"
    async with told(tries, folder, what) as noc:
        card = await posted(noc)
        first = noc.chat.post_callback(noc.ana, card, "ok:1:")
        noc.chat.updates.again(noc.chat.tap_seconds)  # both in one answer to getUpdates
        async with asyncio.timeout(ANSWERED):  # to either: they are handled beside each other
            said = (await first).text
        tries.check("Aprovado" in said or "Ana já aprovou" in said, f"the tap was answered {said!r}")
        tap = noc.chat.updates.newest["callback_query"]
        noc.chat.updates.again(noc.chat.tap_seconds)
        noc.chat.updates.add("callback_query", tap, noc.chat.tap_seconds)
        await noc.chat.wait(lambda chat: chat.calls["answerCallbackQuery"] >= 4)
        await all_told(tries, noc, card, what)
        tries.check(count(noc, "tap_refused") >= 1, f"nobody was told no: {what}")


async def old_card(tries: Tries, folder: Path) -> None:
    """The card was posted twice since the first answer was lost: the old one decides nothing."""
    what = "a tap on an old card"
    async with told(tries, folder, what) as noc:
        noc.chat.faults.inject(DropAfter(), match=lambda path: path.endswith("/sendMessage"))
        tries.faults += 1
        noc.world.outage(CUSTOMERS)
        await noc.open()
        await noc.chat.wait(lambda _: len(_cards(noc)) == 2 and "card_posted" in _kinds(noc))
        old, new = _cards(noc)
        said = await noc.chat.tap(noc.ana, old, "Aprovar")
        tries.check("antigo" in said.text, f"an old card says {said.text!r}")
        await noc.chat.wait(lambda _: not old.buttons)
        tries.check(not count(noc, "approved"), f"it decided: {what}")
        tries.check(not noc.hsm.requests, f"it sent: {what}")
        async with asyncio.timeout(ANSWERED):
            both = await asyncio.gather(
                noc.chat.tap(noc.ana, new, "Aprovar"),
                noc.chat.post_callback(noc.bruno, old, "ok:1:"),
            )
        tries.check("Aprovado" in both[0].text, f"the new card says {both[0].text!r}")
        await all_told(tries, noc, new, what)


async def moved_group(tries: Tries, folder: Path) -> None:
    """The group has become another one: the card that stayed behind decides nothing."""
    what = "a tap on the card in the old group"
    async with told(tries, folder, what) as noc:
        old = await posted(noc)
        noc.chat.migrate(-1009999999999)
        new = await noc.card()
        tries.check(new.chat != old.chat, "the card did not follow the group")
        for left in (old, replace(old, id=new.id)):  # in the new group the numbers begin again
            said = await taps(noc, left, (noc.ana, "ok:1:"), (noc.bruno, "no:1:other"))
            decided = count(noc, "approved") + count(noc, "denied")
            tries.check(not decided, f"it decided, and said {said[0].text!r}: {what}")
        tries.check(not noc.hsm.requests, f"it sent: {what}")
        await noc.chat.tap(noc.ana, new, "Aprovar")
        await all_told(tries, noc, new, what)


async def dies_before_the_edit(tries: Tries, folder: Path) -> None:
    """kill -9 when the decision is durable and the card does not show it: the next start shows it."""
    what = "killed between the decision and the card's edit"
    async with told(tries, folder, what) as noc:
        noc.world.outage(CUSTOMERS)
        await noc.spawn(UNDO_SECONDS="30")
        card = await noc.card()
        noc.chat.faults.always(HangBefore(), match=_is_edit)
        tries.faults += 1
        seen = len(noc.chat.requests)
        await noc.chat.tap(noc.ana, card, "Aprovar")
        await until(lambda: any(_is_edit(request.path) for request in noc.chat.requests[seen:]))
        tries.check("approved" in _kinds(noc), f"the tap was answered before it was durable: {what}")
        await noc.kill()
        tries.kills += 1
        tries.check("Aprovado" not in card.text, "the edit was not held")
        tries.check(not noc.hsm.requests, f"it sent in the countdown: {what}")
        noc.chat.faults.clear()
        await noc.spawn()
        await noc.until(card, "Aprovado por Ana")
        await all_told(tries, noc, card, what)
        tries.check(len(_cards(noc)) == 1, f"{len(_cards(noc))} cards: {what}")


async def dies_before_it_confirms(tries: Tries, folder: Path) -> None:
    """kill -9 when the tap has been carried out and the update is not confirmed: it is given again."""
    what = "killed before the update was confirmed"
    async with told(tries, folder, what) as noc:
        noc.world.outage(CUSTOMERS)
        await noc.spawn()
        card = await noc.card()
        await until(lambda: noc.chat.updates.polling)
        noc.chat.faults.always(HangBefore(), match=lambda path: path.endswith("/getUpdates"))
        tries.faults += 1
        await noc.chat.tap(noc.ana, card, "Aprovar")
        await noc.hsm.until(1)
        await noc.kill()
        tries.kills += 1
        noc.chat.faults.clear()
        await noc.spawn()
        await until(lambda: count(noc, "tap_refused"))
        await noc.until(card, "Envio concluído")
        tries.check(count(noc, "approved") == 1, f"{count(noc, 'approved')} approvals: {what}")
        known = {line["recipient"] for line in noc.lines() if line["kind"] == "intent"}
        tries.check(len(known) == CUSTOMERS, f"{len(known)} of {CUSTOMERS} have an intent: {what}")
        accepted, got = count(noc, "result"), len(noc.hsm.received)
        tries.check(accepted <= got, f"{accepted} count as told, {got} were: {what}")


def _cards(noc: Noc) -> list[Message]:
    """The group's messages but the one that says how the bot is set up."""
    return [message for message in noc.chat.messages() if not message.text.startswith("▶️")]


def _kinds(noc: Noc) -> set[str]:
    return {line["kind"] for line in noc.lines()}


def _is_edit(path: str) -> bool:
    return path.endswith("/editMessageText")


SCENES = (  # those that wait for a process first, beside the others
    dies_before_the_edit,
    dies_before_it_confirms,
    old_card,
    moved_group,
    fifty_taps,
    approve_and_deny,
    given_twice,
)


def attack(tries: Tries, folder: Path) -> None:
    """Every scene once, some beside each other; a post without an answer is made again at once."""
    with quiet(), lively(), mock.patch("bot.chat.group.painting.EVIDENCE", 0.3):
        asyncio.run(all_of(tries, folder, SCENES))


@pytest.mark.attack
def test_taps(tries: Tries, tmp_path: Path) -> None:
    attack(tries, tmp_path)
    assert tries.kills == 2
