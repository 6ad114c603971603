"""/audit: the last decisions, page by page, with the filter kept in the buttons."""

from datetime import datetime

from markupsafe import Markup

from bot.chat.audit_log import Entry, entries, said
from bot.chat.buttons import Action, Press
from bot.chat.fitting import PARAGRAPH, fit, page_buttons
from bot.chat.results import counts
from bot.chat.screen import Button, Screen
from bot.chat.words import Words, clean
from bot.domain.book import Book

_A_PAGE = 8
_FILTER_BYTES = 40  # what `log.json:0:<page>|` leaves of 64 bytes, with room to spare


def audit(book: Book, page: int, filter_text: str, words: Words, now: datetime, *, hours: float) -> Screen:
    """One page of the audit, newest first. A page that is not there: the nearest."""
    kept = fitting_filter(filter_text)
    found = entries(book, kept, words, now, hours)
    if not found:
        return Screen(str(words.say("audit.none")))
    pages = -(-len(found) // _A_PAGE)
    page = min(max(page, 0), pages - 1)
    head = [words.say("audit.head", n=len(found), filter=kept)]
    if pages > 1:
        head.append(words.say("page.of", page=page + 1, pages=pages))
    shown = found[page * _A_PAGE :][:_A_PAGE]
    text = fit(head, [_row(entry, words, now) for entry in shown], words, more="page.more_csv", gap=PARAGRAPH)
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
    lines = [words.say("audit.entry", at=entry.at, now=now, what=said(entry, words), who=entry.who)]
    if entry.case or entry.port:
        lines.append(words.say("audit.about", case=entry.case, port=entry.port))
    if not entry.is_result:
        return Markup("\n").join(lines)
    if entry.code != "approved":
        lines.append(words.say("audit.approved_by", by=entry.approved_by))
    if entry.tally is not None:
        lines.append(counts(entry.tally, words))
    lines.append(Markup(" · ").join(_standing(entry, words, now)))
    return Markup("\n").join(lines)


def _standing(entry: Entry, words: Words, now: datetime) -> list[Markup]:
    over = entry.ended_at is not None
    parts = [words.say("audit.dry_run")] if entry.dry_run else []
    parts.append(words.say("audit.over", at=entry.ended_at, now=now) if over else words.say("audit.still_on"))
    frees = entry.frees_at is not None
    parts.append(
        words.say("audit.frees", until=entry.frees_at, now=now) if frees else words.say("audit.free")
    )
    return parts
