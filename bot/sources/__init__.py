"""OLT managers by name. A new one is a folder here and its name in `NAMES`."""

from collections.abc import Mapping
from importlib import import_module

from bot.sources.adapter import Adapter

NAMES = (
    "oltcloud",  # the first one is used where SOURCE names none
)
SOURCES: Mapping[str, Adapter] = {name: import_module(f"{__name__}.{name}").ADAPTER for name in NAMES}
