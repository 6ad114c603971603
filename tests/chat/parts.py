"""The bundle that the chat's parts are made with, for tests of one part without Telegram."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from bot.chat.screens.attention import Attention
from bot.chat.screens.words import Words
from bot.chat.wire.budget import Budgets
from bot.chat.wire.deps import ChatDeps
from bot.domain.rules import Rules
from bot.domain.who import Who
from bot.ports import Clock, Ledger
from tests.chat.screens import PT
from tests.fakes import FakeClock

EVERYTHING, DEFAULTS = Attention(), Rules()


def deps(
    ledger: Ledger,
    clock: Clock | None = None,
    *,
    outbox: Any = None,
    words: Words = PT,
    rules: Rules = DEFAULTS,
    attention: Attention = EVERYTHING,
    people: Callable[[], list[Who]] = list,
) -> ChatDeps:
    """`people` are those who are mentioned."""
    clock = clock or FakeClock()
    access: Any = SimpleNamespace(on_duty=people, approvers=people)
    return ChatDeps(ledger, outbox, Budgets(clock), clock, words, rules, attention, access, -1001)
