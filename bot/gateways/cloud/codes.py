"""Every known code of an error and what follows from it (README.md of this folder has each with its source).

An error with a code says that the message was not sent: what may be tried again raises TryLater.
"""

from collections.abc import Mapping

from bot.domain.plan import Mend, Outcome, Receipt
from bot.errors import Throttled, TryLater

GONE = 33  # a code, and a subcode of 100: there is no such number
PERMISSIONS = range(200, 300)
_STOPS: Mapping[Mend, frozenset[int]] = {
    "key": frozenset(
        # The token and what it may do, then the account: its state, its payment, its number.
        {0, 3, 10, 190, 131005, *PERMISSIONS}
        | {368, 130497, 131031, 131037, 131042, 131044, 131045, 131048, 131064, 133010}
    ),
    "url": frozenset({GONE}),
    "template": frozenset(
        {100, 131008, 131009, 131063, 132000, 132001, 132007, 132008, 132012, 132015, 132016}
    ),
    "refusal": frozenset({131047, 131051, 131052, 131053, 131062, 132018}),  # a mistake of ours
}
SLOW: Mapping[int, float] = {130429: 5.0, 131057: 30.0, 4: 60.0, 80007: 60.0}
"""For how many seconds nothing leaves, where the answer does not say it."""
THIS_ONE_LATER = 131056  # too many messages to one phone
AGAIN = frozenset({2, 131000, 131016, 133004})
FAILED = 1  # may be tried again, but not often: by a person
NEVER = frozenset({130472, 131021, 131026, 131030, 131049, 131050, 132005, 135000, 137000})
KNOWN = frozenset({*SLOW, THIS_ONE_LATER, *AGAIN, FAILED, *NEVER}).union(*_STOPS.values())


def of_code(code: int, pause: float | None) -> Receipt | None:
    """What a code proves; None where it is not known. `pause`: what the answer asks for.

    Throttled with its seconds where all have to wait, without any where this customer alone has to.
    """
    why = f"wa_{PERMISSIONS.start if code in PERMISSIONS else code}"
    if code in SLOW:
        raise Throttled(why, SLOW[code] if pause is None else pause)
    if code == THIS_ONE_LATER:
        raise Throttled(why)
    if code in AGAIN:
        raise TryLater(why)
    if code == FAILED:
        return Receipt(Outcome.FAILED, reason=why)
    if code in NEVER:
        return Receipt(Outcome.REJECTED, reason=why)
    halt = next((mend for mend, codes in _STOPS.items() if code in codes), None)
    return None if halt is None else Receipt(Outcome.REJECTED, reason=why, halt=halt)
