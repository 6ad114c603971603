"""What an OLT manager's folder brings: its settings, how it is opened, its advice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Protocol

from bot.ports import Clock, Polled
from bot.process.settings.part import Declared
from bot.sources.login import Login


class OltManager(Polled, Protocol):
    """A source as the program opens and closes it."""

    @property
    def login(self) -> Login:
        """The state of its login, for /status."""

    async def aclose(self) -> None:
        """Close its connections."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What `check` says to a person: the login was refused, the list was, nothing was reached.

    `pointed`: what `setup` says is to be done at a system that pushes, with its {name} and our {port}.
    """

    login: str = ""
    refused: str = ""
    unreached: str = ""
    pointed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter(Declared):
    """An OLT manager as the program knows it.

    Args:
        open: Its sources (one an account), from its settings; the zone is that of its dates, the number how
            many customers are looked up at one time.
        look_ahead: How many customers it is asked for at one time while nobody waits; 0: none then, as its
            budget does not allow for it (`Source.ahead`).
        advice: For `check`; what the chat says is in `words.toml` of its folder.
        listens: Whether it is told over HTTP (`bot.ports.Pushed`).
        called: Where there are several, each with a name behind a colon in SOURCE: what that may be.
    """

    open: Callable[[Any, tzinfo, Clock, int], Sequence[OltManager]]
    look_ahead: int = 0
    advice: Advice = Advice()
    listens: bool = False
    called: str | None = None
