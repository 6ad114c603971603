import re
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from bot.__main__ import main
from bot.domain import events as ev
from bot.domain.limits.silence import Scope
from bot.domain.plan import Outcome
from bot.errors import StartupError
from bot.ports import Wish
from bot.storage.commands.show import show
from bot.storage.files import FileLedger
from bot.storage.past.history import FileHistory
from bot.tongue import speak
from tests.fakes import ANA, BRUNO, NOON, FakeClock, incident, port
from tests.storage.disks import QuickDisk
from tests.storage.samples import EVERY_KIND, GROUPING, PLAN, SEGMENT, adds, dispatch, opened

ZONE = ZoneInfo("America/Sao_Paulo")


async def written(folder: Path, *lines: ev.Line) -> Path:
    """Each line a group of its own, ten seconds after the one before, from noon; the segment."""
    clock = FakeClock()
    ledger = FileLedger.open(folder, clock, QuickDisk())
    for line in lines:
        await ledger.commit(adds(line))
        clock.time += timedelta(seconds=10)
    await ledger.close()
    return folder / "ledger" / SEGMENT


@pytest.fixture
async def segment(tmp_path: Path) -> Path:
    """Two cases; the first with a dispatch that a start broke, and a doubt that a person resolved."""
    return await written(
        tmp_path,
        *dispatch(),
        ev.Intent(1, "c1"),
        ev.Intent(1, "c2"),
        ev.Result(1, "c1", Outcome.REJECTED, "ref-7", "número 61 99999-0001 inválido"),
        opened(2),
        ev.Started("0.1.0"),
        ev.Resolved(1, ("c2",), "sent", ANA),
        ev.Denied(2, BRUNO, "a\x1b[31mred"),
    )


def test_a_case_is_told_in_order_with_who_what_and_when(tmp_path: Path, segment: Path) -> None:
    code, text = show(tmp_path, 1, ZONE)
    zone, *story = text.splitlines()
    assert (code, zone) == (0, "times: America/Sao_Paulo")
    assert [line.split("  ")[2] for line in story[:8]] == [
        *("case_opened", "approved", "planned", "intent", "intent", "result", "started", "resolved"),
    ]
    assert story[1].startswith("2026-11-22 12:00:10  #2  approved  by=Ana (1)  ports=CB 01 6/15")
    assert story[7].startswith("2026-11-22 12:01:20  #9  resolved  recipients=c2  choice=sent  by=Ana (1)")
    assert "3 planned: 1 accepted, 1 rejected, 1 skipped (no_phone), 0 to do" in story[8].replace(
        "1 rejected, 1 accepted", "1 accepted, 1 rejected"
    )


def test_it_is_told_in_portuguese(tmp_path: Path, segment: Path) -> None:
    speak("pt_BR")
    _, text = show(tmp_path, 1, ZONE)
    zone, *story = text.splitlines()
    assert zone == "horários: America/Sao_Paulo"
    assert [line for line in story if re.search("=(  |$)", line)] == [], "what is not set is not told"
    assert [line.split("  ")[2] for line in story[:8]] == [
        *("caso aberto", "aprovado", "lista pronta", "a enviar", "a enviar", "resultado"),
        *("bot iniciou", "dúvida resolvida"),
    ]
    assert story[1].startswith("2026-11-22 12:00:10  #2  aprovado  por=Ana (1)  portas=CB 01 6/15")
    assert story[7].endswith("dúvida resolvida  destinatários=c2  escolha=enviada  por=Ana (1)")
    assert "3 na lista: " in story[8]
    assert "1 recusada" in story[8]
    assert "1 sem mensagem (sem telefone), 0 a fazer" in story[8]
    assert story[9] == "destinatários da aprovação 1:"
    rejected = "resultado=recusada  referência=ref-7  motivo=número ****0001 inválido"
    assert rejected in story[10]
    assert story[10].endswith("; agora recusada (número ****0001 inválido)")
    _, text = show(tmp_path, None, ZONE)
    assert text.splitlines()[2].startswith("caso 2  2026-11-22 12:01:00  LOS CB 01 6/15  queda 2  negado")


def test_each_recipient_has_a_way(tmp_path: Path, segment: Path) -> None:
    ways = show(tmp_path, 1, ZONE)[1].split("recipients of approval 1:\n")[1].splitlines()
    rejected = "outcome=rejected  reference=ref-7  reason=número ****0001 inválido"
    first, second, third = ways
    assert first.startswith('  c1 João d\'Ávila "Zé" ****0001: 2026-11-22 12:00:30 intent; ')
    assert rejected in first
    assert first.endswith("; now rejected (número ****0001 inválido)")
    assert "2026-11-22 12:01:20 resolved  choice=sent  by=Ana (1)" in second
    assert third == "  c3 Sem telefone: skipped (no_phone); now no message"


def test_no_whole_phone_is_shown(tmp_path: Path, segment: Path) -> None:
    text = show(tmp_path, 1, ZONE)[1] + show(tmp_path, None, ZONE)[1]
    assert "99999-0001" not in text
    assert all(person.phone is None or person.phone[-8:] not in text for person in PLAN)


def test_without_a_case_each_has_a_line(tmp_path: Path, segment: Path) -> None:
    code, text = show(tmp_path, None, ZONE)
    zone, first, second = text.splitlines()
    assert (code, zone) == (0, "times: America/Sao_Paulo")
    assert first.startswith("case 1  2026-11-22 12:00:00  LOS CB 01 6/15  incident 1  ")
    assert second == "case 2  2026-11-22 12:01:00  LOS CB 01 6/15  incident 2  denied"


def test_a_text_that_a_terminal_would_obey_is_written_out(tmp_path: Path, segment: Path) -> None:
    text = show(tmp_path, 2, ZONE)[1]
    assert "reason=a\\x1b[31mred" in text
    assert "\x1b" not in text


def test_a_damaged_ledger_is_shown_up_to_the_damage_and_says_so(tmp_path: Path, segment: Path) -> None:
    lines = segment.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b'"c1"', b'"c9"')
    segment.write_bytes(b"".join(lines))
    code, text = show(tmp_path, 1, ZONE)
    assert code == 1
    assert [line.split("  ")[2] for line in text.splitlines()[1:4]] == ["case_opened", "approved", "planned"]
    assert text.splitlines()[-1].startswith(
        f"DAMAGED: only the 3 lines before the damage are shown. First bad line: {segment}, line 4, "
    )


def test_a_group_on_its_way_is_no_damage(tmp_path: Path, segment: Path) -> None:
    segment.write_bytes(segment.read_bytes()[:-9])
    code, text = show(tmp_path, None, ZONE)
    assert code == 0
    assert "DAMAGED" not in text


def test_a_case_that_is_not_there_is_wrong_usage(
    tmp_path: Path, segment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ledger", "show", "3", "--data", str(tmp_path)]) == 2
    assert capsys.readouterr() == ("", "there is no case 3: the last one is 2\n")


async def test_no_case_at_all(tmp_path: Path) -> None:
    await written(tmp_path, ev.Started("0.1.0"))
    assert show(tmp_path, None, ZONE) == (0, "times: America/Sao_Paulo\nno case yet")
    with pytest.raises(StartupError, match="there is no case 1: there is none yet"):
        show(tmp_path, 1, ZONE)


def test_a_case_that_may_be_behind_the_damage(tmp_path: Path, segment: Path) -> None:
    segment.write_bytes(segment.read_bytes().replace(b'"kind":"intent"', b'"kind":"intend"'))
    code, text = show(tmp_path, 2, ZONE)
    assert code == 1
    assert text.splitlines()[0] == "there is no case 2 before the damage"
    assert text.splitlines()[1].startswith("DAMAGED: ")


async def test_a_ledger_that_waits_for_a_confirmation_says_so(tmp_path: Path) -> None:
    clock = FakeClock()
    ledger = FileLedger.open(tmp_path, clock, QuickDisk())
    await ledger.commit(adds(opened()))
    assert "waits for" not in show(tmp_path, None, ZONE)[1]
    clock.time += timedelta(hours=2)
    await ledger.commit(adds(ev.Started("0.1.0")))
    code, text = show(tmp_path, None, ZONE)
    assert code == 0
    assert text.splitlines()[-1].startswith(
        "waits for a confirmation: the bot started on a ledger that ends at 2026-11-22 12:00:00, "
    )
    await ledger.commit(adds(ev.Confirmed(ANA)))
    assert "waits for" not in show(tmp_path, None, ZONE)[1]
    await ledger.close()


def test_a_folder_without_a_ledger(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="is DATA_DIR right") as caught:
        show(tmp_path, None, ZONE)
    assert caught.value.code == 1


async def test_every_kind_of_a_case_is_told(tmp_path: Path) -> None:
    """A new kind of line needs nothing here: what it holds is printed."""
    of_case = [line for line in EVERY_KIND if getattr(line, "case", None) == 1]
    unknown = [ev.Result(1, customer, Outcome.UNKNOWN) for customer in ("c1", "c2")]
    begin = [*dispatch(), ev.Intent(1, "c1"), ev.Intent(1, "c2"), *unknown]
    done: set[type] = set()
    for kind in get_args(ev.Line):
        line = next((line for line in of_case if type(line) is kind), None)
        if line is None or kind in {
            ev.CaseOpened,
            ev.Spared,
            ev.Abandoned,
        }:  # about nobody of the plan
            continue
        folder = tmp_path / line.kind
        await written(folder, *begin, line)
        assert f"  {line.kind}" in show(folder, 1, ZONE)[1].splitlines()[1 + len(begin)]
        done.add(kind)
    assert len(done) > 12


async def test_a_released_port_is_part_of_the_story(tmp_path: Path) -> None:
    await written(tmp_path, *dispatch(), ev.CooldownReleased(port(), ANA, "pediu"), ev.Stopped())
    _, *story = show(tmp_path, 1, ZONE)[1].splitlines()
    assert "cooldown_released  port=CB 01 6/15  by=Ana (1)  reason=pediu" in story[3]
    assert "stopped" in story[4], "the dispatch was running"


RESTORED: tuple[ev.Line, ...] = (
    *dispatch(),
    ev.Intent(1, "c1"),
    ev.Result(1, "c1", Outcome.ACCEPTED, "ref-1"),
    ev.Settled(1, "done"),
    ev.IncidentEnded(1),
    ev.Restoring(-1, 1),
    ev.Approved(-1, ANA, ()),
    ev.Planned(-1, 1, PLAN[:1]),
    ev.Intent(-1, "c1"),
    ev.Result(-1, "c1", Outcome.REJECTED, "ref-2", "bloqueado"),
    ev.Settled(-1, "done"),
    opened(2),
)


async def test_the_second_message_is_part_of_its_cases_story(tmp_path: Path) -> None:
    await written(tmp_path, *RESTORED)
    code, text = show(tmp_path, 1, ZONE)
    assert code == 0
    lines = text.splitlines()
    assert "-1" not in [word.strip(",:") for word in text.split()]
    assert "#9  approved [service is back]  by=Ana (1)" in lines[9]
    assert lines[9 + 5].startswith("now: case 1  ")
    assert lines[9 + 6].startswith("now: case 1 [service is back]  ")
    first, second = text.split("recipients of approval 1:\n")[1].split(
        "recipients of approval 1 [service is back]:\n"
    )
    assert "reference=ref-1" in first
    assert "reference=ref-2" not in first
    assert second.rstrip().endswith("now rejected (bloqueado)")
    assert len(second.splitlines()) == 1
    assert show(tmp_path, -1, ZONE) == (code, text)


async def test_the_list_has_the_second_message_behind_its_case(tmp_path: Path) -> None:
    await written(tmp_path, *RESTORED)
    _, first, second, third = show(tmp_path, None, ZONE)[1].splitlines()
    assert first.startswith("case 1  ")
    assert second.startswith("case 1 [service is back]  ")
    assert third.startswith("case 2  ")
    with pytest.raises(StartupError, match="the last one is 2"):
        show(tmp_path, 3, ZONE)


async def test_a_case_of_several_ports_tells_of_what_any_of_them_is_in(tmp_path: Path) -> None:
    other = port("6/16")
    await written(
        tmp_path,
        ev.CaseOpened(1, incident(1), (incident(2, place="6/16"),), GROUPING),
        ev.CaseOpened(2, incident(9)),
        ev.IncidentJoined(1, incident(3, place="7/1"), GROUPING),
        ev.Proposed(1, ANA, ("hours",), NOON),
        ev.Forecast(1, ANA, NOON),
        ev.CauseNamed(1, ANA, "poste", "Norte"),
        ev.Silenced(1, (Scope("CB 01", "7/1"), Scope("CB 02")), NOON, ANA, "obra"),
        ev.Silenced(2, (Scope("CB 02", "7/1"),), NOON, ANA, "obra"),
        ev.SilenceEnded(1, BRUNO),
        ev.SilenceEnded(2, BRUNO),
        ev.CooldownReleased(other, ANA, "pediu"),
    )
    _, *story, now = show(tmp_path, 1, ZONE)[1].splitlines()
    assert [line.split("  ")[2] for line in story] == [
        *("case_opened", "incident_joined", "proposed", "forecast", "cause_named"),
        *("silenced", "silence_ended", "cooldown_released"),
    ]
    assert "scopes=2: CB 01 7/1, CB 02  until=" in story[5]
    assert "despite=hours" in story[2]
    assert "LOS CB 01 6/15 + 2 ports" in now


async def test_the_command_takes_tz_alone(
    tmp_path: Path, segment: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("TELEGRAM_TOKEN", "nonsense")
    assert main(["ledger", "show", "1", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("times: Asia/Tokyo\n2026-11-23 00:00:00  #1  case_opened")
    monkeypatch.setenv("TZ", "Nowhere/At_all")
    assert main(["ledger", "show", "1", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("times: UTC\n2026-11-22 15:00:00  #1  case_opened")


def test_a_case_is_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["ledger", "show", "one"])
    assert ended.value.code == 2


async def test_a_case_is_the_same_with_the_bots_index_and_without(tmp_path: Path, segment: Path) -> None:
    clock = FakeClock()
    without = [show(tmp_path, case, ZONE) for case in (1, 2, None)]
    past = FileHistory(tmp_path, lambda: 5, clock)
    await past.audit(Wish(), 0, 1)
    index = tmp_path / "ledger" / "index.sqlite"
    before = index.read_bytes()
    assert [show(tmp_path, case, ZONE) for case in (1, 2, None)] == without
    assert index.read_bytes() == before
    await past.close()


async def test_a_case_is_told_where_there_is_no_room_for_an_index(
    tmp_path: Path, segment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = show(tmp_path, 1, ZONE)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    assert show(tmp_path, 1, ZONE) == told


async def test_a_silence_from_before_a_case_ends_in_its_story(tmp_path: Path) -> None:
    before = (
        ev.Silenced(1, (Scope("CB 01"),), NOON, ANA, "obra"),
        ev.Silenced(2, (Scope("X"),), NOON, ANA, "y"),
    )
    await written(tmp_path, *before, opened(1), ev.SilenceEnded(1, BRUNO), ev.SilenceEnded(2, BRUNO))
    code, text = show(tmp_path, 1, ZONE)
    kinds = [line.split("  ")[2] for line in text.splitlines() if "#" in line]
    assert (code, kinds) == (0, ["case_opened", "silence_ended"])


async def test_a_silence_on_a_cases_port_is_part_of_its_story(tmp_path: Path) -> None:
    silenced = ev.Silenced(1, (Scope("CB 01"),), NOON, ANA, "obra")
    elsewhere = ev.Silenced(2, (Scope("CB 02"),), NOON, ANA, "obra")
    await written(
        tmp_path, opened(1), opened(2), silenced, elsewhere, ev.SilenceEnded(1, BRUNO), ev.Stopped()
    )
    kinds = [line.split("  ")[2] for line in show(tmp_path, 1, ZONE)[1].splitlines()[1:-1]]
    assert kinds == ["case_opened", "silenced", "silence_ended"]
