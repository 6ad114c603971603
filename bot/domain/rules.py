"""The settings that rules and steps read, in their own terms. Defaults are the product's."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """Times in seconds unless named otherwise; counts are of look-ups or messages in flight."""

    cooldown_hours: float = 24.0
    min_affected: int = 1
    undo_seconds: float = 5.0
    dry_run: bool = False
    look_ups: int = 50
    sends: int = 10
    read_tries: int = 4
    read_base: float = 3.0
    read_cap: float = 6.0
    read_patience: float = 30.0
    send_tries: int = 4
    send_base: float = 1.0
    send_cap: float = 20.0
    send_patience: float = 120.0
    answer_within: float = 32.0
    resume_within: float = 300.0
