"""What a setting's text may say: each type reads one kind of value and says what is wrong with it."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, time
from ipaddress import ip_address
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo

from bot.domain.limits.hours import Hours

AUTO: Literal["auto"] = "auto"
Variable = Literal["name", "start", "eta", "end", "cause", "duration"]
"""What may fill a variable of a template."""

_FILLED, _WITH_COMMAS = (
    "what fills {{1}}, {{2}} ... in turn: name, start, eta, end, cause",
    " with commas, empty for a template without variables",
)
VARIABLES_MEND, RESTORED_MEND = _FILLED + _WITH_COMMAS, f"{_FILLED}, duration{_WITH_COMMAS}"
_TOKEN = re.compile(r"[0-9]+:[A-Za-z0-9_-]+")
_SPAN = re.compile(r"(\d{1,2}):(\d\d)\s*[-–]\s*(\d{1,2}):(\d\d)", re.ASCII)
_VARIABLES: dict[str, Variable] = {
    **{word: word for word in get_args(Variable)},
    "nome": "name",
    "inicio": "start",
    "previsao": "eta",
    "fim": "end",
    "causa": "cause",
    "duracao": "duration",
}


def _url(text: str) -> str:
    if not text:
        return text
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("is no URL") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or not text.isprintable():
        raise ValueError("is no URL")
    if any(map(str.isspace, text)) or parts.username is not None or parts.fragment:
        raise ValueError("must be a URL without a user, a password, spaces or #")
    return text


def _base_urls(text: str) -> str:
    """Several with commas."""
    return ",".join(_base_url(_url(one.strip())) for one in text.split(",") if one.strip())


def leads_elsewhere_unprotected(urls: str) -> bool:
    """Whether one of them is plain HTTP to another machine."""
    return any(map(_leads_elsewhere_unprotected, urls.split(",")))


def _leads_elsewhere_unprotected(url: str) -> bool:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "http" or host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:  # a name
        return True


def _base_url(text: str) -> str:
    if urlsplit(text).query:
        raise ValueError("must be a URL without ?")
    return text.rstrip("/")


def _site(text: str) -> str:
    """A whole host: the pages of one are not kept apart from what else stands below a path of it."""
    if not text:
        return text
    url = _base_url(_url(text))
    if urlsplit(url).path:
        raise ValueError("must be an address without a path")
    return url


def _header(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not (text.isascii() and text.isprintable()):
        raise ValueError("holds a character that no HTTP header can carry")
    return secret


def _proxy(secret: SecretStr) -> SecretStr:
    """A URL that may hold a user and a password."""
    text = secret.get_secret_value()
    if text:
        _url(re.sub("//[^/@]*@", "//", text, count=1))
    return secret


def _secret_url(secret: SecretStr) -> SecretStr:
    """A URL that whoever knows it may use."""
    _url(secret.get_secret_value())
    return secret


def _ledger(secret: SecretStr) -> SecretStr:
    """The address of a database, with its password where it has one; empty: files."""
    text = secret.get_secret_value()
    if text in {"", "files"}:
        return SecretStr("")  # else no log could say the word
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError("is no address of a database") from None
    if parts.scheme not in {"postgresql", "postgres"} or not parts.path.strip("/"):
        raise ValueError("is no address of a database")
    return secret


def _key(secret: SecretStr) -> SecretStr:
    if re.match(r"(?i)(?:authorization\s*:|bearer\b)", secret.get_secret_value()):
        raise ValueError("begins with Bearer, which is no part of the key: take it away")
    return secret


def _cookie(secret: SecretStr) -> SecretStr:
    if re.match(r"(?i)cookie\s*:", secret.get_secret_value()):
        raise ValueError("begins with the header's name: take it away")
    return secret


def _telegram_token(secret: SecretStr) -> SecretStr:
    if not _TOKEN.fullmatch(secret.get_secret_value()):
        raise ValueError("is no bot token")
    return secret


def _zone(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is no time zone this machine knows") from None


def _users(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    ids = re.split(r"[\s,;]+", value.strip(" ,;"))
    if not all(user.isascii() and user.isdigit() for user in ids):
        raise ValueError("is no list of user ids")
    return frozenset(map(int, ids))


def _approvers(value: Any) -> Any:
    return value if value == "*" else _users(value)


def _topic(value: int | None) -> int | None:
    if value is not None and value < 1:
        raise ValueError("is no topic")
    return None if value == 1 else value  # General is sent to without it: 1 is refused


def _group(value: int) -> int:
    if value >= 0:
        raise ValueError("is not the id of a group, which is negative")
    return value


def _chat(value: int | None) -> int | None:
    if value == 0:
        raise ValueError("is no chat's id")
    return value


def _variables(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    letters = unicodedata.normalize("NFKD", value.casefold())
    plain = "".join(c for c in letters if not unicodedata.combining(c))
    words = re.split(r"[\s,;]+", plain.strip(" ,;"))
    if not all(word in _VARIABLES for word in words):
        raise ValueError("names something that no variable can be filled with")
    return tuple(words)


def _while_it_is_on(words: tuple[str, ...]) -> tuple[str, ...]:
    if any(meaning(word) == "duration" for word in words):
        raise ValueError("asks how long it lasted while it is still on, which HSM_VARIABLES_RESTORED may")
    return words


def listed(value: Any) -> Any:
    """A text with commas as what stands between them, each once."""
    if not isinstance(value, str):
        return value
    return tuple(dict.fromkeys(filter(None, re.split(r"[\s,;]+", value.strip()))))


def _auto(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def meaning(word: str) -> Variable:
    """What fills a variable, by its word in either language."""
    return _VARIABLES[word]


def registered(value: str, names: Sequence[str]) -> str:
    """The name of a system; ValueError where it is none of those that there are."""
    if value not in names:
        raise ValueError("names no system the bot knows")
    return value


def local_hours(value: Any, info: ValidationInfo) -> Any:
    """Hours of TZ; where that is itself wrong, any zone will do to check the rest."""
    return Hours(*span(value), info.data.get("tz", UTC)) if isinstance(value, str) else value


def span(text: str) -> tuple[time, time]:
    """`22:00-07:00` as its two ends; ValueError says what is wrong with it."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError("is not written as two times of day")
    hour, minute, last_hour, last_minute = map(int, found.groups())
    try:
        first, last = time(hour, minute), time(last_hour, last_minute)
    except ValueError:
        raise ValueError("holds a time that no day has") from None
    if first == last:
        raise ValueError("begins and ends at the same time")
    return first, last


IS_URL = AfterValidator(_url)
ARE_URLS = AfterValidator(_base_urls)
Url = Annotated[str, IS_URL]
BaseUrl = Annotated[str, IS_URL, AfterValidator(_base_url)]
PanelUrl = Annotated[str, AfterValidator(_site)]
BaseUrls = Annotated[str, ARE_URLS]
Proxy = Annotated[SecretStr, AfterValidator(_proxy)]
SecretUrl = Annotated[SecretStr, AfterValidator(_secret_url)]
Key = Annotated[SecretStr, AfterValidator(_header), AfterValidator(_key)]
LedgerPlace = Annotated[SecretStr, AfterValidator(_ledger)]
Cookie = Annotated[SecretStr, AfterValidator(_header), AfterValidator(_cookie)]
TelegramToken = Annotated[SecretStr, AfterValidator(_telegram_token)]
Zone = Annotated[ZoneInfo, BeforeValidator(_zone)]
Users = Annotated[frozenset[int], BeforeValidator(_users)]
Approvers = Annotated[frozenset[int] | Literal["*"], BeforeValidator(_approvers)]
Topic = Annotated[int | None, AfterValidator(_topic)]
Group = Annotated[int, AfterValidator(_group)]
Chat = Annotated[int | None, AfterValidator(_chat)]
Variables = Annotated[tuple[str, ...], BeforeValidator(_variables)]
OutageVariables = Annotated[Variables, AfterValidator(_while_it_is_on)]
Names = Annotated[tuple[str, ...], BeforeValidator(listed)]
Rate = Annotated[Literal["auto"] | Annotated[float, Field(ge=0, le=1000)], BeforeValidator(_auto)]
Flight = Annotated[Literal["auto"] | Annotated[int, Field(ge=1, le=200)], BeforeValidator(_auto)]
