"""The page on which many cases are approved at once: chosen by OLT, asked about once, told one by one.

It is one person's. What it says of a case is what was so when it was opened: a case that changed meanwhile
is not approved, and says why.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from markupsafe import Markup

from bot.chat.screens.arguments import ALL, LATER, NONE, NOW
from bot.chat.screens.buttons import Action
from bot.chat.screens.cards.head import label, where
from bot.chat.screens.cards.results import attempt
from bot.chat.screens.fitting import fit, page_buttons, quoted
from bot.chat.screens.press import Press
from bot.chat.screens.screen import Button, Screen
from bot.chat.screens.words import Words
from bot.domain.case import Case
from bot.domain.incident import Kind
from bot.domain.limits.account import templates_of
from bot.domain.limits.growth import asked_about
from bot.domain.plan import Tally
from bot.domain.rules import Rules

COLUMNS = 2
OLTS = 10 * COLUMNS  # on a page


@dataclass(frozen=True, slots=True)
class Offer:
    """A case that waits, as it was when the page was opened.

    `messages` is how many would leave, as far as that is known; `onus` how many ONUs its approval is about.
    """

    case: int
    olt: str
    place: str
    onus: int
    messages: int
    runs: int
    fibre: bool

    @property
    def order(self) -> tuple[bool, int, int]:
        """Fibre before power, which comes back by itself; the largest first."""
        return not self.fibre, -self.messages, self.case


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a case: a code of the words (`many.…` or `declined.…`) and what fills it.

    `run` is the run of the case that it set going, None where it set none; `proposed`: a second person has to
    approve, too.
    """

    code: str
    facts: Mapping[str, object]
    run: int | None = None
    proposed: bool = False

    @property
    def took(self) -> bool:
        """Whether it set something going."""
        return self.run is not None

    @property
    def stands(self) -> bool:
        """Whether there is anything of it to take back."""
        return self.took or self.proposed


@dataclass(frozen=True, slots=True)
class Choice:
    """A page: what was offered, by OLT, and the cases chosen of it."""

    number: int
    offers: tuple[Offer, ...]
    chosen: frozenset[int] = frozenset()
    page: int = 0

    @property
    def olts(self) -> tuple[str, ...]:
        """Largest first."""
        sizes = Counter({offer.olt: 0 for offer in self.offers})
        for offer in self.offers:
            sizes[offer.olt] += offer.messages
        return tuple(sorted(sizes, key=lambda olt: (-sizes[olt], olt)))

    def of(self, olt: str) -> frozenset[int]:
        """The cases on an OLT."""
        return frozenset(offer.case for offer in self.offers if offer.olt == olt)

    @property
    def picked(self) -> tuple[Offer, ...]:
        """What is chosen, in the order in which it is approved."""
        return tuple(sorted((o for o in self.offers if o.case in self.chosen), key=lambda o: o.order))

    def after(self, wish: str) -> "Choice | None":
        """With what a tap chose or turned to; None where there is no such OLT."""
        if wish == ALL:
            return replace(self, chosen=frozenset(offer.case for offer in self.offers))
        if wish == NONE:
            return replace(self, chosen=frozenset())
        number = int(wish[1:])
        if wish.startswith("p"):
            return replace(self, page=number)
        if number >= len(self.olts):
            return None
        cases = self.of(self.olts[number])
        chosen = self.chosen - cases if cases <= self.chosen else self.chosen | cases
        return replace(self, chosen=chosen)


def offer(case: Case, expected: Tally | None, words: Words, rules: Rules) -> Offer:
    """A case that waits, as it is now."""
    onus = asked_about(case, case.ports)
    fibre = Kind.LOS in templates_of(case, rules)
    messages = onus if expected is None else expected.todo
    return Offer(case.id, where(case, words)[0], label(case, words), onus, messages, case.runs, fibre)


def choosing(choice: Choice, words: Words) -> Screen:
    """The OLTs to choose from, and the button that goes on."""
    olts, pages = choice.olts, -(-len(choice.olts) // OLTS)
    page = min(choice.page, pages - 1)
    head = words.say("many.head", n=len(choice.offers), olts=len(olts))
    shown = list(enumerate(olts))[page * OLTS :][:OLTS]
    buttons = [_olt(choice, at, olt, words) for at, olt in shown]
    rows = [tuple(buttons[at : at + COLUMNS]) for at in range(0, len(buttons), COLUMNS)]
    every = len(choice.chosen) == len(choice.offers)
    whole = words.plain("button.many_none") if every else words.plain("button.many_all", n=len(choice.offers))
    turn = page_buttons(page, pages, words, lambda to: _press(Action.MANY, choice, f"p{to}"))
    on = _go_on(choice, words)
    all_ = (Button(whole, _press(Action.MANY, choice, NONE if every else ALL).encode()),)
    return Screen(str(head), tuple(row for row in (*rows, turn, all_, on) if row))


def _olt(choice: Choice, at: int, olt: str, words: Words) -> Button:
    cases = choice.of(olt)
    n = len(cases & choice.chosen)
    mark = "all" if n == len(cases) else "some" if n else "none"
    text = words.plain("button.many_olt", mark=mark, olt=olt, n=len(cases))
    return Button(text, _press(Action.MANY, choice, f"o{at}").encode(), "primary" if n else None)


def _go_on(choice: Choice, words: Words) -> tuple[Button, ...]:
    n = len(choice.chosen)
    if not n:
        return ()
    text = words.plain("button.many", n=n, messages=_messages(choice.picked))
    return (Button(text, _press(Action.ASK_DECIDE_MANY, choice, str(n)).encode(), "success"),)


def asking(
    choice: Choice, words: Words, now: datetime, *, opens: datetime | None, left: int | None
) -> Screen:
    """The one question about all that are chosen.

    `opens` is when customers may be written to again, `left` how many may be today; None: now, and all.
    """
    picked, messages = choice.picked, _messages(choice.picked)
    short = left if left is not None and left < messages else None
    facts = {"n": len(picked), "messages": messages, "opens": opens, "left": short, "now": now}
    head = words.say("many.question", **facts, olts=len({one.olt for one in picked}))
    rows = (_row(one, words.say("many.about", n=one.messages), words) for one in picked)
    text = fit([head], rows, words, of=len(picked))
    answers = ((NOW, "many_now"), (LATER, "many_later")) if opens is not None else (("", "many_yes"),)
    yes = tuple(
        Button(
            words.plain(f"button.{key}", **facts),
            _press(Action.DECIDE_MANY, choice, f"{len(picked)}{how}").encode(),
            "danger" if how == NOW else "success",
        )
        for how, key in answers
    )
    back = Button(words.plain("button.many_back"), _press(Action.MANY, choice, f"p{choice.page}").encode())
    return Screen(str(text), (yes, (back,)))


def decided(
    choice: Choice, verdicts: Mapping[int, Verdict], words: Words, now: datetime, *, by: str
) -> Screen:
    """What came of each, those first that still need somebody; and how to take all of it back."""
    took = [one for one in choice.picked if verdicts[one.case].took]
    others = [one for one in choice.picked if not verdicts[one.case].took]
    head = words.say("many.decided", n=len(took), of=len(verdicts), messages=_messages(took), by=by)
    rows = (_row(one, _verdict(verdicts[one.case], words, now), words) for one in (*others, *took))
    text = fit([head], rows, words, of=len(verdicts))
    stand = sum(one.stands for one in verdicts.values())
    return Screen(str(text), _after(choice, stand, words) if stand else ())


def told(
    choice: Choice, approved: Collection[int], cases: Mapping[int, Case], words: Words, now: datetime
) -> Screen:
    """How each stands now that was approved, be it by the first of two, in its card's words."""
    shown = [one for one in choice.picked if one.case in approved]
    rows = (_row(one, _stands(cases.get(one.case), words, now), words) for one in shown)
    text = fit([words.say("many.results", n=len(shown))], rows, words, of=len(shown))
    return Screen(str(text), _after(choice, len(shown), words))


def _after(choice: Choice, n: int, words: Words) -> tuple[tuple[Button, ...], ...]:
    """To take back all that were approved, and to see how they stand."""
    cancel = Button(
        words.plain("button.many_cancel", n=n),
        _press(Action.CANCEL_MANY, choice, str(n)).encode(),
        "danger",
    )
    look = Button(words.plain("button.many_look"), _press(Action.LOOK_MANY, choice, str(n)).encode())
    return ((cancel,), (look,))


def _stands(case: Case | None, words: Words, now: datetime) -> Markup:
    if case is None:
        return words.say("many.left")
    if case.undecided and case.proposal is not None and case.proposal.waits(now):
        return words.say("many.proposed")
    if case.dispatch is None:
        return words.say("many.waits" if case.undecided else "many.closed")
    if case.dispatch.tally() is None and case.running:
        return words.say("many.not_begun")
    return attempt(case.dispatch, words)


def _verdict(verdict: Verdict, words: Words, now: datetime) -> Markup:
    return words.say(verdict.code, now=now, **verdict.facts)


def _row(one: Offer, what: Markup, words: Words) -> Markup:
    return words.say("many.row", case=one.case, place=quoted(one.place), what=what)


def _messages(offers: Sequence[Offer]) -> int:
    return sum(offer.messages for offer in offers)


def _press(action: Action, choice: Choice, what: str) -> Press:
    return Press(action, 0, f"{choice.number}.{what}")
