"""An attack counts only after it has caught the code that is broken on purpose."""

import ast
import asyncio
import json
import os
import shutil
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.faults.mutants import MUTANTS, QUICK, ROOT, Mutant

EACH = [
    pytest.param(
        mutant, id=mutant.name, marks=pytest.mark.attack if mutant.name in QUICK else pytest.mark.mutant
    )
    for mutant in MUTANTS
]


def copied(mutant: Mutant, folder: Path) -> Path:
    """A copy of the code with the one thing broken."""
    for part in ("bot", "tests"):  # with what is compiled already: that is half of such a run
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("static", "*.md"))
    path = folder / mutant.file
    path.write_text(mutant.applied(path.read_text()))
    return folder


@cache
def unbroken(file: str) -> tuple[str, str]:
    """A module's source, as it stands there and as a broken copy of it is written."""
    source = (ROOT / file).read_text()
    return source, ast.unparse(ast.parse(source)) + "\n"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_stands_there_once(mutant: Mutant) -> None:
    """Where this fails, the code has moved or changed: the broken copy follows it."""
    source, whole = unbroken(mutant.file)
    there = mutant.applied(source)
    assert there != whole
    compile(there, mutant.file, "exec")


async def played(mutant: Mutant, code: Path, play: int) -> tuple[int | None, bytes, bytes]:
    """How the attack on that code ended, and what it said; with the sets of strings of that `play`, always.

    A mount on a busy machine may hang for minutes: the attack is then played once more.
    """
    for patience in (60, 180):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.faults", mutant.attack),
            cwd=code,
            env={**os.environ, "PYTHONHASHSEED": str(play)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(patience):
                out, err = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
        else:
            return process.returncode, out, err
    raise TimeoutError(f"{mutant.attack} does not end")


@pytest.mark.parametrize("mutant", EACH)
async def test_caught(mutant: Mutant, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    copy = copied(mutant, tmp_path)
    for play in range(2):  # a real process does not meet the same moment each time: one miss is none
        code, out, err = await played(mutant, copy, play)
        assert code == 0, err.decode()[-2000:]
        said = json.loads(out.splitlines()[-1])
        if said["skipped"]:
            pytest.skip(said["skipped"])
        if said["violation"]:
            break
    assert said["violation"], f"{mutant.name} went through {said['runs']} runs of {mutant.attack}"
    caught = (mutant.name, mutant.attack, said["runs"], said["violation"])
    request.node.user_properties.append(("caught", caught))
