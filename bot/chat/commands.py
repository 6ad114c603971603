"""Commands, in the group or in an approver's private chat. Those that change something are for approvers."""

import contextlib
import unicodedata
from collections.abc import Callable, Coroutine
from typing import Any

from telegram import Message, Update

from bot.chat import pages
from bot.chat.access import Access
from bot.chat.answers import Answers
from bot.chat.browse import Browse, Kind
from bot.chat.desk import Desk
from bot.chat.life_commands import ALIASES, LIFE_COMMANDS, LifeCommands
from bot.chat.noc_chat import NocChat
from bot.chat.screen import Screen
from bot.chat.status_page import ProgramFacts, status
from bot.chat.words import Words
from bot.domain.lines import Who
from bot.errors import Declined, LedgerClosed
from bot.ports import Clock

__all__ = ["COMMANDS", "Commands", "ProgramFacts", "StatusFacts"]

COMMANDS = pages.COMMANDS
_KINDS = {"audit": Kind.AUDIT, "cooldown": Kind.COOLDOWN, "status": Kind.STATUS}


StatusFacts = Callable[[], ProgramFacts]


class Commands:
    """Every message that starts with a command ends here."""

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
        status_facts: StatusFacts,
        username: Callable[[], str],
        hours: float,
        beside: Callable[[Coroutine[Any, Any, None]], None],
        life: LifeCommands,
    ) -> None:
        """`username` is the bot's, known once it is connected; `hours` is the cooldown.

        `beside` runs what has to wait: a handler that waits for the group's budget would keep taps waiting.
        """
        self._desk = desk
        self._chat = chat
        self._access = access
        self._answers = answers
        self._browse = browse
        self._words = words
        self._clock = clock
        self._status_facts = status_facts
        self._username = username
        self._hours = hours
        self._beside = beside
        self._life = life

    async def typed(self, update: Update, _context: object) -> None:
        """Answer one command; those of other bots and unknown ones are none of ours."""
        message = update.message
        if message is None or message.text is None:
            return
        name, argument = self._read(message.text)
        if name is None:
            return
        user = message.from_user
        asker = user.id if user else 0
        if message.chat.id == self._chat.group and not self._answers.admit(asker):
            return  # who asks that often gets no answer: it would keep those of others away
        try:
            person = self._access.person(user)
            if name == "start":
                self._greet(message, Who(person.id, person.full_name))
                return
            await self._access.check_chat(message.chat.id, person.id)
            if name in LIFE_COMMANDS:
                who, private = Who(person.id, person.full_name), message.chat.id != self._chat.group
                screen = await self._life_screen(name, argument, who, private=private)
            else:
                screen = await self._screen(name, argument, person.id, message.chat.id)
        except Declined as no:
            self._refuse(message, name, no)
            return
        except LedgerClosed:
            self._refuse(message, name, Declined("ledger_closed"))
            return
        asks = name in LIFE_COMMANDS and screen.rows
        self._say(message, screen, Kind.TIME if asks else _KINDS.get(name, Kind.OTHER), name)

    def _refuse(self, message: Message, name: str, no: Declined) -> None:
        user = message.from_user
        if user is not None:
            with contextlib.suppress(LedgerClosed):
                self._desk.refused(Who(user.id, user.full_name), name, no.code)
        in_group, private = message.chat.id == self._chat.group, user and message.chat.id == user.id
        if in_group or (private and self._answers.admit(message.chat.id)):
            said = self._words.say(f"declined.{no.code}", now=self._clock.now(), **no.facts)
            self._say(message, Screen(str(said)), Kind.OTHER, name)

    def _read(self, text: str) -> tuple[str | None, str]:
        """The command and what follows it; None where it is not for this bot."""
        command, *rest = text.split(maxsplit=1)
        name, _, addressed = command.removeprefix("/").partition("@")
        if addressed and addressed.casefold() != self._username().casefold():
            return None, ""
        letters = unicodedata.normalize("NFD", name.casefold())
        name = "".join(c for c in letters if not unicodedata.combining(c))  # phones write previsão
        name = ALIASES.get(name, name)
        return (name if name in {*COMMANDS, "start"} else None), "".join(rest).strip()

    async def _life_screen(self, name: str, argument: str, who: Who, *, private: bool) -> Screen:
        await self._access.check_approver(who.id)
        why = self._desk.ledger.closed
        if why is not None:
            raise LedgerClosed(why)
        return await self._life.carry_out(name, argument, who, private=private)

    async def _screen(self, name: str, argument: str, user: int, chat: int) -> Screen:
        now, book, closed = self._clock.now(), self._desk.ledger.book, self._desk.ledger.closed
        match name:
            case "status":
                return status(
                    self._desk.watch,
                    book,
                    now,
                    self._words,
                    hours=self._hours,
                    program=self._status_facts(),
                    gateway=self._desk.gateway,
                    ledger_closed=closed,
                    may_decide=chat == self._chat.group and await self._access.is_approver(user),
                )
            case "pendentes":
                return pages.pending(book, self._words, now, closed=closed is not None)
            case "audit":
                return self._browse.audit(argument)
            case "cooldown":
                return self._browse.cooldown(may_release=await self._access.is_approver(user))
            case _:
                return pages.help_text(self._words)

    def _greet(self, message: Message, who: Who) -> None:
        """/start in private tells a person their id and, where a list decides, where it has to stand."""
        if message.chat.id == who.id and self._answers.admit(who.id):
            facts = {"name": who.name, "id": who.id, "decides": self._access.who_decides}
            self._say(message, Screen(str(self._words.say("start.text", **facts))), Kind.OTHER, "start")

    def _say(self, message: Message, screen: Screen, kind: Kind, name: str) -> None:
        reader = message.from_user.id if message.from_user else 0
        reply_to = message.message_id
        self._beside(
            self._browse.post(message.chat.id, screen, kind, reader=reader, reply_to=reply_to, about=name)
        )
