"""Who may write the data folder: only this user should, and this user must."""

import getpass
import os
import stat
from contextlib import suppress
from pathlib import Path

from bot import tongue
from bot.domain.who import Who
from bot.errors import StartupError
from bot.storage.segments import ledger_folder


def troubles(folder: Path) -> list[str]:
    """What is wrong with the rights of the folder and the `ledger/` in it, each with its mend.

    What is not there yet is none. Raises nothing: a folder that cannot be looked at is named, too.
    """
    return [trouble for path in (folder, ledger_folder(folder)) for trouble in _of(path)]


def of_another_user(folder: Path) -> str | None:
    """Why this user should write nothing there: what root makes the bot could not open. Raises OSError."""
    owner = folder.stat().st_uid
    text = tongue.said("{folder} belongs to user {owner}: run this as that user", folder=folder, owner=owner)
    return text if owner != os.geteuid() else None


def who() -> Who:
    """Who runs this, as far as the machine knows."""
    try:
        return Who(0, f"{getpass.getuser()} (terminal)")
    except (KeyError, OSError):  # a user id without a name
        return Who(0, "terminal")


def check_owner(folder: Path) -> None:
    """StartupError (exit code 1) where this user should write nothing there; a missing folder is nobody's."""
    with suppress(FileNotFoundError):
        another = of_another_user(folder)
        if another is not None:
            raise StartupError(another, code=1)


def _of(path: Path) -> list[str]:
    user = os.getuid()
    try:
        found = path.stat()
    except FileNotFoundError:
        return []
    except OSError as error:
        text = "{path} cannot be looked at by this user ({user}): {why}"
        return [tongue.said(text, path=path, user=user, why=error.strerror)]
    if not stat.S_ISDIR(found.st_mode):
        return []
    said = []
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        text = "{path} is user {owner}'s and this user ({user}) may not write it: chown -R {user} {path}"
        said.append(tongue.said(text, path=path, owner=found.st_uid, user=user))
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        rights = stat.filemode(found.st_mode)
        text = "{path} may be written by others than user {owner} ({rights}): chmod go-w {path}"
        said.append(tongue.said(text, path=path, owner=found.st_uid, rights=rights))
    return said
