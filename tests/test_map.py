"""What a document or the code names is there: files, folders, modules, tests, headings. Pages stay small."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("bot", "tests", ".ci", ".github")
AT_MOST = {"README.md": 10_240, "bot/README.md": 6_144}  # bytes: what a newcomer reads at a sitting

LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)")
MODULE = re.compile(r"python3? -m ((?:bot|tests)[\w.]*)")
TEST = re.compile(r"(tests/[\w/]+\.py)((?:::\w+)+)")
PATH = re.compile(
    r"(?<![\w/.{}<*$%-])"  # not in the middle of another word, address or pattern
    r"((?:[\w.-]+/)*[\w.-]+\.(?:py|md|toml|yml)|(?:bot|tests|\.ci|\.github)(?:/[\w.-]+)+)\b"
)


def of(*suffixes: str) -> list[Path]:
    """The project's files of these kinds, but for what is installed or made."""
    below = (path for folder in OURS for path in (ROOT / folder).rglob("*"))
    return sorted(path for path in (*ROOT.iterdir(), *below) if path.is_file() and path.suffix in suffixes)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


DOCUMENTS = of(".md")
TEXTS = [*DOCUMENTS, *of(".py", ".toml", ".yml", ".example"), ROOT / "Dockerfile", ROOT / ".ci/run"]


@cache
def there() -> frozenset[str]:
    """Every name by which a file or folder may be called: `bot/flow/flow.py`, `flow/flow.py`, `flow.py`."""
    below = (path for folder in OURS for path in (ROOT / folder).rglob("*"))
    parts = [path.relative_to(ROOT).parts for path in (*ROOT.iterdir(), *below)]
    return frozenset("/".join(names[n:]) for names in parts for n in range(len(names)))


def anchors(document: Path) -> set[str]:
    """What a link may point to in a document, as GitHub makes it of the headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_a_link_leads_somewhere(document: Path) -> None:
    for target, anchor in LINK.findall(document.read_text()):
        found = (document.parent / target).resolve() if target else document
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), f"{target}#{anchor}"


def test_every_file_that_is_named_exists() -> None:
    missing = {
        (named(text), name)
        for text in TEXTS
        for name in PATH.findall(text.read_text())
        if re.sub(r"^(\.\./)+|\.$", "", name) not in there()
    }
    assert not missing, sorted(missing)


def test_every_module_that_is_named_exists() -> None:
    for text in TEXTS:
        for name in MODULE.findall(text.read_text()):
            path = ROOT / name.rstrip(".").replace(".", "/")
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), (named(text), name)


def test_every_test_that_is_named_exists() -> None:
    for text in TEXTS:
        for file, names in TEST.findall(text.read_text()):
            body = ast.parse((ROOT / file).read_text()).body
            for name in names.removeprefix("::").split("::"):
                found = [node for node in body if getattr(node, "name", None) == name]
                assert found, (named(text), f"{file}{names}")
                body = getattr(found[0], "body", [])


@pytest.mark.parametrize("name", AT_MOST)
def test_a_page_stays_short(name: str) -> None:
    assert (ROOT / name).stat().st_size <= AT_MOST[name]


def test_the_map_names_modules_that_are_there() -> None:
    rooms = (ROOT / "bot/README.md").read_text().partition("## The rooms")[2].partition("## Words")[0]
    stems = {path.stem for path in of(".py", ".toml")} | {path.name for path in (ROOT / "bot").rglob("*/")}
    names = set(re.findall(r"`([\w/]+?)/?`", rooms))
    assert {name for name in names if name.rpartition("/")[2] not in stems} == {"phonenumbers"}
