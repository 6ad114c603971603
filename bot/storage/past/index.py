"""What the index is told, and what it is asked: where the lines of a case, a port, a day, a customer are."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from hashlib import blake2b

from bot.domain.regional import Whose
from bot.storage.past.tables import Audited, Extent, Flag, Place, Tables, Until

_CUSTOMER = 4  # bytes of a customer's hash: of so many customers, few share one
_THEIRS = (
    " and case when case_ <> 0"
    " then coalesce((select region from whose where whose.case_ = abs(audited.case_)), '')"
    " in (select value from json_each(:regions))"
    " else not exists (select 1 from olts where (segment, first) = (audited.segment, audited.first))"
    " or exists (select 1 from olts where (segment, first) = (audited.segment, audited.first)"
    " and olt in (select value from json_each(:olts))) end"
)


class Index(Tables):
    """The tables as what they mean."""

    def key(self, text: str) -> int:
        """The hash that stands for an incident's id."""
        return int.from_bytes(blake2b(text.encode(), digest_size=6, key=self.salt).digest())

    def _customer(self, phone: str) -> bytes:
        return blake2b(phone.encode(), digest_size=_CUSTOMER, key=self.salt).digest()

    def read_until(self) -> list[Until]:
        """How far each segment was read, in their order."""
        return [
            Until(*row)
            for row in self.db.execute("select id, bytes, last, digest, seq from segment order by id")
        ]

    def have_read(self, until: Until) -> None:
        """A segment was read so far."""
        self.db.execute("insert or replace into segment values (?, ?, ?, ?, ?)", until)

    def add_extent(self, case: int, at: Extent) -> None:
        """A stretch with lines of a case; one that begins where another does is that one, longer."""
        self.db.execute("insert or replace into extent values (?, ?, ?, ?)", (case, *at))

    def add_stale(self, cases: Iterable[int]) -> None:
        """Lines of these cases were read: their rows (`summaries`) are to be made anew."""
        rows = [(abs(case),) for case in cases]
        self.db.executemany("insert or ignore into stale values (?)", rows)

    def add_stale_since(self, seconds: int) -> None:
        """A clock was set back to then: what was dated later has another date now."""
        query = (
            "insert or ignore into stale select case_ from told"
            " where opened >= :at or ended >= :at or decided >= :at"
            " union select case_ from fell where began >= :at or ended >= :at"
        )
        self.db.execute(query, {"at": seconds})

    def add_wide(self, at: Place, kind: str, key: int = 0) -> None:
        """A line that is about no case."""
        self.db.execute("insert or replace into wide values (?, ?, ?, ?)", (*at, kind, key))

    def add_audited(self, line: Audited, rank: int, flag: Flag, seconds: int) -> None:
        """An audited line, the `rank`-th that came about there."""
        row = (*line.place, rank, line.case, line.kind, flag, seconds)
        self.db.execute("insert or replace into audited values (?, ?, ?, ?, ?, ?, ?)", row)

    def add_customers(self, at: Place, case: int, phones: Collection[str]) -> None:
        """Customers of a case's plan, by their phones' keys."""
        if self.path is not None:
            keys = b"".join(sorted(map(self._customer, phones)))
            self.db.execute("insert or replace into customers values (?, ?, ?, ?)", (*at, case, keys))

    def add_opened(self, seconds: int, case: int) -> None:
        """When a case was opened."""
        self.db.execute("insert or ignore into opened values (?, ?)", (seconds, case))

    def add_region(self, case: int, region: str) -> None:
        """The NOC whose case it is; of one that is none's nothing is kept."""
        if region:
            self.db.execute("insert or replace into whose values (?, ?)", (case, region))

    def region_of(self, case: int) -> str:
        """Whose a case is; empty where it is none's."""
        found = self.db.execute("select region from whose where case_ = ?", (abs(case),)).fetchone()
        return "" if found is None else str(found[0])

    def add_incident(self, key: int, case: int, label: str, at: Place) -> None:
        """An incident is of this case, on a port of that name."""
        row = (key, case, self._place(label), *at)
        self.db.execute("insert or replace into incident values (?, ?, ?, ?, ?)", row)
        self.db.execute("insert or ignore into lies values (?, ?)", (row[2], case))

    def put_places(self, case: int, labels: Iterable[str]) -> None:
        """The case is at these places, and no others."""
        self.db.execute("delete from lies where case_ = ?", (case,))
        rows = [(self._place(label), case) for label in labels]
        self.db.executemany("insert or ignore into lies values (?, ?)", rows)

    def add_names(self, at: Place, labels: Iterable[str], olts: Iterable[str] = ()) -> None:
        """A line names places itself; `olts`: and is of no case, so that they alone say whose it is."""
        rows = [(self._place(label), *at) for label in labels]
        self.db.executemany("insert or ignore into names values (?, ?, ?)", rows)
        self.db.executemany("insert or ignore into olts values (?, ?, ?)", [(*at, olt) for olt in olts])

    def copy_names(self, of: Place, to: Place) -> None:
        """A line is about the places that another names."""
        self.db.execute(
            "insert or ignore into names select place, ?, ? from names where segment = ? and first = ?",
            (*to, *of),
        )
        self.db.execute(
            "insert or ignore into olts select ?, ?, olt from olts where segment = ? and first = ?",
            (*to, *of),
        )

    def _place(self, name: str) -> int:
        label = name.casefold()
        self.db.execute("insert or ignore into place (label) values (?)", (label,))
        found: int = self.db.execute("select id from place where label = ?", (label,)).fetchone()[0]
        return found

    def place_of(self, key: int, case: int) -> str | None:
        """The name of the port that an incident of a case was last on; None where it is not of it."""
        query = "select label from incident join place on place.id = place where key = ? and case_ = ?"
        found = self.db.execute(query, (key, case)).fetchone()
        return None if found is None else str(found[0])

    def holders(self, key: int) -> list[int]:
        """The cases that an incident of that id was of, newest first, a few."""
        query = "select case_ from incident where key = ? order by segment desc, first desc limit 3"
        return [case for (case,) in self.db.execute(query, (key,))]

    def set_running(self, case: int, *, running: bool, asleep: bool = False) -> None:
        """Whether a dispatch of the case is not over, and (`asleep`) no start changes it any more."""
        if running:
            self.db.execute("insert or replace into running values (?, ?)", (case, asleep))
        else:
            self.db.execute("delete from running where case_ = ?", (case,))

    def running(self, *, asleep: bool = False) -> list[int]:
        """The cases of which one is not over, and that a start changes, or does not."""
        query = "select case_ from running where asleep = ? order by case_"
        return [case for (case,) in self.db.execute(query, (asleep,))]

    def extents(self, cases: Collection[int]) -> dict[int, list[Extent]]:
        """The stretches with lines of each of the cases, by its number, in their order."""
        found: dict[int, list[Extent]] = {}
        query = (
            "select case_, segment, first, end from extent where case_ in (select value from json_each(?))"
            " order by case_, segment, first"
        )
        for case, *at in self.db.execute(query, (json.dumps(sorted(cases)),)):
            found.setdefault(case, []).append(Extent(*at))
        return found

    def sharing(self, case: int, since: Place, most: int) -> list[int]:
        """The cases that had an incident of this one's afterwards, the first of them."""
        query = (
            "select distinct other.case_ from incident as own join incident as other on other.key = own.key"
            " where own.case_ = ? and other.case_ <> own.case_"
            " and (other.segment, other.first) > (?, ?) order by other.segment, other.first limit ?"
        )
        return [number for (number,) in self.db.execute(query, (case, *since, most))]

    def held_before(self, cases: Collection[int]) -> list[int]:
        """The cases that had an incident of one of these last before it: a place's outages share an id."""
        query = (
            "select distinct before from (select max(other.case_) as before from incident as own"
            " join incident as other on other.key = own.key and other.case_ < own.case_"
            " where own.case_ in (select value from json_each(?)) group by own.case_, own.key)"
        )
        return [number for (number,) in self.db.execute(query, (json.dumps(sorted(cases)),))]

    def together(self, cases: Collection[int]) -> list[int]:
        """The same cases, those next to each other that had an incident of one id."""
        query = (
            "select case_ from incident where case_ in (select value from json_each(?))"
            " group by case_ order by min(key), case_"
        )
        found = [number for (number,) in self.db.execute(query, (json.dumps(sorted(cases)),))]
        return [*found, *sorted(set(cases).difference(found))]

    def wide(self, kinds: Sequence[str], first: Place, last: Place, most: int = -1) -> list[Place]:
        """The lines of those kinds that are about no case, from one place to another."""
        query = (
            "select segment, first from wide where kind in (select value from json_each(?))"
            " and (segment, first) between (?, ?) and (?, ?) order by segment, first limit ?"
        )
        return [Place(*row) for row in self.db.execute(query, (json.dumps(kinds), *first, *last, most))]

    def beside(self, at: Place) -> list[Place]:
        """The other lines of the same silence, or the same test message."""
        query = (
            "select other.segment, other.first from wide as own join wide as other on other.key = own.key"
            " and own.key <> 0 and other.kind in (own.kind, "
            " case own.kind when 'silence_ended' then 'silenced' when 'trial_intent' then 'trial_result' end)"
            " where own.segment = ? and own.first = ?"
        )
        return [Place(*row) for row in self.db.execute(query, at)]

    def silenced(self, silence: int) -> Place | None:
        """The line that began a silence."""
        query = "select segment, first from wide where kind = 'silenced' and key = ? order by 1, 2 limit 1"
        found = self.db.execute(query, (silence,)).fetchone()
        return None if found is None else Place(*found)

    def labels(self) -> list[tuple[int, str]]:
        """Every name of a place, with its number here."""
        return list(self.db.execute("select id, label from place"))

    def of(self, whose: Whose) -> tuple[list[str], list[str]]:
        """The regions and the OLTs of theirs that are named in the ledger."""
        regions = [region for (region,) in self.db.execute("select distinct region from whose")]
        olts = [olt for (olt,) in self.db.execute("select distinct olt from olts")]
        return [region for region in ("", *regions) if whose.has(region)], list(filter(whose.at, olts))

    def audited(
        self,
        flags: Collection[Flag],
        places: Collection[int] | None,
        between: tuple[int, int] | None,
        skip: int,
        most: int,
        *,
        whose: Whose | None = None,
    ) -> tuple[int, list[Audited]]:
        """How many audited lines are theirs, at those places and seconds (None: all), and some, newest
        first.
        """
        where = "from audited where flag in (select value from json_each(:flags))"
        facts: dict[str, object] = {"flags": json.dumps(sorted(flags)), "skip": skip, "most": most}
        if between is not None:
            facts["first"], facts["last"] = between
            where += " and at >= :first and at < :last"
        if places is not None:
            facts["places"] = json.dumps(sorted(places))
            where += (
                " and (abs(case_) in (select case_ from lies"
                " where place in (select value from json_each(:places)))"
                " or (segment, first) in (select segment, first from names"
                " where place in (select value from json_each(:places))))"
            )
        if whose is not None:
            facts["regions"], facts["olts"] = map(json.dumps, self.of(whose))
            where += _THEIRS
        total: int = self.db.execute(f"select count(*) {where}", facts).fetchone()[0]
        order = "order by segment desc, first desc, rank desc limit :most offset :skip"
        rows = self.db.execute(f"select segment, first, case_, kind {where} {order}", facts)
        return total, [Audited(Place(segment, first), case, kind) for segment, first, case, kind in rows]

    def plans_of(self, phone: str) -> list[Place]:
        """The plans that a phone (its key) may be in, in their order: others share its hash.

        It looks through all plans, which takes a moment for years of them.
        """
        key, found = self._customer(phone), list[Place]()
        for segment, first, keys in self.db.execute(
            "select segment, first, keys from customers order by segment, first"
        ):
            place = keys.find(key)
            while place >= 0 and place % _CUSTOMER:
                place = keys.find(key, place + 1)
            if place >= 0:
                found.append(Place(segment, first))
        return found

    def plans_about(self, cases: Collection[int]) -> list[Place]:
        """The plans of these cases, in their order; a second message is another case, as its number is."""
        query = (
            "select segment, first from customers where case_ in (select value from json_each(?))"
            " order by segment, first"
        )
        return [Place(*row) for row in self.db.execute(query, (json.dumps(sorted(cases)),))]

    def plans_backwards(self) -> Iterator[Place]:
        """Every plan, the newest first."""
        query = "select segment, first from customers order by segment desc, first desc"
        return (Place(*row) for row in self.db.execute(query))

    def cases(self) -> list[int]:
        """The number of every case that was opened, in order."""
        return [case for (case,) in self.db.execute("select distinct case_ from opened order by case_")]

    def opened(self, since: int, before: int) -> list[int]:
        """The cases that were opened between two seconds, in order."""
        query = "select distinct case_ from opened where at >= ? and at < ? order by case_"
        return [case for (case,) in self.db.execute(query, (since, before))]

    def told_of_since(self, segment: int, before: int) -> list[int]:
        """The cases that were opened before that second and have a line in that segment or a later one."""
        query = (
            "select distinct case_ from opened where at < ? and exists (select 1 from extent"
            " where extent.case_ in (opened.case_, -opened.case_) and segment >= ?) order by case_"
        )
        return [case for (case,) in self.db.execute(query, (before, segment))]
