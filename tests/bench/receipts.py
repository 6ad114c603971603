"""`receipts`: thousands of receipts, each told three times in any order, while as many messages go out."""

import asyncio
import itertools
import random
import time
from pathlib import Path
from statistics import quantiles

from bot.simulator.cloud import NUMBER, CloudApi, CloudMessage
from bot.simulator.hook import Hook, status
from bot.simulator.ports import free_port
from bot.simulator.telegram.api import Answer, Message
from tests.bench.children import DISK, PATIENCE, ROOT, until
from tests.bench.site import ANA, PEOPLE, PEOPLE_APART, STRANGER, Site, opened
from tests.bench.table import Row

TOLD = ("sent", "delivered", "read")
RATE = 80.0  # messages a second: what WhatsApp lets a number send, and so the fastest that receipts come
TIMES = 3
SLOWEST_TAP, LEAST_SHARE, MOST_BYTES = 50.0, 0.9, 250.0  # ms; of the sends without receipts; bytes a receipt


async def rows(
    code: Path = ROOT,
    /,
    *,
    customers: int = 3000,
    open_cases: int = 12,  # with more, the case that opens while the bot runs is told in a list
    audit_lines: int = 1000,
    rate: float = RATE,
    in_flight: int = 20,
    together: int = 30,
    every: float = 0.05,
) -> list[Row]:
    """The first case is sent alone; while the second is, the first one's receipts come, `together` a request.

    They come evenly over the time that the sends take, or one after the other where that is too slow.
    """
    opening = opened(DISK, open_cases=open_cases, audit_lines=audit_lines, large=customers)
    async with opening as site, CloudApi() as cloud:
        hook = Hook(f"http://127.0.0.1:{free_port()}/whatsapp")
        async with site.bot(code, **_settings(cloud, hook, rate, in_flight)) as process:
            found = await _measured(site, cloud, hook, customers, (together, every))
            process.kill()
        twice = cloud.duplicates
    alone, beside, waits, lines, told = found
    cuts = quantiles(waits, n=100, method="inclusive")
    share, size = alone / beside, lines / customers
    what = f"receipts: {told:,} of {customers:,} messages while {customers:,} more go out"
    return [
        Row(
            f"{what}, a tap to its answer ({len(waits)} taps)",
            f"p50 {cuts[49]:.0f} ms, p99 {cuts[98]:.0f} ms, longest {max(waits):.0f} ms",
            f"p99 < {SLOWEST_TAP:.0f} ms",
            cuts[98] < SLOWEST_TAP,
            twice=twice,
            value=cuts[98],
            unit="ms",
        ),
        Row(
            f"{what}, messages a second",
            f"{customers / beside:,.0f}",
            f"ratio >= {LEAST_SHARE}",
            share >= LEAST_SHARE,
            ideal=f"{customers / alone:,.0f} without receipts",
            ratio=f"{share:.2f}",
            twice=twice,
            value=customers / beside,
            unit="/s",
        ),
        Row(
            f"{what}, ledger a message's receipts",
            f"{size:.0f} bytes",
            f"<= {MOST_BYTES:.0f} bytes a receipt",
            size <= MOST_BYTES,
            twice=twice,
            value=size,
            unit="B",
        ),
    ]


def _settings(cloud: CloudApi, hook: Hook, rate: float, in_flight: int) -> dict[str, str]:
    return {
        "GATEWAY": "cloud",
        "WA_BASE_URL": cloud.url,
        "WA_TOKEN": cloud.token,
        "WA_PHONE_NUMBER_ID": NUMBER,
        "WA_TEMPLATE_LOS": "aviso_fibra",
        "WA_TEMPLATE_POWER": "aviso_energia",
        "WA_APP_SECRET": hook.secret,
        "WA_VERIFY_TOKEN": hook.verify_token,
        "OPS_PORT": hook.url.rpartition(":")[2].partition("/")[0],
        "HSM_RATE": f"{rate:g}",
        "HSM_CONCURRENCY": str(in_flight),
        "UNDO_SECONDS": "0",
        "POLL_SECONDS": "2",
    }


async def _measured(
    site: Site, cloud: CloudApi, hook: Hook, customers: int, pace: tuple[int, float]
) -> tuple[float, float, list[float], int, int]:
    """Seconds of the sends alone and beside receipts, waits of taps in ms, bytes of lines, receipts told."""
    chat, (*others, large), (together, every) = site.chat, site.cards, pace
    await chat.wait(lambda c: c.updates.polling, PATIENCE)
    site.world.outage(customers, slot_pon="16/16")
    card = await chat.wait(lambda c: next((m for m in c.messages() if "16/16" in m.text), None), PATIENCE)
    number = max(site.cards) + 1
    alone = await _sent(site, cloud, large, site.cards[large], customers)
    news = [(message, word) for message in cloud.received for word in TOLD] * TIMES
    random.Random(1).shuffle(news)  # noqa: S311
    telling = asyncio.ensure_future(_tell(hook, news, together, alone))
    tapping = asyncio.ensure_future(_tapped(site, others, every, telling))
    beside = await _sent(site, cloud, number, card, customers)
    await telling
    answers = await tapping
    await chat.wait(
        lambda _: f"{customers:,} entregues".replace(",", ".") in site.cards[large].text, PATIENCE
    )
    return alone, beside, [a.delay_seconds * 1000 for a in answers], _bytes(site), len(news)


async def _sent(site: Site, cloud: CloudApi, number: int, card: Message, customers: int) -> float:
    """Seconds from the first message of a case to the last."""
    before = len(cloud.received)
    async with asyncio.timeout(PATIENCE):
        if card.buttons:
            await site.chat.tap(ANA, card, "Aprovar")
        else:  # the site's own, without a keyboard
            await site.chat.post_callback(ANA, card, f"ok:{number}:")
    await until(lambda: len(cloud.received) > before)
    began = time.perf_counter()
    await until(lambda: len(cloud.received) >= before + customers)
    return time.perf_counter() - began


async def _tell(hook: Hook, news: list[tuple[CloudMessage, str]], together: int, seconds: float) -> None:
    began = time.perf_counter()
    for n in range(0, len(news), together):
        await asyncio.sleep(began + seconds * n / len(news) - time.perf_counter())
        assert await hook.tell(*(status(message, word) for message, word in news[n : n + together])) == 200


async def _tapped(
    site: Site, others: list[int], every: float, telling: "asyncio.Future[None]"
) -> list[Answer]:
    """The answers to taps at a steady pace, as long as receipts come."""
    waiting: list[asyncio.Future[Answer]] = []
    began = time.perf_counter()
    for turn, number in enumerate(itertools.cycle(others)):
        person = STRANGER + PEOPLE_APART * (turn % PEOPLE)
        waiting.append(site.chat.post_callback(person, site.cards[number], f"ok:{number}:"))
        await asyncio.sleep(every)
        if telling.done():
            break
    async with asyncio.timeout(PATIENCE + time.perf_counter() - began):  # half as quickly as they came
        return await asyncio.gather(*waiting)


def _bytes(site: Site) -> int:
    """Of the lines that say what became of messages."""
    found = 0
    for segment in (site.folder / "data" / "ledger").glob("*.jsonl"):
        for line in segment.read_bytes().splitlines(keepends=True):
            if any(b'"kind":"%b"' % kind in line for kind in (b"received", b"read", b"undelivered")):
                found += len(line)
    return found
