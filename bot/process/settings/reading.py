"""The settings, read once and checked at once: every problem says how to mend it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot.errors import StartupError
from bot.gateways import GATEWAYS
from bot.process.settings.composed import PARTS, SECRETS, Settings
from bot.process.settings.given import ENV_FILE, clean, given, in_file
from bot.process.settings.names import meant, strange
from bot.process.settings.names import names as names_of
from bot.process.settings.part import mend, old_name
from bot.sources import SOURCES

FIELDS = Settings.model_fields
OLD_NAMES = {name: old for name, field in FIELDS.items() if (old := old_name(field))}
KNOWN = names_of(FIELDS, SECRETS, OLD_NAMES)
_OURS = tuple(beginning for part in PARTS for beginning in part.ours)
_STAND_INS = {"telegram_token": "0:none", "telegram_chat_id": "-1"}  # what has no default


def load(env_file: Path | None = ENV_FILE, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings from the environment and, below it, `env_file` (which may be missing).

    Surrounding spaces and quotes are taken off, an empty value counts as not set. A secret may stand in a
    file that NAME_FILE names.

    Raises:
        StartupError: Names every variable that needs mending, never a value. Exit code 2.
    """
    found = read(env_file, environ)
    if found.problems:
        lines = "\n".join(f"  {line}" for line in found.problems)
        raise StartupError(f"Settings that need mending:\n{lines}")
    return found.settings


@dataclass(frozen=True, slots=True)
class Reading:
    """What could be read: `settings` has a stand-in for each of the `wrong` fields.

    `problems` are all of them, a line each with the mend, names that are no setting among them;
    `strangers` are names in the file that resemble no setting, so that nothing reads them.
    """

    settings: Settings
    wrong: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()


def read(env_file: Path | None = ENV_FILE, environ: Mapping[str, str] = os.environ) -> Reading:
    """As `load`, but for who goes on with what is right."""
    problems: list[str] = []
    variables = given(env_file, environ, problems)
    problems += [
        f"{name} is no setting: did you mean {one}? Rename or remove it"
        for name, one in _misspelt(env_file, environ).items()
    ]
    names = {field: _variable(field, variables) for field in FIELDS}
    values: dict[str, Any] = {
        field: value for field, name in names.items() if (value := _value(name, variables, problems))
    }
    settings, wrong, stood_in = _settings(values)
    unreadable = {field for field, name in names.items() if name in variables and field not in values}
    for field in _needed(values):
        if field not in values:
            wrong.setdefault(field, "is not set")
    problems += [
        f"{names[field]} {problem}: {mend(FIELDS[field])}"
        for field, problem in wrong.items()
        if field not in unreadable
    ]
    strangers = (name for name in strange(in_file(env_file, []), KNOWN) if meant(name, KNOWN, _OURS) is None)
    return Reading(settings, stood_in | wrong.keys() | unreadable, tuple(problems), tuple(strangers))


def _needed(values: Mapping[str, Any]) -> tuple[str, ...]:
    """What the adapters that are named cannot do without."""
    source, gateway = (values.get(field, FIELDS[field].default) for field in ("source", "gateway"))
    chosen = (SOURCES.get(source), GATEWAYS.get(gateway))
    return tuple(field for adapter in chosen if adapter is not None for field in adapter.needed)


def _settings(values: Mapping[str, Any]) -> tuple[Settings, dict[str, str], frozenset[str]]:
    """The settings, what is wrong with them, and every field that a stand-in has the place of."""
    good, wrong, stood_in = dict(values), dict[str, str](), frozenset[str]()
    while True:
        try:
            return Settings(**good), wrong, stood_in
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)
            said = {str(one["loc"][0]): _problem(one["type"], one["msg"]) for one in reversed(found)}
            wrong = wrong or said  # what comes later comes of the stand-ins
            stood_in |= said.keys()
            kept = {field: value for field, value in good.items() if field not in said}
            kept |= {field: value for field, value in _STAND_INS.items() if field in said}
            if kept == good:  # nothing is left to leave out
                names = ", ".join(field.upper() for field in said)
                raise StartupError(f"{names}: its default is not valid here: set another value") from None
            good = kept


def _misspelt(env_file: Path | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Names that are no setting, with the one that each was meant to be; those of no value change nothing."""
    found: dict[str, str] = {}
    for variables, foreign in ((environ, True), (in_file(env_file, []), False)):
        for name in strange([name for name, value in variables.items() if value], KNOWN):
            if one := meant(name, KNOWN, _OURS, foreign=foreign):
                found[name] = one
    return found


def _variable(field: str, variables: Mapping[str, str]) -> str:
    """The name under which a setting is given; its own name where it is not given at all."""
    names = [field.upper(), *([OLD_NAMES[field]] if field in OLD_NAMES else [])]
    files = [f"{name}_FILE" for name in names] if field in SECRETS else []
    return next((name for name in [*names, *files] if name in variables), names[0])


def _value(name: str, variables: Mapping[str, str], problems: list[str]) -> str | None:
    """What a variable says, or what stands in the file that it names."""
    value = variables.get(name)
    if name.endswith("_FILE"):
        try:
            value = clean(Path(value or "").read_text("utf-8-sig"))
        except (OSError, UnicodeError):
            value = None
        if not value:
            problems.append(f"{name} names no file with a value: name a file that this user may read")
    return value


def _problem(kind: str, message: str) -> str:
    """What pydantic found, in words for a person; never with the value."""
    if kind == "missing":
        return "is not set"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    return "is not valid"
