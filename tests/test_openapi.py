"""`bot/docs/openapi.yaml` played against the API by a fuzzer made from it, and read line by line."""

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from bot.domain.lookup.struck import UNKNOWN, Told
from bot.ops import api
from bot.ops.keys import Keys, add
from bot.ops.server import Server
from bot.simulator.ports import free_port

from .fakes import FakeClock
from .test_api import Endpoint

DOCUMENT = Path(__file__).parents[1] / "bot/docs/openapi.yaml"
PATH = "/api/v1/customers/{customer}/outage"
AT = datetime(2026, 11, 30, 1, 12, tzinfo=UTC)
TOLD = (
    UNKNOWN,
    Told(known=True),
    Told(known=True, outage=True),
    Told(known=True, outage=True, since=AT, expected_end=AT, warned=True),
)


class Played(Endpoint):
    """One that answers each time something else that it may answer, and has time enough."""

    answers: Iterator[Told] = cycle(TOLD)

    def ask(self, customer: str) -> Told:
        self.asked.append(customer)
        return next(self.answers)


@pytest.mark.parametrize("mode", ["POSITIVE", "NEGATIVE"])
async def test_it_does_what_its_document_says(tmp_path: Path, mode: str) -> None:
    why = "pip install -e '.[fuzz]' first: apart, as httpx loads at each start what it brings"
    schemathesis: Any = pytest.importorskip("schemathesis", reason=why)
    key = add(tmp_path, "fuzzer", FakeClock()).splitlines()[-1]
    endpoint = Played(tmp_path, free_port(), FakeClock())
    routes = api.Api(Keys(tmp_path), endpoint.ask, lambda: None, endpoint.clock.monotonic).routes()
    server = Server(routes)
    await server.start("127.0.0.1", endpoint.port)
    operation = schemathesis.openapi.from_path(DOCUMENT)[PATH]["GET"]
    statuses = set()

    @given(case=operation.as_strategy(generation_mode=getattr(schemathesis.GenerationMode, mode)))
    @settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def fuzz(case: Any) -> None:
        endpoint.later()
        base, headers = f"http://127.0.0.1:{endpoint.port}", {"Authorization": f"Bearer {key}"}
        response = case.call(base_url=base, headers=headers)
        statuses.add(response.status_code)
        case.validate_response(response)

    try:
        await asyncio.to_thread(fuzz)
    finally:
        await server.stop()
    # That it was played at all. How many names a fuzzer finds that may not be asked is its version's affair.
    if mode == "POSITIVE":
        assert statuses - {400, 404} == {200}
        assert len(set(endpoint.asked)) > len(TOLD)
    else:
        assert 401 in statuses
        assert statuses <= {200, 400, 401, 404}


def test_its_limits_and_errors_are_those_of_the_code() -> None:
    document = yaml.safe_load(DOCUMENT.read_text())
    assert list(document["paths"]) == [PATH]
    parameter = document["paths"][PATH]["parameters"][0]["schema"]
    assert parameter["maxLength"] == api.LONGEST
    limit = document["components"]["securitySchemes"]["key"]["description"]
    assert f"{api.RATE:.0f} requests a second, {api.BURST:.0f} at once" in limit
    errors = document["components"]["schemas"]["Error"]["properties"]["error"]["enum"]
    assert errors == list(dict.fromkeys(re.findall(r'"error": "(\w+)"', Path(api.__file__).read_text())))
