"""Pages that somebody asked for: they are sent, turned by who asked, and given out as documents."""

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from telegram import CallbackQuery

from bot.chat import pages, sheets
from bot.chat.audit_pages import audit, read_audit
from bot.chat.budget import Budget, Urgency
from bot.chat.buttons import Action, Press
from bot.chat.cooldown_pages import cooldown
from bot.chat.desk import Desk
from bot.chat.noc_chat import NocChat
from bot.chat.outbox import Away, Barred, Ephemeral, Gone, Moved, Outbox, Paced, Rejected, Unsure
from bot.chat.screen import Screen, Sheet
from bot.chat.words import Words
from bot.domain.book import Book
from bot.domain.lines import Who
from bot.errors import AnswerLost, BadAnswer, Declined, Refused, TryLater
from bot.ports import Clock

log = logging.getLogger(__name__)

REMEMBERED = 500  # pages; of an older one everybody may turn the leaves
TRIES = 3


@dataclass(frozen=True, slots=True)
class Page:
    """A tapped message and who tapped; `query` lets an answer be shown to that person alone."""

    chat: int
    message: int
    who: Who
    query: str
    ephemeral: int | None = None


class Browse:
    """What is shown on demand. Methods that send never raise: the person can ask again."""

    def __init__(
        self,
        desk: Desk,
        chat: NocChat,
        *,
        outbox: Outbox,
        budget: Budget,
        words: Words,
        clock: Clock,
        hours: float,
    ) -> None:
        """`hours` is the cooldown."""
        self._desk = desk
        self._chat = chat
        self._outbox = outbox
        self._budget = budget
        self._words = words
        self._clock = clock
        self._hours = hours
        self._readers: OrderedDict[tuple[int, int], int] = OrderedDict()

    @property
    def _book(self) -> Book:
        return self._desk.ledger.book

    @property
    def _now(self) -> datetime:
        return self._clock.now()

    def page(self, query: CallbackQuery, who: Who) -> Page:
        """The message of a tap. Declined where Telegram names none."""
        message = query.message
        if message is None:
            raise Declined("unknown_button")
        ephemeral = message.api_kwargs.get("ephemeral_message_id")
        return Page(message.chat.id, message.message_id, who, query.id, ephemeral)

    def wrote(self, chat: int, message: int) -> bool:
        """Whether this message is a page, so no card."""
        return (chat, message) in self._readers

    def check_reader(self, page: Page) -> None:
        """Declined for anyone but who asked for the page; after a restart nobody remembers who that was."""
        if self._readers.get((page.chat, page.message), page.who.id) != page.who.id:
            raise Declined("not_yours")

    async def check_private(self, user: int) -> None:
        """Declined where the person never opened the bot: it cannot write to them."""
        try:
            await self._outbox.knock(user)
        except (Barred, Rejected):
            raise Declined("open_private", username=self._outbox.username) from None
        except (Away, Unsure, Paced, Moved, Gone) as error:
            log.info("a private chat could not be reached (%s)", type(error).__name__)

    async def details(self, page: Page, case: int) -> None:
        """The affected customers, shown to who asked alone where Telegram can do that."""
        screen = await self._details(case, 0)
        only = {"receiver_user_id": page.who.id, "callback_query_id": page.query}
        await self.post(page.chat, screen, reader=page.who.id, reply_to=page.message, only=only)

    async def turn_details(self, page: Page, case: int, number: str) -> None:
        """Another page of the affected customers."""
        turned = int(number) if number.isascii() and number.isdecimal() else 0
        await self.turn(page, await self._details(case, turned))

    async def turn_audit(self, page: Page, arg: str) -> None:
        """Another page of the audit."""
        number, wanted = read_audit(arg)
        await self.turn(page, self.audit(wanted, number))

    async def turn_cooldown(self, page: Page) -> None:
        """The page shows the ports in cooldown."""
        await self.turn(page, self.cooldown(may_release=True))

    def audit(self, wanted: str, number: int = 0) -> Screen:
        """One page of the audit."""
        return audit(self._book, number, wanted, self._words, self._now, hours=self._hours)

    def cooldown(self, *, may_release: bool) -> Screen:
        """The ports in cooldown."""
        return cooldown(self._book, self._now, self._words, self._hours, may_release=may_release)

    async def sheet(self, page: Page, press: Press) -> None:
        """The whole list as a document in the person's private chat."""
        if press.action is Action.DETAILS_CSV:
            try:
                found = await self._desk.details(press.case)
            except (TryLater, AnswerLost, Refused, BadAnswer, Declined) as error:
                await self.post(page.who.id, self._sorry(error), reader=page.who.id)
                return
            document = sheets.details_csv(self._book.cases[press.case], found, self._words)
        else:
            make = sheets.audit_csv if press.action is Action.AUDIT_CSV else sheets.audit_json
            wanted = read_audit(press.arg)[1]
            document = make(self._book, wanted, self._words, self._now, self._hours)
        await self._give(page.who.id, document)

    async def _give(self, user: int, document: Sheet) -> None:
        await self._deliver(user, lambda: self._outbox.send_sheet(user, document))

    async def post(
        self,
        chat: int,
        screen: Screen,
        *,
        reader: int,
        reply_to: int | None = None,
        only: dict[str, object] | None = None,
    ) -> None:
        """A new page in the chat, for `reader` to turn; for their eyes only where the server can do that."""

        async def send() -> None:
            try:
                message = await self._outbox.post(chat, screen, reply_to=reply_to, only=only)
            except Rejected:
                if only is None:
                    raise
                message = await self._outbox.post(chat, screen, reply_to=reply_to)
            self._remember(chat, message.message_id, reader)

        await self._deliver(chat, send)

    async def turn(self, page: Page, screen: Screen) -> None:
        """The page shows something else."""

        async def send() -> None:
            if page.ephemeral is not None:
                await self._outbox.edit_ephemeral(Ephemeral(page.chat, page.ephemeral, page.who.id), screen)
            else:
                await self._outbox.edit(page.chat, page.message, screen)

        await self._deliver(page.chat, send)

    async def strip(self, chat: int, message: int) -> None:
        """An old card loses its buttons."""
        await self._deliver(chat, lambda: self._outbox.strip(chat, message))

    async def _details(self, case: int, number: int) -> Screen:
        try:
            found = await self._desk.details(case)
        except (TryLater, AnswerLost, Refused, BadAnswer, Declined) as error:
            return self._sorry(error)
        return pages.details(self._book.cases[case], found, number, self._words)

    def _sorry(self, error: Exception) -> Screen:
        if isinstance(error, Declined):
            return Screen(str(self._words.say(f"declined.{error.code}", **error.facts)))
        log.info("customers could not be looked up for a page (%s)", type(error).__name__)
        return Screen(str(self._words.say("declined.upstream")))

    def _remember(self, chat: int, message: int, reader: int) -> None:
        self._readers[chat, message] = reader
        while len(self._readers) > REMEMBERED:
            self._readers.popitem(last=False)

    async def _deliver(self, chat: int, send: Callable[[], Awaitable[None]]) -> None:
        """Within the group's budget; again where Telegram asked for a pause or was not reached."""
        for _ in range(TRIES):
            if chat == self._chat.group:
                await self._budget.acquire(Urgency.URGENT)
            try:
                await send()
            except Paced as wish:
                self._budget.pause(wish.seconds)
                await self._clock.sleep(wish.seconds)
            except Away:
                await self._clock.sleep(1)
            except Moved as moved:
                await self._chat.follow(moved.new)
                return
            except (Unsure, Gone, Barred, Rejected) as error:
                log.warning("a page could not be shown (%s)", error)
                return
            else:
                return
