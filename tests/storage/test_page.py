"""A file of rows that change in place is always the one that would be written anew, but for spaces."""

import json
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.storage.page import HEAD, Page

ROW = st.integers(0, 400).map(lambda size: json.dumps({"row": "x" * size}).encode())
CHANGE = st.tuples(st.dictionaries(st.integers(0, 30), ROW, max_size=6), st.lists(ROW, max_size=3))
Change = tuple[dict[int, bytes], list[bytes]]
ANCHOR = b'{"ledger": {"sequence": 999999999999999999, "head": "%b"}}' % (b"a" * 64)


def written(file: bytes, page: Page, changed: Mapping[int, bytes], new: Sequence[bytes]) -> bytes:
    """The file after a change, as a disk makes it."""
    data, was = bytearray(file), page.size
    assert len(file) == was
    for offset, part in [*page.change(changed, new), page.head(ANCHOR)]:
        assert offset <= len(data)
        data[offset : offset + len(part)] = part
    del data[page.size :]
    assert len(data) == page.size
    return bytes(data)


@given(st.lists(ROW, max_size=8), st.lists(CHANGE, max_size=8))
def test_it_holds_the_rows_after_any_changes(
    rows: list[bytes], changes: list[tuple[dict[int, bytes], list[bytes]]]
) -> None:
    page = Page(rows)
    file = page.whole(b"{}")
    assert json.loads(file) == {"decisions": [json.loads(row) for row in rows]}
    for changed, new in changes:
        there = {place: row for place, row in changed.items() if place < len(rows)}
        rows = [there.get(place, row) for place, row in enumerate(rows)] + new
        file = written(file, page, there, new)
        assert json.loads(file)["decisions"] == [json.loads(row) for row in rows]
        assert file.splitlines()[0].decode().startswith('{"ledger": {"sequence": 999999999999999999, "head"')
        assert len(file.splitlines()) == max(1, len(rows)) + 2  # a line each, for grep


@pytest.mark.parametrize("head", [b"{}", ANCHOR, b'{"ledger": {"sequence": 1, "head": "%b"}}' % (b"a" * 64)])
def test_the_first_line_is_always_as_long(head: bytes) -> None:
    offset, data = Page([]).head(head)
    assert (offset, len(data)) == (0, HEAD)
    assert json.loads(data + b"]}") == json.loads(head) | {"decisions": []}


def test_a_row_with_room_costs_itself_and_one_without_all_behind_it() -> None:
    rows = [b'{"a": %d}' % number for number in range(1000)]
    page = Page(rows)
    assert sum(len(part) for _, part in page.change({3: b'{"a": "longer"}'}, [])) < 200
    assert page.change({3: b'{"a": "longer"}'}, []) == []
    assert sum(len(part) for _, part in page.change({990: b"x" * 500}, [])) < 3000
