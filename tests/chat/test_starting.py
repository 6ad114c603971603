"""What the group reads of a start, and when it reads the same again."""

from datetime import timedelta

import pytest

from bot.chat.screens.starting import AGAIN, STARTED, is_news, said_of_start, start_line
from bot.domain.book import Book
from bot.domain.events import Announced
from bot.ports import Notice
from bot.process.settings.reading import load
from bot.process.wiring import start_facts
from tests.chat.screens import EN, PT
from tests.fakes import NOON
from tests.test_settings import GOOD

SECOND = timedelta(seconds=1)


def notice(**changes: str) -> Notice:
    return Notice(STARTED, start_facts(load(None, GOOD | changes)))


def test_the_same_is_said_again_after_a_while_and_something_else_at_once() -> None:
    book, said = Book(), said_of_start(notice())
    assert is_news(said, book, NOON)
    book.apply(NOON, Announced(said))
    assert not is_news(said, book, NOON + AGAIN - SECOND)
    assert is_news(said, book, NOON + AGAIN)
    assert is_news(said_of_start(notice(DRY_RUN="true")), book, NOON + SECOND)
    assert is_news(said_of_start(notice(HSM_ID_LOS="7")), book, NOON + SECOND)
    assert is_news(said_of_start(notice(BOT_LANGUAGE="en")), book, NOON + SECOND)


@pytest.mark.parametrize(
    ("changes", "ours", "theirs"),
    [
        (
            {"HSM_ID_RESTORED": "118", "TELEGRAM_APPROVERS": "*"},
            (
                "MODO REAL · modelos 114, 116, 118 · conta 1 · decide qualquer pessoa do grupo · "
                "clientes: a qualquer hora · 2 casos abertos"
            ),
            (
                "REAL MODE · templates 114, 116, 118 · account 1 · anyone in the group decides · "
                "customers: at any hour · 2 open cases"
            ),
        ),
        (
            {"DRY_RUN": "true", "TELEGRAM_APPROVERS": "1,2", "CUSTOMER_HOURS": "8:00-21:00"},
            (
                "SIMULAÇÃO (nada é enviado) · modelos 114, 116 · conta 1 · decidem 2 pessoas da lista · "
                "clientes: 08:00–21:00 · 2 casos abertos"
            ),
            (
                "DRY RUN (nothing is sent) · templates 114, 116 · account 1 · 2 listed people decide · "
                "customers: 08:00–21:00 · 2 open cases"
            ),
        ),
    ],
)
def test_one_line_for_a_terminal(changes: dict[str, str], ours: str, theirs: str) -> None:
    facts = start_facts(load(None, GOOD | changes))
    assert (start_line(facts, PT, 2), start_line(facts, EN, 2)) == (ours, theirs)
    assert start_line(facts, PT, None) == ours.removesuffix(" · 2 casos abertos")
