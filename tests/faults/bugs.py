"""The reliability bugs found so far: `@pytest.mark.bug("what was wrong")` on the test that pins each."""

import ast
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parents[1]


class Bug(NamedTuple):
    """What was wrong, and the test that would see it again."""

    file: str
    test: str
    sentence: str


def found() -> list[Bug]:
    """All of them, read from the source, so that a run of few tests can name all, and on any worker."""
    return [
        Bug(str(path.relative_to(TESTS.parent)), test, sentence)
        for path in sorted(TESTS.rglob("test_*.py"))
        if "mark.bug(" in (source := path.read_text())
        for test, sentence in _marked(ast.parse(source).body)
    ]


def _marked(body: list[ast.stmt], within: str = "") -> Iterator[tuple[str, str]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _marked(node.body, f"{within}{node.name}::")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.bug":
                    [sentence] = mark.args
                    yield f"{within}{node.name}", ast.literal_eval(sentence)


def render(bugs: list[Bug]) -> str:
    """A line for each, file by file."""
    lines = [f"{len(bugs)} reliability bugs found so far, and the test that pins each"]
    for file, those in groupby(bugs, key=lambda bug: bug.file):
        lines += ["", file, *(f"  {bug.sentence}  ::{bug.test}" for bug in those)]
    return "\n".join(lines)
