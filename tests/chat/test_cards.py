import contextlib
import itertools
import re
from dataclasses import replace
from datetime import time, timedelta
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.chat.screens.buttons import CARD_TAPS, Action
from bot.chat.screens.cards.card import card
from bot.chat.screens.cards.late import Late
from bot.chat.screens.press import Press, Question
from bot.chat.screens.screen import Screen
from bot.chat.screens.table import decode
from bot.chat.screens.words import Words, phrases
from bot.domain.book import Book
from bot.domain.case import CaseState
from bot.domain.dispatch import End
from bot.domain.events import (
    Alive,
    Approved,
    Assumed,
    Cancelled,
    Denied,
    IncidentEnded,
    Intent,
    Line,
    Planned,
    Resumed,
    Settled,
    Started,
    StopAsked,
    Undelivered,
)
from bot.domain.incident import NO_PLACE, Incident, Kind, Port
from bot.domain.limits.cooldown import Reservation
from bot.domain.limits.hours import Hours
from bot.domain.plan import Outcome, Recipient, Skip, Tally
from bot.domain.rules import Rules
from bot.domain.who import Who
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
    sent,
    story,
)
from tests.chat.stories import life_of
from tests.fakes import ANA, BRUNO, NOON, port

MINUTES = {Action.ETA: "60", Action.SILENCE: "60"}
ARGUMENTS = {Action.DENY: "other", Action.UNMUTE: "1", Action.CAUSE: "cable", **MINUTES}
LATE = [Action(tap.action) for tap in CARD_TAPS if tap.late != "do"]
PLAN = planned(37, Skip.ONLINE, Skip.NO_RECORD, Skip.LANDLINE)
ALL_SENT = [
    *sent(3, 33),
    *sent(34, 34, Outcome.REJECTED, "número <inválido>"),
    *sent(35, 36, Outcome.UNKNOWN, "http_502"),
]
DECIDE = ["Aprovar/success Negar/danger", "Detalhes"]
AGAIN = ["Tentar de novo/success Negar/danger", *DECIDE[1:]]


def show(
    book: Book, words: Words = PT, *, undo_seconds: float = 0, asking: bool = False, unfolded: bool = False
) -> Screen:
    case, now = case_and_now(book)
    rules = Rules(undo_seconds=undo_seconds)
    question: Question | None = "deny" if asking else None
    return card(case, book, now, words, rules=rules, asking=question, unfolded=unfolded)


def at_noon(text: str) -> str:
    """The card's blocks below the facts, where the facts are the usual ones."""
    return text.split("\n\n", 1)[1] if "\n\n" in text else ""


def test_a_waiting_card_says_what_and_where_first() -> None:
    screen = show(story())
    assert screen.html == (
        "<b>🔴 LOS · CB 01 · 6/15</b>\n"
        "cerca de <b>33 de 61 ONUs</b> · provável rompimento de fibra\n"
        "Desde 11:48 (há 13 min) · caso 1"
    )
    assert labels(screen) == [DECIDE[0], "Detalhes Mais ▾"]
    assert [b.data for row in screen.rows for b in row] == [
        *("ok:1:", "no?:1:", "who:1:", "more:1:"),
    ]


def test_a_waiting_card_says_what_would_leave() -> None:
    book = story()
    case, now = case_and_now(book)
    held_back = {Skip.LANDLINE: 1, Skip.NO_RECORD: 4}

    def last(expected: Tally, words: Words = PT) -> str:
        screen = card(case, book, now, words, rules=Rules(), expected=expected)
        assert_arrives(screen)
        return screen.html.split("\n\n")[-1]

    assert (
        last(Tally(34, {}, held_back, 29)) == "≈ <b>29 mensagens</b> · 4 sem cadastro · 1 com telefone fixo"
    )
    assert (
        last(Tally(34, {}, held_back, 29), EN)
        == "≈ <b>29 messages</b> · 4 without record · 1 with a landline"
    )
    assert last(Tally(1, {}, {}, 1)) == "≈ <b>1 mensagem</b>"
    assert last(Tally(3, {}, {Skip.TOLD: 3}, 0)) == "≈ <b>0 mensagens</b> · 3 já avisados desta falha"
    closed = card(case, book, now, PT, rules=Rules(), expected=Tally(1, {}, {}, 1), closed=True)
    assert "≈" not in closed.html


def test_an_unfolded_card_has_all_of_its_buttons() -> None:
    screen = show(story(), unfolded=True)
    assert screen.html == show(story()).html
    assert labels(screen) == [
        "Aprovar/success Negar/danger",
        "Detalhes Menos ▴",
        "Assumi Silenciar",
        "Previsão Causa",
    ]
    assert [b.data for row in screen.rows[1:] for b in row] == [
        *("who:1:", "less:1:", "mine:1:", "mute?:1:", "eta?:1:", "why?:1:"),
    ]
    assert labels(show(story(APPROVED), unfolded=True)) == labels(show(story(APPROVED)))
    assert labels(show(story(Denied(1, BRUNO, "maintenance")))) == ["Detalhes", "Previsão Causa"]


def test_a_waiting_card_in_english() -> None:
    assert show(story(), EN).html == (
        "<b>🔴 LOS · CB 01 · 6/15</b>\n"
        "about <b>33 of 61 ONUs</b> · probable fibre cut\n"
        "Since 11:48 (13 min ago) · case 1"
    )


@pytest.mark.parametrize(
    ("about", "line"),
    [
        (replace(LOS, kind=Kind.POWER), "cerca de <b>33 de 61 ONUs</b> · provável falha de energia"),
        (replace(LOS, affected=16), "cerca de <b>16 de 61 ONUs</b> · provável problema na CTO"),
        (
            replace(LOS, affected=1, total=None),
            "<b>1 ONU</b> · provável lado do cliente: drop, tomada ou roteador",
        ),
        (
            replace(LOS, affected=2, kind=Kind.POWER),
            "cerca de <b>2 de 61 ONUs</b> · provável lado do cliente: energia, tomada ou fonte",
        ),
        (
            replace(LOS, affected=3000, total=None),
            "cerca de <b>3.000 ONUs</b> · provável rompimento de fibra",
        ),
        (replace(LOS, affected=None), "até <b>61 ONUs</b> · provável rompimento de fibra"),
        (replace(LOS, affected=None, total=8), "até <b>8 ONUs</b> · provável problema na CTO"),
        (replace(LOS, affected=None, total=None), "ONUs afetadas: não informado · causa indefinida"),
        (LOS.count(40), "<b>40 de 61 ONUs</b> · provável rompimento de fibra"),
        (LOS.count(300), "<b>300 ONUs</b> · provável rompimento de fibra"),
        (
            replace(LOS, alert_type="cto_loss", cto="Rua <A>"),
            "cerca de <b>33 de 61 ONUs</b> · provável problema na CTO Rua &lt;A&gt;",
        ),
        (
            replace(LOS, alert_type="cto_loss", cto="CTO-12"),
            "cerca de <b>33 de 61 ONUs</b> · provável problema na CTO-12",
        ),
    ],
)
def test_size_and_probable_cause(about: Incident, line: str) -> None:
    assert show(story(about=about)).html.split("\n")[1] == line


def test_what_the_source_does_not_say_is_said_to_be_so() -> None:
    about = replace(LOS, start_known=False, port=Port("3:port:#1", "CB 01", NO_PLACE))
    screen = show(story(about=about))
    assert screen.html.split("\n")[0] == "<b>🔴 LOS · CB 01 · porta não informada</b>"
    assert screen.html.split("\n")[2] == "Início não informado · visto às 11:48 (há 13 min) · caso 1"
    over = show(story(IncidentEnded(1), about=about), EN).html.split("\n")
    assert over[:2] == ["✅ <b>Back to normal</b> at 12:01", "<b>🔴 LOS · CB 01 · port not reported</b>"]
    assert over[3] == "Start not reported · seen at 11:48 · case 1"


def test_a_port_as_it_was_written() -> None:
    about = replace(LOS, port=Port("3:port:<six>", "CB 01", "<six>"))
    assert show(story(about=about)).html.split("\n")[0] == "<b>🔴 LOS · CB 01 · &lt;six&gt;</b>"


def test_badge_of_a_power_failure() -> None:
    power = story(about=replace(LOS, kind=Kind.POWER))
    assert show(power).html.startswith("<b>🟠 ENERGIA · CB 01 · 6/15</b>\n")
    assert show(power, EN).html.startswith("<b>🟠 POWER · CB 01 · 6/15</b>\n")


def test_a_port_in_cooldown_says_until_when() -> None:
    book = story()
    book.reservations[port().key] = Reservation(port(), NOON - timedelta(hours=3), 7, BRUNO)
    assert at_noon(show(book).html) == (
        "❄️ <b>Porta em descanso até 23/11 09:00</b> (caso 7, Bruno): não pode enviar"
    )
    assert at_noon(show(book, EN).html) == (
        "❄️ <b>Port in cooldown until 23 Nov 09:00</b> (case 7, Bruno): cannot send"
    )


def test_a_denial_asks_for_its_reason() -> None:
    screen = show(story(), asking=True)
    assert screen.html.endswith("\n\n<b>Negar: por qual motivo?</b>")
    assert labels(screen) == [
        "manutenção/danger alarme falso/danger",
        "já avisado/danger outro/danger",
        "↩ voltar",
    ]
    assert [b.data for row in screen.rows for b in row] == [
        "no:1:maintenance",
        "no:1:false_alarm",
        "no:1:already_told",
        "no:1:other",
        "back:1:",
    ]


@pytest.mark.parametrize("lines", [[APPROVED], [Denied(1, ANA, "other")], [IncidentEnded(1)]])
def test_nothing_is_asked_where_nothing_can_be_denied(lines: list[Line]) -> None:
    assert show(story(*lines), asking=True) == show(story(*lines))


A_WHILE = [Alive()] * 5
"""Minutes after which an interrupted dispatch goes on by no means but a person."""

STATES: dict[str, tuple[CaseState, list[Line], str, str, list[str]]] = {
    "countdown": (
        CaseState.COUNTDOWN,
        [APPROVED],
        "⏳ <b>Envio às 12:01:05</b> · consultando os clientes\n👤 Aprovado por <b>Ana</b> às 12:01",
        "⏳ <b>Sending at 12:01:05</b> · looking up the customers\n👤 Approved by <b>Ana</b> at 12:01",
        ["Cancelar/danger"],
    ),
    "sending": (
        CaseState.SENDING,
        [APPROVED, PLAN, *sent(3, 14)],
        (
            "📤 ▓▓▓░░░░░░░ <b>35%</b> · 12/34\n"
            "12 enviadas · 3 não enviadas\n"
            "👤 Aprovado por <b>Ana</b> às 12:01"
        ),
        ("📤 ▓▓▓░░░░░░░ <b>35%</b> · 12/34\n12 sent · 3 not sent\n👤 Approved by <b>Ana</b> at 12:01"),
        ["Parar/danger"],
    ),
    "stopping": (
        CaseState.STOPPING,
        [APPROVED, PLAN, *sent(3, 14), StopAsked(1, BRUNO)],
        (
            "✋ <b>Parando…</b> a pedido de <b>Bruno</b>; o que já saiu ainda conta\n"
            "12 enviadas · 3 não enviadas\n"
            "👤 Aprovado por <b>Ana</b> às 12:01"
        ),
        (
            "✋ <b>Stopping…</b> asked by <b>Bruno</b>; what has left still counts\n"
            "12 sent · 3 not sent\n"
            "👤 Approved by <b>Ana</b> at 12:01"
        ),
        [],
    ),
    "going on before the plan": (
        CaseState.INTERRUPTED,
        [APPROVED, Started("1")],
        (
            "⏯ <b>Retomando o envio…</b> "
            "Se os alertas não puderem ser lidos até 12:06, este cartão pergunta\n"
            "👤 Aprovado por <b>Ana</b> às 12:01"
        ),
        (
            "⏯ <b>Resuming the send…</b> If the alerts cannot be read by 12:06, this card asks\n"
            "👤 Approved by <b>Ana</b> at 12:01"
        ),
        ["Detalhes"],
    ),
    "going on": (
        CaseState.INTERRUPTED,
        [APPROVED, PLAN, *sent(3, 14), Started("1")],
        (
            "⏯ <b>Retomando o envio a 22 clientes…</b> "
            "Se os alertas não puderem ser lidos até 12:31, este cartão pergunta\n"
            "12 enviadas · 3 não enviadas\n"
            "👤 Aprovado por <b>Ana</b> às 12:01"
        ),
        (
            "⏯ <b>Resuming the send to 22 customers…</b> "
            "If the alerts cannot be read by 12:31, this card asks\n"
            "12 sent · 3 not sent\n"
            "👤 Approved by <b>Ana</b> at 12:01"
        ),
        ["Detalhes"],
    ),
    "interrupted before the plan": (
        CaseState.INTERRUPTED,
        [APPROVED, Started("1"), *A_WHILE],
        "⚠️ <b>Interrompido antes do envio</b>: retomar ou encerrar?\n👤 Aprovado por <b>Ana</b> às 12:01",
        "⚠️ <b>Interrupted before sending</b>: resume or close?\n👤 Approved by <b>Ana</b> at 12:01",
        ["Retomar/success Encerrar envio/danger"],
    ),
    "interrupted": (
        CaseState.INTERRUPTED,
        [APPROVED, PLAN, *sent(3, 14), Intent(1, "15"), Started("1"), *A_WHILE],
        (
            "⚠️ <b>Faltam 21 clientes</b>: retomar ou encerrar?\n"
            "12 enviadas · 1 incerta · 3 não enviadas\n"
            "👤 Aprovado por <b>Ana</b> às 12:01"
        ),
        (
            "⚠️ <b>21 customers left</b>: resume or close?\n"
            "12 sent · 1 in doubt · 3 not sent\n"
            "👤 Approved by <b>Ana</b> at 12:01"
        ),
        ["Retomar/success Encerrar envio/danger", "Incertas (1)/primary"],
    ),
    "resumed before the plan": (
        CaseState.COUNTDOWN,
        [APPROVED, Started("1"), Resumed(1)],
        (
            "⏳ <b>Consultando os clientes</b>, o envio começa em seguida\n"
            "⏯ O bot reiniciou e o envio foi retomado\n"
            "👤 Aprovado por <b>Ana</b> às 12:01"
        ),
        (
            "⏳ <b>Looking up the customers</b>, sending starts next\n"
            "⏯ The bot restarted and sending was resumed\n"
            "👤 Approved by <b>Ana</b> at 12:01"
        ),
        ["Cancelar/danger"],
    ),
    "sent": (
        CaseState.SENT,
        [APPROVED, PLAN, *ALL_SENT, Settled(1, "done")],
        (
            "📨 <b>Envio concluído</b> às 13:11\n"
            "31 enviadas · 1 recusada · 2 incertas · 3 não enviadas\n"
            "Não enviadas: 1 já online, 1 sem cadastro, 1 com telefone fixo\n"
            "Recusadas: 1: número &lt;inválido&gt;\n"
            "Incertas (podem ter chegado): 2: erro HTTP 502\n"
            "👤 Aprovado por <b>Ana</b> às 12:01\n"
            "\n"
            "❄️ Porta em descanso até 23/11 12:01"
        ),
        (
            "📨 <b>Sending finished</b> at 13:11\n"
            "31 sent · 1 rejected · 2 in doubt · 3 not sent\n"
            "Not sent: 1 already online, 1 without record, 1 with a landline\n"
            "Rejected: 1: número &lt;inválido&gt;\n"
            "In doubt (may have arrived): 2: HTTP error 502\n"
            "👤 Approved by <b>Ana</b> at 12:01\n"
            "\n"
            "❄️ Port in cooldown until 23 Nov 12:01"
        ),
        ["Detalhes", "Incertas (2)/primary"],
    ),
    "stopped": (
        CaseState.SENT,
        [APPROVED, PLAN, *sent(3, 14), StopAsked(1, BRUNO), Settled(1, "stopped")],
        (
            "✋ <b>Envio parado</b> por <b>Bruno</b> às 12:28\n"
            "12 enviadas · 25 não enviadas\n"
            "Não enviadas: 22: o envio foi parado, 1 já online, 1 sem cadastro, 1 com telefone fixo\n"
            "👤 Aprovado por <b>Ana</b> às 12:01\n"
            "\n"
            "❄️ Porta em descanso até 23/11 12:01"
        ),
        (
            "✋ <b>Sending stopped</b> by <b>Bruno</b> at 12:28\n"
            "12 sent · 25 not sent\n"
            "Not sent: 22: the sending was stopped, 1 already online, 1 without record, 1 with a landline\n"
            "👤 Approved by <b>Ana</b> at 12:01\n"
            "\n"
            "❄️ Port in cooldown until 23 Nov 12:01"
        ),
        ["Detalhes"],
    ),
    "closed": (
        CaseState.SENT,
        [APPROVED, PLAN, *sent(3, 14, Outcome.HELD), Started("1"), Settled(1, "closed", by=BRUNO)],
        (
            "⏹ <b>Envio encerrado</b> por <b>Bruno</b> às 12:28\n"
            "12 retidas · 25 não enviadas\n"
            "Não enviadas: 22: o envio foi encerrado, 1 já online, 1 sem cadastro, 1 com telefone fixo\n"
            "Retidas: 12: sem motivo informado\n"
            "👤 Aprovado por <b>Ana</b> às 12:01\n"
            "\n"
            "❄️ Porta em descanso até 23/11 12:01"
        ),
        (
            "⏹ <b>Sending closed</b> by <b>Bruno</b> at 12:28\n"
            "12 held · 25 not sent\n"
            "Not sent: 22: the sending was closed, 1 already online, 1 without record, 1 with a landline\n"
            "Held: 12: no reason given\n"
            "👤 Approved by <b>Ana</b> at 12:01\n"
            "\n"
            "❄️ Port in cooldown until 23 Nov 12:01"
        ),
        ["Detalhes"],
    ),
    "halted": (
        CaseState.SENT,
        [APPROVED, PLAN, *sent(3, 14), Settled(1, "halted", "token inválido")],
        (
            "⛔ <b>Envio suspenso</b> às 12:27: token inválido\n"
            "12 enviadas · 22 falhas · 3 não enviadas\n"
            "Não enviadas: 1 já online, 1 sem cadastro, 1 com telefone fixo\n"
            "Falhas: 22: token inválido\n"
            "👤 Aprovado por <b>Ana</b> às 12:01\n"
            "\n"
            "❄️ Porta em descanso até 23/11 12:01"
        ),
        (
            "⛔ <b>Sending halted</b> at 12:27: token inválido\n"
            "12 sent · 22 failed · 3 not sent\n"
            "Not sent: 1 already online, 1 without record, 1 with a landline\n"
            "Failed: 22: token inválido\n"
            "👤 Approved by <b>Ana</b> at 12:01\n"
            "\n"
            "❄️ Port in cooldown until 23 Nov 12:01"
        ),
        ["Detalhes"],
    ),
    "nobody, all online": (
        CaseState.NOBODY,
        [APPROVED, planned(3, *[Skip.ONLINE] * 3), Settled(1, "done")],
        (
            "⚠️ <b>Ninguém foi avisado</b> · a porta pode ser usada de novo\n"
            "3 não enviadas\n"
            "Não enviadas: 3 já online\n"
            "👤 Aprovado por <b>Ana</b> às 12:01"
        ),
        (
            "⚠️ <b>Nobody was told</b> · the port may be used again\n"
            "3 not sent\n"
            "Not sent: 3 already online\n"
            "👤 Approved by <b>Ana</b> at 12:01"
        ),
        AGAIN,
    ),
    "nobody, alert not read": (
        CaseState.NOBODY,
        [APPROVED, Settled(1, "unread", "source_down")],
        (
            "⚠️ <b>Ninguém foi avisado</b> · a porta pode ser usada de novo\n"
            "⛔ <b>Não foi possível ler o alerta</b>: a fonte (OLT) não respondeu\n"
            "👤 Aprovado por <b>Ana</b> às 12:01"
        ),
        (
            "⚠️ <b>Nobody was told</b> · the port may be used again\n"
            "⛔ <b>The alert could not be read</b>: the source (OLT) did not answer\n"
            "👤 Approved by <b>Ana</b> at 12:01"
        ),
        AGAIN,
    ),
    "nobody, nobody there": (
        CaseState.NOBODY,
        [APPROVED, planned(0, onus=0), Settled(1, "done")],
        (
            "⚠️ <b>Ninguém foi avisado</b> · a porta pode ser usada de novo\n"
            "Nenhum cliente no alerta: ele veio sem lista de ONUs\n"
            "👤 Aprovado por <b>Ana</b> às 12:01"
        ),
        (
            "⚠️ <b>Nobody was told</b> · the port may be used again\n"
            "No customer on the alert: it came without a list of ONUs\n"
            "👤 Approved by <b>Ana</b> at 12:01"
        ),
        AGAIN,
    ),
    "rehearsed": (
        CaseState.REHEARSED,
        [
            replace(APPROVED, dry_run=True),
            planned(3, Skip.ONLINE),
            *sent(1, 2, reason="dry_run"),
            Settled(1, "done"),
        ],
        (
            "🧪 <b>SIMULAÇÃO</b>: nada foi enviado\n"
            "📨 <b>Envio concluído</b> às 12:07\n"
            "2 seriam enviadas · 1 não enviada\n"
            "Não enviadas: 1 já online\n"
            "👤 Aprovado por <b>Ana</b> às 12:01"
        ),
        (
            "🧪 <b>DRY RUN</b>: nothing was sent\n"
            "📨 <b>Sending finished</b> at 12:07\n"
            "2 would be sent · 1 not sent\n"
            "Not sent: 1 already online\n"
            "👤 Approved by <b>Ana</b> at 12:01"
        ),
        AGAIN,
    ),
    "cancelled": (
        CaseState.WAITING,
        [APPROVED, Cancelled(1, BRUNO)],
        "↩ <b>Bruno</b> cancelou a aprovação às 12:02",
        "↩ <b>Bruno</b> took the approval back at 12:02",
        DECIDE,
    ),
    "resumed by a person": (
        CaseState.SENDING,
        [APPROVED, planned(1), Started("1"), Resumed(1, BRUNO)],
        (
            "📤 ░░░░░░░░░░ <b>0%</b> · 0/1\n"
            "0 enviadas\n"
            "⏯ Retomado por <b>Bruno</b>\n"
            "👤 Aprovado por <b>Ana</b> às 12:01"
        ),
        (
            "📤 ░░░░░░░░░░ <b>0%</b> · 0/1\n"
            "0 sent\n"
            "⏯ Resumed by <b>Bruno</b>\n"
            "👤 Approved by <b>Ana</b> at 12:01"
        ),
        ["Parar/danger"],
    ),
    "tried again": (
        CaseState.COUNTDOWN,
        [
            APPROVED,
            planned(3),
            *sent(0, 2, Outcome.REJECTED, "x"),
            Settled(1, "done"),
            Approved(1, BRUNO, (port(),)),
        ],
        (
            "⏳ <b>Envio às 12:10:05</b> · consultando os clientes\n"
            "👤 Aprovado por <b>Bruno</b> às 12:10\n"
            "1ª tentativa: 3 recusadas · Ana 12:01"
        ),
        (
            "⏳ <b>Sending at 12:10:05</b> · looking up the customers\n"
            "👤 Approved by <b>Bruno</b> at 12:10\n"
            "Attempt 1: 3 rejected · Ana 12:01"
        ),
        ["Cancelar/danger"],
    ),
    "denied": (
        CaseState.DENIED,
        [Denied(1, BRUNO, "maintenance")],
        "🚫 <b>Negado</b> por <b>Bruno</b> às 12:01: manutenção",
        "🚫 <b>Denied</b> by <b>Bruno</b> at 12:01: maintenance",
        ["Detalhes"],
    ),
}


@pytest.mark.parametrize("name", STATES)
def test_card_by_state(name: str) -> None:
    state, lines, ours, theirs, buttons = STATES[name]
    book = story(*lines)
    assert book.cases[1].state is state
    assert at_noon(show(book, undo_seconds=5).html) == ours
    assert at_noon(show(book, EN, undo_seconds=5).html) == theirs
    assert deciding(show(book)) == buttons
    assert_arrives(show(book))


CLOSED = "⛔ <b>Registro fechado</b>: nada pode ser decidido nem enviado; /status diz o que resolve"


@pytest.mark.parametrize("name", ["countdown", "sending", "interrupted", "nobody, all online", "rehearsed"])
def test_while_the_ledger_is_closed_nothing_invites_to_decide(name: str) -> None:
    case, now = case_and_now(story(*STATES[name][1]))
    screen = card(case, story(*STATES[name][1]), now, PT, rules=Rules(), asking="deny", closed=True)
    assert f"\n\n{CLOSED}\n\n" in screen.html
    assert labels(screen) == ["Detalhes"]


def test_a_closed_ledger_takes_nothing_from_what_is_decided_or_over() -> None:
    for lines in (STATES["sent"][1], STATES["denied"][1], [IncidentEnded(1)]):
        case, now = case_and_now(story(*lines))
        assert card(case, story(*lines), now, PT, rules=Rules(), closed=True) == show(story(*lines))
    case, now = case_and_now(story())
    waiting = card(case, story(), now, PT, rules=Rules(), closed=True)
    assert "Porta livre" not in waiting.html
    assert labels(waiting) == ["Detalhes"]


def test_every_state_has_its_card() -> None:
    shown = {state for state, *_ in STATES.values()}
    of_life = {CaseState.WAITING, CaseState.SCHEDULED, CaseState.OVER}  # tests/chat/test_life_cards.py
    assert shown | of_life == set(CaseState)


def test_without_a_countdown_no_time_is_named() -> None:
    assert "<b>Consultando os clientes</b>" in show(story(APPROVED)).html


def test_one_customer_left_is_one() -> None:
    book = story(APPROVED, planned(2, Skip.ONLINE), Started("1"), *A_WHILE)
    assert "⚠️ <b>Falta 1 cliente</b>: retomar" in show(book).html


SENDING = NOON + timedelta(minutes=3)


@pytest.mark.parametrize(
    ("left", "after", "pace"),
    [
        ([n / 40 for n in range(400)], 10, "40"),
        ([n / 80 for n in range(2400)], 30, "80"),
        ([n * 0.25 for n in range(8)], 2, "4"),  # since it began, where that is less than five seconds ago
        ([*(n / 10 for n in range(100)), *(60 + n / 20 for n in range(40))], 62, "20"),  # after a pause
        ([n / 20 for n in range(20)], 0.99, None),  # too early to tell
        ([0.0], 3, None),
        ([n / 20 for n in range(40)], 7, None),  # nothing left lately
        ([n * 4.0 for n in range(5)], 17, None),  # less than one in two seconds
        ([], 3, None),
    ],
)
@pytest.mark.parametrize("words", [PT, EN], ids=["pt_BR", "en"])
def test_while_it_is_sent_the_card_says_how_fast(
    left: list[float], after: float, pace: str | None, words: Words
) -> None:
    book = story(APPROVED, planned(2500))
    for number, seconds in enumerate(left):
        book.apply(SENDING + timedelta(seconds=seconds), Intent(1, str(number)))
    now = SENDING + timedelta(seconds=after)
    html = card(book.cases[1], book, now, words, rules=Rules()).html
    [line] = [line for line in html.split("\n") if "📤" in line]
    assert line.split(" · ")[2:] == ([] if pace is None else [f"≈ {pace}/s"])


def test_a_plan_without_anybody_to_send_to_is_done() -> None:
    assert "▓▓▓▓▓▓▓▓▓▓ <b>100%</b> · 0/0" in show(story(APPROVED, planned(1, Skip.ONLINE))).html


def test_the_plan_tells_how_many_are_affected_not_the_list() -> None:
    book = story(APPROVED, planned(3, onus=4))
    assert "\n<b>4 de 61 ONUs</b> · " in show(book).html


def test_an_ended_outage_says_so_first_and_has_no_buttons() -> None:
    screen = show(story(IncidentEnded(1)))
    assert screen.html == (
        "✅ <b>Normalizado</b> às 12:01 (durou 13 min)\n"
        "<b>🔴 LOS · CB 01 · 6/15</b>\n"
        "cerca de <b>33 de 61 ONUs</b> · provável rompimento de fibra\n"
        "Começou às 11:48 · caso 1"
    )
    assert screen.rows == ()
    assert show(story(IncidentEnded(1)), EN).html.startswith(
        "✅ <b>Back to normal</b> at 12:01 (lasted 13 min)\n"
    )


def test_an_ignored_outage_says_why_it_ended() -> None:
    first = "✅ <b>Encerrado</b> às 12:01: marcado como ignorado na OLT\n"
    assert show(story(IncidentEnded(1, "ignored"))).html.startswith(first)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("countdown", ["Cancelar/danger"]),
        ("sending", ["Parar/danger"]),
        ("interrupted", ["Encerrar envio/danger", "Incertas (1)/primary"]),
        ("sent", ["Detalhes", "Incertas (2)/primary"]),
        ("nobody, all online", ["Detalhes"]),
        ("denied", []),
    ],
)
def test_an_ended_outage_keeps_what_a_running_dispatch_needs_and_who_knows(
    name: str, kept: list[str]
) -> None:
    before = STATES[name][1]
    screen = show(story(*before, IncidentEnded(1)))
    assert labels(screen) == kept
    assert screen.html.startswith("✅ <b>Normalizado</b>")


def test_results_stay_on_the_card_of_an_ended_outage() -> None:
    lines = STATES["sent"][1]
    assert "\n31 enviadas · 1 recusada · 2 incertas · 3 não enviadas\n" in (
        show(story(*lines, IncidentEnded(1))).html
    )
    left = show(story(*STATES["interrupted"][1], IncidentEnded(1))).html
    assert "⚠️ Envio interrompido com 21 clientes sem aviso: a falha acabou, é só encerrar" in left


def test_another_cases_cooldown_is_not_told_on_an_ended_outage() -> None:
    book = story(IncidentEnded(1))
    book.reservations[port().key] = Reservation(port(), NOON, 7, BRUNO)
    assert "ooldown" not in show(book).html


def test_a_dry_run_says_that_nothing_was_sent() -> None:
    rehearsed = replace(APPROVED, dry_run=True)
    book = story(rehearsed, PLAN, *sent(3, 36), Settled(1, "done"))
    assert at_noon(show(book).html).startswith(
        "🧪 <b>SIMULAÇÃO</b>: nada foi enviado\n📨 <b>Envio concluído</b> às 13:11\n34 seriam enviadas"
    )
    assert "🧪 <b>SIMULAÇÃO</b>: nada será enviado" in show(story(rehearsed)).html
    nobody = show(story(rehearsed, planned(0), Settled(1, "done"))).html
    assert "⚠️ <b>Ninguém seria avisado</b>\n" in nobody


def test_reasons_agree_with_their_number_and_say_model() -> None:
    skips = [Skip.LANDLINE] * 2 + [Skip.COOLDOWN] * 3 + [Skip.OVER]
    lines = [*sent(6, 9, Outcome.UNKNOWN, "reset"), *sent(10, 18, Outcome.REJECTED, "Template pausado")]
    told = show(story(APPROVED, planned(19, *skips), *lines, Settled(1, "done"))).html
    assert "\n9 recusadas · 4 incertas · 6 não enviadas\n" in told
    assert (
        "\nNão enviadas: 3 avisados há pouco, 2 com telefone fixo, 1: a falha já tinha acabado\n"
        "Recusadas: 9: modelo pausado\n"
        "Incertas (podem ter chegado): 4: a conexão caiu no meio\n"
    ) in told


def test_who_did_not_get_it_is_told_as_a_number_before_its_word() -> None:
    lines = [*sent(0, 2), Undelivered(1, ("0", "1"), "Falha"), Undelivered(1, ("2",), "999: no")]
    told = show(story(APPROVED, planned(3), *lines, Settled(1, "done"))).html
    assert "\nNão entregues: 2 sem motivo (a Matrix diz só Falha), 1: 999: no\n" in told


def test_the_hour_alone_tells_the_start_of_what_is_decided() -> None:
    assert "Desde 11:48 (há 14 min) · caso 1" in show(story(Assumed(1, ANA))).html
    assert "Desde 11:48 · caso 1" in show(story(APPROVED)).html
    assert "Desde 11:48 · caso 1" in show(story(Denied(1, ANA, "test"))).html


def test_a_sign_means_one_thing() -> None:
    for words in (PT, EN):
        again = [key for key, text in phrases(words.language).items() if "🔁" in text]
        assert all(key == "card.resent" or key.startswith("doubts.") for key in again), again


def test_reasons_beyond_the_top_three_are_counted() -> None:
    lines: list[Line] = []
    for number, reason in enumerate(["no_answer", "no_answer", "reset", "http_500", "http_503", "x"]):
        lines += sent(number, number, Outcome.UNKNOWN, reason)
    told = show(story(APPROVED, planned(6), *lines, Settled(1, "done"))).html
    assert (
        "Incertas (podem ter chegado): 2: o WhatsApp não respondeu, 1: a conexão caiu no meio, "
        "1: erro HTTP 500, 2 por outros motivos"
    ) in told


_WORDS = (
    *("enviadas?", "retidas?", "recusadas?", "falhas?", "incertas?", "não enviadas?", "sem confirmação"),
    *("sent", "held", "rejected", "failed", "in doubt", "not sent", "unconfirmed"),
)
_COUNT = rf"[0-9]+ (?:{'|'.join(_WORDS)})"
_COUNTS = re.compile(rf"{_COUNT}(?: · {_COUNT})*")
ANY_TEXT = st.text(st.characters(), max_size=300) | st.sampled_from(["<b>" * 200, "🔥" * 400, "&amp;", ""])


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    olt=ANY_TEXT,
    place=ANY_TEXT,
    cto=ANY_TEXT,
    person=ANY_TEXT,
    reason=ANY_TEXT,
    end=st.sampled_from([None, "done", "stopped", "halted", "closed", "unread"]),
    outcomes=st.lists(st.sampled_from([*Outcome, *Skip, None]), max_size=40),
    over=st.booleans(),
    words=st.sampled_from([PT, EN]),
)
def test_a_card_arrives_and_adds_up_whatever_its_data(
    *,
    olt: str,
    place: str,
    cto: str,
    person: str,
    reason: str,
    end: End | None,
    outcomes: list[Outcome | Skip | None],
    over: bool,
    words: Words,
) -> None:
    where, who = Port("k" * 300, olt, place), Who(1, person)
    incident = Incident("1", Kind.LOS, "cto_loss", where, NOON, 10**9, 10**9, cto)
    people = tuple(
        Recipient(str(n), person, (reason,), "5561999990000", what if isinstance(what, Skip) else None)
        for n, what in enumerate(outcomes)
    )
    lines: list[Line] = [Approved(1, who, (where,)), Planned(1, len(people), people)]
    for number, what in enumerate(outcomes):
        if isinstance(what, Outcome):
            lines += sent(number, number, what, f"{reason}{number}")
    lines += [Settled(1, end, reason, who)] if end else []
    lines += [IncidentEnded(1)] if over else []
    book = story(*lines, about=incident)

    text = assert_arrives(show(book, words))

    counted = sum(_counts(text)) if outcomes else 0
    tally = book.cases[1].dispatches[-1].tally()
    assert tally is not None
    assert counted + tally.todo == len(outcomes)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data(), text=ANY_TEXT, words=st.sampled_from([PT, EN]))
def test_a_card_arrives_whatever_happens_in_its_life(data: st.DataObject, text: str, words: Words) -> None:
    who, many = Who(1, text), data.draw(st.integers(1, 60))
    about = [
        Incident(str(n), kind, "pon_loss", Port(f"{n % 3}:{n}", text, f"{text}{n}"), NOON, 10**9)
        for n, kind in enumerate(data.draw(st.lists(st.sampled_from(Kind), min_size=many, max_size=many)))
    ]
    life = life_of(about, who, text)
    happens = data.draw(st.lists(st.booleans(), min_size=len(life), max_size=len(life)))
    book = grouped(about=about)
    for line in itertools.chain.from_iterable(itertools.compress(life, happens)):
        with contextlib.suppress(KeyError, IndexError, ValueError):  # without what comes before it
            book.apply(book.last_at + timedelta(minutes=1), line)
    rules = Rules(
        restored=True,
        two_person_above=data.draw(st.sampled_from([0, 1])),
        customer_hours=Hours(time(8), time(9), ZONE),
    )
    now = book.last_at + data.draw(st.sampled_from([timedelta(0), timedelta(hours=9), timedelta(days=400)]))
    tapped = data.draw(st.sampled_from(LATE))
    arg = {
        Action.DENY: "other",
        Action.UNMUTE: "1",
        Action.ETA: "60",
        Action.CAUSE: "cable",
        Action.SILENCE: "60",
    }.get(tapped, "")
    late = Late(Press(tapped, 1, arg), Who(7, text), NOON, NOON)
    asking = data.draw(st.none() | st.sampled_from(get_args(Question)) | st.just(late))
    for closed in (False, True):
        screen = card(book.cases[1], book, now, words, rules=rules, asking=asking, closed=closed)
        assert_arrives(screen)
        presses = [decode(button.data) for row in screen.rows for button in row]
        assert None not in presses
        plain = card(book.cases[1], book, now, words, rules=rules, closed=closed)
        assert screen.html.startswith(plain.html)


def _counts(text: str) -> list[int]:
    """The numbers of the one line that counts."""
    found = (_COUNTS.fullmatch(line) for line in text.splitlines())
    line = next(line[0] for line in found if line)
    return [int(part.split(" ", 1)[0]) for part in line.split(" · ")]
