"""What happens on a stage, as server-sent events: a snapshot first, then changes, a few times a second."""

import asyncio
import contextlib
import json
import secrets
from collections import defaultdict
from typing import Any

from aiohttp import web

from bot.simulator.stage.stage import Happening, Stage

BEAT = 0.1  # seconds between two changes: 3,000 messages in a few seconds become some dozen events
HEARTBEAT = 15.0
MESSAGES_SHOWN, WHATSAPP_SHOWN = 200, 60  # of each chat; of all customers
BACKLOG = 50  # changes that a slow page may lag behind before it gets a new snapshot instead
NEEDS_SNAPSHOT = b""
LISTS = {"toast", "whatsapp"}


class Feed:
    """The events of a stage for any number of pages."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._run = secrets.token_hex(4)  # a page that was left open learns that this is another world
        self._pages: set[asyncio.Queue[bytes]] = set()
        self._pump: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Pages get what happens from now on."""
        self._pump = asyncio.create_task(self._tell())

    async def stop(self) -> None:
        """No task is left; the streams are ended by whoever serves them."""
        if self._pump is not None:
            self._pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._pump
            self._pump = None

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """``/events`` for one page, until it goes."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        changes: asyncio.Queue[bytes] = asyncio.Queue(BACKLOG)
        changes.put_nowait(NEEDS_SNAPSHOT)
        self._pages.add(changes)
        try:
            await response.prepare(request)
            await response.write(b"retry: 1000\n\n")
            while True:
                try:
                    async with asyncio.timeout(HEARTBEAT):
                        change = await changes.get()
                except TimeoutError:
                    change = b": still here\n\n"
                await response.write(change or self._snapshot())
        except ConnectionResetError:
            return response  # the page was closed
        finally:
            self._pages.discard(changes)

    def _snapshot(self) -> bytes:
        return _event("snapshot", {"run": self._run, **snapshot(self._stage)})

    async def _tell(self) -> None:
        happenings = self._stage.subscribe()
        while True:
            batch = [await happenings.get()]
            await asyncio.sleep(BEAT)
            while not happenings.empty():
                batch.append(happenings.get_nowait())
            if self._pages:
                change = _event("change", coalesced(batch))
                for page in self._pages:
                    _put(page, change)


def snapshot(stage: Stage) -> dict[str, Any]:
    """The stage as a page needs it: the newest messages of each chat and of the customers' phones."""
    whole = stage.snapshot()
    chats: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for message in whole["messages"]:
        if not message["deleted"]:
            chats[message["chat"]].append(message)
    newest = [message for chat in chats.values() for message in chat[-MESSAGES_SHOWN:]]
    return {**whole, "messages": newest, "whatsapp": whole["whatsapp"][-WHATSAPP_SHOWN:]}


def coalesced(batch: list[Happening]) -> dict[str, Any]:
    """One change out of many: the last state of each message and port, the newest WhatsApp messages.

    ``message`` and ``world`` are lists in order of first change; ``toast`` and ``whatsapp`` lists in order;
    ``receipt`` is the last of each of the newest WhatsApp messages; every other kind is its last value.
    """
    messages: dict[tuple[int, int], Any] = {}
    ports: dict[tuple[str, int, int], Any] = {}
    receipts: dict[int, Any] = {}
    lists: dict[str, list[Any]] = defaultdict(list)
    change: dict[str, Any] = {}
    for kind, data in batch:
        if kind == "message":
            messages[data["chat"], data["id"]] = data
        elif kind == "world":
            ports.update({(port["olt"], port["slot"], port["pon"]): port for port in data})
        elif kind == "receipt":
            receipts[data["id"]] = data
        elif kind in LISTS:
            lists[kind].append(data)
        else:
            change[kind] = data
    if messages:
        change["message"] = list(messages.values())
    if ports:
        change["world"] = list(ports.values())
    if receipts:
        change["receipt"] = [receipts[id_] for id_ in sorted(receipts)[-WHATSAPP_SHOWN:]]
    return change | {kind: items[-WHATSAPP_SHOWN:] for kind, items in lists.items()}


def _put(page: asyncio.Queue[bytes], change: bytes) -> None:
    if page.full():
        while not page.empty():
            page.get_nowait()
        change = NEEDS_SNAPSHOT
    page.put_nowait(change)


def _event(kind: str, data: dict[str, Any]) -> bytes:
    return f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
