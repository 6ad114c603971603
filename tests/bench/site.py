"""A NOC that has used the bot for a month: open cases with their cards, and a long audit."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.domain.book import Book
from bot.domain.causes.sightings import Sightings
from bot.domain.events import (
    Approved,
    CardPosted,
    CaseOpened,
    IncidentEnded,
    Intent,
    Line,
    Planned,
    Result,
    Settled,
    TapRefused,
)
from bot.domain.incident import Incident, Kind, Port
from bot.domain.plan import Outcome, Recipient
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.process.clock import SystemClock
from bot.simulator.matrix import MatrixApi
from bot.simulator.olt import OltApi
from bot.simulator.telegram.api import BotApi, Message
from bot.simulator.world import World
from bot.sources.oltcloud.oltcloud import OltCloud
from bot.steps.compose import compose
from bot.storage.files import FileLedger
from bot.storage.people.key import NAME as KEY_FILE
from bot.storage.people.months import FOLDER
from bot.storage.segments import ledger_folder
from tests.bench.children import ROOT
from tests.child import running_bot, settings

ANA, STRANGER = 501, 900
PEOPLE, PEOPLE_APART = 200, 1000  # as many Anas and strangers, their ids so far apart
CUSTOMERS = 5  # of an open case, and of a past one
TAPS_A_CASE = 3  # refused, of a past case: with its approval and its end, five audit lines
OLD_CARDS = 1_000_000  # message ids that the group no longer shows


@dataclass(frozen=True, slots=True)
class Site:
    """Its systems, and the card of each open case by number."""

    world: World
    olt: OltApi
    hsm: MatrixApi
    chat: BotApi
    cards: dict[int, Message]
    folder: Path

    @asynccontextmanager
    async def bot(self, code: Path = ROOT, **variables: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """That folder's `python -m bot run` on this site's data, with these settings on top."""
        approvers = ",".join(str(ANA + PEOPLE_APART * n) for n in range(PEOPLE))
        quiet = {"OPS_PORT": "0", "TELEGRAM_APPROVERS": approvers, "PYTHONPATH": str(code)}
        wanted = {**settings(self.olt, self.hsm, self.chat, self.folder), **quiet, **variables}
        async with running_bot(wanted, self.folder) as process:
            yield process


@asynccontextmanager
async def opened(
    disk: Path, *, open_cases: int, audit_lines: int, large: int = 0, past: Path | None = None
) -> AsyncIterator[Site]:
    """The site, its ledger written by the real one; `large`: the last case has so many customers.

    `past` is a data folder that it goes on from, and which stays as it is.
    """
    async with AsyncExitStack() as stack:
        world = World()
        olt = await stack.enter_async_context(OltApi(world))
        hsm = await stack.enter_async_context(MatrixApi())
        chat = await stack.enter_async_context(BotApi())
        for n in range(PEOPLE):
            chat.add_user(ANA + PEOPLE_APART * n, "Ana", admin=True)
            chat.add_user(STRANGER + PEOPLE_APART * n, "Beto")
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=disk)))
        for n in range(open_cases):
            last = n == open_cases - 1
            world.outage(large if last and large else CUSTOMERS, slot_pon=f"{n // 16 + 1}/{n % 16 + 1}")
        if past is not None:
            linked(past, folder / "data")
        cards = await _write(folder / "data", olt, chat, audit_lines)
        yield Site(world, olt, hsm, chat, cards, folder)


def linked(past: Path, data: Path) -> None:
    """Another data folder with that ledger; months that are sealed are the same files."""
    there, here = ledger_folder(past), ledger_folder(data)
    here.mkdir(parents=True, mode=0o700)
    *sealed, active = sorted(there.glob("*.jsonl"))
    for segment in (*sealed, *there.glob("*.gz")):
        (here / segment.name).hardlink_to(segment)
    for file in (active, *there.glob("checkpoint-*.xz")):
        shutil.copy2(file, here / file.name)
    shutil.copytree(past / FOLDER, data / FOLDER)
    shutil.copy2(past / KEY_FILE, data / KEY_FILE)


class _Past(SystemClock):
    """A clock that stands where it is put."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


async def _write(folder: Path, olt: OltApi, chat: BotApi, audit_lines: int) -> dict[int, Message]:
    clock = _Past(datetime.now(UTC) - timedelta(days=30))
    ledger = FileLedger.open(folder, clock)
    each = timedelta(days=28) / (audit_lines // (TAPS_A_CASE + 2) + 1)
    while len(ledger.book.audit) < audit_lines:
        number = ledger.book.next_case
        await ledger.commit(lambda _book, now, number=number: _past_case(number, now, chat.group))  # type: ignore[misc]
        clock.at += each
    clock.at = datetime.now(UTC)
    url = olt.url
    source = OltCloud(url, f"{url}/api/token", olt.user, olt.password, zone=UTC, clock=clock)
    poll = await source.open_incidents()
    seen = Sightings().saw(poll, (), poll.incidents, clock.now())
    await ledger.commit(compose(poll, seen, {}, Rules()))
    await source.aclose()
    cards = {
        number: chat.append(Message(0, chat.group, f"card {number}")) for number in sorted(ledger.book.open)
    }
    await ledger.commit(lambda book, _now: _posted(book, cards))
    await ledger.close()
    return cards


def _past_case(number: int, now: datetime, group: int) -> list[Line]:
    """An outage that was approved, told to its customers and is over."""
    port = Port(f"9:{number}/1", "CB 09", f"{number}/1")
    incident = Incident(f"old{number}", Kind.LOS, "pon_loss", port, now, CUSTOMERS, 61)
    who, other = Who(ANA, "Ana"), Who(STRANGER, "Beto")
    people = [
        Recipient(f"c{n}", "Maria da Silva", (f"ZTEG{n:08d}",), f"5562{900000000 + n}")
        for n in range(number * CUSTOMERS, (number + 1) * CUSTOMERS)
    ]
    sent: list[Line] = []
    for one in people:
        sent += [Intent(number, one.id), Result(number, one.id, Outcome.ACCEPTED, reference=one.id)]
    refused: list[Line] = [TapRefused(other, "approve", "not_allowed", number) for _ in range(TAPS_A_CASE)]
    return [
        CaseOpened(number, incident),
        CardPosted(number, group, OLD_CARDS + number),
        *refused,
        Approved(number, who, (port,)),
        Planned(number, len(people), tuple(people)),
        *sent,
        Settled(number, "done"),
        IncidentEnded(number),
    ]


def _posted(book: Book, cards: Mapping[int, Message]) -> list[Line]:
    return [CardPosted(number, cards[number].chat, cards[number].id) for number in sorted(book.open)]
