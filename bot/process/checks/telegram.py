"""What `check` finds at Telegram: the bot, its group, the people that the settings name. It posts nothing."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace

from telegram import Bot, ChatMember
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from bot.chat.wire.connection import Connection
from bot.process.checks.lines import Finding
from bot.process.settings.composed import Settings
from bot.process.settings.regional import called
from bot.tongue import said


async def telegram(settings: Settings) -> AsyncGenerator[Finding, None]:
    """The bot's account, its group, its rights there, and everybody whom the settings name."""
    async with account(settings) as bot:
        try:
            await bot.initialize()
        except InvalidToken:  # its text holds the token
            yield Finding("Telegram bot", False, said("the token is refused; check TELEGRAM_TOKEN"))
            return
        except TelegramError as error:
            mend = said("check TELEGRAM_API_URL and the way there")
            yield Finding("Telegram bot", False, f"{telegram_said(error)}; {mend}")
            return
        yield Finding("Telegram bot", True, f"@{bot.username}")
        async for finding in _group(bot, settings):
            yield finding
        for region in settings.regions:
            async for finding in _group(bot, settings.of(region)):
                yield _of_region(region, finding, settings.own(region))


@asynccontextmanager
async def account(settings: Settings) -> AsyncIterator[Bot]:
    """The bot's account, not asked for anything yet."""
    # Its own requests: a Bot that could not be initialised leaves those it made itself open.
    proxy = settings.telegram_proxy.get_secret_value() or None
    async with (
        Connection(pool=2, connect=5, proxy=proxy) as request,
        Connection(pool=1, connect=5, proxy=proxy) as polls,
    ):
        base = f"{settings.telegram_api_url}/bot"
        token = settings.telegram_token.get_secret_value()
        yield Bot(token, base_url=base, request=request, get_updates_request=polls)


async def _group(bot: Bot, settings: Settings) -> AsyncIterator[Finding]:
    group = settings.telegram_chat_id
    try:
        chat = await bot.get_chat(group)
        me = await bot.get_chat_member(group, bot.id)
    except ChatMigrated as moved:
        text = said("it became a supergroup; set TELEGRAM_CHAT_ID={group}", group=moved.new_chat_id)
        yield Finding("Telegram group", False, text)
        return
    except TelegramError as error:
        mend = said("check TELEGRAM_CHAT_ID and add the bot to the group")
        yield Finding("Telegram group", False, f"{telegram_said(error)}; {mend}")
        return
    yield Finding("Telegram group", True, chat.title or str(group))
    yield _rights(me)
    if settings.telegram_topic_id is not None:
        topic = settings.telegram_topic_id
        text = said("{topic}, not tested: only a message would show whether it exists", topic=topic)
        yield Finding("topic", True, text)
    if settings.telegram_approvers == "*":
        yield Finding("approvers", True, said("everyone in the group"))
    elif settings.telegram_approvers:
        for user in sorted(settings.telegram_approvers):
            yield await _member(bot, group, user, "approver", "TELEGRAM_APPROVERS")
    else:
        yield await _administrators(bot, group)
    for user in sorted(settings.telegram_on_call):
        yield await _member(bot, group, user, "on call", "TELEGRAM_ON_CALL")
    if settings.telegram_escalation_chat_id is not None:
        yield await _escalation(bot, settings.telegram_escalation_chat_id)


def _of_region(region: str, finding: Finding, own: Collection[str]) -> Finding:
    """The same of a region's group: what is its own is mended under its own name."""
    text = finding.text
    for field in own:
        text = re.sub(rf"\b{field.upper()}\b", called(region, field), text)
    return replace(finding, text=f"{region}: {text}")


def telegram_said(error: TelegramError) -> str:
    """Telegram's own words where it answered, else what happened in plain ones."""
    match error:
        case BadRequest() | Forbidden() | RetryAfter():
            return said("Telegram says: {text}", text=error.message)
        case TimedOut():
            return said("Telegram did not answer in time")
        case NetworkError():
            return said(
                "Telegram was not reached: no such host, nothing listens there, or a firewall is between"
            )
    return said("Telegram answered in a way that the bot does not understand")


def _rights(me: ChatMember) -> Finding:
    may_write = getattr(me, "can_send_messages", True)
    if me.status in {ChatMember.LEFT, ChatMember.BANNED} or may_write is False:
        mend = said("let the bot be a member that may write")
        return Finding("bot's rights", False, f"{said(me.status)}; {mend}")
    return Finding("bot's rights", True, said(me.status))


async def _member(bot: Bot, group: int, user: int, what: str, setting: str) -> Finding:
    try:
        member = await bot.get_chat_member(group, user)
    except TelegramError as error:
        return Finding(what, False, f"{user}: {telegram_said(error)}; {_mend(setting)}")
    if member.status in {ChatMember.LEFT, ChatMember.BANNED}:
        text = said("{user} is not in the group", user=user)
        return Finding(what, False, f"{text}; {_mend(setting)}")
    return Finding(what, True, member.user.full_name)


def _mend(setting: str) -> str:
    return said("mend {setting}", setting=setting)


async def _escalation(bot: Bot, chat: int) -> Finding:
    try:
        found = await bot.get_chat(chat)
    except TelegramError as error:
        mend = said(
            "mend TELEGRAM_ESCALATION_CHAT_ID, add the bot to that group, or let that person write /start"
        )
        return Finding("escalation", False, f"{telegram_said(error)}; {mend}")
    return Finding("escalation", True, found.effective_name or str(chat))


async def _administrators(bot: Bot, group: int) -> Finding:
    mend = said("name people in TELEGRAM_APPROVERS")
    try:
        admins = [a.user for a in await bot.get_chat_administrators(group) if not a.user.is_bot]
    except TelegramError as error:
        return Finding("approvers", False, f"{telegram_said(error)}; {mend}")
    names = ", ".join(admin.full_name for admin in admins)
    none = said("the group has no administrators")
    return Finding("approvers", bool(admins), names or f"{none}; {mend}")
