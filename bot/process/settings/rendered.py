"""`.env.example`, its Portuguese twin and the tables of the documents, made from the settings themselves.

`python -m bot.process.settings.rendered` writes them anew; a test fails while one is out of date.
"""

import re
import textwrap
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from bot.directories import DIRECTORIES
from bot.gateways import GATEWAYS
from bot.process.settings.composed import OWN, SECRETS, Settings
from bot.process.settings.given import LANGUAGE
from bot.process.settings.own import People
from bot.process.settings.part import (
    Declared,
    Part,
    as_text,
    is_family,
    is_live,
    is_regional,
    is_secret,
    of_each,
    old_name,
    own_fields,
    tells,
)
from bot.sources import SOURCES, spelt
from bot.tongue import ENGLISH, said_in

Tongue: TypeAlias = Callable[..., str]

ROOT = Path(__file__).parents[3]
WIDTH = 110
LIVE = "\N{NO-BREAK SPACE}↻"
REGIONAL = "\N{NO-BREAK SPACE}⚑"
MARKS = ("<!-- rendered from the settings -->\n", "<!-- /rendered -->\n")
_AS_A_FILE = "TELEGRAM_TOKEN_FILE=/run/secrets/telegram_token"
_BEGIN = "Copy to .env and fill in the first part. A secret may also stand in a file: {example}"
_PAGE = f"""# Settings

Environment variables, or lines of `.env` (the environment wins); an empty value counts as not set. Every
secret may also stand in a file that `NAME_FILE` names (`{_AS_A_FILE}`).
What is wrong is named at the start with its mend, all of it at once and never with its value (exit code 2);
`python -m bot check` says it, too, and tries what is right. [`.env.example`](../../.env.example) has all of
them to be filled in; those of one OLT manager, one gateway or one ERP are in the README of its folder below
[`bot/sources/`](../sources/), [`bot/gateways/`](../gateways/) and [`bot/directories/`](../directories/).

↻ may change while the bot runs: [`/recarregar`, or a SIGHUP](operating.md#settings-while-it-runs). What else
changed takes a restart, and is named then. ⚑ may be another one in each of several regions:
`REGION_NORTE_` and its name, where `REGIONS` names `NORTE`.
"""


@dataclass(frozen=True, slots=True)
class Group:
    """Settings that one text tells of."""

    text: str
    fields: dict[str, FieldInfo]


def groups(part: type[Part], wanted: Collection[str]) -> list[Group]:
    """The wanted settings of a part, in its order."""
    found: list[Group] = []
    for name, field in part.model_fields.items():
        if name not in wanted:
            continue
        if tells(field):
            found.append(Group(tells(field), {}))
        found[-1].fields[name] = field
    return found


def default(field: FieldInfo) -> str:
    """A default as one writes it into `.env`; empty where there is none."""
    if is_family(field):
        return of_each(field)
    value = field.default
    if value is PydanticUndefined:
        return ""
    return value.get_secret_value() if isinstance(value, SecretStr) else as_text(value)


def env_example(language: str = ENGLISH) -> str:
    """The whole of `.env.example`, or of its twin: what is needed first, then the parts."""
    tongue = partial(said_in, language)
    secrets = ", ".join(map(str.upper, SECRETS))
    lines = [
        *_comment(tongue(_BEGIN, example=_AS_A_FILE)),
        *_comment(tongue("Secrets: {names}. Empty: not set.", names=secrets)),
        *_title(tongue("Needed")),
        *_assigned(groups(People, _required(People)), tongue),
    ]
    for switch, adapters in _switches().items():
        for name, adapter in adapters.items():
            if adapter.needed:
                lines += ["", *_only(switch, name, adapters, tongue("# Needed with {setting}={name}:"))]
                lines += _assigned(groups(adapter.settings, adapter.needed), tongue)
    for part in OWN:
        lines += _title(tongue(part.title))
        for group in groups(part, own_fields(part).keys() - _required(part)):
            chooses = next(iter(_switches().keys() & group.fields.keys()), None)
            lines += _assigned([group], tongue) if chooses is None else _choice(chooses, group, tongue)
    return "\n".join(lines) + "\n"


def table(part: type[Part], needed: Collection[str] = ()) -> str:
    """A part as a table in Markdown."""
    rows = ["| setting | default | what it does |", "|---|---|---|"]

    def value(name: str, field: FieldInfo) -> str:
        if field.is_required() or name in needed:
            return "needed"
        return f"`{default(field)}`" if default(field) else "empty"

    for group in groups(part, own_fields(part)):
        values = ", ".join(value(name, field) for name, field in group.fields.items())
        rows.append(f"| {_marked(group.fields)} | {values} | {_escaped(group.text)}{_aside(group)} |")
    return "\n".join(rows) + "\n"


def page() -> str:
    """`bot/docs/settings.md`: the bot's own."""
    return "".join([_PAGE, *(f"\n## {part.title}\n\n{table(part)}" for part in OWN)])


def readme(adapter: Declared) -> str:
    """An adapter's README with its table as the settings are now."""
    begin, end = map(re.escape, MARKS)
    made = f"{MARKS[0]}{table(adapter.settings, adapter.needed)}{MARKS[1]}"
    return re.sub(f"{begin}.*{end}", lambda _: made, _readme(adapter).read_text("utf-8"), flags=re.DOTALL)


def documents() -> dict[Path, str]:
    """Every file that is made from the settings, as it should be."""
    adapters = [one for choice in _switches().values() for one in choice.values() if one.folder]
    examples = {ROOT / ".env.example": env_example(), ROOT / ".env.exemplo": env_example(LANGUAGE)}
    pages = examples | {ROOT / "bot/docs/settings.md": page()}
    return pages | {_readme(adapter): readme(adapter) for adapter in adapters}


def _switches() -> dict[str, dict[str, Declared]]:
    """The settings that choose a system, with what may be chosen."""
    sources = {spelt(name): adapter for name, adapter in SOURCES.items()}
    return {"source": dict(sources), "gateway": dict(GATEWAYS), "directory": dict(DIRECTORIES)}


def _required(part: type[Part]) -> set[str]:
    return {name for name, field in part.model_fields.items() if field.is_required()}


def _choice(switch: str, group: Group, tongue: Tongue) -> Iterator[str]:
    """The setting that chooses a system, and the rest of the settings of each that may be chosen."""
    adapters = _switches()[switch]
    text = tongue(group.text) + tongue(" One of: {names}.", names=", ".join(adapters))
    yield from _assigned([Group(text, group.fields)], tongue)
    for name, adapter in adapters.items():
        rest = groups(adapter.settings, own_fields(adapter.settings).keys() - set(adapter.needed))
        if rest:
            yield from ["", *_only(switch, name, adapters, tongue("# With {setting}={name}:"))]
            yield from [*_assigned(rest, tongue), ""]


def _only(switch: str, name: str, adapters: Collection[str], when: str) -> list[str]:
    """For which choice; not where there is but one, which is chosen anyway."""
    only = len(adapters) == 1 and Settings.model_fields[switch].default in adapters
    return [] if only else [when.format(setting=switch.upper(), name=name)]


def _title(text: str) -> list[str]:
    return ["", f"# --- {text} ".ljust(WIDTH - 2, "-"), ""]


def _comment(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent="# ",
        subsequent_indent="# ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _assigned(groups: list[Group], tongue: Tongue) -> Iterator[str]:
    for group in groups:
        yield from _comment(tongue(group.text))
        for name, field in group.fields.items():
            yield f"{'# ' if is_family(field) else ''}{name.upper()}={default(field)}"


def _aside(group: Group) -> str:
    """Which are secrets, and which other names are read."""
    secrets = [name for name, field in group.fields.items() if is_secret(field)]
    old = list(filter(None, map(old_name, group.fields.values())))
    which = "" if len(secrets) == len(group.fields) else f": {_quoted(secrets)}"
    return (f" Secret{which}." if secrets else "") + (f" Also read: {_quoted(old)}." if old else "")


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name.upper()}`" for name in names)


def _marked(fields: Mapping[str, FieldInfo]) -> str:
    """The same, with a mark at those that may change while the program runs."""
    marks = {
        name: f"{LIVE if is_live(field) else ''}{REGIONAL if is_regional(field) else ''}"
        for name, field in fields.items()
    }
    return ", ".join(f"`{name.upper()}`{mark}" for name, mark in marks.items())


def _escaped(text: str) -> str:
    """Where Markdown would take what is meant as it stands for a tag, or for the end of a cell."""
    return text.replace("<", "&lt;").replace("|", "\\|")


def _readme(adapter: Declared) -> Path:
    return ROOT / adapter.folder.replace(".", "/") / "README.md"


if __name__ == "__main__":
    for file, text in documents().items():
        file.write_text(text, "utf-8")
