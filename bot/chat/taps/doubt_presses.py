"""Taps that decide about what the ledger cannot know: sends in doubt, and a ledger that looks old."""

from bot.chat.screens.buttons import Action
from bot.chat.screens.pages import confirming, doubts
from bot.chat.screens.press import Kind, Press
from bot.chat.screens.screen import Screen
from bot.chat.taps.browse import Page
from bot.chat.taps.deps import TapDeps
from bot.domain.events import Resent, Resolved, Result
from bot.domain.plan import IN_DOUBT
from bot.errors import Declined
from bot.flow.kept import confirm, sent
from bot.ports import Notice
from bot.steps import decide, unknown
from bot.steps.unknown import Choose


class DoubtPresses:
    """The buttons of the page of sends in doubt, and those that confirm the ledger.

    The person is an approver and the chat the group by then (`Presses`).
    """

    def __init__(self, deps: TapDeps) -> None:
        self._d = deps

    async def press(self, page: Page, press: Press) -> str | None:
        """Do what the button of the page asks for; the toast."""
        if press.action is not Action.DOUBTS:
            return await self._choose(page, press)
        return self._d.later(page, lambda: self._d.browse.turn_doubts(page, press.case, int(press.arg)))

    async def _choose(self, page: Page, press: Press) -> str | None:
        """Ask once more, or decide; the page then shows what is left, also where it was out of date."""
        self._d.check_open()
        wish = doubts.read_wish(press.arg)
        try:
            choose = doubts.chosen(self._d.book, press.case, wish)
            if press.action is not Action.CHOOSE:
                screen = self._question(press, wish, choose)
                self._d.beside(self._d.browse.turn(page, screen))  # half of a decision: not counted as a look
                return None
            if wish.verdict == "resend":
                rule = unknown.resend(choose, page.who, self._d.rules, self._d.desk.late)
            else:
                rule = unknown.resolve(choose, "call" if wish.verdict == "call" else "sent", page.who)
            lines = await self._d.decide(rule)
        except Declined:
            self._d.beside(self._d.browse.turn_doubts(page, press.case, wish.page))
            raise
        self._d.beside(self._d.browse.turn_doubts(page, press.case, wish.page))
        n = sum(len(line.recipients) for line in lines if isinstance(line, Resolved | Resent))
        return self._d.words.plain(f"toast.chosen_{wish.verdict}", n=n)

    def _question(self, press: Press, wish: doubts.Wish, choose: Choose) -> Screen:
        case, again = decide.find_whole(self._d.book, press.case), press.action is Action.ASK_AGAIN
        if doubts.questions(wish) <= again:
            raise Declined("unknown_button")  # forged: what it asks for has no such question
        if again:
            return doubts.ask_again(case, wish, self._d.words, self._d.chat.closed_until())
        return doubts.ask(case, wish, choose, self._d.words, self._d.chat.closed_until())

    async def confirm(self, page: Page, press: Press) -> str | None:
        """Ask once more, go back, or confirm; every message that asked for it then says who did.

        One from before a restart is no longer known, and one that asks in vain should not: they lose the
        button. A start that has something to confirm says so anew.
        """
        book = self._d.book
        since = book.unconfirmed
        known = self._asked(page)
        if since is None or not known:
            self._d.beside(self._d.strip(page.chat, page.message))
            raise Declined("nothing_to_confirm") if since is None else Declined("old_page", kind=Kind.STATUS)
        self._d.check_open()
        now = self._d.clock.now()
        if press.action is Action.ASK_CONFIRM:
            draw = confirming.unconfirmed if press.arg == confirming.BACK else confirming.ask_confirm
            screen = draw(since, book.doubt, self._d.words, now)
            return self._d.later(page, lambda: self._d.browse.turn(page, screen))
        kept = self._d.ledger.kept
        lines = await self._d.desk.decide(confirm(page.who, now, kept))  # what is kept is of all regions
        if n := sent(kept):
            told = [line for line in lines if isinstance(line, Result)]
            doubts_of = sum(line.outcome in IN_DOUBT for line in told)
            back = min(n, len(told))  # doubts of the dispatch before may be among them
            self._d.chat.say(Notice("kept_written", {"n": n, "done": back, "doubts": doubts_of}))
        done = confirming.confirmed(since, page.who, now, self._d.words)
        for message in {page.message, *self._d.chat.notices(confirming.NOTICE)}:
            self._d.beside(self._d.browse.turn(Page(page.chat, message, page.who, page.query), done))
        return self._d.words.plain("toast.confirmed")

    def _asked(self, page: Page) -> bool:
        """Whether the message is known to ask for it. Declined where it is known to be something else."""
        if page.message in self._d.chat.notices(confirming.NOTICE):
            return True
        if self._d.chat.is_notice(page.message):
            raise Declined("unknown_button")
        if not self._d.browse.wrote(page.chat, page.message):
            return False
        self._d.browse.check_page(page, Kind.STATUS, reader=False)
        return True
