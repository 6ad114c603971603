"""The groups of several NOCs as one (`ports.NocChat`): what is about a case or an OLT goes to whose it is."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import cast

from bot.chat.group.noc_chat import NocChat
from bot.domain.book import Book
from bot.domain.incident import Port
from bot.domain.plan import family_of
from bot.domain.rules import Rules
from bot.flow.due import HANDOVER, SILENCE_ENDS
from bot.flow.polling import CASES_AT_MOST
from bot.ports import Notice


class Groups:
    """Each group by its region; that of an empty name has what is of none."""

    def __init__(
        self, chats: Mapping[str, NocChat], book: Callable[[], Book], rules: Callable[[], Rules]
    ) -> None:
        self._chats, self._book, self._rules = chats, book, rules

    def show(self, case: int, *, urgent: bool = False) -> None:
        """As `ports.NocChat`: in the group of its region."""
        self._of_case(case).show(case, urgent=urgent)

    def refresh(self) -> None:
        """As `ports.NocChat`: in every group."""
        for chat in self._chats.values():
            chat.refresh()

    def say(self, notice: Notice) -> None:
        """As `ports.NocChat`: where it matters; what is about no case and no place is told everywhere."""
        for region, one in self._told(notice):
            self._chats[region].say(one)

    def _told(self, notice: Notice) -> Iterator[tuple[str, Notice]]:
        """Which group is told what of it."""
        facts = notice.facts
        if notice.code == "unwatched":
            yield from self._apart(notice)
        elif notice.code in {HANDOVER, "no_region"}:
            yield str(facts.get("region", "")), notice
        elif isinstance(case := facts.get("case"), int):
            yield self._region(case), notice
        else:
            yield from ((region, notice) for region in self._whose(notice))

    def _whose(self, notice: Notice) -> Iterable[str]:
        rules = self._rules()
        if notice.code == SILENCE_ENDS:
            silence = self._book().silences[cast("int", notice.facts["silence"])]
            return dict.fromkeys(rules.region_of(scope.olt) for scope in silence.scopes)
        if isinstance(template := notice.facts.get("template"), str):
            called = family_of(template)
            return [region for region in self._chats if rules.of(region).template(called) == template]
        if isinstance(port := notice.facts.get("port"), Port):
            return (rules.region_of(port.olt),)
        return self._chats

    def _apart(self, notice: Notice) -> Iterator[tuple[str, Notice]]:
        """Cases of which nobody tells any more: each group hears of its own."""
        cases = cast("tuple[int, ...]", notice.facts["cases"])
        for region in self._chats:
            own = tuple(number for number in cases if self._region(number) == region)
            if own:
                yield region, replace(notice, facts={"n": len(own), "cases": own[:CASES_AT_MOST]})

    def _of_case(self, number: int) -> NocChat:
        return self._chats[self._region(number)]

    def _region(self, number: int) -> str:
        """The region of a case whose group there is; empty for one that left the book, too."""
        case = self._book().cases.get(number)
        return "" if case is None or case.region not in self._chats else case.region
