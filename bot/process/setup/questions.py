"""How a question is put: what it is about, what stands there already, and again until the answer is one."""

from collections.abc import Mapping, Sequence
from secrets import token_urlsafe

from bot.directories import DIRECTORIES
from bot.gateways import GATEWAYS
from bot.process.settings.composed import SECRETS, Settings
from bot.process.settings.part import mended, of_each, tells
from bot.process.settings.reading import declared
from bot.process.settings.values import listed
from bot.process.setup.answers import Answers
from bot.process.setup.terminal import Person
from bot.sources import SOURCES
from bot.tongue import said

_SYSTEMS = (*SOURCES.values(), *GATEWAYS.values(), *DIRECTORIES.values())
_NEEDED = frozenset(field for one in _SYSTEMS for field in one.needed)
_MADE = frozenset(field for one in _SYSTEMS for field in one.made)
_BYTES = 32  # of chance in a secret that we make
NONE = "-"  # what is typed to take an answer away


class Questions:
    """Questions in the words of one language."""

    def __init__(self, answers: Answers, person: Person, words: Mapping[str, str]) -> None:
        self._answers, self._person, self.words = answers, person, words

    def tell(self, key: str, **facts: object) -> None:
        """Tell a phrase."""
        self._person.say(self.words[key].format(**facts))

    def title(self, key: str) -> None:
        """What comes next."""
        self._person.say(f"\n── {self.words[key]} ──")

    def setting(self, field: str, options: Sequence[tuple[str, str]] = ()) -> None:
        """Ask for one setting until it is right, and write it down; Enter leaves what is there.

        `options` are values that there are to choose from by their number, each with what it is called.
        """
        info = Settings.model_fields[declared(field)]
        if (held := self._answers.elsewhere(field)) is not None:
            self.tell("setup.elsewhere", name=field.upper(), held=held)
            return
        if tells(info):
            self._person.say(said(tells(info)))
        for number, (_, called) in enumerate(options, 1):
            self._person.say(f"  {number}  {called}")
        while not self._answered(field, options):
            pass

    def _answered(self, field: str, options: Sequence[tuple[str, str]]) -> bool:
        """Ask once; whether what stands there now is right."""
        of = declared(field)
        name, info, now = field.upper(), Settings.model_fields[of], self._answers.now(field)
        needed = info.is_required() or of in _NEEDED
        text = self._person.ask(self._prompt(field, now or of_each(info)), hidden=of in SECRETS)
        number = _number(text, len(options))
        if number is None and options and text.isdecimal():
            self.tell("setup.pick", count=len(options))
            return False
        text = text if number is None else options[number][0]
        value = "" if text == NONE and not needed else text or now
        if not value and of in _MADE:
            self._answers.put(field, token_urlsafe(_BYTES))
            self.tell("setup.made", name=name)
            return True
        if not value and needed:
            self.tell("setup.needed", name=name, mend=mended(info))
            return False
        problems = self._answers.wrong(field, value) if value else []
        for problem in problems:
            self._person.say(f"✗ {problem}")
        if problems:
            return False
        if value != now:
            self._answers.put(field, value)
            if value and of in SECRETS:
                self.tell("setup.taken", name=name, count=len(value))
        return True

    def pick(self, key: str, options: Mapping[str, str], default: str) -> str:
        """One of several, by its number or its name; Enter is the default."""
        names = list(options)
        self._person.say(self.words[key])
        for number, name in enumerate(names, 1):
            self._person.say(f"  {number}  {options[name]}")
        while True:
            text = self._person.ask(f"[{names.index(default) + 1}]: ")
            if not text:
                return default
            if (chosen := _number(text, len(names))) is not None:
                return names[chosen]
            if text in options:
                return text
            self.tell("setup.pick", count=len(names))

    def several(self, key: str, options: Mapping[str, str], default: Sequence[str]) -> list[str]:
        """Some of several, by their numbers or names with commas; Enter is the default."""
        names = list(options)
        self._person.say(self.words[key])
        for number, name in enumerate(names, 1):
            self._person.say(f"  {number}  {options[name]}")
        shown = ",".join(str(names.index(name) + 1) for name in default if name in options)
        while True:
            text = self._person.ask(f"[{shown}]: ")
            if not text and shown:
                return [name for name in default if name in options]
            picked = [_number(one, len(names)) for one in listed(text)]
            found = [one if n is None else names[n] for one, n in zip(listed(text), picked, strict=True)]
            if found and all(one in options for one in found):
                return list(dict.fromkeys(found))
            self.tell("setup.pick_some", count=len(names))

    def chosen(self, field: str, key: str, options: Mapping[str, str], default: str) -> str:
        """A setting that is one of several; what it is then. What stands there is offered, too."""
        if (held := self._answers.elsewhere(field)) is not None:
            self.tell("setup.elsewhere", name=field.upper(), held=held)
            return self._answers.now(field) or default
        now = self._answers.now(field)
        if now and now not in options:
            options = {now: now, **options}
        value = self.pick(key, options, now or default)
        if value != (now or default):
            self._answers.put(field, value)
        return value

    def is_right(self, key: str, **facts: object) -> bool:
        """Yes or no; Enter is yes."""
        yes, no = self.words["setup.yes"].split(), self.words["setup.no"].split()
        while True:
            text = self._person.ask(self.words[key].format(**facts) + f" [{yes[0]}/{no[0]}]: ").casefold()
            if not text or text in yes:
                return True
            if text in no:
                return False
            self.tell("setup.yes_or_no", yes=yes[0], no=no[0])

    def _prompt(self, field: str, now: str) -> str:
        kept = self.words["setup.kept"] if declared(field) in SECRETS and now else now
        return f"{field.upper()} [{kept}]: " if kept else f"{field.upper()}: "


def _number(text: str, count: int) -> int | None:
    """Which of so many a person means, from 0; None where it is no number of theirs."""
    return int(text) - 1 if text.isascii() and text.isdecimal() and 1 <= int(text) <= count else None
