"""The API that tells other systems whether an outage is on for a customer, over real HTTP; and its keys."""

import asyncio
import json
import logging
import stat
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import httpx
import pytest

from bot.__main__ import main
from bot.domain.lookup.struck import UNKNOWN, Told
from bot.errors import LedgerClosed
from bot.ops.api import BURST, FRESH, RATE, Api
from bot.ops.keys import NAME, Keys
from bot.ops.server import Server
from bot.simulator.ports import free_port
from bot.storage import copied
from bot.storage.disk import Disk
from tests.patience import PATIENCE

from .fakes import FakeClock
from .isp import Isp, isp, until
from .test_health import running, settles

ASKED = "/api/v1/customers/{}/outage"


@dataclass
class Endpoint:
    """The API on a port, over the keys of a folder; it tells `told` of everybody, and remembers who."""

    folder: Path
    port: int
    clock: FakeClock
    told: Told = UNKNOWN
    asked: list[str] = field(default_factory=list)
    wrong: str | None = None
    closed: bool = False

    def ask(self, customer: str) -> Told:
        self.asked.append(customer)
        if self.closed:
            raise LedgerClosed("people.key is missing")
        return self.told

    async def get(self, path: str, key: str | None = None, method: str = "GET") -> httpx.Response:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
            return await http.request(method, f"http://127.0.0.1:{self.port}{path}", headers=headers)

    def later(self, seconds: float = FRESH) -> None:
        self.clock.ticks += seconds


@pytest.fixture
async def endpoint(tmp_path: Path) -> AsyncIterator[Endpoint]:
    made = Endpoint(tmp_path, free_port(), FakeClock())
    routes = Api(Keys(tmp_path), made.ask, lambda: made.wrong, made.clock.monotonic).routes()
    server = Server(routes)
    await server.start("127.0.0.1", made.port)
    yield made
    await server.stop()


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """`python -m bot key ...`: what it printed."""

    def run(*arguments: str, code: int = 0) -> str:
        assert main(["key", *arguments, "--data", str(tmp_path)]) == code
        said = capsys.readouterr()
        return said.out if code == 0 else said.err

    return run


Command = Callable[..., str]


def added(command: Command, name: str = "ura") -> str:
    return command("add", name).splitlines()[-1]


async def test_without_a_key_there_is_no_such_path(endpoint: Endpoint, command: Command) -> None:
    for path in ("/api/", "/api/v1", ASKED.format(1), "/api"):
        answer = await endpoint.get(path, "noc_anything")
        assert (answer.status_code, answer.content) == (404, b"")
    added(command)
    endpoint.later()
    assert (await endpoint.get(ASKED.format(1))).status_code == 401
    command("revoke", "ura")
    endpoint.later()
    assert (await endpoint.get(ASKED.format(1))).status_code == 404


async def test_a_stranger_hears_the_same_on_every_path(endpoint: Endpoint, command: Command) -> None:
    key = added(command)
    heard = set()
    for path in ("/api/", "/api/v1", "/api/v1/customers/", ASKED.format("61999990000"), "/api/x/y?z=1"):
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
            for wrong in (None, "noc_", f"{key}x"):
                answer = await endpoint.get(path, wrong, method)
                heard.add((answer.status_code, answer.content, answer.headers["WWW-Authenticate"]))
    assert heard == {(401, b'{"error": "unauthorized"}', "Bearer")}
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
        answer = await http.post(f"http://127.0.0.1:{endpoint.port}{ASKED.format(1)}", content=b"x" * 4096)
        assert (answer.status_code, answer.content) == (401, b'{"error": "unauthorized"}')
    for header in (key, f"Basic {key}", "Bearer", f"Bearer {key} x", "Bearer \xff"):
        headers = [(b"Authorization", header.encode("latin-1"))]
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE, headers=headers) as http:
            answer = await http.get(f"http://127.0.0.1:{endpoint.port}{ASKED.format(1)}")
            assert answer.status_code == 401, header
    assert not endpoint.asked
    assert (await endpoint.get("/api")).status_code == 404


async def test_what_it_answers(endpoint: Endpoint, command: Command) -> None:
    key = added(command)
    unknown = await endpoint.get(ASKED.format("1"), key)
    assert (unknown.status_code, unknown.headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    assert unknown.headers["Cache-Control"] == "no-store"
    assert unknown.json() == {
        "known": False,
        "outage": False,
        "warned": False,
        "since": None,
        "expected_end": None,
    }
    here = timezone(timedelta(hours=-3))
    start, end = datetime(2026, 11, 22, 12, 0, 7, 999999, here), datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
    endpoint.told = Told(known=True, outage=True, since=start, expected_end=end, warned=True)
    assert (await endpoint.get(ASKED.format("1"), key)).json() == {
        "known": True,
        "outage": True,
        "warned": True,
        "since": "2026-11-22T15:00:07Z",
        "expected_end": "2026-11-22T18:00:00Z",
    }
    head = await endpoint.get(ASKED.format("1"), key, "HEAD")
    assert (head.status_code, head.content) == (200, b"")


async def test_whom_a_path_asks_about(endpoint: Endpoint, command: Command) -> None:
    key = added(command)
    for segment in ("%2B55%20(61)%2099999-0000", "a%2Fb", "%C3%A9", "x" * 64, "%FF"):
        assert (await endpoint.get(ASKED.format(segment), key)).status_code == 200
    assert endpoint.asked == ["+55 (61) 99999-0000", "a/b", "é", "x" * 64, "\ufffd"]
    for path, status in (
        (ASKED.format("x" * 65), 400),
        (ASKED.format(""), 404),
        (ASKED.format("%20"), 404),
        (ASKED.format("a/b"), 404),
        (ASKED.format("1") + "/", 404),
        ("/api/v2/customers/1/outage", 404),
        ("/api/v1/customers/outage", 404),
    ):
        assert (await endpoint.get(path, key)).status_code == status, path
    refused = await endpoint.get(ASKED.format("1"), key, "POST")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")
    assert len(endpoint.asked) == 5


async def test_not_before_the_start_nor_without_the_secret_that_people_are_called_by(
    endpoint: Endpoint, command: Command
) -> None:
    key = added(command)
    endpoint.wrong = "the program is only starting"
    early = await endpoint.get(ASKED.format("1"), key)
    endpoint.wrong, endpoint.closed = None, True
    closed = await endpoint.get(ASKED.format("1"), key)
    for answer in (early, closed):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")


async def test_each_key_has_its_own_limit(endpoint: Endpoint, command: Command) -> None:
    key, other = added(command), added(command, "erp")
    codes = [(await endpoint.get(ASKED.format("1"), key)).status_code for _ in range(int(BURST) + 1)]
    assert codes == [200] * int(BURST) + [429]
    late = await endpoint.get("/api/anything", key)
    assert (late.status_code, late.headers["Retry-After"]) == (429, "1")
    assert (await endpoint.get(ASKED.format("1"), other)).status_code == 200
    endpoint.later(1 / RATE)
    assert (await endpoint.get(ASKED.format("1"), key)).status_code == 200
    assert (await endpoint.get(ASKED.format("1"), key)).status_code == 429


async def test_a_key_is_shown_once_and_no_more_than_its_hash_is_kept(
    endpoint: Endpoint, command: Command
) -> None:
    first, second = added(command), added(command, "call-centre.2")
    assert len({first, second}) == 2
    assert all(len(key) >= 4 + 43 for key in (first, second))
    kept = (endpoint.folder / NAME).read_text()
    assert stat.S_IMODE((endpoint.folder / NAME).stat().st_mode) == 0o600
    listed = command("list")
    assert [line.split()[1] for line in listed.splitlines()] == ["call-centre.2", "ura"]
    assert not [key for key in (first, second) for text in (kept, listed) if key in text or key[4:] in text]
    assert not copied.unnamed(Disk(), endpoint.folder)  # a backup knows of them, and leaves them


async def test_what_the_command_refuses(tmp_path: Path, command: Command) -> None:
    assert "there is no key: the API answers nobody" in command("list")
    added(command)
    assert "there is a key ura" in command("add", "ura", code=1)
    assert "no key of that name" in command("revoke", "erp", code=1)
    for name in ("", "a b", "ä", "x" * 41, "a/b"):
        assert "letters, digits" in command("add", name, code=2)
    for damaged in (  # none is written over
        '{"keys": {"ura": {"added": "x", "sha256": "12"}}}',
        "[]",
        '{"keys": {"ura": 1}}',
        "\xff",
    ):
        (tmp_path / NAME).write_bytes(damaged.encode("latin-1"))
        for arguments in (("list",), ("add", "erp"), ("revoke", "ura")):
            assert "damaged" in command(*arguments, code=1)
            assert (tmp_path / NAME).read_bytes() == damaged.encode("latin-1")
    one = {"added": "x", "sha256": "0" * 64}
    (tmp_path / NAME).write_text(json.dumps({"keys": {f"k{n}": one for n in range(100)}}))
    assert "revoke one first" in command("add", "ura", code=1)


async def test_who_is_revoked_asks_no_more_and_who_cannot_be_read_neither(
    endpoint: Endpoint, command: Command, caplog: pytest.LogCaptureFixture
) -> None:
    key, other = added(command), added(command, "erp")
    path = ASKED.format("61999990000")
    assert [(await endpoint.get(path, one)).status_code for one in (key, other)] == [200, 200]
    command("revoke", "ura")
    endpoint.later()
    assert [(await endpoint.get(path, one)).status_code for one in (key, other)] == [401, 200]
    good = (endpoint.folder / NAME).read_bytes()
    for _ in range(2):
        (endpoint.folder / NAME).write_text("{")
        endpoint.later()
        assert (await endpoint.get(path, other)).status_code == 404
    assert caplog.text.count("python -m bot key list") == 1  # said once
    (endpoint.folder / NAME).unlink()
    (endpoint.folder / NAME).mkdir()
    endpoint.later()
    assert (await endpoint.get(path, other)).status_code == 404
    (endpoint.folder / NAME).rmdir()
    (endpoint.folder / NAME).write_bytes(good)
    endpoint.later()
    assert (await endpoint.get(path, other)).status_code == 200
    assert "61999990000" not in caplog.text


async def test_two_who_change_the_keys_at_once_lose_none(tmp_path: Path, command: Command) -> None:
    with closing_lock(tmp_path):
        assert "at this moment" in command("add", "ura", code=1)
    added(command)


@contextmanager
def closing_lock(folder: Path) -> Iterator[None]:
    release = Disk().lock(folder / "api-keys.lock")
    try:
        yield
    finally:
        release()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Isp]:
    async with isp(tmp_path, 3) as made:
        yield made


async def test_the_bot_tells_of_a_customer_before_and_after_they_were_warned(
    site: Isp,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    phone = next(c.phone_number for c in site.world.customers.values() if c.phone_number)
    base = f"http://127.0.0.1:{site.variables['OPS_PORT']}"
    async with running(site), httpx.AsyncClient(trust_env=False, timeout=PATIENCE, base_url=base) as http:
        await settles(site)
        card = await site.card()
        assert (await http.get(ASKED.format(phone))).status_code == 404
        assert main(["key", "add", "ura", "--data", site.variables["DATA_DIR"]]) == 0
        async with asyncio.timeout(PATIENCE):  # the key is found within a second
            while (await http.get("/api/")).status_code != 401:  # noqa: ASYNC110 - it is asked again
                await asyncio.sleep(0.05)
        http.headers["Authorization"] = f"Bearer {capsys.readouterr().out.splitlines()[-1]}"

        async def says(wanted: Mapping[str, object]) -> Mapping[str, object]:
            async with asyncio.timeout(PATIENCE):
                while True:
                    answer = await http.get(ASKED.format(phone))
                    if answer.status_code == 200 and wanted.items() <= answer.json().items():
                        return dict(answer.json())
                    await asyncio.sleep(0.05)

        before = await says({"known": True, "outage": True, "warned": False, "expected_end": None})
        assert str(before["since"]).endswith("Z")
        await site.chat.tap(site.ana, card, "Aprovar")
        await until(lambda: len(site.hsm.received) == 3)
        await says({"outage": True, "warned": True, "since": before["since"]})
    said = capsys.readouterr()
    own = [record.getMessage() for record in caplog.records if record.name.startswith("bot")]
    assert own
    site.assert_clean("\n".join((*own, said.out, said.err)))
