"""Whom a dispatch did not reach, by name: for who calls them. The numbers of these lists are the card's."""

from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup

from bot.chat.screens.buttons import Action
from bot.chat.screens.cards.head import where
from bot.chat.screens.cards.results import counts, fate_of
from bot.chat.screens.fitting import PARAGRAPH, fit, page_buttons
from bot.chat.screens.press import Press
from bot.chat.screens.screen import Button, Screen
from bot.chat.screens.words import Words
from bot.domain.case import Case
from bot.domain.dispatch import Dispatch
from bot.domain.phone import mask
from bot.domain.plan import Outcome, Progress, Recipient, Skip, Tally

_NOT_TAKEN = (Outcome.REJECTED, Outcome.FAILED)
_KNOW = {Skip.ONLINE, Skip.TOLD, Skip.COOLDOWN, Skip.SAME_PHONE, Skip.OVER}
"""Whom nobody need call: they have service, or were told otherwise. They come last."""
_A_PAGE = 10


@dataclass(frozen=True, slots=True)
class Unreached:
    """One of the lists. `code` stands for it in a button, `name` in the words; `numbers` are its card's where
    they are of several kinds.
    """

    code: str
    name: str
    has: Callable[[Progress, Recipient], bool]
    numbers: Callable[[Tally], Tally] | None = None

    def of(self, dispatch: Dispatch | None) -> list[Recipient]:
        """Who is on it: those to call first."""
        plan = None if dispatch is None else dispatch.progress
        if plan is None:
            return []
        found = [one for one in plan.recipients.values() if self.has(plan, one)]
        return sorted(found, key=lambda one: one.skip in _KNOW)


def _not_told(plan: Progress, one: Recipient) -> bool:
    known = plan.results.get(one.id)
    return one.skip is not None or (known is not None and known.outcome in _NOT_TAKEN)


def _numbers_not_told(tally: Tally) -> Tally:
    outcomes = {outcome: n for outcome, n in tally.outcomes.items() if outcome in _NOT_TAKEN}
    return Tally(tally.planned, outcomes, tally.skipped, 0)


LISTS = (
    Unreached("n", "not_told", _not_told, _numbers_not_told),
    Unreached("u", "not_delivered", lambda plan, one: plan.undelivered(one.id)),
)


def read(arg: str) -> tuple[Unreached | None, int]:
    """Which list a press's argument asks for, None for everybody, and which page of it."""
    chosen = next((one for one in LISTS if arg[:1] == one.code), None)
    number = arg[1:] if chosen is not None else arg
    return chosen, int(number) if number.isascii() and number.isdecimal() else 0


def list_buttons(case: Case, words: Words) -> tuple[Button, ...]:
    """The way to each list that has somebody on it."""
    return tuple(
        Button(
            words.plain(f"button.{one.name}", n=len(people)),
            Press(Action.DETAILS, case.id, f"{one.code}0").encode(),
        )
        for one in LISTS
        if (people := one.of(case.dispatch))
    )


def unreached(case: Case, chosen: Unreached, page: int, words: Words) -> Screen:
    """One page of a list, phones masked; the nearest there is."""
    everyone = chosen.of(case.dispatch)
    pages = max(1, -(-len(everyone) // _A_PAGE))
    page = min(max(page, 0), pages - 1)
    olt, place = where(case, words)
    head = [
        words.say("details.head", case=case.id, olt=olt, place=place),
        words.say(f"details.{chosen.name}", counts=_counts(case, chosen, words), n=len(everyone)),
        words.say("page.of", page=page + 1, pages=pages) if everyone else words.say("details.nobody"),
    ]
    shown = everyone[page * _A_PAGE :][:_A_PAGE]
    rows = (_row(case, one, words) for one in shown)
    text = fit(head, rows, words, of=len(shown), more="page.more_csv", gap=PARAGRAPH)
    everybody = Button(words.plain("button.everybody"), Press(Action.DETAILS, case.id, "0").encode())
    csv = Button(words.plain("button.csv"), Press(Action.DETAILS_CSV, case.id, chosen.code).encode())
    turn = page_buttons(page, pages, words, lambda to: Press(Action.DETAILS, case.id, f"{chosen.code}{to}"))
    return Screen(str(text), tuple(row for row in (turn, (everybody, csv)) if row))


def _counts(case: Case, chosen: Unreached, words: Words) -> Markup:
    """As the card says them."""
    dispatch = case.dispatch
    tally = dispatch.tally() if dispatch is not None else None
    if dispatch is None or tally is None or chosen.numbers is None or not chosen.of(dispatch):
        return Markup("")
    return counts(chosen.numbers(tally), words, dry_run=dispatch.dry_run)


def _row(case: Case, one: Recipient, words: Words) -> Markup:
    dispatch = case.dispatch
    facts = {
        "name": one.name or words.plain("details.no_name"),
        "serials": ", ".join(one.serials),
        "phone": mask(one.phone) if one.phone else "",
        "fate": fate_of(dispatch, one, words) if dispatch is not None else "",
    }
    port = ports_of(case, one)
    if not port:
        return words.say("details.unreached", **facts)
    return words.say("details.unreached_of_port", **facts, port=port)


def ports_of(case: Case, one: Recipient) -> str:
    """The ports that a recipient is on, of a case of several; empty where it has one."""
    known = {m.incident.port.key: m.incident.port.label for m in case.members.values()}
    return ", ".join(known[key] for key in one.ports if key in known) if len(known) > 1 else ""
