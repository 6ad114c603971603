"""What years of cases come to: when outages happen, how many fell, which ports, how fast people decide."""

from datetime import timedelta

from markupsafe import Markup

from bot.chat.screens.charts.bars import LEFT, RIGHT, Bar, bars
from bot.chat.screens.charts.drawing import SMALL, TEXT, WIDTH, Chart, box, label
from bot.chat.screens.words import Words, duration, shorten
from bot.domain.figures.past import WAITS, Bucket, Past

_EDGE, _TITLE, _TOP = 16, 32, 58
_ROW, _SHADES, _HOURS = 30, 5, 4
_NAMED = 6  # bars whose day is written under them
_LABEL = 36  # characters of a port
_HOUR = 3600  # seconds


def charts(past: Past, words: Words) -> list[Chart]:
    """All of them, in the order of the page."""
    return [heat(past, words), days(past, words), falls(past, words), waits(past, words)]


def heat(past: Past, words: Words) -> Chart:
    """Outages by weekday and hour: the darker the more."""
    most = max(map(max, past.heat))
    width = (RIGHT - LEFT) / 24
    drawn = [_title(words.plain("chart.heat"))]
    for weekday, hours in enumerate(past.heat):
        y, name = _TOP + weekday * _ROW, words.plain(f"chart.weekday_{weekday}")
        drawn.append(label(LEFT - 8, y + 21, name, size=SMALL, of="dim", at="end"))
        for hour, n in enumerate(hours):
            told = words.plain("chart.heat_cell", day=name, hour=hour, n=n)
            drawn.append(
                box(LEFT + hour * width, y, width - 2, _ROW - 2, f"heat{_shade(n, most)}", told=told)
            )
    bottom = _TOP + 7 * _ROW
    for hour in range(0, 24, _HOURS):
        x = LEFT + (hour + 0.5) * width - 1
        drawn.append(label(x, bottom + 20, f"{hour} h", size=SMALL, of="dim", at="middle"))
    drawn.append(_shades(bottom + 36, most, words))
    return _chart("heat", bottom + 64, words.plain("chart.heat"), _of_heat(past, most, words), drawn)


def days(past: Past, words: Words) -> Chart:
    """Customers who fell, by day, week or month."""
    title = words.plain(f"chart.off_{past.step}")
    every = -(-len(past.days) // _NAMED)
    named = [
        Bar(
            (("bar", bucket.off),),
            _day(bucket, past, words) if n % every == every // 2 else "",
            words.plain("chart.off_one", day=_day(bucket, past, words), n=bucket.off),
        )
        for n, bucket in enumerate(past.days)
    ]
    most = max(past.days, key=lambda bucket: bucket.off)
    says = words.plain("chart.off_says", n=past.off, day=_day(most, past, words), most=most.off)
    drawn = [_title(title), bars(named, _TOP + 10, 260, words)]
    return _chart("days", 300, title, says, drawn)


def falls(past: Past, words: Words) -> Chart:
    """The ports that fell most."""
    title, drawn = words.plain("chart.falls"), list[Markup]()
    most = max((one.times for one in past.falls), default=1)
    for n, one in enumerate(past.falls):
        y = _TOP + n * 44
        said = words.plain("chart.fell", n=one.times, lasted=duration(timedelta(seconds=one.seconds)))
        drawn += [
            label(_EDGE, y + 14, shorten(one.label, _LABEL), size=SMALL, bold=True),
            label(WIDTH - _EDGE, y + 14, said, size=SMALL, of="dim", at="end"),
            box(_EDGE, y + 20, (WIDTH - 2 * _EDGE) * one.times / most, 12, "bar"),
        ]
    listed = "; ".join(f"{one.label}: {words.plain('chart.fell_times', n=one.times)}" for one in past.falls)
    none = words.plain("chart.day_none")
    drawn = drawn or [label(_EDGE, _TOP + 14, none, size=SMALL, of="dim")]
    height = _TOP + 44 * max(len(past.falls), 1)
    return _chart("falls", height, title, listed or none, [_title(title), *drawn])


def waits(past: Past, words: Words) -> Chart:
    """How long a card waited for its decision."""
    title = words.plain("chart.waits")
    names = [f"{end // 3600} h" if end >= _HOUR else f"{end // 60} min" for end in WAITS]
    classes = [f"< {names[0]}", *(f"< {name}" for name in names[1:]), f"≥ {names[-1]}"]
    found = [
        Bar((("bar", n),), name, words.plain("chart.wait", within=name, n=n))
        for name, n in zip(classes, past.waits, strict=True)
    ]
    decided = sum(past.waits)
    median = None if past.median is None else duration(past.median)
    says = words.plain("chart.waits_says", n=decided, median=median)
    drawn = [_title(title), label(_EDGE, 60, says, size=SMALL, of="dim"), bars(found, 92, 260, words)]
    return _chart("waits", 300, title, says, drawn)


def _chart(name: str, height: int, title: str, says: str, drawn: list[Markup]) -> Chart:
    return Chart(name, height, title, says, Markup().join(drawn))


def _title(text: str) -> Markup:
    return label(_EDGE, _TITLE, text, size=TEXT, bold=True)


def _shade(n: int, most: int) -> int:
    """None is none; the least of all is not."""
    return 0 if not n else max(1, round(_SHADES * n / most))


def _shades(y: float, most: int, words: Words) -> Markup:
    drawn = [label(LEFT, y + 16, "0", size=SMALL, of="dim")]
    drawn += [box(LEFT + 18 + n * 24, y, 22, 20, f"heat{n}") for n in range(_SHADES + 1)]
    drawn.append(label(LEFT + 24 + 6 * 24, y + 16, words.number(most), size=SMALL, of="dim"))
    return Markup().join(drawn)


def _of_heat(past: Past, most: int, words: Words) -> str:
    weekday = max(range(7), key=lambda day: max(past.heat[day]))
    hour = past.heat[weekday].index(most)
    day = words.plain(f"chart.weekday_{weekday}")
    return words.plain("chart.heat_says", n=past.cases, day=day, hour=hour, most=most)


def _day(bucket: Bucket, past: Past, words: Words) -> str:
    return words.short_month(bucket.first) if past.step == "month" else words.short_day(bucket.first)
