"""How the sources, the directory and the gateway are doing, and what the group is told of it: once when it
breaks, once when it heals.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.customer import Answered
from bot.domain.incident import Incident, OddRow, Poll
from bot.domain.watched.health import AnswerHealth, SourceHealth
from bot.errors import LoginRefused
from bot.ports import Clock, NocChat, Notice, Polled

log = logging.getLogger(__name__)

SAID_AFTER = 2  # polls in a row that failed before the group hears of it: one may be a hiccup
ODD_AT_ONCE, ODD_AT_MOST = 10, 50  # odd rows in one notice, and in a day; /status has them anyway
ODD_WITHIN = timedelta(days=1)
WORDS_AT_MOST = 10  # status words that the group hears of
GATEWAY_SAID_AFTER = 3  # sends in a row without an answer
DIRECTORY_SAID_AFTER = timedelta(seconds=15)  # without an answer: one that starts anew may be back by then
ODD_ONUS = 1000  # that a directory leaves out of its answers, remembered


class Health:
    """The last readings of all. Not in the ledger: the next reading tells it again."""

    def __init__(
        self, sources: Sequence[Polled], gateway: str, directory: str | None, chat: NocChat, clock: Clock
    ) -> None:
        """`directory` is its name; None where the sources' own records are used."""
        self._sources = {one.name: SourceHealth(one.name, every=one.every) for one in sources}
        self.gateway = AnswerHealth(gateway)
        self.directory = None if directory is None else AnswerHealth(directory)
        self._chat, self._clock = chat, clock
        self._unknown: set[str] = set()
        self._odd: set[str] = set()
        self._reported: dict[OddRow, datetime] = {}

    @property
    def sources(self) -> tuple[SourceHealth, ...]:
        """How each of the sources is doing, in their order."""
        return tuple(self._sources.values())

    def of(self, source: str) -> SourceHealth:
        """How one of them is doing."""
        return self._sources[source]

    def saw(self, source: str, poll: Poll, unoffered: tuple[Incident, ...], at: datetime) -> None:
        """What a poll that began `at` brought. One that is incomplete counts as missed."""
        away = set(poll.away) - set(self._sources[source].away)
        known = self._sources[source] = self._sources[source].saw(poll, unoffered)
        self._tell_odd(poll)
        if away:
            self._chat.say(Notice("olts_away", {"source": source, "olts": ", ".join(sorted(away))}))
        if not poll.complete:
            self.missed(source, "incomplete")
            return
        if known.failures:
            log.info("%s answers again after %s failed polls", source, known.failures)
        if known.said:
            self._chat.say(Notice("source_up", {"since": known.since, "source": source}))
        self._sources[source] = known.good(at)

    def _tell_odd(self, poll: Poll) -> None:
        """Open alerts without a card are told once, not at each poll."""
        now, listed = self._clock.now(), {row for one in self.sources for row in one.skipped}
        reported = {row: at for row, at in self._reported.items() if row in listed or now - at < ODD_WITHIN}
        room = max(0, ODD_AT_MOST - sum(now - at < ODD_WITHIN for at in reported.values()))
        odd = [row for row in poll.skipped if row not in reported][: min(ODD_AT_ONCE, room)]
        self._reported = reported | dict.fromkeys(odd, now)
        if odd:
            self._chat.say(Notice("odd_rows", {"rows": tuple(odd), "n": len(odd)}))

    def unlisted(self, source: str, alerts: int) -> None:
        """So many alerts read as on that the list of open ones no longer has."""
        if alerts and not self._sources[source].unlisted:
            log.warning("%s alerts are no longer listed, and read as on", alerts)
        self._sources[source] = replace(self._sources[source], unlisted=alerts)

    def missed(self, source: str, error: str, *, login_refused: bool = False) -> None:
        """A poll brought nothing, or not everything: remembered for /status, and said when it lasts."""
        before = self._sources[source]
        known = before.bad(self._clock.now(), error, login_refused=login_refused)
        if before.error != error:
            log.warning("polls of %s fail: %s", source, error)
        code = "login_refused" if login_refused else "source_down"
        if code not in before.said and (login_refused or known.failures >= SAID_AFTER):
            known = replace(known, said=before.said | {code})
            self._chat.say(Notice(code, {"source": source, "error": error}))
        self._sources[source] = known

    def asked(self, keys: Collection[str], answer: Answered) -> None:
        """What a directory said of these (`Onu.key`): where that is nothing, it is away.

        Not where it leaves the same few out of each answer: that is about them. A status word that nobody
        knows is told once, and who has it is told.
        """
        if self.directory is not None and (answer.records or not self._odd.issuperset(keys)):
            self._directory_heard(self.directory, answer)
        if answer.records and len(self._odd) < ODD_ONUS:
            self._odd = (self._odd | set(keys)) - answer.records.keys()
        words = {one.unknown for one in answer.records.values() if one is not None and one.unknown}
        for word in sorted(words - self._unknown)[: WORDS_AT_MOST - len(self._unknown)]:
            self._unknown.add(word)
            log.warning("the directory has %s, which means nothing here: its customers are told", word)
            self._chat.say(Notice("unknown_status", {"status": word}))

    def _directory_heard(self, before: AnswerHealth, answer: Answered) -> None:
        now, refused = self._clock.now(), isinstance(answer.error, LoginRefused)
        error = None if answer.records or answer.error is None else str(answer.error)
        known = self.directory = before.heard(now, "directory_refused" if error and refused else error)
        if known.since is None:
            if before.said:
                self._chat.say(Notice("directory_up", {"directory": before.name, "since": before.since}))
            return
        if before.error != known.error:
            log.warning("%s answers no look-up: %s", before.name, error)
        if not before.said and (refused or now - known.since >= DIRECTORY_SAID_AFTER):
            self.directory = replace(known, said=True)
            facts = {"directory": before.name, "since": known.since, "error": known.error}
            self._chat.say(Notice("directory_down", facts))

    def heard(self, error: str | None) -> None:
        """One answer of the gateway (`error` None), or the lack of one."""
        before = self.gateway
        self.gateway = before.heard(self._clock.now(), error)
        if error is None and before.said:
            self._chat.say(Notice("gateway_up", {"since": before.since}))
        elif self.gateway.failures >= GATEWAY_SAID_AFTER and not before.said:
            self.gateway = replace(self.gateway, said=True)
            self._chat.say(Notice("gateway_down", {"gateway": before.name, "error": error}))
