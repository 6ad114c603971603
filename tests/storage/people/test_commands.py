"""`ledger forget` and `ledger person`: what is left of a customer, and what is known of one."""

import asyncio
import json
import lzma
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from errno import ENOSPC
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.domain import events as ev
from bot.domain.case import restoring_of
from bot.domain.limits.cooldown import free_at
from bot.domain.phone import Phone
from bot.domain.plan import Outcome, Recipient, Skip
from bot.domain.rules import Rules
from bot.errors import StartupError
from bot.process.clock import SystemClock
from bot.steps.opt_out import opt_out
from bot.steps.send import claim
from bot.storage.checkpoint import renew
from bot.storage.commands.backup import backup
from bot.storage.commands.export import export
from bot.storage.commands.forget import forget, phone_of
from bot.storage.commands.person import document, person, said
from bot.storage.commands.verify import verify
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from bot.storage.kept import Views
from bot.storage.past.history import FileHistory
from tests.fakes import ANA, BRUNO, NOON, FakeClock, incident, port
from tests.storage.samples import adds

ZE = Phone("5561999990001")
NAME, OTHER = "João d'Ávila", "Maria Clara"


def plan(*more: Recipient) -> tuple[Recipient, ...]:
    return (
        Recipient("c1", NAME, ("Z1",), ZE.digits),
        Recipient("c2", OTHER, ("Z2",), "5561999990002"),
        Recipient("r2", "sem cadastro", ("Z3",), None, Skip.NO_RECORD),
        *more,
    )


async def lived(folder: Path, clock: FakeClock) -> FileLedger:
    """Cases of the customer in two months, the first with its second message; views, index, checkpoint."""
    ledger = FileLedger.open(folder, clock)
    views, history = Views(folder, ledger, 24, clock), FileHistory(folder, lambda: ledger.head.seq, clock)
    await views.start()
    back = restoring_of(1)
    started = ev.Started("1", key=ledger.key)
    await ledger.commit(adds(started, ev.CaseOpened(1, incident(1)), ev.Approved(1, ANA, (port(),))))
    await ledger.commit(adds(ev.Planned(1, 3, plan()), ev.Intent(1, "c1"), ev.Intent(1, "c2")))
    told = (Outcome.ACCEPTED, "77"), (Outcome.REJECTED, None, "sem WhatsApp")
    await ledger.commit(adds(ev.Result(1, "c1", *told[0]), ev.Result(1, "c2", *told[1])))
    await ledger.commit(adds(ev.Settled(1, "done"), ev.IncidentEnded(1)))
    await ledger.commit(adds(ev.Restoring(back, 1), ev.Approved(back, BRUNO, ())))
    await ledger.commit(adds(ev.Planned(back, 1, plan()[:1]), ev.Intent(back, "c1")))
    await ledger.commit(adds(ev.Result(back, "c1", Outcome.UNKNOWN, None, "reset"), ev.Settled(back, "done")))
    clock.time += timedelta(days=12)
    await ledger.commit(adds(ev.CaseOpened(2, incident(2, place="1/1")), ev.Approved(2, ANA, (port("1/1"),))))
    moved = Recipient("c1", NAME, ("Z1",), "5561988887777", Skip.ONLINE)  # another phone by then
    await ledger.commit(adds(ev.Planned(2, 4, (moved, *plan()[1:])), ev.Settled(2, "closed", by=ANA)))
    await ledger.commit(adds(ev.CaseOpened(3, incident(3, place="1/2")), ev.Approved(3, ANA, (port("1/2"),))))
    await ledger.commit(adds(ev.Planned(3, 1, plan()[:1]), ev.Intent(3, "c1")))
    await ledger.commit(adds(ev.Result(3, "c1", Outcome.ACCEPTED), ev.Settled(3, "done"), ev.Alive()))
    await history.case(1)
    await history.close()
    await views.close()
    await ledger.close()
    renew(Disk(), folder)
    return ledger


def grep(folder: Path, *texts: str) -> Iterator[str]:
    """As `grep -r` over the folder, packed files unpacked."""
    for path in sorted(folder.rglob("*")):
        data = path.read_bytes() if path.is_file() else b""
        if path.suffix == ".xz":
            data = lzma.decompress(data)
        yield from (f"{text} in {path.name}" for text in texts if text.encode() in data)


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_after_it_nobody_finds_them_and_they_are_still_held_back(tmp_path: Path) -> None:
    clock, data = FakeClock(), tmp_path / "data"
    await lived(data, clock)
    texts = (ZE.digits, ZE.digits[2:], ZE.digits[-8:], NAME, json.dumps(NAME), "5561988887777")
    assert {found.partition(" in ")[2] for found in grep(data, *texts)} == {"2026-11.jsonl", "2026-12.jsonl"}
    told = await forget(data, phone_of("+55 (61) 9 9999-0001"), ANA, clock)
    assert "taken out of 4 plans" in told
    assert "machine" not in told
    assert [*grep(data, *texts)] == []
    assert [*grep(data, OTHER)], "others stay"
    assert verify(data, full=True).ok
    assert verify(data).ok
    ledger = FileLedger.open(data, clock)
    contact = ledger.book.contacts.get(ledger.person(ZE.digits))
    assert contact is not None
    assert free_at(contact, clock.now(), 24) is not None
    [entry] = [e for e in ledger.book.audit if isinstance(e.line, ev.PersonForgotten)]
    assert entry.line == ev.PersonForgotten(ledger.person(ZE.digits), 4, ANA)
    case = ledger.book.cases[3].dispatches[0]
    assert [(r.id, r.name, r.phone) for r in case.sends.recipients.values()] == [("c1", "", None)]
    await ledger.close()


async def test_what_is_still_to_do_for_them_is_not_sent_and_counted(tmp_path: Path) -> None:
    clock = FakeClock()
    ledger = FileLedger.open(tmp_path, clock)
    lines = (ev.CaseOpened(1, incident(1)), ev.Approved(1, ANA, (port(),)), ev.Planned(1, 3, plan()))
    await ledger.commit(adds(ev.Started("1", key=ledger.key), *lines))
    await ledger.close()
    await forget(tmp_path, ZE, ANA, clock)
    ledger = FileLedger.open(tmp_path, clock)
    await ledger.commit(adds(ev.Started("2", key=ledger.key), ev.Resumed(1, ANA)))
    assert await ledger.commit(claim(1, 1, "c1", Rules())) == (ev.Spared(1, "c1", Skip.FORGOTTEN),)
    assert await ledger.commit(claim(1, 1, "c2", Rules())) == (ev.Intent(1, "c2"),)
    tally = ledger.book.cases[1].dispatches[0].tally()
    assert tally is not None
    assert tally.skipped == {Skip.FORGOTTEN: 1, Skip.NO_RECORD: 1}
    await ledger.close()


async def test_whoever_shares_the_phone_goes_too_and_nobody_else(tmp_path: Path) -> None:
    clock = FakeClock()
    ledger = FileLedger.open(tmp_path, clock)
    wife = Recipient("c9", "Ana Wife", ("Z9",), ZE.digits, Skip.SAME_PHONE)
    landline = Recipient("c1", NAME, ("Z1",), None, Skip.LANDLINE)
    lines = (ev.CaseOpened(1, incident(1)), ev.Approved(1, ANA, (port(),)), ev.Planned(1, 3, plan(wife)))
    await ledger.commit(adds(*lines))
    await ledger.commit(adds(ev.Settled(1, "done"), ev.Approved(1, ANA, ()), ev.Planned(1, 1, (landline,))))
    await ledger.close()
    await forget(tmp_path, ZE, ANA, clock)
    assert [*grep(tmp_path, NAME, "Ana Wife", ZE.digits)] == []
    assert len([*grep(tmp_path, OTHER, "sem cadastro")]) == 2


async def in_months(folder: Path, clock: FakeClock, *plans: tuple[Recipient, ...]) -> None:
    """A case a month, each with such a plan."""
    ledger = FileLedger.open(folder, clock)
    await ledger.commit(adds(ev.Started("1", key=ledger.key)))
    for number, recipients in enumerate(plans, 1):
        lines = (ev.CaseOpened(number, incident(number)), ev.Approved(number, ANA, (port(),)))
        await ledger.commit(adds(*lines, ev.Planned(number, 1, recipients), ev.Settled(number, "done")))
        clock.time += timedelta(days=31)
    await ledger.close()


async def all_gone(folder: Path, clock: FakeClock, *names: str) -> set[str]:
    """Who is kept of whom `person` and `forget` mean the same plans; `names` are not there afterwards."""
    found = await person(folder, ZE, ANA, clock)
    plans = {(row["case"], row["attempt"]) for row in found["kept"]}
    assert f"taken out of {len(plans)} plan" in await forget(folder, ZE, ANA, clock)
    assert [*grep(folder, *names)] == []
    assert (await person(folder, ZE, ANA, clock))["kept"] == []
    assert verify(folder, full=True).ok
    return {row["by"] for row in found["kept"]}


@pytest.mark.bug("a name stayed where the plan that had the phone, too, was of a month that is gone")
async def test_a_name_without_phone_goes_though_the_month_with_the_phone_is_gone(tmp_path: Path) -> None:
    clock = FakeClock()
    landline = Recipient("c1", NAME, ("Z1",), None, Skip.LANDLINE)
    others = (Recipient("c11", OTHER, ("Z2",), None, Skip.LANDLINE), Recipient("r1", "Rui", ("Z3",)))
    await in_months(tmp_path, clock, plan(), (landline, *others))
    (tmp_path / "people" / "2026-11.jsonl").unlink()
    found = await person(tmp_path, ZE, ANA, clock)
    assert [(row["case"], row["name"], row["phone"]) for row in found["kept"]] == [(2, NAME, None)]
    assert await all_gone(tmp_path, clock, NAME, ZE.digits) == {"record"}
    assert len([*grep(tmp_path, OTHER, "Rui")]) == 2, "others stay"


async def test_who_had_the_phone_long_ago_and_has_another_now_stays(tmp_path: Path) -> None:
    """A carrier gave it to somebody else: what is to be sent to the one before goes on."""
    clock = FakeClock()
    before = Recipient("c1", OTHER, ("Z1",), ZE.digits)
    now = Recipient("c1", OTHER, ("Z1",), "5561988887777"), Recipient("c9", NAME, ("Z9",), ZE.digits)
    await in_months(tmp_path, clock, (before,), now)
    (tmp_path / "people" / "2026-11.jsonl").unlink()
    await all_gone(tmp_path, clock, NAME, ZE.digits)
    assert [*grep(tmp_path, OTHER, "5561988887777")] == [
        f"{OTHER} in 2026-12.jsonl",
        "5561988887777 in 2026-12.jsonl",
    ]


@pytest.mark.bug("a name stayed that a plan had of the customer's ONU before it was linked to their record")
async def test_the_name_of_their_onu_without_a_customer_goes_too(tmp_path: Path) -> None:
    clock = FakeClock()
    unlinked = Recipient("r0", f"{NAME} (ONU)", ("Z1",), None, Skip.NO_RECORD)
    other = Recipient("r1", "Rui", ("Z8",), None, Skip.NO_RECORD)
    await in_months(tmp_path, clock, (unlinked, other), plan()[:2], (Recipient("r2", NAME, ("Z1",)), other))
    found = await person(tmp_path, ZE, ANA, clock)
    assert [(row["case"], row["id"], row["by"]) for row in found["kept"]] == [
        (1, "r0", "onu"),
        (2, "c1", "phone"),
        (3, "r2", "onu"),
    ]
    assert f"of their ONU without a customer: {NAME} (ONU), {NAME}" in said(found, UTC)
    assert await all_gone(tmp_path, clock, NAME) == {"onu", "phone"}
    assert len([*grep(tmp_path, OTHER, "Rui")]) == 3, "others stay"


async def test_it_says_whose_name_no_phone_leads_to(tmp_path: Path) -> None:
    clock = FakeClock()
    await in_months(tmp_path, clock, (Recipient("r0", NAME, ("Z1",), None, Skip.NO_RECORD),))
    told = await forget(tmp_path, ZE, ANA, clock)
    assert "the name of an ONU that was never linked to their record is not found by a phone" in told
    assert [*grep(tmp_path, NAME)]


@pytest.mark.bug("killed between two months, the next run no longer knew the customer's other phone")
async def test_broken_off_between_two_months_the_next_does_the_rest(tmp_path: Path) -> None:
    clock = FakeClock()
    await in_months(tmp_path, clock, plan(), (Recipient("c1", NAME, ("Z1",), "5561988887777"),))

    class Full(Disk):
        def replace_with(
            self, path: Path, parts: Iterable[bytes], proof: Callable[[Path], object] | None = None
        ) -> None:
            if path.name == "2026-12.jsonl":
                raise OSError(ENOSPC, "no space")
            super().replace_with(path, parts, proof)

    with pytest.raises(StartupError, match="run it again"):
        await forget(tmp_path, ZE, ANA, clock, Full())
    assert [*grep(tmp_path, NAME)] == [f"{NAME} in 2026-12.jsonl"]
    await all_gone(tmp_path, clock, NAME, "5561988887777")


async def test_without_room_for_an_index_nothing_is_taken_and_it_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, data = FakeClock(), tmp_path / "data"
    await in_months(data, clock, plan())
    before = files(data)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    for act in (forget, person):
        with pytest.raises(StartupError, match="no room for an index in the folder for temporary"):
            await act(data, ZE, ANA, clock)
    assert before.items() <= files(data).items()


@pytest.mark.parametrize(
    "text", ["61999990001", "(61) 99999-0001", "+55 61 9999-0001", "0 61 9 9999 0001", "5561999990001"]
)
def test_any_spelling_is_the_same_person(text: str) -> None:
    assert phone_of(text).key == ZE.key


@pytest.mark.parametrize("text", ["", "João", "12", "6133334444", "+1 212 555 0100", "99999999999"])
def test_nonsense_is_an_error(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("forget", "person"):
        assert main(["ledger", command, text, "--data", str(tmp_path / "no")]) == 2
        said = capsys.readouterr().err
        assert "what was typed" in said
        assert not text or text not in said
    assert not (tmp_path / "no").exists()


async def test_nothing_is_done_while_the_bot_runs_or_its_ledger_is_closed(tmp_path: Path) -> None:
    clock = FakeClock()
    await lived(tmp_path, clock)
    before = files(tmp_path)
    running = FileLedger.open(tmp_path, clock)
    for act in (forget, person):
        with pytest.raises(StartupError, match="another process owns"):
            await act(tmp_path, ZE, ANA, clock)
    await running.close()
    (tmp_path / "people.key").unlink()
    for act in (forget, person):
        with pytest.raises(StartupError, match=r"people\.key is missing"):
            await act(tmp_path, ZE, ANA, clock)
    (tmp_path / "people.key").write_bytes(before[tmp_path / "people.key"])
    shutil.copytree(tmp_path / "ledger", tmp_path / "before-upgrade-20261101T000000Z" / "ledger")
    with pytest.raises(StartupError, match="still has everybody's names and phones") as refused:
        await forget(tmp_path, ZE, ANA, clock)
    copy = tmp_path / "before-upgrade-20261101T000000Z"
    assert f"rm -r {copy}, and run it again" in str(refused.value)
    assert "compose run --rm --entrypoint rm bot -r" in str(refused.value)
    assert {path: data for path, data in files(tmp_path).items() if path in before} == before
    with pytest.raises(StartupError, match="no ledger"):
        await forget(tmp_path / "elsewhere", ZE, ANA, clock)


async def test_all_about_a_person_is_shown_and_exported(tmp_path: Path) -> None:
    clock = FakeClock()
    await lived(tmp_path, clock)
    found = await person(tmp_path, ZE, ANA, clock)
    assert [(row["case"], row["name"], row["phone"], row["by"]) for row in found["kept"]] == [
        (1, NAME, ZE.digits, "phone"),
        (-1, NAME, ZE.digits, "phone"),
        (2, NAME, "5561988887777", "record"),
        (3, NAME, ZE.digits, "phone"),
    ]
    came = [(m["case"], m["restored"], m["outcome"], m["reference"]) for m in found["messages"]]
    assert came == [(1, False, "accepted", "77"), (1, True, "unknown", None), (3, False, "accepted", None)]
    assert json.loads(document(found)) == found
    text = said(found, UTC)
    assert f"{NOON:%Y-%m-%d %H:%M:%S}  case 1  LOS CB 01 6/15  accepted" in text
    assert "case 1 [service is back]" in text
    assert "unknown (reset)" in text
    ledger = FileLedger.open(tmp_path, clock)
    assert ledger.book.audit[-1].line == ev.PersonShown(ledger.person(ZE.digits), ANA)
    await ledger.close()
    await forget(tmp_path, ZE, ANA, clock)
    after = await person(tmp_path, ZE, ANA, clock)
    assert after == {**found, "kept": []}, "what was done stays"
    nobody = await person(tmp_path, Phone("5511988887777"), ANA, clock)
    assert (nobody["kept"], nobody["messages"]) == ([], [])
    assert "no plan has them" in said(nobody, UTC)


def test_what_is_logged_on_the_way_is_not_in_what_is_handed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(_open_case_without_people(tmp_path))
    assert main(["ledger", "person", ZE.digits, "--json", "--data", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert [row["case"] for row in json.loads(out)["messages"]] == [1]
    assert "phones of customers of open cases are not known" in err


async def _open_case_without_people(folder: Path) -> None:
    ledger = FileLedger.open(folder, SystemClock())
    lines = (ev.CaseOpened(1, incident(1)), ev.Approved(1, ANA, (port(),)), ev.Planned(1, 3, plan()))
    await ledger.commit(adds(ev.Started("1", key=ledger.key), *lines))
    await ledger.close()
    shutil.rmtree(folder / "people")


async def test_that_they_asked_for_no_messages_is_shown_and_outlives_being_forgotten(tmp_path: Path) -> None:
    clock = FakeClock()
    await lived(tmp_path, clock)
    assert (await person(tmp_path, ZE, ANA, clock))["opted_out"] is None
    assert "asked for no messages" not in await forget(tmp_path, ZE, ANA, clock)
    ledger = FileLedger.open(tmp_path, clock)
    called = ledger.person(ZE.digits)
    await ledger.commit(opt_out(called, BRUNO, "pediu do 61 99999-0001, por telefone"))
    at = ledger.book.last_at
    await ledger.close()
    assert "they asked for no messages: that stays" in await forget(tmp_path, ZE, ANA, clock)
    found = await person(tmp_path, phone_of("61 9999-0001"), ANA, clock)
    assert found["opted_out"] == {
        "at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "by": "Bruno",
        "reason": "pediu do ****0001, por telefone",
    }
    assert f"asked for no messages: {at:%Y-%m-%d %H:%M:%S}, by Bruno: pediu do ****0001, por" in said(
        found, UTC
    )
    renew(Disk(), tmp_path)
    assert [*grep(tmp_path, ZE.digits, ZE.digits[-8:], "99999-0001")] == []
    ledger = FileLedger.open(tmp_path, clock)  # from a checkpoint
    assert called in ledger.book.opted_out
    await ledger.commit(adds(ev.CaseOpened(9, incident(9, place="1/9")), ev.Approved(9, ANA, (port("1/9"),))))
    await ledger.commit(adds(ev.Planned(9, 1, plan()[:1])))
    assert await ledger.commit(claim(9, 1, "c1", Rules())) == (ev.Spared(9, "c1", Skip.OPTED_OUT),)
    await ledger.close()


async def test_an_export_names_people_as_long_as_they_are_known(tmp_path: Path) -> None:
    clock = FakeClock()
    await lived(tmp_path, clock)

    def names() -> set[str]:
        document, _ = export(tmp_path, "json", UTC, phones=True)
        plans = [row for row in map(json.loads, document) if row["kind"] == "planned"]
        return {f"{r['name']} {r['phone']}" for row in plans for r in row["recipients"]}

    assert f"{NAME} {ZE.digits}" in names()
    await forget(tmp_path, ZE, ANA, clock)
    assert names() == {" None", f"{OTHER} 5561999990002", "sem cadastro None"}


async def test_a_backup_of_before_still_has_them_and_is_whole(tmp_path: Path) -> None:
    clock, data, dest = FakeClock(), tmp_path / "data", tmp_path / "copy"
    await lived(data, clock)
    backup(data, dest, clock.now())
    assert "backups made before still have them" in await forget(data, ZE, ANA, clock)
    assert [*grep(dest, NAME)]
    assert verify(dest).ok


async def test_what_receipts_said_of_their_messages_is_shown(tmp_path: Path) -> None:
    clock = FakeClock()
    ledger = FileLedger.open(tmp_path, clock)
    await ledger.commit(adds(ev.Started("1", key=ledger.key)))
    for number, learnt in ((1, ev.Read(1, ("c1",))), (2, ev.Undelivered(2, ("c1",), "wa_131026"))):
        begun = (ev.CaseOpened(number, incident(number)), ev.Approved(number, ANA, (port(),)))
        sent = (ev.Intent(number, "c1"), ev.Result(number, "c1", Outcome.ACCEPTED, "77"))
        await ledger.commit(adds(*begun, ev.Planned(number, 1, plan()), *sent, learnt))
        clock.time += timedelta(days=2)
    await ledger.close()
    found = await person(tmp_path, ZE, ANA, clock)
    assert [(row["delivery"], row["delivery_reason"]) for row in found["messages"]] == [
        ("read", None),
        ("undelivered", "wa_131026"),
    ]
    assert "accepted, read" in said(found, UTC)
    assert "accepted, undelivered (wa_131026)" in said(found, UTC)


@pytest.mark.bug("a phone in a cause is in the chain for ever, and forget said that all was taken")
async def test_a_number_that_somebody_typed_is_named_with_its_case(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = FakeClock(datetime.now(UTC) - timedelta(days=13))
    await lived(tmp_path, clock)
    command = ["ledger", "forget", "61999990001", "--data", str(tmp_path)]
    assert await asyncio.to_thread(main, command) == 0
    assert "typed" not in capsys.readouterr().out
    ledger = FileLedger.open(tmp_path, SystemClock())
    typed = ev.CauseNamed(2, ANA, "poste", "avisar (61) 9 9999–0001"), ev.CauseNamed(3, ANA, "61 99999-0002")
    silence = ev.Silenced(1, (), SystemClock().now(), ANA, "pediu 99990001")
    await ledger.commit(adds(ev.Started("2", key=ledger.key), *typed, silence))
    line = ledger.head.seq
    await ledger.close()
    assert await asyncio.to_thread(main, command) == 1
    assert f"a reason (of case 2; on line {line}): it stays there" in capsys.readouterr().out
    assert verify(tmp_path).ok
