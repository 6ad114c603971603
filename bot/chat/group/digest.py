"""The digest: one message with the open cases that have no card of their own, as there are too many."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from markupsafe import Markup

from bot.chat.screens.attention import size, waits
from bot.chat.screens.buttons import Action
from bot.chat.screens.cards.head import headline, how_many, label
from bot.chat.screens.fitting import fit, page_buttons
from bot.chat.screens.press import Press
from bot.chat.screens.screen import Button, Screen
from bot.chat.screens.words import Words
from bot.chat.wire.deps import ChatDeps
from bot.domain.case import Card, Case, CaseState

log = logging.getLogger(__name__)

DIGEST = 0
"""The digest where a case's number may stand: it is drawn as a card is, and cases are numbered from 1."""
COLUMNS = 2  # an OLT and its port are read on a phone
PAGE = 12 * COLUMNS
NEW_AFTER = 3600.0  # seconds with nothing on it; then a new message rings, as an edit never does


class Digest:
    """Which cases are listed instead of having cards of their own, by `attention.cards_at_once`.

    Cards go to the largest undecided cases, whoever has one keeps it, and whatever somebody did something
    about, or asked for, gets one; the small ones go first to the list. `listed` are the others, largest
    first; `waiting` counts all of them.
    """

    def __init__(self, deps: ChatDeps, *, card: Callable[[int], Card | None]) -> None:
        """`card` finds a case's card."""
        self._d = deps
        self._card = card
        self._stale = True
        self._wanted: set[int] = set()
        self._undecided: frozenset[int] = frozenset()
        self._empty_since: float | None = None
        self.listed: dict[int, Case] = {}
        self.page = 0

    @property
    def waiting(self) -> int:
        """How many cases wait for a decision, those with cards and those listed."""
        return len(self._undecided)

    def touch(self, number: int) -> None:
        """Something about this case is new. The progress of a dispatch changes nothing here."""
        if number in self._undecided or number not in self._d.book.running:
            self._stale = True

    def want(self, number: int) -> None:
        """Somebody asked for the case's card."""
        self._wanted.add(number)
        self._stale = True

    def sort_out(self) -> tuple[list[int], bool] | None:
        """Bring the list up to date: which cases came off it, and whether what follows is a new digest.

        None where nothing may have changed.
        """
        if self._d.attention.cards_at_once is None or not self._stale:
            return None
        self._stale = False
        book, now, before = self._d.book, self._d.clock.now(), self.listed
        undecided = [case for case in (book.cases[n] for n in book.open) if waits(case, book, now)]
        self._undecided = frozenset(case.id for case in undecided)
        self._wanted &= self._undecided
        undecided.sort(key=lambda case: (-size(case), case.id))
        self.listed = {case.id: case for case in self._too_many(undecided) if self._may_be_listed(case)}
        return [number for number in before if number not in self.listed], self._is_new()

    def _too_many(self, undecided: Sequence[Case]) -> Sequence[Case]:
        """Of these, largest first, those beyond the limit; once there are any, every small one, too."""
        beyond = undecided[self._d.attention.cards_at_once :]
        small = [
            case for case in undecided[: self._d.attention.cards_at_once] if self._d.attention.is_small(case)
        ]
        return [*small, *beyond] if beyond else []

    def _may_be_listed(self, case: Case) -> bool:
        untouched = case.state is CaseState.WAITING and not case.dispatches and case.proposal is None
        noted = case.owner is not None or case.eta is not None or bool(case.cause)
        return untouched and not noted and case.id not in self._wanted and self._card(case.id) is None

    def _is_new(self) -> bool:
        now, empty_since = self._d.clock.monotonic(), self._empty_since
        if self.listed:
            self._empty_since = None
            return empty_since is not None and now - empty_since >= NEW_AFTER
        self._empty_since = now if empty_since is None else empty_since
        return False

    def screen(self, words: Words, now: datetime) -> Screen:
        """The page that is turned to, or the nearest there is."""
        if not self.listed:
            return Screen(str(words.say("digest.none")))
        pages = -(-len(self.listed) // PAGE)
        self.page = min(max(self.page, 0), pages - 1)
        cases = list(self.listed.values())[self.page * PAGE :][:PAGE]
        cards = self.waiting - len(self.listed)
        head = [words.say("digest.head", n=self.waiting, cards=cards, listed=len(self.listed))]
        if pages > 1:
            head.append(words.say("page.of", page=self.page + 1, pages=pages))
        text = fit(head, (_row(case, words, now) for case in cases), words, of=len(cases))
        buttons = [_open(case, words) for case in cases]
        keys = [tuple(buttons[at : at + COLUMNS]) for at in range(0, len(buttons), COLUMNS)]
        turn = page_buttons(self.page, pages, words, lambda to: Press(Action.DIGEST, 0, str(to)))
        many = (Button(words.plain("button.ask_many", n=self.waiting), Press(Action.ASK_MANY).encode()),)
        return Screen(str(text), tuple(row for row in (*keys, turn, many) if row))


def _row(case: Case, words: Words, now: datetime) -> Markup:
    try:
        return _full_row(case, words, now)
    except Exception:  # the edge: one case that cannot be drawn must not hide the others
        log.exception("case %s cannot be drawn in the list", case.id)
        return words.say("digest.row_plain", case=case.id)


def _full_row(case: Case, words: Words, now: datetime) -> Markup:
    facts = {
        "affected": how_many(case, words),
        "started": case.started,
        "seen": not case.start_known,
        "now": now,
        "case": case.id,
    }
    return words.say("digest.row", head=headline(case, words), **facts)


def _open(case: Case, words: Words) -> Button:
    try:
        place = label(case, words)
    except Exception:  # noqa: BLE001 - the edge, as for its row, which logs it
        place = "?"
    text = words.plain("digest.open", case=case.id, place=place)
    return Button(text, Press(Action.OPEN_CARD, case.id).encode())
