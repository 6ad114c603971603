"""How the source and the gateway are doing, and what the group is told of it: once when it breaks, once when
it heals.
"""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.health import GatewayHealth, SourceHealth
from bot.domain.incident import Incident, OddRow, Poll
from bot.ports import Clock, NocChat, Notice

log = logging.getLogger(__name__)

SAID_AFTER = 2  # polls in a row that failed before the group hears of it: one may be a hiccup
ODD_AT_ONCE, ODD_AT_MOST = 10, 50  # odd rows in one notice, and in a day; /status has them anyway
ODD_WITHIN = timedelta(days=1)
GATEWAY_SAID_AFTER = 3  # sends in a row without an answer


class Health:
    """The last readings of both. Not in the ledger: the next reading tells it again."""

    def __init__(self, source: str, gateway: str, chat: NocChat, clock: Clock) -> None:
        self.source = SourceHealth(source)
        self.gateway = GatewayHealth(gateway)
        self._chat, self._clock = chat, clock
        self._reported: dict[OddRow, datetime] = {}

    def saw(self, poll: Poll, unoffered: tuple[Incident, ...], at: datetime) -> None:
        """What a poll that began `at` brought. One that is incomplete counts as missed."""
        self.source = self.source.saw(poll, unoffered)
        self._tell_odd(poll)
        if not poll.complete:
            self.missed("incomplete")
            return
        if self.source.failures:
            log.info("the source answers again after %s failed polls", self.source.failures)
        if self.source.said:
            self._chat.say(Notice("source_up", {"since": self.source.since}))
        self.source = self.source.good(at)

    def _tell_odd(self, poll: Poll) -> None:
        """Open alerts without a card are told once, not at each poll."""
        now, listed = self._clock.now(), set(poll.skipped)
        reported = {row: at for row, at in self._reported.items() if row in listed or now - at < ODD_WITHIN}
        room = max(0, ODD_AT_MOST - sum(now - at < ODD_WITHIN for at in reported.values()))
        odd = [row for row in poll.skipped if row not in reported][: min(ODD_AT_ONCE, room)]
        self._reported = reported | dict.fromkeys(odd, now)
        if odd:
            self._chat.say(Notice("odd_rows", {"rows": tuple(odd), "n": len(odd)}))

    def unlisted(self, alerts: int) -> None:
        """So many alerts read as on that the list of open ones no longer has."""
        if alerts and not self.source.unlisted:
            log.warning("%s alerts are no longer listed, and read as on", alerts)
        self.source = replace(self.source, unlisted=alerts)

    def missed(self, error: str, *, login_refused: bool = False) -> None:
        """A poll brought nothing, or not everything: remembered for /status, and said when it lasts."""
        before = self.source
        self.source = before.bad(self._clock.now(), error, login_refused=login_refused)
        if before.error != error:
            log.warning("polls fail: %s", error)
        code = "login_refused" if login_refused else "source_down"
        if code not in before.said and (login_refused or self.source.failures >= SAID_AFTER):
            self.source = replace(self.source, said=before.said | {code})
            self._chat.say(Notice(code, {"source": before.source, "error": error}))

    def heard(self, error: str | None) -> None:
        """One answer of the gateway (`error` None), or the lack of one."""
        before = self.gateway
        self.gateway = before.heard(self._clock.now(), error)
        if error is None and before.said:
            self._chat.say(Notice("gateway_up", {"since": before.since}))
        elif self.gateway.failures >= GATEWAY_SAID_AFTER and not before.said:
            self.gateway = replace(self.gateway, said=True)
            self._chat.say(Notice("gateway_down", {"gateway": before.name, "error": error}))
