"""What runs beside the main line is waited for at a stop, as long as there is time."""

import asyncio

import pytest

from bot.process.tasks import Tasks


@pytest.mark.bug("what a task began while a stop waited for it was cut off, though there was time")
async def test_what_begins_while_a_stop_waits_is_waited_for() -> None:
    tasks, done = Tasks(), []

    async def second() -> None:
        await asyncio.sleep(0)
        done.append("second")

    async def first() -> None:
        await asyncio.sleep(0)
        tasks.spawn(second())

    tasks.spawn(first())
    assert await tasks.drain(20) == 0
    assert done == ["second"]


async def test_what_never_ends_is_cut_off_and_counted() -> None:
    tasks, never = Tasks(), asyncio.Event()

    async def wait() -> None:
        await never.wait()

    tasks.spawn(wait())
    tasks.spawn(wait())
    assert await tasks.drain(0) == 2
    assert await tasks.drain(0) == 0
