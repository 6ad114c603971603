"""What a card says of a case's dispatches: what was decided, how far it is, what came of it."""

from datetime import datetime, timedelta

from markupsafe import Markup

from bot.chat.screens.cards.advice import advice, interrupted
from bot.chat.screens.cards.head import ports_line
from bot.chat.screens.cards.results import attempt, counts, reason_words, settled_lines, why_lines
from bot.chat.screens.fitting import quoted
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.case import Case, CaseState
from bot.domain.dispatch import Dispatch
from bot.domain.limits.holds import NOT_BEGUN, closed_until
from bot.domain.plan import Size
from bot.domain.rules import Rules
from bot.domain.who import BOT
from bot.steps.decide import is_over
from bot.steps.describe import EXPLAINED_AT_MOST, explained_until

_BAR_CELLS = 10
_ATTEMPTS_SHOWN = 3
_LEFT_OUT_AT_MOST = 300  # UTF-16 units


def decision(case: Case, book: Book, now: datetime, words: Words, rules: Rules) -> list[Markup]:
    """What was decided and what came of it; empty for a case that waits."""
    lines = []
    dispatch = case.dispatch
    if case.denied_by is not None:
        facts = {"by": case.denied_by, "at": case.denied_at, "now": now, "reason": case.denied_reason}
        lines.append(words.say("card.denied", **facts, words=quoted(case.denied_words, EXPLAINED_AT_MOST)))
        until = explained_until(case)
        if until is not None and now < until and not case.denied_words:
            lines.append(words.say("card.explain", by=case.denied_by, until=until, now=now))
    if dispatch is not None:
        lines += dry_run(case, dispatch, words)
        if case.running:
            lines += running(case, dispatch, book, now, words=words, rules=rules)
        else:
            lines += _finished(case, dispatch, now, words, rules)
        lines += _left_out(dispatch, words)
        lines += approved(case, dispatch, now, words)
    return [*lines, *before(case, now, words)]


def dry_run(case: Case, dispatch: Dispatch, words: Words) -> list[Markup]:
    """That it is a rehearsal."""
    if not dispatch.dry_run:
        return []
    return [words.say("card.dry_run_running" if case.running else "card.dry_run")]


def approved(case: Case, dispatch: Dispatch, now: datetime, words: Words) -> list[Markup]:
    """Who approved it, and what they were warned of; while it is scheduled that line says it."""
    lines = [words.say(f"card.despite_{what}") for what in dispatch.despite]
    if dispatch.agreed is not None:
        lines.append(words.say("card.agreed", n=dispatch.agreed, asked=dispatch.asked))
    if dispatch.most is not None:
        lines.append(words.say("card.most", n=dispatch.most))
    if dispatch.begun_by is not None:
        lines.append(words.say("card.begun", by=dispatch.begun_by, at=dispatch.begun_at, now=now))
    if case.state is not CaseState.SCHEDULED:
        lines.append(words.say("card.approved", **_by(dispatch), now=now))
    return lines


def before(case: Case, now: datetime, words: Words) -> list[Markup]:
    """What was tried before the present dispatch, and who took the last approval back."""
    tried = [d for d in case.dispatches if d.end != "cancelled"]
    numbered = list(enumerate(tried[:-1], start=1))[-_ATTEMPTS_SHOWN:]
    lines = [
        words.say("card.attempt", n=n, what=attempt(d, words), by=d.by, at=d.at, now=now) for n, d in numbered
    ]
    last = case.dispatches[-1] if case.dispatches else None
    if last is not None and last.end == "cancelled" and case.undecided:
        lines.append(words.say("card.cancelled", by=last.ended_by, at=last.ended_at, now=now))
    return lines


def running(
    case: Case, dispatch: Dispatch, book: Book, now: datetime, *, words: Words, rules: Rules
) -> list[Markup]:
    """How far an unfinished dispatch is."""
    tally = dispatch.tally()
    lines = []
    if case.state is CaseState.SCHEDULED:
        due = _due(dispatch, rules, now)
        lines.append(words.say("card.scheduled", **_by(dispatch), until=due, now=now))
        if is_over(book, case):
            lines.append(words.say("card.scheduled_over", back=case.restores is None))
    elif case.state is CaseState.COUNTDOWN:
        start = (dispatch.begun_at or dispatch.at) + timedelta(seconds=rules.undo_seconds)
        waits = rules.undo_seconds > 0 and not dispatch.resumed
        lines.append(words.say("card.countdown", start=start) if waits else words.say("card.preparing"))
    elif case.state is CaseState.SENDING:
        lines.append(_progress_bar(dispatch, now, words))
    elif case.state is CaseState.STOPPING:
        lines.append(words.say("card.stopping", by=dispatch.ended_by))
    else:
        lines += interrupted(case, dispatch, book, now, words=words, rules=rules)
    if tally is not None:
        lines += [counts(tally, words, dry_run=dispatch.dry_run), *settled_lines(dispatch, words)]
    if dispatch.resumed and case.state is not CaseState.INTERRUPTED:
        lines.append(words.say("card.resumed", by=dispatch.resumed_by))
    return lines


def ending(case: Case, dispatch: Dispatch, now: datetime, words: Words) -> list[Markup]:
    """How a dispatch that is over ended."""
    key = f"end.{dispatch.end}"
    if dispatch.end == "unread" and dispatch.end_reason in NOT_BEGUN:
        key = "end.not_begun"
    if dispatch.end == "over" and case.restores is not None:
        key = "end.on_again"
    reason = reason_words(dispatch.end_reason, words)
    facts = {"at": dispatch.ended_at, "now": now, "by": dispatch.ended_by, "reason": reason}
    return [words.say(key, **facts)]


def results(dispatch: Dispatch, words: Words) -> list[Markup]:
    """The counts of a dispatch that is over, with their reasons."""
    tally = dispatch.tally()
    if tally is None:
        return []
    if not tally.planned:
        return [words.say("card.nobody_planned")]
    counted = [counts(tally, words, dry_run=dispatch.dry_run), *why_lines(dispatch, tally, words)]
    return counted + settled_lines(dispatch, words)


def _by(dispatch: Dispatch) -> dict[str, object]:
    """Who approved it, and when; the program itself where a setting lets it."""
    facts = {"by": dispatch.by, "first": dispatch.first, "at": dispatch.at}
    return {**facts, "automatic": dispatch.by == BOT}


def _due(dispatch: Dispatch, rules: Rules, now: datetime) -> datetime | None:
    """When a scheduled dispatch begins: the next opening where its own was missed or lies outside the hours
    as they are now, None for at any moment.
    """
    at = max(dispatch.due or now, now)
    return closed_until(rules, at) or (at if at > now else None)


def _progress_bar(dispatch: Dispatch, now: datetime, words: Words) -> Markup:
    tally = dispatch.tally()
    done, to_send = (tally.done, tally.to_send) if tally else (0, 0)
    filled = _BAR_CELLS * done // to_send if to_send else _BAR_CELLS
    bar = "▓" * filled + "░" * (_BAR_CELLS - filled)
    percent = 100 * done // to_send if to_send else 100
    pace = round(dispatch.progress.pace(now)) if dispatch.progress else 0
    facts = {"percent": percent, "done": done, "to_send": to_send, "pace": pace}
    return words.say("card.sending", bar=bar, **facts)


def _finished(case: Case, dispatch: Dispatch, now: datetime, words: Words, rules: Rules) -> list[Markup]:
    if case.grown is not None and case.ended_at is None:
        return [_grown(case.grown, dispatch, words)]
    lines = []
    if not dispatch.reached:
        lines.append(words.say("card.nobody", dry_run=dispatch.dry_run, several=len(dispatch.ports) > 1))
    if dispatch.end != "done" or dispatch.reached:
        lines += ending(case, dispatch, now, words)
    if case.state is CaseState.NOBODY:
        lines += advice(case, dispatch, words, rules, "retry")
    lines += results(dispatch, words)
    if dispatch.resumed_by is not None:
        lines.append(words.say("card.resumed", by=dispatch.resumed_by))
    return lines


def _grown(size: Size, dispatch: Dispatch, words: Words) -> Markup:
    """Whether to send to more than were asked about."""
    asked = {"asked": size.asked, "agreed": dispatch.agreed}
    return words.say("card.grown", **asked, onus=size.onus, customers=size.customers)


def _left_out(dispatch: Dispatch, words: Words) -> list[Markup]:
    """The ports of the case that the dispatch does not reach."""
    lines = []
    if dispatch.left_out:
        ports = ports_line(dispatch.left_out, words, _LEFT_OUT_AT_MOST)
        lines.append(words.say("card.left_out", ports=ports))
    if dispatch.unread:
        lines.append(words.say("card.unread", n=len(dispatch.unread)))
    return lines
