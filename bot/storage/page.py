"""A JSON file of one object whose rows change in place: each has room to grow, so a change costs a row.

The first line is the object's beginning and has a fixed length; then a row a line, padded with spaces, and
the end. A row that outgrew its room, and new ones, are written with all that follows.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate

HEAD = 136
"""Bytes of the first line, without its line end."""
_GROWTH = 128  # bytes that a row may grow by where it stands: its counts, and when the outage ended
_BETWEEN, _END = b",\n", b"\n]}\n"

Part = tuple[int, bytes]
"""Bytes, and where in the file they go."""


class Page:
    """The rows as they are in the file."""

    def __init__(self, rows: Sequence[bytes]) -> None:
        self.rows = list(rows)
        self._rooms = [_room(row) for row in rows]

    def whole(self, head: bytes) -> bytes:
        """The whole file."""
        return _first(head) + b"\n" + self._from(0) + _END

    @property
    def size(self) -> int:
        """How many bytes the file has."""
        return self._start(len(self.rows)) + len(_END) - (len(_BETWEEN) if self.rows else 0)

    def change(self, changed: Mapping[int, bytes], new: Sequence[bytes]) -> list[Part]:
        """Take in rows that read otherwise, by their place, and those that follow; what to write for it."""
        places = sorted(place for place, row in changed.items() if row != self.rows[place])
        outgrown = [place for place in places if len(changed[place]) > self._rooms[place]]
        for place in places:
            self.rows[place] = changed[place]
        old, tail = len(self.rows), min([*outgrown, len(self.rows)])
        self.rows += new
        self._rooms[tail:] = [_room(row) for row in self.rows[tail:]]
        starts = [*accumulate((room + len(_BETWEEN) for room in self._rooms), initial=HEAD + 1)]
        parts = [(starts[place], self._padded(place)) for place in places if place < tail]
        if new or tail < old:
            between = _BETWEEN if tail else b""
            parts.append((starts[tail] - len(between), between + self._from(tail) + _END))
        return parts

    def head(self, head: bytes) -> Part:
        """What to write for another beginning."""
        return 0, _first(head)

    def _start(self, place: int) -> int:
        return HEAD + 1 + sum(self._rooms[:place]) + place * len(_BETWEEN)

    def _from(self, place: int) -> bytes:
        return _BETWEEN.join(self._padded(number) for number in range(place, len(self.rows)))

    def _padded(self, place: int) -> bytes:
        return self.rows[place].ljust(self._rooms[place])


def _room(row: bytes) -> int:
    return len(row) + _GROWTH


def _first(head: bytes) -> bytes:
    """`{"ledger": {...}          , "decisions": [`: as long, whatever it says."""
    opening = b'"decisions": ['
    if head == b"{}":
        return b"{" + opening.rjust(HEAD - 1)
    return head[:-1].ljust(HEAD - len(opening) - 2) + b", " + opening
