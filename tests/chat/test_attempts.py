"""A tap decides once, about what its card showed; and while another program may hear the taps, none sends."""

import asyncio
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from telegram import Bot

from bot.domain.events import (
    Approved,
    IncidentChanged,
    IncidentEnded,
    Interrupted,
    Planned,
    Result,
    Settled,
    Stopped,
)
from bot.domain.plan import Outcome, Recipient
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.simulator.telegram.api import BotApi
from bot.storage.memory import MemoryLedger
from tests.chat.room import ANA, CARLA, FastClock, Room, opened

UNREAD = Settled(1, "unread", "source_down")
TOLD = Recipient("1", "Cliente 1", ("Z1",), "5561999990001")
ANN = Who(ANA, "Ana")


async def test_one_tap_that_comes_twice_decides_once(api: BotApi) -> None:
    """Killed between the decision and Telegram's hearing that the tap was taken: it gives the tap again."""
    async with opened(api) as room:
        await room.outage()
        card = await room.card()
        assert "Aprovado" in (await api.tap(ANA, card, "Aprovar")).text
        await room.line(UNREAD, Stopped())
    api.commands.clear()
    api.updates.again(1000)
    ledger = MemoryLedger(FastClock(), room.ledger.lines)
    async with opened(api, ledger=ledger) as room:
        await api.wait(lambda _: room.refusals)
        assert room.refusals == [(ANA, "approve", "stale_button", 1)]
        assert room.decided == []
        await api.wait(lambda _: "Tentar de novo" in card.buttons)
        assert "Aprovado" in (await api.tap(CARLA, card, "Tentar de novo")).text
        assert room.decided == [("approved", 1)]


@pytest.mark.parametrize("drawn", [True, False])
async def test_what_was_asked_about_is_what_the_card_showed(api: BotApi, *, drawn: bool) -> None:
    """It grew after the card was drawn: a plan of 300 is another one than the 12 that somebody read."""
    async with opened(api) as room:
        await room.outage(affected=12)
        card = await room.card()
        if drawn:
            await room.grows(1, 300)
            await room.shows(card, "300 ONUs")
        else:
            known = room.ledger.book.cases[1].incident
            await room.line(IncidentChanged(1, replace(known, affected=300, total=None)))
        assert "Aprovado" in (await api.tap(ANA, card, "Aprovar")).text
        [approved] = [line for _, line in room.ledger.lines if isinstance(line, Approved)]
        assert approved.asked == (300 if drawn else 12)


async def test_a_card_that_lags_behind_is_drawn_anew_instead(api: BotApi) -> None:
    async with opened(api) as room:
        await room.outage()
        card = await room.card()
        await room.line(Approved(1, ANN, ()), UNREAD)  # and the card does not show it yet
        assert "O cartão mudou" in (await api.tap(CARLA, card, "Aprovar")).text
        await api.wait(lambda _: "Tentar de novo" in card.buttons)
        assert room.decided == []


async def interrupted(room: Room) -> None:
    await room.line(Approved(1, ANN, ()), Planned(1, 1, (TOLD,)), Interrupted(1))


async def over(room: Room) -> None:
    await room.line(Approved(1, ANN, ()), Planned(1, 1, (TOLD,)), Result(1, "1", Outcome.ACCEPTED))
    await room.line(Settled(1, "done"), IncidentEnded(1))


async def scheduled(room: Room) -> None:
    due = room.clock.now() + timedelta(hours=8)
    await room.line(Approved(1, ANN, (), due=due))


STORIES = {"go:1": interrupted, "up:1": over, "begin:1": scheduled}
LABELS = {"go:1": "Retomar", "up:1": "Avisar que voltou", "begin:1": "Enviar agora"}


@pytest.mark.parametrize("what", STORIES)
async def test_whatever_sends_is_about_one_attempt(api: BotApi, what: str) -> None:
    """Also on a card of a version that knew no attempts, which stands for the first."""
    async with opened(api, rules=Rules(restored=True)) as room:
        await room.outage()
        card = await room.card()
        await STORIES[what](room)
        room.telegram.chat.show(1, urgent=True)
        await api.wait(lambda _: any(LABELS[what] in button for button in card.buttons))
        data = card.button(LABELS[what]).data
        assert data is not None
        for stale in (f"{what}.7:", f"{what}:" if data != f"{what}:" else f"{what}.8:"):
            assert "O cartão mudou" in (await api.post_callback(CARLA, card, stale)).text
        assert room.decided == []
        assert "mudou" not in (await api.tap(CARLA, card, LABELS[what])).text
        assert len(room.decided) == 1


async def second(api: BotApi) -> None:
    """Another program asks for updates with the same token."""
    async with Bot(api.token, base_url=f"{api.url}/bot") as other:
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            await other.get_updates(timeout=timedelta(seconds=0), limit=1)
            await asyncio.sleep(0.05)


@pytest.mark.process
async def test_nothing_is_sent_while_a_second_program_hears_the_taps(api: BotApi) -> None:
    async with opened(api, quiet_after=3, poll_seconds=0.5) as room:
        await room.outage()
        card = await room.card()
        await second(api)
        said = (await api.tap(ANA, card, "Aprovar")).text
        assert "Outro programa usa o token do bot" in said
        assert room.decided == []
        assert room.refusals == [(ANA, "approve", "second_poller", 1)]
        assert room.telegram.contested()
        await room.unfolds(card)
        await api.tap(ANA, card, "Assumi")  # what sends nothing is done
        assert room.decided == [("assumed", 1)]
        await api.wait(lambda _: any("Só este programa" in m.text for m in api.messages()))
        assert "Aprovado" in (await api.tap(ANA, card, "Aprovar")).text
