import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.screens.buttons import Action
from bot.chat.screens.pages.sheets import audit_csv, audit_json, details_csv, entries_in
from bot.chat.screens.screen import Sheet
from bot.domain.case import Case, Member
from bot.domain.customer import Affected, Contact, Found, Link, Onu
from bot.domain.events import Approved, Denied, IncidentEnded, Settled, TapRefused
from bot.domain.plan import Outcome, Skip
from tests.chat.screens import APPROVED, EN, LOS, PT, planned, pons, sent, story
from tests.fakes import ANA, BRUNO, NOON, port

CASE = Case(7, LOS, NOON)
SENT = story(
    TapRefused(BRUNO, Action.APPROVE, "not_allowed", 1),
    APPROVED,
    planned(5, Skip.ONLINE, Skip.LANDLINE),
    *sent(2, 3),
    *sent(4, 4, Outcome.UNKNOWN, "http_502"),
    Settled(1, "done"),
)


def rows(sheet: Sheet) -> list[list[str]]:
    assert sheet.content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(sheet.content.decode("utf-8-sig")), delimiter=";"))


def found(name: str, phone: str) -> Found:
    onus = (
        Onu("ZTEG1", "1", "ONU", Link.POWER),
        Onu("ZTEG2", "2", "", Link.ONLINE),
        Onu("-1", None, "", Link.LOS),
    )
    return Found(Affected(onus), {"1": Contact("1", name, phone)}, frozenset({"2"}))


def test_customers_with_their_full_phone() -> None:
    sheet = details_csv(CASE, found("Ana <b>; 'x'", "(61) 99999-0001 / recado"), PT)
    assert sheet.filename == "caso-7-clientes.csv"
    assert rows(sheet) == [
        ["Nome", "ONU", "Status", "Telefone", "WhatsApp"],
        ["Ana <b>; 'x'", "ZTEG1", "🟠 sem energia", "(61) 99999-0001 / recado", "5561999990001"],
        ["", "ZTEG2", "🟢 online", "", "cadastro não respondeu"],
        ["", "'-1", "🔴 LOS", "", "ONU sem cliente"],
    ]
    assert details_csv(CASE, found("", ""), EN).filename == "case-7-customers.csv"


def test_of_several_ports_each_row_names_its_olt_and_port() -> None:
    case = Case(7, pons(1, 1)[0], NOON)
    case.members = {i.id: Member(i) for i in [*pons(1, 1), *pons(7, 7, olt="=CB 02")]}
    ids = ("CB 01 6/1", "=CB 02 6/7", "gone")
    onus = tuple(Onu(f"Z{n}", None, "", Link.LOS, id_) for n, id_ in enumerate(ids))
    header, *told = rows(details_csv(case, Found(Affected(onus), {}), PT))
    assert header == ["Nome", "ONU", "Status", "Telefone", "WhatsApp", "OLT", "Porta"]
    assert [row[5:] for row in told] == [["CB 01", "6/1"], ["'=CB 02", "6/7"], ["", ""]]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r@", " +", "\n-"])
def test_no_cell_is_a_formula(start: str) -> None:
    name, _, _, phone, _ = rows(details_csv(CASE, found(f"{start}1+1", f"{start}55"), PT))[1]
    assert name == f"'{start.strip()}1+1"
    assert phone == f"'{start.strip()}55"


@given(st.text(st.characters(), max_size=80), st.text(st.characters(), max_size=80))
def test_any_name_stays_in_its_cell(name: str, phone: str) -> None:
    table = rows(details_csv(CASE, found(name, phone), PT))
    assert [len(row) for row in table] == [5, 5, 5, 5]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in table for cell in row)


def test_the_audit_for_excel() -> None:
    sheet = audit_csv(entries_in(SENT, "", PT, SENT.last_at), PT, SENT.last_at, 24)
    counted = "2 enviadas · 1 incerta · 2 não enviadas"
    on, free = "falha ainda ativa", "2026-11-23 12:02:00"
    assert sheet.filename == "auditoria.csv"
    assert rows(sheet) == [
        ["Quando", "Quem", "O quê", "Caso", "Porta", "Resultado", "Falha", "Porta livre a partir de"],
        ["2026-11-22 12:10:00", "", "envio concluído", "1", "CB 01 6/15", counted, on, free],
        ["2026-11-22 12:02:00", "Ana", "aprovou", "1", "CB 01 6/15", counted, on, free],
        [
            "2026-11-22 12:01:00",
            "Bruno",
            "recusado aprovar: sem permissão",
            "1",
            "CB 01 6/15",
            "",
            on,
            "",
        ],
    ]


def test_a_filtered_audit_of_a_dry_run_that_is_over() -> None:
    book = story(
        Denied(1, ANA, "other"),
        Approved(1, ANA, (port(),), dry_run=True),
        Settled(1, "unread", "not_found"),
        IncidentEnded(1),
    )
    assert rows(audit_csv(entries_in(book, "1", EN, book.last_at), EN, book.last_at, 24))[1:] == [
        [
            "2026-11-22 12:03:00",
            "",
            "alert not read: the source no longer knows the alert",
            "1",
            "CB 01 6/15",
            "DRY RUN",
            "back to normal on 22 Nov 12:04",
            "",
        ]
    ]


def test_the_audit_for_programs() -> None:
    sheet = audit_json(entries_in(SENT, "1", EN, SENT.last_at), EN, SENT.last_at, 24)
    assert sheet.filename == "audit.json"
    assert json.loads(sheet.content) == [
        {
            "at": "2026-11-22T15:10:00+00:00",
            "what": "done",
            "reason": None,
            "action": None,
            "who": None,
            "case": 1,
            "restores": None,
            "incident": "9",
            "kind": "LOS",
            "port": {"key": "CB 01:6/15", "olt": "CB 01", "place": "6/15"},
            "approved_by": {"id": 1, "name": "Ana"},
            "ports": 1,
            "scopes": [],
            "until": None,
            "despite": [],
            "first": None,
            "asked_onus": None,
            "agreed_customers": None,
            "team": None,
            "template": None,
            "outcome": None,
            "dry_run": False,
            "customers": None,
            "planned": 5,
            "outcomes": {"accepted": 2, "unknown": 1},
            "skipped": {"online": 1, "landline": 1},
            "todo": 0,
            "received": 0,
            "read": 0,
            "undelivered": {},
            "outage_ended_at": None,
            "port_free_at": "2026-11-23T15:02:00+00:00",
        }
    ]


def test_a_decision_about_no_case_has_its_nulls() -> None:
    book = story(TapRefused(BRUNO, "/audit", "wrong_chat"))
    (entry,) = json.loads(audit_json(entries_in(book, "", PT, NOON), PT, NOON, 24).content)
    assert (entry["what"], entry["action"], entry["reason"]) == ("tap_refused", "/audit", "wrong_chat")
    assert {entry[key] for key in ("case", "incident", "kind", "port", "planned", "port_free_at")} == {None}
    assert rows(audit_csv(entries_in(book, "", PT, NOON), PT, NOON, 24))[1][3:] == [""] * 5
