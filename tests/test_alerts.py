"""Every alert of the rules fires: what it is about is broken, and promtool reads what the bot says then."""

import asyncio
import errno
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from bot.ops.metrics import Family, text
from bot.process.watched.led import led
from bot.simulator.cloud import NUMBER, CloudApi
from bot.simulator.server import Answer, DropAfter
from bot.storage.disk import Disk

from .isp import ROOT, Isp, isp
from .test_health import running, settles
from .test_metrics import PROMTOOL, Held, needs_promtool, read, told

RULES = ROOT / "bot/docs/prometheus/noc-bot.pt-BR.rules.yml"
ENGLISH = RULES.with_name("noc-bot.en.rules.yml")
AT = 60  # minutes of the past that all was as before
HOURS = 4 * 60  # minutes that it stays broken
Fired = Mapping[int, Sequence[str]]
DOWN: Fired = {2: [], 4: ["NocBotDown"]}
CRASHES: Fired = {5: [], 7: ["NocBotCrashLooping"]}
AWAY: Fired = {3: [], 9: ["NocBotSourceBlind", "NocBotTelegramDeaf"]}
CLOSED: Fired = {1: ["NocBotLedgerClosed"], 11: ["NocBotDiskLow", "NocBotLedgerClosed"]}
WAITING: Fired = {
    14: ["NocBotDailyLimitNear"],
    20: ["NocBotDailyLimitNear", "NocBotDirectoryErrors"],
    31: ["NocBotCaseWaiting", "NocBotDailyLimitNear"],
}
REFUSED: Fired = {1: ["NocBotSendsFailing"]}
LOST: Fired = {
    1: ["NocBotSendsUnknown"],
    6: ["NocBotGatewayBreaker", "NocBotSendsUnknown"],
    130: ["NocBotGatewayBreaker", "NocBotUnknownUnresolved"],
}
UNDELIVERED: Fired = {29: [], 31: ["NocBotNothingDelivered"]}
NO_LEADER: Fired = {0: [], 2: ["NocBotNoLeader"]}
TWO_LEAD: Fired = {0: [], 2: ["NocBotTwoLeaders"]}
NO_DATABASE: Fired = {0: [], 2: ["NocBotDatabaseAway", "NocBotDatabaseAway", "NocBotNoLeader"]}
ALONE: Fired = {2: [], 12: ["NocBotDown", "NocBotNoStandby"]}
TO_AND_FRO: Fired = {1: [], 2: ["NocBotLeadChanges"]}
LATE: Fired = {6: [], 12: ["NocBotLeaseLate"]}
ALL = (
    *(DOWN, CRASHES, AWAY, CLOSED, WAITING, REFUSED, LOST, UNDELIVERED),
    *(NO_LEADER, TWO_LEAD, NO_DATABASE, ALONE, TO_AND_FRO, LATE),
)


def test_none_is_left_out() -> None:
    [group] = yaml.safe_load(RULES.read_text())["groups"]
    fired = {name for one in ALL for names in one.values() for name in names}
    assert sorted(fired) == sorted(rule["alert"] for rule in group["rules"])


def test_both_languages_have_the_same_rules() -> None:
    here, there = (yaml.safe_load(file.read_text("utf-8"))["groups"][0]["rules"] for file in (RULES, ENGLISH))
    for ours, theirs in zip(here, there, strict=True):
        said, in_english = ours.pop("annotations"), theirs.pop("annotations")
        assert ours == theirs
        assert said.keys() == in_english.keys()
        assert not any(said[what] == in_english[what] for what in said), ours["alert"]


def test_each_says_what_it_is_and_who_is_woken() -> None:
    [group] = yaml.safe_load(RULES.read_text())["groups"]
    for rule in group["rules"]:
        assert rule["labels"]["severity"] in {"critical", "warning"}, rule["alert"]
        assert rule["annotations"].keys() == {"summary", "description", "runbook"}, rule["alert"]


@dataclass(frozen=True)
class Look:
    """What the bot said, and when (seconds since 1970)."""

    said: dict[str, float]
    at: float


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Isp]:
    async with isp(tmp_path) as made:
        yield made


async def look(site: Isp, wanted: Mapping[str, float] | None = None) -> Look:
    """At the bot, once its numbers are no less than these."""
    least = wanted or {}
    said = await told(site, lambda said: all(said[name] >= value for name, value in least.items()))
    return Look(said, time.time())


def values(name: str, before: Look, after: Look, *, away: bool) -> str:
    """A series as promtool takes it, a value a minute: as it was until minute `AT`, then as it is broken.

    A time is moved into promtool's world, which begins at 0. That of a good answer goes on with each minute,
    but where whoever gave it is `away`.
    """
    was, now = before.said.get(name), after.said.get(name)
    answer = "_last_" in name
    if was is not None and answer:
        first = f"{was - before.at:.3f}+60x{AT - 1}"
    else:
        first = f"_x{AT}" if was is None else f"{was:.6f}+0x{AT - 1}"
    if now and "_timestamp_seconds" in name:
        now += AT * 60 - after.at
    return first if now is None else f"{first} {now:.6f}+{60 if answer and not away else 0}x{HOURS}"


def labelled(name: str) -> str:
    bare, _, labels = name.partition("{")
    return f'{bare}{{job="noc",instance="noc:8081"' + (f",{labels}" if labels else "}")


def series(before: Look, after: Look, *, away: bool = False) -> list[dict[str, str]]:
    names = [name for name in before.said | after.said if name.startswith("noc_") and "_bucket" not in name]
    up = {"series": labelled("up"), "values": f"1+0x{AT + HOURS}"}
    return [up, *({"series": labelled(n), "values": values(n, before, after, away=away)} for n in names)]


async def fires(folder: Path, given: list[dict[str, str]], fired: Fired) -> None:
    """These alerts and no others fire so many minutes after all was well."""
    wanted = {AT - 1: [], **{AT + minutes: names for minutes, names in fired.items()}}
    tests = [
        {
            "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
            "eval_time": f"{minutes}m",
            "exp_samples": [
                {"labels": f'{{alertname="{name}"}}', "value": count}
                for name, count in sorted(Counter(names).items())
            ],
        }
        for minutes, names in wanted.items()
    ]
    test = {"interval": "1m", "input_series": given, "promql_expr_test": tests}
    file = folder / "alerts.json"
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]}))
    await promtool("test", "rules", str(file))


async def promtool(*arguments: str) -> None:
    done = await asyncio.to_thread(
        subprocess.run, [str(PROMTOOL), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


pytestmark = pytest.mark.process


@needs_promtool
async def test_promtool_reads_the_rules() -> None:
    await promtool("check", "rules", str(RULES), str(ENGLISH))


@needs_promtool
async def test_promtool_reads_what_the_dashboard_asks(tmp_path: Path) -> None:
    board = json.loads((RULES.parent / "noc-bot.dashboard.json").read_text("utf-8"))
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    asked += [note["expr"] for note in board["annotations"]["list"]]
    exprs = [one.replace("$job", "noc").replace("$__rate_interval", "2m") for one in asked]
    rules = [{"record": f"dashboard:{number}", "expr": expr} for number, expr in enumerate(exprs)]
    file = tmp_path / "dashboard.json"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    await promtool("check", "rules", str(file))


@needs_promtool
async def test_a_bot_that_is_gone(tmp_path: Path) -> None:
    up = {"series": labelled("up"), "values": f"1+0x{AT - 1} 0+0x{HOURS}"}
    await fires(tmp_path, [up], DOWN)
    nobody = up | {"values": f"1+0x{AT - 1}"}  # is asked any more
    await fires(tmp_path, [nobody], {3: [], 9: ["NocBotDown"]})


@needs_promtool
async def test_a_bot_that_starts_again_and_again(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from bot.ops.metrics import text; print(text([]).decode())"]
    starts: list[float] = []
    for _ in range(5):
        child = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, check=True, cwd=ROOT
        )
        starts.append(read(child.stdout)["process_start_time_seconds"])
    assert len(set(starts)) == 5
    up = {"series": labelled("up"), "values": f"1+0x{AT + HOURS}"}
    times = f"{starts[0]:.2f}+0x{AT - 1} " + " ".join(f"{start:.2f}+0x1" for start in starts[1:])
    began = {"series": labelled("process_start_time_seconds"), "values": times}
    await fires(tmp_path, [up, began], CRASHES)


@needs_promtool
async def test_a_source_and_a_telegram_that_are_away(site: Isp, tmp_path: Path) -> None:
    async with running(site):
        await settles(site)
        before = await look(site)
        await site.olt.stop()
        await site.chat.stop()
        after = await look(site, {'noc_source_polls_total{result="error",source="oltcloud"}': 1})
        await site.olt.start()
        await site.chat.start()
    await fires(tmp_path, series(before, after, away=True), AWAY)


@needs_promtool
async def test_a_closed_ledger_and_a_full_disk(
    site: Isp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_disk: Disk, _descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async with running(site):
        await settles(site)
        before = await look(site)
        with monkeypatch.context() as broken:
            broken.setattr(Disk, "fdatasync", full)
            broken.setattr(Disk, "free_bytes", lambda _disk, _folder: 150_000_000)
            site.world.outage(12)  # what is seen of it finds no room
            await settles(site, "ledger")
            after = await look(site, {"noc_ledger_closed": 1})
    await fires(tmp_path, series(before, after), CLOSED)


@needs_promtool
async def test_a_case_that_waits_customers_that_cannot_be_looked_up_and_a_limit_that_is_near(
    site: Isp, tmp_path: Path
) -> None:
    async with running(site):
        await settles(site)
        before = await look(site)
    site.variables["HSM_DAILY_LIMIT"] = "99"
    site.olt.faults.always(Answer(500), match=lambda path: "/customer" in path or "/client" in path)
    site.world.outage(12)
    async with running(site):
        await settles(site)
        error = 'noc_directory_lookups_total{directory="oltcloud",result="error"}'
        after = await look(site, {'noc_cases_open{state="waiting"}': 1, error: 10})
    await fires(tmp_path, series(before, after), WAITING)


async def sent(site: Isp, wanted: Mapping[str, float]) -> Look:
    """What it says after an approval, once it is this."""
    await site.chat.tap(site.ana, await site.card(), "Aprovar")
    return await look(site, wanted)


@needs_promtool
async def test_a_gateway_that_refuses_people(site: Isp, tmp_path: Path) -> None:
    async with running(site):
        await settles(site)
        before = await look(site)
        site.world.outage(12)
        for customer in site.world.customers.values():
            site.hsm.refuse(f"55{customer.phone_number}", "numero invalido")
        after = await sent(site, {'noc_sends_total{gateway="matrix",outcome="rejected"}': 12})
    await fires(tmp_path, series(before, after), REFUSED)


@needs_promtool
async def test_a_gateway_whose_answers_are_lost(site: Isp, tmp_path: Path) -> None:
    site.variables["HSM_CONCURRENCY"] = "10"
    async with running(site):
        await settles(site)
        before = await look(site)
        site.world.outage(40)
        site.hsm.faults.always(DropAfter())
        open_ = 'noc_gateway_breaker_open{gateway="matrix"}'
        lost = 'noc_sends_total{gateway="matrix",outcome="unknown"}'  # once it is on disk
        after = await sent(site, {open_: 1, lost: 5, "noc_unknown_unresolved": 5})
        await settles(site, "gateway")
        site.hsm.faults.clear()
        await site.chat.tap(site.ana, await site.card("Encerrar envio"), "Encerrar envio")
        await settles(site)  # nobody waits for it any more
    await fires(tmp_path, series(before, after), LOST)


@needs_promtool
async def test_messages_of_which_none_arrives(site: Isp, tmp_path: Path) -> None:
    async with CloudApi() as api:
        api.templates = {"aviso_fibra": 2, "aviso_energia": 2}
        site.variables |= {
            "GATEWAY": "cloud",
            "WA_BASE_URL": api.url,
            "WA_TOKEN": api.token,
            "WA_PHONE_NUMBER_ID": NUMBER,
            "WA_TEMPLATE_LOS": "aviso_fibra",
            "WA_TEMPLATE_POWER": "aviso_energia",
            "HSM_VARIABLES": "nome,inicio",
            "WA_APP_SECRET": "um-segredo-de-teste",
            "WA_VERIFY_TOKEN": "um-token-de-teste",
        }
        for name in ("URL_HSM", "TOKEN_HSM", "HSM_ACCOUNT", "HSM_ID_LOS", "HSM_ID_POWER"):
            site.variables.pop(name)
        async with running(site):
            await settles(site)
            before = await look(site)
            site.world.outage(25)
            after = await sent(site, {'noc_sends_total{gateway="cloud",outcome="accepted"}': 25})
    await fires(tmp_path, series(before, after), UNDELIVERED)


STANDS_BY = led(None)
LEADS = led(Held())


def machines(
    *then: tuple[Sequence[Family] | None, Sequence[Family] | None], up: int = 1
) -> list[dict[str, str]]:
    """What noc-a, which leads until minute `AT`, and noc-b say, and what they say minute by minute from then
    on; the last stays. None: nothing any more. `up`: whether noc-b can be read then.
    """
    given = [
        {"series": 'up{job="noc",instance="noc-a"}', "values": f"1+0x{AT + HOURS}"},
        {"series": 'up{job="noc",instance="noc-b"}', "values": f"1+0x{AT - 1} {up}+0x{HOURS}"},
    ]
    for which, (name, before) in enumerate((("noc-a", LEADS), ("noc-b", STANDS_BY))):
        said = [numbers(before), *(numbers(turn[which]) for turn in then)]
        for metric in dict.fromkeys(key for one in said for key in one):
            first = part(said[0].get(metric), AT - 1)
            middle = [part(one.get(metric), 0) for one in said[1:-1]]
            values = " ".join([first, *middle, part(said[-1].get(metric), HOURS)])
            given.append({"series": f'{metric}{{job="noc",instance="{name}"}}', "values": values})
    return given


def numbers(families: Sequence[Family] | None) -> dict[str, float]:
    return {} if families is None else {k: v for k, v in read(text(families).decode()).items() if "noc_" in k}


def part(value: float | None, more: int) -> str:
    """So long the same."""
    return f"_x{more + 1}" if value is None else f"{value}+0x{more}"


@needs_promtool
async def test_a_take_over_rings_for_nothing(tmp_path: Path) -> None:
    """Whoever leads next has one more; in between both may be read as if they stood by."""
    over = machines((STANDS_BY, STANDS_BY), (STANDS_BY, led(Held(epoch=8))))
    await fires(tmp_path, over, {0: [], 1: [], 10: [], 120: []})


@needs_promtool
@pytest.mark.parametrize(
    ("then", "up", "fired"),
    [
        ([(STANDS_BY, STANDS_BY)], 1, NO_LEADER),
        ([(LEADS, LEADS)], 1, TWO_LEAD),
        ([(led(None, away=True), led(None, away=True))], 1, NO_DATABASE),
        ([(LEADS, None)], 0, ALONE),
        (
            [
                (STANDS_BY, led(Held(epoch=8))),
                (led(Held(epoch=9)), STANDS_BY),
                (STANDS_BY, led(Held(epoch=10))),
            ],
            1,
            TO_AND_FRO,
        ),
        ([(led(Held(age=1.9)), STANDS_BY)], 1, LATE),
    ],
    ids=["nobody leads", "two lead", "no database", "nobody stands by", "to and fro", "late"],
)
async def test_two_machines_of_which(
    tmp_path: Path, then: list[tuple[Sequence[Family] | None, Sequence[Family] | None]], up: int, fired: Fired
) -> None:
    await fires(tmp_path, machines(*then, up=up), fired)


@needs_promtool
async def test_one_machine_that_was_always_alone_rings_for_nothing(tmp_path: Path) -> None:
    given = [one for one in machines((LEADS, STANDS_BY)) if "noc-b" not in one["series"]]
    await fires(tmp_path, given, {0: [], 60: []})
