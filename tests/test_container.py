"""What can be said of the container without an engine; `.ci/run` also lints its files."""

import asyncio
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from bot.chat import telegram
from bot.directories import DIRECTORIES
from bot.gateways import GATEWAYS
from bot.ops.health import LIVE, health
from bot.ops.server import Server
from bot.process import app
from bot.process.settings.composed import SECRETS
from bot.process.settings.given import ENV_FILE
from bot.process.settings.part import is_secret, own_fields
from bot.simulator.ports import free_port
from bot.sources import SOURCES

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = (ROOT / "docker-compose.yml").read_text()
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
STAGES = DOCKERFILE.split("\nFROM ")[1:]
STOP_STEPS = 7  # of Telegram.stop that may each take STOP_SECONDS


def instruction(name: str, stage: str = STAGES[-1]) -> str:
    """The one instruction of this name, on one line."""
    joined = re.sub(r"\\\n\s*", "", stage)
    found = re.findall(rf"^{name}\s+(.*(?:\n {{4}}.*)*)", joined, re.MULTILINE)
    assert len(found) == 1, (name, found)
    return str(found[0])


def test_every_stage_is_from_one_slim_image_with_a_pinned_tag() -> None:
    assert [stage.splitlines()[0] for stage in STAGES] == ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]
    image = re.findall(r"^ARG PYTHON_IMAGE=(.*)$", DOCKERFILE, re.MULTILINE)
    assert len(image) == 1
    assert re.fullmatch(r"python:3\.1[1-9]-slim-trixie", image[0])


def test_dependencies_come_from_the_lock_with_their_hashes_and_the_bot_without() -> None:
    dependencies, tools, bot = re.findall(r"pip .*install (.*)", STAGES[0])
    assert "--require-hashes -r requirements.lock" in dependencies
    assert "--require-hashes -r build.lock" in tools
    assert "--no-deps" in bot
    assert " -e" not in bot


def test_the_wheel_is_made_with_what_is_locked_and_nothing_is_downloaded_for_it() -> None:
    [wheel] = re.findall(r"pip wheel (.*)", STAGES[0])
    assert {"--no-build-isolation", "--no-deps", "--no-index"} <= set(wheel.split())
    assert "--no-index" in re.findall(r"pip .*install (.*)", STAGES[0])[-1]
    assert "build.lock" not in STAGES[-1]


def test_the_last_stage_runs_as_nobody_special_and_has_no_installer() -> None:
    final = STAGES[-1]
    user, _, group = instruction("USER").partition(":")
    assert user.isdigit()
    assert group.isdigit()
    assert int(user) >= 10000
    assert f"--uid {user}" in final
    assert "pip uninstall --yes pip" in final
    assert "--without-pip" in STAGES[0]
    assert "apt-get" not in DOCKERFILE
    assert "curl" not in DOCKERFILE


def test_signals_arrive_and_state_has_its_folder() -> None:
    assert instruction("ENTRYPOINT") == '["python", "-m", "bot"]'
    assert instruction("CMD", STAGES[-1].partition("ENTRYPOINT")[2]) == '["run"]'
    assert instruction("STOPSIGNAL") == "SIGTERM"
    assert instruction("VOLUME") == "/data"
    assert "DATA_DIR=/data" in instruction("ENV")
    assert "PYTHONDONTWRITEBYTECODE=1" in instruction("ENV")


def test_only_what_the_image_is_made_of_reaches_the_builder() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"
    allowed = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        name
        for copy in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
        for name in copy.split()
    }
    assert allowed == copied


async def check_health(port: int | None) -> int:
    """The exit code of the image's health check, run as it stands there."""
    command = eval(instruction("HEALTHCHECK").partition("CMD ")[2])  # noqa: S307 - our own file
    assert command[0] == "python"
    given = {} if port is None else {"OPS_PORT": str(port)}
    proxies = {"http_proxy": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *command[1:],
        env={"PATH": os.environ["PATH"], **proxies, **given},
        stderr=subprocess.DEVNULL,
    )
    return await child.wait()


@pytest.mark.process
async def test_the_health_check_follows_the_endpoint() -> None:
    wrong: dict[str, str] = {}
    server, port = Server({LIVE: health(lambda: wrong)}), free_port()
    assert await check_health(port) != 0, "nothing listens"
    await server.start("127.0.0.1", port)
    try:
        assert await check_health(port) == 0
        wrong["source"] = "no good poll yet"
        assert await check_health(port) != 0
    finally:
        await server.stop()
    assert await check_health(0) == 0, "OPS_PORT=0 turns it off"


@pytest.mark.parametrize(
    "line",
    [
        "    restart: unless-stopped",
        "    init: true",
        "      - path: .env",
        "      DATA_DIR: /data",
        "      OPS_HOST: 0.0.0.0",
        "      TZ: ${TZ:-America/Sao_Paulo}",
        "      - data:/data",
        "    read_only: true",
        "    cap_drop:\n      - ALL",
        "      - no-new-privileges:true",
        "    mem_limit: 256m",
        "      driver: json-file",
        "        max-size: 10m",
    ],
)
def test_compose_says(line: str) -> None:
    assert f"\n{line}\n" in COMPOSE


def test_a_stop_has_the_time_it_may_take() -> None:
    grace = re.search(r"^ {4}stop_grace_period: (\d+)s$", COMPOSE, re.MULTILINE)
    assert grace is not None
    assert int(grace[1]) > app.IN_FLIGHT + STOP_STEPS * telegram.STOP_SECONDS + 10


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("requirements.lock", PROJECT["project"]["dependencies"]),
        ("build.lock", PROJECT["build-system"]["requires"]),
    ],
)
def test_a_lock_fits_the_project_and_has_hashes_and_no_address(name: str, needs: Sequence[str]) -> None:
    lock = (ROOT / name).read_text()
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)(?: ; .*)? \\$", lock, re.MULTILINE))
    for need in map(Requirement, needs):
        assert need.specifier.contains(locked[need.name]), f"{need}: run .ci/lock"
    assert "pytest" not in locked
    entries = re.findall(r"^[a-z0-9-]+==(?:.*\\\n)+.*$", lock, re.MULTILINE)
    assert len(entries) == len(locked)
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in lock
    assert not re.search(r"^\s*--(?!hash)", lock, re.MULTILINE)
    assert lock.splitlines()[1] == "#    .ci/lock", "one command renews both"
    assert "`.ci/lock`" in (ROOT / "bot/docs/operating.md").read_text()


def test_secrets_as_files_are_those_that_the_bot_reads_so() -> None:
    compose = (ROOT / "docker-compose.secrets.yml").read_text()
    files = dict(re.findall(r"^ {6}([A-Z_]+)_FILE: /run/secrets/(\w+)$", compose, re.MULTILINE))
    (_, *gateways), (_, *sources) = GATEWAYS.values(), SOURCES.values()
    others = [own_fields(one.settings) for one in (*gateways, *sources, *DIRECTORIES.values())]
    another = {name for fields in others for name, field in fields.items() if is_secret(field)}
    usually_empty = {"heartbeat_url", "cookie_hsm", "telegram_proxy", "ledger"}
    assert {name.lower() for name in files} == set(SECRETS) - another - usually_empty
    assert all(f"{name.upper()}_FILE" in compose for name in another), "it says what to put in their place"
    assert re.findall(r"^ {6}- (\w+)$", compose, re.MULTILINE) == list(files.values())
    assert re.findall(r"^    file: \./secrets/(\w+)$", compose, re.MULTILINE) == list(files.values())
    assert "secrets/" in (ROOT / ".gitignore").read_text().split()


def test_what_is_read_again_in_a_container_lies_where_the_bot_looks_and_in_a_folder() -> None:
    live = (ROOT / "docker-compose.live.yml").read_text()
    assert "\n    working_dir: /live\n" in live
    assert "\n      - ./live:/live:ro\n" in live
    assert str(ENV_FILE) == ".env", "in the folder it works in"
    assert "live/" in (ROOT / ".gitignore").read_text().split()


def test_a_wheel_has_every_file_that_the_bot_reads() -> None:
    patterns = [
        f"bot/{pattern.replace('**/', '*')}"
        for pattern in PROJECT["tool"]["setuptools"]["package-data"]["bot"]
    ]
    files = [path.relative_to(ROOT) for path in (ROOT / "bot").rglob("*") if path.is_file()]
    data = [str(path) for path in files if path.suffix not in {".py", ".pyc"}]
    assert "bot/chat/screens/words/pt_BR.toml" in data
    data = [name for name in data if not name.startswith("bot/docs/")]  # for people, and other programs
    assert [name for name in data if not any(fnmatch(name, pattern) for pattern in patterns)] == []
    folders = {path.parent for path in files if path.suffix == ".py"}
    assert [folder for folder in folders if not (ROOT / folder / "__init__.py").exists()] == []
