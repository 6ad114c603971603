"""What the command line says, in the operator's language: English in the code, the others in catalogues.

A catalogue is `said.pt_BR.toml` of any folder of the program: the English text, and what it is there. What
the group reads has words of its own (`bot.chat.screens.words`).
"""

import re
import tomllib
from functools import cache
from pathlib import Path

ENGLISH = "en"


class _Spoken:
    """The one language that a process speaks on its terminal."""

    language = ENGLISH


def speak(language: str) -> None:
    """Say everything in this language from now on; a text that its catalogues lack stays English."""
    _Spoken.language = language


def spoken() -> str:
    """The language that is spoken."""
    return _Spoken.language


def said(text: str, /, **facts: object) -> str:
    """The text in the language that is spoken, with the facts in their braces; without facts braces stay."""
    return said_in(_Spoken.language, text, **facts)


def said_in(language: str, text: str, /, **facts: object) -> str:
    """The same in a language of one's choice."""
    found = text if language == ENGLISH else catalogue(language).get(text, text)
    return found.format(**facts) if facts else found


def pattern(text: str, /, **parts: str) -> str:
    """A regular expression for what `said` says of it: `parts` are those for what stands in its braces."""
    found = re.escape(said(text))
    for name, part in parts.items():
        found = found.replace(re.escape(f"{{{name}}}"), f"(?P<{name}>{part})")
    return found


@cache
def catalogue(language: str) -> dict[str, str]:
    """All that is said in a language, by the English of it."""
    files = sorted(Path(__file__).parent.rglob(f"said.{language}.toml"))
    return {text: own for file in files for text, own in tomllib.loads(file.read_text("utf-8")).items()}
