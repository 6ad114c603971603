"""The settings: read once, checked at once, and every problem says how to mend it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from pydantic import Field, InstanceOf, SecretStr, ValidationError, ValidationInfo
from pydantic import field_validator as validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.domain.limits.hours import Hours
from bot.errors import StartupError
from bot.process.settings_names import meant, strange
from bot.process.settings_names import names as names_of
from bot.process.settings_values import (
    Approvers,
    BaseUrl,
    Chat,
    Cookie,
    Group,
    Key,
    OltUrl,
    Proxy,
    TelegramToken,
    Topic,
    Url,
    Users,
    Variables,
    Zone,
    leads_elsewhere_unprotected,
    span,
)

SECRETS = ("api_user", "api_pass", "token_hsm", "cookie_hsm", "telegram_token", "telegram_proxy")
URLS = ("telegram_api_url", "api_base_url", "api_auth_url", "url_hsm")
OLD_NAMES = {
    "api_base_url": "BASE_URL_API",
    "url_hsm": "HSM_URL",
    "token_hsm": "HSM_TOKEN",
    "cookie_hsm": "HSM_COOKIE",
}
SOURCE_NEEDS = {"oltcloud": ("api_base_url", "api_user", "api_pass")}
GATEWAY_NEEDS = {
    "matrix": ("url_hsm", "token_hsm", "hsm_account", "hsm_id_los", "hsm_id_power"),
    "dry_run": (),
}
_STAND_INS = {"telegram_token": "0:none", "telegram_chat_id": "-1"}  # what has no default
NOT_BUILT_YET = frozenset({"cloud"})
VARIABLES_MEND = (
    "what fills {{1}}, {{2}} ... in turn: name, start, eta, end, cause with commas, empty for a template "
    "without variables"
)


class Settings(BaseSettings):
    """All settings, checked. A field's description says how to mend it; `load` reads the environment."""

    model_config = SettingsConfigDict(
        hide_input_in_errors=True, frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )

    tz: Zone = Field(default=ZoneInfo("America/Sao_Paulo"), description="e.g. America/Sao_Paulo")

    telegram_token: TelegramToken = Field(description="the token that @BotFather gave, digits:letters")
    telegram_chat_id: Group = Field(
        description="the group's id, e.g. -1001234567890: add the bot to the group, write /help there and "
        "look for chat.id in https://api.telegram.org/bot<token>/getUpdates"
    )
    telegram_approvers: Approvers = Field(
        default=frozenset(),
        description="user ids with commas, * for everyone in the group, empty for its admins",
    )
    telegram_on_call: Users = Field(
        default=frozenset(), description="user ids with commas, empty for all approvers"
    )
    telegram_escalation_chat_id: Chat = Field(
        default=None, description="the id of another chat: a group (negative) or a person, empty for none"
    )
    telegram_topic_id: Topic = Field(default=None, description="a forum topic's number, empty for none")
    telegram_api_url: BaseUrl = Field(
        default="https://api.telegram.org", description="a Bot API server, https://..."
    )
    telegram_proxy: Proxy = Field(
        default=SecretStr(""),
        description="the proxy that leads to Telegram, e.g. http://10.0.0.1:3128, empty for none",
    )

    source: str = Field(default="oltcloud", description="one of " + ", ".join(SOURCE_NEEDS))
    api_base_url: OltUrl = Field(default="", description="the OLT API, e.g. https://isp.oltcloud.co")
    api_auth_url: Url = Field(default="", description="its login, empty for {API_BASE_URL}/api/token")
    api_user: SecretStr = Field(default=SecretStr(""), description="the user of the OLT API")
    api_pass: SecretStr = Field(default=SecretStr(""), description="that user's password")

    gateway: str = Field(default="matrix", description="one of " + ", ".join(GATEWAY_NEEDS))
    url_hsm: Url = Field(
        default="", description="the full URL, e.g. https://isp.matrixdobrasil.ai/rest/v1/sendHsm"
    )
    token_hsm: Key = Field(default=SecretStr(""), description="the key of the HSM API, without Bearer")
    cookie_hsm: Cookie = Field(
        default=SecretStr(""), description="a Cookie header without its name, usually empty"
    )
    hsm_account: int | None = Field(
        default=None,
        ge=1,
        description="your own account in Matrix (cod_conta), a whole number; the system before this bot had "
        "1, which may be somebody else's",
    )
    hsm_id_los: int | None = Field(
        default=None,
        ge=1,
        description="the id of your own approved template for LOS, a whole number; the system before this "
        "bot had 114, which may be somebody else's",
    )
    hsm_id_power: int | None = Field(
        default=None,
        ge=1,
        description="the id of your own approved template for power failures, a whole number; the system "
        "before this bot had 116, which may be somebody else's",
    )
    hsm_id_restored: int | None = Field(
        default=None, ge=1, description="the id of the template for service that is back, empty for none"
    )
    hsm_variables: Variables = Field(default=(), description=VARIABLES_MEND)
    hsm_variables_restored: Variables = Field(default=(), description=VARIABLES_MEND)
    hsm_include_current: bool = Field(default=False, description="true or false")
    hsm_rate: float = Field(default=10, ge=0, le=1000, description="messages a second, 0 for no limit")
    hsm_concurrency: int = Field(default=10, ge=1, le=200, description="messages in flight, 1 to 200")

    poll_seconds: float = Field(default=30, ge=1, le=3600, description="seconds, 1 to 3600")
    cooldown_hours: float = Field(default=24, ge=0, le=24 * 90, description="hours, 0 to 2160")
    enrich_concurrency: int = Field(default=50, ge=1, le=200, description="look-ups in flight, 1 to 200")
    undo_seconds: float = Field(default=5, ge=0, le=300, description="seconds, 0 to 300")
    min_affected: int = Field(default=1, ge=1, le=10_000, description="ONUs, 1 to 10000")
    dry_run: bool = Field(default=False, description="true or false")

    settle_seconds: float = Field(default=10, ge=0, le=600, description="seconds, 0 to 600")
    open_polls: int = Field(default=1, ge=1, le=20, description="polls, 1 to 20")
    close_polls: int = Field(default=2, ge=1, le=20, description="polls, 1 to 20")
    group_seconds: float = Field(
        default=120, ge=0, le=3600, description="seconds, 0 to 3600; 0 for no grouping"
    )
    group_power_seconds: float = Field(default=300, ge=0, le=3600, description="seconds, 0 to 3600")
    group_nearly_all: float = Field(default=80, ge=50, le=100, description="percent, 50 to 100")
    group_dominance: float = Field(default=70, ge=51, le=100, description="percent, 51 to 100")
    flaps_per_hour: int = Field(default=3, ge=1, le=60, description="times an hour, 1 to 60")
    reopen_minutes: float = Field(default=60, ge=0, le=1440, description="minutes, 0 to 1440")
    cards_at_once: int = Field(default=10, ge=1, le=50, description="cards, 1 to 50")

    remind_minutes: float = Field(default=10, ge=0, le=1440, description="minutes, 0 to 1440; 0 for never")
    assume_hours: float = Field(default=2, ge=0, le=72, description="hours, 0 to 72; 0 for never")
    sound_from: int = Field(default=3, ge=0, le=1000, description="ONUs, 0 to 1000; 0 for always")
    quiet_hours: InstanceOf[Hours] | None = Field(
        default=None, description="hours such as 22:00-07:00 (midnight is 00:00), empty for never"
    )
    quiet_below: int = Field(default=20, ge=0, le=1_000_000, description="ONUs, 0 to 1000000")
    customer_hours: InstanceOf[Hours] | None = Field(
        default=None, description="hours such as 08:00-21:00 (midnight is 00:00), empty for always"
    )
    two_person_above: int = Field(
        default=0, ge=0, le=1_000_000, description="customers, 0 to 1000000; 0 for never"
    )
    restored_auto: bool = Field(
        default=False, description="true or false; true only where HSM_ID_RESTORED names a template"
    )

    data_dir: Path = Field(default=Path("data"), description="a folder")
    bot_language: Literal["pt_BR", "en"] = Field(default="pt_BR", description="pt_BR or en")
    ops_host: str = Field(default="127.0.0.1", description="the address to listen on")
    ops_port: int = Field(default=8081, ge=0, le=65535, description="a port, 0 for none")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings' signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is given: `load` reads, as it also knows NAME_FILE, old names and who said what."""
        return (init_settings,)

    @validator("source", "gateway")
    @classmethod
    def _registered(cls, value: str, info: ValidationInfo) -> str:
        if value in NOT_BUILT_YET:
            raise ValueError("names a system that is not built yet")
        if value not in (SOURCE_NEEDS if info.field_name == "source" else GATEWAY_NEEDS):
            raise ValueError("names no system the bot knows")
        return value

    @validator("api_auth_url")
    @classmethod
    def _default_login(cls, value: str, info: ValidationInfo) -> str:
        base = info.data.get("api_base_url")
        return value or (f"{base}/api/token" if base else "")

    @validator("telegram_escalation_chat_id")
    @classmethod
    def _elsewhere(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and value == info.data.get("telegram_chat_id"):
            raise ValueError("is the group itself")
        return value

    @validator("hsm_id_restored")
    @classmethod
    def _template_of_its_own(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and value in {info.data.get("hsm_id_los"), info.data.get("hsm_id_power")}:
            raise ValueError("is the template that tells of an outage")
        return value

    @validator("quiet_hours", "customer_hours", mode="before")
    @classmethod
    def _local_hours(cls, value: Any, info: ValidationInfo) -> Any:
        """Hours of TZ; where that is itself wrong, any zone will do to check the rest."""
        return Hours(*span(value), info.data.get("tz", UTC)) if isinstance(value, str) else value

    @validator("restored_auto")
    @classmethod
    def _has_a_template(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("hsm_id_restored", 0) is None:
            raise ValueError("needs HSM_ID_RESTORED")
        return value

    def templates(self) -> dict[str, int]:
        """The ids of the templates that are configured, by `Message.template`."""
        ids = {"LOS": self.hsm_id_los, "POWER": self.hsm_id_power, "RESTORED": self.hsm_id_restored}
        return {name: hsm for name, hsm in ids.items() if hsm is not None}

    def unprotected(self) -> list[str]:
        """The systems on other machines that are talked to without TLS, each with what to do."""
        used = URLS if self.gateway == "matrix" else [name for name in URLS if name != "url_hsm"]
        return [
            f"{name.upper()} is http:// to another machine, so keys and phones go there readable: use https://"
            for name in used
            if leads_elsewhere_unprotected(getattr(self, name))
        ]

    def secrets(self) -> tuple[str, ...]:
        """The values that no log may show."""
        values: list[SecretStr] = [getattr(self, name) for name in SECRETS]
        return tuple(value.get_secret_value() for value in values if value.get_secret_value())


def load(env_file: Path | None = Path(".env"), environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings from the environment and, below it, `env_file` (which may be missing).

    Surrounding spaces and quotes are taken off, an empty value counts as not set. A secret may stand in a
    file that NAME_FILE names.

    Raises:
        StartupError: Names every variable that needs mending, never a value. Exit code 2.
    """
    found = read(env_file, environ)
    if found.problems:
        lines = "\n".join(f"  {line}" for line in found.problems)
        raise StartupError(f"Settings that need mending:\n{lines}")
    return found.settings


@dataclass(frozen=True, slots=True)
class Reading:
    """What could be read: `settings` has a stand-in for each of the `wrong` fields.

    `problems` are all of them, a line each with the mend, names that are no setting among them;
    `strangers` are names in the file that resemble no setting, so that nothing reads them.
    """

    settings: Settings
    wrong: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()


def read(env_file: Path | None = Path(".env"), environ: Mapping[str, str] = os.environ) -> Reading:
    """As `load`, but for who goes on with what is right."""
    problems: list[str] = []
    given = _given(env_file, environ, problems)
    wrong_names = _misspelt(env_file, environ).items()
    problems += [
        f"{name} is no setting: did you mean {one}? Rename or remove it" for name, one in wrong_names
    ]
    names = {field: _variable(field, given) for field in Settings.model_fields}
    values: dict[str, Any] = {
        field: value for field, name in names.items() if (value := _value(name, given, problems))
    }
    settings, wrong, stood_in = _settings(values)
    unreadable = {field for field, name in names.items() if name in given and field not in values}
    needed = [
        *SOURCE_NEEDS.get(values.get("source", "oltcloud"), ()),
        *GATEWAY_NEEDS.get(values.get("gateway", "matrix"), ()),
    ]
    for field in needed:
        if field not in values:
            wrong.setdefault(field, "is not set")
    problems += [
        f"{names[field]} {problem}: {Settings.model_fields[field].description}"
        for field, problem in wrong.items()
        if field not in unreadable
    ]
    unknown = (name for name in strange(_in_file(env_file, []), _known()) if meant(name, _known()) is None)
    return Reading(settings, stood_in | wrong.keys() | unreadable, tuple(problems), tuple(unknown))


def _settings(values: Mapping[str, Any]) -> tuple[Settings, dict[str, str], frozenset[str]]:
    """The settings, what is wrong with them, and every field that a stand-in has the place of."""
    good, wrong, stood_in = dict(values), dict[str, str](), frozenset[str]()
    while True:
        try:
            return Settings(**good), wrong, stood_in
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)
            said = {str(one["loc"][0]): _problem(one["type"], one["msg"]) for one in reversed(found)}
            wrong = wrong or said  # what comes later comes of the stand-ins
            stood_in |= said.keys()
            kept = {field: value for field, value in good.items() if field not in said}
            good = kept | {field: value for field, value in _STAND_INS.items() if field in said}


def data_dir(env_file: Path | None = Path(".env"), environ: Mapping[str, str] = os.environ) -> Path:
    """DATA_DIR alone, for what must work where the other settings do not."""
    return Path(_given(env_file, environ, []).get("DATA_DIR", "data"))


def time_zone(env_file: Path | None = Path(".env"), environ: Mapping[str, str] = os.environ) -> tzinfo:
    """TZ alone, for what must work where the other settings do not; UTC where it names no zone."""
    name = _given(env_file, environ, []).get("TZ")
    default: ZoneInfo = Settings.model_fields["tz"].default
    try:
        return default if name is None else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def _given(env_file: Path | None, environ: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    """Every variable that is set, cleaned; the environment wins over the file."""
    in_file = _in_file(env_file, problems)
    cleaned = [(name, _clean(value)) for name, value in [*in_file.items(), *environ.items()] if value]
    return {name: value for name, value in cleaned if value}


def _in_file(env_file: Path | None, problems: list[str]) -> Mapping[str, str | None]:
    in_file: Mapping[str, str | None] = {}
    if env_file is not None and env_file.exists():
        try:
            # A password may hold a dollar sign, so nothing is interpolated.
            in_file = dotenv_values(env_file, interpolate=False, encoding="utf-8-sig")
        except (OSError, UnicodeError):
            problems.append(".env cannot be read: make it a UTF-8 text file that this user may read")
    return in_file


def _known() -> frozenset[str]:
    return names_of(Settings.model_fields, SECRETS, OLD_NAMES)


def _misspelt(env_file: Path | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Names that are no setting, with the one that each was meant to be; those of no value change nothing."""
    known = _known()
    found: dict[str, str] = {}
    for given, foreign in ((environ, True), (_in_file(env_file, []), False)):
        for name in strange([name for name, value in given.items() if value], known):
            if one := meant(name, known, foreign=foreign):
                found[name] = one
    return found


def _clean(value: str) -> str:
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1].strip()
    return value


def _variable(field: str, given: Mapping[str, str]) -> str:
    """The name under which a setting is given; its own name where it is not given at all."""
    names = [field.upper(), *([OLD_NAMES[field]] if field in OLD_NAMES else [])]
    files = [f"{name}_FILE" for name in names] if field in SECRETS else []
    return next((name for name in [*names, *files] if name in given), names[0])


def _value(name: str, given: Mapping[str, str], problems: list[str]) -> str | None:
    """What a variable says, or what stands in the file that it names."""
    value = given.get(name)
    if name.endswith("_FILE"):
        try:
            value = _clean(Path(value or "").read_text("utf-8-sig"))
        except (OSError, UnicodeError):
            value = None
        if not value:
            problems.append(f"{name} names no file with a value: name a file that this user may read")
    return value


def _problem(kind: str, message: str) -> str:
    """What pydantic found, in words for a person; never with the value."""
    if kind == "missing":
        return "is not set"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    return "is not valid"
