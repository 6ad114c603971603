"""`python -m bot check` at the ledger's database: each way in which it cannot be used reads otherwise."""

import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bot.process.checks.database import database as checked
from bot.process.checks.lines import Finding
from bot.simulator.ports import free_port
from bot.storage.postgres.lease import Lease
from bot.tongue import speak

from .isp import Isp, isp
from .postgres import Server, running
from .test_check import bad, findings

pytestmark = pytest.mark.process
SECRET = "s3cret-of-noc"
USER = "asks"


@pytest.fixture(scope="module")
def server(pg_shared: Path) -> Iterator[Server]:
    """One that wants a password of one user, lets another in from nowhere, and has a ledger."""
    with running(pg_shared, "max_connections=30") as made:
        rules = made.folder / "data" / "pg_hba.conf"
        own = [f"host all {USER} 127.0.0.1/32 scram-sha-256", "host all outside 127.0.0.1/32 reject"]
        rules.write_text("\n".join([*own, rules.read_text()]))
        made.run("SELECT pg_reload_conf()")
        for role in (USER, "outside"):
            made.run(f"CREATE ROLE {role} LOGIN PASSWORD '{SECRET}'")
        yield made


def of(server: Server, name: str = "postgres", user: str = USER, password: str = SECRET) -> str:
    return f"postgresql://{user}:{password}@127.0.0.1:{server.port}/{name}"


def name(url: str) -> str:
    return urlsplit(url).path.strip("/")


def version(server: Server) -> int:
    [[number]] = server.run("SELECT current_setting('server_version_num')::int / 10000")
    return int(str(number))


async def found(url: str) -> Finding:
    [finding] = [one async for one in checked(url)]
    text = str(finding)
    hidden = (SECRET, "wrong-password", url, "127.0.0.1", "no-such-host", USER, "outside")
    assert not [one for one in hidden if re.search(rf"\b{re.escape(one)}\b", text)], text
    return finding


@pytest.fixture(params=["pt_BR", "en"])
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    speak(request.param)
    yield request.param
    speak("en")


@contextmanager
def deaf() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.mark.usefixtures("language")
async def test_every_fault_reads_otherwise(server: Server) -> None:
    granted = name(server.database())
    server.run(f"GRANT SELECT, INSERT ON ledger_lines TO {USER}", granted)
    closed = name(server.database())
    server.run(f"REVOKE CONNECT ON DATABASE {closed} FROM PUBLIC")
    only_read = name(server.database())
    server.run(f"ALTER DATABASE {only_read} SET default_transaction_read_only = on")
    nothing = name(server.database(empty=True))
    urls = {
        "no address": "postgresql://[",
        "host": f"postgresql://{USER}:{SECRET}@no-such-host.invalid/noc",
        "port": f"postgresql://{USER}:{SECRET}@127.0.0.1:{free_port()}/noc",
        "password": of(server, granted, password="wrong-password"),
        "pg_hba": of(server, granted, user="outside"),
        "database": of(server, "nowhere"),
        "connect": of(server, closed),
        "only read": of(server, only_read, user="noc"),
        "no ledger": of(server, nothing, user="noc"),
        "rights": of(server, granted),
    }
    said = {what: await found(url) for what, url in urls.items()}
    assert not [what for what, finding in said.items() if finding.good is not False]
    texts = {what: finding.text for what, finding in said.items()}
    assert len(set(texts.values())) == len(texts), texts
    assert not [text for text in texts.values() if "OperationalError" in text]
    assert "UPDATE (ledger_head)" in texts["rights"]
    assert "USAGE (ledger_people_seq_seq)" in texts["rights"]
    assert "INSERT (ledger_lines)" not in texts["rights"], "it has that one"


async def test_each_says_what_mends_it(server: Server) -> None:
    wrong = await found(of(server, password="wrong-password"))
    assert wrong.text == "PostgreSQL refuses user or password; check user and password in LEDGER"
    missing = await found(of(server, "nowhere"))
    assert missing.text.startswith("PostgreSQL has no database of that name; check the database's name")
    unknown = await found("postgresql://noc@no-such-host.invalid/noc")
    assert unknown.text == "this machine finds no such host name; check the host name in LEDGER"


async def test_what_listens_and_never_answers_is_told_within_seconds() -> None:
    with deaf() as port:
        silent = await found(f"postgresql://noc@127.0.0.1:{port}/noc")
    assert silent.text.startswith("no answer in time")


async def test_a_newer_ledger_is_told(server: Server) -> None:
    url = server.database()
    server.run("UPDATE ledger_head SET version = 99", name(url))
    assert "newer version (99)" in (await found(url)).text


async def test_who_leads_is_told(server: Server) -> None:
    url = server.database()
    assert (await found(url)).text == f"PostgreSQL {version(server)}, it may be written; no machine leads now"
    lease = Lease(url, "noc-a 1234", ttl=600.0)
    assert await lease.take() is not None
    assert str(await found(url)) == f"✓ ledger: PostgreSQL {version(server)}, it may be written; noc-a leads"
    await lease.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Isp]:
    async with isp(tmp_path, customers=3) as made:
        yield made


async def test_check_tries_it_beside_the_others(site: Isp, server: Server) -> None:
    url = server.database()
    code, lines = await findings(site, LEDGER=url)
    assert (code, bad(lines)) == (0, {})
    assert "it may be written" in lines["ledger"]
    code, lines = await findings(site, LEDGER=of(server, "nowhere"))
    assert (code, list(bad(lines))) == (1, ["ledger"])
    assert list(lines)[-1] == "approvers", "the others are tried all the same"
