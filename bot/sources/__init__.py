"""OLT managers by name. A new one is a folder here and its name in `NAMES`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module

from bot.sources.adapter import Adapter

NAMES = (
    "oltcloud",  # the first one is used where SOURCE names none
    "smartolt",
    "hook",
)
SOURCES: Mapping[str, Adapter] = {name: import_module(f"{__name__}.{name}").ADAPTER for name in NAMES}


def systems(chosen: Iterable[str]) -> Sequence[str]:
    """The systems that SOURCE names, each once: several of one are told apart behind a colon."""
    return tuple(dict.fromkeys(one.partition(":")[0] for one in chosen))


def is_known(chosen: str) -> bool:
    """Whether a name in SOURCE is one that can be opened: with a name of its own exactly where it has to."""
    system, colon, name = chosen.partition(":")
    if system not in SOURCES:
        return False
    called = SOURCES[system].called
    return not colon if called is None else re.fullmatch(called, name) is not None


def spelt(system: str) -> str:
    """How SOURCE names a system."""
    return system if SOURCES[system].called is None else f"{system}:NAME"
