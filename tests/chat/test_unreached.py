"""Whom a dispatch did not reach, by name: as many as the card says, in the list and in its sheet."""

import csv
import io
import re
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.chat.screens.cards.card import card
from bot.chat.screens.pages.on_demand import details
from bot.chat.screens.pages.people import as_planned
from bot.chat.screens.pages.sheets import details_csv, unreached_csv
from bot.chat.screens.pages.unreached import LISTS, list_buttons, read, unreached
from bot.chat.screens.screen import Screen, Sheet
from bot.domain.book import Book
from bot.domain.customer import Affected, Contact, Found
from bot.domain.events import IncidentEnded, Line, Planned, Received, Settled, Undelivered
from bot.domain.plan import Outcome, Recipient, Skip
from bot.domain.rules import Rules
from bot.errors import TryLater
from bot.simulator.telegram.api import BotApi
from tests.chat.room import ANA, BETO, Room
from tests.chat.screens import APPROVED, EN, PT, assert_arrives, grouped, labels, planned, pons, sent, story
from tests.chat.stories import told

NOT_TOLD, NOT_DELIVERED = LISTS
ENDED = story(
    APPROVED,
    planned(9, Skip.ONLINE, Skip.LANDLINE, Skip.TOLD),
    *sent(3, 4),
    *sent(5, 6, Outcome.REJECTED, "Número inválido"),
    *sent(7, 7, Outcome.UNKNOWN, "no_answer"),
    *sent(8, 8, Outcome.FAILED, "reset"),
    Received(1, ("3",)),
    Undelivered(1, ("4",), "Sem WhatsApp"),
    Settled(1, "done"),
    IncidentEnded(1),
)


def cells(sheet: Sheet) -> list[list[str]]:
    return list(csv.reader(io.StringIO(sheet.content.decode("utf-8-sig")), delimiter=";"))


def numbers(screen: Screen) -> dict[str, int]:
    """What the buttons promise, by their words."""
    found = (re.fullmatch(r"(.*) \((\d+)\)", b.text) for row in screen.rows for b in row)
    return {one[1]: int(one[2]) for one in found if one is not None}


def test_details_of_an_ended_outage_offer_who_was_not_reached() -> None:
    screen = details(ENDED.cases[1], as_planned(ENDED.cases[1]), 0, PT)
    assert labels(screen) == ["Não avisados (6) Não entregues (1)", "⬇ CSV"]
    assert "<i>entregue</i>" in screen.html
    assert "<i>não entregue: Sem WhatsApp</i>" in screen.html


def test_who_was_not_told_those_to_call_first() -> None:
    screen = unreached(ENDED.cases[1], NOT_TOLD, 0, PT)
    assert screen.html == (
        "👥 <b>Caso 1</b> · CB 01 · 6/15\n"
        "<b>Não avisados</b>: 2 recusadas · 1 falha · 3 não enviadas\n"
        "página 1 de 1\n\n"
        "<b>Cliente 1</b>\n<code>ZTEG00000001</code> · (61) 9****-0001 · <i>não enviada: telefone fixo</i>"
        "\n\n"
        "<b>Cliente 5</b>\n<code>ZTEG00000005</code> · (61) 9****-0005 · <i>recusada: Número inválido</i>\n\n"
        "<b>Cliente 6</b>\n<code>ZTEG00000006</code> · (61) 9****-0006 · <i>recusada: Número inválido</i>\n\n"
        "<b>Cliente 8</b>\n<code>ZTEG00000008</code> · (61) 9****-0008"
        " · <i>falha: a conexão caiu no meio</i>\n\n"
        "<b>Cliente 0</b>\n<code>ZTEG00000000</code> · (61) 9****-0000 · <i>não enviada: já online</i>\n\n"
        "<b>Cliente 2</b>\n<code>ZTEG00000002</code> · (61) 9****-0002"
        " · <i>não enviada: já avisado desta falha</i>"
    )
    assert labels(screen) == ["Todos ⬇ CSV"]


def test_who_did_not_get_it() -> None:
    screen = unreached(ENDED.cases[1], NOT_DELIVERED, 0, PT)
    assert "<b>Não entregues</b>: 1\n" in screen.html
    assert "<b>Cliente 4</b>" in screen.html
    assert screen.html.count("<code>") == 1
    assert "<b>Not delivered</b>: 1\n" in unreached(ENDED.cases[1], NOT_DELIVERED, 0, EN).html


def test_a_list_that_nobody_is_on_any_more_says_so() -> None:
    book = story(APPROVED, planned(1), *sent(0, 0), Settled(1, "done"))
    assert list_buttons(book.cases[1], PT) == ()
    assert unreached(book.cases[1], NOT_DELIVERED, 0, PT).html.endswith("<b>Não entregues</b>\nNinguém.")
    assert unreached(story().cases[1], NOT_TOLD, 0, PT).html.endswith("<b>Não avisados</b>\nNinguém.")


def test_of_several_ports_each_names_its_own() -> None:
    both = pons(1, 2)
    plan = (Recipient("c1", "Ana", ("Z1", "Z2"), "5561999990001", Skip.ONLINE, (both[1].port.key, "gone")),)
    book = grouped(APPROVED, planned(0), about=both)
    assert book.cases[1].dispatch is not None
    book.cases[1].dispatch.sends.recipients["c1"] = plan[0]
    assert "<b>Ana</b> · CB 01 6/2\n<code>Z1, Z2</code>" in unreached(book.cases[1], NOT_TOLD, 0, PT).html
    header, row = cells(unreached_csv(book.cases[1], Found(Affected(()), {}), NOT_TOLD, PT))
    assert header == ["Nome", "ONU", "Telefone", "WhatsApp", "Porta", "Envio"]
    assert row == ["Ana", "Z1, Z2", "5561999990001", "5561999990001", "CB 01 6/2", "não enviada: já online"]


def test_the_sheet_of_a_list_has_the_landline_that_no_plan_has() -> None:
    plan = planned(1, Skip.LANDLINE)
    book = story(APPROVED, plan)
    assert book.cases[1].dispatch is not None
    book.cases[1].dispatch.sends.recipients = {"c7": Recipient("c7", "Ana", ("Z1",), None, Skip.LANDLINE)}
    found = Found(Affected(()), {"onu Z1": Contact("7", "Ana", "(61) 3333-4444")})  # as an ERP answers
    sheet = unreached_csv(book.cases[1], found, NOT_TOLD, PT)
    assert sheet.filename == "caso-1-nao-avisados.csv"
    assert cells(sheet)[1] == ["Ana", "Z1", "(61) 3333-4444", "", "não enviada: telefone fixo"]
    assert cells(unreached_csv(story().cases[1], found, NOT_TOLD, PT)) == [cells(sheet)[0]]


def test_what_a_button_asks_for_is_read_again() -> None:
    assert [read(arg) for arg in ("", "3", "n2", "u0", "n", "x", "n٣")] == [
        (None, 0),
        (None, 3),
        (NOT_TOLD, 2),
        (NOT_DELIVERED, 0),
        (NOT_TOLD, 0),
        (None, 0),
        (NOT_TOLD, 0),
    ]


def test_3000_who_were_not_told_are_turned() -> None:
    book = story(APPROVED, planned(3000, *[Skip.NO_PHONE] * 3000, onus=3000))
    screen = unreached(book.cases[1], NOT_TOLD, 299, PT)
    assert "página 300 de 300" in assert_arrives(screen)
    assert [b.data for b in screen.rows[0]] == ["who:1:n298"]
    assert labels(details(book.cases[1], as_planned(book.cases[1]), 0, PT))[1] == "Não avisados (3.000)"


def rows_of(book: Book, which: int) -> list[str]:
    """The rows of a list, of all of its pages."""
    pages = (unreached(book.cases[1], LISTS[which], n, PT).html for n in range(2))
    return [row for html in dict.fromkeys(pages) for row in html.split("\n\n")[1:]]


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(lines=told(customers=10), over=st.booleans())
def test_a_button_s_number_is_the_rows_of_its_list_and_what_the_card_says(
    lines: list[Line], over: bool
) -> None:
    book = story(*lines, *([IncidentEnded(1)] if over else []))
    case = book.cases[1]
    assert case.dispatch is not None
    tally = case.dispatch.sends.tally()
    drawn = card(case, book, book.last_at + timedelta(minutes=1), PT, rules=Rules())
    shown = numbers(details(case, as_planned(case), 0, PT))
    sheets = [cells(unreached_csv(case, as_planned(case), one, PT))[1:] for one in LISTS]
    whole = [row[-1] for row in cells(details_csv(case, as_planned(case), PT))[1:]]

    refused = tally.outcomes.get(Outcome.REJECTED, 0) + tally.outcomes.get(Outcome.FAILED, 0)
    expected = [sum(tally.skipped.values()) + refused, sum(tally.arrived.undelivered.values())]
    assert [shown.get(name, 0) for name in ("Não avisados", "Não entregues")] == expected
    assert [len(rows_of(book, which)) for which in range(2)] == expected
    assert [len(sheet) for sheet in sheets] == expected
    assert whole.count("não entregue") == expected[1]
    if expected[1]:
        assert f"{PT.plural(expected[1], 'não entregue', 'não entregues')}" in drawn.html
    assert "5561" not in "".join(rows_of(book, 0) + rows_of(book, 1))


async def test_who_was_not_told_is_shown_below_the_card_of_an_outage_that_is_over(
    api: BotApi, room: Room
) -> None:
    card_ = await room.card()
    plan = [
        Recipient("c0", "Cliente 0", ("ZTEG00000000",), "5561990001000"),
        Recipient("c1", "Cliente 1", ("ZTEG00000001",), None, Skip.NO_PHONE),
    ]
    await room.line(APPROVED, Planned(1, 2, tuple(plan)), Settled(1, "halted"), IncidentEnded(1))
    room.telegram.chat.show(1, urgent=True)
    await api.wait(lambda _: "Normalizado" in card_.text)
    room.source.error = TryLater("the source tells of nothing that is over")
    await api.tap(BETO, card_, "Detalhes")
    await api.wait(lambda api: any(m.reply_to == card_.id for m in api.messages()))
    page = next(m for m in api.messages() if m.reply_to == card_.id)
    assert "Conforme o plano do envio" in page.text
    await api.tap(BETO, page, "Não avisados (2)")
    await room.shows(page, "Não avisados: 1 falha")
    await api.tap(BETO, page, "Todos")
    await room.shows(page, "Conforme o plano do envio")
    await api.say(ANA, "/start", ANA)
    await api.tap(BETO, page, "Não avisados (2)")
    await room.shows(page, "Não avisados: 1 falha")
    await api.tap(ANA, page, "CSV")
    await api.wait(lambda api: api.documents)
    assert "5561990001000" in (api.documents[0].document or b"").decode("utf-8-sig")


async def test_while_the_source_is_away_the_plan_is_shown(api: BotApi, room: Room) -> None:
    card_ = await room.card()
    await room.line(APPROVED, Planned(1, 1, (Recipient("c0", "Cliente 0", ("Z",), "5561990001000"),)))
    room.source.error = TryLater("away")
    await api.tap(BETO, card_, "Detalhes")
    await api.wait(lambda api: any(m.reply_to == card_.id for m in api.messages()))
    page = next(m for m in api.messages() if m.reply_to == card_.id)
    assert "Cliente 0" in page.text
    assert "a enviar" in page.text
