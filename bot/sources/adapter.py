"""What an OLT manager's folder brings: its settings, how it is opened, its advice."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Protocol

from bot.ports import Clock, Directory, Source
from bot.process.settings.part import Part
from bot.sources.login import Login


class OltManager(Source, Directory, Protocol):
    """An OLT manager that also knows the customers."""

    @property
    def login(self) -> Login:
        """The state of its login, for /status."""

    async def aclose(self) -> None:
        """Close its connections."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What `check` says to a person: the login was refused, the list was, nothing was reached."""

    login: str = ""
    refused: str = ""
    unreached: str = ""


@dataclass(frozen=True, slots=True)
class Adapter:
    """An OLT manager as the program knows it.

    Args:
        open: The source, from its settings; the zone is that of its dates, the number how many customers are
            looked up at one time.
        settings: Its part of the settings.
        needed: Those of them without which it cannot be opened.
        url: The one that names the system's address.
        advice: For `check`; what the chat says is in `words.toml` of `folder`.
        folder: The package with its words; empty: it has none of its own.
    """

    open: Callable[[Any, tzinfo, Clock, int], OltManager]
    settings: type[Part] = Part
    needed: tuple[str, ...] = ()
    url: str = ""
    advice: Advice = Advice()
    folder: str = ""
