"""Several NOCs on one connection: each has its group, its cases, and people who decide on those alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from bot.chat.noc import Setup
from bot.chat.screens.attention import Attention
from bot.domain.events import CaseOpened, CooldownReleased, Silenced
from bot.domain.limits.silence import Scope
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.errors import Declined
from bot.flow.due import HANDOVER, SILENCE_ENDS
from bot.ports import Notice
from bot.simulator.telegram.api import BotApi, Message
from bot.simulator.telegram.chat import Refused
from bot.steps.within import within
from tests.chat.room import ANA, BETO, CARLA, UNDO_SECONDS, Room, opened, until
from tests.fakes import NOON, incident, port

NORTH, SOUTH = -1002, -1003
SOMEBODY = Who(5, "Alguém")
GROUPS = {"": "NOC", "NORTE": "NOC Norte", "SUL": "NOC Sul"}


def of_regions(**more: Any) -> Rules:
    regions: dict[str, Rules] = {}
    base = Rules(undo_seconds=UNDO_SECONDS, **more)
    for region, pattern in (("NORTE", "n*"), ("SUL", "s*")):
        regions[region] = replace(base, regions=regions, olts=(pattern,))
    return replace(base, regions=regions)


@asynccontextmanager
async def three(api: BotApi, **options: Any) -> AsyncIterator[Room]:
    """The group of all others, where Carla decides, and two regions: Ana decides in the north, Beto in the
    south.
    """
    api.chats |= {NORTH: GROUPS["NORTE"], SOUTH: GROUPS["SUL"]}
    rules = of_regions()
    regions = [
        Setup(NORTH, None, frozenset({ANA}), Attention(), rules.of("NORTE"), "NORTE"),
        Setup(SOUTH, None, frozenset({BETO}), Attention(), rules.of("SUL"), "SUL"),
    ]
    async with opened(api, rules=rules, regions=regions, approvers=frozenset({CARLA}), **options) as room:
        yield room


@pytest.fixture
async def room(api: BotApi) -> AsyncIterator[Room]:
    async with three(api) as room:
        yield room


async def outage(room: Room, number: int, region: str, beside: tuple[int, ...] = ()) -> None:
    """A case of a region opens and is to be shown."""
    olt = {"NORTE": "N 01", "SUL": "S 01"}.get(region, "X 01")
    fell = incident(number, place=f"1/{number}", started=room.started, olt=olt)
    await room.line(CaseOpened(number, fell, region=region, beside=beside))
    room.telegram.groups.show(number)


async def card(room: Room, number: int, region: str) -> Message:
    """Its card, once it is in the region's group."""
    chat = room.telegram.nocs[region].chat
    await until(lambda: chat.card(number))
    known = chat.card(number)
    assert known is not None
    return next(m for m in room.api.messages(known.chat) if m.id == known.message)


async def test_a_card_is_in_the_group_of_its_region_and_in_no_other(api: BotApi, room: Room) -> None:
    for number, region in ((1, "NORTE"), (2, "SUL"), (3, ""), (4, "LESTE")):
        await outage(room, number, region)
    shown = [await card(room, number, region) for number, region in ((1, "NORTE"), (2, "SUL"), (3, ""))]
    assert [message.chat for message in shown] == [NORTH, SOUTH, api.group]
    assert (await card(room, 4, "")).chat == api.group, "a region that there is not any more has no group"
    assert [len(api.messages(chat)) for chat in (NORTH, SOUTH)] == [1, 1]


async def test_its_approvers_decide_there_and_those_of_another_region_do_not(api: BotApi, room: Room) -> None:
    await outage(room, 1, "NORTE")
    north = await card(room, 1, "NORTE")
    refused = await api.tap(BETO, north, "Aprovar")
    assert "lista de aprovadores" in (refused.text or "")
    await api.tap(ANA, north, "Aprovar")
    assert room.decided == [("approved", 1)]


async def test_a_button_about_another_regions_case_is_forged(api: BotApi, room: Room) -> None:
    """Whoever may decide in the south cannot reach the north's case from there."""
    await outage(room, 1, "NORTE")
    await outage(room, 2, "SUL")
    south = await card(room, 2, "SUL")
    await card(room, 1, "NORTE")
    answer = await api.post_callback(BETO, south, "ok:1:")
    assert answer.text
    assert room.decided == []


async def test_what_is_typed_about_another_regions_case_or_olt_is_declined(api: BotApi, room: Room) -> None:
    await outage(room, 1, "NORTE")
    room.source.ports = {"N 01": frozenset({"1/1"}), "S 01": frozenset({"1/2"})}
    for command in ("/causa 1 fibra rompida", "/previsao 1 2h", "/silenciar N 01 2h obra"):
        await api.say(BETO, command, SOUTH)
    await api.wait(lambda _: sum("é de NORTE" in m.text for m in api.messages(SOUTH)) == 3)
    assert room.decided == []
    await api.say(ANA, "/causa 1 fibra rompida", NORTH)
    await until(lambda: room.decided)
    assert room.decided == [("cause_named", 1)]


async def test_two_cases_of_one_cause_name_each_other(api: BotApi, room: Room) -> None:
    await outage(room, 1, "NORTE")
    await outage(room, 2, "SUL", beside=(1,))
    room.telegram.groups.show(1)
    await room.shows(await card(room, 1, "NORTE"), "caso 2 (SUL)")
    await room.shows(await card(room, 2, "SUL"), "caso 1 (NORTE)")


async def test_what_a_group_asks_for_is_about_its_own_cases(api: BotApi, room: Room) -> None:
    await outage(room, 1, "NORTE")
    await outage(room, 2, "SUL")
    await card(room, 1, "NORTE"), await card(room, 2, "SUL")
    await api.say(BETO, "/pendentes", SOUTH)
    await api.wait(lambda _: any("S 01" in m.text for m in api.messages(SOUTH)[1:]))
    assert not any("N 01" in m.text for m in api.messages(SOUTH))


async def test_in_private_it_is_about_the_region_in_which_one_decides(api: BotApi, room: Room) -> None:
    await outage(room, 1, "NORTE")
    await outage(room, 2, "SUL")
    await api.say(BETO, "/pendentes", BETO)
    await api.wait(lambda _: any("S 01" in m.text for m in api.messages(BETO)))
    assert not any("N 01" in m.text for m in api.messages(BETO))


async def test_what_is_said_goes_to_whom_it_concerns(api: BotApi, room: Room) -> None:
    await outage(room, 1, "NORTE")
    await room.line(Silenced(1, (Scope("S 01"),), NOON, SOMEBODY, ""))
    say, waiting = room.telegram._groups._told, {}
    for notice in (
        Notice("late_tap", {"case": 1}),
        Notice(SILENCE_ENDS, {"silence": 1}),
        Notice("cooldown_released", {"port": port("1/1", "S 01")}),
        Notice(HANDOVER, {"region": "SUL"}),
        Notice("unwatched", {"n": 1, "cases": (1,)}),
        Notice("deaf"),
    ):
        waiting[notice.code] = [region for region, _ in say(notice)]
    assert waiting == {
        "late_tap": ["NORTE"],
        SILENCE_ENDS: ["SUL"],
        "cooldown_released": ["SUL"],
        HANDOVER: ["SUL"],
        "unwatched": ["NORTE"],
        "deaf": ["", "NORTE", "SUL"],
    }


async def test_a_group_that_takes_nothing_keeps_no_other_from_its_cards(api: BotApi, room: Room) -> None:
    api.barred[NORTH] = Refused("Forbidden: bot was kicked from the supergroup chat", 403)
    await outage(room, 1, "NORTE")
    await until(lambda: room.telegram.nocs["NORTE"].chat.standing.mute)
    await outage(room, 2, "SUL")
    assert (await card(room, 2, "SUL")).chat == SOUTH
    assert room.telegram.chat.standing.mute is None


async def test_still_may_is_asked_of_the_regions_group(room: Room) -> None:
    assert await room.telegram.still_may(Who(ANA, "Ana"), "NORTE") is True
    assert await room.telegram.still_may(Who(ANA, "Ana"), "SUL") is False
    assert await room.telegram.still_may(Who(ANA, "Ana"), "LESTE") is False


async def test_a_release_is_for_the_region_of_the_port(room: Room) -> None:
    line = CooldownReleased(port("1/1", "N 01"), SOMEBODY, "erro")
    rules = of_regions()
    assert within("NORTE", lambda _b, _n: [line], rules)(room.ledger.book, NOON) == [line]
    with pytest.raises(Declined, match="other_region"):
        within("SUL", lambda _b, _n: [line], rules)(room.ledger.book, NOON)
