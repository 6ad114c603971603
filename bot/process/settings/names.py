"""The names of settings, and which one a name that is none was meant to be."""

import difflib
import re
from collections.abc import Collection, Iterable, Mapping

_ALIKE = 0.8  # in the bot's own file every name is meant for the bot (or for compose)
_ALMOST = 0.9  # the environment is full of other programs' names, and compose puts all of .env there
_COMPOSE = re.compile(r"(?:COMPOSE|DOCKER|BUILDKIT)_\w+")


def names(fields: Iterable[str], secrets: Collection[str], old: Mapping[str, str]) -> frozenset[str]:
    """Every name that is read: a setting's own, its old one, and a secret's `NAME_FILE`."""
    plain = [*(field.upper() for field in fields), *old.values()]
    files = [name for field in secrets for name in (field.upper(), old.get(field)) if name]
    return frozenset([*plain, *(f"{name}_FILE" for name in files)])


def strange(given: Iterable[str], known: Collection[str]) -> list[str]:
    """Those of `.env` that are no setting and none of compose's."""
    return [name for name in given if name not in known and not _COMPOSE.fullmatch(name)]


def meant(name: str, known: Collection[str], ours: tuple[str, ...], *, foreign: bool = False) -> str | None:
    """The setting that a name resembles, None where it resembles none.

    Args:
        name: What is given.
        known: Every name that is read.
        ours: Beginnings that no other program's names have.
        foreign: It comes from the environment, where it may well be another program's.
    """
    plain = name.upper()
    every = sorted(known)
    same = [one for one in every if _squeezed(one) == _squeezed(plain) or _words(one) == _words(plain)]
    if same:
        return same[0]
    cutoff = _ALMOST if foreign and not plain.startswith(ours) else _ALIKE
    return next(iter(difflib.get_close_matches(plain, every, n=1, cutoff=cutoff)), None)


def _words(name: str) -> list[str]:
    return sorted(re.findall("[A-Z0-9]+", name))


def _squeezed(name: str) -> str:
    return "".join(re.findall("[A-Z0-9]+", name))
