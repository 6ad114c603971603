"""Commands: /status /pendentes /audit /cooldown /help, in the group or in an approver's private chat."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from telegram import Message, Update

from bot.chat import pages
from bot.chat.access import Access
from bot.chat.browse import Browse
from bot.chat.desk import Desk
from bot.chat.noc_chat import NocChat
from bot.chat.screen import Screen
from bot.chat.words import Words
from bot.domain.lines import Who
from bot.errors import Declined, LedgerClosed
from bot.ports import Clock

COMMANDS = pages.COMMANDS


@dataclass(frozen=True, slots=True)
class ProgramFacts:
    """What /status tells of the program itself."""

    version: str
    started_at: datetime
    gateway: str
    dry_run: bool


StatusFacts = Callable[[], ProgramFacts]


class Commands:
    """Every message that starts with a command ends here."""

    def __init__(
        self,
        desk: Desk,
        chat: NocChat,
        *,
        access: Access,
        browse: Browse,
        words: Words,
        clock: Clock,
        status_facts: StatusFacts,
        username: Callable[[], str],
        hours: float,
    ) -> None:
        """`username` is the bot's, known once it is connected; `hours` is the cooldown."""
        self._desk = desk
        self._chat = chat
        self._access = access
        self._browse = browse
        self._words = words
        self._clock = clock
        self._status_facts = status_facts
        self._username = username
        self._hours = hours

    async def typed(self, update: Update, _context: object) -> None:
        """Answer one command; those of other bots and unknown ones are none of ours."""
        message = update.message
        if message is None or message.text is None:
            return
        name, argument = self._read(message.text)
        if name is None:
            return
        user = message.from_user
        try:
            person = self._access.person(user)
            if name == "start":
                await self._greet(message, Who(person.id, person.full_name))
                return
            await self._access.check_chat(message.chat.id, person.id)
            screen = await self._screen(name, argument, person.id)
        except Declined as no:
            if user is not None:
                with contextlib.suppress(LedgerClosed):
                    self._desk.refused(Who(user.id, user.full_name), name, no.code)
            if message.chat.id in {self._chat.group, user.id if user else None}:
                await self._say(message, Screen(str(self._words.say(f"declined.{no.code}", **no.facts))))
            return
        await self._say(message, screen)

    def _read(self, text: str) -> tuple[str | None, str]:
        """The command and what follows it; None where it is not for this bot."""
        command, *rest = text.split(maxsplit=1)
        name, _, addressed = command.removeprefix("/").partition("@")
        if addressed and addressed.casefold() != self._username().casefold():
            return None, ""
        name = name.casefold()
        return (name if name in {*COMMANDS, "start"} else None), "".join(rest).strip()

    async def _screen(self, name: str, argument: str, user: int) -> Screen:
        now, book = self._clock.now(), self._desk.ledger.book
        match name:
            case "status":
                facts = self._status_facts()
                return pages.status(
                    self._desk.watch,
                    book,
                    now,
                    self._words,
                    hours=self._hours,
                    version=facts.version,
                    started_at=facts.started_at,
                    gateway=facts.gateway,
                    dry_run=facts.dry_run,
                    ledger_closed=self._desk.ledger.closed,
                )
            case "pendentes":
                return pages.pending(book, self._words, now)
            case "audit":
                return self._browse.audit(argument)
            case "cooldown":
                return self._browse.cooldown(may_release=await self._may_release(user))
            case _:
                return pages.help_text(self._words)

    async def _may_release(self, user: int) -> bool:
        try:
            await self._access.check_approver(user)
        except Declined:
            return False
        return True

    async def _greet(self, message: Message, who: Who) -> None:
        """/start in private tells a person their id, so that it can go into TELEGRAM_APPROVERS."""
        if message.chat.id == who.id:
            await self._say(message, Screen(str(self._words.say("start.text", name=who.name, id=who.id))))

    async def _say(self, message: Message, screen: Screen) -> None:
        reader = message.from_user.id if message.from_user else 0
        await self._browse.post(message.chat.id, screen, reader=reader, reply_to=message.message_id)
