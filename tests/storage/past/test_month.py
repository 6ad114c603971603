"""The month's report, of a ledger that the real flow wrote on a real disk."""

import asyncio
import csv
import io
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.__main__ import main
from bot.chat.screens.pages.month import COLUMNS, month_csv, month_summary
from bot.chat.screens.words import Words
from bot.domain.book import WholeBook
from bot.domain.customer import Link
from bot.domain.events import Alive
from bot.domain.interruptions.counting import Interruptions, Month, counted
from bot.domain.interruptions.rows import rows_of
from bot.domain.interruptions.told import Told
from bot.domain.limits.silence import Scope
from bot.errors import Declined
from bot.process.child import Reports
from bot.steps import decide, describe, restore
from bot.storage.commands.report import month_in, report
from bot.storage.files import FileLedger
from bot.storage.past import month
from bot.storage.past.history import visited
from bot.storage.past.month import MonthReader
from tests.chat.screens import EN, PT
from tests.fakes import ANA
from tests.steps.conftest import Desk
from tests.storage.disks import QuickDisk
from tests.storage.past.histories import Story, write
from tests.storage.samples import adds

ZONE = ZoneInfo("America/Sao_Paulo")
ROOT = Path(__file__).parents[3]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Its ledger is on disk; it begins at noon of the 22nd."""
    made = Desk()
    ledger = FileLedger.open(tmp_path, made.clock, QuickDisk())
    made.ledger = ledger  # type: ignore[assignment]
    made.use(restored=True, group_seconds=60, settle_seconds=1)
    await made.flow.start("test")
    yield made
    await made.tasks.drain(0)
    await ledger.close()


def told(folder: Path, which: str = "2026-11", least: int = 10) -> Interruptions:
    return report(folder, month_in(which, ZONE, least), QuickDisk())[0]


def of(found: Interruptions) -> list[tuple[str, int, str]]:
    return [(one.row.customer, one.minutes, one.apart) for one in found.rows]


def sheet(found: Interruptions, words: Words = PT) -> list[dict[str, str]]:
    text = b"".join(month_csv(found, words)).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text), delimiter=";"))


async def outage(desk: Desk, minutes: float = 60, customers: int = 3, cause: str = "") -> None:
    """Everybody on 6/1 is warned, and it is over so many minutes later."""
    desk.fall("6/1", customers=customers)
    await desk.poll()
    await desk.pass_by(30)
    await desk.approve()
    if cause:
        await desk.flow.decide(describe.name_cause(1, ANA, cause))
    await desk.pass_by(minutes * 60)
    await desk.repair(1)


async def test_one_outage_is_a_row_for_each_customer_with_the_source_of_each_time(
    desk: Desk, tmp_path: Path
) -> None:
    await outage(desk)
    first, *others = sheet(told(tmp_path))
    assert tuple(first) == COLUMNS
    case, sends = desk.case(), desk.dispatch().sends
    assert case.ended_at is not None
    assert first == {
        "customer": "100 Cliente 100",
        "start": "2026-11-22 12:00:00",
        "end": PT.stamp(case.ended_at),
        "minutes": "61",
        "cause": "sem sinal óptico (LOS)",
        "port": "CB 01 6/1",
        "case": "1",
        "warned_at": PT.stamp(sends.intents["c100"]),
        "delivered": "enviada",
        "back_at": "",
        "sources": "start=alert end=gone warned=request delivered=answer list=now name=people counted=yes",
    }
    assert [row["customer"] for row in others] == ["101 Cliente 101", "102 Cliente 102"]


async def test_the_summary_is_for_a_person_and_claims_no_law(desk: Desk, tmp_path: Path) -> None:
    await outage(desk)
    ours, theirs = ("\n".join(month_summary(told(tmp_path), words)) for words in (PT, EN))
    assert ours.startswith("Relatório de apoio a ressarcimento, 2026-11\n")
    assert "Contam 3 interrupções de 3 clientes, 183 min no total" in ours
    assert "  100 Cliente 100: 61 min em 1 interrupção" in ours
    assert "÷ 43.200 (minutos do mês)" in ours
    assert "Parcial" in ours
    assert "não afirma o que lei" in ours
    assert "conformidade" not in ours
    assert "3 interruptions count" in theirs


async def test_the_command_writes_for_this_user_alone_beside_a_running_bot(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    await outage(desk)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", str(ZONE))
    monkeypatch.setenv("BOT_LANGUAGE", "pt_BR")
    out = tmp_path / "out.csv"
    assert main(["report", "2026-11", "--csv", "--data", str(tmp_path), "--out", str(out)]) == 0
    assert out.stat().st_mode & 0o777 == 0o600
    assert out.read_bytes().startswith(b"\xef\xbb\xbfcustomer;start;end;minutes;cause;port;case;warned_at;")
    assert main(["report", "2026-11", "--data", str(tmp_path)]) == 0
    assert "Relatório de apoio a ressarcimento" in capfd.readouterr().out
    assert main(["report", "2026-12", "--data", str(tmp_path)]) == 1
    assert "o registro termina antes desse mês" in capfd.readouterr().err


async def test_no_cell_is_run_as_a_formula(desk: Desk, tmp_path: Path) -> None:
    await outage(desk, cause="=HYPERLINK(1)")
    assert {row["cause"] for row in sheet(told(tmp_path))} == {"'=HYPERLINK(1)"}


async def test_who_came_back_before_the_end_who_after_it_and_who_was_not_seen(
    desk: Desk, tmp_path: Path
) -> None:
    """One ONU is online as the list is made, one as service is back, one is not."""
    desk.fall("6/1")
    early, late, _ = (onu.serial for onu in desk.source.onus["1"])
    await desk.poll()
    await desk.pass_by(30)
    desk.source.onus["1"][0] = desk.source.onus["1"][0]._replace(link=Link.ONLINE)
    await desk.approve()
    await desk.pass_by(1800)
    await desk.repair(1)
    desk.source.back |= {early, late}
    await desk.flow.decide(restore.restore(1, ANA, desk.rules))
    await desk.clock.advance(10)
    await desk.finish()
    rows = {row["customer"][:3]: row for row in sheet(told(tmp_path))}
    assert "end=online_at_plan" in rows["100"]["sources"]
    assert rows["100"]["end"] == rows["100"]["back_at"] != rows["101"]["end"]
    assert rows["100"]["delivered"] == "não enviada: já online"
    assert rows["101"]["back_at"] > rows["101"]["end"]
    assert "back=online_at_restore" in rows["101"]["sources"]
    assert rows["102"]["back_at"] == ""
    assert "back=not_seen" in rows["102"]["sources"]
    assert "ONU não vista online depois do fim, pode ter durado mais: 1." in month_summary(told(tmp_path), PT)


async def test_a_case_that_was_denied_is_there_without_a_customer(desk: Desk, tmp_path: Path) -> None:
    desk.fall("6/1", "6/2")
    await desk.poll()
    await desk.pass_by(30)
    await desk.flow.decide(decide.deny(1, ANA, "maintenance"))
    await desk.repair(1, 2)
    found = told(tmp_path)
    [row] = sheet(found)
    assert (row["customer"], row["port"], row["delivered"]) == ("", "CB 01 6/1, CB 01 6/2", "")
    assert row["sources"] == "start=alert end=gone list=never counted=no_list"
    assert any(
        "Sem lista de clientes, porque nada foi enviado: 1 caso" in s for s in month_summary(found, PT)
    )


async def test_an_outage_over_the_turn_of_the_month_is_in_both_with_their_own_minutes(
    desk: Desk, tmp_path: Path
) -> None:
    desk.clock.time = datetime(2026, 12, 1, 2, 30, tzinfo=UTC)  # 23:30 on the 30th
    await outage(desk, minutes=60)
    ours, theirs = told(tmp_path), told(tmp_path, "2026-12")
    assert of(ours) == [(who, 30, "yes") for who in ("100", "101", "102")]
    assert of(theirs) == [(who, 31, "yes") for who in ("100", "101", "102")]
    assert "cut=after" in sheet(ours)[0]["sources"]
    assert "cut=before" in sheet(theirs)[0]["sources"]
    assert sheet(theirs)[0]["start"] == "2026-11-30 23:30:00"


async def test_what_began_before_the_month_and_got_its_case_in_it_is_in_both(
    desk: Desk, tmp_path: Path
) -> None:
    """The bot was off at the turn of the month: the case is of the next one."""
    desk.fall("6/1")
    desk.clock.time = datetime(2026, 12, 2, 3, 0, tzinfo=UTC)
    await desk.poll()
    await desk.pass_by(30)
    await desk.approve()
    november, december = of(told(tmp_path)), of(told(tmp_path, "2026-12"))
    assert november[0] == ("100", 8 * 1440 + 720, "yes")
    assert [who for who, _, _ in november] == [who for who, _, _ in december]


async def test_what_is_still_on_is_counted_as_far_as_the_ledger_goes_also_months_later(
    desk: Desk, tmp_path: Path
) -> None:
    desk.fall("6/1")
    await desk.poll()
    await desk.pass_by(30)
    await desk.approve()
    assert "end=still_on" in sheet(told(tmp_path))[0]["sources"]
    desk.clock.time = datetime(2027, 1, 20, 3, 0, tzinfo=UTC)
    await desk.ledger.commit(adds(Alive()))
    january = told(tmp_path, "2027-01")
    assert of(january) == [(who, 19 * 1440, "yes") for who in ("100", "101", "102")]
    assert sheet(january)[0]["end"] == ""
    assert of(told(tmp_path, "2026-12"))[0] == ("100", 31 * 1440, "yes")


async def test_names_that_are_not_kept_any_more_leave_the_number(desk: Desk, tmp_path: Path) -> None:
    await outage(desk)
    (tmp_path / "people" / "2026-11.jsonl").unlink()
    found = told(tmp_path)
    assert sheet(found)[0]["customer"] == "100"
    assert "name=not_kept" in sheet(found)[0]["sources"]
    assert "fica o número do cadastro ou a ONU: 3." in "".join(month_summary(found, PT))


async def test_times_carry_their_offset_in_a_month_in_which_the_zone_changes(
    desk: Desk, tmp_path: Path
) -> None:
    await outage(desk)
    york = Words("en", ZoneInfo("America/New_York"))
    found = report(tmp_path, month_in("2026-11", ZoneInfo("America/New_York"), 10), QuickDisk())[0]
    assert sheet(found, york)[0]["start"] == "2026-11-22 10:00:00-05:00"


async def test_a_damaged_ledger_is_told_as_far_as_it_is_whole(desk: Desk, tmp_path: Path) -> None:
    await outage(desk)
    segment = tmp_path / "ledger" / "2026-11.jsonl"
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join([*lines[:-1], b"{}\n", lines[-1]]))
    found, damage = report(tmp_path, month_in("2026-11", ZONE, 10), QuickDisk())
    assert damage is not None
    assert "DAMAGED" in damage
    assert [who for who, _, _ in of(found)] == ["100", "101", "102"]


async def test_planned_work_is_apart_until_its_silence_ends(desk: Desk, tmp_path: Path) -> None:
    """Nobody got a card while it lasted; the outage lasted longer."""
    until = desk.clock.now() + timedelta(hours=74)
    await desk.flow.decide(describe.silence((Scope("CB 01", "6/1"),), ANA, until, "troca de cabo"))
    desk.clock.time += timedelta(hours=73)
    await desk.poll()
    desk.fall("6/1")
    await desk.poll()
    assert not desk.ledger.book.cases
    desk.clock.time += timedelta(hours=1, minutes=1)
    await desk.poll()
    await desk.pass_by(30)
    await desk.approve()
    await desk.pass_by(1800)
    await desk.repair(1)
    first, second, *_ = sheet(told(tmp_path))
    assert (first["minutes"], second["minutes"]) == ("60", "32")
    assert "end=silence_end" in first["sources"]
    assert first["sources"].endswith("counted=planned")
    assert "start=silence_end" in second["sources"]
    assert second["sources"].endswith("counted=yes")


@pytest.mark.process
async def test_the_bot_has_a_child_make_it_one_at_a_time(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", str(ZONE))
    await outage(desk)
    reports = Reports(tmp_path, "pt_BR", 10)
    first = asyncio.create_task(reports.month("2026-11"))
    await asyncio.sleep(0)
    with pytest.raises(Declined, match="report_running"):
        await reports.month("2026-11")
    summary, rows = await first
    assert summary == "".join(f"{line}\n" for line in month_summary(told(tmp_path), PT))
    assert rows == b"".join(month_csv(told(tmp_path), PT))
    with pytest.raises(Declined, match="report_failed"):
        await reports.month("2027-11")


CUT_OFF = """
import asyncio, os, pathlib, sys
from bot.process import child
ended = child.ended
async def cut_off(*command, **how):
    print((await ended(*command, **how)).out)
    sys.stdout.flush()
    os._exit(75)
child.ended = cut_off
asyncio.run(child.Reports(pathlib.Path(sys.argv[1]), "pt_BR", 10).month("2026-11"))
"""


@pytest.mark.process
@pytest.mark.bug(
    "a month's report with names stayed in the folder for temporary files where the bot was cut off"
)
async def test_cut_off_while_a_report_is_made_the_bot_leaves_no_file(desk: Desk, tmp_path: Path) -> None:
    await outage(desk)
    data, temporary = tmp_path, tmp_path / "tmp"
    temporary.mkdir()
    env = {**os.environ, "TZ": str(ZONE), "TMPDIR": str(temporary)}
    command = [sys.executable, "-c", CUT_OFF, str(data)]
    how = await asyncio.to_thread(
        subprocess.run, command, env=env, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (how.returncode, how.stderr) == (75, "")
    assert how.stdout.rstrip() == "\n".join(month_summary(told(data), PT))
    assert [*temporary.rglob("*")] == []


@pytest.mark.parametrize("seed", range(6))
def test_two_cases_at_a_time_tell_what_all_lines_tell(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever happened: incidents that go from case to case, come back, move, over months."""
    monkeypatch.setattr(month, "_AT_ONCE", 2)
    monkeypatch.setattr(month, "_TAKERS", 20)
    monkeypatch.setattr(month, "_HANDS", 3)  # here they go from hand to hand as no source's do
    story = Story(seed).tell(120)
    all_told, book = Told(), WholeBook()
    for at, line in story.lines:
        all_told.take(at, line)
        book.apply(at, line)
    upto, cases = book.last_at, [number for number in sorted(book.cases) if number > 0]
    rows = [row for number in cases for row in rows_of(book, number, all_told, upto)]
    write(tmp_path, story.groups)
    ever = Month(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    with visited(tmp_path, QuickDisk(), 10**9) as archive:
        found = MonthReader(QuickDisk(), tmp_path, ever, book.open, upto).read(archive)
    assert len(found.rows) > 5
    assert found.rows == counted(rows, list(book.silences.values()), ever)


async def test_two_cases_of_a_customer_without_a_gap_are_one_interruption_in_the_summary(
    desk: Desk, tmp_path: Path
) -> None:
    await outage(desk)
    found = told(tmp_path)
    [first, *others] = found.rows
    again = replace(first, row=replace(first.row, case=2, start=first.row.until), minutes=0)
    both = replace(found, rows=[first, again, *others])
    assert "Contam 3 interrupções de 3 clientes, 183 min" in "\n".join(month_summary(both, PT))
