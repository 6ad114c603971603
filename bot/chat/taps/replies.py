"""Replies to a card: why it was denied, in the words of the person who did.

Telegram gives a bot the replies to its own messages also where it hears commands only.
"""

import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from telegram import Message, Update

from bot.chat.group.noc_chat import NocChat
from bot.chat.taps.browse import Browse
from bot.chat.taps.commands import CARRIED_OUT, REFUSED, check_typed
from bot.chat.taps.desk import Desk
from bot.chat.wire.access import Access
from bot.domain.who import Who
from bot.errors import Declined, LedgerClosed
from bot.steps.describe import explained_until


class Replies:
    """Every reply that is no command ends here; most of them are people who talk to each other."""

    def __init__(
        self,
        desk: Desk,
        chat: NocChat,
        *,
        access: Access,
        browse: Browse,
        beside: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        """`beside` runs what is slow."""
        self._desk = desk
        self._chat = chat
        self._access = access
        self._browse = browse
        self._beside = beside

    async def said(self, update: Update, _context: object) -> None:
        """Take the reason of a denial; a reaction tells whether it is taken, and the card shows it."""
        message = update.message
        number = None if message is None else self._waits_for(message)
        if message is None or number is None or message.text is None:
            return
        person = self._access.person(message.from_user)  # one that denied: it is a person
        who, emoji = Who(person.id, person.full_name), REFUSED
        try:
            check_typed(message)
            await self._access.check_approver(who.id)
            await self._desk.explain_denial(number, who, message.text, message.date)
        except Declined as no:
            self._refuse(who, no.code, number)
        except LedgerClosed:
            self._refuse(who, "ledger_closed", number)
        else:
            emoji = CARRIED_OUT
        self._beside(self._browse.react(message.chat.id, message.message_id, emoji))

    def _refuse(self, who: Who, why: str, number: int) -> None:
        with contextlib.suppress(LedgerClosed):
            self._desk.refused(who, "deny", why, number)

    def _waits_for(self, message: Message) -> int | None:
        """The case that this person denied without a reason, and to whose card this is a reply."""
        replied, user = message.reply_to_message, message.from_user
        if message.chat.id != self._chat.group or replied is None or user is None:
            return None
        number = self._chat.case_of(replied.message_id)
        case = None if number is None else self._desk.ledger.book.cases[number]
        if case is None or case.denied_by is None or case.denied_by.id != user.id:
            return None
        until = explained_until(case)
        late = until is None or message.date > until
        return None if until is None or (late and case.denied_words) else number
