"""The page of the sends in doubt as a screen: what it tells, what its buttons carry, what they refuse."""

from datetime import timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.chat.screens.buttons import Action
from bot.chat.screens.pages.doubts import (
    VERDICTS,
    Wish,
    ask,
    ask_again,
    chosen,
    doubts_page,
    questions,
    read_wish,
)
from bot.chat.screens.pages.on_demand import pending
from bot.chat.screens.pages.sheets import doubts_csv
from bot.chat.screens.screen import Screen
from bot.chat.screens.table import decode
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.customer import Affected, Contact, Found
from bot.domain.events import (
    Approved,
    Evidence,
    IncidentChanged,
    IncidentEnded,
    Intent,
    Line,
    Planned,
    Resent,
    Resolved,
    Restoring,
    Result,
    Settled,
    Started,
)
from bot.domain.plan import Outcome, Recipient
from bot.errors import Declined
from bot.steps.unknown import Choose
from tests.chat.screens import APPROVED, EN, PT, assert_arrives, case_and_now, labels, planned, sent, story
from tests.fakes import ANA, BRUNO

DONE = Settled(1, "done")
NOBODY = Found(Affected(()), {})


def lost(n: int, *then: Line) -> Book:
    """Of n + 1 customers one was told; of the others no answer came. Tried at 12:05, 12:07, ..."""
    return story(
        APPROVED, planned(n + 1), *sent(0, 0), *sent(1, n, Outcome.UNKNOWN, "no_answer"), DONE, *then
    )


def show(book: Book, page: int = 0, words: Words = PT) -> Screen:
    case, now = case_and_now(book)
    return doubts_page(case, book, page, words, now)


def wish(screen: Screen, label: str) -> Wish:
    """What the button asks for whose label holds that."""
    data = next(b.data for row in screen.rows for b in row if label in b.text)
    press = decode(data)
    assert press is not None
    assert press.case == 1
    return read_wish(press.arg)


def test_each_is_told_with_what_is_known_and_has_its_numbered_row() -> None:
    screen = show(lost(3, Evidence(1, "2")))
    assert screen.html == (
        "❓ <b>Incertas</b> · caso 1 · CB 01 · 6/15\n"
        "3 a decidir: podem ter recebido ou não\n\n"
        "<b>1. Cliente 1</b> · (61) 9****-0001\n12:05 · o WhatsApp não respondeu\n\n"
        "<b>2. Cliente 2</b> · (61) 9****-0002\n12:07 · o WhatsApp não respondeu\n"
        "não consta na lista do WhatsApp (lida às 12:12)\n\n"
        "<b>3. Cliente 3</b> · (61) 9****-0003\n12:09 · o WhatsApp não respondeu"
    )
    assert labels(screen) == [
        *(f"{n} ✔ enviada {n} 🔁 reenviar {n} 📞 ligar" for n in (1, 2, 3)),
        "✔ Considerar 3 enviadas",
        "🔁 Reenviar as 3",
        "📞 Ligar para as 3",
        "⬇ CSV com os telefones",
    ]


NEWS: list[Line] = [
    *(APPROVED, planned(3), *sent(0, 2), DONE, IncidentEnded(1)),
    *(Restoring(-1, 1), Approved(-1, BRUNO, ()), planned(2, case=-1)),
    *(*sent(0, 1, Outcome.UNKNOWN, "no_answer", case=-1), Settled(-1, "done")),
]
"""Case 1 is over; of those who were to be told so, two are in doubt."""


def test_the_second_message_is_told_under_its_cases_number_with_buttons_of_its_own() -> None:
    book = story(*NEWS)
    now = book.last_at
    screen = doubts_page(book.cases[-1], book, 0, PT, now)
    assert screen.html.startswith(
        "❓ <b>Incertas</b> · caso 1 · CB 01 · 6/15\n"
        "📣 Aviso de que voltou\n"
        "2 a decidir: podem ter recebido ou não\n\n"
    )
    presses = [decode(button.data) for row in screen.rows for button in row]
    assert {press.case if press else 0 for press in presses} == {-1}
    book.apply(now, IncidentChanged(1, book.cases[1].incident))
    again = doubts_page(book.cases[-1], book, 0, PT, now)
    assert "\nA falha voltou: não dá mais para reenviar este aviso.\n" in again.html
    assert "🔁" not in "".join(labels(again))
    assert doubts_csv(book.cases[-1], NOBODY, PT).filename == "caso-1-volta-incertas.csv"
    none = doubts_page(book.cases[1], book, 0, EN, now)
    assert none.html == "✅ Case 1: nothing in doubt."


def test_a_slip_decides_nothing_as_each_button_asks_once_more() -> None:
    rows = show(lost(2)).rows
    actions = [[(decode(b.data) or pytest.fail("no press")).action for b in row] for row in rows]
    assert actions == [
        *[[Action.ASK_CHOOSE] * 3] * 2,
        *[[Action.ASK_CHOOSE]] * 3,
        [Action.DOUBTS_CSV],
    ]


def test_one_alone_has_no_choice_for_all() -> None:
    assert labels(show(lost(1), words=EN)) == ["1 ✔ sent 1 🔁 resend 1 📞 I call", "⬇ CSV with the phones"]


@pytest.mark.parametrize(("page", "numbers"), [(0, "12345"), (1, "678"), (9, "678")])
def test_five_a_page_and_the_numbers_go_on(page: int, numbers: str) -> None:
    screen = show(lost(8), page)
    assert [label[0] for label in labels(screen) if "🔁 " in label and "✔" in label] == list(numbers)
    assert all(f"<b>{n}. Cliente {n}</b>" in screen.html for n in numbers)
    assert ("▶" if page == 0 else "◀") in labels(screen)


@pytest.mark.parametrize("label", ["2 ✔", "2 🔁", "2 📞"])
def test_a_button_means_the_customer_whose_number_it_has(label: str) -> None:
    book = lost(3)
    assert chosen(book, 1, wish(show(book), label)) == Choose(1, "2")
    assert chosen(book, 1, wish(show(lost(3)), "Ligar para as 3")) == Choose(1, None, 3)


def test_who_is_called_stays_on_the_list_below_until_somebody_says_that_they_know() -> None:
    screen = show(lost(2, Resolved(1, ("1",), "call", ANA)))
    assert "\n1 a decidir · 1 para ligar: podem" in screen.html
    assert "<b>1. Cliente 2</b>" in screen.html
    assert screen.html.endswith(
        "<b>2. Cliente 1</b> · (61) 9****-0001\n12:05 · o WhatsApp não respondeu\n📞 Ana liga"
    )
    assert labels(screen) == [
        "1 ✔ enviada 1 🔁 reenviar 1 📞 ligar",
        "2 ✔ já avisado",
        "⬇ CSV com os telefones",
    ]
    called = show(lost(2, Resolved(1, ("1", "2"), "call", ANA)))
    assert "considerar" not in called.html
    assert labels(called) == ["1 ✔ já avisado", "2 ✔ já avisado", "⬇ CSV com os telefones"]
    book = lost(2, Resolved(1, ("1",), "call", ANA))
    told = wish(screen, "2 ✔ já avisado")
    assert (told.verdict, questions(told), chosen(book, 1, told)) == ("told", 1, Choose(1, "1"))


def test_when_all_is_decided_there_is_none() -> None:
    assert show(lost(2, Resolved(1, ("1", "2"), "sent", ANA))) == Screen("✅ Caso 1: nenhuma incerta.")
    assert (
        show(story(APPROVED, planned(1), *sent(0, 0), DONE), words=EN).html == "✅ Case 1: nothing in doubt."
    )


def test_while_it_is_being_sent_again_the_page_says_so_and_can_be_refreshed() -> None:
    screen = show(lost(3, Resent(1, ("1",), ANA)))
    assert screen.html == "📤 Caso 1: envio em andamento. O resultado sai no cartão."
    assert labels(screen) == ["↻ atualizar"]


@pytest.mark.parametrize(
    ("then", "why"),
    [
        ([IncidentEnded(1)], "A falha já acabou: não dá mais para reenviar."),
        ([], "Para reenviar, primeiro retome ou encerre o envio no cartão."),
    ],
)
def test_where_nothing_may_be_sent_again_the_page_says_why(then: list[Line], why: str) -> None:
    lines = [APPROVED, planned(3), *sent(0, 1, Outcome.UNKNOWN, "reset"), DONE if then else Started("1")]
    screen = show(story(*lines, *then))
    assert f"\n{why}\n" in screen.html
    assert "reenviar" not in screen.html.replace(why, "")
    assert "reenviar" not in "".join(labels(screen))
    assert "1 ✔ enviada 1 📞 ligar" in labels(screen)


def test_a_ledger_that_looks_old_sends_nothing_again() -> None:
    book = lost(2)
    book.apply(book.last_at + timedelta(hours=2), Started("2"))
    assert "Para reenviar, primeiro confirme o registro (/status)." in show(book).html
    assert "reenviar" not in "".join(labels(show(book)))


@pytest.mark.parametrize("verdict", VERDICTS)
def test_the_question_tells_how_many_and_its_yes_carries_what_was_shown(verdict: str) -> None:
    book = lost(12)
    want = wish(show(book, 2), {"sent": "Considerar", "resend": "Reenviar as", "call": "Ligar para"}[verdict])
    screen = ask(book.cases[1], want, chosen(book, 1, want), PT)
    assert "12" in assert_arrives(screen)
    yes, back = (decode(row[0].data) for row in screen.rows)
    assert yes is not None
    assert back is not None
    assert (yes.action, read_wish(yes.arg)) == (
        Action.ASK_AGAIN if verdict == "resend" else Action.CHOOSE,
        want,
    )
    assert (back.action, back.arg) == (Action.DOUBTS, "2")


def test_sending_again_to_all_asks_twice_and_a_double_tap_lands_on_the_way_back() -> None:
    book = lost(12)
    want = wish(show(book), "Reenviar as")
    first, second = ask(book.cases[1], want, chosen(book, 1, want), PT), ask_again(book.cases[1], want, PT)
    assert first.html == "<b>Reenviar a 12 clientes?</b> Cada um pode receber duas vezes."
    assert second.html == "<b>Confirma mesmo?</b> 12 clientes podem receber duas vezes."
    assert labels(first) == ["Sim, reenviar a 12/danger", "↩ voltar"]
    assert labels(second) == ["↩ voltar", "Confirmo: reenviar a 12/danger"]
    yes = decode(second.rows[1][0].data)
    assert yes is not None
    assert (yes.action, read_wish(yes.arg)) == (Action.CHOOSE, want)


def test_no_label_is_too_long_for_a_phone() -> None:
    screen = show(lost(299), 59)
    assert labels(screen)[:4] == [f"{n} ✔ enviada {n} 🔁 reenviar {n} 📞 ligar" for n in range(296, 300)]
    assert labels(screen)[-4:] == [
        "✔ Considerar 299 enviadas",
        "🔁 Reenviar as 299",
        "📞 Ligar para as 299",
        "⬇ CSV com os telefones",
    ]


def test_every_question_about_one_names_them() -> None:
    book = lost(2)
    for words, label, asked, yes in (
        (PT, "2 ✔", "Considerar enviada a Cliente 2 · (61) 9****-0002?", "Sim, considerar enviada"),
        (PT, "1 📞", "Vai ligar para Cliente 1 · (61) 9****-0001?", "Sim, vou ligar"),
        (EN, "2 ✔", "Consider the message to Cliente 2 · (61) 9****-0002 sent?", "Yes, consider it sent"),
        (EN, "1 📞", "Call Cliente 1 · (61) 9****-0001?", "Yes, I call"),
    ):
        want = wish(show(book, words=words), label)
        screen = ask(book.cases[1], want, chosen(book, 1, want), words)
        assert screen.html.startswith(f"<b>{asked}</b> ")
        assert labels(screen)[0] == f"{yes}/danger"
    book = lost(2, Resolved(1, ("1",), "call", ANA))
    want = wish(show(book), "2 ✔ já avisado")
    told = ask(book.cases[1], want, chosen(book, 1, want), PT)
    assert told.html == "<b>Cliente 1 · (61) 9****-0001 já foi avisado?</b> A ligação sai da lista."
    assert labels(told) == ["Sim, já foi avisado/danger", "↩ voltar"]


def test_sending_again_to_one_names_them() -> None:
    book = lost(2)
    want = wish(show(book), "2 🔁")
    screen = ask(book.cases[1], want, chosen(book, 1, want), PT)
    assert screen.html == "<b>Reenviar a Cliente 2 · (61) 9****-0002?</b> Pode receber duas vezes."
    assert labels(screen) == ["Sim, reenviar/danger", "↩ voltar"]


AGAIN: list[Line] = [
    Resent(1, ("1", "2"), BRUNO),
    *(line for n in "12" for line in (Intent(1, n), Result(1, n, Outcome.UNKNOWN, reason="reset"))),
    DONE,
]


@pytest.mark.parametrize(
    ("label", "then", "code"),
    [
        ("1 ✔", [Resolved(1, ("1",), "sent", BRUNO)], "already_resolved"),
        ("1 🔁", [Evidence(1, "1", "77")], "already_resolved"),
        ("1 ✔", [Resolved(1, ("1",), "call", BRUNO)], "already_resolved"),  # it was not to end a call
        ("Reenviar as", [Resolved(1, ("1",), "sent", BRUNO)], "list_changed"),
        ("1 🔁", [Resent(1, ("2",), BRUNO)], "not_settled"),
        ("1 🔁", AGAIN, "list_changed"),  # tried once more meanwhile: a third message was not meant
        ("Reenviar as", AGAIN, "list_changed"),  # as many as before, and yet others
    ],
)
def test_what_changed_after_the_page_was_drawn_decides_nothing(
    label: str, then: list[Line], code: str
) -> None:
    want = wish(show(lost(2)), label)
    with pytest.raises(Declined) as no:
        chosen(lost(2, *then), 1, want)
    assert no.value.code == code


@pytest.mark.parametrize(
    "arg",
    [
        "",
        "sent",
        "sent|0|1",
        "because|0|1|x",
        "sent|x|1|x",
        "sent|0|-1|x",
        "sent|0|allx|x",
        "sent|0|1|x|y",
        "told|0|all2|x",
        "sent|0|²|x",
    ],
)
def test_what_this_program_never_wrote_is_no_wish(arg: str) -> None:
    with pytest.raises(Declined, match="unknown_button"):
        read_wish(arg)


def test_a_place_beyond_the_plan_is_nobody() -> None:
    with pytest.raises(Declined, match="unknown_button"):
        chosen(lost(2), 1, Wish("sent", 0, 99, 0, "x"))


@given(
    st.sampled_from([*VERDICTS, "told"]),
    st.integers(0, 10**6),
    st.none() | st.integers(0, 10**6),
    st.text("0a", max_size=10),
)
def test_a_wish_survives_its_button(verdict: str, page: int, place: int | None, seal: str) -> None:
    assume(verdict != "told" or place is not None)
    want = read_wish(f"{verdict}|{page}|{'all7' if place is None else place}|{seal}")
    assert want == Wish(want.verdict, page, place, 7 if place is None else 0, seal)
    assert len(f"{Action.ASK_AGAIN}:9999999:{want.encode()}".encode()) <= 64


def test_3000_with_the_longest_names_arrive() -> None:
    people = tuple(Recipient(str(n), "🔥<&" * 70, ("Z",), "5561999990001") for n in range(3000))
    lines: list[Line] = [Planned(1, 3000, people)]
    for person in people:
        lines += [Intent(1, person.id), Result(1, person.id, Outcome.UNKNOWN, reason="<b>" * 99)]
    book = story(APPROVED, *lines, DONE)
    for page in (0, 599):
        assert "3.000 a decidir" in assert_arrives(show(book, page))
    assert "3.000 incertas" in pending(book, PT, book.last_at).html


def test_a_case_with_sends_in_doubt_waits_also_when_its_outage_is_over() -> None:
    book = lost(3, IncidentEnded(1))
    assert pending(book, PT, book.last_at).html == (
        "<b>1 cartão espera</b>\n3 incertas · 🔴 LOS · <b>CB 01 6/15</b> · 33 ONUs · acabou há 0 s · caso 1"
    )
    half = story(APPROVED, planned(3), *sent(0, 0, Outcome.UNKNOWN), Started("1"))
    assert "\ninterrompido, 1 incerta · " in pending(half, PT, half.last_at).html


def test_the_document_has_all_phones_for_who_calls() -> None:
    both = "(61) 3333-4444 / (61) 90000-0001"
    found = Found(Affected(()), {"onu Z1": Contact("1", "Cliente 1", both)})
    sheet = doubts_csv(lost(2, Resolved(1, ("1",), "call", ANA)).cases[1], found, PT)
    assert sheet.filename == "caso-1-incertas.csv"
    assert sheet.content.decode("utf-8-sig").splitlines() == [
        "Nome;Telefone;WhatsApp;Quando;Motivo;Situação",
        "Cliente 2;5561900000002;5561900000002;2026-11-22 12:07:00;o WhatsApp não respondeu;a decidir",
        f"Cliente 1;{both};5561900000001;2026-11-22 12:05:00;o WhatsApp não respondeu;Ana liga",
    ]
    assert len(doubts_csv(story().cases[1], NOBODY, EN).content.splitlines()) == 1
