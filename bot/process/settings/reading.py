"""The settings, read once and checked at once: every problem says how to mend it."""

import dataclasses
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot.directories import DIRECTORIES
from bot.errors import StartupError
from bot.gateways import GATEWAYS
from bot.process.settings.composed import MAY_DIFFER, PARTS, SECRETS, Settings
from bot.process.settings.given import ENV_FILE, clean, given, in_file
from bot.process.settings.names import meant, strange
from bot.process.settings.names import names as names_of
from bot.process.settings.part import is_family, mended, old_name, own_fields
from bot.process.settings.regional import CHAT, OLTS, called, names_in, own, strays
from bot.process.settings.values import listed
from bot.sources import SOURCES, systems
from bot.tongue import said

FIELDS = Settings.model_fields
OLD_NAMES = {name: old for name, info in FIELDS.items() if (old := old_name(info))}
_OURS = tuple(beginning for part in PARTS for beginning in part.ours)
_STAND_INS = {("telegram_token",): "0:none", ("telegram_chat_id",): "-1"}  # what has no default
_NAME = re.compile("[a-z0-9_]+")
_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - it is read, not listened on
Slot = tuple[str, ...]
"""A setting, as pydantic places it: a field, and of a family whose it is."""


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
        raise StartupError(f"{said('Settings that need mending:')}\n{lines}")
    return found.settings


@dataclass(frozen=True, slots=True)
class Reading:
    """What could be read: `settings` has a stand-in for each of the `wrong` fields.

    `problems` are all of them, a line each with the mend, names that are no setting among them;
    `strangers` are names in the file that resemble no setting, so that nothing reads them; `values` what is
    given, secrets among it, and `regional` what each region sets of its own.
    """

    settings: Settings
    wrong: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    values: Mapping[Slot, str] = dataclasses.field(default_factory=dict, repr=False)
    regional: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict, repr=False)


def read(env_file: Path | None = ENV_FILE, environ: Mapping[str, str] = os.environ) -> Reading:
    """As `load`, but for who goes on with what is right."""
    problems: list[str] = []
    variables = given(env_file, environ, problems)
    slots = _slots(variables)
    known = _known(slots) | {called(region, one) for region in names_in(variables) for one in MAY_DIFFER}
    problems += _strays(variables)
    problems += [
        f"{name} {said('is no setting: did you mean {one}? Rename or remove it', one=one)}"
        for name, one in _misspelt(env_file, environ, known).items()
    ]
    names = {slot: _variable(slot, variables) for slot in slots}
    values: dict[Slot, str] = {
        slot: value for slot, name in names.items() if (value := _value(name, variables, problems))
    }
    settings, wrong, stood_in = _settings(values)
    unreadable = {slot for slot, name in names.items() if name in variables and slot not in values}
    for slot in _needed(values, slots):
        if slot not in values:
            wrong.setdefault(slot, "is not set")
    if not settings.ops_port and any(SOURCES[system].listens for system in systems(settings.source)):
        wrong.setdefault(("ops_port",), "is 0, so nobody can tell the bot anything over HTTP")
    if not settings.ops_port and settings.panel:
        wrong.setdefault(("panel",), "needs OPS_PORT, which is 0")
    if settings.panel and not settings.panel_url and settings.ops_host in _EVERYWHERE:
        wrong.setdefault(("panel_url",), "is not set, and no browser opens OPS_HOST")
    problems += [
        f"{names.get(slot) or _name(slot)} {said(what)}: {mended(FIELDS[slot[0]])}"
        for slot, what in wrong.items()
        if slot not in unreadable
    ]
    strangers = (name for name in strange(in_file(env_file, []), known) if meant(name, known, _OURS) is None)
    fields = frozenset(slot[0] for slot in (*stood_in, *wrong, *unreadable))
    regional = own(variables, MAY_DIFFER)
    if regional:
        settings, found = _with_regions(settings, values, regional, wrong)
        problems += (f"{called(*at)} {said(what)}: {mended(FIELDS[at[1]])}" for at, what in found.items())
        fields |= {field for _, field in found}
    return Reading(settings, fields, tuple(problems), tuple(strangers), values, regional)


def _with_regions(
    settings: Settings,
    values: Mapping[Slot, str],
    regional: Mapping[str, Mapping[str, str]],
    wrong: Mapping[Slot, str],
) -> tuple[Settings, dict[tuple[str, str], str]]:
    """The settings with those of each region; and what is wrong with one's own, by region and field.

    What is wrong for all is said of all.
    """
    found: dict[tuple[str, str], str] = {}
    made: dict[str, tuple[Settings, frozenset[str]]] = {}
    groups = {settings.telegram_chat_id: "TELEGRAM_CHAT_ID"}
    for region, mine in regional.items():
        its, its_wrong, _ = _settings({**values, **{(field,): text for field, text in mine.items()}})
        news = {slot[0]: what for slot, what in its_wrong.items() if slot[0] in mine or slot not in wrong}
        found |= {(region, field): what for field, what in news.items()}
        if CHAT not in mine:
            found[region, CHAT] = "is not set"
        elif (region, CHAT) not in found:
            other = groups.setdefault(its.telegram_chat_id, called(region, CHAT))
            if other != called(region, CHAT):
                found[region, CHAT] = said("is the group of {name}, too", name=other)
        made[region] = its, frozenset(mine)
    return settings.with_regions(made), found


def _strays(variables: Mapping[str, str]) -> Iterator[str]:
    """What looks like a region's own setting and is none."""
    for name, region, field in strays(variables, FIELDS, MAY_DIFFER):
        if region:
            yield f"{name} {said('is of no region: name {one} in REGIONS, or remove it', one=region)}"
        else:
            may = ", ".join(sorted(map(str.upper, MAY_DIFFER)))
            text = "is the same for all regions: set {one}. A region may have its own {names}"
            yield f"{name} {said(text, one=field.upper(), names=may)}"


def _slots(variables: Mapping[str, str]) -> list[Slot]:
    """Every setting there is, those of families for the names that are chosen."""
    slots: list[Slot] = []
    for part in PARTS:
        chosen_by, beginning = part.named_in
        chosen = listed(variables.get(chosen_by.upper(), "").lower()) if chosen_by else ()
        called = [one.removeprefix(beginning) for one in chosen if one.startswith(beginning)]
        for field, info in own_fields(part).items():
            slots += (
                [(field, name) for name in called if _NAME.fullmatch(name)] if is_family(info) else [(field,)]
            )
    return slots


def _name(slot: Slot) -> str:
    """What a setting is called: `X_NAME_Y` of `a` is `X_A_Y`."""
    field, *name = slot
    return (member(field, name[0]) if name else field).upper()


def member(field: str, name: str) -> str:
    """A family's setting of that name: `x_name_y` of `a` is `x_a_y`."""
    return field.replace("_name_", f"_{name}_", 1)


def declared(field: str) -> str:
    """The setting that one is declared as: itself, or the family that it is a member of."""
    if field in FIELDS:
        return field
    families = (family for family, info in FIELDS.items() if is_family(info))
    return next(one for one in families if re.fullmatch(member(one, "[a-z0-9_]+"), field))


def _known(slots: Iterable[Slot]) -> frozenset[str]:
    """Every name that is read."""
    secrets = [_name(slot) for slot in slots if slot[0] in SECRETS]
    old = {field.upper(): name for field, name in OLD_NAMES.items()}
    return names_of(map(_name, slots), secrets, old)


def _needed(values: Mapping[Slot, str], slots: Iterable[Slot]) -> Iterator[Slot]:
    """What the adapters that are named cannot do without."""
    choices = (("source", SOURCES), ("gateway", GATEWAYS), ("directory", DIRECTORIES))
    for field, adapters in choices:
        for name in systems(listed(values.get((field,), FIELDS[field].default))):
            needed = adapters[name].needed if name in adapters else ()
            yield from (slot for slot in slots if slot[0] in needed)
    yield from (slot for slot in slots if slot[0] == OLTS)


def _settings(values: Mapping[Slot, str]) -> tuple[Settings, dict[Slot, str], frozenset[Slot]]:
    """The settings, what is wrong with them, and every setting that a stand-in has the place of."""
    good, wrong, stood_in = dict(values), dict[Slot, str](), frozenset[Slot]()
    while True:
        try:
            return Settings(**_nested(good)), wrong, stood_in
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)
            bad = {_slot(one["loc"]): problem(one["type"], one["msg"]) for one in reversed(found)}
            wrong = wrong or bad  # what comes later comes of the stand-ins
            stood_in |= bad.keys()
            kept = {slot: value for slot, value in good.items() if slot not in bad}
            kept |= {slot: value for slot, value in _STAND_INS.items() if slot in bad}
            if kept == good:  # nothing is left to leave out
                names = ", ".join(map(_name, bad))
                text = "{names}: its default is not valid here: set another value"
                raise StartupError(said(text, names=names)) from None
            good = kept


def _nested(values: Mapping[Slot, str]) -> dict[str, Any]:
    """As pydantic takes them."""
    found: dict[str, Any] = {}
    for (field, *name), value in values.items():
        if name:
            found.setdefault(field, {})[name[0]] = value
        else:
            found[field] = value
    return found


def _slot(place: tuple[int | str, ...]) -> Slot:
    """Which setting a place of pydantic's is in."""
    return tuple(map(str, place[: 2 if is_family(FIELDS[str(place[0])]) else 1]))


def _misspelt(env_file: Path | None, environ: Mapping[str, str], known: Collection[str]) -> dict[str, str]:
    """Names that are no setting, with the one that each was meant to be; those of no value change nothing."""
    found: dict[str, str] = {}
    stray = {name for name, *_ in strays(given(env_file, environ, []), FIELDS, MAY_DIFFER)}
    for variables, foreign in ((environ, True), (in_file(env_file, []), False)):
        for name in strange([name for name, value in variables.items() if value], known):
            if name in stray:
                continue
            if one := meant(name, known, _OURS, foreign=foreign):
                found[name] = one
    return found


def _variable(slot: Slot, variables: Mapping[str, str]) -> str:
    """The name under which a setting is given; its own name where it is not given at all."""
    names = [_name(slot), *([OLD_NAMES[slot[0]]] if slot[0] in OLD_NAMES else [])]
    files = [f"{name}_FILE" for name in names] if slot[0] in SECRETS else []
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
            problems.append(
                f"{name} {said('names no file with a value: name a file that this user may read')}"
            )
    return value


def problem(kind: str, message: str) -> str:
    """What pydantic found, in words for a person; never with the value."""
    if kind == "missing":
        return "is not set"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    return "is not valid"
