"""What the flow works with; app.py decides which adapters they are."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.domain.watched.measures import Measures
from bot.ports import (
    Clock,
    Directory,
    Fleet,
    Gateway,
    Inbox,
    Ledger,
    Limiter,
    NocChat,
    Polled,
    Source,
    Spawn,
    Staff,
)


@dataclass(frozen=True, slots=True)
class Deps:
    """The adapters and what else comes from outside. `source` knows of all outages that `sources` tell of;
    `measures` take in what is counted and timed on the way. `fleet` is what messages to customers go by,
    None: the gateway.
    """

    source: Source
    directory: Directory
    gateway: Gateway
    limiter: Limiter
    ledger: Ledger
    chat: NocChat
    clock: Clock
    rng: random.Random
    spawn: Spawn
    staff: Staff
    inbox: Inbox
    sources: Sequence[Polled]
    fleet: Fleet | None = None
    measures: Measures = field(default_factory=Measures)
