"""What the command line says in Portuguese: everything, with the same facts, and nothing that nobody says."""

import argparse
import ast
import inspect
import os
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from string import Formatter

import pytest

import bot
from bot.__main__ import main
from bot.directories import DIRECTORIES
from bot.gateways import GATEWAYS
from bot.process.settings.composed import OWN, Settings
from bot.process.settings.part import mend, tells
from bot.sources import SOURCES
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


def test_all_that_is_said_is_there_in_portuguese() -> None:
    assert {text for text in (*said_in_code(), *told(), *counted_in_code()) if text not in OURS} == set()


def test_nothing_is_there_that_nobody_says() -> None:
    argparses = inspect.getsource(argparse)
    unused = OURS.keys() - texts_in_code() - told() - {*counted_in_code()}
    unused -= {text for text in unused if text.removesuffix("s") in texts_in_code()}
    assert {text for text in unused if text.removesuffix("\n") not in argparses} == SAID_BY_OTHERS


SAID_BY_OTHERS = {
    # built of two texts
    "reachable, key accepted, but it may read no receipts",
    "reachable, key accepted, but Meta limits what the number may send",
    "begins with whsec_ and is no key",
    "dry run",
    # Telegram's words for what the bot is in its group
    *("member", "administrator", "creator", "restricted", "left", "kicked"),
} - texts_in_code()


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
