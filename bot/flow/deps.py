"""What the flow works with; app.py decides which adapters they are."""

import random
from dataclasses import dataclass

from bot.ports import Clock, Directory, Gateway, Inbox, Ledger, Limiter, NocChat, Source, Spawn, Staff


@dataclass(frozen=True, slots=True)
class Deps:
    """The adapters and what else comes from outside."""

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
