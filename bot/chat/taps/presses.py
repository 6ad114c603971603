"""Taps: who, where and on what is checked, the decision is made durable, the tap is answered, at once.

Whatever is refused is answered with its reason and leaves an audit line; nothing else happens.
"""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from telegram import CallbackQuery, Update

from bot.chat.group.noc_chat import NocChat
from bot.chat.screens.buttons import SENDS, Action, Press, decode
from bot.chat.screens.cards.card import DENY_REASONS
from bot.chat.screens.cards.late import LATE, Late
from bot.chat.screens.words import Words
from bot.chat.taps.absence import Away
from bot.chat.taps.answers import Answers
from bot.chat.taps.browse import Browse, Kind, Page
from bot.chat.taps.cooldown_presses import CooldownPresses
from bot.chat.taps.desk import Desk
from bot.chat.taps.doubt_presses import DoubtPresses
from bot.chat.taps.life_commands import LifeCommands
from bot.chat.taps.life_presses import QUESTIONS, LifePresses, SharedPresses
from bot.chat.taps.turned_away import TurnedAway, answer
from bot.chat.wire.access import PATIENCE, Access
from bot.chat.wire.budget import Urgency
from bot.domain.case import Case
from bot.domain.who import Who
from bot.errors import Declined, LedgerClosed
from bot.ports import Clock, Notice
from bot.steps.decide import check_attempt
from bot.steps.describe import OTHER

log = logging.getLogger(__name__)

Beside = Callable[[Coroutine[Any, Any, None]], None]

_ON_A_CARD = {
    Action.APPROVE,
    Action.ASK_DENY,
    Action.DENY,
    Action.BACK,
    Action.CANCEL,
    Action.STOP,
    Action.RESUME,
    Action.CLOSE,
    Action.RESTORE,
    Action.UNTOLD,
    Action.BEGIN,
    Action.SEPARATE,
    Action.ASSUME,
    Action.ETA,
    Action.CAUSE,
    Action.SILENCE,
    Action.UNMUTE,
    Action.MORE,
    Action.LESS,
    *QUESTIONS,
}
_DECIDES_NOTHING = {Action.ASK_DENY, Action.BACK, Action.MORE, Action.LESS, *QUESTIONS}
_OF_THE_GROUP = {Action.DIGEST, Action.OPEN_CARD}  # and for everybody there
_FROM_A_CARD = {Action.DETAILS, Action.DOUBTS}  # without an argument: they open a page
_OF_A_TIME = {Action.TIME_AT, Action.TIME_IN}
_CHOICES = {Action.ASK_CHOOSE, Action.ASK_AGAIN, Action.CHOOSE}
_IN_DOUBT = _CHOICES | {Action.DOUBTS, Action.ASK_CONFIRM, Action.CONFIRM}
_ON_PAGES = {Action.CHOOSE, Action.CONFIRM, Action.RELEASE, Action.UNMUTE, *_OF_A_TIME}
"""What changes something there."""
_SHEETS: dict[Action, Kind] = {
    Action.DETAILS_CSV: Kind.DETAILS,
    Action.AUDIT_CSV: Kind.AUDIT,
    Action.AUDIT_JSON: Kind.AUDIT,
    Action.DOUBTS_CSV: Kind.DOUBTS,
}
"""The page that each file is the whole of."""
LATE_STAYS = 3600.0  # seconds that a card asks about a tap that came late
_OF_APPROVERS = _ON_A_CARD | _IN_DOUBT | {Action.DOUBTS_CSV}  # and of the group alone


class Presses:
    """Every callback query ends here."""

    def __init__(
        self,
        desk: Desk,
        chat: NocChat,
        *,
        access: Access,
        answers: Answers,
        browse: Browse,
        words: Words,
        clock: Clock,
        beside: Beside,
        undo_seconds: float,
        typed: LifeCommands,
        away: Callable[[int], Away | None],
        contested: Callable[[], bool],
    ) -> None:
        """`beside` runs what is slow after the answer; `typed` asked back about a time in a command.

        `away` says of an update whether it waited for us, `contested` whether a second program may hear taps.
        """
        self._desk = desk
        self._chat = chat
        self._access = access
        self._answers = answers
        self._browse = browse
        self._clock = clock
        self._words = words
        self._beside = beside
        self._turned_away = TurnedAway(desk, clock, beside)
        self._typed = typed
        self._away, self._contested = away, contested
        self._life = LifePresses(desk, chat, words=words, clock=clock, undo_seconds=undo_seconds)
        self._shared = SharedPresses(desk, chat, browse, words=words, clock=clock)
        self._cooldown = CooldownPresses(desk, chat, browse, words=words, beside=beside, later=self._later)
        self._doubts = DoubtPresses(
            desk, chat, browse, words=words, clock=clock, beside=beside, later=self._later, strip=self._strip
        )

    async def tap(self, update: Update, _context: object) -> None:
        """Answer one tap."""
        query = update.callback_query
        if query is None:
            return
        press = decode(query.data)
        try:
            toast = await self._take(query, press, self._away(update.update_id))
        except Declined as no:
            if no.code == "stale_button" and query.message is not None:
                self._chat.stripped(query.message.message_id)  # it shows what may be tapped now
            said = self._words.plain(f"declined.{no.code}", now=self._clock.now(), **no.facts)
            self._turned_away.tell(query, press, no.code, said)
        except LedgerClosed:
            said = self._words.plain("declined.ledger_closed")
            self._turned_away.tell(query, press, "ledger_closed", said, alert=True)
        else:
            await answer(query, toast)

    async def _take(self, query: CallbackQuery, press: Press | None, away: Away | None) -> str | None:
        """Do what the tap asks for; the toast, None for none. What waited for us is `away`."""
        user = self._access.person(query.from_user)
        if query.message is None:
            raise Declined("unknown_button")
        chat = query.message.chat.id
        if press is None:
            await self._access.check_chat(chat, user.id, PATIENCE)
            raise Declined("unknown_button")
        who = Who(user.id, user.full_name)
        if press.action in _OF_APPROVERS:
            self._check_group(chat)
            await self._access.check_approver(who.id)
        if press.action in _OF_THE_GROUP or (press.action is Action.UNMUTE and not press.case):
            self._check_group(chat)
            _check_fresh(press, away)
            return await self._share(query, press, who) or self._if_late(Urgency.ANSWER)
        if press.action in _ON_A_CARD:
            await self._check_card(chat, query.message.message_id, press.case, approver=True)
            self._check_alone(press.action)
            if away is not None and press.action in LATE:
                await self._ask_again(press, who, away)
            return await self._decide(press, who) or self._if_late(Urgency.URGENT)
        if press.action is Action.DOUBTS and not press.arg:
            await self._check_card(chat, query.message.message_id, press.case, approver=True)
        elif press.action is Action.DETAILS and not press.arg:
            self._check_group(chat)
            self._check_known(press.case)
            approver = self._chat.in_doubt(press.case) and await self._access.is_approver(who.id)
            await self._check_card(chat, query.message.message_id, press.case, approver=approver)
        else:
            await self._access.check_chat(chat, user.id, PATIENCE)
            self._check_alone(press.action)
            _check_fresh(press, away)
        if press.action in _OF_A_TIME:
            return await self._choose_time(self._browse.page(query, who), press)
        return await self._show(query, press, who)

    def _if_late(self, urgency: Urgency) -> str | None:
        """Told to who waits for a question on the card, or another page of the list."""
        return self._words.plain("toast.wait") if self._answers.late(urgency) else None

    def _check_alone(self, action: Action) -> None:
        """Declined for what sends while a second program may have been sent the same taps."""
        if action in SENDS | {Action.CHOOSE, Action.CONFIRM} and self._contested():
            raise Declined("second_poller")

    def _check_group(self, chat: int) -> None:
        if chat != self._chat.group:
            raise Declined("wrong_chat")

    def _check_known(self, number: int) -> Case:
        case = self._desk.ledger.book.cases.get(number)
        if case is None:
            raise Declined("unknown_case")
        return case

    async def _check_card(self, chat: int, message: int, number: int, *, approver: bool) -> None:
        """The tapped message is the case's card; one whose post is in doubt becomes it for an approver."""
        case = self._check_known(number).shown_as
        card = self._chat.card(case)
        if card is not None and card.message == message:
            return
        known = self._browse.wrote(chat, message) or self._chat.is_notice(message)
        if known or self._chat.is_card(message):
            raise Declined("unknown_button")  # forged: that message never had this button
        if card is not None:
            self._beside(self._strip(chat, message))
            raise Declined("stale_card")
        if not self._chat.in_doubt(case) or not approver:
            raise Declined("unknown_button")
        await self._chat.adopt(case, message)

    async def _strip(self, chat: int, message: int) -> None:
        if await self._browse.strip(chat, message):
            self._chat.stripped(message)

    async def _decide(self, press: Press, who: Who) -> str | None:
        self._check_open()
        toast = await self._carry_out(press, who)
        if press.action not in _DECIDES_NOTHING:
            self._chat.unfold(self._desk.ledger.book.cases[press.case].shown_as, unfolded=False)
        return toast

    async def _carry_out(self, press: Press, who: Who) -> str | None:
        desk, case, toast = self._desk, press.case, None
        match press.action:
            case Action.DENY:
                if press.arg not in DENY_REASONS:
                    raise Declined("unknown_button")
                await desk.deny(case, who, press.arg)
                self._chat.ask(case, None)
                toast = "denied_other" if press.arg == OTHER else "denied"
            case Action.ASK_DENY:
                await desk.check_undecided(case)
                self._chat.ask(case, "deny")
            case Action.BACK:
                self._chat.ask(case, None)
            case Action.MORE | Action.LESS:
                self._chat.unfold(case, unfolded=press.action is Action.MORE)
            case Action.CANCEL:
                toast = "cancelled" if await desk.cancel(case, who) else "stopping"
            case Action.STOP:
                await desk.stop(case, who)
                toast = "stopping"
            case Action.CLOSE:
                await desk.close(case, who)
                toast = "closed"
            case _:
                return await self._life.press(press, who)
        return self._words.plain(f"toast.{toast}") if toast else None

    async def _ask_again(self, press: Press, who: Who, away: Away) -> None:
        """Nothing is done that somebody wanted hours ago: the card asks whether it still holds. Declined."""
        self._check_open()
        case = self._desk.ledger.book.cases[press.case]
        if press.action in {Action.APPROVE, Action.DENY}:
            await self._desk.check_undecided(press.case)
        if press.action in SENDS:
            book = self._desk.ledger.book
            check_attempt(
                book.restored_by(case.id) if press.action is Action.RESTORE else case, press.attempt
            )
        late = Late(press, who, away.since, away.until)
        self._chat.ask(case.shown_as, late, seconds=LATE_STAYS)
        facts = {"case": press.case, "by": who, "since": away.since, "until": away.until}
        self._chat.say(Notice("late_tap", {**facts, "what": late.what(self._words)}))
        raise Declined("late_tap", case=case.shown_as, since=away.since, until=away.until)

    def _check_open(self) -> None:
        """LedgerClosed before anything is asked that could not be recorded."""
        why = self._desk.ledger.closed
        if why is not None:
            raise LedgerClosed(why)

    async def _share(self, query: CallbackQuery, press: Press, who: Who) -> str | None:
        """The list of cases without a card, for everybody, and the silences on /status."""
        page = self._browse.page(query, who)
        if press.action in _OF_THE_GROUP:
            self._answers.check(page.chat, who.id)
            return self._shared.list(page.message, press)
        self._check_open()
        screen = await self._shared.unmute(page, int(press.arg))
        self._beside(self._browse.turn(page, screen))
        return self._words.plain("toast.unmuted")

    async def _show(self, query: CallbackQuery, press: Press, who: Who) -> str | None:
        """Pages: the answer is quick, what has to be looked up comes after it."""
        page = self._browse.page(query, who)
        if press.action in _FROM_A_CARD and not press.arg:
            details = press.action is Action.DETAILS
            opens = self._browse.details if details else self._browse.doubts
            return self._later(page, lambda: opens(page, press.case), "toast.looking" if details else None)
        if page.chat == self._chat.group and self._chat.is_card(page.message):
            raise Declined("unknown_button")  # forged: a card is no page
        if press.action in _IN_DOUBT:
            return await self._doubts.press(page, press)
        match press.action:
            case Action.DETAILS:
                self._browse.check_page(page, Kind.DETAILS, press.case)
                return self._later(page, lambda: self._browse.turn_details(page, press.case, press.arg))
            case Action.AUDIT:
                self._browse.check_page(page, Kind.AUDIT)
                return self._later(page, lambda: self._browse.turn_audit(page, press.arg))
            case action if action in _SHEETS:
                mine = press.action is Action.DOUBTS_CSV  # who decides there; the others anybody may have
                self._browse.check_page(page, _SHEETS[press.action], press.case, reader=mine)
                await self._access.check_approver(who.id)
                await self._access.check_in_group(who.id, PATIENCE)
                await self._browse.check_private(who.id, PATIENCE)
                self._beside(self._browse.sheet(page, press))
                return self._words.plain("toast.csv_coming")
            case _:
                await self._access.check_approver(who.id)
                return await self._cooldown.press(page, press)

    async def _choose_time(self, page: Page, press: Press) -> str:
        """A command whose time had two readings is carried out with this one."""
        self._browse.check_page(page, Kind.TIME)
        await self._access.check_approver(page.who.id)
        self._check_open()
        answered = await self._typed.choose(press, page.who)
        self._beside(self._browse.turn(page, answered.screen))
        return answered.toast

    def _later(
        self, page: Page, work: Callable[[], Coroutine[Any, Any, None]], toast: str | None = None
    ) -> str | None:
        """The page comes beside, as the group's budget has room for it; the toast says where it has none."""
        self._answers.check(page.chat, page.who.id)
        if self._answers.waits(page.chat):
            toast = "toast.wait"
        self._beside(work())
        return self._words.plain(toast) if toast else None


def _check_fresh(press: Press, away: Away | None) -> None:
    """Declined for what would change something and waited for us: a page has no room for a question."""
    if away is not None and press.action in _ON_PAGES:
        raise Declined("late_tap", case=None, since=away.since, until=away.until)
