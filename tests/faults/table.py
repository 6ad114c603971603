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
    rows = sorted(attacks, key=lambda tries: tries.attack)
    total = Tries("in all")
    for tries in rows:
        for name, n in tries.counts().items():
            setattr(total, name, getattr(total, name) + n)
    names = list(total.counts())
    head = "".join([f"{'attack':<16}", *(f"{name:>13}" for name in names)])
    lines = [head, "-" * len(head)]
    lines += [
        f"{tries.attack:<16}" + "".join(f"{n:>13,}" for n in tries.counts().values())
        for tries in (*rows, total)
    ]
    if caught:
        lines += ["", f"{'mutant':<56}{'caught by':<16}{'after runs':>10}"]
        lines += [f"{row.mutant:<56}{row.attack:<16}{row.runs:>10,}" for row in sorted(caught)]
    return "\n".join(lines)
