"""What was promised about messages, checked against what the gateway was given and what was true then."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise

from bot.domain.plan import Outcome
from tests.month.replay import RULES, Lived
from tests.month.world import Delivery

COOLDOWN = RULES.cooldown_hours * 3600


def broken(lived: Lived) -> list[str]:
    """Each broken promise in a line; none where all were kept."""
    found: list[str] = []
    for phone, got in _by_phone(lived).items():
        found += [f"{phone}: {what}" for what in _of_customer(got)]
    most = Counter((d.case, d.phone) for d in lived.gateway.deliveries if d.told)
    found += [f"case {case}: {phone} got {n}" for (case, phone), n in most.items() if n > 1]
    for (cause, phone, restored), n in messages_of(lived).items():
        if n > 1:
            found.append(f"cause {cause}: {phone} got {n}, {'voltou' if restored else 'outage'}")
    accepted = sum(d.outcome is Outcome.ACCEPTED for d in lived.gateway.deliveries if not d.restored)
    back = sum(d.restored for d in lived.gateway.deliveries)
    if back > accepted:
        found.append(f"{back} heard that service is back, {accepted} were told that it was off")
    return found


def messages_of(lived: Lived) -> Counter[tuple[int, str, bool]]:
    """How many messages each customer got about each cause, and about its end.

    An outage's are about what had the customer's ONUs down then; "voltou" is about what the one before was.
    """
    found: Counter[tuple[int, str, bool]] = Counter()
    for phone, got in _by_phone(lived).items():
        about: frozenset[int] = frozenset()
        for one in got:
            about = about if one.restored else one.causes
            found.update((cause, phone, one.restored) for cause in about)
    return found


def _by_phone(lived: Lived) -> dict[str, list[Delivery]]:
    """What may have reached each customer, in order."""
    got: dict[str, list[Delivery]] = defaultdict(list)
    for delivery in lived.gateway.deliveries:
        if delivery.told:
            got[delivery.phone].append(delivery)
    return got


def _of_customer(got: Sequence[Delivery]) -> list[str]:
    outages = [one for one in got if not one.restored]
    gaps = [b.at - a.at for a, b in pairwise(outages)]
    found = [f"told again after {gap / 3600:.1f} h" for gap in gaps if gap < COOLDOWN]
    last: Delivery | None = None
    for one in got:
        if one.restored:
            found += [f"told at {one.at:.0f} that service is back{wrong}" for wrong in _news(last, one)]
        last = one
    return found


def _news(last: Delivery | None, one: Delivery) -> list[str]:
    """What is wrong with the news that service is back, after what the customer heard last."""
    found = [", and it is off"] if one.causes else []
    if last is None or last.restored:
        return [*found, ", and not before that it was off"]
    if last.outcome is not Outcome.ACCEPTED:
        found.append(", and maybe not before that it was off")
    if one.case != -last.case:
        found.append(f" by case {one.case}, and by case {last.case} that it was off")
    return found
