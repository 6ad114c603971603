"""The state of the pretend Telegram and its knobs: chats, people, messages, open taps, changes."""

import asyncio
import itertools
import math
import mimetypes
import time
import weakref
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from bot.simulator.telegram.chat import ANONYMOUS_ADMIN, BOT_USER, Answer, Event, Message, Refused, User
from bot.simulator.telegram.updates import Updates


@dataclass(frozen=True)
class Query:
    """A tap that waits for its answer."""

    id: str
    user: User
    born: float
    answer: asyncio.Future[Answer]


class ChatState:
    """What the servers of Telegram know.

    Attributes:
        group: The id of the bot's group; ``chats``: titles of all groups it is in.
        users: People by id, all of them members of the group but those who are ``gone``.
        topics: Thread ids of the group's topics besides General; empty: no forum.
        closed_topics: Those of them that are closed: nothing is posted or edited there.
        barred: What a chat answers to every post and edit of the bot: a right that it lost, a restriction.
        without_photos: Chats in which the bot may write, and not send pictures.
        commands: What setMyCommands set, by (scope as text, language).
        calls: Bot API calls by method.
        refused: (method, description) of every answer that was not ok.
        group_limit, group_window: Messages and edits that a group takes in so many seconds; limit None: off.
        bot_limit: Messages and edits of the bot in all chats in a second; off with the group's.
        query_seconds: Time to answer a tap; ``tap_seconds``: life of a tap that nobody fetches.
        first_message: The number of a chat's first message.
        ephemeral: What the server does with ``ephemeral_message_parameters``.
    """

    def __init__(self, group: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.group = group
        self.chats: dict[int, str] = {group: "NOC"}
        self.users: dict[int, User] = {}
        self.topics: set[int] = set()
        self.closed_topics: set[int] = set()
        self.barred: dict[int, Refused] = {}
        self.without_photos: set[int] = set()
        self.commands: dict[tuple[str, str], list[dict[str, str]]] = {}
        self.calls: Counter[str] = Counter()
        self.refused: list[tuple[str, str]] = []
        self.group_limit: int | None = 20
        self.group_window = 60.0
        self.bot_limit = 30
        self.query_seconds = 15.0
        self.tap_seconds = 150.0
        self.first_message = 1
        self.ephemeral: Literal["ignore", "refuse", "support"] = "ignore"
        self.clock = clock
        self.updates = Updates(clock)
        self.migrated: dict[int, int] = {}
        self.queries: dict[str, Query] = {}
        self.history: dict[int, list[Message]] = defaultdict(list)
        self.files: dict[str, Message] = {}
        self._message_ids: dict[int, itertools.count[int]] = defaultdict(
            lambda: itertools.count(self.first_message)
        )
        self._sent: dict[int, deque[float]] = defaultdict(deque)
        self._all_sent: deque[float] = deque()
        self._changed = asyncio.Event()
        self._subscribers: weakref.WeakSet[asyncio.Queue[Event]] = weakref.WeakSet()

    def messages(self, chat: int | None = None) -> list[Message]:
        """The bot's messages in a chat (None: the group) that were not deleted, in order."""
        found = self.history.get(self.group if chat is None else chat, [])
        return [message for message in found if message.sender is None and not message.deleted]

    @property
    def documents(self) -> list[Message]:
        """The documents that the bot sent anywhere, in order."""
        return [message for message in self.files.values() if not message.photo]

    @property
    def photos(self) -> list[Message]:
        """The pictures that the bot sent anywhere, in order."""
        return [message for message in self.files.values() if message.photo]

    def subscribe(self) -> asyncio.Queue[Event]:
        """A queue that gets every change from now on, as long as the caller holds it."""
        queue: asyncio.Queue[Event] = asyncio.Queue()
        self._subscribers.add(queue)
        return queue

    def changed(self, event: Event) -> None:
        """Tells everyone who waits or subscribed."""
        for queue in self._subscribers:
            queue.put_nowait(event)
        old, self._changed = self._changed, asyncio.Event()
        old.set()

    async def next_change(self) -> None:
        """Returns after the next change."""
        await self._changed.wait()

    def append(self, message: Message) -> Message:
        """Puts a message (its ``id`` is given here) into its chat."""
        message.id = next(self._message_ids[message.chat])
        self.history[message.chat].append(message)
        return message

    def sent_in_window(self, chat: int | None = None) -> int:
        """Messages and edits in a chat (None: the group) within the moving window."""
        sent = self._sent[self.group if chat is None else chat]
        while sent and sent[0] <= self.clock() - self.group_window:
            sent.popleft()
        return len(sent)

    def sent_in_a_second(self) -> int:
        """Messages and edits in all chats within the last second."""
        while self._all_sent and self._all_sent[0] <= self.clock() - 1:
            self._all_sent.popleft()
        return len(self._all_sent)

    def pace(self, chat: int) -> None:
        """Counts one message or edit.

        Raises:
            Refused: 429, the group or the bot has had its share.
        """
        if chat in self.barred:
            raise self.barred[chat]
        if self.group_limit is None:
            return
        if self.sent_in_a_second() >= self.bot_limit:
            raise Refused("Too Many Requests: retry after 1", 429, retry_after=1)
        if chat < 0:
            self._pace_of_group(chat, self.group_limit)
        self._all_sent.append(self.clock())

    def _pace_of_group(self, chat: int, limit: int) -> None:
        if self.sent_in_window(chat) >= limit:
            oldest = self._sent[chat][0] if limit else self.clock()
            wait = max(1, math.ceil(oldest + self.group_window - self.clock()))
            raise Refused(f"Too Many Requests: retry after {wait}", 429, retry_after=wait)
        self._sent[chat].append(self.clock())

    def chat_of(self, given: Any) -> int:
        """The chat that a call names.

        Raises:
            Refused: Unknown, or moved to a supergroup.
        """
        chat = int(given) if str(given).removeprefix("-").isdigit() else 0
        if chat in self.migrated:
            description = "Bad Request: group chat was upgraded to a supergroup chat"
            raise Refused(description, migrate_to_chat_id=self.migrated[chat])
        if chat not in self.users and chat not in self.chats:
            raise Refused("Bad Request: chat not found")
        return chat

    def chat_json(self, chat: int) -> dict[str, Any]:
        """A Bot API Chat."""
        if chat > 0:
            user = self.users[chat]
            name = {"username": user.username} if user.username else {}
            return {"id": chat, "type": "private", "first_name": user.name, **name}
        kind = "supergroup" if str(chat).startswith("-100") else "group"
        forum = {"is_forum": True} if self.topics and chat == self.group else {}
        return {"id": chat, "type": kind, "title": self.chats.get(chat, "Other"), **forum}

    def message_json(self, message: Message, nested: bool = False) -> dict[str, Any]:
        """A Bot API Message; without content where it was deleted, without its reply where nested."""
        chat = self.chat_json(message.chat)
        if message.deleted:
            return {"message_id": message.id, "date": 0, "chat": chat}
        sender = message.sender
        row: dict[str, Any] = {
            "message_id": message.id,
            "date": message.date,
            "chat": chat,
            "from": sender.json() if sender else BOT_USER,
        }
        if sender and sender.id == ANONYMOUS_ADMIN:
            row["sender_chat"] = chat
        if message.thread is not None:
            row |= {"message_thread_id": message.thread, "is_topic_message": True}
        if message.edits:
            row["edit_date"] = int(time.time())
        if message.reply_to is not None and not nested:
            replied = next(m for m in self.history[message.chat] if m.id == message.reply_to)
            row["reply_to_message"] = self.message_json(replied, nested=True)
        if message.ephemeral_for is not None:
            row["ephemeral_message_id"] = message.id
        if message.keyboard:
            row["reply_markup"] = {"inline_keyboard": [[b.json() for b in r] for r in message.keyboard]}
        return row | self._content(message)

    def _content(self, message: Message) -> dict[str, Any]:
        if message.document is None:
            return {"text": message.shown or message.text, "entities": message.entities}
        file, (kind, _) = self.file_json(message), mimetypes.guess_type(message.filename or "")
        caption = {"caption": message.text, "caption_entities": message.entities} if message.text else {}
        if message.photo:
            return {"photo": [{**file, "width": 1200, "height": 840}], **caption}
        return {
            "document": {
                **file,
                "file_name": message.filename,
                "mime_type": kind or "application/octet-stream",
            },
            **caption,
        }

    def file_json(self, message: Message) -> dict[str, Any]:
        """A Bot API File, without its path."""
        key = f"doc{abs(message.chat)}x{message.id}"
        return {"file_id": key, "file_unique_id": key, "file_size": len(message.document or b"")}
