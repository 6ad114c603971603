"""A real python-telegram-bot application against the simulated Bot API."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from telegram import BotCommand, BotCommandScopeChat, InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.constants import ParseMode
from telegram.error import BadRequest, ChatMigrated, Conflict, Forbidden, InvalidToken, RetryAfter
from telegram.ext import Application, ApplicationBuilder, CallbackQueryHandler, CommandHandler, ContextTypes

from bot.simulator.telegram.api import BotApi
from bot.simulator.telegram.updates import CONFLICT
from tests.patience import PATIENCE

App = Application[Any, Any, Any, Any, Any, Any]


def build(api: BotApi, token: str | None = None) -> App:
    builder = ApplicationBuilder().token(token or api.token)
    return (
        builder.base_url(f"{api.url}/bot")
        .base_file_url(f"{api.url}/file/bot")
        .concurrent_updates(True)
        .build()
    )


async def card(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    assert update.effective_chat is not None
    buttons = [
        InlineKeyboardButton("Aprovar", callback_data="ok", api_kwargs={"style": "success"}),
        InlineKeyboardButton("Negar", callback_data="no", api_kwargs={"style": "danger"}),
    ]
    await context.bot.send_message(
        update.effective_chat.id,
        "🔴 <b>LOS</b> CB 01 &lt;6/15&gt;",
        parse_mode=ParseMode.HTML,
        reply_markup=InlineKeyboardMarkup([buttons]),
    )


async def approve(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    query = update.callback_query
    assert query is not None
    await query.answer(f"{query.from_user.first_name}: {query.data}", show_alert=True)
    await query.edit_message_text("<i>aprovado</i>", parse_mode=ParseMode.HTML)
    await context.bot.send_document(
        query.from_user.id, b"a;b\r\n1;\x00\xff\r\n", filename="relatório.csv", caption="ok"
    )


@pytest.fixture
async def app(telegram: BotApi) -> AsyncIterator[App]:
    app = build(telegram)
    app.add_handler(CommandHandler("card", card))
    app.add_handler(CallbackQueryHandler(approve))
    async with app:
        await app.start()
        assert app.updater is not None
        await app.updater.start_polling(timeout=10, allowed_updates=["message", "callback_query"])
        yield app
        await app.updater.stop()
        await app.stop()


async def test_a_command_a_tap_an_edit_and_a_document(telegram: BotApi, app: App) -> None:
    telegram.users[7].opened_private = True
    await telegram.say(7, "/card@noc_bot now")
    message = await telegram.wait(lambda api: next(iter(api.messages()), None))
    assert (message.text, message.buttons) == ("🔴 LOS CB 01 <6/15>", ["Aprovar", "Negar"])
    assert [button.style for button in message.keyboard[0]] == ["success", "danger"]

    answer = await telegram.tap(7, message, "Aprovar")
    assert (answer.text, answer.show_alert) == ("Ana: ok", True)
    document = await telegram.wait(lambda api: next(iter(api.documents), None))
    assert (document.filename, document.document, document.chat) == (
        "relatório.csv",
        b"a;b\r\n1;\x00\xff\r\n",
        7,
    )
    assert (message.text, message.buttons, len(message.edits)) == ("aprovado", [], 1)
    assert telegram.refused == []

    file = await app.bot.get_file(f"doc7x{document.id}")
    assert bytes(await file.download_as_bytearray()) == document.document


async def test_another_poller_is_told_to_the_application(telegram: BotApi, http: httpx.AsyncClient) -> None:
    heard: asyncio.Queue[Exception] = asyncio.Queue()
    app = build(telegram)
    assert app.updater is not None
    async with app:
        await app.updater.start_polling(timeout=10, error_callback=heard.put_nowait)
        await telegram.wait(lambda api: api.updates.polling)
        other = await http.get(f"{telegram.url}/bot{telegram.token}/getUpdates?timeout=0")
        assert other.json() == {"ok": True, "result": []}
        async with asyncio.timeout(PATIENCE):
            assert isinstance(await heard.get(), Conflict)
        assert telegram.refused == [("getUpdates", CONFLICT)]
        await app.updater.stop()


async def test_stopping_and_starting_again_conflicts_with_nobody(telegram: BotApi) -> None:
    for polls in (1, 2):
        app = build(telegram)
        assert app.updater is not None
        async with app:
            await app.updater.start_polling(timeout=10)
            await telegram.wait(lambda api: api.updates.polling)
            await app.updater.stop()
        assert (telegram.calls["getMe"], telegram.refused) == (polls, [])


async def test_ptb_reads_every_answer(telegram: BotApi, app: App) -> None:
    bot, group = app.bot, telegram.group
    chat = await bot.get_chat(group)
    assert (chat.title, chat.type) == ("NOC", "supergroup")
    assert [member.user.id for member in await bot.get_chat_administrators(group)] == [7]
    assert (await bot.get_chat_member(group, 8)).status == "member"
    assert (await bot.get_chat_member(group, bot.id)).status == "member"
    assert await bot.get_chat_member_count(group) == 3
    scope = BotCommandScopeChat(group)
    await bot.set_my_commands([BotCommand("status", "Situação")], scope=scope)
    assert await bot.get_my_commands(scope=scope) == (BotCommand("status", "Situação"),)
    assert await bot.send_chat_action(group, "typing")
    message = await bot.send_message(group, "one")
    assert await message.edit_reply_markup(
        InlineKeyboardMarkup.from_button(InlineKeyboardButton("b", url="https://a.b"))
    )
    assert await message.delete()
    assert telegram.messages() == []


async def test_ptb_raises_the_errors_that_the_bot_handles(
    telegram: BotApi, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")
    bot, group = app.bot, telegram.group
    with pytest.raises(Forbidden, match="can't initiate conversation"):
        await bot.send_message(8, "hi")
    with pytest.raises(BadRequest, match=r"(?i)can't parse entities: unsupported start tag"):
        await bot.send_message(group, "<x>", parse_mode=ParseMode.HTML)
    telegram.group_limit = 0
    with pytest.raises(RetryAfter):
        await bot.send_message(group, "hi")
    telegram.migrate(-1009)
    with pytest.raises(ChatMigrated) as migrated:
        await bot.send_message(group, "hi")
    assert migrated.value.new_chat_id == -1009
    stranger = build(telegram, "1:WRONG").bot
    with pytest.raises(InvalidToken):
        await stranger.initialize()
    await stranger.shutdown()
