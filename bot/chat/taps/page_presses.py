"""Taps on pages that somebody asked for: turned, given out as documents, or decided on."""

from collections.abc import Callable

from bot.chat.screens.buttons import Action
from bot.chat.screens.pages.silences import ended
from bot.chat.screens.press import Kind, Press, Tap, Where
from bot.chat.taps.browse import Page
from bot.chat.taps.cooldown_presses import CooldownPresses
from bot.chat.taps.deps import TapDeps, Work
from bot.chat.taps.doubt_presses import DoubtPresses
from bot.chat.taps.note_commands import NoteCommands
from bot.chat.wire.access import PATIENCE
from bot.errors import Declined
from bot.steps import describe

_SHEETS = {Action.DETAILS_CSV, Action.AUDIT_CSV, Action.AUDIT_JSON, Action.DOUBTS_CSV}


class PagePresses:
    """The buttons of pages. Where they may be pressed is checked by then (`Presses`)."""

    def __init__(self, deps: TapDeps, typed: NoteCommands) -> None:
        """`typed` asked back about a time in a command."""
        self._d = deps
        self._typed = typed
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
            return await self._doubts.confirm(page, press)
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
            case Kind.CUSTOMER:
                return self._d.later(page, lambda: self._d.browse.turn_customer(page, press.arg))
            case Kind.TIME:
                return await self._choose_time(page, press)
            case _:
                return self._d.later(page, self._turned(page, press))

    def _turned(self, page: Page, press: Press) -> Callable[[], Work]:
        browse = self._d.browse
        if press.action is Action.AUDIT:
            return lambda: browse.turn_audit(page, press.arg)
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
        await self._d.desk.decide(describe.end_silence(number, page.who))
        silence, now = self._d.book.silences[number], self._d.clock.now()
        screen = ended(silence, page.who, self._d.book, now, self._d.words)
        self._d.beside(self._d.browse.turn(page, screen))
        return self._d.words.plain("toast.unmuted")

    async def _choose_time(self, page: Page, press: Press) -> str:
        """A command whose time had two readings is carried out with this one."""
        self._d.check_open()
        answered = await self._typed.choose(press, page.who)
        self._d.beside(self._d.browse.turn(page, answered.screen))
        return answered.toast
