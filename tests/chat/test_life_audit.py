"""What /audit, its documents and /status tell of the whole life of a case."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from bot.chat.screens.pages.audit import audit
from bot.chat.screens.pages.audit_entries import entry_of, matching, said, said_of
from bot.chat.screens.pages.sheets import audit_csv, audit_json, entries_in
from bot.chat.screens.pages.status import status
from bot.chat.taps.commands import ProgramFacts
from bot.domain import events as ev
from bot.domain.book import AuditEntry, Book
from bot.domain.causes.correlation import Grouping, Reason
from bot.domain.events import (
    Approved,
    CaseOpened,
    CooldownReleased,
    IncidentEnded,
    Intent,
    Line,
    Planned,
    Result,
    Settled,
)
from bot.domain.incident import Incident, Kind, Port
from bot.domain.limits.silence import Scope
from bot.domain.plan import Outcome, Recipient
from bot.domain.watched.health import AnswerHealth, SourceHealth
from bot.domain.who import BOT
from tests.chat.screens import EN, PT, assert_arrives, labels, story
from tests.fakes import ANA, BRUNO, NOON, incident, port
from tests.storage.samples import EVERY_KIND

AT_EIGHT = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)  # 08:00 in São Paulo
SCOPES = (Scope("CB 02", "6/15"), Scope("CB 02", "6/16"), Scope("CB 03"))
TOLD = (Recipient("1", "Maria", ("Z1",), "5561999990001"),)
OTHER = Incident("10", Kind.LOS, "pon_loss", Port("CB 07:1/1", "CB 07", "1/1"), NOON, 5)


def sent(number: int) -> tuple[Line, ...]:
    accepted = Result(number, "1", Outcome.ACCEPTED)
    return (Planned(number, 1, TOLD), Intent(number, "1"), accepted, Settled(number, "done"))


def lines_of(book: Book, newest: int = 1) -> list[str]:
    """The newest entries as /audit tells them, oldest first."""
    entries = [entry_of(book, entry, book.last_at, 24) for entry in book.audit[-newest:]]
    return [f"{said(entry, PT)} | {said_of(entry.who, PT)}" for entry in entries]


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        (ev.Separated(1, ANA), "separou o caso | Ana"),
        (ev.Assumed(1, ANA), "assumiu | Ana"),
        (
            ev.Unasked(1, ANA),
            "o Telegram não confirmou que ainda pode decidir: o envio seguiu | Ana",
        ),
        (ev.Forecast(1, ANA, NOON + timedelta(hours=2)), "previsão: 14:00 | Ana"),
        (ev.Forecast(1, ANA, AT_EIGHT), "previsão: 23/11 08:00 | Ana"),
        (ev.Forecast(1, ANA, None), "sem previsão | Ana"),
        (ev.CauseNamed(1, ANA, "poste", "Norte"), "causa: poste · equipe Norte | Ana"),
        (ev.CauseNamed(1, ANA, "poste"), "causa: poste | Ana"),
        (ev.DenialExplained(1, ANA, "obra <grande>"), "motivo da negativa: obra <grande> | Ana"),
        (
            ev.Silenced(1, SCOPES, NOON + timedelta(hours=2), ANA, "obra"),
            "silenciou CB 02 6/15, 6/16; CB 03 até 14:00: obra | Ana",
        ),
        (ev.Proposed(1, ANA), "aprovou primeiro, falta outra pessoa | Ana"),
        (ev.Withdrawn(1, ANA), "retirou a primeira aprovação | Ana"),
        (
            ev.Proposed(1, ANA, ("flapping",), AT_EIGHT),
            "aprovou primeiro, falta outra pessoa, apesar de oscilar, para enviar em 23/11 08:00 | Ana",
        ),
        (
            Approved(1, ANA, (port(),), despite=("flapping", "hours"), first=BRUNO),
            "aprovou, apesar de oscilar, fora do horário dos clientes (primeira aprovação: Bruno) | Ana",
        ),
        (Approved(1, ANA, (port(),), due=AT_EIGHT), "aprovou, para enviar em 23/11 08:00 | Ana"),
        (Approved(1, ANA, (port(),)), "aprovou | Ana"),
        (
            Approved(1, ANA, (port(),), most=187),
            "aprovou, só para os primeiros 187 (limite do dia) | Ana",
        ),
        (
            ev.Proposed(1, ANA, most=187),
            "aprovou primeiro, falta outra pessoa, só para os primeiros 187 (limite do dia) | Ana",
        ),
    ],
)
def test_a_line_in_words(line: Line, entry: str) -> None:
    assert lines_of(story(line)) == [entry]


@pytest.mark.parametrize("line", [line for line in EVERY_KIND if line.audited], ids=lambda line: line.kind)
def test_whatever_is_audited_has_words(line: Line) -> None:
    book = Book()
    book.apply(NOON, ev.Silenced(1, SCOPES, NOON, ANA, "obra"))
    if not hasattr(line, "case"):
        book.apply(NOON, line)
    entry = entry_of(book, AuditEntry(NOON, line), NOON, 24)
    assert said(entry, PT) != said(entry, EN)


def test_what_became_of_a_schedule() -> None:
    waits = Approved(1, ANA, (port(),), due=AT_EIGHT)
    ends: list[tuple[Line, str]] = [
        (ev.Begun(1), "envio agendado começou | "),
        (ev.Begun(1, BRUNO), "não esperou o horário do agendamento | Bruno"),
        (Settled(1, "over"), "não enviado: a falha já tinha acabado | "),
        (
            Settled(1, "unread", "other_mode"),
            "não enviado: agendado no outro modo (simulação ou real) | ",
        ),
        (Settled(1, "unread", "two_people"), "não enviado: precisa da aprovação de duas pessoas | "),
        (Settled(1, "unread", "not_found"), "alerta não lido: a fonte não conhece mais o alerta | "),
    ]
    assert [lines_of(story(waits, end)) for end, _ in ends] == [[entry] for _, entry in ends]


def test_a_silence_ends_by_the_name_of_where_it_was() -> None:
    book = story(ev.Silenced(1, SCOPES[2:], AT_EIGHT, ANA, "obra"), ev.SilenceEnded(1, BRUNO))
    assert lines_of(book) == ["encerrou o silêncio de CB 03 | Bruno"]


def test_a_silent_slot_is_not_read_as_a_part_of_the_olts_name() -> None:
    slot, port_of_it = Scope("CB 01", "6"), Scope("CB 01", "6/15")
    book = story(ev.Silenced(1, (slot, port_of_it), AT_EIGHT, ANA, "obra"))
    assert "silenciou CB 01 slot 6, 6/15 até" in lines_of(book)[0]
    assert "🔔 Encerrar: CB 01 slot 6, 6/15" in shown(book)


def restored(by_bot: Line) -> Book:
    return story(
        Approved(1, ANA, (port(),)),
        *sent(1),
        IncidentEnded(1),
        ev.Restoring(-1, 1),
        by_bot,
        *sent(-1),
    )


def test_the_second_message_goes_by_its_cases_number() -> None:
    book = restored(Approved(-1, BOT, (), despite=("hours",)))
    assert lines_of(book, 2) == [
        "mandou avisar que voltou, fora do horário dos clientes | automático",
        "aviso de volta: envio concluído | ",
    ]
    entries = [entry_of(book, entry, book.last_at, 24) for entry in book.audit]
    assert {entry.case for entry in entries} == {1}
    assert [entry.restores for entry in entries] == [None, None, 1, 1]
    assert entries[2].ended_at == entries[0].ended_at is not None
    assert entries[0].frees_at is not None
    assert entries[2].frees_at is None, "it holds no port"
    text = assert_arrives(audit(book, 0, "", PT, book.last_at, hours=24))
    assert "caso -1" not in text
    assert text.count("caso 1 ") == 2
    assert "pode ser usada de novo" not in text, "the first message holds it until tomorrow"
    assert "mandou avisar que voltou, fora do horário dos clientes · automático" in text
    again = story(Approved(1, ANA, (port(),)), IncidentEnded(1), ev.Restoring(-1, 1), Approved(-1, ANA, ()))
    again.apply(again.last_at, Settled(-1, "over"))
    assert lines_of(again) == ["não enviado: a falha tinha voltado | "]


def test_the_documents_tell_the_same() -> None:
    book = restored(Approved(-1, BOT, (), due=AT_EIGHT))
    book.apply(book.last_at, ev.Silenced(1, SCOPES, AT_EIGHT, ANA, "obra"))
    text = audit_csv(entries_in(book, "", PT, book.last_at), PT, book.last_at, 24).content.decode("utf-8-sig")
    silenced, done, approved, *_ = csv.DictReader(io.StringIO(text, newline=""), delimiter=";")
    assert (silenced["Caso"], silenced["Porta"]) == ("", "CB 02 6/15, 6/16; CB 03")
    assert (done["Caso"], done["O quê"]) == ("1", "aviso de volta: envio concluído")
    assert done["Resultado"].startswith("1 enviada")
    assert (approved["Quem"], approved["Caso"]) == ("automático", "1")
    rows = json.loads(audit_json(entries_in(book, "", EN, book.last_at), EN, book.last_at, 24).content)
    assert rows[0]["scopes"] == [
        {"olt": "CB 02", "place": "6/15"},
        {"olt": "CB 02", "place": "6/16"},
        {"olt": "CB 03", "place": ""},
    ]
    assert rows[0]["until"] == AT_EIGHT.isoformat()
    assert [(row["what"], row["case"], row["restores"]) for row in rows[1:4]] == [
        ("done", -1, 1),
        ("restored", -1, 1),
        ("done", 1, None),
    ]
    assert (rows[2]["who"], rows[2]["until"]) == ({"id": 0, "name": "bot"}, AT_EIGHT.isoformat())


def grouped() -> Book:
    """Case 2 has ports of two OLTs, one of them over; there is a silence elsewhere."""
    book = Book()
    grouping = Grouping(Reason.POWER, 3, None, 2, None, 30, 0.95)
    book.apply(NOON, CaseOpened(1, incident(1)))
    book.apply(NOON, CaseOpened(2, incident(2, place="6/16"), (incident(3, place="6/17"), OTHER), grouping))
    book.apply(NOON, IncidentEnded(2, "gone", OTHER.id))
    book.apply(NOON, ev.Assumed(1, ANA))
    book.apply(NOON, ev.Assumed(2, BRUNO))
    book.apply(NOON, Approved(2, BRUNO, (port("6/16"), port("6/17"))))
    book.apply(NOON, CooldownReleased(port("9/9", "CB 09"), ANA, "test"))
    book.apply(NOON, ev.Silenced(1, (Scope("CB 08", "7"),), AT_EIGHT, ANA, "obra"))
    book.apply(NOON, ev.SilenceEnded(1, ANA))
    return book


@pytest.mark.parametrize(
    ("wanted", "kinds"),
    [
        ("cb 07", ["approved", "assumed"]),
        ("6/17", ["approved", "assumed"]),
        ("6/15", ["assumed"]),
        ("CB 08 7", ["silence_ended", "silenced"]),
        ("cb 09", ["cooldown_released"]),
        ("CB 44", []),
    ],
)
def test_a_filter_finds_a_case_by_any_of_its_ports(wanted: str, kinds: list[str]) -> None:
    found: list[AuditEntry] = list(matching(grouped(), wanted, PT, NOON))
    assert [entry.line.kind for entry in found] == kinds


def test_a_case_of_several_ports_says_so() -> None:
    text = assert_arrives(audit(grouped(), 0, "6/17", PT, NOON, hours=24))
    approved, assumed = text.split("\n\n")[1:]
    assert "caso 2 · 🔴 LOS · CB 01 6/16 + 1" in approved
    assert "CB 01 6/16 + 2" in assumed
    assert "porta em descanso até 23/11 12:00" in approved


def shown(
    book: Book, *, may_decide: bool = True, watch: SourceHealth | None = None, closed: str | None = None
) -> str:
    screen = status(
        [watch or SourceHealth("oltcloud")],
        book,
        book.last_at,
        PT,
        hours=24,
        program=ProgramFacts("1.0", NOON, "matrix", dry_run=False),
        gateway=AnswerHealth("matrix"),
        ledger_closed=closed,
        may_decide=may_decide,
    )
    return "\n".join([assert_arrives(screen), *labels(screen)])


def test_the_status_counts_what_comes_later_and_what_waits_for_somebody_else() -> None:
    book = grouped()
    text = shown(book)
    assert "agendado" not in text
    assert "segunda pessoa" not in text
    book.apply(NOON, CaseOpened(3, incident(33, place="1/1")))
    book.apply(NOON, Approved(3, ANA, (port("1/1"),), due=AT_EIGHT))
    book.apply(NOON, ev.Proposed(1, ANA))
    text = shown(book)
    assert "🕗 1 envio agendado, o primeiro em 23/11 08:00" in text
    assert "👥 1 caso espera a segunda pessoa" in text
    assert "· 1 em envio" in text, "case 2; what is scheduled is not being sent"
    book.apply(NOON + timedelta(minutes=11), IncidentEnded(3))
    assert "segunda pessoa" not in shown(book), "ten minutes are over"


def test_the_status_lists_silences_and_what_lies_in_them() -> None:
    book = story()
    later = NOON + timedelta(hours=30)
    for number, scopes in enumerate((SCOPES[:1], SCOPES[2:], SCOPES[1:2]), start=1):
        book.apply(NOON, ev.Silenced(number, scopes, later - timedelta(hours=number), ANA, "obra <b>"))
    book.apply(NOON, ev.SilenceEnded(2, BRUNO))
    silent = incident("7", place="6/15")
    watch = SourceHealth(
        "oltcloud", NOON, unoffered=(Incident("8", Kind.LOS, "pon_loss", port("6/15", "CB 02"), NOON), silent)
    )
    text = shown(book, watch=watch)
    assert "🔕 2 silêncios\nCB 02 6/16 até 23/11 15:00 · Ana: obra <b>\nCB 02 6/15 até 23/11 17:00" in text
    assert "CB 02 6/15 · pon_loss · 🔕 até 23/11 17:00\n" in text
    assert "CB 01 6/15 · pon_loss\n" in text
    assert text.endswith("🔔 Encerrar: CB 02 6/16\n🔔 Encerrar: CB 02 6/15")
    assert "🔔" not in shown(book, may_decide=False)
    assert "🔔" not in shown(book, closed="damaged")


def test_many_silences_of_many_ports_arrive() -> None:
    book = story()
    wild = tuple(Scope("&<" * 100, f"{n}/1") for n in range(60))
    for number in range(1, 40):
        book.apply(NOON, ev.Silenced(number, wild, AT_EIGHT, ANA, "🔥" * 120))
    text = shown(book)
    assert "🔕 39 silêncios" in text
    assert "+ 29" in text
    assert text.count("🔔") == 10
