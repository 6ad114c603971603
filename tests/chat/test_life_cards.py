"""Cards of several ports, of a case's whole life, and of the news that service is back."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import cast

import pytest

from bot.chat.screens.cards.card import card
from bot.chat.screens.cards.head import ports_line
from bot.chat.screens.cards.late import Late
from bot.chat.screens.press import Question
from bot.chat.screens.screen import Screen
from bot.chat.screens.table import decode
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.case import CaseState
from bot.domain.events import (
    Alive,
    Approved,
    Assumed,
    Begun,
    Cancelled,
    CaseOpened,
    CauseNamed,
    Denied,
    Forecast,
    IncidentChanged,
    IncidentEnded,
    IncidentJoined,
    Line,
    Proposed,
    Restoring,
    Separated,
    Settled,
    Silenced,
    SilenceEnded,
    Started,
    StopAsked,
)
from bot.domain.incident import Incident, Kind, Port
from bot.domain.limits.cooldown import Reservation
from bot.domain.limits.hours import Hours
from bot.domain.limits.silence import Scope
from bot.domain.plan import Outcome, Recipient, Skip
from bot.domain.rules import Rules
from bot.domain.who import BOT, Who
from tests.chat.screens import (
    APPROVED,
    EN,
    LOS,
    PT,
    ZONE,
    assert_arrives,
    case_and_now,
    deciding,
    grouped,
    labels,
    planned,
    pons,
    sent,
    story,
)
from tests.fakes import ANA, BRUNO, NOON, incident, port

DAY = Hours(time(8), time(21), ZONE)
RULES = Rules(undo_seconds=5, restored=True, customer_hours=DAY)
TWO = replace(RULES, two_person_above=10)
EVENING = NOON + timedelta(hours=10)  # 22:00 in São Paulo
MORNING = NOON + timedelta(hours=20)
DECIDE = ["Aprovar/success Negar/danger", "Detalhes"]


def show(
    book: Book,
    words: Words = PT,
    *,
    rules: Rules = RULES,
    asking: Question | None = None,
    now: datetime | None = None,
    closed: bool = False,
    unfolded: bool = False,
) -> Screen:
    case, later = case_and_now(book)
    return card(case, book, now or later, words, rules=rules, asking=asking, closed=closed, unfolded=unfolded)


def text(book: Book, words: Words = PT, *, rules: Rules = RULES, now: datetime | None = None) -> str:
    """What people read, where it arrives."""
    return assert_arrives(show(book, words, rules=rules, now=now))


def data(screen: Screen) -> list[str | None]:
    return [button.data for row in screen.rows for button in row]


def texts(screen: Screen) -> list[str]:
    return [button.text for row in screen.rows for button in row]


class TestGroups:
    def test_a_cable_is_one_card(self) -> None:
        screen = show(grouped(about=[*pons(1, 11), *pons(2, 2, 7)]))
        assert screen.html == (
            "<b>🔴 LOS · CB 01 · 12 PONs</b>\n"
            "provável cabo: 12 PONs em 20 s, 100 % LOS\n"
            "cerca de <b>240 ONUs</b>\n"
            "6/1-6/11, 7/2\n"
            "Desde 11:58 (há 2 min) · caso 1"
        )
        assert deciding(screen) == DECIDE
        every = show(grouped(about=[*pons(1, 11), *pons(2, 2, 7)]), unfolded=True)
        assert dict(zip(texts(every), data(every), strict=True))["Separar"] == "apart?:1:"

    def test_the_same_in_english(self) -> None:
        screen = show(grouped(about=[*pons(1, 11), *pons(2, 2, 7)]), EN, unfolded=True)
        assert screen.html.startswith(
            "<b>🔴 LOS · CB 01 · 12 PONs</b>\nprobable cable: 12 PONs in 20 s, 100 % LOS\n"
            "about <b>240 ONUs</b>\n"
        )
        assert {"Details", "Less ▴", "I take it", "Silence", "Expected end", "Cause", "Split"} <= {
            *texts(screen)
        }

    def test_a_whole_olt_a_slot_and_an_area_without_power(self) -> None:
        places = [f"{slot}/{n}" for slot in (6, 7) for n in range(1, 17)]
        whole = [*pons(1, 16), *pons(1, 15, 7)]
        assert "\nOLT fora: 31 de 32 PONs\n" in show(grouped(about=whole, places=places)).html
        slot = show(grouped(about=pons(1, 15), places=places)).html
        assert "\nplaca/slot 6: 15 de 16 PONs\n" in slot
        area = [i for n in (1, 2, 3) for i in pons(1, 4, olt=f"CB 0{n}", kind=Kind.POWER)]
        assert show(grouped(about=area)).html.startswith(
            "<b>🟠 ENERGIA · 3 OLTs · 12 PONs</b>\n"
            "provável falta de energia na região: 12 PONs de 3 OLTs em 6 s, 100 % energia\n"
            "cerca de <b>240 ONUs</b>\n"
            "CB 01: 6/1-6/4; CB 02: 6/1-6/4; CB 03: 6/1-6/4\n"
        )

    def test_without_a_kind_that_dominates_it_is_mixed(self) -> None:
        mixed = grouped(about=[*pons(1, 2), *pons(3, 4, kind=Kind.POWER)])
        assert show(mixed).html.startswith(
            "<b>🟣 MISTO · CB 01 · 4 PONs</b>\ncaíram juntas, sem tipo dominante: 4 PONs em 2 s\n"
        )
        assert show(mixed, EN).html.startswith("<b>🟣 MIXED · CB 01 · 4 PONs</b>\n")

    def test_ports_that_report_no_count_are_said(self) -> None:
        some = grouped(about=[*pons(1, 3), *pons(4, 5, affected=None)])
        assert "\ncerca de <b>60 ONUs</b> (sem contagem de 2 PONs)\n" in show(some).html
        silent = pons(1, 3, affected=None)
        assert "\naté <b>183 ONUs</b>\n" in show(grouped(about=silent)).html
        silent[1] = replace(silent[1], total=None)
        assert "\nONUs afetadas: não informado\n" in show(grouped(about=silent)).html

    def test_late_siblings_are_told_in_sum(self) -> None:
        late = [IncidentJoined(1, i) for i in pons(4, 6)]
        html = show(grouped(*late, about=pons(1, 3))).html
        assert html.startswith("<b>🔴 LOS · CB 01 · 6 PONs</b>\n")
        assert "\ncerca de <b>120 ONUs</b> · +3 PONs\n6/1-6/6\n" in html

    def test_what_is_back_is_counted_and_what_is_not_listed(self) -> None:
        back = [IncidentEnded(1, "gone", i.id) for i in pons(1, 12)]
        html = show(grouped(*back, about=pons(1, 60))).html
        assert html.startswith("<b>🔴 LOS · CB 01 · 60 PONs</b>\n")
        assert "\ncerca de <b>960 ONUs</b>\n6/13-6/60\n" in html
        assert "\n✅ <b>12 de 60 PONs voltaram</b>" in html

    def test_all_back_is_over(self) -> None:
        book = grouped(*[IncidentEnded(1, "gone", i.id) for i in pons(1, 2)], about=pons(1, 2))
        assert show(book).html == (
            "✅ <b>Normalizado</b> às 12:02 (durou 3 min)\n"
            "<b>🔴 LOS · CB 01 · 2 PONs</b>\n"
            "provável cabo: 2 PONs em 2 s, 100 % LOS\n"
            "cerca de <b>40 ONUs</b>\n"
            "6/1, 6/2\n"
            "Começou às 11:58 · caso 1"
        )

    def test_where_a_case_comes_from(self) -> None:
        book = story()
        book.apply(book.last_at, CaseOpened(2, incident(2, place="1/1"), follows=1))
        book.apply(book.last_at, CaseOpened(3, incident(3, place="1/2"), apart=1))
        now = book.last_at
        assert "\n↪ Continuação do caso 1" in card(book.cases[2], book, now, PT, rules=RULES).html
        assert "\n✂ Separado do caso 1" in card(book.cases[3], book, now, PT, rules=RULES).html

    def test_what_was_taken_apart_tells_no_reason_of_before(self) -> None:
        book = grouped(about=[*pons(1, 2), *pons(1, 2, 7)])
        assert labels(show(book, asking="separate")) == ["Sim, separar/danger", "↩ voltar"]
        assert show(book, asking="separate").html.endswith(
            "\n\n<b>Separar em 2 cartões?</b> Cada um é decidido à parte; não dá para juntar de novo."
        )
        book.apply(book.last_at, Separated(1, ANA))
        book.apply(book.last_at, CaseOpened(2, pons(1, 1, 7)[0], tuple(pons(2, 2, 7)), apart=1))
        html = show(book).html
        assert html.startswith("<b>🔴 LOS · CB 01 · 2 PONs</b>\ncerca de <b>40 ONUs</b>\n6/1, 6/2\n")
        assert "\n✂ Separado: o resto está em outros cartões" in html

    def test_two_alerts_of_one_port_are_one_port(self) -> None:
        cto = replace(LOS, id="10", alert_type="cto_loss", cto="CTO-1", affected=8)
        html = show(story(IncidentJoined(1, cto))).html
        assert html.startswith("<b>🔴 LOS · CB 01 · 6/15</b>\ncerca de <b>33 de 61 ONUs</b> · ")

    def test_ports_in_cooldown_are_listed_and_left_out(self) -> None:
        book = grouped(about=pons(1, 4))
        for i in pons(1, 2):
            book.reservations[i.port.key] = Reservation(i.port, NOON, 7, BRUNO)
        assert show(book).html.endswith("\n\n❄️ <b>2 de 4 portas em descanso</b>, fora do envio: 6/1, 6/2")
        for i in pons(3, 4):
            book.reservations[i.port.key] = Reservation(i.port, NOON + timedelta(hours=1), 7, BRUNO)
        assert show(book).html.endswith(
            "❄️ <b>4 portas em descanso, a primeira até 23/11 12:00</b>: não pode enviar"
        )

    def test_what_a_dispatch_leaves_out(self) -> None:
        ports = [i.port for i in pons(1, 4)]
        approved = Approved(1, ANA, tuple(ports[:2]), left_out=tuple(ports[2:]))
        plan = replace(planned(3, onus=9), unread=("CB 01 6/2",))
        book = grouped(approved, plan, *sent(0, 2), Settled(1, "done"), about=pons(1, 4))
        html = show(book).html
        assert (
            "3 enviadas\n"
            "❄️ fora deste envio (em descanso): 6/3, 6/4\n"
            "⚠️ 1 alerta não lido: segue em outro cartão\n"
            "👤 Aprovado por <b>Ana</b> às 12:01\n"
        ) in html
        assert "\n<b>9 ONUs</b>\n" in html

    @pytest.mark.parametrize(
        ("places", "told"),
        [
            (["6/1", "6/2", "6/3", "7/2"], "6/1-6/3, 7/2"),
            (["6/10", "6/9", "6/2"], "6/2, 6/9, 6/10"),
            (["10/1", "9/1", "9/2"], "9/1, 9/2, 10/1"),
            (["0/1/7", "0/1/8", "0/1/9"], "0/1/7-0/1/9"),
            (["CTO <A>", "6/1"], "6/1, CTO &lt;A&gt;"),
            (["", "9" * 9000], f"{'9' * 99}…"),
        ],
    )
    def test_ports_in_short(self, places: list[str], told: str) -> None:
        assert ports_line([Port(f"1:{p}", "CB 01", p) for p in places], PT) == told

    def test_ports_beyond_the_line_are_counted(self) -> None:
        wild = [Port(f"1:{n}", "CB 01", f"rua {n} lado {'x' * 60}") for n in range(60)]
        told = ports_line(wild, PT)
        shown = told.count("rua ")
        assert 0 < shown < 60
        assert told.endswith(f" + {60 - shown}, ver CSV")


class TestLife:
    def test_owner_expected_end_and_cause(self) -> None:
        lines: list[Line] = [Assumed(1, ANA), Forecast(1, ANA, NOON + timedelta(hours=4))]
        cause = CauseNamed(1, BRUNO, "Poste <derrubado>", "Norte")
        assert show(story(*lines, cause)).html.split("\n\n")[1] == (
            "🙋 Com <b>Ana</b> desde 12:01\n"
            "⏰ Previsão <b>16:00</b> (Ana)\n"
            "🔧 Poste &lt;derrubado&gt; · equipe Norte (Bruno)"
        )
        assert show(story(*lines, cause), EN).html.split("\n\n")[1] == (
            "🙋 With <b>Ana</b> since 12:01\n"
            "⏰ Expected <b>16:00</b> (Ana)\n"
            "🔧 Poste &lt;derrubado&gt; · team Norte (Bruno)"
        )
        over = show(story(*lines, cause, IncidentEnded(1))).html
        assert "🔧 Poste" in over
        assert "🙋" not in over
        assert "⏰" not in over

    def test_an_expected_end_that_passed_says_so(self) -> None:
        book = story(Forecast(1, ANA, NOON + timedelta(minutes=2)))
        assert "⏰ <b>A previsão passou</b>: era 12:02 (Ana)" in show(book).html
        assert "⏰" not in show(story(Forecast(1, ANA, None))).html

    def test_silence_takes_the_decision_away_but_for_its_end(self) -> None:
        silenced = Silenced(1, (Scope("cb 01", "6"),), NOON + timedelta(hours=4), ANA, "troca de <placa>")
        screen = show(story(silenced))
        assert "\n\n🔕 <b>Silenciado até 16:00</b> por <b>Ana</b>: troca de &lt;placa&gt;" in screen.html
        assert deciding(screen) == ["Encerrar silêncio", "Detalhes"]
        assert data(screen)[:2] == ["unmute:1:1", "who:1:"]
        assert deciding(show(story(silenced, SilenceEnded(1, BRUNO)))) == DECIDE
        assert show(story(silenced), asking="hours", now=NOON + timedelta(hours=3)) == show(
            story(silenced), now=NOON + timedelta(hours=3)
        )

    def test_a_port_that_comes_and_goes_tells_its_history(self) -> None:
        again: list[Line] = [IncidentEnded(1), IncidentChanged(1, LOS)]
        book = story(*again * 4)
        screen = show(book)
        assert screen.html.split("\n\n")[0].endswith(
            "\n🔻 <b>Caiu de novo</b> às 12:08 (5ª queda neste caso)"
        )
        assert screen.html.split("\n\n")[1] == (
            "〰️ <b>Oscilando: 5 quedas em 1 h</b>\n"
            "12:00 (1 min), 12:02 (1 min), 12:04 (1 min), 12:06 (1 min), 12:08 (ainda fora)"
        )
        assert "Oscilando" not in show(story(*again * 2)).html
        assert "\n… , " not in show(story(*again * 12)).html
        assert "\n…, 12:14 (1 min), " in show(story(*again * 12)).html
        later = book.last_at + timedelta(hours=1, minutes=1)
        assert "Oscilando" not in show(book, now=later).html

    def test_of_a_group_the_port_is_named(self) -> None:
        one = pons(1, 1)[0]
        again: list[Line] = [IncidentEnded(1, "gone", one.id), IncidentChanged(1, one)]
        html = show(grouped(*again * 4, about=pons(1, 2))).html
        assert "〰️ <b>6/1 oscilando: 5 quedas em 1 h</b>\n" in html

    def test_the_first_of_two_people(self) -> None:
        book = story(Proposed(1, ANA))
        screen = show(book, rules=TWO)
        assert "\n\n👥 <b>Ana</b> aprovou às 12:01: <b>falta outra pessoa</b>, até 12:11" in screen.html
        assert deciding(screen) == ["Aprovar (2ª pessoa)/success Negar/danger", *DECIDE[1:]]
        assert show(book, rules=TWO, now=NOON + timedelta(minutes=12)).html == (
            show(story(), rules=TWO, now=NOON + timedelta(minutes=12)).html
        )
        later = show(story(Proposed(1, ANA, due=MORNING)), EN, rules=TWO).html
        assert "<b>Ana</b> approved at 12:01 (to send on 23 Nov 08:00): <b>somebody else has to</b>" in later
        at_once = story(Proposed(1, ANA, ("flapping", "hours")))
        assert (
            "👥 <b>Ana</b> aprovou às 12:01, apesar de oscilar, "
            "<b>para enviar já, fora do horário dos clientes</b>: <b>falta outra pessoa</b>, até 12:11"
        ) in show(at_once, rules=TWO).html
        both = show(story(replace(APPROVED, by=BRUNO, first=ANA)), rules=TWO).html
        assert "👤 Aprovado por <b>Ana</b> e <b>Bruno</b> às 12:01" in both

    def test_a_plan_too_large_for_one_person_says_what_is_needed(self) -> None:
        book = story(APPROVED, Settled(1, "unread", "two_people"))
        assert "\n⛔ <b>O envio não começou</b>: " in show(book).html
        assert "ler o alerta" not in show(book).html

    def test_while_a_proposal_waits_nothing_is_taken_apart(self) -> None:
        book = grouped(Proposed(1, ANA), about=pons(1, 4))
        assert "Separar" not in labels(show(book, rules=TWO))[-1]
        assert show(book, rules=TWO, asking="separate") == show(book, rules=TWO)


class TestSchedule:
    WAITS = replace(APPROVED, due=MORNING)

    def test_until_its_time(self) -> None:
        book = story(self.WAITS)
        assert book.cases[1].state is CaseState.SCHEDULED
        screen = show(book)
        assert screen.html.endswith(
            "\n\n🕗 <b>Envio agendado para 23/11 08:00</b>, aprovado por <b>Ana</b> às 12:01"
        )
        assert labels(screen) == ["Enviar agora Cancelar/danger", "Detalhes Mais ▾"]
        assert {"Menos ▴", "Previsão", "Causa"} <= {*texts(show(book, unfolded=True))}
        assert data(screen)[:2] == ["begin:1.1:", "undo:1:"]
        night = show(book, now=MORNING - timedelta(hours=1)).html
        assert "<b>Envio agendado para 08:00</b>, aprovado por <b>Ana</b> em 22/11 12:01" in night

    def test_late_it_says_the_next_opening(self) -> None:
        book = story(self.WAITS)
        assert "começa em instantes" in show(book, now=MORNING + timedelta(minutes=1)).html
        missed = show(book, now=MORNING + timedelta(hours=14)).html  # 22:00
        assert "<b>Envio agendado para 24/11 08:00</b>" in missed

    def test_without_the_outage_nothing_will_be_sent(self) -> None:
        over = story(self.WAITS, IncidentEnded(1))
        assert "\nA falha acabou: só será enviado se cair de novo até lá" in show(over).html
        assert labels(show(over)) == ["Cancelar/danger"]
        ended = show(story(self.WAITS, IncidentEnded(1), Settled(1, "over"))).html
        assert "\n🕗 <b>A falha acabou antes da hora do envio</b>: nada foi enviado\n" in ended
        assert "<b>Ninguém foi avisado</b>" in ended

    def test_when_it_begins_the_countdown_counts_from_then(self) -> None:
        html = show(story(replace(self.WAITS, despite=("flapping",)), Begun(1, BRUNO))).html
        assert html.endswith(
            "⏳ <b>Envio às 12:02:05</b> · consultando os clientes\n"
            "⚠️ Aprovado com a porta oscilando\n"
            "▶ Sem esperar o horário, por <b>Bruno</b> às 12:02\n"
            "👤 Aprovado por <b>Ana</b> às 12:01"
        )

    def test_a_question_leaves_what_stops_the_sends(self) -> None:
        book = story(self.WAITS)
        asked = labels(show(book, asking="eta"))
        book = story(self.WAITS, Begun(1))
        assert labels(show(book, asking="eta")) == [*asked, "Cancelar/danger"]
        book.apply(book.last_at, planned(3))
        assert labels(show(book, asking="cause"))[-2:] == ["↩ voltar", "Parar/danger"]
        told = [APPROVED, planned(3), *sent(0, 2), Settled(1, "done"), IncidentEnded(1)]
        again = story(*told, Restoring(-1, 1), Approved(-1, ANA, ()), IncidentChanged(1, LOS))
        assert data(show(again, asking="eta"))[-2:] == ["back:1:", "undo:-1:"]

    def test_who_did_not_wait_for_the_hours_is_told(self) -> None:
        html = show(story(replace(APPROVED, despite=("hours",)))).html
        assert "\n⚠️ Aprovado fora do horário dos clientes\n" in html


class TestQuestions:
    @pytest.mark.parametrize("question", ["hours", "hours_f"])
    def test_outside_the_hours(self, question: Question) -> None:
        plain, screen = show(story(), now=EVENING), show(story(), now=EVENING, asking=question)
        asked = "\n\n<b>Fora do horário dos clientes (08:00-21:00)</b>: quando enviar?"
        assert screen.html == plain.html + asked
        assert labels(screen) == ["Enviar às 08:00/success Enviar agora/danger", "↩ voltar"]
        f = "f" if question == "hours_f" else ""
        assert data(screen) == [f"ok:1:{f}l", f"ok:1:{f}n", "back:1:"]
        assert show(story(), asking=question) == show(story())  # within the hours there is nothing to ask

    def test_all_the_same_though_it_flaps(self) -> None:
        again: list[Line] = [IncidentEnded(1), IncidentChanged(1, LOS)]
        screen = show(story(*again * 4), asking="flapping")
        assert screen.html.endswith("\n\n<b>Oscilando: 5 quedas em 1 h; avisar mesmo assim?</b>")
        assert labels(screen) == ["Sim, avisar/danger", "↩ voltar"]
        assert data(screen) == ["ok:1:f", "back:1:"]
        assert show(story(), asking="flapping") == show(story())

    def test_expected_end_cause_and_silence(self) -> None:
        eta = show(story(), asking="eta")
        assert eta.html.endswith(
            "\n\n<b>Previsão: volta em quanto tempo?</b> Ou escreva <code>/previsao 1 14:30</code>\n"
            "<i>Só uma anotação: os clientes não são avisados.</i>"
        )
        assert labels(eta) == ["1 h 2 h 4 h 8 h", "Sem previsão", "↩ voltar"]
        assert data(eta) == ["eta:1:60", "eta:1:120", "eta:1:240", "eta:1:480", "eta:1:none", "back:1:"]
        cause = data(show(story(), asking="cause"))
        assert cause == [f"why:1:{why}" for why in ("cable", "power", "equipment", "vandalism")] + [
            "why:1:works",
            "why:1:unknown",
            "back:1:",
        ]
        silence = show(story(), asking="silence")
        assert silence.html.endswith(
            "\n\n<b>Silenciar CB 01 6/15: por qual motivo?</b> "
            "Enquanto durar, nenhum cartão novo de lá, e este não pode ser aprovado."
        )
        assert labels(silence)[:3] == ["obra programada", "manutenção", "falha já em atendimento"]
        assert data(silence) == ["mute?:1:works", "mute?:1:maintenance", "mute?:1:known", "back:1:"]
        for why, told in (("works", "obra programada"), ("known", "falha já em atendimento")):
            long = show(story(), asking=cast("Question", f"silence_{why}"))
            assert f"<b>Silenciar CB 01 6/15 ({told}): por quanto tempo?</b>" in long.html
            assert data(long) == [*(f"mute:1:{n}|{why}" for n in (60, 120, 240, 480)), "back:1:"]

    def test_a_note_that_customers_will_read_says_so(self) -> None:
        note, told = "Só uma anotação: os clientes não são avisados.", "Vai na mensagem, se"
        tells = Rules(tells=frozenset({"eta"}))
        for book, rules, eta, cause in (
            (story(), tells, told, note),
            (story(Approved(1, ANA, (port(),)), planned(1)), tells, note, note),
            (story(), Rules(restored=True, tells_restored=frozenset({"cause"})), note, told),
        ):
            assert eta in show(book, asking="eta", rules=rules).html
            assert cause in show(book, asking="cause", rules=rules).html

    def test_silence_names_where(self) -> None:
        places = [f"{slot}/{n}" for slot in (6, 7) for n in range(1, 17)]

        def asked(about: list[Incident], known: list[str]) -> str:
            return show(grouped(about=about, places=known), asking="silence").html

        assert "<b>Silenciar CB 01 6/1-6/4: por" in asked(pons(1, 4), [])
        assert "<b>Silenciar CB 01 slot 6: por" in asked(pons(1, 16), places)
        assert "<b>Silenciar CB 01: por" in asked([*pons(1, 16), *pons(1, 16, 7)], places)

    @pytest.mark.parametrize("press", ["mute:1:60|works", "eta:1:60", "why:1:cable", "apart:1:", "ok:1:"])
    @pytest.mark.parametrize("asked", [True, False])
    def test_a_late_tap_is_asked_about_where_what_it_wants_can_be_done(
        self, press: str, *, asked: bool
    ) -> None:
        tapped = decode(press)
        assert tapped is not None
        late = Late(tapped, ANA, NOON, NOON)
        ends = [] if asked else [IncidentEnded(1, "gone", one.id) for one in pons(1, 2)]
        book = grouped(*ends, about=pons(1, 2))
        case, now = case_and_now(book)
        html = card(case, book, now, PT, rules=Rules(), asking=late).html
        assert ("ainda vale?" in html) is asked

    @pytest.mark.parametrize(
        "question",
        [
            *("deny", "flapping", "hours", "hours_f", "resume_hours", "restore_hours"),
            *("eta", "cause", "silence", "separate"),
            *("silence_works", "silence_maintenance", "silence_known"),
        ],
    )
    def test_nothing_is_asked_that_cannot_be_answered(self, question: Question) -> None:
        for book in (story(IncidentEnded(1)), story(Denied(1, ANA, "other"), IncidentEnded(1))):
            assert show(book, asking=question, now=EVENING) == show(book, now=EVENING)
        assert show(story(), asking=question, closed=True) == show(story(), closed=True)

    def test_going_on_outside_the_hours(self) -> None:
        broke = story(APPROVED, planned(9), *sent(0, 3), Started("1"))
        screen = show(broke, asking="resume_hours", now=EVENING)
        assert labels(screen) == ["Retomar agora/danger", "↩ voltar"]
        assert data(screen) == ["go:1.1:n", "back:1:"]
        assert "(08:00-21:00)</b>: retomar mesmo assim?" in screen.html


OVER: list[Line] = [APPROVED, planned(33), *sent(0, 32), Settled(1, "done"), IncidentEnded(1)]
NEWS = Approved(-1, BRUNO, ())


def restored(*lines: Line) -> Book:
    """Case 1, over, 33 people warned; its companion is being told about."""
    return story(*OVER, Restoring(-1, 1), *lines)


def told(first: int, last: int, outcome: Outcome = Outcome.ACCEPTED, reason: str | None = None) -> list[Line]:
    return sent(first, last, outcome, reason, case=-1)


PLAN = planned(33, Skip.STILL_DOWN, Skip.STILL_DOWN, case=-1)


def news(book: Book, words: Words = PT, *, now: datetime | None = None) -> str:
    return show(book, words, now=now).html.split("\n\n", 3)[3]


class TestRestored:
    def test_who_was_warned_may_be_told(self) -> None:
        screen = show(story(*OVER))
        assert labels(screen) == ["Avisar que voltou (33)/success Não avisar", "Detalhes"]
        assert data(screen) == ["up:1:", "up.no:1:", "who:1:"]
        assert labels(show(story(*OVER), EN)) == ["Tell that it is back (33)/success Do not tell", "Details"]

    def test_nobody_is_invited_where_it_cannot_be(self) -> None:
        assert labels(show(story(*OVER), rules=Rules())) == ["Detalhes"]  # no template
        assert labels(show(story(*OVER), closed=True)) == ["Detalhes"]
        assert labels(show(story(*OVER), now=NOON + timedelta(hours=26))) == ["Detalhes"]
        assert show(story(IncidentEnded(1))).rows == ()  # nobody was warned
        rehearsed = [replace(APPROVED, dry_run=True), *OVER[1:]]
        assert labels(show(story(*rehearsed))) == ["Detalhes"]

    def test_what_began_by_itself_names_nobody(self) -> None:
        alone = replace(NEWS, by=BOT)
        assert news(restored(alone)).endswith("\n🤖 <b>Automático</b> às 13:12")
        waits = news(restored(replace(alone, due=MORNING)))
        assert waits.endswith("<b>Envio agendado para 23/11 08:00</b>, automático às 13:12")
        done = news(restored(alone, PLAN, *told(2, 32), Settled(-1, "done")))
        assert done.startswith("📣 <b>Avisados que voltou: 31</b> · automático, às ")
        assert " · automatic, at " in news(restored(alone, PLAN, *told(2, 32), Settled(-1, "done")), EN)

    def test_outside_the_hours_it_is_asked_when(self) -> None:
        screen = show(story(*OVER), asking="restore_hours", now=EVENING)
        assert data(screen) == ["up:1:l", "up:1:n", "back:1:"]

    @pytest.mark.parametrize(
        ("lines", "block", "buttons", "presses"),
        [
            (
                [NEWS],
                (
                    "⏳ <b>Envio às 13:12:05</b> · consultando os clientes\n"
                    "👤 Aprovado por <b>Bruno</b> às 13:12"
                ),
                ["Cancelar/danger"],
                ["undo:-1:"],
            ),
            (
                [NEWS, PLAN, *told(2, 10)],
                (
                    "📤 ▓▓░░░░░░░░ <b>29%</b> · 9/31\n"
                    "9 enviadas · 2 não enviadas\n"
                    "👤 Aprovado por <b>Bruno</b> às 13:12"
                ),
                ["Parar/danger"],
                ["stop:-1:"],
            ),
            (
                [NEWS, PLAN, *told(2, 10), StopAsked(-1, ANA)],
                (
                    "✋ <b>Parando…</b> a pedido de <b>Ana</b>; o que já saiu ainda conta\n"
                    "9 enviadas · 2 não enviadas\n"
                    "👤 Aprovado por <b>Bruno</b> às 13:12"
                ),
                [],
                [],
            ),
            (
                [NEWS, PLAN, *told(2, 10), Started("1"), *[Alive()] * 5],
                (
                    "⚠️ <b>Faltam 22 clientes</b>: retomar ou encerrar?\n"
                    "9 enviadas · 2 não enviadas\n"
                    "👤 Aprovado por <b>Bruno</b> às 13:12"
                ),
                ["Retomar/success Encerrar envio/danger"],
                ["go:-1.1:", "end:-1:"],
            ),
            (
                [NEWS, PLAN, *told(2, 10), Started("1")],
                (
                    "⏯ <b>Retomando o envio a 22 clientes…</b> "
                    "Se os alertas não puderem ser lidos até 13:36, este cartão pergunta\n"
                    "9 enviadas · 2 não enviadas\n"
                    "👤 Aprovado por <b>Bruno</b> às 13:12"
                ),
                [],
                [],
            ),
            (
                [replace(NEWS, due=MORNING)],
                "🕗 <b>Envio agendado para 23/11 08:00</b>, aprovado por <b>Bruno</b> às 13:12",
                ["Enviar agora Cancelar/danger"],
                ["begin:-1.1:", "undo:-1:"],
            ),
            (
                [NEWS, Cancelled(-1, ANA)],
                "↩ <b>Ana</b> cancelou a aprovação às 13:13",
                ["Avisar que voltou (33)/success Não avisar"],
                ["up:1.1:", "up.no:1:"],
            ),
        ],
    )
    def test_on_its_way(self, lines: list[Line], block: str, buttons: list[str], presses: list[str]) -> None:
        screen = show(restored(*lines))
        assert news(restored(*lines)) == f"📣 <b>Aviso de que voltou</b>\n{block}"
        assert labels(screen) == [*buttons, "Detalhes"]
        assert data(screen) == [*presses, "who:1:"]
        assert_arrives(screen)

    def test_told_and_who_is_still_down(self) -> None:
        book = restored(NEWS, PLAN, *told(2, 32), Settled(-1, "done"))
        assert news(book) == (
            "📣 <b>Avisados que voltou: 31</b> · a pedido de <b>Bruno</b>, às 14:16\n"
            "2 ainda sem sinal: Cliente 0, Cliente 1"
        )
        assert news(book, EN) == (
            "📣 <b>Told that service is back: 31</b> · asked by <b>Bruno</b>, at 14:16\n"
            "2 still without signal: Cliente 0, Cliente 1"
        )
        assert labels(show(book)) == ["Detalhes"]  # once

    def test_whatever_did_not_go_as_meant_is_said(self) -> None:
        lines = [
            *told(2, 30),
            *told(31, 31, Outcome.UNKNOWN, "no_answer"),
            *told(32, 32, Outcome.REJECTED, "x"),
        ]
        book = restored(NEWS, PLAN, *lines, Settled(-1, "done"))
        assert news(book) == (
            "📣 <b>Avisados que voltou: 29</b> · a pedido de <b>Bruno</b>, às 14:16\n"
            "29 enviadas · 1 recusada · 1 incerta · 2 não enviadas\n"
            "Não enviadas: 2 ainda sem sinal\n"
            "Recusadas: 1: x\n"
            "Incertas (podem ter chegado): 1: o WhatsApp não respondeu\n"
            "2 ainda sem sinal: Cliente 0, Cliente 1"
        )
        assert labels(show(book)) == ["Detalhes", "📣 Incertas (1)/primary"]
        assert data(show(book)) == ["who:1:", "unk:-1:"]

    def test_nobody_told_may_be_tried_again(self) -> None:
        nobody = restored(NEWS, planned(2, Skip.STILL_DOWN, Skip.STILL_DOWN, case=-1), Settled(-1, "done"))
        assert news(nobody).startswith(
            "📣 <b>Ninguém foi avisado que voltou</b> · tentativa de <b>Bruno</b>, às 13:14\n2 ainda"
        )
        assert labels(show(nobody)) == ["Avisar que voltou (33)/success Não avisar", "Detalhes"]
        refused = restored(
            NEWS, planned(2, case=-1), Settled(-1, "halted", "template recusado", mend="template")
        )
        assert "HSM_ID_RESTORED" in news(refused)
        assert "<b>Avisar que voltou</b>" in news(refused)

    def test_a_rehearsal_says_so(self) -> None:
        rehearsed = replace(NEWS, dry_run=True)
        book = restored(rehearsed, PLAN, *told(2, 32, reason="dry_run"), Settled(-1, "done"))
        assert news(book).startswith(
            "🧪 <b>SIMULAÇÃO</b>: nada foi enviado\n📣 <b>Seriam avisados que voltou: 31</b>"
        )

    def test_down_again_ends_it(self) -> None:
        again = IncidentChanged(1, LOS)
        waits = restored(replace(NEWS, due=MORNING), again)
        assert "A falha voltou: só será enviado se normalizar até lá" in news(waits)
        assert labels(show(waits))[-1] == "Cancelar/danger"
        over = restored(replace(NEWS, due=MORNING), again, Settled(-1, "over"))
        assert "🕗 <b>A falha voltou antes da hora do aviso</b>: nada foi enviado" in news(over)
        broke = restored(NEWS, PLAN, *told(2, 10), Started("1"), again)
        assert "⚠️ Aviso interrompido com 22 clientes sem aviso: a falha voltou" in news(broke)
        assert deciding(show(broke)) == ["Detalhes", "Encerrar envio/danger"]
        assert show(broke, asking="resume_hours", now=EVENING) == show(broke, now=EVENING)

    def test_going_on_with_the_news_outside_the_hours(self) -> None:
        broke = restored(NEWS, PLAN, *told(2, 10), Started("1"))
        assert data(show(broke, asking="resume_hours", now=EVENING)) == ["go:-1.1:n", "back:1:"]

    def test_a_closed_ledger_stops_the_news_too(self) -> None:
        screen = show(restored(NEWS, PLAN, *told(2, 10), Started("1")), closed=True)
        assert "⛔ <b>Registro fechado</b>" in screen.html
        assert labels(screen) == ["Detalhes"]

    def test_two_dispatches_that_are_interrupted_have_buttons_apart(self) -> None:
        lines: list[Line] = [APPROVED, planned(9), *sent(0, 3), Started("1"), IncidentEnded(1)]
        other: list[Line] = [Restoring(-1, 1), NEWS, planned(4, case=-1), Started("2"), *[Alive()] * 5]
        assert labels(show(story(*lines, *other))) == [
            "Encerrar envio/danger",
            "📣 Retomar/success 📣 Encerrar envio/danger",
        ]


class TestOddTimes:
    def test_a_start_in_the_future_lasts_nothing(self) -> None:
        future = incident(9, started=NOON + timedelta(hours=2))
        assert "\nDesde 14:00 · caso 1" in show(story(about=future)).html
        assert "(durou 0 s)" in show(story(IncidentEnded(1), about=future)).html

    def test_a_start_of_last_year_names_it(self) -> None:
        old = incident(9, started=NOON - timedelta(days=400))
        assert "\nDesde 18/10/2025 12:00 (há 400 d 0 h) · caso 1" in show(story(about=old)).html
        assert "\nSince 18 Oct 2025 12:00 (400 d 0 h ago) · case 1" in show(story(about=old), EN).html

    @pytest.mark.parametrize(
        "at", [datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)], ids=["9999", "1"]
    )
    @pytest.mark.parametrize("words", [PT, EN])
    def test_the_ends_of_time_are_told(self, at: datetime, words: Words) -> None:
        book = story(Forecast(1, ANA, at), about=incident(9, started=at))
        assert str(at.year) in text(book, words)
        assert text(story(replace(APPROVED, due=at), IncidentEnded(1), about=incident(9, started=at)), words)


class TestTheLargest:
    NAMES = ("Maria " * 700, "<b>" * 1300, "\u202e" + "ش" * 999, "👨‍👩‍👧" * 100)

    @pytest.mark.parametrize("name", NAMES, ids=["long", "html", "rtl", "emoji"])
    @pytest.mark.parametrize("words", [PT, EN])
    def test_60_ports_and_300_names_arrive(self, name: str, words: Words) -> None:
        who = Who(1, name)
        about = [
            replace(i, port=Port(f"{n}:{i.port.key}", f"{name}{n}", f"{name}{i.id}"))
            for n, i in enumerate(pons(1, 60))
        ]
        ports = tuple(i.port for i in about)
        people = tuple(
            Recipient(str(n), name, ("Z",), f"55619{n:08}", Skip.STILL_DOWN if n % 2 else None)
            for n in range(300)
        )
        root = tuple(replace(r, skip=None) for r in people)
        lines: list[Line] = [
            Assumed(1, who),
            Forecast(1, who, NOON),
            CauseNamed(1, who, name, name),
            replace(APPROVED, by=who, first=who, ports=ports[:30], left_out=ports[30:]),
            replace(planned(0), recipients=root),
            *sent(0, 280),
            *sent(281, 299, Outcome.REJECTED, name),
            Settled(1, "halted", name, who),
            *(IncidentEnded(1, "gone", i.id) for i in about),
            Restoring(-1, 1),
            replace(NEWS, by=who),
            replace(planned(0, case=-1), recipients=people),
            *(line for n in range(0, 300, 2) for line in told(n, n, Outcome.REJECTED, f"{n}{name}")),
            Settled(-1, "stopped", None, who),
        ]
        for n in (3, 6, 250, len(lines) - 330, len(lines) - 3, len(lines)):
            assert text(grouped(*lines[:n], about=about), words)
        shown = text(grouped(*lines, about=about))
        down = next(line for line in shown.split("\n") if line.startswith("150 ainda sem sinal: "))
        assert down.rsplit(" + ", 1)[1].isdecimal()
        questions: list[Question] = ["deny", "eta", "cause", "silence", "separate"]
        for asking in questions:
            assert_arrives(show(grouped(*lines[:3], about=about), words, asking=asking))

    def test_hundreds_of_ports_are_cut_by_whole_items(self) -> None:
        about = [i for slot in range(1, 60) for i in pons(1, 15, slot) if int(i.port.place[-1]) % 2]
        shown = text(grouped(about=about))
        line = next(line for line in shown.split("\n") if line.startswith("1/1, 1/3"))
        listed, rest = line.rsplit(" + ", 1)
        assert rest == f"{len(about) - len(listed.split(', '))}, ver CSV"


def test_a_card_of_an_old_ledger_is_as_it_was() -> None:
    book = story(Approved(1, ANA, (port(),)), planned(1), *sent(0, 0), Settled(1, "done"))
    assert assert_arrives(show(book, rules=Rules())) == (
        "🔴 LOS · CB 01 · 6/15\n"
        "33 de 61 ONUs · provável rompimento de fibra\n"
        "Desde 11:48 · caso 1\n"
        "\n"
        "📨 Envio concluído às 12:05\n"
        "1 enviada\n"
        "👤 Aprovado por Ana às 12:01\n"
        "\n"
        "❄️ Porta em descanso até 23/11 12:01"
    )
