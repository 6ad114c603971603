"""The pages of the past: cases chosen and searched, a case's story, charts, sheets; who opens is known."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from html import unescape
from pathlib import Path

import pytest

from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.events import Approved, CauseNamed, Line
from bot.domain.figures.case import Decision
from bot.domain.incident import Kind
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.errors import Declined, LedgerClosed
from bot.ops.panel import history
from bot.ops.panel.chosen import Chosen, chosen
from bot.ops.panel.figures import Figures
from bot.ops.panel.history import History
from bot.ops.panel.pages import Templates, Visit
from bot.ops.panel.report import Report
from bot.ops.panel.story import Story
from bot.ops.server import Response
from bot.storage.files import FileLedger
from bot.storage.past import chronicle
from bot.storage.past.chronicle import FileChronicle
from bot.storage.past.history import FileHistory
from tests.chat.screens import EN, PT
from tests.fakes import ANA, FakeClock, port
from tests.storage.past.histories import BEGIN
from tests.storage.past.test_chronicle import DAY, LINES, OF_REGIONS
from tests.storage.samples import PLAN

NOW = BEGIN + 4 * DAY
NAME, PHONE = PLAN[0].name, PLAN[0].phone or ""


@dataclass
class Reports:
    """A month's rows that are there at once, or not at all."""

    fails: str = ""

    async def month(self, month: str) -> tuple[str, bytes]:
        if self.fails:
            raise Declined(self.fails)
        return "summary", f"customer;{month}".encode()


@dataclass
class Room:
    """The pages over a small ledger, and what of it was opened."""

    history: History
    story: Story
    figures: Figures
    report: Report
    reports: Reports
    ledger: FileLedger
    opened: list[int | None] = field(default_factory=list)
    closed: bool = False
    rules: Rules = field(default_factory=lambda: Rules(cooldown_hours=12.0))

    async def write(self, line: Line) -> None:
        await self.ledger.commit(partial(written, line))

    def visit(self, words: Words = PT, /, **query: str) -> Visit:
        async def opened(of: int | None) -> None:
            if self.closed:
                raise LedgerClosed("closed")
            self.opened.append(of)

        return Visit(query, Who(1, "Ana"), words, NOW, opened)


def written(line: Line, _book: Book, _now: datetime) -> list[Line]:
    return [line]


@pytest.fixture
async def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Room]:
    monkeypatch.setattr(chronicle, "_SECONDS", 60.0)  # all rows are made, however busy the machine is
    clock = FakeClock(BEGIN)
    ledger = FileLedger.open(tmp_path, clock)
    for at, line in (*LINES, (NOW, Approved(4, ANA, (port("1/2"),)))):
        clock.time = at
        await ledger.commit(partial(written, line))
    past = FileHistory(tmp_path, lambda: ledger.head.seq, clock)
    rows, templates, reports = FileChronicle(past, clock), Templates(PT), Reports()
    made = Room(
        History(rows, ledger, templates, lambda: made.rules),
        Story(past, ledger, templates, lambda: 12.0),
        Figures(rows, ledger, templates, lambda: made.rules),
        Report(reports, ledger, templates),
        reports,
        ledger,
    )
    yield made
    await past.close()
    await ledger.close()


def plain(html: object) -> str:
    """What a person reads."""
    assert isinstance(html, str)
    return unescape(" ".join(re.sub(r"<[^>]*>", " ", html).split()))


async def read(response: object) -> str:
    """All of a sheet."""
    assert isinstance(response, Response)
    assert response.parts is not None
    return b"".join([part async for part in response.parts]).decode("utf-8-sig")


async def test_every_case_with_what_the_screen_before_had(room: Room) -> None:
    html = await room.history.draw(room.visit())
    text = plain(html)
    assert "4 casos" in text
    rows = re.findall(r"<tr class.*?</tr>", str(html), re.DOTALL)
    assert len(rows) == 4
    newest, _, denied, first = map(plain, rows)
    assert newest.startswith("4 02/02 09:00 LOS CB 01 1/2 ? em aberto 1 d 0 h Em envio Ana, 09:00")
    assert newest.endswith("0 21:00"), "its port rests until then"
    assert "ENERGIA São João 2/2 3 até 31/01 10:00 durou 1 h 00 min Negado Bruno, 31/01 09:03" in denied
    assert "(em 3 min) 0 –" in denied
    assert "rompimento na BR-040" in first


@pytest.mark.parametrize(
    ("query", "cases"),
    [
        ({"from": "2026-01-31", "to": "2026-01-31"}, ["2"]),
        ({"olt": "CB 01", "kind": "LOS"}, ["4", "3", "1"]),
        ({"decision": "denied"}, ["2"]),
        ({"who": "2"}, ["2"]),
        ({"q": "sao joao"}, ["2"]),
        ({"q": "<b>\x07"}, []),
        ({"from": "31/01", "kind": "X", "decision": "X", "who": "²", "page": "-1"}, ["4", "3", "2", "1"]),
        ({"page": "9"}, []),
        ({"from": "0001-01-01", "to": "9999-12-31"}, ["4", "3", "2", "1"]),
    ],
)
async def test_what_an_address_asks_for(room: Room, query: Mapping[str, str], cases: list[str]) -> None:
    html = str(await room.history.draw(room.visit(**query)))
    assert re.findall(r"case\?n=(\d+)\"", html) == cases
    assert "<b>" not in re.findall(r'name="q" value="([^"]*)"', html)[0]


async def test_pages_keep_what_was_chosen(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "A_PAGE", 1)
    html = str(await room.history.draw(room.visit(olt="CB 01", q="1", page="1")))
    assert re.findall(r"case\?n=(\d+)\"", html) == ["3"]
    assert 'href="?olt=CB+01&amp;q=1&amp;page=0" rel="prev"' in html
    assert 'href="?olt=CB+01&amp;q=1&amp;page=2" rel="next"' in html
    assert 'history.csv?olt=CB+01&amp;q=1"' in html
    assert "2 de 3" in plain(html)


async def test_the_sheet_has_all_of_them_and_no_customer(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "A_PART", 2)
    found = await room.history.csv(room.visit(EN))
    lines = (await read(found)).splitlines()
    assert lines[0].startswith("Case;When;Kind;OLT;Port;ONUs;")
    assert [line.partition(";")[0] for line in lines[1:]] == ["4", "3", "2", "1"]
    denied = "2;2026-01-31 09:00:00;POWER;São João;São João 2/2;3;2026-01-31 10:00:00;Denied;Bruno;"
    assert lines[3].startswith(denied)
    assert dict(found.headers)["Content-Disposition"] == 'attachment; filename="history.csv"'
    assert not room.opened


async def test_cases_are_chosen_by_region_where_there_are_several_nocs(room: Room) -> None:
    for page in (room.history, room.figures):
        assert 'name="region"' not in str(await page.draw(room.visit(region="SUL")))
    assert "4 casos" in plain(await room.history.draw(room.visit(region="SUL")))
    room.rules = OF_REGIONS
    for region, cases in (("SUL", ["2"]), ("NORTE", []), ("-", ["4", "3", "1"]), ("X", ["4", "3", "2", "1"])):
        html = str(await room.history.draw(room.visit(region=region)))
        kept = "" if region == "X" else f"&amp;region={region}"
        assert re.findall(r"case\?n=(\d+)([^\"]*)\"", html) == [(case, kept) for case in cases]
        sheet = await read(await room.history.csv(room.visit(region=region)))
        assert [line.partition(";")[0] for line in sheet.splitlines()[1:]] == cases
        figures = str(await room.figures.draw(room.visit(region=region)))
        assert f"history?region={region}" in figures or region == "X"
        assert re.findall(r"(\d) casos?</a>", figures) == [str(len(cases))]
    html = str(await room.history.draw(room.visit(region="SUL", kind="POWER")))
    assert '<option value="SUL" selected>SUL</option>' in html
    assert "history.csv?kind=POWER&amp;region=SUL" in html
    story = str(await room.story.draw(room.visit(n="1", region="-")))
    assert "case?n=1&amp;region=-&amp;people=1" in story


async def test_a_story_is_masked_until_somebody_opens_it(room: Room) -> None:
    masked = plain(await room.story.draw(room.visit(n="1")))
    assert "Caso 1 · CB 01 1/1" in masked
    assert "rompimento na BR-040" in masked
    assert "Ana" in masked
    assert NAME not in masked
    assert PHONE[-4:] in masked
    assert PHONE[4:] not in masked
    assert PLAN[0].serials[0] not in masked
    assert room.opened == []
    shown = plain(await room.story.draw(room.visit(n="1", people="1")))
    assert NAME in shown
    assert PHONE in shown
    assert room.opened == [1]
    sheet = await read(await room.story.csv(room.visit(n="1")))
    assert PHONE in sheet
    assert room.opened == [1, 1]


async def test_a_phone_that_somebody_typed_is_masked_like_a_customers(room: Room) -> None:
    await room.write(CauseNamed(1, ANA, "poste, ligar 61 99999-1234", ""))
    for masked in (
        plain(await room.story.draw(room.visit(n="1"))),
        plain(await room.history.draw(room.visit())),
        await read(await room.history.csv(room.visit())),
    ):
        assert "poste, ligar ****1234" in masked
        assert "99999-1234" not in masked
    assert not room.opened
    assert "99999-1234" in plain(await room.story.draw(room.visit(n="1", people="1")))


async def test_nobody_opens_what_cannot_be_written(room: Room) -> None:
    room.closed = True
    for opening in (
        room.story.draw(room.visit(n="1", people="1")),
        room.story.csv(room.visit(n="1")),
        room.report.csv(room.visit(month="2026-01")),
    ):
        with pytest.raises(LedgerClosed):
            await opening


@pytest.mark.parametrize("n", ["", "0", "4711", "-1", "1;", "99999999999999999999"])
async def test_a_case_that_never_was(room: Room, n: str) -> None:
    for found in (await room.story.draw(room.visit(n=n)), await room.story.csv(room.visit(n=n))):
        assert isinstance(found, Response)
        assert found.status == 404
    assert room.opened == []


async def test_one_that_nobody_decided_on(room: Room) -> None:
    text = plain(await room.story.draw(room.visit(n="3")))
    assert "Ninguém decidiu nada" in text
    assert "nada foi planejado" in text


async def test_charts_of_what_is_chosen(room: Room) -> None:
    html = str(await room.figures.draw(room.visit()))
    assert html.count('role="img"') == 5
    assert "style=" not in html
    assert "4 casos" in plain(html)
    html = str(await room.figures.draw(room.visit(olt="São João", to="2026-01-31")))
    assert 'value="2026-01-02"' in html, "thirty days, to the one that was chosen"
    assert "1 caso" in plain(html)
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids))


async def test_the_months_report_is_opened_and_told(room: Room) -> None:
    found = await room.report.csv(room.visit(month="2026-01"))
    assert await read(found) == "customer;2026-01"
    assert room.opened == [None]
    room.reports.fails = "report_running"
    assert "já está sendo montado" in await read(await room.report.csv(room.visit(month="2026-01")))
    for wrong in ("", "2026", "2026-13", "../x"):
        assert (await room.report.csv(room.visit(month=wrong))).status == 404
    assert len(room.opened) == 2


def test_days_are_read_as_a_form_sends_them() -> None:
    today = date(2026, 11, 30)
    assert chosen({}, today) == Chosen()
    assert chosen({"kind": "POWER", "decision": "sent", "who": "7", "page": "2"}, today).page == 2
    found = chosen({"kind": "POWER", "decision": "sent"}, today, days=30)
    assert (found.first, found.last) == (date(2026, 11, 1), today)
    assert (found.kind, found.decision) == (Kind.POWER, Decision.SENT)
    turned = chosen({"from": "2026-11-10", "to": "2026-11-01"}, today, days=30)
    assert (turned.first, turned.last) == (date(2026, 11, 1), date(2026, 11, 1))
    long = chosen({"from": "0001-01-01", "to": "9999-12-31"}, today, days=30)
    assert (long.first, long.last) == (date(2026, 11, 1), today), "no form of ours has such days"
    long = chosen({"from": "2001-01-01"}, today, days=30)
    assert (today - (long.first or today)).days == 3660
