"""What watches the process and tells of it: the beat, the counts, the heartbeat, and the paths to ask on."""

from collections import Counter
from collections.abc import Callable, Mapping

from bot.chat.telegram import Telegram
from bot.flow.deps import Deps
from bot.flow.flow import Flow
from bot.ops.health import LIVE, READY, health
from bot.ops.health import PATH as HEALTH
from bot.ops.heartbeat import Heartbeat
from bot.ops.metrics import PATH as METRICS
from bot.ops.metrics import counted, metrics
from bot.ops.server import Route
from bot.process.watched.beat import Beat
from bot.process.watched.counts import Counts
from bot.process.watched.led import Held
from bot.process.watched.numbers import Numbers
from bot.process.watched.standing import Standing
from bot.storage.files import FileLedger

NOBODY = "none"  # of those who tell us something: somebody wrote to a path that none of them has


class Watch:
    """One per process. `heartbeat` is an address, empty for none; `every` the interval of each source."""

    def __init__(
        self,
        deps: Deps,
        flow: Flow,
        ledger: FileLedger,
        telegram: Telegram,
        *,
        standing: Standing,
        every: Mapping[str, float],
        receipts: bool,
        per_olt: bool,
        heartbeat: str,
        lease: Held | None = None,
    ) -> None:
        counts = Counts(ledger.book, deps.clock)
        ledger.listeners.append(counts.heard)
        ledger.on_written = counts.written
        standing.left_alone = lambda: flow.gateway_left_alone
        self._standing, self._clock = standing, deps.clock
        self._beat = Beat(deps.clock)
        self._told: Counter[tuple[str, str]] = Counter()
        self._tellers: list[str] = []
        self._numbers = Numbers(
            deps,
            flow,
            ledger,
            telegram,
            counts,
            self._beat,
            every,
            receipts,
            per_olt,
            self._told,
            self._tellers,
            lease,
        )
        well = lambda: not standing.wrong()  # noqa: E731
        self._heartbeat = Heartbeat(heartbeat, well, deps.clock) if heartbeat else None

    def start(self) -> None:
        """The loop turns from now on."""
        self._beat.start()

    def begun(self) -> None:
        """The bot has: somebody may rely on it."""
        if self._heartbeat is not None:
            self._heartbeat.start()

    async def stop(self) -> None:
        """No more of it."""
        self._beat.stop()
        if self._heartbeat is not None:
            await self._heartbeat.stop()

    def routes(self, unready: Callable[[], Mapping[str, str]]) -> dict[str, Route]:
        """Where it is asked for. `unready` is what `/readyz` reports."""
        standing = self._standing
        return {
            HEALTH: health(standing.wrong, standing.noted, standing.parts),
            LIVE: health(self._beat.wrong, parts=("loop",)),
            READY: health(unready, parts=("start", "ledger")),
            METRICS: metrics(self._numbers.read, self._clock.monotonic),
        }

    def counting(self, routes: Mapping[str, Route], names: Mapping[str, str]) -> dict[str, Route]:
        """The same routes, counted by who tells something there: their name by the path."""
        self._tellers += names.values()
        return {path: counted(route, names.get(path, NOBODY), self._told) for path, route in routes.items()}
