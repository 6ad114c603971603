"""Sending, editing and deleting messages, as strict as the real server (bot/chat/wire/README.md)."""

import re
import time
from typing import Any

from bot.simulator.telegram import html as telegram_html
from bot.simulator.telegram.call import Call
from bot.simulator.telegram.chat import TOO_OLD, Event, Message, Refused, keyboard
from bot.simulator.telegram.html import Parsed, utf16
from bot.simulator.telegram.state import ChatState

MAX_TEXT, MAX_CAPTION = 4096, 1024
MAX_PHOTO = 10 * 1024 * 1024  # bytes
IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8")
MAX_ENTITIES = 100
GENERAL_TOPIC = 1
DELETE_SECONDS = 48 * 3600
MENTION = re.compile(r"tg://user\?id=([0-9]{1,19})")
NOT_MODIFIED = (
    "Bad Request: message is not modified: specified new message content and reply markup are exactly "
    "the same as a current content and reply markup of the message"
)


def spaced(text: str) -> str:
    """The text as who looks for words in it needs it: a no-break space is a space."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


class Writing:
    """What the bot can do to a chat."""

    def __init__(self, state: ChatState) -> None:
        self._state = state

    def target(self, call: Call) -> int:
        """The chat to write to."""
        chat = self._state.chat_of(call.get("chat_id"))
        if chat in self._state.users and not self._state.users[chat].opened_private:
            raise Refused("Forbidden: bot can't initiate conversation with a user", 403)
        return chat

    def _thread(self, call: Call) -> int | None:
        if call.get("message_thread_id") is None:
            return self._thread_of_reply(call)
        thread = call.number("message_thread_id")
        if thread == GENERAL_TOPIC or thread not in self._state.topics:
            raise Refused("Bad Request: message thread not found")
        self._check_open(thread)
        return thread

    def _thread_of_reply(self, call: Call) -> int | None:
        """A reply goes where the message is that it replies to."""
        wanted = (call.json("reply_parameters", dict) or {}).get("message_id")
        chat = self._state.chat_of(call.get("chat_id"))
        threads = [m.thread for m in self._state.history[chat] if m.id == wanted and not m.deleted]
        thread = threads[0] if threads else None
        self._check_open(thread)
        return thread

    def _check_open(self, thread: int | None) -> None:
        if (thread or GENERAL_TOPIC) in self._state.closed_topics:
            raise Refused("Bad Request: TOPIC_CLOSED")

    def _reply(self, call: Call, chat: int) -> int | None:
        reply = call.json("reply_parameters", dict)
        if reply is None:
            return None
        wanted = reply.get("message_id")
        if any(m.id == wanted and not m.deleted for m in self._state.history[chat]):
            return wanted
        if reply.get("allow_sending_without_reply"):
            return None
        raise Refused("Bad Request: message to be replied not found")

    def _text(self, call: Call, name: str, limit: int) -> Parsed:
        given, mode = str(call.get(name) or ""), call.get("parse_mode")
        if not mode:
            parsed = Parsed(given.strip(), call.json("entities", list) or [])
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
        entities = [mention for one in parsed.entities if (mention := self._mention(one))]
        return Parsed(parsed.text, entities[:MAX_ENTITIES])  # what is beyond is plain text

    def _mention(self, entity: dict[str, Any]) -> dict[str, Any] | None:
        """The entity; a link to a person is a mention of whom the bot knows, and of others nothing at all."""
        found = MENTION.fullmatch(str(entity.get("url"))) if entity["type"] == "text_link" else None
        if found is None:
            return entity
        user = self._state.users.get(int(found[1]))
        place = {"offset": entity["offset"], "length": entity["length"]}
        return {"type": "text_mention", **place, "user": user.json()} if user else None

    def send_message(self, call: Call) -> dict[str, Any]:
        """The new message."""
        chat = self.target(call)
        parsed = self._text(call, "text", MAX_TEXT)
        message = self._draft(call, chat, parsed, str(call.get("text")))
        message.ephemeral_for = self._receiver(call, chat)
        return self._post(message)

    def _draft(self, call: Call, chat: int, parsed: Parsed, html: str) -> Message:
        return Message(
            0,
            chat,
            spaced(parsed.text),
            html,
            keyboard(call.json("reply_markup", dict)),
            reply_to=self._reply(call, chat),
            thread=self._thread(call),
            entities=parsed.entities,
            silent=call.true("disable_notification"),
            preview=not (call.json("link_preview_options", dict) or {}).get("is_disabled"),
            shown=parsed.text,
        )

    def _post(self, message: Message) -> dict[str, Any]:
        self._state.pace(message.chat)
        self._state.append(message)
        self._state.changed(Event("message", message))
        return self._state.message_json(message)

    def _receiver(self, call: Call, chat: int) -> int | None:
        """Whom an ephemeral message is for; None: everyone, also where the server ignores the parameter."""
        given = call.json("ephemeral_message_parameters", dict)
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

    def send_document(self, call: Call) -> dict[str, Any]:
        """The new message with the uploaded file."""
        return self._send_file(call, "document")

    def send_photo(self, call: Call) -> dict[str, Any]:
        """The new message with the uploaded picture."""
        chat = self.target(call)
        if chat in self._state.without_photos:
            raise Refused("Bad Request: not enough rights to send photos to the chat")
        return self._send_file(call, "photo")

    def _send_file(self, call: Call, kind: str) -> dict[str, Any]:
        chat = self.target(call)
        parsed = self._text(call, "caption", MAX_CAPTION)
        message = self._draft(call, chat, parsed, str(call.get("caption") or ""))
        field_name = str(call.get(kind) or "").removeprefix("attach://")
        uploaded = call.files.get(kind) or call.files.get(field_name)
        if uploaded is None:
            raise Refused(f"Bad Request: there is no {kind} in the request")
        message.filename, message.document = uploaded
        message.photo = kind == "photo"
        if not message.document:
            raise Refused("Bad Request: file must be non-empty")
        if message.photo and not (message.document.startswith(IMAGES) and len(message.document) <= MAX_PHOTO):
            raise Refused("Bad Request: IMAGE_PROCESS_FAILED")
        self._state.pace(chat)
        self._state.append(message)
        self._state.files[self._state.file_json(message)["file_id"]] = message
        self._state.changed(Event("message", message))
        return self._state.message_json(message)

    def _own(self, call: Call, absent: str, foreign: str, ephemeral_for: int | None = None) -> Message:
        """The bot's message that the call names."""
        chat = self.target(call)
        wanted = call.number("ephemeral_message_id" if ephemeral_for else "message_id")
        for message in self._state.history[chat]:
            if message.id == wanted and not message.deleted and message.ephemeral_for == ephemeral_for:
                if message.sender is not None:
                    raise Refused(f"Bad Request: {foreign}")
                return message
        raise Refused(f"Bad Request: {absent}")

    def edit_text(self, call: Call, ephemeral_for: int | None = None) -> dict[str, Any]:
        """The message with its new text and buttons."""
        message = self._own(call, "message to edit not found", "message can't be edited", ephemeral_for)
        if message.document is not None:
            raise Refused("Bad Request: there is no text in the message to edit")
        parsed = self._text(call, "text", MAX_TEXT)
        rows = keyboard(call.json("reply_markup", dict))
        self._check_open(message.thread)
        self._state.pace(message.chat)
        same = (message.shown, message.entities, message.keyboard) == (parsed.text, parsed.entities, rows)
        if same:
            raise Refused(NOT_MODIFIED)
        message.shown, message.entities, message.keyboard = parsed.text, parsed.entities, rows
        message.text = spaced(parsed.text)
        message.html = str(call.get("text"))
        message.edits.append((self._state.clock(), message.text))
        return self._edited(message, "edit")

    def edit_keyboard(self, call: Call) -> dict[str, Any]:
        """The message with its new buttons."""
        message = self._own(call, "message to edit not found", "message can't be edited")
        rows = keyboard(call.json("reply_markup", dict))
        self._state.pace(message.chat)
        if message.keyboard == rows:
            raise Refused(NOT_MODIFIED)
        message.keyboard = rows
        return self._edited(message, "keyboard")

    def _edited(self, message: Message, kind: str) -> dict[str, Any]:
        self._state.changed(Event(kind, message))
        return self._state.message_json(message)

    def edit_ephemeral(self, call: Call) -> dict[str, Any]:
        """The message that only one user sees, with its new text and buttons."""
        if self._state.ephemeral != "support":
            raise Refused("Not Found: method not found", 404)
        return self.edit_text(call, call.number("receiver_user_id") or None)

    def delete_message(self, call: Call) -> bool:
        """True: it is gone."""
        message = self._own(call, "message to delete not found", "message can't be deleted")
        if time.time() - message.date > DELETE_SECONDS:
            raise Refused("Bad Request: message can't be deleted for everyone")
        message.deleted = True
        self._state.changed(Event("delete", message))
        return True
