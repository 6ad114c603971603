"""What is known of the templates: what is wrong with one, for how long that holds sends back, its text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

HOLDS = timedelta(hours=6)
"""So long after it was last seen something wrong holds sends back: nobody may say that it is over.

A pause lasts three hours, or six; after that the first send finds out.
"""
_VARIABLE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with a template: `code` names a phrase of the gateway's, which `has` and `wants` fill.

    `holds`: nothing may be sent with it; else it is a warning.
    """

    code: str
    has: str = ""
    wants: str = ""
    holds: bool = True


Meaning: TypeAlias = Trouble | Literal["nothing"] | None
"""What a notice says is wrong with a template; None: it is good; "nothing": neither."""


@dataclass(frozen=True, slots=True)
class Template:
    """A template as the platform has it: its name there, its text, what is wrong, the worst first."""

    name: str
    text: str | None = None
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """What was wrong with the template of that name when it was seen last."""

    name: str
    trouble: Trouble
    at: datetime

    def holds(self, now: datetime) -> bool:
        """Whether nothing is to be sent with it now."""
        return self.trouble.holds and now - self.at <= HOLDS


def variables_in(text: str) -> tuple[str, ...]:
    """What stands in the braces of a template's text, each once, in turn."""
    return tuple(dict.fromkeys(_VARIABLE.findall(text)))


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its variables filled in; one without a value stays as it is."""
    return _VARIABLE.sub(lambda found: values.get(found[1], found[0]), text)
