"""What came of a dispatch, in words: counts that add up to the plan, and why somebody got nothing."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from markupsafe import Markup

from bot.chat.screens.fitting import SEPARATOR
from bot.chat.screens.words import Words, clean, shorten
from bot.domain.case import Case
from bot.domain.customer import NO_SERIAL
from bot.domain.dispatch import Dispatch, Phase
from bot.domain.events.receipts import BY_RECEIPT
from bot.domain.limits.holds import NOT_BEGUN
from bot.domain.plan import IN_DOUBT, Outcome, Progress, Recipient, Tally, reasons

_REASONS_SHOWN = 3
_REASON_AT_MOST = 60
_WITH_REASONS = (Outcome.UNCONFIRMED, Outcome.REJECTED, Outcome.FAILED, Outcome.UNKNOWN, Outcome.HELD)
_COUNTED = (
    "accepted",
    "received",
    "undelivered",
    "unconfirmed",
    "held",
    "rejected",
    "failed",
    "unknown",
    "skipped",
)
_TEMPLATE = re.compile(r"\btemplate\b", re.IGNORECASE)


def counts(tally: Tally, words: Words, *, dry_run: bool) -> Markup:
    """`31 enviadas · 1 recusada · 3 não enviadas`: the plan less what is to do, zeros left out.

    Of a rehearsal they would be sent.
    """
    return SEPARATOR.join(_parts(tally, words, dry_run=dry_run))


def counts_plain(tally: Tally, words: Words, *, dry_run: bool) -> str:
    """The same without markup, for sheets."""
    return SEPARATOR.join(_parts(tally, words, dry_run=dry_run))


def attempt(dispatch: Dispatch, words: Words) -> Markup:
    """What came of an earlier dispatch, in a few words: `0 enviadas · 3 recusadas`."""
    tally = dispatch.tally()
    if tally is None:
        key = "count.attempt_not_begun" if dispatch.end_reason in NOT_BEGUN else "count.attempt_failed"
        return words.say(key, reason=reason_words(dispatch.end_reason, words))
    counted = counts(tally, words, dry_run=False)
    return words.say("count.rehearsed", counts=counted) if dispatch.dry_run else counted


def fate(case: Case, client_id: str | None, serial: str, words: Words) -> str:
    """What became of the message to a customer, in a word or two; empty where no plan has them."""
    dispatch = case.dispatch
    plan = dispatch.progress if dispatch is not None else None
    if dispatch is None or plan is None:
        return ""
    known = None if client_id is None else plan.recipients.get(f"c{client_id}")
    by_serial = (r for r in plan.recipients.values() if serial != NO_SERIAL and serial in r.serials)
    found = known or next(by_serial, None)
    return "" if found is None else fate_of(dispatch, found, words)


def fate_of(dispatch: Dispatch, recipient: Recipient, words: Words) -> str:
    """What became of the message to somebody of a dispatch's plan, in a word or two."""
    plan = dispatch.sends
    if recipient.skip is not None:
        return words.plain("fate.skipped", reason=words.plain(f"skip.{recipient.skip}"))
    receipt, delivery = plan.results.get(recipient.id), plan.deliveries.get(recipient.id)
    if delivery is not None:
        return words.plain(f"fate.{delivery.arrival}", reason=_said(delivery.reason, words))
    if receipt is None:
        return words.plain("fate.todo", dry_run=dispatch.dry_run)
    reason = _said(receipt.reason, words)
    return words.plain(f"fate.{receipt.outcome}", reason=reason, dry_run=dispatch.dry_run)


def _said(reason: str | None, words: Words) -> str | None:
    return None if reason is None else reason_words(reason, words)


def reason_words(reason: str | None, words: Words) -> str:
    """A reason code in words; a text that is no code as it is, cut short, in the words of the rest.

    Not escaped.
    """
    text = clean(words.coded(reason, "reason"))
    return shorten(_TEMPLATE.sub(words.plain("format.template"), text), _REASON_AT_MOST)


def why_lines(dispatch: Dispatch, tally: Tally, words: Words) -> list[Markup]:
    """One line for each group that needs a reason: skipped, rejected, failed, unknown, held."""
    lines = []
    if tally.skipped:
        lines.append(_because("skipped", _skipped(tally, words), words))
    for outcome in _WITH_REASONS:
        if tally.outcomes.get(outcome, 0):
            found = _reasons_of(dispatch, outcome, tally.outcomes[outcome])
            lines.append(_because(outcome.value, _most(found, words), words))
    if tally.arrived.undelivered:
        parts = _most(tally.arrived.undelivered, words, "count.of_undelivered")
        lines.append(_because("undelivered", parts, words))
    return lines


def would_leave(expected: Tally, words: Words) -> Markup:
    """`≈ 29 mensagens · 4 sem cadastro`: what an approval would come to now."""
    return SEPARATOR.join([words.say("card.would_leave", n=expected.todo), *_skipped(expected, words)])


def at_rest(case: Case) -> Dispatch | None:
    """The present dispatch where nothing of it is being sent: what is in doubt may be decided on."""
    dispatch = case.dispatch
    resting = dispatch is not None and dispatch.phase in {Phase.FINISHED, Phase.INTERRUPTED}
    return dispatch if resting else None


def to_call(progress: Progress) -> list[Recipient]:
    """Those whose send is in doubt and whom somebody calls."""
    unknown = (id_ for id_ in progress.calls if progress.results[id_].outcome in IN_DOUBT)
    calls = set(unknown)
    return [recipient for recipient in progress.recipients.values() if recipient.id in calls]


def settled_lines(dispatch: Dispatch, words: Words) -> list[Markup]:
    """How sends that were in doubt came to an end, one line each way."""
    if dispatch.progress is None:
        return []
    given = reasons(dispatch.progress.results.values(), Outcome.ACCEPTED)
    numbers = {
        "card.considered": given["considered_sent"],
        "card.by_receipt": given[BY_RECEIPT],
        "card.listed": given["listed"],
        "card.calls": len(to_call(dispatch.progress)),
    }
    lines = [words.say(key, n=n) for key, n in numbers.items() if n]
    return [words.say("card.resent", by=dispatch.resent_by), *lines] if dispatch.resent_by else lines


def _skipped(tally: Tally, words: Words) -> list[Markup]:
    """Why nobody is messaged, and how many, the most first."""
    skipped = sorted(tally.skipped.items(), key=lambda found: -found[1])
    return [words.say(f"skipped.{skip}", n=n) for skip, n in skipped]


def _parts(tally: Tally, words: Words, *, dry_run: bool) -> list[str]:
    """One for each count above zero; how many were sent where there is none."""
    found = {outcome.value: tally.outcomes.get(outcome, 0) for outcome in Outcome}
    found["skipped"] = sum(tally.skipped.values())
    found["received"] = tally.arrived.received
    found["undelivered"] = sum(tally.arrived.undelivered.values())
    numbers = {name: found[name] for name in _COUNTED if found[name]} or {"accepted": 0}
    return [words.plain(f"count.{name}", n=n, dry_run=dry_run) for name, n in numbers.items()]


def _reasons_of(dispatch: Dispatch, outcome: Outcome, total: int) -> Counter[str]:
    """The receipts' reasons; those never tried count under the reason the dispatch ended for."""
    given = reasons(dispatch.progress.results.values(), outcome) if dispatch.progress else Counter[str]()
    if total > given.total():
        given[dispatch.end_reason or ""] += total - given.total()
    return given


def _most(reasons: Mapping[str, int], words: Words, key: str = "count.of_reason") -> list[Markup]:
    """The reasons that count most, and how many there are for others; `key` is how one is told."""
    why: Counter[str] = Counter()
    for reason, n in reasons.items():
        why[reason_words(reason, words)] += n
    top = why.most_common(_REASONS_SHOWN)
    # A code that has no words is a number, too: between two of them stands a colon.
    parts = [words.say("count.of_reason" if what[:1].isdigit() else key, n=n, what=what) for what, n in top]
    if len(why) > _REASONS_SHOWN:
        rest = why.total() - sum(n for _, n in top)
        parts.append(words.say("count.other_reasons", n=rest))
    return parts


def _because(group: str, parts: Iterable[Markup], words: Words) -> Markup:
    return words.say("card.because", what=words.plain(f"because.{group}"), reasons=Markup(", ").join(parts))
