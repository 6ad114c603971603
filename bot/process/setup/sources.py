"""Which systems tell of outages: several at one time, and those that push each by a name of its own."""

import re
from collections.abc import Iterator, Mapping

from bot.process.settings.part import is_family
from bot.process.settings.reading import FIELDS, member
from bot.process.settings.values import listed
from bot.process.setup.answers import Answers
from bot.process.setup.questions import Questions
from bot.process.setup.terminal import Person
from bot.sources import NAMES, SOURCES, is_known, systems
from bot.tongue import said


class Sources:
    """The question about SOURCE, and what follows from it."""

    def __init__(self, ask: Questions, answers: Answers, person: Person) -> None:
        self._ask, self._answers, self._person = ask, answers, person

    def asked(self, options: Mapping[str, str]) -> list[str]:
        """Ask which of these; the settings to ask for then, those of who pushes once for each name."""
        if self._answers.elsewhere("source") is not None:
            self._ask.setting("source")
        else:
            now = self._there()
            picked = self._ask.several("setup.sources", options, systems(now) or [NAMES[0]])
            new = [one for system in picked for one in self._members(system, now)]
            if new != now:
                self._answers.put("source", ",".join(new))
        return [field for one in self._there() for field in _fields(one)]

    def tell_what_is_left(self) -> None:
        """What is to be set up at each system that pushes."""
        port = self._answers.reading().settings.ops_port
        for one in self._there():
            system, _, name = one.partition(":")
            if text := SOURCES[system].advice.pointed:
                self._person.say(said(text, name=name, port=port))

    def _there(self) -> list[str]:
        return [one for one in listed(self._answers.now("source") or NAMES[0]) if is_known(one)]

    def _members(self, system: str, now: list[str]) -> list[str]:
        """As SOURCE names a system: itself, or each of the names that it has several of."""
        called = SOURCES[system].called
        if called is None:
            return [system]
        return [f"{system}:{name}" for name in self._names(called, list(_names(system, now)))]

    def _names(self, called: str, now: list[str]) -> list[str]:
        self._ask.tell("setup.names")
        while True:
            text = self._person.ask(f"[{','.join(now)}]: " if now else "> ")
            names = listed(text) or now
            if names and all(re.fullmatch(called, name) for name in names):
                return list(dict.fromkeys(names))
            self._ask.tell("setup.name_it")


def _names(system: str, source: list[str]) -> Iterator[str]:
    return (name for one in source for of, _, name in [one.partition(":")] if of == system)


def _fields(one: str) -> Iterator[str]:
    """What is asked about one of SOURCE; a family's by the name that it has there."""
    system, _, name = one.partition(":")
    for field in SOURCES[system].asked or SOURCES[system].needed:
        yield member(field, name) if is_family(FIELDS[field]) else field
