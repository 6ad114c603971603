"""Taps on the ports in cooldown: freeing one before its time, with a reason."""

from collections.abc import Callable, Coroutine
from typing import Any

from bot.chat.group.noc_chat import NocChat
from bot.chat.screens.buttons import Action, Press
from bot.chat.screens.pages import cooldown
from bot.chat.screens.words import Words
from bot.chat.taps.browse import Browse, Kind, Page
from bot.chat.taps.desk import Desk
from bot.domain.incident import Port
from bot.errors import Declined, LedgerClosed
from bot.ports import Notice

Later = Callable[[Page, Callable[[], Coroutine[Any, Any, None]]], str | None]


class CooldownPresses:
    """The buttons of the page of ports in cooldown. The person is an approver by then (`Presses`)."""

    def __init__(
        self,
        desk: Desk,
        chat: NocChat,
        browse: Browse,
        *,
        words: Words,
        beside: Callable[[Coroutine[Any, Any, None]], None],
        later: Later,
    ) -> None:
        """`later` turns a page as the group's budget has room for it; its answer is the toast."""
        self._desk = desk
        self._chat = chat
        self._browse = browse
        self._words = words
        self._beside = beside
        self._later = later

    async def press(self, page: Page, press: Press) -> str | None:
        """Show the ports, ask for a reason, or free one; the toast."""
        self._browse.check_page(page, Kind.COOLDOWN, reader=False)
        if press.action is Action.COOLDOWN:
            return self._later(page, lambda: self._browse.turn_cooldown(page, press.arg))
        why = self._desk.ledger.closed
        if why is not None:
            raise LedgerClosed(why)
        if press.action is Action.ASK_RELEASE:
            screen = cooldown.ask_release(self._port(press.arg), self._words)
            return self._later(page, lambda: self._browse.turn(page, screen))
        wish = cooldown.read_release(press.arg)
        if wish is None:
            raise Declined("unknown_button")
        reason, port = wish[0], self._port(wish[1])
        await self._desk.release(port.key, page.who, reason)
        self._chat.say(Notice("cooldown_released", {"port": port, "by": page.who, "reason": reason}))
        self._beside(self._browse.turn_cooldown(page))
        return self._words.plain("toast.released", port=port)

    def _port(self, key: str) -> Port:
        port = cooldown.port_of(self._desk.ledger.book, key)
        if port is None:
            raise Declined("nothing_to_release")
        return port
