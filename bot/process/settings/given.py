"""What the environment and `.env` say, before anybody has checked it."""

import os
from collections.abc import Mapping
from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values

from bot.errors import StartupError
from bot.tongue import ENGLISH, said

ENV_FILE = Path(".env")
DATA_DIR = Path("data")
TZ = "America/Sao_Paulo"
LANGUAGE = "pt_BR"


def data_dir(env_file: Path | None = ENV_FILE, environ: Mapping[str, str] = os.environ) -> Path:
    """DATA_DIR alone, for what must work where the other settings do not."""
    return Path(given(env_file, environ, []).get("DATA_DIR", DATA_DIR))


def ledger(env_file: Path | None = ENV_FILE, environ: Mapping[str, str] = os.environ) -> str:
    """LEDGER alone, or what LEDGER_FILE has: the address of a database, empty for files. StartupError."""
    found = given(env_file, environ, [])
    text = found.get("LEDGER", "")
    if not text and "LEDGER_FILE" in found:
        try:
            text = clean(Path(found["LEDGER_FILE"]).read_text(encoding="utf-8"))
        except (OSError, UnicodeError):
            raise StartupError(said("LEDGER_FILE cannot be read"), code=2) from None
    return "" if text == "files" else text


def time_zone(env_file: Path | None = ENV_FILE, environ: Mapping[str, str] = os.environ) -> tzinfo:
    """TZ alone, for what must work where the other settings do not; UTC where it names no zone."""
    try:
        return ZoneInfo(given(env_file, environ, []).get("TZ", TZ))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def language(env_file: Path | None = ENV_FILE, environ: Mapping[str, str] = os.environ) -> str:
    """BOT_LANGUAGE alone, for what is said before anything is read; Portuguese where it is not English."""
    chosen = given(env_file, environ, []).get("BOT_LANGUAGE", LANGUAGE)
    return chosen if chosen == ENGLISH else LANGUAGE


def given(env_file: Path | None, environ: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    """Every variable that is set, cleaned; the environment wins over the file."""
    cleaned = [
        (name, clean(value))
        for name, value in [*in_file(env_file, problems).items(), *environ.items()]
        if value
    ]
    return {name: value for name, value in cleaned if value}


def in_file(env_file: Path | None, problems: list[str]) -> Mapping[str, str | None]:
    """What stands in the file, as it stands there; nothing where there is no file."""
    if env_file is None or not env_file.exists():
        return {}
    try:
        # A password may hold a dollar sign, so nothing is interpolated.
        return dotenv_values(env_file, interpolate=False, encoding="utf-8-sig")
    except (OSError, UnicodeError):
        problems.append(said(".env cannot be read: make it a UTF-8 text file that this user may read"))
        return {}


def clean(value: str) -> str:
    """Without the spaces and quotes around it."""
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1].strip()
    return value
