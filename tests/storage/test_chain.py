"""The chain of lines that stand in no file: which of them is not as it was written."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from bot.domain import events as ev
from bot.storage import codec
from bot.storage.chain import first_off
from bot.storage.codec import BadLine
from bot.storage.segments import Head
from tests.fakes import ANA, NOON
from tests.storage.samples import PLAN, opened

BEFORE = NOON - timedelta(hours=1)
MOON = b',"moon":"full"'
NEWER = {
    "a field of a start": (codec.fields(ev.Started("9")) + MOON, NOON),
    "a field of a plan with names": (codec.fields(ev.Planned(1, 3, PLAN), people=True) + MOON, NOON),
    "a field of a confirmation": (codec.fields(ev.Confirmed(ANA)) + MOON, BEFORE),
    "a kind": (b'"kind":"eclipsed","case":1', NOON),
}
"""What only a newer version can read, and when the next line is."""


def sealed(lines: Iterable[tuple[bytes, datetime]]) -> list[bytes]:
    """Each a group."""
    raws: list[bytes] = []
    for number, (inner, at) in enumerate(lines, 1):
        prev = codec.digest(raws[-1]) if raws else codec.NO_LINE
        raws.append(codec.seal(inner, seq=number, group=number, left=0, at=at, prev=prev))
    return raws


@pytest.mark.parametrize("what", NEWER)
def test_what_a_newer_version_wrote_is_as_it_was_written(what: str) -> None:
    inner, then = NEWER[what]
    mine = codec.fields(opened())
    raws = sealed([(mine, NOON), (inner, NOON), (mine, then)])
    with pytest.raises(BadLine, match="newer version"):
        codec.unseal(raws[1])
    assert first_off(raws) == (None, Head(3, digest=codec.digest(raws[2])))
    raws[1] = raws[1].replace(b'"kind":"', b'"kind":"x', 1)
    assert first_off(raws) == (2, Head(1, digest=codec.digest(raws[0])))


def test_a_time_before_the_last_one_is_off_but_for_a_confirmation_that_says_it() -> None:
    mine, confirmed = codec.fields(opened()), codec.fields(ev.Confirmed(ANA, BEFORE))
    assert first_off(sealed([(mine, NOON), (mine, BEFORE)]))[0] == 2
    assert first_off(sealed([(mine, NOON), (confirmed, NOON), (mine, BEFORE)]))[0] is None
    earlier = BEFORE - timedelta(seconds=1)
    assert first_off(sealed([(mine, NOON), (confirmed, NOON), (mine, earlier)]))[0] == 3
    plain = codec.fields(ev.Confirmed(ANA))
    assert first_off(sealed([(mine, NOON), (plain, NOON), (mine, BEFORE)]))[0] == 3
