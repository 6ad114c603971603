"""Who has no session and no key: on every path that the router has, with all that may be turned on."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.__main__ import main
from bot.ops.server import Route, Server
from bot.process import app
from tests.patience import PATIENCE

from .isp import isp
from .test_health import running, settles

OPEN = {"/healthz", "/livez", "/readyz", "/metrics"}  # how it is doing, in words and numbers
STATIC = "/panel/static/"  # what every installation has
BEYOND = (
    "/",
    "/api",
    "/hooks/other",
    "/metrics/",
    "/panel/other",
    "/panel/static/other.css",
    "/panel/static/",
)
ASKED = "/api/v1/customers/{}/outage"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SHUT = {401, 403, 404, 405}  # 405: no path takes that method there, whoever asks


@pytest.fixture
def routes(monkeypatch: pytest.MonkeyPatch) -> dict[str, Route]:
    """What the bot's server was given."""
    given: dict[str, Route] = {}

    class Seen(Server):
        def __setattr__(self, name: str, value: Any) -> None:
            if name == "routes":
                given.update(value)
            super().__setattr__(name, value)

    monkeypatch.setattr(app, "Server", Seen)
    return given


async def heard(http: httpx.AsyncClient, method: str, path: str) -> httpx.Response:
    """The answer; of one that goes on for ever, its beginning."""
    async with http.stream(method, path) as answer:
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            await answer.aread()
    return answer


async def test_a_stranger_is_told_nothing_of_any_case(
    tmp_path: Path, routes: dict[str, Route], capsys: pytest.CaptureFixture[str]
) -> None:
    async with isp(tmp_path, customers=3) as site:
        site.variables |= {"SOURCE": "oltcloud,hook:zbx", "HOOK_ZBX_SECRET": "um-segredo-de-teste"}
        site.variables |= {
            "GATEWAY": "cloud",
            "WA_TOKEN": "t",
            "WA_PHONE_NUMBER_ID": "1",
            "WA_APP_SECRET": "s",
        }
        site.variables |= {"WA_VERIFY_TOKEN": "v", "WA_TEMPLATE_LOS": "a", "WA_TEMPLATE_POWER": "b"}
        site.variables |= {"WA_BASE_URL": site.hsm.url, "PANEL": "true"}
        for name in ("URL_HSM", "TOKEN_HSM", "HSM_ACCOUNT", "HSM_ID_LOS", "HSM_ID_POWER"):
            site.variables.pop(name)
        assert main(["key", "add", "ura", "--data", site.variables["DATA_DIR"]]) == 0
        customer = next(iter(site.world.customers.values()))
        told = ("CB 01", "6/15", customer.name, "caso 1", *site.world.onus)
        cookies = {"panel": "x" * 43, "__Host-panel": "x" * 43}
        async with (
            running(site),
            httpx.AsyncClient(
                trust_env=False,
                timeout=PATIENCE,
                base_url=f"http://127.0.0.1:{site.variables['OPS_PORT']}",
                headers={"Authorization": "Bearer noc_x"},
                cookies=cookies,
            ) as http,
        ):
            await settles(site)
            await site.card()
            assert routes.keys() > OPEN | {"/api/", "/hooks/", "/hooks/zbx", "/whatsapp", "/panel/", "/panel"}
            asked = (ASKED.format(customer.phone_number), ASKED.format(customer.id))
            paths = (*routes, *BEYOND, *asked, "/panel/enter?t=" + "x" * 43)
            answers = {
                (path, method): await heard(http, method, path) for path in paths for method in METHODS
            }
        for (path, method), answer in answers.items():
            free = path in OPEN or (path in routes and path.startswith(STATIC))
            wanted = {200, 405} if free else SHUT
            assert answer.status_code in wanted, (path, method)
            assert "set-cookie" not in answer.headers
            assert not [word for word in told if word in answer.text], (path, method)
        assert {path for (path, _), answer in answers.items() if answer.status_code == 200} == {
            path for path in routes if path in OPEN or path.startswith(STATIC)
        }
        capsys.readouterr()
