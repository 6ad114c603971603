"""What an attack tried, and what it found. The ground truth is the gateway, never our own ledger."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass


class Violation(AssertionError):
    """A promise is broken: somebody got two, somebody is unaccounted for, or something was hidden."""


@dataclass(slots=True)
class Tries:
    """The counts of one attack, as the closing table shows them.

    Everything is counted when it happens, not when it is planned:

    - `runs`: stories played to their end. Where an image is all there is to a story (the files, the disk),
      the start on it, with what was then decided, is one.
    - `images`: damaged disk contents that a start had to cope with: bytes lost, torn, changed or not ours.
      What a program left whole is none, however it ended.
    - `kills`: programs (or simulated ones) that were ended hard: by a signal, a crash, a power cut.
    - `faults`: errors that a disk, a network, a service or a system call gave.
    """

    attack: str
    runs: int = 0
    images: int = 0
    kills: int = 0
    faults: int = 0
    duplicates: int = 0
    unaccounted: int = 0

    def counts(self) -> dict[str, int]:
        """Every count by its name."""
        return {name: value for name, value in asdict(self).items() if name != "attack"}

    def nobody_twice(self, phones: Iterable[str], story: str) -> None:
        """Violation where a phone is among those that the gateway delivered to more than once."""
        twice = sum(1 for count in Counter(phones).values() if count > 1)
        self.duplicates += twice
        if twice:
            raise Violation(f"{self.attack}, run {self.runs}: {twice} customers got two: {story}")

    def everybody_accounted_for(self, missing: Iterable[str], story: str) -> None:
        """Violation where somebody of a plan is neither told, counted as in doubt, skipped nor still to do.

        `missing` are their recipient ids (never phones).
        """
        lost = list(missing)
        self.unaccounted += len(lost)
        if lost:
            raise Violation(f"{self.attack}, run {self.runs}: unaccounted for: {lost[:5]}: {story}")

    def check(self, holds: bool, what: str) -> None:
        """Violation with `what` where a promise does not hold."""
        if not holds:
            raise Violation(f"{self.attack}, run {self.runs}: {what}")
