"""The closing table of the attacks."""

from collections.abc import Sequence
from typing import NamedTuple

from tests.faults.tries import Tries

WIDTH = 60


class Caught(NamedTuple):
    """A deliberately broken copy of the code, the attack that caught it, and after how many runs.

    `violation` is as `Tries` says it: `ATTACK, run N: WHAT`.
    """

    mutant: str
    attack: str
    runs: int
    violation: str


def render(attacks: Sequence[Tries], caught: Sequence[Caught]) -> str:
    """Both tables as plain text, with a total."""
    parts = []
    if attacks:
        parts.append(_tried(sorted(attacks, key=lambda tries: tries.attack)))
    if caught:
        wide = 2 + max(len(row.mutant) for row in caught)
        head = f"{'mutant':<{wide}}{'caught by':<26}{'after runs':>10}  what was violated"
        rows = [
            f"{row.mutant:<{wide}}{row.attack:<26}{row.runs:>10,}  {_what(row.violation)}"
            for row in sorted(caught)
        ]
        parts.append("\n".join([head, "-" * len(head), *rows]))
    return "\n\n".join(parts)


def _what(violation: str) -> str:
    """What was violated, as far as it fits in a row."""
    what = " ".join(violation.partition(": ")[2].split())
    return what if len(what) <= WIDTH else f"{what[: WIDTH - 1]}…"


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
