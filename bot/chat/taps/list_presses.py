"""Taps on the list of cases without a card of their own, which the whole group looks at."""

from bot.chat.screens.buttons import Action
from bot.chat.screens.press import Press
from bot.chat.taps.browse import Page
from bot.chat.taps.deps import TapDeps
from bot.errors import Declined
from bot.steps.decide import find


class ListPresses:
    """The list's buttons, for everybody in the group."""

    def __init__(self, deps: TapDeps) -> None:
        self._d = deps

    def press(self, page: Page, press: Press) -> str | None:
        """Turn the list's page, or post the card of a case on it; the toast."""
        self._d.answers.check(page.chat, page.who.id)
        if not self._d.chat.is_digest(page.message):
            raise Declined("unknown_button")
        if press.action is Action.DIGEST:
            self._d.chat.turn_digest(int(press.arg))
            return None
        case = find(self._d.book, press.case)
        if case.ended_at is not None and case.card is None:
            raise Declined("over")
        silence = self._d.book.silence_over(case, self._d.clock.now())
        if silence is not None and case.card is None:
            raise Declined("silenced", until=silence.until, by=silence.by.name)
        self._d.chat.open_card(press.case)
        return self._d.words.plain("toast.card_coming", case=press.case)
