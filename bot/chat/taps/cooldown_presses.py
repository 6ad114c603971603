"""Taps on the ports in cooldown: freeing one before its time, with a reason."""

from bot.chat.screens.buttons import Action
from bot.chat.screens.pages import cooldown
from bot.chat.screens.press import Press
from bot.chat.taps.browse import Page
from bot.chat.taps.deps import TapDeps
from bot.domain.incident import Port
from bot.errors import Declined
from bot.steps import decide


class CooldownPresses:
    """The buttons of the page of ports in cooldown. The person is an approver by then (`Presses`)."""

    def __init__(self, deps: TapDeps) -> None:
        self._d = deps

    async def press(self, page: Page, press: Press) -> str | None:
        """Show the ports, ask for a reason, or free one; the toast."""
        if press.action is Action.COOLDOWN:
            return self._d.later(page, lambda: self._d.browse.turn_cooldown(page, press.arg))
        self._d.check_open()
        if press.action is Action.ASK_RELEASE:
            screen = cooldown.ask_release(self._port(press.arg), self._d.words)
            return self._d.later(page, lambda: self._d.browse.turn(page, screen))
        wish = cooldown.read_release(press.arg)
        if wish is None:
            raise Declined("unknown_button")
        reason, port = wish[0], self._port(wish[1])
        await self._d.desk.decide(decide.release(port.key, page.who, reason, self._d.rules))
        self._d.beside(self._d.browse.turn_cooldown(page))
        return self._d.words.plain("toast.released", port=port)

    def _port(self, key: str) -> Port:
        port = cooldown.port_of(self._d.book, key)
        if port is None:
            raise Declined("nothing_to_release")
        return port
