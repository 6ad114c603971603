"""The page of the demo: the phone, the pretend ISP and the customers' phones in a browser.

The server shows what a `Stage` tells and hands on what a person does; it decides nothing. It listens on
loopback only, and refuses what another site could make a browser send.
"""

import asyncio
import contextlib
import ipaddress
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from aiohttp import web

from bot.simulator.page.actions import Actions, Impossible
from bot.simulator.page.feed import Feed
from bot.simulator.stage.stage import Stage

FOLDER = Path(__file__).with_name("static")
PICTURES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
LANGUAGES = {"pt": "pt-BR", "en": "en"}
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
MAX_BODY = 16 * 1024
NO_ANSWER = 20.0  # seconds until a person reads that a tap came to nothing
MAX_TEXT = 4096  # UTF-16 units: the length of a message
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


class PageServer:
    """The web page of a stage.

    Args:
        stage: What it shows and does.
        lang: "pt" or "en": the page's words where its address does not say ``?lang=``.
    """

    def __init__(self, stage: Stage, lang: str = "pt") -> None:
        self._stage, self._lang = stage, lang
        self._feed = Feed(stage)
        self._actions = Actions(stage)
        self._runner: web.AppRunner | None = None
        self._working: set[asyncio.Task[Any]] = set()
        self._address: tuple[str, int] | None = None

    @property
    def url(self) -> str:
        """The address to open; RuntimeError before the first start."""
        if self._address is None:
            raise RuntimeError("the page was never started")
        return "http://{}:{}/".format(*self._address)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """The page is there; port 0 takes a free one.

        Raises:
            OSError: The port is taken.
            ValueError: Not an address of loopback.
        """
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"the page is for this machine only, not for {host}")
        app = web.Application(client_max_size=MAX_BODY, middlewares=[self._guarded])
        app.router.add_get("/", self._index)
        app.router.add_get("/page/{name}", self._static)
        app.router.add_get("/events", self._feed.stream)
        app.router.add_get("/document/{id}", self._document)
        app.router.add_post("/api/tap", self._tap)
        app.router.add_post("/api/say", self._say)
        app.router.add_post("/api/do", self._do)
        app.on_response_prepare.append(_add_headers)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner, self._address = runner, (host, runner.addresses[0][1])
        self._feed.start()

    async def stop(self) -> None:
        """Nobody is served any more; requests and streams are cut off, and no task is left."""
        if self._runner is None:
            return
        runner, self._runner = self._runner, None
        for site in list(runner.sites):
            await site.stop()
        await self._feed.stop()
        await self._actions.stop()
        while self._working:
            for task in self._working:
                task.cancel()
            await asyncio.wait(self._working, timeout=1)  # again: a task may miss it once
        await runner.cleanup()
        await asyncio.sleep(0)  # the tasks of the connections end in the turn after

    @web.middleware
    async def _guarded(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        task = asyncio.current_task()
        if task is not None:
            self._working.add(task)
            task.add_done_callback(self._working.discard)
        try:
            _check_caller(request)
            return await handler(request)
        except Impossible as impossible:
            return _refusal(400, impossible.line, impossible.code)
        except web.HTTPException as error:
            return _refusal(error.status, error.text or error.reason)

    async def _index(self, request: web.Request) -> web.Response:
        lang = LANGUAGES.get(request.query.get("lang", self._lang), LANGUAGES["pt"])
        page = (FOLDER / "index.html").read_text(encoding="utf-8")
        return web.Response(text=page.replace('lang="pt-BR"', f'lang="{lang}"', 1), content_type="text/html")

    async def _static(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        file = next((f for f in FOLDER.iterdir() if f.name == name and f.suffix in TYPES), None)
        if file is None:
            raise web.HTTPNotFound
        return web.Response(body=file.read_bytes(), content_type=TYPES[file.suffix], charset="utf-8")

    async def _document(self, request: web.Request) -> web.Response:
        message = self._stage.chat.files.get(request.match_info["id"])
        if message is None or message.deleted:
            raise web.HTTPNotFound
        name = f"attachment; filename*=UTF-8''{quote(message.filename or 'file', safe='')}"
        # A picture, or else never a type that a browser would run, whatever the file calls itself.
        kind = PICTURES.get(Path(message.filename or "").suffix.lower(), "application/octet-stream")
        return web.Response(body=message.document, content_type=kind, headers={"Content-Disposition": name})

    async def _tap(self, request: web.Request) -> web.Response:
        body = await _json(request)
        user, chat = self._person(body), self._chat(body)
        message, data = _field(body, "message", int), _field(body, "data", str)
        try:
            async with asyncio.timeout(NO_ANSWER):
                answer = await self._stage.tap(user, message, data, chat)
        except LookupError as error:
            raise Impossible(str(error), "gone") from None
        except TimeoutError:
            return _refusal(504, "the bot did not answer the tap", "no_answer")
        return _answer({"text": answer.text, "alert": answer.show_alert})

    async def _say(self, request: web.Request) -> web.Response:
        body = await _json(request)
        user, chat, text = self._person(body), self._chat(body), _field(body, "text", str).strip()
        if not 0 < len(text) <= MAX_TEXT:
            raise Impossible(f"a message has 1 to {MAX_TEXT} characters")
        message = await self._stage.say(user, text, chat)
        return _answer({"message": message.id})

    async def _do(self, request: web.Request) -> web.Response:
        body = await _json(request)
        return _answer(await self._actions.do(_field(body, "action", str), body))

    def _person(self, body: dict[str, Any]) -> int:
        user: int = _field(body, "user", int)
        if user not in self._stage.chat.users:
            raise Impossible(f"there is no user {user}")
        return user

    def _chat(self, body: dict[str, Any]) -> int | None:
        """None for the group; a person's private chat is theirs alone."""
        private = body.get("private", False)
        if not isinstance(private, bool):
            raise Impossible("private must be true or false")
        return self._person(body) if private else None


def _check_caller(request: web.Request) -> None:
    """Whoever reached us by another name, or from another site's page, is refused.

    A name that another site's DNS points at loopback would give that site's script the same origin as us.
    """
    with contextlib.suppress(ValueError):
        if urlsplit(f"//{request.host}").hostname in LOOPBACK:
            origin = request.headers.get("Origin")
            if origin in {None, f"http://{request.host}"}:
                return
    raise web.HTTPForbidden(text="this page is for this machine only")


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


async def _json(request: web.Request) -> dict[str, Any]:
    if request.content_type != "application/json":  # a form of another site cannot send this type
        raise web.HTTPUnsupportedMediaType(text="send application/json")
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise Impossible("the body is not JSON") from None
    if not isinstance(body, dict):
        raise Impossible("the body must be a JSON object")
    return body


def _field(body: dict[str, Any], name: str, kind: type) -> Any:
    value = body.get(name)
    if type(value) is not kind:
        raise Impossible(f"{name} must be {'a number' if kind is int else 'a text'}")
    return value


def _answer(body: dict[str, Any]) -> web.Response:
    return web.json_response(body)


def _refusal(status: int, line: str, code: str = "bad") -> web.Response:
    return web.json_response({"error": line, "code": code}, status=status)
