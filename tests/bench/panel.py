"""`panel`: what a page that many watch costs who taps, and how soon a change is on it, in a storm."""

import asyncio
import json
import re
import sys
import time
from pathlib import Path
from statistics import quantiles

import httpx

from bot.simulator.ports import free_port
from bot.simulator.telegram.api import Answer
from tests.bench.children import DISK, PATIENCE, ROOT, until
from tests.bench.screens import OF_A_COOKIE
from tests.bench.site import ANA, PEOPLE, PEOPLE_APART, Site, opened
from tests.bench.table import Row
from tests.bench.tap import TAPS

SECOND, MILLISECONDS = 1.0, 50.0
LINK = re.compile(r"http\S+/panel/enter\?t=([\w-]+)")
OF_ONE = 5  # sessions of a person
ASSUME = "mine"


async def rows(
    code: Path = ROOT,
    /,
    *,
    customers: int = 3000,
    open_cases: int = 200,
    watchers: int = 50,
    taps: int = 300,
    every: float = 0.05,
    pace: int = 80,
) -> list[Row]:
    """At so many messages a second; the same without anybody who watches comes first."""
    found: list[Row] = []
    for watching in (0, watchers):
        async with opened(DISK, open_cases=open_cases, audit_lines=1000, large=customers) as site:
            port = free_port()
            speed = {
                "HSM_RATE": str(pace),
                "HSM_CONCURRENCY": "10",
                "UNDO_SECONDS": "0",
            }
            on = {"PANEL": "true", "OPS_PORT": str(port)}
            async with site.bot(code, **speed, **on, POLL_SECONDS="2") as process:
                answers, seen, told = await _watched(site, port, customers, watching, every)
                twice = site.hsm.duplicates
                process.kill()
        going = f"{customers:,} messages going out at {pace} a second"
        about = f"{going}, {open_cases} open cases, {watching} watching the panel"
        found.append(_taps(f"panel: tap to its answer, {about}", answers, taps, twice))
        if watching:
            found.append(_seen(f"panel: a decision to each screen, {about}", seen, told))
    return found


def _taps(what: str, answers: list[Answer], wanted: int, twice: int) -> Row:
    waits = sorted(answer.delay_seconds * 1000 for answer in answers)
    cuts = quantiles(waits, n=100, method="inclusive")
    said = f"p50 {cuts[49]:.0f} ms, p99 {cuts[98]:.0f} ms, longest {waits[-1]:.0f} ms ({len(waits)} taps)"
    met = cuts[98] < MILLISECONDS and len(waits) >= wanted
    return Row(what, said, f"p99 < {MILLISECONDS:.0f} ms", met, twice=twice, value=cuts[98], unit="ms")


def _seen(what: str, seen: list[float], told: int) -> Row:
    cuts = quantiles(seen, n=100, method="inclusive")
    said = (
        f"p50 {cuts[49]:.2f} s, p99 {cuts[98]:.2f} s, longest {max(seen):.2f} s; {told / 1e6:.0f} MB in all"
    )
    return Row(what, said, f"< {SECOND:.0f} s", max(seen) < SECOND, value=max(seen), unit="s")


async def _watched(
    site: Site, port: int, customers: int, watching: int, every: float
) -> tuple[list[Answer], list[float], int]:
    """The answers to taps, the seconds from each decision to each screen, the bytes that all screens got."""
    await site.chat.wait(lambda chat: chat.updates.polling, PATIENCE)
    if not watching:
        answers, _ = await _tapped(site, customers, every)
        return answers, [], 0
    people = range(watching // OF_A_COOKIE)
    cookies = [await _enter(site, port, number // OF_ONE) for number in people]
    screens = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.screens", str(port), *cookies),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    assert screens.stdin is not None
    assert screens.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            assert await screens.stdout.readline() == b"ready\n"
        answers, decided = await _tapped(site, customers, every)
        screens.stdin.write(json.dumps(list(decided)).encode() + b"\n")
        async with asyncio.timeout(PATIENCE):
            owned, told = json.loads(await screens.stdout.readline())
            await screens.wait()
    finally:
        if screens.returncode is None:
            screens.kill()
            await screens.wait()
    seen = [each[str(number)] - at for each in owned for number, at in decided.items()]
    return answers, seen, told


async def _tapped(site: Site, customers: int, every: float) -> tuple[list[Answer], dict[int, float]]:
    """Taps at a steady pace from the first message to the last, each twentieth a decision; when those were
    tapped, by case.
    """
    chat = site.chat
    *others, large = site.cards
    async with asyncio.timeout(PATIENCE):
        await chat.post_callback(ANA, site.cards[large], f"ok:{large}:")
    await until(lambda: bool(site.hsm.received))
    waiting: list[asyncio.Future[Answer]] = []
    decided: dict[int, float] = {}
    while len(site.hsm.received) < customers:
        turn = len(waiting)
        number = others[turn % len(others)]
        person, data = TAPS[turn % len(TAPS)]
        person += PEOPLE_APART * (turn // len(TAPS) % PEOPLE)
        if turn % 20 == 0 and number not in decided:
            person, data, decided[number] = ANA, ASSUME, time.monotonic()
        waiting.append(chat.post_callback(person, site.cards[number], f"{data}:{number}:"))
        await asyncio.sleep(every)
    async with asyncio.timeout(PATIENCE):
        return await asyncio.gather(*waiting), decided


async def _enter(site: Site, port: int, person: int) -> str:
    """One of the Anas comes in by a link of hers: the cookie that she has then."""
    user = ANA + PEOPLE_APART * person
    before = len(site.chat.messages(user))
    await site.chat.say(user, "/painel", user)
    found = await site.chat.wait(
        lambda chat: next(
            (link for m in chat.messages(user)[before:] if (link := LINK.search(m.text))), None
        ),
        PATIENCE,
    )
    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=PATIENCE) as http:
        entered = await http.post("/panel/enter", data={"t": found[1]}, headers={"Origin": base})
    assert entered.status_code == 303, entered.text
    return entered.headers["Set-Cookie"].partition(";")[0]
