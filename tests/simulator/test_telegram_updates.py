import asyncio
from typing import Any

import httpx
import pytest

from bot.simulator.server import DropAfter, Throttle
from bot.simulator.telegram.api import BotApi
from bot.simulator.telegram.updates import CONFLICT

from .clock import Clock
from .phone import Caller, markup, row


async def test_updates_stay_until_confirmed(telegram: BotApi, call: Caller) -> None:
    for text in ("/a", "/b", "/c"):
        await telegram.say(7, text)
    updates = await call.ok("getUpdates", limit=2)
    assert [update["message"]["text"] for update in updates] == ["/a", "/b"]
    assert updates == await call.ok("getUpdates", limit=2)
    rest = await call.ok("getUpdates", offset=updates[-1]["update_id"] + 1)
    assert [update["message"]["text"] for update in rest] == ["/c"]
    assert [u["message"]["text"] for u in await call.ok("getUpdates", offset=-1)] == ["/c"]
    await call.ok("deleteWebhook", drop_pending_updates=True)
    assert await call.ok("getUpdates") == []


async def test_a_long_poll_ends_when_something_comes(telegram: BotApi, call: Caller) -> None:
    poll = asyncio.create_task(call.ok("getUpdates", timeout=30))
    await telegram.wait(lambda api: api.updates.polling)
    await telegram.say(7, "/a")
    async with asyncio.timeout(20):  # of the 30 s that it would wait
        assert len(await poll) == 1


async def test_of_two_pollers_the_older_is_sent_away(telegram: BotApi, call: Caller) -> None:
    older = asyncio.create_task(call("getUpdates", timeout=30))
    await telegram.wait(lambda api: api.updates.polling)
    assert await call.ok("getUpdates") == []
    async with asyncio.timeout(20):  # of the 30 s that it would wait
        body = await older
    assert (body["error_code"], body["description"]) == (409, CONFLICT)
    assert telegram.refused == [("getUpdates", CONFLICT)]


async def test_nobody_is_told_of_a_poller_that_has_gone(telegram: BotApi, call: Caller) -> None:
    poll = asyncio.create_task(call("getUpdates", timeout=30))
    await telegram.wait(lambda api: api.updates.polling)
    poll.cancel()
    await asyncio.wait([poll])
    assert await call.ok("getUpdates") == []
    assert telegram.refused == []


async def test_only_what_the_bot_asks_for(telegram: BotApi, call: Caller) -> None:
    await call.ok("getUpdates", allowed_updates=["callback_query"])
    await telegram.say(7, "/a")
    assert await call.ok("getUpdates") == []
    await call.ok("getUpdates", allowed_updates=[])
    await telegram.say(7, "/b")
    assert len(await call.ok("getUpdates")) == 1


async def test_privacy_mode_in_the_group_and_everything_in_private(telegram: BotApi, call: Caller) -> None:
    for text in ("hello", "/status@other_bot", "/status@noc_bot 1"):
        await telegram.say(7, text)
    await telegram.say(7, "hello", chat=7)
    messages = [update["message"] for update in await call.ok("getUpdates")]
    assert [(m["text"], m["chat"]["type"]) for m in messages] == [
        ("/status@noc_bot 1", "supergroup"),
        ("hello", "private"),
    ]
    assert messages[0]["entities"] == [{"type": "bot_command", "offset": 0, "length": 15}]
    assert messages[0]["from"]["first_name"] == "Ana"


async def test_an_anonymous_admin_speaks_for_the_group(telegram: BotApi, call: Caller) -> None:
    telegram.add_user(1087968824, "Group", username="GroupAnonymousBot")
    await telegram.say(1087968824, "/status")
    (update,) = await call.ok("getUpdates")
    assert update["message"]["sender_chat"]["id"] == telegram.group
    assert update["message"]["from"]["id"] == 1087968824


async def test_a_group_that_is_not_ours(telegram: BotApi, call: Caller) -> None:
    await telegram.say(8, "/status", chat=-100999)
    (update,) = await call.ok("getUpdates")
    assert update["message"]["chat"] == {"id": -100999, "type": "supergroup", "title": "Other"}
    await call.ok("sendMessage", chat_id=-100999, text="no")


async def card(call: Caller, **params: Any) -> Any:
    await call.send(
        "card", reply_markup=markup(row("ok", "no"), [{"text": "Site", "url": "https://a.b"}]), **params
    )
    return call.api.messages()[-1]


async def query_of(call: Caller) -> Any:
    (update,) = await call.ok("getUpdates")
    return update["callback_query"]


async def test_a_tap_waits_for_its_answer(telegram: BotApi, call: Caller, clock: Clock) -> None:
    message = await card(call)
    tap = asyncio.create_task(telegram.tap(7, message, "OK"))
    query = (await call.ok("getUpdates", timeout=5))[0]["callback_query"]
    assert (query["data"], query["from"]["id"]) == ("ok", 7)
    assert query["message"]["message_id"] == message.id
    clock.forward(2)
    await call.ok("answerCallbackQuery", callback_query_id=query["id"], text="feito", show_alert=True)
    answer = await tap
    assert (answer.text, answer.show_alert, answer.delay_seconds) == ("feito", True, 2.0)


async def test_what_cannot_be_tapped(telegram: BotApi, call: Caller) -> None:
    message = await card(call)
    with pytest.raises(LookupError, match="no button"):
        await telegram.tap(7, message, "Other")
    with pytest.raises(LookupError, match="sends nothing"):
        await telegram.tap(7, message, "Site")
    await call.ok("deleteMessage", chat_id=telegram.group, message_id=message.id)
    with pytest.raises(LookupError, match="does not see"):
        await telegram.tap(7, message, "ok")
    telegram.post_callback(7, message, "forged")
    query = await query_of(call)
    assert (query["data"], query["message"]["date"]) == ("forged", 0)


async def test_a_tap_that_nobody_answers(
    telegram: BotApi, call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.simulator.telegram.api.TAP_TIMEOUT", 0.05)
    with pytest.raises(TimeoutError, match="no answer to the tap on 'ok'"):
        await telegram.tap(7, await card(call), "ok")


async def test_a_tap_without_waiting(telegram: BotApi, call: Caller) -> None:
    await telegram.tap(7, await card(call), "no", wait=False)
    assert (await query_of(call))["data"] == "no"


@pytest.mark.parametrize(("seconds", "fine"), [(15, True), (15.1, False)])
async def test_the_answer_must_come_in_time(
    telegram: BotApi, call: Caller, clock: Clock, seconds: float, fine: bool
) -> None:
    telegram.post_callback(7, await card(call), "ok")
    query = await query_of(call)
    clock.forward(seconds)
    body = await call("answerCallbackQuery", callback_query_id=query["id"])
    assert body["ok"] == fine
    too_old = "Bad Request: query is too old and response timeout expired or query ID is invalid"
    assert fine or body["description"] == too_old


async def test_a_query_is_answered_once_and_briefly(telegram: BotApi, call: Caller) -> None:
    telegram.post_callback(7, await card(call), "ok")
    query = {"callback_query_id": (await query_of(call))["id"]}
    assert "TOO_LONG" in await call.refused("answerCallbackQuery", **query, text="x" * 201)
    await call.ok("answerCallbackQuery", **query, text="x" * 200)
    assert "query is too old" in await call.refused("answerCallbackQuery", **query)
    assert "query is too old" in await call.refused("answerCallbackQuery", callback_query_id="1")


async def test_taps_that_nobody_fetches_vanish_and_messages_stay(
    telegram: BotApi, call: Caller, clock: Clock
) -> None:
    telegram.post_callback(7, await card(call), "ok")
    await telegram.say(7, "/a")
    clock.forward(149)
    assert len(await call.ok("getUpdates")) == 2
    clock.forward(1)
    assert ["message" in update for update in await call.ok("getUpdates")] == [True]


async def test_ephemeral_messages_ignored_or_refused(telegram: BotApi, call: Caller) -> None:
    private: dict[str, Any] = {"ephemeral_message_parameters": {"receiver_user_id": 7}}
    assert "ephemeral_message_id" not in await call.send(**private)
    assert telegram.messages()[0].ephemeral_for is None
    telegram.ephemeral = "refuse"
    assert "not supported" in await call.refused("sendMessage", chat_id=telegram.group, text="x", **private)
    assert "method not found" in await call.refused("editEphemeralMessageText", chat_id=telegram.group)


async def test_ephemeral_messages_where_supported(telegram: BotApi, call: Caller) -> None:
    telegram.ephemeral = "support"
    telegram.post_callback(7, await card(call), "ok")
    query = await query_of(call)
    wanted = {"receiver_user_id": 7, "callback_query_id": query["id"]}
    message = await card(call, ephemeral_message_parameters=wanted)
    assert message.ephemeral_for == 7
    with pytest.raises(LookupError, match="Beto does not see"):
        await telegram.tap(8, message, "ok")
    place = {"chat_id": telegram.group, "text": "page 2"}
    assert "not found" in await call.refused("editMessageText", **place, message_id=message.id)
    edit = {**place, "ephemeral_message_id": message.id}
    assert "not found" in await call.refused("editEphemeralMessageText", **edit, receiver_user_id=8)
    body = await call.ok("editEphemeralMessageText", **edit, receiver_user_id=7)
    assert (body["ephemeral_message_id"], message.text) == (message.id, "page 2")
    for wrong in ({"receiver_user_id": 99}, {**wanted, "receiver_user_id": 8}):
        await call.refused(
            "sendMessage", chat_id=telegram.group, text="x", ephemeral_message_parameters=wrong
        )


async def test_waiting_and_subscribing(telegram: BotApi, call: Caller) -> None:
    changes = telegram.subscribe()
    waiting = asyncio.create_task(telegram.wait(lambda api: [m.text for m in api.messages()]))
    await asyncio.sleep(0)
    await call.send("new")
    assert await waiting == ["new"]
    kinds = [changes.get_nowait().kind for _ in range(changes.qsize())]
    assert kinds == ["call", "message"]
    with pytest.raises(TimeoutError, match="new"):
        await telegram.wait(lambda api: api.documents, timeout=0.05)


async def test_look_ups(telegram: BotApi, call: Caller) -> None:
    group = {"chat_id": telegram.group}
    assert (await call.ok("getMe"))["username"] == "noc_bot"
    assert [m["user"]["id"] for m in await call.ok("getChatAdministrators", **group)] == [7]
    assert await call.ok("getChatMemberCount", **group) == 3
    assert await call.refused("getChatMember", **group, user_id=99) == "Bad Request: user not found"
    await telegram.say(7, "/start", chat=7)
    assert (await call.ok("getChat", chat_id=7))["first_name"] == "Ana"
    assert "no administrators" in await call.refused("getChatAdministrators", chat_id=7)


async def test_commands_have_scopes(telegram: BotApi, call: Caller) -> None:
    commands = [{"command": "status", "description": "Situação"}]
    scope = {"type": "chat", "chat_id": telegram.group}
    await call.ok("setMyCommands", commands=commands, scope=scope)
    assert await call.ok("getMyCommands", scope=scope) == commands
    assert await call.ok("getMyCommands") == []
    for wrong in ([{"command": "Status", "description": "x"}], [{"command": "a", "description": ""}], ["x"]):
        await call.refused("setMyCommands", commands=wrong)
    other = {"type": "chat", "chat_id": -5}
    assert "chat not found" in await call.refused("setMyCommands", commands=commands, scope=other)


async def test_every_form_of_a_call(telegram: BotApi, http: httpx.AsyncClient) -> None:
    base = f"{telegram.url}/bot{telegram.token}"
    params = {"chat_id": str(telegram.group), "text": "á&b", "reply_markup": '{"inline_keyboard":[]}'}
    for answer in (
        await http.get(f"{base}/sendMessage", params=params),
        await http.post(f"{base}/sendMessage", data=params),
        await http.post(f"{base}/sendMessage", json=params),
        await http.post(f"{base}/sendmessage", files={key: (None, text) for key, text in params.items()}),
    ):
        assert answer.json()["ok"]
    assert [message.text for message in telegram.messages()] == ["á&b"] * 4
    assert (telegram.calls["sendMessage"], telegram.calls["sendmessage"]) == (3, 1)
    headers = {"Content-Type": "application/json"}
    assert (await http.post(f"{base}/getMe", content=b"{", headers=headers)).status_code == 400


async def test_wrong_token_method_or_path(telegram: BotApi, http: httpx.AsyncClient) -> None:
    wrong = await http.get(f"{telegram.url}/bot1:X/getMe")
    assert (wrong.status_code, wrong.json()) == (
        401,
        {"ok": False, "error_code": 401, "description": "Unauthorized"},
    )
    assert (await http.get(f"{telegram.url}/bot{telegram.token}/getNothing")).status_code == 404
    assert (await http.get(f"{telegram.url}/other")).status_code == 404


async def test_faults_in_its_own_words(telegram: BotApi, http: httpx.AsyncClient) -> None:
    url = f"{telegram.url}/bot{telegram.token}/sendMessage"
    telegram.faults.inject(Throttle(4))
    telegram.faults.inject(Throttle())
    params = {"chat_id": telegram.group, "text": "x"}
    assert (await http.post(url, json=params)).json()["parameters"] == {"retry_after": 4}
    assert "parameters" not in (await http.post(url, json=params)).json()
    telegram.faults.inject(DropAfter())
    with pytest.raises(httpx.RemoteProtocolError):
        await http.post(url, json=params)
    assert [message.text for message in telegram.messages()] == ["x"]


async def test_who_changes_in_the_group_is_told_where_it_was_asked_for(
    telegram: BotApi, call: Caller
) -> None:
    telegram.change(8, admin=True)
    assert await call.ok("getUpdates") == []
    await call.ok("getUpdates", allowed_updates=["chat_member"])
    telegram.change(8, gone=True)
    (update,) = await call.ok("getUpdates")
    told = update["chat_member"]
    assert (told["old_chat_member"]["status"], told["new_chat_member"]["status"]) == ("administrator", "left")
    member = await call.ok("getChatMember", chat_id=telegram.group, user_id=8)
    assert member == told["new_chat_member"]
    admins = await call.ok("getChatAdministrators", chat_id=telegram.group)
    assert [admin["user"]["id"] for admin in admins] == [7]


async def test_a_message_may_have_more_fields(telegram: BotApi, call: Caller) -> None:
    await telegram.say(7, "/a", date=5, is_automatic_forward=True)
    (update,) = await call.ok("getUpdates")
    assert (update["message"]["date"], update["message"]["is_automatic_forward"]) == (5, True)
