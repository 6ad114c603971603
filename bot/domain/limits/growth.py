"""A plan larger than what the card asked about is not carried out: the card asks about that plan, too.

What was asked about are ONUs, as the list counts them; what a person agreed to after the question are
customers. Each is compared with its like.
"""

from collections.abc import Collection

from bot.domain.case import Case
from bot.domain.dispatch import Dispatch
from bot.domain.incident import Incident, Port, affected_of
from bot.domain.plan import Recipient, Size

MORE_THAN = 10
"""So few above what was asked about are no other decision."""


def outgrew(now: int, asked: int) -> bool:
    """Whether it is more than half as many again, and more than `MORE_THAN` over."""
    return 2 * now > 3 * asked and now - asked > MORE_THAN


def asked_about(case: Case, ports: Collection[Port]) -> int:
    """How many ONUs an approval of these ports of a case is about: what the list says at the time.

    Where it gives no count of those affected on a port, that port's total stands for it. Where it gives
    neither, nothing: more than a few is then asked about once it is counted. The plan of a try before this
    one has been counted, and the card shows it.
    """
    before = case.dispatch.progress if case.dispatch is not None else None
    counted = 0 if before is None else before.onus
    keys = {port.key for port in ports}
    by_port: dict[str, list[Incident]] = {}
    for incident in case.incidents:
        if incident.port.key in keys:
            by_port.setdefault(incident.port.key, []).append(incident)
    return max(counted, sum(on_port(incidents) for incidents in by_port.values()))


def size_of(recipients: Collection[Recipient], case: Case, dispatch: Dispatch) -> Size:
    """How many customers of a dispatch's plan would get a message, beside what its approval was about."""
    to_send = [recipient for recipient in recipients if recipient.skip is None]
    asked = asked_about(case, dispatch.ports) if dispatch.asked is None else dispatch.asked
    return Size(sum(len(recipient.serials) for recipient in to_send), len(to_send), asked)


def has_grown(size: Size, agreed: int | None) -> bool:
    """Whether a plan of that size is another decision than the one that was made."""
    if agreed is not None:
        return outgrew(size.customers, agreed)
    return outgrew(size.onus, size.asked)


def on_port(incidents: Collection[Incident]) -> int:
    """How many ONUs of one port these tell of; 0 where none says.

    Alerts of one kind on a port, a CTO's and its PON's, tell of the same ONUs, and so do two sources; of two
    kinds, of others.
    """
    total = max((incident.total for incident in incidents if incident.total is not None), default=None)
    if total is not None and any(incident.affected is None for incident in incidents):
        return total
    found = affected_of(incidents) or 0
    kinds = {incident.kind for incident in incidents}
    return found if total is None or len(kinds) == 1 else min(found, total)
