"""`/metrics`, `/livez` and `/readyz` of the bot in this process, over real HTTP."""

import asyncio
import contextlib
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from bot.domain.watched.measures import Spread
from bot.ops.metrics import FRESH, Family, metrics, text
from bot.ops.server import Request
from bot.process.clock import SystemClock
from bot.process.watched.beat import STUCK, Beat
from bot.process.watched.by_olt import MOST, OTHER, by_olt
from bot.process.watched.led import led
from bot.simulator.world import World
from bot.storage.files import FileLedger
from tests.patience import PATIENCE

from .fakes import FakeClock, incident, settled
from .isp import ROOT, Isp, isp, until
from .storage.samples import EVERY_KIND, adds
from .test_health import running, settles

PROMTOOL = shutil.which("promtool")


@dataclass
class Held:
    """A lease as it is told of."""

    age: float = 0.4
    epoch: int | None = 7


needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool (Debian's prometheus) is not here; .ci/run installs it"
)
PERSONAL = ("phone", "customer", "serial", "case", "incident", "user", "pon", "port", "name")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Isp]:
    async with isp(tmp_path, 3) as made:
        yield made


async def asked(site: Isp, path: str, method: str = "GET") -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
        return await http.request(method, f"http://127.0.0.1:{site.variables['OPS_PORT']}{path}")


async def numbers(site: Isp) -> dict[str, float]:
    """What `/metrics` says, by name and labels as they stand there."""
    answer = await asked(site, "/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return read(answer.text)


def read(exported: str) -> dict[str, float]:
    lines = (line for line in exported.splitlines() if line and not line.startswith("#"))
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


async def told(site: Isp, true: Callable[[dict[str, float]], bool]) -> dict[str, float]:
    """The numbers, once that is true of them."""
    found: dict[str, float] = {}
    try:
        async with asyncio.timeout(PATIENCE):
            while not true(found := await numbers(site)):  # noqa: ASYNC110 - it is asked again
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError("\n".join(f"{name} {value}" for name, value in found.items())) from None
    return found


async def says(site: Isp, wanted: Mapping[str, float]) -> dict[str, float]:
    """The numbers, once they are these."""
    return await told(site, lambda found: not wanted.items() - found.items())


async def test_the_main_job_in_numbers_that_name_nobody(site: Isp) -> None:
    async with running(site):
        await settles(site)
        card = await site.card()
        waits = await says(site, {'noc_cases_open{state="waiting"}': 1, 'noc_incidents_open{kind="LOS"}': 1})
        assert waits["noc_case_oldest_waiting_timestamp_seconds"] > 1e9
        assert waits['noc_sends_total{gateway="matrix",outcome="accepted"}'] == 0
        await site.chat.tap(site.ana, card, "Aprovar")
        await until(lambda: len(site.hsm.received) == 3)
        found = await says(
            site,
            {
                'noc_sends_total{gateway="matrix",outcome="accepted"}': 3,
                'noc_sends_in_flight{gateway="matrix"}': 0,
                'noc_send_duration_seconds_count{gateway="matrix"}': 3,
                'noc_decisions_total{decision="approve"}': 1,
                'noc_decision_latency_seconds_count{decision="approve"}': 1,
                "noc_dispatch_duration_seconds_count": 1,
                'noc_directory_lookups_total{directory="oltcloud",result="found"}': 3,
                'noc_cases_open{state="waiting"}': 0,
                'noc_cases_open{state="decided"}': 1,
                "noc_case_oldest_waiting_timestamp_seconds": 0,
                "noc_unknown_unresolved": 0,
                "noc_ledger_closed": 0,
            },
        )
        paths = ("/metrics", "/livez?verbose", "/readyz?verbose", "/healthz?verbose")
        told = [(await asked(site, path)).text for path in paths]
    labels = {name for line in told[0].splitlines() for name in re.findall(r'(\w+)="', line)}
    assert not labels & set(PERSONAL)
    assert len(told[0].splitlines()) < 500
    names_nobody(site.world, "".join(told))
    assert found['noc_source_polls_total{result="ok",source="oltcloud"}'] >= 1
    assert found['noc_telegram_requests_total{result="ok"}'] > 1
    assert found["noc_ledger_lines_total"] >= 3 * 2 + 2
    assert found["noc_ledger_fsync_seconds_count"] <= found["noc_ledger_lines_total"]
    assert found["noc_ledger_free_bytes"] > 0
    assert found["process_start_time_seconds"] > 1e9


async def ready(site: Isp) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(httpx.ConnectError):  # it does not listen yet
                if (await asked(site, "/readyz")).status_code == 200:
                    return
            await asyncio.sleep(0.02)


def damaged(site: Isp) -> None:
    """Its first month is not what was written."""
    file = next((Path(site.variables["DATA_DIR"]) / "ledger").glob("*.jsonl"))
    file.write_bytes(b"{}\n" + file.read_bytes())


def names_nobody(world: World, told: str) -> None:
    for customer in world.customers.values():
        assert not customer.phone_number or customer.phone_number not in told
        assert customer.name not in told
    assert not any(serial in told for serial in world.onus)


@pytest.mark.process
@needs_promtool
async def test_promtool_has_nothing_to_say_against_it(site: Isp) -> None:
    async with running(site):
        await settles(site)
        exported = (await asked(site, "/metrics")).content
    checked = await asyncio.to_thread(
        subprocess.run, [str(PROMTOOL), "check", "metrics"], input=exported, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


async def test_by_olt_where_it_is_asked_for(site: Isp) -> None:
    site.variables["METRICS_PER_OLT"] = "true"
    async with running(site):
        await settles(site)
        wanted = {
            f'noc_olt_{what}{{olt="CB 01"}}': n for what, n in (("incidents_open", 1), ("onus_affected", 3))
        }
        found = await says(
            site, wanted | {'noc_olt_incidents_open{olt="other"}': 0, 'noc_incidents_open{kind="LOS"}': 1}
        )
    assert sum(value for name, value in found.items() if name.startswith("noc_olt_incidents_open")) == 1


def test_however_many_olts_there_are_the_series_are_few() -> None:
    down = [incident(str(n), place="1/1", affected=n, olt=f"OLT {n:03} ") for n in range(300)]
    opened, onus = by_olt(down, {f"OLT {n:03}" for n in range(500)} | {"x" * 500})
    assert len(opened.values) == len(onus.values) == MOST + 1
    assert sum(n for n in opened.values.values() if not isinstance(n, Spread)) == 300
    assert sum(n for n in onus.values.values() if not isinstance(n, Spread)) == sum(range(300))
    assert opened.values[(OTHER,)] == 300 - MOST
    [quiet, _] = by_olt([], {"OLT 1\n", "x" * 500})
    assert quiet.values == {("OLT 1",): 0, ("x" * 60,): 0, (OTHER,): 0}
    [unknown, _] = by_olt([incident("1", affected=None, olt="other")], ())
    assert unknown.values == {("other",): 1}


async def test_a_head_is_answered_and_nothing_else_is_taken(site: Isp) -> None:
    async with running(site):
        await settles(site)
        for path in ("/livez", "/readyz", "/healthz", "/metrics"):
            head = await asked(site, path, "HEAD")
            assert (head.status_code, head.content) == (200, b""), path
            assert (await asked(site, path, "POST")).status_code == 405, path
        assert (await asked(site, "/readyz?verbose")).json()["well"] == ["start", "ledger"]
        well = ["source", "telegram", "posts", "gateway", "ledger"]
        assert (await asked(site, "/healthz?verbose")).json() == {"ok": True, "wrong": {}, "well": well}


async def test_it_lives_and_is_ready_whoever_else_is_away(site: Isp) -> None:
    await site.olt.stop()
    await site.chat.stop()
    await site.hsm.stop()
    async with running(site):
        await settles(site, "source", "telegram")
        assert (await asked(site, "/livez")).json() == {"ok": True, "wrong": {}}
        await ready(site)
        found = await says(site, {'noc_source_last_success_timestamp_seconds{source="oltcloud"}': 0})
        assert found["noc_telegram_last_update_timestamp_seconds"] == 0
        await site.olt.start()
        await site.chat.start()
        await site.hsm.start()


async def test_a_closed_ledger_is_not_ready_but_lives(site: Isp) -> None:
    data = Path(site.variables["DATA_DIR"])
    ledger = FileLedger.open(data, SystemClock())
    for line in EVERY_KIND[:3]:
        await ledger.commit(adds(line))
    await ledger.close()
    damaged(site)
    async with running(site):
        await settles(site, "ledger")
        unready = await asked(site, "/readyz?verbose")
        assert unready.status_code == 503
        assert unready.json()["wrong"] == {"ledger": "closed: nothing can be decided or sent"}
        assert unready.json()["well"] == ["start"]
        assert (await asked(site, "/livez")).status_code == 200
        await says(site, {"noc_ledger_closed": 1})


async def test_a_loop_that_stood_still_says_so() -> None:
    clock = FakeClock()
    beat = Beat(clock)
    assert (beat.wrong(), beat.lag) == ({}, 0.0)
    beat.start()
    await clock.advance(1)
    assert (beat.wrong(), beat.lag) == ({}, 0.0)
    clock.ticks += STUCK + 1  # and nobody was woken
    assert beat.wrong() == {"loop": "did not turn for 11 s"}
    clock._sleepers.pop()[2].set_result(None)
    await settled()
    assert (beat.wrong(), beat.lag) == ({}, STUCK)
    beat.stop()


async def test_who_asks_often_gets_the_same_answer_for_a_second() -> None:
    clock, read_so_often = FakeClock(), 0

    async def read_now() -> list[Family]:
        nonlocal read_so_often
        read_so_often += 1
        return [Family("noc_read", "gauge", "How often.", {(): read_so_often})]

    route, request = metrics(read_now, clock.monotonic), Request("GET", "", {}, b"")
    many = await asyncio.gather(*(route.answer(request) for _ in range(20)))
    assert {read(one.content.decode())["noc_read"] for one in many} == {1}
    await clock.advance(FRESH)
    assert read((await route.answer(request)).content.decode())["noc_read"] == 2


def test_what_could_break_the_format_is_escaped() -> None:
    odd = Family("noc_odd", "gauge", 'A "line"\nand \\ more', {('a"b\n\\c',): 1}, ("what",))
    assert b'noc_odd{what="a\\"b\\n\\\\c"} 1.0\n' in text([odd])


async def test_rules_and_dashboard_ask_for_nothing_that_is_not_there(site: Isp) -> None:
    """But for receipts, which stand there only where the gateway tells of them, the platform's limit, and
    which of several machines leads.
    """
    site.variables["HSM_DAILY_LIMIT"] = "1000"
    async with running(site):
        await settles(site)
        exported = (await asked(site, "/metrics")).text
    names = {line.partition("{")[0].partition(" ")[0] for line in exported.splitlines() if line[:1] != "#"}
    wanted = set[str]()
    for file in sorted((ROOT / "bot/docs/prometheus").iterdir()):
        wanted |= set(re.findall(r"\b(?:noc|process|python)_[a-z_]+", file.read_text("utf-8")))
    assert len(wanted) > 20
    several = {family.name for lease in (None, Held()) for family in led(lease)}
    assert wanted - names == {"noc_receipts_total"} | several


def test_the_dashboard_is_one_that_grafana_reads() -> None:
    board = json.loads((ROOT / "bot/docs/prometheus/noc-bot.dashboard.json").read_text("utf-8"))
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    cells = [(p["x"] + x, p["y"] + y) for p in places for x in range(p["w"]) for y in range(p["h"])]
    assert len(set(cells)) == len(cells), "panels lie on each other"
    assert all(target["expr"] for panel in panels for target in panel["targets"])
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
