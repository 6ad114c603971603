"""What one customer was told: the answer to /cliente. In the group a phone is its last four digits."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from unicodedata import decimal

from markupsafe import Markup

from bot.chat.screens.buttons import Action
from bot.chat.screens.cards.head import kind_words, label
from bot.chat.screens.cards.results import fate_of
from bot.chat.screens.fitting import LINE, PARAGRAPH, fit
from bot.chat.screens.press import Press
from bot.chat.screens.screen import Button, Screen
from bot.chat.screens.words import Words
from bot.domain.case import Case
from bot.domain.limits.opted_out import OptOut
from bot.domain.lookup.sought import MANY, PATIENCE, Customer
from bot.domain.lookup.told import Message, Told

LISTED = 8
"""Customers to choose from; of more the person has to say more."""
_A_PHONE = 8  # digits in a free text: by then it may be one
_SHOWN = 4  # digits of a phone
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of who was meant. `of` is one customer's outages, newest first; else one of `found` is to
    be chosen, by `token`. `unread`: older ones could not be looked for now, `cut`: not all of them, as it
    took too long. `typed`: a whole phone was typed. `others` are the cases of other regions than those it is
    asked for, of which no more is said than which region it is and what the customer was told; `elsewhere`
    are the regions that know others like that.
    """

    found: Sequence[Customer]
    of: Customer | None = None
    outages: Sequence[Told] = ()
    opted_out: OptOut | None = None
    unread: bool = False
    cut: bool = False
    typed: bool = False
    token: int = 0
    others: Collection[int] = ()
    elsewhere: Sequence[str] = ()


def customer(
    answer: Answer, words: Words, now: datetime, *, full: bool, unknown: Collection[str] = ()
) -> Screen:
    """The page. `full`: with whole phones, in an approver's private chat; never elsewhere. `unknown` are
    regions that are left out (`Whose`).
    """
    say = _Saying(words, now, full=full)
    notes = [words.say("page.unknown", regions=sorted(unknown))] if unknown else []
    notes += [words.say("customer.unread")] if answer.unread else []
    notes += [words.say("customer.cut", seconds=round(PATIENCE))] if answer.cut else []
    notes += [words.say("customer.typed")] if answer.typed and not full else []
    if answer.elsewhere and answer.found:
        notes.append(words.say("customer.elsewhere", regions=answer.elsewhere))
    if answer.of is not None:
        return say.one(answer, answer.of, notes)
    if not answer.found:
        nobody = words.say("customer.nobody", regions=answer.elsewhere)
        return Screen(str(LINE.join([nobody, *notes])))
    return say.choice(answer, notes)


def last_four(text: str) -> str:
    """A text without what may be a phone: of so many digits only the last four stay."""
    digits = len(_DIGIT.findall(text))
    if digits < _A_PHONE:
        return text
    hidden = iter(range(digits - _SHOWN))
    return _DIGIT.sub(lambda found: "*" if next(hidden, None) is not None else found[0], text)


class _Saying:
    def __init__(self, words: Words, now: datetime, *, full: bool) -> None:
        self._words, self._now, self._full = words, now, full

    def choice(self, answer: Answer, notes: Sequence[Markup]) -> Screen:
        shown, left = answer.found[:LISTED], len(answer.found) - LISTED
        facts = {"n": len(answer.found), "many": len(answer.found) >= MANY}
        head = [self._words.say("customer.which", **facts), *notes]
        if left > 0:
            head.append(self._words.say("customer.refine", n=left))
        rows = tuple(
            (Button(self._named(one), Press(Action.CUSTOMER, 0, f"{answer.token}.{n}").encode()),)
            for n, one in enumerate(shown)
        )
        return Screen(str(LINE.join(head)), rows)

    def _named(self, one: Customer) -> str:
        facts = {"name": self._text(one.name), "phone": self._phone(one), "serial": self._serials(one)}
        return self._words.plain("customer.one_of", **facts)

    def one(self, answer: Answer, who: Customer, notes: Sequence[Markup]) -> Screen:
        facts = {"name": self._text(who.name), "phone": self._phone(who), "serials": self._serials(who)}
        head = [self._words.say("customer.head", **facts)]
        if not who.name:
            head.append(self._words.say("customer.gone"))
        if (out := answer.opted_out) is not None:
            why = self._text(out.reason)
            head.append(self._words.say("customer.opted_out", at=out.at, now=self._now, by=out.by, why=why))
        on = [told.case.id for told in answer.outages if told.case.ended_at is None]
        head.append(self._words.say("customer.open", cases=", ".join(map(str, on))))
        blocks = (
            self._of_others(told) if told.case.id in answer.others else self._outage(told)
            for told in answer.outages
        )
        text = fit([*head, *notes], blocks, self._words, of=len(answer.outages), gap=PARAGRAPH)
        back = Press(Action.CUSTOMER, 0, f"{answer.token}.").encode()
        rows = ((Button(self._words.plain("button.back"), back),),) if len(answer.found) > 1 else ()
        return Screen(str(text), rows)

    def _of_others(self, told: Told) -> Markup:
        """What another region's customer was told: no port and nobody of there is named."""
        case, words, now = told.case, self._words, self._now
        times = {"started": case.started, "until": case.ended_at, "now": now}
        facts = {"case": case.id, "region": case.region, "kind": kind_words(case, words)}
        line = words.say("customer.outage_of_others", **facts, **times)
        return LINE.join([line, *self._told(told, named=False)])

    def _none(self, case: Case) -> Markup:
        why = self._words.plain(f"customer.none_{'denied' if case.denied_by is not None else 'yet'}")
        return self._words.say("customer.no_message", why=why)

    def _outage(self, told: Told) -> Markup:
        case, words, now = told.case, self._words, self._now
        facts = {"case": case.id, "kind": kind_words(case, words), "port": label(case, words)}
        times = {"started": case.started, "until": case.ended_at, "now": now}
        line = words.say("customer.outage", **facts, **times)
        return LINE.join([line, *self._told(told, named=True)])

    def _told(self, told: Told, *, named: bool) -> list[Markup]:
        """What became of the message, and of the one that says it is back; `named`: with who is in it."""
        message = told.message
        if message is None:
            return [self._none(told.case)]
        lines = [self._message("customer.message" if named else "customer.message_of_others", message)]
        if (same := message.instead) is not None:
            fate = self._text(fate_of(message.dispatch, same, self._words))
            name = self._text(same.name) if named else ""
            lines.append(self._words.say("customer.same_phone", name=name, fate=fate))
        if message.caller is not None:
            lines.append(self._words.say("customer.caller", by=message.caller if named else ""))
        if told.back is not None:
            lines.append(self._message("customer.back" if named else "customer.back_of_others", told.back))
        elif told.case.ended_at is not None and message.warned:
            key = "customer.not_back" if named else "customer.not_back_of_others"
            lines.append(self._words.say(key, by=told.case.untold_by))
        return lines

    def _message(self, key: str, message: Message) -> Markup:
        dispatch = message.dispatch
        return self._words.say(
            key,
            fate=self._text(fate_of(dispatch, message.recipient, self._words)),
            since=message.left_at,
            at=message.known_at,
            by=dispatch.by,
            first=dispatch.first,
            dry_run=dispatch.dry_run,
            now=self._now,
        )

    def _text(self, text: str) -> str:
        return text if self._full else last_four(text)

    def _phone(self, one: Customer) -> str:
        digits = one.phone or ""
        if not digits:
            return ""
        if not self._full:
            return self._words.plain("customer.final", digits=digits[-_SHOWN:])
        return f"({digits[2:4]}) {digits[4:-_SHOWN]}-{digits[-_SHOWN:]}"

    def _serials(self, one: Customer) -> str:
        """An ONU is no secret, unless it is called by the phone."""
        serials = ", ".join(one.serials)
        digits = "".join(str(decimal(digit)) for digit in _DIGIT.findall(serials))
        secret = one.phone is not None and one.phone[-_A_PHONE:] in digits
        return last_four(serials) if secret and not self._full else serials
