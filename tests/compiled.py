"""What the workers import is compiled once, before they begin: else each of them compiles all of it.

That is 19 s of CPU for each where nothing is compiled yet, as in a fresh copy.
"""

import multiprocessing
import os
import py_compile
import sys
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path

import pytest
from _pytest.assertion import rewrite

ROOT = Path(__file__).parents[1]


def compile_all(config: pytest.Config) -> None:
    """Whatever of the bot and its tests is not compiled, or has changed since, is, on every CPU."""
    if sys.dont_write_bytecode:
        return
    files = [file for folder in ("bot", "tests") for file in sorted((ROOT / folder).rglob("*.py"))]
    stale = [file for file in files if _is_stale(file)]
    at_once = len(os.sched_getaffinity(0))
    if len(stale) < 10 * at_once:
        return
    shares = [stale[n::at_once] for n in range(at_once)]
    fork = multiprocessing.get_context("fork")
    running = [fork.Process(target=_compile, args=(share, config)) for share in shares]
    for one in running:
        one.start()
    for one in running:
        one.join()


def _is_rewritten(file: Path) -> bool:
    """Whether pytest makes its own of it, whose asserts say what they saw."""
    return ROOT / "tests" in file.parents and (file.name == "conftest.py" or file.match("test_*.py"))


def _compiled(file: Path) -> Path:
    if _is_rewritten(file):
        return rewrite.get_cache_dir(file) / (file.stem + rewrite.PYC_TAIL)
    return Path(cache_from_source(str(file)))


def _is_stale(file: Path) -> bool:
    """Whether it is not there, or older than its source; a worker looks closer."""
    try:
        return _compiled(file).stat().st_mtime < file.stat().st_mtime
    except OSError:
        return True


def _compile(files: list[Path], config: pytest.Config) -> None:
    for file in files:
        # What cannot be compiled is said by whoever imports it.
        with suppress(SyntaxError, py_compile.PyCompileError, OSError):
            if not _is_rewritten(file):
                py_compile.compile(str(file), doraise=True)
                continue
            made_of, code = rewrite._rewrite_test(file, config)
            rewrite.try_makedirs(rewrite.get_cache_dir(file))
            rewrite._write_pyc(config.stash[rewrite.assertstate_key], code, made_of, _compiled(file))
