"""The Bot API on loopback, and the phones of the people who use the bot."""

import asyncio
import itertools
import json
import re
import time
from collections.abc import Callable
from typing import Any, Literal, TypeVar, overload
from urllib.parse import parse_qsl

from aiohttp import web

from bot.simulator.server import PATIENCE, Server, json_response
from bot.simulator.telegram.call import Call
from bot.simulator.telegram.chat import BOT_USER, Answer, Button, Event, Message, Refused, User
from bot.simulator.telegram.html import utf16
from bot.simulator.telegram.methods import Methods, member
from bot.simulator.telegram.state import ChatState, Query

__all__ = ["Answer", "BotApi", "Button", "Event", "Message", "User"]

T = TypeVar("T")
MESSAGE_SECONDS = 24 * 3600.0  # an update that nobody fetches is kept that long
TAP_TIMEOUT = PATIENCE
COMMAND = re.compile(r"(?<!\S)/[A-Za-z0-9_]{1,32}(?:@\w+)?")
PATH = re.compile(r"/bot(?P<token>[^/]+)/(?P<method>\w+)/?")
FILE_PATH = re.compile(r"/file/bot(?P<token>[^/]+)/documents/(?P<file_id>\w+)")


class BotApi(ChatState, Server):
    """One bot, its group and the people in it; the knobs are ``ChatState``'s.

    Args:
        token: The bot's token.
        group: The id of the bot's group.
        clock: Seconds; what all the limits are measured by.
    """

    def __init__(
        self,
        token: str = "123456:TEST",  # noqa: S107 - of a pretend service
        group: int = -1001234567890,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        Server.__init__(self)
        ChatState.__init__(self, group, clock)
        self.token = token
        self._methods = Methods(self)
        self._query_ids = itertools.count(1)

    def add_user(
        self,
        id: int,  # noqa: A002 - the Bot API's own word
        name: str,
        username: str | None = None,
        admin: bool = False,
        opened_private: bool = False,
    ) -> User:
        """A member of the group; whoever has the id 1087968824 is an anonymous administrator."""
        user = self.users[id] = User(id, name, username, admin, opened_private)
        return user

    @overload
    async def tap(
        self, user: User | int, message: Message, label_or_data: str, wait: Literal[True] = True
    ) -> Answer: ...

    @overload
    async def tap(
        self, user: User | int, message: Message, label_or_data: str, wait: Literal[False]
    ) -> None: ...

    async def tap(
        self, user: User | int, message: Message, label_or_data: str, wait: bool = True
    ) -> Answer | None:
        """Presses a button that is there; what the bot answered, or None without waiting.

        Raises:
            LookupError: No such button on the message, the message is gone, or this user does not see it.
            TimeoutError: No answer in time.
        """
        person = self._person(user)
        if message.deleted or message.ephemeral_for not in {None, person.id}:
            raise LookupError(f"{person.name} does not see message {message.id}")
        data = message.button(label_or_data).data
        if data is None:
            raise LookupError(f"the button {label_or_data!r} sends nothing")
        future = self.post_callback(person, message, data)
        if not wait:
            return None
        try:
            async with asyncio.timeout(TAP_TIMEOUT):
                return await future
        except TimeoutError:
            raise TimeoutError(f"no answer to the tap on {label_or_data!r}") from None

    def post_callback(self, user: User | int, message: Message, data: str) -> asyncio.Future[Answer]:
        """Sends a callback query with any data, forged too; the future holds the bot's answer."""
        person = self._person(user)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        query = Query(f"42{next(self._query_ids):016}", person, self.clock(), future)
        self.queries[query.id] = query
        payload = {
            "id": query.id,
            "from": person.json(),
            "chat_instance": str(abs(message.chat)),
            "message": self.message_json(message),
            "data": data,
        }
        self.updates.add("callback_query", payload, self.tap_seconds)
        self.changed(Event("tap", message))
        return future

    async def say(
        self,
        user: User | int,
        text: str,
        chat: int | None = None,
        *,
        reply_to: Message | None = None,
        **fields: object,
    ) -> Message:
        """Writes a message (chat None: the group; the user's own id: in private, which opens it).

        ``fields`` are those of the Bot API's Message that it has beside: ``forward_origin``, ``date``.

        In a group the bot gets commands and replies to what it posted only, as privacy mode has it.
        An unknown group is one that somebody else added the bot to.
        """
        person = self._person(user)
        chat = self.group if chat is None else chat
        if chat > 0:
            person.opened_private = True
        else:
            self.chats.setdefault(chat, "Other")
        replied = None if reply_to is None else reply_to.id
        message = self.append(Message(0, chat, text, text, sender=person, reply_to=replied))
        message.entities = [
            {"type": "bot_command", "offset": utf16(text[: found.start()]), "length": utf16(found[0])}
            for found in COMMAND.finditer(text)
        ]
        if chat > 0 or _for_us(text) or (reply_to is not None and reply_to.sender is None):
            self.updates.add("message", {**self.message_json(message), **fields}, MESSAGE_SECONDS)
        self.changed(Event("said", message))
        return message

    def change(self, user: User | int, *, admin: bool = False, gone: bool = False) -> None:
        """Makes somebody an administrator or not, or has them leave; the bot hears of it as an administrator
        does: where it asked for ``chat_member``.
        """
        person = self._person(user)
        before = member(person)
        person.admin, person.gone = admin, gone
        payload = {
            "chat": self.chat_json(self.group),
            "from": person.json(),
            "date": int(time.time()),
            "old_chat_member": before,
            "new_chat_member": member(person),
        }
        self.updates.add("chat_member", payload, MESSAGE_SECONDS)

    async def wait(self, predicate: Callable[["BotApi"], T | None], timeout: float = PATIENCE) -> T:  # noqa: ASYNC109
        """The first true value of the predicate, which is asked again after each change here.

        Raises:
            TimeoutError: None came in time; says what the group shows.
        """
        try:
            async with asyncio.timeout(timeout):
                while not (value := predicate(self)):
                    await self.next_change()
                return value
        except TimeoutError:
            shown = [message.text for message in self.messages()[-3:]]
            raise TimeoutError(f"waited {timeout} s in vain; the group's last messages: {shown}") from None

    def migrate(self, new_id: int) -> None:
        """The group becomes a supergroup with another id; its old messages stay behind."""
        old, title = self.group, self.chats.pop(self.group)
        self.migrated[old] = new_id
        self.chats[new_id] = title
        self.group = new_id
        service = {"message_id": 1, "date": int(time.time()), "from": BOT_USER}
        for chat, field, other in (
            (old, "migrate_to_chat_id", new_id),
            (new_id, "migrate_from_chat_id", old),
        ):
            self.updates.add(
                "message", {**service, "chat": self.chat_json(chat), field: other}, MESSAGE_SECONDS
            )
        self.changed(Event("migrate"))

    def _person(self, user: User | int) -> User:
        return self.users[user] if isinstance(user, int) else user

    def throttled(self, retry_after: int | str | None) -> web.Response:
        """429 as the Bot API gives it, with ``parameters.retry_after`` where it is a number."""
        body: dict[str, Any] = {"ok": False, "error_code": 429, "description": "Too Many Requests"}
        headers = {}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
            body["description"] += f": retry after {retry_after}"
        if str(retry_after).isdigit():
            body["parameters"] = {"retry_after": int(str(retry_after))}
        return json_response(body, 429, headers)

    async def respond(self, request: web.Request, body: bytes) -> web.Response:
        """A method call or a file."""
        if (file := FILE_PATH.fullmatch(request.path)) and file["token"] == self.token:
            message = self.files.get(file["file_id"])
            return web.Response(body=message.document) if message else _error(Refused("Not Found", 404))
        match = PATH.fullmatch(request.path)
        if match is None:
            return _error(Refused("Not Found", 404))
        if match["token"] != self.token:
            return _error(Refused("Unauthorized", 401))
        method = match["method"]
        self.calls[method] += 1
        self.changed(Event("call"))
        try:
            return json_response(
                {"ok": True, "result": await self._methods.call(method, _call(request, body))}
            )
        except Refused as refused:
            if not await _hung_up(request):
                self.refused.append((method, refused.description))
                self.changed(Event("refused"))
            return _error(refused)


def _for_us(text: str) -> bool:
    command = COMMAND.match(text)
    return command is not None and command[0].partition("@")[2] in {"", BOT_USER["username"]}


async def _hung_up(request: web.Request) -> bool:
    """Whether the client has gone: the 409 to a poller that is no more is nobody's."""
    await asyncio.sleep(0)
    return request.transport is None or request.transport.is_closing()


def _error(refused: Refused) -> web.Response:
    body = {"ok": False, "error_code": refused.code, "description": refused.description}
    if refused.parameters:
        body["parameters"] = refused.parameters
    return json_response(body, refused.code)


def _call(request: web.Request, body: bytes) -> Call:
    """The parameters from the query and a JSON, form or multipart body."""
    params: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        try:
            given = json.loads(body or b"{}")
        except ValueError:
            raise Refused("Bad Request: can't parse request body as JSON object") from None
        return Call({**params, **given})
    if request.content_type == "application/x-www-form-urlencoded":
        return Call({**params, **dict(parse_qsl(body.decode(), keep_blank_values=True))})
    files: dict[str, tuple[str, bytes]] = {}
    if request.content_type == "multipart/form-data":
        boundary = re.search(r'boundary="?([^";]+)', request.headers["Content-Type"])
        for part in body.split(f"--{boundary[1]}".encode() if boundary else b"--")[1:-1]:
            head, _, data = part.removeprefix(b"\r\n").removesuffix(b"\r\n").partition(b"\r\n\r\n")
            named = dict(re.findall(r'; (name|filename)="([^"]*)"', head.decode()))
            if "filename" in named:
                files[named["name"]] = (named["filename"], data)
            else:
                params[named.get("name", "")] = data.decode()
    return Call(params, files)
