"""The page of a case's sends in doubt: what is known of each, and what a person may decide about it.

A button carries a seal of the sends it was drawn for (who, and when each was tried). One drawn before
somebody else decided, or before another try, decides nothing.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast, get_args

from markupsafe import Markup

from bot.chat.screens.buttons import Action
from bot.chat.screens.cards.head import where
from bot.chat.screens.cards.results import at_rest, reason_words, to_call
from bot.chat.screens.fitting import LINE, PARAGRAPH, fit, page_buttons
from bot.chat.screens.press import Press
from bot.chat.screens.screen import Button, Screen
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.dispatch import Dispatch, Phase
from bot.domain.phone import mask
from bot.domain.plan import Progress, Recipient
from bot.errors import Declined
from bot.steps.decide import find_whole, is_over
from bot.steps.unknown import Choose

Verdict = Literal["sent", "resend", "call", "told"]
"""`told` ends a call: who was to be called knows by now."""
VERDICTS: tuple[Verdict, ...] = ("sent", "resend", "call")
"""On one in doubt, or on all of them."""
_A_PAGE = 5
_ARGUMENTS = 4
_ALL = "all"
_SEAL_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Wish:
    """What a button of the page asks for: a verdict on one (by its place in the plan) or on `all_of` them."""

    verdict: Verdict
    page: int
    place: int | None
    all_of: int
    seal: str

    def encode(self) -> str:
        """As a press's argument."""
        which = f"{_ALL}{self.all_of}" if self.place is None else str(self.place)
        return f"{self.verdict}|{self.page}|{which}|{self.seal}"


def read_wish(arg: str) -> Wish:
    """The wish behind a press's argument. Declined for anything this program never wrote."""
    parts = arg.split("|")
    if len(parts) != _ARGUMENTS or parts[0] not in get_args(Verdict):
        raise Declined("unknown_button")
    verdict, page, which, seal = parts
    number = which.removeprefix(_ALL)
    if not all(text.isascii() and text.isdecimal() for text in (page, number)):
        raise Declined("unknown_button")
    one = number == which
    if not one and parts[0] not in VERDICTS:
        raise Declined("unknown_button")
    return Wish(
        cast("Verdict", verdict), int(page), int(number) if one else None, 0 if one else int(number), seal
    )


def questions(wish: Wish) -> int:
    """How often a person is asked before it is carried out: none can be taken back, and many may get two."""
    return 1 + (wish.place is None and wish.verdict == "resend")


def chosen(book: Book, number: int, wish: Wish) -> Choose:
    """What the flow is asked to decide on. Declined where that is not what the person saw any more."""
    dispatch = at_rest(find_whole(book, number))
    if dispatch is None or dispatch.progress is None:
        raise Declined("not_settled")
    if wish.place is None:
        if _seal(dispatch.progress, dispatch.in_doubt()) != wish.seal:
            raise Declined("list_changed")
        return Choose(number, None, wish.all_of)
    recipients = list(dispatch.progress.recipients.values())
    if wish.place >= len(recipients):
        raise Declined("unknown_button")
    recipient = recipients[wish.place]
    choose = Choose(number, recipient.id)
    choose.those(book, called=wish.verdict == "told")
    if _seal(dispatch.progress, [recipient]) != wish.seal:
        raise Declined("list_changed")
    return choose


def doubts_page(
    case: Case, book: Book, page: int, words: Words, now: datetime, *, left: bool = False
) -> Screen:
    """One page of the sends in doubt and of those somebody calls; the nearest page there is.

    `left`: the case has left the bot's memory, and nothing can be decided about it any more.
    """
    dispatch = at_rest(case)
    if dispatch is None or dispatch.progress is None:
        again = Button(words.plain("button.refresh"), Press(Action.DOUBTS, case.id, "0").encode())
        return Screen(str(words.say("doubts.sending", case=case.shown_as)), ((again,),))
    doubts, calls = dispatch.in_doubt(), to_call(dispatch.progress)
    if not doubts and not calls:
        return Screen(str(words.say("doubts.none", case=case.shown_as)))
    everyone = [*doubts, *calls]
    pages = -(-len(everyone) // _A_PAGE)
    page = min(max(page, 0), pages - 1)
    first = page * _A_PAGE
    shown = list(enumerate(everyone[first:][:_A_PAGE], start=first + 1))
    resendable = _no_resend(case, dispatch, book) is None
    text = fit(
        _head(case, book, dispatch, words, (page, pages), left=left),
        (_row(number, recipient, dispatch.progress, words, now) for number, recipient in shown),
        words,
        of=len(shown),
        gap=PARAGRAPH,
    )
    verdicts = [verdict for verdict in VERDICTS if resendable or verdict != "resend"]
    buttons = _Buttons(case, dispatch.progress, page, verdicts, words)
    rows = (
        *(() if left else buttons.singles(shown)),
        page_buttons(page, pages, words, lambda to: Press(Action.DOUBTS, case.id, str(to))),
        *(() if left else buttons.bulk(doubts)),
        (Button(words.plain("button.doubts_csv"), Press(Action.DOUBTS_CSV, case.id).encode()),),
    )
    return Screen(str(text), tuple(row for row in rows if row))


def ask_again(case: Case, wish: Wish, words: Words, closed: datetime | None = None) -> Screen:
    """Whether the person is really sure. The way back comes first: a tap too many lands on it.

    `closed` is until when it is outside the customers' hours, None within them.
    """
    text = words.say("doubts.ask_again", n=wish.all_of) + _outside(closed, words)
    yes = words.plain("doubts.yes_again", n=wish.all_of)
    carry_out = Button(yes, Press(Action.CHOOSE, case.id, wish.encode()).encode(), "danger")
    return Screen(str(text), ((_back(case, wish, words),), (carry_out,)))


def ask(case: Case, wish: Wish, choose: Choose, words: Words, closed: datetime | None = None) -> Screen:
    """Whether the person is sure; `closed` as above."""
    progress = case.dispatch.progress if case.dispatch else None
    one = progress.recipients[choose.recipient] if progress and choose.recipient else None
    n = wish.all_of if one is None else 1
    text = words.say(
        f"doubts.ask_{wish.verdict}", n=n, name=one.name if one else None, phone=_phone(one) if one else None
    )
    if wish.verdict == "resend":
        text += _outside(closed, words)
    action = Action.CHOOSE if questions(wish) == 1 else Action.ASK_AGAIN
    press = Press(action, case.id, wish.encode())
    yes = Button(words.plain(f"doubts.yes_{wish.verdict}", n=n), press.encode(), "danger")
    return Screen(str(text), ((yes,), (_back(case, wish, words),)))


def _outside(closed: datetime | None, words: Words) -> Markup:
    """That customers would be written to at night."""
    return Markup("") if closed is None else LINE + words.say("doubts.outside_hours", until=closed)


def _back(case: Case, wish: Wish, words: Words) -> Button:
    return Button(words.plain("button.back"), Press(Action.DOUBTS, case.id, str(wish.page)).encode())


def _no_resend(case: Case, dispatch: Dispatch, book: Book) -> str | None:
    """Why nothing may be sent again now (the rules of `unknown.resend`), None where it may."""
    if is_over(book, case):
        return "over" if case.restores is None else "on_again"
    if book.unconfirmed is not None:
        return "unconfirmed"
    return "interrupted" if dispatch.phase is Phase.INTERRUPTED else None


def _head(
    case: Case, book: Book, dispatch: Dispatch, words: Words, turned: tuple[int, int], *, left: bool
) -> Sequence[Markup]:
    olt, place = where(case, words)
    waiting, calls = len(dispatch.in_doubt()), len(to_call(dispatch.progress) if dispatch.progress else ())
    page, pages = turned
    why = None if left else _no_resend(case, dispatch, book)
    head = [
        words.say("doubts.head", case=case.shown_as, olt=olt, place=place),
        *([words.say("doubts.of_restored")] if case.restores is not None else []),
        words.say("doubts.size", waiting=waiting, calls=calls),
        *([words.say("doubts.left")] if left else []),
    ]
    if waiting and why is not None:
        head.append(words.say(f"doubts.no_resend_{why}"))
    return [*head, words.say("page.of", page=page + 1, pages=pages)] if pages > 1 else head


def _row(number: int, recipient: Recipient, progress: Progress, words: Words, now: datetime) -> Markup:
    row = words.say(
        "doubts.row",
        number=number,
        name=recipient.name or words.plain("details.no_name"),
        phone=_phone(recipient),
        at=progress.intents.get(recipient.id),
        now=now,
        reason=reason_words(progress.results[recipient.id].reason, words),
    )
    asked = progress.unlisted.get(recipient.id)
    unlisted = [words.say("doubts.unlisted", at=asked, now=now)] if asked else []
    by = progress.calls.get(recipient.id)
    calling = [words.say("doubts.calling", by=by)] if by is not None else []
    return LINE.join([row, *unlisted, *calling])


@dataclass(frozen=True, slots=True)
class _Buttons:
    case: Case
    progress: Progress
    page: int
    verdicts: Sequence[Verdict]
    words: Words

    def singles(self, shown: Sequence[tuple[int, Recipient]]) -> list[tuple[Button, ...]]:
        """A row a recipient, with the number of their lines; each asks once more, by name."""
        places = {id_: place for place, id_ in enumerate(self.progress.recipients)}
        rows = []
        for number, recipient in shown:
            seal, place = _seal(self.progress, [recipient]), places[recipient.id]
            verdicts: Sequence[Verdict] = ("told",) if recipient.id in self.progress.calls else self.verdicts
            wishes = [Wish(verdict, self.page, place, 0, seal) for verdict in verdicts]
            rows.append(tuple(self._button("one", wish, number) for wish in wishes))
        return rows

    def bulk(self, doubts: Sequence[Recipient]) -> list[tuple[Button, ...]]:
        """A verdict on all of them, where there is more than one; each asks once more."""
        n = len(doubts)
        if n < 2:  # noqa: PLR2004 - one has its own row
            return []
        wishes = [
            Wish(verdict, self.page, None, n, _seal(self.progress, doubts)) for verdict in self.verdicts
        ]
        return [(self._button("all", wish, n),) for wish in wishes]

    def _button(self, key: str, wish: Wish, n: int) -> Button:
        press = Press(Action.ASK_CHOOSE, self.case.id, wish.encode())
        return Button(self.words.plain(f"doubts.{key}_{wish.verdict}", n=n), press.encode())


def _phone(recipient: Recipient) -> str:
    return mask(recipient.phone) if recipient.phone else ""


def _seal(progress: Progress, recipients: Sequence[Recipient]) -> str:
    """The same only for the same people tried at the same times."""
    tried = "\n".join(f"{r.id} {progress.intents.get(r.id)}" for r in recipients)
    return hashlib.sha256(tried.encode()).hexdigest()[:_SEAL_DIGITS]
