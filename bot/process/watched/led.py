"""Which of several machines leads, in numbers."""

from collections.abc import Sequence
from typing import Protocol

from bot.ops.metrics import Family


class Held(Protocol):
    """A lease."""

    @property
    def age(self) -> float:
        """Seconds since it was last known to be ours."""

    @property
    def epoch(self) -> int | None:
        """By which it was taken."""


def led(lease: Held | None, *, away: bool = False, senders: int = 1, lent: int = 0) -> Sequence[Family]:
    """Of who leads, with its lease, or (None) stands by. `away`: the database does not answer; `senders`
    machines send; `lent` messages were sent for the one that leads.
    """
    found = [
        ("noc_leader", "1: this machine leads; 0: it stands by.", float(lease is not None)),
        ("noc_database_away", "1: the database of the ledger does not answer.", float(away)),
    ]
    if lease is not None:
        tells = "Seconds since the lease was last renewed; at two thirds of three nothing leaves any more."
        found += [
            ("noc_lease_age_seconds", tells, lease.age),
            (
                "noc_sending_machines",
                "How many machines messages go by, the leader among them.",
                float(senders),
            ),
            ("noc_lease_epoch", "How often some machine has taken the lead.", float(lease.epoch or 0)),
        ]
    tells = "Messages that this machine was handed by the one that leads, and sent, or could not."
    counted = Family("noc_lent_messages_total", "counter", tells, {(): float(lent)})
    return [counted, *(Family(name, "gauge", tells, {(): value}) for name, tells, value in found)]
