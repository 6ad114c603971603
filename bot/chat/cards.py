"""A case's card: what the outage is, what was decided, what came of it, and what may be tapped now.

An ended outage loses its buttons, except those that an unfinished dispatch needs.
"""

from datetime import datetime, timedelta
from typing import Literal

from markupsafe import Markup

from bot.chat.buttons import Action, Press
from bot.chat.mends import interrupted, mend
from bot.chat.results import at_rest, attempt, counts, reason_words, settled_lines, to_call, why_lines
from bot.chat.screen import Button, Screen, Style
from bot.chat.words import Words
from bot.domain.book import Book
from bot.domain.case import Case, CaseState, Dispatch
from bot.domain.cooldown import free_at
from bot.domain.incident import probable_cause
from bot.domain.rules import Rules

Question = Literal[
    "deny",
    "flapping",
    "hours",
    "resume_hours",
    "restore_hours",
    "eta",
    "cause",
    "silence",
    "separate",
]
"""What a card may ask a person before a tap of theirs is carried out (`errors.Asked`, or a choice)."""

DENY_REASONS = ("maintenance", "false_alarm", "already_told", "other")
_BAR_CELLS = 10
_ATTEMPTS_SHOWN = 3


def card(
    case: Case,
    book: Book,
    now: datetime,
    words: Words,
    *,
    rules: Rules,
    asking: Question | None = None,
    closed: bool = False,
) -> Screen:
    """The card as the case is now.

    `asking` shows a question and its answers instead of the decision buttons, where it can still be asked.
    While the ledger is `closed` nothing can be decided, and nothing invites to it.
    """
    stuck = closed and (case.running or (case.undecided and case.ended_at is None))
    denying = asking == "deny" and not stuck and case.ended_at is None and case.undecided
    blocks = [
        _facts(case, now, words),
        [words.say("card.ledger_closed")] if stuck else [],
        [words.say("card.unconfirmed")] if not stuck and _blocked(case, book) else [],
        _decision(case, now, words, rules.undo_seconds),
        [] if stuck else _port(case, book, now, words, rules.cooldown_hours),
        [words.say("card.asking")] if denying else [],
    ]
    html = Markup("\n\n").join(Markup("\n").join(block) for block in blocks if block)
    if stuck:
        return Screen(str(html), ((_button(case, words, "details", Action.DETAILS),),))
    return Screen(str(html), _deny_rows(case, words) if denying else _rows(case, words))


def _blocked(case: Case, book: Book) -> bool:
    """Whether a tap that sends would be declined until somebody confirms the ledger."""
    sends = case.undecided or case.state is CaseState.INTERRUPTED
    return book.unconfirmed is not None and sends and case.ended_at is None


def place_head(case: Case, words: Words) -> Markup:
    """`🔴 LOS · CB 01 · 6/15`, bold."""
    port = case.incident.port
    kind = words.plain(f"kind.{case.incident.kind}")
    return words.say("card.head", kind=kind, olt=port.olt, place=port.place)


def _facts(case: Case, now: datetime, words: Words) -> list[Markup]:
    incident = case.incident
    cause = words.say(f"cause.{probable_cause(incident)}", cto=incident.cto)
    size = words.say("card.size", affected=_affected(case, words), cause=cause)
    if case.ended_at is None:
        lasted = now - incident.started
        since = words.say("card.since", started=incident.started, now=now, lasted=lasted, case=case.id)
        return [place_head(case, words), size, since]
    key = "card.ignored" if case.ended_why == "ignored" else "card.normalised"
    over = words.say(key, at=case.ended_at, now=now, lasted=case.ended_at - incident.started)
    started = words.say("card.started", started=incident.started, now=now, case=case.id)
    return [over, place_head(case, words), size, started]


def _affected(case: Case, words: Words) -> Markup:
    """The plan's count once there is one; before it the list's estimate (contracts/oltcloud.md)."""
    progress = case.dispatch.progress if case.dispatch else None
    affected = progress.onus if progress else case.incident.affected
    if affected is None:
        return words.say("card.affected_unknown")
    total = case.incident.total
    return words.say("card.affected", estimate=progress is None, affected=affected, total=total)


def _decision(case: Case, now: datetime, words: Words, undo_seconds: float) -> list[Markup]:
    """What was decided and what came of it; empty for a case that waits."""
    lines = []
    dispatch = case.dispatch
    if case.denied_by is not None:
        facts = {"by": case.denied_by, "at": case.denied_at, "now": now, "reason": case.denied_reason}
        lines.append(words.say("card.denied", **facts))
    if dispatch is not None:
        if dispatch.dry_run:
            lines.append(words.say("card.dry_run_running" if case.running else "card.dry_run"))
        if case.running:
            lines += _running(case, dispatch, words, undo_seconds)
        else:
            lines += _finished(case, dispatch, now, words)
        lines.append(words.say("card.approved", by=dispatch.by, at=dispatch.at, now=now))
    return [*lines, *_before(case, now, words)]


def _before(case: Case, now: datetime, words: Words) -> list[Markup]:
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


def _running(case: Case, dispatch: Dispatch, words: Words, undo_seconds: float) -> list[Markup]:
    tally = dispatch.tally()
    lines = []
    if case.state is CaseState.COUNTDOWN:
        start = dispatch.at + timedelta(seconds=undo_seconds)
        waits = undo_seconds > 0 and not dispatch.resumed
        lines.append(words.say("card.countdown", start=start) if waits else words.say("card.preparing"))
    elif case.state is CaseState.SENDING:
        lines.append(_progress_bar(dispatch, words))
    elif case.state is CaseState.STOPPING:
        lines.append(words.say("card.stopping", by=dispatch.ended_by))
    else:
        lines += interrupted(case, dispatch, words)
    if tally is not None:
        lines += [counts(tally, words, dry_run=dispatch.dry_run), *settled_lines(dispatch, words)]
    if dispatch.resumed and case.state is not CaseState.INTERRUPTED:
        lines.append(words.say("card.resumed", by=dispatch.resumed_by))
    return lines


def _progress_bar(dispatch: Dispatch, words: Words) -> Markup:
    tally = dispatch.tally()
    done, to_send = (tally.done, tally.to_send) if tally else (0, 0)
    filled = _BAR_CELLS * done // to_send if to_send else _BAR_CELLS
    bar = "▓" * filled + "░" * (_BAR_CELLS - filled)
    percent = 100 * done // to_send if to_send else 100
    return words.say("card.sending", bar=bar, percent=percent, done=done, to_send=to_send)


def _finished(case: Case, dispatch: Dispatch, now: datetime, words: Words) -> list[Markup]:
    tally = dispatch.tally()
    lines = []
    if not dispatch.reached:
        lines.append(words.say("card.nobody", dry_run=dispatch.dry_run))
    if dispatch.end != "done" or dispatch.reached:
        reason = reason_words(dispatch.end_reason, words)
        facts = {"at": dispatch.ended_at, "now": now, "by": dispatch.ended_by, "reason": reason}
        lines.append(words.say(f"end.{dispatch.end}", **facts))
    if case.state is CaseState.NOBODY:
        lines += mend(dispatch, words, "retry")
    if tally is not None and tally.planned:
        lines += [counts(tally, words, dry_run=dispatch.dry_run), *why_lines(dispatch, tally, words)]
        lines += settled_lines(dispatch, words)
    elif tally is not None:
        lines.append(words.say("card.nobody_planned"))
    if dispatch.resumed_by is not None:
        lines.append(words.say("card.resumed", by=dispatch.resumed_by))
    return lines


def _port(case: Case, book: Book, now: datetime, words: Words, hours: float) -> list[Markup]:
    """Whether the port may be sent to, and from when; nothing where that decides nothing any more."""
    reservation = book.reservations.get(case.incident.port.key)
    until = free_at(reservation, now, hours)
    if reservation is None or until is None:
        known = book.unconfirmed is None  # an old copy may lack what was sent through it
        return [words.say("card.port_free")] if known and case.state is CaseState.WAITING else []
    if reservation.case == case.id:
        return [words.say("card.frees_at", until=until, now=now)] if not case.running else []
    if case.ended_at is not None:
        return []
    return [words.say("card.port_cooling", until=until, now=now, case=reservation.case, by=reservation.by)]


def _button(case: Case, words: Words, key: str, action: Action, style: Style | None = None) -> Button:
    return Button(words.plain(f"button.{key}"), Press(action, case.id).encode(), style)


def _rows(case: Case, words: Words) -> tuple[tuple[Button, ...], ...]:
    over = case.ended_at is not None
    details = _button(case, words, "details", Action.DETAILS)
    deny = _button(case, words, "deny", Action.ASK_DENY, "danger")
    approve = _button(case, words, "approve", Action.APPROVE, "success")
    retry = _button(case, words, "retry", Action.APPROVE, "success")
    resume = _button(case, words, "resume", Action.RESUME, "success")
    close = _button(case, words, "close", Action.CLOSE, "danger")
    rows: dict[CaseState, tuple[tuple[Button, ...], ...]] = {
        CaseState.COUNTDOWN: ((_button(case, words, "cancel", Action.CANCEL, "danger"),),),
        CaseState.SENDING: ((_button(case, words, "stop", Action.STOP, "danger"),),),
        CaseState.STOPPING: (),
        CaseState.INTERRUPTED: ((close,),) if over else ((resume, close),),
        CaseState.WAITING: ((approve, deny), (details,)),
        CaseState.NOBODY: ((retry, deny), (details,)),
        CaseState.REHEARSED: ((retry, deny), (details,)),
        CaseState.SENT: ((details,),),
        CaseState.DENIED: ((details,),),
        CaseState.OVER: (),
    }
    shown = rows[case.state] if case.running or not over else ()
    return (*shown, *_doubt_row(case, words))


def _doubt_row(case: Case, words: Words) -> tuple[tuple[Button, ...], ...]:
    """The way to the sends in doubt, also after the outage: somebody still has to settle them."""
    dispatch = at_rest(case)
    if dispatch is None or dispatch.progress is None:
        return ()
    doubts, calls = len(dispatch.in_doubt()), len(to_call(dispatch.progress))
    if not doubts and not calls:
        return ()
    text = words.plain("button.doubts", n=doubts) if doubts else words.plain("button.calls", n=calls)
    return ((Button(text, Press(Action.DOUBTS, case.id).encode(), "primary"),),)


def _deny_rows(case: Case, words: Words) -> tuple[tuple[Button, ...], ...]:
    reasons = [
        Button(words.plain(f"deny.{reason}"), Press(Action.DENY, case.id, reason).encode(), "danger")
        for reason in DENY_REASONS
    ]
    return tuple(reasons[:2]), tuple(reasons[2:]), (_button(case, words, "back", Action.BACK),)
