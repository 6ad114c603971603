"""`python -m bot demo` and `simulate` as a person runs them: what is printed, and that nothing is left."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.__main__ import main
from tests.patience import PATIENCE
from tests.settings import load

ROOT = Path(__file__).parents[1]
MEMORY_LIMIT = 250  # MB, the issue's

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="children are counted in /proc"),
    pytest.mark.process,
]


class Program:
    """A running `python -m bot ...`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[str] = []

    async def line(self, text: str) -> str:
        """The next line on standard output with this text."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while raw := await self.process.stdout.readline():
                self.said.append(raw.decode())
                if text in self.said[-1]:
                    return self.said[-1]
        raise AssertionError(f"never {text!r} in {self.said}")

    async def type(self, line: str) -> None:
        """Type a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        await self.process.stdin.drain()

    def children(self) -> list[int]:
        """Its children's ids."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        return [int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()]

    async def end(self, how: signal.Signals | None = None) -> tuple[int, str]:
        """Its exit code and what it wrote to standard error, after this signal."""
        if how is not None:
            self.process.send_signal(how)
        async with asyncio.timeout(PATIENCE):
            out, error = await self.process.communicate()
        self.said.append(out.decode())
        assert self.process.returncode is not None
        return self.process.returncode, error.decode()


@contextlib.asynccontextmanager
async def program(*arguments: str, cwd: Path) -> AsyncIterator[Program]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *arguments),
        cwd=cwd,
        env={"BOT_LANGUAGE": "en", "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TMPDIR": str(cwd)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Program(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def address(line: str) -> str:
    found = re.search(r"http://127\.0\.0\.1:\d+/", line)
    assert found
    return found[0]


async def told(url: str) -> AsyncGenerator[dict[str, Any], None]:
    """What the page is told: first everything, then the changes."""
    async with (
        httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as http,
        http.stream("GET", f"{url}events") as events,
    ):
        async for line in events.aiter_lines():
            if line.startswith("data:"):
                yield json.loads(line.removeprefix("data:"))


async def first_card(url: str, besides: str = "\0", having: str = "") -> str:
    """The text of the first message with buttons, with the text ``having`` and without ``besides``."""
    async with contextlib.aclosing(told(url)) as changes:
        async for change in changes:
            for message in (*change.get("messages", ()), *change.get("message", ())):
                if message["buttons"] and having in message["text"] and besides not in message["text"]:
                    return str(message["text"])
    raise AssertionError("the page's events ended")


async def first_caption(url: str) -> str:
    """The English text of the first caption."""
    async with contextlib.aclosing(told(url)) as changes:
        async for change in changes:
            if change.get("caption"):
                return str(change["caption"]["text"]["en"])
    raise AssertionError("the page's events ended")


def worked(pid: int) -> float:
    """Seconds of CPU that this process took; waiting for a busy machine is no part of it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.start
async def test_it_shows_a_card_within_10_s_of_work_and_one_ctrl_c_ends_everything(tmp_path: Path) -> None:
    async with program("demo", "--port", "0", cwd=tmp_path) as demo:
        url = address(await demo.line("Open http"))
        card = await first_card(url)
        assert sum(map(worked, [demo.process.pid, *demo.children()])) < 10
        assert "LOS" in card
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
            assert (await http.get(url)).status_code == 200
        children = demo.children()
        assert len(children) == 1
        assert await demo.end(signal.SIGINT) == (0, "")
    assert not any(map(alive, children))
    assert os.listdir(tmp_path) == [], "the temporary folder is gone"  # noqa: PTH208


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
async def test_a_closed_terminal_in_the_middle_of_a_start(how: signal.Signals, tmp_path: Path) -> None:
    async with program("demo", "--port", "0", cwd=tmp_path) as demo:
        await demo.line("Open http")
        children = demo.children()
        assert await demo.end(how) == (0, "")
    assert children
    assert not any(map(alive, children))


async def test_two_demos_at_once(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with program("demo", "--port", str(port), cwd=tmp_path) as demo:
            assert f"Port {port} is taken" in await demo.line("taken")
            assert address(await demo.line("Open http")) != f"http://127.0.0.1:{port}/"
            assert await demo.end(signal.SIGINT) == (0, "")


async def test_a_folder_is_kept_and_used_again(tmp_path: Path) -> None:
    data = tmp_path / "kept"
    cards = []
    for before in ("\0", "caso 1"):  # whose card is posted again until two polls have shown that it is over
        async with program("demo", "--port", "0", "--data", str(data), cwd=tmp_path) as demo:
            cards.append(await first_card(address(await demo.line("Open http")), before))
            assert await demo.end(signal.SIGINT) == (0, "")
    ledger = "".join(file.read_text() for file in (data / "data" / "ledger").glob("*.jsonl"))
    posted = [json.loads(line) for line in ledger.splitlines() if '"card_posted"' in line]
    assert len(posted) >= 2, "the second run's outage is not taken for the first one's"
    assert "caso 1" in cards[0]
    assert "caso 2" in cards[1]


async def test_a_folder_that_another_demo_uses(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "kept"))
    async with program("demo", "--port", "0", *data, cwd=tmp_path) as first:
        await first_card(address(await first.line("Open http")))
        async with program("demo", "--port", "0", *data, cwd=tmp_path) as second:
            code, error = await second.end()
        assert code == 1
        assert error.count("\n") == 1
        assert error.startswith("The bot ended at its start: ")
        assert await first.end(signal.SIGINT) == (0, "")


async def test_a_scene_is_told_on_the_page(tmp_path: Path) -> None:
    async with program("demo", "--port", "0", "--scene", "two-taps", "--lang", "en", cwd=tmp_path) as demo:
        url = address(await demo.line("Open http"))
        assert "Two people tap at once" in await demo.line("▶")
        assert await first_caption(url) == "CB 01 1/1 fails."
        assert await demo.end(signal.SIGINT) == (0, "")


@pytest.mark.parametrize(
    ("gateway", "templates", "directory"),
    [
        ("cloud", "rompimento_de_fibra, falta_de_energia", "sgp"),
        ("opa", "624c358355802dbdd2eb9401, 624c358355802dbdd2eb9402", "hubsoft"),
    ],
)
async def test_the_bot_sends_by_the_gateway_and_asks_the_erp_that_were_asked_for(
    tmp_path: Path, gateway: str, templates: str, directory: str
) -> None:
    named = ("--gateway", gateway, "--directory", directory)
    async with program("demo", "--port", "0", *named, "--data", "kept", cwd=tmp_path) as demo:
        card = await first_card(address(await demo.line("Open http")), having="bloqueado")
        assert "LOS" in card
        assert "📍" in card
        assert await demo.end(signal.SIGINT) == (0, "")
    assert f"modelos {templates}" in (tmp_path / "kept/bot.log").read_text()


@pytest.mark.start
async def test_a_fast_scene_checks_itself_and_says_how_much_memory_it_took(tmp_path: Path) -> None:
    arguments = ("--scene", "fibre-cut", "--fast", "--lang", "en", "--seed", "7")
    async with program("demo", *arguments, cwd=tmp_path) as demo:
        assert await demo.end() == (0, "")
        said = "".join(demo.said)
    assert "✓" in said.splitlines()[0]
    assert "Fibre cut, 33 customers" in said
    assert "1 of 1 scenes ✓" in said
    memory = re.search(r"= (\d+) MB", said)
    assert memory
    assert 50 < int(memory[1]) < MEMORY_LIMIT


async def test_fast_scenes_that_are_interrupted_leave_no_bot(tmp_path: Path) -> None:
    async with program("demo", "--scene", "all", "--fast", cwd=tmp_path) as demo:
        await demo.line("✓")
        children = demo.children()
        assert children
        assert await demo.end(signal.SIGTERM) == (130, "")
    assert not any(map(alive, children))


async def test_scenes_that_fail_exit_1(tmp_path: Path) -> None:
    arguments = ("--scene", "cable", "--fast", "--customers", "200")
    async with program("demo", *arguments, cwd=tmp_path) as demo:
        assert await demo.end() == (1, "")
        said = "".join(demo.said)
    assert "give more --customers" in said
    assert "0 of 1 scenes ✓" in said


def test_the_scenes_have_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--scene-list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert len(listed) == 22
    assert listed[0].split(maxsplit=1) == ["fibre-cut", "Rompimento de fibra, 33 clientes"]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (["--scene", "frob"], "--scene: there is no 'frob'; there are fibre-cut, power"),
        (["--fast"], "give it one with --scene NAME, or --scene all"),
        (["--data", "file/inside"], "--data: file/inside cannot be used (Not a directory)"),
        (["--gateway", "sms"], "--gateway: there is no 'sms'; there are matrix, cloud, opa"),
        (["--directory", "mk"], "--directory: there is no 'mk'; there are ixc, sgp, hubsoft"),
        (["--source", "zabbix"], "--source: zabbix knows no customers; give it an ERP with --directory, too"),
        (["--scene", "power", "--directory", "sgp"], "--directory: no ERP is asked in power; leave it out"),
        (["--scene", "optout", "--gateway", "matrix"], "--gateway: matrix cannot tell optout; leave it out"),
        (["--scene", "back", "--data", "used"], "--scene needs a new folder, and used has been used"),
    ],
)
def test_bad_input_is_one_line(
    given: list[str],
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    Path("used").mkdir()
    Path("used/data").mkdir()
    assert main(["demo", *given]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert line in said.err


@pytest.mark.parametrize(
    "given",
    [
        ["demo", "--port", "70000"],
        ["demo", "--port", "web"],
        ["demo", "--customers", "0"],
        ["demo", "--customers", "²"],
        ["demo", "--lang", "fr"],
        ["simulate", "--port-olt", "-1"],
    ],
)
def test_a_bad_number_is_a_usage_error(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(f"usage: python -m bot {given[0]}")


async def test_simulate_prints_settings_that_the_bot_takes(tmp_path: Path) -> None:
    async with program("simulate", "--port-olt", "0", "--port-hsm", "0", cwd=tmp_path) as isp:
        await isp.line("fails")
        lines = "".join(isp.said[:-1])
        telegram = "TELEGRAM_TOKEN=1:a\nTELEGRAM_CHAT_ID=-100\n"
        (tmp_path / ".env").write_text(lines + telegram)
        settings = load(tmp_path / ".env", {})
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
            login = {
                "username": settings.api_user.get_secret_value(),
                "password": settings.api_pass.get_secret_value(),
            }
            token = (await http.post(settings.api_auth_url, json=login)).json()["access"]
            found = await http.get(
                f"{settings.api_base_url}/api/v2/ftth/alert/list",
                headers={"Authorization": f"Bearer {token}"},
            )
            sent = await http.post(
                settings.url_hsm, headers={"Authorization": settings.token_hsm.get_secret_value()}
            )
        assert found.json()["count"] == 1
        assert sent.status_code == 400 or sent.json()["cod_error"] == 1
        assert await isp.end(signal.SIGINT) == (0, "")


async def test_simulate_on_a_port_that_is_taken_takes_the_next(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        arguments = ("--port-olt", str(port), "--port-hsm", "0")
        async with program("simulate", *arguments, cwd=tmp_path) as isp:
            assert f"# Port {port} is taken; --port-olt is " in await isp.line("taken")
            assert f":{port}\n" not in await isp.line("API_BASE_URL")
            assert await isp.end(signal.SIGINT) == (0, "")


async def test_simulate_with_a_telegram_of_its_own_is_a_whole_isp(tmp_path: Path) -> None:
    ports = ("--port-olt", "0", "--port-hsm", "0", "--telegram", "0")
    async with program("simulate", *ports, cwd=tmp_path) as isp:
        url = (await isp.line("TELEGRAM_API_URL=")).partition("TELEGRAM_API_URL=")[2].split(maxsplit=1)[0]
        token = (await isp.line("TELEGRAM_TOKEN=")).partition("=")[2].strip()
        await isp.line("fails")
        await isp.type("/help")
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE, base_url=f"{url}/bot{token}/") as bot:
            [update] = (await bot.get("getUpdates", params={"timeout": 5})).json()["result"]
            assert update["message"]["text"] == "/help"
            group = update["message"]["chat"]["id"]
            keyboard = {"inline_keyboard": [[{"text": "Aprovar", "callback_data": "x"}]]}
            post = {"chat_id": group, "text": "Um cartão", "reply_markup": keyboard}
            assert (await bot.post("sendMessage", json=post)).json()["ok"]
            await isp.line("  | Um cartão")
            assert "[Aprovar]" in await isp.line("[")
            await isp.type("Aprovar")
            offset = {"timeout": 5, "offset": update["update_id"] + 1}
            [tap] = (await bot.get("getUpdates", params=offset)).json()["result"]
            answer = {"callback_query_id": tap["callback_query"]["id"], "text": "Feito"}
            assert (await bot.post("answerCallbackQuery", json=answer)).json()["ok"]
            await isp.line("(Feito)")
        assert await isp.end(signal.SIGINT) == (0, "")
