"""WhatsApp senders by name. A new one is a folder here and its name in `NAMES`."""

from collections.abc import Mapping
from importlib import import_module

from bot.gateways.adapter import Adapter

DRY_RUN = "dry_run"
NAMES = (
    "matrix",  # the first one is used where GATEWAY names none
    "cloud",
    "opa",
    DRY_RUN,
)
GATEWAYS: Mapping[str, Adapter] = {name: import_module(f"{__name__}.{name}").ADAPTER for name in NAMES}


def would_send(name: str) -> Adapter:
    """The gateway of that name; for the one that sends nothing the first one, which it rehearses."""
    return GATEWAYS[NAMES[0] if name == DRY_RUN else name]
