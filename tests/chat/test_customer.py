"""/cliente: the answer is what card, sheet and ledger say; in the group no phone is whole."""

import csv
import io
import re
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.chat.screens.pages.customer import Answer, customer, last_four
from bot.chat.screens.pages.people import as_planned
from bot.chat.screens.pages.sheets import details_csv
from bot.chat.screens.screen import Screen
from bot.domain import events as ev
from bot.domain.book import Book
from bot.domain.events import Line
from bot.domain.limits.opted_out import OptOut
from bot.domain.lookup.sought import Customer
from bot.domain.lookup.told import told as told_to
from bot.domain.plan import Outcome, Recipient, Skip
from bot.simulator.telegram.api import BotApi, Message
from bot.storage.commands.person import _messages
from tests.chat.room import ANA, BETO, CARLA, Room
from tests.chat.screens import APPROVED, EN, PT, assert_arrives, labels, story
from tests.chat.stories import told
from tests.fakes import ANA as ANA_HERSELF
from tests.fakes import BRUNO, NOON

JOAO = Recipient("c1", "João da Silva", ("ZTEGC8A1B2C3",), "5561999990001")
MARIA = Recipient("c2", "Maria Souza", ("ZTEG00000002",), "5561999990002", Skip.LANDLINE)
PLAN = ev.Planned(1, 2, (JOAO, MARIA))
SENT: list[Line] = [APPROVED, PLAN, ev.Intent(1, "c1"), ev.Result(1, "c1", Outcome.ACCEPTED, "wamid")]


def answer(book: Book, one: Recipient = JOAO, **more: object) -> Answer:
    who = Customer(one.id, one.name, one.phone, one.serials, (1,))
    return Answer([who], who, [told_to(book, 1, one.id)], **more)  # type: ignore[arg-type]


def page(book: Book, one: Recipient = JOAO, *, full: bool = False, **more: object) -> Screen:
    screen = customer(answer(book, one, **more), PT, book.last_at, full=full)
    assert_arrives(screen)
    return screen


def test_the_whole_of_it_in_private() -> None:
    lines = [*SENT, ev.Received(1, ("c1",)), ev.Settled(1, "done"), ev.IncidentEnded(1)]
    assert page(story(*lines), full=True).html == (
        "👤 <b>João da Silva</b> · (61) 99999-0001 · <code>ZTEGC8A1B2C3</code>\n"
        "Em nenhum caso aberto agora\n\n"
        "✅ <b>Caso 1</b> · 🔴 LOS CB 01 6/15 · 11:48 até 12:07\n"
        "<b>entregue</b> às 12:05 · saiu às 12:03 · aprovado por Ana\n"
        "Que voltou: ainda não avisado"
    )


def test_in_the_group_the_last_four_digits() -> None:
    html = page(story(*SENT)).html
    assert html.startswith("👤 <b>João da Silva</b> · final 0001 · <code>ZTEGC8A1B2C3</code>\n")
    assert "Em caso aberto agora: 1" in html
    assert "<b>enviada</b> · saiu às 12:03 · aprovado por Ana" in html
    assert "9999" not in html
    assert "(61)" not in html


def test_who_was_skipped_and_why() -> None:
    assert "<b>não enviada: telefone fixo</b> · aprovado por Ana" in page(story(*SENT), MARIA).html


def test_in_doubt_and_who_calls() -> None:
    lines = [*SENT[:3], ev.Result(1, "c1", Outcome.UNKNOWN, None, "no_answer"), ev.Settled(1, "done")]
    html = page(story(*lines, ev.Resolved(1, ("c1",), "call", BRUNO))).html
    assert "<b>incerta: o WhatsApp não respondeu</b>" in html
    assert html.endswith("📞 Bruno liga")


def test_the_same_phone_of_another_was_told() -> None:
    ana = Recipient("c3", "Ana", ("Z3",), JOAO.phone, Skip.SAME_PHONE)
    lines = [APPROVED, ev.Planned(1, 2, (JOAO, ana)), *SENT[2:]]
    assert page(story(*lines), ana).html.endswith("O mesmo telefone é de João da Silva: enviada")


def test_that_service_is_back() -> None:
    over = [*SENT, ev.Settled(1, "done"), ev.IncidentEnded(1)]
    news: list[Line] = [ev.Restoring(-1, 1), ev.Approved(-1, BRUNO, ()), ev.Planned(-1, 1, (JOAO,))]
    told_so = [*over, *news, ev.Intent(-1, "c1"), ev.Result(-1, "c1", Outcome.ACCEPTED)]
    assert (
        "Aviso de que voltou: <b>enviada</b> · saiu às 12:10 · pedido por Bruno" in page(story(*told_so)).html
    )
    assert page(story(*over, ev.Untold(1, BRUNO))).html.endswith("Que voltou: Bruno decidiu não avisar")
    assert "voltou" not in page(story(*over), MARIA).html


def test_a_case_without_a_send_says_so() -> None:
    assert page(story()).html.endswith("<b>nada enviado ainda</b>")
    assert page(story(ev.Denied(1, ANA_HERSELF, "other"))).html.endswith("<b>negado: nada enviado</b>")


def test_who_asked_for_no_messages_and_whose_name_is_gone() -> None:
    out = OptOut(NOON, BRUNO, "ligou 61 99999-0001")
    html = page(story(*SENT), Recipient("c1", person="x"), opted_out=out, unread=True, typed=True).html
    assert "Nome já apagado" in html
    assert "Pediu para não receber: desde 12:00, por Bruno (ligou ** *****-0001)" in html
    assert "o registro não pôde ser lido agora" in html
    assert "apague-a" in html
    assert "apague-a" not in page(story(*SENT), full=True, typed=True).html


def test_that_older_ones_were_not_looked_at_is_said() -> None:
    assert "Parei de procurar depois de 3 s" in page(story(*SENT), cut=True).html
    assert "Parei" not in page(story(*SENT)).html
    for words, said in ((PT, "mais antigos eu não olhei"), (EN, "older cases were not looked at")):
        assert said in customer(Answer([], cut=True), words, NOON, full=False).html


def test_several_are_chosen_from() -> None:
    found = [Customer(f"c{n}", f"João {n}", f"556199999{n:04}", (f"Z{n}",)) for n in range(11)]
    screen = customer(Answer(found, token=3), PT, NOON, full=False)
    assert "11 clientes</b>: qual?" in screen.html
    assert "há mais 3" in screen.html
    assert labels(screen)[:2] == ["João 0 · final 0000", "João 1 · final 0001"]
    assert [b.data for row in screen.rows for b in row][:2] == ["cust:0:3.0", "cust:0:3.1"]
    assert len(screen.rows) == 8
    assert "(61) 99999-0000" in labels(customer(Answer(found, token=3), PT, NOON, full=True))[0]
    alone = customer(Answer([Customer("Z", serials=("Z1",))] * 2), EN, NOON, full=False)
    assert labels(alone) == ["no name · Z1"] * 2
    assert "Não achei ninguém" in customer(Answer([]), PT, NOON, full=False).html


SEPARATED = st.sampled_from(["", " ", "-", ".", "–", "‑", "/", "_", " ", "\u200b", "x", "·", ") ("])


@st.composite
def spelt(draw: st.DrawFn) -> str:
    """The phone of João, anyhow written into a text."""
    digits = draw(st.sampled_from(["5561999990001", "61999990001", "6199990001", "99999-0001", "999990001"]))
    if draw(st.booleans()):
        digits = "".join(chr(ord("０") + int(d)) if d.isdecimal() else d for d in digits)
    parts = [f"{d}{draw(SEPARATED)}" for d in digits]
    return f"{draw(st.text(max_size=5))}{''.join(parts)}{draw(st.text('abc <&', max_size=5))}"


def digits_of(html: str) -> str:
    return "".join(str(unicodedata.decimal(c)) for c in html if c.isdecimal())


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(name=spelt(), reason=spelt(), serial=spelt(), why=spelt(), outcome=st.sampled_from(list(Outcome)))
def test_no_whole_phone_is_in_the_group_whatever_texts_hold(
    name: str, reason: str, serial: str, why: str, outcome: Outcome
) -> None:
    one = Recipient("c1", name, (serial,), JOAO.phone)
    other = Recipient("c2", name, (serial,), JOAO.phone, Skip.SAME_PHONE)
    lines: list[Line] = [
        APPROVED,
        ev.Planned(1, 2, (one, other)),
        ev.Intent(1, "c1"),
        ev.Result(1, "c1", outcome),
    ]
    book = story(*lines, ev.Undelivered(1, ("c1",), reason), ev.Settled(1, "done"))
    for who in (one, other):
        found = answer(book, who, opted_out=OptOut(NOON, BRUNO, why))
        choice = Answer([found.found[0]] * 9)
        for screen in (customer(a, PT, book.last_at, full=False) for a in (found, choice)):
            shown = screen.html + "".join(b.text + str(b.data) for row in screen.rows for b in row)
            assert "99990001" not in digits_of(shown), shown


def test_of_a_text_with_few_digits_nothing_is_hidden() -> None:
    assert last_four("erro HTTP 502, 2345") == "erro HTTP 502, 2345"
    assert last_four("12345678") == "****5678"


FATES = re.compile(r"^<b>(.*?)</b>", re.MULTILINE)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(lines=told(customers=8), over=st.booleans())
def test_the_answer_is_what_the_sheet_and_the_ledger_say_of_each(lines: list[Line], over: bool) -> None:
    book = story(*lines, *([ev.IncidentEnded(1)] if over else []))
    case = book.cases[1]
    sheet = details_csv(case, as_planned(case), PT).content.decode("utf-8-sig")
    header, *rows = csv.reader(io.StringIO(sheet), delimiter=";")
    fates = {row[1]: row[header.index("Envio")] for row in rows}
    assert case.dispatch is not None
    for one in case.dispatch.sends.recipients.values():
        html = page(book, one, full=True).html
        (fate,) = FATES.findall(html)
        assert fate == fates[one.serials[0]]
        if one.person is not None:
            (row,) = (r for r in _messages(book, 1, one.person) if r["id"] == one.id)
            delivered = row["delivery"]
            assert ("não entregue" in fate) == (delivered == "undelivered")
            assert (fate == "entregue") == (delivered == "received")
            assert (fate == "lida") == (delivered == "read")
            assert fate.startswith("não enviada") == (row["skipped"] is not None)


# As the NOC sees it.


@pytest.fixture
async def told_room(api: BotApi, room: Room) -> Room:
    await room.card()
    await room.line(*SENT, ev.Received(1, ("c1",)), ev.Settled(1, "done"))
    return room


async def asks(room: Room, user: int, text: str, chat: int | None = None) -> Message:
    said = await room.api.say(user, text, chat)
    await room.api.wait(lambda api: any(m.reply_to == said.id for m in api.messages(chat)))
    return next(m for m in room.api.messages(chat) if m.reply_to == said.id)


@pytest.mark.parametrize("text", ["jõao silv", "Joao Sliva", "61 99999-0001", "c8a1", "ZTEGC8A1B2C3", "0001"])
async def test_a_customer_is_found(told_room: Room, text: str) -> None:
    found = await asks(told_room, ANA, f"/cliente {text}")
    assert "João da Silva · final 0001" in found.text
    assert "entregue" in found.text
    assert "aprovado por Ana" in found.text
    assert ("apague-a" in found.text) == (text == "61 99999-0001")
    assert "99999" not in found.text


async def test_in_private_an_approver_reads_the_whole_phone(told_room: Room) -> None:
    assert "(61) 99999-0001" in (await asks(told_room, ANA, "/customer joao", ANA)).text


async def test_only_approvers_ask(told_room: Room) -> None:
    assert "administradores do grupo" in (await asks(told_room, BETO, "/cliente joao")).text
    assert told_room.refusals == [(BETO, "cliente", "not_allowed", None)]


async def test_without_a_word_it_says_how(told_room: Room) -> None:
    assert "/cliente nome, telefone ou ONU" in (await asks(told_room, ANA, "/cliente")).text
    assert "Não achei ninguém" in (await asks(told_room, ANA, "/cliente ninguem")).text


async def test_of_several_one_is_chosen_by_who_asked(told_room: Room) -> None:
    room = told_room
    room.ledger.book.cases[1].dispatches[0].sends.recipients["c2"] = Recipient("c2", "João Souza", ("Z",))
    found = await asks(room, ANA, "/cliente joao")
    assert "2 clientes: qual?" in found.text
    assert "Só quem pediu" in (await room.api.tap(CARLA, found, "Souza")).text
    await room.api.tap(ANA, found, "final 0001")
    await room.shows(found, "João da Silva · final 0001")
    assert "99999" not in found.text
    await room.api.tap(ANA, found, "voltar")
    await room.shows(found, "qual?")
    alone = await asks(room, ANA, "/cliente joao", ANA)
    await room.api.tap(ANA, alone, "(61) 99999-0001")
    await room.shows(alone, "Em caso aberto agora: 1")
    assert "(61) 99999-0001" in alone.text


async def test_a_list_that_nobody_remembers_is_asked_for_anew(told_room: Room) -> None:
    found = await asks(told_room, ANA, "/cliente joao")
    await told_room.api.post_callback(ANA, found, "cust:0:99.0")
    await told_room.shows(found, "Página antiga")
    other = await asks(told_room, ANA, "/cliente ninguem")
    await told_room.api.post_callback(ANA, other, "cust:0:1.7")
    await told_room.shows(other, "Não reconheço esse botão")


async def test_who_is_known_from_the_look_ahead_was_told_nothing_yet(
    api: BotApi, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    await room.card()
    monkeypatch.setattr(room.flow, "waiting", lambda: {1: (JOAO,)})
    found = await asks(room, ANA, "/cliente joao")
    assert "Em caso aberto agora: 1" in found.text
    assert "nada enviado ainda" in found.text
