"""The last day: outages by hour, and what is on and was told, in one drawing."""

from datetime import datetime, timedelta

from markupsafe import Markup

from bot.chat.screens.charts.bars import LEFT, Bar, bars
from bot.chat.screens.charts.drawing import BIG, SMALL, TEXT, WIDTH, Chart, box, label
from bot.chat.screens.words import Words
from bot.domain.figures.day import HOUR, HOURS, Day
from bot.domain.incident import Kind

_HEIGHT, _TOP, _BOTTOM, _EDGE = 420, 196, 340, 16
_EACH = 4  # hours from one that is named to the next


def since(now: datetime, words: Words) -> datetime:
    """When the day begins that is shown at `now`: with a whole hour by the reader's clock."""
    local = words.local(now)
    return (
        now
        - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        - (HOURS - 1) * HOUR
    )


def line_of_day(day: Day, words: Words) -> Markup:
    """The same as a line of text."""
    return words.say("chart.day_line", **_facts(day))


def day_chart(day: Day, words: Words) -> Chart:
    """The drawing."""
    title = words.plain("chart.day_title", n=day.cases)
    at = words.time(day.until)
    drawn = [
        label(_EDGE, 36, title, size=TEXT + 4, bold=True),
        label(WIDTH - _EDGE, 36, at, size=SMALL, of="dim", at="end"),
        *_tiles(day, words),
        bars([_bar(day, hour, words) for hour in range(HOURS)], _TOP, _BOTTOM, words),
        _legend(day, words),
    ]
    says = line_of_day(day, words).striptags()
    return Chart("day", _HEIGHT, title, says, Markup().join(drawn))


def _facts(day: Day) -> dict[str, object]:
    return {
        "n": day.cases,
        "open": day.open,
        "off": day.off,
        "uncounted": day.uncounted,
        "warned": day.warned,
        "delivered": day.delivered,
    }


def _tiles(day: Day, words: Words) -> list[Markup]:
    off = f"{words.number(day.off)}{'+' if day.uncounted else ''}"
    delivered = "–" if day.delivered is None else words.number(day.delivered)
    values = (
        ("open", words.number(day.open)),
        ("off", off),
        ("warned", words.number(day.warned)),
        ("delivered", delivered),
    )
    width = (WIDTH - 2 * _EDGE) / len(values)
    drawn = []
    for number, (what, value) in enumerate(values):
        x = _EDGE + number * width
        drawn += [
            label(x, 106, value, size=BIG, bold=True),
            label(x, 134, words.plain(f"chart.{what}"), size=SMALL, of="dim"),
        ]
    return drawn


def _bar(day: Day, hour: int, words: Words) -> Bar:
    begins = words.local(day.since + hour * HOUR)
    counts = day.hours[hour]
    told = words.plain("chart.hour", hour=begins.hour, n=sum(counts.values()))
    under = f"{begins.hour} h" if begins.hour % _EACH == 0 else ""
    return Bar(tuple((kind.value, counts.get(kind, 0)) for kind in Kind), under, told)


def _legend(day: Day, words: Words) -> Markup:
    x, drawn = float(LEFT), []
    for kind in Kind:
        n = sum(hour.get(kind, 0) for hour in day.hours)
        if n:
            said = f"{words.plain(f'chart.{kind}')} {words.number(n)}"
            drawn += [box(x, _HEIGHT - 34, 16, 16, kind.value), label(x + 24, _HEIGHT - 20, said, size=SMALL)]
            x += 54 + 9.5 * len(said)
    none = label(LEFT, _HEIGHT - 20, words.plain("chart.day_none"), of="dim", size=SMALL)
    return Markup().join(drawn) or none
