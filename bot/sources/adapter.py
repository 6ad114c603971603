"""What an OLT manager's folder brings: its settings, how it is opened, its advice."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Protocol

from bot.ports import Clock, Directory, Source
from bot.process.settings.part import Declared
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter(Declared):
    """An OLT manager as the program knows it.

    Args:
        open: The source, from its settings; the zone is that of its dates, the number how many customers are
            looked up at one time.
        look_ahead: How many customers it is asked for at one time while nobody waits; 0: none then, as its
            budget does not allow for it.
        advice: For `check`; what the chat says is in `words.toml` of its folder.
    """

    open: Callable[[Any, tzinfo, Clock, int], OltManager]
    look_ahead: int = 0
    advice: Advice = Advice()
