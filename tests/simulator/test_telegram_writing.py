from typing import Any

import httpx
import pytest
import time_machine

from bot.simulator.telegram.api import BotApi

from .clock import Clock
from .phone import Caller, markup, row


async def test_a_message_as_the_phone_shows_it(telegram: BotApi, call: Caller) -> None:
    buttons = markup(
        [{"text": "OK", "callback_data": "ok", "style": "success"}, {"text": "Site", "url": "https://a.b"}]
    )
    sent = await call.send("<b>LOS</b> &amp; co", parse_mode="HTML", reply_markup=buttons)
    (message,) = telegram.messages()
    assert (message.id, message.text, message.html) == (sent["message_id"], "LOS & co", "<b>LOS</b> &amp; co")
    assert (message.buttons, message.keyboard[0][0].style) == (["OK", "Site"], "success")
    assert (message.button("Si").url, message.button("ok").text) == ("https://a.b", "OK")
    with pytest.raises(LookupError, match="Site"):
        message.button("Negar")
    assert sent["reply_markup"] == buttons
    assert sent["entities"] == [{"type": "bold", "offset": 0, "length": 3}]
    assert sent["chat"] == {"id": telegram.group, "type": "supergroup", "title": "NOC"}


@pytest.mark.parametrize("length", [4096, 4097])
async def test_the_length_counts_utf16_after_parsing(call: Caller, length: int) -> None:
    text = "<b>" + "😀" * (length // 2) + "&lt;" * (length % 2) + "</b>"
    body = await call("sendMessage", chat_id=call.api.group, text=text, parse_mode="HTML")
    assert body["ok"] == (length == 4096)
    assert length == 4096 or body["description"] == "Bad Request: message is too long"


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"text": ""}, "message text is empty"),
        ({"text": " <b> </b>", "parse_mode": "HTML"}, "message text is empty"),
        ({"text": "<x>", "parse_mode": "HTML"}, "can't parse entities: Unsupported start tag"),
        ({"text": "x", "parse_mode": "Other"}, "unsupported parse_mode"),
        ({"text": "x", "chat_id": -100999}, "chat not found"),
        ({"text": "x", "chat_id": "@someone"}, "chat not found"),
        ({"text": "x", "chat_id": 999}, "chat not found"),
        ({"text": "x", "reply_parameters": {"message_id": 99}}, "message to be replied not found"),
        ({"text": "x", "reply_markup": "{"}, "can't parse reply_markup JSON object"),
        ({"text": "x", "reply_markup": []}, "can't parse reply_markup JSON object"),
    ],
)
async def test_refused_messages(call: Caller, params: dict[str, Any], error: str) -> None:
    description = await call.refused("sendMessage", **{"chat_id": call.api.group, **params})
    assert description.startswith(f"Bad Request: {error}")
    assert call.api.messages() == []


@pytest.mark.parametrize(
    ("buttons", "error"),
    [
        ([row("x" * 64)], None),
        ([row("x" * 65)], "BUTTON_DATA_INVALID"),
        ([row("é" * 33)], "BUTTON_DATA_INVALID"),
        ([[{"text": "x", "callback_data": ""}]], "BUTTON_DATA_INVALID"),
        ([[{"text": "x", "callback_data": "x", "style": "primary"}]], None),
        ([[{"text": "x", "callback_data": "x", "style": "warning"}]], "invalid button style"),
        ([row(*"abcdefgh")], None),
        ([row(*"abcdefghi")], "REPLY_MARKUP_TOO_LONG"),
        ([row(*"abcde")] * 20, None),
        ([row(*"abcde")] * 20 + [row("f")], "REPLY_MARKUP_TOO_LONG"),
        ([[{"text": "x"}]], "Text buttons are unallowed"),
        ([[{"text": "", "callback_data": "x"}]], "non-empty text"),
        ([[{"text": "x", "url": "javascript:x"}]], "BUTTON_URL_INVALID"),
        ([[{"text": "x", "copy_text": {"text": "x" * 256}}]], None),
        ([[{"text": "x", "copy_text": {"text": "x" * 257}}]], "BUTTON_COPY_TEXT_INVALID"),
        (["x"], "must be of type Array"),
        ([["x"]], "must be an Object"),
    ],
)
async def test_buttons(call: Caller, buttons: list[Any], error: str | None) -> None:
    body = await call("sendMessage", chat_id=call.api.group, text="x", reply_markup=markup(*buttons))
    assert (body["ok"], (error or "") in body.get("description", "")) == (error is None, True)


async def test_an_edit_changes_the_message_in_place(telegram: BotApi, call: Caller, clock: Clock) -> None:
    sent = await call.send("one", reply_markup=markup(row("a")))
    place = {"chat_id": telegram.group, "message_id": sent["message_id"]}
    (message,) = telegram.messages()
    clock.forward(5)
    await call.ok("editMessageText", **place, text="<i>two</i>", parse_mode="HTML")
    assert (message.text, message.buttons, message.edits) == ("two", [], [(1005.0, "two")])
    await call.ok("editMessageReplyMarkup", **place, reply_markup=markup(row("b")))
    assert (message.text, message.buttons, len(message.edits)) == ("two", ["B"], 1)
    assert telegram.messages() == [message]


async def test_an_edit_without_a_change(telegram: BotApi, call: Caller) -> None:
    sent = await call.send("<b>one</b>", parse_mode="HTML", reply_markup=markup(row("a")))
    place = {"chat_id": telegram.group, "message_id": sent["message_id"], "reply_markup": markup(row("a"))}
    same = await call.refused("editMessageText", **place, text=" <b>one</b>", parse_mode="HTML")
    assert same.startswith("Bad Request: message is not modified: specified new message content and")
    assert (await call.refused("editMessageReplyMarkup", **place)) == same
    await call.ok("editMessageText", **place, text="one")


async def test_only_messages_of_the_bot_that_are_there_can_be_edited_or_deleted(
    telegram: BotApi, call: Caller
) -> None:
    sent, theirs = await call.send(), await telegram.say(7, "/x")
    own = {"chat_id": telegram.group, "message_id": sent["message_id"]}
    foreign = {"chat_id": telegram.group, "message_id": theirs.id}
    assert (
        await call.refused("editMessageText", **foreign, text="x") == "Bad Request: message can't be edited"
    )
    assert await call.refused("deleteMessage", **foreign) == "Bad Request: message can't be deleted"
    assert await call.ok("deleteMessage", **own) is True
    assert telegram.messages() == []
    assert await call.refused("editMessageText", **own, text="x") == "Bad Request: message to edit not found"
    assert await call.refused("deleteMessage", **own) == "Bad Request: message to delete not found"


async def test_deleting_ends_after_48_hours(telegram: BotApi, call: Caller) -> None:
    with time_machine.travel("2026-01-01T00:00:00Z", tick=True):
        sent = await call.send()
    with time_machine.travel("2026-01-03T00:01:00Z", tick=True):
        error = await call.refused("deleteMessage", chat_id=telegram.group, message_id=sent["message_id"])
    assert error == "Bad Request: message can't be deleted for everyone"


async def test_a_reply_names_its_message(telegram: BotApi, call: Caller) -> None:
    sent = await call.send()
    reply = await call.send("re", reply_parameters={"message_id": sent["message_id"]})
    assert reply["reply_to_message"]["text"] == "hi"
    await call.send("re", reply_parameters={"message_id": 99, "allow_sending_without_reply": True})
    assert [message.reply_to for message in telegram.messages()] == [None, sent["message_id"], None]


async def test_the_pace_of_a_group(telegram: BotApi, call: Caller, clock: Clock) -> None:
    sent = await call.send()
    clock.forward(10)
    for n in range(19):
        await call.ok("editMessageText", chat_id=telegram.group, message_id=sent["message_id"], text=f"{n}")
    assert telegram.sent_in_window() == 20
    body = await call("sendMessage", chat_id=telegram.group, text="x")
    assert (body["error_code"], body["parameters"]) == (429, {"retry_after": 50})
    assert body["description"] == "Too Many Requests: retry after 50"
    await telegram.say(7, "/start", chat=7)
    await call.ok("sendMessage", chat_id=7, text="private has no such limit")
    await call.ok("sendChatAction", chat_id=telegram.group, action="typing")
    clock.forward(50)
    await call.send()
    edit = {"chat_id": telegram.group, "message_id": sent["message_id"]}
    assert await call.refused("editMessageText", **edit, text="x") == "Too Many Requests: retry after 10"
    telegram.group_limit, telegram.group_window = 2, 1.0
    await call.send()
    assert await call.refused("editMessageReplyMarkup", **edit) == "Too Many Requests: retry after 1"
    clock.forward(1)
    await call.send()
    telegram.group_limit = None
    for _ in range(30):
        await call.send()


async def test_thirty_messages_a_second_in_all_chats_together(
    telegram: BotApi, call: Caller, clock: Clock
) -> None:
    await telegram.say(7, "/start", chat=7)
    for _ in range(15):
        await call.send()
        await call.ok("sendMessage", chat_id=7, text="x")
    for chat in (telegram.group, 7):
        refused = await call.refused("sendMessage", chat_id=chat, text="x")
        assert refused == "Too Many Requests: retry after 1"
    clock.forward(1)
    await call.send()


async def test_private_chats_must_be_opened_by_the_person(telegram: BotApi, call: Caller) -> None:
    error = await call.refused("sendMessage", chat_id=8, text="x")
    assert error == "Forbidden: bot can't initiate conversation with a user"
    assert await call.refused("getChat", chat_id=8) == "Bad Request: chat not found"
    await telegram.say(8, "/start", chat=8)
    await call.ok("sendMessage", chat_id=8, text="x")
    assert [message.text for message in telegram.messages(8)] == ["x"]
    assert telegram.messages() == []


async def test_a_group_that_moved(telegram: BotApi, call: Caller) -> None:
    old = telegram.group
    sent = await call.send()
    telegram.migrate(-1009)
    body = await call("editMessageText", chat_id=old, message_id=sent["message_id"], text="x")
    assert body["description"] == "Bad Request: group chat was upgraded to a supergroup chat"
    assert body["parameters"] == {"migrate_to_chat_id": -1009}
    await call.send()
    assert [message.chat for message in telegram.messages()] == [-1009]
    updates = [update["message"] for update in await call.ok("getUpdates")]
    assert [
        (u["chat"]["id"], u.get("migrate_to_chat_id"), u.get("migrate_from_chat_id")) for u in updates
    ] == [
        (old, -1009, None),
        (-1009, None, old),
    ]


@pytest.mark.parametrize(("topic", "fine"), [(5, True), (1, False), (6, False)])
async def test_topics(telegram: BotApi, call: Caller, topic: int, fine: bool) -> None:
    telegram.topics.add(5)
    body = await call("sendMessage", chat_id=telegram.group, text="x", message_thread_id=topic)
    assert body["ok"] == fine
    assert fine or body["description"] == "Bad Request: message thread not found"
    assert [message.thread for message in telegram.messages()] == ([5] if fine else [])


async def test_a_document(telegram: BotApi, call: Caller, http: httpx.AsyncClient) -> None:
    content = b"a;\x00\r\n\xff--x\r\n\r\n"
    url = f"{telegram.url}/bot{telegram.token}/sendDocument"
    answer = await http.post(
        url, data={"chat_id": str(telegram.group), "caption": "ok"}, files={"document": ("é.csv", content)}
    )
    described = answer.json()["result"]["document"]
    assert (described["file_name"], described["mime_type"]) == ("é.csv", "text/csv")
    (document,) = telegram.documents
    assert (document.document, document.filename, document.text) == (content, "é.csv", "ok")
    file = await call.ok("getFile", file_id=described["file_id"])
    assert (await http.get(f"{telegram.url}/file/bot{telegram.token}/{file['file_path']}")).content == content
    assert (await http.get(f"{telegram.url}/file/bot{telegram.token}/documents/other")).status_code == 404
    assert await call.refused("getFile", file_id="x") == "Bad Request: invalid file_id"

    long = await http.post(
        url, data={"chat_id": str(telegram.group), "caption": "x" * 1025}, files={"document": ("a", b"x")}
    )
    assert long.json()["description"] == "Bad Request: message caption is too long"
    empty = await http.post(url, data={"chat_id": str(telegram.group)}, files={"document": ("a", b"")})
    assert empty.json()["description"] == "Bad Request: file must be non-empty"
    assert "no document" in await call.refused("sendDocument", chat_id=telegram.group, document="x")
    place = {"chat_id": telegram.group, "message_id": document.id}
    assert "no text in the message" in await call.refused("editMessageText", **place, text="x")


async def test_a_photo(telegram: BotApi, call: Caller, http: httpx.AsyncClient) -> None:
    url, chat = f"{telegram.url}/bot{telegram.token}/sendPhoto", {"chat_id": str(telegram.group)}
    content = b"\x89PNG\r\n\x1a\n..."
    answer = await http.post(url, data={**chat, "caption": "ok"}, files={"photo": ("a.png", content)})
    described = answer.json()["result"]
    assert (described["caption"], described["photo"][0]["file_size"]) == ("ok", len(content))
    (photo,) = telegram.photos
    assert (photo.document, photo.filename, photo.text, telegram.documents) == (content, "a.png", "ok", [])
    none = await http.post(url, data=chat, files={"photo": ("a.png", b"<svg/>")})
    assert none.json()["description"] == "Bad Request: IMAGE_PROCESS_FAILED"
    assert "no photo" in await call.refused("sendPhoto", chat_id=telegram.group, photo="x")
    telegram.without_photos = {telegram.group}
    refused = await http.post(url, data=chat, files={"photo": ("a.png", content)})
    assert "not enough rights to send photos" in refused.json()["description"]
    assert len(telegram.photos) == 1


async def test_actions(telegram: BotApi, call: Caller) -> None:
    assert await call.ok("sendChatAction", chat_id=telegram.group, action="upload_document")
    assert "wrong parameter action" in await call.refused(
        "sendChatAction", chat_id=telegram.group, action="dance"
    )


def mention(user: int, name: str) -> str:
    return f'<a href="tg://user?id={user}">{name}</a>'


async def test_a_mention_is_one_of_whom_the_bot_knows(telegram: BotApi, call: Caller) -> None:
    ana = telegram.add_user(7, "Ana")
    link = '<a href="https://t.me/c/1/2">card</a>'
    text = f"{mention(7, 'Ana')} {mention(999, 'Nobody')} {link}"
    sent = await call.send(text, parse_mode="HTML")
    (message,) = telegram.messages()
    assert message.text == "Ana Nobody card"
    assert message.entities == [
        {"type": "text_mention", "offset": 0, "length": 3, "user": ana.json()},
        {"type": "text_link", "offset": 11, "length": 4, "url": "https://t.me/c/1/2"},
    ]
    assert sent["entities"] == message.entities
    same = {"chat_id": telegram.group, "message_id": message.id, "text": text, "parse_mode": "HTML"}
    assert "message is not modified" in await call.refused("editMessageText", **same)


async def test_a_message_has_100_entities(telegram: BotApi, call: Caller) -> None:
    await call.send("<b>x</b> " * 101, parse_mode="HTML")
    assert len(telegram.messages()[0].entities) == 100


@pytest.mark.parametrize(("given", "silent"), [({}, False), ({"disable_notification": True}, True)])
async def test_a_message_comes_with_a_sound_or_without(
    given: dict[str, Any], silent: bool, telegram: BotApi, call: Caller
) -> None:
    await call.send(**given)
    assert telegram.messages()[0].silent is silent


async def test_another_group_has_messages_and_a_pace_of_its_own(telegram: BotApi, call: Caller) -> None:
    telegram.group_limit = 1
    telegram.chats[-1002] = "Supervision"
    await call.send("here")
    await call.ok("sendMessage", chat_id=-1002, text="there")
    assert [m.text for m in telegram.messages()] == ["here"]
    assert [m.text for m in telegram.messages(-1002)] == ["there"]
    assert "Too Many Requests" in await call.refused("sendMessage", chat_id=-1002, text="again")
