"""A real Alertmanager tells the real bot: while it is away, of an outage, and that it is over."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.simulator.erps.ixc import IxcApi
from bot.simulator.ports import free_port
from tests.patience import PATIENCE

from .isp import Isp, isp, until
from .test_hook import running

PROGRAM = shutil.which("prometheus-alertmanager")
SECRET = "um-segredo-de-teste"
CONFIG = """
route:
  receiver: noc
  group_by: [alertname]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: noc
    webhook_configs:
      - url: http://127.0.0.1:{port}/hooks/prom
        http_config: {{authorization: {{credentials: {secret}}}}}
"""

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(
        PROGRAM is None, reason="Debian's prometheus-alertmanager is not here; .ci/run installs it"
    ),
]


class Alertmanager:
    """The program, and its API, to which Prometheus posts alerts."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    async def is_ready(self) -> bool:
        return await self._ask("GET", "/-/ready") == 200

    async def post(self, *alerts: dict[str, Any]) -> None:
        assert await self._ask("POST", "/api/v2/alerts", json=alerts) == 200

    async def _ask(self, method: str, path: str, **more: Any) -> int:
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
            try:
                return (await http.request(method, self._url + path, **more)).status_code
            except httpx.TransportError:
                return 0


@asynccontextmanager
async def alertmanager(folder: Path, ops_port: str) -> AsyncIterator[Alertmanager]:
    config, port = folder / "prometheus.conf", free_port()
    config.write_text(CONFIG.format(port=ops_port, secret=SECRET))
    addresses = (f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=")
    files = (f"--config.file={config}", f"--storage.path={folder / 'alertmanager'}")
    with (folder / "alertmanager.log").open("wb") as log:
        program = await asyncio.create_subprocess_exec(
            str(PROGRAM), *addresses, *files, stdout=log, stderr=log
        )
    try:
        made = Alertmanager(port)
        async with asyncio.timeout(PATIENCE):
            while not await made.is_ready():
                assert program.returncode is None, (folder / "alertmanager.log").read_text()
                await asyncio.sleep(0.02)
        yield made
    finally:
        program.kill()
        await program.wait()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Isp]:
    async with isp(tmp_path) as made, IxcApi(made.world) as erp:
        made.variables |= {
            "SOURCE": "hook:prom",
            "HOOK_PROM_SECRET": SECRET,
            "HOOK_PROM_FORMAT": "alertmanager",
            "HOOK_PROM_MAP": "olt=sysname",
            "DIRECTORY": "ixc",
            "IXC_URL": erp.url,
            "IXC_TOKEN": erp.token,
            "POLL_SECONDS": "600",
        }
        yield made


async def test_it_tells_again_what_nobody_took_and_says_when_it_is_over(site: Isp, tmp_path: Path) -> None:
    outage = site.world.outage(3, slot_pon="6/15")
    began = datetime.now(UTC) - timedelta(minutes=4)
    labels = {"alertname": "PonLos", "sysname": "CB 01", "interface": "gpon-olt_1/6/15"}
    annotations = {"affected": "3", "onus": ",".join(onu.serial for onu in outage.onus)}
    alert = {"labels": labels, "annotations": annotations, "startsAt": began.isoformat()}
    async with alertmanager(tmp_path, site.variables["OPS_PORT"]) as prometheus:
        await prometheus.post(alert)  # and the bot is not there yet
        log = tmp_path / "alertmanager.log"
        await until(lambda: "connection refused" in log.read_text())
        async with running(site):
            card = await site.card()
            assert card.text.startswith("🔴 LOS · CB 01 · 6/15")
            await site.chat.tap(site.ana, card, "Aprovar")
            await until(lambda: len(site.hsm.received) == 3)
            await prometheus.post(alert | {"endsAt": datetime.now(UTC).isoformat()})
            await until(lambda: any("o caso 1 normalizou" in post.text for post in site.posts))
    assert len(site.hsm.received) == 3
