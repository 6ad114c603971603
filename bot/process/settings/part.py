"""A part of the settings: the bot's own, or an adapter's. An adapter declares its part in its folder."""

from dataclasses import dataclass
from inspect import get_annotations
from typing import Annotated, Any, ClassVar, get_args, get_origin

from pydantic import Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.domain.limits.hours import Hours
from bot.process.settings.values import ARE_URLS, IS_URL
from bot.tongue import said_in, spoken


class Part(BaseSettings):
    """Settings that belong together. A field `poll_seconds` is read from `POLL_SECONDS`."""

    model_config = SettingsConfigDict(
        hide_input_in_errors=True,
        frozen=True,
        extra="forbid",
        validate_default=True,
        allow_inf_nan=False,
        defer_build=True,  # a part is hardly ever read alone: all of them would take a tenth of a start
    )

    title: ClassVar[str] = ""
    """Its heading in the documents, where it is one of the bot's own."""
    ours: ClassVar[tuple[str, ...]] = ()
    """How names begin that no other program's variables do: there a misspelt one is found more boldly."""
    named_in: ClassVar[tuple[str, str]] = ("", "")
    """Of a part with families: the setting that names what they are of, and how its names begin there."""

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
        asked: What `setup` asks for, in turn, its templates last; empty: what is needed.
        made: Secrets that are ours to choose: `setup` makes one where nobody types any.
        folder: The package with its README and the words of the chat about it; empty: it has none.
    """

    settings: type[Part] = Part
    needed: tuple[str, ...] = ()
    url: str = ""
    asked: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    folder: str = ""


def own_fields(part: type[Part]) -> dict[str, FieldInfo]:
    """The settings that a part declares itself, without those of a part that it builds on."""
    declared = get_annotations(part)
    return {name: field for name, field in part.model_fields.items() if name in declared}


def setting(
    default: Any = ...,
    *,
    mend: str,
    names: str = "",
    tells: str = "",
    old: str = "",
    live: bool = False,
    regional: bool = False,
    **limits: Any,
) -> Any:
    """A field of a part.

    Args:
        default: Without one the setting is needed, whatever is chosen.
        mend: What a right value is; it stands behind whatever is wrong with a value.
        names: What stands for `{names}` there, the same in each language.
        tells: What it does, for `.env.example` and the tables; empty: the setting before tells of it, too.
        old: A name that is read, too.
        live: It may change while the program runs: whoever goes by it asks each time. Never a secret.
        regional: Each of several NOCs may have its own. Never a secret.
        limits: Pydantic's (`ge`, `le`).
    """
    more: dict[str, Any] = {"tells": tells, "old": old, "live": live, "names": names, "regional": regional}
    return Field(default, description=mend, json_schema_extra=more, **limits)


def family(each: str = "", *, mend: str, tells: str = "") -> Any:
    """A field that there is once for each of several things with a name: `x_name_y` of `a` is `X_A_Y`.

    Its values are by name (`Part.named_in`); `each` is what the adapter takes where one is not given.
    """
    return Field({}, description=mend, json_schema_extra={"tells": tells, "old": "", "each": each})


def is_family(field: FieldInfo) -> bool:
    """Whether it is of several things, by name."""
    return isinstance(field.json_schema_extra, dict) and "each" in field.json_schema_extra


def of_each(field: FieldInfo) -> str:
    """What a member of a family is where it is not given."""
    return _said(field, "each")


def mend(field: FieldInfo) -> str:
    """How to mend a wrong value, as catalogues have it: with `{names}` where there are some."""
    return field.description or ""


def mended(field: FieldInfo, language: str | None = None) -> str:
    """The same as people read it, in a language or the one that is spoken."""
    names = _said(field, "names")
    return said_in(language or spoken(), mend(field), **({"names": names} if names else {}))


def tells(field: FieldInfo) -> str:
    """What the reader is told of a setting; empty where the one before it says it."""
    return _said(field, "tells")


def old_name(field: FieldInfo) -> str | None:
    """The other name under which it is read."""
    return _said(field, "old") or None


def is_live(field: FieldInfo) -> bool:
    """Whether it may change while the program runs."""
    return isinstance(field.json_schema_extra, dict) and bool(field.json_schema_extra.get("live"))


def is_regional(field: FieldInfo) -> bool:
    """Whether each of several NOCs may have its own."""
    return isinstance(field.json_schema_extra, dict) and bool(field.json_schema_extra.get("regional"))


def as_text(value: object) -> str:
    """A value as one writes it into `.env`; empty for what is not set. Not for a secret."""
    match value:
        case None:
            said = ""
        case bool():
            said = str(value).lower()
        case float():
            said = f"{value:.12g}"
        case Hours():
            said = f"{value.first:%H:%M}-{value.last:%H:%M}"
        case frozenset() | tuple():
            said = ",".join(map(str, sorted(value) if isinstance(value, frozenset) else value))
        case _:
            said = str(value)
    return said


def is_secret(field: FieldInfo) -> bool:
    """Whether it is hidden from logs, and may stand in a file that NAME_FILE names."""
    held = get_args(field.annotation)[-1] if is_family(field) else field.annotation
    return (get_args(held)[0] if get_origin(held) is Annotated else held) is SecretStr


def is_url(field: FieldInfo) -> bool:
    """Whether it is the address of another system, or those of several."""
    return IS_URL in field.metadata or ARE_URLS in field.metadata


def _said(field: FieldInfo, what: str) -> str:
    extra = field.json_schema_extra
    return str(extra.get(what, "")) if isinstance(extra, dict) else ""
