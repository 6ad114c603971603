"""Drawings: what they say, to who sees them and to who does not; nothing foreign is markup in them."""

from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import bot
from bot.chat.screens.charts.bars import top_of
from bot.chat.screens.charts.day import day_chart, line_of_day, since
from bot.chat.screens.charts.drawing import COLOURS, Chart, label
from bot.chat.screens.charts.past import charts
from bot.chat.screens.words import Words
from bot.domain.figures.day import HOUR, Day
from bot.domain.figures.past import Fallen, Opened, past_of
from bot.domain.incident import Kind
from tests.chat.screens import EN, PT, ZONE
from tests.fakes import NOON

NOW = NOON + timedelta(minutes=32)
SVG = "{http://www.w3.org/2000/svg}"


def day(*hours: dict[Kind, int], delivered: int | None = 4987, uncounted: int = 0) -> Day:
    bars = (*hours, *({},) * (24 - len(hours)))
    return Day(since(NOW, PT), NOW, bars, 3, 1284, uncounted, 5310, delivered)


def texts(svg: str) -> list[str]:
    return [node.text or "" for node in ET.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314 - our own


def test_a_day_begins_with_a_whole_hour_of_the_reader() -> None:
    assert PT.local(since(NOW, PT)).strftime("%d %H:%M") == "21 13:00"
    assert NOW - since(NOW, PT) < 24 * HOUR


def test_the_picture_and_its_line_say_the_same() -> None:
    found = day({Kind.LOS: 2, Kind.POWER: 1}, {Kind.OTHER: 4}, uncounted=1)
    said = str(line_of_day(found, PT))
    assert said == (
        "📊 Últimas 24 h: 7 quedas · 3 em aberto (1.284+ sem sinal) · 5.310 clientes avisados, "
        "4.987 mensagens entregues"
    )
    chart = day_chart(found, PT)
    assert chart.says == said
    shown = texts(chart.alone())
    for text in (
        "7 quedas nas últimas 24 h",
        "3",
        "1.284+",
        "5.310",
        "4.987",
        "LOS 2",
        "energia 1",
        "outras 4",
    ):
        assert text in shown
    assert [text for text in shown if text[:-2].isdecimal() and text.endswith(" h")] == [
        "16 h",
        "20 h",
        "0 h",
        "4 h",
        "8 h",
        "12 h",
    ]


@pytest.mark.parametrize(("words", "none"), [(PT, "Nenhuma queda"), (EN, "No outage")])
def test_a_quiet_day_and_a_gateway_that_tells_nothing(words: Words, none: str) -> None:
    shown = texts(day_chart(day(delivered=None), words).alone())
    assert none in shown
    assert "–" in shown, "unknown is not none"


def test_on_a_page_it_says_what_it_shows_to_who_cannot_see_it() -> None:
    chart = day_chart(day({Kind.LOS: 1}), EN)
    root = ET.fromstring(str(chart.inline()))  # noqa: S314 - our own
    assert root.get("role") == "img"
    named = {node.get("id"): node.text for node in root if node.tag in {f"{SVG}title", f"{SVG}desc"}}
    assert root.get("aria-labelledby") == " ".join(map(str, named))
    assert list(named.values()) == [chart.title, chart.says]
    assert not root.findall(f"{SVG}style"), "a page allows no style but its own sheet"


def test_nothing_from_outside_is_markup() -> None:
    chart = Chart("x", 10, "<b>", "&", label(0, 0, "<script>\x07\ud800 & 1/2"))
    assert texts(chart.alone()) == ["<script> & 1/2"]


def test_every_class_has_its_colour_on_a_page() -> None:
    sheet = (Path(bot.__file__).parent / "ops/panel/static/panel.css").read_text()
    assert [name for name in COLOURS if f".chart .{name} {{ fill: " not in sheet] == []


@pytest.mark.parametrize(("most", "top"), [(0, 1), (1, 1), (3, 4), (11, 20), (20, 20), (4987, 6000)])
def test_a_scale_ends_at_a_round_number(most: int, top: int) -> None:
    assert top_of(most) == top


def test_what_years_come_to() -> None:
    at = int(NOON.timestamp())  # a Sunday, 12 h there
    opened = [Opened(at, 40, 30), Opened(at, 60, 4000), Opened(at + 90_000, None, None)]
    falls = [Fallen("CB 01 <1>/1", 7, 7500), Fallen("CB 02 1/2", 1, 60)]
    days = NOON.date(), NOON.date() + timedelta(days=1)
    drawn = charts(past_of(opened, falls, days, zone=ZONE), PT)
    assert [chart.says for chart in drawn] == [
        "3 quedas; o máximo: dom, 12 h (2)",
        "100 no total; o máximo foi 100 em 22/11. Quem caiu duas vezes conta duas.",
        "CB 01 <1>/1: 7 vezes; CB 02 1/2: 1 vez",
        "2 casos decididos; metade em até 33 min",
    ]
    shown = [texts(chart.alone()) for chart in drawn]
    assert {"seg", "sáb", "20 h", "2"} <= set(shown[0])
    assert {"Clientes sem sinal por dia", "22/11", "23/11"} <= set(shown[1])
    assert {"CB 01 <1>/1", "7× · 2 h 05 min"} <= set(shown[2])
    assert {"< 1 min", "< 1 h", "≥ 1 h"} <= set(shown[3])


@pytest.mark.parametrize(("words", "none"), [(PT, "Nenhuma queda"), (EN, "No outage")])
def test_years_in_which_nothing_happened(words: Words, none: str) -> None:
    drawn = charts(past_of([], [], (date(2024, 1, 1), date(2026, 11, 30)), zone=ZONE), words)
    assert none in texts(drawn[2].alone())
    assert drawn[1].title in {"Clientes sem sinal por mês", "Customers without signal by month"}
