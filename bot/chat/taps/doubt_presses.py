"""Taps that decide about what the ledger cannot know: sends in doubt, and a ledger that looks old."""

from collections.abc import Callable, Coroutine
from typing import Any

from bot.chat.group.noc_chat import NocChat
from bot.chat.screens.buttons import Action, Press
from bot.chat.screens.pages import confirming, doubts
from bot.chat.screens.screen import Screen
from bot.chat.screens.words import Words
from bot.chat.taps.browse import Browse, Kind, Page
from bot.chat.taps.desk import Desk
from bot.errors import Declined, LedgerClosed
from bot.ports import Clock
from bot.steps.unknown import Choose

Later = Callable[[Page, Callable[[], Coroutine[Any, Any, None]]], str | None]
Strip = Callable[[int, int], Coroutine[Any, Any, None]]


class DoubtPresses:
    """The buttons of the page of sends in doubt, and those that confirm the ledger.

    The person is an approver and the chat the group by then (`Presses`).
    """

    def __init__(
        self,
        desk: Desk,
        chat: NocChat,
        browse: Browse,
        *,
        words: Words,
        clock: Clock,
        beside: Callable[[Coroutine[Any, Any, None]], None],
        later: Later,
        strip: Strip,
    ) -> None:
        """`later` turns a page as the group's budget has room for it; its answer is the toast.

        `strip` takes the buttons off a message of the group.
        """
        self._desk = desk
        self._chat = chat
        self._browse = browse
        self._words = words
        self._clock = clock
        self._beside = beside
        self._later = later
        self._strip = strip

    async def press(self, page: Page, press: Press) -> str | None:
        """Do what the button asks for; the toast. Declined where the message never had that button."""
        if press.action in {Action.ASK_CONFIRM, Action.CONFIRM}:
            return await self._confirm(page, press)
        self._browse.check_page(page, Kind.DOUBTS, press.case)
        if press.action is not Action.DOUBTS:
            return await self._choose(page, press)
        if not (press.arg.isascii() and press.arg.isdecimal()):
            raise Declined("unknown_button")
        return self._later(page, lambda: self._browse.turn_doubts(page, press.case, int(press.arg)))

    async def _choose(self, page: Page, press: Press) -> str | None:
        """Ask once more, or decide; the page then shows what is left, also where it was out of date."""
        self._check_open()
        wish = doubts.read_wish(press.arg)
        try:
            choose = doubts.chosen(self._desk.ledger.book, press.case, wish)
            if press.action is not Action.CHOOSE:
                screen = self._question(press, wish, choose)
                self._beside(self._browse.turn(page, screen))  # half of a decision: no look that is counted
                return None
            if wish.verdict == "resend":
                n = await self._desk.resend(choose, page.who)
            else:
                n = await self._desk.resolve(choose, "call" if wish.verdict == "call" else "sent", page.who)
        except Declined:
            self._beside(self._browse.turn_doubts(page, press.case, wish.page))
            raise
        self._beside(self._browse.turn_doubts(page, press.case, wish.page))
        return self._words.plain(f"toast.chosen_{wish.verdict}", n=n)

    def _question(self, press: Press, wish: doubts.Wish, choose: Choose) -> Screen:
        case, again = self._desk.ledger.book.cases[press.case], press.action is Action.ASK_AGAIN
        if doubts.questions(wish) <= again:
            raise Declined("unknown_button")  # forged: what it asks for has no such question
        if again:
            return doubts.ask_again(case, wish, self._words, self._chat.closed_until())
        return doubts.ask(case, wish, choose, self._words, self._chat.closed_until())

    async def _confirm(self, page: Page, press: Press) -> str | None:
        """Ask once more, go back, or confirm; every message that asked for it then says who did.

        One from before a restart is no longer known, and one that asks in vain should not: they lose the
        button. A start that has something to confirm says so anew.
        """
        book = self._desk.ledger.book
        since = book.unconfirmed
        known = self._asked(page)
        if since is None or not known:
            self._beside(self._strip(page.chat, page.message))
            raise Declined("nothing_to_confirm") if since is None else Declined("old_page", kind=Kind.STATUS)
        self._check_open()
        now = self._clock.now()
        if press.action is Action.ASK_CONFIRM:
            draw = confirming.unconfirmed if press.arg == confirming.BACK else confirming.ask_confirm
            screen = draw(since, book.doubt, self._words, now)
            return self._later(page, lambda: self._browse.turn(page, screen))
        await self._desk.confirm(page.who)
        done = confirming.confirmed(since, page.who, now, self._words)
        for message in {page.message, *self._chat.notices(confirming.NOTICE)}:
            self._beside(self._browse.turn(Page(page.chat, message, page.who, page.query), done))
        return self._words.plain("toast.confirmed")

    def _asked(self, page: Page) -> bool:
        """Whether the message is known to ask for it. Declined where it is known to be something else."""
        if page.message in self._chat.notices(confirming.NOTICE):
            return True
        if self._chat.is_notice(page.message):
            raise Declined("unknown_button")
        if not self._browse.wrote(page.chat, page.message):
            return False
        self._browse.check_page(page, Kind.STATUS, reader=False)
        return True

    def _check_open(self) -> None:
        why = self._desk.ledger.closed
        if why is not None:
            raise LedgerClosed(why)
