"""Deliberately broken copies of the code, each with the attack that has to catch it."""

from typing import NamedTuple


class Mutant(NamedTuple):
    """What is broken: `old` (which must be there, once) becomes `new` in `file`; `attack` must notice."""

    name: str
    file: str
    old: str
    new: str
    attack: str


MUTANTS: tuple[Mutant, ...] = ()
