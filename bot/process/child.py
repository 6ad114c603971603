"""A command of this program in a process of its own: the work does not wait for it and tells it no secret."""

import asyncio
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import bot
from bot.errors import Declined
from bot.tongue import ENGLISH

log = logging.getLogger(__name__)

LATE = "it took too long"
_PATIENCE = 300.0  # seconds for a report
_NICE = 19  # it takes what of the CPU the bot leaves
_FIRST = "1000"  # where memory runs out the kernel ends it, and not the bot with its sends on their way


class Ended(NamedTuple):
    """How it ended, and what it said."""

    code: int
    out: str
    err: str


async def ended(
    *arguments: str,
    patience: float,
    module: str = "bot",
    language: str = ENGLISH,
    told: str = "",
    descriptors: Sequence[int] = (),
) -> Ended | str:
    """Run it; where it does not come to an end by itself within `patience` seconds, why not.

    It is gone when this returns, also where the caller is cancelled, however often. It has these
    `descriptors`, and reads what it is `told`: no list of processes and no environment shows that.
    """
    stop, cancelled = asyncio.Event(), None
    work = _run((module, *arguments), patience, stop, language, told=told, descriptors=descriptors)
    running = asyncio.create_task(work)
    while not running.done():
        try:
            await asyncio.wait({running})
        except asyncio.CancelledError as error:
            cancelled = error
            stop.set()
    if cancelled is not None:
        raise cancelled
    return running.result()


async def _run(
    arguments: tuple[str, ...],
    patience: float,
    stop: asyncio.Event,
    language: str,
    *,
    told: str,
    descriptors: Sequence[int],
) -> Ended | str:
    try:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *arguments),
            env=_bare(language),
            stdin=asyncio.subprocess.PIPE if told else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=descriptors,
        )
    except OSError as error:
        return error.strerror or type(error).__name__
    _stand_back(child.pid)
    said, stopped = (
        asyncio.ensure_future(child.communicate(told.encode() or None)),
        asyncio.ensure_future(stop.wait()),
    )
    done, _ = await asyncio.wait({said, stopped}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if said not in done:
        with suppress(ProcessLookupError):
            child.kill()
    out, err = await said
    if not done:
        return LATE
    return Ended(child.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace"))


class Reports:
    """A `ports.Reports`: each is made by a child, one at a time; 50,000 rows take 6 s and 140 MB."""

    def __init__(self, folder: Path, language: str, least: int) -> None:
        self._of = ("--data", str(folder), "--language", language, "--least", str(least))
        self._busy = False

    async def month(self, month: str) -> tuple[str, bytes]:
        """As `Reports.month`."""
        if self._busy:
            raise Declined("report_running")
        self._busy = True
        try:
            with tempfile.TemporaryFile() as rows:  # without a name: whatever ends this process, it is gone
                out = rows.fileno()
                command = ("report", month, "--csv", "--out-to", str(out), *self._of)
                how = await ended(*command, patience=_PATIENCE, descriptors=(out,))
                if isinstance(how, str) or not how.out:
                    why = how if isinstance(how, str) else how.err.strip().rpartition("\n")[2]
                    log.warning("a month's report could not be made: %s", why)
                    raise Declined("report_failed")
                rows.seek(0)
                return how.out, await asyncio.to_thread(rows.read)
        except OSError as error:
            log.warning("a month's report could not be made: %s", error.strerror)
            raise Declined("report_failed") from error
        finally:
            self._busy = False


def _stand_back(pid: int) -> None:
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, _NICE)
        Path(f"/proc/{pid}/oom_score_adj").write_text(_FIRST, "ascii")


def _bare(language: str) -> dict[str, str]:
    """What a child needs of the environment: no secret is."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "LC_ALL", "TZ"}}
    return kept | {"PYTHONPATH": str(Path(bot.__file__).parents[1]), "BOT_LANGUAGE": language}
