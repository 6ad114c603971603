"""An adapter is a folder: nothing else knows its name or its settings, and without it the rest goes on."""

import os
import re
import shutil
import subprocess
import sys
from functools import reduce
from pathlib import Path
from typing import get_args

import pytest

import bot
from bot.chat.screens.words import LANGUAGES, words_in
from bot.directories import DIRECTORIES
from bot.domain.plan import Mend
from bot.gateways import GATEWAYS
from bot.process.settings.part import Declared, own_fields
from bot.sources import SOURCES

BOT = Path(bot.__file__).parent
REGISTRIES = {"gateways": GATEWAYS, "sources": SOURCES, "directories": DIRECTORIES}
SWITCHES = {"gateways": "GATEWAY", "sources": "SOURCE", "directories": "DIRECTORY"}
ADAPTERS = [
    (room, name, adapter)
    for room, registry in REGISTRIES.items()
    for name, adapter in registry.items()
    if adapter.folder
]
METRIC = re.compile(r'"noc_[a-z_]+"')
"""Metrics are named as the field names what they count, a webhook among it."""
KNOWS_ALL = ("simulator", "docs")  # the pretend ISP is made of vendors; documents tell of them

OTHER = """
from bot.{room}.adapter import Adapter
from bot.process.settings.part import Part, setting


class OtherSettings(Part):
    other_url: str = setting("", mend="its address", tells="Where the other one is.")
    other_size: int = setting(3, mend="a number", tells="How large.", old="SIZE_OF_OTHER")


ADAPTER = Adapter(
    open=lambda *_: None, settings=OtherSettings, needed=("other_url",), url="other_url", folder=__name__
)
"""
EVERYTHING_ELSE = """
import importlib, pkgutil, sys
import bot
assert bot.__file__.startswith(sys.argv[1]), bot.__file__
for found in pkgutil.walk_packages(bot.__path__, "bot."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
from bot.process.settings.composed import Settings
from bot.process.settings.reading import load, read
from bot.process.settings.rendered import env_example
from bot.process.wiring import rules_of, words_of
settings = load(None, dict(pair.split("=", 1) for pair in sys.argv[2:]))
rules_of(settings), words_of(settings), settings.secrets(), settings.unprotected()
print(*settings.source, settings.gateway, settings.directory)
print(*sorted(field for field in Settings.model_fields))
print(*read(None, {}).wrong, *read(None, dict.fromkeys(("GATEWAY", "SOURCE", "DIRECTORY"), "other")).wrong)
print(env_example())
"""
TELEGRAM = ("TELEGRAM_TOKEN=1:a", "TELEGRAM_CHAT_ID=-100")
MATRIX = ("URL_HSM=https://hsm.example/sendHsm", "TOKEN_HSM=k", "HSM_ACCOUNT=1", "HSM_ID_LOS=2")
GIVEN = {
    "gateways": ("API_BASE_URL=https://isp.example", "API_USER=noc", "API_PASS=secret"),
    "sources": (*MATRIX, "HSM_ID_POWER=3"),
}
OF_A_SOURCE = {
    "oltcloud": GIVEN["gateways"],
    "smartolt": ("SMARTOLT_URL=https://isp.smartolt.com", "SMARTOLT_KEY=secret"),
}
GIVEN["directories"] = (*GIVEN["gateways"], *GIVEN["sources"])


def called(value: object) -> str | None:
    return value if isinstance(value, str) else None


def names_of(name: str, adapter: Declared) -> re.Pattern[str]:
    """What an adapter is called, in code and by people, and what its settings are."""
    spoken = [words_in(adapter.folder, language) for language in LANGUAGES]
    shown = {
        words[key]
        for words in spoken
        for kind in SWITCHES.values()
        if (key := f"{kind.lower()}.{name}") in words
    }
    said = "|".join(map(re.escape, (*shown, *own_fields(adapter.settings))))
    return re.compile(
        rf"(?i:{said}|(?<![a-z]){name}(?!que))|{name.capitalize()}(?![a-z])"
    )  # no Opa in `opaque`


@pytest.mark.parametrize(("room", "name", "adapter"), ADAPTERS, ids=called)
def test_a_vendor_is_named_in_its_folder_and_in_its_line_of_the_registry_alone(
    room: str, name: str, adapter: Declared
) -> None:
    known = names_of(name, adapter)
    longer = [names_of(other, it) for _, other, it in ADAPTERS if name in other and name != other]
    found = [
        f"{path.relative_to(BOT)}:{number}: {line.strip()[:100]}"
        for path in sorted(BOT.rglob("*"))
        if path.suffix in {".py", ".toml"} and path.relative_to(BOT).parts[0] not in KNOWS_ALL
        if BOT / room / name not in path.parents
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if known.search(reduce(lambda text, other: other.sub("", text), (METRIC, *longer), line))
    ]
    assert [line.rpartition(": ")[2].split()[0] for line in found] == [f'"{name}",'], "\n".join(found)
    assert found[0].startswith(f"{room}/__init__.py:")


def test_no_adapter_takes_the_place_of_anothers_setting_or_rule() -> None:
    """All parts are one class in the end, where a name is there once: a second validator is the only one."""
    mine = {
        part for _, _, it in ADAPTERS for part in it.settings.__mro__ if part.__module__.startswith("bot.")
    }
    names = [name for part in mine for name in {*own_fields(part), *vars(part)} if not name.startswith("__")]
    every_parts = {"title", "ours", "named_in", "model_config", "_abc_impl"}
    assert {name for name in names if names.count(name) > 1} - every_parts == set()


@pytest.mark.process
@pytest.mark.parametrize(
    ("room", "name", "adapter", "other"),
    [
        (room, name, adapter, other)
        for room, name, adapter in ADAPTERS
        for other in (True, False)
        if other or room == "directories" or len(REGISTRIES[room]) > 1  # there has to be one
    ],
    ids=called,
)
def test_a_folder_can_be_deleted_and_another_take_its_place(
    tmp_path: Path, room: str, name: str, adapter: Declared, other: bool
) -> None:
    shutil.copytree(BOT, tmp_path / "bot")  # with what is compiled, which takes longer than all of the rest
    shutil.rmtree(tmp_path / "bot" / room / name)
    registry = tmp_path / "bot" / room / "__init__.py"
    lines = registry.read_text().splitlines(keepends=True)
    line = next(line for line in lines if f'"{name}"' in line)
    lines[lines.index(line)] = line.replace(name, "other") if other else ""
    registry.write_text("".join(lines))
    if other:
        (registry.parent / "other").mkdir()
        (registry.parent / "other" / "__init__.py").write_text(OTHER.format(room=room))
    chosen = (f"{SWITCHES[room]}=other", "OTHER_URL=https://x.example") if other else ("GATEWAY=dry_run",)
    left = next((one for one in REGISTRIES[room] if one != name), None) if room == "sources" else None
    of_it = OF_A_SOURCE[left] if left is not None and not other else ()  # it stands in for what was deleted
    given = (*TELEGRAM, *GIVEN[room], *of_it, *chosen)
    done = subprocess.run(
        [sys.executable, "-c", EVERYTHING_ELSE, str(tmp_path), *given],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names, fields, wrong, *example = done.stdout.splitlines()
    assert ("other" in names.split()) is other
    assert not own_fields(adapter.settings).keys() & set(fields.split())
    assert ("other_url" in wrong.split()) is other, "what it needs is asked for"
    assert ("OTHER_SIZE=3" in example) is other


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("room", "name", "adapter"), ADAPTERS, ids=called)
def test_an_adapter_has_words_for_whatever_a_person_is_told_of_it(
    room: str, name: str, adapter: Declared, language: str
) -> None:
    words = words_in(adapter.folder, language)
    advised = {f"advice.{mend}" for mend in get_args(Mend)}
    wanted = {
        "gateways": {"gateway." + name, *advised},
        "sources": {"source." + name, "login." + name},
        "directories": {"directory." + name},
    }
    assert wanted[room] <= words.keys()
    assert (BOT / room / name / "README.md").exists()
