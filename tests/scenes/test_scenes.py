"""The demo's scenes, played as `demo --scene all --fast` plays them: the real bot in a process of its own."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from unittest.mock import patch

import pytest

from bot.simulator.demo import launch
from bot.simulator.rehearsal import FAST, rehearse
from bot.simulator.scenes import SCENES, Play, Scene, SceneFailed, Told
from bot.simulator.scenes.outages import FIBRE_CUT
from bot.simulator.scenes.play import PATIENCE
from bot.simulator.stage.stage import Stage

pytestmark = pytest.mark.process

# What the issues ask for, in the order of the story.
NAMES = [
    *(
        "fibre-cut",
        "power",
        "cable",
        "storm",
        "pop",
        "flapping",
        "reminder",
        "hours",
        "two-people",
        "eta",
        "restored",
    ),
    *("receipts", "limit", "optout", "blocked-customers", "zabbix"),
    *("token", "two-taps", "gateway", "killed", "telegram-away", "back"),
]


@pytest.fixture
async def stage(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """With the gateway that the test's scene needs, if it has one."""
    scene = getattr(request.node, "callspec", None) and request.node.callspec.params.get("scene")
    made = Stage(tmp_path, launch, variables=FAST, gateway=(scene and scene.gateway) or "matrix")
    await made.start()
    yield made
    await made.stop()


def test_the_scenes_there_are() -> None:
    assert [scene.name for scene in SCENES] == NAMES
    assert all(scene.title.pt and scene.title.en for scene in SCENES)


# But for the first, which tests/test_demo.py plays as a person does: none is played twice.
@pytest.mark.parametrize("scene", SCENES[1:], ids=lambda scene: scene.name)
async def test_a_scene_comes_out_as_it_must(scene: Scene, stage: Stage) -> None:
    news = stage.subscribe()
    await Play(stage, scene, fast=True).run()
    happened = [news.get_nowait() for _ in range(news.qsize())]
    captions = [data for kind, data in happened if kind == "caption"]
    assert len(captions) >= 2
    assert [caption["step"] for caption in captions] == list(range(1, len(captions) + 1))
    assert all(caption["text"]["pt"] and caption["text"]["en"] for caption in captions)
    assert stage.snapshot()["counters"]["duplicates"] == 0
    assert (stage.gateway_mode, stage.phones_mode) == ("ok", "on")
    assert {port.state for port in stage.ports()} == {"ok"}


async def sends_one_twice(play: Play) -> None:
    [port] = play.quiet_ports(1)
    outage = await play.cut(port, 5)
    card = await play.card(outage)
    await play.approve(play.stage.ana, card)
    await play.told(outage.phones)
    play.stage.hsm.count[min(outage.phones)] += 1


async def expects_too_many(play: Play) -> None:
    [port] = play.quiet_ports(1)
    outage = await play.cut(port, 5)
    await play.approve(play.stage.ana, await play.card(outage))
    with patch.dict(PATIENCE, {True: 3.0}):  # they never come
        await play.told({*outage.phones, "5561900009999"})


async def approves_again(play: Play) -> None:
    [port] = play.quiet_ports(1)
    outage = await play.cut(port, 5)
    card = await play.card(outage)
    await play.approve(play.stage.ana, card)
    await play.counts(card, outage)
    await play.approve(play.stage.ana, card)


@pytest.mark.parametrize(
    ("happens", "problem"),
    [
        (sends_one_twice, "nobody got two messages: 1, not 0"),
        (expects_too_many, "messages for"),
        (approves_again, "nothing to approve on the card"),
    ],
)
async def test_what_comes_out_wrong_is_a_failed_scene(happens: object, problem: str, stage: Stage) -> None:
    scene = Scene("wrong", Told("errada", "wrong"), happens)  # type: ignore[arg-type]
    with pytest.raises(SceneFailed, match=problem):
        await Play(stage, scene, fast=True).run()


async def test_a_world_that_is_too_small(tmp_path: Path) -> None:
    stage = Stage(tmp_path, launch, customers=100)
    with pytest.raises(SceneFailed, match=r"12 quiet ports are not there: give more --customers"):
        Play(stage, FIBRE_CUT).quiet_ports(12, on="slot")


async def test_a_rehearsal_says_what_went_wrong_and_leaves_nothing(tmp_path: Path) -> None:
    async def fine(play: Play) -> None:
        play.check("the weather", "sun", "sun")

    async def wrong(play: Play) -> None:
        play.check("the weather", "rain", "sun")

    scenes = (Scene("right", Told("certa", "right"), fine), Scene("wrong", Told("errada", "wrong"), wrong))
    tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
    lines: list[str] = []
    right = await rehearse(
        scenes, tmp_path, lambda _, folder: Stage(folder, launch, variables=FAST), "pt", lines.append
    )
    said = "\n".join(lines)
    assert not right
    assert "the weather: 'rain', not 'sun'" in said
    assert "1 of 2 scenes ✓" in said
    assert "\n✓  right " in said
    assert "\n✗  wrong " in said
    assert asyncio.all_tasks() == tasks
    for thread in set(threading.enumerate()) - threads:
        thread.join(5)  # asyncio's thread that waited for a child may be ending still
    assert set(threading.enumerate()) == threads
