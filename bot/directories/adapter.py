"""What a customer directory's folder brings: its settings, how it is opened, its advice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Protocol

from bot.errors import AnswerLost, BotError, LoginRefused, TryLater
from bot.ports import Clock, Directory
from bot.process.settings.part import Declared


def worst_of(errors: Sequence[BotError]) -> BotError | None:
    """What decides how it goes on: a refused login ends it, who was away is asked again."""
    for kinds in (LoginRefused, (TryLater, AnswerLost)):
        for error in errors:
            if isinstance(error, kinds):
                return error
    return next(iter(errors), None)


class Erp(Directory, Protocol):
    """A directory that holds connections."""

    async def probe(self) -> str:
        """Ask whether it can be read, about nobody; what it said, in a few words.

        TryLater or AnswerLost where it does not answer, Refused where it refuses, BadAnswer where something
        else answers.
        """

    async def aclose(self) -> None:
        """Close its connections."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What `check` says to a person: it refused us, something else answered, nothing was reached."""

    refused: str = ""
    unread: str = ""
    unreached: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter(Declared):
    """A customer directory as the program knows it.

    Args:
        open: The directory, from its settings; the zone is that of its dates.
        look_ahead: Of how many requests it is asked at one time while nobody waits; 0: none then.
        advice: For `check`; what the chat says is in `words.toml` of its folder.
    """

    open: Callable[[Any, tzinfo, Clock], Erp]
    look_ahead: int = 1
    advice: Advice = Advice()
