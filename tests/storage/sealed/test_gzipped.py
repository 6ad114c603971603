"""A month as gzip: any gzip reads it, and the bot from any place on; what is none is seen."""

import gzip
import io
import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.storage.sealed import gzipped


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """Blocks so small that a few lines are many."""
    monkeypatch.setattr(gzipped, "BLOCK", 64)
    return 64


def packed(data: bytes) -> bytes:
    return b"".join(gzipped.packed([data]))


class Counted(io.BytesIO):
    """How much was read of it, each time."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.reads: list[int] = []

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads.append(size or 0)
        return super().read(size)


def read(file: bytes) -> bytes:
    with gzipped.unpacked(io.BytesIO(file)) as month:
        return month.read()


@given(
    pieces=st.lists(st.binary(max_size=100_000) | st.just(b"line\n" * 40_000), max_size=4),
    places=st.lists(st.tuples(st.integers(0, 900_000), st.integers(1, 300_000)), max_size=9),
)
def test_any_gzip_reads_it_and_any_part_is_read(pieces: list[bytes], places: list[tuple[int, int]]) -> None:
    data, file = b"".join(pieces), b"".join(gzipped.packed(pieces))
    assert gzip.decompress(file) == data
    with gzipped.unpacked(io.BytesIO(file)) as month:
        assert month.seek(0, io.SEEK_END) == len(data)
        for start, size in places:
            month.seek(start)
            assert month.read(size) == data[start : start + size]
        month.seek(0)
        assert b"".join(month) == data


def test_the_same_bytes_for_the_same_month() -> None:
    assert packed(b"line\n" * 9) == packed(b"line\n" * 9)  # no time is in them


def test_a_part_of_a_large_one_unpacks_no_more_than_that() -> None:
    data = random.Random(1).randbytes(4 * gzipped.BLOCK)  # noqa: S311
    file = Counted(packed(data))
    month = gzipped.unpacked(file)
    file.reads.clear()
    month.seek(2 * gzipped.BLOCK + 5)
    assert month.read(100) == data[2 * gzipped.BLOCK + 5 :][:100]
    assert len(file.reads) == 1
    assert file.reads[0] < 1.01 * gzipped.BLOCK


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("other", [0x01, 0x80, 0xFF])
def test_a_changed_byte_is_a_hole_at_that_place_or_no_month_at_all(small: int, other: int) -> None:
    data = b"".join(b"%03d a line of a month\n" % n for n in range(40))
    file = packed(data)
    seen = set()
    for place in range(len(file)):
        changed = file[:place] + bytes([file[place] ^ other]) + file[place + 1 :]
        found = read(changed)
        if found == changed:
            seen.add("as it is")
            continue
        assert len(found) == len(data)
        holes = [n for n in range(0, len(data), small) if found[n : n + small] != data[n : n + small]]
        assert all(not found[n : n + small].strip(b"\0") for n in holes)
        assert len(holes) <= 1
        seen.add("a hole" if holes else "the same")  # a member's time, which nobody reads
    assert seen >= {"as it is", "a hole"}


@pytest.mark.usefixtures("small")
def test_torn_at_any_byte_it_is_no_month() -> None:
    file = packed(b"a line\n" * 50)
    for cut in range(len(file)):
        assert read(file[:cut]) == (file[:cut] or b"\0")
        zeros = file[:cut] + bytes(len(file) - cut)
        assert zeros == file or read(zeros) == zeros


@pytest.mark.parametrize(
    "file",
    [
        b"garbage",
        gzip.compress(b"a line\n" * 50, mtime=0),
        packed(b"a line\n") * 2,
        packed(b"a line\n") + b"\0",
    ],
    ids=["garbage", "a gzip of another program", "two", "something behind it"],
)
def test_what_is_no_such_file_is_read_as_it_is(file: bytes) -> None:
    assert read(file) == file


def test_a_bomb_does_not_go_off() -> None:
    bomb = gzip.compress(bytes(2**28), mtime=0)
    for size in (gzipped.BLOCK, 5, 2**28):  # what it says that it holds
        file = bomb + gzipped._table([len(bomb)], size)
        tracemalloc.start()
        read(file)
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
        tracemalloc.stop()


def test_a_member_that_says_less_than_it_holds_or_more_is_a_hole() -> None:
    for data in (b"more", b"a", b""):
        member = gzip.compress(data, mtime=0)
        assert read(member + gzipped._table([len(member)], 3)) == bytes(3)
    two = gzip.compress(b"ab", mtime=0) + gzip.compress(b"c", mtime=0)
    assert read(two + gzipped._table([len(two)], 3)) == bytes(3)


def test_a_table_that_is_too_long_is_none() -> None:
    count = gzipped._MOST + 1
    member = packed(b"")[:0]
    table = gzipped._table([1] * gzipped._MOST, 1)
    assert len(table) < 0x10000 + 40
    assert read(member + b"x" * count + table) == member + b"x" * count + table


def test_what_any_gzip_made_is_read_to_where_it_is_damaged() -> None:
    data = b"".join(b"%05d a line\n" % n for n in range(30_000))
    for file in (gzip.compress(data), packed(data), gzip.compress(data[:100]) + gzip.compress(data[100:])):
        with gzipped.salvaged(io.BytesIO(file)) as month:
            assert month.read() == data
            month.seek(1000)
            assert month.read(9) == data[1000:1009]
        with gzipped.salvaged(io.BytesIO(file[: len(file) // 2])) as month:
            found = month.read()
        assert data.startswith(found)
        assert len(found) > len(data) / 4
    with gzipped.salvaged(io.BytesIO(b"no gzip")) as month:
        assert month.read() == b""


def test_what_is_salvaged_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gzipped, "LARGEST", 2**20)
    with gzipped.salvaged(io.BytesIO(gzip.compress(bytes(2**25)))) as month:
        assert len(month.read()) < 2**20 + 2**15
