"""An ONU's serial has one spelling, however a system writes it."""

import pytest

from bot.domain.lookup.serials import normal, spellings


@pytest.mark.parametrize(
    ("written", "one"),
    [
        ("HWTC5C5A78B9", "HWTC5C5A78B9"),
        ("hwtc-5c5a78b9", "HWTC5C5A78B9"),
        ("485754435C5A78B9", "HWTC5C5A78B9"),
        ("485754435c5a78b9", "HWTC5C5A78B9"),
        ("001122334455AABB", "001122334455AABB"),  # the first four bytes are no letters
        ("AA:BB:CC:11:22:33", "AABBCC112233"),
        ("ZTEGç1234567", "ZTEG1234567"),
    ],
)
def test_normal(written: str, one: str) -> None:
    assert normal(written) == one


def test_it_is_looked_for_in_both_spellings_where_it_has_two() -> None:
    assert spellings("485754435c5a78b9") == ("HWTC5C5A78B9", "485754435C5A78B9")
    assert spellings("00:11:22:33:44:55") == ("001122334455",)
