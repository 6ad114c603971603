"""A card whose dispatch stopped itself, whose sends in doubt were settled, or whose ledger looks old."""

from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest

from bot.chat.screens.cards.advice import halted_facts
from bot.chat.screens.cards.card import card
from bot.chat.screens.pages.audit import audit
from bot.chat.screens.pages.on_demand import pending
from bot.chat.screens.pages.sheets import audit_csv, audit_json, entries_in
from bot.chat.screens.pages.status import ProgramFacts, status
from bot.chat.screens.screen import Screen
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.events import (
    CardPosted,
    CaseOpened,
    Confirmed,
    Evidence,
    IncidentEnded,
    Intent,
    Interrupted,
    Line,
    Resent,
    Resolved,
    Restoring,
    Result,
    Resumed,
    Settled,
    Started,
)
from bot.domain.incident import Kind
from bot.domain.plan import Mend, Outcome
from bot.domain.rules import Rules
from bot.domain.watched.health import AnswerHealth, SourceHealth
from bot.process.wiring import adapters_words
from tests.chat.screens import (
    APPROVED,
    EN,
    PT,
    ZONE,
    assert_arrives,
    case_and_now,
    deciding,
    labels,
    planned,
    sent,
    story,
)
from tests.fakes import ANA, BRUNO, NOON, incident, port

HALF = [APPROVED, planned(30), *sent(0, 9), *sent(10, 11, Outcome.FAILED, "refused")]
LOST = [APPROVED, planned(9), *sent(0, 2), *sent(3, 8, Outcome.UNKNOWN, "no_answer"), Settled(1, "done")]


def show(*lines: Line, words: Words = PT, rules: Rules = Rules()) -> Screen:  # noqa: B008
    book = story(*lines)
    case, now = case_and_now(book)
    screen = card(case, book, now, words, rules=rules)
    assert_arrives(screen)
    return screen


def middle(screen: Screen) -> str:
    """The card's block below the facts."""
    return screen.html.split("\n\n")[1]


def test_a_dispatch_that_stopped_itself_says_why_what_to_do_and_who_is_left() -> None:
    screen = show(*HALF, Interrupted(1, "chave <invalida>", "key"))
    assert middle(screen) == (
        "⛔ <b>Envio suspenso</b>: chave &lt;invalida&gt;\n"
        "🛠 Chame quem cuida do bot: o WhatsApp (Matrix) recusou a chave de acesso. Depois de corrigir, "
        "toque em <b>Retomar</b>. <i>(TOKEN_HSM, HSM_ACCOUNT; se mudar, reinicie o bot)</i>\n"
        "⚠️ <b>Faltam 18 clientes e 2 falhas</b>: retomar ou encerrar?\n"
        "10 enviadas · 2 falhas\n"
        "👤 Aprovado por <b>Ana</b> às 12:01"
    )
    assert deciding(screen) == ["Retomar/success Encerrar envio/danger"]
    assert "<b>18 customers and 2 failures left</b>: resume or close?" in (
        show(*HALF, Interrupted(1, "x", "key"), words=EN).html
    )


def test_a_repetition_that_broke_off_says_who_may_have_it_already() -> None:
    lines = [*LOST, Resent(1, ("3", "4"), BRUNO), Interrupted(1)]
    assert "❓ 2 reenvios de incertas entre eles: pode já ter chegado. Encerrar devolve às incertas" in (
        show(*lines).html
    )
    assert "entre eles" not in show(*HALF, Interrupted(1, "x", "key")).html
    assert "❓ 2 resends in doubt among them" in show(*lines, IncidentEnded(1), words=EN).html


@pytest.mark.parametrize("words", [PT, EN])
@pytest.mark.parametrize("mend", get_args(Mend))
def test_every_mend_names_the_button_that_is_there(mend: Mend, words: Words) -> None:
    interrupted = show(*HALF, Interrupted(1, "http_401", mend), words=words)
    nobody = show(APPROVED, planned(2), Settled(1, "halted", "http_401", mend=mend), words=words)
    for screen, button in ((interrupted, "resume"), (nobody, "retry")):
        (line,) = [line for line in screen.html.split("\n") if line.startswith("🛠")]
        assert f"<b>{words.plain(f'button.{button}')}</b>" in line
        assert labels(screen)[0].startswith(words.plain(f"button.{button}"))


@pytest.mark.parametrize(("kind", "setting"), [(Kind.LOS, "HSM_ID_LOS"), (Kind.POWER, "HSM_ID_POWER")])
def test_a_template_at_fault_is_named_by_its_own_setting(kind: Kind, setting: str) -> None:
    approved = replace(APPROVED, template=kind)
    html = show(approved, planned(2), *sent(0, 0), Interrupted(1, "hsm nao encontrado", "template")).html
    assert "🛠 Chame quem cuida da Matrix: o modelo da mensagem foi recusado. Depois de corrigir, " in html
    assert f"<i>({setting}; se mudar, reinicie o bot)</i>" in html
    assert "<b>Envio suspenso</b>: hsm nao encontrado\n" in html


NORTE = Rules(own_templates={"LOS": "LOS.NORTE", "RESTORED": "RESTORED.NORTE"})
NORTHERN = {
    "setting.LOS.NORTE": "REGION_NORTE_HSM_ID_LOS",
    "setting.RESTORED.NORTE": "REGION_NORTE_HSM_VOLTOU",
}


def test_a_dispatch_that_was_given_up_before_its_plan_names_the_template_too() -> None:
    """Without one nothing says which it goes by but the settings: the region's own, where it has one."""
    given_up = Settled(1, "unread", "template", mend="template")
    words = Words("pt_BR", ZONE, {**adapters_words("pt_BR", "matrix", ("oltcloud",), "ixc"), **NORTHERN})
    for rules, setting in ((Rules(), "HSM_ID_LOS"), (NORTE, "REGION_NORTE_HSM_ID_LOS")):
        screen = show(APPROVED, given_up, words=words, rules=rules)
        assert f"<i>({setting}; se mudar, reinicie o bot)</i>" in screen.html
        assert labels(screen)[0].startswith("Tentar de novo")
    told = [APPROVED, planned(2), *sent(0, 1), Settled(1, "done"), IncidentEnded(1), Restoring(-1, 1)]
    back = [*told, replace(APPROVED, case=-1), replace(given_up, case=-1)]
    assert "<i>(REGION_NORTE_HSM_VOLTOU; se mudar" in show(*back, words=words, rules=NORTE).html


def test_nothing_is_to_be_mended_once_it_is_over_or_goes_on() -> None:
    stopped = Interrupted(1, "chave invalida", "key")
    over = show(*HALF, stopped, IncidentEnded(1)).html
    assert "⛔ <b>Envio suspenso</b>: chave invalida\n⚠️ Envio interrompido com 18 clientes" in over
    assert "🛠" not in over
    assert "suspenso" not in show(*HALF, stopped, Resumed(1, ANA)).html
    assert "🛠" not in show(APPROVED, planned(2), Settled(1, "halted", "x", mend="key"), IncidentEnded(1)).html
    assert "🛠" not in show(*HALF, Interrupted(1)).html


def test_how_sends_in_doubt_were_settled_stands_below_counts_that_add_up() -> None:
    screen = show(
        *LOST,
        Resolved(1, ("3", "4"), "sent", ANA),
        Resolved(1, ("5",), "call", ANA),
        Evidence(1, "6", "77", NOON, "Entregue"),
    )
    assert middle(screen) == (
        "📨 <b>Envio concluído</b> às 12:21\n"
        "6 enviadas · 3 incertas\n"
        "Incertas (podem ter chegado): 3: o WhatsApp não respondeu\n"
        "☑ 2 consideradas enviadas\n"
        "✔ 1 confirmada pela lista do WhatsApp\n"
        "📞 1 para ligar\n"
        "👤 Aprovado por <b>Ana</b> às 12:01"
    )
    assert deciding(screen) == ["Detalhes", "Incertas (2)/primary"]


def notice_of(*lines: Line, words: Words = PT, reason: str = "http_401") -> str:
    """What the group is told when the dispatch of this story stopped itself."""
    book = story(*lines)
    facts: dict[str, object] = {"case": 1, "port": port(), "reason": reason, "mend": None}
    said = str(words.say("notice.halted", **facts | halted_facts(facts, book, words, Rules()), now=NOON))
    assert_arrives(Screen(said))
    return said


def test_the_group_is_told_what_to_see_to() -> None:
    assert notice_of(*HALF, Interrupted(1, "x", "key"), reason="chave <invalida>") == (
        "⛔ <b>Envio suspenso</b> · caso 1 · CB 01 6/15: chave &lt;invalida&gt;\n"
        "🛠 Chame quem cuida do bot: o WhatsApp (Matrix) recusou a chave de acesso. Depois de corrigir, "
        "toque em <b>Retomar</b>. <i>(TOKEN_HSM, HSM_ACCOUNT; se mudar, reinicie o bot)</i>"
    )
    assert notice_of(*HALF, Interrupted(1, "x", "gateway"), reason="no_answer") == (
        "⛔ <b>Envio suspenso</b> · caso 1 · CB 01 6/15: o WhatsApp não respondeu\n"
        "🛠 O WhatsApp (Matrix) não responde ou perde respostas. Toque em <b>Retomar</b> quando quiser "
        "tentar: o bot testa primeiro com um só cliente. Se continuar, chame o suporte da Matrix."
    )
    nobody = notice_of(APPROVED, planned(2), Settled(1, "halted", "x", mend="gateway"))
    assert nobody.startswith("⛔ <b>Envio suspenso</b> · caso 1 · CB 01 6/15: erro HTTP 401\n🛠")
    assert "Toque em <b>Tentar de novo</b> quando quiser" in nobody


@pytest.mark.parametrize(
    "lines",
    [
        [*HALF, Interrupted(1, "ledger")],
        [*HALF, Interrupted(1, "x", "key"), Resumed(1, ANA)],
        [*HALF, Interrupted(1, "x", "key"), IncidentEnded(1)],
    ],
)
def test_the_group_is_told_nothing_to_do_where_nothing_is(lines: list[Line]) -> None:
    assert notice_of(*lines, reason="ledger", words=EN) == (
        "⛔ <b>Sending halted</b> · case 1 · CB 01 6/15: the ledger could not be written"
    )


def test_a_call_that_an_answer_made_needless_is_not_counted() -> None:
    called = [*LOST, Resolved(1, ("5",), "call", ANA)]
    assert "para ligar" in show(*called).html
    assert "para ligar" not in show(*called, Result(1, "5", Outcome.ACCEPTED)).html


def test_sending_again_is_told_while_it_goes_on_and_after_it() -> None:
    again: list[Line] = [*LOST, Resent(1, ("3", "4"), BRUNO)]
    running = show(*again)
    assert "77%</b> · 7/9\n" in running.html
    assert "\n🔁 Reenvio das incertas por <b>Bruno</b>\n" in running.html
    assert deciding(running) == ["Parar/danger"]
    for n in "34":
        again += [Intent(1, n), Result(1, n, Outcome.ACCEPTED)]
    done = show(*again, Settled(1, "done"))
    assert "\n5 enviadas · 4 incertas\n" in done.html
    assert "\n🔁 Reenvio das incertas por <b>Bruno</b>\n" in done.html


def decided() -> Book:
    return story(
        *LOST,
        Resolved(1, ("3", "4", "5"), "sent", ANA),
        Resolved(1, ("6",), "call", ANA),
        Resent(1, ("7", "8"), BRUNO),
        Confirmed(ANA),
    )


def test_the_audit_tells_who_decided_what_about_how_many() -> None:
    book = decided()
    html = audit(book, 0, "4", PT, book.last_at, hours=24).html
    assert [line for line in html.split("\n") if line.startswith("<b>12:")] == [
        "<b>12:25</b> · confirmou o registro após restauração · <b>Ana</b>",
        "<b>12:24</b> · reenviou 2 incertas (podem duplicar) · <b>Bruno</b>",
        "<b>12:23</b> · vai ligar para 1 cliente · <b>Ana</b>",
        "<b>12:22</b> · considerou 3 incertas enviadas · <b>Ana</b>",
    ]
    rows = (
        audit_csv(entries_in(book, "4", EN, book.last_at), EN, book.last_at, 24)
        .content.decode("utf-8-sig")
        .splitlines()[1:]
    )
    assert [row.split(";")[2] for row in rows] == [
        "confirmed the ledger after a restore",
        "sent 2 in doubt again (may get two)",
        "calls 1 customer",
        "considered 3 in doubt as sent",
    ]
    text = audit_json(entries_in(book, "4", EN, book.last_at), EN, book.last_at, 24).content.decode()
    assert [text.count(f'"what": "{code}"') for code in ("resolved_sent", "resolved_call", "resent")] == [
        1,
        1,
        1,
    ]
    assert [text.count(f'"customers": {n}') for n in (3, 1, 2, "null")] == [1, 1, 1, 1]


def old() -> Book:
    """A start nine hours after the last line, with no stop between."""
    book = story(*HALF)
    book.apply(book.last_at + timedelta(hours=9), Started("2"))
    book.apply(book.last_at, CaseOpened(2, incident(2, place="1/1")))
    return book


def test_cards_that_could_send_say_that_sending_is_blocked_and_keep_their_buttons() -> None:
    book = old()
    blocked = "⛔ <b>Envio bloqueado</b> até confirmar o registro (/status)"
    waiting = card(book.cases[2], book, book.last_at, PT, rules=Rules())
    assert waiting.html.endswith(f"\n\n{blocked}")  # and no word of a free port: who knows
    assert labels(waiting)[0] == "Aprovar/success Negar/danger"
    assert blocked in card(book.cases[1], book, book.last_at, PT, rules=Rules()).html
    book.apply(book.last_at, Confirmed(ANA))
    assert card(book.cases[2], book, book.last_at, PT, rules=Rules()).html.endswith("")
    assert blocked not in card(book.cases[1], book, book.last_at, PT, rules=Rules()).html
    settled = story(*LOST)
    settled.apply(settled.last_at + timedelta(hours=9), Started("2"))
    assert blocked not in card(settled.cases[1], settled, settled.last_at, PT, rules=Rules()).html


def at_status(
    book: Book, *, may_decide: bool = False, words: Words = PT, closed: str | None = None
) -> Screen:
    now = book.last_at
    screen = status(
        [SourceHealth("oltcloud", now)],
        book,
        now,
        words,
        hours=24,
        program=ProgramFacts("1", NOON, "matrix", dry_run=False),
        gateway=AnswerHealth("matrix"),
        ledger_closed=closed,
        may_decide=may_decide,
    )
    assert_arrives(screen)
    return screen


def test_status_says_first_that_the_ledger_is_unconfirmed_and_how_to_go_on() -> None:
    ours, theirs = at_status(old(), may_decide=True), at_status(old())
    start = (
        "⛔ <b>Envio bloqueado</b>: o registro termina em 22/11 12:26 e o bot não foi encerrado corretamente"
    )
    assert ours.html.startswith(start)
    assert theirs.html.startswith(start)
    assert "enviado desde então e confirme abaixo.\n" in ours.html
    assert "um aprovador confirma com /status no grupo.\n" in theirs.html
    assert (labels(ours), theirs.rows) == (["Confirmar: pode enviar/danger"], ())
    assert at_status(old(), may_decide=True, closed="damaged").rows == ()
    assert at_status(story(), may_decide=True).rows == ()


def test_status_counts_what_is_in_doubt_over_all_cases() -> None:
    book = story(*LOST, IncidentEnded(1))
    assert "\n❓ <b>6 incertas a decidir</b> (caso 1)\n" in at_status(book).html
    for number in range(2, 14):
        book.apply(book.last_at, CaseOpened(number, incident(number, place=f"1/{number}")))
        lines = (*LOST[:2], *sent(0, 1, Outcome.UNKNOWN), LOST[-1])
        for line in lines:
            book.apply(book.last_at, replace(line, case=number))  # type: ignore[arg-type]
    html = at_status(book, words=EN).html
    assert "\n❓ <b>30 in doubt, to be decided</b> (cases 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 …)\n" in html
    assert "incerta" not in at_status(story()).html


def test_status_names_calls_without_an_alarm_and_the_list_of_what_waits_does_not() -> None:
    book = story(*LOST, CardPosted(1, -1001, 5), Resolved(1, ("3", "4", "5", "6", "7", "8"), "call", ANA))
    link = '<a href="https://t.me/c/1/5">1</a>'
    assert f"\n📞 6 para ligar (caso {link})\n" in at_status(book).html
    assert "❓" not in at_status(book).html
    assert pending(book, PT, book.last_at).html == "✅ Nenhum cartão esperando."
    book.apply(book.last_at, Resolved(1, ("3", "4", "5", "6", "7", "8"), "sent", ANA))
    assert "📞" not in at_status(book).html
