"""Pages that somebody asked for: they are sent, turned by who asked, and given out as documents."""

import asyncio
import logging
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar
from weakref import WeakValueDictionary

from telegram import CallbackQuery

from bot.chat.screens.buttons import Action
from bot.chat.screens.pages import on_demand, sheets, unreached
from bot.chat.screens.pages.audit import read_audit
from bot.chat.screens.pages.cooldown import cooldown
from bot.chat.screens.pages.customer import customer
from bot.chat.screens.pages.doubts import doubts_page
from bot.chat.screens.press import Kind, Press
from bot.chat.screens.screen import Screen, Sheet
from bot.chat.taps.answers import Answers
from bot.chat.taps.customers import Customers
from bot.chat.taps.desk import Desk
from bot.chat.taps.past import Past
from bot.chat.wire.deps import ChatDeps
from bot.chat.wire.outbox import Ephemeral
from bot.chat.wire.refusals import Away, Barred, Gone, Moved, Paced, Rejected, Unsure
from bot.domain.book import Book
from bot.domain.regional import Whose, book_of
from bot.domain.who import Who
from bot.errors import AnswerLost, BadAnswer, Declined, Refused, TryLater
from bot.ports import History, Reports

K = TypeVar("K")
V = TypeVar("V")
log = logging.getLogger(__name__)

NOT_OPENED = 600.0  # seconds in which a private chat that was closed is not tried again
REMEMBERED = 500  # pages; an older one is asked for anew
DecidesIn = Callable[[int], Awaitable[tuple[frozenset[str], frozenset[str]]]]
"""In which regions somebody may decide, and of which nobody can tell it now."""


@dataclass(frozen=True, slots=True)
class Page:
    """A tapped message and who tapped; `query` lets an answer be shown to that person alone."""

    chat: int
    message: int
    who: Who
    query: str
    ephemeral: int | None = None

    @property
    def key(self) -> tuple[int, int, bool]:
        """Which message it is; those that one person sees are counted by themselves."""
        return self.chat, self.ephemeral or self.message, self.ephemeral is not None


@dataclass(frozen=True, slots=True)
class _Posted:
    kind: Kind
    reader: int
    case: int


class Browse:
    """What is shown on demand. Methods that send never raise: the person can ask again."""

    def __init__(
        self,
        deps: ChatDeps,
        desk: Desk,
        answers: Answers,
        history: History | None = None,
        reports: Reports | None = None,
        *,
        decides_in: DecidesIn | None = None,
    ) -> None:
        """`decides_in` says in which regions somebody may decide (None: there is one NOC)."""
        self.past = Past(deps, desk, history, reports)
        self.customers = Customers(desk, history)
        self._d = deps
        self._desk = desk
        self._decides_in = decides_in
        self._answers = answers
        self._pages: OrderedDict[tuple[int, int, bool], _Posted] = OrderedDict()
        self._not_opened: dict[int, float] = {}
        self._doors: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._stripped: OrderedDict[tuple[int, int], None] = OrderedDict()

    @property
    def _book(self) -> Book:
        return self._d.book

    @property
    def _now(self) -> datetime:
        return self._d.clock.now()

    async def whose(self, chat: int, user: int) -> Whose:
        """What a page there is about: what is this NOC's; in private all that the person may decide on."""
        if chat != user or self._decides_in is None or not self._d.rules.regions:
            return self._d.whose
        theirs, unknown = await self._decides_in(user)
        regions = theirs or self._d.whose.regions
        return replace(self._d.whose, regions=regions, unknown=unknown - regions)

    def page(self, query: CallbackQuery, who: Who) -> Page:
        """The message of a tap. Declined where Telegram names none."""
        message = query.message
        if message is None:
            raise Declined("unknown_button")
        return Page(message.chat.id, message.message_id, who, query.id, _ephemeral(message.api_kwargs))

    def wrote(self, chat: int, message: int) -> bool:
        """Whether this message is a page, so no card."""
        return (chat, message, False) in self._pages

    def check_page(self, page: Page, kind: Kind, case: int = 0, *, reader: bool = True) -> None:
        """Declined where the message is no page of that kind, or (`reader`) is another person's.

        After a restart nobody remembers what a message was: then it is asked for anew.
        """
        posted = self._pages.get(page.key)
        if posted is None:
            raise Declined("old_page", kind=kind)
        if (posted.kind, posted.case) != (kind, case):
            raise Declined("unknown_button")
        if reader and posted.reader != page.who.id:
            raise Declined("not_yours", kind=kind)

    async def check_private(self, user: int, patience: float) -> None:
        """Declined where the person never opened the bot: it cannot write to them. The same where Telegram
        does not tell within `patience` seconds: else a file might be promised that never comes.
        """
        try:
            async with asyncio.timeout(patience):
                await self._d.outbox.knock(user)
        except TimeoutError:
            raise Declined("no_document") from None
        except (Barred, Rejected):
            raise Declined("open_private", username=self._d.outbox.username) from None
        except (Away, Unsure, Paced, Moved, Gone) as error:
            log.info("a private chat could not be reached (%s)", type(error).__name__)

    async def details(self, page: Page, case: int) -> None:
        """The affected customers, shown to who asked alone where Telegram can do that."""
        await self._post_for(page, await self._details(case, 0, page.message), Kind.DETAILS, case)

    async def doubts(self, page: Page, case: int) -> None:
        """The case's sends in doubt, shown to who asked alone where Telegram can do that."""
        await self._post_for(page, await self._doubts(case, 0), Kind.DOUBTS, case)

    async def many(self, page: Page, screen: Screen) -> None:
        """A page to decide about many cases, shown to who asked alone where Telegram can do that."""
        await self._post_for(page, screen, Kind.MANY, 0)

    async def turn_details(self, page: Page, case: int, arg: str) -> None:
        """Another page of the affected customers, or of those who were not reached."""
        chosen, number = unreached.read(arg)
        if chosen is None:
            await self.turn(page, await self._details(case, number))
            return
        try:
            whole = (await self.past.recall(case)).cases[case]
        except Declined as no:
            await self.turn(page, self._sorry(no))
        else:
            await self.turn(page, unreached.unreached(whole, chosen, number, self._d.words))

    async def turn_doubts(self, page: Page, case: int, number: int) -> None:
        """The page shows the sends in doubt as they are now."""
        await self.turn(page, await self._doubts(case, number))

    async def turn_audit(self, page: Page, arg: str) -> None:
        """Another page of the audit."""
        number, wanted = read_audit(arg)
        whose = await self.whose(page.chat, page.who.id)
        await self.turn(page, await self.past.audit(wanted, number, whose))

    async def turn_customer(self, page: Page, arg: str) -> None:
        """What one of the customers to choose from was told, or the choice again."""
        whose = await self.whose(page.chat, page.who.id)
        try:
            answer = await self.customers.choose(arg, whose)
        except Declined as no:
            await self.turn(page, self._sorry(no))
        else:
            alone = page.chat == page.who.id
            screen = customer(answer, self._d.words, self._now, full=alone, unknown=whose.unknown)
            await self.turn(page, screen)

    async def turn_cooldown(self, page: Page, number: str = "") -> None:
        """The page shows the ports in cooldown."""
        turned = int(number) if number.isascii() and number.isdecimal() else 0
        whose = await self.whose(page.chat, page.who.id)
        await self.turn(page, self.cooldown(whose, may_release=True, page=turned))

    def cooldown(self, whose: Whose, *, may_release: bool, page: int = 0) -> Screen:
        """One page of their ports in cooldown."""
        closed = self._d.ledger.closed is not None
        return cooldown(
            book_of(self._d.ledger.book, whose),
            self._now,
            self._d.words,
            self._d.rules.cooldown_hours,
            may_release=may_release,
            closed=closed,
            page=page,
            unknown=whose.unknown,
        )

    async def sheet(self, page: Page, press: Press) -> None:
        """The whole list as a document in the person's private chat, or there why it cannot be had."""
        user = page.who.id
        whose = await self.whose(page.chat, user)
        try:
            document = await self._sheet(press, whose)
        except (TryLater, AnswerLost, Refused, BadAnswer, Declined) as error:
            await self.post(user, self._sorry(error), reader=user)
        else:
            await self._give(user, document)
            if whose.unknown and press.action in {Action.AUDIT_CSV, Action.AUDIT_JSON}:
                lacks = Screen(str(self._d.words.say("page.unknown", regions=sorted(whose.unknown))))
                await self.post(user, lacks, reader=user, about=f"{document.filename} lacks")

    async def month(self, user: int, month: str) -> None:
        """A month's report in the person's private chat, summary and document, or there why not."""
        try:
            summary, document = await self.past.month(month)
        except Declined as no:
            await self.post(user, self._sorry(no), reader=user)
        else:
            await self.post(user, summary, reader=user, about=document.filename)
            await self._give(user, document)

    async def _give(self, user: int, document: Sheet) -> None:
        if not await self._answers.deliver(
            user, (user, document.filename), lambda: self._d.outbox.send_sheet(user, document)
        ):
            await self.post(user, Screen(str(self._d.words.say("declined.no_document"))), reader=user)

    async def _sheet(self, press: Press, whose: Whose) -> Sheet:
        """Raises what the look-up raises, and Declined where the case left the book."""
        if press.action is Action.DETAILS_CSV:
            case, found, _ = await self.past.customers(press.case)
            chosen, _ = unreached.read(press.arg)
            if chosen is not None:
                return sheets.unreached_csv(case, found, chosen, self._d.words)
            return sheets.details_csv(case, found, self._d.words)
        if press.action is Action.DOUBTS_CSV:
            case = (await self.past.recall(press.case)).cases[press.case]
            return sheets.doubts_csv(case, await self.past.known(case), self._d.words)
        make = sheets.audit_csv if press.action is Action.AUDIT_CSV else sheets.audit_json
        entries = await self.past.entries(read_audit(press.arg)[1], whose)
        facts = entries, self._d.words, self._now, self._d.rules.cooldown_hours
        if entries.book.cases is self._book.cases:  # the living one
            return make(*facts)
        return await asyncio.to_thread(make, *facts)  # a thousand rows: taps need not wait for them

    async def post(
        self,
        chat: int,
        screen: Screen,
        kind: Kind = Kind.OTHER,
        *,
        reader: int,
        case: int = 0,
        reply_to: int | None = None,
        only: dict[str, object] | None = None,
        about: str = "",
    ) -> bool:
        """A new page in the chat, for `reader` to turn; for their eyes only where the server can do that.

        Of two of one kind and case (and `about`) that wait for one reader, the newer one is posted. Whether
        it was.
        """

        async def send() -> None:
            try:
                message = await self._d.outbox.post(chat, screen, reply_to=reply_to, only=only)
            except Rejected:
                if only is None:
                    raise
                message = await self._d.outbox.post(chat, screen, reply_to=reply_to)
            ephemeral = _ephemeral(message.api_kwargs)
            key = (chat, ephemeral or message.message_id, ephemeral is not None)
            _remember(self._pages, key, _Posted(kind, reader, case))

        return await self._answers.deliver(chat, (chat, reader, kind, case, about), send)

    async def post_private(self, user: int, screen: Screen, kind: Kind, *, about: str) -> bool:
        """The same in the person's private chat; False where they did not open one, as of ten minutes ago."""
        async with self._doors.setdefault(user, asyncio.Lock()):  # many answers try a closed door once
            now = self._d.clock.monotonic()
            if now - self._not_opened.get(user, -math.inf) < NOT_OPENED:
                return False
            if await self.post(user, screen, kind, reader=user, about=about):
                return True
            self._not_opened[user] = now
        while len(self._not_opened) > REMEMBERED:
            del self._not_opened[next(iter(self._not_opened))]
        return False

    def opened(self, user: int) -> None:
        """The person wrote in private."""
        self._not_opened.pop(user, None)

    async def react(self, chat: int, message: int, emoji: str) -> None:
        """A person's message has this reaction, where the group allows it and Telegram is there."""
        try:
            await self._d.outbox.react(chat, message, emoji)
        except (Away, Unsure, Paced, Moved, Gone, Barred, Rejected) as error:
            log.info("a reaction could not be given (%s)", type(error).__name__)

    async def turn(self, page: Page, screen: Screen) -> None:
        """The page shows something else."""

        async def send() -> None:
            if page.ephemeral is not None:
                await self._d.outbox.edit_ephemeral(Ephemeral(page.chat, page.ephemeral, page.who.id), screen)
            else:
                await self._d.outbox.edit(page.chat, page.message, screen)

        await self._answers.deliver(page.chat, page.key, send)

    async def strip(self, chat: int, message: int) -> bool:
        """An old card loses its buttons, once; whether it did now."""
        if (chat, message) in self._stripped:
            return False
        _remember(self._stripped, (chat, message), None)
        return await self._answers.deliver(
            chat, ("strip", chat, message), lambda: self._d.outbox.strip(chat, message)
        )

    async def _post_for(self, page: Page, screen: Screen, kind: Kind, case: int) -> None:
        """A new page below the tapped message, for who tapped."""
        reader = page.who.id
        only = {"receiver_user_id": reader, "callback_query_id": page.query}
        await self.post(page.chat, screen, kind, reader=reader, case=case, reply_to=page.message, only=only)

    async def _doubts(self, case: int, number: int) -> Screen:
        try:
            known = self._book.cases.get(case)
            left, book = known is None or known.past, await self.past.recall(case)
            return doubts_page(book.cases[case], book, number, self._d.words, self._now, left=left)
        except Declined as no:  # it left the book, and the ledger cannot be asked
            return self._sorry(no)

    async def _details(self, case: int, number: int, card: int | None = None) -> Screen:
        try:
            about, found, old = await self.past.customers(case, card)
            if old:
                return on_demand.details(about, found, number, self._d.words, old=self._now)
            said = self._desk.said(about, found)
            return on_demand.details(about, found, number, self._d.words, said=said)
        except (TryLater, AnswerLost, Refused, BadAnswer, Declined) as error:
            return self._sorry(error)

    def _sorry(self, error: Exception) -> Screen:
        if isinstance(error, Declined):
            return Screen(str(self._d.words.say(f"declined.{error.code}", now=self._now, **error.facts)))
        log.info("customers could not be looked up for a page (%s)", type(error).__name__)
        return Screen(str(self._d.words.say("declined.upstream")))


def _ephemeral(fields: Mapping[str, object]) -> int | None:
    """The id of a message that one person sees; it has no other."""
    found = fields.get("ephemeral_message_id")
    return found if isinstance(found, int) else None


def _remember(known: OrderedDict[K, V], key: K, value: V) -> None:
    known[key] = value
    while len(known) > REMEMBERED:
        known.popitem(last=False)
