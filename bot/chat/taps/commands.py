"""Commands, in the group or in an approver's private chat. Those that change something are for approvers."""

import contextlib
import re
import unicodedata
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from markupsafe import Markup, escape
from telegram import Message, Update

from bot.chat.screens.pages import on_demand
from bot.chat.screens.pages.customer import customer
from bot.chat.screens.pages.handover import handover
from bot.chat.screens.pages.reloaded import reloaded
from bot.chat.screens.pages.status import ProgramFacts, status
from bot.chat.screens.press import Kind
from bot.chat.screens.screen import Screen
from bot.chat.taps.answers import AT_ALL
from bot.chat.taps.deps import TapDeps
from bot.chat.taps.note_commands import NOTE_COMMANDS, NoteCommands
from bot.chat.wire.access import ASKING
from bot.domain.figures.day import Day
from bot.domain.who import Who
from bot.errors import Declined, LedgerClosed

__all__ = ["COMMANDS", "Commands", "ProgramFacts"]

COMMANDS = on_demand.COMMANDS
RELOAD = "recarregar"
_MONTH = re.compile(r"([12][0-9]{3})-(0?[1-9]|1[0-2])|(0?[1-9]|1[0-2])/([12][0-9]{3})")
OLD = timedelta(minutes=2)
BEFORE = timedelta(days=1)  # what /turno tells of
_KINDS = {"audit": Kind.AUDIT, "cooldown": Kind.COOLDOWN, "status": Kind.STATUS, "cliente": Kind.CUSTOMER}


Behind = Callable[[], Coroutine[Any, Any, None]]
"""What comes behind an answer, in the chat that it was asked for in."""
SEEN, CARRIED_OUT, REFUSED = "👀", "👍", "👎"
"""Reactions, which take no room: the answer comes, it was done, it was not."""
_OF_ANYBODY = {"not_allowed", "anonymous", "not_a_person", "wrong_chat", "admins_unknown"}
"""Refusals that say nothing of what was typed, and that anybody may bring about."""


@dataclass(frozen=True, slots=True)
class _Given:
    """An answer on its way: as it is where it was asked for, and (`aside`) in private."""

    message: Message
    screen: Screen
    aside: Screen
    kind: Kind
    about: str
    behind: Behind | None = None

    @property
    def reader(self) -> int:
        """Whose it is; 0 where Telegram names nobody."""
        return self.message.from_user.id if self.message.from_user else 0


class Commands:
    """Every message that starts with a command ends here."""

    def __init__(self, deps: TapDeps, notes: NoteCommands) -> None:
        self._d = deps
        self._notes = notes
        self._waiting = 0
        self._newest: dict[tuple[int, str], str] = {}

    async def typed(self, update: Update, _context: object) -> None:
        """Answer one command; those of other bots and unknown ones are none of ours."""
        message = update.message
        if message is None or message.text is None:
            return
        name, argument = self._read(message.text, private=message.chat.id > 0)
        if name is None:
            return
        user = message.from_user
        try:
            person = self._d.access.person(user)
            check_typed(message)
            if name == "start":
                self._greet(message, Who(person.id, person.full_name))
                return
            await self._d.access.check_chat(message.chat.id, person.id)
            if name in NOTE_COMMANDS:
                self._check_age(message)
                await self._decide(message, name, argument, Who(person.id, person.full_name))
            elif name == RELOAD:
                await self._reload(message, Who(person.id, person.full_name))
            elif name == "relatorio":
                await self._report(message, argument, person.id)
            elif name == "painel":
                await self._panel(message, Who(person.id, person.full_name))
            else:
                await self._show(message, name, argument, person.id)
        except Declined as no:
            self._refuse(message, name, no)
        except LedgerClosed as closed:
            self._refuse(message, name, Declined(closed.code))

    async def _decide(self, message: Message, name: str, argument: str, who: Who) -> None:
        """Carried out and confirmed, however much this person asked for before."""
        private = message.chat.id != self._d.chat.group
        screen = await self._note_screen(name, argument, who, private=private)
        kind = Kind.TIME if screen.rows else Kind.OTHER
        done = not screen.rows and screen.html != str(self._d.words.say(f"command.how_{name}"))
        emoji = CARRIED_OUT if done else SEEN  # asked back, or how it is used
        self._say(message, screen, kind, own_matter(message), emoji=emoji)

    async def _show(self, message: Message, name: str, argument: str, user: int) -> None:
        """A page; of several that are alike and wait for one person, the newest is enough."""
        behind: Behind | None = None
        if name == "cliente":
            screen, aside = await self._customer(argument, user, message.chat.id)
        elif name == "status":
            day = await self._d.chat.lately.day()
            screen = await self._status(user, message.chat.id, day)
            aside = await self._status(user, user, day)
            behind = partial(self._picture, message, day)
        else:
            screen = await self._screen(name, argument, user, message.chat.id)
            aside = screen
        kind = _KINDS.get(name, Kind.OTHER)
        self._say(message, screen, kind, f"{name} {argument}", aside=aside, behind=behind)

    async def _report(self, message: Message, argument: str, user: int) -> None:
        """A month's report, in an approver's private chat alone: it names customers."""
        await self._d.access.check_approver(user)
        if message.chat.id != user:
            raise Declined("report_private")
        month = _month(argument)
        key = "command.how_relatorio" if month is None else "report.making"
        self._say(message, Screen(str(self._d.words.say(key))), Kind.OTHER, f"relatorio {argument}")
        if month is not None:
            self._d.beside(self._d.browse.month(user, month))

    async def _panel(self, message: Message, who: Who) -> None:
        """A link to the panel, in an approver's private chat alone: whoever has it is let in as them."""
        if self._d.panel is None:
            raise Declined("panel_off")
        await self._d.access.check_approver(who.id)
        await self._d.access.check_in_group(who.id)
        await self._d.browse.check_private(who.id, ASKING)
        link = Screen(str(self._d.words.say("panel.link", url=escape(self._d.panel(who)))))
        self._d.beside(self._give_link(message, who, link))

    async def _give_link(self, message: Message, who: Who, link: Screen) -> None:
        private = message.chat.id != self._d.chat.group
        if not await self._d.browse.post_private(who.id, link, Kind.OTHER, about=own_matter(message)):
            self._refuse(message, "painel", Declined("panel_unsent"))
        elif not private:
            await self._d.browse.react(message.chat.id, message.message_id, CARRIED_OUT)

    async def _reload(self, message: Message, who: Who) -> None:
        """The settings read again, in the group alone: what holds from now on is everybody's matter."""
        await self._d.access.check_approver(who.id)
        if message.chat.id != self._d.chat.group:
            raise Declined("reload_in_group")
        self._check_age(message)
        self._d.check_open()
        found = await self._d.reload(who)
        screen = reloaded(found, self._d.words)
        emoji = REFUSED if found.problems else CARRIED_OUT
        self._say(message, screen, Kind.OTHER, own_matter(message), emoji=emoji)

    def _check_age(self, message: Message) -> None:
        """Declined for a command that changes something and waited for us: what it meant is past."""
        if self._d.clock.now() - message.date > OLD:
            raise Declined("late_command", at=message.date)

    def _refuse(self, message: Message, name: str, no: Declined) -> None:
        user = message.from_user
        if user is not None:
            with contextlib.suppress(LedgerClosed):
                self._d.desk.refused(Who(user.id, user.full_name), name, no.code)
        if message.chat.id == self._d.chat.group or (user and message.chat.id == user.id):
            now, mute = self._d.clock.now(), self._d.chat.standing.mute
            said = self._d.words.say(f"declined.{no.code}", now=now, **no.facts)
            if no.code == "admins_unknown" and mute is not None:  # who was removed cannot read who decides
                said += Markup("\n") + self._d.words.say(
                    "status.mute", why=mute.why, since=mute.since, now=now
                )
            decides = name in {*NOTE_COMMANDS, RELOAD} and no.code not in _OF_ANYBODY
            about = own_matter(message) if decides else f"{name} {no.code}"
            self._say(message, Screen(str(said)), Kind.OTHER, about, emoji=REFUSED)

    def _read(self, text: str, *, private: bool) -> tuple[str | None, str]:
        """The command and what follows it; None where it is not for this bot.

        In private there is no other, so that an unknown one asks for help.
        """
        command, *rest = text.split(maxsplit=1)
        name, _, addressed = command.removeprefix("/").partition("@")
        if addressed and addressed.casefold() != self._d.username().casefold():
            return None, ""
        letters = unicodedata.normalize("NFD", name.casefold())
        name = "".join(c for c in letters if not unicodedata.combining(c))  # phones write previsão
        name = on_demand.ALIASES.get(name, name)
        if name not in {*COMMANDS, "start"}:
            return ("help" if private else None), ""
        return name, "".join(rest).strip()

    async def _note_screen(self, name: str, argument: str, who: Who, *, private: bool) -> Screen:
        await self._d.access.check_approver(who.id)
        self._d.check_open()
        return await self._notes.carry_out(name, argument, who, private=private)

    async def _screen(self, name: str, argument: str, user: int, chat: int) -> Screen:
        now, book, closed = self._d.clock.now(), self._d.book, self._d.ledger.closed
        match name:
            case "pendentes":
                return on_demand.pending(
                    book, self._d.words, now, closed=closed is not None, rules=self._d.rules
                )
            case "turno":
                before = await self._d.chat.lately.before(now - BEFORE)
                return handover(book, now, self._d.words, before=before, rules=self._d.rules, closed=closed)
            case "audit":
                return await self._d.browse.past.audit(argument, 0, await self._d.browse.whose(chat, user))
            case "cooldown":
                whose = await self._d.browse.whose(chat, user)
                return self._d.browse.cooldown(whose, may_release=await self._d.access.is_approver(user))
            case _:
                return on_demand.help_text(self._d.words)

    async def _status(self, user: int, chat: int, day: Day) -> Screen:
        desk = self._d.desk
        return status(
            desk.sources_health,
            self._d.book,
            self._d.clock.now(),
            self._d.words,
            hours=self._d.rules.cooldown_hours,
            program=self._d.program(),
            gateway=desk.gateway_health,
            directory=desk.directory_health,
            ledger_closed=desk.ledger.closed,
            rules=self._d.rules,
            may_decide=chat == self._d.chat.group and await self._d.access.is_approver(user),
            day=day,
        )

    async def _picture(self, message: Message, day: Day) -> None:
        """The day as a picture behind the answer, which says all of it in words."""
        await self._d.chat.lately.show(day, message.chat.id, reply_to=message.message_id)

    async def _customer(self, argument: str, user: int, chat: int) -> tuple[Screen, Screen]:
        """What a customer was told, where it was asked and in private: phones are whole there alone."""
        await self._d.access.check_approver(user)
        whose = await self._d.browse.whose(chat, user)
        answer = await self._d.browse.customers.find(argument, whose)
        if answer is None:
            how = Screen(str(self._d.words.say("command.how_cliente")))
            return how, how
        words, now = self._d.words, self._d.clock.now()
        here = customer(answer, words, now, full=chat == user, unknown=whose.unknown)
        return here, customer(answer, words, now, full=True, unknown=whose.unknown)

    def _greet(self, message: Message, who: Who) -> None:
        """/start in private tells a person their id and, where a list decides, where it has to stand."""
        if message.chat.id == who.id:
            facts = {"name": who.name, "id": who.id, "decides": self._d.access.who_decides}
            self._say(message, Screen(str(self._d.words.say("start.text", **facts))), Kind.OTHER, "start")

    def _say(
        self,
        message: Message,
        screen: Screen,
        kind: Kind,
        about: str,
        *,
        emoji: str = SEEN,
        aside: Screen | None = None,
        behind: Behind | None = None,
    ) -> None:
        """Answer; where the group has no room for it soon, with an `emoji` at once and the rest in private.

        `about` is the matter: of two answers on one that wait, the newer is given. `aside` is the `screen`
        as it is in private. What is a matter of its own is told however often this person was answered.
        `behind` comes after the answer, where that was given.
        """
        given = _Given(message, screen, aside or screen, kind, about, behind)
        chat, reader = message.chat.id, given.reader
        enough = False
        if about != own_matter(message):
            if not self._d.answers.admit(reader, AT_ALL):
                return  # no person asks that often: it would keep the answers of others away
            enough = not self._d.answers.admit(reader)
        if chat != self._d.chat.group:
            self._d.browse.opened(reader)
            self._d.beside(self._alone(given))
            return
        if not enough and not self._d.answers.waits(chat, self._waiting):
            self._waiting += 1
            self._d.beside(self._here_or_aside(given))
            return
        self._d.beside(self._d.browse.react(chat, message.message_id, emoji))
        self._waiting += 1
        self._d.beside(self._aside_or_here(given, enough=enough))

    async def _alone(self, given: _Given) -> None:
        await self._post(given)

    async def _here_or_aside(self, given: _Given) -> None:
        try:
            there = await self._post(given)
        finally:
            self._waiting -= 1
        if not there and self._d.chat.standing.mute is not None and given.reader:
            await self._d.browse.post_private(given.reader, given.aside, given.kind, about=given.about)

    async def _aside_or_here(self, given: _Given, *, enough: bool) -> None:
        """Where this person had `enough` of the group's room it is refused there."""
        message, alone = given.message, own_matter(given.message)
        matter = given.reader, given.about
        self._newest[matter] = alone
        try:
            if given.reader and await self._d.browse.post_private(
                given.reader, given.aside, given.kind, about=alone
            ):
                return
            if enough:
                await self._d.browse.react(message.chat.id, message.message_id, REFUSED)
            elif self._newest.get(matter) == alone:  # else it was asked again meanwhile
                await self._post(given)
        finally:
            self._waiting -= 1
            if self._newest.get(matter) == alone:
                del self._newest[matter]

    async def _post(self, given: _Given) -> bool:
        message = given.message
        there = await self._d.browse.post(
            message.chat.id,
            given.screen,
            given.kind,
            reader=given.reader,
            reply_to=message.message_id,
            about=given.about,
        )
        if there and given.behind is not None:
            self._d.beside(given.behind())
        return there


def _month(typed: str) -> str | None:
    """`2026-11` of that or of `11/2026`; None for anything else."""
    found = _MONTH.fullmatch(typed)
    if found is None:
        return None
    year, number = (found[1], found[2]) if found[1] else (found[4], found[3])
    return f"{year}-{int(number):02}"


def own_matter(message: Message) -> str:
    """What an answer is about that stands for no other."""
    return f"message {message.message_id}"


def check_typed(message: Message) -> None:
    """Declined for what the person did not type just so: somebody else's words, or theirs changed later.

    Telegram's own account carries a channel's posts into its group, and with `*` it would be an approver.
    """
    theirs = message.forward_origin, message.is_automatic_forward, message.sender_chat, message.via_bot
    if any(theirs) or message.edit_date is not None:
        raise Declined("not_typed")
