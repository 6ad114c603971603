"""Whose things are shown, where there are several NOCs, and the book as one of them has it before it."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.plan import Doubts
from bot.domain.rules import Rules


@dataclass(frozen=True, slots=True)
class Whose:
    """Those of some NOCs, by region; the empty name is that of what belongs to none of them.

    Where there are no regions it is all there is. `unknown` are left out as nobody could tell whether they
    are theirs, too.
    """

    regions: frozenset[str]
    rules: Rules
    unknown: frozenset[str] = frozenset()

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return self.regions.issuperset(("", *self.rules.regions))

    def has(self, region: str) -> bool:
        """Whether a case of that region is theirs: one of a region that is no more is the others'."""
        return self.rules.home(region) in self.regions

    def at(self, olt: str) -> bool:
        """Whether what is at the OLT of that name is theirs."""
        return self.rules.region_of(olt) in self.regions


class RegionalBook(Book):
    """The whole book, of which only some regions' cases are open, running, in doubt or lately touched.

    The state is the whole's own: what that takes in, this one has. Every case is found by its number, and
    what holds over all regions (cooldown, who was written to, silences) is the same in each. It is for who
    shows things; rules decide by the whole.
    """

    __slots__ = ("_whole", "_whose")

    def __init__(self, whole: Book, whose: Whose) -> None:
        self.__dict__ = whole.__dict__
        self._whole, self._whose = whole, whose

    @property
    def whole(self) -> Book:
        """That of all regions: what they share, as the day's limit, is used up by each of them."""
        return self._whole

    def shows(self, case: Case | None) -> bool:
        """Whether it is of those regions; one that nobody knows is the others'."""
        return self._whose.has("" if case is None else case.region)

    def shows_at(self, olt: str) -> bool:
        """Whether the OLT is."""
        return self._whose.at(olt)

    def _own(self, name: str) -> list[int]:
        cases, found = self.cases, self.__dict__[name]
        return [number for number in found if self.shows(cases[number])]

    @property
    def open(self) -> set[int]:  # type: ignore[override]  # here and below: who shows writes nothing
        """The regions' cases whose outage is on."""
        return set(self._own("open"))

    @property
    def running(self) -> set[int]:  # type: ignore[override]
        """Those with an unfinished dispatch."""
        return set(self._own("running"))

    @property
    def to_restore(self) -> dict[int, None]:  # type: ignore[override]
        """Those that are over and whose customers may be told so."""
        return dict.fromkeys(self._own("to_restore"))

    @property
    def doubtful(self) -> dict[int, Doubts]:  # type: ignore[override]
        """Those with sends in doubt."""
        return {number: self.__dict__["doubtful"][number] for number in self._own("doubtful")}

    @property
    def touched(self) -> dict[int, datetime]:  # type: ignore[override]
        """When the last line about each was written."""
        return {number: self.__dict__["touched"][number] for number in self._own("touched")}


def book_of(whole: Book, whose: Whose) -> Book:
    """The book as it is shown to who sees that; the whole one where that is all there is."""
    return whole if whose.everything else RegionalBook(whole, whose)
