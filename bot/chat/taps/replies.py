"""Replies to a card: why it was denied, in the words of the person who did.

Telegram gives a bot the replies to its own messages also where it hears commands only.
"""

import contextlib

from telegram import Message, Update

from bot.chat.taps.commands import CARRIED_OUT, REFUSED, check_typed
from bot.chat.taps.deps import TapDeps
from bot.domain.who import Who
from bot.errors import Declined, LedgerClosed
from bot.steps.describe import explain_denial, explained_until


class Replies:
    """Every reply that is no command ends here; most of them are people who talk to each other."""

    def __init__(self, deps: TapDeps) -> None:
        self._d = deps

    async def said(self, update: Update, _context: object) -> None:
        """Take the reason of a denial; a reaction tells whether it is taken, and the card shows it."""
        message = update.message
        number = None if message is None else self._waits_for(message)
        if message is None or number is None or message.text is None:
            return
        person = self._d.access.person(message.from_user)  # one that denied: it is a person
        who, emoji = Who(person.id, person.full_name), REFUSED
        try:
            check_typed(message)
            await self._d.access.check_approver(who.id)
            rule = explain_denial(number, who, message.text, message.date)
            await self._d.decide(rule)
        except Declined as no:
            self._refuse(who, no.code, number)
        except LedgerClosed as closed:
            self._refuse(who, closed.code, number)
        else:
            emoji = CARRIED_OUT
        self._d.beside(self._d.browse.react(message.chat.id, message.message_id, emoji))

    def _refuse(self, who: Who, why: str, number: int) -> None:
        with contextlib.suppress(LedgerClosed):
            self._d.desk.refused(who, "deny", why, number)

    def _waits_for(self, message: Message) -> int | None:
        """The case that this person denied without a reason, and to whose card this is a reply."""
        replied, user = message.reply_to_message, message.from_user
        if message.chat.id != self._d.chat.group or replied is None or user is None:
            return None
        number = self._d.chat.case_of(replied.message_id)
        case = None if number is None else self._d.book.cases.get(number)
        if case is None or case.denied_by is None or case.denied_by.id != user.id:
            return None
        until = explained_until(case)
        late = until is None or message.date > until
        return None if until is None or (late and case.denied_words) else number
