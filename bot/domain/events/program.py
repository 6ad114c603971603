"""The program itself: its starts and stops, what its group and ledger are, and its test messages.

Field names and `kind` texts are the file format: add fields with a default, never rename.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from bot.domain.book import Announcement, Book, Doubt, Event
from bot.domain.dispatch import Phase
from bot.domain.events.sends import interrupt
from bot.domain.limits.daily import spend
from bot.domain.plan import Outcome, Receipt
from bot.domain.redated import bring_back
from bot.domain.who import Who

SILENT = timedelta(hours=1)
"""A start that follows no clean stop, and no line this fresh, may be on an old copy of the ledger."""


@dataclass(frozen=True, slots=True)
class Started(Event):
    """The program started: every dispatch that was running is interrupted, every open intent unknown.

    `doubt` is what about the ledger's end does not fit, so that no later start forgets it; `key` the id of
    the secret that its lines call people by from here on.
    """

    version: str
    doubt: Doubt | None = None
    key: str | None = None
    kind: Literal["started"] = "started"
    recounts = True
    observed = True

    def apply(self, book: Book, at: datetime) -> None:
        fresh = isinstance(book.own, Stopped | None) or at - book.own_at <= SILENT
        if self.doubt is not None or not fresh:
            book.unconfirmed = book.unconfirmed or book.own_at
        book.doubt = self.doubt or book.doubt
        book.key = self.key or book.key
        running = sorted(book.running)
        for case in (book.cases[number] for number in running):
            if case.dispatches[-1].phase is not Phase.SCHEDULED:  # that has not begun
                interrupt(book, case)
        book.settled_at_start = [number for number in running if number not in book.running]

    def ends(self, book: Book) -> Collection[int]:
        return book.settled_at_start


@dataclass(frozen=True, slots=True)
class Announced(Event):
    """A group was told that the program started, in these words (without what changes by itself)."""

    said: str
    region: str = ""
    kind: Literal["announced"] = "announced"
    observed = True

    def apply(self, book: Book, at: datetime) -> None:
        book.announced[self.region] = Announcement(at, self.said)


@dataclass(frozen=True, slots=True)
class Stopped(Event):
    """The program stopped in order: no send was in flight any more. `heard` is as in `Alive`."""

    heard: bool = True
    kind: Literal["stopped"] = "stopped"

    def hears(self) -> bool:
        return self.heard


@dataclass(frozen=True, slots=True)
class Alive(Event):
    """The program runs. Written every 15 minutes, so that a start can tell an old copy of the ledger.

    `heard`: people's taps came through at the time.
    """

    heard: bool = True
    kind: Literal["alive"] = "alive"

    def hears(self) -> bool:
        return self.heard


@dataclass(frozen=True, slots=True)
class Confirmed(Event):
    """A person confirmed, after a start on a ledger that looked old, that sending may go on.

    `clock` is the time that counts from here on, where the lines before are dated later than that.
    """

    by: Who
    clock: datetime | None = None
    kind: Literal["confirmed"] = "confirmed"
    audited = True

    def apply(self, book: Book, at: datetime) -> None:
        book.unconfirmed = book.doubt = None
        if self.clock is not None:
            book.last_at = self.clock
            bring_back(book, self.clock)


@dataclass(frozen=True, slots=True)
class GroupMoved(Event):
    """Telegram gave the group a new id."""

    old: int
    new: int
    kind: Literal["group_moved"] = "group_moved"
    observed = True

    def apply(self, book: Book, at: datetime) -> None:
        book.moved[self.old] = self.new


@dataclass(frozen=True, slots=True)
class TrialIntent(Event):
    """A test message is about to leave. It belongs to no case and takes no cooldown.

    `template` is the `Message.template`, `hsm` its id as configured then, `phone` masked, `person`
    what whoever has it is called.
    """

    trial: int
    template: str
    hsm: int | str
    phone: str
    by: Who
    person: str | None = None
    kind: Literal["trial_intent"] = "trial_intent"
    audited = True
    by_the_bot = False

    def apply(self, book: Book, at: datetime) -> None:
        book.trials[self.trial] = None
        book.next_trial = max(book.next_trial, self.trial + 1)
        if self.person is not None:
            spend(book.written, self.person, at)


@dataclass(frozen=True, slots=True)
class TrialResult(Event):
    """What is known of a test message."""

    trial: int
    outcome: Outcome
    reference: str | None = None
    reason: str | None = None
    kind: Literal["trial_result"] = "trial_result"
    recounts = True
    by_the_bot = False

    def apply(self, book: Book, at: datetime) -> None:
        if self.trial in book.trials:
            book.trials[self.trial] = Receipt(self.outcome, self.reference, self.reason)


@dataclass(frozen=True, slots=True)
class Change:
    """A setting (by its name in `.env`) that says something else now, as written there; empty: nothing."""

    name: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class SettingsChanged(Event):
    """The settings were read again while the program ran, and these hold from here on. None is a secret."""

    by: Who
    changes: tuple[Change, ...]
    kind: Literal["settings_changed"] = "settings_changed"
    audited = True


Line = (
    Started
    | Announced
    | Stopped
    | Alive
    | Confirmed
    | GroupMoved
    | TrialIntent
    | TrialResult
    | SettingsChanged
)
"""Every kind of this file."""
