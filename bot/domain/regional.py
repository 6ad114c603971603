"""The book as one of several NOCs has it before it: its own cases are what is open there."""

from collections.abc import Collection
from datetime import datetime

from bot.domain.book import Book
from bot.domain.case import Case


class RegionalBook(Book):
    """The whole book, of which only a region's cases are open, running, in doubt or lately touched.

    The state is the whole's own: what that takes in, this one has. Every case is found by its number, and
    what holds over all regions (cooldown, who was written to, silences) is the same in each. It is for who
    shows things; rules decide by the whole.
    """

    __slots__ = ("_region", "_regions", "_whole")

    def __init__(self, whole: Book, region: str, regions: Collection[str]) -> None:
        """`region` is one of the `regions`, or empty: then all that is of none of them."""
        self.__dict__ = whole.__dict__
        self._region, self._regions, self._whole = region, regions, whole

    @property
    def whole(self) -> Book:
        """That of all regions: what they share, as the day's limit, is used up by each of them."""
        return self._whole

    def has(self, case: Case) -> bool:
        """Whether it is this region's."""
        return (case.region if case.region in self._regions else "") == self._region

    def _own(self, name: str) -> list[int]:
        cases, found = self.cases, self.__dict__[name]
        return [number for number in found if self.has(cases[number])]

    @property
    def open(self) -> set[int]:  # type: ignore[override]  # here and below: who shows writes nothing
        """The region's cases whose outage is on."""
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
    def doubtful(self) -> dict[int, None]:  # type: ignore[override]
        """Those with sends in doubt."""
        return dict.fromkeys(self._own("doubtful"))

    @property
    def touched(self) -> dict[int, datetime]:  # type: ignore[override]
        """When the last line about each was written."""
        return {number: self.__dict__["touched"][number] for number in self._own("touched")}
