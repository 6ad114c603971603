"""/silenciar, /previsao and /causa: planned work, the expected end and the cause, in what a person types."""

import contextlib
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo

from bot.chat.desk import Desk
from bot.chat.screen import Screen
from bot.chat.silences import where
from bot.chat.words import Words
from bot.domain.life import Scope
from bot.domain.lines import Who
from bot.domain.silence import Silence
from bot.errors import Declined
from bot.ports import Clock, Notice

LIFE_COMMANDS = ("silenciar", "previsao", "causa")
ALIASES = {"silence": "silenciar", "eta": "previsao", "cause": "causa"}
"""What they are called in English; both names are taken in both languages."""
NEXT_MORNING = timedelta(hours=12)
"""A time of day that has passed is tomorrow's where that is no further away; else it is a slip."""

_DURATION = re.compile(
    r"(?=\d)(?:(?P<days>\d{1,4})d)?(?:(?P<hours>\d{1,4})h)?(?:(?P<minutes>\d{1,4})(?:m|min)?)?", re.IGNORECASE
)
_TIME = re.compile(r"(?:(?P<day>\d{1,2})/(?P<month>\d{1,2})\s+)?(?P<hour>\d{1,2}):(?P<minute>\d{2})")
_CASE = re.compile(r"(?:(?:caso|case)\s+|#)?(?P<case>\d{1,9})\s+(?P<rest>\S.*)", re.IGNORECASE | re.DOTALL)
_PLACE = re.compile(r"\d+(/\d+)?")
_NONE = frozenset({"nenhuma", "none"})


class LifeCommands:
    """Each answers with what was written, or (where it cannot be read) with how it is used.

    The person is an approver by then (`Commands`), the ledger open.
    """

    def __init__(self, desk: Desk, words: Words, clock: Clock, say: Callable[[Notice], None]) -> None:
        """`say` tells the group: what is silenced in private is no secret."""
        self._say = say
        self._desk = desk
        self._words = words
        self._clock = clock

    async def carry_out(self, name: str, argument: str, who: Who, *, private: bool = False) -> Screen:
        """Do what the command asks for; the answer, which in `private` the group does not see."""
        if name == "silenciar":
            said = await self._silence(argument, who, private=private)
        else:
            said = await {"previsao": self._forecast, "causa": self._cause}[name](argument, who)
        return said or Screen(str(self._words.say(f"command.how_{name}")))

    async def _silence(self, argument: str, who: Who, *, private: bool) -> Screen | None:
        wish = read_silence(argument)
        if wish is None:
            return None
        scopes, lasts, reason = wish
        now = self._clock.now()
        silence = await self._silence_first(scopes, who, now + lasts, reason)
        facts = {"where": where(silence.scopes), "until": silence.until, "reason": silence.reason}
        if private:
            self._say(Notice("silenced", {**facts, "by": who}))
        return Screen(str(self._words.say("command.silenced", **facts, now=now)))

    async def _silence_first(self, scopes: list[Scope], who: Who, until: datetime, reason: str) -> Silence:
        """Of what the words may mean, the first that there is an OLT for."""
        unknown: Declined | None = None
        for scope in scopes:
            try:
                return await self._desk.silence((scope,), who, until, reason)
            except Declined as no:
                if no.code != "unknown_olt":
                    raise
                unknown = unknown or no
        raise unknown or Declined("unknown_olt", olt="")

    async def _forecast(self, argument: str, who: Who) -> Screen | None:
        wish = _CASE.fullmatch(argument)
        if wish is None:
            return None
        case, rest, now = int(wish["case"]), wish["rest"].strip(), self._clock.now()
        if rest.casefold() in _NONE:
            await self._desk.forecast(case, who, None)
            return Screen(str(self._words.say("command.forecast_none", case=case)))
        eta = read_eta(rest, now, self._words.local(now).tzinfo or UTC)
        if eta is None:
            return None
        await self._desk.forecast(case, who, eta)
        # Who writes 14h30 for half past two reads here what it was taken for.
        return Screen(str(self._words.say("command.forecast", case=case, until=eta, now=now, left=eta - now)))

    async def _cause(self, argument: str, who: Who) -> Screen | None:
        wish = _CASE.fullmatch(argument)
        if wish is None:
            return None
        number = int(wish["case"])
        cause, _, team = wish["rest"].partition(";")
        await self._desk.name_cause(number, who, cause, team)
        case = self._desk.ledger.book.cases[number]
        facts = {"case": number, "cause": case.cause, "team": case.team}
        return Screen(str(self._words.say("command.cause_named", **facts)))


def read_duration(text: str) -> timedelta | None:
    """`30m`, `30min`, `2h`, `1h30`, `1d`, `1d12h`; None for anything else, a bare number too."""
    found = _DURATION.fullmatch(text)
    if found is None or text.isdecimal() or not text.isascii():
        return None
    return timedelta(**{unit: int(count) for unit, count in found.groupdict().items() if count})


def read_silence(argument: str) -> tuple[list[Scope], timedelta, str] | None:
    """Where (what the words may mean, likeliest first), how long and why; None where it says no such thing.

    The first duration after the first word ends the place: an OLT's name may have spaces, and end in a
    number that may be meant as a slot.
    """
    parts = argument.split()
    at, lasts = next(
        ((n, found) for n, part in enumerate(parts) if n and (found := read_duration(part)) is not None),
        (0, None),
    )
    if lasts is None:
        return None
    named = [part for part in parts[:at] if part != "·"]  # copied from a card: CB 01 · 6/15
    if not named:
        return None
    *olt, last = named
    scopes = [] if "/" in last and _PLACE.fullmatch(last) else [Scope(" ".join(named))]
    if olt and _PLACE.fullmatch(last):
        scopes.append(Scope(" ".join(olt), "/".join(str(int(part)) for part in last.split("/"))))
    return (scopes, lasts, " ".join(parts[at + 1 :])) if scopes else None


def read_eta(text: str, now: datetime, zone: tzinfo) -> datetime | None:
    """`2h` from now; `14:30` or `26/11 14:30` in the zone; UTC. None where it is none of these.

    A time alone is the next one, today or tomorrow. Declined (`eta_past`) where that is tomorrow's and far
    away: today's has passed. A day is that of the year that makes it nearest.
    """
    lasts = read_duration(text)
    if lasts is not None:
        return now + lasts
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    clock = int(found["hour"]), int(found["minute"])
    if found["day"] is not None:
        return _nearest((int(found["month"]), int(found["day"]), *clock), now, zone)
    today = now.astimezone(zone).date()
    try:
        at = datetime(today.year, today.month, today.day, *clock, tzinfo=zone)
    except ValueError:  # 25:00
        return None
    return _next(at, now)


def _next(at: datetime, now: datetime) -> datetime:
    """At this time of day, today or tomorrow."""
    if at <= now:
        at += timedelta(days=1)  # on the wall clock
        if at.astimezone(UTC) - now > NEXT_MORNING:
            raise Declined("eta_past")
    return at.astimezone(UTC)


def _nearest(told: tuple[int, int, int, int], now: datetime, zone: tzinfo) -> datetime | None:
    """At this month, day, hour and minute of the year that makes it nearest; None where there is none."""
    found = []
    for year in range(now.year - 1, now.year + 2):
        with contextlib.suppress(ValueError):  # 31/02, and 29/02 in most years
            found.append(datetime(year, *told, tzinfo=zone).astimezone(UTC))
    return min(found, key=lambda at: abs(at - now), default=None)
