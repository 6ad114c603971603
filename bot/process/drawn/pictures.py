"""Pictures of drawings (`ports.Pictures`), each made by a child: the library's memory goes with it."""

import asyncio
import logging
import tempfile
from importlib.util import find_spec
from pathlib import Path

from bot.process.child import ended
from bot.process.drawn.raster import NEEDS

log = logging.getLogger(__name__)

_PATIENCE = 10.0  # seconds; alone it takes 0.2
_LARGEST = 2 * 1024 * 1024  # bytes; one has 50 KB
_MODULE = "bot.process.drawn.raster"


class Pictures:
    """One at a time: who asks meanwhile has none."""

    def __init__(self) -> None:
        self._busy = False
        self._missing: bool | None = None
        self._failed = False

    async def drawn(self, svg: str) -> bytes | None:
        """As `Pictures.drawn`."""
        if self._busy or not self._can():
            return None
        self._busy = True
        try:
            with tempfile.TemporaryDirectory(prefix="picture-") as place:  # for this user alone
                why, picture = await _made(svg, Path(place))
        except OSError as error:
            why, picture = error.strerror or type(error).__name__, None
        finally:
            self._busy = False
        if why and not self._failed:  # once, until one can be made again
            log.warning("a picture could not be made: %s", why)
        self._failed = bool(why)
        return picture

    def _can(self) -> bool:
        if self._missing is None:
            self._missing = any(find_spec(name) is None for name in NEEDS)
            if self._missing:
                log.info("pictures are off: pip install 'olt-noc-bot[picture]' brings them")
        return not self._missing


async def _made(svg: str, place: Path) -> tuple[str, bytes | None]:
    """Why there is none, or the picture."""
    drawing, picture = place / "drawing.svg", place / "picture.png"
    await asyncio.to_thread(drawing.write_text, svg, "utf-8")
    how = await ended(str(drawing), str(picture), patience=_PATIENCE, module=_MODULE)
    if isinstance(how, str):
        return how, None
    if how.code != 0:
        return how.err.strip().rpartition("\n")[2] or f"exit code {how.code}", None
    if picture.stat().st_size > _LARGEST:
        return "it is too large", None
    return "", await asyncio.to_thread(picture.read_bytes)
