"""Pictures are made by a child; where none can be had nobody waits, and the words stand alone."""

import asyncio
import logging
import os
import struct
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from bot.chat.screens.charts.drawing import Chart, label
from bot.process.child import LATE
from bot.process.drawn import pictures
from bot.process.drawn.pictures import Pictures
from bot.process.drawn.raster import NEEDS, PIXELS

PNG = b"\x89PNG\r\n\x1a\n"


def drawing(text: str = "ção") -> str:
    return Chart("x", 300, "title", "says", label(10, 200, text, size=100)).alone()


@pytest.mark.process
async def test_a_drawing_is_a_picture_whose_texts_are_there_with_their_accents() -> None:
    made = Pictures()
    found = [await made.drawn(drawing(text)) for text in ("", "cao", "ção", "ção")]
    assert all(picture is not None and picture.startswith(PNG) for picture in found)
    empty, plain, accents, again = found
    assert empty != plain != accents == again
    assert accents is not None
    assert struct.unpack(">II", accents[16:24]) == (PIXELS, PIXELS // 2)


@pytest.mark.process
async def test_what_cannot_be_drawn_is_told_once_and_nothing_is_left(
    caplog: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = Pictures()
    with caplog.at_level(logging.WARNING):
        assert await made.drawn("<svg") is None
        assert await made.drawn("<svg") is None
    assert len(caplog.records) == 1
    assert os.listdir(tmp_path) == []  # noqa: PTH208


async def test_who_asks_meanwhile_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    release = asyncio.Event()

    async def slow(*_: str, **__: object) -> str:
        await release.wait()
        return LATE

    monkeypatch.setattr(pictures, "ended", slow)
    made = Pictures()
    first = asyncio.create_task(made.drawn(drawing()))
    await asyncio.sleep(0)
    assert await made.drawn(drawing()) is None
    release.set()
    assert await first is None


async def test_without_the_extra_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: str, **__: object) -> str:
        raise AssertionError

    monkeypatch.setattr(pictures, "ended", never)
    monkeypatch.setattr(pictures, "NEEDS", (*NEEDS, "no_such_library"))
    assert await Pictures().drawn(drawing()) is None
    assert find_spec("no_such_library") is None
