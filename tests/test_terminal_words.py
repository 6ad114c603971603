"""What the command line says in Portuguese: everything, with the same facts, and nothing that nobody says."""

import argparse
import ast
import inspect
import os
import re
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from string import Formatter
from typing import get_args, get_type_hints

import pytest

import bot
from bot.__main__ import main
from bot.directories import DIRECTORIES
from bot.domain.case import CaseState
from bot.domain.delivery import Arrival
from bot.domain.events import Line
from bot.domain.incident import Kind
from bot.domain.plan import Outcome, Skip
from bot.gateways import GATEWAYS
from bot.process.settings.composed import OWN, Settings
from bot.process.settings.part import mend, tells
from bot.sources import SOURCES
from bot.storage.commands.phrases import CODED
from bot.tongue import catalogue, said, speak

OURS = catalogue("pt_BR")
ADVICE = [one.advice for of in (GATEWAYS, SOURCES, DIRECTORIES) for one in of.values()]


@cache
def texts_in_code() -> frozenset[str]:
    """Every text of the program."""
    sources = Path(bot.__file__).parent.rglob("*.py")
    nodes = (node for file in sources for node in ast.walk(ast.parse(file.read_text())))
    return frozenset(n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str))


def said_in_code() -> Iterator[str]:
    """What `said` is given as it stands, under either of its names."""
    for file in Path(bot.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"said", "_"} and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield first.value


def counted_in_code() -> Iterator[str]:
    """What is counted, one of it and several."""
    for file in Path(bot.__file__).parent.rglob("storage/commands/*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "counted":
                last = node.args[-1]
                if isinstance(last, ast.Constant):
                    yield from (str(last.value), str(last.value) + "s")


def told() -> set[str]:
    """What is said that stands in declarations: settings, headings, the advice of adapters."""
    settings = {text for field in Settings.model_fields.values() for text in (mend(field), tells(field))}
    advice = {getattr(given, field.name) for given in ADVICE for field in fields(given)}
    return (settings | advice | {part.title for part in OWN}) - {""}


def raised_in_code() -> Iterator[str]:
    """What a command ends with, or says is wrong with a line; of one with facts what is between them."""
    for file in Path(bot.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") not in ENDINGS or not node.args:
                continue
            first = node.args[0]
            parts = first.values if isinstance(first, ast.JoinedStr) else [first]
            yield from (str(part.value) for part in parts if isinstance(part, ast.Constant))


def codes_in(hint: object) -> Iterator[str]:
    """The texts of a Literal, wherever it stands in a type."""
    for one in get_args(hint):
        yield from [one] if isinstance(one, str) else codes_in(one)


def called_in_lines() -> set[str]:
    """What the ledger's commands call the kinds of lines, their fields and the codes in them."""
    kinds = get_args(Line)
    names = {field.name for kind in kinds for field in fields(kind)} - {"kind", "case", "restores"}
    hints = [(name, hint) for kind in kinds for name, hint in get_type_hints(kind).items() if name in CODED]
    coded = {f"{CODED[name]}.{code}" for name, hint in hints for code in codes_in(hint)}
    codes = {"outcome": Outcome, "skip": Skip, "arrival": Arrival, "state": CaseState, "kind": Kind}
    return (
        {f"line.{kind.__dataclass_fields__['kind'].default}" for kind in kinds}
        | {f"field.{name}" for name in names}
        | coded
        | {"flag.True"}
        | {f"{of}.{code.value}" for of, several in codes.items() for code in several}
    )


ENDINGS = {"StartupError", "BadLine", "KeyMissing"}


def test_all_that_is_said_is_there_in_portuguese() -> None:
    assert {text for text in (*said_in_code(), *told(), *counted_in_code()) if text not in OURS} == set()
    assert called_in_lines() - OURS.keys() == set()


def test_whatever_ends_a_command_is_there_in_portuguese() -> None:
    """Facts are put into a text after it was looked up, so none is built around them."""
    words = {text for text in raised_in_code() if re.search("[a-z]{2}", text)}
    assert words - OURS.keys() == set()


def test_nothing_is_there_that_nobody_says() -> None:
    argparses = inspect.getsource(argparse)
    unused = OURS.keys() - texts_in_code() - told() - {*counted_in_code()} - called_in_lines()
    unused -= {text for text in unused if text.removesuffix("s") in texts_in_code()}
    assert {
        text for text in unused if text.removesuffix("\n") not in argparses
    } == SAID_BY_OTHERS - texts_in_code()


SAID_BY_OTHERS = {
    # built of two texts
    "reachable, key accepted, but it may read no receipts",
    "reachable, key accepted, but Meta limits what the number may send",
    "begins with whsec_ and is no key",
    "dry run",
    # Telegram's words for what the bot is in its group
    *("member", "administrator", "creator", "restricted", "left", "kicked"),
}


def test_the_facts_are_the_same() -> None:
    def facts(text: str) -> set[str] | None:
        try:
            return {f"{name}!{how}" for _, name, _, how in Formatter().parse(text) if name}
        except ValueError:  # of another kind: nothing fills it
            return None

    assert {text for text, own in OURS.items() if facts(text) != facts(own)} == set()


def test_a_text_that_is_not_there_stays_english_and_braces_stay_without_facts() -> None:
    speak("pt_BR")
    assert said("nobody says this {x}") == "nobody says this {x}"
    assert said("{count} open incidents", count=2) == "alertas abertos: 2"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--help"], "uso: python -m bot"),
        (["ledger", "verify", "--help"], "confere cada linha"),
        (["check", "--help"], "mostra esta ajuda e sai"),
    ],
)
def test_the_help_is_in_portuguese_unless_set_otherwise(
    given: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BOT_LANGUAGE")
    with pytest.raises(SystemExit):
        main(given)
    shown = " ".join(capsys.readouterr().out.split())
    assert says in shown
    assert "show this help" not in shown
    Path(".env").write_text("BOT_LANGUAGE=en\n")
    with pytest.raises(SystemExit):
        main(given)
    assert says not in " ".join(capsys.readouterr().out.split())


def test_a_wrong_use_is_said_in_portuguese(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(os.environ, "BOT_LANGUAGE", "pt_BR")
    for given, says in (
        (["ledger"], "faltam argumentos: "),
        (["report", "2026-13"], "'2026-13' não é um mês como 2026-11"),
        (["frob"], "opção inválida: 'frob' (escolha entre "),
        (["check", "--frob"], "argumentos desconhecidos: --frob"),
    ):
        with pytest.raises(SystemExit):
            main(given)
        assert says in capsys.readouterr().err
