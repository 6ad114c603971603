"""An SVG drawing: escaped elements, what it says to who cannot see it, and its colours.

Colours are classes: on a page its style sheet gives them, a picture brings light ones along.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup, escape

from bot.chat.screens.words import clean

FONT = "Lato"
"""What pictures are written in; a page falls back on what the reader has."""
WIDTH = 600
"""Units across: shown at 360 pixels a text of 20 has 12."""
BIG, TEXT, SMALL = 36, 20, 18
COLOURS = {
    "paper": "#ffffff",
    "ink": "#1b1f24",
    "dim": "#57606a",
    "grid": "#d0d7de",
    "LOS": "#c1272d",
    "POWER": "#e8a200",
    "OTHER": "#6e7781",
    "bar": "#0b66b8",
    "heat0": "#eef1f4",
    "heat1": "#cfe1f2",
    "heat2": "#93c0e6",
    "heat3": "#4a90cc",
    "heat4": "#0b5ea8",
    "heat5": "#05305c",
}


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing. `title` says what it shows, `says` what is to be seen in it, for who cannot see it."""

    name: str
    height: int
    title: str
    says: str
    body: Markup

    def inline(self) -> Markup:
        """As a part of a page, as wide as its place."""
        named = {"role": "img", "aria-labelledby": f"{self.name}-title {self.name}-says", "class": "chart"}
        return self._svg(named, Markup())

    def alone(self) -> str:
        """As a document of its own, with its colours."""
        style = element("style", text=Markup(_rules(COLOURS)))  # noqa: S704 - our own constants
        paper = element("rect", {"class": "paper", "width": WIDTH, "height": self.height})
        return str(self._svg({"class": "chart", "width": WIDTH, "height": self.height}, style + paper))

    def _svg(self, attributes: Mapping[str, object], first: Markup) -> Markup:
        box = {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {WIDTH} {self.height}"}
        title = element("title", {"id": f"{self.name}-title"}, text=self.title)
        says = element("desc", {"id": f"{self.name}-says"}, text=self.says)
        return element("svg", {**box, **attributes}, text=title + says + first + self.body)


def element(name: str, attributes: Mapping[str, object] | None = None, text: str = "") -> Markup:
    """One element; what is no `Markup` is escaped. Numbers have one digit behind the point at most."""
    given = "".join(f' {key}="{escape(_number(value))}"' for key, value in (attributes or {}).items())
    return Markup(f"<{name}{given}>{escape(text)}</{name}>")  # noqa: S704 - each part is escaped or our own


def label(
    x: float,
    y: float,
    text: object,
    *,
    size: int = TEXT,
    of: str = "ink",
    at: str = "start",
    bold: bool = False,
) -> Markup:
    """A text whose line stands at `y`, from `x` on (`at` start), around it or up to it (middle, end)."""
    place: dict[str, object] = {"class": of, "x": x, "y": y, "font-size": size, "text-anchor": at}
    if bold:
        place["font-weight"] = "700"
    return element("text", place, text=clean(str(text)))


def box(x: float, y: float, width: float, height: float, of: str, *, told: str = "") -> Markup:
    """A filled rectangle; `told` is shown to who points at it."""
    place: dict[str, object] = {"class": of, "x": x, "y": y, "width": width, "height": height}
    return element("rect", place, text=element("title", text=told) if told else "")


def line(x: float, y: float, to: float, of: str = "grid") -> Markup:
    """A level line."""
    return box(x, y, to - x, 1, of)


def _rules(colours: Mapping[str, str]) -> str:
    font = f".chart text {{ font-family: {FONT}, system-ui, sans-serif; }}\n"
    return font + "".join(f".chart .{name} {{ fill: {colour}; }}\n" for name, colour in colours.items())


def _number(value: object) -> object:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else value
