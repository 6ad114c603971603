import csv
import errno
import io
import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.__main__ import main
from bot.domain import events as ev
from bot.domain.limits.silence import Scope
from bot.domain.plan import Outcome
from bot.domain.who import BOT, Who
from bot.errors import StartupError
from bot.storage.commands import export as module
from bot.storage.commands.export import save
from bot.storage.files import FileLedger
from tests.fakes import ANA, BRUNO, NOON, FakeClock, port
from tests.storage.disks import FaultyDisk, QuickDisk
from tests.storage.samples import EVERY_KIND, PLAN, SEGMENT, adds, dispatch, opened

ZONE = ZoneInfo("America/Sao_Paulo")


def export(*args: Any, **how: Any) -> tuple[bytes, str | None]:
    """The whole document at once."""
    parts, damage = module.export(*args, **how)
    return b"".join(parts), damage


STORY: tuple[ev.Line, ...] = (
    *dispatch(),
    ev.Intent(1, "c1"),
    ev.Result(1, "c1", Outcome.UNKNOWN, "id-5561999990001-x", "(61) 99999-0001 fora"),
    opened(2),
    ev.Denied(2, ANA, "=HYPERLINK(1)"),
)


@pytest.fixture
async def segment(tmp_path: Path) -> Path:
    ledger = FileLedger.open(tmp_path, FakeClock(), QuickDisk())
    for line in STORY:
        await ledger.commit(adds(line))
    await ledger.close()
    return tmp_path / "ledger" / SEGMENT


def table(document: bytes) -> list[dict[str, str]]:
    text = document.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))


def objects(document: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in document.decode().removesuffix("\n").split("\n")]


def test_csv_has_a_row_for_every_line(tmp_path: Path, segment: Path) -> None:
    document, damage = export(tmp_path, "csv", ZONE)
    rows = table(document)
    assert damage is None
    assert document.startswith(
        b"\xef\xbb\xbfseq;group;at;at_local;kind;case;recipient;outcome;reason;reference;who;"
    )
    assert [row["kind"] for row in rows] == [line.kind for line in STORY]
    assert [row["seq"] for row in rows] == ["1", "2", "3", "4", "5", "6", "7"]
    assert (rows[1]["who"], rows[1]["who.id"], rows[1]["case"]) == ("Ana", "1", "1")
    assert rows[0]["incident.port.olt"] == "CB 01"
    assert (rows[4]["recipient"], rows[4]["outcome"]) == ("c1", "unknown")
    assert rows[4]["at"] == "2026-11-22T15:00:00.000000Z"
    assert rows[4]["at_local"] == "22/11/2026 12:00:00"


@pytest.mark.parametrize("form", ["csv", "json"])
def test_phones_are_masked_everywhere_but_when_asked(tmp_path: Path, segment: Path, form: str) -> None:
    masked = export(tmp_path, form, ZONE)[0].decode()
    whole = export(tmp_path, form, ZONE, phones=True)[0].decode()
    for person in PLAN:
        if person.phone is not None:
            assert person.phone[-8:] not in masked
            assert person.phone in whole
    assert "99999-0001" not in masked
    assert "****0001" in masked
    assert "99999-0001" in whole


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        *((text, f"'{text}") for text in ("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx")),
        ("  =1", "  '=1"),
        ("\n=1", "\n'=1"),
        ("x,=1", "x,'=1"),
    ],
)
async def test_no_cell_is_a_formula(tmp_path: Path, text: str, cell: str) -> None:
    ledger = FileLedger.open(tmp_path, FakeClock(), QuickDisk())
    await ledger.commit(adds(opened(), ev.Denied(1, Who(1, text), text)))
    await ledger.close()
    row = table(export(tmp_path, "csv", ZONE)[0])[1]
    assert row["reason"] == row["who"] == cell
    assert objects(export(tmp_path, "json", ZONE)[0])[1]["reason"] == text


async def test_a_negative_number_stays_a_number(tmp_path: Path) -> None:
    ledger = FileLedger.open(tmp_path, FakeClock(), QuickDisk())
    await ledger.commit(adds(opened(), ev.CardPosted(1, -1001234567890, 77)))
    await ledger.close()
    assert table(export(tmp_path, "csv", ZONE)[0])[1]["chat"] == "-1001234567890"


def test_json_is_an_object_a_line_as_the_ledger_has_it(tmp_path: Path, segment: Path) -> None:
    rows = objects(export(tmp_path, "json", ZONE, phones=True)[0])
    written: dict[str, object] = json.loads(segment.read_text().splitlines()[0])[
        "incident"
    ]  # but for what is at its default
    assert {**rows[0]["incident"], **written} == rows[0]["incident"]  # type: ignore[dict-item]
    assert (rows[6]["kind"], rows[6]["by"], rows[6]["reason"]) == (
        *("denied", {"id": 1, "name": "Ana"}, "=HYPERLINK(1)"),
    )


def test_one_case_alone(tmp_path: Path, segment: Path) -> None:
    assert [row["seq"] for row in table(export(tmp_path, "csv", ZONE, case=2)[0])] == ["6", "7"]


async def test_every_field_of_every_kind_is_exported(tmp_path: Path) -> None:
    ledger = FileLedger.open(tmp_path, FakeClock(), QuickDisk())
    of_no_state = (
        ev.TapRefused,
        ev.GroupMoved,
        ev.Started,
        ev.Stopped,
        ev.Alive,
        ev.Confirmed,
    )
    lines = [line for line in EVERY_KIND if isinstance(line, of_no_state)]
    await ledger.commit(adds(*lines))
    await ledger.close()
    rows = objects(export(tmp_path, "json", ZONE)[0])
    for row, line in zip(rows, lines, strict=True):
        assert row.keys() == {"seq", "group", "at", *line.__dataclass_fields__}


def test_damage_is_said_and_what_is_before_it_is_given(tmp_path: Path, segment: Path) -> None:
    segment.write_bytes(segment.read_bytes().replace(b'"c1"}', b'"c9"}').replace(b'"unknown"', b'"unknowm"'))
    document, damage = export(tmp_path, "csv", ZONE)
    assert len(table(document)) == 4
    assert damage is not None
    assert damage.startswith("DAMAGED: only the 4 lines before the damage are shown. First bad line: ")


def test_the_file_is_for_its_owner_only(tmp_path: Path, segment: Path) -> None:
    out = tmp_path / "out.csv"
    assert main(["ledger", "export", "--csv", "--out", str(out), "--data", str(tmp_path)]) == 0
    assert out.read_bytes() == export(tmp_path, "csv", ZONE)[0]
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_the_ledger_is_never_the_place_for_it(tmp_path: Path, segment: Path) -> None:
    before = segment.read_bytes()
    with pytest.raises(StartupError, match="not among the ledger's own files"):
        save(tmp_path / "x" / ".." / "ledger" / SEGMENT, [b"x"], tmp_path)
    assert segment.read_bytes() == before


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    disk = FaultyDisk()
    disk.errors["replace out.csv"] = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(StartupError, match=r"out.csv cannot be written: No space left on device"):
        save(tmp_path / "out.csv", [b"x"], tmp_path, disk)


def test_a_ledger_that_cannot_be_read(tmp_path: Path, segment: Path) -> None:
    disk = FaultyDisk()
    disk.errors["read"] = OSError(errno.EIO, "Input/output error")
    with pytest.raises(StartupError, match="ledger cannot be read: Input/output error"):
        export(tmp_path, "csv", ZONE, disk=disk)


def test_the_command_takes_tz(
    tmp_path: Path,
    segment: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert main(["ledger", "export", "--csv", "--data", str(tmp_path)]) == 0
    assert table(capfdbinary.readouterr().out)[0]["at_local"] == "23/11/2026 00:00:00"


def test_the_command(tmp_path: Path, segment: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    segment.write_bytes(segment.read_bytes().replace(b'"unknown"', b'"unknowm"'))
    assert main(["ledger", "export", "--json", "--case", "1", "--data", str(tmp_path)]) == 1
    printed = capfdbinary.readouterr()
    assert printed.out == export(tmp_path, "json", ZONE, case=1)[0]
    assert printed.err.startswith(b"DAMAGED: ")


@pytest.mark.parametrize("given", [[], ["--csv", "--json"], ["--csv", "--case", "0"]])
def test_the_usage(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["ledger", "export", *given])
    assert ended.value.code == 2


async def test_the_second_message_of_a_case_goes_by_the_number_that_people_know(tmp_path: Path) -> None:
    ledger = FileLedger.open(tmp_path, FakeClock(), QuickDisk())
    back = (ev.Restoring(-1, 1), ev.Approved(-1, BOT, ()), ev.Planned(-1, 1, PLAN[:1]))
    for line in (*dispatch(), ev.Settled(1, "done"), *back, opened(2)):
        await ledger.commit(adds(line))
    await ledger.close()
    kinds = ["case_opened", "approved", "planned", "settled", "restoring", "approved", "planned"]
    rows = table(export(tmp_path, "csv", ZONE, case=1)[0])
    assert [row["kind"] for row in rows] == kinds
    assert {row["case"] for row in rows} == {"1"}
    assert [row["restores"] for row in rows] == ["", "", "", "", "1", "1", "1"]
    assert (rows[5]["who"], rows[5]["who.id"]) == ("bot", "0")
    raw = objects(export(tmp_path, "json", ZONE, case=1)[0])
    assert [row["kind"] for row in raw] == kinds
    assert [(row["case"], row.get("restores")) for row in raw[3:5]] == [(1, None), (-1, 1)]


async def test_every_field_of_a_cases_life_has_a_column(tmp_path: Path) -> None:
    ledger = FileLedger.open(tmp_path, FakeClock(), QuickDisk())
    scopes = (Scope("CB 01", "6/15"), Scope("CB 02"))
    for line in (
        opened(),
        ev.Silenced(1, scopes, NOON, ANA, "obra"),
        ev.Forecast(1, ANA, NOON),
        ev.CauseNamed(1, ANA, "poste", "Norte"),
        ev.Approved(1, ANA, (port(),), despite=("flapping",), due=NOON, first=BRUNO),
    ):
        await ledger.commit(adds(line))
    await ledger.close()
    _, silenced, forecast, cause, approved = table(export(tmp_path, "csv", ZONE)[0])
    assert json.loads(silenced["scopes"])[0] == {"olt": "CB 01", "place": "6/15"}
    assert (silenced["case"], silenced["until"]) == ("", "2026-11-22T15:00:00Z")
    assert forecast["eta"] == "2026-11-22T15:00:00Z"
    assert (cause["cause"], cause["team"]) == ("poste", "Norte")
    assert (approved["first.name"], approved["despite"], approved["due"]) == (
        "Bruno",
        '["flapping"]',
        "2026-11-22T15:00:00Z",
    )


async def test_nor_is_one_within_a_list(tmp_path: Path) -> None:
    ledger = FileLedger.open(tmp_path, FakeClock(), QuickDisk())
    serials = ("x,=1", "=2")
    lines = (
        replace(line, recipients=(replace(line.recipients[0], serials=serials), *line.recipients[1:]))
        if isinstance(line, ev.Planned)
        else line
        for line in dispatch()
    )
    await ledger.commit(adds(*lines))
    await ledger.close()
    [told] = [row["recipients"] for row in table(export(tmp_path, "csv", ZONE)[0]) if row["recipients"]]
    assert json.loads(told)[0]["serials"] == ["x,'=1", "'=2"]
