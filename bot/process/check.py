"""`python -m bot check`: every system tried once, nothing sent; a line each with the mend."""

import errno
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from bot.chat.screens.starting import start_line
from bot.chat.screens.words import Words
from bot.directories import DIRECTORIES
from bot.directories import adapter as directories
from bot.domain.phone import Phone
from bot.errors import AnswerLost, BadAnswer, BotError, LoginRefused, Refused, StartupError
from bot.gateways import adapter as gateways
from bot.gateways import would_send
from bot.process.checks.database import WHAT as LEDGER
from bot.process.checks.database import database
from bot.process.checks.lines import Finding, plain
from bot.process.checks.telegram import telegram
from bot.process.checks.templates import templates
from bot.process.clock import SystemClock
from bot.process.settings.composed import Settings
from bot.process.settings.reading import Reading
from bot.process.trial import WHAT, ask_on_terminal, send_tests
from bot.process.wiring import (
    adapters_words,
    open_directory,
    open_gateway,
    open_sources,
    start_facts,
    words_of,
)
from bot.sources import SOURCES, systems
from bot.sources import adapter as sources
from bot.sources.network import knows_customers
from bot.storage.access import troubles
from bot.storage.checkpoint import resumed
from bot.storage.disk import Disk
from bot.storage.people.key import KeyMissing, key_of
from bot.tongue import said, spoken

LOW_DISK = 100 * 2**20  # bytes


@dataclass(frozen=True, slots=True)
class Step:
    """One system: what it is called, where it is, which settings it needs, and how it is tried."""

    what: str
    where: str
    needs: Collection[str]
    run: Callable[[], AsyncIterator[Finding]]


async def check(
    given: Settings | Reading,
    say: Callable[[str], None] = print,
    phone: Phone | None = None,
    ask: Callable[[str], str] = ask_on_terminal,
) -> int:
    """Try everything in turn and say a line each; 0 where all is well, 2 for wrong settings, else 1.

    A system is tried as soon as its own settings are right. With a `phone` (one's own) every template is
    sent to it once `ask` has brought a yes; only where all settings are right.
    """
    found = given if isinstance(given, Reading) else Reading(given)
    settings, bad = found.settings, 0
    say(_first_line(found))
    for line in found.problems:
        say(str(Finding("settings", False, line)))
    if not found.problems:
        say(str(Finding("settings", True, said("complete"))))
    for name in found.strangers:
        say(str(Finding("settings", None, said("{name} in .env is no setting: nothing reads it", name=name))))
    for warning in settings.unprotected():
        say(f"! {warning}")
    async with AsyncExitStack() as stack:
        every = steps(settings, stack)
        if phone is not None:
            every.append(_trial(settings, phone, ask, stack))
        for step in every:
            missing = sorted(field.upper() for field in found.wrong.intersection(step.needs))
            if missing or (step.what == WHAT and found.problems):
                after = ", ".join(missing) or said("the settings")
                say(str(Finding(step.what, None, said("not tried, mend {names} first", names=after))))
                bad += step.what == WHAT
                continue
            if step.where:
                say(said("… {what}: trying {where}", what=said(step.what), where=step.where))
            async for finding in step.run():
                bad += finding.good is False
                say(str(finding))
    return 2 if found.problems else int(bad > 0)


def _first_line(found: Reading) -> str:
    if found.problems:
        n = len(found.problems)
        few = said("The bot would not start: 1 setting needs mending")
        return few if n == 1 else said("The bot would not start: {n} settings need mending", n=n)
    settings = found.settings
    return start_line(start_facts(settings), words_of(settings), _open_cases(settings.data_dir))


def steps(settings: Settings, stack: AsyncExitStack) -> list[Step]:
    """Every system that is tried, in turn; what is opened for it is closed with the stack."""
    clock = SystemClock()

    sender = would_send(settings.gateway)
    used = (settings.gateway, settings.source, settings.directory)

    def of(*beginnings: str) -> frozenset[str]:
        return frozenset(name for name in Settings.model_fields if name.startswith(beginnings))

    async def source(name: str) -> AsyncIterator[Finding]:
        accounts = open_sources(settings, clock, name)
        for opened in accounts:
            stack.push_async_callback(opened.aclose)
            async for finding in _source(opened, SOURCES[name].advice, settings.tz):
                yield finding
        if not settings.directory and not any(map(knows_customers, accounts)):
            mend = said("nobody gets a message about its outages; set DIRECTORY to the ERP that knows them")
            yield Finding("customers", None, f"{said('{name} knows none', name=name)}: {mend}")

    def gateway() -> AsyncIterator[Finding]:
        opened = open_gateway(settings, clock)
        stack.push_async_callback(opened.aclose)
        return _gateway(opened, sender.advice, Words(spoken(), settings.tz, adapters_words(spoken(), *used)))

    def directory() -> AsyncIterator[Finding]:
        opened = open_directory(settings, clock)
        if opened is None:
            raise StartupError(said("{name} is not set", name="DIRECTORY"))
        stack.push_async_callback(opened.aclose)
        return _directory(opened, DIRECTORIES[settings.directory].advice)

    erp = DIRECTORIES.get(settings.directory)
    wanted = set() if erp is None else {"directory", "tz"} | erp.settings.model_fields.keys()
    customers = [] if erp is None else [Step("customers", _host(settings, erp.url), wanted, directory)]
    url = settings.ledger.get_secret_value()
    return [
        Step("data folder", "", of("data_dir"), lambda: _folder(settings)),
        *([Step(LEDGER, "", of("ledger"), partial(database, url))] if url else []),
        Step("health port", "", of("ops_", "data_dir"), lambda: _health(settings)),
        *(
            Step(
                "OLT API",
                _host(settings, SOURCES[name].url),
                {"source", "tz"} | SOURCES[name].settings.model_fields.keys(),
                partial(source, name),
            )
            for name in systems(settings.source)
        ),
        *customers,
        Step(
            "gateway",
            "" if settings.rehearses else _host(settings, sender.url),
            {"gateway", "dry_run", "tz"} | sender.settings.model_fields.keys(),
            gateway,
        ),
        Step(
            "Telegram bot", _host(settings, "telegram_api_url"), of("telegram_"), lambda: telegram(settings)
        ),
    ]


def _trial(settings: Settings, phone: Phone, ask: Callable[[str], str], stack: AsyncExitStack) -> Step:
    clock = SystemClock()

    def run() -> AsyncIterator[Finding]:
        gateway = open_gateway(settings, clock)
        stack.push_async_callback(gateway.aclose)
        return send_tests(settings, gateway, phone, clock, ask)

    return Step(WHAT, "", frozenset(), run)


def _host(settings: Settings, name: str) -> str:
    """Where the systems are that a setting names, without what an address may hold beside."""
    addresses = getattr(settings, name).split(",") if name else []
    return ", ".join(filter(None, (urlsplit(one).hostname for one in addresses)))


def _open_cases(folder: Path) -> int | None:
    """How many cases the ledger has open, read beside a bot that may run; None where that cannot be said."""
    try:
        found = resumed(Disk(), folder)
    except (OSError, StartupError):
        return None
    return len(found.book.open) if found.trouble is None else None


def _of_another_time(folder: Path) -> str | None:
    """Why a start would not go on with the ledger that is there: of a version before, or without its key."""
    try:
        book = resumed(Disk(), folder).book
        if book.key is not None or book.contacts:
            key_of(Disk(), folder, book.key, used=True)
    except (StartupError, KeyMissing) as error:
        return str(error)
    except OSError:
        return None  # said as the folder's
    return None


async def _folder(settings: Settings) -> AsyncIterator[Finding]:
    folder = settings.data_dir
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / ".check"
        probe.unlink(missing_ok=True)
        with probe.open("xb") as file:  # never through a link
            file.write(b"x")
        probe.unlink()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        mend = said("DATA_DIR must be a folder that this user may write")
        rights = "".join(f"; {trouble}" for trouble in troubles(folder))
        yield Finding("data folder", False, f"{folder}: {error.strerror}; {mend}{rights}")
        return
    for trouble in troubles(folder):
        yield Finding("data folder", False, trouble)
    wrong = _of_another_time(folder)
    if wrong is not None:
        yield Finding("ledger", False, wrong)
    used = said("; a running bot uses it") if _locked(folder) else ""
    yield Finding("data folder", free > LOW_DISK, f"{folder}, {free // 2**20} MiB {said('free')}{used}")


def _locked(folder: Path) -> bool:
    """Whether a running bot has the folder (`storage.files` holds this lock while it runs)."""
    file = folder / "instance.lock"
    if not file.exists():
        return False
    try:
        with FileLock(file, timeout=0):
            return False
    except (Timeout, OSError):
        return True


async def _health(settings: Settings) -> AsyncIterator[Finding]:
    host, port = settings.ops_host, settings.ops_port
    if not port:
        return
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE and _locked(settings.data_dir):
            text = said("the running bot uses it, it seems")
            yield Finding("health port", True, f"{host}:{port}; {text}")
            return
        mend = said("choose another OPS_PORT (0 turns it off) or OPS_HOST")
        yield Finding("health port", False, f"{host}:{port}: {error.strerror}; {mend}")
        return
    yield Finding("health port", True, said("{host}:{port} is free", host=host, port=port))


def _at(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%d/%m %H:%M}"


async def _source(source: sources.OltManager, advice: sources.Advice, zone: tzinfo) -> AsyncIterator[Finding]:
    try:
        poll = await source.open_incidents()
    except LoginRefused as error:
        yield Finding("OLT login", False, f"{plain(error)}; {said(advice.login)}")
        return
    except (Refused, BadAnswer) as error:
        yield Finding("OLT list", False, f"{plain(error)}; {said(advice.refused)}")
        return
    except BotError as error:
        yield Finding("OLT API", False, f"{plain(error)}; {said(advice.unreached)}")
        return
    there = said("{count} open incidents", count=len(poll.incidents))
    if poll.pushed is not None:
        at = poll.pushed.last
        last = (
            said("nothing came yet") if at is None else said("the last news came at {at}", at=_at(at, zone))
        )
        yield Finding("pushes", True, f"{source.name}: {last}, {there}")
        return
    skipped = said(", {count} rows unreadable", count=len(poll.skipped)) if poll.skipped else ""
    yield Finding("OLT login", True, said("accepted"))
    yield Finding("OLT list", poll.complete, f"{there}{skipped}")


async def _directory(erp: directories.Erp, advice: directories.Advice) -> AsyncIterator[Finding]:
    try:
        seen = await erp.probe()
    except Refused as error:
        yield Finding("customers", False, f"{plain(error)}; {said(advice.refused)}")
    except BadAnswer as error:
        yield Finding("customers", False, f"{plain(error)}; {said(advice.unread)}")
    except BotError as error:
        yield Finding("customers", False, f"{plain(error)}; {said(advice.unreached)}")
    else:
        yield Finding("customers", True, f"{erp.name}, {said(seen)}")


async def _gateway(gateway: gateways.Sender, advice: gateways.Advice, words: Words) -> AsyncIterator[Finding]:
    try:
        seen = await gateway.probe()
    except Refused as error:
        yield Finding("gateway", False, f"{plain(error)}; {said(advice.refused)}")
    except (BotError, AnswerLost) as error:
        yield Finding("gateway", False, f"{plain(error)}; {said(advice.unreached)}")
    else:
        if "not checked" in seen:  # there is nothing that may be asked without sending
            yield Finding("gateway", None, said(advice.untried))
            return
        name = said(gateway.name.replace("_", " "))
        yield Finding("gateway", True, f"{name}, {said(seen)}; {said('no message was sent')}")
        async for finding in templates(gateway, advice, words):
            yield finding
