"""The NOC's group on a terminal: what is posted is printed, what is typed is what Ana writes or taps."""

import asyncio
import os
import threading
from collections.abc import Callable
from contextlib import suppress

from bot.simulator.telegram.api import BotApi, Message, User

LONGEST = 4096  # characters of a line that is typed


async def told(chat: BotApi, say: Callable[[str], None]) -> None:
    """Print each message of the group as it comes, and each edit of its text; the buttons below."""
    events = chat.subscribe()
    while True:
        event = await events.get()
        if event.kind in {"message", "edit"} and event.message is not None and event.message.sender is None:
            buttons = " ".join(f"[{label}]" for label in event.message.buttons)
            say("\n".join(f"  | {line}" for line in [*event.message.text.splitlines(), buttons] if line))


async def typed(chat: BotApi, ana: User, say: Callable[[str], None]) -> None:
    """Ana taps the button that is called so, on the newest message that has one; else she writes the line."""
    lines = _stdin()
    while True:
        text = (await lines.get()).strip()[:LONGEST]
        if not text:
            continue
        message = _with_button(chat, text)
        try:
            if message is None:
                await chat.say(ana, text)
            elif (answer := await chat.tap(ana, message, text)).text:
                say(f"  ({answer.text})")
        except (LookupError, TimeoutError) as error:
            say(f"  ({error})")


def _with_button(chat: BotApi, label: str) -> Message | None:
    found = (one for one in reversed(chat.messages()) if any(label in shown for shown in one.buttons))
    return None if label.startswith("/") else next(found, None)


def _stdin() -> asyncio.Queue[str]:
    """The lines that are typed. A thread waits for them: a terminal told not to block would not for print."""
    lines, loop = asyncio.Queue[str](), asyncio.get_running_loop()

    def read() -> None:
        with suppress(OSError, RuntimeError):  # there is none, or the loop is closed: nobody reads any more
            # Not through sys.stdin, whose lock would be held at the program's end.
            while piece := os.read(0, LONGEST):
                for line in piece.decode(errors="replace").splitlines():
                    loop.call_soon_threadsafe(lines.put_nowait, line)

    threading.Thread(target=read, daemon=True).start()
    return lines
