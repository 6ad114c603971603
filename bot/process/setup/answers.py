"""What was answered so far: the environment, `.env` below it, and each good answer written at once."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.process.settings import reading
from bot.process.settings.composed import SECRETS
from bot.process.settings.given import given
from bot.process.settings.reading import OLD_NAMES, Reading, declared
from bot.process.setup.env_file import EnvFile, spelt
from bot.tongue import said


@dataclass(frozen=True, slots=True)
class Answers:
    """The settings as they stand."""

    file: EnvFile
    environ: Mapping[str, str]

    def reading(self, **tried: str) -> Reading:
        """All that stands, and these (by variable) on top: nothing is written."""
        return reading.read(None, {**self.file.values(), **self.environ, **tried})

    def now(self, field: str) -> str:
        """What a setting is set to; empty where it is not, or where its secret is in a file of its own."""
        values = {**self.file.values(), **given(None, self.environ, [])}
        names = (field.upper(), OLD_NAMES.get(field, ""))
        return next((values[name] for name in names if name in values), "")

    def elsewhere(self, field: str) -> str | None:
        """The variable that holds it out of our reach: the environment's, or the name of a secret's file."""
        names = [field.upper(), *filter(None, [OLD_NAMES.get(field)])]
        files = [f"{name}_FILE" for name in names] if declared(field) in SECRETS else []
        fixed = given(None, self.environ, [])
        held = [name for name in (*names, *files) if name in fixed]
        if not held and not self.now(field):
            held = [name for name in files if name in self.file.values()]
        return next(iter(held), None)

    def wrong(self, field: str, value: str) -> list[str]:
        """What is wrong with a value, a line each with the mend; never the value itself."""
        name = field.upper()
        try:
            spelt(value)
        except ValueError as error:
            return [f"{name} {said(str(error))}"]
        problems = self.reading(**{name: value}).problems
        return [line for line in problems if line.partition(" ")[0] == name]

    def put(self, field: str, value: str) -> None:
        """Write a good answer down. StartupError where it cannot be written."""
        self.file.put(field.upper(), value)
