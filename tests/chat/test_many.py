"""Many cases decided at once: chosen by OLT, asked about once, taken back at once, told one by one."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from bot.chat.screens.attention import Attention
from bot.chat.screens.pages import many
from bot.chat.screens.pages.many import OLTS, Choice, Offer
from bot.domain.events import (
    Approved,
    Cancelled,
    CaseOpened,
    Denied,
    Planned,
    Proposed,
    Settled,
    Withdrawn,
)
from bot.domain.incident import Kind
from bot.domain.limits.hours import Hours
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.simulator.telegram.api import BotApi, Message
from bot.steps import decide
from tests.chat.room import ANA, BETO, CARLA, UNDO_SECONDS, Room, opened
from tests.chat.screens import EN, PT, assert_arrives
from tests.fakes import NOON, incident

TWO = Attention(cards_at_once=2)
RULES = Rules(undo_seconds=UNDO_SECONDS)


@asynccontextmanager
async def storm(
    api: BotApi, sizes: Sequence[int] = (5, 6, 7, 8), rules: Rules = RULES, power: Sequence[int] = ()
) -> AsyncIterator[Room]:
    """A case on an OLT of its own for each size, but for the last two, which share one."""
    async with opened(api, attention=TWO, rules=rules) as room:
        olts = [f"CB 0{min(n, len(sizes) - 1)}" for n in range(1, len(sizes) + 1)]
        kinds = [Kind.POWER if n in power else Kind.LOS for n in range(1, len(sizes) + 1)]
        outages = (
            incident(n, kind, place=f"1/{n}", affected=size, started=room.started, olt=olt)
            for n, (size, olt, kind) in enumerate(zip(sizes, olts, kinds, strict=True), start=1)
        )
        await room.line(*(CaseOpened(n, outage) for n, outage in enumerate(outages, start=1)))
        for number in range(1, len(sizes) + 1):
            room.telegram.chat.show(number)
        yield room


async def page_of(room: Room, user: int = ANA) -> Message:
    """The page, opened from the list."""
    label = f"☑️ Decidir várias ({len(room.ledger.book.open)})"
    the_list = await room.api.wait(
        lambda api: next((m for m in reversed(api.messages()) if label in m.buttons), None)
    )
    before = {m.id for m in room.api.messages()}
    await room.api.tap(user, the_list, label)
    return await room.api.wait(
        lambda api: next(
            (m for m in api.messages() if m.id not in before and "Toque nas OLTs" in m.text), None
        )
    )


async def press(room: Room, page: Message, label: str, user: int = ANA) -> str:
    """The toast of a tap; what the page shows then comes later."""
    found = await room.api.wait(lambda _: next((b for b in page.buttons if label in b), None))
    return (await room.api.tap(user, page, found)).text


async def ask(room: Room, page: Message, n: int, user: int = ANA) -> None:
    """The page asks whether so many are to be approved."""
    await press(room, page, f"Aprovar {n} selecionadas", user)
    await room.shows(page, f"Aprovar {n} falhas")


async def approve_all(room: Room, page: Message, label: str = "Aprovar 4", user: int = ANA) -> str:
    await press(room, page, "Todas", user)
    await ask(room, page, 4, user)
    return await press(room, page, label, user)


def approvals(room: Room) -> list[Approved]:
    return [line for _, line in room.ledger.lines if isinstance(line, Approved)]


async def test_all_of_a_storm_in_four_taps_and_taken_back_in_one(api: BotApi) -> None:
    async with storm(api) as room:
        page = await page_of(room)
        assert "4 falhas esperam decisão em 3 OLTs" in page.text
        assert page.buttons == ["⬜ CB 03 (2)", "⬜ CB 02 (1)", "⬜ CB 01 (1)", "⬜ Todas (4)"]
        await press(room, page, "Todas")
        await press(room, page, "Aprovar 4 selecionadas (≈ 26 mensagens)")
        await room.shows(page, "Aprovar 4 falhas em 3 OLTs? ≈ 26 mensagens")
        assert "caso 4 · CB 03 1/4: ≈ 8 mensagens" in page.text
        assert not approvals(room)
        assert await press(room, page, "Aprovar 4") == "4 de 4 aprovadas."
        assert [(one.case, one.by.name) for one in approvals(room)] == [(n, "Ana") for n in (4, 3, 2, 1)]
        await room.shows(page, "4 de 4 falhas aprovadas por Ana (≈ 26 mensagens)")
        assert "caso 1 · CB 01 1/1: aprovada, o envio começa em 5 s" in page.text
        assert await press(room, page, "Cancelar 4") == "4 de 4 canceladas ou paradas."
        cancelled = [line.case for _, line in room.ledger.lines if isinstance(line, Cancelled)]
        assert cancelled == [4, 3, 2, 1]


async def test_an_olt_is_chosen_and_left_again_and_what_was_not_chosen_waits(api: BotApi) -> None:
    async with storm(api) as room:
        page = await page_of(room)
        await press(room, page, "CB 03")
        await room.api.wait(lambda _: "☑️ CB 03 (2)" in page.buttons)
        await press(room, page, "CB 01")
        await room.api.wait(lambda _: "Aprovar 3 selecionadas (≈ 20 mensagens)" in page.buttons)
        await press(room, page, "CB 01")
        await ask(room, page, 2)
        await press(room, page, "Voltar")
        await ask(room, page, 2)
        await press(room, page, "Aprovar 2")
        assert [one.case for one in approvals(room)] == [4, 3]
        assert [room.ledger.book.cases[n].undecided for n in (1, 2)] == [True, True]


async def test_two_taps_approve_once_and_a_page_of_before_decides_nothing(api: BotApi) -> None:
    async with storm(api) as room:
        page = await page_of(room)
        await press(room, page, "Todas")
        await ask(room, page, 4)
        yes = next(b.data for row in page.keyboard for b in row if b.text == "Aprovar 4")
        assert yes is not None
        first, second = [await api.post_callback(ANA, page, yes) for _ in range(2)]
        assert [first.text, second.text] == [
            "4 de 4 aprovadas.",
            "A lista mudou: veja de novo antes de decidir.",
        ]
        assert len(approvals(room)) == 4
        assert "A lista mudou" in (await api.post_callback(ANA, page, "many:0:1.none")).text
        assert "Não reconheço" in (await api.post_callback(ANA, page, "many!:0:1.0")).text
        assert (
            "Página antiga: toque em Decidir várias"
            in (await api.post_callback(ANA, page, "many:0:9.all")).text
        )
        assert "Não reconheço" in (await api.post_callback(ANA, page, "many:0:1.o77")).text


async def test_nobody_decides_on_somebody_elses_page_or_without_being_an_approver(api: BotApi) -> None:
    async with storm(api) as room:
        page = await page_of(room)
        all_ = next(b.data for row in page.keyboard for b in row if "Todas" in b.text)
        assert all_ is not None
        assert "Só quem abriu esta página" in (await api.post_callback(CARLA, page, all_)).text
        assert "Só administradores" in (await api.post_callback(BETO, page, all_)).text
        other = await page_of(room, CARLA)
        assert "Só quem abriu" in (await api.post_callback(CARLA, other, all_)).text, (
            "its own, of Ana's choice"
        )
        assert not approvals(room)


async def test_what_somebody_decided_meanwhile_is_told_and_the_others_go_on(api: BotApi) -> None:
    async with storm(api) as room:
        page = await page_of(room)
        await press(room, page, "Todas")
        await room.line(Denied(2, Who(CARLA, "Carla"), "maintenance"))
        await ask(room, page, 4)
        assert await press(room, page, "Aprovar 4") == "3 de 4 aprovadas."
        await room.shows(page, "3 de 4 falhas aprovadas")
        assert page.text.splitlines()[1].startswith("caso 2 · CB 02 1/2: Carla já negou")
        assert [one.case for one in approvals(room)] == [4, 3, 1]
        assert (ANA, "ok", "already_denied", 2) in room.refusals


async def test_outside_the_customers_hours_it_is_asked_once_for_all(api: BotApi) -> None:
    first, last = (
        (datetime.now(UTC) + timedelta(hours=n)).time().replace(second=0, microsecond=0) for n in (3, 4)
    )
    rules = Rules(undo_seconds=UNDO_SECONDS, customer_hours=Hours(first, last, UTC))
    async with storm(api, rules=rules) as room:
        page = await page_of(room)
        await approve_all(room, page, "Agendar para")
        assert [one.due is not None for one in approvals(room)] == [True] * 4
        await room.shows(page, "aprovada, o envio começa")
        assert "Fora do horário" not in page.text


async def test_large_ones_take_a_second_person_who_may_take_all_of_them_too(api: BotApi) -> None:
    async with storm(api, rules=Rules(undo_seconds=UNDO_SECONDS, two_person_above=6)) as room:
        page = await page_of(room)
        assert await approve_all(room, page) == "2 de 4 aprovadas."
        await room.shows(page, "caso 4 · CB 03 1/4: falta outra pessoa aprovar")
        assert [line.case for _, line in room.ledger.lines if isinstance(line, Proposed)] == [4, 3]
        other = await page_of(room, CARLA)
        await press(room, other, "Todas", CARLA)
        await ask(room, other, 2, CARLA)
        await press(room, other, "Aprovar 2", CARLA)
        assert [(one.case, one.by.name, one.first and one.first.name) for one in approvals(room)][2:] == [
            (4, "Carla", "Ana"),
            (3, "Carla", "Ana"),
        ]


@pytest.mark.bug("what was cancelled together could still be sent by the second person's tap")
async def test_what_is_taken_back_takes_the_first_of_two_approvals_back_too(api: BotApi) -> None:
    async with storm(api, rules=Rules(undo_seconds=UNDO_SECONDS, two_person_above=5)) as room:
        page = await page_of(room)
        assert await approve_all(room, page) == "1 de 4 aprovadas."
        await press(room, page, "Ver resultado")
        await room.shows(page, "caso 4 · CB 03 1/4: falta outra pessoa aprovar")
        carla = Who(CARLA, "Carla")
        await room.flow.decide(decide.approve(2, carla, room.flow.rules))
        await room.line(Denied(3, carla, "other"))
        assert await press(room, page, "Cancelar 4") == "2 de 4 canceladas ou paradas."
        assert [line.case for _, line in room.ledger.lines if isinstance(line, Withdrawn)] == [4]
        assert {(number, case.proposal) for number, case in room.ledger.book.cases.items()} == {
            (number, None) for number in (1, 2, 3, 4)
        }
        await room.shows(page, "caso 4 · CB 03 1/4: espera decisão")
        assert "caso 3 · CB 03 1/3: decidida no cartão" in page.text
        assert "caso 2 · CB 02 1/2: o envio ainda não começou" in page.text, "what Carla approved goes on"
        await room.flow.decide(decide.approve(4, carla, room.flow.rules))
        assert [(one.case, one.by.name) for one in approvals(room)] == [(1, "Ana"), (2, "Carla")]


async def test_todays_limit_holds_fibre_first_and_what_does_not_fit_stays_to_be_decided(api: BotApi) -> None:
    rules = Rules(undo_seconds=UNDO_SECONDS, daily_limit=20)
    async with storm(api, rules=rules, power=(4,)) as room:
        page = await page_of(room)
        await press(room, page, "Todas")
        await ask(room, page, 4)
        await room.shows(page, "Restam 20 clientes hoje")
        assert await press(room, page, "Aprovar 4") == "3 de 4 aprovadas."
        await room.shows(page, "caso 4 · CB 03 1/4: não cabe no limite de hoje: decida no cartão")
        assert [one.case for one in approvals(room)] == [3, 2, 1]


async def test_what_is_scheduled_is_not_held_against_today(api: BotApi) -> None:
    first, last = (
        (datetime.now(UTC) + timedelta(hours=n)).time().replace(second=0, microsecond=0) for n in (3, 4)
    )
    hours = Hours(first, last, UTC)
    async with storm(
        api, rules=Rules(undo_seconds=UNDO_SECONDS, customer_hours=hours, daily_limit=20)
    ) as room:
        page = await page_of(room)
        assert await approve_all(room, page, "Agendar para") == "4 de 4 aprovadas."


async def test_what_another_approved_anew_since_is_not_cancelled(api: BotApi) -> None:
    async with storm(api) as room:
        page = await page_of(room)
        await approve_all(room, page)
        carla = Who(CARLA, "Carla")
        port = room.ledger.book.cases[2].ports[0]
        await room.line(Cancelled(2, carla), Approved(2, carla, (port,)))
        assert await press(room, page, "Cancelar 4") == "3 de 4 canceladas ou paradas."
        assert room.ledger.book.cases[2].running
        assert (ANA, "undo", "stale_button", 2) in room.refusals


async def test_how_they_stand_can_be_looked_at(api: BotApi) -> None:
    async with storm(api) as room:
        page = await page_of(room)
        await approve_all(room, page)
        await room.line(Planned(1, 0, ()), Settled(1, "done"))
        await press(room, page, "Ver resultado")
        await room.shows(page, "4 falhas aprovadas juntas, como estão agora")
        assert "caso 2 · CB 02 1/2: o envio ainda não começou" in page.text
        assert "caso 1 · CB 01 1/1: 0 enviadas" in page.text


async def test_where_nothing_waits_any_more_no_page_comes(api: BotApi) -> None:
    async with storm(api) as room:
        label = "☑️ Decidir várias (4)"
        the_list = await api.wait(lambda api: next((m for m in api.messages() if label in m.buttons), None))
        await room.line(*(Denied(n, Who(CARLA, "Carla"), "other") for n in (1, 2, 3, 4)))
        assert (await api.tap(ANA, the_list, label)).text == "Nada espera decisão."


def test_a_network_of_a_thousand_olts_arrives() -> None:
    offers = tuple(
        Offer(n, f"OLT {n % 1000} & <b>{'x' * 60}", f"OLT {n}", 3, 3, 0, fibre=True) for n in range(3000)
    )
    choice = Choice(1, offers)
    for words in (PT, EN):
        for page in (0, 7, 10**3):
            screen = many.choosing(choice.after(f"p{page}") or choice, words)
            assert_arrives(screen)
            assert len(screen.rows) <= OLTS // 2 + 3
        whole = choice.after("all")
        assert whole is not None
        assert_arrives(many.asking(whole, words, NOON, opens=None, left=None))
