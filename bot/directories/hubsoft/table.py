"""HubSoft's table of CPEs in memory: which services an ONU leads to."""

import asyncio
import logging
from collections.abc import Mapping
from typing import NamedTuple

from bot.directories.hubsoft.rows import Cpe, Ref, cpe
from bot.directories.hubsoft.wire import A_PAGE_WITHIN, TOTAL, Wire
from bot.domain.lookup.serials import spellings
from bot.errors import AnswerLost, BadAnswer, BotError, Refused, TryLater
from bot.ports import Clock
from bot.sources.fields import count_of

log = logging.getLogger(__name__)

PATH, NAME = "rede/cpe/todos", "cpes"
EVERY = 3600.0  # seconds from one reading of the table to the next
FRESH = 600.0  # seconds that it is believed alone: an ONU may be handed on, and some records name none
USED_FOR = 7200.0  # seconds after which it is as if it had not been read: it is read only while somebody asks
AT_FIRST = 3.0  # seconds that anybody waits for the first reading
AWAY_FOR = 10.0  # seconds until it is begun again where the other side was away
A_PAGE, A_FEW = 500, 20  # rows: the most and the fewest that it gives
MOST = 100_000  # CPEs that are kept, which are about 40 MB
FAILURES = (TryLater, AnswerLost, Refused, BadAnswer)


class _Page(NamedTuple):
    """The CPEs of a page, the number of the last one, and how many CPEs there are."""

    rows: list[Cpe]
    last: int
    total: int


class Cpes:
    """The table of one install. It is read behind whoever asks, but for the first time."""

    def __init__(self, wire: Wire, clock: Clock) -> None:
        self._wire, self._clock = wire, clock
        self._known: Mapping[str, tuple[Ref, ...] | None] = {}
        self._read_at = self._next = self._began = float("-inf")
        self._failure: BotError | None = None
        self._reading: asyncio.Task[None] | None = None

    async def aclose(self) -> None:
        """Stop reading."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})

    async def get(self, serial: str) -> tuple[Ref, ...]:
        """Where a serial (`normal`) led at the last reading; nothing where there is none that counts.

        The first reading is waited for, a little: to ask for each ONU takes two requests more.
        """
        await self._settle(AT_FIRST)
        return (self._known.get(serial, ()) or ()) if self._is_there() else ()

    async def settled(self, serial: str) -> tuple[Ref, ...]:
        """The same of a whole table, which is waited for. Raises why there is none, or no row to read."""
        await self._settle(None)
        if not self._is_there():
            raise self._failure or TryLater("no_table")
        refs = self._known.get(serial, ())
        if refs is None:
            raise BadAnswer("no_ids")
        return refs

    async def now(self, serial: str) -> tuple[Ref, ...]:
        """Where it leads as HubSoft says now, asked for in both spellings. Raises where that cannot be had.

        Nothing proves little: it keeps some serials in other letters, which only the table brings together.
        """
        pages = await asyncio.gather(
            *(
                self._page(0, A_FEW, "nao", {"busca": "phy_addr", "termo_busca": spelling})
                for spelling in spellings(serial)
            )
        )
        found = [one for page in pages for one in page.rows]
        if any(one.serial != serial for one in found):
            raise BadAnswer("ignored_filter")
        if any(one.refs is None for one in found):
            raise BadAnswer("no_ids")
        return tuple(dict.fromkeys(ref for one in found for ref in one.refs or ()))

    async def count(self) -> int:
        """How many CPEs it has. Raises where that cannot be had."""
        return (await self._page(0, A_FEW, "sim")).total

    @property
    def is_fresh(self) -> bool:
        """Whether the last reading was just now."""
        return self._clock.monotonic() < self._read_at + FRESH

    def _is_there(self) -> bool:
        return self._clock.monotonic() < self._read_at + USED_FOR

    async def _settle(self, within: float | None) -> None:
        """Begin the reading that is due; where there is no table, wait for it, so long after it began."""
        now = self._clock.monotonic()
        if self._reading is None and now >= self._next:
            self._began = now
            self._reading = asyncio.create_task(self._read(now), name="hubsoft cpes")
        if self._reading is not None and not self._is_there():
            left = None if within is None else max(0.0, self._began + within - now)
            await asyncio.wait({self._reading}, timeout=left)

    async def _read(self, began: float) -> None:
        try:
            self._known = await self._whole()
        except FAILURES as error:
            log.warning("HubSoft: the table of CPEs was not read: %s", error)
            self._failure = error
            away = isinstance(error, TryLater | AnswerLost)
            self._next = self._clock.monotonic() + (AWAY_FOR if away else EVERY)
        else:
            self._read_at, self._next = began, began + EVERY
        finally:
            self._reading = None

    async def _whole(self) -> Mapping[str, tuple[Ref, ...] | None]:
        """All of it, by serial; None where a row of it cannot be read, as nobody knows whose it is then.

        TryLater where it changed meanwhile, BadAnswer where fewer CPEs came than it has, or too many.
        """
        known: dict[str, tuple[Ref, ...] | None] = {}
        seen: set[str] = set()
        first = await self._page(0, A_PAGE, "sim")
        for number in range(first.last + 1):
            page = await self._page(number, A_PAGE, "sim") if number else first
            for one in page.rows:
                so_far = known.get(one.serial, ())
                if so_far is None or one.refs is None:
                    known[one.serial] = None
                elif one.refs:
                    known[one.serial] = so_far + one.refs
                seen.add(one.id)
            if page.total > MOST or len(seen) > MOST:
                raise BadAnswer("too_many")
            if page.total != first.total:
                raise TryLater("table_changed")  # a row may have slipped from one page to the one before
            if len(seen) >= first.total or not page.rows:
                break
        if len(seen) < first.total:
            raise BadAnswer("not_whole")
        known.pop("", None)
        return known

    async def _page(self, page: int, size: int, linked: str, also: Mapping[str, str] | None = None) -> _Page:
        """A page of the table, or of what a filter finds in it.

        `linked` says whether only those of a service that is not cancelled: "sim" or "nao".
        """
        query: dict[str, str | int] = {
            "pagina": page,
            "itens_por_pagina": size,
            "somente_assinante_associado": linked,
            **(also or {}),
        }
        within = A_PAGE_WITHIN if size == A_PAGE else TOTAL
        rows, answer = await self._wire.rows(PATH, NAME, query, within)
        paging = answer.get("paginacao")
        last = count_of(paging.get("ultima_pagina")) if isinstance(paging, Mapping) else None
        total = count_of(paging.get("total_registros")) if isinstance(paging, Mapping) else None
        if last is None or total is None:
            raise BadAnswer("no_count")
        return _Page([cpe(row) for row in rows], last, total)
