"""Questions to a person on a terminal, or to whoever writes into a pipe."""

import getpass
import io
import sys
from typing import Protocol

from bot.tongue import said

LONGEST = 4096
"""Characters of an answer: as many as a terminal takes in a line, and more than any setting has."""


class Stopped(Exception):
    """The person had enough: Ctrl-C, or the end of what is typed."""


class Person(Protocol):
    """Whoever answers."""

    def say(self, line: str = "") -> None:
        """Tell a line."""

    def ask(self, question: str, *, hidden: bool = False) -> str:
        """What is typed, without spaces around it, at most `LONGEST`; hidden: nobody sees it.

        Stopped where nothing comes.
        """


class Terminal:
    """The person at stdin and stdout. What is no text is read as a sign that no setting may hold."""

    def __init__(self) -> None:
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(errors="replace")

    def say(self, line: str = "") -> None:
        """Print a line."""
        print(line, flush=True)

    def ask(self, question: str, *, hidden: bool = False) -> str:
        """Read a line; from a pipe as it comes, where nobody reads over a shoulder.

        One that is too long, such as a file that was pasted, is asked for again.
        """
        while len(text := self._read(question, hidden=hidden)) > LONGEST:
            what = "{count} characters are no answer: the longest has {most}"
            self.say(f"✗ {said(what, count=len(text), most=LONGEST)}")
        return text

    def _read(self, question: str, *, hidden: bool) -> str:
        typing = sys.stdin.isatty()
        try:
            text = getpass.getpass(question) if hidden and typing else input(question)
        except (EOFError, KeyboardInterrupt):
            print(flush=True)
            raise Stopped from None
        if not typing:
            print(flush=True)  # nobody's Enter ended the line
        return text.strip()
