"""What is asked of the tables, and how a group of lines comes into them: behind the line it follows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.storage.people.months import Listed, due, month_of
from bot.storage.postgres import schema
from bot.storage.postgres.link import Link
from bot.storage.segments import Head

# One statement is one transaction, in one round trip: nothing is held while anybody waits for something else.
# The lines go as one text that is split there: an array of texts halves the speed.
_APPEND = """
WITH head AS (
    UPDATE ledger_head SET seq = %(seq)s, grp = %(group)s, digest = %(digest)s, at = %(at)s
    WHERE seq = %(was)s AND digest = %(prev)s AND epoch = %(epoch)s
    RETURNING 1
), people AS (
    INSERT INTO ledger_people (month, line)
    SELECT t.month, t.line FROM head,
        unnest(string_to_array(%(months)s, E'\\n'), string_to_array(%(people)s, E'\\n')) AS t (month, line)
), lines AS (
    INSERT INTO ledger_lines (seq, line)
    SELECT %(was)s + t.n, t.line FROM head,
        unnest(string_to_array(%(lines)s, E'\\n')) WITH ORDINALITY AS t (line, n)
    RETURNING 1
)
SELECT (SELECT count(*) FROM lines), (SELECT pg_notify('ledger', %(told)s)::text FROM head)
"""

# Whoever opened it before is shut out, and whoever leads is not.
_BEGIN = """
UPDATE ledger_head SET version = %(half)s, epoch = epoch + 1
WHERE seq = %(seq)s AND digest = %(digest)s AND epoch = %(epoch)s
    AND NOT EXISTS (SELECT FROM ledger_lease WHERE name = 'leader' AND until >= clock_timestamp())
RETURNING epoch
"""

_MOVED = """
WITH head AS (
    UPDATE ledger_head SET version = %(away)s WHERE epoch = %(epoch)s RETURNING epoch
)
INSERT INTO ledger_lease SELECT %(name)s, %(to)s, epoch, '-infinity' FROM head
ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, epoch = excluded.epoch
RETURNING epoch
"""


@dataclass(frozen=True, slots=True)
class End:
    """Where the ledger ends in PostgreSQL, of which version its tables are, and whose epoch it is: a write of
    another is not taken.
    """

    seq: int
    group: int
    digest: str
    epoch: int
    version: int = schema.VERSION

    def of(self, head: Head) -> bool:
        """Whether it is that line."""
        return (self.seq, self.digest) == (head.seq, head.digest)


class Fenced(Exception):
    """Another program writes this ledger by now: this one writes nothing any more."""


class Newer(Exception):
    """The tables are of a version that this program does not know; its number."""


class Lacking(Exception):
    """Another machine has lines that the ledger lacks, and nobody confirmed that."""


class Elsewhere(Exception):
    """The ledger does not end where it was left, though nobody else may write it."""


def end(link: Link) -> End:
    """Where it ends now. Raises Lost."""
    ((seq, group, digest, epoch, version),) = link.ask(
        "SELECT seq, grp, digest, epoch, version FROM ledger_head"
    )
    return End(seq, group, digest, epoch, version)


def check(found: End, head: Head, epoch: int) -> None:
    """Newer, Fenced or Elsewhere where it does not end there, is not ours, or not to be understood."""
    if found.version > schema.VERSION:
        raise Newer(found.version)
    if found.epoch != epoch:
        raise Fenced
    if not found.of(head):
        raise Elsewhere


def append(
    link: Link, raws: Sequence[bytes], head: Head, then: Head, *, listed: Iterable[Listed], epoch: int
) -> None:
    """Have these lines behind `head`, durably, so that `then` is the last one; with the people they speak of.

    To be repeated after `Lost` with the very same lines, as often as it takes: what was written though its
    answer got lost is found to be there, by the number and the hash of its last line. Newer, Fenced,
    Elsewhere.
    """
    people = [(month_of(one.at), one.dump().rstrip(b"\n").decode()) for one in listed]
    values = {
        "seq": then.seq,
        "group": then.group,
        "digest": then.digest,
        "at": then.at,
        "was": head.seq,
        "prev": head.digest,
        "epoch": epoch,
        "lines": b"\n".join(raws).decode(),
        "months": "\n".join(month for month, _ in people),
        "people": "\n".join(line for _, line in people),
        "told": str(then.seq),
    }
    ((count, _),) = link.ask(_APPEND, values)
    if count != len(raws):
        check(end(link), then, epoch)


def begin(link: Link, found: End) -> int:
    """No bot opens it from now on, until `finish`; the epoch to bring lines under. Fenced, Lost."""
    rows = link.ask(
        _BEGIN,
        {
            "half": schema.HALF * schema.VERSION,
            "seq": found.seq,
            "digest": found.digest,
            "epoch": found.epoch,
        },
    )
    if not rows:
        raise Fenced
    return int(rows[0][0])


def finish(link: Link) -> None:
    """All lines are there. Fenced where another program brought the tables up meanwhile; Lost."""
    query = "UPDATE ledger_head SET version = %s WHERE version = %s RETURNING version"
    if not link.ask(query, (schema.VERSION, schema.HALF * schema.VERSION)):
        raise Fenced


def moved(link: Link, epoch: int, to: str) -> None:
    """All lines are in the files of that folder: nobody leads here from now on.

    Fenced where another one did meanwhile; Lost.
    """
    away = schema.MOVED + schema.HALF * schema.VERSION
    if not link.ask(_MOVED, {"away": away, "epoch": epoch, "name": schema.MOVER, "to": to}):
        raise Fenced


def line(link: Link, seq: int) -> bytes | None:
    """A line as it stands, None where there is none of that number. Raises Lost."""
    found = link.ask("SELECT line FROM ledger_lines WHERE seq = %s", (seq,))
    return found[0][0].encode() if found else None


def count(link: Link) -> int:
    """How many lines there are. Raises Lost."""
    ((lines,),) = link.ask("SELECT count(*) FROM ledger_lines")
    return int(lines)


def let_go(link: Link, now: datetime, days: int) -> list[str]:
    """Names and phones of months that ended so many days ago go; which. Raises Lost."""
    gone = due(kept(link), now, days)
    for month in gone:
        link.ask("DELETE FROM ledger_people WHERE month = %s", (month,))
    return gone


def blank_sends(link: Link, epoch: int) -> None:
    """Names and phones go of messages that who led before `epoch` handed over and nobody took. Raises Lost.

    Nobody takes them any more, and without its text none is taken back either: it stays in doubt.
    """
    link.ask("UPDATE ledger_sends SET message = '' WHERE message <> '' AND epoch < %s", (epoch,))


Kept = tuple[int, int]
"""How many rows of names and phones a month has, and the last one's number, which no other row ever gets."""


def kept(link: Link) -> dict[str, Kept]:
    """The months that names and phones are kept of, in their order. Raises Lost."""
    query = "SELECT month, count(*), max(seq) FROM ledger_people GROUP BY month ORDER BY month"
    return {month: (int(count), int(last)) for month, count, last in link.ask(query)}


def put(link: Link, month: str, lines: Iterable[str], epoch: int) -> None:
    """These, and no others, are the people of a month. Fenced, Lost."""
    told = "\n".join(lines)
    rows = link.ask(
        """
        WITH head AS (
            SELECT 1 FROM ledger_head WHERE epoch = %(epoch)s FOR SHARE
        ), gone AS (
            DELETE FROM ledger_people WHERE month = %(month)s AND EXISTS (SELECT FROM head)
        ), put AS (
            INSERT INTO ledger_people (month, line)
            SELECT %(month)s, line FROM head, unnest(string_to_array(%(lines)s, E'\\n')) AS t (line)
        )
        SELECT FROM head
        """,
        {"month": month, "lines": told, "epoch": epoch},
    )
    if not rows:
        raise Fenced


def secret(link: Link) -> str | None:
    """By which lines call people, None where there is none yet. Raises Lost."""
    found = link.ask("SELECT secret FROM ledger_key")
    return found[0][0] if found else None


def keep_secret(link: Link, text: str) -> None:
    """Where there is one already it stays. Raises Lost."""
    link.ask("INSERT INTO ledger_key (secret) VALUES (%s) ON CONFLICT DO NOTHING", (text,))


def at_of(head: Head) -> datetime | None:
    """When its last line was written, None where it has none."""
    return head.at if head.seq else None
