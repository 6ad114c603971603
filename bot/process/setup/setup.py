"""`python -m bot setup`: the sitting from its first question to the check, and what a stop leaves."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bot.errors import StartupError
from bot.ports import Clock
from bot.process import log
from bot.process.check import check
from bot.process.settings import reading
from bot.process.settings.given import ENV_FILE
from bot.process.setup.answers import Answers
from bot.process.setup.env_file import EnvFile, Unwritable
from bot.process.setup.terminal import Person, Stopped
from bot.process.setup.wizard import Wizard

STOPPED = 130


def setup(
    person: Person,
    clock: Clock,
    env_file: Path = ENV_FILE,
    environ: Mapping[str, str] = os.environ,
    hide: Callable[[Sequence[str]], None] = log.configure,
) -> int:
    """Ask for all that is needed, and check it; the exit code is the check's, or `STOPPED`.

    `hide` has the log hold none of these secrets. StartupError where the file cannot be read or written.
    """
    file = EnvFile(env_file, "python -m bot setup")
    wizard = Wizard(Answers(file, environ), person, clock, hide)
    try:
        wizard.run()
        person.say(f"\n── {wizard.words['setup.checking']} ──")
        found = reading.read(env_file, environ)
        hide(found.settings.secrets())
        code = asyncio.run(check(found, person.say))
    except (Stopped, KeyboardInterrupt):
        person.say(wizard.words["setup.stopped"].format(file=file.path))
        return STOPPED
    except Unwritable as error:
        raise StartupError(wizard.words["setup.unwritable"].format(file=file.path, why=error)) from None
    person.say(wizard.words["setup.bad" if code else "setup.good"])
    return code
