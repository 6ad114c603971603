"""Customer directories by name. A new one is a folder here and its name in `NAMES`."""

from collections.abc import Mapping
from importlib import import_module

from bot.directories.adapter import Adapter

NAMES = (
    "ixc",  # none of them is used where DIRECTORY names none
    "sgp",
    "hubsoft",
)
DIRECTORIES: Mapping[str, Adapter] = {name: import_module(f"{__name__}.{name}").ADAPTER for name in NAMES}
