"""Whom somebody means by a name, a phone or an ONU, as people type them."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher

from bot.domain.customer import NO_SERIAL
from bot.domain.phone import Phone, parse_phone
from bot.domain.plan import Recipient

OUTAGES = 5
"""So many of a customer's outages are told of, the last ones."""
MANY = 200
"""So many hits are kept: whoever gets more has to say more."""
PATIENCE = 3.0
"""Seconds of reading the past, the newest first: what is older then is not looked at."""
_PART = 4  # characters of an ONU's serial, or of a phone's end
_ALIKE = 0.75  # one letter of four wrong, two of eight
_LETTERS = 3  # of a word that may be misspelt
_EXACT, _WHOLE, _BEGINS, _ALMOST = range(4)  # how well somebody fits: only those who fit best are meant


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who is in plans. `id` is as in `identity`; `cases` are some that they are in, newest first.

    `rank` says how well they fit what was sought, 0 best. A name that is not known any more is empty.
    """

    id: str
    name: str = ""
    phone: str | None = None
    serials: tuple[str, ...] = ()
    cases: tuple[int, ...] = ()
    rank: int = 0


def identity(one: Recipient) -> str | None:
    """By what a recipient is known in other plans: a customer by their id, an ONU alone by its serial."""
    if one.id.startswith("c"):
        return one.id
    return next((serial for serial in one.serials if serial != NO_SERIAL), None)


def plain(text: str) -> str:
    """Without accents, and in small letters."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in letters if not unicodedata.combining(c))


@dataclass(slots=True)
class Sought:
    """What was typed, as what it may be: a whole `phone` (digits with country code), the `end` of one, a part
    of an ONU's `serial`, the `words` of a name.
    """

    phone: Phone | None
    end: str
    serial: str
    words: tuple[str, ...]
    _known: dict[str, dict[str, int]] = field(default_factory=dict)
    _names: dict[str, int] = field(default_factory=dict)

    def rank(self, name: str, phone: str | None, serials: Iterable[str]) -> int | None:
        """How well somebody fits, 0 best; None where they are not meant."""
        return min(self._ranks(name, phone, serials), default=None)

    def _ranks(self, name: str, phone: str | None, serials: Iterable[str]) -> Iterator[int]:
        if phone is not None and self.phone is not None and Phone(phone).key == self.phone.key:
            yield _EXACT
        if phone is not None and self.end and phone.endswith(self.end):
            yield _WHOLE
        for serial in serials if self.serial else ():
            if serial.upper() == self.serial:
                yield _EXACT
            elif self.serial in serial.upper():
                yield _WHOLE
        if self.words and name:
            if name not in self._names:  # the same people are in many plans
                self._names[name] = self._named(name)
            if self._names[name] < _NOT:
                yield self._names[name]

    def _named(self, name: str) -> int:
        """The worst word decides: each has to be in the name."""
        tokens = re.findall(r"\w+", plain(name))
        return max(min((self._word(word, token) for token in tokens), default=_NOT) for word in self.words)

    def _word(self, word: str, token: str) -> int:
        known = self._known.setdefault(word, {})
        if token not in known:
            known[token] = _likeness(word, token)
        return known[token]


_NOT = _ALMOST + 1


def _likeness(word: str, token: str) -> int:
    if token == word:
        return _WHOLE
    if token.startswith(word):
        return _BEGINS
    if len(word) < _LETTERS or word.isdecimal():
        return _NOT
    alike = SequenceMatcher(None, token, word)
    near = alike.real_quick_ratio() >= _ALIKE and alike.quick_ratio() >= _ALIKE and alike.ratio() >= _ALIKE
    return _ALMOST if near else _NOT


def read(text: str) -> Sought | None:
    """What was typed; None where that is too little to find anybody by."""
    tokens = tuple(re.findall(r"\w+", plain(text)))
    whole, found = "".join(tokens), parse_phone(text)
    phone = found if isinstance(found, Phone) else None
    digits = whole.isdecimal()
    end = whole if digits and phone is None and len(whole) >= _PART else ""
    one = len(tokens) == 1 or any(map(str.isdecimal, whole))
    serial = whole.upper() if one and len(whole) >= _PART else ""
    words = tokens if not digits and phone is None and len(whole) > 1 else ()
    return Sought(phone, end, serial, words) if phone or end or serial or words else None


class Hits:
    """Whoever fits best of those that were looked at, with their cases."""

    def __init__(self, sought: Sought) -> None:
        self._sought = sought
        self._found: dict[str, Customer] = {}
        self._rank = _NOT

    def look_at(self, id_: str, name: str, phone: str | None, serials: tuple[str, ...], case: int) -> None:
        """Somebody who is in a case's plan."""
        rank = self._sought.rank(name, phone, serials)
        if rank is not None:
            self.take(Customer(id_, name, phone, serials, (abs(case),), rank))

    def also(self, id_: str, case: int) -> None:
        """Whoever of them is known so is in the plan of this case as well, under whatever name."""
        known = self._found.get(id_)
        if known is not None:
            self._found[id_] = _together(known, replace(known, cases=(abs(case),)))

    def take(self, one: Customer) -> None:
        """Somebody who fits; what is known of them already stays, but for what was not."""
        if one.rank > self._rank:
            return
        if one.rank < self._rank:
            self._rank, self._found = one.rank, {}
        before = self._found.get(one.id)
        if before is not None:
            self._found[one.id] = _together(before, one)
        elif len(self._found) < MANY:
            self._found[one.id] = one

    def found(self) -> list[Customer]:
        """All of them, whose case is the newest first."""
        return sorted(self._found.values(), key=lambda one: (-max(one.cases, default=0), plain(one.name)))


def _together(known: Customer, other: Customer) -> Customer:
    """What both say; of names and phones that of the newer case."""
    newer, older = (known, other) if max(known.cases) >= max(other.cases) else (other, known)
    cases = tuple(sorted({*known.cases, *other.cases}, reverse=True)[:OUTAGES])
    serials = newer.serials or older.serials
    return replace(
        newer, name=newer.name or older.name, phone=newer.phone or older.phone, serials=serials, cases=cases
    )
