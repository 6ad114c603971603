"""A test message: its intent is durable before it leaves, it leaves once, and it is no part of any case."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.chat.screens.pages.audit_entries import entry_of, said, said_of
from bot.domain.book import Book
from bot.domain.events import Alive, Line, Started, Stopped, TrialIntent, TrialResult
from bot.domain.phone import mask
from bot.domain.plan import Message, Outcome, Receipt
from bot.errors import TryLater
from bot.steps.trial import send_trial
from bot.storage.memory import MemoryLedger
from tests.chat.screens import EN, PT
from tests.fakes import ANA, NOON, FakeClock

PHONE = "5561999990009"
HOUR = timedelta(hours=1)


class Gateway:
    """Answers as told, and keeps what it got with what the ledger knew by then."""

    name = "matrix"

    def __init__(self, ledger: MemoryLedger, answer: Callable[[], Receipt]) -> None:
        self.ledger, self.answer = ledger, answer
        self.got: list[tuple[Message, list[int]]] = []

    async def send(self, message: Message) -> Receipt:
        self.got.append((message, [n for n, known in self.ledger.book.trials.items() if known is None]))
        return self.answer()

    async def sent(self, first: object, last: object) -> None:
        return None

    async def probe(self) -> str:
        return ""


def raising(error: Exception) -> Callable[[], Receipt]:
    def answer() -> Receipt:
        raise error

    return answer


@pytest.mark.parametrize(
    ("answer", "known"),
    [
        (lambda: Receipt(Outcome.ACCEPTED, "4711"), Receipt(Outcome.ACCEPTED, "4711")),
        (lambda: Receipt(Outcome.REJECTED, reason="HSM inexistente"), None),
        (lambda: Receipt(Outcome.UNKNOWN, reason="no_answer"), None),
        (raising(TryLater("dns")), Receipt(Outcome.FAILED, reason="dns")),
        (raising(ValueError("5561999990009")), Receipt(Outcome.UNKNOWN, reason="error")),
    ],
)
async def test_it_leaves_once_after_its_intent_and_what_is_known_is_on_record(
    answer: Callable[[], Receipt], known: Receipt | None
) -> None:
    clock = FakeClock()
    ledger = MemoryLedger(clock)
    gateway = Gateway(ledger, answer)
    receipt = await send_trial(ledger, gateway, clock, template="LOS", hsm=7, phone=PHONE, by=ANA)
    assert receipt == (known or answer())
    [(message, open_then)] = gateway.got
    assert (message.phone, message.template, message.name, open_then) == (PHONE, "LOS", "Teste", [1])
    book = ledger.book
    assert book.trials == {1: Receipt(receipt.outcome, receipt.reference, receipt.reason)}
    assert (book.cases, book.contacts, book.reservations) == ({}, {}, {})


async def test_the_audit_has_one_row_for_it_with_what_came_of_it_and_a_masked_phone() -> None:
    clock = FakeClock()
    ledger = MemoryLedger(clock)
    await ledger.commit(lambda _book, _now: [TrialIntent(1, "LOS", 7, mask(PHONE), ANA)])
    gateway = Gateway(ledger, lambda: Receipt(Outcome.REJECTED, reason="HSM inexistente"))
    await send_trial(ledger, gateway, clock, template="POWER", hsm=9, phone=PHONE, by=ANA)
    rows = [entry_of(ledger.book, entry, NOON, 24) for entry in ledger.book.audit]
    assert [said(row, PT) for row in rows] == [
        "testou o modelo 7 em (61) 9****-0009: incerto, pode ter chegado",
        "testou o modelo 9 em (61) 9****-0009: recusado (HSM inexistente)",
    ]
    assert said(rows[1], EN) == "tried template 9 on (61) 9****-0009: refused (HSM inexistente)"
    assert said_of(rows[0].who, PT) == "Ana"


@pytest.mark.parametrize(("before", "asks"), [(Alive(), True), (Stopped(), False)])
def test_it_proves_nothing_of_how_fresh_the_ledger_is(before: Line, asks: bool) -> None:
    """It is another process's: a start on an old copy still asks, one after a clean stop does not."""
    book = Book()
    for at, line in (
        (NOON, before),
        (NOON + 30 * HOUR, TrialIntent(1, "LOS", 7, PHONE, ANA)),
        (NOON + 30 * HOUR, TrialResult(1, Outcome.ACCEPTED)),
        (NOON + 30.1 * HOUR, Started("1")),
    ):
        book.apply(at, line)
    assert book.unconfirmed == (NOON if asks else None)
