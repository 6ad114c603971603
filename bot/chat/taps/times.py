"""Times as people type them: a moment on the clock, a span from now, or what a reader may take for either.

`15h` is three in the afternoon to who writes Portuguese, and fifteen hours to a program; both were meant
often enough that neither is taken for granted.
"""

import contextlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

NEXT_MORNING = timedelta(hours=12)
"""A time of day that has passed is tomorrow's where that is no further away; else it is a slip."""
CLOCK_FROM = 7
"""From this hour up `8h` may be the clock; below it is a span, unless minutes follow."""
_WORDS_AT_MOST = 7  # of a time: `até depois de amanhã às 8 h`

_HOURS = r"h(?:s|rs?|oras?)?"
_MINUTES = r"m(?:in(?:s|utos?|utes?)?)?"
_SPAN = re.compile(
    rf"""(?:(?:por|durante|em|mais|daqui\ a|for|in)\ )*
    (?=[\d.,]*\d\ ?[a-z])
    (?:(?P<days>\d{{1,4}})\ ?d(?:ias?|ays?)?(?:\ ?(?:e|and)\ |\ ?))?
    (?:(?P<hours>\d{{1,4}})(?P<half>[.,]5)?\ ?(?:{_HOURS}|hours?)
       (?:(?P<close>[0-5]\d)(?:\ ?(?P<min>{_MINUTES}))?
         |\ ?(?:(?:e|and)\ )?(?P<minutes>\d{{1,4}})\ ?{_MINUTES}
         |(?P<and_half>\ e\ meia))?
      |(?P<alone>\d{{1,4}})\ ?{_MINUTES})?""",
    re.VERBOSE,
)
_IN_WORDS = {
    "meia hora": 30,
    "half an hour": 30,
    "uma hora": 60,
    "an hour": 60,
    "one hour": 60,
    "uma hora e meia": 90,
    "duas horas": 120,
    "two hours": 120,
}
_TO = r"(?:(?:ate|as|pelas|para|pras?|until|till?|by|at)\ )*"
_NEAR = r"(?:depois\ de\ amanha|amanha|hoje|today|tomorrow)"
_DAY = rf"(?:{_NEAR}|(?:dia\ )?\d{{1,2}}/\d{{1,2}})"
_CLOCK = re.compile(
    rf"""(?P<to>{_TO})(?:(?P<before>{_DAY}),?\ )?(?P<too>{_TO})
    (?:(?P<word>meio[ -]dia|meia[ -]noite|noon|midnight)
      |(?P<hour>\d{{1,2}})
       (?:[:.](?P<minute>\d{{2}})(?:\ ?{_HOURS})?
         |\ ?(?P<unit>{_HOURS})(?:(?P<close>\d{{2}})(?:\ ?(?P<min>{_MINUTES}))?
                               |\ ?(?:e\ )?(?P<apart>\d{{2}})\ ?{_MINUTES})?)?
       (?:\ ?(?P<half>[ap])\.?m\.?|\ da\ (?P<part>manha|madrugada|tarde|noite))?)
    (?:,?\ (?:d[eo]\ )?(?P<after>{_NEAR}))?""",
    re.VERBOSE,
)
_NOON = {"meio": 12, "noon": 12, "meia": 24, "midn": 24}
_DAYS = {"hoje": 0, "today": 0, "amanha": 1, "tomorrow": 1, "depois de amanha": 2}


@dataclass(frozen=True, slots=True)
class Meant:
    """What was typed means the moment `at`, the span `lasts`, or (both given) one of the two.

    A moment that lies in the past was meant, and has passed.
    """

    at: datetime | None = None
    lasts: timedelta | None = None


def read(text: str, now: datetime, zone: tzinfo) -> Meant | None:
    """What the whole text means, with the clock of `zone`; None where it is no time, a bare number too."""
    plain = _plain(text)
    span, clock = _SPAN.fullmatch(plain), _CLOCK.fullmatch(plain)
    if plain in _IN_WORDS:
        return Meant(lasts=timedelta(minutes=_IN_WORDS[plain]))
    if span is not None and (clock is None or not _may_be_either(span)):
        return Meant(lasts=_length(span))
    at = None if clock is None else _moment(clock, now, zone, either=span is not None)
    lasts = None if span is None else _length(span) or None  # nobody means no time at all by `0h`
    return Meant(at, lasts) if at or lasts else None


def find(words: Sequence[str], now: datetime, zone: tzinfo) -> Iterator[tuple[int, int, Meant]]:
    """The times among these words behind the first, each from where to where it goes, longest first.

    A date alone does not begin one: `6/11 2h` is a place and a span; `até 6/11 14:30` is a time.
    """
    for start in range(1, len(words)):
        for end in range(min(len(words), start + _WORDS_AT_MOST), start, -1):
            found = read(" ".join(words[start:end]), now, zone) if "/" not in words[start] else None
            if found is not None:
                yield start, end, found
                break


def _plain(text: str) -> str:
    """In small letters without accents, one space between words."""
    letters = unicodedata.normalize("NFD", text.casefold())
    kept = "".join(c for c in letters if not unicodedata.combining(c))
    return " ".join(kept.split()).removesuffix(".") if kept.isascii() else ""


def _length(span: re.Match[str]) -> timedelta:
    halves = 30 if span["half"] or span["and_half"] else 0
    minutes = int(span["close"] or span["minutes"] or span["alone"] or 0)
    return timedelta(days=int(span["days"] or 0), hours=int(span["hours"] or 0), minutes=minutes + halves)


def _may_be_either(span: re.Match[str]) -> bool:
    """Whether a span that reads as a time of day, too, may have been meant as one."""
    minutes = span["close"] is not None and span["min"] is None
    return int(span["hours"]) >= CLOCK_FROM or minutes or not _length(span)


def _moment(clock: re.Match[str], now: datetime, zone: tzinfo, *, either: bool = False) -> datetime | None:
    """The moment; None where there is none such, or a bare number says no more than itself.

    `either`: it may be a span as well, so that what has passed today is tomorrow's, however far.
    """
    day = clock["before"] or clock["after"]
    said = ("to", "too", "before", "word", "minute", "unit", "half", "part")
    if not any(clock[name] for name in said) or (clock["before"] and clock["after"]):
        return None
    time = _time_of_day(clock)
    if time is None:
        return None
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if day is not None and "/" in day:
        return _nearest(day.removeprefix("dia "), time, now, zone)
    at = today + timedelta(days=_DAYS.get(day or "", 0), minutes=time)
    tomorrow = at + timedelta(days=1)  # on the wall clock
    near = either or tomorrow.astimezone(UTC) - now <= NEXT_MORNING
    return (tomorrow if day is None and at <= now and near else at).astimezone(UTC)


def _time_of_day(clock: re.Match[str]) -> int | None:
    """Minutes since midnight, None for 25:00 or 14:61."""
    if clock["word"]:
        return _NOON[clock["word"][:4]] * 60
    hour = int(clock["hour"])
    minute = int(clock["minute"] or clock["close"] or clock["apart"] or 0)
    half = clock["half"] or {"m": "a", "t": "p", "n": "p"}.get((clock["part"] or "")[:1])
    if clock["half"] and not 1 <= hour <= 12:  # noqa: PLR2004 - of twelve hours
        return None
    if half == "p" and hour < 12:  # noqa: PLR2004
        hour += 12
    elif half == "a" and hour == 12:  # noqa: PLR2004
        hour = 0
    return hour * 60 + minute if minute < 60 and hour * 60 + minute <= 24 * 60 else None  # noqa: PLR2004


def _nearest(day: str, time: int, now: datetime, zone: tzinfo) -> datetime | None:
    """At this time of that day (26/11) of the year that makes it nearest; None where there is none."""
    number, month = (int(part) for part in day.split("/"))
    found = []
    for year in range(now.year - 1, now.year + 2):
        with contextlib.suppress(ValueError):  # 31/02, and 29/02 in most years
            at = datetime(year, month, number, tzinfo=zone) + timedelta(minutes=time)
            found.append(at.astimezone(UTC))
    return min(found, key=lambda at: abs(at - now), default=None)
