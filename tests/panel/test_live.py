"""The page of what goes on now: what is on it, and that it is true for all who watch, drawn once."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from bot.chat.screens.cards import head
from bot.chat.screens.pages.status import ProgramFacts
from bot.domain.events import (
    Approved,
    Assumed,
    CaseOpened,
    CauseNamed,
    Denied,
    Forecast,
    IncidentEnded,
    Intent,
    Planned,
    Restoring,
    Result,
    Settled,
    Silenced,
)
from bot.domain.incident import Kind
from bot.domain.limits.silence import Scope
from bot.domain.lookup.places import counted
from bot.domain.plan import Outcome, Recipient, Skip, Tally
from bot.domain.rules import Rules
from bot.domain.watched.health import SourceHealth
from bot.ops.panel import now
from bot.ops.panel.live import AGED, ESTIMATED, EVERY, TICK, Live
from bot.ops.panel.pages import Templates, Visit
from bot.storage.memory import MemoryLedger
from tests.chat.screens import EN, PT
from tests.fakes import ANA, BRUNO, NOON, FakeClock, incident, port, settled
from tests.storage.samples import adds

Told = Mapping[str, Any]
PLAN = (
    *(Recipient(f"c{n}", f"Cliente {n}", (f"S{n}",), f"5561999990{n:03}") for n in range(3)),
    Recipient("c9", "Sem Telefone", ("S9",), None, Skip.NO_PHONE),
)


@dataclass
class Desk:
    """A ledger and what is known beside it."""

    ledger: MemoryLedger
    sources_health: Sequence[SourceHealth] = ()
    ahead: dict[int, Tally] = field(default_factory=dict)
    rules: Rules = field(default_factory=lambda: Rules(undo_seconds=0))

    asked: int = 0

    def expected(self, number: int) -> Tally | None:
        """Another object each time, as the flow's is."""
        self.asked += 1
        return replace(self.ahead[number]) if number in self.ahead else None


class Room:
    """The page, somebody who may see it, and time that passes when a test says so."""

    def __init__(self, words: Any = PT, *, dry_run: bool = False) -> None:
        self.clock = FakeClock()
        self.desk = Desk(MemoryLedger(self.clock), [SourceHealth("oltcloud", NOON, NOON)])
        self.templates = Templates(words)
        program = ProgramFacts("1", NOON, "matrix", dry_run)
        self.live = Live(self.desk, self.templates, self.clock, lambda: program)
        self.desk.ledger.listeners.append(self.live.heard)
        self.may = True

    async def write(self, *lines: Any) -> None:
        await self.desk.ledger.commit(adds(*lines))

    async def page(self, **query: str) -> str:
        """As who comes now sees it."""
        await self.clock.advance(EVERY)

        async def opened(of: int | None) -> None:
            raise AssertionError(f"the page has no personal data: {of}")

        return str(await self.live.draw(Visit(query, ANA, PT, self.clock.now(), opened)))

    def watch(self, **query: str) -> AsyncGenerator[bytes, None]:
        async def may() -> bool:
            return self.may

        return self.live.watch(may, query)

    async def next(self, watcher: AsyncGenerator[bytes, None], most: float = 60) -> tuple[str, Told]:
        """The next event that somebody gets; time passes until then."""
        task = asyncio.ensure_future(anext(watcher))
        for _ in range(int(most / EVERY)):
            await settled()
            if task.done():
                break
            await self.clock.advance(EVERY)
        event = (await task).decode()
        head, _, data = event.rstrip().partition("\ndata: ")
        assert "\n" not in data
        return head.removeprefix("event: "), json.loads(data)


@pytest.fixture
def room() -> Room:
    return Room()


async def sent(room: Room, number: int = 1) -> None:
    await room.write(Approved(number, ANA, (port(),)), Planned(number, 4, PLAN))
    for one in PLAN[:3]:
        await room.write(Intent(number, one.id))
    outcomes = (Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.REJECTED)
    for one, outcome in zip(PLAN, outcomes, strict=False):
        await room.write(Result(number, one.id, outcome))
    await room.write(Settled(number, "done"))


def text(html: str) -> str:
    """What a person reads, in one line."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


async def test_a_case_says_what_the_old_screen_had_and_what_its_card_has(room: Room) -> None:
    where = counted([("Jardim América", "", "")] * 5 + [("Centro", "", "")] * 2)
    await room.write(CaseOpened(1, incident(1, affected=33)))
    room.desk.ahead[1] = Tally(7, {}, {}, 7, where=where)
    said = text(await room.page())
    for part in (
        *("1 falha aberta", "33 ONUs sem sinal", "1 LOS", "0 ENERGIA", "1 esperando decisão", "0 em envio"),
        "OLT Cloud: última leitura 12:00:00",
        *("≈ 33 ONUs", "LOS CB 01 6/15", "Jardim América 5 · Centro 2", "provável rompimento de fibra"),
        *("Aguarda decisão", "12 min", "desde 11:48 · caso 1"),
    ):
        assert part in said, part
    await room.write(Assumed(1, BRUNO), Forecast(1, ANA, NOON + timedelta(hours=2)))
    await room.write(CauseNamed(1, ANA, "poste <caído>", "Norte"))
    await sent(room)
    said = text(await room.page())
    for part in (
        *("Avisados", "Com Bruno desde", "Previsão 14:00 (Ana)", "poste &lt;caído&gt; · equipe Norte (Ana)"),
        *("Envio concluído", "2 enviadas · 1 recusada · 1 não enviada", "Aprovado por Ana"),
        "Porta em descanso até 23/11 12:00",  # the old screen's next release
    ):
        assert part in said, part
    assert not [one.name for one in PLAN if one.name in said]
    await room.write(Approved(1, ANA, (port(),)), IncidentEnded(1, "gone"))
    assert "Voltou às 12:0" in text(await room.page())  # it is on the page while something is being sent


async def test_a_phone_that_somebody_typed_is_not_for_the_wall(room: Room) -> None:
    await room.write(CaseOpened(1, incident(1, affected=33)))
    await room.write(CauseNamed(1, ANA, "ligar para 61 99999-1234 até 16:30", "Zé (61) 3333-4444"))
    said = text(await room.page())
    assert "ligar para ****1234 até 16:30 · equipe Zé ****4444 (Ana)" in said


async def test_the_largest_comes_first_and_what_is_over_goes(room: Room) -> None:
    await room.write(
        CaseOpened(1, incident(1, affected=3, place="1/1")),
        CaseOpened(2, incident(2, Kind.POWER, affected=300, place="1/2")),
        CaseOpened(3, incident(3, affected=None, place="1/3")),
        CaseOpened(4, incident(4, affected=40, place="1/4")),
    )
    order = [int(n) for n in re.findall(r'id="case-(\d+)"', await room.page())]
    assert order == [2, 3, 4, 1]  # of the third nobody says how many: 61 at most
    await room.write(IncidentEnded(2, "gone"))
    page = await room.page()
    assert 'id="case-2"' not in page
    assert "3 falhas abertas ≥ 43 ONUs sem sinal" in text(page)


async def test_each_state_has_its_word(room: Room) -> None:
    await room.write(*(CaseOpened(n, incident(n, place=f"1/{n}")) for n in range(1, 5)))
    await room.write(Denied(1, ANA, "maintenance"), Approved(3, ANA, (port("1/3"),)))
    silence = Silenced(1, (Scope("CB 01", "1/2"),), NOON + timedelta(hours=1), ANA, "obra")
    await room.write(silence)
    said = text(await room.page())
    for part in ("Negado", "manutenção", "Silenciado até 13:00", "Consultando", "Aguarda decisão"):
        assert part in said, part
    assert "4 falhas abertas" in said
    assert "1 esperando decisão 1 em envio" in said


async def test_service_that_is_back_is_told_without_a_name(room: Room) -> None:
    await room.write(CaseOpened(1, incident(1)))
    await sent(room)
    await room.write(IncidentEnded(1, "gone"), Restoring(-1, 1), Approved(-1, ANA, (port(),)))
    said = text(await room.page())
    assert "Avisando que voltou" in said
    assert not [one.name for one in PLAN if one.name in said]


@pytest.mark.parametrize("words", [PT, EN])
async def test_what_is_wrong_stands_above_all(words: Any) -> None:
    room = Room(words, dry_run=True)
    assert words.plain("panel.none") in await room.page()
    room.desk.sources_health = [SourceHealth("oltcloud", NOON).bad(NOON, "http_502")]
    room.desk.ledger.fail("the disk is full")
    page = await room.page()
    for key in ("card.ledger_closed", "card.dry_run_running"):
        assert text(str(words.say(key))).split(" ", 1)[1] in text(page)
    assert "502" in page
    room.desk.sources_health = [SourceHealth("oltcloud", NOON)]
    await room.clock.advance(600)
    stale = words.say("panel.source_stale", source="oltcloud", at=NOON, now=NOON)
    assert text(str(stale)).split(" ", 1)[1] in text(await room.page())


async def test_who_watches_gets_the_whole_and_then_what_changes(room: Room) -> None:
    await room.write(CaseOpened(1, incident(1)), CaseOpened(2, incident(2, place="6/16")))
    watcher = room.watch()
    kind, told = await room.next(watcher)
    assert (kind, told["order"], set(told["rows"])) == ("whole", [1, 2], {"1", "2"})
    await room.write(Assumed(2, ANA))
    kind, told = await room.next(watcher, most=1)  # within the second
    assert (kind, told["order"], set(told["rows"])) == ("step", [1, 2], {"2"})
    await room.write(IncidentEnded(1, "gone"))
    kind, told = await room.next(watcher, most=1)
    assert (kind, told["order"], told["rows"]) == ("step", [2], {})
    room.desk.ahead[2] = Tally(3, {}, {}, 3, where=counted([("Centro", "", "")] * 3))
    kind, told = await room.next(watcher, most=1)  # what was looked up ahead is in no line
    assert "Centro 3" in text(told["rows"]["2"])
    await watcher.aclose()


async def test_who_watches_hears_that_nothing_changed(room: Room) -> None:
    await room.write(CaseOpened(1, incident(1)))
    watcher = room.watch()
    await room.next(watcher)
    before = room.clock.now()
    kind, told = await room.next(watcher, most=2 * TICK)
    assert (kind, list(told)) == ("tick", ["at"])
    assert room.clock.now() - before <= timedelta(seconds=TICK + EVERY)
    await watcher.aclose()


async def test_who_is_behind_gets_the_newest_and_nothing_is_kept_for_them(room: Room) -> None:
    await room.write(CaseOpened(1, incident(1)))
    slow, fast = room.watch(), room.watch()
    await room.next(slow)
    await room.next(fast)
    for n in range(2, 7):
        await room.write(CaseOpened(n, incident(n, place=f"6/{n}")))
        assert (await room.next(fast, most=1))[0] == "step"
    kind, told = await room.next(slow)
    assert (kind, sorted(told["order"])) == ("whole", [1, 2, 3, 4, 5, 6])
    await slow.aclose()
    await fast.aclose()


async def test_a_change_is_drawn_once_however_many_watch(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    row = now.row

    def counting(case: Any, *rest: Any, **facts: Any) -> Any:
        drawn.append(case.id)
        return row(case, *rest, **facts)

    monkeypatch.setattr(now, "row", counting)
    await room.write(*(CaseOpened(n, incident(n, place=f"6/{n}")) for n in range(1, 6)))
    room.desk.ahead = {n: Tally(3, {}, {}, 3) for n in range(1, 6)}
    watchers = [room.watch() for _ in range(50)]
    for watcher in watchers:
        await room.next(watcher)
    assert sorted(drawn) == [1, 2, 3, 4, 5]
    drawn.clear()
    for _ in range(40):
        await room.write(Assumed(3, ANA))
    for watcher in watchers:
        assert (await room.next(watcher, most=1))[0] == "step"
    assert drawn == [3]
    drawn.clear()
    asked, looks = room.desk.asked, int(2 * ESTIMATED / EVERY)
    for _ in range(looks):
        await room.clock.advance(EVERY)
        await settled()
    assert drawn == []  # what is estimated says the same as before
    assert room.desk.asked - asked <= 3 * 5, "and is asked about seldom"
    room.desk.ahead[2] = Tally(4, {}, {}, 4)
    await room.clock.advance(ESTIMATED + EVERY)
    await settled()
    assert drawn == [2]
    drawn.clear()
    drawn.append(3)
    await room.clock.advance(AGED)
    assert sorted(drawn) == [1, 2, 3, 3, 4, 5]  # time alone changes what a case says
    for watcher in watchers:
        await watcher.aclose()
    drawn.clear()
    await room.write(Assumed(3, BRUNO))
    await room.clock.advance(60)
    assert drawn == []  # nobody looks


async def test_each_region_is_watched_by_itself_and_drawn_once(room: Room) -> None:
    await room.write(
        CaseOpened(1, incident(1, affected=5), region="NORTE"),
        CaseOpened(2, incident(2, place="6/16", affected=70), region="SUL"),
        CaseOpened(3, incident(3, place="6/17"), region="LESTE"),
    )
    assert 'name="region"' not in await room.page(region="SUL"), "there is one NOC"
    room.desk.rules = Rules(regions={"NORTE": Rules(), "SUL": Rules()})
    south = await room.page(region="SUL")
    assert re.findall(r'id="case-(\d+)"', south) == ["2"]
    assert "1 falha aberta 70 ONUs" in text(south)
    assert 'data-events="/panel/events?region=SUL"' in south
    assert '<option value="SUL" selected>' in south
    everything = await room.page(region="X")
    assert 'data-events="/panel/events"' in everything, "an address of a region that there is not shows all"
    watchers = [room.watch(), room.watch(region="NORTE"), room.watch(region="SUL"), room.watch(region="-")]
    whole = [(await room.next(watcher))[1]["order"] for watcher in watchers]
    assert whole == [[2, 1, 3], [1], [2], [3]]
    await room.write(Assumed(1, ANA))
    for watcher in watchers[:2]:
        kind, told = await room.next(watcher, most=1)
        assert (kind, list(told["rows"])) == ("step", ["1"])
    assert (await room.next(watchers[2], most=2 * TICK))[0] == "tick", "nothing of theirs changed"
    for watcher in watchers:
        await watcher.aclose()
    assert room.live._views == {}


async def of_two_regions(room: Room) -> tuple[AsyncGenerator[bytes, None], AsyncGenerator[bytes, None]]:
    """Somebody who watches NORTE, and somebody who watches SUL; they have a case each."""
    room.desk.rules = Rules(regions={"NORTE": Rules(), "SUL": Rules()})
    await room.write(
        CaseOpened(1, incident(1), region="NORTE"),
        CaseOpened(2, incident(2, place="6/16"), region="SUL"),
    )
    watchers = room.watch(region="NORTE"), room.watch(region="SUL")
    for watcher in watchers:
        await room.next(watcher)
    return watchers


def between_two_regions(room: Room, monkeypatch: pytest.MonkeyPatch, does: Callable[[], object]) -> None:
    """What happens once those of NORTE were told, and those of SUL were not."""
    show = room.live._show

    def shown(view: Any) -> None:
        show(view)
        if view is room.live._views["NORTE"]:
            does()

    monkeypatch.setattr(room.live, "_show", shown)


@pytest.mark.bug("who came to a region's page as a case left it had their stream end")
async def test_who_comes_as_a_case_leaves_the_page_sees_the_others(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    watchers = await of_two_regions(room)
    await room.write(Assumed(2, ANA))
    await room.next(watchers[1])
    asked = asyncio.Event()

    async def may() -> bool:
        return await asked.wait()

    newcomer = room.live.watch(may, {"region": "SUL"})
    first = asyncio.ensure_future(anext(newcomer))
    await settled()
    between_two_regions(room, monkeypatch, asked.set)
    await room.write(Denied(2, ANA, "known"), IncidentEnded(2))
    await room.clock.advance(2 * EVERY)
    await settled()
    assert json.loads((await first).partition(b"data: ")[2])["order"] in ([], [2])
    for watcher in (*watchers, newcomer):
        await watcher.aclose()


@pytest.mark.bug("a visitor who hung up took the news from those who watched another region")
async def test_who_hangs_up_in_the_middle_of_a_look_takes_nothing_from_others(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    watchers = await of_two_regions(room)
    await room.live.stop()  # so that the visitor is the one who draws
    await room.write(Assumed(1, ANA), Assumed(2, ANA))
    await room.clock.advance(EVERY)
    visitor = asyncio.ensure_future(room.live.draw(Visit({}, ANA, PT, room.clock.now(), _nobody)))
    with monkeypatch.context() as patch:
        between_two_regions(room, patch, visitor.cancel)
        await settled()
    assert visitor.cancelled()
    another = room.watch()  # it begins anew
    await room.next(another)
    for number, watcher in enumerate(watchers, start=1):
        kind, told = await room.next(watcher, most=1)
        assert (kind, list(told["rows"])) == ("step", [str(number)])
    for watcher in (*watchers, another):
        await watcher.aclose()


async def _nobody(_case: int | None) -> None:
    raise AssertionError


@pytest.mark.bug("one case that could not be drawn took the page from everybody")
async def test_one_case_that_cannot_be_drawn_hides_no_other(
    room: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await room.write(CaseOpened(1, incident(1)), CaseOpened(2, incident(2, place="6/16")))
    about = head.about

    def fails(case: Any, words: Any) -> Any:
        if case.id == 2:
            raise ValueError("a send without a plan")
        return about(case, words)

    monkeypatch.setattr(now, "about", fails)
    page = await room.page()
    assert "2 falhas abertas" in text(page)
    assert "LOS CB 01 6/15" in text(page)
    assert "Não consigo mostrar o cartão do caso 2" in text(page)
    assert "case 2 could not be drawn" in caplog.text


async def test_whoever_may_no_more_is_told_nothing_more(room: Room) -> None:
    await room.write(CaseOpened(1, incident(1)))
    watcher = room.watch()
    await room.next(watcher)
    room.may = False
    room.live.wake()
    with pytest.raises(StopAsyncIteration):
        await anext(watcher)


async def test_a_page_that_cannot_be_drawn_is_not_said_to_be_fresh(
    room: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await room.write(CaseOpened(1, incident(1)))
    watcher = room.watch()
    await room.next(watcher)
    with monkeypatch.context() as broken:
        broken.setattr(now, "head", lambda *_rest, **_facts: 1 / 0)
        task = asyncio.ensure_future(anext(watcher))
        await room.clock.advance(4 * TICK)
        assert not task.done()
    assert "the panel could not be drawn" in caplog.text
    await room.clock.advance(TICK + EVERY)
    assert task.done()
    await watcher.aclose()
    await room.live.stop()
