"""The queue behind getUpdates: long polling, confirmation by offset, one poller, taps that vanish."""

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any

from bot.simulator.telegram.chat import Refused

CONFLICT = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
NOT_BY_DEFAULT = {"chat_member", "message_reaction", "message_reaction_count"}
MAX_POLL_SECONDS, MAX_UPDATES = 50.0, 100


class Updates:
    """What the bot has not confirmed yet; ``newest`` is the update that came last, confirmed or not."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.newest: dict[str, Any] = {}
        self._clock = clock
        self._ids = itertools.count(1000)
        self._waiting: list[tuple[dict[str, Any], float]] = []  # update, vanishes at
        self._allowed: list[str] = []
        self._new = asyncio.Event()
        self._poller: asyncio.Future[None] | None = None

    def add(self, kind: str, payload: dict[str, Any], keep: float) -> bool:
        """Queues an update that vanishes after ``keep`` seconds; False: the bot did not ask for this kind."""
        if (self._allowed and kind not in self._allowed) or (not self._allowed and kind in NOT_BY_DEFAULT):
            return False
        self.newest = {"update_id": next(self._ids), kind: payload}
        self._waiting.append((self.newest, self._clock() + keep))
        self._wake()
        return True

    def again(self, keep: float) -> None:
        """Gives the newest update out once more under the id it had, as if no offset had confirmed it."""
        self._waiting.append((self.newest, self._clock() + keep))
        self._wake()

    @property
    def polling(self) -> bool:
        """Whether somebody waits for updates now."""
        return self._poller is not None

    def clear(self) -> None:
        """Drops everything (``drop_pending_updates``)."""
        self._waiting.clear()

    async def fetch(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        """The updates from ``offset`` on; waits up to ``timeout`` seconds for the first.

        Raises:
            Refused: 409, another poller came while this one waited.
        """
        self._allow(params.get("allowed_updates"))
        offset = int(params.get("offset") or 0)
        limit = min(max(int(params.get("limit") or MAX_UPDATES), 1), MAX_UPDATES)
        seconds = min(max(float(params.get("timeout") or 0), 0.0), MAX_POLL_SECONDS)
        if self._poller is not None and not self._poller.done():
            self._poller.set_result(None)
        mine = self._poller = asyncio.get_running_loop().create_future()
        self._confirm(offset)
        deadline = asyncio.get_running_loop().time() + seconds
        try:
            while not (found := self._pending(limit)):
                left = deadline - asyncio.get_running_loop().time()
                if left <= 0 or not await self._wait(mine, left):
                    break
        finally:
            taken_over = mine.done()
            if self._poller is mine:
                self._poller = None
        if taken_over:
            raise Refused(CONFLICT, 409)
        return found

    def _allow(self, given: Any) -> None:
        given = json.loads(given) if isinstance(given, str) and given else given
        if isinstance(given, list):
            self._allowed = given

    def _confirm(self, offset: int) -> None:
        if offset < 0:
            self._waiting = self._waiting[offset:]
        elif offset:
            self._waiting = [(u, end) for u, end in self._waiting if u["update_id"] >= offset]

    def _pending(self, limit: int) -> list[dict[str, Any]]:
        now = self._clock()
        self._waiting = [(update, end) for update, end in self._waiting if end > now]
        return [update for update, _ in self._waiting[:limit]]

    async def _wait(self, mine: asyncio.Future[None], seconds: float) -> bool:
        """True when something came in; False at the end of the time or when another poller took over."""
        new = asyncio.ensure_future(self._new.wait())
        either: set[asyncio.Future[Any]] = {new, mine}
        try:
            done, _ = await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            new.cancel()
        return new in done and mine not in done

    def _wake(self) -> None:
        old, self._new = self._new, asyncio.Event()
        old.set()
