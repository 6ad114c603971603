"""A terminal that lacks a sign (✓, …, ã) is written another one, never a traceback."""

import codecs
import io
import sys
import unicodedata

import structlog

_NAME = "bot-terminal"
_INSTEAD = {"✓": "ok", "✗": "BAD", "…": "...", "·": "-", "–": "-", "▶": ">", "•": "*", "“": '"', "”": '"'}


def make_safe() -> None:
    """What stdout and stderr cannot encode is spelt in ASCII from now on."""
    codecs.register_error(_NAME, _spelt)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_NAME)


def log_to_stderr() -> None:
    """Warnings of what is read do not mix with what is asked for."""
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


def _spelt(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_sign, error.object[error.start : error.end])), error.end


def _sign(sign: str) -> str:
    plain = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
    return _INSTEAD.get(sign) or plain or "?"
