import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain import events as ev
from bot.domain.book import Book
from bot.domain.limits.silence import Scope
from bot.domain.plan import Outcome
from bot.domain.who import BOT
from bot.storage.views import cooldown_view
from tests.fakes import ANA, BRUNO, NOON, incident, port
from tests.storage.samples import PLAN, decided, dispatch, opened

HOURS = 4.0


def book_of(*lines: ev.Line) -> Book:
    """Each line a minute after the one before, from noon."""
    book = Book()
    for minute, line in enumerate(lines):
        book.apply(NOON + timedelta(minutes=minute), line)
    return book


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def test_a_port_is_listed_until_it_is_free() -> None:
    book = book_of(*dispatch())
    row = {
        "key": "CB 01:6/15",
        "port": "CB 01 6/15",
        "since": "2026-11-22T15:01:00Z",
        "until": "2026-11-22T19:01:00Z",
        "case": 1,
        "who": {"id": 1, "name": "Ana"},
    }
    now = NOON + timedelta(hours=4)
    assert cooldown_view(book, now, HOURS) == {"as_of": "2026-11-22T19:00:00Z", "hours": 4.0, "ports": [row]}
    assert cooldown_view(book, now + timedelta(minutes=1), HOURS)["ports"] == []


def test_the_port_that_is_free_first_comes_first() -> None:
    first, second = ev.Approved(1, ANA, (port("1/1"),)), ev.Approved(2, ANA, (port("1/2"),))
    rows = cooldown_view(book_of(opened(), opened(2), first, second), NOON, HOURS)["ports"]
    assert [row["port"] for row in rows] == ["CB 01 1/1", "CB 01 1/2"]


def test_the_audit_says_who_did_what_to_what_and_how_it_ended() -> None:
    book = book_of(
        *dispatch(),
        ev.Intent(1, "c1"),
        ev.Result(1, "c1", Outcome.ACCEPTED, "wamid.1"),
        ev.StopAsked(1, BRUNO),
        ev.Settled(1, "stopped", None, BRUNO),
        ev.IncidentEnded(1),
    )
    place = {
        "case": 1,
        "olt": "CB 01",
        "port": "CB 01 6/15",
        "outage": "ended",
        "ended_at": "2026-11-22T15:07:00Z",
    }
    results = {"planned": 3, "accepted": 1, "skipped": {"no_phone": 1, "stopped": 1}, "todo": 0}
    ana, bruno = {"id": 1, "name": "Ana"}, {"id": 2, "name": "Bruno"}
    assert decided(book, HOURS) == [
        {
            "at": "2026-11-22T15:01:00Z",
            "what": "approved",
            "who": ana,
            **place,
            "dry_run": False,
            "due": None,
            "despite": [],
            "results": results,
            "ports": ["CB 01 6/15"],
            "left_out": [],
            "first": None,
            "asked_onus": None,
            "agreed_customers": None,
            "cooldown_until": "2026-11-22T19:01:00Z",
        },
        {"at": "2026-11-22T15:05:00Z", "what": "stop_asked", "who": bruno, **place},
        {
            "at": "2026-11-22T15:06:00Z",
            "what": "settled",
            "who": bruno,
            **place,
            "end": "stopped",
            "reason": None,
            "results": results,
        },
    ]


def test_the_audit_of_an_outage_that_is_on() -> None:
    (row,) = decided(book_of(opened(), ev.Denied(1, ANA, "manutenção")), HOURS)
    assert (row["outage"], row["ended_at"], row["reason"]) == ("on", None, "manutenção")


def test_refusals_and_releases_are_in_the_audit() -> None:
    refused = ev.TapRefused(BRUNO, "approve", "not_approver")
    released = ev.CooldownReleased(port("6/16"), ANA, "cliente pediu")
    first, second = decided(book_of(refused, released), HOURS)
    assert (first["action"], first["why"], first["case"]) == ("approve", "not_approver", None)
    assert (second["olt"], second["port"], second["reason"]) == ("CB 01", "CB 01 6/16", "cliente pediu")


@pytest.mark.parametrize(
    "lines",
    [
        [ev.Settled(1, "unread")],
        [ev.Cancelled(1, ANA)],
    ],
    ids=["nobody reached", "taken back"],
)
def test_an_approval_that_told_nobody_holds_nothing(lines: list[ev.Line]) -> None:
    book = book_of(opened(), ev.Approved(1, ANA, (port(),)), *lines)
    approved = decided(book, HOURS)[0]
    assert approved["results"] is None
    assert approved["cooldown_until"] is None


def test_two_dispatches_of_a_case_keep_their_own_counts() -> None:
    nobody: list[ev.Line] = [ev.Approved(1, ANA, (port(),)), ev.Settled(1, "unread")]
    reached: list[ev.Line] = [
        ev.Intent(1, "c1"),
        ev.Result(1, "c1", Outcome.ACCEPTED),
        ev.Settled(1, "done"),
    ]
    book = book_of(opened(), *nobody, *dispatch()[1:], *reached)
    rows = decided(book, HOURS)
    assert [row["results"] and row["results"]["accepted"] for row in rows] == [None, None, 1, 1]


def test_the_second_message_of_a_case_names_the_case_that_people_know() -> None:
    book = book_of(
        *dispatch(),
        ev.Intent(1, "c1"),
        ev.Result(1, "c1", Outcome.ACCEPTED),
        ev.Settled(1, "done"),
        ev.IncidentEnded(1),
        ev.Restoring(-1, 1),
        ev.Approved(-1, BOT, (), despite=("hours",)),
        ev.Planned(-1, 1, PLAN[:1]),
        ev.Intent(-1, "c1"),
        ev.Result(-1, "c1", Outcome.ACCEPTED),
        ev.Settled(-1, "done"),
    )
    *_, approved, settled = decided(book, HOURS)
    assert (approved["case"], approved["restores"], approved["who"]) == (-1, 1, {"id": 0, "name": "bot"})
    assert (approved["port"], approved["outage"], approved["ended_at"]) == (
        "CB 01 6/15",
        "ended",
        "2026-11-22T15:06:00Z",
    )
    assert (approved["despite"], approved["results"]["accepted"]) == (["hours"], 1)
    assert (settled["end"], settled["restores"], settled["results"]["planned"]) == ("done", 1, 1)
    assert [row["case"] for row in cooldown_view(book, NOON, HOURS)["ports"]] == [1]


def test_every_line_of_a_cases_life_says_what_it_holds() -> None:
    at = NOON + timedelta(hours=3)
    book = book_of(
        opened(),
        ev.CaseOpened(2, incident(2, place="6/16"), (incident(3, place="6/17"),)),
        ev.Separated(2, ANA),
        ev.Assumed(1, BRUNO),
        ev.Forecast(1, ANA, at),
        ev.CauseNamed(1, ANA, "poste", "Norte"),
        ev.Silenced(1, (Scope("CB 02", "6"), Scope("CB 03")), at, ANA, "obra"),
        ev.SilenceEnded(1, BRUNO),
        ev.Proposed(1, BRUNO, ("flapping",), at),
        ev.Approved(1, ANA, (port(),), left_out=(port("6/16"),), despite=("flapping",), due=at, first=BRUNO),
        ev.Begun(1),
    )
    rows = decided(book, HOURS)
    assert [row["what"] for row in rows] == [
        *("separated", "assumed", "forecast", "cause_named", "silenced", "silence_ended"),
        *("proposed", "approved", "begun"),
    ]
    _, _, forecast, cause, silenced, over, proposed, approved, begun = rows
    assert forecast["eta"] == "2026-11-22T18:00:00Z"
    assert (cause["cause"], cause["team"]) == ("poste", "Norte")
    scopes = [{"olt": "CB 02", "place": "6"}, {"olt": "CB 03", "place": ""}]
    assert (silenced["scopes"], silenced["until"], silenced["reason"]) == (
        scopes,
        "2026-11-22T18:00:00Z",
        "obra",
    )
    assert (over["scopes"], over["silence"], over["case"]) == (scopes, 1, None)
    assert (proposed["despite"], proposed["due"]) == (["flapping"], "2026-11-22T18:00:00Z")
    assert (approved["left_out"], approved["first"], approved["due"]) == (
        ["CB 01 6/16"],
        {"id": 2, "name": "Bruno"},
        "2026-11-22T18:00:00Z",
    )
    assert (begun["who"], begun["case"]) == (None, 1)
    json.dumps(rows)


def test_no_view_holds_a_phone_or_a_customer() -> None:
    book = book_of(*dispatch(), ev.Intent(1, "c1"), ev.Settled(1, "done"))
    text = json.dumps([cooldown_view(book, NOON, HOURS), decided(book, HOURS)], ensure_ascii=False)
    for recipient in PLAN:
        assert recipient.name not in text
        assert recipient.phone is None or recipient.phone[-8:] not in text
