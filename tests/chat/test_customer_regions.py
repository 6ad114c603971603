"""/cliente with several NOCs: who is found by one is told of by all, and else it says which one to ask."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.chat.wire.access import MEMBER_KEPT
from bot.domain.events import (
    Alive,
    Approved,
    CaseOpened,
    IncidentEnded,
    Intent,
    Line,
    Planned,
    Resolved,
    Result,
    Settled,
    Untold,
)
from bot.domain.plan import Outcome, Recipient, Skip
from bot.domain.who import Who
from bot.simulator.telegram.api import BotApi
from bot.storage.memory import MemoryLedger
from bot.storage.past.history import FileHistory
from tests.chat.room import ANA, BETO, FastClock, Room
from tests.chat.test_regions import NORTH, SOMEBODY, SOUTH, asked, three
from tests.fakes import incident, port
from tests.people import KEY, lay
from tests.storage.past.histories import Dated, write

OLD, NEW = "5561999990001", "5561999990077"
RITA = Who(6, "Rita Nunes")
LONG_AGO, NOW = timedelta(days=20), timedelta(hours=1)


def joao(phone: str | None, name: str = "João Silva", id_: str = "c1") -> Recipient:
    return Recipient(id_, name, ("ZTEG00000001",), phone, None if phone else Skip.NO_PHONE)


def told(number: int, region: str, *people: Recipient, over: bool = True) -> list[Line]:
    """A case of a region whose customers were told, as far as they could be."""
    olt = {"NORTE": "N 01", "SUL": "S 01"}.get(region, "X 01")
    sent = [one.id for one in people if one.skip is None]
    return [
        CaseOpened(number, incident(number, place=f"1/{number}", olt=olt), region=region),
        Approved(number, SOMEBODY, (port(f"1/{number}", olt),)),
        Planned(number, len(sent), people),
        *(Intent(number, id_) for id_ in sent),
        *(Result(number, id_, Outcome.ACCEPTED, f"{number}{id_}") for id_ in sent),
        Settled(number, "done"),
        *([IncidentEnded(number)] if over else []),
    ]


@asynccontextmanager
async def remembering(
    api: BotApi,
    folder: Path,
    *groups: tuple[timedelta, Sequence[Line]],
    everybody: frozenset[int] = frozenset(),
) -> AsyncIterator[Room]:
    """Three NOCs whose ledger has these lines, so long ago each, and a day's since; of what is long over the
    book has a record.
    """
    clock = FastClock()
    days = ((timedelta(days=days), [Alive()]) for days in range(1, LONG_AGO.days))
    dated = sorted((*groups, *days), key=lambda group: group[0], reverse=True)
    lines: list[Dated] = [(clock.now() - ago, line) for ago, those in dated for line in those]
    lines = lay(folder, lines)
    write(folder, [[line] for line in lines])
    ledger = MemoryLedger(clock, lines)
    vars(ledger)["person"] = KEY.person  # as the file's lines have it
    past = FileHistory(folder, lambda: None, clock)
    async with three(api, everybody, ledger=ledger, history=past) as room:
        yield room
    await past.close()


@pytest.mark.parametrize("text", ["joao silva", "zteg00000001"])
@pytest.mark.parametrize(("before", "today"), [(OLD, NEW), (None, NEW), (OLD, None)])
async def test_who_is_found_in_an_old_plan_is_told_of_by_todays_of_another_region(
    api: BotApi, tmp_path: Path, text: str, before: str | None, today: str | None
) -> None:
    """Also where that one has another phone of them, or none."""
    groups = (LONG_AGO, told(1, "SUL", joao(before))), (NOW, told(2, "NORTE", joao(today), over=False))
    async with remembering(api, tmp_path, *groups) as room:
        assert room.ledger.book.cases[1].past
        page = (await asked(api, BETO, f"/cliente {text}", SOUTH)).text
    assert "Em caso aberto agora: 2" in page
    assert "Caso 2 de NORTE" in page
    assert "Caso 1 · " in page
    assert "N 01" not in page
    assert "0077" not in page, "another region's phone of them is theirs"


@pytest.mark.parametrize("text", ["joao silva", "zteg00000001", f"{OLD[2:]}"])
async def test_an_outage_of_another_region_that_left_the_book_is_told_as_well(
    api: BotApi, tmp_path: Path, text: str
) -> None:
    groups = (
        (LONG_AGO, told(1, "SUL", joao(OLD))),
        (LONG_AGO, told(2, "NORTE", joao(NEW, "J. da Silva"))),
    )
    async with remembering(api, tmp_path, *groups) as room:
        assert all(room.ledger.book.cases[number].past for number in (1, 2))
        page = (await asked(api, BETO, f"/cliente {text}", SOUTH)).text
    assert "Caso 2 de NORTE" in page
    assert "Caso 1 · " in page


async def test_that_another_who_has_the_same_phone_was_told_there_is_said_without_their_name(
    api: BotApi, tmp_path: Path
) -> None:
    maria = Recipient("c2", "Maria Melo", ("ZTEG00000002",), OLD, Skip.COOLDOWN)
    groups = (
        (NOW, told(1, "NORTE", joao(OLD), replace(maria, skip=Skip.SAME_PHONE))),
        (NOW, told(2, "SUL", maria)),
    )
    async with remembering(api, tmp_path, *groups):
        page = (await asked(api, BETO, "/cliente maria melo", SOUTH)).text
    assert "Caso 1 de NORTE" in page
    assert "O mesmo telefone é de outro cliente: enviada" in page
    assert "João" not in page


async def test_that_somebody_there_calls_or_that_it_is_back_untold_is_said_without_who(
    api: BotApi, tmp_path: Path
) -> None:
    """What an attendant would promise a customer else is done there, or was decided there."""
    in_doubt = [
        replace(line, outcome=Outcome.UNKNOWN, reference=None) if isinstance(line, Result) else line
        for line in told(1, "NORTE", joao(OLD), over=False)
    ]
    groups = (
        (LONG_AGO, told(2, "SUL", joao(OLD))),
        (NOW, [*in_doubt, Resolved(1, ("c1",), "call", RITA)]),
        (NOW, told(3, "NORTE", joao(OLD))),
        (NOW, [*told(4, "NORTE", joao(OLD)), Untold(4, RITA)]),
    )
    async with remembering(api, tmp_path, *groups):
        page = (await asked(api, BETO, "/cliente joao silva", SOUTH)).text
    cases = [part.partition("Caso ")[0] for part in page.split(" de NORTE")[1:]]
    assert ["foi decidido não avisar" in part for part in cases] == [True, False, False]
    assert ["ainda não avisado" in part for part in cases] == [False, True, False]
    assert ["Alguém de lá liga" in part for part in cases] == [False, False, True]
    assert "Rita" not in page


@pytest.mark.parametrize("ago", [NOW, LONG_AGO])
async def test_which_regions_to_ask_is_said_of_all_who_fit_and_also_where_one_is_known_here(
    api: BotApi, tmp_path: Path, ago: timedelta
) -> None:
    """Whoever calls may be another than the one who is shown; a region that is no more is the others'."""
    north, third, fourth = (joao(f"556199999000{n}", id_=f"c{n}") for n in (2, 3, 4))
    groups = (
        (ago, told(1, "NORTE", north)),
        (ago, told(2, "", third)),
        (ago, told(3, "LESTE", fourth)),
        (ago, told(4, "NORTE", Recipient("c9", "Rita Melo", ("Z9",), "5561999990009"))),
    )
    async with remembering(api, tmp_path, *groups) as room:
        asking = (await asked(api, BETO, "/cliente joao silva", SOUTH)).text
        await room.line(*told(5, "SUL", joao(OLD)))
        one = (await asked(api, BETO, "/cliente joao silva", SOUTH)).text
        await room.line(*told(6, "SUL", joao(NEW, id_="c7")))
        several = await asked(api, BETO, "/cliente joao silva", SOUTH)
        by_phone = (await asked(api, BETO, f"/cliente {OLD[2:]}", SOUTH)).text
        assert "só aparece em casos de outro grupo, NORTE: pergunte lá" in asking
        assert "Caso 5" in one
        assert "Mais alguém assim aparece em casos de outro grupo, NORTE: pergunte lá também" in one
        assert "2 clientes: qual?" in several.text
        assert "Mais alguém assim" in several.text
        assert "Caso 5" in by_phone
        assert "Mais alguém" not in by_phone, "a whole phone means one"
        nobody_else = (await asked(api, BETO, "/cliente zulmira", SOUTH)).text
        assert "Não achei ninguém" in nobody_else


async def test_what_is_left_out_as_telegram_does_not_tell_who_decides_there_is_said(
    api: BotApi, tmp_path: Path
) -> None:
    """In private those pages are of all regions in which one decides: one that lacks some looks complete."""
    groups = (NOW, told(1, "SUL", joao(OLD))), (NOW, told(2, "NORTE", joao(OLD)))
    async with remembering(api, tmp_path, *groups, everybody=frozenset({ANA, BETO})) as room:
        await api.say(ANA, "/start", ANA)
        pages = ("/audit", "/cooldown", "/cliente joao silva", "/cliente ninguem")
        for text in pages:
            assert "Aqui falta" not in (await asked(api, ANA, text, ANA)).text
        room.clock.skip(2 * MEMBER_KEPT)
        api.chats.pop(NORTH)
        for text in pages:
            page = await asked(api, ANA, text, ANA)
            assert "Aqui falta o que é de NORTE" in page.text
            assert "N 01" not in page.text
        page = await asked(api, ANA, "/audit", ANA)
        await api.tap(ANA, page, "CSV")
        await api.wait(lambda api: api.documents)
        await api.wait(lambda api: api.messages(ANA)[-1].text.startswith("⚠️ Aqui falta o que é de NORTE"))
