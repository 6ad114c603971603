"""A dispatch that stopped itself: why, what a person has to see to, and who is left."""

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from markupsafe import Markup

from bot.chat.screens.cards.results import reason_words
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.case import Case, CaseState
from bot.domain.dispatch import Dispatch
from bot.domain.limits.account import called_in, templates_in
from bot.domain.plan import Outcome
from bot.domain.rules import Rules
from bot.steps.decide import goes_on_until, is_over

HALTED = "halted"


def interrupted(
    case: Case, dispatch: Dispatch, book: Book, now: datetime, *, words: Words, rules: Rules
) -> list[Markup]:
    """Why it broke off, where that is known, what to see to, and who is left.

    While it may go on by itself nobody is asked: that would invite to give up what is about to be done.
    """
    tally = dispatch.tally()
    until = goes_on_until(case, book, rules, now)
    if until is not None:
        facts = {"todo": tally.todo if tally else None, "until": until, "now": now}
        return [words.say("card.resuming", **facts)]
    lines = []
    if dispatch.end_reason is not None:
        lines.append(words.say("card.suspended", reason=reason_words(dispatch.end_reason, words)))
    repeats = dispatch.to_repeat()
    doubt = [words.say("card.interrupted_repeats", n=repeats)] if repeats else []
    if is_over(book, case):
        key = "card.interrupted_over" if case.restores is None else "card.interrupted_again"
        return [*lines, words.say(key, todo=tally.todo if tally else 0), *doubt]
    lines += advice(case, dispatch, words, rules, "resume")
    if tally is None:
        return [*lines, words.say("card.interrupted_early")]
    failed = tally.outcomes.get(Outcome.FAILED, 0)  # taken up again too (domain/events/approvals.py)
    return [*lines, words.say("card.interrupted", todo=tally.todo, failed=failed), *doubt]


def halted_facts(facts: Mapping[str, object], book: Book, words: Words, rules: Rules) -> dict[str, object]:
    """The notice's case and reason as it tells them, and its advice as of now: who resumed needs none."""
    case = book.cases[cast("int", facts["case"])]
    reason = facts["reason"]
    why = reason_words(None if reason is None else str(reason), words)
    lines = Markup("").join(Markup("\n") + line for line in _advice_now(case, book, words, rules))
    return {"case": case.shown_as, "reason": why, "advice": lines}


def _advice_now(case: Case, book: Book, words: Words, rules: Rules) -> list[Markup]:
    """What a person has to see to before the case's dispatch goes on; empty where nothing is left to do."""
    again = {CaseState.INTERRUPTED: "resume", CaseState.NOBODY: "retry"}.get(case.state)
    if is_over(book, case) or case.dispatch is None or again is None:
        return []
    return advice(case, case.dispatch, words, rules, again)


def advice(case: Case, dispatch: Dispatch, words: Words, rules: Rules, again: str) -> list[Markup]:
    """What a person has to see to before they tap the button `again`: what the gateway's words say of it."""
    key = f"advice.{dispatch.mend}"
    if dispatch.mend is None or not words.has(key):
        return []
    restores = case.restores is not None and again == "retry"
    button = words.plain("button.restore", n=None) if restores else words.plain(f"button.{again}")
    called = (called_in(dispatch, family, rules) for family in templates_in(case, dispatch))
    settings = ", ".join(words.coded(template, "setting") for template in called)
    return [words.say(key, setting=settings, again=button)]
