"""Several NOCs in one process: their names, their OLTs, and which settings each may have of its own."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator

from bot.process.settings.part import Part, family, setting
from bot.process.settings.values import listed

PREFIX = "REGION_"
CHAT = "telegram_chat_id"
OLTS = "region_name_olts"
_CALLED = re.compile("[A-Z0-9_]{1,30}")


def _names(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found: tuple[str, ...] = listed(value.upper())
    if not all(map(_CALLED.fullmatch, found)):
        raise ValueError("names a region with other characters than A to Z, 0 to 9 and _")
    return found


def _patterns(value: Any) -> Any:
    """A name of an OLT has spaces: only a comma ends it."""
    if not isinstance(value, str):
        return value
    return tuple(dict.fromkeys(filter(None, map(str.strip, re.split("[,;]", value)))))


class Regions(Part):
    """Which NOCs there are beside the one of `TELEGRAM_CHAT_ID`, and whose OLTs are whose."""

    title: ClassVar[str] = "Several NOCs"
    named_in: ClassVar[tuple[str, str]] = ("regions", "")

    regions: Annotated[tuple[str, ...], BeforeValidator(_names)] = setting(
        (),
        mend="names with commas, of A to Z, 0 to 9 and _, such as NORTE,SUL; empty for a single NOC",
        tells="Several NOCs: names with commas, such as NORTE,SUL. Each has a group of its own "
        "(REGION_NORTE_TELEGRAM_CHAT_ID), and what else is marked ⚑ in docs/settings.md where it is set as "
        "REGION_NORTE_ and the setting's own name; what a region does not set is the same for all. Empty: "
        "one NOC.",
    )
    region_name_olts: dict[str, Annotated[tuple[str, ...], BeforeValidator(_patterns)]] = family(
        mend="the names of its OLTs with commas; * stands for any characters, ? for one",
        tells="The OLTs of a region (NAME here is the region's): names with commas, where * stands for any "
        "characters and ? for one; capital and small letters are the same. Of two regions that have one the "
        "first takes it; one of no region is a matter for the group of TELEGRAM_CHAT_ID.",
    )


def names_in(variables: Mapping[str, str]) -> tuple[str, ...]:
    """The regions that REGIONS names, as far as they are names."""
    return tuple(one for one in listed(variables.get("REGIONS", "").upper()) if _CALLED.fullmatch(one))


def called(region: str, field: str) -> str:
    """What a region's own setting is called."""
    return f"{PREFIX}{region}_{field.upper()}"


def own(variables: Mapping[str, str], may_differ: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """What each region sets of its own, by field."""
    return {
        region: {
            field: variables[name] for field in may_differ if (name := called(region, field)) in variables
        }
        for region in names_in(variables)
    }


def strays(
    variables: Mapping[str, str], fields: Mapping[str, Any], may_differ: tuple[str, ...]
) -> Iterator[tuple[str, str, str]]:
    """What looks like a region's own setting and is none: its name, and which region and field it names.

    The region is empty where it is one of REGIONS, whose settings that one is not among.
    """
    regions = names_in(variables)
    for name in variables:
        for field in fields if name.startswith(PREFIX) else ():
            region = name.removeprefix(PREFIX).removesuffix(f"_{field.upper()}")
            if called(region, field) != name:
                continue
            if region in regions and field not in may_differ:
                yield name, "", field
            elif region not in regions and field in may_differ and _CALLED.fullmatch(region):
                yield name, region, field
