"""The bot's phrases: one TOML file a language, each phrase a small Jinja2 template.

Two languages need two formats of dates and numbers and one plural rule (1 against the rest). That is ten
lines here; Babel would bring 30 MB of locale data for them.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from zoneinfo import ZoneInfo

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from bot.domain.incident import Port
from bot.domain.limits.templates import Trouble
from bot.domain.who import Who

LANGUAGES = ("pt_BR", "en")
VALUE_AT_MOST = 100  # characters: ten of them on a page still fit a message
TOAST_AT_MOST = 200  # UTF-16 units: what the answer to a tap may hold
_HALF_A_YEAR = timedelta(days=183)
_HTTP = re.compile(r"http_([0-9]{3})")
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Words:
    """The phrases of one language, with times told in `tz`. KeyError for a key that does not exist.

    `others` are phrases of the systems that the bot works with: a new key, or in the place of one here.
    """

    def __init__(self, language: str, tz: ZoneInfo, others: Mapping[str, str] = MappingProxyType({})) -> None:
        if language not in LANGUAGES:
            raise ValueError(f"unknown language {language!r}: use one of {', '.join(LANGUAGES)}")
        self.language = language
        self._tz = tz
        self._phrases = {**phrases(language), **others}
        self._html = self._environment(autoescape=True)
        self._text = self._environment(autoescape=False)
        self._ready: dict[tuple[str, bool], Template] = {}
        self._still: dict[tuple[str, bool], str] = {}

    @property
    def zone(self) -> ZoneInfo:
        """Where its times are told."""
        return self._tz

    def has(self, key: str) -> bool:
        """Whether there is such a phrase."""
        return key in self._phrases

    def say(self, key: str, **facts: object) -> Markup:
        """A phrase as Telegram's HTML.

        Facts are escaped, and texts among them cut at `VALUE_AT_MOST`; a fact that came from `say` itself
        is taken as it is.
        """
        return Markup(self._filled(key, facts, html=True))  # noqa: S704  rendered with autoescape

    def plain(self, key: str, **facts: object) -> str:
        """A phrase without markup, for toasts, buttons and sheets: at most 200 UTF-16 units."""
        return shorten(self._filled(key, facts, html=False), TOAST_AT_MOST)

    def _filled(self, key: str, facts: Mapping[str, object], *, html: bool) -> str:
        """One without facts is the same each time: to fill it takes a hundred times as long as to find it."""
        if facts:
            return self._template(key, html=html).render(facts)
        still = self._still.get((key, html))
        if still is None:
            still = self._still[key, html] = self._template(key, html=html).render()
        return still

    def coded(self, code: str | None, family: str) -> str:
        """The phrase `family.code` (`http_502` is `format.http`); any other text as it is. Not escaped."""
        status = _HTTP.fullmatch(code or "") if family == "reason" else None
        if status is not None:
            return self.plain("format.http", status=status[1])
        key = f"{family}.{code or 'none'}"
        system, colon, rest = (code or "").partition(":")  # `system:account`
        if colon and not self.has(key) and self.has(f"{family}.{system}"):
            return f"{self.plain(f'{family}.{system}')} {rest}"
        return self.plain(key) if self.has(key) else code or ""

    def trouble(self, found: Trouble) -> str:
        """What is wrong with a template, and what mends it, in the gateway's own words. Not escaped."""
        key = f"trouble.{found.code}"
        return self.plain(key, has=found.has, wants=found.wants) if self.has(key) else found.code

    def number(self, value: int) -> str:
        """`3.000`."""
        return f"{value:,}".replace(",", self._phrases["format.thousands"])

    def plural(self, value: int, one: str, many: str) -> str:
        """`1 falha`, `0 falhas`, `3.000 falhas`."""
        return f"{self.number(value)} {one if value == 1 else many}"

    def time(self, at: datetime, now: datetime | None = None) -> str:
        """`14:32`; with the day (`22/11 14:32`) when that is not the day of `now`, or `now` is not told.

        With the year, too, when the day alone might be taken for another: half a year from `now`, or more.
        """
        local = self.local(at)
        if now is not None and self.is_same_day(at, now):
            return f"{local:%H:%M}"
        gap, month = self._phrases["format.day_month"], self._phrases[f"format.month_{local.month}"]
        year = f"{gap}{local.year}" if now is not None and abs(at - now) > _HALF_A_YEAR else ""
        return f"{local:%d}{gap}{month}{year} {local:%H:%M}"

    def short_day(self, day: date) -> str:
        """`22/11`."""
        return f"{day:%d}{self._phrases['format.day_month']}{self._phrases[f'format.month_{day.month}']}"

    def short_month(self, day: date) -> str:
        """`11/26`."""
        return f"{self._phrases[f'format.month_{day.month}']}{self._phrases['format.day_month']}{day:%y}"

    def moment(self, at: datetime, now: datetime) -> str:
        """As `time`, and tomorrow is called so: `amanhã 23/11 08:00`."""
        tomorrow = self.local(at).date() - self.local(now).date() == timedelta(days=1)
        return f"{self._phrases['format.tomorrow']} {self.time(at, now)}" if tomorrow else self.time(at, now)

    def when(self, at: datetime, now: datetime | None = None) -> str:
        """`às 14:32`, or `em 22/11 14:32`, by the same rule as `time`."""
        same_day = now is not None and self.is_same_day(at, now)
        preposition = self._phrases["format.at_time" if same_day else "format.on_day"]
        return f"{preposition} {self.time(at, now)}"

    def clock(self, at: datetime) -> str:
        """`14:32:05`."""
        return f"{self.local(at):%H:%M:%S}"

    def stamp(self, at: datetime) -> str:
        """`2026-11-22 14:32:05`, local: what a spreadsheet reads and sorts."""
        return f"{self.local(at):%Y-%m-%d %H:%M:%S}"

    def is_same_day(self, at: datetime, now: datetime) -> bool:
        """Whether both are on one local day."""
        return self.local(at).date() == self.local(now).date()

    def day(self, day: date) -> tuple[datetime, datetime]:
        """When a local day begins and when the next one does. OverflowError at the ends of the calendar."""
        begins = (datetime.combine(one, time(), self._tz) for one in (day, day + timedelta(days=1)))
        first, last = (at.astimezone(UTC) for at in begins)
        return first, last

    def local(self, at: datetime) -> datetime:
        """In the zone of the words; as it is at the two ends of what a datetime can hold."""
        try:
            return at.astimezone(self._tz)
        except OverflowError:
            return at

    def _environment(self, *, autoescape: bool) -> Environment:
        env = Environment(
            autoescape=autoescape,  # noqa: S701  off only for what is never read as HTML
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=self._presentable,
        )
        env.filters |= {
            "number": self.number,
            "plural": self.plural,
            "time": self.time,
            "moment": self.moment,
            "clock": self.clock,
            "coded": self.coded,
            "when": self.when,
            "duration": duration,
        }
        return env

    def _presentable(self, value: object) -> object:
        return self.trouble(value) if isinstance(value, Trouble) else _presentable(value)

    def _template(self, key: str, *, html: bool) -> Template:
        """Compiled at the first use: 400 templates at once would cost a third of the time to start."""
        known = self._ready.get((key, html))
        if known is None:
            known = (self._html if html else self._text).from_string(self._phrases[key])
            self._ready[key, html] = known
        return known


@cache
def phrases(language: str) -> Mapping[str, str]:
    """Every phrase of a language by its dotted key; read once, as that takes 15 ms."""
    text = files(__name__).joinpath(f"{language}.toml").read_text(encoding="utf-8")
    return MappingProxyType(dict(_flat(tomllib.loads(text))))


def words_in(folder: str, language: str) -> dict[str, str]:
    """The phrases in `words.toml` of a package: there each language is a table; none where it has no file."""
    file = files(folder).joinpath("words.toml")
    tables = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return dict(_flat(tables.get(language, {})))


def duration(value: timedelta | float) -> str:
    """`42 s`, `12 min`, `2 h 05 min`, `1 d 3 h`; the same in both languages, never below zero."""
    seconds = max(0, int(value.total_seconds() if isinstance(value, timedelta) else value))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60:02} min"
    return f"{minutes} min" if minutes else f"{seconds} s"


def units(text: str) -> int:
    """The length of a text as Telegram counts it: UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def shorten(text: str, at_most: int) -> str:
    """The text in at most that many UTF-16 units, with `…` where something was cut."""
    if units(text) <= at_most:
        return text
    kept = text[:at_most]
    while units(kept) > at_most - 1:
        kept = kept[:-1]
    return f"{kept}…"


def clean(text: str) -> str:
    """A foreign text in one line, without what breaks a message.

    Lone surrogates cannot be encoded at all; direction overrides would turn the words after them around.
    """
    if text.isprintable():
        return " ".join(text.split())
    kept = (
        c for c in text if c.isspace() or (unicodedata.category(c) not in {"Cc", "Cs"} and c not in _BIDI)
    )
    return " ".join("".join(kept).split())


def _presentable(value: object) -> object:
    """What a fact looks like in a phrase; a text from outside may be of any length and hold anything."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, Who):
        value = value.name
    elif isinstance(value, Port):
        value = value.label
    return shorten(clean(value), VALUE_AT_MOST) if isinstance(value, str) else value


def _flat(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)
