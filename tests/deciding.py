"""A flow, and what people decide at it by name: the rules that their taps commit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from bot.domain.events import (
    Approved,
    Cancelled,
    CaseOpened,
    CooldownReleased,
    Line,
    Proposed,
    Resent,
    Resolved,
    Silenced,
)
from bot.domain.incident import Port
from bot.domain.limits.holds import NO_TERMS, Terms
from bot.domain.limits.silence import Scope, Silence
from bot.domain.plan import Choice
from bot.domain.rules import Rules
from bot.domain.watched.health import SourceHealth
from bot.domain.who import Who
from bot.flow.deps import Deps
from bot.flow.flow import Flow
from bot.ports import Write
from bot.steps import decide, delay, describe, restore, unknown
from bot.steps.unknown import Choose

Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True)
class Approval:
    """What an approval came to: it is sent now, at `due`, or (`first`) when a second person approves, too."""

    due: datetime | None = None
    first: bool = False


class DecidingFlow(Flow):
    """`Flow` with a name for each rule."""

    def __init__(self, deps: Deps, rules: Rules) -> None:
        super().__init__(deps, rules)
        self._now = deps.clock.now

    @property
    def source_health(self) -> SourceHealth:
        """That of the first source, which is the only one in most tests."""
        return self.sources_health[0]

    async def approve(self, number: int, who: Who, terms: Terms = NO_TERMS) -> Approval:
        return await self._claim(decide.approve(number, who, self.rules, terms))

    async def restore(self, number: int, who: Who, terms: Terms = NO_TERMS) -> Approval:
        return await self._claim(restore.restore(number, who, self.rules, terms))

    async def keep_untold(self, number: int, who: Who) -> None:
        await self.decide(restore.keep_untold(number, who, self.rules))

    async def begin(self, number: int, who: Who, runs: int | None = None) -> None:
        await self.decide(delay.begin(number, who, self.rules, runs))

    async def separate(self, number: int, who: Who) -> int:
        lines = await self.decide(describe.separate(number, who, self.rules, self.inventory))
        return sum(isinstance(line, CaseOpened) for line in lines)

    async def assume(self, number: int, who: Who) -> None:
        await self.decide(describe.assume(number, who))

    async def forecast(self, number: int, who: Who, eta: datetime | None) -> None:
        await self.decide(describe.forecast(number, who, eta))

    async def name_cause(self, number: int, who: Who, cause: str, team: str = "") -> None:
        await self.decide(describe.name_cause(number, who, cause, team))

    async def silence(self, scopes: Sequence[Scope], who: Who, until: datetime, reason: str) -> Silence:
        scopes = await self.known_olts(scopes)
        lines = await self.decide(describe.silence(scopes, who, until, reason))
        return self.ledger.book.silences[_only(lines, Silenced).silence]

    async def end_silence(self, number: int, who: Who) -> Silence:
        await self.decide(describe.end_silence(number, who))
        return self.ledger.book.silences[number]

    async def deny(self, number: int, who: Who, reason: str) -> None:
        await self.decide(decide.deny(number, who, reason))

    async def explain_denial(self, number: int, who: Who, reason: str, at: datetime) -> None:
        await self.decide(describe.explain_denial(number, who, reason, at))

    async def check_undecided(self, number: int) -> None:
        await self.decide(decide.check(number))

    async def cancel(self, number: int, who: Who) -> bool:
        lines = await self.decide(decide.cancel(number, who))
        return isinstance(lines[0], Cancelled)

    async def stop(self, number: int, who: Who) -> None:
        await self.decide(decide.stop(number, who))

    async def resume(self, number: int, who: Who, terms: Terms = NO_TERMS) -> None:
        await self.decide(decide.resume(number, who, self.rules, terms))

    async def close(self, number: int, who: Who) -> None:
        await self.decide(decide.close(number, who))

    async def confirm(self, who: Who) -> None:
        await self.decide(decide.confirm(who, self._now()))

    async def resolve(self, chosen: Choose, choice: Choice, who: Who) -> int:
        lines = await self.decide(unknown.resolve(chosen, choice, who))
        return len(_only(lines, Resolved).recipients)

    async def resend(self, chosen: Choose, who: Who) -> int:
        lines = await self.decide(unknown.resend(chosen, who, self.rules, self.late))
        return len(_only(lines, Resent).recipients)

    async def release(self, port_key: str, who: Who, reason: str) -> Port:
        lines = await self.decide(decide.release(port_key, who, reason, self.rules))
        return _only(lines, CooldownReleased).port

    async def _claim(self, rule: Write) -> Approval:
        lines = await self.decide(rule)
        due = next((line.due for line in lines if isinstance(line, Approved)), None)
        return Approval(due, any(isinstance(line, Proposed) for line in lines))


def _only(lines: Sequence[Line], kind: type[Kind]) -> Kind:
    [line] = [line for line in lines if isinstance(line, kind)]
    return line
