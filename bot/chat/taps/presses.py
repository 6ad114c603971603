"""Taps: one loop decodes them, checks them by their row of the table, decides and answers at once.

Whatever is refused is answered with its reason and leaves an audit line; nothing else happens.
"""

from telegram import CallbackQuery, Update

from bot.chat.screens.buttons import Action
from bot.chat.screens.press import Press, Tap, Where
from bot.chat.screens.table import decode, find
from bot.chat.taps.absence import Away
from bot.chat.taps.browse import Page
from bot.chat.taps.card_presses import CardPresses
from bot.chat.taps.deps import TapDeps
from bot.chat.taps.many import Many
from bot.chat.taps.note_commands import NoteCommands
from bot.chat.taps.page_presses import PagePresses
from bot.chat.taps.turned_away import TurnedAway, answer
from bot.chat.wire.access import PATIENCE
from bot.chat.wire.budget import Urgency
from bot.domain.who import Who
from bot.errors import Declined, LedgerClosed
from bot.steps.decide import find as find_case


class ListPresses:
    """The buttons of the list of cases without a card of their own, for everybody in the group."""

    def __init__(self, deps: TapDeps, many: Many) -> None:
        self._d, self._many = deps, many

    def press(self, page: Page, press: Press) -> str | None:
        """Turn the list's page, post the card of a case on it, or open the page of many; the toast."""
        self._d.answers.check(page.chat, page.who.id)
        if not self._d.chat.is_digest(page.message):
            raise Declined("unknown_button")
        if press.action is Action.DIGEST:
            self._d.chat.turn_digest(int(press.arg))
            return None
        if press.action is Action.ASK_MANY:
            return self._many.open(page)
        case = find_case(self._d.book, press.case)
        if case.ended_at is not None and case.card is None:
            raise Declined("over")
        silence = self._d.book.silence_over(case, self._d.clock.now())
        if silence is not None and case.card is None:
            raise Declined("silenced", until=silence.until, by=silence.by.name)
        self._d.chat.open_card(press.case)
        return self._d.words.plain("toast.card_coming", case=press.case)


class Presses:
    """Every callback query ends here."""

    def __init__(self, deps: TapDeps, typed: NoteCommands) -> None:
        self._d = deps
        self._turned_away = TurnedAway(deps.desk, deps.clock, deps.beside)
        many = Many(deps)
        self._cards, self._lists = CardPresses(deps), ListPresses(deps, many)
        self._pages = PagePresses(deps, typed, many)

    async def tap(self, update: Update, _context: object) -> None:
        """Answer one tap."""
        query = update.callback_query
        if query is None:
            return
        press = decode(query.data)
        try:
            toast = await self._take(query, press, self._d.away(update.update_id))
        except Declined as no:
            if no.code == "stale_button" and query.message is not None:
                self._d.chat.stripped(query.message.message_id)  # it shows what may be tapped now
            said = self._d.words.plain(f"declined.{no.code}", now=self._d.clock.now(), **no.facts)
            self._turned_away.tell(query, press, no.code, said)
        except LedgerClosed as error:
            said = self._d.words.plain(f"declined.{error.code}")
            self._turned_away.tell(query, press, error.code, said, alert=True)
        else:
            await answer(query, toast)

    async def _take(self, query: CallbackQuery, press: Press | None, away: Away | None) -> str | None:
        """Do what the tap asks for; the toast, None for none. What waited for us is `away`."""
        user = self._d.access.person(query.from_user)
        message, row = query.message, find(press) if press is not None else None
        if message is None:
            raise Declined("unknown_button")
        chat, who = message.chat.id, Who(user.id, user.full_name)
        if press is None or row is None:
            await self._d.access.check_chat(chat, user.id, PATIENCE)
            raise Declined("unknown_button")
        await self._check_place(row, chat, who)
        match row.where:
            case Where.CARD:
                await self._cards.check(chat, message.message_id, press.case, approver=True)
                self._check_alone(row)
                return await self._cards.press(row, press, who, away) or self._if_late(Urgency.URGENT)
            case Where.FROM_CARD:
                if self._d.browse.past.knows(press.case):
                    return self._pages.open_old(self._d.browse.page(query, who), press)
                approver = row.approver or await self._adopts(press, who)
                await self._cards.check(chat, message.message_id, press.case, approver=approver)
                return self._pages.open(self._d.browse.page(query, who), press)
            case Where.LIST:
                _check_fresh(row, away)
                page = self._d.browse.page(query, who)
                return self._lists.press(page, press) or self._if_late(Urgency.ANSWER)
            case _:
                self._check_alone(row)
                _check_fresh(row, away)
                return await self._pages.press(row, press, self._d.browse.page(query, who))

    async def _check_place(self, row: Tap, chat: int, who: Who) -> None:
        """Declined outside the chats of the row, and in the group for who may not press it."""
        if not row.group:
            await self._d.access.check_chat(chat, who.id, PATIENCE)
            return
        if chat != self._d.chat.group:
            raise Declined("wrong_chat")
        if row.approver:
            await self._d.access.check_approver(who.id)

    async def _adopts(self, press: Press, who: Who) -> bool:
        """Whether this person's tap would prove which message the card is."""
        self._cards.known(press.case)
        return self._d.chat.in_doubt(press.case) and await self._d.access.is_approver(who.id)

    def _check_alone(self, row: Tap) -> None:
        """Declined for what sends while a second program may have been sent the same taps."""
        if (row.sends or row.alone) and self._d.contested():
            raise Declined("second_poller")

    def _if_late(self, urgency: Urgency) -> str | None:
        """Told to who waits for a question on the card, or another page of the list."""
        return self._d.words.plain("toast.wait") if self._d.answers.late(urgency) else None


def _check_fresh(row: Tap, away: Away | None) -> None:
    """Declined for what would change something and waited for us: a page has no room for a question."""
    if away is not None and row.late == "no":
        raise Declined("late_tap", case=None, since=away.since, until=away.until)
