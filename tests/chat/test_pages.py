from datetime import timedelta
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.chat.screens.buttons import Action
from bot.chat.screens.cards.card import card
from bot.chat.screens.pages.audit import audit, fitting_filter, read_audit
from bot.chat.screens.pages.cooldown import ask_release, cooldown, port_of, port_token, read_release
from bot.chat.screens.pages.on_demand import details, help_text, in_doubt, pending, to_be_called
from bot.chat.screens.pages.status import ProgramFacts, status
from bot.chat.screens.press import Press
from bot.chat.screens.screen import Screen
from bot.chat.screens.table import decode
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.case import Case, Member
from bot.domain.customer import Affected, Contact, Found, Link, Onu
from bot.domain.events import (
    Approved,
    Assumed,
    Cancelled,
    CardPosted,
    CaseOpened,
    CooldownReleased,
    Denied,
    IncidentEnded,
    Line,
    Proposed,
    Resolved,
    Restoring,
    Resumed,
    Settled,
    Silenced,
    Started,
    TapRefused,
)
from bot.domain.incident import Incident, Kind, OddRow, Port
from bot.domain.limits.cooldown import Reservation
from bot.domain.limits.silence import Scope
from bot.domain.plan import Outcome, Skip
from bot.domain.rules import Rules
from bot.domain.watched.health import AnswerHealth, SourceHealth
from bot.domain.who import Who
from bot.errors import Closed
from tests.chat.screens import (
    APPROVED,
    EN,
    LOS,
    PT,
    assert_arrives,
    grouped,
    labels,
    planned,
    pons,
    sent,
    story,
)
from tests.fakes import ANA, BRUNO, NOON, incident, port

MATRIX = AnswerHealth("matrix")
CASE = Case(1, LOS, NOON)
SENT = story(APPROVED, planned(3, Skip.ONLINE), *sent(1, 2), Settled(1, "done"))


def found(*contacts: tuple[str | None, str, str | None], failed: str = "") -> Found:
    """ONUs with (client id, name, phone or None for no record)."""
    onus = tuple(Onu(f"ZTEG{n:04}", c, name, Link.LOS) for n, (c, name, _) in enumerate(contacts))
    records = {c: Contact(c, name, phone) for c, name, phone in contacts if c and phone is not None}
    return Found(Affected(onus), records, frozenset({failed} if failed else ()))


def many(n: int, name: str = "Ana") -> Found:
    return found(*((str(i), name, f"(61) 99999-{i:04}") for i in range(1, n + 1)))


def data(screen: Screen) -> list[str | None]:
    return [button.data for row in screen.rows for button in row]


class TestDetails:
    def test_one_row_an_onu_with_the_phone_masked(self) -> None:
        people = found(
            ("1", "Ana <b>", "(61) 99999-0001"),
            ("1", "Ana <b>", "(61) 99999-0001"),
            ("2", "Bia", "(61) 3333-4444"),
            ("3", "Caio", None),
            ("4", "Davi", None),
            (None, "", None),
            failed="4",
        )
        screen = details(CASE, people, 0, PT)
        assert screen.html == (
            "👥 <b>Caso 1</b> · CB 01 · 6/15\n"
            "6 ONUs · 2 clientes com cadastro · 2 sem\n"
            "1 sem telefone válido · 1 não consultado\n"
            "página 1 de 1\n\n"
            "🔴 LOS · <b>Ana &lt;b&gt;</b>\n<code>ZTEG0000</code> · (61) 9****-0001\n\n"
            "🔴 LOS · <b>Ana &lt;b&gt;</b>\n<code>ZTEG0001</code> · (61) 9****-0001\n\n"
            "🔴 LOS · <b>Bia</b>\n<code>ZTEG0002</code> · telefone fixo\n\n"
            "🔴 LOS · <b>Caio</b>\n<code>ZTEG0003</code> · sem cadastro\n\n"
            "🔴 LOS · <b>Davi</b>\n<code>ZTEG0004</code> · cadastro não respondeu\n\n"
            "🔴 LOS · <b>sem nome</b>\n<code>ZTEG0005</code> · ONU sem cliente"
        )
        assert labels(screen) == ["⬇ CSV"]
        assert data(screen) == ["who.csv:1:"]

    def test_no_phone_is_in_the_text_in_full(self) -> None:
        assert "999990001" not in details(CASE, many(1), 0, EN).html.replace("-", "")

    @pytest.mark.parametrize(
        ("page", "shown", "turn"),
        [(0, "1 de 3", ["▶"]), (1, "2 de 3", ["◀ ▶"]), (2, "3 de 3", ["◀"]), (99, "3 de 3", ["◀"])],
    )
    def test_ten_a_page(self, page: int, shown: str, turn: list[str]) -> None:
        screen = details(CASE, many(25), page, PT)
        assert f"página {shown}\n" in screen.html
        assert screen.html.count("<code>") == (5 if shown.startswith("3") else 10)
        assert labels(screen) == [*turn, "⬇ CSV"]

    def test_turning_asks_for_the_neighbours(self) -> None:
        assert data(details(CASE, many(25), 1, PT))[:2] == ["who:1:0", "who:1:2"]

    def test_of_several_ports_each_row_names_its_own(self) -> None:
        case = Case(1, pons(1, 1)[0], NOON)
        case.members = {i.id: Member(i) for i in [*pons(1, 2), *pons(7, 7, olt="CB 02")]}
        onus = tuple(
            Onu(f"ZTEG{n}", str(n), "", Link.LOS, id_)
            for n, id_ in enumerate(["CB 01 6/2", "CB 02 6/7", "gone"])
        )
        contacts = {str(n): Contact(str(n), "Ana", "(61) 99999-0001") for n in range(3)}
        people = Found(Affected(onus), contacts, unread=frozenset({"CB 01 6/1"}))
        assert details(case, people, 0, PT).html == (
            "👥 <b>Caso 1</b> · 2 OLTs · 3 PONs\n"
            "3 ONUs · 3 clientes com cadastro\n"
            "⚠️ 1 alerta não pôde ser lido: faltam esses clientes aqui\n"
            "página 1 de 1\n\n"
            "🔴 LOS · <b>Ana</b> · CB 01 6/2\n<code>ZTEG0</code> · (61) 9****-0001\n\n"
            "🔴 LOS · <b>Ana</b> · CB 02 6/7\n<code>ZTEG1</code> · (61) 9****-0001\n\n"
            "🔴 LOS · <b>Ana</b>\n<code>ZTEG2</code> · (61) 9****-0001"
        )

    def test_an_alert_without_onus_says_so(self) -> None:
        assert details(CASE, found(), 0, PT).html.endswith("\nNenhuma ONU no alerta.")

    def test_3000_customers_with_long_names_arrive(self) -> None:
        text = assert_arrives(details(CASE, many(3000, "🔥<&" * 70), 150, PT))
        assert "3.000 ONUs · 3.000 clientes" in text


class TestStatus:
    def show(
        self,
        watch: SourceHealth,
        book: Book,
        words: Words = PT,
        *,
        closed: str | None = None,
        gateway: AnswerHealth = MATRIX,
        directory: AnswerHealth | None = None,
        login: Literal["never", "ok", "refused"] = "never",
    ) -> Screen:
        return status(
            [watch],
            book,
            NOON + timedelta(hours=3),
            words,
            hours=24,
            program=ProgramFacts("1.0", NOON, "matrix", dry_run=closed is not None, login=login),
            gateway=gateway,
            directory=directory,
            ledger_closed=closed,
        )

    def test_when_all_is_well(self) -> None:
        watch = SourceHealth("oltcloud", NOON + timedelta(hours=3, seconds=-12))
        assert self.show(watch, SENT).html == (
            "✅ OLT Cloud lida às 14:59 (há 12 s)\n"
            "Login: ok\n"
            "Casos: 1 aberto · 0 esperando decisão · 0 em envio\n"
            "WhatsApp (Matrix): nenhuma mensagem ainda\n"
            "Versão 1.0 · no ar há 3 h 00 min\n"
            "❄️ <b>1 porta em descanso</b>\n"
            "<b>CB 01 6/15</b> até 23/11 12:01 (faltam 21 h 01 min) · caso 1, Ana"
        )

    @pytest.mark.parametrize(
        ("answers", "said"),
        [
            ([], "IXC (cadastro): ainda sem consultas"),
            ([None], "✅ IXC (cadastro) respondeu às 12:00"),
            (["http_502", "refused"], "⚠️ <b>IXC (cadastro) não responde desde 12:00</b>: conexão recusada"),
            (
                [None, "x"],
                "⚠️ <b>IXC (cadastro) não responde desde 12:01</b>: x. Última resposta boa às 12:00",
            ),
        ],
    )
    def test_a_directory_and_since_when_it_is_away(self, answers: list[str | None], said: str) -> None:
        health = AnswerHealth("ixc")
        for minute, error in enumerate(answers):
            health = health.heard(NOON + timedelta(minutes=minute), error)
        watch = SourceHealth("oltcloud", NOON)
        assert self.show(watch, story(), directory=health).html.splitlines()[2] == said

    def test_a_closed_ledger_does_not_ask_to_be_confirmed(self) -> None:
        book = story()
        book.apply(NOON + timedelta(hours=2), Started("2"))
        watch = SourceHealth("oltcloud", NOON)
        assert "Envio bloqueado" in self.show(watch, book).html
        assert "Envio bloqueado" not in self.show(watch, book, closed=Closed("it is gone", "gone")).html

    @pytest.mark.parametrize(("seconds", "fresh"), [(90, True), (91, False), (3600, False)])
    def test_an_old_reading_is_never_green(self, seconds: int, fresh: bool) -> None:
        at = NOON + timedelta(hours=3) - timedelta(seconds=seconds)
        first = self.show(SourceHealth("oltcloud", at), story()).html.splitlines()[0]
        assert first.startswith("✅ ") is fresh
        if seconds == 3600:
            expected = (
                "⚠️ <b>OLT Cloud sem leitura nova há 1 h 00 min</b> (a última às 14:00): lenta ou parada"
            )
            assert first == expected

    def test_what_is_broken_comes_first(self) -> None:
        watch = SourceHealth("oltcloud", NOON, skipped=(OddRow("7", "olt", "<b>6/15</b>"),))
        watch = watch.bad(NOON + timedelta(minutes=1), "HTTP 502").bad(
            NOON + timedelta(minutes=2), "HTTP <502>"
        )
        assert self.show(
            watch,
            story(APPROVED),
            EN,
            closed=Closed("line 4 is damaged", "damaged", file="2026-11.jsonl", line=4),
        ).html == (
            "⛔ <b>Ledger closed</b>: nothing can be decided or sent. Trouble in 2026-11.jsonl, line 4. "
            "On the server, run <code>python -m bot ledger verify</code>: it says what helps.\n"
            "⚠️ <b>OLT Cloud not read since 12:01</b> (2 failures): HTTP &lt;502&gt;\n"
            "Last good reading at 12:00 (3 h 00 min ago)\n"
            "Login: ok\n"
            "Cases: 1 open · 0 waiting for a decision · 1 sending\n"
            "WhatsApp (Matrix): no message yet · 🧪 <b>DRY RUN</b>, nothing is sent\n"
            "Version 1.0 · up for 3 h 00 min\n"
            "❄️ <b>1 port in cooldown</b>\n"
            "<b>CB 01 6/15</b> until 23 Nov 12:01 (21 h 01 min left) · case 1, Ana\n"
            "⚠️ <b>1 open alert without a card: its row at the OLT cannot be read</b>\n"
            "alert 7: its OLT cannot be read · read: &lt;b&gt;6/15&lt;/b&gt;"
        )

    def test_ports_that_rest_are_one_line_a_case_in_the_order_people_count(self) -> None:
        book = story(APPROVED)
        for hours, case, places in ((1, 7, ("1/10", "1/1", "1/2", "1/11")), (2, 8, ("2/1",))):
            for place in places:
                where = port(place)
                book.reservations[where.key] = Reservation(where, NOON - timedelta(hours=hours), case, BRUNO)
        late = port("3/1")
        book.reservations[late.key] = Reservation(late, NOON, 7, BRUNO)
        text = self.show(SourceHealth("oltcloud", NOON), book).html
        assert text.partition("❄️")[2] == (
            " <b>7 portas em descanso</b>\n"
            "<b>CB 01 2/1</b> até 23/11 10:00 (faltam 19 h 00 min) · caso 8, Bruno\n"
            "<b>CB 01 1/1, 1/2, 1/10, 1/11, 3/1</b> (5 portas) até 23/11 11:00 a 23/11 12:00 "
            "(faltam 21 h 00 min) · caso 7, Bruno\n"
            "<b>CB 01 6/15</b> até 23/11 12:01 (faltam 21 h 01 min) · caso 1, Ana"
        )

    def test_before_the_first_poll_and_after_a_refused_login(self) -> None:
        assert self.show(SourceHealth("oltcloud"), story()).html.startswith(
            "Nenhuma leitura boa desde o início\nLogin: ainda não confirmado\n"
        )
        refused = SourceHealth("oltcloud").bad(NOON, "401", login_refused=True)
        assert "\n⛔ <b>Login recusado</b>: confira API_USER e API_PASS\n" in self.show(refused, story()).html

    def test_the_login_is_known_once_it_worked_also_while_the_source_is_away(self) -> None:
        away = SourceHealth("oltcloud").bad(NOON, "dns")
        assert "\nLogin: ainda não confirmado\n" in self.show(away, story()).html
        assert "\nLogin: ok\n" in self.show(away, story(), login="ok").html
        assert "<b>Login recusado</b>" in self.show(away, story(), login="refused").html

    def test_the_gateway_says_when_it_last_answered_and_since_when_it_fails(self) -> None:
        good = MATRIX.heard(NOON, None)
        assert (
            "\nWhatsApp (Matrix): última resposta às 12:00\n"
            in self.show(SourceHealth("oltcloud"), story(), gateway=good).html
        )
        bad = good.heard(NOON + timedelta(minutes=1), "refused")
        assert (
            "\n⚠️ <b>WhatsApp (Matrix) falhando desde 12:01</b> (conexão recusada)\n"
            in self.show(SourceHealth("oltcloud"), story(), gateway=bad).html
        )

    def test_what_gets_no_card_is_listed_with_the_number_left_out(self) -> None:
        ignored = incident(1, Kind.OTHER, ignored=True)
        watch = SourceHealth("oltcloud", NOON, unoffered=(ignored,) * 12)
        html = self.show(watch, story()).html
        assert "<b>12 alertas sem cartão</b> (tipo, tamanho, ignorado ou silenciado)\n" in html
        assert html.count("⚪ OUTRO · CB 01 6/15 · pon_attenuation · ignorado") == 10
        assert html.endswith("\n+ 2")

    def test_the_largest_lists_with_the_longest_names_arrive(self) -> None:
        wild = Incident("1", Kind.OTHER, "🔥" * 300, Port("k", "<" * 300, "&" * 300), NOON)
        watch = SourceHealth(
            "s" * 300, NOON, skipped=(OddRow("&" * 40, "&<" * 100, "&<" * 300),) * 50, unoffered=(wild,) * 50
        )
        text = assert_arrives(self.show(watch.bad(NOON, "<html>" * 200), SENT, closed="<x>" * 200))
        assert text.splitlines()[-1].startswith("+ ")


class TestPending:
    def test_each_card_that_waits_with_a_link_to_it(self) -> None:
        book = story(CardPosted(1, -1001234567, 55))
        book.apply(book.last_at, CaseOpened(2, incident(2, Kind.POWER, "1/1")))
        book.apply(book.last_at, CardPosted(2, -99, 3))
        book.apply(book.last_at, Approved(2, ANA, (port("1/1"),)))
        book.apply(book.last_at, Started("1"))
        book.apply(book.last_at, CaseOpened(3, incident(3)))
        book.apply(book.last_at, Denied(3, ANA, "other"))
        screen = pending(book, PT, book.last_at)
        assert screen.html == (
            "<b>2 cartões esperam</b>\n"
            "esperando · 🔴 LOS · "
            '<a href="https://t.me/c/1234567/55">CB 01 6/15</a> · cerca de 33 ONUs · há 13 min · caso 1\n'
            "interrompido · 🟠 ENERGIA · <b>CB 01 1/1</b> · cerca de 3 ONUs · há 13 min · caso 2"
        )

    def test_largest_first_with_who_has_it_and_of_unknown_size_before_all(self) -> None:
        book = story(about=incident("small", affected=2))
        for number, affected in ((2, 40), (3, None), (4, 7)):
            book.apply(
                NOON, CaseOpened(number, incident(f"n{number}", place=f"1/{number}", affected=affected))
            )
        book.apply(NOON, Assumed(4, BRUNO))
        rows = pending(book, PT, NOON).html.splitlines()[1:]
        assert [row.rpartition(" ")[2] for row in rows] == ["3", "2", "4", "1"]
        assert "1/3</b> · até 61 ONUs · há 12 min · caso 3" in rows[0]
        assert "1/4</b> · cerca de 7 ONUs · há 12 min · 🙋 Bruno · caso 4" in rows[2]

    def test_a_closed_ledger_is_said_first_and_a_rehearsal_waits(self) -> None:
        book = story(Approved(1, ANA, (), dry_run=True), planned(1), *sent(0, 0), Settled(1, "done"))
        html = pending(book, PT, book.last_at, closed=True).html
        assert html.startswith("⛔ <b>Registro fechado</b>")
        assert "\nsimulado · 🔴 LOS · " in html

    def test_a_case_of_several_ports_and_one_that_waits_for_a_second_person(self) -> None:
        book = grouped(Proposed(1, ANA), about=[*pons(1, 3), *pons(4, 5, kind=Kind.POWER)])
        assert pending(book, PT, book.last_at).html == (
            "<b>1 cartão espera</b>\n"
            "falta a 2ª pessoa · 🟣 MISTO · <b>CB 01 · 5 PONs</b> · cerca de 100 ONUs · há 2 min · caso 1"
        )
        later = book.last_at + timedelta(minutes=11)
        assert "\nesperando · " in pending(book, PT, later).html

    def test_the_second_message_waits_under_the_number_of_its_case(self) -> None:
        over: list[Line] = [APPROVED, planned(2), *sent(0, 1), Settled(1, "done"), IncidentEnded(1)]
        news: list[Line] = [Restoring(-1, 1), Approved(-1, ANA, ()), planned(2, case=-1)]
        lost = sent(0, 0, Outcome.UNKNOWN, "reset", case=-1)
        book = story(*over, *news, *lost, Started("1"))
        assert pending(book, PT, book.last_at).html == (
            "<b>1 cartão espera</b>\n"
            "aviso de volta interrompido, 1 incerta · 🔴 LOS · <b>CB 01 6/15</b> · 33 ONUs · acabou há 6 min "
            "· caso 1"
        )
        assert in_doubt(book) == {1: 1}
        book.apply(book.last_at, Resolved(-1, ("0",), "call", ANA))
        assert (in_doubt(book), to_be_called(book)) == ({}, {1: 1})

    def test_what_lies_in_planned_work_waits_for_nobody_until_that_ends(self) -> None:
        book = story(Silenced(1, (Scope("CB 01"),), NOON + timedelta(hours=4), ANA, "obra"))
        assert pending(book, PT, book.last_at).html == "✅ Nenhum cartão esperando."
        assert "· 0 esperando decisão ·" in TestStatus().show(SourceHealth("oltcloud", NOON), book).html
        assert "\nesperando · " in pending(book, PT, NOON + timedelta(hours=4)).html
        book = story(APPROVED, planned(1), Started("1"))
        book.apply(NOON, Silenced(1, (Scope("CB 01"),), NOON + timedelta(hours=4), ANA, "obra"))
        assert "\ninterrompido · " in pending(book, PT, NOON).html

    def test_none_waits(self) -> None:
        assert pending(SENT, PT, NOON).html == "✅ Nenhum cartão esperando."
        assert pending(story(IncidentEnded(1)), EN, NOON).html == "✅ No card waits."

    def test_a_card_not_posted_yet_is_named_without_a_link(self) -> None:
        assert "<b>CB 01 6/15</b>" in pending(story(), PT, NOON).html

    def test_200_of_them_arrive_and_the_rest_is_counted(self) -> None:
        book = Book()
        for n in range(1, 201):
            book.apply(NOON, CaseOpened(n, incident(n)))
            book.apply(NOON, CardPosted(n, -1001234567, n))
        text = assert_arrives(pending(book, PT, NOON))
        shown = text.count("esperando ·")
        assert text.splitlines()[-1] == f"+ {200 - shown}"


class TestCooldown:
    def test_soonest_first_with_a_button_each_for_an_approver(self) -> None:
        book = story()
        for hours, place in ((1, "2/2"), (3, "3/3"), (30, "9/9")):
            where = port(place)
            book.reservations[where.key] = Reservation(where, NOON - timedelta(hours=hours), 7, BRUNO)
        screen = cooldown(book, NOON, PT, 24, may_release=True)
        assert screen.html == (
            "❄️ <b>2 portas em descanso</b>\n"
            "<b>CB 01 3/3</b> até 23/11 09:00 (faltam 21 h 00 min) · caso 7, Bruno\n"
            "<b>CB 01 2/2</b> até 23/11 11:00 (faltam 23 h 00 min) · caso 7, Bruno"
        )
        assert labels(screen) == ["Liberar CB 01 3/3", "Liberar CB 01 2/2"]
        assert data(screen) == ["free?:0:CB 01:3/3", "free?:0:CB 01:2/2"]
        assert cooldown(book, NOON, PT, 24, may_release=False) == Screen(screen.html)
        closed = cooldown(book, NOON, PT, 24, may_release=True, closed=True)
        assert closed.html.startswith("⛔ <b>Registro fechado</b>")
        assert closed.rows == ()

    def test_every_port_can_be_released_after_a_storm(self) -> None:
        book = story()
        places = {f"1/{n}" for n in range(1, 41)}
        for place in places:
            book.reservations[port(place).key] = Reservation(port(place), NOON, 7, BRUNO)
        pages = [cooldown(book, NOON, PT, 24, may_release=True, page=n) for n in range(4)]
        offered = {label for page in pages for label in labels(page) if label.startswith("Liberar")}
        assert offered == {f"Liberar CB 01 {place}" for place in places}
        assert [data(page)[-1] for page in pages] == ["cool:0:1", "cool:0:2", "cool:0:1", "cool:0:1"]
        assert "página 2 de 3" in pages[1].html
        assert cooldown(book, NOON, PT, 24, may_release=False).rows == ()

    def test_none(self) -> None:
        assert cooldown(story(), NOON, EN, 24, may_release=True) == Screen("No port in cooldown.")

    def test_300_ports_arrive(self) -> None:
        book = story()
        for n in range(300):
            where = Port(f"{n}", "<&>" * 99, str(n))
            book.reservations[where.key] = Reservation(where, NOON, n, Who(1, "🔥" * 99))
        assert "página 1 de 20" in assert_arrives(cooldown(book, NOON, PT, 24, may_release=True))
        screen = cooldown(book, NOON, PT, 24, may_release=False)
        assert assert_arrives(screen).splitlines()[-1].startswith("+ ")

    def test_a_release_asks_for_its_reason(self) -> None:
        screen = ask_release(port(), PT)
        assert screen.html == (
            "Liberar <b>CB 01 6/15</b> antes da hora? "
            "Os clientes avisados por ela poderão receber outra mensagem.\n"
            "<b>Por qual motivo?</b>"
        )
        assert labels(screen) == ["nova falha/danger teste/danger outro/danger", "↩ voltar"]
        assert data(screen) == [
            "free:0:new_outage|CB 01:6/15",
            "free:0:test|CB 01:6/15",
            "free:0:other|CB 01:6/15",
            "cool:0:",
        ]

    @given(st.text(st.characters(codec="utf-8"), max_size=100))
    def test_a_port_is_found_back_whatever_its_key(self, key: str) -> None:
        where = Port(key, "CB 01", "6/15")
        book = story(Approved(1, ANA, (where,)))
        screen = ask_release(where, PT)
        assert_arrives(screen)
        press = decode(data(screen)[0])
        assert press is not None
        assert read_release(press.arg) == ("new_outage", port_token(where))
        assert port_of(book, port_token(where)) == where

    def test_an_unknown_token_or_reason_finds_nothing(self) -> None:
        assert port_of(SENT, "nowhere") is None
        assert read_release("because|CB 01:6/15") is None


class TestAudit:
    def test_newest_first_with_what_came_of_it(self) -> None:
        book = story(
            TapRefused(BRUNO, Action.APPROVE, "not_allowed", 1),
            APPROVED,
            Cancelled(1, ANA),
            APPROVED,
            planned(3, Skip.ONLINE),
            Started("1"),
            Resumed(1),
            *sent(1, 2),
            Settled(1, "done"),
            IncidentEnded(1),
            CooldownReleased(port(), BRUNO, "new_outage"),
        )
        screen = audit(book, 0, "", PT, book.last_at, hours=24)
        assert screen.html == (
            "📋 <b>Auditoria</b> · 5 registros\n\n"
            "<b>12:14</b> · liberou a porta: nova falha · <b>Bruno</b>\n"
            "CB 01 6/15\n\n"
            "<b>12:07</b> · retomado pelo bot após reinício\n"
            "caso 1 · 🔴 LOS · CB 01 6/15\n"
            "normalizado às 12:13\n\n"
            "<b>12:04</b> · aprovou · <b>Ana</b>\n"
            "envio concluído às 12:12: 2 enviadas · 1 não enviada\n"
            "caso 1 · 🔴 LOS · CB 01 6/15\n"
            "normalizado às 12:13 · a porta pode ser usada de novo\n\n"
            "<b>12:03</b> · cancelou · <b>Ana</b>\n"
            "caso 1 · 🔴 LOS · CB 01 6/15\n"
            "normalizado às 12:13\n\n"
            "<b>12:02</b> · aprovou · <b>Ana</b>\n"
            "caso 1 · 🔴 LOS · CB 01 6/15\n"
            "normalizado às 12:13"
        )
        assert labels(screen) == ["⬇ CSV ⬇ JSON"]
        assert data(screen) == ["log.csv:0:0|", "log.json:0:0|"]

    def test_while_it_is_on_and_the_port_is_held(self) -> None:
        html = audit(SENT, 0, "1", PT, SENT.last_at, hours=24).html
        assert html.endswith("\nfalha ainda ativa · porta em descanso até 23/11 12:01")

    def test_an_entry_keeps_its_counts_and_says_apart_what_they_are_by_now(self) -> None:
        book = story(
            *(APPROVED, planned(3), *sent(0, 0), *sent(1, 2, Outcome.UNKNOWN, "reset"), Settled(1, "done")),
            Resolved(1, ("1",), "sent", BRUNO),
        )
        approved = audit(book, 0, "", PT, book.last_at, hours=24).html.split("\n\n")[2]
        assert approved == (
            "<b>12:01</b> · aprovou · <b>Ana</b>\n"
            "envio concluído às 12:09: 1 enviada · 2 incertas\n"
            "agora: 2 enviadas · 1 incerta\n"
            "caso 1 · 🔴 LOS · CB 01 6/15\n"
            "falha ainda ativa · porta em descanso até 23/11 12:01"
        )
        stopped = story(APPROVED, planned(2), *sent(0, 0), Settled(1, "stopped", by=BRUNO))
        ended, begun = audit(stopped, 0, "", PT, stopped.last_at, hours=24).html.split("\n\n")[1:]
        assert "\naprovado por Ana\n1 enviada · 1 não enviada\n" in ended
        assert "enviada" not in begun

    def test_a_dry_run_and_an_unread_alert(self) -> None:
        book = story(Approved(1, ANA, (port(),), dry_run=True), Settled(1, "unread", "source_down"))
        html = audit(book, 0, "", EN, book.last_at, hours=24).html
        assert "<b>12:02</b> · alert not read: the source (OLT) did not answer\napproved by Ana\n" in html
        assert html.endswith("\nDRY RUN · outage still on · the port may be used again")

    @pytest.mark.parametrize(
        ("wanted", "entries"),
        [
            ("", 2),
            ("1", 1),
            ("today", 1),
            ("HOJE", 1),
            ("cb 02", 1),
            ("1/1", 1),
            ("nada", 0),
            ("recusados", 1),
            ("Refused", 1),
        ],
    )
    def test_filters(self, wanted: str, entries: int) -> None:
        book = story(Denied(1, ANA, "other"))
        tomorrow = NOON + timedelta(days=1)
        book.apply(tomorrow, CooldownReleased(port("1/1", "CB 02"), ANA, "test"))
        book.apply(tomorrow, TapRefused(BRUNO, "/audit", "wrong_chat", None))
        html = audit(book, 0, wanted, PT, tomorrow, hours=24).html
        assert html.count("<b>") - html.count("<b>Auditoria") == 2 * entries
        assert (html == "Nenhum registro.") is (entries == 0)

    def test_pages_keep_the_filter(self) -> None:
        book = story(*[Denied(1, BRUNO, "other")] * 20)
        screen = audit(book, 1, "cb", PT, book.last_at, hours=24)
        assert screen.html.startswith("📋 <b>Auditoria</b> · 20 registros · cb\npágina 2 de 3\n\n")
        assert data(screen) == ["log:0:0|cb", "log:0:2|cb", "log.csv:0:1|cb", "log.json:0:1|cb"]
        assert read_audit("2|cb|x") == (2, "cb|x")
        assert read_audit("x") == (0, "")
        assert audit(book, 9, "cb", PT, book.last_at, hours=24).html.count("negou: outro") == 4

    def test_how_many_is_no_filter_to_name_and_none_is_no_number(self) -> None:
        book = story(*[Denied(1, BRUNO, "other")] * 5)
        assert audit(book, 0, "3", PT, book.last_at, hours=24).html.startswith(
            "📋 <b>Auditoria</b> · 3 registros\n\n"
        )
        assert "/auditoria 5" in audit(book, 0, "0", PT, book.last_at, hours=24).html

    def test_refusals_are_told_where_they_are_asked_for(self) -> None:
        book = story(TapRefused(BRUNO, Action.APPROVE, "not_allowed", 1), TapRefused(ANA, "unknown", "x"))
        html = audit(book, 0, "recusados", PT, book.last_at, hours=24).html
        assert "recusado aprovar: sem permissão · <b>Bruno</b>\ncaso 1 · 🔴 LOS · CB 01 6/15" in html
        assert "recusado botão desconhecido: x · <b>Ana</b>" in html
        assert audit(book, 0, "", PT, book.last_at, hours=24).html == "Nenhum registro."

    def test_only_the_dispatch_that_holds_the_port_says_when_it_frees_up(self) -> None:
        book = story(
            Denied(1, BRUNO, "other"),
            TapRefused(BRUNO, Action.APPROVE, "already_denied", 1),
            APPROVED,
            Cancelled(1, ANA),
            APPROVED,
            planned(1),
            *sent(0, 0, Outcome.REJECTED, "x"),
            Settled(1, "done"),
            APPROVED,
            planned(1),
            *sent(0, 0),
            Settled(1, "done"),
        )
        rows = audit(book, 0, "", PT, book.last_at, hours=24).html.split("\n\n")[1:]
        holds = ["em descanso até 23/11" in row for row in rows]
        assert holds == [True, False, False, False, False]
        assert "em descanso" not in audit(book, 0, "recusados", PT, book.last_at, hours=24).html

    def test_an_ignored_outage_is_not_called_normalised(self) -> None:
        book = story(Denied(1, ANA, "other"), IncidentEnded(1, "ignored"))
        html = audit(book, 0, "", PT, book.last_at, hours=24).html
        assert html.endswith("\nignorado na OLT às 12:02")

    def test_one_whose_source_is_not_read_any_more_is_not_called_normalised_either(self) -> None:
        book = story(Denied(1, ANA, "other"), IncidentEnded(1, "unwatched"))
        html = audit(book, 0, "", PT, book.last_at, hours=24).html
        assert html.endswith("\nencerrado sem confirmação (a fonte saiu de SOURCE) às 12:02")
        shown = card(book.cases[1], book, book.last_at, PT, rules=Rules()).html
        assert "Encerrado sem confirmação</b> às 12:02: a fonte que contava desta falha saiu" in shown
        assert "Normalizado" not in shown

    @settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=40)
    @given(text=st.text(st.characters(), max_size=120), name=st.text(st.characters(), max_size=200))
    def test_any_filter_and_any_name_arrive(self, text: str, name: str) -> None:
        olt = text or "CB"
        book = story(
            *[Denied(1, Who(1, name), name)] * 20,
            about=Incident("1", Kind.LOS, "x", Port("k", olt, "1"), NOON),
        )
        assert_arrives(audit(book, 1, "", PT, NOON, hours=24))
        assert_arrives(audit(book, 1, text, PT, NOON, hours=24))
        kept = fitting_filter(text)
        assert len(Press(Action.AUDIT_JSON, 0, f"999999|{kept}").encode().encode()) <= 64


@pytest.mark.parametrize("words", [PT, EN])
def test_the_help_names_buttons_as_they_are_written(words: Words) -> None:
    html = help_text(words).html
    for key in ("approve", "deny", "details", "assume", "eta", "cause", "silence", "separate", "untold"):
        assert f"<b>{words.plain(f'button.{key}')}</b>" in html
    assert f"<b>{words.plain('button.restore', n=None)}</b>" in html
    assert f"<b>{words.plain('button.more').removesuffix(' ▾')}</b>" in html


def test_the_help_names_every_command() -> None:
    text = assert_arrives(help_text(PT))
    assert [line.split(" – ")[0] for line in text.splitlines() if line.startswith("/")] == [
        "/status",
        "/pendentes ou /pending",
        "/turno ou /handover",
        "/cliente ou /customer",
        "/auditoria ou /audit",
        "/descanso ou /cooldown",
        "/silenciar ou /silence",
        "/previsao ou /eta",
        "/causa ou /cause",
        "/naoavisar ou /optout",
        "/avisar ou /optin",
        "/relatorio ou /report",
        "/painel ou /panel",
        "/recarregar ou /reload",
        "/ajuda ou /help",
    ]
    assert "<b>Approve</b>" in help_text(EN).html
