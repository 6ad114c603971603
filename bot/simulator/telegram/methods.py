"""The Bot API's methods over a ``ChatState``, as strict as the real ones (bot/chat/wire/README.md)."""

import json
import re
from collections.abc import Callable
from typing import Any

from bot.simulator.telegram.call import Call
from bot.simulator.telegram.chat import BOT, BOT_USER, TOO_OLD, Answer, Event, Refused, User
from bot.simulator.telegram.html import utf16
from bot.simulator.telegram.state import ChatState
from bot.simulator.telegram.writing import Writing

MAX_ANSWER = 200
ACTIONS = re.compile(
    r"typing|choose_sticker|find_location|(upload|record)_(photo|video|voice|document|video_note)"
)
FORBIDDEN = 403  # who is no member reads nothing either
REACTIONS = {"👍", "👎", "❤", "🔥", "👏", "🤔", "🙏", "👌", "👀", "✍", "🤝", "🫡"}
NO_RIGHTS = dict.fromkeys(
    ("can_be_edited", "is_anonymous", "can_post_stories", "can_edit_stories", "can_delete_stories"), False
)
RIGHTS = dict.fromkeys(
    (
        *("can_manage_chat", "can_delete_messages", "can_manage_video_chats", "can_restrict_members"),
        *("can_promote_members", "can_change_info", "can_invite_users", "can_pin_messages"),
    ),
    True,
)


class Methods:
    """Every method that this server knows."""

    def __init__(self, state: ChatState) -> None:
        self._state = state
        self._writing = writing = Writing(state)
        methods: dict[str, Callable[[Call], Any]] = {
            "getMe": lambda _: BOT,
            "deleteWebhook": self._delete_webhook,
            "setMyCommands": self._set_commands,
            "getMyCommands": self._get_commands,
            "getChat": self._get_chat,
            "getChatMember": self._get_member,
            "getChatAdministrators": self._get_administrators,
            "getChatMemberCount": lambda call: self._known(call) and len(state.users) + 1,
            "sendMessage": writing.send_message,
            "sendDocument": writing.send_document,
            "sendPhoto": writing.send_photo,
            "sendChatAction": self._send_action,
            "setMessageReaction": self._set_reaction,
            "editMessageText": writing.edit_text,
            "editMessageReplyMarkup": writing.edit_keyboard,
            "editEphemeralMessageText": writing.edit_ephemeral,
            "deleteMessage": writing.delete_message,
            "answerCallbackQuery": self._answer_query,
            "getFile": self._get_file,
        }
        self._methods = {name.lower(): method for name, method in methods.items()}

    async def call(self, method: str, call: Call) -> Any:
        """The ``result`` of a call.

        Raises:
            Refused: The call is not ok; holds what the server says.
        """
        if method.lower() == "getupdates":
            return await self._state.updates.fetch(call.params)
        if method.lower() not in self._methods:
            raise Refused("Not Found: method not found", 404)
        return self._methods[method.lower()](call)

    def _delete_webhook(self, call: Call) -> bool:
        if call.true("drop_pending_updates"):
            self._state.updates.clear()
        return True

    def _set_commands(self, call: Call) -> bool:
        commands = call.json("commands", list) or []
        for command in commands:
            if not isinstance(command, dict):
                raise Refused("Bad Request: can't parse BotCommands: expected an Array of BotCommand")
            if not re.fullmatch(r"[a-z0-9_]{1,32}", str(command.get("command", ""))):
                raise Refused("Bad Request: BOT_COMMAND_INVALID")
            if not 1 <= utf16(str(command.get("description", ""))) <= 256:  # noqa: PLR2004
                raise Refused("Bad Request: BOT_COMMAND_DESCRIPTION_INVALID")
        self._state.commands[self._scope(call)] = commands
        self._state.changed(Event("commands"))
        return True

    def _get_commands(self, call: Call) -> list[dict[str, str]]:
        return self._state.commands.get(self._scope(call), [])

    def _scope(self, call: Call) -> tuple[str, str]:
        scope = call.json("scope", dict) or {"type": "default"}
        if "chat_id" in scope:
            self._state.chat_of(scope["chat_id"])
        return json.dumps(scope, sort_keys=True), str(call.get("language_code") or "")

    def _known(self, call: Call) -> int:
        chat = self._state.chat_of(call.get("chat_id"))
        barred = self._state.barred.get(chat)
        if barred is not None and barred.code == FORBIDDEN:
            raise barred
        return chat

    def _get_chat(self, call: Call) -> dict[str, Any]:
        chat = self._known(call)
        if chat > 0 and not self._state.users[chat].opened_private:
            raise Refused("Bad Request: chat not found")
        gifts = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription")
        return self._state.chat_json(chat) | {
            "accent_color_id": 0,
            "max_reaction_count": 11,
            "accepted_gift_types": dict.fromkeys((*gifts, "gifts_from_channels"), False),
        }

    def _get_member(self, call: Call) -> dict[str, Any]:
        self._known(call)
        user = call.number("user_id")
        if user == BOT_USER["id"]:
            return {"status": "member", "user": BOT_USER}
        if user not in self._state.users:
            raise Refused("Bad Request: user not found")
        return member(self._state.users[user], call.number("chat_id"))

    def _get_administrators(self, call: Call) -> list[dict[str, Any]]:
        if self._known(call) > 0:
            raise Refused("Bad Request: there are no administrators in the private chat")
        return [member(user) for user in self._state.users.values() if user.admin and not user.gone]

    def _send_action(self, call: Call) -> bool:
        self._writing.target(call)
        if not ACTIONS.fullmatch(str(call.get("action"))):
            raise Refused("Bad Request: wrong parameter action in request")
        return True

    def _set_reaction(self, call: Call) -> bool:
        chat = self._writing.target(call)
        wanted = call.number("message_id")
        message = next((m for m in self._state.history[chat] if m.id == wanted and not m.deleted), None)
        if message is None:
            raise Refused("Bad Request: message to react not found")
        given = call.json("reaction", list) or []
        emoji = [str(one.get("emoji")) for one in given if isinstance(one, dict)]
        if not set(emoji) <= REACTIONS:
            raise Refused("Bad Request: REACTION_INVALID")
        message.reactions = emoji
        self._state.changed(Event("reaction", message))
        return True

    def _answer_query(self, call: Call) -> bool:
        query = self._state.queries.get(str(call.get("callback_query_id")))
        text = str(call.get("text") or "")
        if query is None or query.answer.done():
            raise Refused(TOO_OLD)
        seconds = self._state.clock() - query.born
        if seconds > self._state.query_seconds:
            raise Refused(TOO_OLD)
        if utf16(text) > MAX_ANSWER:
            raise Refused("Bad Request: MESSAGE_TOO_LONG")
        answer = Answer(text, call.true("show_alert"), seconds)
        query.answer.set_result(answer)
        self._state.changed(Event("answer", answer=answer))
        return True

    def _get_file(self, call: Call) -> dict[str, Any]:
        message = self._state.files.get(str(call.get("file_id")))
        if message is None:
            raise Refused("Bad Request: invalid file_id")
        file = self._state.file_json(message)
        return {**file, "file_path": f"documents/{file['file_id']}"}


def member(user: User, chat: int = 0) -> dict[str, Any]:
    """A Bot API ChatMember."""
    if user.gone or chat in user.never_in:
        return {"status": "left", "user": user.json()}
    if not user.admin:
        return {"status": "member", "user": user.json()}
    return {"status": "administrator", "user": user.json(), **NO_RIGHTS, **RIGHTS}
