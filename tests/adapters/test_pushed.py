"""What is answered to who pushes: by it they tell it again, or do not."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from bot.ops.pushed import LARGEST, WAITING, pushed
from bot.ops.server import Server
from bot.simulator.ports import free_port
from tests.fakes import settled
from tests.patience import PATIENCE

from .test_hook import BEARER, WHERE, Sender

OPEN = {"id": "9912", "status": "open", **WHERE}


@dataclass
class Port:
    """The hook `zbx` on a real port; `told` are the sources whose news came, `why_not` what keeps it away."""

    sender: Sender
    http: httpx.AsyncClient
    told: list[str] = field(default_factory=list)
    why_not: str | None = None

    async def push(self, body: object = OPEN, path: str = "/hooks/zbx", **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.http.post(path, content=content, headers=BEARER | headers)


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    number = free_port()
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{number}", trust_env=False, timeout=PATIENCE
    ) as http:
        made = Port(Sender(tmp_path), http)
        server = Server(pushed([made.sender.hook], lambda: made.why_not, made.told.append))
        await server.start("127.0.0.1", number)
        yield made
        await server.stop()
        await made.sender.hook.aclose()


async def test_what_is_taken_is_on_disk_and_said_to_be(port: Port) -> None:
    answer = await port.push([OPEN, {"id": 7}])
    assert (answer.status_code, answer.json()) == (200, {"accepted": 1, "ignored": 1})
    assert b'"9912"' in port.sender.file.read_bytes()
    assert port.told == ["hook:zbx"], "the bot looks at once"


async def test_who_is_not_the_sender_learns_nothing(port: Port) -> None:
    """Not even whether there is somebody of that name."""
    refused = [
        await port.push(authorization="Bearer another"),
        await port.push(authorization=""),
        await port.push(path="/hooks/nobody"),
        await port.push(b"no json", authorization="Bearer another"),
    ]
    seen = {(a.status_code, a.content, tuple(a.headers.items())) for a in refused}
    assert [status for status, *_ in seen] == [401]
    assert port.told == []
    for path in ("/hooks/zbx", "/hooks/nobody"):
        assert (await port.http.get(path)).status_code == 405
        assert (await port.push(b" " * (LARGEST + 1), path)).status_code == 413
    assert (await port.push(path="/hooks")).status_code == 404
    below = await port.push(path="/hooks/zbx/9912")
    assert (below.status_code, below.content, tuple(below.headers.items())) in seen


async def test_a_body_of_nothing_is_refused_with_a_reason(port: Port) -> None:
    answer = await port.push(b"<html>")
    assert (answer.status_code, answer.json()) == (400, {"error": "not_json"})
    assert (await port.push(b" " * (LARGEST - 99) + b"[{}]")).status_code == 200


async def test_who_comes_too_often_is_told_when_to_come_again(port: Port) -> None:
    for n in range(20):
        assert (await port.push({**OPEN, "id": n})).status_code == 200
    waiting = [asyncio.create_task(port.sender.open(n)) for n in range(40)]
    await settled()
    answer = await port.push()
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    await port.sender.clock.advance(2)
    await asyncio.gather(*waiting)


@pytest.mark.bug("while a storm of pushes waited for its turn nobody else was answered, nor /healthz")
async def test_who_waits_for_a_turn_leaves_places_for_others(port: Port) -> None:
    for n in range(20):
        await port.sender.open(n)
    waiting = [asyncio.create_task(port.push({**OPEN, "id": n})) for n in range(20, 60)]
    late = await next(asyncio.as_completed(waiting))
    assert (late.status_code, late.headers["retry-after"]) == (503, "1")
    assert (await port.http.get("/healthz")).status_code == 404, "there is none here, and that is answered"
    while any(not one.done() for one in waiting):
        await port.sender.clock.advance(1)
        await asyncio.sleep(0.01)
    answers = Counter(answer.status_code for answer in await asyncio.gather(*waiting))
    assert answers == {200: WAITING, 503: 40 - WAITING}, "all but the last ones, which come again"


async def test_what_is_not_kept_is_told_again(port: Port, caplog: pytest.LogCaptureFixture) -> None:
    port.sender.disk.full = True
    answer = await port.push()
    assert (answer.status_code, answer.headers["retry-after"], answer.content) == (503, "10", b"")
    assert "what came to /hooks/zbx could not be kept" in caplog.text
    port.sender.disk.full = False
    assert (await port.push()).status_code == 200


@pytest.mark.bug("a group of alerts that was too large was lost at every flush, and nobody heard of it")
async def test_what_is_too_large_is_logged_by_whom_it_was_for(
    port: Port, caplog: pytest.LogCaptureFixture
) -> None:
    for path in ("/hooks/zbx", "/hooks/zbx?token=secret", "/hooks/nobody"):
        assert (await port.push(b" " * (LARGEST + 1), path)).status_code == 413
    said = [record.getMessage() for record in caplog.records if record.name == "bot.ops.pushed"]
    assert said == ["what came to /hooks/zbx is too large (more than 1048576 bytes) and was not read"] * 2


async def test_what_cannot_be_acted_on_now_is_kept_and_told_again(port: Port) -> None:
    port.why_not = "the ledger is closed"
    assert (await port.push()).status_code == 503
    assert await port.sender.ids() == ["hook:zbx:9912"], "what can be shown is shown"
    port.why_not = None
    assert (await port.push()).json() == {"accepted": 1, "ignored": 0}
    assert len(await port.sender.ids()) == 1


def test_without_a_source_that_is_told_there_is_no_such_path() -> None:
    assert pushed([], lambda: None, print) == {}
