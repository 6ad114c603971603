"""Imports run one way (bot/README.md): read with `ast`, so a wrong one fails before it can grow."""

import ast
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BOT = ROOT / "bot"

# A module may import from its own layer and from those after it.
LAYERS = (
    ("__main__",),
    ("simulator.demo",),
    (
        "process.app",
        "process.check",
        "process.checks",
        "process.cluster",
        "process.checkpoints",
        "process.nightly",
        "process.options",
        "process.reload",
        "process.schedule",
        "process.every",
        "process.child",
        "process.drawn",
        "process.trial",
        "process.watched",
        "process.webhook",
        "process.wiring",
        "process.settings",
        "process.setup",
    ),
    ("chat", "sources", "gateways", "directories", "storage", "ops", "process.log"),
    ("flow",),
    ("steps",),
    ("ports",),
    ("domain",),
    ("errors", "process.terminal", "tongue"),
)
# What any adapter may use: the process's own edges, which know no step and no flow.
EDGES = {
    "upstream",
    "bodies",
    "tls",
    *(f"process.{edge}" for edge in ("clock", "tasks")),
    # An adapter declares its part of the settings; all of them together know every adapter.
    *(f"process.settings.{edge}" for edge in ("part", "values", "names", "given", "templates")),
}
FULL = 17  # source files in a folder: what a newcomer takes in at a glance
# The chat's rooms: each may use itself and those after it.
ROOMS = ("telegram", "noc", "taps", "group", "wire", "screens")
STEPS = [
    "account",
    "by_port",
    "collect",
    "compose",
    "decide",
    "delay",
    "describe",
    "enrich",
    "gate",
    "opt_out",
    "receipts",
    "restore",
    "send",
    "settle",
    "trial",
    "unknown",
    "within",
]
INSIDE = {"flow", "steps", "ports", "domain", "errors"}
IMPURE = {
    "telegram",
    "httpx",
    "aiohttp",
    "asyncio",
    "os",
    "pathlib",
    "socket",
    "time",
    "random",
    "logging",
    "io",
}
PURE_LIBRARIES = {"phonenumbers"}  # tables of numbering plans: no I/O, no clock


def modules() -> list[Path]:
    return sorted(p for p in BOT.rglob("*.py"))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(BOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Everything in a file."""
    return tuple(ast.walk(ast.parse(path.read_text())))


@cache
def imports(path: Path) -> list[str]:
    """Every absolute module name that a file imports, wherever in it."""
    found: list[str] = []
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def layer(name: str) -> int:
    for depth, names in enumerate(LAYERS):
        if any(name == n or name.startswith(f"{n}.") for n in names):
            return depth
    raise AssertionError(f"bot.{name} has no place in the house: give it one in LAYERS and in bot/README.md")


def part(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


def edge(name: str) -> bool:
    return any(name == e or name.startswith(f"{e}.") for e in EDGES)


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_run_one_way(path: Path) -> None:
    me = name_of(path)
    for name in imports(path):
        if not name.startswith("bot."):
            continue
        other = name.removeprefix("bot.")
        if other == "__version__":
            continue
        if me.startswith("simulator") and me != "simulator.demo":
            assert other.startswith("simulator"), (
                f"{me} imports {other}: the simulators know nothing of the bot"
            )
            continue
        if edge(other):
            assert part(me) not in INSIDE, f"{me} imports {other}: the inside knows no edge"
            continue
        if edge(me):
            assert part(other) in {"errors", "ports", "domain", "tongue"}, f"{me} imports {other}"
            continue
        if other.startswith("simulator"):
            assert layer(me) <= 1, f"{me} imports {other}: only the demo knows that there are simulators"
            continue
        assert layer(me) <= layer(other), f"{me} imports {other}: that is the wrong way"


def test_no_module_imports_itself_in_a_circle() -> None:
    """Neither for types alone, nor inside a function."""
    known = {f"bot.{name_of(path)}": path for path in modules()}
    graph = {
        name: {other if other in known else other.rpartition(".")[0] for other in imports(path)}
        & known.keys()
        for name, path in known.items()
    }
    TopologicalSorter(graph).prepare()  # CycleError names the circle


@pytest.mark.parametrize("path", sorted((BOT / "chat").rglob("[!_]*.py")), ids=name_of)
def test_the_rooms_of_the_chat_are_passed_one_way(path: Path) -> None:
    room = ROOMS.index(name_of(path).split(".")[1])
    for name in imports(path):
        if name.startswith("bot.chat."):
            assert room <= ROOMS.index(name.split(".")[2]), f"{path}: {name}: that is the wrong way"


@pytest.mark.parametrize("path", sorted((BOT / "chat" / "screens").rglob("*.py")), ids=name_of)
def test_screens_are_pure(path: Path) -> None:
    assert not {part(name) for name in imports(path)} & (IMPURE - {"io"})  # a document is made in memory
    assert not any(isinstance(n, ast.AsyncFunctionDef | ast.Await) for n in nodes(path))


@pytest.mark.parametrize("path", [p for p in modules() if part(name_of(p)) in INSIDE], ids=name_of)
def test_the_inside_uses_no_third_party_library(path: Path) -> None:
    for name in imports(path):
        top = part(name)
        assert top in {"bot"} | PURE_LIBRARIES or top in sys.stdlib_module_names, f"{path}: {name}"


@pytest.mark.parametrize("path", sorted((BOT / "domain").rglob("*.py")), ids=name_of)
def test_the_domain_has_no_io_no_clock_and_no_async(path: Path) -> None:
    assert not {part(name) for name in imports(path)} & IMPURE
    assert not any(isinstance(n, ast.AsyncFunctionDef | ast.Await) for n in nodes(path))
    calls = [
        n.func.attr for n in nodes(path) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)
    ]
    assert not {"now", "utcnow", "today"} & set(calls)


def test_the_steps_stand_in_running_order() -> None:
    assert sorted(p.stem for p in (BOT / "steps").glob("[!_]*.py")) == STEPS


def test_a_step_imports_only_steps_before_it() -> None:
    for number, step in enumerate(STEPS):
        for name in imports(BOT / "steps" / f"{step}.py"):
            if name.startswith("bot.steps."):
                assert name.split(".")[2] in STEPS[:number], f"{step} imports {name}"


def test_few_modules_know_the_http_library() -> None:
    """httpx lives on under another name: what must change then is listed here."""
    users = {name_of(p) for p in modules() if any(part(name) == "httpx" for name in imports(p))}
    assert users == {
        "bodies",
        "tls",
        "upstream",
        "sources.login",
        "sources.smartolt.calls",
        "gateways.matrix.matrix",
        "gateways.cloud.cloud",
        "gateways.opa.opa",
        "chat.wire.refusals",
        "chat.wire.connection",
    }


def test_one_module_knows_the_library_of_metrics() -> None:
    users = {name_of(p) for p in modules() if any(part(name) == "prometheus_client" for name in imports(p))}
    assert users == {"ops.metrics"}


@pytest.mark.parametrize("folder", sorted({path.parent for path in modules()}), ids=str)
def test_no_folder_is_too_full_to_be_taken_in(folder: Path) -> None:
    assert len(list(folder.glob("[!_]*.py"))) <= FULL
