"""Scenes without a page and without pauses: a line each, a closing table, and whether all came out right."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.simulator.program import Said, as_it_is
from bot.simulator.scenes import Play, Scene, SceneFailed
from bot.simulator.stage.stage import Stage

AT_ONCE = 4  # stages, each with a bot of its own: more of them only wait for two cores
# The bot as it is, but nobody needs time to look or to change their mind.
FAST = {
    "POLL_SECONDS": "1",
    "SETTLE_SECONDS": "0",
    "CLOSE_POLLS": "1",
    "UNDO_SECONDS": "0",
    "HSM_RATE": "0",
}
# They begin first, so that none is alone at the end.
SLOWEST = ("flapping", "reminder", "gateway", "back", "hours", "restored", "eta", "zabbix", "telegram-away")


@dataclass(frozen=True)
class Result:
    """How one scene went; ``problem`` None: as it must. Memory in MB, 0 where this system does not tell."""

    scene: Scene
    seconds: float
    cards: int
    sent: int
    twice: int
    bot_mb: float
    problem: str | None


async def rehearse(
    scenes: Sequence[Scene],
    folder: Path,
    stage_for: Callable[[Scene, Path], Stage],
    lang: str,
    say: Callable[[str], None] = print,
    *,
    said: Said = as_it_is,
) -> bool:
    """Play the scenes, a few at a time, each on a stage of its own; whether all came out right.

    Args:
        scenes: In the order of the table.
        folder: Each stage gets a folder in it.
        stage_for: Makes a stage for a scene in a folder.
        lang: "pt" or "en".
        say: Takes each line.
        said: Gives what the lines say.
    """
    began = time.monotonic()
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(scene: Scene) -> Result:
        async with turn:
            place = folder / scene.name
            place.mkdir(parents=True, exist_ok=True)
            result = await _rehearse_one(scene, stage_for(scene, place), lang)
        say(_line(result, lang))
        return result

    order = sorted(scenes, key=lambda s: SLOWEST.index(s.name) if s.name in SLOWEST else len(SLOWEST))
    async with asyncio.TaskGroup() as group:  # which waits for its stages to stop where it is cancelled
        tasks = [group.create_task(one(scene)) for scene in order]
    results = sorted((task.result() for task in tasks), key=lambda result: scenes.index(result.scene))
    say("\n" + "\n".join(_table(results, lang, said)))
    failed = sum(result.problem is not None for result in results)
    seconds = f"{time.monotonic() - began:.1f}"
    good, count = len(results) - failed, len(results)
    say("\n" + said("{good} of {count} scenes ✓ in {seconds} s", good=good, count=count, seconds=seconds))
    own, bot = memory_mb(os.getpid()), max(result.bot_mb for result in results)
    if own:
        text = "Memory: {own} MB this process + {bot} MB the largest bot = {sum} MB"
        say(said(text, own=f"{own:.0f}", bot=f"{bot:.0f}", sum=f"{own + bot:.0f}"))
    return failed == 0


async def _rehearse_one(scene: Scene, stage: Stage, lang: str) -> Result:
    began = time.monotonic()
    play = Play(stage, scene, lang, fast=True)
    problem, bot_mb = None, 0.0
    try:
        await stage.use(scene.settings(True), erp=scene.erp, pushed=scene.pushed)
        await stage.start()
        await play.run()
        bot_mb = memory_mb(stage.bot_pid)
    except SceneFailed as failed:
        problem = str(failed)
    finally:
        await _stopped(stage)
    seconds = time.monotonic() - began
    return Result(scene, seconds, len(play.cards), len(play.sent), stage.hsm.duplicates, bot_mb, problem)


async def _stopped(stage: Stage) -> None:
    """Its bot is gone, also where all is cancelled in the middle of that."""
    stopping = asyncio.create_task(stage.stop())
    try:
        await asyncio.shield(stopping)
    except asyncio.CancelledError:
        await stopping
        raise


def memory_mb(pid: int | None) -> float:
    """The memory that a process holds (RSS); 0 where there is none or the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def _line(result: Result, lang: str) -> str:
    mark = "✗" if result.problem else "✓"
    line = f"{mark} {result.seconds:5.1f} s  {title(result.scene, lang)}"
    return f"{line}\n    {result.problem}" if result.problem else line


def _table(results: Sequence[Result], lang: str, said: Said) -> list[str]:
    width = max(len(title(result.scene, lang)) for result in results)
    name = max(len(result.scene.name) for result in results)
    columns = said("seconds  cards  messages  twice")
    head = f"   {said('scene'):{name}}  {'':{width}}  {columns}"
    rows = [
        f"{'✗' if r.problem else '✓'}  {r.scene.name:{name}}  {title(r.scene, lang):{width}}  "
        f"{r.seconds:7.1f}  {r.cards:5}  {r.sent:8}  {r.twice:5}"
        for r in results
    ]
    return [head, *rows]


def title(scene: Scene, lang: str) -> str:
    """The scene's title in "pt" or "en"."""
    return scene.title.en if lang == "en" else scene.title.pt
