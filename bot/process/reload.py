"""The settings read again while the program runs: all that may change holds from then on, or nothing does."""

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bot.chat.telegram import Telegram
from bot.domain.events import Change, SettingsChanged
from bot.domain.who import Who
from bot.errors import LedgerClosed
from bot.flow.flow import Flow
from bot.gateways.pace import Pace
from bot.ports import Clock, Notice, Reread
from bot.process.settings.again import Difference, Given, difference
from bot.process.settings.composed import Settings
from bot.process.wiring import rules_of, setups_of
from bot.storage.kept import Views

log = logging.getLogger(__name__)

STEADY = 1.0  # seconds that nobody writes the file, or it may be half of one
SIGNAL = Who(0, "SIGHUP")
"""Whoever may send the process a signal, on the machine itself."""
_GONE = ".env was here at the start and is no file now: put it back"
_WRITTEN = ".env is being written just now: save it and try again"
_PEOPLE = ("TELEGRAM_APPROVERS", "TELEGRAM_ON_CALL")  # a region's, too


@dataclass(frozen=True, slots=True)
class Holders:
    """Those who go by settings that may change while the program runs."""

    flow: Flow
    telegram: Telegram
    pace: Pace
    views: Views
    poll_every: Callable[[float], None]


class Reload:
    """`bot.ports.Reload`: one at a time, on record before it holds."""

    def __init__(self, settings: Settings, given: Given, clock: Clock, holders: Holders) -> None:
        self._settings, self._given, self._clock, self._holders = settings, given, clock, holders
        self._had_a_file = given.stamp() is not None
        self._turn = asyncio.Lock()

    async def __call__(self, who: Who) -> Reread:
        """As `bot.ports.Reload`; what came of it is in the log, too."""
        async with self._turn:
            fixed = not self._had_a_file and self._given.stamp() is None
            found = await self._difference()
            for problem in found.problems:
                log.error("the settings stay as they are: %s", problem)
            changes = [self._named(change) for change in found.changes]
            if changes:
                hold = self._prepared(found.settings)
                line = SettingsChanged(who, tuple(changes))
                await self._holders.flow.decide(lambda _book, _now: [line])
                self._settings = found.settings
                hold()
            if not found.problems:
                said = "; ".join(_said(changes, found.restart)) or "nothing changed"
                log.info("settings read again: %s", said)
            overruled = await asyncio.to_thread(self._given.overruled)
            for name in overruled:
                log.warning("%s: the environment says something else than .env, and wins", name)
            return Reread(tuple(changes), found.restart, found.problems, overruled, fixed)

    async def when_told(self, told: asyncio.Event) -> None:
        """Each time that is set, also where it was set before; the group is told of what changed."""
        while True:
            await told.wait()
            told.clear()
            try:
                found = await self(SIGNAL)
            except LedgerClosed as error:
                log.error("the settings stay as they are: %s", error)  # noqa: TRY400
                continue
            except Exception:  # the edge: a bug here must not keep the next signal from being heard
                log.exception("the settings could not be read again")
                continue
            if found.changes:
                facts = {"changes": found.changes, "restart": found.restart}
                self._holders.telegram.groups.say(Notice("settings_changed", facts))

    async def _difference(self) -> Difference:
        before = self._given.stamp()
        if before is None and self._had_a_file:
            return Difference(self._settings, problems=(_GONE,))
        if before is not None:
            await self._clock.sleep(STEADY)
        if self._given.stamp() == before:
            found = await asyncio.to_thread(self._given.read)
            if self._given.stamp() == before:
                return difference(self._settings, found)
        return Difference(self._settings, problems=(_WRITTEN,))

    def _prepared(self, settings: Settings) -> Callable[[], None]:
        """What is to be done, with nothing left that could fail on the way."""
        to, sending = self._holders, settings.sending()
        rules, setups = rules_of(settings), setups_of(settings)
        before = self._settings.poll_seconds

        def hold() -> None:
            to.pace.follow(sending.rate, sending.sends, follows=sending.follows)
            to.views.follow(rules.cooldown_hours)
            if settings.poll_seconds != before:
                to.poll_every(settings.poll_seconds)
            to.telegram.follow(setups)
            to.flow.follow(rules)  # last: it has the cards drawn

        return hold

    def _named(self, change: Change) -> Change:
        """With the names of people, as far as they are known."""
        if not change.name.endswith(_PEOPLE):
            return change

        def named(text: str) -> str:
            return re.sub(r"\d+", lambda id_: f"{id_[0]} {self._name(int(id_[0]))}".strip(), text)

        return replace(change, old=named(change.old), new=named(change.new))

    def _name(self, user: int) -> str:
        names = (noc.access.name(user) for noc in self._holders.telegram.nocs.values())
        return next(filter(None, names), "")


def _said(changes: Sequence[Change], restart: Sequence[str]) -> list[str]:
    said = [f"{change.name} {change.old or 'empty'} -> {change.new or 'empty'}" for change in changes]
    return said + [f"{name} needs a restart" for name in restart]
