"""How many people a plan told, as far as that is sure."""

from typing import NamedTuple

from bot.domain.plan import Outcome, Progress


class Told(NamedTuple):
    """`warned` have a message that the gateway took, and no receipt said that it did not arrive; of
    `delivered` a receipt said that it did, None where there was no receipt at all.
    """

    warned: int
    delivered: int | None


def told_by(progress: Progress) -> Told:
    """What a plan came to, also where nothing is left of it but its counts."""
    tally = progress.tally()
    arrived = tally.arrived
    delivered = arrived.received if arrived.known else None
    accepted = tally.outcomes.get(Outcome.ACCEPTED, 0)
    if not arrived.undelivered:
        return Told(accepted, delivered)
    if progress.kept is not None:  # nobody can tell any more who they were
        return Told(max(0, accepted - sum(arrived.undelivered.values())), delivered)
    sure = [id_ for id_, one in progress.results.items() if one.outcome is Outcome.ACCEPTED]
    return Told(sum(not progress.undelivered(id_) for id_ in sure), delivered)
