"""How long to wait before the next try."""


def delay(tried: int, base: float, cap: float, spread: float) -> float:
    """Seconds before try number `tried` + 1: doubling from `base`, at most `cap`, and jittered.

    `spread` is a random number in [0, 1): the wait lies between half of it and the whole.
    """
    return min(cap, base * 2.0 ** (tried - 1)) * (0.5 + spread / 2)
