"""What a page is, and how one is drawn: Jinja2 templates, the bot's own words, nothing of anybody else."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bot.chat.screens.words import Words, duration
from bot.domain.phone import without_phones
from bot.domain.who import Who
from bot.ops.server import Request, Response, Route

ROOT = "/panel/"
STATIC = f"{ROOT}static/"
_SIGNS = re.compile("[\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\ufe0f\u20e3\U0001f000-\U0001faff]+ ?")
_HERE = Path(__file__).parent
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOR_GOOD = (("Cache-Control", "public, max-age=31536000, immutable"),)  # another content has another address
_CONTENT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
GUARDS = (
    ("Content-Security-Policy", _CONTENT),
    # Not `no-referrer`: a browser then says of our own form, too, that it comes from nowhere.
    ("Referrer-Policy", "same-origin"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
"""What goes along with whatever the panel answers."""
_PRIVATE = (("Cache-Control", "no-store"),)


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody opens a page, at this time. `query` has the last value of each name.

    `opened` writes into the ledger, before it is shown, that this person opened customers' names or phones,
    of a case (None: of several). LedgerClosed where that cannot be written, Declined where nobody can tell
    now whether they still may, or they open too many: then it is not shown.
    """

    query: Mapping[str, str]
    who: Who
    words: Words
    now: datetime
    opened: Callable[[int | None], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Page:
    """A page at `ROOT` and `path`: `name` is that of its title (`panel.page_<name>`).

    `draw` gives what stands in its main part, or a whole answer (a sheet). One that is `listed` stands in
    the navigation, one that is `live` is kept true by the script.
    """

    path: str
    name: str
    draw: Callable[[Visit], Awaitable[Markup | Response]]
    listed: bool = True
    live: bool = False


class Templates:
    """The templates of the pages, in the words of the bot."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self._env = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,  # else the disk is asked about the file each time it is drawn
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._env.filters |= {
            "duration": duration,
            "number": words.number,
            "time": words.time,
            "for_wall": for_wall,
            "without_phones": without_phones,
        }
        self._env.globals |= {
            "say": words.say,
            "plain": words.plain,
            "root": ROOT,
            "lang": words.language.replace("_", "-"),
            "css": address("panel.css"),
            "js": address("panel.js"),
            "icon": address("icon.svg"),
        }

    def draw(self, template: str, /, **facts: object) -> Markup:
        """A template filled."""
        return Markup(self._env.get_template(template).render(facts))  # noqa: S704 - rendered with autoescape

    def page(self, name: str, main: Markup, **facts: object) -> Response:
        """A whole page."""
        return html(HTTPStatus.OK, self.draw("page.html", name=name, main=main, **facts))

    def notice(self, status: HTTPStatus, name: str, *headers: tuple[str, str], **facts: object) -> Response:
        """A page that says one thing, `panel.notice_<name>`, to whoever may see no other."""
        return html(status, self.draw("notice.html", name=name, **facts), *headers)


def for_wall(line: Markup) -> Markup:
    """A line of a card for whoever passes by: a phone that somebody typed is masked.

    It has no signs, as a wall's screen may not have them, and readers read them out.
    """
    return Markup(without_phones(_SIGNS.sub("", line)))  # noqa: S704 - it was markup before


def html(status: HTTPStatus, content: str, *headers: tuple[str, str]) -> Response:
    """No copy of it is kept on the way."""
    return Response(status, content.encode(), "text/html; charset=utf-8", (*_PRIVATE, *GUARDS, *headers))


def address(name: str) -> str:
    """Where a file of the pages is, as it is now."""
    return f"{STATIC}{name}?v={sha256((_HERE / 'static' / name).read_bytes()).hexdigest()[:12]}"


def static() -> dict[str, Route]:
    """The files of the pages: anybody may have them, they tell nothing."""
    return {f"{STATIC}{file.name}": _file(file) for file in sorted((_HERE / "static").iterdir())}


def _file(file: Path) -> Route:
    content, type_ = file.read_bytes(), _TYPES[file.suffix]

    async def answer(_request: Request) -> Response:
        return Response(HTTPStatus.OK, content, type_, (*_FOR_GOOD, *GUARDS))

    return Route(answer)
