import json
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import get_args
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.events import Alive, Intent, Line, Planned, Started
from bot.storage import codec
from tests.fakes import NOON
from tests.people import nameless
from tests.storage.samples import EVERY_KIND

UTC_TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))  # a share of something
ANY_LINE = st.one_of(*(st.from_type(kind) for kind in get_args(Line)))


def sealed(line: Line, at: datetime = NOON, prev: str = codec.NO_LINE) -> bytes:
    return codec.seal(codec.fields(line), seq=12, group=5, left=0, at=at, prev=prev)


def resealed(raw: bytes, old: bytes, new: bytes) -> bytes:
    """The line with something replaced and a checksum that agrees again."""
    body = raw.replace(old, new)[: -len(b',"crc":"01234567"}')]
    return b'%b,"crc":"%08x"}' % (body, crc32(body))


def test_the_samples_have_every_kind() -> None:
    assert {type(line) for line in EVERY_KIND} == set(get_args(Line))


@pytest.mark.parametrize("line", EVERY_KIND, ids=lambda line: line.kind)
def test_every_kind_comes_back_as_it_was(line: Line) -> None:
    raw = sealed(line)
    assert codec.unseal(raw) == codec.Entry(12, 5, 0, NOON, codec.NO_LINE, nameless(line))
    assert b"\n" not in raw


def test_a_line_is_flat_json_in_a_fixed_order() -> None:
    raw = sealed(Intent(3, "c1"))
    assert raw.startswith(
        b'{"seq":12,"group":5,"left":0,"at":"2026-11-22T15:00:00.000000Z",'
        b'"kind":"intent","case":3,"recipient":"c1","prev":"0000'
    )
    assert list(json.loads(raw)) == ["seq", "group", "left", "at", "kind", "case", "recipient", "prev", "crc"]
    before_crc = raw[: raw.index(b',"crc":')]
    assert json.loads(raw)["crc"] == f"{crc32(before_crc):08x}"
    assert codec.digest(raw) == sha256(raw).hexdigest()


def test_no_kind_has_a_field_of_the_envelope() -> None:
    for line in EVERY_KIND:
        names = set(json.loads(b"{" + codec.fields(line) + b"}"))
        assert not names & {"seq", "group", "left", "at", "prev", "crc"}


@settings(max_examples=100, deadline=None)
@given(line=ANY_LINE, at=UTC_TIMES)
def test_any_line_comes_back_as_it_was(line: Line, at: datetime) -> None:
    entry = codec.unseal(sealed(line, at))
    assert entry.line == nameless(line)
    assert entry.at == at
    assert codec.follows(sealed(line, at), 12, 5, codec.NO_LINE) == entry


@pytest.mark.parametrize("place", [(11, 5, codec.NO_LINE), (12, 4, codec.NO_LINE), (12, 5, "1" * 64)])
def test_a_line_in_another_place_does_not_follow(place: tuple[int, int, str]) -> None:
    assert codec.follows(sealed(Intent(3, "c1")), *place) is None


def test_what_cannot_be_read_is_left_to_who_says_why() -> None:
    for old, new in ((b'"case":3', b'"case":"x"'), (b'"case":3', b'"case":3,"new":1'), (b"-22T", b"-32T")):
        raw = resealed(sealed(Intent(3, "c1")), old, new)
        assert codec.follows(raw, 12, 5, codec.NO_LINE) is None
        with pytest.raises(codec.BadLine):
            codec.unseal(raw)


@pytest.mark.parametrize("more", [b",", b", ", b" ", b"x"])
def test_a_line_of_its_kind_alone_has_nothing_behind_that(more: bytes) -> None:
    raw = resealed(sealed(Alive()), b'"kind":"alive"', b'"kind":"alive"' + more)
    assert codec.follows(raw, 12, 5, codec.NO_LINE) is None


def test_times_are_written_in_utc() -> None:
    raw = sealed(Started("1"), NOON.astimezone(timezone(timedelta(hours=-3))))
    assert b'"at":"2026-11-22T15:00:00.000000Z"' in raw


@settings(deadline=None)
@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_any_flipped_bit_is_noticed(place: int, bit: int) -> None:
    raw = bytearray(sealed(next(line for line in EVERY_KIND if isinstance(line, Planned))))
    raw[place % len(raw)] ^= 1 << bit
    assert codec.follows(bytes(raw), 12, 5, codec.NO_LINE) is None
    with pytest.raises(codec.BadLine) as caught:
        codec.unseal(bytes(raw))
    assert not caught.value.intact
    assert codec.group_of(bytes(raw)) is None


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"", "not JSON"),
        (b"\0" * 300, "not JSON"),
        (sealed(Intent(3, "c1"))[:-1], "not JSON"),
        (b'{"seq":1}', "not a ledger line"),
        (sealed(Intent(3, "c1")).replace(b'"c1"', b'"c2"'), "crc:"),
    ],
)
def test_damage_is_named(raw: bytes, what: str) -> None:
    with pytest.raises(codec.BadLine, match=what) as caught:
        codec.unseal(raw)
    assert not caught.value.intact


@pytest.mark.bug("a newer version's field was dropped in silence")
@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (b'"kind":"intent"', b'"kind":"telepathy"', "unknown kind"),
        (b'"case":3', b'"case":3,"template":"los"', "unknown field: written by a newer version"),
        (b'"case":3', b'"case":"three"', r"fields: intent\.case cannot be read \(int_parsing\)"),
        (b"2026-11-22", b"2026-13-22", "at: not a time"),
    ],
)
def test_a_whole_line_that_cannot_be_read_is_told_from_damage(old: bytes, new: bytes, what: str) -> None:
    raw = resealed(sealed(Intent(3, "c1")), old, new)
    with pytest.raises(codec.BadLine, match=what) as caught:
        codec.unseal(raw)
    assert caught.value.intact
    assert codec.group_of(raw) == 5


def test_an_error_quotes_no_field() -> None:
    plan = next(line for line in EVERY_KIND if isinstance(line, Planned))
    raw = resealed(sealed(plan), b'"id":"c1"', b'"id":"c1","phone":["5561999990001"]')
    with pytest.raises(codec.BadLine) as caught:
        codec.unseal(raw)
    assert "5561999990001" not in str(caught.value)
