"""Outages that a monitoring system or a script pushes to us. README.md has the facts."""

from collections.abc import Sequence
from datetime import timedelta, tzinfo
from pathlib import Path
from typing import Annotated, Any, ClassVar, Protocol

from pydantic import AfterValidator, BeforeValidator, SecretStr

from bot.ports import Clock
from bot.process.settings.part import Part, family, setting
from bot.process.settings.values import listed, registered
from bot.sources.adapter import Adapter, Advice
from bot.sources.hook.formats import FORMATS, signed
from bot.sources.hook.formats.mapping import DEFAULT, parsed
from bot.sources.hook.hook import Hook
from bot.sources.hook.told import Mapped
from bot.storage.rows import PUSHED, Rows

FIRST = next(iter(FORMATS))
CALLED = "[a-z0-9_]{1,30}"


def _format(text: str) -> str:
    return registered(text.lower(), tuple(FORMATS))


def _secret(secret: SecretStr) -> SecretStr:
    found = _each(secret)
    if not found or not all(one.isascii() and one.isprintable() for one in found):
        raise ValueError("holds a character that no HTTP header can carry")
    if any(one.startswith(signed.KEY) and signed.key_of(one) is None for one in found):
        raise ValueError(f"begins with {signed.KEY} and is no key")
    return secret


def _mapped(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return parsed(value)
    except ValueError:
        raise ValueError("is no list of field=label|label") from None


class HookSettings(Part):
    """How each sender writes, and what it proves itself by."""

    named_in: ClassVar[tuple[str, str]] = ("source", "hook:")

    hook_name_secret: dict[str, Annotated[SecretStr, AfterValidator(_secret)]] = family(
        mend="a secret of its own; whsec_ with a key in Base64 (24 to 64 bytes) to have it sign; two with a "
        "comma while one takes the place of the other",
        tells="What proves that the sender of hook:NAME is who pushes to /hooks/name (NAME here in capital "
        "letters): whsec_... signs as Standard Webhooks says, any other text is its Bearer token. Two with a "
        "comma: either, to change one for the other without a gap.",
    )
    hook_name_format: dict[str, Annotated[str, AfterValidator(_format)]] = family(
        FIRST,
        mend=", ".join(FORMATS),
        tells=f"How it writes: {', '.join(FORMATS)}.",
    )
    hook_name_map: dict[str, Annotated[dict[str, tuple[str, ...]], BeforeValidator(_mapped)]] = family(
        mend="field=label|label with commas; fields are " + ", ".join(DEFAULT),
        tells="Where its labels are called otherwise: field=label|label with commas, read before the usual "
        f"ones. Fields: {', '.join(DEFAULT)}.",
    )
    hook_stale_minutes: float = setting(
        0,
        ge=0,
        le=10_080,
        mend="minutes, 0 to 10080; 0 for never",
        tells="Minutes without a repetition after which nobody is asked about what was pushed, as its end "
        "may have been lost; 0: never. For who repeats: three times as long as it takes at most to do that.",
    )


class _Settings(Protocol):
    """What is read here of all settings."""

    source: tuple[str, ...]
    data_dir: Path
    hook_name_secret: dict[str, SecretStr]
    hook_name_format: dict[str, str]
    hook_name_map: dict[str, Mapped]
    hook_stale_minutes: float


def _each(secret: SecretStr) -> list[str]:
    return [one.strip() for one in secret.get_secret_value().split(",") if one.strip()]


def names(source: Sequence[str]) -> list[str]:
    """What the senders are called that SOURCE names."""
    beginning = HookSettings.named_in[1]
    return [one.removeprefix(beginning) for one in listed(source) if one.startswith(beginning)]


def _open(settings: _Settings, zone: tzinfo, clock: Clock, _look_ups: int) -> Sequence[Hook]:
    minutes = settings.hook_stale_minutes
    return [
        Hook(
            name,
            Rows(settings.data_dir / PUSHED / f"{name}.jsonl"),
            FORMATS[settings.hook_name_format.get(name, FIRST)],
            _each(settings.hook_name_secret[name]),
            mapping=settings.hook_name_map.get(name, {}),
            zone=zone,
            stale=timedelta(minutes=minutes) if minutes else None,
            clock=clock,
        )
        for name in names(settings.source)
    ]


ADAPTER = Adapter(
    open=_open,
    settings=HookSettings,
    needed=("hook_name_secret",),
    asked=("hook_name_format", "hook_name_secret"),
    made=("hook_name_secret",),
    look_ahead=8,
    advice=Advice(
        unreached="its file in DATA_DIR must be one that this user may read",
        pointed="hook:{name} pushes to http://HOST:{port}/hooks/{name} (HOST: this machine, as it is reached "
        "from there), with the secret that .env has; how each system does that stands in "
        "bot/docs/operating.md",
    ),
    listens=True,
    called=CALLED,
    folder=__name__,
)
