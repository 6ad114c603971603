import asyncio
import errno
import json
import stat
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.domain import events as ev
from bot.domain.book import Book
from bot.domain.limits.silence import Scope
from bot.domain.plan import Outcome
from bot.domain.who import BOT
from bot.storage import views
from bot.storage.files import FileLedger
from bot.storage.memory import MemoryLedger
from bot.storage.views import Views, audit_view, cooldown_view
from tests.fakes import ANA, BRUNO, NOON, FakeClock, incident, port, settled
from tests.storage.disks import FaultyDisk, QuickDisk
from tests.storage.samples import PLAN, adds, dispatch, opened

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
    assert audit_view(book, HOURS)["decisions"] == [
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
    (row,) = audit_view(book_of(opened(), ev.Denied(1, ANA, "manutenção")), HOURS)["decisions"]
    assert (row["outage"], row["ended_at"], row["reason"]) == ("on", None, "manutenção")


def test_refusals_and_releases_are_in_the_audit() -> None:
    refused = ev.TapRefused(BRUNO, "approve", "not_approver")
    released = ev.CooldownReleased(port("6/16"), ANA, "cliente pediu")
    first, second = audit_view(book_of(refused, released), HOURS)["decisions"]
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
    approved = audit_view(book, HOURS)["decisions"][0]
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
    rows = audit_view(book, HOURS)["decisions"]
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
    *_, approved, settled = audit_view(book, HOURS)["decisions"]
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
    rows = audit_view(book, HOURS)["decisions"]
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
    text = json.dumps([cooldown_view(book, NOON, HOURS), audit_view(book, HOURS)], ensure_ascii=False)
    for recipient in PLAN:
        assert recipient.name not in text
        assert recipient.phone is None or recipient.phone[-8:] not in text


@pytest.fixture
async def ledger() -> AsyncIterator[MemoryLedger]:
    made = MemoryLedger(FakeClock())
    await made.commit(adds(*dispatch()))
    yield made
    await made.close()


@pytest.fixture
def wrote(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Waits until both files were written once more."""
    done: asyncio.Queue[None] = asyncio.Queue()
    write = Views._write

    async def told(self: Views) -> None:
        await write(self)
        done.put_nowait(None)

    async def written() -> None:
        async with asyncio.timeout(5):
            await done.get()

    monkeypatch.setattr(Views, "_write", told)
    return written


async def test_both_files_are_rebuilt_at_the_start_and_follow_the_ledger(
    tmp_path: Path, wrote: Callable[[], Any]
) -> None:
    clock = FakeClock()
    ledger = FileLedger.open(tmp_path, clock, QuickDisk())
    await ledger.commit(adds(*dispatch()))
    (tmp_path / "cooldown.json").write_text("tampered")
    kept = Views(tmp_path, ledger, HOURS, clock)
    await kept.start()
    await wrote()
    assert [row["case"] for row in read(tmp_path, "cooldown.json")["ports"]] == [1]
    assert [row["results"]["todo"] for row in read(tmp_path, "audit.json")["decisions"]] == [2]
    await ledger.commit(adds(ev.Settled(1, "closed", None, BRUNO)))
    await wrote()
    assert read(tmp_path, "cooldown.json")["ports"] == []
    assert [row["results"]["todo"] for row in read(tmp_path, "audit.json")["decisions"]] == [0, 0]
    await kept.close()
    await ledger.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_the_files_are_for_their_owner_only(tmp_path: Path, ledger: MemoryLedger) -> None:
    kept = Views(tmp_path, ledger, HOURS, FakeClock())
    await kept.start()
    await kept.close()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}  # noqa: ASYNC240
    assert modes == {"cooldown.json": 0o600, "audit.json": 0o600}


async def test_many_changes_are_few_rewrites_and_the_last_one_is_at_the_close(
    tmp_path: Path, ledger: MemoryLedger, wrote: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "_PAUSE", 3600.0)
    disk = FaultyDisk()
    kept = Views(tmp_path, ledger, HOURS, FakeClock(), disk)
    await kept.start()
    await wrote()
    await ledger.commit(adds(ev.Intent(1, "c1"), ev.Result(1, "c1", Outcome.ACCEPTED)))
    await wrote()
    await ledger.commit(adds(ev.Denied(1, ANA, "in the pause")))
    await settled()
    assert kept._dirty.is_set()  # it waits for the end of the pause
    for number in range(50):
        await ledger.commit(adds(ev.TapRefused(BRUNO, "approve", f"no {number}")))
    await ledger.commit(adds(ev.Denied(1, ANA, "the last")))
    await settled()
    assert disk.calls.count("replace audit.json") == 2
    await kept.close()
    assert disk.calls.count("replace audit.json") == 3
    rows = read(tmp_path, "audit.json")["decisions"]
    assert rows[0]["results"]["accepted"] == 1
    assert rows[-1]["reason"] == "the last"


async def test_they_go_on_after_the_pause(
    tmp_path: Path, ledger: MemoryLedger, wrote: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "_PAUSE", 0.0)
    kept = Views(tmp_path, ledger, HOURS, FakeClock())
    await kept.start()
    await wrote()
    for reason in ("first", "second"):
        await ledger.commit(adds(ev.Denied(1, ANA, reason)))
        await wrote()
        assert read(tmp_path, "audit.json")["decisions"][-1]["reason"] == reason
    await kept.close()


async def test_lines_that_say_nothing_to_the_files_rewrite_nothing(
    tmp_path: Path, ledger: MemoryLedger, wrote: Callable[[], Any]
) -> None:
    disk = FaultyDisk()
    kept = Views(tmp_path, ledger, HOURS, FakeClock(), disk)
    await kept.start()
    await wrote()
    await ledger.commit(adds(ev.CardPosted(1, -100, 7), ev.Intent(1, "c1")))
    await settled()
    assert disk.calls.count("replace audit.json") == 1
    await ledger.commit(adds(ev.Started("0.1.0")))
    await wrote()
    assert disk.calls.count("replace audit.json") == 2
    assert read(tmp_path, "audit.json")["decisions"][0]["results"]["unknown"] == 1
    await kept.close()


async def test_a_file_that_cannot_be_written_is_said_once_and_stops_nothing(
    tmp_path: Path, ledger: MemoryLedger, wrote: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "_PAUSE", 0.0)
    disk = FaultyDisk()
    disk.errors["replace cooldown.json"] = OSError(errno.ENOSPC, "No space left on device")
    with capture_logs() as logs:
        kept = Views(tmp_path, ledger, HOURS, FakeClock(), disk)
        await kept.start()
        await wrote()
        await ledger.commit(adds(ev.Denied(1, ANA, "first")))
        await wrote()
    assert [(log["event"], log["why"]) for log in logs] == [("view_not_written", "No space left on device")]
    disk.errors.clear()
    await kept.close()
    assert read(tmp_path, "audit.json")["decisions"][-1]["reason"] == "first"


async def test_a_closed_ledger_leaves_the_files_as_they_are(tmp_path: Path, ledger: MemoryLedger) -> None:
    disk = FaultyDisk()
    ledger.fail("the disk is gone")
    kept = Views(tmp_path, ledger, HOURS, FakeClock(), disk)
    await kept.start()
    await kept.close()
    assert disk.calls == []
