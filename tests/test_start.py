"""What a start reads and imports: a `run` pays for each of them before its first poll."""

import json
import shutil
from pathlib import Path
from typing import Any

import certifi
import pytest

from .isp import ROOT, isp

pytestmark = pytest.mark.start

# Runs in the bot's process before anything of it, and says at the end what was loaded.
WATCHER = """
import atexit, gc, json, os, ssl, sys

authorities = []
to = os.environ.pop("WATCHED", None)  # a child of the bot's own says nothing

def watched(name):
    load = getattr(ssl.SSLContext, name)

    def loaded(context, *args, **options):
        load(context, *args, **options)
        if context.cert_store_stats()["x509_ca"]:
            authorities.append(name)

    setattr(ssl.SSLContext, name, loaded)

watched("load_verify_locations")
watched("set_default_verify_paths")

def say():
    told = {"authorities": authorities, "modules": sorted(sys.modules)}
    told["collects"] = gc.isenabled()
    told["file"] = os.environ.get("SSL_CERT_FILE")
    with open(to, "w") as file:
        json.dump(told, file)

if to:
    atexit.register(say)
"""

NEVER = (
    # ours: what other commands are for
    *("bot.simulator", "bot.process.check", "bot.process.checks", "bot.process.setup", "bot.process.trial"),
    *(
        "bot.steps.trial",
        "bot.storage.memory",
        "bot.storage.verify",
        "bot.storage.show",
        "bot.storage.export",
    ),
    *("bot.storage.repair", "bot.storage.mending", "bot.storage.phrases"),
    # a server of aiohttp (the health endpoint is our own), and what libraries take along where it is there
    *("aiohttp.web", "tornado", "babel", "rich", "click", "pygments", "trio", "requests", "urllib3", "yaml"),
    "prometheus_client",  # imported when somebody asks for /metrics
    "bot.ops.panel",  # with PANEL alone
    *("httpcore._sync.http2", "h2", "brotli", "zstandard", "cryptography", "pytz", "sqlalchemy"),
    *("unittest", "pdb", "doctest", "pydoc", "http.server", "xml", "webbrowser", "tkinter"),
)


async def started(folder: Path, **changes: str) -> dict[str, Any]:
    """What a `run` on an empty folder told of itself after some polls."""
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize").with_suffix(".py").write_text(WATCHER)
    told = folder / "told.json"
    async with isp(folder) as site:
        path = f"{folder / 'site'}:{ROOT}"
        async with site.bot(PYTHONPATH=path, WATCHED=str(told), **changes):
            await site.polls(2)
            await site.chat.wait(lambda chat: chat.calls["getUpdates"] > 1)
    found: dict[str, Any] = json.loads(told.read_text())
    return found


@pytest.mark.process
async def test_a_run_reads_the_authorities_once_and_imports_what_it_uses(tmp_path: Path) -> None:
    told = await started(tmp_path)
    assert told["authorities"] == ["load_verify_locations"]
    assert told["file"] is None
    assert told["collects"]  # only what the start itself makes is not looked through
    loaded = told["modules"]
    assert "bot.process.app" in loaded
    assert [name for name in loaded if any(f"{name}.".startswith(f"{one}.") for one in NEVER)] == []


@pytest.mark.process
async def test_a_run_that_is_given_its_authorities_reads_those_alone(tmp_path: Path) -> None:
    own = tmp_path / "own.pem"
    shutil.copyfile(certifi.where(), own)
    told = await started(tmp_path, SSL_CERT_FILE=str(own))
    assert told["authorities"] == ["load_verify_locations"]
    assert told["file"] == str(own)
