"""The panel on the HTTP port: a link lets an approver in, a cookie keeps them in, and pages are shown.

Nothing here changes anything but who is in. Whoever is not hears the same on every path.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from urllib.parse import parse_qs, urlencode, urlsplit

from bot.chat.screens.words import Words
from bot.domain.events import PageOpened
from bot.domain.who import Who
from bot.errors import Declined, LedgerClosed
from bot.ops.panel.doors import SESSION, Doors, Session
from bot.ops.panel.pages import GUARDS, ROOT, Page, Templates, Visit, static
from bot.ops.server import Request, Response, Route
from bot.ports import Clock, Ledger

ENTER, LEAVE = f"{ROOT}enter", f"{ROOT}leave"
AGAIN = 30.0  # seconds after which it is asked anew whether somebody still may
PATIENCE = 2.0  # seconds that a page waits for the answer
_FORM = 2048  # bytes
log = logging.getLogger(__name__)

Ask = Callable[[Who], Awaitable[bool | None]]
"""Whether somebody may decide, as Telegram says now; None where it does not say."""


@dataclass(slots=True)
class _Asked:
    at: float
    task: "asyncio.Task[bool | None]"


class _Elsewhere(Exception):
    """Personal data was asked for by a link of another site."""


class Panel:
    """What answers below `ROOT`. `url` is how a browser reaches it, `ask` says who may."""

    def __init__(self, url: str, ask: Ask, ledger: Ledger, words: Words, clock: Clock) -> None:
        self._url, self._ask, self._ledger, self._clock = url, ask, ledger, clock
        self._doors = Doors(clock.monotonic)
        self._templates = Templates(words)
        self._asked: dict[int, _Asked] = {}
        self._secure = urlsplit(url).scheme == "https"
        # With this beginning a browser takes it from this host alone, by TLS alone, for every path.
        self._cookie = "__Host-panel" if self._secure else "panel"

    @property
    def templates(self) -> Templates:
        """How its pages are drawn."""
        return self._templates

    def link(self, who: Who) -> str:
        """What lets this person in, once and for ten minutes."""
        return f"{self._url}{ENTER}?t={self._doors.link(who)}"

    def heard(self, user: int) -> None:
        """Telegram says that this person is something else in the group now."""
        self._asked.pop(user, None)

    async def holds(self, session: Session) -> bool:
        """Whether somebody who is in still may be: it is asked again and again.

        Where Telegram does not say, they stay, as they may have to see what is going on just then.
        """
        if not self._doors.holds(session):
            return False
        if await self._may(session.who) is False:
            self._doors.shut(session.who.id)
        return self._doors.holds(session)

    def routes(self, pages: Sequence[Page]) -> dict[str, Route]:
        """By path. Whatever stands below `ROOT` and is nobody's answers as the pages do to a stranger."""
        listed = [(ROOT + page.path, page.name) for page in pages if page.listed]
        shown = {ROOT + page.path: Route(self.guarded(self._page(page, listed))) for page in pages}
        return {
            ROOT.rstrip("/"): Route(self.guarded(_to_the_first)),
            ROOT: Route(self.guarded(self._nothing)),
            **shown,
            **static(),
            ENTER: Route(self._enter, ("GET", "HEAD", "POST"), _FORM),
            LEAVE: Route(self._leave, ("POST",), _FORM),
        }

    def guarded(
        self, answer: Callable[[Request, Session], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Whoever is not in hears so, and nothing else."""

        async def guard(request: Request) -> Response:
            session = self._doors.session(self._brought(request))
            if session is None or not await self.holds(session):
                return self._templates.notice(HTTPStatus.UNAUTHORIZED, "out")
            return await answer(request, session)

        return guard

    def _page(
        self, page: Page, listed: Sequence[tuple[str, str]]
    ) -> Callable[[Request, Session], Awaitable[Response]]:
        async def answer(request: Request, session: Session) -> Response:
            if page.path == "" and request.path != ROOT:
                return await self._nothing(request, session)
            query = asked(request.query)
            visit = Visit(
                query,
                session.who,
                self._templates.words,
                self._clock.now(),
                partial(self._open, page, session, request),
            )
            try:
                drawn = await page.draw(visit)
            except _Elsewhere:
                return self._templates.notice(HTTPStatus.FORBIDDEN, "elsewhere")
            except (Declined, LedgerClosed) as error:
                log.info("a page could not be shown (%s)", type(error).__name__)
                return self._templates.notice(HTTPStatus.SERVICE_UNAVAILABLE, "not_now")
            if isinstance(drawn, Response):
                return drawn
            kept = urlencode({"region": query["region"]}) if "region" in query else ""
            pages = [(f"{address}?{kept}" if kept else address, name) for address, name in listed]
            return self._templates.page(page.name, drawn, pages=pages, who=session.who, live=page.live)

        return answer

    async def _open(self, page: Page, session: Session, request: Request, of: int | None) -> None:
        """It is on record before anything is shown; nobody's link puts it there for somebody else."""
        if request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            raise _Elsewhere
        if not await self._may(session.who):
            raise Declined("group_unknown")
        if not session.admit(self._clock.monotonic()):
            raise Declined("too_fast")
        line = PageOpened(session.who, page.name, of)
        await self._ledger.commit(lambda _book, _now: [line])

    async def _nothing(self, _request: Request, _session: Session) -> Response:
        return self._templates.notice(HTTPStatus.NOT_FOUND, "nothing")

    async def _enter(self, request: Request) -> Response:
        """A look at the link shows a button; only pressing it uses the link up."""
        if request.method != "POST":
            token = asked(request.query).get("t", "")
            if self._doors.whose(token) is None:
                return self._refused()
            return self._templates.notice(HTTPStatus.OK, "enter", token=token, enter=ENTER)
        if not self._from_here(request):
            return self._templates.notice(HTTPStatus.FORBIDDEN, "elsewhere")
        token = asked(request.body.decode("latin-1")).get("t", "")
        who = self._doors.whose(token)
        if who is None:
            return self._refused()
        self._asked.pop(who.id, None)
        may = await self._may(who)
        cookie = self._doors.enter(token) if may else None
        if cookie is None:
            return self._templates.notice(HTTPStatus.FORBIDDEN, "not_told" if may is None else "used")
        return self._off(ROOT, f"{self._cookie}={cookie}; Max-Age={SESSION:.0f}")

    async def _leave(self, request: Request) -> Response:
        cookie = self._brought(request)
        if self._doors.session(cookie) is None:
            return self._templates.notice(HTTPStatus.UNAUTHORIZED, "out")
        if not self._from_here(request):
            return self._templates.notice(HTTPStatus.FORBIDDEN, "elsewhere")
        self._doors.leave(cookie)
        return self._off(ROOT, f"{self._cookie}=; Max-Age=0")

    def _refused(self) -> Response:
        if self._doors.guessed_at:
            later = ("Retry-After", "60")
            return self._templates.notice(HTTPStatus.TOO_MANY_REQUESTS, "used", later)
        return self._templates.notice(HTTPStatus.FORBIDDEN, "used")

    def _off(self, to: str, cookie: str) -> Response:
        kept = f"{cookie}; Path=/; HttpOnly; SameSite=Lax{'; Secure' if self._secure else ''}"
        headers = (("Location", to), ("Set-Cookie", kept), ("Cache-Control", "no-store"), *GUARDS)
        return Response(HTTPStatus.SEE_OTHER, headers=headers)

    def _brought(self, request: Request) -> str:
        """What the cookie holds, empty where there is none."""
        told = (one.strip().partition("=") for one in request.headers.get("cookie", "").split(";"))
        return next((value for name, _, value in told if name == self._cookie), "")

    def _from_here(self, request: Request) -> bool:
        """Whether a form was sent by a page of ours: a browser says so itself."""
        ours = urlsplit(self._url)
        site = request.headers.get("sec-fetch-site", "same-origin")
        return request.headers.get("origin") == f"{ours.scheme}://{ours.netloc}" and site == "same-origin"

    async def _may(self, who: Who) -> bool | None:
        """Asked once for all who ask at one time, and again half a minute after the last answer."""
        now = self._clock.monotonic()
        self._asked = {user: one for user, one in self._asked.items() if now - one.at < AGAIN}
        asked = self._asked.get(who.id)
        if asked is None:
            task = asyncio.get_running_loop().create_task(_said(self._ask(who)))
            asked = self._asked[who.id] = _Asked(now, task)
        if not asked.task.done():
            await asyncio.wait({asked.task}, timeout=PATIENCE)
        return asked.task.result() if asked.task.done() else None


async def _said(ask: Awaitable[bool | None]) -> bool | None:
    return await ask


async def _to_the_first(_request: Request, _session: Session) -> Response:
    return Response(HTTPStatus.SEE_OTHER, headers=(("Location", ROOT), *GUARDS))


def asked(query: str) -> Mapping[str, str]:
    """The last value of each name; nothing of what is no query."""
    try:
        return {name: values[-1] for name, values in parse_qs(query, max_num_fields=20).items()}
    except ValueError:
        return {}
