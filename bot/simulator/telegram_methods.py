"""The Bot API's methods over a ``ChatState``, as strict as contracts/telegram.md says the real ones are."""

import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from bot.simulator import telegram_html
from bot.simulator.telegram_chat import BOT, BOT_USER, Answer, Button, Event, Message, Refused, User, keyboard
from bot.simulator.telegram_html import Parsed, utf16
from bot.simulator.telegram_state import ChatState

MAX_TEXT, MAX_CAPTION, MAX_ANSWER = 4096, 1024, 200
GENERAL_TOPIC = 1
DELETE_SECONDS = 48 * 3600
NOT_MODIFIED = (
    "Bad Request: message is not modified: specified new message content and reply markup are exactly "
    "the same as a current content and reply markup of the message"
)
TOO_OLD = "Bad Request: query is too old and response timeout expired or query ID is invalid"
ACTIONS = re.compile(
    r"typing|choose_sticker|find_location|(upload|record)_(photo|video|voice|document|video_note)"
)
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


@dataclass(frozen=True)
class Call:
    """The parameters of one call (text where they came in a form) and its files: name, content."""

    params: dict[str, Any]
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def get(self, name: str) -> Any:
        """The parameter as it came, or None."""
        return self.params.get(name)

    def number(self, name: str) -> int:
        """The parameter as a number; 0 where it is missing or none."""
        text = str(self.params.get(name, ""))
        return int(text) if re.fullmatch(r"-?[0-9]{1,19}", text) else 0

    def true(self, name: str) -> bool:
        """The parameter as a flag."""
        return str(self.params.get(name, "")).lower() in {"true", "1"}

    def json(self, name: str) -> Any:
        """The parameter as a JSON value, which forms carry as text; None where it is missing.

        Raises:
            Refused: It is not JSON.
        """
        value = self.params.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise Refused(f"Bad Request: can't parse {name} JSON object") from None


class Methods:
    """Every method that this server knows."""

    def __init__(self, state: ChatState) -> None:
        self._state = state
        methods: dict[str, Callable[[Call], Any]] = {
            "getMe": lambda _: BOT,
            "deleteWebhook": self._delete_webhook,
            "setMyCommands": self._set_commands,
            "getMyCommands": self._get_commands,
            "getChat": self._get_chat,
            "getChatMember": self._get_member,
            "getChatAdministrators": self._get_administrators,
            "getChatMemberCount": lambda call: self._known(call) and len(state.users) + 1,
            "sendMessage": self._send_message,
            "sendDocument": self._send_document,
            "sendChatAction": self._send_action,
            "editMessageText": self._edit_text,
            "editMessageReplyMarkup": self._edit_keyboard,
            "editEphemeralMessageText": self._edit_ephemeral,
            "deleteMessage": self._delete_message,
            "answerCallbackQuery": self._answer_query,
            "getFile": self._get_file,
        }
        self._methods = {name.lower(): method for name, method in methods.items()}
        self._polling: Callable[[dict[str, Any]], Awaitable[Any]] = state.updates.fetch

    async def call(self, method: str, call: Call) -> Any:
        """The ``result`` of a call.

        Raises:
            Refused: The call is not ok; holds what the server says.
        """
        if method.lower() == "getupdates":
            return await self._polling(call.params)
        if method.lower() not in self._methods:
            raise Refused("Not Found: method not found", 404)
        return self._methods[method.lower()](call)

    def _delete_webhook(self, call: Call) -> bool:
        if call.true("drop_pending_updates"):
            self._state.updates.clear()
        return True

    def _set_commands(self, call: Call) -> bool:
        commands = call.json("commands")
        if not isinstance(commands, list):
            raise Refused("Bad Request: can't parse BotCommands: expected an Array of BotCommand")
        for command in commands:
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
        scope = call.json("scope") or {"type": "default"}
        if "chat_id" in scope:
            self._state.chat_of(scope["chat_id"])
        return json.dumps(scope, sort_keys=True), str(call.get("language_code") or "")

    def _known(self, call: Call) -> int:
        return self._state.chat_of(call.get("chat_id"))

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
        return _member(self._state.users[user])

    def _get_administrators(self, call: Call) -> list[dict[str, Any]]:
        if self._known(call) > 0:
            raise Refused("Bad Request: there are no administrators in the private chat")
        return [_member(user) for user in self._state.users.values() if user.admin]

    def _target(self, call: Call) -> int:
        """The chat to write to."""
        chat = self._known(call)
        if chat in self._state.users and not self._state.users[chat].opened_private:
            raise Refused("Forbidden: bot can't initiate conversation with a user", 403)
        return chat

    def _thread(self, call: Call) -> int | None:
        if call.get("message_thread_id") is None:
            return None
        thread = call.number("message_thread_id")
        if thread == GENERAL_TOPIC or thread not in self._state.topics:
            raise Refused("Bad Request: message thread not found")
        return thread

    def _reply(self, call: Call, chat: int) -> int | None:
        reply = call.json("reply_parameters")
        if reply is None:
            return None
        wanted = int(reply.get("message_id", 0))
        if any(m.id == wanted and not m.deleted for m in self._state.history[chat]):
            return wanted
        if reply.get("allow_sending_without_reply"):
            return None
        raise Refused("Bad Request: message to be replied not found")

    def _text(self, call: Call, name: str, limit: int) -> Parsed:
        given, mode = str(call.get(name) or ""), call.get("parse_mode")
        if not mode:
            parsed = Parsed(given.strip(), call.json("entities") or [])
        elif str(mode).lower() == "html":
            try:
                parsed = telegram_html.parse(given)
            except telegram_html.HtmlError as error:
                raise Refused(f"Bad Request: can't parse entities: {error}") from None
        else:
            raise Refused("Bad Request: unsupported parse_mode")
        if utf16(parsed.text) > limit:
            raise Refused(f"Bad Request: message {'is' if limit == MAX_TEXT else 'caption is'} too long")
        if name == "text" and not parsed.text:
            raise Refused("Bad Request: message text is empty")
        return parsed

    def _send_message(self, call: Call) -> dict[str, Any]:
        chat = self._target(call)
        parsed = self._text(call, "text", MAX_TEXT)
        message = self._draft(call, chat, parsed, str(call.get("text")))
        message.ephemeral_for = self._receiver(call, chat)
        return self._post(message)

    def _draft(self, call: Call, chat: int, parsed: Parsed, html: str) -> Message:
        return Message(
            0,
            chat,
            parsed.text,
            html,
            keyboard(call.json("reply_markup")),
            reply_to=self._reply(call, chat),
            thread=self._thread(call),
            entities=parsed.entities,
        )

    def _post(self, message: Message) -> dict[str, Any]:
        self._state.pace(message.chat)
        self._state.append(message)
        self._state.changed(Event("message", message))
        return self._state.message_json(message)

    def _receiver(self, call: Call, chat: int) -> int | None:
        """Whom an ephemeral message is for; None: everyone, also where the server ignores the parameter."""
        given = call.json("ephemeral_message_parameters")
        if given is None or self._state.ephemeral == "ignore":
            return None
        if self._state.ephemeral == "refuse" or chat > 0:
            raise Refused("Bad Request: ephemeral messages are not supported")
        receiver, query = given.get("receiver_user_id"), given.get("callback_query_id")
        if receiver not in self._state.users:
            raise Refused("Bad Request: user not found")
        known = self._state.queries.get(str(query))
        if query is not None and (known is None or known.user.id != receiver):
            raise Refused(TOO_OLD)
        return int(receiver)

    def _send_document(self, call: Call) -> dict[str, Any]:
        chat = self._target(call)
        parsed = self._text(call, "caption", MAX_CAPTION)
        message = self._draft(call, chat, parsed, str(call.get("caption") or ""))
        field_name = str(call.get("document") or "").removeprefix("attach://")
        uploaded = call.files.get("document") or call.files.get(field_name)
        if uploaded is None:
            raise Refused("Bad Request: there is no document in the request")
        message.filename, message.document = uploaded
        if not message.document:
            raise Refused("Bad Request: file must be non-empty")
        self._state.pace(chat)
        self._state.append(message)
        self._state.files[self._state.file_json(message)["file_id"]] = message
        self._state.changed(Event("message", message))
        return self._state.message_json(message)

    def _send_action(self, call: Call) -> bool:
        self._target(call)
        if not ACTIONS.fullmatch(str(call.get("action"))):
            raise Refused("Bad Request: wrong parameter action in request")
        return True

    def _own(self, call: Call, absent: str, foreign: str, ephemeral_for: int | None = None) -> Message:
        """The bot's message that the call names."""
        chat = self._target(call)
        wanted = call.number("ephemeral_message_id" if ephemeral_for else "message_id")
        for message in self._state.history[chat]:
            if message.id == wanted and not message.deleted and message.ephemeral_for == ephemeral_for:
                if message.sender is not None:
                    raise Refused(f"Bad Request: {foreign}")
                return message
        raise Refused(f"Bad Request: {absent}")

    def _edit_text(self, call: Call, ephemeral_for: int | None = None) -> dict[str, Any]:
        message = self._own(call, "message to edit not found", "message can't be edited", ephemeral_for)
        if message.document is not None:
            raise Refused("Bad Request: there is no text in the message to edit")
        parsed = self._text(call, "text", MAX_TEXT)
        rows = keyboard(call.json("reply_markup"))
        self._state.pace(message.chat)
        same = (message.text, message.entities, message.keyboard) == (parsed.text, parsed.entities, rows)
        if same:
            raise Refused(NOT_MODIFIED)
        message.text, message.entities, message.keyboard = parsed.text, parsed.entities, rows
        message.html = str(call.get("text"))
        message.edits.append((self._state.clock(), parsed.text))
        return self._edited(message, "edit")

    def _edit_keyboard(self, call: Call) -> dict[str, Any]:
        message = self._own(call, "message to edit not found", "message can't be edited")
        rows: list[list[Button]] = keyboard(call.json("reply_markup"))
        self._state.pace(message.chat)
        if message.keyboard == rows:
            raise Refused(NOT_MODIFIED)
        message.keyboard = rows
        return self._edited(message, "keyboard")

    def _edited(self, message: Message, kind: str) -> dict[str, Any]:
        self._state.changed(Event(kind, message))
        return self._state.message_json(message)

    def _edit_ephemeral(self, call: Call) -> dict[str, Any]:
        if self._state.ephemeral != "support":
            raise Refused("Not Found: method not found", 404)
        return self._edit_text(call, call.number("receiver_user_id") or None)

    def _delete_message(self, call: Call) -> bool:
        message = self._own(call, "message to delete not found", "message can't be deleted")
        if time.time() - message.date > DELETE_SECONDS:
            raise Refused("Bad Request: message can't be deleted for everyone")
        message.deleted = True
        self._state.changed(Event("delete", message))
        return True

    def _answer_query(self, call: Call) -> bool:
        query = self._state.queries.get(str(call.get("callback_query_id")))
        text = str(call.get("text") or "")
        if query is None or query.answer.done():
            _too_old()
        seconds = self._state.clock() - query.born
        if seconds > self._state.query_seconds:
            _too_old()
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


def _member(user: User) -> dict[str, Any]:
    if not user.admin:
        return {"status": "member", "user": user.json()}
    return {"status": "administrator", "user": user.json(), **NO_RIGHTS, **RIGHTS}


def _too_old() -> NoReturn:
    raise Refused(TOO_OLD)
