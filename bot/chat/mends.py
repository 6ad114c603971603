"""A dispatch that stopped itself: why, what a person has to see to, and who is left."""

from collections.abc import Mapping
from typing import cast

from markupsafe import Markup

from bot.chat.results import reason_words
from bot.chat.words import Words
from bot.domain.book import Book
from bot.domain.case import Case, CaseState, Dispatch
from bot.domain.incident import Kind
from bot.domain.plan import Outcome

HALTED = "halted"


def interrupted(case: Case, dispatch: Dispatch, words: Words) -> list[Markup]:
    """Why it broke off, where that is known, what to see to, and who is left."""
    tally, over = dispatch.tally(), case.ended_at is not None
    lines = []
    if dispatch.end_reason is not None:
        lines.append(words.say("card.suspended", reason=reason_words(dispatch.end_reason, words)))
    repeats = dispatch.to_repeat()
    doubt = [words.say("card.interrupted_repeats", n=repeats)] if repeats else []
    if over:
        return [*lines, words.say("card.interrupted_over", todo=tally.todo if tally else 0), *doubt]
    lines += mend(dispatch, words, "resume")
    if tally is None:
        return [*lines, words.say("card.interrupted_early")]
    failed = tally.outcomes.get(Outcome.FAILED, 0)  # taken up again too (domain/lines.py: Resumed)
    return [*lines, words.say("card.interrupted", todo=tally.todo, failed=failed), *doubt]


def halted_facts(facts: Mapping[str, object], book: Book, words: Words) -> dict[str, object]:
    """How the notice tells its reason, and its advice as of now: who resumed meanwhile needs none."""
    case = book.cases[cast("int", facts["case"])]
    reason = facts["reason"]
    told = reason_words(None if reason is None else str(reason), words)
    return {"reason": told, "advice": Markup("").join(Markup("\n") + line for line in _advice(case, words))}


def _advice(case: Case, words: Words) -> list[Markup]:
    """What a person has to see to before the case's dispatch goes on; empty where nothing is left to do."""
    again = {CaseState.INTERRUPTED: "resume", CaseState.NOBODY: "retry"}.get(case.state)
    if case.ended_at is not None or case.dispatch is None or again is None:
        return []
    return mend(case.dispatch, words, again)


def mend(dispatch: Dispatch, words: Words, again: str) -> list[Markup]:
    """What a person has to see to before they tap the button `again`."""
    if dispatch.mend is None:
        return []
    setting = "HSM_ID_POWER" if dispatch.template is Kind.POWER else "HSM_ID_LOS"
    return [words.say(f"mend.{dispatch.mend}", setting=setting, again=words.plain(f"button.{again}"))]
