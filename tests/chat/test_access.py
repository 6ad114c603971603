import asyncio

import pytest
from aiohttp import web
from telegram import (
    Bot,
    ChatMember,
    ChatMemberLeft,
    ChatMemberMember,
    ChatMemberOwner,
    ChatMemberRestricted,
    User,
)

from bot.chat.wire.access import Access, Approvers
from bot.domain.who import Who
from bot.errors import Declined
from bot.simulator.telegram.api import BotApi
from tests.chat.room import ANA, BETO, CARLA, until
from tests.fakes import FakeClock, settled


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def restricted(user: User) -> ChatMember:
    """Somebody who was restricted, and left."""
    rights = dict.fromkeys(name for name in ChatMemberRestricted.__slots__ if name.startswith("can_"))
    row = {"status": "restricted", "user": user.to_dict(), "is_member": False, "until_date": 0}
    member = ChatMember.de_json({**row, **dict.fromkeys(rights, False)}, None)
    assert isinstance(member, ChatMemberRestricted)
    return member


def refusal(code: str) -> "pytest.RaisesExc[Declined]":
    return pytest.raises(Declined, match=f"^{code}$")


async def test_a_list_of_ids(api: BotApi, bot: Bot, clock: FakeClock) -> None:
    access = Access(bot, clock, frozenset({BETO}), lambda: api.group)
    await access.check_approver(BETO)
    with refusal("not_allowed"):
        await access.check_approver(ANA)
    assert api.calls["getChatAdministrators"] == 0


async def test_who_may_is_by_the_setting_as_it_is_now(api: BotApi, bot: Bot, clock: FakeClock) -> None:
    access = Access(bot, clock, frozenset({BETO}), lambda: api.group)
    assert await access.still_may(Who(BETO, "Beto")) is True
    access.follow(frozenset(), frozenset({CARLA}))  # the administrators, whom nobody has read yet
    await access.check_approver(ANA)
    with refusal("not_allowed"):
        await access.check_approver(BETO)
    assert await access.still_may(Who(BETO, "Beto")) is False, "a send that he approved does not leave"
    assert [who.id for who in access.on_duty()] == [CARLA]
    await access.read_names()
    assert (access.name(CARLA), access.name(666)) == ("Carla", "")
    access.follow("*", frozenset())
    await access.check_approver(BETO)


async def test_everyone_in_the_group_is_asked_for_in_private(api: BotApi, bot: Bot, clock: FakeClock) -> None:
    access = Access(bot, clock, "*", lambda: api.group)
    await access.check_approver(BETO)
    await access.check_chat(api.group, BETO)
    await access.check_chat(BETO, BETO)
    with refusal("not_in_group"):
        await access.check_chat(666, 666)


async def test_who_left_the_group_reads_nothing_in_private(api: BotApi, bot: Bot, clock: FakeClock) -> None:
    access = Access(bot, clock, frozenset({BETO}), lambda: api.group)
    await access.check_chat(BETO, BETO)
    api.change(BETO, gone=True)
    await access.check_chat(BETO, BETO)  # what was so a moment ago is not asked again for a page
    assert api.calls["getChatMember"] == 1
    clock.ticks += 61
    with refusal("not_in_group"):
        await access.check_chat(BETO, BETO)
    api.change(BETO)
    clock.ticks += 61
    await access.check_in_group(BETO)


async def test_what_telegram_says_too_late_for_one_tap_is_there_for_the_next(
    api: BotApi, bot: Bot, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    says, respond = asyncio.Event(), api.respond

    async def late(request: web.Request, body: bytes) -> web.Response:
        await says.wait()
        return await respond(request, body)

    monkeypatch.setattr(api, "respond", late)
    access = Access(bot, clock, "*", lambda: api.group)
    for _ in range(2):
        with refusal("group_unknown"):
            await access.check_in_group(BETO, 0.01)
    says.set()
    await access.check_in_group(BETO)
    await access.check_in_group(BETO, 0.01)
    assert api.calls["getChatMember"] == 1


@pytest.mark.parametrize(
    ("approvers", "admin", "gone", "may"),
    [
        (frozenset(), True, False, True),
        (frozenset(), False, False, False),
        (frozenset(), True, True, False),
        (frozenset({BETO}), False, False, True),
        (frozenset({BETO}), False, True, False),
        (frozenset({CARLA}), False, False, False),
        ("*", False, False, True),
        ("*", False, True, False),
    ],
)
async def test_whether_somebody_still_may_is_asked_anew_each_time(
    api: BotApi, bot: Bot, clock: FakeClock, approvers: Approvers, *, admin: bool, gone: bool, may: bool
) -> None:
    access = Access(bot, clock, approvers, lambda: api.group)
    await access.still_may(Who(BETO, "Beto"))
    api.change(BETO, admin=admin, gone=gone)
    assert await access.still_may(Who(BETO, "Beto")) is may


async def test_nobody_can_tell_while_telegram_is_away(api: BotApi, bot: Bot) -> None:
    clock = FakeClock(auto=True)
    access = Access(bot, clock, "*", lambda: api.group)
    assert await access.still_may(Who(BETO, "Beto")) is True
    await api.stop()
    assert await access.still_may(Who(BETO, "Beto")) is None
    access.heard(ChatMemberLeft(User(BETO, "Beto", is_bot=False)))
    assert await access.still_may(Who(BETO, "Beto")) is False, "it said so before it was away"


async def test_who_was_removed_before_telegram_was_away_may_not(api: BotApi, bot: Bot) -> None:
    access = Access(bot, FakeClock(auto=True), frozenset(), lambda: api.group)
    await access.check_approver(ANA)
    await api.stop()
    assert await access.still_may(Who(ANA, "Ana")) is None
    access.heard(ChatMemberMember(User(ANA, "Ana", is_bot=False)))  # an administrator no more
    assert await access.still_may(Who(ANA, "Ana")) is False
    new = Access(bot, FakeClock(auto=True), frozenset(), lambda: api.group)
    assert await new.still_may(Who(ANA, "Ana")) is None, "it never knew who they are"


async def test_a_bot_that_is_not_connected_and_a_group_that_is_not_there_tell_nothing(
    api: BotApi, clock: FakeClock
) -> None:
    clock.auto = True
    async with Bot(api.token, base_url=f"{api.url}/bot") as bot:
        assert await Access(bot, clock, "*", lambda: -4).still_may(Who(BETO, "Beto")) is None
        access = Access(bot, clock, "*", lambda: api.group)
        assert await access.still_may(Who(666, "Zeca")) is False
    assert await access.still_may(Who(BETO, "Beto")) is None


async def test_what_telegram_says_by_itself_counts_at_once(api: BotApi, bot: Bot, clock: FakeClock) -> None:
    access = Access(bot, clock, frozenset(), lambda: api.group)
    await access.check_approver(ANA)
    beto = User(BETO, "Beto", is_bot=False)
    access.heard(ChatMemberOwner(beto, is_anonymous=False))
    await access.check_approver(BETO)
    access.heard(ChatMemberMember(User(ANA, "Ana", is_bot=False)))
    with refusal("not_allowed"):
        await access.check_approver(ANA)
    access.heard(restricted(beto))
    with refusal("not_allowed"):
        await access.check_approver(BETO)
    with refusal("not_in_group"):
        await access.check_in_group(BETO)
    assert (api.calls["getChatAdministrators"], api.calls["getChatMember"]) == (1, 0)


async def test_administrators_are_read_once_and_kept(api: BotApi, bot: Bot, clock: FakeClock) -> None:
    access = Access(bot, clock, frozenset(), lambda: api.group)
    for _ in range(5):
        await access.check_approver(ANA)
    await access.check_approver(CARLA)
    with refusal("not_allowed"):
        await access.check_approver(BETO)
    assert api.calls["getChatAdministrators"] == 1


async def test_a_new_administrator_waits_seconds_and_an_old_one_is_out_in_minutes(
    api: BotApi, bot: Bot, clock: FakeClock
) -> None:
    access = Access(bot, clock, frozenset(), lambda: api.group)
    await access.check_approver(ANA)
    api.users[BETO].admin, api.users[CARLA].admin = True, False
    clock.ticks += 11
    await access.check_approver(BETO)
    with refusal("not_allowed"):
        await access.check_approver(CARLA)
    api.users[ANA].admin = False
    clock.ticks += 601
    with refusal("not_allowed"):
        await access.check_approver(ANA)


async def test_nobody_decides_while_the_administrators_are_unknown(
    api: BotApi, bot: Bot, clock: FakeClock
) -> None:
    access = Access(bot, clock, frozenset(), lambda: -4)
    with refusal("admins_unknown"):
        await access.check_approver(ANA)


async def test_a_list_survives_a_short_absence_of_telegram(api: BotApi, bot: Bot, clock: FakeClock) -> None:
    access = Access(bot, clock, frozenset(), lambda: api.group)
    await access.check_approver(ANA)
    await api.stop()
    clock.ticks += 400
    await access.check_approver(ANA)
    clock.ticks += 400
    with refusal("admins_unknown"):
        await access.check_approver(ANA)
    with refusal("group_unknown"):
        await Access(bot, clock, "*", lambda: api.group).check_chat(BETO, BETO)


@pytest.mark.parametrize(
    ("user", "code"),
    [
        (None, "not_a_person"),
        (User(5, "Robot", is_bot=True), "not_a_person"),
        (User(1087968824, "Group", is_bot=True), "anonymous"),
    ],
)
async def test_only_people(bot: Bot, clock: FakeClock, user: User | None, code: str) -> None:
    access = Access(bot, clock, "*", lambda: -1)
    with refusal(code):
        access.person(user)
    ana = User(ANA, "Ana", is_bot=False)
    assert access.person(ana) is ana


async def test_only_the_group_and_an_approvers_private_chat(api: BotApi, bot: Bot, clock: FakeClock) -> None:
    access = Access(bot, clock, frozenset({ANA}), lambda: api.group)
    await access.check_chat(api.group, BETO)
    await access.check_chat(ANA, ANA)
    with refusal("not_allowed"):
        await access.check_chat(BETO, BETO)
    with refusal("wrong_chat"):
        await access.check_chat(-77, ANA)
    await settled()


async def names(access: Access) -> list[tuple[int, str]]:
    """Whom a reminder mentions, once the names were asked for."""
    warm = asyncio.create_task(access.keep_warm())
    try:
        await until(lambda: all(who.name for who in [*access.on_duty(), *access.approvers()]))
        return [(who.id, who.name) for who in access.on_duty()]
    finally:
        warm.cancel()


async def test_who_is_on_duty_is_known_by_name(api: BotApi, bot: Bot, clock: FakeClock) -> None:
    api.users[BETO].name = "Beto <b>"
    group = lambda: api.group  # noqa: E731
    assert await names(Access(bot, clock, frozenset({BETO, ANA}), group)) == [
        (ANA, "Ana"),
        (BETO, "Beto <b>"),
    ]
    assert await names(Access(bot, clock, "*", group, frozenset({CARLA}))) == [(CARLA, "Carla")]
    access = Access(bot, clock, frozenset(), group, frozenset({BETO}))
    assert await names(access) == [(BETO, "Beto <b>")]
    assert Access(bot, clock, "*", group).on_duty() == []


async def test_administrators_are_on_duty_by_name(api: BotApi, bot: Bot, clock: FakeClock) -> None:
    access = Access(bot, clock, frozenset(), lambda: api.group)
    assert access.on_duty() == []
    await access.check_approver(ANA)
    assert access.on_duty() == access.approvers() == [Who(ANA, "Ana"), Who(CARLA, "Carla")]


async def test_who_is_not_in_the_group_has_no_name_and_is_asked_for_again(
    api: BotApi, bot: Bot, clock: FakeClock
) -> None:
    access = Access(bot, clock, frozenset({666, BETO}), lambda: api.group)
    warm = asyncio.create_task(access.keep_warm())
    await until(lambda: api.calls["getChatMember"] == 2)
    await until(lambda: access.approvers() == [Who(BETO, "Beto"), Who(666, "")])
    api.add_user(666, "Zeca")
    await clock.advance(300)
    await until(lambda: access.on_duty()[1].name == "Zeca")
    warm.cancel()
    assert api.calls["getChatMember"] == 3
