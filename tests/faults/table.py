"""The closing table of the attacks."""

from collections.abc import Sequence
from typing import NamedTuple

from tests.faults.tries import Tries


class Caught(NamedTuple):
    """A deliberately broken copy of the code, the attack that caught it, and after how many runs."""

    mutant: str
    attack: str
    runs: int


def render(attacks: Sequence[Tries], caught: Sequence[Caught]) -> str:
    """Both tables as plain text, with a total."""
    parts = []
    if attacks:
        parts.append(_tried(sorted(attacks, key=lambda tries: tries.attack)))
    if caught:
        head = f"{'mutant':<56}{'caught by':<16}{'after runs':>10}"
        rows = [f"{row.mutant:<56}{row.attack:<16}{row.runs:>10,}" for row in sorted(caught)]
        parts.append("\n".join([head, "-" * len(head), *rows]))
    return "\n\n".join(parts)


def _tried(attacks: Sequence[Tries]) -> str:
    total = Tries("in all")
    for tries in attacks:
        for name, n in tries.counts().items():
            setattr(total, name, getattr(total, name) + n)
    head = "".join([f"{'attack':<16}", *(f"{name:>13}" for name in total.counts())])
    rows = [
        f"{tries.attack:<16}" + "".join(f"{n:>13,}" for n in tries.counts().values())
        for tries in (*attacks, total)
    ]
    return "\n".join([head, "-" * len(head), *rows])
