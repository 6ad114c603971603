"""Taps on pages that somebody asked for: turned, given out as documents, or decided on."""

from collections.abc import Callable

from bot.chat.screens.buttons import Action
from bot.chat.screens.pages import cooldown
from bot.chat.screens.pages.silences import ended, prolonged, read_prolong
from bot.chat.screens.press import Kind, Press, Tap, Where
from bot.chat.taps.browse import Page
from bot.chat.taps.deps import TapDeps, Work
from bot.chat.taps.doubt_presses import DoubtPresses
from bot.chat.taps.many import Many
from bot.chat.taps.note_commands import NoteCommands
from bot.chat.wire.access import PATIENCE
from bot.domain.incident import Port
from bot.errors import Declined
from bot.flow.due import SILENCE_ENDS
from bot.steps import decide, describe

_SHEETS = {Action.DETAILS_CSV, Action.AUDIT_CSV, Action.AUDIT_JSON, Action.DOUBTS_CSV}


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
        whose = await self._d.browse.whose(page.chat, page.who.id)
        await self._d.decide(decide.release(port.key, page.who, reason, self._d.rules), whose)
        self._d.beside(self._d.browse.turn_cooldown(page))
        return self._d.words.plain("toast.released", port=port)

    def _port(self, key: str) -> Port:
        port = cooldown.port_of(self._d.book, key)
        if port is None:
            raise Declined("nothing_to_release")
        return port


class PagePresses:
    """The buttons of pages. Where they may be pressed is checked by then (`Presses`)."""

    def __init__(self, deps: TapDeps, typed: NoteCommands, many: Many) -> None:
        """`typed` asked back about a time in a command."""
        self._d = deps
        self._typed, self._many = typed, many
        self._doubts, self._cooldown = DoubtPresses(deps), CooldownPresses(deps)

    def open(self, page: Page, press: Press) -> str | None:
        """The page that a card's button opens, below it."""
        browse, case = self._d.browse, press.case
        if press.action is Action.DOUBTS:
            return self._d.later(page, lambda: browse.doubts(page, case))
        return self._d.later(page, lambda: browse.details(page, case), "toast.looking")

    def open_old(self, page: Page, press: Press) -> str | None:
        """The same of a case that left the book: whether the message is its card is seen once it is read."""
        known = self._d.browse.wrote(page.chat, page.message) or self._d.chat.is_notice(page.message)
        if known or self._d.chat.is_card(page.message):
            raise Declined("unknown_button")  # forged: that message never had this button
        return self.open(page, press)

    async def press(self, row: Tap, press: Press, page: Page) -> str | None:
        """Do what the row says; the toast. Declined where the message never had that button."""
        here = page.chat == self._d.chat.group and row.page not in {Kind.STATUS, Kind.TIME}
        if here and self._d.chat.is_card(page.message):
            raise Declined("unknown_button")  # forged: a card is no page
        if row.where is Where.NOTICE:
            confirms = press.action is not Action.PROLONG
            return await (self._doubts.confirm(page, press) if confirms else self._prolong(page, press.arg))
        if row.page is not None:
            self._d.browse.check_page(page, row.page, press.case, reader=row.reader)
        if row.approver:
            await self._d.access.check_approver(page.who.id)
        if press.action in _SHEETS:
            return await self._give_out(page, press)
        return await self._shown(row, press, page)

    async def _shown(self, row: Tap, press: Press, page: Page) -> str | None:
        match row.page:
            case Kind.COOLDOWN:
                return await self._cooldown.press(page, press)
            case Kind.DOUBTS:
                return await self._doubts.press(page, press)
            case Kind.STATUS:
                return await self._unmute(page, int(press.arg))
            case Kind.MANY:
                return await self._many.press(page, press)
            case Kind.TIME:
                return await self._choose_time(page, press)
            case _:
                return self._d.later(page, self._turned(page, press))

    def _turned(self, page: Page, press: Press) -> Callable[[], Work]:
        browse = self._d.browse
        if press.action is Action.AUDIT:
            return lambda: browse.turn_audit(page, press.arg)
        if press.action is Action.CUSTOMER:
            return lambda: browse.turn_customer(page, press.arg)
        return lambda: browse.turn_details(page, press.case, press.arg)

    async def _give_out(self, page: Page, press: Press) -> str:
        """A document for the person's private chat: it comes after the answer."""
        await self._d.access.check_in_group(page.who.id, PATIENCE)
        await self._d.browse.check_private(page.who.id, PATIENCE)
        self._d.beside(self._d.browse.sheet(page, press))
        return self._d.words.plain("toast.csv_coming")

    async def _unmute(self, page: Page, number: int) -> str:
        """End a silence from /status, whose page then shows what lasts."""
        self._d.check_open()
        await self._d.decide(describe.end_silence(number, page.who))
        silence, now = self._d.book.silences[number], self._d.clock.now()
        screen = ended(silence, page.who, self._d.book, now, self._d.words)
        self._d.beside(self._d.browse.turn(page, screen))
        return self._d.words.plain("toast.unmuted")

    async def _prolong(self, page: Page, arg: str) -> str:
        """A silence that ends soon lasts longer; what said so then says until when.

        One of before a restart is not known any more, and as good: the button says what it is about.
        """
        known = page.message in self._d.chat.notices(SILENCE_ENDS)
        ours = self._d.chat.is_notice(page.message) or self._d.browse.wrote(page.chat, page.message)
        if ours and not known:
            raise Declined("unknown_button")
        self._d.check_open()
        number, longer, until = read_prolong(arg)
        await self._d.decide(describe.prolong(number, page.who, longer, until))
        silence, now = self._d.book.silences[number], self._d.clock.now()
        self._d.beside(self._d.browse.turn(page, prolonged(silence, self._d.words, now)))
        return self._d.words.plain("toast.silenced", until=silence.until, now=now)

    async def _choose_time(self, page: Page, press: Press) -> str:
        """A command whose time had two readings is carried out with this one."""
        self._d.check_open()
        answered = await self._typed.choose(press, page.who)
        self._d.beside(self._d.browse.turn(page, answered.screen))
        return answered.toast
