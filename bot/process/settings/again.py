"""The settings read a second time, while the program runs: what may hold from then on, and what not."""

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

from dotenv.parser import parse_stream
from pydantic import ValidationError

from bot.domain.events import Change
from bot.process.settings.composed import MAY_DIFFER, Settings
from bot.process.settings.given import ENV_FILE, clean, in_file
from bot.process.settings.part import as_text, is_live, mended
from bot.process.settings.reading import FIELDS, Reading, problem, read
from bot.process.settings.regional import called
from bot.tongue import ENGLISH

LARGEST = 1 << 20  # bytes of a file that is read
Stamp = tuple[int, int, int]
"""Which file it is, how large, and when it was written."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What a new reading comes to; with `problems` nothing else.

    `settings` are to hold from now on, `changes` is how they differ from those before, `restart` the names of
    what changed and may not while the program runs.
    """

    settings: Settings
    changes: tuple[Change, ...] = ()
    restart: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """Where the settings come from: the same as at the start."""

    env_file: Path | None = ENV_FILE
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def stamp(self) -> Stamp | None:
        """Of the file as it lies there now; None where there is none."""
        try:
            found = None if self.env_file is None else self.env_file.stat()
        except OSError:
            return None
        if found is None or not stat.S_ISREG(found.st_mode):
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def overruled(self) -> tuple[str, ...]:
        """Those that may change of which the file says one thing and the environment, which wins, another."""
        file = in_file(self.env_file, [])
        live = (name.upper() for name, declared in FIELDS.items() if is_live(declared))
        both = ((name, clean(file.get(name) or ""), clean(self.environ.get(name, ""))) for name in live)
        return tuple(name for name, there, here in both if there and here and there != here)

    def read(self) -> Reading:
        """As at the start; a file that somebody may not have finished writing is a problem, too."""
        found = read(self.env_file, self.environ)
        torn = _torn(self.env_file)
        return found if not torn else Reading(found.settings, found.wrong, (*torn, *found.problems))


def difference(now: Settings, found: Reading) -> Difference:
    """How what was found differs from what holds now.

    What may not change while running stays as it is, and what may is checked together with that.
    """
    if found.problems:
        return Difference(now, problems=found.problems)
    values: dict[str, Any] = {
        name: getattr(now, name) for name, declared in FIELDS.items() if not is_live(declared)
    }
    values |= {slot[0]: text for slot, text in found.values.items() if is_live(FIELDS[slot[0]])}
    restart = tuple(
        name.upper()
        for name, declared in FIELDS.items()
        if not is_live(declared) and getattr(found.settings, name) != getattr(now, name)
    )
    restart += tuple(
        called(region, name)
        for region in now.regions
        for name in MAY_DIFFER
        if not is_live(FIELDS[name])
        and name in now.own(region) | found.settings.own(region)
        and getattr(found.settings.of(region), name) != getattr(now.of(region), name)
    )
    mixed, problems = _checked(values, restart, str.upper)
    if mixed is None:
        return Difference(now, problems=problems)
    changes = [
        Change(name.upper(), as_text(getattr(now, name)), as_text(getattr(mixed, name)))
        for name, declared in FIELDS.items()
        if is_live(declared) and getattr(now, name) != getattr(mixed, name)
    ]
    regions: dict[str, tuple[Settings, frozenset[str]]] = {}
    for region in now.regions:
        before, mine = now.of(region), found.regional.get(region, {})
        fixed = {name: getattr(before, name) for name in MAY_DIFFER if not is_live(FIELDS[name])}
        live = {name: text for name, text in mine.items() if is_live(FIELDS[name])}
        its, problems = _checked({**values, **fixed, **live}, restart, partial(called, region))
        if its is None:
            return Difference(now, problems=problems)
        kept = frozenset(name for name in now.own(region) if not is_live(FIELDS[name]))
        regions[region] = its, kept | live.keys()
        changes += [
            Change(called(region, name), as_text(getattr(before, name)), as_text(getattr(its, name)))
            for name in sorted(now.own(region) | live.keys())
            if is_live(FIELDS[name]) and getattr(before, name) != getattr(its, name)
        ]
    return Difference(mixed.with_regions(regions), tuple(changes), restart)


def _checked(
    values: Mapping[str, Any], restart: tuple[str, ...], name_of: Callable[[str], str]
) -> tuple[Settings | None, tuple[str, ...]]:
    """The settings, or None and what is wrong with them."""
    try:
        return Settings(**values), ()
    except ValidationError as error:
        wrong = {str(one["loc"][0]): problem(one["type"], one["msg"]) for one in error.errors(**_BARE)}
        fixed = f" (with what needs a restart: {', '.join(restart)})" if restart else ""
        return None, tuple(
            f"{name_of(name)} {what}{fixed}: {mended(FIELDS[name], ENGLISH)}" for name, what in wrong.items()
        )


_BARE: Mapping[str, Any] = {"include_url": False, "include_context": False, "include_input": False}


def _torn(env_file: Path | None) -> list[str]:
    """The lines of a file that nobody can read, or that end before their value, by their number."""
    if env_file is None or not env_file.exists():
        return []
    try:
        if env_file.stat().st_size > LARGEST:
            return [".env is larger than 1 MiB: it should be a list of NAME=value"]
        text = env_file.read_text("utf-8-sig")
    except (OSError, UnicodeError):
        return []  # which `read` says
    if "\0" in text:
        return [".env holds bytes that are no text: write it anew"]
    return [
        f"line {line.original.line} of .env is no NAME=value: mend or remove it"
        for line in parse_stream(StringIO(text))
        if line.error or (line.key is not None and line.value is None)
    ]
