"""/audit: the last decisions, page by page, with the filter kept in the buttons."""

from collections.abc import Collection, Sequence
from datetime import datetime

from markupsafe import Markup

from bot.chat.screens.buttons import Action
from bot.chat.screens.cards.results import counts
from bot.chat.screens.fitting import LINE, PARAGRAPH, SEPARATOR, fit, page_buttons
from bot.chat.screens.pages.audit_entries import Entry, entry_of, is_number, matching, said, said_of
from bot.chat.screens.press import Press
from bot.chat.screens.screen import Button, Screen
from bot.chat.screens.words import Words, clean
from bot.domain.book import AuditEntry, Book
from bot.domain.case import UNWATCHED
from bot.ports import Recalled

A_PAGE = 8
_BEGIN = {"approved", "restored"}
_FILTER_BYTES = 40  # what `log.json:0:<page>|` leaves of 64 bytes, with room to spare


def audit(
    book: Book,
    page: int,
    filter_text: str,
    words: Words,
    now: datetime,
    *,
    hours: float,
    past: Recalled | None = None,
    unread: str | None = None,
    unknown: Collection[str] = (),
) -> Screen:
    """One page of the audit, newest first. A page that is not there: the nearest.

    `past` is that page from the whole ledger; without it the book's own entries are all there is, and
    `unread` says why older ones could not be read now; `unknown` are regions that are left out (`Whose`).
    """
    kept = fitting_filter(filter_text)
    if is_number(kept) and not int(kept):
        return Screen(str(words.say("audit.how_many")))
    found = past.entries if past is not None else matching(book, kept, words, now)
    total = past.total if past is not None else len(found)
    head = [words.say("audit.unread", why=unread)] if unread else []
    head += [words.say("page.unknown", regions=sorted(unknown))] if unknown else []
    if not found:
        return Screen(str(LINE.join([*head, words.say("audit.none")])))
    pages = -(-total // A_PAGE)
    page = min(max(page, 0), pages - 1)
    head.append(words.say("audit.head", n=total, filter="" if is_number(kept) else kept))
    if book.head is not None:
        head.append(words.say("card.anchor", head=book.head))
    if pages > 1:
        head.append(words.say("page.of", page=page + 1, pages=pages))
    shown: Sequence[AuditEntry] = found if past is not None else found[page * A_PAGE :][:A_PAGE]
    of = past.book if past is not None else book
    text = fit(
        head,
        (_row(entry_of(of, entry, now, hours), words, now) for entry in shown),
        words,
        of=len(shown),
        more="page.more_csv",
        gap=PARAGRAPH,
    )
    turn = page_buttons(page, pages, words, lambda to: Press(Action.AUDIT, 0, f"{to}|{kept}"))
    arg = f"{page}|{kept}"
    documents = (
        Button(words.plain("button.csv"), Press(Action.AUDIT_CSV, 0, arg).encode()),
        Button(words.plain("button.json"), Press(Action.AUDIT_JSON, 0, arg).encode()),
    )
    return Screen(str(text), tuple(row for row in (turn, documents) if row))


def read_audit(arg: str) -> tuple[int, str]:
    """The page and the filter of an audit button."""
    page, _, filter_text = arg.partition("|")
    return (int(page) if page.isascii() and page.isdecimal() else 0), filter_text


def fitting_filter(text: str) -> str:
    """The filter as far as callback data has room for it: a shorter part of a name finds as much or more."""
    return clean(text).encode()[:_FILTER_BYTES].decode(errors="ignore").strip()


def _row(entry: Entry, words: Words, now: datetime) -> Markup:
    lines = [
        words.say("audit.entry", at=entry.at, now=now, what=said(entry, words), who=said_of(entry.who, words))
    ]
    begins = entry.code in _BEGIN
    if entry.is_result and not begins:
        lines.append(words.say("audit.approved_by", by=said_of(entry.approved_by, words)))
    if not begins or entry.end in {None, "done"}:  # another end has an entry of its own, with the counts
        lines += _counts(entry, words, now)
    lines += [
        SEPARATOR.join(parts) for parts in (_place(entry, words), _standing(entry, words, now)) if parts
    ]
    return LINE.join(lines)


def _counts(entry: Entry, words: Words, now: datetime) -> list[Markup]:
    """What the dispatch came to when it ended; then, where that is another number by now, what it is."""
    if entry.tally is None:
        return []
    by_now = counts(entry.tally, words, dry_run=entry.dry_run)
    if entry.came_to is None:
        return [by_now]
    at, tally = entry.came_to
    then = counts(tally, words, dry_run=entry.dry_run)
    first = words.say("audit.ended", at=at, now=now, counts=then) if entry.code in _BEGIN else then
    return [first] if by_now == then else [first, words.say("audit.by_now", counts=by_now)]


def _place(entry: Entry, words: Words) -> list[Markup]:
    parts = [words.say("audit.of_case", case=entry.case)] if entry.case else []
    if entry.incident is not None:
        parts.append(words.say(f"kind.{entry.incident.kind}"))
    if entry.port is not None:
        several = entry.ports > 1
        key = "audit.of_ports" if several else "audit.of_port"
        parts.append(words.say(key, port=entry.port, **({"n": entry.ports - 1} if several else {})))
    return parts


def _standing(entry: Entry, words: Words, now: datetime) -> list[Markup]:
    """What is so now; nothing for a refused tap, which changed nothing."""
    if entry.incident is None or entry.code == "tap_refused":
        return []
    parts = [words.say("audit.dry_run")] if entry.dry_run else []
    if entry.ended_at is None:
        parts.append(words.say("audit.still_on"))
    else:
        parts.append(words.say(ending(entry), at=entry.ended_at, now=now))
    if entry.frees_at is not None:
        parts.append(words.say("audit.frees", until=entry.frees_at, now=now))
    elif entry.is_result and entry.restores is None:  # the second message claims no port, nor frees one
        parts.append(words.say("audit.free"))
    return parts


def ending(entry: Entry) -> str:
    """The phrase for how the outage ended."""
    ends = {"ignored": "audit.ignored", UNWATCHED: "audit.unwatched"}
    return ends.get(entry.ended_why or "", "audit.over")
