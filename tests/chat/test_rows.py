"""The same outage reads the same on its card, in /pendentes, in the list and in the escalation chat."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.chat.group.digest import Digest
from bot.chat.group.reminders import Reminders
from bot.chat.screens.attention import Attention
from bot.chat.screens.cards.card import card
from bot.chat.screens.cards.results import fate
from bot.chat.screens.pages.audit_entries import entry_of, said
from bot.chat.screens.pages.on_demand import COMMANDS, help_text, pending
from bot.chat.screens.screen import Screen
from bot.chat.screens.words import Words
from bot.domain.book import Book
from bot.domain.case import Case
from bot.domain.events import CaseOpened, IncidentEnded, Settled, TapRefused, Untold
from bot.domain.incident import Incident
from bot.domain.plan import Outcome
from bot.domain.rules import Rules
from bot.errors import Declined
from bot.ports import Notice
from bot.steps.restore import restore
from bot.storage.memory import MemoryLedger
from tests.chat.parts import deps
from tests.chat.screens import APPROVED, EN, PT, planned, sent, story
from tests.fakes import ANA, NOON, FakeClock, incident

LATER = NOON + timedelta(minutes=20)
RULES = Rules(restored=True, remind_minutes=10)


def unknown_start() -> Incident:
    return replace(incident("9", affected=None), total=33, start_known=False)


def listed(book: Book, words: Words) -> str:
    ledger = MemoryLedger(FakeClock())
    vars(ledger)["_book"] = book
    digest = Digest(deps(ledger, attention=Attention(cards_at_once=0)), card=lambda _: None)
    digest.sort_out()
    return digest.screen(words, LATER).html


def reminder(book: Book, what: str, words: Words, now: datetime = LATER) -> str:
    """What a reminder of case 1 says."""
    ledger = MemoryLedger(FakeClock())
    vars(ledger)["_book"] = book
    mine = deps(ledger, words=words, rules=RULES, attention=Attention(escalation=-5))
    reminders = Reminders(mine, card=lambda _: None)
    notice = reminders.dated(Notice("reminder", {"case": 1, "what": what}))
    saying = reminders.saying(notice, [notice], now)
    assert saying is not None
    return saying.screen.html


@pytest.mark.parametrize(
    ("words", "size", "seen", "since"),
    [(PT, "até 33 ONUs", "visto ", "desde "), (EN, "up to 33 ONUs", "seen ", "since ")],
)
def test_a_start_that_nobody_reported_is_no_start_in_any_row(
    words: Words, size: str, seen: str, since: str
) -> None:
    book = story(about=unknown_start())
    for row in (
        pending(book, words, LATER).html.splitlines()[-1],
        listed(book, words).splitlines()[-1],
        reminder(book, "escalated", words).splitlines()[-1],
    ):
        assert size in row
        assert f" · {seen}" in row
        assert since not in row


def test_the_end_of_it_says_nothing_of_how_long_it_lasted() -> None:
    lines = [APPROVED, planned(2), *sent(0, 1), Settled(1, "done"), IncidentEnded(1)]
    book = story(*lines, about=unknown_start())
    over = reminder(book, "over", PT, book.last_at)
    assert "normalizou</b> (CB 01 6/15). " in over
    assert "durou" not in over
    assert "durou " in reminder(story(*lines), "over", PT, book.last_at)


def test_a_counted_size_is_no_estimate_in_any_row() -> None:
    book = story(about=replace(incident("9", affected=33), counted=True))
    for row in (
        pending(book, PT, LATER).html,
        listed(book, PT),
        reminder(book, "escalated", PT),
    ):
        assert " · 33 ONUs · " in row


def test_an_outage_that_is_over_waits_since_its_end() -> None:
    lost = [APPROVED, planned(2), *sent(0, 1, Outcome.UNKNOWN, "reset"), Settled(1, "done"), IncidentEnded(1)]
    book = story(*lost)
    row = pending(book, PT, book.last_at + timedelta(minutes=5)).html.splitlines()[-1]
    assert " · acabou há 5 min · caso 1" in row


def _case(outcome: Outcome) -> Case:
    return story(APPROVED, planned(1), *sent(0, 0, outcome, "reset"), Settled(1, "done")).cases[1]


@pytest.mark.parametrize("words", [PT, EN])
@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.REJECTED])
def test_what_became_of_a_message_has_one_word_on_the_card_and_in_details(
    words: Words, outcome: Outcome
) -> None:
    case = _case(outcome)
    (recipient,) = case.dispatch.progress.recipients.values()  # type: ignore[union-attr]
    counted = words.plain(f"count.{outcome}", n=1, dry_run=False).removeprefix("1 ")
    assert fate(case, None, recipient.serials[0], words).startswith(counted)


@pytest.mark.parametrize("key", ["unknown", "unconfirmed"])
def test_a_test_that_was_lost_is_not_called_as_one_that_was_not_confirmed(key: str) -> None:
    assert ("sem confirmação" in PT.plain(f"trial.{key}")) is (key == "unconfirmed")


@pytest.mark.parametrize("words", [PT, EN])
def test_the_help_gives_both_names_of_a_command(words: Words) -> None:
    html = help_text(words).html
    for key in (
        "pendentes",
        "turno",
        "audit",
        "cooldown",
        "silenciar",
        "previsao",
        "causa",
        "naoavisar",
        "avisar",
        "relatorio",
        "recarregar",
        "help",
    ):
        (row,) = [line for line in html.splitlines() if line.startswith(f"/{words.plain(f'menu.{key}')} ")]
        for language in (PT, EN):
            assert f"/{language.plain(f'menu.{key}')} " in row


def test_a_size_that_nobody_knows_is_said_so_in_the_list() -> None:
    book = story(about=incident("9", affected=12))
    book.apply(NOON, CaseOpened(2, replace(incident("8", place="1/8", affected=None), total=None)))
    rows = listed(book, PT).splitlines()[1:]
    assert "ONUs afetadas: não informado" in rows[0]
    assert "cerca de 12 ONUs" in rows[1]


@pytest.mark.parametrize("name", [*COMMANDS, "start"])
def test_a_refused_command_is_audited_under_a_name_that_people_type(name: str) -> None:
    book = story(TapRefused(ANA, name, "not_allowed", None))
    for words in (PT, EN):
        row = said(entry_of(book, book.audit[-1], NOON, 24), words)
        typed = {f"/{words.plain(f'menu.{name}')}"} if name in COMMANDS else {"start"}
        pages = {words.plain("action.audit"), words.plain("action.cooldown")}  # a button's name, too
        assert any(f" {one}: " in row for one in typed | (pages if name in {"audit", "cooldown"} else set()))


def test_the_audit_says_that_somebody_decided_to_tell_nobody() -> None:
    over = [APPROVED, planned(1), *sent(0, 0), Settled(1, "done"), IncidentEnded(1), Untold(1, ANA)]
    book = story(*over)
    assert said(entry_of(book, book.audit[-1], NOON, 24), PT) == "decidiu não avisar que voltou"
    with pytest.raises(Declined, match="already_untold"):
        restore(1, ANA, RULES)(book, book.last_at)
    assert "não avisar" in PT.plain("declined.already_untold", by="Ana", at=NOON, now=NOON)


@pytest.mark.parametrize(("words", "wrong"), [(PT, "que voltou às"), (EN, "is back at")])
def test_the_hour_of_a_decision_is_not_read_as_that_of_the_end(words: Words, wrong: str) -> None:
    over = [APPROVED, planned(1), *sent(0, 0), Settled(1, "done"), IncidentEnded(1), Untold(1, ANA)]
    book = story(*over)
    html = card(book.cases[1], book, book.last_at, words, rules=RULES).html
    assert "<b>Ana</b> " in html.splitlines()[-1]
    assert wrong not in html


@pytest.mark.parametrize("words", [PT, EN])
def test_who_was_sent_to_without_confirmation_is_found_under_the_button(words: Words) -> None:
    """The card counts them apart, and its button has the other name."""
    lost = [APPROVED, planned(1), *sent(0, 0, Outcome.UNCONFIRMED, "unconfirmed"), Settled(1, "done")]
    book = story(*lost)
    screen = card(book.cases[1], book, book.last_at, words, rules=RULES)
    (button,) = [b.text for row in screen.rows for b in row if b.text.endswith("(1)")]
    assert button.removesuffix(" (1)") in screen.html


@pytest.mark.parametrize("words", [PT, EN])
def test_a_card_that_is_old_news_says_so_and_invites_nobody(words: Words) -> None:
    def seen(*incidents: Incident) -> Screen:
        book = story(CaseOpened(1, incidents[0], incidents[1:]))
        return card(book.cases[1], book, LATER, words, rules=RULES)

    approve, old = words.plain("button.approve"), replace(incident("2", place="6/16"), stale=True)
    assert approve not in [b.text for row in seen(old).rows for b in row]
    assert words.say("card.stale", n=1, of=1) in seen(old).html
    both = seen(incident(), replace(old, missing=3))
    assert approve in [b.text for row in both.rows for b in row], "the others are told"
    assert words.say("card.stale", n=1, of=2) in both.html
    assert words.say("card.missing", n=3) in both.html
