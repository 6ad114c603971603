"""A part of the settings: the bot's own, or an adapter's. An adapter declares its part in its folder."""

from dataclasses import dataclass
from inspect import get_annotations
from typing import Any, ClassVar

from pydantic import Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.process.settings.values import IS_URL


class Part(BaseSettings):
    """Settings that belong together. A field `poll_seconds` is read from `POLL_SECONDS`."""

    model_config = SettingsConfigDict(
        hide_input_in_errors=True, frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )

    title: ClassVar[str] = ""
    """Its heading in the documents, where it is one of the bot's own."""
    ours: ClassVar[tuple[str, ...]] = ()
    """How names begin that no other program's variables do: there a misspelt one is found more boldly."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings' signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is given: `reading` reads, as it also knows NAME_FILE, old names and who said what."""
        return (init_settings,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What an adapter declares of its settings.

    Args:
        settings: Its part of them.
        needed: Those without which it cannot be opened.
        url: The one that names the system's address.
        folder: The package with its README and the words of the chat about it; empty: it has none.
    """

    settings: type[Part] = Part
    needed: tuple[str, ...] = ()
    url: str = ""
    folder: str = ""


def own_fields(part: type[Part]) -> dict[str, FieldInfo]:
    """The settings that a part declares itself, without those of a part that it builds on."""
    declared = get_annotations(part)
    return {name: field for name, field in part.model_fields.items() if name in declared}


def setting(default: Any = ..., *, mend: str, tells: str = "", old: str = "", **limits: Any) -> Any:
    """A field of a part.

    Args:
        default: Without one the setting is needed, whatever is chosen.
        mend: What a right value is; it stands behind whatever is wrong with a value.
        tells: What it does, for `.env.example` and the tables; empty: the setting before tells of it, too.
        old: A name that is read, too.
        limits: Pydantic's (`ge`, `le`).
    """
    return Field(default, description=mend, json_schema_extra={"tells": tells, "old": old}, **limits)


def mend(field: FieldInfo) -> str:
    """How to mend a wrong value."""
    return field.description or ""


def tells(field: FieldInfo) -> str:
    """What the reader is told of a setting; empty where the one before it says it."""
    return _said(field, "tells")


def old_name(field: FieldInfo) -> str | None:
    """The other name under which it is read."""
    return _said(field, "old") or None


def is_secret(field: FieldInfo) -> bool:
    """Whether it is hidden from logs, and may stand in a file that NAME_FILE names."""
    return field.annotation is SecretStr


def is_url(field: FieldInfo) -> bool:
    """Whether it is the address of another system."""
    return IS_URL in field.metadata


def _said(field: FieldInfo, what: str) -> str:
    extra = field.json_schema_extra
    return str(extra.get(what, "")) if isinstance(extra, dict) else ""
