"""`regions`: fifty NOCs in one process, and a storm over ten of them: cards, taps, messages, memory."""

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles

from bot.simulator.matrix import MatrixApi
from bot.simulator.olt import OltApi
from bot.simulator.telegram.api import Answer, BotApi, Message
from bot.simulator.world import World
from tests.bench.children import DISK, PATIENCE, ROOT, until
from tests.bench.site import ANA, PEOPLE, PEOPLE_APART, STRANGER
from tests.bench.start import memory_of
from tests.bench.table import Row
from tests.bench.tap import TAPS
from tests.child import running_bot, settings

MILLISECONDS, FIRST_CARD = 100.0, 10.0
A_GROUP, A_BOT = 20, 30  # messages that Telegram takes: in a group in a minute, of a bot in a second
PONS = 16  # of an OLT
HOME = -1001234567890


@dataclass(slots=True)
class Seen:
    """What came out: seconds to the first card of each region's group, every card, the most that landed in
    one group in a minute and in all in a second, and how often Telegram refused.
    """

    first: dict[int, float] = field(default_factory=dict)
    cards: set[tuple[int, int]] = field(default_factory=set)
    a_group: int = 0
    a_second: int = 0
    refused: int = 0


@dataclass(slots=True)
class Storm:
    """The systems, and the groups that have cases."""

    olt: OltApi
    hsm: MatrixApi
    chat: BotApi
    groups: list[int]
    process: asyncio.subprocess.Process
    began: float = 0.0
    seen: Seen = field(default_factory=Seen)


async def rows(
    code: Path = ROOT,
    /,
    *,
    regions: int = 50,
    olts: int = 300,
    customers: int = 200_000,
    storm: int = 10,
    cases: int = 40,
    seconds: float = 150.0,
    every: float = 0.05,
    pace: int = 80,
    latency: float = 0.1,
) -> list[Row]:
    """In each of `storm` regions so many PONs fall within two minutes, each a case of its own: nothing is
    grouped, which is the worst that a group can have. People tap in all of them until `seconds` are over.
    Source and gateway answer after `latency` seconds.
    """
    facts = f"{regions} regions, {olts} OLTs, {customers:,} customers"
    async with _opened(code, regions, olts, customers, storm=storm, pace=pace) as noc:
        noc.olt.faults.latency = noc.hsm.faults.latency = latency
        before = memory_of(noc.process.pid, "VmRSS")
        fallen = _falls(noc, olts // regions, cases)
        watching = asyncio.create_task(_watch(noc))
        answers = await _tapped(noc, seconds, every)
        watching.cancel()
        resident, peak = (memory_of(noc.process.pid, what) for what in ("VmRSS", "VmHWM"))
        sent, twice, seen = len(noc.hsm.received), noc.hsm.duplicates, noc.seen
        noc.process.kill()  # what waits for its turn is of no interest
    what = f"{fallen} cases in {storm} groups at once"
    firsts = sorted(seen.first.values())
    return [
        Row(
            f"regions: the first card of each group, {what}, {facts}",
            f"{median(firsts):.1f} s, last {firsts[-1]:.1f} s",
            f"≤ {FIRST_CARD:.0f} s",
            len(firsts) == storm and firsts[-1] <= FIRST_CARD,
            value=firsts[-1],
            unit="s",
        ),
        Row(
            "regions: messages and edits in one group in a minute, the most",
            f"{seen.a_group}; {len(seen.cards)} cards; Telegram asked to wait {seen.refused} times",
            f"≤ {A_GROUP}, 0 times",
            seen.a_group <= A_GROUP and not seen.refused,
            value=seen.a_group,
        ),
        Row(
            "regions: messages and edits of the bot in one second, the most in all groups",
            f"{seen.a_second}",
            f"≤ {A_BOT}",
            seen.a_second <= A_BOT,
            value=seen.a_second,
        ),
        _taps(f"regions: tap to its answer in {storm} groups, {sent:,} messages going out", answers, twice),
        Row(
            "regions: resident memory, after it",
            f"{resident:.0f} MB (peak {peak:.0f}; {before:.0f} before the storm)",
            "≤ 256 MB",
            peak <= 256,
            value=resident,
            unit="MB",
        ),
    ]


def _taps(what: str, answers: list[Answer], twice: int) -> Row:
    waits = sorted(answer.delay_seconds * 1000 for answer in answers)
    cuts = quantiles(waits, n=100, method="inclusive")
    return Row(
        f"{what}, {len(waits)} taps",
        f"p50 {cuts[49]:.0f} ms, p99 {cuts[98]:.0f} ms, longest {waits[-1]:.0f} ms",
        f"p99 < {MILLISECONDS:.0f} ms",
        cuts[98] < MILLISECONDS,
        twice=twice,
        value=cuts[98],
        unit="ms",
    )


@asynccontextmanager
async def _opened(
    code: Path, regions: int, olts: int, customers: int, *, storm: int, pace: int
) -> AsyncIterator[Storm]:
    """The bot with its regions and their groups, once it has polled."""
    async with AsyncExitStack() as stack:
        world = World()
        for n in range(olts):
            world.add_olt(_olt(n % regions, n // regions), 1, PONS, max(1, round(customers / olts / PONS)))
        olt = await stack.enter_async_context(OltApi(world))
        hsm = await stack.enter_async_context(MatrixApi())
        chat = await stack.enter_async_context(BotApi(group=HOME))
        people = [ANA + PEOPLE_APART * n for n in range(PEOPLE)]
        for who in people:
            chat.add_user(who, "Ana", admin=True)
            chat.add_user(who - ANA + STRANGER, "Beto")
        groups = {f"R{n:02}": HOME - 1 - n for n in range(regions)}
        chat.chats |= {group: region for region, group in groups.items()}
        own = {f"REGION_{region}_TELEGRAM_CHAT_ID": str(group) for region, group in groups.items()}
        own |= {f"REGION_{region}_OLTS": f"{region} *" for region in groups}
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=DISK)))
        variables = {
            **settings(olt, hsm, chat, folder),
            **own,
            "REGIONS": ",".join(groups),
            "TELEGRAM_APPROVERS": ",".join(map(str, people)),
            "PYTHONPATH": str(code),
            "OPS_PORT": "0",
            "UNDO_SECONDS": "0",
            "GROUP_SECONDS": "0",
            "GROUP_POWER_SECONDS": "0",
            "HSM_RATE": str(pace),
        }
        process = await stack.enter_async_context(running_bot(variables, folder))
        await chat.wait(lambda c: c.updates.polling, PATIENCE)
        await until(lambda: all(chat.messages(group) for group in groups.values()))  # each heard of the start
        yield Storm(olt, hsm, chat, [*groups.values()][:storm], process)


def _olt(region: int, number: int) -> str:
    return f"R{region:02} {number:02}"


def _falls(noc: Storm, olts: int, cases: int) -> int:
    """Of each of those regions so many PONs are down, which began one after the other; how many cases."""
    now = datetime.now(UTC)
    for region in range(len(noc.groups)):
        ports = itertools.product(range(1, PONS + 1), range(olts))
        for n, (pon, olt) in enumerate(itertools.islice(ports, cases)):
            began = now - timedelta(seconds=120 * n / cases)
            noc.olt.world.cut(_olt(region, olt), f"1/{pon}", ("pon_loss", "pon_no_power")[n % 4 == 0], began)
    noc.began = noc.chat.clock()
    return cases * len(noc.groups)


async def _watch(noc: Storm) -> None:
    """How much lands where, ten times a second, until it is cancelled."""
    refused = len(noc.chat.refused)
    landed, second = _landed(noc), noc.chat.clock()
    while True:
        await asyncio.sleep(0.1)
        now, seen = noc.chat.clock(), noc.seen
        for group in noc.groups:
            seen.a_group = max(seen.a_group, noc.chat.sent_in_window(group))
            cards = {(group, message.id) for message, _ in _cards(noc.chat, group)}
            seen.cards |= cards
            if cards:
                seen.first.setdefault(group, now - noc.began)
        seen.refused = sum("Too Many" in why for _, why in noc.chat.refused[refused:])
        if now - second >= 1:
            seen.a_second = max(seen.a_second, round((_landed(noc) - landed) / (now - second)))
            landed, second = _landed(noc), now


def _landed(noc: Storm) -> int:
    return noc.chat.calls["sendMessage"] + noc.chat.calls["editMessageText"]


def _cards(chat: BotApi, group: int) -> list[tuple[Message, int]]:
    """The cards that can be decided on, each with its case."""
    found = []
    for message in chat.messages(group):
        for button in itertools.chain(*message.keyboard):
            action, _, rest = (button.data or "").partition(":")
            if action == "ok":
                found.append((message, int(rest.partition(":")[0])))
    return found


async def _tapped(noc: Storm, seconds: float, every: float) -> list[Answer]:
    """The answers to taps at a steady pace in all of the groups in turn, once each has a card."""
    await until(lambda: len(noc.seen.first) == len(noc.groups))
    waiting: list[asyncio.Future[Answer]] = []
    for turn in itertools.count():
        cards = _cards(noc.chat, noc.groups[turn % len(noc.groups)])
        if cards:
            message, case = cards[turn // len(noc.groups) % len(cards)]
            person, data = TAPS[turn // len(noc.groups) % len(TAPS)]
            person += PEOPLE_APART * (turn // len(TAPS) % PEOPLE)
            waiting.append(noc.chat.post_callback(person, message, f"{data}:{case}:"))
        await asyncio.sleep(every)
        if noc.chat.clock() - noc.began > seconds:
            break
    async with asyncio.timeout(PATIENCE):
        return await asyncio.gather(*waiting)
