"""Logging: one handler, one line an event, and nothing secret in it."""

import json
import logging
import re
import sys
from collections.abc import Iterable
from urllib.parse import quote

import structlog

HIDDEN = "***"
LONGEST = 2048  # bytes of a line
WORDY = frozenset({"httpx", "httpcore", "aiohttp", "telegram", "psycopg"})
"""Libraries that log what they got, or whom they asked: of their lines only the fixed words are taken."""
NOISY = ("httpx", "httpcore", "aiohttp", "apscheduler", "telegram", "asyncio")
_GAP = " … "
_NOT_CUT = 40  # characters
_SHORTEST_SECRET = 4  # characters; hiding every "noc" would garble the lines and protect nothing
_ALWAYS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)\bbot[0-9]+(?::|%3A)[A-Za-z0-9_-]+"), f"bot{HIDDEN}"),
    (re.compile(r"\b[0-9]{6,}:[A-Za-z0-9_-]{30,}"), HIDDEN),
    (re.compile(r"(?i)\bbearer[ \t]+[^\s\"',]+"), f"Bearer {HIDDEN}"),
    # With the country code, however it is spelt; then the way people write one with its area code.
    (re.compile(r"(?<![0-9])\+?55[\s.(-]*[1-9][0-9][\s.)-]*9?[0-9]{4}[\s.-]?[0-9]{4}(?![0-9])"), HIDDEN),
    (re.compile(r"\([1-9][0-9]\)\s?9?[0-9]{4}[\s.-]?[0-9]{4}(?![0-9])"), HIDDEN),
    (re.compile(r"(?<![0-9])[1-9][0-9][\s./-]9[0-9]{4}[\s.-]?[0-9]{4}(?![0-9])"), HIDDEN),
    (re.compile(r"\+[1-9](?:[\s().-]{0,2}[0-9]){8,14}(?![0-9])"), HIDDEN),  # any country's
    # Whatever is as long as a phone, but for a supergroup's id, which no phone looks like.
    (re.compile(r"(?<![0-9])(?!(?<=-)100[0-9]{10}(?![0-9]))[0-9]{10,13}(?![0-9])"), HIDDEN),
)


class Redactor:
    """Takes the given secrets, bot tokens, bearer tokens and whatever may be a phone out of a text."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spellings = {s for secret in secrets if len(secret) >= _SHORTEST_SECRET for s in _spellings(secret)}
        longest_first = sorted(spellings, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, text: str) -> str:
        """The text with `***` in their places."""
        if self._secrets is not None:
            text = self._secrets.sub(HIDDEN, text)
        for pattern, instead in _ALWAYS:
            text = pattern.sub(instead, text)
        return text


def _spellings(secret: str) -> set[str]:
    """As a line may hold it: as it is, as a literal, in a URL, and each of these inside JSON."""
    plain = {secret, repr(secret)[1:-1], quote(secret, safe="")}
    return plain | {json.dumps(text, ensure_ascii=ascii_)[1:-1] for text in plain for ascii_ in (True, False)}


class RedactedFormatter(logging.Formatter):
    """Redacts what another formatter made: the whole line, so also exceptions and their tracebacks.

    What is longer than `LONGEST` then loses the middle of its longest texts: a traceback's end says most.
    """

    def __init__(self, inner: logging.Formatter, redact: Redactor) -> None:
        super().__init__()
        self._inner = inner
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """The line as it may be seen."""
        return _cut(self._redact(self._inner.format(record)))


def _cut(line: str) -> str:
    excess = len(line.encode()) - LONGEST
    if excess <= 0:
        return line
    try:
        fields = json.loads(line)
    except ValueError:  # on a terminal
        return _middle_out(line)
    while excess > 0:
        longest = max(fields, key=lambda name: len(str(fields[name])))
        text = str(fields[longest])
        if len(text) <= _NOT_CUT:  # thousands of fields: none is what makes it long
            return _middle_out(line)
        size = max(_NOT_CUT - len(_GAP), len(text) - excess - len(_GAP))
        fields[longest] = text[: size // 3] + _GAP + text[-(size - size // 3) :]
        line = json.dumps(fields, ensure_ascii=False)
        excess = len(line.encode()) - LONGEST
    return line


def _middle_out(line: str) -> str:
    data, half = line.encode(), (LONGEST - len(_GAP.encode())) // 2
    return f"{data[:half].decode(errors='ignore')}{_GAP}{data[-half:].decode(errors='ignore')}"


class _FixedWords(logging.Filter):
    """Takes the arguments out of a library's lines: they may be the whole body of an answer."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.args and record.name.partition(".")[0] in WORDY:
            record.args = ()
        return True


def configure(secrets: Iterable[str]) -> None:
    """Log to stderr: plain on a terminal, else a JSON object a line. Replaces the root logger's handlers."""
    terminal = sys.stderr.isatty()
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=not terminal),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    last: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if terminal
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    inner = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
    handler = logging.StreamHandler()
    handler.addFilter(_FixedWords())
    handler.setFormatter(RedactedFormatter(inner, Redactor(secrets)))
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # its report on a broken record prints the record as it is
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
