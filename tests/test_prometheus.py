"""A real Prometheus reads the running bot: what the dashboard asks is answered, and the rules judge it."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.simulator.ports import free_port
from tests.patience import PATIENCE

from .isp import Isp, isp
from .test_alerts import RULES
from .test_health import running, settles
from .test_metrics import says

PROMETHEUS = shutil.which("prometheus")
BOARD = json.loads((RULES.parent / "noc-bot.dashboard.json").read_text("utf-8"))
CHANGES = " - ".join(f'{of}({of}_over_time(noc_lease_epoch{{job="noc"}}[1h]))' for of in ("max", "min"))
SILENT = {
    'sum by (status) (increase(noc_receipts_total{job="noc"}[1h]))': "this gateway tells of none",
    'noc_leader{job="noc"}': "one machine on files",
    'noc_database_away{job="noc"}': "the same",
    'noc_lease_age_seconds{job="noc"}': "the same",
    CHANGES: "the same",
    'noc_sending_machines{job="noc"}': "the same",
    '60 * rate(noc_lent_messages_total{job="noc"}[1m])': "the same",
    'changes(process_start_time_seconds{job="noc"}[2m]) > 0': "nothing started anew",
}
"""What has no answer here, and why that is right."""
pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(PROMETHEUS is None, reason="Debian's prometheus is not here; .ci/run installs it"),
]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Isp]:
    async with isp(tmp_path, 3) as made:
        yield made


class Prometheus:
    """Asked over HTTP, as Grafana does."""

    def __init__(self, port: int) -> None:
        self._http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=PATIENCE)

    async def get(self, path: str, **params: str) -> Any:
        answer = await self._http.get(f"/api/v1/{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def ready(self) -> bool:
        try:
            return (await self._http.get("/-/ready")).status_code == 200
        except httpx.ConnectError:
            return False

    async def value(self, expr: str) -> list[float]:
        """What an expression comes to now, of each series."""
        return [float(one["value"][1]) for one in (await self.get("query", query=expr))["result"]]

    async def alerts(self) -> set[str]:
        """Those that fire."""
        found = (await self.get("alerts"))["alerts"]
        return {one["labels"]["alertname"] for one in found if one["state"] == "firing"}

    async def until(self, true: Callable[[], Any]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not await true():  # noqa: ASYNC110 - another process is asked
                await asyncio.sleep(0.1)

    async def aclose(self) -> None:
        await self._http.aclose()


@asynccontextmanager
async def watching(site: Isp) -> AsyncIterator[Prometheus]:
    """One that reads the bot each second, by the rules as they are but that ring sooner."""
    rules, port = site.folder / "sooner.rules", free_port()
    rules.write_text(RULES.read_text("utf-8").replace("for: 3m", "for: 1s"), "utf-8")
    target = f"127.0.0.1:{site.variables['OPS_PORT']}"
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": [{"job_name": "noc", "static_configs": [{"targets": [target]}]}],
    }
    (site.folder / "prometheus.json").write_text(json.dumps(config))
    child = await asyncio.create_subprocess_exec(
        str(PROMETHEUS),
        f"--config.file={site.folder / 'prometheus.json'}",
        f"--storage.tsdb.path={site.folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    made = Prometheus(port)
    try:
        await made.until(made.ready)
        yield made
    finally:
        await made.aclose()
        child.terminate()
        await child.wait()


def asked() -> list[str]:
    targets = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]
    notes = [note["expr"] for note in BOARD["annotations"]["list"]]
    return [one.replace("$job", "noc").replace("$__rate_interval", "1m") for one in (*targets, *notes)]


async def test_what_the_dashboard_asks_is_answered_and_who_is_gone_is_missed(site: Isp) -> None:
    nobody = next(iter(site.world.customers.values()))  # who gets none, and why, is asked, too
    nobody.contact = nobody.phone_number = ""
    async with watching(site) as prometheus:
        async with running(site):
            await settles(site)

            async def read_before() -> bool:
                return bool(await prometheus.value('noc_sends_total{outcome="accepted"} == 0'))

            await prometheus.until(read_before)
            await site.chat.tap(site.ana, await site.card(), "Aprovar")
            await says(site, {'noc_sends_total{gateway="matrix",outcome="accepted"}': 2})

            async def read_after() -> bool:
                return bool(await prometheus.value('increase(noc_sends_total{outcome="accepted"}[1m]) > 0'))

            await prometheus.until(read_after)
            silent = {expr for expr in asked() if not await prometheus.value(expr)}
            [group] = (await prometheus.get("rules"))["groups"]
            firing = await prometheus.alerts()
            await settles(site)
        assert silent == SILENT.keys()
        assert {(rule["name"], rule["health"], rule.get("lastError")) for rule in group["rules"]} == {
            (rule["name"], "ok", None) for rule in group["rules"]
        }
        assert len(group["rules"]) == 20
        assert firing == set(), "all is well"

        async def missed() -> bool:
            return await prometheus.alerts() == {"NocBotDown"}

        await prometheus.until(missed)
