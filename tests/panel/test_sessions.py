"""Links and sessions by themselves: how long they hold, how many there are, when Telegram says nothing."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import pytest
from markupsafe import Markup

from bot.domain.book import AuditEntry
from bot.domain.events import PageOpened
from bot.domain.who import Who
from bot.ops.panel.doors import LINK, OF_ONE, OPENED, SESSION, WRONG, Doors
from bot.ops.panel.pages import Page, Visit
from bot.ops.panel.panel import AGAIN, Panel
from bot.ops.server import Request, Response
from bot.storage.memory import MemoryLedger
from tests.chat.screens import PT
from tests.fakes import ANA, BRUNO, FakeClock

SITE = "sec-fetch-site"
URL = "https://noc.example.com"


@dataclass
class Gate:
    """A panel with one page, which has personal data, and Telegram's word on who may."""

    url: str = URL
    clock: FakeClock = field(default_factory=FakeClock)
    may: bool | None = True
    asked: int = 0
    cookie: str = ""

    def __post_init__(self) -> None:
        self.ledger = MemoryLedger(self.clock)
        self.panel = Panel(self.url, self.ask, self.ledger, PT, self.clock)
        self.routes = self.panel.routes((Page("", "now", self.draw),))

    async def ask(self, _who: Who) -> bool | None:
        self.asked += 1
        return self.may

    async def draw(self, visit: Visit) -> Markup:
        if visit.query.get("case"):
            await visit.opened(int(visit.query["case"]))
        return Markup("aberta")

    async def get(
        self, query: str = "", path: str = "/panel/", method: str = "GET", **headers: str
    ) -> Response:
        return await self._ask(path, Request(method, query, {**self._headers(), **headers}, b"", path))

    async def post(self, path: str, body: str = "", **headers: str) -> Response:
        told = {"origin": self.url, **self._headers(), **headers}
        return await self._ask(path, Request("POST", "", told, body.encode(), path))

    async def enter(self, who: Who = ANA, **headers: str) -> Response:
        token = self.panel.link(who).partition("t=")[2]
        entered = await self.post("/panel/enter", f"t={token}", **headers)
        kept = dict(entered.headers).get("Set-Cookie", "")
        self.cookie = kept.partition(";")[0] or self.cookie
        return entered

    async def _ask(self, path: str, request: Request) -> Response:
        return await self.routes[path].answer(request)

    def _headers(self) -> Mapping[str, str]:
        return {"cookie": self.cookie} if self.cookie else {}


@pytest.fixture
def gate() -> Gate:
    return Gate()


async def test_behind_tls_the_cookie_is_of_this_host_alone(gate: Gate) -> None:
    entered = await gate.enter()
    kept = dict(entered.headers)["Set-Cookie"]
    assert kept.startswith("__Host-panel=")
    assert kept.endswith("; Max-Age=43200; Path=/; HttpOnly; SameSite=Lax; Secure")


async def test_every_answer_keeps_others_out_and_is_not_kept(gate: Gate) -> None:
    await gate.enter()
    for answer in (await gate.get(), await gate.get(path="/panel/enter"), await gate.post("/panel/leave")):
        told = dict(answer.headers)
        assert told["Cache-Control"] == "no-store"
        policy = dict(part.split(" ", 1) for part in told["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert {"'unsafe-inline'", "'unsafe-eval'", "*"}.isdisjoint(" ".join(policy.values()).split())
        assert (told["Referrer-Policy"], told["X-Content-Type-Options"]) == ("same-origin", "nosniff")
        assert "http" not in answer.content.decode().replace("http-equiv", "")  # nothing of anybody else


async def test_a_link_holds_ten_minutes_and_the_newest_alone() -> None:
    clock = FakeClock()
    doors = Doors(clock.monotonic)
    first, other = doors.link(ANA), doors.link(BRUNO)
    second = doors.link(ANA)
    assert [doors.whose(token) for token in (first, second, other)] == [None, ANA, BRUNO]
    await clock.advance(LINK - 1)
    assert doors.whose(second) == ANA
    await clock.advance(1)
    assert (doors.whose(second), doors.enter(second)) == (None, None)


async def test_a_session_lasts_twelve_hours() -> None:
    clock = FakeClock()
    doors = Doors(clock.monotonic)
    cookie = doors.enter(doors.link(ANA)) or ""
    session = doors.session(cookie)
    await clock.advance(SESSION - 1)
    assert session is not None
    assert doors.holds(session)
    await clock.advance(1)
    assert not doors.holds(session)
    assert doors.session(cookie) is None


def test_of_one_person_the_oldest_session_ends_first() -> None:
    doors = Doors(FakeClock().monotonic)
    theirs = [doors.enter(doors.link(ANA)) or "" for _ in range(OF_ONE)]
    other = doors.enter(doors.link(BRUNO)) or ""
    assert all(doors.session(cookie) for cookie in theirs)
    theirs.append(doors.enter(doors.link(ANA)) or "")
    assert [doors.session(cookie) is not None for cookie in theirs] == [False, *[True] * OF_ONE]
    assert doors.session(other) is not None
    doors.shut(ANA.id)
    assert not any(doors.session(cookie) for cookie in theirs)
    assert doors.session(other) is not None


async def test_whoever_guesses_links_is_slowed_down_and_nobody_else(gate: Gate) -> None:
    answers = [await gate.get("t=" + "x" * 43, "/panel/enter") for _ in range(WRONG + 1)]
    assert [answer.status for answer in answers[-2:]] == [
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.TOO_MANY_REQUESTS,
    ]
    assert answers[0].status == HTTPStatus.FORBIDDEN
    assert (await gate.enter()).status == HTTPStatus.SEE_OTHER


@pytest.mark.parametrize(
    "headers",
    [{"origin": "null"}, {"origin": ""}, {"origin": "http://noc.example.com"}, {SITE: "cross-site"}],
)
async def test_a_form_counts_from_this_page_alone(gate: Gate, headers: Mapping[str, str]) -> None:
    assert (await gate.enter(ANA, **headers)).status == HTTPStatus.FORBIDDEN
    assert gate.cookie == ""


async def test_who_may_not_decide_any_more_is_out_within_the_minute(gate: Gate) -> None:
    await gate.enter()
    gate.may = False
    assert (await gate.get()).status == HTTPStatus.OK  # it was asked a moment ago
    await gate.clock.advance(AGAIN)
    assert (await gate.get()).status == HTTPStatus.UNAUTHORIZED
    gate.may = True
    await gate.clock.advance(AGAIN)
    assert (await gate.get()).status == HTTPStatus.UNAUTHORIZED  # it is over for good
    assert (await gate.enter()).status == HTTPStatus.SEE_OTHER


async def test_what_telegram_tells_by_itself_counts_at_once(gate: Gate) -> None:
    await gate.enter()
    gate.may = False
    gate.panel.heard(ANA.id)
    assert (await gate.get()).status == HTTPStatus.UNAUTHORIZED


async def test_who_may_not_decide_gets_no_session_by_a_link_of_before(gate: Gate) -> None:
    gate.may = False
    assert (await gate.enter()).status == HTTPStatus.FORBIDDEN
    assert gate.cookie == ""


async def test_while_telegram_says_nothing_who_is_in_stays_and_nobody_comes_in(gate: Gate) -> None:
    await gate.enter()
    gate.may = None
    await gate.clock.advance(AGAIN)
    assert (await gate.get()).status == HTTPStatus.OK
    assert (await gate.get("case=1")).status == HTTPStatus.SERVICE_UNAVAILABLE
    assert not gate.ledger.lines
    token = gate.panel.link(BRUNO).partition("t=")[2]
    assert (await gate.post("/panel/enter", f"t={token}")).status == HTTPStatus.FORBIDDEN
    gate.may = True
    await gate.clock.advance(AGAIN)
    assert (await gate.post("/panel/enter", f"t={token}")).status == HTTPStatus.SEE_OTHER  # it was not used


async def test_many_who_ask_at_one_time_ask_telegram_once(gate: Gate) -> None:
    await gate.enter()
    await gate.clock.advance(AGAIN)
    before = gate.asked
    answers = await asyncio.gather(*(gate.get() for _ in range(20)))
    assert {answer.status for answer in answers} == {HTTPStatus.OK}
    assert gate.asked == before + 1


async def test_every_opening_of_personal_data_is_a_line_before_it_is_shown(gate: Gate) -> None:
    await gate.enter()
    assert (await gate.get()).status == HTTPStatus.OK
    assert gate.ledger.book.audit == []
    for _ in range(2):
        assert (await gate.get("case=12")).status == HTTPStatus.OK
    line = PageOpened(ANA, "now", 12)
    assert gate.ledger.book.audit == [AuditEntry(gate.clock.now(), line)] * 2
    gate.ledger.fail("the disk is full")
    closed = await gate.get("case=12")
    assert closed.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert b"aberta" not in closed.content
    assert (await gate.get()).status == HTTPStatus.OK


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_link_of_another_site_opens_nobody_in_an_approvers_name(gate: Gate, site: str) -> None:
    await gate.enter()
    away = await gate.get("case=12", **{SITE: site})
    assert (away.status, gate.ledger.book.audit) == (HTTPStatus.FORBIDDEN, [])
    assert (await gate.get(**{SITE: site})).status == HTTPStatus.OK  # a page without any
    for here in ("same-origin", "none"):
        assert (await gate.get("case=12", **{SITE: here})).status == HTTPStatus.OK
    assert len(gate.ledger.book.audit) == 2


async def test_nobody_opens_more_than_a_person_reads(gate: Gate) -> None:
    await gate.enter()
    for _ in range(OPENED):
        assert (await gate.get("case=1")).status == HTTPStatus.OK
    assert (await gate.get("case=1")).status == HTTPStatus.SERVICE_UNAVAILABLE
    await gate.clock.advance(60)
    assert (await gate.get("case=1")).status == HTTPStatus.OK


@pytest.mark.parametrize("cookie", ["panel=x", "__Host-panel=", "__Host-panel=\xff", 'a="b; ; =', "x" * 4000])
async def test_a_cookie_that_is_none_is_a_strangers(gate: Gate, cookie: str) -> None:
    await gate.enter()
    gate.cookie = cookie
    assert (await gate.get()).status == HTTPStatus.UNAUTHORIZED


async def test_below_the_root_there_is_no_more_than_the_pages(gate: Gate) -> None:
    await gate.enter()
    there = Request("GET", "", {"cookie": gate.cookie}, b"", "/panel/other")
    assert (await gate.routes["/panel/"].answer(there)).status == HTTPStatus.NOT_FOUND
    assert dict((await gate.get(path="/panel")).headers)["Location"] == "/panel/"
