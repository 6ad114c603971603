"""Several NOCs on one connection: each has its group, its cases, and people who decide on those alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.chat.noc import Setup
from bot.chat.screens.attention import Attention
from bot.chat.wire.access import FRESH, TOO_OLD
from bot.domain.book import Book
from bot.domain.events import (
    Approved,
    CaseOpened,
    CooldownReleased,
    Intent,
    OptedOut,
    Planned,
    Result,
    Settled,
    Silenced,
    SilenceEnded,
)
from bot.domain.incident import Kind
from bot.domain.limits.account import room_for
from bot.domain.limits.silence import Scope
from bot.domain.plan import Outcome, Recipient
from bot.domain.regional import RegionalBook, Whose
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.errors import Declined
from bot.flow.due import HANDOVER, SILENCE_ENDS
from bot.ports import Notice
from bot.simulator.server import HtmlPage
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


def whose(*regions: str) -> Whose:
    return Whose(frozenset(regions), of_regions())


@asynccontextmanager
async def three(api: BotApi, everybody: frozenset[int] = frozenset(), **options: Any) -> AsyncIterator[Room]:
    """The group of all others, where Carla decides, and two regions: Ana decides in the north, Beto in the
    south; or `everybody` in each.
    """
    api.chats |= {NORTH: GROUPS["NORTE"], SOUTH: GROUPS["SUL"]}
    rules = of_regions()
    regions = [
        Setup(NORTH, None, everybody or frozenset({ANA}), Attention(), rules.of("NORTE"), "NORTE"),
        Setup(SOUTH, None, everybody or frozenset({BETO}), Attention(), rules.of("SUL"), "SUL"),
    ]
    others = everybody or frozenset({CARLA})
    async with opened(api, rules=rules, regions=regions, approvers=others, **options) as room:
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


async def test_in_private_a_list_of_all_regions_people_is_asked_who_is_in_which_group(api: BotApi) -> None:
    everybody = frozenset({ANA, BETO, CARLA})
    api.users[BETO].never_in = frozenset({api.group, NORTH})
    async with three(api, everybody) as room:
        await outage(room, 2, "SUL")
        await api.say(BETO, "/pendentes", BETO)
        await api.wait(lambda _: any("S 01" in m.text for m in api.messages(BETO)))
        assert await room.telegram.still_decides(Who(BETO, "Beto")) is True


async def test_while_telegram_tells_no_administrators_nobody_is_taken_for_somebody_who_may_not(
    api: BotApi,
) -> None:
    api.chats[NORTH] = GROUPS["NORTE"]
    rules = of_regions()
    north = Setup(NORTH, None, frozenset(), Attention(), rules.of("NORTE"), "NORTE")
    async with opened(api, rules=rules, regions=[north], approvers=frozenset({CARLA})) as room:
        assert await room.telegram.still_decides(Who(ANA, "Ana")) is True
        assert await room.telegram.still_decides(Who(BETO, "Beto")) is False
        room.clock.skip(FRESH + 1)
        told = api.calls["getChatAdministrators"]
        assert "lista de aprovadores" in (await asked(api, BETO, "/pendentes", BETO)).text
        assert api.calls["getChatAdministrators"] == told, "whoever writes to the bot costs no list"
        api.faults.always(HtmlPage(502), match=lambda path: "getChatAdmin" in path or "getChatMember" in path)
        room.clock.skip(TOO_OLD + 1)
        assert await room.telegram.still_decides(Who(ANA, "Ana")) is None
        assert "Não consegui ler os administradores" in (await asked(api, ANA, "/pendentes", ANA)).text
        assert await room.telegram._decides_in(ANA) == (frozenset(), frozenset({"NORTE"}))


async def test_all_regions_share_what_telegram_takes_of_one_bot(room: Room) -> None:
    assert len({id(noc.outbox._in_all) for noc in room.telegram.nocs.values()}) == 1


async def test_an_escalation_chat_of_several_regions_takes_no_more_of_them_than_of_one(api: BotApi) -> None:
    boss = -77
    api.chats |= {NORTH: GROUPS["NORTE"], SOUTH: GROUPS["SUL"], boss: "Plantão"}
    rules, whom, both = of_regions(), frozenset({ANA}), Attention(escalation=boss)
    regions = [
        Setup(chat, None, whom, both, rules.of(region), region)
        for chat, region in ((NORTH, "NORTE"), (SOUTH, "SUL"))
    ]
    async with opened(api, rules=rules, regions=regions, approvers=whom, limit=3) as room:
        facts = {"why": "rights", "since": NOON}
        for number, region in ((1, "NORTE"), (2, "SUL")):
            for code in ("mute", "mute_over"):
                room.telegram.nocs[region].chat.say(Notice(code, facts))
            await outage(room, number, region)
            await card(room, number, region)  # it comes after what is more urgent
        assert len(api.messages(boss)) == 3


async def test_a_doubt_of_a_region_is_decided_on_there(api: BotApi, room: Room) -> None:
    await sent(room, 1, "NORTE", JOAO, outcome=Outcome.UNKNOWN)
    shown = await card(room, 1, "NORTE")
    await api.tap(ANA, shown, "Incertas")
    await api.wait(lambda _: any("Incertas · caso 1" in m.text for m in api.messages(NORTH)))
    page = next(m for m in api.messages(NORTH) if "Incertas · caso 1" in m.text)
    assert "saiu da memória" not in page.text
    assert "1 ✔ enviada" in page.buttons


async def test_a_moved_group_says_which_setting_is_to_follow(api: BotApi, room: Room) -> None:
    await room.telegram.nocs["NORTE"].chat.follow(-1009)
    api.chats[-1009] = GROUPS["NORTE"]
    await api.wait(
        lambda _: any("REGION_NORTE_TELEGRAM_CHAT_ID: -1009" in m.text for m in api.messages(-1009))
    )


async def test_each_group_hears_which_of_its_own_cases_nobody_tells_of(room: Room) -> None:
    for number in range(1, 31):
        await outage(room, number, "NORTE" if number < 30 else "SUL")
    cases = tuple(range(1, 31))
    told = dict(room.telegram._groups._told(Notice("unwatched", {"n": 30, "cases": cases})))
    assert told["NORTE"].facts == {"n": 29, "cases": cases[:20]}
    assert told["SUL"].facts == {"n": 1, "cases": (30,)}


async def test_a_silence_over_two_regions_is_ended_by_each_and_made_by_none(room: Room) -> None:
    made = Silenced(1, (Scope("N 01"), Scope("S 01")), NOON, SOMEBODY, "")
    with pytest.raises(Declined, match="other_region"):
        within(whose("SUL"), lambda _b, _n: [made])(room.ledger.book, NOON)
    await room.line(made)
    ended = SilenceEnded(1, SOMEBODY)
    for region in ("NORTE", "SUL"):
        assert within(whose(region), lambda _b, _n: [ended])(room.ledger.book, NOON) == [ended]
    with pytest.raises(Declined, match="other_region"):
        within(whose(""), lambda _b, _n: [ended])(room.ledger.book, NOON)


async def test_power_is_told_of_fibre_that_waits_in_another_region(room: Room) -> None:
    """The day's limit is everybody's: a card that did not count it would offer what is always declined."""
    book, limited = room.ledger.book, of_regions(daily_limit=30, templates={"LOS": "1", "POWER": "2"})
    power = incident(1, Kind.POWER, started=room.started, affected=20, olt="N 01")
    fibre = incident(2, place="1/2", started=room.started, affected=20, olt="S 01")
    await room.line(CaseOpened(1, power, region="NORTE"))
    await room.line(CaseOpened(2, fibre, region="SUL"))
    north = RegionalBook(book, Whose(frozenset({"NORTE"}), limited))
    rooms = [room_for(one, one.cases[1], one.cases[1].ports, limited, NOON) for one in (book, north)]
    assert rooms[0] == rooms[1] is not None
    assert rooms[1].first == 2


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
        Notice("template", {"template": "POWER"}),
        Notice("deaf"),
    ):
        waiting[notice.code] = [region for region, _ in say(notice)]
    assert waiting == {
        "late_tap": ["NORTE"],
        SILENCE_ENDS: ["SUL"],
        "cooldown_released": ["SUL"],
        HANDOVER: ["SUL"],
        "unwatched": ["NORTE"],
        "template": ["", "NORTE", "SUL"],
        "deaf": ["", "NORTE", "SUL"],
    }


async def test_a_template_is_told_to_those_whose_customers_get_it(api: BotApi, room: Room) -> None:
    rules, regions = room.telegram.nocs[""].deps.rules, dict[str, Rules]()
    for region, own in rules.regions.items():
        mine = {"LOS": "LOS.NORTE"} if region == "NORTE" else {}
        regions[region] = replace(own, own_templates=mine, regions=regions)
    room.telegram.nocs[""].deps.rules = replace(rules, regions=regions)
    told = room.telegram.groups._told  # type: ignore[attr-defined]
    for template, whose in (("LOS.NORTE", ["NORTE"]), ("LOS", ["", "SUL"]), ("POWER", ["", "NORTE", "SUL"])):
        assert [region for region, _ in told(Notice("template", {"template": template}))] == whose


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
    assert within(whose("NORTE"), lambda _b, _n: [line])(room.ledger.book, NOON) == [line]
    with pytest.raises(Declined, match="other_region"):
        within(whose("SUL"), lambda _b, _n: [line])(room.ledger.book, NOON)


async def asked(api: BotApi, user: int, text: str, chat: int) -> Message:
    """The answer to a command."""
    typed = await api.say(user, text, chat)
    await api.wait(lambda _: any(m.reply_to == typed.id for m in api.messages(chat)))
    return next(m for m in api.messages(chat) if m.reply_to == typed.id)


async def sent(
    room: Room, number: int, region: str, *people: Recipient, outcome: Outcome = Outcome.ACCEPTED
) -> None:
    """A case of a region whose customers were told."""
    olt = {"NORTE": "N 01", "SUL": "S 01"}.get(region, "X 01")
    at = port(f"1/{number}", olt)
    await outage(room, number, region)
    await room.line(Approved(number, SOMEBODY, (at,)), Planned(number, len(people), people))
    for one in people:
        await room.line(Intent(number, one.id), Result(number, one.id, outcome))
    await room.line(Settled(number, "done"))


JOAO = Recipient("c1", "João Silva", ("Z1",), "5561999990001")
ONLY_SOUTH = Recipient("c2", "Rita Melo", ("Z2",), "5561999990002")


async def test_audit_and_cooldown_are_of_the_region_that_asks(api: BotApi, room: Room) -> None:
    for number, region in ((1, "NORTE"), (2, "SUL"), (3, ""), (4, "LESTE")):
        await sent(room, number, region, JOAO)
    await room.line(OptedOut("k", "pediu", SOMEBODY))
    for user, chat, olts in ((ANA, NORTH, ["N 01"]), (BETO, SOUTH, ["S 01"]), (CARLA, api.group, ["X 01"])):
        audit = (await asked(api, user, "/audit", chat)).text
        rests = await asked(api, user, "/cooldown", chat)
        for text in (audit, rests.text, "".join(rests.buttons)):
            assert [olt for olt in ("N 01", "S 01", "X 01") if olt in text] == olts
        assert "quem não recebe" in audit, "what is about no place is everybody's"
    status = (await asked(api, BETO, "/status", SOUTH)).text
    assert "S 01" in status
    assert "N 01" not in status


async def test_a_silence_is_in_the_status_of_those_that_it_covers(api: BotApi, room: Room) -> None:
    until = room.telegram._clock.now() + timedelta(hours=2)
    await room.line(Silenced(1, (Scope("N 02"),), until, SOMEBODY, "obra"))
    await room.line(Silenced(2, (Scope("N 03"), Scope("S 03")), until, SOMEBODY, "obra"))
    north, south = (await asked(api, ANA, "/status", NORTH)), (await asked(api, BETO, "/status", SOUTH))
    assert [("N 02" in one.text, "S 03" in one.text) for one in (north, south)] == [
        (True, True),
        (False, True),
    ]
    assert [len(one.buttons) for one in (north, south)] == [2, 1]


async def test_in_private_it_is_of_all_regions_in_which_one_decides(api: BotApi) -> None:
    """And what is released there is released, whichever of them it is of."""
    api.users[BETO].never_in = frozenset({NORTH})
    async with three(api, frozenset({ANA, BETO, CARLA})) as room:
        for number, region in ((1, "NORTE"), (2, "SUL"), (3, "")):
            await sent(room, number, region, JOAO)
        await api.say(ANA, "/start", ANA)
        every = await asked(api, ANA, "/cooldown", ANA)
        assert all(olt in every.text for olt in ("N 01", "S 01", "X 01"))
        some = await asked(api, BETO, "/audit", BETO)
        assert [olt in some.text for olt in ("N 01", "S 01", "X 01")] == [False, True, True]
        release = next(one for one in every.buttons if "S 01" in one)
        await api.tap(ANA, every, release)
        await api.wait(lambda _: "Outro motivo" in every.buttons or len(every.buttons) == 4)
        assert "está livre" in ((await api.tap(ANA, every, every.buttons[0])).text or "")
        assert room.decided == [("cooldown_released", "new_outage")]


async def test_a_customer_is_told_of_by_each_region_that_has_them(api: BotApi, room: Room) -> None:
    """That another one warned them is said, without anything of theirs but that it is theirs."""
    await sent(room, 1, "NORTE", JOAO)
    await sent(room, 2, "SUL", JOAO, ONLY_SOUTH)
    north = (await asked(api, ANA, "/cliente joão silva", NORTH)).text
    assert "Caso 1 · " in north
    assert "N 01 1/1" in north
    assert "aprovado por Alguém" in north.partition("Caso 1 ")[2]
    there = north.partition("Caso 2 de SUL")[2].partition("Caso 1")[0]
    assert "enviada" in there
    assert "saiu" in there
    assert "S 01" not in north
    assert "Alguém" not in there
    nobody = (await asked(api, ANA, "/cliente rita melo", NORTH)).text
    assert "só aparece em casos de SUL" in nobody
    assert "Rita" not in nobody
    assert "Rita Melo" in (await asked(api, BETO, "/cliente rita melo", SOUTH)).text
    assert "Não achei ninguém" in (await asked(api, BETO, "/cliente zulmira", SOUTH)).text


async def test_what_people_are_called_is_asked_once_for_all_groups(api: BotApi) -> None:
    """A list of people is that of every region that has none of its own: fifty would ask fifty times."""
    async with three(api, frozenset({ANA, BETO, CARLA})) as room:
        nocs = room.telegram.nocs.values()
        await until(lambda: all(noc.access.name(CARLA) for noc in nocs))
        assert {noc.access.name(BETO) for noc in nocs} == {"Beto"}
        assert api.calls["getChatMember"] == 3


def test_the_book_of_all_regions_leaves_nothing_out_of_its_lists() -> None:
    book = Book()
    book.apply(NOON, CaseOpened(1, incident(1), region="NORTE"))
    assert book.shows(book.cases[1])
    assert book.shows_at("N 01")
    of_south = RegionalBook(book, whose("SUL"))
    assert not of_south.shows(book.cases[1])
    assert not of_south.shows_at("N 01")


def test_names_that_a_source_makes_up_are_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.domain.rules.REMEMBERED", 1)
    rules = of_regions()
    for _ in range(2):
        assert [rules.region_of(olt) for olt in ("N 01", "S 01", "X")] == ["NORTE", "SUL", ""]
    assert len(rules._whose) == 1
