"""What a machine that stands by does for the one that leads: it sends the messages that it is handed.

It decides nothing. A message leaves within a second after it was asked for, by a clock that goes on while the
machine sleeps, or never: for as long nobody else can lead, who might decide anew about it.
"""

import asyncio
import logging
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial

from bot.domain.plan import Message, Outcome, Receipt
from bot.errors import Throttled, TryLater
from bot.gateways.adapter import Sender
from bot.process.cluster.copying import either
from bot.storage.postgres.lease import boottime
from bot.storage.postgres.notices import Notices
from bot.storage.postgres.sends import CHANNEL, ENDS_WITHIN, LEAVES_WITHIN, Answer, Taking
from bot.storage.postgres.talk import Away

log = logging.getLogger(__name__)

LOOK = 0.5  # seconds between two looks for messages, whatever is told of them
HERE = 1.0  # seconds between two times that it says that it is there
_until: ContextVar[float] = ContextVar("until", default=float("-inf"))


class Lending:
    """One machine's gateway, for as long as it stands by."""

    def __init__(
        self,
        taking: Taking,
        listen: Callable[[Callable[[], None]], Notices],
        gateway: Sender,
        *,
        most: int,
        seconds: Callable[[], float] = boottime,
    ) -> None:
        """`most` messages are in flight at once. The gateway is closed at the end."""
        self._taking, self._gateway, self._most, self._seconds = taking, gateway, most, seconds
        self._news = asyncio.Event()
        self._notices = listen(self._news.set)
        self._sends: set[asyncio.Task[None]] = set()
        self._answers: dict[str, Answer] = {}
        self._here = float("-inf")
        self.count = 0
        """How many messages it was handed."""
        self._over = self._is_away = False
        self._working: asyncio.Task[None] | None = None
        gateway.guard(lambda: self._seconds() < _until.get())

    @classmethod
    def open(cls, url: str, owner: str, called: str, gateway: Sender, most: int) -> "Lending":
        """One that asks the database there; `owner` is another for each process, `called` as in `Taking`."""
        listen = partial(Notices, url, channel=CHANNEL)
        return cls(Taking(url, owner, called), listen, gateway, most=most)

    def start(self) -> None:
        """From now on."""
        self._working = asyncio.get_running_loop().create_task(self._work(), name="lending")
        self._notices.start()

    def retire(self) -> None:
        """Take nothing more; what was taken is sent and answered all the same."""
        self._over = True
        self._news.set()

    async def stop(self) -> None:
        """The same, and return once that is done, or cannot be."""
        self.retire()
        await self._notices.stop()
        if self._working is not None:
            await asyncio.wait({self._working}, timeout=ENDS_WITHIN)
            self._working.cancel()
            await asyncio.wait({self._working})
        for send in self._sends:
            send.cancel()
        await self._gateway.aclose()
        self._taking.hang_up()

    async def _work(self) -> None:
        gone = False
        while not (self._over and gone) or self._sends or self._answers:
            try:
                if self._over and not gone:  # at once: else it would be handed more
                    gone = True
                    await self._taking.gone()
                await self._answer()
                if not self._over:
                    await self._take()
                self._is_away = False
            except Away as error:
                if not self._is_away:
                    log.warning("what others hand to this machine cannot be read (%s)", error)
                self._is_away = True
                await asyncio.sleep(LOOK)
            if not self._answers:
                await either(self._news, LOOK)
            self._news.clear()

    async def _take(self) -> None:
        now = self._seconds()
        if now - self._here >= HERE:
            await self._taking.here()
            self._here = now
        if (room := self._most - len(self._sends)) <= 0:
            return
        until = self._seconds() + LEAVES_WITHIN
        for id_, message in await self._taking.take(room):
            if message is None:
                self._answers[id_] = Answer(why="unread")
                continue
            send = asyncio.create_task(self._send(id_, message, until))
            self._sends.add(send)
            send.add_done_callback(self._sends.discard)
            self.count += 1

    async def _send(self, id_: str, message: Message, until: float) -> None:
        _until.set(until)
        try:
            found = Answer(await self._gateway.send(message))
        except TryLater as error:
            found = Answer(None, str(error), error.retry_after, isinstance(error, Throttled))
        except Exception:  # whatever else it raises, the request may have left
            log.exception("a gateway raised what its contract does not name")
            found = Answer(Receipt(Outcome.UNKNOWN, reason="error"))
        self._answers[id_] = found
        self._news.set()

    async def _answer(self) -> None:
        """What is not taken now is offered again: said twice it changes nothing."""
        answers = dict(self._answers)
        if answers:
            await self._taking.answer(answers)
            for id_ in answers:
                del self._answers[id_]
